"""The service as an EHR meets it: the real application and guideline, at a time that never moves."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache

from service.app import create_app
from service.guideline import Guideline
from service.settings import Settings
from tests.cases.exchange import Ehr

NOW = datetime(2026, 4, 15, 12, 0, tzinfo=UTC)


@cache
def guideline() -> Guideline:
    """The guideline of the project, loaded once for all tests."""
    return Guideline.load(Settings().content_dir)


@cache
def ehr() -> Ehr:
    """An EHR connected to the service; one for all tests, as the service keeps nothing between calls."""
    settings = Settings(log_level="error", max_cards=50, default_country=None)
    return Ehr(create_app(settings, clock=lambda: NOW, guideline=guideline()).test_client())
