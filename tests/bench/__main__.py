"""``python -m tests.bench [--seconds S] [--workers N] [--write]``: the figures of docs/performance.md.

Takes some two minutes on an idle machine. Exit 0 whatever the figures, which depend on the machine.
``--write`` puts them into docs/performance.md, between its marks, and the plot beside it.
"""

import argparse
import os
import platform
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from tests.bench import measures
from tests.bench.plot import svg
from tests.differential.reference import ReferenceMissingError, require

DOCUMENT = Path(__file__).parents[2] / "docs" / "performance.md"
PLOT = DOCUMENT.with_name("performance.svg")
SIZES = [20, 200, 1000, 2000, 5000, 10_000, 20_000]
_MARKS = re.compile(r"(?<=<!-- figures -->\n).*(?=<!-- end of figures -->)", re.DOTALL)


def main(arguments: list[str] | None = None) -> int:
    """Measure and print; the exit status is 0."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench")
    parser.add_argument("--seconds", type=float, default=10, help="of load for each server and size (10)")
    parser.add_argument("--workers", type=int, default=2, help="gunicorn's workers (2)")
    parser.add_argument("--write", action="store_true", help="put the figures into docs/performance.md")
    options = parser.parse_args(arguments)
    written = []
    for line in report(options.seconds, options.workers, options.write):
        written.append(line)
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
    if options.write:
        text = DOCUMENT.read_text("utf-8")
        DOCUMENT.write_text(_MARKS.sub(lambda _: "\n".join(["", *written, ""]), text), "utf-8")
    return 0


def report(seconds: float, workers: int, write: bool) -> Iterator[str]:
    """The report, line by line, in Markdown."""
    yield _machine()
    yield from _against_reference()
    yield from _against_floor(seconds, workers)
    yield from _by_size(write)
    started, memory = measures.start(workers)
    yield from ("", "### Start and memory", "")
    yield f"{started:.2f} s from the start to the first answer, with {workers} workers. After requests:"
    yield from (
        "",
        *_table(("Worker", "Resident MB", "Proportional MB"), [(n, *m) for n, m in enumerate(memory, 1)]),
    )


def _machine() -> str:
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    load = os.getloadavg()[0]
    return (
        f"Measured with Python {platform.python_version()} on {os.cpu_count()} cores "
        f"({model[1] if model else platform.machine()}), load average {load:.1f} at the start."
    )


def _against_reference() -> Iterator[str]:
    yield from ("", "### One order-select on 200 resources, against another engine", "")
    try:
        require()
    except ReferenceMissingError as error:
        yield f"Not measured: {error}."
        return
    rows, defines = measures.against_reference(200, repeat=10)
    yield f"{defines} defines, the same ELM and data, both warm."
    yield from ("", *_table(("Engine", "Median ms", "Best ms"), rows))
    yield from (
        "",
        f"service/cql is {rows[1][1] / rows[0][1]:.0f} times as fast ({rows[2][1] / rows[0][1]:.0f} anew).",
    )


def _against_floor(seconds: float, workers: int) -> Iterator[str]:
    yield from ("", f"### Throughput with {workers} workers, against a service that only parses the body", "")
    rows, shares = [], []
    for size in (200, 2000):
        both, length = measures.against_floor(size, seconds, workers)
        floor = both[0]
        own = measures.own_milliseconds(size)
        shares.append((size, floor[5], own, floor[5] / own))
        for name, each in zip(("floor", "service"), both, strict=True):
            ratios = each[1] / floor[1], floor[5] / each[5]
            rows.append((size, length / 1000, name, *each[1:5], each[5], *ratios))
    heading = (
        "Resources",
        "Body kB",
        "Server",
        "Requests/s",
        "Median ms",
        "p95 ms",
        "p99 ms",
        "Processor ms",
    )
    yield from _table((*heading, "Of the floor's rate", "Of its processor time"), rows)
    yield from ("", "Own work alone (all but HTTP and parsing) beside a whole request of the floor:", "")
    yield from _table(("Resources", "Floor ms", "Own work ms", "Of the floor's rate"), shares)


def _by_size(write: bool) -> Iterator[str]:
    yield from ("", "### One order-select by the size of the record", "")
    rows = measures.by_size(SIZES, repeat=20)
    heading = ("Resources", "Body kB", "Parsing ms", "Own work ms", "us a resource", "Peak MB")
    yield from _table(heading, rows)
    size, peak = rows[-1][0], rows[-1][5]
    yield from (
        "",
        f"Memory at the peak, beside the parsed request: {peak / size * 1000:.2f} MB per 1,000 resources.",
    )
    if write:
        points = [(row[0], row[3]) for row in rows]
        PLOT.write_text(svg(points, "Own work of one order-select", "resources", "milliseconds"), "utf-8")


def _table(heading: tuple[str, ...], rows: Iterable[tuple[Any, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(heading)} |"
    yield f"|{'---|' * len(heading)}"
    for row in rows:
        yield f"| {' | '.join(f'{each:.2f}' if isinstance(each, float) else str(each) for each in row)} |"


if __name__ == "__main__":
    sys.exit(main())
