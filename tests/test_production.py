"""The production profile as it runs: keys and data over https from listed servers only, all else closed."""

from __future__ import annotations

import hmac
import json
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import trustme
from joserfc import jws
from joserfc.jwk import ECKey

from service.trust.issuers import SANDBOX
from tests.fhir_server.ehr import Asked, Ehr, Reply, bundle, ehr
from tests.serving import TINY, Answer, Served, free_port, served
from tests.test_server_faults import THIRST, VERY_THIRSTY, level, said
from tests.trust.client import KEY, public, raw

PUBLIC = "https://cds.example.org"
ISSUER = "https://ehr.example.org"
PAGE = "https://ehr.example.org"
VIEW = "/cds-services/hydration-patient-view"
STRANGER = ECKey.generate_key("P-384", {"kid": "ec-384"})


@dataclass
class Hospital:
    """The service, and what stands around it: `server` is the EHR's FHIR server and where its keys are."""

    service: Served
    server: Ehr
    keys: dict[str, Any]
    data: dict[str, Any]
    log: Path

    @property
    def fhir(self) -> str:
        return f"https://localhost:{self.server.port}/fhir"

    def token(self, path: str, key: Any = KEY, **changes: Any) -> str:
        now = int(time.time())
        claims = {"iss": ISSUER, "aud": PUBLIC + path, "iat": now, "exp": now + 300, "jti": str(uuid4())}
        header = {"alg": "ES384", "typ": "JWT", "kid": key.kid}
        return jws.serialize_compact(header, json.dumps(claims | changes), key, algorithms=["ES384"])

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """With a token of its own."""
        return self.service.send(method, path, body, Authorization=f"Bearer {self.token(path)}", **headers)

    def call(self, **members: Any) -> dict[str, Any]:
        prefetch = {"patient": {"resourceType": "Patient", "id": "p"}, "conditions": THIRST, "drinks": None}
        return {
            "hook": "patient-view",
            "hookInstance": str(uuid4()),
            "context": {"userId": "Practitioner/1", "patientId": "p"},
            "prefetch": prefetch,
            "fhirServer": self.fhir,
            "fhirAuthorization": {"access_token": "opens-p", "token_type": "Bearer", "patient": "p"},
        } | members


@pytest.fixture(scope="module")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hospital]:
    folder = tmp_path_factory.mktemp("production")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", "127.0.0.1").configure_cert(tls)
    keys, data = public(KEY), {"Observation": bundle(level("2026-01-01"))}

    def script(asked: Asked) -> Reply:
        if asked.target == "/jwks.json":
            return Reply(keys)
        return Reply(data.get(asked.target.split("/")[2].partition("?")[0], bundle()))

    port = free_port()
    with ehr(script, tls) as server:
        origin = f"https://localhost:{server.port}"
        environment = {
            "SARCOMA_CDS_PROFILE": "production",
            "SARCOMA_CDS_CONTENT_DIR": str(TINY),
            "SARCOMA_CDS_PUBLIC_URL": PUBLIC,
            "SARCOMA_CDS_JWT_ISSUERS": json.dumps({ISSUER: f"{origin}/jwks.json"}),
            "SARCOMA_CDS_JWT_CA_FILE": str(folder / "ca.pem"),
            "SARCOMA_CDS_FHIR_SERVERS": f"{origin},https://127.0.0.2:{server.port}",
            "SARCOMA_CDS_FHIR_NETWORKS": "127.0.0.1/32,::1/128",
            "SARCOMA_CDS_FHIR_CA_FILE": str(folder / "ca.pem"),
            "SARCOMA_CDS_FHIR_DEADLINE_MS": "5000",
            "SARCOMA_CDS_CORS_ORIGINS": PAGE,
            "SARCOMA_CDS_DATABASE_URL": f"sqlite:///{folder}/service.sqlite3",
        }
        with served(2, environment, folder / "log", port) as service:
            yield Hospital(service, server, keys, data, folder / "log")


def test_a_call_with_a_token_reads_the_rest_over_tls_with_the_access_token(hospital: Hospital) -> None:
    before = len(hospital.server.asked)
    answer = hospital.send("POST", VIEW, hospital.call())
    assert said(answer) == VERY_THIRSTY
    assert answer.headers["strict-transport-security"].startswith("max-age=")
    read = [asked for asked in hospital.server.asked[before:] if "/fhir/" in asked.target]
    assert [asked.query.partition("&")[0] for asked in read] == ["/fhir/Observation?patient=p"]
    assert read[0].headers["Authorization"] == "Bearer opens-p"
    assert read[0].headers["Host"] == f"localhost:{hospital.server.port}"


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/cds-services"), ("POST", VIEW), ("POST", f"{VIEW}/feedback"), ("GET", "/fhir/metadata")],
)
def test_nothing_of_substance_is_said_without_a_token(hospital: Hospital, method: str, path: str) -> None:
    body: Any = {} if method == "POST" else None
    bad = hospital.token(path, STRANGER)
    for headers in ({}, {"Authorization": "Basic eDp5"}, {"Authorization": f"Bearer {bad}"}):
        answer = hospital.service.send(method, path, body, **headers)
        assert answer.status == 401
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.json()["issue"][0]["details"]["text"] == "Send a valid token with this call."
    assert hospital.send(method, path, body).status in (200, 400)


_ES384 = {"alg": "ES384", "typ": "JWT", "kid": KEY.kid}
FORGED: dict[str, tuple[dict[str, Any], Any]] = {
    "none": (_ES384 | {"alg": "none"}, None),
    "HS256 with the public key": (_ES384 | {"alg": "HS256"}, KEY.as_pem(private=False)),
    "another's key under the same kid": (_ES384, STRANGER),
    "its own key in the header": (_ES384 | {"jwk": STRANGER.as_dict(private=False)}, STRANGER),
    "keys from an address that it names": (_ES384 | {"jku": "https://attacker.example/jwks.json"}, KEY),
    "an unknown extension": (_ES384 | {"crit": ["x"], "x": 1}, KEY),
    "a kid that is a path": (_ES384 | {"kid": "../../etc/passwd"}, KEY),
    "another issuer": (_ES384, KEY),
    "the public sandbox": (_ES384, KEY),
}


@pytest.mark.parametrize("name", FORGED)
def test_forged_tokens_open_nothing(hospital: Hospital, name: str) -> None:
    header, key = FORGED[name]
    issuer = {"another issuer": "https://attacker.example", "the public sandbox": SANDBOX}.get(name, ISSUER)
    claims = json.loads(jws.extract_compact(hospital.token(VIEW, iss=issuer).encode()).payload)
    body = json.dumps(claims)
    if isinstance(key, bytes):
        signed = raw(header, body).rstrip(".")
        forged = raw(header, body, signature=hmac.digest(key, signed.encode(), "sha256"))
    else:
        forged = raw(header, body, key)
    before = len([asked for asked in hospital.server.asked if asked.target != "/jwks.json"])
    answer = hospital.service.send("POST", VIEW, hospital.call(), Authorization=f"Bearer {forged}")
    assert answer.status == 401
    assert len([asked for asked in hospital.server.asked if asked.target != "/jwks.json"]) == before


def test_what_forges_them_makes_good_ones_too(hospital: Hospital) -> None:
    claims = json.loads(jws.extract_compact(hospital.token(VIEW).encode()).payload)
    good = raw(_ES384, json.dumps(claims), KEY)
    answer = hospital.service.send("POST", VIEW, hospital.call(), Authorization=f"Bearer {good}")
    assert said(answer) == VERY_THIRSTY


@pytest.mark.parametrize("path", ["/metrics", "/demo/fhir/metadata", "/demo/fhir/Patient"])
def test_what_is_for_development_is_not_there(hospital: Hospital, path: str) -> None:
    assert hospital.service.send("GET", path).status == 404


@pytest.mark.parametrize("path", ["/__lbheartbeat__", "/__heartbeat__", "/__version__"])
def test_health_is_told_to_anyone(hospital: Hospital, path: str) -> None:
    assert hospital.service.send("GET", path).status == 200


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:{port}/fhir",
        "https://localhost:{port}.attacker.example/fhir",
        "https://localhost.attacker.example:{port}/fhir",
        "https://127.0.0.1:{port}/fhir",
        "https://2130706433:{port}/fhir",
        "https://[::1]:{port}/fhir",
        "https://x@localhost:{port}/fhir",
        "https://localhost:{port}@attacker.example/fhir",
        "https://127.0.0.2:{port}/fhir",
        "https://169.254.169.254/latest/meta-data",
        "file:///etc/passwd",
    ],
)
def test_no_other_fhir_server_is_called_whatever_its_url_looks_like(hospital: Hospital, url: str) -> None:
    before = len(hospital.server.asked)
    body = hospital.call(fhirServer=url.format(port=hospital.server.port), prefetch={})
    answer = hospital.send("POST", VIEW, body)
    assert answer.status == 412
    assert "The FHIR server is not called" in answer.text
    assert "opens-p" not in answer.text
    assert len(hospital.server.asked) == before


def test_a_redirect_is_not_followed(hospital: Hospital) -> None:
    script = hospital.server.script
    hospital.server.script = lambda asked: Reply(status=302, headers={"Location": "/elsewhere"})
    try:
        answer = hospital.send("POST", VIEW, hospital.call(prefetch={}))
    finally:
        hospital.server.script = script
    assert (answer.status, "elsewhere (302)" in answer.text) == (412, True)
    assert "/elsewhere" not in [asked.target for asked in hospital.server.asked]


def test_a_token_of_another_patient_opens_nothing(hospital: Hospital) -> None:
    before = len(hospital.server.asked)
    authorization = {"access_token": "opens-q", "token_type": "Bearer", "patient": "q"}
    answer = hospital.send("POST", VIEW, hospital.call(fhirAuthorization=authorization))
    assert (answer.status, "fhirAuthorization.patient" in answer.text) == (400, True)
    assert len(hospital.server.asked) == before


@pytest.mark.parametrize(
    ("origin", "allowed"), [(PAGE, True), (f"{PAGE}.attacker.example", False), ("null", False)]
)
def test_only_listed_web_pages_may_call(hospital: Hospital, origin: str, allowed: bool) -> None:
    asked = {"Origin": origin, "Access_Control_Request_Method": "POST"}
    preflight = hospital.service.send("OPTIONS", VIEW, **asked)
    refused = hospital.service.send("POST", VIEW, {}, Origin=origin)
    answered = hospital.send("GET", "/cds-services", Origin=origin)
    assert (preflight.status, refused.status, answered.status) == (200, 401, 200)
    for answer in (preflight, refused, answered):
        assert answer.headers.get("access-control-allow-origin") == (origin if allowed else None)


def test_a_token_that_was_used_is_refused_by_every_process(hospital: Hospital) -> None:
    bearer = {"Authorization": f"Bearer {hospital.token('/cds-services')}"}
    statuses = [hospital.service.send("GET", "/cds-services", **bearer).status for _ in range(12)]
    assert statuses == [200] + [401] * 11
    assert '"reason": "replay"' in hospital.log.read_text("utf-8")


def test_the_keys_were_fetched_and_not_for_every_call(hospital: Hospital) -> None:
    assert hospital.send("GET", "/cds-services").status == 200
    fetched = [asked for asked in hospital.server.asked if asked.target == "/jwks.json"]
    assert 1 <= len(fetched) <= 4, "two processes; and once more for an unknown key"


def test_feedback_is_kept_for_the_client_that_the_token_names(hospital: Hospital) -> None:
    (card,) = hospital.send("POST", VIEW, hospital.call()).json()["cards"]
    item = {"card": card["uuid"], "outcome": "overridden", "outcomeTimestamp": "2026-03-12T09:31:00Z"}
    assert hospital.send("POST", f"{VIEW}/feedback", {"feedback": [item]}).status == 200
    printed = hospital.service.command("feedback", "report", "--csv", "--by-client")
    assert f"{ISSUER},hydration-patient-view,{card['source']['topic']['code']},2024.2.0,1,0,1,0," in printed


def test_the_log_says_that_it_is_production_and_holds_no_token(hospital: Hospital) -> None:
    written = hospital.log.read_text("utf-8")
    assert '"profile": "production"' in written
    assert "NOT FOR PATIENTS" not in written
    assert "opens-p" not in written
    assert "eyJ" not in written
