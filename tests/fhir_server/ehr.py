"""An EHR's FHIR server on this machine, as good or as bad as a test wants it."""

from __future__ import annotations

import contextlib
import gzip
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

Json = dict[str, Any]
NEXT = "next"


@dataclass
class Reply:
    """What the server sends; `pieces` are sent one by one with `pause` seconds before each."""

    body: Any = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    pieces: Iterable[bytes] | None = None
    pause: float = 0.0
    length: int | None = None
    head: bytes | None = None
    """Raw bytes in place of status line and headers, dripped like the rest."""

    def data(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


@dataclass(frozen=True)
class Asked:
    """A request as it reached the server."""

    target: str
    headers: dict[str, str]

    @property
    def query(self) -> str:
        return unquote(self.target)


Script = Callable[[Asked], Reply]


class Ehr:
    """Answers with what `script` returns for each request, and remembers what it was asked."""

    def __init__(self, script: Script, tls: ssl.SSLContext | None = None) -> None:
        self.asked: list[Asked] = []
        self.script = script
        self.stopped = threading.Event()
        ehr = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                asked = Asked(self.path, dict(self.headers.items()))
                ehr.asked.append(asked)
                with contextlib.suppress(OSError):  # the client has gone
                    self.reply(ehr.script(asked))

            def reply(self, reply: Reply) -> None:
                if reply.head is not None:
                    self.close_connection = True
                    self.drip([reply.head[i : i + 1] for i in range(len(reply.head))], reply.pause)
                    return
                data = b"" if reply.pieces is not None else reply.data()
                self.send_response(reply.status)
                for name, value in {"Content-Type": "application/fhir+json", **reply.headers}.items():
                    self.send_header(name, value)
                if reply.pieces is None or reply.length is not None:
                    self.send_header("Content-Length", str(reply.length or len(data)))
                else:
                    self.send_header("Connection", "close")
                self.end_headers()
                if reply.pieces is None:
                    ehr.stopped.wait(reply.pause)
                    self.wfile.write(data)
                else:
                    self.drip(reply.pieces, reply.pause)
                if reply.length is not None or reply.pieces is not None:
                    self.close_connection = True

            def drip(self, pieces: Iterable[bytes], pause: float) -> None:
                for piece in pieces:
                    if ehr.stopped.wait(pause):
                        return
                    self.wfile.write(piece)
                    self.wfile.flush()

            def log_message(self, format: str, *args: Any) -> None:
                """Tests are quiet."""

        class Server(ThreadingHTTPServer):
            request_queue_size = 128

            def handle_error(self, request: Any, client_address: Any) -> None:
                """A client that breaks off is what some tests are about."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.scheme = "https" if tls else "http"
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}/fhir"

    def close(self) -> None:
        self.stopped.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@contextlib.contextmanager
def ehr(script: Script, tls: ssl.SSLContext | None = None) -> Iterator[Ehr]:
    """A running server; gone afterwards."""
    server = Ehr(script, tls)
    try:
        yield server
    finally:
        server.close()


def bundle(*resources: Json, next_link: str | None = None) -> Json:
    links = [{"relation": "next", "url": next_link}] if next_link else []
    return {
        "resourceType": "Bundle",
        "type": "searchset",
        "link": [{"relation": "self", "url": "http://x/y"}, *links],
        "entry": [{"resource": resource} for resource in resources],
    }


def condition(own: str, patient: str = "p1") -> Json:
    return {"resourceType": "Condition", "id": own, "subject": {"reference": f"Patient/{patient}"}}


def good(asked: Asked) -> Reply:
    """A server with one Patient, two Conditions and nothing else."""
    path = asked.target.partition("?")[0]
    if path == "/fhir/Patient/p1":
        return Reply({"resourceType": "Patient", "id": "p1"})
    if path == "/fhir/Condition":
        return Reply(bundle(condition("c1"), condition("c2")))
    return Reply(bundle())


def endlessly(piece: bytes) -> Iterator[bytes]:
    while True:
        yield piece


def packed(body: Any) -> bytes:
    return gzip.compress(json.dumps(body).encode())


def bomb(megabytes: int) -> bytes:
    """gzip that grows a thousandfold."""
    return gzip.compress(b" " * (megabytes * 1_000_000))


def eventually(condition: Callable[[], bool], seconds: float = 4) -> bool:
    """Whether the condition comes true; waits for what is about to happen, and not for long."""
    for _ in range(int(seconds / 0.02)):
        if condition():
            return True
        time.sleep(0.02)
    return condition()
