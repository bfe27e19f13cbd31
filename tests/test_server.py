"""The service as it is deployed: gunicorn, real sockets, the tiny guideline."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest

from tests.serving import TINY, Served, served

VIEW = "/cds-services/hydration-patient-view"
CALL = {
    "hook": "patient-view",
    "hookInstance": "1",
    "context": {"userId": "Practitioner/1", "patientId": "p"},
    "prefetch": {"patient": {"resourceType": "Patient", "id": "p"}, "conditions": None, "observations": None},
}
HEAD = f"POST {VIEW} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n".encode()
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.fixture(scope="module")
def service() -> Iterator[Served]:
    with served(1, {"SARCOMA_CDS_CONTENT_DIR": str(TINY), "SARCOMA_CDS_MAX_BODY_BYTES": "100000"}) as running:
        yield running


def in_chunks(*pieces: bytes) -> bytes:
    return CHUNKED + b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in (*pieces, b""))


def test_discovery_and_a_call(service: Served) -> None:
    offered = service.send("GET", "/cds-services")
    assert offered.status == 200
    assert VIEW.rsplit("/", 1)[1] in [each["id"] for each in offered.json()["services"]]
    assert service.ask("POST", VIEW, CALL) == (200, '{"cards": []}')
    data = json.dumps(CALL).encode()
    assert service.raw(in_chunks(data[:50], data[50:])).endswith(b'{"cards": []}')


@pytest.mark.parametrize("size", [100_001, 900_000])
@pytest.mark.parametrize("chunked", [True, False])
def test_a_body_over_the_limit_is_refused_and_the_sender_hears_of_it(
    service: Served, size: int, chunked: bool
) -> None:
    if chunked:
        answer = service.raw(in_chunks(b" " * size))
        assert answer.startswith(b"HTTP/1.1 413 ")
        assert b'"too-long"' in answer
    else:
        refused = service.send("POST", VIEW, b" " * size)
        assert (refused.status, refused.json()["issue"][0]["code"]) == (413, "too-long")


@pytest.mark.parametrize(
    ("path", "status"), [("/cds-services/none", 404), ("/cds-services", 405), ("/nowhere", 404)]
)
def test_refusals_are_operation_outcomes(service: Served, path: str, status: int) -> None:
    answer = service.send("POST", path, {"a": 1}, Origin="https://ehr.example.org", X_Request_ID="r-1")
    assert (answer.status, answer.json()["resourceType"]) == (status, "OperationOutcome")
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-request-id"] == "r-1"


def test_discovery_may_be_kept_and_answers_not(service: Served) -> None:
    offered = service.send("GET", "/cds-services")
    again = service.send("GET", "/cds-services", If_None_Match=offered.headers["etag"])
    assert (again.status, again.text) == (304, "")
    assert service.send("POST", VIEW, CALL).headers["cache-control"] == "no-store"


def test_a_preflight_is_answered(service: Served) -> None:
    asked = {"Origin": "https://ehr.example.org", "Access_Control_Request_Method": "POST"}
    answer = service.send("OPTIONS", VIEW, None, **asked)
    assert (answer.status, answer.text) == (200, "")
    assert answer.headers["access-control-allow-origin"] == "*"


def test_health_and_versions(service: Served) -> None:
    assert service.send("GET", "/__version__").json().keys() == {"name", "version", "guideline", "base"}
    assert service.send("GET", "/__heartbeat__").json()["status"] == "ok"
    assert service.send("GET", "/__lbheartbeat__").json() == {"status": "ok"}


NO_HTTP: dict[str, tuple[bytes, int]] = {
    "no HTTP": (b"\x00\x01\x02\r\n\r\n", 400),
    "HTTP 0.9": (b"GET /\r\n\r\n", 400),
    "HTTP 3.9": (b"GET / HTTP/3.9\r\nHost: x\r\n\r\n", 400),
    "HTTP 2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    "a method that is none": (b"G@T / HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    "an address that is not ASCII": ("GET /é HTTP/1.1\r\nHost: x\r\n\r\n".encode(), 400),
    "an address too long": (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
    "a header too long": (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 40_000 + b"\r\n\r\n", 431),
    "headers too many": (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: a\r\n" * 200 + b"\r\n", 431),
    "a header with a zero byte": (b"GET / HTTP/1.1\r\nHost: x\r\nX: a\x00b\r\n\r\n", 400),
    "a folded header": (b"GET / HTTP/1.1\r\nHost: x\r\nX: a\r\n b\r\n\r\n", 400),
    "two hosts": (b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400),
    "two lengths": (HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", 400),
    "a negative length": (HEAD + b"Content-Length: -2\r\n\r\n{}", 400),
    "a length and chunks": (
        HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    "an unknown transfer coding": (HEAD + b"Transfer-Encoding: x\r\n\r\n{}", 501),
    "another expectation": (HEAD + b"Expect: 200-ok\r\nContent-Length: 2\r\n\r\n{}", 417),
    "a chunk without a size": (CHUNKED + b"\r\n{}\r\n0\r\n\r\n", 400),
    "a chunk of no size": (CHUNKED + b"zz\r\n{}\r\n0\r\n\r\n", 400),
    "a chunk of a negative size": (CHUNKED + b"-2\r\n{}\r\n0\r\n\r\n", 400),
    "a chunk longer than it says": (CHUNKED + b"1\r\n{}\r\n0\r\n\r\n", 400),
    "a chunk's size too long": (CHUNKED + b"0" * 100_000 + b"2\r\n{}\r\n0\r\n\r\n", 400),
    "a chunk's extension too long": (CHUNKED + b"2;" + b"a" * 1_000_000 + b"\r\n{}\r\n0\r\n\r\n", 400),
}


@pytest.mark.parametrize("name", NO_HTTP)
def test_what_is_no_http_is_refused_like_everything_else(service: Served, name: str) -> None:
    data, status = NO_HTTP[name]
    head, _, body = service.raw(data).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status), head
    assert b"Content-Type: application/json" in head
    assert json.loads(body)["resourceType"] == "OperationOutcome"
    assert service.is_up()


@pytest.mark.parametrize(
    "data",
    [
        HEAD + b"Content-Length: 2000\r\n\r\n" + json.dumps(CALL).encode(),
        CHUNKED + b"%x\r\n" % len(json.dumps(CALL)) + json.dumps(CALL).encode() + b"\r\n",
        CHUNKED + b"500\r\n" + json.dumps(CALL).encode(),
    ],
    ids=["less than Content-Length", "no last chunk", "part of a chunk"],
)
def test_a_body_that_is_not_whole_is_none_although_what_came_makes_sense(
    service: Served, data: bytes
) -> None:
    assert service.raw(data, ends=True).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("name", ["SCRIPT_NAME", "PATH_INFO", "SCRIPT-NAME", "X-Original-URL", "REMOTE_USER"])
def test_no_header_says_what_address_was_called(service: Served, name: str) -> None:
    request = f"GET /cds-services HTTP/1.1\r\nHost: x\r\n{name}: /cds-services/x\r\n\r\n"
    head, _, body = service.raw(request.encode()).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert "services" in json.loads(body)


def test_a_client_that_may_send_on_is_told_so(service: Served) -> None:
    data = json.dumps(CALL).encode()
    with service.connect() as connection:
        connection.sendall(HEAD + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(data))
        assert connection.recv(100).startswith(b"HTTP/1.1 100 ")
        connection.sendall(data)
        assert re.match(rb"HTTP/1\.1 200 ", connection.recv(1000))


def test_requests_one_after_the_other_on_one_connection(service: Served) -> None:
    answers = service.raw(b"GET /__lbheartbeat__ HTTP/1.1\r\nHost: x\r\n\r\n" * 3)
    assert answers.count(b"HTTP/1.1 200 ") == 3
