"""gunicorn as this service needs it: threads for whole requests, logs as JSON, refusals like our own.

A process has few threads. gunicorn gives one to whoever connects, for as long as that client likes; here a
connection waits outside until something comes, a request must have arrived within WEB_REQUEST_SECONDS, and
its answer be taken within three times that. `deploy/gunicorn.conf.py` names the two classes.
"""

from __future__ import annotations

import contextlib
import gc
import json
import logging
import os
import socket
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any, Final

import structlog
from gunicorn import glogging, util
from gunicorn.app.base import Application
from gunicorn.http.errors import (
    ExpectationFailed,
    LimitRequestHeaders,
    LimitRequestLine,
    ParseException,
    UnsupportedTransferCoding,
)
from gunicorn.workers.gthread import _DEFER, TConn, ThreadWorker
from werkzeug.exceptions import BadRequest, RequestTimeout, default_exceptions

from service import logs
from service.errors import outcome_for
from service.logs import where

ROUTE: Final = "sarcoma_cds.route"
"""Where the application leaves the rule of the address in the WSGI environment; the address is not logged."""
_QUIET: Final = frozenset({"/__lbheartbeat__", "/__heartbeat__", "/metrics"})
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"})
_STATUS: Final[Mapping[type[Exception], int]] = {
    LimitRequestLine: 414,
    LimitRequestHeaders: 431,
    ExpectationFailed: 417,
    UnsupportedTransferCoding: 501,
}

_SEARCH_S: Final = 30.0
"""How often cycles are looked for, beside the rare times that gunicorn's settings leave to the allocator."""

_log = structlog.get_logger("server")


class Worker(ThreadWorker):  # type: ignore[misc] # gunicorn has no types
    """Threads that serve a client which sends, and leave one which does not come to an end."""

    wsgi: Any

    def init_process(self) -> None:
        """Runs until the process ends."""
        self._seconds = int(os.environ.get("WEB_REQUEST_SECONDS") or "10")
        self._begun: dict[TConn, float] = {}
        self._late: set[socket.socket] = set()
        self._searched = monotonic()
        super().init_process()

    def load_wsgi(self) -> None:
        """The application, with bodies that are whole or refused."""
        super().load_wsgi()
        application: Callable[[dict[str, Any], Any], Any] = self.wsgi

        def with_whole_bodies(environ: dict[str, Any], start_response: Any) -> Any:
            sock = environ["gunicorn.socket"]
            environ["wsgi.input"] = Body(
                environ["wsgi.input"], environ.get("CONTENT_LENGTH"), lambda: sock in self._late
            )
            return application(environ, start_response)

        self.wsgi = with_whole_bodies

    def enqueue_req(self, conn: TConn) -> None:
        """A connection on which nothing came yet waits in the poller, not in a thread."""
        if conn.initialized or conn.wait_for_data(0):
            super().enqueue_req(conn)
            return
        nothing: Future[Any] = Future()
        nothing.set_result(_DEFER)
        self.finish_request(conn, nothing)

    def handle(self, conn: TConn) -> Any:
        """Reads and answers one request, in a thread."""
        logs.forget()
        self._begun[conn] = monotonic()
        try:
            return super().handle(conn)
        finally:
            del self._begun[conn]
            self._late.discard(conn.sock)

    def murder_pending(self) -> None:
        """About once a second: ends the reading, and later the writing, of who takes too long."""
        super().murder_pending()
        now = monotonic()
        if now - self._searched > _SEARCH_S:
            self._searched = now
            gc.collect()  # of what was loaded before the fork nothing is looked at
        for conn, begun in self._begun.copy().items():
            if now - begun <= self._seconds:
                continue
            self._late.add(conn.sock)
            over = now - begun > 3 * self._seconds
            with contextlib.suppress(OSError):  # closed meanwhile
                conn.sock.shutdown(socket.SHUT_RDWR if over else socket.SHUT_RD)

    def handle_error(self, req: Any, client: socket.socket, addr: Any, exc: BaseException) -> None:
        """Answers what gunicorn cannot read: as the application would, and without repeating it."""
        status = next((number for kind, number in _STATUS.items() if isinstance(exc, kind)), 400)
        if isinstance(exc, ParseException):
            outcome = outcome_for(default_exceptions[status]())
            _log.info("refused", status=status, code=outcome.code, reason=type(exc).__name__)
        else:
            outcome = outcome_for(exc)
            _log.error("failed", status=outcome.status, **where(exc))
        body = json.dumps(outcome.body).encode()
        head = (
            f"HTTP/1.1 {outcome.status} {default_exceptions[outcome.status]().name}\r\n"
            f"Connection: close\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
            "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n\r\n"
        )
        with contextlib.suppress(OSError):  # the client has gone
            util.write_nonblock(client, head.encode("ascii") + body)


class Body:
    """A request's body. A part of it is never given for the whole: then 400, or 408 when its time is up."""

    def __init__(self, body: Any, length: str | None, is_late: Callable[[], bool]) -> None:
        self._body = body
        self._left = int(length or 0)
        self._is_late = is_late

    def read(self, size: int = -1) -> bytes:
        """The next bytes, all that are left when `size` is negative. Raises BadRequest, RequestTimeout."""
        try:
            piece: bytes = self._body.read(size)
        except (ParseException, OSError):
            raise self._refusal() from None
        self._left -= len(piece)
        if self._left > 0 and (size < 0 or len(piece) < size):
            raise self._refusal()
        return piece

    def _refusal(self) -> Exception:
        return RequestTimeout() if self._is_late() else BadRequest()


class Logger(glogging.Logger):  # type: ignore[misc] # gunicorn has no types
    """gunicorn's lines as JSON, one for each request, and nothing that a client sent."""

    _lines: Any = None
    """The logger for answers, made when the first is given: what lines look like is known by then."""

    def setup(self, cfg: Any) -> None:
        """Takes gunicorn's handlers over."""
        super().setup(cfg)
        for handler in self.error_log.handlers:
            handler.setFormatter(_Line())
        # Below that level gunicorn repeats what clients send.
        self.error_log.setLevel(max(self.loglevel, logging.INFO))

    def access(
        self, resp: Any, req: Any, environ: Mapping[str, Any], request_time: timedelta
    ) -> None:  # the names are gunicorn's
        """A line for an answer: the rule of the address and no more of it."""
        if self.loglevel > logging.INFO:
            return
        route = environ.get(ROUTE, "none")
        method = environ.get("REQUEST_METHOD")
        if self._lines is None:
            self._lines = _log.bind()
        say = self._lines.debug if route in _QUIET else self._lines.info
        say(
            "request",
            method=method if method in _METHODS else "other",
            route=route,
            status=resp.status_code,
            bytes=resp.sent,
            milliseconds=round(request_time.total_seconds() * 1000, 1),
        )


class _Line(logging.Formatter):
    """A record of gunicorn's as one JSON object; an exception without its message."""

    def format(self, record: logging.LogRecord) -> str:
        line = {"event": record.getMessage(), "level": record.levelname.lower(), "pid": record.process}
        if record.exc_info and record.exc_info[1] is not None:
            line |= where(record.exc_info[1])
        return json.dumps({**line, "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat()})


class Server(Application):  # type: ignore[misc] # gunicorn has no types
    """gunicorn with an application made in this process, so that who starts it can say why it does not."""

    def __init__(self, make: Callable[[], Any], config: Path | None, options: Mapping[str, Any]) -> None:
        self._make, self._config, self._options = make, config, options
        super().__init__()

    def load_config(self) -> None:
        """The configuration file, then the options; no command line, no GUNICORN_CMD_ARGS."""
        if self._config is not None:
            self.load_config_from_file(str(self._config))
        for name, value in self._options.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        """The application: made when the configuration is there, before the processes fork."""
        return self._make()
