"""gunicorn settings: `sarcoma-cds serve` uses them, or gunicorn --config deploy/gunicorn.conf.py

Environment: HOST (127.0.0.1), PORT (8000), WEB_CONCURRENCY (processes; one per core), WEB_THREADS (4 each),
WEB_REQUEST_SECONDS (10: within which a request must have arrived; three times that for its answer to be
taken), SARCOMA_CDS_LOG_LEVEL (info), SARCOMA_CDS_PROFILE (to be set when HOST is not this machine alone),
PROMETHEUS_MULTIPROC_DIR (an empty folder in which the processes add up their metrics; a temporary one unless
given). The largest request body is a setting of the application.

A client that sends slowly holds a thread for those seconds: put a proxy in front that takes in whole
requests.
"""

import gc
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

wsgi_app = "service.app:create_app()"
_host = os.environ.get("HOST", "127.0.0.1")
bind = f"{f'[{_host}]' if ':' in _host else _host}:{os.environ.get('PORT', '8000')}"
if _host not in ("127.0.0.1", "localhost", "::1") and "SARCOMA_CDS_PROFILE" not in os.environ:
    raise SystemExit(f"{_host} is open to others. Set SARCOMA_CDS_PROFILE to production (or development).")

_METRICS = "PROMETHEUS_MULTIPROC_DIR"
_OURS = "sarcoma-cds-metrics-"
if not os.environ.get(_METRICS):  # there already when this is read again, after SIGHUP
    os.environ[_METRICS] = tempfile.mkdtemp(prefix=_OURS)

# The guideline is compiled once, before the processes fork, and its memory is shared.
preload_app = True
workers = int(os.environ.get("WEB_CONCURRENCY") or os.cpu_count() or 1)
worker_class = "service.server.Worker"  # gthread that leaves clients which do not come to an end
threads = int(os.environ.get("WEB_THREADS", "4"))
backlog = 256

timeout = 30
graceful_timeout = 30
keepalive = 15
# Heartbeat files on disk can stall a process.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108

# No header decides what address was called, and no client is another than it is.
forwarder_headers = ""
forwarded_allow_ips = ""

# The application is all that listens.
control_socket_disable = True

limit_request_line = 8190  # a search for the codes of all observations fits, percent-encoded
limit_request_fields = 64
limit_request_field_size = 16_384  # a bearer token with its claims fits

# JSON on standard error, with the rule of an address instead of the address.
logger_class = "service.server.Logger"
errorlog = "-"
loglevel = os.environ.get("SARCOMA_CDS_LOG_LEVEL", "info")


def when_ready(server: Any) -> None:
    """Hides what was loaded before the fork from the garbage collector, so that its pages stay shared.

    A large request is some hundred thousand objects, and leaves no cycles behind: no use to search every 700.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(200_000, 20, 20)


def child_exit(server: Any, worker: Any) -> None:
    """The counts of a process that ended stay; what it was doing does not."""
    from prometheus_client import multiprocess  # it looks at the environment when it is imported

    multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]


def on_exit(server: Any) -> None:
    """Takes the folder for metrics away, when it is ours."""
    folder = Path(os.environ[_METRICS])
    if folder.name.startswith(_OURS):
        shutil.rmtree(folder, ignore_errors=True)
