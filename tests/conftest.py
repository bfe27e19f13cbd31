"""What holds for every test: the same examples each time, no database left in the working directory, and time
for FHIR servers to answer on a busy machine where a test is not about time.
"""

from __future__ import annotations

import os
import shutil
import tempfile

import pytest
from hypothesis import settings

_FOLDER = pytest.StashKey[str]()


def pytest_configure(config: pytest.Config) -> None:
    """Before any module is imported, for some make an application then."""
    settings.register_profile("steady", derandomize=True, deadline=None)
    settings.load_profile("steady")
    folder = config.stash[_FOLDER] = tempfile.mkdtemp(prefix="sarcoma-cds-tests-")
    os.environ["SARCOMA_CDS_DATABASE_URL"] = f"sqlite:///{folder}/default.sqlite3"
    os.environ.setdefault("SARCOMA_CDS_FHIR_DEADLINE_MS", "10000")


def pytest_unconfigure(config: pytest.Config) -> None:
    """Takes it away."""
    shutil.rmtree(config.stash[_FOLDER], ignore_errors=True)
