"""A FHIR server may be anything: each fault has its answer, and it comes although the server does not."""

from __future__ import annotations

import gc
import json
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from tests.cds_hooks.fakes import FakeGuideline, action, app_with, request_body
from tests.fhir_server.ehr import (
    Asked,
    Ehr,
    Json,
    Reply,
    bomb,
    bundle,
    condition,
    ehr,
    endlessly,
    eventually,
    good,
    packed,
)

VIEW = "/cds-services/test-patient-view"
TOKEN = "secret-token.abc"  # noqa: S105 - made up


@pytest.fixture
def server() -> Iterator[Ehr]:
    with ehr(good) as running:
        yield running


def looks_at(*types: str) -> FakeGuideline:
    """A guideline whose one card needs resources of these types."""

    def judge(record: Any) -> None:
        guideline.seen = {name: list(record.retrieve(name, None, None)) for name in types}  # type: ignore[attr-defined]

    guideline = FakeGuideline((action(title="T"),), judge)
    return guideline


def ids(guideline: FakeGuideline, resource_type: str = "Condition") -> list[str]:
    return [resource["id"] for resource in guideline.seen[resource_type]]  # type: ignore[attr-defined]


def call(
    guideline: FakeGuideline,
    url: str,
    prefetch: Json | None = None,
    body: Json | None = None,
    **settings: Any,
) -> TestResponse:
    """A call without prefetch (unless given) that names a FHIR server."""
    authorization = {"access_token": TOKEN, "token_type": "Bearer", "expires_in": 300, "scope": "user/*.read"}
    request = request_body(fhirServer=url, fhirAuthorization=authorization, **(body or {}))
    request["prefetch"] = prefetch
    return app_with(guideline, **settings).test_client().post(VIEW, json=request)


def refused(response: TestResponse, status: int = 412) -> str:
    assert response.status_code == status, response.text
    body = response.get_json()
    assert body["resourceType"] == "OperationOutcome"
    text: str = body["issue"][0]["details"]["text"]
    assert TOKEN not in text
    assert "127.0.0.1" not in text
    return text


def left_out(response: TestResponse) -> dict[str, str]:
    rows = response.get_json()["extension"]["org.example.sarcoma-cds.left-out"]
    return {row["what"]: row["reason"] for row in rows}


def test_what_is_absent_is_read_with_the_token(server: Ehr) -> None:
    guideline = looks_at("Patient", "Condition", "MedicationRequest")
    response = call(guideline, server.url)
    assert response.status_code == 200
    assert "extension" not in response.get_json()
    assert (ids(guideline, "Patient"), ids(guideline)) == (["p1"], ["c1", "c2"])
    assert sorted(asked.query for asked in server.asked) == [
        "/fhir/Condition?patient=p1&_count=200",
        "/fhir/MedicationRequest?patient=p1&_count=200",
        "/fhir/Patient/p1",
    ]
    for asked in server.asked:
        assert asked.headers["Authorization"] == f"Bearer {TOKEN}"
        assert asked.headers["Accept"] == "application/fhir+json"
        assert asked.headers["Host"] == f"127.0.0.1:{server.port}"


def test_keys_are_read_at_the_same_time(server: Ehr) -> None:
    together = threading.Barrier(3, timeout=30)

    def script(asked: Asked) -> Reply:
        together.wait()  # breaks, and gives no answer, unless all three are asked before one is answered
        return good(asked)

    server.script = script
    guideline = looks_at("Patient", "Condition", "MedicationRequest")
    assert call(guideline, server.url, fhir_deadline_ms=10_000).status_code == 200
    assert len(server.asked) == 3


def in_chunks(body: Json) -> Reply:
    data = json.dumps(body).encode()
    chunks = [b"%x\r\n%s\r\n" % (len(part), part) for part in (data[:7], data[7:])]
    return Reply(pieces=[*chunks, b"0\r\n\r\n"], headers={"Transfer-Encoding": "chunked"})


CONDITIONS = bundle(condition("c1"), condition("c2"))


@pytest.mark.parametrize(
    "reply",
    [
        Reply(packed(CONDITIONS), headers={"Content-Encoding": "gzip"}),
        Reply(packed(CONDITIONS), headers={"Content-Encoding": "GZIP"}),
        in_chunks(CONDITIONS),
        Reply(pieces=[json.dumps(CONDITIONS).encode()]),
        Reply(json.dumps(CONDITIONS).encode("utf-8-sig")),
        Reply(CONDITIONS, headers={"Content-Type": "text/plain"}),
    ],
    ids=["gzip", "GZIP", "chunked", "until closed", "byte order mark", "another type"],
)
def test_answers_come_in_several_ways(server: Ehr, reply: Reply) -> None:
    server.script = lambda asked: reply
    guideline = looks_at("Condition")
    assert call(guideline, server.url, {"patient": None, "medications": None}).status_code == 200
    assert ids(guideline) == ["c1", "c2"]


def test_prefetch_and_reading_give_the_same_cards(server: Ehr) -> None:
    given = {
        "patient": {"resourceType": "Patient", "id": "p1"},
        "conditions": bundle(condition("c1"), condition("c2")),
        "medications": None,
    }
    seen = []
    for prefetch in (given, {}, {"patient": given["patient"]}):
        guideline = looks_at("Patient", "Condition", "MedicationRequest")
        response = call(guideline, server.url, prefetch)
        cards = response.get_json()["cards"]
        seen.append((guideline.seen, [{**card, "uuid": ""} for card in cards]))  # type: ignore[attr-defined]
    assert seen[0] == seen[1] == seen[2]


@pytest.mark.parametrize("known", [None, bundle(), {"resourceType": "Condition", "id": "c9"}])
def test_what_is_given_or_known_to_be_empty_is_not_read(server: Ehr, known: Any) -> None:
    response = call(
        looks_at("Condition"), server.url, {"patient": None, "conditions": known, "medications": None}
    )
    assert (response.status_code, server.asked) == (200, [])


def test_an_operation_outcome_is_not_asked_for_again(server: Ehr) -> None:
    outcome = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "forbidden"}]}
    text = refused(
        call(looks_at("Condition"), server.url, {"patient": None, "conditions": outcome, "medications": None})
    )
    assert "'conditions'" in text
    assert server.asked == []


def test_an_order_hook_without_orders_reads_nothing(server: Ehr) -> None:
    request = request_body("order-sign", fhirServer=server.url, prefetch={})
    response = (
        app_with(looks_at("Condition")).test_client().post("/cds-services/test-order-sign", json=request)
    )
    assert (response.get_json(), server.asked) == ({"cards": []}, [])


def test_without_a_token_an_open_server_is_read(server: Ehr) -> None:
    request = request_body(fhirServer=server.url, prefetch={})
    assert app_with(looks_at("Condition")).test_client().post(VIEW, json=request).status_code == 200
    assert all("Authorization" not in asked.headers for asked in server.asked)


@pytest.mark.parametrize(
    "authorization",
    [
        {"access_token": "a\r\nX-Evil: 1"},
        {"access_token": "a b"},
        {"access_token": ""},
        {"access_token": 5},
        {"scope": "user/*.read"},
        {"access_token": TOKEN, "token_type": "mac"},
    ],
)
def test_a_token_that_is_none_is_not_sent(server: Ehr, authorization: Json) -> None:
    body = request_body(fhirServer=server.url, fhirAuthorization=authorization, prefetch={})
    text = refused(app_with(looks_at("Condition")).test_client().post(VIEW, json=body))
    assert "fhirAuthorization" in text
    assert server.asked == []


@pytest.mark.parametrize("own", ["p2", "Patient/p2", "P1"])
def test_a_token_of_another_patient_is_refused_before_any_call(server: Ehr, own: str) -> None:
    authorization = {"access_token": TOKEN, "patient": own}
    body = request_body(fhirServer=server.url, fhirAuthorization=authorization, prefetch={})
    text = refused(app_with(looks_at("Condition")).test_client().post(VIEW, json=body), 400)
    assert "fhirAuthorization.patient" in text
    assert server.asked == []


@pytest.mark.parametrize("own", ["p1", "Patient/p1"])
def test_a_token_of_this_patient_is_used(server: Ehr, own: str) -> None:
    authorization = {"access_token": TOKEN, "token_type": "bearer", "patient": own}
    body = request_body(fhirServer=server.url, fhirAuthorization=authorization, prefetch={})
    assert app_with(looks_at("Condition")).test_client().post(VIEW, json=body).status_code == 200
    assert len(server.asked) == 3


# --- pages


def test_all_pages_are_read_with_the_token(server: Ehr) -> None:
    def script(asked: Asked) -> Reply:
        if "page=" not in asked.query:
            return Reply(bundle(condition("c1"), next_link=f"{server.url}/Condition?page=2|a"))
        if "page=2" in asked.query:
            return Reply(bundle(condition("c2"), next_link="?page=3"))  # relative to the base
        return Reply(bundle(condition("c3")))

    server.script = script
    guideline = looks_at("Condition")
    response = call(guideline, server.url, {"patient": None, "medications": None})
    assert (response.status_code, ids(guideline)) == (200, ["c1", "c2", "c3"])
    assert [asked.target for asked in server.asked][1:] == ["/fhir/Condition?page=2%7Ca", "/fhir/?page=3"]
    assert all(asked.headers["Authorization"] for asked in server.asked)


def test_a_prefetch_bundle_is_finished(server: Ehr) -> None:
    server.script = lambda asked: Reply(bundle(condition("c2")))
    guideline = looks_at("Condition")
    first = bundle(condition("c1"), next_link=f"{server.url}?_getpages=1")
    response = call(guideline, server.url, {"patient": None, "conditions": first, "medications": None})
    assert ids(guideline) == ["c1", "c2"]
    assert "extension" not in response.get_json()
    assert [asked.target for asked in server.asked] == ["/fhir?_getpages=1"]


@pytest.mark.parametrize("status", [403, 500])
def test_a_prefetch_bundle_that_cannot_be_finished_is_said_to_be_a_part(server: Ehr, status: int) -> None:
    server.script = lambda asked: Reply(status=status)
    guideline = looks_at("Condition")
    first = bundle(condition("c1"), next_link=f"{server.url}?_getpages=1")
    response = call(guideline, server.url, {"patient": None, "conditions": first, "medications": None})
    assert ids(guideline) == ["c1"]
    assert left_out(response) == {"conditions": "further pages were not sent"}
    assert "Only a part came of: conditions" in response.get_json()["cards"][0]["detail"]


def test_endless_pages_are_not_read_for_ever(server: Ehr) -> None:
    count = iter(range(10_000))
    server.script = lambda asked: Reply(bundle(condition("c"), next_link=f"{server.url}?page={next(count)}"))
    prefetch = {"patient": None, "medications": None}
    text = refused(
        call(looks_at("Condition"), server.url, prefetch, fhir_max_pages=5, fhir_deadline_ms=10_000)
    )
    assert "more pages" in text
    assert len(server.asked) == 5


def test_pages_in_a_circle_are_not_read_for_ever(server: Ehr) -> None:
    server.script = lambda asked: Reply(bundle(condition("c"), next_link=f"{server.url}?page=1"))
    prefetch = {"patient": None, "medications": None}
    text = refused(call(looks_at("Condition"), server.url, prefetch, fhir_deadline_ms=10_000))
    assert "more pages" in text
    assert len(server.asked) == 2


# --- faults of a server

DATA = {"patient": None, "medications": None}
SLOW_HEAD = b"HTTP/1.1 200 OK\r\nX-Filler: " + b"x" * 60_000
BUNDLE = json.dumps(bundle(condition("c1"))).encode()
FAULTS: dict[str, tuple[Reply, str]] = {
    "slow": (Reply(bundle(condition("c1")), pause=60), "did not answer in time"),
    "dripping body": (Reply(pieces=endlessly(b" "), pause=0.03), "did not answer in time"),
    "dripping headers": (Reply(head=SLOW_HEAD, pause=0.03), "did not answer in time"),
    "400": (Reply(status=400), "refused to answer (400)"),
    "401": (Reply(status=401), "did not accept the access token (401)"),
    "403": (Reply(status=403), "does not let the access token read this (403)"),
    "404": (Reply(status=404), "has nothing there (404)"),
    "410": (Reply(status=410), "has nothing there any more (410)"),
    "429": (Reply(status=429, headers={"Retry-After": "1"}), "is asked too often (429)"),
    "500": (Reply(status=500), "failed (500)"),
    "503": (Reply(status=503), "failed (503)"),
    "204": (Reply(status=204), "refused to answer (204)"),
    "redirect": (Reply(status=302, headers={"Location": "/fhir/Condition"}), "elsewhere (302)"),
    "HTML": (
        Reply(b"<html>Error report</html>", headers={"Content-Type": "text/html"}),
        "something else than",
    ),
    "HTML said to be FHIR": (Reply(b"<html>Error report</html>"), "something else than FHIR"),
    "empty": (Reply(b""), "something else than FHIR"),
    "no resource": (Reply({"entry": []}), "something else than FHIR"),
    "a list": (Reply(b"[1]"), "something else than FHIR"),
    "not UTF-8": (Reply(b'{"resourceType": "\xff"}'), "something else than FHIR"),
    "NaN": (Reply(b'{"resourceType": "Bundle", "total": NaN}'), "something else than FHIR"),
    "deep": (Reply(b"[" * 200_000), "something else than FHIR"),
    "truncated": (Reply(BUNDLE[:50], length=len(BUNDLE)), "broke off its answer"),
    "truncated and not said": (Reply(pieces=[BUNDLE[:50]]), "something else than FHIR"),
    "truncated gzip": (
        Reply(packed(bundle(condition("c1")))[:40], headers={"Content-Encoding": "gzip"}),
        "broke off its answer",
    ),
    "no gzip": (Reply(BUNDLE, headers={"Content-Encoding": "gzip"}), "gzip that is none"),
    "gzip bomb": (Reply(bomb(50), headers={"Content-Encoding": "gzip"}), "more than this service reads"),
    "unknown encoding": (
        Reply(BUNDLE, headers={"Content-Encoding": "br"}),
        "an encoding that nobody asked for",
    ),
    "endless": (Reply(pieces=endlessly(b" " * 65_536)), "more than this service reads"),
    "no Bundle": (Reply(condition("c1")), "something else than a Bundle"),
    "OperationOutcome": (Reply({"resourceType": "OperationOutcome", "issue": []}), "OperationOutcome"),
    "entries that are none": (Reply({"resourceType": "Bundle", "entry": {"a": 1}}), "entries are no list"),
    "next page on another host": (Reply(bundle(next_link="http://127.0.0.2/fhir?p=2")), "another server"),
    "next page on another port": (Reply(bundle(next_link="http://127.0.0.1:1/fhir?p=2")), "another server"),
    "next page by another scheme": (Reply(bundle(next_link="file:///etc/passwd")), "cannot be followed"),
    "next page with a user": (Reply(bundle(next_link="http://a@127.0.0.1/x")), "cannot be followed"),
    "next page without a scheme": (Reply(bundle(next_link="//evil.example.org/x")), "another server"),
    "next page that is no URL": (Reply(bundle(next_link="http://[")), "cannot be followed"),
    "no HTTP": (Reply(head=b"SSH-2.0-OpenSSH\r\n\r\n"), "broke off its answer"),
}
IN_TIME = [name for name, (_, text) in FAULTS.items() if "in time" not in text]


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_of_the_server_is_named_and_gives_no_answer(server: Ehr, name: str) -> None:
    reply, expected = FAULTS[name]
    server.script = lambda asked: reply
    milliseconds = 10_000 if name in IN_TIME else 200
    limits: dict[str, Any] = {"fhir_deadline_ms": milliseconds, "fhir_max_bytes": 2_000_000}
    text = refused(call(looks_at("Condition"), server.url, DATA, **limits))
    assert "'conditions'" in text
    assert "The FHIR server " in text
    assert expected in text


@pytest.mark.parametrize("name", ["slow", "dripping body", "dripping headers"])
def test_no_thread_stays_with_a_server_that_does_not_come_to_an_end(server: Ehr, name: str) -> None:
    server.script = lambda asked: FAULTS[name][0]
    before = {thread for thread in threading.enumerate() if thread.name.startswith("fhir")}
    refused(call(looks_at("Condition"), server.url, DATA, fhir_deadline_ms=100))
    mine = [t for t in threading.enumerate() if t.name.startswith("fhir") and t not in before]
    assert mine
    assert eventually(lambda: not any(_is_reading(t) for t in mine))


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs /proc")
def test_no_file_stays_open_after_a_fault(server: Ehr) -> None:
    limits: dict[str, Any] = {"fhir_deadline_ms": 50, "fhir_max_bytes": 100_000, "log_level": "error"}
    client = app_with(looks_at("Condition"), **limits).test_client()
    body = request_body(fhirServer=server.url, prefetch=DATA)

    def all_faults() -> int:
        for reply, _ in FAULTS.values():
            server.script = lambda asked, reply=reply: reply  # type: ignore[misc]
            client.post(VIEW, json=body)
        gc.collect()
        return len(list(Path("/proc/self/fd").iterdir()))

    before = all_faults()
    assert eventually(lambda: all_faults() <= before + 2)


def _is_reading(thread: threading.Thread) -> bool:
    """Whether the thread is inside an exchange."""
    frame = sys._current_frames().get(thread.ident or 0)
    while frame is not None:
        if frame.f_code.co_filename.endswith("exchange.py"):
            return True
        frame = frame.f_back
    return False


@pytest.mark.parametrize("name", FAULTS)
def test_optional_data_that_the_server_does_not_give_is_said_to_be_missing(server: Ehr, name: str) -> None:
    reply, expected = FAULTS[name]
    server.script = lambda asked: reply
    milliseconds = 10_000 if name in IN_TIME else 100
    limits: dict[str, Any] = {"fhir_deadline_ms": milliseconds, "fhir_max_bytes": 2_000_000}
    prefetch = {"patient": None, "conditions": None}
    response = call(looks_at("MedicationRequest"), server.url, prefetch, **limits)
    assert response.status_code == 200
    (card,) = response.get_json()["cards"]
    assert card["detail"].endswith("**Not considered**: Not available: medications.")
    assert left_out(response)["medications"].startswith("not given: the FHIR server ")
    assert expected in left_out(response)["medications"]


def test_nobody_at_the_port() -> None:
    with ehr(good) as gone:
        url = gone.url
    assert "refused the connection" in refused(call(looks_at("Condition"), url, DATA))


def test_what_no_rule_needs_may_fail(server: Ehr) -> None:
    server.script = lambda asked: good(asked) if "Condition" in asked.target else Reply(status=500)
    response = call(looks_at("Condition"), server.url, {})
    assert (response.status_code, "extension" in response.get_json()) == (200, False)


def test_data_of_another_patient_is_no_data(server: Ehr) -> None:
    server.script = lambda asked: Reply(bundle(condition("c1", "p2"), condition("c2", "p3")))
    text = refused(call(looks_at("Condition"), server.url, DATA))
    assert "'conditions'" in text
    assert "p2" not in text


def test_what_is_of_another_patient_among_the_rest_is_left_out(server: Ehr) -> None:
    server.script = lambda asked: Reply(bundle(condition("c1", "p2"), condition("c2")))
    guideline = looks_at("Condition")
    response = call(guideline, server.url, DATA)
    assert ids(guideline) == ["c2"]
    assert left_out(response) == {"Condition/c1": "not about this patient"}


def test_another_patient_read_for_this_one_is_no_data(server: Ehr) -> None:
    server.script = lambda asked: Reply({"resourceType": "Patient", "id": "p2"})
    refused(call(looks_at("Patient"), server.url, {"conditions": None, "medications": None}))


@pytest.mark.parametrize(
    ("scope", "explained"),
    [
        ("patient/Observation.read user/Condition.write", True),
        ("patient/Condition.c launch", True),
        ("patient/Condition.read", False),
        ("patient/Condition.rs", False),
        ("system/*.cruds?category=x", False),
        ("", False),
    ],
)
def test_a_scope_explains_a_refusal(server: Ehr, scope: str, explained: bool) -> None:
    server.script = lambda asked: Reply(status=403)
    authorization = {"access_token": TOKEN, "token_type": "Bearer", "scope": scope}
    body = request_body(fhirServer=server.url, fhirAuthorization=authorization, prefetch=DATA)
    text = refused(app_with(looks_at("Condition")).test_client().post(VIEW, json=body))
    assert ("no scope of the token names Condition" in text) is explained
    assert len(server.asked) == 1  # the server was asked all the same


# --- whatever it sends


LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=10)
NAMES = st.sampled_from(
    [
        "resourceType",
        "entry",
        "resource",
        "link",
        "relation",
        "url",
        "id",
        "subject",
        "reference",
        "issue",
        "meta",
    ]
)
SAID = st.sampled_from(
    [
        "Bundle",
        "Condition",
        "OperationOutcome",
        "Patient",
        "next",
        "?page=1",
        "//x",
        "http://[",
        "Patient/p1",
        "\x00",
    ]
)
JUNK = st.recursive(
    LEAVES | SAID,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=25,
)
BUNDLES = st.fixed_dictionaries({"resourceType": st.just("Bundle")}, optional={"entry": JUNK, "link": JUNK})


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=60) | (BUNDLES | JUNK).map(lambda value: json.dumps(value).encode()))
def test_nothing_that_a_server_sends_is_a_failure_of_ours(server: Ehr, sent: bytes) -> None:
    server.script = lambda asked: Reply(sent)
    client = app_with(looks_at("Condition"), log_level="error", fhir_deadline_ms=10_000).test_client()
    response = client.post(VIEW, json=request_body(fhirServer=server.url, prefetch=DATA))
    assert response.status_code in (200, 412), response.text
