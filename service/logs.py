"""Log lines as JSON on standard error. They name requests, services and counts, and nothing of a patient."""

from __future__ import annotations

import json
import logging
import re
import sys
import traceback
from collections.abc import MutableMapping
from contextvars import ContextVar
from threading import Lock
from typing import Any, Final

import structlog

from service import uuids

_REQUEST_ID = re.compile(r"[A-Za-z0-9-]{1,64}")
_REQUEST: Final[ContextVar[str | None]] = ContextVar("request_id", default=None)
_JSON: Final = json.JSONEncoder(default=repr)
_ONE_AT_A_TIME: Final = Lock()


def configure(level: str) -> None:
    """Every line is one JSON object with time, level and the id of the request that it belongs to."""
    structlog.configure(
        processors=[
            _name_request,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _as_json,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=_StandardError,
        cache_logger_on_first_use=False,
    )


class _StandardError:
    """Writes lines to what standard error is when they come; a logger may have been made long before."""

    def __init__(self, *_: Any) -> None: ...

    def msg(self, line: str) -> None:
        with _ONE_AT_A_TIME:
            sys.stderr.write(f"{line}\n")
            sys.stderr.flush()

    debug = info = warning = error = critical = msg


def _name_request(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    name = _REQUEST.get()
    if name is not None:
        event.setdefault("request_id", name)
    return event


def _as_json(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> str:
    return _JSON.encode(event)


def begin(*offered: str | None) -> str:
    """The id of the request that begins, which lines are to name: the first one offered that is harmless."""
    name = request_id(*offered)
    _REQUEST.set(name)
    return name


def forget() -> None:
    """No request is being answered now."""
    _REQUEST.set(None)


def request_id(*offered: str | None) -> str:
    """The first id offered that is harmless to repeat, or a new one (a version 4 UUID)."""
    for text in offered:
        if text and _REQUEST_ID.fullmatch(text):
            return text
    return uuids.new()


def where(error: BaseException) -> dict[str, Any]:
    """An exception without its message, which may quote data: type, place in the guideline, frames."""
    frames = traceback.extract_tb(error.__traceback__)[-12:]
    lines = [f"{'/'.join(frame.filename.split('/')[-3:])}:{frame.lineno} {frame.name}" for frame in frames]
    chain = [error]
    while len(chain) < 5 and (cause := chain[-1].__cause__ or chain[-1].__context__) is not None:
        chain.append(cause)
    places = {
        name: value
        for name in ("path", "library", "define")
        if isinstance(value := next((getattr(e, name) for e in chain if hasattr(e, name)), None), str)
    }
    return {
        "error": type(error).__name__,
        "causes": [type(e).__name__ for e in chain[1:]],
        **places,
        "frames": lines,
    }
