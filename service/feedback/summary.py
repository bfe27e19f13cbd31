"""What the reports say, by recommendation and version of the guideline."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import func, select

from service.store.database import Database
from service.store.tables import outcomes

_WAIT_MS: Final = 5000
_UNKNOWN: Final = "(none of ours)"


@dataclass
class Line:
    """Cards of one recommendation with a report; a card that was ever accepted counts as accepted."""

    service: str
    recommendation: str
    version: str
    accepted: int = 0
    overridden: int = 0
    reasons: Counter[str] = field(default_factory=Counter)

    @property
    def cards(self) -> int:
        """Cards with a report; EHRs report no card that was left alone."""
        return self.accepted + self.overridden

    @property
    def acceptance(self) -> float:
        """Share of accepted cards, in percent."""
        return 100 * self.accepted / self.cards


def summary(database: Database, since: datetime | None = None) -> list[Line]:
    """A line for each recommendation, the most reported first. Raises StoreUnavailable."""
    found: dict[tuple[str, str, str], Line] = {}
    for service, code, version, accepted, reasons in _cards(database, since):
        key = (service, code or _UNKNOWN, version or "")
        line = found.setdefault(key, Line(*key))
        if accepted:
            line.accepted += 1
        else:
            line.overridden += 1
            line.reasons.update(reasons)
    return sorted(
        found.values(), key=lambda line: (-line.cards, line.service, line.recommendation, line.version)
    )


def _cards(
    database: Database, since: datetime | None
) -> Iterator[tuple[str, str | None, str | None, bool, set[str]]]:
    columns = (outcomes.c.service, outcomes.c.topic_code, outcomes.c.content_version, outcomes.c.card)
    query = select(*columns, outcomes.c.outcome, func.coalesce(outcomes.c.reason_code, ""))
    if since is not None:
        query = query.where(outcomes.c.outcome_at >= since.astimezone(UTC))
    cards: dict[tuple[str, ...], list[tuple[str, str]]] = defaultdict(list)
    with database.transaction(_WAIT_MS) as connection:
        for row in connection.execute(query.order_by(outcomes.c.outcome_at)):
            cards[tuple(row[:4])].append((row[4], row[5]))
    for (service, code, version, _), reported in cards.items():
        accepted = any(outcome == "accepted" for outcome, _ in reported)
        yield service, code, version, accepted, {reason for _, reason in reported if reason}
