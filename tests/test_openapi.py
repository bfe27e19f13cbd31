"""What is called is what the OpenAPI document says, and nothing that fits or does not fit it is a failure."""

from __future__ import annotations

import re
from collections.abc import Iterator
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
from tests.serving import TINY, Served, served

DOCUMENT = document(Guideline.load(TINY), "1", None, metrics=True)


@pytest.fixture(scope="module")
def service() -> Iterator[Served]:
    with served(1, {"SARCOMA_CDS_CONTENT_DIR": str(TINY)}) as running:
        yield running


SCHEMA = schemathesis.openapi.from_dict(DOCUMENT)


@SCHEMA.parametrize()
@examples(max_examples=40, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
def test_every_answer_is_as_described(service: Served, case: Any) -> None:
    response = case.call_and_validate(
        base_url=service.url,
        checks=[
            not_a_server_error,
            status_code_conformance,
            content_type_conformance,
            response_schema_conformance,
        ],
    )
    if case.meta.generation.mode.is_positive:  # what fits the document is not refused for its form
        assert response.status_code in (200, 412), response.text


def test_every_service_is_described() -> None:
    guideline = Guideline.load(Settings().content_dir)
    described = document(guideline, "1", "https://cds.example.org")
    ids = {f"/cds-services/{plan.id}" for plan in guideline.hooks}
    assert ids <= set(described["paths"])
    assert described["servers"] == [{"url": "https://cds.example.org"}]


@pytest.mark.parametrize("path", DOCUMENT["paths"])
def test_every_described_path_is_answered(service: Served, path: str) -> None:
    ((method, operation),) = DOCUMENT["paths"][path].items()
    answer = service.send(method.upper(), path)
    assert answer.status in (200, 415)
    if answer.status == 200:
        (kind,) = operation["responses"]["200"]["content"]
        assert answer.headers["content-type"].partition(";")[0] == kind


def test_the_service_shows_this_document(service: Served) -> None:
    shown = service.send("GET", "/openapi.json").json()
    assert shown["paths"] == DOCUMENT["paths"]


def test_metrics_are_described_where_they_are_shown() -> None:
    assert "/metrics" not in document(Guideline.load(TINY), "1", None)["paths"]


def test_every_address_of_the_application_is_described_here_or_by_the_capability_statement() -> None:
    app = create_app(Settings(content_dir=TINY))
    rules = {
        re.sub(r"<service_id>", "hydration-patient-view", rule.rule) for rule in app.url_map.iter_rules()
    }
    elsewhere = ("/fhir/", "/demo/")
    assert {rule for rule in rules if not rule.startswith(elsewhere)} <= DOCUMENT["paths"].keys()
