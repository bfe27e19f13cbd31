"""Calls over HTTP: what is answered, what is refused and how, around a guideline that is made up."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from service.guideline import Fact, GuidelineError
from tests.cds_hooks.fakes import NOW, FakeGuideline, action, app_with, request_body

VIEW, SELECT, SIGN = (f"/cds-services/test-{hook}" for hook in ("patient-view", "order-select", "order-sign"))
DRAFT = {"resourceType": "MedicationRequest", "id": "d1", "subject": {"reference": "Patient/p1"}}


def client(guideline: FakeGuideline | None = None, **settings: Any) -> FlaskClient:
    return app_with(guideline or FakeGuideline((action(title="T"),)), **settings).test_client()


def refused(response: TestResponse, status: int) -> str:
    """The text of an OperationOutcome, after a look at the rest of it."""
    assert response.status_code == status
    assert response.mimetype == "application/json"
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    body = response.json
    assert body is not None
    assert body["resourceType"] == "OperationOutcome"
    (issue,) = body["issue"]
    assert set(issue) == {"severity", "code", "details"}
    assert issue["severity"] == "error"
    text: str = issue["details"]["text"]
    assert "Traceback" not in text
    assert "<" not in text
    return text


def with_context(hook: str = "patient-view", **members: Any) -> dict[str, Any]:
    return request_body(hook, context={"userId": "Practitioner/dr", "patientId": "p1", **members})


def test_a_sound_call_is_answered() -> None:
    guideline = FakeGuideline((action(title="Drink"),))
    response = client(guideline).post(VIEW, json=request_body())
    assert (response.status_code, response.mimetype) == (200, "application/json")
    assert [card["summary"] for card in response.json["cards"]] == ["Drink"]  # type: ignore[index]
    assert response.headers["Cache-Control"] == "no-store"
    asked = guideline.asked[0]
    assert (asked["now"], asked["parameters"], asked["plan"]) == (NOW, {}, "test-patient-view")
    assert asked["subject"] == "Patient/p1"


class Dripping:
    """A server's stream that gives seven bytes at a time, whatever is asked for."""

    def __init__(self, body: bytes) -> None:
        self.left = body

    def read(self, size: int = -1) -> bytes:
        piece, self.left = self.left[:7], self.left[7:]
        return piece


@pytest.mark.parametrize(("more", "status"), [(0, 200), (1, 400)])
def test_a_body_is_put_together_and_one_that_ends_early_is_refused(more: int, status: int) -> None:
    sound = json.dumps(request_body()).encode()
    environ = {"wsgi.input": Dripping(sound), "CONTENT_LENGTH": str(len(sound) + more)}
    response = client().post(VIEW, content_type="application/json", environ_overrides=environ)
    assert response.status_code == status


def test_nothing_to_say_is_an_empty_list() -> None:
    assert client(FakeGuideline()).post(VIEW, json=request_body()).json == {"cards": []}


@pytest.mark.parametrize("own", ["p1", "Patient/p1"])
def test_the_patient_may_be_named_with_its_type(own: str) -> None:
    guideline = FakeGuideline(judge=lambda record: record.retrieve("Patient", None, None))
    assert client(guideline).post(VIEW, json=with_context(patientId=own)).status_code == 200
    assert guideline.asked[0]["subject"] == "Patient/p1"


@pytest.mark.parametrize("content_type", ["application/json; charset=UTF-8", "application/fhir+json"])
def test_json_may_be_declared_in_other_ways(content_type: str) -> None:
    body = json.dumps(request_body())
    assert client().post(VIEW, data=body, content_type=content_type).status_code == 200


def test_unknown_members_and_a_byte_order_mark_do_no_harm() -> None:
    body = request_body(extension={"a": [1]}, user="Practitioner/1", patient="1", fhirServer="https://e.org")
    data = b"\xef\xbb\xbf" + json.dumps(body).encode()
    assert client().post(VIEW, data=data, content_type="application/json").status_code == 200


@pytest.mark.parametrize("prefetch", [None, {}])
def test_without_data_that_the_answer_needs_there_is_no_answer(prefetch: Any) -> None:
    guideline = FakeGuideline(judge=lambda record: record.retrieve("Condition", None, None))
    text = refused(client(guideline).post(VIEW, json=request_body(prefetch=prefetch)), 412)
    assert "Condition" in text
    assert "'conditions'" in text
    body = request_body() | {"prefetch": None}
    refused(client(guideline).post(VIEW, json=body), 412)


def test_without_data_that_the_answer_does_not_need_there_is_one() -> None:
    assert client().post(VIEW, json=request_body(prefetch={})).status_code == 200


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "hook is missing"),
        ({"hook": "patient-view", "hookInstance": "1"}, "context is missing"),
        (request_body() | {"hook": 5}, "hook is not as expected"),
        (request_body() | {"hookInstance": ""}, "hookInstance is not as expected"),
        (request_body() | {"context": []}, "context is not as expected"),
        (request_body() | {"context": {"userId": "a"}}, "context.patientId is missing"),
        (request_body() | {"context": {"patientId": "a"}}, "context.userId is missing"),
        (with_context(patientId="secret id"), "context.patientId is not as expected"),
        (with_context(patientId="secret\n"), "context.patientId is not as expected"),
        (with_context(patientId=["secret"]), "context.patientId is not as expected"),
        (with_context(draftOrders="secret"), "context.draftOrders is not as expected"),
        (with_context(selections=[{"a": "secret"}]), "context.selections.0 is not as expected"),
        (request_body(prefetch=["secret"]), "prefetch is not as expected"),
        (request_body(fhirAuthorization={"access_token": "secret"}), "fhirServer is missing"),
        (request_body() | {"hook": "secret"}, "Send patient-view"),
        (["secret"], "not a JSON object"),
        ("secret", "not a JSON object"),
    ],
)
def test_a_faulty_envelope_is_refused_by_the_name_of_the_field(body: Any, field: str) -> None:
    text = refused(client().post(VIEW, json=body), 400)
    assert field in text
    assert "secret" not in text


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"{'hook': 1}",
        b'{"hook": "a",}',
        b'{"hook": NaN}',
        b'{"hook": -Infinity}',
        b'{"hook": "a", "hook": "b"}',
        b'{"hook": "\xff"}',
        b'{"a":' * 100_000,
        b"[" * 100_000,
        b'{"hook": ' + b"1" * 5000 + b"}",
        b'{"hook": "a", "hookInstance": "b", "context": {"patientId": "a", "patientId": "b"}}',
        b'{"hook": "a", "hookInstance": "b", "context": {}, "prefetch": {"a": null, "a": null}}',
    ],
)
def test_what_is_not_json_is_refused(data: bytes) -> None:
    refused(client().post(VIEW, data=data, content_type="application/json"), 400)


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/x-www-form-urlencoded", "", "application/json; charset=latin-1"],
)
def test_other_media_types_are_refused(content_type: str) -> None:
    refused(client().post(VIEW, data="{}", content_type=content_type), 415)


def test_a_compressed_body_is_refused() -> None:
    refused(
        client().post(VIEW, data=b"x", content_type="application/json", headers={"Content-Encoding": "gzip"}),
        415,
    )


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_over_the_limit_is_refused(chunked: bool) -> None:
    sound = json.dumps(request_body()).encode()
    small = client(max_body_bytes=len(sound))
    how: dict[str, Any] = {"content_type": "application/json"}
    if chunked:
        how["environ_overrides"] = {"CONTENT_LENGTH": "", "wsgi.input_terminated": True}
        how["headers"] = {"Transfer-Encoding": "chunked"}
    assert small.post(VIEW, data=sound, **how).status_code == 200
    for more in (1, 100_000):
        refused(small.post(VIEW, data=sound + b" " * more, **how), 413)


def test_an_unknown_service_and_the_wrong_method() -> None:
    refused(client().post("/cds-services/none", json=request_body()), 404)
    refused(client().post("/cds-services/<script>", json=request_body()), 404)
    for method, path, allowed in (
        ("GET", VIEW, {"POST", "OPTIONS"}),
        ("POST", "/cds-services", {"GET", "HEAD", "OPTIONS"}),
    ):
        response = client().open(path, method=method)
        refused(response, 405)
        assert set(response.headers["Allow"].split(", ")) == allowed


def test_our_own_failure_is_no_empty_list_and_tells_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    def fail(record: Any) -> None:
        raise ValueError("patient Jane Doe")

    response = client(FakeGuideline(judge=fail)).post(
        VIEW, json=request_body(), headers={"X-Request-ID": "r-1"}
    )
    assert "Jane" not in refused(response, 500)
    line = json.loads(capsys.readouterr().err.strip().splitlines()[-1])
    assert (line["request_id"], line["error"], line["status"]) == ("r-1", "ValueError", 500)
    assert any(" fail" in frame for frame in line["frames"])
    assert "Jane" not in str(line)


def test_the_log_names_the_place_in_the_guideline_that_failed(capsys: pytest.CaptureFixture[str]) -> None:
    def fail(record: Any) -> None:
        try:
            raise KeyError("Jane Doe")
        except KeyError as error:
            raise GuidelineError("plan/action", "Logic.Define", "Jane Doe") from error

    refused(client(FakeGuideline(judge=fail)).post(VIEW, json=request_body()), 500)
    line = json.loads(capsys.readouterr().err.strip().splitlines()[-1])
    assert (line["path"], line["define"], line["causes"]) == ("plan/action", "Logic.Define", ["KeyError"])
    assert "Jane" not in str(line)


def test_a_card_that_cannot_be_written_is_our_failure() -> None:
    guideline = FakeGuideline((action(title="T", resource={"resourceType": "Task", "for": object()}),))
    refused(client(guideline).post(VIEW, json=request_body()), 500)


def test_orders_reach_the_logic() -> None:
    for hook, path, selections in (
        ("order-select", SELECT, ["MedicationRequest/d1"]),
        ("order-sign", SIGN, None),
    ):
        guideline = FakeGuideline((action(title="T"),))
        body = with_context(
            hook,
            draftOrders={"resourceType": "Bundle", "entry": [{"resource": DRAFT}]},
            selections=["MedicationRequest/d1"],
        )
        assert client(guideline, default_country="GB").post(path, json=body).status_code == 200
        assert guideline.asked[0]["parameters"] == {
            "draftOrders": [DRAFT],
            "selections": selections,
            "country": "GB",
        }


@pytest.mark.parametrize("path", [SELECT, SIGN])
@pytest.mark.parametrize("members", [{}, {"draftOrders": None}, {"draftOrders": {"resourceType": "Bundle"}}])
def test_without_orders_there_is_nothing_to_judge(path: str, members: dict[str, Any]) -> None:
    guideline = FakeGuideline((action(title="T"),))
    body = with_context(path.removeprefix("/cds-services/test-"), **members) | {"prefetch": {}}
    assert client(guideline).post(path, json=body).json == {"cards": []}
    assert guideline.asked == []


def test_when_no_order_can_be_read_there_is_no_answer() -> None:
    orders = {"resourceType": "Bundle", "entry": [{"resource": {**DRAFT, "medicationCodeableConcept": 5}}]}
    text = refused(client().post(SIGN, json=with_context("order-sign", draftOrders=orders)), 412)
    assert "draftOrders.entry[0]" in text


def test_numbers_survive_an_update_digit_by_digit() -> None:
    dose = {"resourceType": "MedicationRequest", "id": "d1", "insurance": [{"x": "@"}]}
    body = json.dumps(
        with_context("order-sign", draftOrders={"resourceType": "Bundle", "entry": [{"resource": dose}]})
    ).replace('"@"', "1.10")
    new = action(title="New", type="update", resource={"resourceType": "MedicationRequest"})
    guideline = FakeGuideline((action(title="T", drafts=("MedicationRequest/d1",), children=(new,)),))
    response = client(guideline).post(SIGN, data=body, content_type="application/json")
    assert '"insurance": [{"x": 1.10}]' in response.text


def test_what_was_left_out_is_said_without_clinical_data() -> None:
    guideline = FakeGuideline(judge=lambda record: record.retrieve("Condition", None, None))
    wrong = {"resourceType": "Condition", "id": "c", "code": {"text": "Secret"}, "recordedDate": "Secret"}
    response = client(guideline).post(VIEW, json=request_body(prefetch={"conditions": wrong}))
    assert response.json == {
        "cards": [],
        "extension": {
            "org.example.sarcoma-cds.left-out": [
                {"key": "conditions", "what": "Condition/c", "reason": "malformed: recordedDate"}
            ]
        },
    }


def test_the_log_names_the_call_and_no_patient(capsys: pytest.CaptureFixture[str], caplog: Any) -> None:
    caplog.set_level(logging.DEBUG)
    guideline = FakeGuideline((action(title="T", facts=(Fact("Name", "Jane Doe", None, None),)),))
    body = with_context(patientId="patient-4711")
    body["prefetch"] = {
        "conditions": {"resourceType": "Condition", "id": "4712", "subject": {"reference": "Patient/x"}}
    }
    response = client(guideline, log_level="debug").post(
        VIEW, json=body, headers={"X-Correlation-ID": "abc-1"}
    )
    assert response.headers["X-Request-ID"] == "abc-1"
    _, line = map(json.loads, capsys.readouterr().err.strip().splitlines())  # after the start
    expected = {
        "request_id": "abc-1",
        "service": "test-patient-view",
        "hook": "patient-view",
        "cards": 1,
        "left_out": 1,
    }
    assert expected.items() <= line.items()
    assert line["milliseconds"] >= 0
    assert not any(secret in str(line) + caplog.text for secret in ("4711", "4712", "Jane"))


def test_discovery_lists_every_service_without_empty_members() -> None:
    (view, *others) = client().get("/cds-services").json["services"]  # type: ignore[index]
    names = ("hook", "title", "description", "id", "prefetch", "usageRequirements", "version", "hookVersion")
    assert tuple(view) == names
    assert list(view["prefetch"]) == ["patient", "conditions", "medications"]
    assert (view["version"], view["hookVersion"]) == ("2.0.1", "1.0")
    assert [other["hook"] for other in others] == ["order-select", "order-sign"]
    bare = client(FakeGuideline(usage=None, data_needs=())).get("/cds-services").json
    assert set(bare["services"][0]) == {"hook", "title", "description", "id", "version", "hookVersion"}  # type: ignore[index]
