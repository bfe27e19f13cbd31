"""What holds for every test: no database is left in the working directory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session", autouse=True)
def _database_elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    folder: Path = tmp_path_factory.mktemp("database")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SARCOMA_CDS_DATABASE_URL", f"sqlite:///{folder}/default.sqlite3")
        yield
