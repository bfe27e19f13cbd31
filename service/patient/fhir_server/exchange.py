"""One GET, with distrust: to a checked address, within a time and a number of bytes, never redirected."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock
from time import monotonic
from typing import Final

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection

from service.patient.fhir_server.origin import Origin

_PIECE: Final = 65_536
_GZIP: Final = 16 + zlib.MAX_WBITS
FAULTS: Final = (OSError, http.client.HTTPException, urllib3.exceptions.HTTPError, ValueError)
"""What a connection raises, whatever it is that went wrong."""


class Failed(Exception):
    """An exchange came to nothing. `text` ends the sentence "The FHIR server …" and quotes nothing."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


@dataclass
class Budget:
    """What one request may still cost; shared by all threads that work for it."""

    deadline: float
    """On `time.monotonic`'s clock."""
    bytes_left: int
    _lock: Lock = field(default_factory=Lock)
    _sockets: list[socket.socket] = field(default_factory=list)
    _over: bool = False

    def seconds_left(self) -> float:
        """More than zero; raises Failed when the time is up."""
        left = self.deadline - monotonic()
        if left <= 0 or self._over:
            raise Failed("did not answer in time")
        return left

    def spend(self, count: int) -> None:
        """Raises Failed when more bytes came than may come."""
        with self._lock:
            self.bytes_left -= count
            if self.bytes_left < 0:
                raise Failed("sent more than this service reads for one request")

    def watch(self, connection: socket.socket) -> socket.socket:
        """A second handle on the connection, with which `end` can cut it; the caller closes it."""
        handle = connection.dup()
        with self._lock:
            self._sockets.append(handle)
        if self._over:
            _cut(handle)
        return handle

    def end(self) -> None:
        """Cuts every connection, so that no thread waits for a server that sends a byte now and then."""
        with self._lock:
            self._over = True
            for handle in self._sockets:
                _cut(handle)


def _cut(handle: socket.socket) -> None:
    with contextlib.suppress(OSError):  # closed already
        handle.shutdown(socket.SHUT_RDWR)


class Connection:
    """A connection to one origin at one of its checked addresses; serves one thread, for one request."""

    def __init__(
        self,
        origin: Origin,
        addresses: Sequence[str],
        budget: Budget,
        tls: Callable[[], ssl.SSLContext],
    ) -> None:
        self._budget = budget
        self._addresses = addresses
        self._port = origin.port
        self._handles: list[socket.socket] = []
        # The host name stays what it is, for the Host header, SNI and the certificate; only the way is ours.
        timeout = budget.seconds_left()
        self._http: HTTPConnection
        if origin.scheme == "https":
            self._http = HTTPSConnection(origin.host, origin.port, timeout=timeout, ssl_context=tls())
        else:
            self._http = HTTPConnection(origin.host, origin.port, timeout=timeout)
        self._http._new_conn = self._connect  # type: ignore[method-assign]

    def close(self) -> None:
        """Lets go of the connection, which is good for nothing afterwards."""
        self._http.close()
        vars(self._http).pop("_new_conn", None)  # a cycle, which would keep it for a while
        for handle in self._handles:
            handle.close()

    def get(self, target: str, headers: Mapping[str, str]) -> tuple[int, bytes]:
        """Status and decompressed body of `GET target`. Raises Failed."""
        try:
            return self._get(target, headers)
        except FAULTS as error:
            self._budget.seconds_left()  # late? then that is the reason
            raise Failed(_reason(error)) from None

    def _get(self, target: str, headers: Mapping[str, str]) -> tuple[int, bytes]:
        self._http.timeout = self._budget.seconds_left()
        if self._http.sock is not None:
            self._http.sock.settimeout(self._http.timeout)
        self._http.request("GET", target, headers=headers, preload_content=False, decode_content=False)
        with contextlib.closing(self._http.getresponse()) as response:
            encoding = response.headers.get("Content-Encoding", "identity").lower()
            if response.status != 200:
                self._http.close()  # whatever it says with it is not read
                return response.status, b""
            if encoding not in ("identity", "gzip"):
                raise Failed("answered in an encoding that nobody asked for")
            return response.status, self._body(
                response, _Unpacking(self._budget) if encoding == "gzip" else None
            )

    def _body(self, response: urllib3.BaseHTTPResponse, unpacking: _Unpacking | None) -> bytes:
        pieces = []
        while True:
            if self._http.sock is not None:
                self._http.sock.settimeout(self._budget.seconds_left())
            piece = response.read1(_PIECE)
            if not piece:
                break
            self._budget.spend(len(piece))
            pieces.append(unpacking.feed(piece) if unpacking else piece)
        self._budget.seconds_left()  # a connection that was cut looks like the end of a body
        if unpacking:
            unpacking.finish()
        return b"".join(pieces)

    def _connect(self) -> socket.socket:
        """Instead of looking the name up again: to the first checked address that answers."""
        problem: OSError | None = None
        for address in self._addresses:
            try:
                found = socket.create_connection((address, self._port), self._budget.seconds_left())
            except OSError as error:
                problem = error
                continue
            found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._handles.append(self._budget.watch(found))
            return found
        raise problem or OSError("no address")


class _Unpacking:
    """gzip, a piece at a time and no more than the budget allows: a bomb goes off in small pieces."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._stream = zlib.decompressobj(_GZIP)

    def feed(self, piece: bytes) -> bytes:
        made = []
        try:
            while piece:
                made.append(self._stream.decompress(piece, _PIECE))
                self._budget.spend(len(made[-1]))
                self._budget.seconds_left()
                piece = self._stream.unconsumed_tail
        except zlib.error:
            raise Failed("sent gzip that is none") from None
        return b"".join(made)

    def finish(self) -> None:
        if not self._stream.eof:
            raise Failed("broke off its answer")


def _reason(error: BaseException) -> str:
    if isinstance(error, ssl.SSLError):
        return "could not be trusted: its TLS certificate or protocol does not pass"
    if isinstance(error, TimeoutError | urllib3.exceptions.TimeoutError):
        return "did not answer in time"
    if isinstance(error, ConnectionRefusedError):
        return "refused the connection"
    return "broke off its answer"
