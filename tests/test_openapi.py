"""What is called is what the OpenAPI document says, and nothing that fits or does not fit it is a failure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase
from hypothesis import settings as examples
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from service.app import create_app
from service.cds_hooks.openapi import document
from service.guideline import Guideline
from service.settings import Settings
from tests.cds_hooks.fakes import NOW

TINY = Path(__file__).parent / "guidelines" / "tiny"
APP = create_app(Settings(content_dir=TINY), lambda: NOW)
SCHEMA = schemathesis.openapi.from_wsgi("/openapi.json", APP)


@SCHEMA.parametrize()
@examples(max_examples=40, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
def test_every_answer_is_as_described(case: Any) -> None:
    case.call_and_validate(
        checks=[
            not_a_server_error,
            status_code_conformance,
            content_type_conformance,
            response_schema_conformance,
        ]
    )


def test_every_service_is_described() -> None:
    guideline = Guideline.load(Settings().content_dir)
    described = document(guideline, "1", "https://cds.example.org")
    ids = {f"/cds-services/{plan.id}" for plan in guideline.hooks}
    assert ids <= set(described["paths"])
    assert described["servers"] == [{"url": "https://cds.example.org"}]


@pytest.mark.parametrize("path", list(document(Guideline.load(TINY), "1", None)["paths"]))
def test_every_described_path_is_answered(path: str) -> None:
    described = document(Guideline.load(TINY), "1", None)["paths"][path]
    (method,) = described
    assert APP.test_client().open(path, method=method.upper()).status_code in (200, 415)
