"""Logs name requests, services and counts; nothing that a request or a FHIR server said is in them."""

from __future__ import annotations

import contextlib
import json
import logging
from http.client import HTTPException
from pathlib import Path
from typing import Any

import pytest

from service.app import create_app
from service.settings import Settings
from tests.cds_hooks.fakes import NOW, FakeGuideline, app_with, request_body
from tests.cds_hooks.test_hostile_calls import CONCEPTS
from tests.fhir_server.ehr import Asked, Reply, bundle, ehr
from tests.serving import Served, free_port, served
from tests.trust.client import ISSUER, KEY, public
from tests.trust.test_over_http import token

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
    found = [name for name, secret in SECRETS.items() if secret.lower() in logged.lower()]
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


# --- all that the running service writes

VIEW = "/cds-services/hydration-patient-view"
DATES = {"outcomeTimestamp": "2026-03-12T09:31:00Z"}
REPORT = {"card": "01c3bc8f-a286-495c-b833-92bc649408a4", "outcome": "overridden", **DATES}


def speak(service: Served, url: str, bearers: list[str]) -> list[int]:
    """All kinds of requests with SECRETS in every place that takes a text; the statuses of the answers."""

    def post(path: str, data: str | bytes, seconds: int = 0, **headers: str) -> int:
        bearer = token(service, path.partition("?")[0], iat=seconds, exp=seconds + 300, sub=S["user"])
        bearers.append(bearer)
        headers = {
            "Authorization": f"Bearer {bearer}",
            "Referer": S["name"],
            "User_Agent": S["user"],
        } | headers
        sent = data if isinstance(data, bytes) else data.encode()
        return service.send("POST", path, sent, **headers).status

    whole, view = {"prefetch": records()}, body("patient-view", url)
    drafts = body("order-select", url, **whole)
    other = view.replace('"token_type"', f'"patient": "{S["other patient"]}", "token_type"')
    why = {"reason": {"code": S["code text"], "system": S["name"]}, "userComment": S["name"]}
    subject = {"name": "subject", "valueString": S["patient"]}
    data = {"name": "data", "resource": records()["conditions"]}
    parameters = json.dumps({"resourceType": "Parameters", "parameter": [subject, data]})
    apply = "/fhir/PlanDefinition/hydration-patient-view/$apply"
    return [
        post(VIEW, body("patient-view", url, **whole)),
        post("/cds-services/hydration-order-select", drafts),
        post(VIEW, view),
        post(VIEW, body("patient-view", f"{url}/{S['name']}")),
        post(VIEW, body("patient-view", f"https://{S['name']}.example.org/fhir")),
        post(VIEW, view[:-1]),
        post(VIEW, body(S["name"], url)),
        post(VIEW, other),
        post(VIEW, view, Content_Type=f"text/{S['name']}"),
        post(VIEW, view, Content_Encoding=S["name"]),
        post(VIEW, view + " " * 200_000),
        post(VIEW, view, -3600),
        post(VIEW, view, Authorization=f"Basic {S['token']}"),
        post(f"{VIEW}?patient={S['patient']}", view),
        post(f"/cds-services/{S['patient']}", view),
        post(f"{VIEW}/feedback", json.dumps({"feedback": [REPORT | {"overrideReason": why}]})),
        post(f"{VIEW}/feedback", json.dumps({"feedback": [REPORT | {"card": S["name"]}]})),
        post(f"/fhir/Patient/{S['patient']}", view),
        post(apply, parameters),
        post(apply, parameters[:-1]),
        service.ask("GET", f"/{S['patient']}?name={S['name']}")[0],
        service.ask("GET", f"/fhir/Patient?identifier={S['identifier']}")[0],
        service.ask(S["patient"].upper(), "/")[0],
    ]


def shout(service: Served) -> None:
    """What gunicorn refuses, or never gets the end of."""
    for line in (
        f"GET /{S['patient']} {S['name']} HTTP/1.1\r\n\r\n",
        f"G@{S['patient']} / HTTP/1.1\r\n\r\n",
        f"GET /{S['patient']} HTTP/1.1\r\nHost: x\r\nX@Y: {S['name']}\r\n\r\n",
        f"GET / HTTP/1.1\r\nHost: x\r\n {S['name']}\r\n\r\n",
        f"GET /{S['patient'] * 1000} HTTP/1.1\r\n\r\n",
        f"GET / HTTP/1.1\r\nHost: x\r\nExpect: {S['name']}\r\n\r\n",
        f"POST /{S['patient']} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n{S['name']}\r\n",
        f"GET /{S['patient']} HTTP/1.1\r\nHost: x\r\nX: {S['name']}",
        f"POST {VIEW} HTTP/1.1\r\nHost: x\r\nContent-Length: 999\r\n\r\n{S['name']}",
    ):
        with contextlib.suppress(OSError, HTTPException):
            service.raw(line.encode(), ends=True)


@pytest.mark.parametrize("level", ["debug", "info"])
def test_nothing_of_a_patient_is_in_all_that_the_running_service_writes(level: str, tmp_path: Path) -> None:
    (tmp_path / "jwks.json").write_text(json.dumps(public(KEY)))
    port, log = free_port(), tmp_path / "log"
    environment = {
        "SARCOMA_CDS_CONTENT_DIR": str(TINY),
        "SARCOMA_CDS_AUTHENTICATION": "jwt",
        "SARCOMA_CDS_PUBLIC_URL": f"http://127.0.0.1:{port}",
        "SARCOMA_CDS_JWT_ISSUERS": json.dumps({ISSUER: str(tmp_path / "jwks.json")}),
        "SARCOMA_CDS_DATABASE_URL": f"sqlite:///{tmp_path}/db/service.sqlite3",  # cannot be used
        "SARCOMA_CDS_LOG_LEVEL": level,
        "SARCOMA_CDS_MAX_BODY_BYTES": "100000",
    }
    replies = iter([Reply(f"<html>{S['name']}</html>".encode(), status=500)] * 4)
    bearers: list[str] = []

    def script(asked: Asked) -> Reply:
        return next(replies, Reply(f"<html>{S['name']}</html>".encode()))

    with ehr(script) as server, served(1, environment, log, port) as service:
        statuses = speak(service, server.url, bearers)
        shout(service)
        assert service.is_up()
    assert {200, 400, 401, 404, 412, 413, 415, 503} <= set(statuses)
    written = log.read_text("utf-8")
    assert [bearer for bearer in bearers if bearer.rsplit(".", 1)[1] in written] == []
    lines = without_secrets(written)
    events = {line["event"] for line in lines}
    assert {"request", "answered", "refused", "token refused", "not read", "reports not kept"} <= events
    assert all("request_id" in line for line in lines if line["event"] == "request")
