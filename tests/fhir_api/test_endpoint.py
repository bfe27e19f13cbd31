"""$apply with `dataEndpoint`: the patient's data read from a FHIR server, under the rules of the hooks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from service.app import create_app
from service.settings import Settings
from tests.cases.patient_language import patient, resources
from tests.cases.service import NOW, guideline
from tests.fhir_api.asking import PATIENT_ID, PLAN, bundle, checked, client, parameters, post
from tests.fhir_server.ehr import Asked, Reply, Script, ehr
from tests.fhir_server.ehr import bundle as searchset

Json = dict[str, Any]
GIST = ("GIST of stomach", "resectability: resectable", "genotype: KIT exon 11")
PATH = f"PlanDefinition/{PLAN}/$apply"


def holding(record: Sequence[Json]) -> Script:
    """A server that has these resources, and finds them by type alone."""

    def script(asked: Asked) -> Reply:
        kind, _, own = asked.target.partition("?")[0].removeprefix("/fhir/").partition("/")
        found = [one for one in record if one["resourceType"] == kind]
        return Reply(found[0] if own else searchset(*found))

    return script


def asked_of(address: str, **more: Any) -> Json:
    """$apply about the patient whose data is at this address."""
    status = {"resourceType": "Endpoint", "status": "active", "address": address}
    code = {
        "system": "http://terminology.hl7.org/CodeSystem/endpoint-connection-type",
        "code": "hl7-fhir-rest",
    }
    endpoint = {**status, "connectionType": code, "payloadType": [{"text": "all"}], **more}
    return parameters(subject=f"Patient/{PATIENT_ID}", dataEndpoint=endpoint)


RECORD = [patient(PATIENT_ID), *resources(GIST, PATIENT_ID)]


def test_data_read_and_data_sent_give_the_same() -> None:
    with ehr(holding(RECORD)) as server:
        found = post(PATH, asked_of(server.url, header=["Authorization: Bearer let-me-in"]))
    assert found == post(PATH, parameters(subject=f"Patient/{PATIENT_ID}", data=bundle(RECORD)))
    assert {asked.headers["Authorization"] for asked in server.asked} == {"Bearer let-me-in"}
    assert all(PATIENT_ID in asked.query for asked in server.asked)


def test_for_an_activity_too() -> None:
    with ehr(holding(RECORD)) as server:
        made = post("ActivityDefinition/drug-imatinib/$apply", asked_of(server.url))
    assert made["resourceType"] == "MedicationRequest"


def test_without_a_token_none_is_sent() -> None:
    with ehr(holding(RECORD)) as server:
        post(PATH, asked_of(server.url))
    assert not any("Authorization" in asked.headers for asked in server.asked)


@pytest.mark.parametrize(
    "address",
    [
        "https://fhir.example.org/fhir",
        "http://169.254.169.254/latest",
        "http://localhost.example.org/fhir",
        "http://127.0.0.1@evil.example.org/fhir",
        "http://0x7f000001/fhir",
        "file:///etc/passwd",
        "//localhost/fhir",
        "http://localhost/fhir?x=y",
        "nothing",
    ],
)
def test_a_server_that_is_not_listed_is_not_called(address: str) -> None:
    outcome = post(PATH, asked_of(address), 422)
    assert "dataEndpoint is not called" in outcome["issue"][0]["details"]["text"]
    assert address not in str(outcome)


def test_production_calls_no_server_on_this_machine(tmp_path: Path) -> None:
    settings = Settings(
        profile="production",
        public_url="https://cds.example.org",
        authentication="none",
        database_url=f"sqlite:///{tmp_path / 'used.sqlite3'}",
        log_level="error",
    )
    app = create_app(settings, clock=lambda: NOW, guideline=guideline())
    with ehr(holding(RECORD)) as server:
        answer = app.test_client().post(f"/fhir/{PATH}", json=asked_of(server.url))
    checked(answer, 422)
    assert not server.asked


def _late(asked: Asked) -> Reply:
    return Reply(searchset(), pause=5)


def _refusing(asked: Asked) -> Reply:
    return Reply(b"", status=403)


def _moved(asked: Asked) -> Reply:
    return Reply(b"", status=302, headers={"Location": "http://127.0.0.1:1/fhir"})


def _nonsense(asked: Asked) -> Reply:
    return Reply(b"<html>")


@pytest.mark.parametrize(
    ("script", "told"),
    [(_refusing, "403"), (_moved, "302"), (_nonsense, "something else than FHIR")],
)
def test_a_server_that_gives_nothing_is_no_patient_without_data(script: Script, told: str) -> None:
    with ehr(script) as server:
        outcome = post(PATH, asked_of(server.url), 422)
    assert told in outcome["issue"][0]["details"]["text"]


def test_a_server_that_is_late_is_no_patient_without_data() -> None:
    settings = Settings(log_level="error", fhir_deadline_ms=300)
    late = create_app(settings, clock=lambda: NOW, guideline=guideline()).test_client()
    with ehr(_late) as server:
        outcome = checked(late.post(f"/fhir/{PATH}", json=asked_of(server.url)), 422)
    assert "in time" in outcome["issue"][0]["details"]["text"]


def test_a_server_that_is_not_there() -> None:
    with ehr(holding(RECORD)) as server:
        pass
    outcome = post(PATH, asked_of(server.url), 422)
    assert "refused the connection" in outcome["issue"][0]["details"]["text"]


def test_data_that_the_answer_needs_and_the_server_refuses_is_named() -> None:
    whole = holding(RECORD)
    with ehr(lambda asked: _refusing(asked) if "/Condition" in asked.target else whole(asked)) as server:
        outcome = post(PATH, asked_of(server.url), 412)
    text = outcome["issue"][0]["details"]["text"]
    assert "Condition" in text
    assert "403" in text


ENDPOINT: Json = {"resourceType": "Endpoint", "status": "active"}
LOCAL = ENDPOINT | {"address": "http://localhost:1/fhir"}
REFUSED: list[tuple[Json, str]] = [
    (ENDPOINT, "address"),
    (ENDPOINT | {"address": 7}, "address"),
    (ENDPOINT | {"address": ""}, "address"),
    (LOCAL | {"status": "off"}, "status"),
    (LOCAL | {"connectionType": {"code": "dicom-wado-rs"}}, "connectionType"),
    (LOCAL | {"connectionType": "hl7-fhir-rest"}, "connectionType"),
    (LOCAL | {"header": ["X-Forwarded-For: 127.0.0.1"]}, "header"),
    (LOCAL | {"header": ["Authorization: Bearer x\r\nX-Other: y"]}, "header"),
    (LOCAL | {"header": ["Authorization: Bearer a", "X-Other: b"]}, "header"),
    (LOCAL | {"header": "Authorization: Bearer x"}, "header"),
    (LOCAL | {"header": [7]}, "header"),
]


@pytest.mark.parametrize(("endpoint", "word"), REFUSED)
def test_an_endpoint_that_cannot_be_used_says_why(endpoint: Json, word: str) -> None:
    outcome = post(PATH, parameters(subject="Patient/1", dataEndpoint=endpoint), 400)
    assert f"dataEndpoint.{word}" in outcome["issue"][0]["details"]["text"]


def test_data_in_two_places_is_refused() -> None:
    asked = parameters(subject="Patient/1", dataEndpoint=LOCAL, data=bundle(RECORD))
    assert "data or dataEndpoint" in post(PATH, asked, 400)["issue"][0]["details"]["text"]


def test_a_get_cannot_carry_an_endpoint() -> None:
    query = {"subject": "Patient/1", "dataEndpoint": "http://localhost:1/fhir"}
    outcome = checked(client().get(f"/fhir/{PATH}", query_string=query), 400)
    assert "Endpoint resource" in outcome["issue"][0]["details"]["text"]
