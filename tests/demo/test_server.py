"""/demo/fhir: reads, searches, pages and errors of a FHIR server."""

from __future__ import annotations

import json
import shutil
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from fhir.resources.R4B import get_fhir_model_class
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from service.app import create_app
from service.demo.search import PARAMETERS
from service.guideline import ContentError
from service.settings import Settings
from tests.cases.service import NOW, ehr, guideline
from tests.demo.samples import PATIENTS, bundles, everything

Json = dict[str, Any]
PATIENT = "gist-progressive"
LOCAL = f"{guideline().base}/CodeSystem/sarcoma-concepts"


@cache
def client() -> FlaskClient:
    return create_app(Settings(log_level="error"), clock=lambda: NOW, guideline=guideline()).test_client()


def checked(response: TestResponse, status: int = 200) -> Json:
    """The body, valid FHIR with this status and FHIR's media type; refusals are OperationOutcomes."""
    assert response.status_code == status, response.text
    assert response.mimetype == "application/fhir+json"
    body: Json = response.get_json()
    assert (body["resourceType"] == "OperationOutcome") == (status >= 400)
    get_fhir_model_class(body["resourceType"]).model_validate(body)
    return body


def get(path: str, status: int = 200, **headers: str) -> Json:
    return checked(client().get(f"/demo/fhir/{path}", headers=headers), status)


def ids(bundle: Json) -> list[str]:
    return [entry["resource"]["id"] for entry in bundle.get("entry", ())]


def test_the_capability_statement_holds_what_it_says() -> None:
    statement = get("metadata")
    assert statement["fhirVersion"] == "4.0.1"
    rows = {row["type"]: row for row in statement["rest"][0]["resource"]}
    assert rows.keys() == {one["resourceType"] for one in everything().values()} | {
        "MedicationStatement",  # what a prefetch template asks for is answered, if with nothing
        "ServiceRequest",
    }
    for kind, row in rows.items():
        for parameter in row["searchParam"]:
            get(f"{kind}?{parameter['name']}=x", Prefer="handling=strict")
        of_type = [one for one in everything().values() if one["resourceType"] == kind]
        profiles = {profile for one in of_type for profile in one.get("meta", {}).get("profile", ())}
        assert set(row.get("supportedProfile", ())) == profiles


def test_every_resource_can_be_read_and_its_version_too() -> None:
    for reference, resource in everything().items():
        read = json.loads(client().get(f"/demo/fhir/{reference}").data)
        version = read["meta"].pop("versionId")
        assert {**read, "meta": read["meta"] or None} == {**resource, "meta": resource.get("meta")}
        assert get(f"{reference}/_history/{version}")["id"] == resource["id"]
        unchanged = client().get(f"/demo/fhir/{reference}", headers={"If-None-Match": f'W/"{version}"'})
        assert (unchanged.status_code, unchanged.data) == (304, b"")


@pytest.mark.parametrize("hook", ["patient-view", "order-select", "order-sign"])
@pytest.mark.parametrize("patient", PATIENTS)
def test_every_prefetch_template_is_answered_by_get_and_by_post(patient: str, hook: str) -> None:
    """As the EHR of the other tests answers them, which knows the files and not this server."""
    expected = ehr().prefetch(hook, bundles()[patient])
    for key, template in ehr().services[hook]["prefetch"].items():
        kind, searched, query = template.replace("{{context.patientId}}", patient).partition("?")
        if not searched:
            assert get(kind)["id"] == expected[key]["id"]
            continue
        pairs = [tuple(part.split("=", 1)) for part in query.split("&")]
        found = get(f"{kind}?{urlencode(pairs)}")
        assert sorted(ids(found)) == sorted(ids(expected[key]))
        assert found["total"] == len(ids(found))
        posted = client().post(f"/demo/fhir/{kind}/_search", data=dict(pairs))
        assert checked(posted) == found


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (f"Patient?_id={PATIENT}", [PATIENT]),
        (f"Patient?identifier={PATIENT}", [PATIENT]),
        (f"Patient?identifier=https://sarcoma-cds.example.org/sample-patients|{PATIENT}", [PATIENT]),
        (f"Patient?identifier=https://other.example.org|{PATIENT}", []),
        ("Patient?name=gist-prog", [PATIENT]),
        ("Patient?family:contains=-PROG", [PATIENT]),
        ("Patient?family:exact=gist-progressive", []),
        ("Patient?given=gist", []),
        ("Patient?name=official", []),
        ("Practitioner?name=dr", ["COREPRACTITIONER1", "surgeon"]),
        ("Practitioner?name=surgeon", ["surgeon"]),
        (f"MedicationRequest?patient={PATIENT}", [f"{PATIENT}-imatinib"]),
        (f"MedicationRequest?patient=Patient/{PATIENT}", [f"{PATIENT}-imatinib"]),
        (f"MedicationRequest?subject={PATIENT}&status=active", [f"{PATIENT}-imatinib"]),
        (f"MedicationRequest?subject:Patient={PATIENT}", [f"{PATIENT}-imatinib"]),
        (f"MedicationRequest?subject:Practitioner={PATIENT}", []),
        (f"MedicationRequest?patient=Practitioner/{PATIENT}", []),
        (f"MedicationRequest?patient=http://localhost/demo/fhir/Patient/{PATIENT}", [f"{PATIENT}-imatinib"]),
        (f"MedicationRequest?patient=https://ehr.example.org/fhir/Patient/{PATIENT}", []),
        (f"MedicationRequest?patient={PATIENT}&status=completed,stopped", []),
        (f"MedicationRequest?patient={PATIENT}&status=completed,active", [f"{PATIENT}-imatinib"]),
        (f"MedicationRequest?patient={PATIENT}&status=active&status=stopped", []),
        (f"MedicationRequest?patient={PATIENT}&intent=http://x.example.org|order", [f"{PATIENT}-imatinib"]),
        (f"Observation?patient={PATIENT}&code=97509-4", [f"{PATIENT}-status"]),
        (f"Observation?patient={PATIENT}&code=http://loinc.org|97509-4", [f"{PATIENT}-status"]),
        (f"Observation?patient={PATIENT}&code=http://snomed.info/sct|97509-4", []),
        (f"Observation?patient={PATIENT}&code=|97509-4", []),
        (
            f"Observation?patient={PATIENT}&code={LOCAL}|",
            [
                f"{PATIENT}-{fact}"
                for fact in ("dose-level", "genotype", "progression-extent", "resectability")
            ],
        ),
        (f"Observation?patient={PATIENT}&value-concept=271299001", [f"{PATIENT}-status"]),
        (f"Observation?focus=Condition/{PATIENT}-cancer", [f"{PATIENT}-status"]),
        (
            "Observation?component-code=48019-4",
            ["sts-retroperitoneal-unresectable-ntrk"],
        ),
        (
            "Condition?_profile=http://hl7.org/fhir/us/mcode/StructureDefinition/mcode-secondary-cancer-condition"
            "&body-site=x",
            [],
        ),
        ("Condition?clinical-status=recurrence", ["sts-extremity-recurrent-cancer"]),
        ("Observation?patient=nobody", []),
        ("Observation?patient=a\\,b", []),
    ],
)
def test_search(query: str, found: list[str]) -> None:
    assert ids(get(query, Prefer="handling=strict")) == found


def test_codes_may_hold_escaped_marks() -> None:
    assert ids(get(f"Observation?patient={PATIENT}&code=http://loinc.org\\|97509-4")) == []
    assert ids(get(f"Observation?patient={PATIENT}&code=x\\,y,97509-4")) == [f"{PATIENT}-status"]


def test_pages_hold_everything_once() -> None:
    seen: list[str] = []
    address = "http://localhost/demo/fhir/Observation?_count=25"
    while address:
        page = checked(client().get(address))
        assert len(page["entry"]) <= 25
        links = {link["relation"]: link["url"] for link in page["link"]}
        assert links["self"] == address
        seen += ids(page)
        address = links.get("next", "")
    assert sorted(seen) == sorted(
        one["id"] for one in everything().values() if one["resourceType"] == "Observation"
    )


def test_what_is_not_known_has_no_say_unless_the_client_is_strict() -> None:
    bundle = get(f"Patient?_id={PATIENT}&_sort=name&colour=red")
    assert ids(bundle) == [PATIENT]
    assert bundle["link"][0]["url"].endswith(f"?_id={PATIENT}")
    get("Patient?colour=red", 400, Prefer="handling=strict")


@pytest.mark.parametrize(
    "query",
    [
        "Observation?code:in=x",
        "Patient?name:below=x",
        "Observation?subject:identifier=x",
        "Patient?_count=many",
    ],
)
def test_what_would_change_the_answer_is_refused(query: str) -> None:
    get(query, 400)


@pytest.mark.parametrize(
    "path", ["Patient/nobody", "Encounter", "Encounter/1", "Patient/$everything", "", "a/b/c"]
)
def test_what_is_not_there_is_404(path: str) -> None:
    get(path, 404)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "Patient"),
        ("PUT", f"Patient/{PATIENT}"),
        ("DELETE", f"Patient/{PATIENT}"),
        ("PATCH", "Patient/x"),
    ],
)
def test_nothing_can_be_written(method: str, path: str) -> None:
    response = client().open(f"/demo/fhir/{path}", method=method, json={"resourceType": "Patient"})
    checked(response, 405)
    assert "GET" in response.headers["Allow"]


def test_the_media_type_of_old_test_tools_is_understood() -> None:
    assert get("metadata", Accept="application/json+fhir")["fhirVersion"] == "4.0.1"
    get("metadata", 406, Accept="application/fhir+xml")
    checked(client().post("/demo/fhir/Patient/_search", json={"_id": PATIENT}), 415)


def test_any_web_page_may_read_and_chrome_is_told_so() -> None:
    asked = {
        "Origin": "https://sandbox.cds-hooks.org",
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "authorization",
        "Access-Control-Request-Private-Network": "true",
    }
    for path in (f"/demo/fhir/Patient/{PATIENT}", "/cds-services"):
        preflight = client().options(path, headers=asked)
        assert preflight.status_code == 200
        assert preflight.headers["Access-Control-Allow-Origin"] == "*"
        assert preflight.headers["Access-Control-Allow-Headers"] == "authorization"
        assert preflight.headers["Access-Control-Allow-Private-Network"] == "true"
        answer = client().get(path, headers={"Origin": asked["Origin"]})
        assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_production_has_no_sample_patients_and_no_word_for_chrome(tmp_path: Path) -> None:
    settings: Json = {
        "profile": "production",
        "public_url": "https://cds.example.org",
        "authentication": "none",
        "cors_origins": "https://ehr.example.org",
        "database_url": f"sqlite:///{tmp_path}/production.sqlite3",
        "log_level": "error",
    }
    production = create_app(Settings(**settings), guideline=guideline()).test_client()
    assert production.get(f"/demo/fhir/Patient/{PATIENT}").status_code == 404
    asked = {
        "Origin": "https://ehr.example.org",
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Private-Network": "true",
    }
    allowed = production.options("/cds-services", headers=asked).headers
    assert allowed["Access-Control-Allow-Origin"] == "https://ehr.example.org"
    assert allowed.get("Access-Control-Allow-Private-Network") != "true"


def test_the_samples_can_be_left_out() -> None:
    app = create_app(Settings(demo=False, log_level="error"), guideline=guideline())
    assert app.test_client().get("/demo/fhir/metadata").status_code == 404


@pytest.mark.parametrize(
    ("broken", "element"),
    [
        ('{"resourceType": "Bundle", "entry": [', r"\$"),
        ('{"resourceType": "Patient", "id": "p"}', "Bundle.entry"),
        ('{"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "Patient"}}]}', r"entry\[0\]"),
        (
            '{"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "Encounter", "id": "e"}}]}',
            r"entry\[0\]",
        ),
        (
            '{"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "Patient", "id": '
            f'"{PATIENT}"}}}}]}}',
            r"entry\[0\]",
        ),
    ],
    ids=["no JSON", "no Bundle", "no id", "a type that nobody can ask for", "an id twice"],
)
def test_a_sample_that_does_not_check_out_stops_the_start(tmp_path: Path, broken: str, element: str) -> None:
    shutil.copytree(guideline().content.folder / "patients", tmp_path / "patients")
    (tmp_path / "patients" / "zz.json").write_text(broken)
    with pytest.raises(ContentError, match=rf"patients/zz\.json: .*{element}"):
        create_app(Settings(content_dir=tmp_path, log_level="error"), guideline=guideline())


def test_a_guideline_without_samples_has_an_empty_server(tmp_path: Path) -> None:
    app = create_app(Settings(content_dir=tmp_path, log_level="error"), guideline=guideline())
    for kind in PARAMETERS:
        assert checked(app.test_client().get(f"/demo/fhir/{kind}"))["total"] == 0
