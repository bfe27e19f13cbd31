"""Processes that are told to stop, or are killed, while a call waits for a FHIR server."""

from __future__ import annotations

import http.client
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.fhir_server.ehr import Asked, Ehr, Reply, bundle, ehr, eventually
from tests.serving import TINY, Served, served

VIEW = "/cds-services/hydration-patient-view"
CALLS = 3


@dataclass
class Slow:
    """A FHIR server that answers when it may."""

    may_answer: threading.Event = field(default_factory=threading.Event)
    asked: int = 0

    def __call__(self, asked: Asked) -> Reply:
        self.asked += 1
        self.may_answer.wait(60)
        return Reply(bundle())


@pytest.fixture
def slow() -> Iterator[tuple[Slow, Ehr, Served]]:
    script = Slow()
    environment = {"SARCOMA_CDS_CONTENT_DIR": str(TINY), "SARCOMA_CDS_FHIR_DEADLINE_MS": "10000"}
    with ehr(script) as server, served(1, environment) as service:
        yield script, server, service
        script.may_answer.set()


def call(url: str) -> dict[str, Any]:
    return {
        "hook": "patient-view",
        "hookInstance": "1",
        "context": {"userId": "Practitioner/1", "patientId": "p"},
        "prefetch": {"patient": {"resourceType": "Patient", "id": "p"}, "conditions": None, "drinks": None},
        "fhirServer": url,
    }


def in_flight(slow: tuple[Slow, Ehr, Served], pool: ThreadPoolExecutor) -> list[Future[tuple[int, str]]]:
    """Calls of which each waits for the FHIR server."""
    script, server, service = slow
    calls = [pool.submit(service.ask, "POST", VIEW, call(server.url)) for _ in range(CALLS)]
    assert eventually(lambda: script.asked == CALLS)
    return calls


def test_sigterm_lets_calls_come_to_their_end(slow: tuple[Slow, Ehr, Served]) -> None:
    script, _, service = slow
    with ThreadPoolExecutor(CALLS) as pool:
        calls = in_flight(slow, pool)
        service.process.send_signal(signal.SIGTERM)
        assert eventually(lambda: not service.is_up())  # nobody new is let in
        script.may_answer.set()
        assert [each.result(30) for each in calls] == [(200, '{"cards": []}')] * CALLS
    assert service.process.wait(30) == 0


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
    assert service.ask("POST", VIEW, call(server.url)) == (200, '{"cards": []}')
    assert worker not in service.workers()
