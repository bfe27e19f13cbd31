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
    """Cards of one recommendation with a report; a card that was ever accepted counts as accepted.

    `client`: the issuer whose reports are counted; empty for all together, and for reports without a token.
    """

    client: str
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


def summary(database: Database, since: datetime | None = None, by_client: bool = False) -> list[Line]:
    """A line for each recommendation (of each client), the most reported first. Raises StoreUnavailable."""
    found: dict[tuple[str, str, str, str], Line] = {}
    for issuer, service, code, version, accepted, reasons in _cards(database, since):
        key = (issuer if by_client else "", service, code or _UNKNOWN, version or "")
        line = found.setdefault(key, Line(*key))
        if accepted:
            line.accepted += 1
        else:
            line.overridden += 1
            line.reasons.update(reasons)
    return sorted(
        found.values(),
        key=lambda line: (line.client, -line.cards, line.service, line.recommendation, line.version),
    )


def _cards(
    database: Database, since: datetime | None
) -> Iterator[tuple[str, str, str | None, str | None, bool, set[str]]]:
    """The cards with what became of them: of what several clients say about one, each says it of its own."""
    table = outcomes.c
    columns = (table.issuer, table.service, table.topic_code, table.content_version, table.card)
    query = select(*columns, table.outcome, func.coalesce(table.reason_code, ""))
    if since is not None:
        query = query.where(table.outcome_at >= since.astimezone(UTC))
    cards: dict[tuple[str, ...], list[tuple[str, str]]] = defaultdict(list)
    with database.transaction(_WAIT_MS) as connection:
        for row in connection.execute(query.order_by(table.outcome_at)):
            cards[tuple(row[:5])].append((row[5], row[6]))
    for (issuer, service, code, version, _), reported in cards.items():
        accepted = any(outcome == "accepted" for outcome, _ in reported)
        yield issuer, service, code, version, accepted, {reason for _, reason in reported if reason}
