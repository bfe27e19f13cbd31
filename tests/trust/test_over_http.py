"""Tokens and feedback on the service as it is deployed: gunicorn, two processes, one database."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from joserfc import jws

from tests.test_server import TINY, free_port, wait_for
from tests.trust.client import ISSUER, KEY, public

VIEW = "/cds-services/hydration-patient-view"
CALL = {
    "hook": "patient-view",
    "hookInstance": "1",
    "context": {"userId": "Practitioner/1", "patientId": "p"},
    "prefetch": {"patient": {"resourceType": "Patient", "id": "p"}, "conditions": None, "observations": None},
}
CONCEPTS = "https://hydration.example.org/fhir/CodeSystem/hydration-concepts"
THIRST = {
    "resourceType": "Condition",
    "id": "c",
    "subject": {"reference": "Patient/p"},
    "code": {"coding": [{"system": CONCEPTS, "code": "thirst"}]},
}


@dataclass(frozen=True)
class Service:
    """The running service; `environment` is what it and its commands see."""

    port: int
    environment: dict[str, str]

    def token(self, path: str) -> str:
        now = int(time.time())
        claims = {"iss": ISSUER, "aud": f"http://127.0.0.1:{self.port}{path}", "jti": str(uuid4())}
        body = json.dumps(claims | {"iat": now, "exp": now + 300})
        return jws.serialize_compact(
            {"alg": "ES384", "typ": "JWT", "kid": KEY.kid}, body, KEY, algorithms=["ES384"]
        )

    def ask(self, method: str, path: str, bearer: str | None, body: Any = None) -> tuple[int, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        headers = {"Content-Type": "application/json"} if body is not None else {}
        headers |= {"Authorization": f"Bearer {bearer}"} if bearer else {}
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            response = connection.getresponse()
            text = response.read()
            return response.status, json.loads(text) if text else None
        finally:
            connection.close()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder: Path = tmp_path_factory.mktemp("tokens")
    (folder / "jwks.json").write_text(json.dumps(public(KEY)))
    port = free_port()
    environment = {
        **os.environ,
        "SARCOMA_CDS_CONTENT_DIR": str(TINY),
        "SARCOMA_CDS_AUTHENTICATION": "jwt",
        "SARCOMA_CDS_PUBLIC_URL": f"http://127.0.0.1:{port}",
        "SARCOMA_CDS_JWT_ISSUERS": json.dumps({ISSUER: str(folder / "jwks.json")}),
        "SARCOMA_CDS_DATABASE_URL": f"sqlite:///{folder}/service.sqlite3",
    }
    command = [sys.executable, "-m", "service.cli", "serve", "--port", str(port), "--workers", "2"]
    quiet = subprocess.DEVNULL
    server = subprocess.Popen(command, env=environment, stdout=quiet, stderr=quiet)  # noqa: S603 - our own command
    try:
        wait_for(port, server)
        yield Service(port, environment)
    finally:
        server.terminate()
        server.wait(timeout=10)


def test_discovery_and_a_call_need_a_token_each(running: Service) -> None:
    assert running.ask("GET", "/cds-services", None)[0] == 401
    assert running.ask("GET", "/cds-services", running.token("/cds-services"))[0] == 200
    assert running.ask("POST", VIEW, running.token(VIEW), CALL) == (200, {"cards": []})
    assert running.ask("POST", VIEW, running.token("/cds-services"), CALL)[0] == 401


def test_one_token_sent_many_times_at_once_is_good_once(running: Service) -> None:
    bearer = running.token(VIEW)
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda _: running.ask("POST", VIEW, bearer, CALL)[0], range(24)))
    assert sorted(statuses) == [200] + [401] * 23


def test_feedback_on_a_card_reaches_the_report(running: Service) -> None:
    prefetch = {**CALL["prefetch"], "conditions": THIRST}  # type: ignore[dict-item]
    status, answer = running.ask("POST", VIEW, running.token(VIEW), CALL | {"prefetch": prefetch})
    assert status == 200
    card = answer["cards"][0]
    item = {"card": card["uuid"], "outcome": "overridden", "outcomeTimestamp": "2026-03-12T09:31:00Z"}
    path = f"{VIEW}/feedback"
    assert running.ask("POST", path, None, {"feedback": [item]})[0] == 401
    assert running.ask("POST", path, running.token(VIEW), {"feedback": [item]})[0] == 401
    for _ in range(3):  # the sandbox sends it three times
        assert running.ask("POST", path, running.token(path), {"feedback": [item]}) == (200, None)
    command = [sys.executable, "-m", "service.cli", "feedback", "report", "--csv"]
    done = subprocess.run(command, env=running.environment, capture_output=True, text=True, check=True)  # noqa: S603
    topic = card["source"]["topic"]["code"]
    assert f"hydration-patient-view,{topic}," in done.stdout
    assert ",1,0,1,0," in done.stdout
