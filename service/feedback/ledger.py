"""Keeping reports: all of a body or none of it, and each only once however often it is sent."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from datetime import datetime
from time import monotonic
from typing import Any, Final

import structlog
from sqlalchemy import Connection, Table, select
from sqlalchemy.dialects import postgresql, sqlite

from service.feedback.naming import Kind, kind_in
from service.feedback.reports import Report
from service.store.database import Database
from service.store.errors import StoreUnavailable
from service.store.tables import kinds, outcomes

_WAIT_MS: Final = 500
_QUEUE_S: Final = 0.5
_WRITERS: Final = 2
"""Threads of a process that may write at once: the others are for cards."""
_PAUSE_S: Final = 5.0
"""After a failure reports are refused at once for this time, so that they do not hold threads up."""
_LONGEST_COMMENT: Final = 4000
_OTHER: Final = ("", "other")
"""A reason that no card offers: what it says may be about the patient, and is not kept."""

_log = structlog.get_logger("feedback")


class Ledger:
    """Reports about cards of a guideline. `known`: kinds of its cards; `comments`: whether texts are kept."""

    def __init__(
        self,
        database: Database,
        known: Mapping[str, Kind],
        comments: bool = False,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._database = database
        self._known = known
        self._comments = comments
        self._clock = clock
        self._writers = threading.BoundedSemaphore(_WRITERS)
        self._registered = False
        self._resume_at = clock()

    def register(self) -> None:
        """Notes what this guideline's cards are about, for reports that come when there is a newer one."""
        with self._database.transaction(_WAIT_MS) as connection:
            self._register(connection)
        self._registered = True

    def add(
        self,
        service: str,
        reports: Iterable[Report],
        reasons: Iterable[tuple[str, str]],
        received: datetime,
        issuer: str = "",
    ) -> None:
        """Keeps the reports of one client (the `issuer` of its token). `reasons`: system and code of those
        that the service's cards offer.

        Raises StoreUnavailable: then none is kept, and the sender must hear of it.
        """
        if self._clock() < self._resume_at or not self._writers.acquire(timeout=_QUEUE_S):
            raise StoreUnavailable("busy")
        try:
            offered = frozenset(reasons)
            with self._database.transaction(_WAIT_MS) as connection:
                if not self._registered:
                    self._register(connection)
                reports = list(reports)
                topics = self._topics(connection, reports)
                sent = {"service": service, "issuer": issuer, "received_at": received}
                rows = [
                    {
                        "digest": _digest(service, issuer, report),
                        **sent,
                        **self._row(service, report, topics, offered),
                    }
                    for report in reports
                ]
                _insert_new(connection, outcomes, rows)
            self._registered = True
        except StoreUnavailable as error:
            self._resume_at = self._clock() + _PAUSE_S
            _log.error("reports not kept", service=service, why=str(error))
            raise
        finally:
            self._writers.release()

    def _register(self, connection: Connection) -> None:
        rows = [_kind_row(name, kind) for name, kind in self._known.items()]
        if rows:
            _insert_new(connection, kinds, rows)

    def _topics(self, connection: Connection, reports: list[Report]) -> Mapping[str, Kind]:
        """The kinds that the reports are about; those of an older guideline are in the database."""
        names = {name for r in reports for one in (r.card, *r.suggestions) if (name := kind_in(one))}
        found = {name: self._known[name] for name in names & self._known.keys()}
        older = sorted(names - found.keys())
        if older:
            for row in connection.execute(select(kinds).where(kinds.c.kind.in_(older))):
                found[row.kind] = Kind(row.service, row.topic_system, row.topic_code, row.content_version)
        return found

    def _row(
        self,
        service: str,
        report: Report,
        topics: Mapping[str, Kind],
        offered: frozenset[tuple[str, str]],
    ) -> dict[str, Any]:
        kind = _kind(service, report, topics)
        reason = report.reason if report.reason is None or report.reason in offered else _OTHER
        comment = _storable(report.comment) if self._comments and report.comment else None
        return {
            "card": report.card,
            "topic_system": kind and kind.topic_system,
            "topic_code": kind and kind.topic_code,
            "content_version": kind and kind.version,
            "outcome": report.outcome,
            "suggestions": len(report.suggestions),
            "reason_system": reason and reason[0],
            "reason_code": reason and reason[1],
            "comment_length": len(report.comment),
            "comment": comment,
            "outcome_at": report.at,
        }


def _kind(service: str, report: Report, topics: Mapping[str, Kind]) -> Kind | None:
    """What it is about: an accepted suggestion says so more exactly than the card."""
    for identifier in (*report.suggestions, report.card):
        kind = topics.get(kind_in(identifier) or "")
        if kind is not None and kind.service == service:
            return kind
    return None


def _kind_row(name: str, kind: Kind) -> dict[str, str]:
    row = asdict(kind)
    return {"kind": name, "content_version": row.pop("version"), **row}


def _digest(service: str, issuer: str, report: Report) -> str:
    """Of all that tells reports apart; of a comment only the length, for a digest can be guessed."""
    parts = [service, report.card, report.outcome, report.suggestions, report.reason, len(report.comment)]
    text = json.dumps([*parts, report.at.isoformat(), *([issuer] if issuer else [])])
    return hashlib.sha256(text.encode()).hexdigest()


def _storable(text: str) -> str:
    """Without what a database cannot hold."""
    return text[:_LONGEST_COMMENT].replace("\0", "").encode("utf-8", "replace").decode()


def _insert_new(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    """Inserts the rows; those that are there already stay as they are."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    connection.execute(dialect.insert(table).on_conflict_do_nothing(), rows)
