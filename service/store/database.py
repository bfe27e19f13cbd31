"""One database for all processes: SQLite in a file (WAL) or PostgreSQL, brought up to date at first use."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from service.store.errors import StoreUnavailable

_LOCK_NUMBER = 7_235_148_901
"""PostgreSQL advisory lock under which one process at a time migrates."""


class Database:
    """Transactions on the database at `url`. Nothing is opened before the first, nor shared across a fork."""

    def __init__(self, url: str) -> None:
        parsed = make_url(url)
        if parsed.drivername in ("postgresql", "postgres"):
            parsed = parsed.set(drivername="postgresql+psycopg")
        self._url = parsed
        self._lock = threading.Lock()
        self._engine: tuple[int, Engine] | None = None
        self._migrated = False

    @property
    def url(self) -> str:
        """Where it is, password included."""
        return self._url.render_as_string(hide_password=False)

    @property
    def is_sqlite(self) -> bool:
        """Whether the database is a file of this machine."""
        return self._url.get_backend_name() == "sqlite"

    @contextmanager
    def transaction(self, wait_ms: int, durable: bool = True) -> Iterator[Connection]:
        """A connection whose work is kept when the block ends, or not at all.

        Waits at most about `wait_ms` for others. `durable`: kept even if the machine loses power the moment
        after (SQLite; several milliseconds). Raises StoreUnavailable; IntegrityError passes, it is an answer.
        """
        try:
            with self._ready().begin() as connection:
                self._begin(connection, wait_ms, durable)
                self._migrate(connection)
                yield connection
            self._migrated = True
        except IntegrityError:
            raise
        except (SQLAlchemyError, sqlite3.Error, OSError) as error:
            # The cause stays out: its text holds the statement and its values.
            raise StoreUnavailable(type(error).__name__) from None

    def prepare(self, wait_ms: int) -> None:
        """Brings the tables up to date. Raises StoreUnavailable."""
        with self.transaction(wait_ms):
            pass

    def overwrite(self) -> None:
        """Leaves nothing of deleted rows in SQLite's log, unless somebody reads. Raises StoreUnavailable."""
        if not self.is_sqlite:
            return
        try:
            with self._ready().connect() as connection:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        except (SQLAlchemyError, sqlite3.Error, OSError) as error:
            raise StoreUnavailable(type(error).__name__) from None

    def close(self) -> None:
        """Gives all connections back; the next transaction opens new ones."""
        with self._lock:
            if self._engine is not None and self._engine[0] == os.getpid():
                self._engine[1].dispose()
            self._engine = None

    def _ready(self) -> Engine:
        with self._lock:
            if self._engine is None or self._engine[0] != os.getpid():
                self._engine = os.getpid(), _engine(self.url)
            return self._engine[1]

    def _begin(self, connection: Connection, wait_ms: int, durable: bool) -> None:
        if not self.is_sqlite:
            connection.execute(text(f"SET LOCAL lock_timeout = {int(wait_ms)}"))
            connection.execute(text(f"SET LOCAL statement_timeout = {max(int(wait_ms), 1000)}"))
            return
        connection.exec_driver_sql(f"PRAGMA busy_timeout = {int(wait_ms)}")
        connection.exec_driver_sql(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    def _migrate(self, connection: Connection) -> None:
        if self._migrated:
            return
        if not self.is_sqlite:
            connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK_NUMBER})"))
        from service.store.migrate import upgrade  # Alembic is needed once, and not by every command

        upgrade(connection)


def _engine(url: str) -> Engine:
    if url.startswith("sqlite"):
        engine = create_engine(url, connect_args={"timeout": 1}, pool_timeout=1, max_overflow=32)
        event.listen(engine, "connect", _prepare_sqlite)
        return engine
    return create_engine(
        url, connect_args={"connect_timeout": 2}, pool_timeout=1, pool_pre_ping=True, max_overflow=32
    )


def _prepare_sqlite(connection: Any, _: Any) -> None:
    """Write-ahead log; and we say BEGIN ourselves, so that changes of tables belong to transactions too."""
    connection.isolation_level = None
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA secure_delete = ON")  # what is deleted is overwritten
