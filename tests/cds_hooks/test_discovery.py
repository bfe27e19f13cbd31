"""What the shipped guideline offers over HTTP, against CDS Hooks 2.0.1 "Discovery" and "Prefetch"."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from service.app import create_app
from service.settings import Settings
from tests.cds_hooks.fakes import FakeGuideline, app_with, request_body

RESPONSE = create_app(Settings(content_dir=Path(__file__).parents[2] / "plandefinitions")).test_client()
SERVICES: list[dict[str, Any]] = RESPONSE.get("/cds-services").get_json()["services"]
each = pytest.mark.parametrize("service", SERVICES, ids=[service["hook"] for service in SERVICES])

_ID = r"\{\{context\.patientId\}\}"
READ = re.compile(rf"[A-Z][A-Za-z]+/{_ID}")
PARAMETER = re.compile(rf"(_id|[a-z][a-z-]*)(:in)?=({_ID}|(eq|lt|gt|ge|le)?[^{{}}&=\s]+)")
CHAINED = re.compile(r"_(include|revinclude|has)|:(?!in\b)[a-z]+=")


@each
def test_every_service_has_what_discovery_requires(service: dict[str, Any]) -> None:
    optional = {"title", "prefetch", "usageRequirements", "version", "hookVersion", "extension"}
    assert set(service) <= {"hook", "description", "id"} | optional
    required = [service[name] for name in ("hook", "title", "description", "id")]
    assert all(isinstance(text, str) and text for text in required)
    assert re.fullmatch(r"[A-Za-z0-9._~-]+", service["id"])
    assert (service["version"], service["hookVersion"]) == ("2.0.1", "1.0")
    assert "R4" in service["usageRequirements"]
    assert service["hook"] in ("patient-view", "order-select", "order-sign")
    answer = RESPONSE.post(f"/cds-services/{service['id']}", json={})
    assert answer.status_code == 400, "the address is there"


@each
def test_templates_stay_within_the_portable_subset(service: dict[str, Any]) -> None:
    for template in service["prefetch"].values():
        if READ.fullmatch(template):
            continue
        kind, _, query = template.partition("?")
        assert re.fullmatch(r"[A-Z][A-Za-z]+", kind), template
        assert not CHAINED.search(query)
        assert all(PARAMETER.fullmatch(parameter) for parameter in query.split("&")), template
        assert "{{context.patientId}}" in query


@each
def test_templates_name_the_context_and_nothing_else(service: dict[str, Any]) -> None:
    tokens = set(re.findall(r"\{\{(.*?)\}\}", json.dumps(service["prefetch"])))
    assert tokens == {"context.patientId"}, "a field that every hook has, marked as a prefetch token"


def test_the_order_of_prefetch_keys_is_that_of_the_guideline() -> None:
    raw = RESPONSE.get("/cds-services").get_data(as_text=True)
    for service in SERVICES:
        places = [raw.index(f'"{key}": ') for key in service["prefetch"]]
        assert places == sorted(places)


def test_no_service_twice_for_a_hook() -> None:
    pairs = [(service["id"], service["hook"]) for service in SERVICES]
    assert len(set(pairs)) == len(pairs) == 3


def test_one_id_may_answer_several_hooks() -> None:
    class OneId(FakeGuideline):
        @property
        def hooks(self) -> Any:
            return tuple(replace(plan, id="one") for plan in super().hooks)

    guideline = OneId()
    client = app_with(guideline).test_client()
    for hook in ("patient-view", "order-sign"):
        context = {"userId": "Practitioner/a", "patientId": "p1", "draftOrders": {"resourceType": "Bundle"}}
        body = request_body(hook, context=context)
        assert client.post("/cds-services/one", json=body).status_code == 200
    assert client.post("/cds-services/one", json=request_body("order-dispatch")).status_code == 400
