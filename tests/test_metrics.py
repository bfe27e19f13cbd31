"""What is counted, and that nothing of a patient is in it."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from flask.testing import FlaskClient

from tests.cds_hooks.fakes import FakeGuideline, action, app_with, request_body
from tests.fhir_server.ehr import eventually
from tests.serving import TINY, Served, served
from tests.trust.client import ISSUER, KeyServer, service

VIEW = "/cds-services/test-patient-view"
TOPICS = [{"system": "urn:t", "code": f"t{number}"} for number in range(3)]


def client(count: int = 1, **settings: Any) -> FlaskClient:
    actions = tuple(action(title="T", topic=TOPICS[n], priority="urgent") for n in range(count))
    return app_with(FakeGuideline(actions), **settings).test_client()


def numbers(page: str) -> dict[str, float]:
    """Samples of a page in Prometheus' text format, by name and labels."""
    found = re.findall(r"^(\w+(?:\{[^}]*\})?) ([0-9.e+-]+)$", page, re.M)
    return {name: float(value) for name, value in found}


def counted(service: FlaskClient) -> dict[str, float]:
    response = service.get("/metrics")
    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith("text/plain; version=")
    return numbers(response.text)


def test_every_number_is_documented() -> None:
    page = (Path(__file__).parent.parent / "docs" / "reference" / "metrics.md").read_text("utf-8")
    shown = set(re.findall(r"^# TYPE (\w+?)(?:_created)? ", client().get("/metrics").text, re.M))
    assert len(shown) > 5
    assert {name for name in shown if f"`{name}`" not in page} == set()


def test_calls_are_counted_by_service_hook_and_outcome() -> None:
    service = client()
    for _ in range(3):
        service.post(VIEW, json=request_body())
    service.post(VIEW, json={})
    service.post("/cds-services/made-up-by-a-client", json=request_body())
    found = counted(service)
    assert found['sarcoma_cds_calls_total{hook="patient-view",service="test-patient-view",status="200"}'] == 3
    assert found['sarcoma_cds_calls_total{hook="none",service="test-patient-view",status="400"}'] == 1
    assert found['sarcoma_cds_calls_total{hook="none",service="none",status="404"}'] == 1
    assert found['sarcoma_cds_call_seconds_count{hook="patient-view",service="test-patient-view"}'] == 3
    assert "made-up" not in service.get("/metrics").text


def test_recommendations_are_counted_by_topic_in_merged_cards_too() -> None:
    service = client(count=3, max_cards=2)
    service.post(VIEW, json=request_body())
    found = counted(service)
    for code in ("t0", "t1", "t2"):
        labels = f'indicator="warning",service="test-patient-view",topic="{code}"'
        assert found[f"sarcoma_cds_recommendations_total{{{labels}}}"] == 1


def test_silence_and_missing_prefetch_are_counted() -> None:
    service = client(count=0)
    prefetch = {"conditions": None, "patient": {"resourceType": "OperationOutcome"}}
    service.post(VIEW, json=request_body(prefetch=prefetch))
    found = counted(service)
    labels = 'service="test-patient-view"'
    assert found[f'sarcoma_cds_calls_without_cards_total{{hook="patient-view",{labels}}}'] == 1
    assert found[f'sarcoma_cds_prefetch_missing_total{{how="absent",key="medications",{labels}}}'] == 1
    assert found[f'sarcoma_cds_prefetch_missing_total{{how="error",key="patient",{labels}}}'] == 1
    assert not any('key="conditions"' in name for name in found)


def test_feedback_is_counted() -> None:
    service = client()
    item = {"card": str(uuid4()), "outcome": "overridden", "outcomeTimestamp": "2026-03-12T09:31:00Z"}
    service.post(f"{VIEW}/feedback", json={"feedback": [item, item]})
    service.post(f"{VIEW}/feedback", json={"feedback": []})
    found = counted(service)
    assert found['sarcoma_cds_feedback_total{outcome="overridden",service="test-patient-view"}'] == 2
    assert found['sarcoma_cds_feedback_requests_total{service="test-patient-view",status="400"}'] == 1


def test_refused_tokens_are_counted_by_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = service(monkeypatch, KeyServer())
    assert asked.post(VIEW, json=request_body()).status_code == 401
    found = counted(asked)
    assert found['sarcoma_cds_tokens_refused_total{reason="no token"}'] == 1
    assert ISSUER not in asked.get("/metrics").text


def test_nothing_of_a_patient_is_in_the_numbers() -> None:
    service = client()
    body = request_body(context={"userId": "Practitioner/secret-u", "patientId": "secret-p"})
    body["hookInstance"] = "secret-h"
    body["prefetch"]["secret-k"] = {"resourceType": "OperationOutcome"}
    service.post(VIEW, json=body, headers={"X-Request-ID": "secret-r"})
    service.post("/cds-services/secret-s", json=body)
    assert "secret" not in service.get("/metrics").text


@pytest.mark.parametrize(
    ("settings", "status"),
    [({}, 404), ({"metrics": True}, 200), ({"metrics": False, "profile": "development"}, 404)],
)
def test_production_shows_them_only_where_that_is_set(settings: dict[str, Any], status: int) -> None:
    production: dict[str, Any] = {
        "profile": "production",
        "public_url": "https://cds.example.org",
        "authentication": "none",
    }
    assert client(**production | settings).get("/metrics").status_code == status


def test_the_processes_of_a_server_add_up_and_the_dead_are_not_forgotten(tmp_path: Path) -> None:
    environment = {"SARCOMA_CDS_CONTENT_DIR": str(TINY), "TMPDIR": str(tmp_path)}
    with served(2, environment) as service:
        assert _total_after_ten_calls(service) == 10
        os.kill(service.workers()[0], signal.SIGKILL)
        assert eventually(lambda: len(service.workers()) == 2 and service.is_up())
        assert _total_after_ten_calls(service) == 20
    assert not list(tmp_path.glob("sarcoma-cds-metrics-*")), "the folder is taken away"


def _total_after_ten_calls(service: Served) -> float:
    for _ in range(10):
        assert service.ask("POST", "/cds-services/hydration-patient-view", {})[0] == 400
    status, page = service.ask("GET", "/metrics")
    assert status == 200
    name = 'sarcoma_cds_calls_total{hook="none",service="hydration-patient-view",status="400"}'
    return numbers(page)[name]


def test_numbers_that_cannot_be_kept_do_not_stop_advice(tmp_path: Path) -> None:
    folder, log = tmp_path / "metrics", tmp_path / "log"
    folder.mkdir()
    environment = {"SARCOMA_CDS_CONTENT_DIR": str(TINY), "PROMETHEUS_MULTIPROC_DIR": str(folder)}
    with served(1, environment, log) as running:
        shutil.rmtree(folder)  # as those do who tidy up folders of temporary files
        assert running.send("POST", "/cds-services/none", {}).status == 404
        assert running.send("POST", "/cds-services/hydration-patient-view", {}).status == 400
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert "not counted" in {line["event"] for line in lines}
