"""Deleting reports when they are no longer wanted."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from sqlalchemy import delete, func, select

from service.store.database import Database
from service.store.tables import outcomes

_WAIT_MS: Final = 5000


def prune(database: Database, before: datetime, dry: bool = False) -> int:
    """Deletes what was received before that time (aware), for good; how many reports that is.

    `dry`: only counts them. Raises StoreUnavailable.
    """
    old = outcomes.c.received_at < before.astimezone(UTC)
    with database.transaction(_WAIT_MS) as connection:
        count = connection.execute(select(func.count()).select_from(outcomes).where(old)).scalar_one()
        if not dry:
            connection.execute(delete(outcomes).where(old))
    if not dry:
        database.overwrite()
    return count
