"""The databases that tests run on: SQLite always, PostgreSQL when TEST_POSTGRES_URL names a server."""

from __future__ import annotations

import os
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import create_engine, make_url, text

from service.store.database import Database

URL = os.environ.get("TEST_POSTGRES_URL")


def on_sqlite(folder: Path) -> Database:
    """A new file."""
    return Database(f"sqlite:///{folder}/test.sqlite3")


def on_postgres(folder: Path) -> Database:
    """A new database of the server."""
    assert URL is not None
    name = f"test_{uuid4().hex}"
    url = make_url(URL).set(drivername="postgresql+psycopg")
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return Database(url.set(database=name).render_as_string(hide_password=False))


DATABASES = [
    pytest.param(on_sqlite, id="sqlite"),
    pytest.param(
        on_postgres,
        id="postgres",
        marks=pytest.mark.skipif(URL is None, reason="no TEST_POSTGRES_URL: make postgres-test has one"),
    ),
]
