"""What goes wrong around the running service: FHIR servers, processes, the disk, clocks and slow clients."""

from __future__ import annotations

import http.client
import os
import resource
import signal
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.cds_hooks.test_hostile_calls import CONCEPTS
from tests.fhir_server.ehr import Asked, Ehr, Reply, bundle, ehr, eventually
from tests.fhir_server.test_faults import FAULTS, IN_TIME
from tests.serving import TINY, Answer, Served, served

VIEW = "/cds-services/hydration-patient-view"
SELECT = "/cds-services/hydration-order-select"
CONTENT = {"SARCOMA_CDS_CONTENT_DIR": str(TINY)}
CALLS = 3
SLOW_S = 3
MEMBERS = {"subject": {"reference": "Patient/p"}}
THIRST = {
    "resourceType": "Condition",
    "id": "c",
    "code": {"coding": [{"system": CONCEPTS, "code": "thirst"}]},
    **MEMBERS,
}


@dataclass
class Slow:
    """A FHIR server that answers when it may."""

    may_answer: threading.Event = field(default_factory=threading.Event)
    asked: int = 0

    def __call__(self, asked: Asked) -> Reply:
        self.asked += 1
        self.may_answer.wait(60)
        return Reply(bundle(level("2026-01-01")))


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[tuple[Slow, Ehr, Served]]:
    script = Slow()
    environment = CONTENT | {"SARCOMA_CDS_FHIR_DEADLINE_MS": "10000", "TMPDIR": str(tmp_path)}
    with ehr(script) as server:
        with served(1, environment) as service:
            yield script, server, service
            script.may_answer.set()
        assert not list(tmp_path.iterdir()), "nothing is left behind"


def level(date: str) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": "o",
        "status": "final",
        "code": {"coding": [{"system": CONCEPTS, "code": "thirst-level"}]},
        "effectiveDateTime": date,
        "valueInteger": 9,
        **MEMBERS,
    }


def call(url: str) -> dict[str, Any]:
    """A call that lacks the observations."""
    patient = {"resourceType": "Patient", "id": "p"}
    return {
        "hook": "patient-view",
        "hookInstance": "1",
        "context": {"userId": "Practitioner/1", "patientId": "p"},
        "prefetch": {"patient": patient, "conditions": THIRST, "drinks": None},
        "fhirServer": url,
    }


def said(answer: Answer) -> tuple[int, list[str]]:
    return answer.status, [card["summary"] for card in answer.json()["cards"]]


VERY_THIRSTY = (200, ["Thirsty: level 9 of 10"])


def in_flight(slow: tuple[Slow, Ehr, Served], pool: ThreadPoolExecutor) -> list[Future[Answer]]:
    """Calls of which each waits for the FHIR server."""
    script, server, service = slow
    calls = [pool.submit(service.send, "POST", VIEW, call(server.url)) for _ in range(CALLS)]
    assert eventually(lambda: script.asked == CALLS)
    return calls


def test_sigterm_lets_calls_come_to_their_end(slow: tuple[Slow, Ehr, Served]) -> None:
    script, _, service = slow
    with ThreadPoolExecutor(CALLS) as pool:
        calls = in_flight(slow, pool)
        service.process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        assert not any(each.done() for each in calls)
        script.may_answer.set()
        assert [said(each.result(30)) for each in calls] == [VERY_THIRSTY] * CALLS
    assert service.process.wait(30) == 0


def test_sighup_renews_the_processes_and_loses_no_call(
    slow: tuple[Slow, Ehr, Served],
) -> None:
    script, server, service = slow
    with ThreadPoolExecutor(CALLS) as pool:
        calls = in_flight(slow, pool)
        before = service.workers()
        service.process.send_signal(signal.SIGHUP)
        assert eventually(lambda: len(set(service.workers()) - set(before)) == 1)
        assert service.is_up()
        script.may_answer.set()
        assert [said(each.result(30)) for each in calls] == [VERY_THIRSTY] * CALLS
    assert eventually(lambda: not set(before) & set(service.workers()), 20)
    assert said(service.send("POST", VIEW, call(server.url))) == VERY_THIRSTY


def test_a_worker_that_is_killed_is_replaced(slow: tuple[Slow, Ehr, Served]) -> None:
    script, server, service = slow
    with ThreadPoolExecutor(CALLS) as pool:
        calls = in_flight(slow, pool)
        (worker,) = service.workers()
        os.kill(worker, signal.SIGKILL)
        for each in calls:  # no answer at all: never an empty list of cards
            with pytest.raises((OSError, http.client.HTTPException)):
                each.result(30)
    script.may_answer.set()
    assert eventually(service.is_up)
    assert said(service.send("POST", VIEW, call(server.url))) == VERY_THIRSTY
    assert worker not in service.workers()


# --- the FHIR server


@pytest.fixture(scope="module")
def reader() -> Iterator[Served]:
    """A service that gives a FHIR server SLOW_S seconds and two megabytes."""
    limits = {
        "SARCOMA_CDS_FHIR_DEADLINE_MS": str(SLOW_S * 1000),
        "SARCOMA_CDS_FHIR_MAX_BYTES": "2000000",
        "SARCOMA_CDS_FHIR_MAX_PAGES": "5",
    }
    with served(1, CONTENT | limits) as service:
        yield service


def lacking(url: str, *keys: str) -> dict[str, Any]:
    """A call of nobody thirsty that lacks these keys."""
    body = call(url) | {"fhirAuthorization": {"access_token": "secret", "token_type": "Bearer"}}
    prefetch = {**body["prefetch"], "conditions": None, "observations": None}
    return body | {"prefetch": {key: value for key, value in prefetch.items() if key not in keys}}


@pytest.mark.parametrize("name", IN_TIME)
def test_a_fault_of_the_fhir_server_is_a_412_that_names_key_and_fault(reader: Served, name: str) -> None:
    reply, expected = FAULTS[name]
    with ehr(lambda asked: reply) as server:
        answer = reader.send("POST", VIEW, lacking(server.url, "conditions"))
    assert answer.status == 412
    text = answer.json()["issue"][0]["details"]["text"]
    assert "'conditions'" in text
    assert expected in text
    assert "secret" not in text


def test_a_slow_or_dripping_fhir_server_is_left_when_its_time_is_up(reader: Served) -> None:
    names = [name for name in FAULTS if name not in IN_TIME]
    assert len(names) == 3
    with ehr(lambda asked: FAULTS[names[int(asked.target.split("/")[2])]][0]) as server:
        started = time.monotonic()
        with ThreadPoolExecutor() as pool:
            bodies = [lacking(f"{server.url}/{number}", "conditions") for number in range(len(names))]
            answers = list(pool.map(lambda body: reader.send("POST", VIEW, body), bodies))
        took = time.monotonic() - started
    assert [answer.status for answer in answers] == [412] * 3
    assert all("did not answer in time" in answer.text for answer in answers)
    assert SLOW_S <= took < SLOW_S + 5


def test_endless_pages_of_the_fhir_server_come_to_an_end(reader: Served) -> None:
    count = iter(range(10_000))
    with ehr(lambda asked: Reply(bundle(next_link=f"{server.url}?page={next(count)}"))) as server:
        answer = reader.send("POST", VIEW, lacking(server.url, "conditions"))
        assert len(server.asked) == 5
    assert (answer.status, "more pages" in answer.text) == (412, True)


def test_a_fhir_server_that_is_well_again_is_read_at_once(reader: Served) -> None:
    with ehr(lambda asked: Reply(status=503)) as server:
        assert reader.ask("POST", VIEW, lacking(server.url, "conditions"))[0] == 412
        server.script = lambda asked: Reply(bundle(THIRST))
        answer = reader.send("POST", VIEW, lacking(server.url, "conditions"))
    assert (answer.status, len(answer.json()["cards"])) == (200, 2)


# --- slow clients

REQUEST_S = 1
SLOW = {
    "headers": b"GET / HTTP/1.1\r\nHost: x\r\nX: ",
    "body": f"POST {VIEW} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    "Content-Length: 9999\r\n\r\n".encode(),
    "chunks": f"POST {VIEW} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    "Transfer-Encoding: chunked\r\n\r\nffff\r\n".encode(),
}


@pytest.fixture(scope="module")
def strict() -> Iterator[Served]:
    """A service of one process with four threads, for requests that come within REQUEST_S."""
    with served(1, CONTENT | {"WEB_REQUEST_SECONDS": str(REQUEST_S)}) as service:
        yield service


def dripping(connections: list[socket.socket], over: threading.Event) -> None:
    while not over.wait(0.2):
        for connection in connections:
            try:
                connection.sendall(b" ")
            except OSError:
                continue


@pytest.mark.parametrize("kind", SLOW)
def test_a_request_that_does_not_come_to_an_end_is_left(strict: Served, kind: str) -> None:
    connections, over = [strict.connect() for _ in range(8)], threading.Event()
    for connection in connections:
        connection.sendall(SLOW[kind])
    thread = threading.Thread(target=dripping, args=(connections, over))
    thread.start()
    try:
        started = time.monotonic()
        assert strict.is_up()  # with twice as many slow clients as threads
        assert time.monotonic() - started < 10 * REQUEST_S
        heard = connections[0].recv(1000)
        assert heard.startswith(b"HTTP/1.1 408 ") or (kind == "headers" and heard == b"")
    finally:
        over.set()
        thread.join()
        for connection in connections:
            connection.close()


def test_a_client_that_does_not_take_its_answers_is_left(strict: Served) -> None:
    status, text = strict.ask("GET", "/fhir/transaction.json")
    assert (status, len(text) > 50_000) == (200, True)
    connections = [socket.socket() for _ in range(4)]  # as many as threads
    for connection in connections:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", strict.port))
        connection.setblocking(False)
        connection.send(b"GET /fhir/transaction.json HTTP/1.1\r\nHost: x\r\n\r\n" * 500)
    time.sleep(7 * REQUEST_S)  # until what the network holds is full, and three times REQUEST_S more
    assert strict.is_up()
    for connection in connections:
        connection.settimeout(10)
        assert read_to_end(connection) < 250 * len(text)
        connection.close()


def read_to_end(connection: socket.socket) -> int:
    count = 0
    try:
        while piece := connection.recv(65_536):
            count += len(piece)
    except ConnectionResetError:
        pass
    return count


def test_connections_on_which_nothing_comes_hold_nobody_up(strict: Served) -> None:
    connections = [strict.connect() for _ in range(100)]
    started = time.monotonic()
    assert strict.is_up()
    assert time.monotonic() - started < 2
    connections[50].sendall(b"GET /__lbheartbeat__ HTTP/1.1\r\nHost: x\r\n\r\n")
    assert connections[50].recv(100).startswith(b"HTTP/1.1 200 ")
    for connection in connections:
        connection.close()


# --- the disk


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="needs Linux's prlimit")
def test_a_full_disk_refuses_reports_and_not_advice(tmp_path: Path) -> None:
    database = {"SARCOMA_CDS_DATABASE_URL": f"sqlite:///{tmp_path}/d.sqlite3", "SARCOMA_CDS_METRICS": "false"}
    with served(1, CONTENT | database) as service:
        kept = 0

        def report() -> tuple[int, str | None]:
            item = {"card": str(uuid4()), "outcome": "overridden", "outcomeTimestamp": "2026-03-12T09:31:00Z"}
            answer = service.send("POST", f"{VIEW}/feedback", {"feedback": [item]})
            return answer.status, answer.headers.get("retry-after")

        assert report() == (200, None)
        (worker,) = service.workers()
        _, most = resource.prlimit(worker, resource.RLIMIT_FSIZE)
        kept += 1
        # No file of this process may grow: to its database the disk is full.
        resource.prlimit(worker, resource.RLIMIT_FSIZE, (1, most))
        assert [report() for _ in range(3)] == [(503, "30")] * 3
        assert service.ask("POST", VIEW, lacking("x")) == (200, '{"cards": []}')
        resource.prlimit(worker, resource.RLIMIT_FSIZE, (most, most))
        assert eventually(lambda: report()[0] == 200, 10)
        kept += 1
        assert service.workers() == [worker]
        printed = service.command("feedback", "report", "--csv")
    assert f"hydration-patient-view,(none of ours),,{kept},0,{kept},0," in printed


# --- clocks


@pytest.mark.parametrize("date", ["2026-01-01", "2126-01-01", "9999-12-31", "0001-01-01"])
def test_dates_that_a_clock_ahead_or_behind_wrote_do_no_harm(reader: Served, date: str) -> None:
    body = lacking("https://ehr.example.org")
    body["prefetch"] |= {"conditions": {**THIRST, "recordedDate": date}, "observations": level(date)}
    assert said(reader.send("POST", VIEW, body)) == VERY_THIRSTY
    draft = {
        "resourceType": "MedicationRequest",
        "id": "d",
        "status": "draft",
        "intent": "order",
        "authoredOn": date,
        "medicationCodeableConcept": {"coding": [{"system": CONCEPTS, "code": "sea-water"}]},
        **MEMBERS,
    }
    orders = {"selections": ["MedicationRequest/d"], "draftOrders": bundle(draft)}
    body |= {"hook": "order-select", "context": body["context"] | orders}
    assert said(reader.send("POST", SELECT, body)) == (200, ["Salty drinks make thirst worse"])
