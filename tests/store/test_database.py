"""The database: its tables are those of the migrations, and what goes wrong with it is told."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError

from service.store.database import Database
from service.store.errors import StoreUnavailable
from service.store.tables import metadata, outcomes, tokens
from tests.store.urls import DATABASES


@pytest.fixture(params=DATABASES)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    made: Database = request.param(tmp_path)
    yield made
    made.close()


def _add(database: Database, *digests: str) -> None:
    with database.transaction(1000) as connection:
        for digest in digests:
            connection.execute(tokens.insert().values(digest=digest, expires=1))


def test_migrations_make_the_tables(database: Database) -> None:
    with database.transaction(1000) as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_what_an_older_version_kept_is_still_there(database: Database) -> None:
    with database.transaction(1000) as connection:
        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", "service.store:migrations")
        command.downgrade(config, "0001")
        columns = "digest, card, service, outcome, suggestions, comment_length, outcome_at, received_at"
        values = "'d', 'c', 's', 'overridden', 0, 0, '2026-01-01 00:00:00', '2026-01-01 00:00:00'"
        connection.execute(text(f"INSERT INTO feedback_outcome ({columns}) VALUES ({values})"))  # noqa: S608
    newer = Database(database.url)
    with newer.transaction(1000) as connection:
        (row,) = connection.execute(select(outcomes))
        assert (row.card, row.issuer) == ("c", "")
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    newer.close()


def test_a_transaction_is_kept_whole_or_not_at_all(database: Database) -> None:
    _add(database, "a")
    with pytest.raises(IntegrityError):
        _add(database, "b", "a")
    with database.transaction(1000) as connection:
        assert connection.execute(select(tokens.c.digest)).scalars().all() == ["a"]


def test_many_processes_may_start_at_once(database: Database, tmp_path: Path) -> None:
    """On a slow disk one may find the database busy for longer than it waits: then it tries again."""
    failures: list[BaseException] = []
    until = time.monotonic() + 30

    def start(number: int) -> None:
        other = Database(database.url)
        while True:
            try:
                with other.transaction(5000) as connection:
                    connection.execute(tokens.insert().values(digest=str(number), expires=1))
            except StoreUnavailable as error:
                if time.monotonic() < until:
                    continue
                failures.append(error)
            except BaseException as error:
                failures.append(error)
            break
        other.close()

    threads = [threading.Thread(target=start, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    with database.transaction(1000) as connection:
        assert connection.execute(select(func.count()).select_from(tokens)).scalar() == 6


def test_a_database_of_a_newer_version_is_not_touched(database: Database) -> None:
    with database.transaction(1000) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    other = Database(database.url)
    with pytest.raises(StoreUnavailable):
        other.prepare(1000)
    other.close()


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:////nowhere/at/all.sqlite3",
        "sqlite:////proc/version",
        "postgresql://nobody@127.0.0.1:9/none",
    ],
)
def test_a_database_that_is_not_there(url: str) -> None:
    database = Database(url)
    with pytest.raises(StoreUnavailable) as raised:
        database.prepare(100)
    database.close()
    assert "nobody" not in str(raised.value)


def test_a_locked_database(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/locked.sqlite3")
    database.prepare(1000)
    other = sqlite3.connect(tmp_path / "locked.sqlite3", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StoreUnavailable):
        database.prepare(50)
    other.execute("ROLLBACK")
    database.prepare(50)
    other.close()
    database.close()


def test_a_full_disk(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/full.sqlite3")
    database.prepare(1000)
    with database.transaction(100) as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 1")  # SQLITE_FULL is what a full disk gives
    with pytest.raises(StoreUnavailable):
        _add(database, *(f"{number:064}" for number in range(10_000)))
    database.close()


def test_nothing_is_made_before_it_is_needed(tmp_path: Path) -> None:
    Database(f"sqlite:///{tmp_path}/later.sqlite3")
    assert not list(tmp_path.iterdir())
