"""Log lines as JSON on standard error. They name requests, services and counts, and nothing of a patient."""

from __future__ import annotations

import logging
import re
import sys
import traceback
from typing import Any
from uuid import uuid4

import structlog

_REQUEST_ID = re.compile(r"[A-Za-z0-9-]{1,64}")


def configure(level: str) -> None:
    """Every line is one JSON object with time, level and the id of the request that it belongs to."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=_stderr_logger,
        cache_logger_on_first_use=False,
    )


def _stderr_logger(*_: Any) -> structlog.PrintLogger:
    return structlog.PrintLogger(sys.stderr)


def begin(*offered: str | None) -> str:
    """The id of the request that begins, which lines are to name: the first one offered that is harmless."""
    name = request_id(*offered)
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=name)
    return name


def forget() -> None:
    """No request is being answered now."""
    structlog.contextvars.clear_contextvars()


def request_id(*offered: str | None) -> str:
    """The first id offered that is harmless to repeat, or a new one (a version 4 UUID)."""
    for text in offered:
        if text and _REQUEST_ID.fullmatch(text):
            return text
    return str(uuid4())


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
