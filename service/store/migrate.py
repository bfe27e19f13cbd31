"""Bringing the tables up to date, in the caller's transaction."""

from __future__ import annotations

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection

from service.store.errors import StoreUnavailable


def upgrade(connection: Connection) -> None:
    """Applies the migrations that the database lacks. Raises StoreUnavailable when it is newer than this."""
    config = Config()
    config.set_main_option("script_location", "service.store:migrations")
    head = ScriptDirectory.from_config(config).get_current_head()
    if MigrationContext.configure(connection).get_current_revision() == head:
        return
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError:
        raise StoreUnavailable("the database was made by another version of the service") from None
