"""What holds of every answer: headers, CORS, health, and errors on any path."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from service.app import create_app
from service.guideline import ContentError
from service.settings import Settings
from tests.cds_hooks.fakes import FakeGuideline, app_with, request_body

ORIGIN = {"Origin": "https://ehr.example.org"}


@pytest.fixture
def client() -> FlaskClient:
    return app_with(FakeGuideline()).test_client()


@pytest.mark.parametrize(
    "path",
    ["/cds-services", "/cds-services/test-patient-view", "/cds-services/none/feedback", "/nowhere", "//x"],
)
def test_a_preflight_is_answered_anywhere_without_a_redirect(client: FlaskClient, path: str) -> None:
    asked = {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    response = client.options(path, headers=ORIGIN | asked)
    assert response.status_code in (200, 404)
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in response.headers
    if response.status_code == 200:
        assert "POST" in response.headers["Access-Control-Allow-Methods"]
        allowed = response.headers["Access-Control-Allow-Headers"].lower()
        assert "authorization" in allowed
        assert "content-type" in allowed


@pytest.mark.parametrize(
    "path", ["/nowhere", "/cds-services/a/b/c", "/__nothing__", "/%ff%00", "/static/x", "/<b>"]
)
def test_every_unknown_path_is_an_operation_outcome(client: FlaskClient, path: str) -> None:
    response = client.get(path, headers=ORIGIN)
    assert (response.status_code, response.mimetype) == (404, "application/json")
    assert response.json["resourceType"] == "OperationOutcome"  # type: ignore[index]
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert response.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("path", ["/cds-services", "/cds-services/"])
def test_discovery_answers_with_and_without_a_slash(client: FlaskClient, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 200
    again = client.get(path, headers={"If-None-Match": response.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


@pytest.mark.parametrize("name", ["X-Request-ID", "X-Correlation-ID"])
def test_a_request_id_comes_back_when_it_is_harmless(client: FlaskClient, name: str) -> None:
    assert client.get("/", headers={name: "abc-123"}).headers["X-Request-ID"] == "abc-123"
    for odd in ("a b", "<b>", "x" * 65, "é", ""):
        assert re.fullmatch(r"[0-9a-f-]{36}", client.get("/", headers={name: odd}).headers["X-Request-ID"])


LISTED = "https://ehr.example.org"


@pytest.fixture
def production() -> FlaskClient:
    settings = {
        "profile": "production",
        "public_url": "https://cds.example.org",
        "authentication": "none",
        "cors_origins": f"{LISTED},https://other.example.org:8443",
    }
    return app_with(FakeGuideline(), **settings).test_client()


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/cds-services"), ("POST", "/cds-services/none"), ("GET", "/x"), ("OPTIONS", "/cds-services")],
)
def test_production_answers_the_web_pages_of_listed_origins(
    production: FlaskClient, method: str, path: str
) -> None:
    headers = {"Origin": LISTED, "Access-Control-Request-Method": "POST"}
    response = production.open(path, method=method, headers=headers)
    assert response.headers["Access-Control-Allow-Origin"] == LISTED
    assert "Origin" in response.headers["Vary"]
    assert "Access-Control-Allow-Credentials" not in response.headers


@pytest.mark.parametrize(
    "origin",
    [
        "https://ehr.example.org.attacker.example",
        "https://ehr-example.org",
        "http://ehr.example.org",
        "https://ehr.example.org:8443",
        "https://other.example.org",
        "https://sub.ehr.example.org",
        "null",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_production_answers_no_other_web_page(production: FlaskClient, origin: str, method: str) -> None:
    headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    response = production.open("/cds-services", method=method, headers=headers)
    assert "Access-Control-Allow-Origin" not in response.headers
    assert "Origin" in response.headers["Vary"]


def test_production_answers_no_web_page_at_all_unless_one_is_listed() -> None:
    client = app_with(
        FakeGuideline(), profile="production", public_url="https://cds.example.org", authentication="none"
    ).test_client()
    response = client.options("/cds-services", headers=ORIGIN | {"Access-Control-Request-Method": "GET"})
    assert response.status_code == 200
    assert not [name for name, _ in response.headers if name.startswith("Access-Control")]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 200),
        ("GET", "/nowhere", 404),
        ("PUT", "/cds-services", 405),
        ("POST", "/cds-services/test-patient-view", 415),
        ("OPTIONS", "/cds-services/test-patient-view", 200),
        ("GET", "/__heartbeat__", 200),
    ],
)
def test_every_answer_has_the_headers_of_a_careful_service(
    production: FlaskClient, client: FlaskClient, method: str, path: str, status: int
) -> None:
    response = production.open(path, method=method)
    assert response.status_code == status
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Referrer-Policy"] == "no-referrer"
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]
    assert response.headers["Strict-Transport-Security"].startswith("max-age=")
    assert "Strict-Transport-Security" not in client.open(path, method=method).headers


@pytest.mark.parametrize("origin", [None, LISTED, "https://attacker.example"])
@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/cds-services"), ("POST", "/cds-services/test-patient-view"), ("OPTIONS", "/"), ("GET", "/x")],
)
def test_no_header_is_said_twice(
    production: FlaskClient, client: FlaskClient, method: str, path: str, origin: str | None
) -> None:
    for service in (production, client):
        answer = service.open(path, method=method, headers={"Origin": origin} if origin else {})
        names = [name.lower() for name, _ in answer.headers]
        assert sorted(names) == sorted(set(names))
        assert "x-request-id" in names


def test_who_is_no_web_page_hears_of_a_listed_one_at_most(
    production: FlaskClient, client: FlaskClient
) -> None:
    assert client.get("/").headers["Access-Control-Allow-Origin"] == "*"
    answer = production.get("/")
    assert answer.headers["Access-Control-Allow-Origin"] == LISTED
    assert answer.headers["Vary"] == "Origin"


def test_only_discovery_may_be_kept(client: FlaskClient) -> None:
    assert client.get("/cds-services").headers["Cache-Control"] == "public, max-age=60"
    body = request_body()
    answer = client.post("/cds-services/test-patient-view", json=body)
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
    assert "ETag" not in answer.headers


def test_health(client: FlaskClient) -> None:
    version = client.get("/__version__").json
    assert version is not None
    assert version["name"] == "sarcoma-cds"
    assert version["guideline"] == "2025.1.0"
    assert client.get("/__heartbeat__").json == {"status": "ok", "checks": {"guideline": "ok"}, "services": 3}
    assert client.get("/__lbheartbeat__").status_code == 200
    assert client.get("/").json == {**version, "discovery": "/cds-services", "fhir": "/fhir/metadata"}


def test_there_is_no_service_without_a_guideline(tmp_path: Path) -> None:
    with pytest.raises(ContentError):
        create_app(Settings(content_dir=tmp_path))
