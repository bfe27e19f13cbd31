"""Logs name requests, services and counts; nothing that a request or a FHIR server said is in them."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from service.app import create_app
from service.settings import Settings
from tests.cds_hooks.fakes import NOW, FakeGuideline, app_with, request_body
from tests.cds_hooks.test_hostile_calls import CONCEPTS
from tests.fhir_server.ehr import Asked, Reply, bundle, ehr

TINY = Path(__file__).parent / "guidelines" / "tiny"
SECRETS = {
    "patient": "pat-4711",
    "encounter": "enc-4712",
    "user": "dr-4713",
    "name": "Quetzalcoatl",
    "token": "tok-4714.abc",
    "subject": "client-4715",
    "instance": "inst-4716",
    "condition": "cond-4717",
    "code text": "Very secret thirst",
    "observation": "obs-4718",
    "draft": "draft-4719",
    "malformed": "wrong-4720",
    "value": "4721.25",
    "identifier": "mrn-4722",
    "other patient": "other-4723",
    "key": "key-4724",
}
S = SECRETS
PATIENT = {"reference": f"Patient/{S['patient']}"}


def records() -> dict[str, Any]:
    patient = {
        "resourceType": "Patient",
        "id": S["patient"],
        "name": [{"family": S["name"]}],
        "identifier": [{"value": S["identifier"]}],
    }
    condition = {
        "resourceType": "Condition",
        "id": S["condition"],
        "subject": PATIENT,
        "code": {"coding": [{"system": CONCEPTS, "code": "thirst"}], "text": S["code text"]},
    }
    observation = {
        "resourceType": "Observation",
        "id": S["observation"],
        "status": "final",
        "subject": PATIENT,
        "code": {"coding": [{"system": CONCEPTS, "code": "thirst-level"}], "text": S["code text"]},
        "valueQuantity": {"value": "@", "unit": S["code text"]},
    }
    malformed = {**condition, "id": S["malformed"], "recordedDate": S["name"]}
    other = {**condition, "subject": {"reference": f"Patient/{S['other patient']}"}}
    return {
        "patient": patient,
        "conditions": bundle(condition, malformed, other),
        "observations": bundle(observation),
        "drinks": None,
        S["key"]: patient,
    }


def body(hook: str, url: str, **members: Any) -> str:
    draft = {
        "resourceType": "MedicationRequest",
        "id": S["draft"],
        "status": "draft",
        "intent": "order",
        "subject": PATIENT,
        "medicationCodeableConcept": {
            "coding": [{"system": CONCEPTS, "code": "sea-water"}],
            "text": S["code text"],
        },
    }
    context = {
        "userId": f"Practitioner/{S['user']}",
        "patientId": S["patient"],
        "encounterId": S["encounter"],
        "draftOrders": bundle(draft),
        "selections": [f"MedicationRequest/{S['draft']}"],
    }
    authorization = {"access_token": S["token"], "token_type": "Bearer", "subject": S["subject"]}
    call = {
        "hook": hook,
        "hookInstance": S["instance"],
        "context": context,
        "fhirServer": url,
        "fhirAuthorization": authorization,
        **members,
    }
    return json.dumps(call).replace('"@"', S["value"])


def without_secrets(logged: str) -> list[dict[str, Any]]:
    """The lines, after a search for each secret; every line is one JSON object with a request id."""
    found = [name for name, secret in SECRETS.items() if secret in logged]
    assert found == []
    lines = [json.loads(line) for line in logged.splitlines()]
    assert all({"event", "level", "timestamp"} <= line.keys() for line in lines)
    return [line for line in lines if line["event"] != "starting"]


@pytest.mark.parametrize("hook", ["patient-view", "order-select"])
@pytest.mark.parametrize("given", ["all", "nothing", "fails", "HTML", "no JSON", "wrong hook", "other token"])
def test_no_log_line_holds_anything_of_a_patient(
    hook: str, given: str, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    held = {"Patient": "patient", "Condition": "conditions", "Observation": "observations"}

    def script(asked: Asked) -> Reply:
        if given in ("fails", "HTML"):
            return Reply(f"<html>{S['name']}</html>".encode(), status=500 if given == "fails" else 200)
        type_name = asked.target.split("/")[2].partition("?")[0]
        found = records()[held[type_name]] if type_name in held else bundle()
        return Reply(json.dumps(found).replace('"@"', S["value"]).encode())

    settings = Settings(content_dir=TINY, log_level="debug", fhir_deadline_ms=10_000)
    client = create_app(settings, lambda: NOW).test_client()
    with ehr(script) as server:
        sent = body(hook, server.url, **({"prefetch": records()} if given == "all" else {}))
        if given == "no JSON":
            sent = sent[:-1]
        elif given == "wrong hook":
            sent = body(S["name"], server.url)
        elif given == "other token":
            sent = sent.replace('"token_type"', f'"patient": "{S["other patient"]}", "token_type"')
        response = client.post(
            f"/cds-services/hydration-{hook}",
            data=sent,
            content_type="application/json",
            headers={"X-Request-ID": "r-1", "Referer": S["name"], "User-Agent": S["user"]},
        )
    expected = {"all": 200, "nothing": 200, "fails": 412, "HTML": 412}.get(given, 400)
    assert response.status_code == expected, response.text
    lines = without_secrets(capfd.readouterr().err)
    assert {line["request_id"] for line in lines} == {"r-1"}
    warned = [line for line in lines if line["event"] == "not read"]
    assert bool(warned) is (given in ("fails", "HTML"))
    assert all("observations" in line["fhir_server"] for line in warned)  # the key and the reason are said
    assert [name for name, secret in SECRETS.items() if secret in caplog.text] == []


def test_a_failure_of_ours_is_logged_without_what_it_was_about(capfd: pytest.CaptureFixture[str]) -> None:
    def fail(record: Any) -> None:
        raise ValueError(f"{S['name']} {record.retrieve('Condition', None, None)}")

    client = app_with(FakeGuideline(judge=fail), log_level="debug").test_client()
    call = request_body(
        context={"userId": S["user"], "patientId": S["patient"]},
        prefetch={"conditions": records()["conditions"]},
    )
    assert client.post("/cds-services/test-patient-view", json=call).status_code == 500
    (line,) = without_secrets(capfd.readouterr().err)
    assert line["error"] == "ValueError"


@pytest.mark.parametrize("path", ["/{}", "/cds-services/{}", "/cds-services?patient={}", "/{}/x?y={}"])
def test_addresses_are_not_logged(path: str, capfd: pytest.CaptureFixture[str]) -> None:
    app_with(FakeGuideline(), log_level="debug").test_client().get(path.format(S["patient"], S["name"]))
    without_secrets(capfd.readouterr().err)
