"""The service as it is deployed, for tests that need processes: gunicorn, on a free port of this machine."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

TINY = Path(__file__).parent / "guidelines" / "tiny"
JSON = {"Content-Type": "application/json"}


class Served:
    """A running service; `process` is gunicorn's master."""

    def __init__(self, port: int, process: subprocess.Popen[bytes]) -> None:
        self.port = port
        self.process = process

    def ask(self, method: str, path: str, body: object = None) -> tuple[int, str]:
        """Status and text of an answer. Raises OSError or HTTPException when none comes."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            data = None if body is None else json.dumps(body).encode()
            connection.request(method, path, data, JSON if data else {})
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    def workers(self) -> list[int]:
        """Process ids of the workers."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [int(pid) for pid in children.split()]

    def is_up(self) -> bool:
        with contextlib.suppress(OSError, http.client.HTTPException):
            return self.ask("GET", "/__lbheartbeat__")[0] == 200
        return False


@contextlib.contextmanager
def served(workers: int = 1, environment: Mapping[str, str] | None = None) -> Iterator[Served]:
    """The service with these settings, until the block ends."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    command = [sys.executable, "-m", "service.cli", "serve", "--port", str(port), "--workers", str(workers)]
    quiet = subprocess.DEVNULL
    variables = {**os.environ, **(environment or {})}
    process = subprocess.Popen(command, env=variables, stdout=quiet, stderr=quiet)  # noqa: S603 - our own command
    service = Served(port, process)
    try:
        for _ in range(600):
            if service.is_up():
                break
            if process.poll() is not None:
                raise AssertionError("the service stopped")
            time.sleep(0.1)
        yield service
    finally:
        process.terminate()
        try:
            process.wait(timeout=40)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
