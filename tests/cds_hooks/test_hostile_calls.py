"""Calls with something broken in them, anywhere: refused or answered, and never a failure of ours."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from flask.testing import FlaskClient
from hypothesis import given, settings
from hypothesis import strategies as st

from service.app import create_app
from service.settings import Settings
from tests.cds_hooks.fakes import NOW

HERE = Path(__file__).parent
TINY = HERE.parent / "guidelines" / "tiny"
REAL = HERE.parent.parent.parent / "shared" / "real-requests"
SCHEMA = jsonschema.Draft7Validator(json.loads((HERE / "response_schema.json").read_text()))
CONCEPTS = "https://hydration.example.org/fhir/CodeSystem/hydration-concepts"
SUBJECT = {"reference": "Patient/p"}

Json = dict[str, Any]


def coded(code: str) -> Json:
    return {
        "coding": [{"system": "urn:local", "code": "1"}, {"system": CONCEPTS, "code": code}],
        "text": code,
    }


CALL: Json = {
    "hook": "order-select",
    "hookInstance": "27ef280a-2e40-4886-8de9-c9fc1d416f3e",
    "context": {
        "userId": "Practitioner/1",
        "patientId": "p",
        "selections": ["MedicationRequest/d"],
        "draftOrders": {
            "resourceType": "Bundle",
            "entry": [
                {
                    "resource": {
                        "resourceType": "MedicationRequest",
                        "id": "d",
                        "status": "draft",
                        "medicationCodeableConcept": coded("sea-water"),
                        "category": {"coding": [{"code": "community"}]},
                        "subject": SUBJECT,
                    }
                }
            ],
        },
    },
    "prefetch": {
        "patient": {"resourceType": "Patient", "id": "p"},
        "conditions": {
            "resourceType": "Bundle",
            "type": "searchset",
            "entry": [
                {
                    "fullUrl": "https://ehr.example.org/fhir/Condition/c",
                    "resource": {
                        "resourceType": "Condition",
                        "id": "c",
                        "meta": {"lastUpdated": "2026-01-01T00:00:00Z", "versionId": "2"},
                        "code": coded("thirst"),
                        "recordedDate": "2026-01-01",
                        "subject": SUBJECT,
                    },
                }
            ],
        },
        "observations": {
            "resourceType": "Observation",
            "id": "o",
            "status": "final",
            "code": coded("thirst-level"),
            "subject": SUBJECT,
            "effectiveDateTime": "2026-01-02",
            "valueInteger": 5,
        },
        "drinks": {
            "resourceType": "MedicationStatement",
            "id": "m",
            "contained": [{"resourceType": "Medication", "id": "inside", "code": coded("lemonade")}],
            "medicationReference": {"reference": "#inside"},
            "subject": SUBJECT,
        },
    },
}


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    for step, inner in (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    ):
        yield from places(inner, (*path, step))


PLACES = list(places(CALL))
NOTHING: list[Any] = [None, "", 0, False, [], {}, [None], [{}], [[]]]
ODD: list[Any] = [-1, True, {"coding": [{}]}, {"coding": 5}, {"reference": "#"}, ["a", "b"], 10**20, 1e300]
TEXTS = ["x" * 300, "<script>", "2026-02-31", "9999-12-31T23:59:59.999Z", "\u0000", "\ud800", "Patient/"]
JUNK = st.sampled_from([*NOTHING, *ODD, *TEXTS])


@pytest.fixture(scope="module")
def client() -> FlaskClient:
    return create_app(Settings(content_dir=TINY), lambda: NOW).test_client()


def check(client: FlaskClient, body: Json, hook: str) -> int:
    response = client.post(
        f"/cds-services/hydration-{hook}", data=json.dumps(body), content_type="application/json"
    )
    assert response.status_code in (200, 400, 412), response.text
    if response.status_code == 200:
        SCHEMA.validate(response.json)
    else:
        assert response.json["resourceType"] == "OperationOutcome"  # type: ignore[index]
    return response.status_code


@pytest.mark.parametrize("hook", ["patient-view", "order-select"])
def test_the_call_itself_is_answered(client: FlaskClient, hook: str) -> None:
    response = client.post(f"/cds-services/hydration-{hook}", json={**CALL, "hook": hook})
    assert response.status_code == 200
    assert len(response.json["cards"]) == 1  # type: ignore[index]
    assert set(response.json) == {"cards"}  # type: ignore[arg-type]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(PLACES), JUNK), min_size=1, max_size=3), st.booleans())
def test_junk_anywhere_is_no_failure_of_ours(
    client: FlaskClient, faults: list[tuple[tuple[Any, ...], Any]], viewing: bool
) -> None:
    hook = "patient-view" if viewing else "order-select"
    body = copy.deepcopy({**CALL, "hook": hook})
    for path, junk in faults:
        target: Any = body
        with suppress(KeyError, IndexError, TypeError):  # an earlier fault took the place away
            for step in path[:-1]:
                target = target[step]
            target[path[-1]] = junk
    check(client, body, hook)


@pytest.mark.parametrize("path", PLACES, ids=lambda path: ".".join(map(str, path)))
def test_any_part_may_be_missing(client: FlaskClient, path: tuple[Any, ...]) -> None:
    body = copy.deepcopy(CALL)
    target: Any = body
    for step in path[:-1]:
        target = target[step]
    del target[path[-1]]
    required = (("hook",), ("hookInstance",), ("context",), ("context", "userId"), ("context", "patientId"))
    assert (check(client, body, "order-select") == 400) is (path in required)


@pytest.mark.skipif(not REAL.is_dir(), reason="no recorded requests beside the project")
def test_what_a_real_client_sends_is_understood(client: FlaskClient) -> None:
    files = sorted(REAL.glob("order-select-*.json"))
    assert files
    for file in files:
        body = json.loads(file.read_text())
        body["prefetch"] |= {"conditions": None, "observations": None}
        assert check(client, body, "order-select") == 200, file.name
