"""Requests made to hurt: a 4xx or a right answer, in bounded memory, and never a failure of ours."""

from __future__ import annotations

import gzip
import json
import re
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.app import create_app
from service.settings import Settings
from tests.cds_hooks.fakes import NOW
from tests.cds_hooks.test_hostile_calls import CONCEPTS, coded
from tests.serving import Served, served

ROOT = Path(__file__).parent.parent
TINY = ROOT / "tests" / "guidelines" / "tiny"
VIEW = "/cds-services/hydration-patient-view"
SUBJECT = {"reference": "Patient/p"}
MEMORY = 1_500_000_000
"""Address space of a process that gets the largest of these requests; a careless reader needs more."""


def thirst(number: int = 0) -> dict[str, Any]:
    return {
        "resourceType": "Condition",
        "id": f"c{number}",
        "code": coded("thirst"),
        "recordedDate": "2026-01-01",
        "subject": SUBJECT,
    }


def level(value: str) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": "o",
        "status": "final",
        "code": coded("thirst-level"),
        "subject": SUBJECT,
        "effectiveDateTime": "2026-01-02",
        "valueInteger": value,
    }


def call(conditions: Any = None, observations: Any = None, **members: Any) -> str:
    return json.dumps(
        {
            "hook": "patient-view",
            "hookInstance": "27ef280a-2e40-4886-8de9-c9fc1d416f3e",
            "context": {"userId": "Practitioner/1", "patientId": "p"},
            "prefetch": {
                "patient": {"resourceType": "Patient", "id": "p"},
                "conditions": conditions,
                "observations": observations,
                "drinks": None,
            },
            **members,
        }
    )


def bundle(resources: list[Any]) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": r} for r in resources]}


def blank(number: int) -> dict[str, Any]:
    return {"resourceType": "Observation", "id": str(number)}


DEEP = '{"a":' * 200_000 + "1" + "}" * 200_000
LISTS = "[" * 200_000 + "]" * 200_000
REQUESTS: dict[str, tuple[bytes, tuple[int, ...]]] = {
    "200,000 levels": (DEEP.encode(), (400,)),
    "200,000 levels of lists": (LISTS.encode(), (400,)),
    "200,000 levels, never closed": (b"[" * 200_000, (400,)),
    "200,000 levels in a resource": (call(["@"]).replace('["@"]', DEEP).encode(), (400,)),
    "200,000 levels in the context": (call(extension="@").replace('"@"', DEEP).encode(), (400,)),
    "NaN": (call(observations=level("@")).replace('"@"', "NaN").encode(), (400,)),
    "Infinity": (call(observations=level("@")).replace('"@"', "-Infinity").encode(), (400,)),
    "1e999": (call([thirst()], level("@")).replace('"@"', "1e999").encode(), (200, 400, 412)),
    "1e-999": (call([thirst()], level("@")).replace('"@"', "1e-999").encode(), (200, 400, 412)),
    "1e999999999": (call([thirst()], level("@")).replace('"@"', "1e999999999").encode(), (200, 400, 412)),
    "30 digits": (call(bundle([thirst()]), level("@")).replace('"@"', "9" * 30).encode(), (200,)),
    "4,000 digits": (call(bundle([thirst()]), level("@")).replace('"@"', "9" * 4000).encode(), (200,)),
    "5,000 digits": (call(bundle([thirst()]), level("@")).replace('"@"', "9" * 5000).encode(), (400,)),
    "a key twice in the envelope": (b'{"hook": "a",' + call()[1:].encode(), (400,)),
    "a key twice in the context": (
        call().replace('"patientId"', '"patientId": "q", "patientId"').encode(),
        (400,),
    ),
    "a key twice in prefetch": (call().replace('"drinks"', '"drinks": null, "drinks"').encode(), (400,)),
    "a key twice in the authorization": (
        call(fhirServer="x", fhirAuthorization="@")
        .replace('"@"', '{"access_token": "a", "access_token": "b"}')
        .encode(),
        (400,),
    ),
    "bad UTF-8": (call().replace("p", "\udcff").encode("utf-8", "surrogateescape"), (400,)),
    "UTF-16": (call().encode("utf-16"), (400,)),
    "a surrogate": (call().replace('"Practitioner/1"', '"\\ud800"').encode(), (200,)),
    "50,000 entries": (call(bundle([thirst()]), bundle([blank(n) for n in range(50_000)])).encode(), (200,)),
    "50,000 entries that count": (
        call(bundle([{**thirst(n), "recordedDate": None} for n in range(20_000)])).encode(),
        (200, 413),
    ),
    "50,000 nulls": (call({"resourceType": "Bundle", "entry": [None] * 50_000}).encode(), (200,)),
    "a string of 4 MB": (call([{**thirst(), "note": "x" * 4_000_000}]).encode(), (200, 412)),
    "a string of 10 MB": (call([{**thirst(), "note": "x" * 10_000_000}]).encode(), (413,)),
    "a code of 4 MB": (call(bundle([{**thirst(), "code": coded("x" * 2_000_000)}])).encode(), (200,)),
    "a million codings": (
        call(bundle([{**thirst(), "code": {"coding": [{}] * 1_000_000}}])).encode(),
        (200, 412),
    ),
    "100,000 keys": (call(**{f"k{n}": n for n in range(100_000)}).encode(), (200,)),
    "100,000 prefetch keys": (
        call().replace('"drinks"', "".join(f'"k{n}": null, ' for n in range(100_000)) + '"drinks"').encode(),
        (200,),
    ),
    "an id of 1 MB": (call().replace('"p"', f'"{"p" * 1_000_000}"').encode(), (400,)),
}


@pytest.fixture(scope="module")
def client() -> FlaskClient:
    return create_app(Settings(content_dir=TINY, log_level="error"), lambda: NOW).test_client()


def _in_little_memory(name: str) -> int:
    """Runs in a process of its own, which may not grow beyond MEMORY: the status of the answer."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    app = create_app(Settings(content_dir=TINY, log_level="error"), lambda: NOW)
    data, _ = REQUESTS[name]
    return app.test_client().post(VIEW, data=data, content_type="application/json").status_code


@pytest.mark.parametrize("name", REQUESTS)
def test_what_is_made_to_hurt_does_not(client: FlaskClient, name: str) -> None:
    data, expected = REQUESTS[name]
    response = client.post(VIEW, data=data, content_type="application/json")
    assert response.status_code in expected, response.text[:500]
    if response.status_code != 200:
        assert response.get_json()["resourceType"] == "OperationOutcome"


@pytest.fixture(scope="module")
def running() -> Iterator[Served]:
    with served(1, {"SARCOMA_CDS_CONTENT_DIR": str(TINY)}) as service:
        yield service


@pytest.mark.parametrize("name", REQUESTS)
def test_the_running_service_bears_it_too(running: Served, name: str) -> None:
    data, expected = REQUESTS[name]
    (worker,) = running.workers()
    started = time.monotonic()
    answer = running.send("POST", VIEW, data)
    assert answer.status in expected
    assert time.monotonic() - started < 20
    assert running.workers() == [worker]
    peak = int(Path(f"/proc/{worker}/status").read_text().split("VmHWM:")[1].split()[0])
    assert peak * 1024 < MEMORY


def test_50_000_entries_hide_nothing(client: FlaskClient) -> None:
    data, _ = REQUESTS["50,000 entries"]
    cards = client.post(VIEW, data=data, content_type="application/json").get_json()["cards"]
    alone = client.post(VIEW, data=call(bundle([thirst()])), content_type="application/json").get_json()
    assert [card["summary"] for card in cards] == [card["summary"] for card in alone["cards"]] != []


@pytest.mark.parametrize("value", ["9" * 31, "1e999", "-1e999"])
def test_a_number_that_nobody_measures_is_no_value(client: FlaskClient, value: str) -> None:
    data = call(bundle([thirst()]), level("@")).replace('"@"', value)
    body = client.post(VIEW, data=data, content_type="application/json").get_json()
    assert value not in json.dumps(body)
    (row,) = body["extension"]["org.example.sarcoma-cds.left-out"]
    assert row["what"] == "Observation/o"
    assert all("1 entry of the patient's data could not be read" in card["detail"] for card in body["cards"])
    assert body["cards"]


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "deflate", "br", "gzip, gzip", "x"])
def test_compressed_bodies_are_refused_unread(client: FlaskClient, encoding: str) -> None:
    bomb = gzip.compress(b"0" * 50_000_000)
    response = client.post(
        VIEW, data=bomb, content_type="application/json", headers={"Content-Encoding": encoding}
    )
    assert response.status_code == 415


def test_the_worst_of_them_need_little_memory() -> None:
    names = ["a million codings", "50,000 entries", "a string of 4 MB", "200,000 levels", "100,000 keys"]
    code = (
        "from tests import test_hostile_input as here\n"
        f"for name in {names!r}:\n"
        "    status = here._in_little_memory(name)\n"
        "    assert status in here.REQUESTS[name][1], (name, status)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)  # noqa: S603
    assert done.returncode == 0, done.stderr[-2000:]


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
NAMES = ("hook", "hookInstance", "context", "prefetch", "fhirServer", "fhirAuthorization", "extension")
CALLS = st.fixed_dictionaries({}, optional=dict.fromkeys(NAMES, ANYTHING)).map(
    lambda members: json.dumps({**json.loads(call()), **members}).encode()
)
BODIES = st.binary(max_size=200) | ANYTHING.map(lambda value: json.dumps(value).encode()) | CALLS
KNOWN = [
    "/",
    "/*",
    "/cds-services",
    "/cds-services/",
    "/cds-services/hydration-patient-view/feedback",
    "/fhir/metadata",
    "/fhir/Patient/$x",
    "/fhir",
    "/openapi.json",
    "/__version__",
    "/%00",
    "/..%2f",
    "/cds-services/%ff",
]
LETTERS = st.characters(codec="ascii", categories=["L", "N", "P"], exclude_characters="[]/?")
PATHS = st.sampled_from([VIEW, *KNOWN]) | st.text(LETTERS, max_size=20).map(lambda text: f"/{text}")
HEADER = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30)
SENT = [
    "Content-Type",
    "Content-Encoding",
    "Accept",
    "Origin",
    "Authorization",
    "X-Request-ID",
    "Range",
    "If-None-Match",
    "If-Modified-Since",
    "Access-Control-Request-Method",
    "Cookie",
    "Expect",
    "X-Forwarded-For",
]
HEADERS = st.dictionaries(st.sampled_from(SENT), HEADER | st.just("application/json"), max_size=5)


@settings(max_examples=400, deadline=None)
@given(
    st.sampled_from(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]),
    PATHS,
    HEADERS,
    BODIES,
)
def test_no_request_is_a_failure_of_ours(
    client: FlaskClient, method: str, path: str, headers: dict[str, str], body: bytes
) -> None:
    response = client.open(path, method=method, headers=headers, data=body)
    assert response.status_code < 500, response.text
    assert response.headers["X-Content-Type-Options"] == "nosniff"


@settings(max_examples=200, deadline=None)
@given(CALLS)
def test_no_call_is_a_failure_of_ours(client: FlaskClient, body: bytes) -> None:
    response = client.post(VIEW, data=body, content_type="application/json")
    assert response.status_code in (200, 400, 412), response.text


def whole(method: str, path: str, headers: dict[str, str], body: bytes, chunked: bool) -> bytes:
    """A request as it is on the wire."""
    lines = [f"{method} {path} HTTP/1.1", "Host: x", *(f"{name}: {value}" for name, value in headers.items())]
    lines.append("Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(body)}")
    head = "\r\n".join(lines).encode() + b"\r\n\r\n"
    return head + (b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body) if chunked else body)


WIRE = st.builds(
    whole,
    st.sampled_from(["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PRI"]),
    PATHS,
    HEADERS,
    BODIES,
    st.booleans(),
)
CUTS = st.lists(st.tuples(st.integers(0, 400), st.integers(0, 3), st.binary(max_size=6)), max_size=3)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(WIRE, CUTS)
def test_no_bytes_are_a_failure_of_ours(
    running: Served, data: bytes, cuts: list[tuple[int, int, bytes]]
) -> None:
    for place, length, instead in cuts:
        place %= len(data)
        data = data[:place] + instead + data[place + length :]
    answer = running.raw(data, ends=True)
    for status in re.findall(rb"HTTP/1\.1 (\d+) ", answer):
        assert int(status) < 500 or int(status) == 501, answer
    assert answer == b"" or answer.startswith(b"HTTP/1.1 ")


def test_the_concepts_are_those_of_the_guideline() -> None:
    assert CONCEPTS in (TINY / "codesystem" / "hydration-concepts.json").read_text()
