"""What every answer carries beside its body: an id, what browsers may do with it, which pages may read it.

It is put on where the server takes an answer over, once for all answers, whoever made them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from time import perf_counter
from typing import Any, Final

from flask import Flask, Request, g, request
from flask.ctx import _AppCtxGlobals
from flask_cors.core import get_cors_headers, get_cors_options
from werkzeug.datastructures import EnvironHeaders, Headers

from service import logs
from service.settings import Settings

BEGAN: Final = "sarcoma_cds.began"
"""Where the WSGI environment says when the request came, by `perf_counter`."""

_HEADERS: Final[Mapping[str, str]] = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    # An answer is data; a page that shows something says so itself.
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}

Pairs = list[tuple[str, str]]
Environ = dict[str, Any]
Wsgi = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]


class Application(Flask):
    """Flask, where nothing is a coroutine."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """The function itself: to ask each time what it is takes longer than most of them."""
        return func


def this_request() -> Request:
    """The request that is being answered; each look through Flask's stand-in for it costs."""
    found: Request = request._get_current_object()  # type: ignore[attr-defined]
    return found


def this_context() -> _AppCtxGlobals:
    """What `g` stands for."""
    found: _AppCtxGlobals = g._get_current_object()
    return found


def add_headers(app: Flask, settings: Settings) -> None:
    """Headers of every answer, errors and preflights included. A route's own value stands."""
    application: Wsgi = app.wsgi_app
    fixed = dict(_HEADERS)
    if settings.is_production:
        fixed["Strict-Transport-Security"] = "max-age=31536000"
    pages = _pages(app, settings)
    usual = [*fixed.items(), *pages(Headers(), "GET")]
    varies = bool(settings.cors_origins)
    names = frozenset(fixed)

    def with_headers(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        environ[BEGAN] = perf_counter()
        name = logs.begin(environ.get("HTTP_X_REQUEST_ID"), environ.get("HTTP_X_CORRELATION_ID"))

        def start(status: str, headers: Pairs, *failure: Any) -> Any:
            said, more = dict(headers), usual
            method = environ["REQUEST_METHOD"]
            if method == "OPTIONS" or "HTTP_ORIGIN" in environ:
                more = [*fixed.items(), *pages(EnvironHeaders(environ), method)]
            if method == "OPTIONS" and status < "4":
                headers = [pair for pair in headers if pair[0] != "Content-Type"]  # there is no body
            if varies:  # a kept discovery is good for the pages of that origin only
                headers = _varying(headers)
            if not names.isdisjoint(said):
                more = [pair for pair in more if pair[0] not in said]
            headers += more
            headers.append(("X-Request-ID", name))
            return start_response(status, headers, *failure)

        return application(environ, start)

    app.wsgi_app = with_headers  # type: ignore[method-assign]


def _varying(headers: Pairs) -> Pairs:
    """The headers, which say that the answer depends on the page that asks."""
    others = [pair for pair in headers if pair[0] != "Vary"]
    named = [value for name, value in headers if name == "Vary"]
    return [*others, ("Vary", ", ".join([*named, "Origin"]))]


def _pages(app: Flask, settings: Settings) -> Callable[[Headers, str], Pairs]:
    """What tells a browser whether the page that asks may read the answer, by the request's headers."""
    origins: str | list[str] = list(map(str, settings.cors_origins)) if settings.is_production else "*"
    if not origins:
        return lambda headers, method: []
    options = get_cors_options(
        app,
        {
            "origins": origins,
            "send_wildcard": origins == "*",
            "methods": ["GET", "HEAD", "POST", "OPTIONS"],
            "allow_headers": [
                "Authorization",
                "Content-Type",
                "If-None-Match",
                "X-Correlation-ID",
                "X-Request-ID",
            ],
            "expose_headers": ["ETag", "Retry-After", "WWW-Authenticate", "X-Request-ID"],
            "max_age": 600,
            "vary_header": False,
            # Chrome asks before a public page may call this machine: the public sandbox does.
            "allow_private_network": not settings.is_production,
        },
    )

    def pages(headers: Headers, method: str) -> Pairs:
        return [(name, str(value)) for name, value in get_cors_headers(options, headers, method).items()]

    return pages
