"""The sandbox's requests, over HTTP, for every sample patient and every hook."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey
from werkzeug.serving import make_server

from service.app import create_app
from service.settings import Settings
from tests.cases import contract
from tests.cases.expectation import Expectation, outline, topic_of
from tests.cases.service import guideline
from tests.demo.samples import PATIENTS
from tests.demo.sandbox import ORIGIN, Refused, Sandbox
from tests.demo.test_patients import EXPECTED
from tests.serving import Served, free_port, served

Json = dict[str, Any]
IMATINIB = ("403879", "imatinib 400 MG Oral Tablet")
HOOKS = ("patient-view", "order-select", "order-sign")
MAKEFILE = (Path(__file__).resolve().parents[2] / "Makefile").read_text("utf-8")
(THREADS,) = re.findall(r"WEB_THREADS:-(\d+)}", MAKEFILE)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """As `make run` starts it, on a machine of one core."""
    environment = {
        "SARCOMA_CDS_DATABASE_URL": f"sqlite:///{tmp_path_factory.mktemp('demo')}/feedback.sqlite3",
        "WEB_THREADS": THREADS,
    }
    with served(workers=1, environment=environment) as running:
        yield running


@pytest.fixture(scope="module")
def sandbox(service: Served) -> Sandbox:
    return Sandbox(f"{service.url}/demo/fhir", f"{service.url}/cds-services", lambda address: "a.b.c")


def cards_of(sandbox: Sandbox, patient: str, hook: str) -> list[Json]:
    """The cards that the sandbox shows, which keep the contract of every answer."""
    if hook == "patient-view":
        answer = sandbox.view(patient)
    else:
        answer = (sandbox.select if hook == "order-select" else sandbox.sign_order)(patient, *IMATINIB)
    drafts = [] if hook == "patient-view" else ["MedicationRequest/request-123"]
    record = [reference for value in sandbox.prefetch(hook, patient).values() for reference in _held(value)]
    assert contract.breaches(answer, hook, patient, drafts, record) == []
    cards: list[Json] = answer["cards"]
    return cards


def _held(value: Json) -> list[str]:
    rows = [entry["resource"] for entry in value.get("entry", ())] if "entry" in value else [value]
    return [f"{one['resourceType']}/{one['id']}" for one in rows if "id" in one]


@pytest.mark.parametrize("patient", PATIENTS)
def test_the_sandbox_shows_each_patient_the_cards_of_the_guideline(sandbox: Sandbox, patient: str) -> None:
    sandbox.open(patient)
    for hook in HOOKS:
        cards = cards_of(sandbox, patient, hook)
        if hook == "order-sign":
            assert topic_of(cards.pop()) == "imatinib-monitoring"
        expected = EXPECTED[patient]["patient-view" if hook == "patient-view" else "imatinib"]
        assert Expectation.read(expected).shortfalls(cards) == [], f"{hook}: {outline(cards)}"


def test_its_menus_list_the_samples(sandbox: Sandbox) -> None:
    assert sandbox.patients() == sorted(PATIENTS)
    assert "Practitioner/COREPRACTITIONER1" in sandbox.users()


def test_a_patient_that_is_not_there_is_refused(sandbox: Sandbox) -> None:
    with pytest.raises(Refused) as raised:
        sandbox.open("nobody")
    assert raised.value.status == 404


# --- the service reads for itself: fhirServer, and no prefetch


def bare(service: Served, patient: str, hook: str) -> tuple[int, list[str]]:
    """Status and topics, when nothing but `fhirServer` is sent."""
    order = {
        "resourceType": "MedicationRequest",
        "id": "d",
        "status": "draft",
        "subject": {"reference": f"Patient/{patient}"},
        "medicationCodeableConcept": {
            "coding": [{"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": IMATINIB[0]}]
        },
    }
    context: Json = {"userId": "Practitioner/surgeon", "patientId": patient}
    if hook != "patient-view":
        context["draftOrders"] = {"resourceType": "Bundle", "entry": [{"resource": order}]}
    if hook == "order-select":
        context["selections"] = ["MedicationRequest/d"]
    body = {
        "hook": hook,
        "hookInstance": str(uuid4()),
        "fhirServer": f"{service.url}/demo/fhir",
        "context": context,
    }
    answer = service.send("POST", f"/cds-services/soft-tissue-sarcoma-{hook}", body)
    cards = answer.json()["cards"] if answer.status == 200 else []
    return answer.status, [topic_of(card) for card in cards]


@pytest.mark.parametrize("hook", HOOKS)
@pytest.mark.parametrize("patient", PATIENTS)
def test_the_service_reads_the_samples_itself(
    service: Served, sandbox: Sandbox, patient: str, hook: str
) -> None:
    sandbox.open(patient)
    shown = [topic_of(card) for card in cards_of(sandbox, patient, hook)]
    assert bare(service, patient, hook) == (200, shown)


def test_it_does_not_wait_for_itself(service: Served) -> None:
    """One process, and as many calls at once as a tester's browser would ever make: six to one host."""
    with ThreadPoolExecutor(6) as callers:
        asked = [callers.submit(bare, service, patient, "patient-view") for patient in PATIENTS]
        assert [one.result()[0] for one in asked] == [200] * len(PATIENTS)


# --- where tokens are asked for, and the sandbox's issuer is let in

KEY = ECKey.generate_key("P-384", {"kid": "of-the-sandbox"})
JWKS = f"{ORIGIN}/.well-known/jwks.json"


def signed(address: str) -> str:
    """A token with the header and the claims of the sandbox's, by a key of our own."""
    now = int(time.time())
    claims = {"iss": ORIGIN, "aud": address, "exp": now + 300, "iat": now, "jti": str(uuid4())}
    return jwt.encode(
        {"alg": "ES384", "typ": "JWT", "kid": KEY.kid, "jku": JWKS}, claims, KEY, algorithms=["ES384"]
    )


@pytest.fixture
def closed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    """The address of a service that asks for tokens, as docs/how-to/try-the-sandbox.md sets it up."""
    monkeypatch.setattr("service.trust.guard.fetch_json", lambda url, ca_file: _jwks(url))
    port = free_port()
    settings: Json = {
        "authentication": "jwt",
        "public_url": f"http://127.0.0.1:{port}",
        "jwt_issuers": {ORIGIN: JWKS},
        "jwt_sandbox": True,
        "database_url": f"sqlite:///{tmp_path}/tokens.sqlite3",
        "log_level": "error",
    }
    server = make_server(
        "127.0.0.1", port, create_app(Settings(**settings), guideline=guideline()), threaded=True
    )
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield settings["public_url"]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _jwks(url: str) -> Json:
    assert url == JWKS
    return {"keys": [KEY.as_dict(private=False)]}


def test_with_tokens(closed: str) -> None:
    patient = "gist-resectable-significant-morbidity"
    tab = Sandbox(f"{closed}/demo/fhir", f"{closed}/cds-services", signed)
    tab.open(patient)
    for hook in HOOKS:
        assert cards_of(tab, patient, hook)
    for sign in (lambda address: "a.b.c", lambda address: signed("https://cds.example.org/cds-services")):
        with pytest.raises(Refused) as raised:
            Sandbox(tab.fhir_server, tab.discovery, sign).open(patient)
        assert raised.value.status == 401
