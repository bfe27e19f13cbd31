"""gunicorn on a free port of the loopback, and what its processes take."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "deploy" / "gunicorn.conf.py"
_START_SECONDS = 30


@dataclass(frozen=True)
class Server:
    """A running server: ``started`` is how many seconds it took to answer."""

    process: "subprocess.Popen[bytes]"
    port: int
    started: float

    def workers(self) -> list[int]:
        """Process ids of the workers."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in children.read_text().split()]

    def processor_seconds(self) -> float:
        """Processor time that the workers have used so far."""
        ticks = 0
        for pid in self.workers():
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")


@contextmanager
def serving(application: str, workers: int) -> Iterator[Server]:
    """``application`` ("module:create_app()") under the project's own gunicorn settings."""
    port = _free_port()
    environment = {**os.environ, "HOST": "127.0.0.1", "PORT": str(port), "WEB_CONCURRENCY": str(workers)}
    environment["SARCOMA_CDS_LOG_LEVEL"] = "warning"
    command = [sys.executable, "-m", "gunicorn", "--config", str(CONFIG), "--access-logfile", os.devnull]
    begun = time.perf_counter()
    process = subprocess.Popen(  # noqa: S603
        [*command, application],
        cwd=ROOT,
        env=environment,
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    try:
        _wait(process, port)
        yield Server(process, port, time.perf_counter() - begun)
    finally:
        process.terminate()
        process.wait(10)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(process: "subprocess.Popen[bytes]", port: int) -> None:
    for _ in range(_START_SECONDS * 100):
        if process.poll() is not None:
            raise RuntimeError("the server ended at once")
        try:
            connection = HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/__heartbeat__")
            if connection.getresponse().status == 200:
                return
        except OSError:
            time.sleep(0.01)
    raise RuntimeError("the server does not answer")


def resident_megabytes(pid: int) -> tuple[float, float]:
    """Resident and proportional (shared pages divided among those who share them) memory of a process."""
    found = {}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        name, _, rest = line.partition(":")
        found[name] = int(rest.split()[0]) / 1024
    return found["Rss"], found["Pss"]
