"""The body of a feedback request: read whole or refused whole (CDS Hooks 2.0.1 "Feedback")."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from service.errors import InvalidRequest
from service.patient import RepeatedKeys

_OUTCOMES: Final = ("accepted", "overridden")
_INSTANT: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_MOST_SUGGESTIONS: Final = 100
_LONGEST_TEXT: Final = 1000


@dataclass(frozen=True)
class Report:
    """What became of one card. `at`: when, in UTC; `reason`: system and code of the one picked."""

    card: str
    outcome: str
    at: datetime
    suggestions: tuple[str, ...] = ()
    reason: tuple[str, str] | None = None
    comment: str = ""


def read_reports(body: Any, most: int) -> tuple[Report, ...]:
    """The reports in a parsed body, at most so many.

    Raises InvalidRequest, which names the first field that is wrong and quotes nothing of the body.
    """
    if not isinstance(body, dict) or isinstance(body, RepeatedKeys):
        raise InvalidRequest("The body is not a JSON object. Send an object with the array feedback.")
    items = body.get("feedback")
    if not isinstance(items, list) or not items:
        raise InvalidRequest("feedback is not as expected. Send an array of reports.")
    if len(items) > most:
        raise InvalidRequest(f"feedback has more than {most} reports. Send them in several requests.")
    return tuple(_report(item, f"feedback.{number}") for number, item in enumerate(items))


def _report(item: Any, place: str) -> Report:
    members = _object(item, place)
    outcome = members.get("outcome")
    if outcome not in _OUTCOMES:
        raise InvalidRequest(f"{place}.outcome is not as expected. Send accepted or overridden.")
    accepted = outcome == "accepted"
    reason, comment = (
        (None, "") if accepted else _why(members.get("overrideReason"), f"{place}.overrideReason")
    )
    return Report(
        card=_uuid(members.get("card"), f"{place}.card"),
        outcome=outcome,
        at=_instant(members.get("outcomeTimestamp"), f"{place}.outcomeTimestamp"),
        suggestions=_suggestions(members.get("acceptedSuggestions"), place) if accepted else (),
        reason=reason,
        comment=comment,
    )


def _object(value: Any, place: str) -> Mapping[str, Any]:
    if not isinstance(value, dict) or isinstance(value, RepeatedKeys):
        raise InvalidRequest(f"{place} is not as expected. Send an object with each key once.")
    return value


def _uuid(value: Any, place: str) -> str:
    try:
        return str(UUID(_text(value, place)))
    except ValueError:
        raise InvalidRequest(f"{place} is not as expected. Send the uuid of the card.") from None


def _text(value: Any, place: str) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= _LONGEST_TEXT:
        raise InvalidRequest(f"{place} is not as expected. Send a text that is not empty.")
    return value


def _instant(value: Any, place: str) -> datetime:
    try:
        if isinstance(value, str) and _INSTANT.fullmatch(value):
            return datetime.fromisoformat(value.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise InvalidRequest(f"{place} is not as expected. Send a time as 2026-03-12T09:30:00Z.")


def _suggestions(value: Any, place: str) -> tuple[str, ...]:
    place = f"{place}.acceptedSuggestions"
    if not isinstance(value, list) or not 0 < len(value) <= _MOST_SUGGESTIONS:
        raise InvalidRequest(f"{place} is not as expected. Send the id of each suggestion that was accepted.")
    ids = (_text(_object(each, place).get("id"), f"{place}.id") for each in value)
    return tuple(sorted({each.lower() for each in ids}))


def _why(value: Any, place: str) -> tuple[tuple[str, str] | None, str]:
    """Reason and comment. No `overrideReason` is a plain dismissal; an empty one is a mistake."""
    if value is None:
        return None, ""
    members = _object(value, place)
    reason, comment = members.get("reason"), members.get("userComment")
    if reason is None and comment is None:
        raise InvalidRequest(f"{place} is empty. Send reason, userComment or both, or leave it out.")
    if comment is not None and not isinstance(comment, str):
        raise InvalidRequest(f"{place}.userComment is not as expected. Send a text.")
    if reason is None:
        return None, comment or ""
    coding = _object(reason, f"{place}.reason")
    system, code = (_text(coding.get(name), f"{place}.reason.{name}") for name in ("system", "code"))
    return (system, code), comment or ""
