"""Tokens and feedback on the service as it is deployed: gunicorn, two processes, one database."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from joserfc import jws

from tests.serving import TINY, Served, free_port, served
from tests.store.urls import DATABASES
from tests.trust.client import ISSUER, KEY, public

OTHER = "https://other-ehr.example.org"
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


def token(service: Served, path: str, **changes: Any) -> str:
    """A good token for the address; `changes` to its claims, times as seconds from now."""
    now = int(time.time())
    claims: dict[str, Any] = {
        "iss": ISSUER,
        "aud": f"{service.url}{path}",
        "jti": str(uuid4()),
        "iat": 0,
        "exp": 300,
    }
    claims |= changes
    times = {name: now + claims[name] for name in ("iat", "exp", "nbf") if name in claims}
    header = {"alg": "ES384", "typ": "JWT", "kid": KEY.kid}
    return jws.serialize_compact(header, json.dumps(claims | times), KEY, algorithms=["ES384"])


def ask(
    service: Served, method: str, path: str, bearer: str | None = None, body: Any = None
) -> tuple[int, Any]:
    """Status and parsed body; None without one."""
    headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
    answer = service.send(method, path, body, **headers)
    return answer.status, answer.json() if answer.text else None


@pytest.fixture(scope="module", params=DATABASES)
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder: Path = tmp_path_factory.mktemp("tokens")
    (folder / "jwks.json").write_text(json.dumps(public(KEY)))
    port = free_port()
    environment = {
        "SARCOMA_CDS_CONTENT_DIR": str(TINY),
        "SARCOMA_CDS_AUTHENTICATION": "jwt",
        "SARCOMA_CDS_PUBLIC_URL": f"http://127.0.0.1:{port}",
        "SARCOMA_CDS_JWT_ISSUERS": json.dumps(dict.fromkeys((ISSUER, OTHER), str(folder / "jwks.json"))),
        "SARCOMA_CDS_DATABASE_URL": request.param(folder).url,
    }
    with served(2, environment, port=port) as service:
        yield service


def test_discovery_and_a_call_need_a_token_each(running: Served) -> None:
    assert ask(running, "GET", "/cds-services", None)[0] == 401
    assert ask(running, "GET", "/cds-services", token(running, "/cds-services"))[0] == 200
    assert ask(running, "POST", VIEW, token(running, VIEW), CALL) == (200, {"cards": []})
    assert ask(running, "POST", VIEW, token(running, "/cds-services"), CALL)[0] == 401


def test_one_token_sent_many_times_at_once_is_good_once(running: Served) -> None:
    bearer = token(running, VIEW)
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda _: ask(running, "POST", VIEW, bearer, CALL)[0], range(24)))
    assert sorted(statuses) == [200] + [401] * 23


def test_feedback_on_a_card_reaches_the_report(running: Served) -> None:
    prefetch = {**CALL["prefetch"], "conditions": THIRST}  # type: ignore[dict-item]
    status, answer = ask(running, "POST", VIEW, token(running, VIEW), CALL | {"prefetch": prefetch})
    assert status == 200
    card = answer["cards"][0]
    item = {"card": card["uuid"], "outcome": "overridden", "outcomeTimestamp": "2026-03-12T09:31:00Z"}
    path = f"{VIEW}/feedback"
    assert ask(running, "POST", path, None, {"feedback": [item]})[0] == 401
    assert ask(running, "POST", path, token(running, VIEW), {"feedback": [item]})[0] == 401
    for _ in range(3):  # the sandbox sends it three times
        assert ask(running, "POST", path, token(running, path), {"feedback": [item]}) == (200, None)
    printed = running.command("feedback", "report", "--csv")
    topic = card["source"]["topic"]["code"]
    assert f"hydration-patient-view,{topic}," in printed
    assert ",1,0,1,0," in printed
    # another EHR has its own say, and takes nothing back
    item |= {"outcome": "accepted", "acceptedSuggestions": [{"id": str(uuid4())}]}
    other = token(running, path, iss=OTHER)
    assert ask(running, "POST", path, other, {"feedback": [item]}) == (200, None)
    printed = running.command("feedback", "report", "--csv", "--by-client")
    assert f"{ISSUER},hydration-patient-view,{topic},2024.2.0,1,0,1,0," in printed
    assert f"{OTHER},hydration-patient-view,{topic},2024.2.0,1,1,0,100," in printed


@pytest.mark.parametrize(
    ("times", "status"),
    [
        ({"iat": 20, "exp": 320}, 200),
        ({"iat": 60, "exp": 360}, 401),
        ({"nbf": 20}, 200),
        ({"nbf": 60}, 401),
        ({"iat": -300, "exp": -20}, 200),
        ({"iat": -300, "exp": -60}, 401),
    ],
)
def test_clocks_of_clients_may_be_half_a_minute_off(
    running: Served, times: dict[str, int], status: int
) -> None:
    answer = running.send("POST", VIEW, CALL, Authorization=f"Bearer {token(running, VIEW, **times)}")
    assert answer.status == status
    if status == 401:
        assert answer.headers["www-authenticate"] == "Bearer"
        assert "iat" not in answer.text
