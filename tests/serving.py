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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TINY = Path(__file__).parent / "guidelines" / "tiny"
JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Answer:
    """What came back; names of headers in lower case."""

    status: int
    headers: Mapping[str, str]
    text: str

    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.text)


class Served:
    """A running service; `process` is gunicorn's master, `environment` what it and its commands see."""

    def __init__(self, port: int, process: subprocess.Popen[bytes], environment: Mapping[str, str]) -> None:
        self.port = port
        self.process = process
        self.environment = environment

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(self, method: str, path: str, body: object = None) -> tuple[int, str]:
        """Status and text of an answer. Raises OSError or HTTPException when none comes."""
        answer = self.send(method, path, body)
        return answer.status, answer.text

    def send(self, method: str, path: str, body: object = None, **headers: str) -> Answer:
        """A request, with `body` as it is (bytes) or as JSON. Raises OSError or HTTPException."""
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, data, (JSON if data is not None else {}) | named)
            response = connection.getresponse()
            text = response.read().decode("utf-8", "replace")
            fields = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, fields, text)
        finally:
            connection.close()

    def raw(self, data: bytes, ends: bool = False) -> bytes:
        """What comes back for these bytes until the service closes; `ends`: no more will be sent."""
        with self.connect() as connection:
            connection.sendall(data)
            if ends:
                connection.shutdown(socket.SHUT_WR)
            pieces = []
            with contextlib.suppress(TimeoutError, ConnectionResetError):
                while piece := connection.recv(65_536):
                    pieces.append(piece)
                    connection.settimeout(0.3)
        return b"".join(pieces)

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)

    def command(self, *words: str) -> str:
        """What a `sarcoma-cds` command says that sees the same settings."""
        command = [sys.executable, "-m", "service.cli", *words]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=True)  # noqa: S603
        return done.stdout

    def workers(self) -> list[int]:
        """Process ids of the workers."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [int(pid) for pid in children.split()]

    def is_up(self) -> bool:
        with contextlib.suppress(OSError, http.client.HTTPException):
            return self.ask("GET", "/__lbheartbeat__")[0] == 200
        return False


def free_port() -> int:
    """A port of this machine on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def served(
    workers: int = 1,
    environment: Mapping[str, str] | None = None,
    log: Path | None = None,
    port: int | None = None,
) -> Iterator[Served]:
    """The service with these settings, until the block ends; all that it writes goes to `log`."""
    port = port or free_port()
    command = [sys.executable, "-m", "service.cli", "serve", "--port", str(port), "--workers", str(workers)]
    variables = {**os.environ, **(environment or {})}
    with (log or Path(os.devnull)).open("ab") as output:
        process = subprocess.Popen(command, env=variables, stdout=output, stderr=output)  # noqa: S603 - our own
    service = Served(port, process, variables)
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
