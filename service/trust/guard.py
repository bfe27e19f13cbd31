"""Asking every call who sends it, before anything else of it is read."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import structlog
from flask import Request

from service.errors import NotAuthenticated
from service.http import this_context, this_request
from service.settings import Settings
from service.store.database import Database
from service.trust.errors import Refused
from service.trust.fetch import KeysUnavailable, fetch_json
from service.trust.issuers import Issuers
from service.trust.replay import Replay
from service.trust.tokens import Claims, Verifier

_BEARER: Final = re.compile(r"Bearer +([A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+)", re.IGNORECASE)
_MOST_BYTES: Final = 262_144

_log = structlog.get_logger("trust")


def guard(
    settings: Settings,
    database: Database,
    clock: Callable[[], datetime],
    fetch: Callable[[str], Mapping[str, Any]] | None = None,
    refused: Callable[[str], None] = lambda reason: None,
) -> Callable[[], None]:
    """What to run before each request of a blueprint; raises NotAuthenticated, which says no reason.

    A preflight has no token and passes. `refused` hears the reason; `fetch` reads a key set.
    """
    if not settings.wants_tokens:
        return lambda: None
    if settings.public_url is None:
        raise ValueError("public_url is not set")  # Settings.check_start told so before
    listed, public_url = settings.jwt_issuers, settings.public_url
    issuers = Issuers(listed, fetch or _reader(settings), settings.jwt_sandbox)
    verifier = Verifier(issuers, f"{public_url}/", settings.jwt_leeway_s, settings.jwt_max_lifetime_s)
    replay = Replay(database, settings.jwt_leeway_s) if settings.jwt_replay == "refuse" else None

    def check() -> None:
        request = this_request()
        if request.method == "OPTIONS":
            return
        try:
            claims = _claims(request, verifier, public_url, clock())
            if replay is not None:
                replay.use(claims, clock())
            this_context().issuer = claims.issuer  # for who keeps what it sends
        except Refused as error:
            _log.info("token refused", reason=error.reason)
            refused(error.reason)
            raise NotAuthenticated("Send a valid token with this call.") from None

    return check


def _claims(request: Request, verifier: Verifier, public_url: str, now: datetime) -> Claims:
    match = _BEARER.fullmatch(request.headers.get("Authorization", ""))
    if match is None:
        raise Refused("no token")
    return verifier.verify(match[1], f"{public_url}{request.path}", now)


def _reader(settings: Settings) -> Callable[[str], Mapping[str, Any]]:
    """Reads a key set from a listed URL or file."""
    ca_file = None if settings.jwt_ca_file is None else str(settings.jwt_ca_file)

    def read(place: str) -> Mapping[str, Any]:
        return _file(Path(place)) if place.startswith("/") else fetch_json(place, ca_file)

    return read


def _file(path: Path) -> Mapping[str, Any]:
    try:
        with path.open("rb") as stream:
            value = json.loads(stream.read(_MOST_BYTES))
    except (OSError, ValueError, RecursionError):
        raise KeysUnavailable("the file cannot be read") from None
    if not isinstance(value, dict):
        raise KeysUnavailable("not an object")
    return value
