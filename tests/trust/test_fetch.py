"""Reading a key set over the network, from servers that misbehave."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from service.trust import fetch
from service.trust.fetch import KeysUnavailable, fetch_json


class Handler(BaseHTTPRequestHandler):
    """Answers by the path."""

    asked: list[str]
    fed: int

    def do_GET(self) -> None:
        kind = self.path.strip("/")
        type(self).asked.append(kind)
        self.send_response(302 if kind == "redirect" else 404 if kind == "missing" else 200)
        if kind == "redirect":
            self.send_header("Location", "/good")
        if kind == "gzip":
            self.send_header("Content-Encoding", "gzip")
        self.end_headers()
        try:
            for piece in _body(kind):
                self.wfile.write(piece)
                type(self).fed += len(piece)
        except OSError:
            pass  # the reader has had enough

    def log_message(self, *_: Any) -> None:
        """Not into the tests' output."""


def _body(kind: str) -> Iterator[bytes]:
    if kind == "huge":
        for _ in range(16_384):
            yield b" " * 65_536
    elif kind == "drip":
        for _ in range(60):
            time.sleep(0.1)
            yield b" "
    else:
        yield {"html": b"<html>", "list": b"[]", "deep": b'{"a":' * 100_000}.get(kind, b'{"keys": []}')


@pytest.fixture
def server() -> Iterator[str]:
    Handler.asked, Handler.fed = [], 0
    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    running.daemon_threads = True
    thread = threading.Thread(target=running.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{running.server_port}"
    running.shutdown()
    running.server_close()
    thread.join()


def test_a_key_set_is_read(server: str) -> None:
    assert fetch_json(f"{server}/good") == {"keys": []}


@pytest.mark.parametrize("kind", ["missing", "html", "list", "deep", "gzip"])
def test_what_is_no_key_set_is_refused(server: str, kind: str) -> None:
    with pytest.raises(KeysUnavailable):
        fetch_json(f"{server}/{kind}")


def test_jku_redirect_is_not_followed(server: str) -> None:
    with pytest.raises(KeysUnavailable):
        fetch_json(f"{server}/redirect")
    assert Handler.asked == ["redirect"]


def test_jku_returning_1_gb_is_cut_off(server: str) -> None:
    with pytest.raises(KeysUnavailable):
        fetch_json(f"{server}/huge")
    time.sleep(0.2)
    assert Handler.fed < 16_000_000


def test_a_dripping_server_is_left(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "_DEADLINE_S", 0.5)
    started = time.monotonic()
    with pytest.raises(KeysUnavailable):
        fetch_json(f"{server}/drip")
    assert time.monotonic() - started < 2


def test_nobody_there() -> None:
    with pytest.raises(KeysUnavailable):
        fetch_json("http://127.0.0.1:9/")
