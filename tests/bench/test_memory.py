"""What the settings of the garbage collector in deploy/gunicorn.conf.py rest on."""

import gc

from tests.bench.measures import own_work


def test_a_call_leaves_nothing_to_the_garbage_collector() -> None:
    work = own_work(50)
    work()
    gc.collect()
    gc.disable()
    try:
        work()
        assert gc.collect() == 0
    finally:
        gc.enable()
