"""The sample patients: sound FHIR, of mCODE's shapes, nobody real, and each in its group."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from fhir.resources.R4B import get_fhir_model_class
from fhir.resources.R4B.bundle import Bundle

from tests.cases import contract
from tests.cases.expectation import Expectation, outline
from tests.cases.service import ehr
from tests.demo import mcode
from tests.demo.samples import FOLDER, OTHERS, PATIENTS, bundles, everything

Json = dict[str, Any]

EXPECTED: dict[str, dict[str, Json]] = yaml.safe_load(
    (Path(__file__).parent / "expected.yaml").read_text("utf-8")
)
IMATINIB = {
    "resourceType": "MedicationRequest",
    "id": "request-123",
    "status": "draft",
    "intent": "order",
    "medicationCodeableConcept": {
        "text": "imatinib 400 MG Oral Tablet",
        "coding": [{"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "403879"}],
    },
}


def test_there_is_one_patient_for_each_group() -> None:
    groups = json.loads((FOLDER.parent / "codesystem" / "sarcoma-patient-group.json").read_text("utf-8"))
    assert sorted(PATIENTS) == sorted(concept["code"] for concept in groups["concept"])
    assert len(PATIENTS) == 16
    assert sorted(EXPECTED) == sorted(PATIENTS)


@pytest.mark.parametrize("name", bundles())
def test_every_file_is_a_bundle_of_sound_resources(name: str) -> None:
    body = json.loads((FOLDER / f"{name}.json").read_text("utf-8"))
    Bundle.model_validate(body)
    assert (body["id"], body["type"]) == (name, "collection")
    for resource in bundles()[name]:
        get_fhir_model_class(resource["resourceType"]).model_validate(resource)


@pytest.mark.parametrize("patient", PATIENTS)
def test_everything_is_about_the_patient_and_refers_to_what_is_there(patient: str) -> None:
    first, *others = bundles()[patient]
    assert (first["resourceType"], first["id"]) == ("Patient", patient)
    for resource in others:
        whose = resource.get("patient") or resource["subject"]
        assert whose == {"reference": f"Patient/{patient}"}
        assert resource["id"].startswith(f"{patient}-")
        assert set(_references(resource)) <= everything().keys()


@pytest.mark.parametrize("patient", PATIENTS)
def test_nobody_is_real(patient: str) -> None:
    person = everything()[f"Patient/{patient}"]
    assert person["meta"]["security"][0]["code"] == "HTEST"
    (name,) = person["name"]
    assert name["given"] == ["Sample"]
    assert name["family"].lower() == patient
    assert not person.keys() & {"telecom", "photo", "contact"}


@pytest.mark.parametrize("reference", everything())
def test_it_is_of_the_shape_that_it_claims(reference: str) -> None:
    resource = everything()[reference]
    assert list(mcode.breaches(resource, everything())) == []
    if resource["resourceType"] != "Observation":
        assert mcode.profiles_of(resource), "only what mCODE has no profile for may claim none"


def test_the_check_of_shapes_finds_what_is_wrong() -> None:
    """Each required element taken away, each fixed code replaced: the check says so."""
    found = 0
    for resource in everything().values():
        for url in mcode.profiles_of(resource):
            profile = mcode.PROFILES[url]
            for path in (*profile.required, *profile.codes):
                name = path.partition(".")[0]
                without = {key: value for key, value in resource.items() if key != name}
                assert list(mcode.breaches(without, everything())), f"{url}: {path}"
                found += 1
            for path in profile.codes:
                if "." not in path:
                    other = {"coding": [{"system": "urn:x", "code": "x"}]}
                    value = [other] if isinstance(resource[path], list) else other
                    assert list(mcode.breaches({**resource, path: value}, everything())), f"{url}: {path}"
    assert found > 500


def test_every_shape_that_is_checked_is_there() -> None:
    claimed = {url for one in everything().values() for url in mcode.profiles_of(one)}
    assert claimed == mcode.PROFILES.keys()


def test_codes_of_our_own_are_codes_that_we_have() -> None:
    system = json.loads((FOLDER.parent / "codesystem" / "sarcoma-concepts.json").read_text("utf-8"))
    ours = {concept["code"] for concept in system["concept"]}
    used = {
        coding["code"]
        for coding in _codings(list(everything().values()))
        if coding["system"] == system["url"]
    }
    assert used
    assert used <= ours


def ask(patient: str, hook: str, *more: Json) -> Json:
    """The service's answer for a sample patient, asked by an EHR that fills every prefetch key."""
    connected = ehr()
    record = [*bundles()[patient], *more]
    context: Json = {"userId": "Practitioner/surgeon", "patientId": patient}
    if hook != "patient-view":
        order = {**IMATINIB, "subject": {"reference": f"Patient/{patient}"}}
        context["draftOrders"] = {
            "resourceType": "Bundle",
            "type": "collection",
            "entry": [{"resource": order}],
        }
    if hook == "order-select":
        context["selections"] = ["MedicationRequest/request-123"]
    exchange = connected.send(
        {
            "hook": hook,
            "hookInstance": "5a0ad3b9-6f29-4b0e-9d1b-0a8fe9b1c9a1",
            "context": context,
            "prefetch": connected.prefetch(hook, record),
        }
    )
    assert exchange.status == 200, exchange.answer
    assert not exchange.breaches()
    return exchange.answer


@pytest.mark.parametrize("patient", PATIENTS)
def test_opening_the_chart_shows_the_group_and_its_options(patient: str) -> None:
    cards = ask(patient, "patient-view")["cards"]
    expected = Expectation.read({"topics": [patient], **EXPECTED[patient]["patient-view"]})
    assert expected.shortfalls(cards) == [], outline(cards)
    (card,) = (one for one in cards if one["source"]["topic"]["code"] == patient)
    assert card["source"]["topic"]["system"] == contract.GROUPS
    assert card["indicator"] == "info"


@pytest.mark.parametrize("hook", ["order-select", "order-sign"])
@pytest.mark.parametrize("patient", PATIENTS)
def test_a_draft_of_imatinib_is_judged(patient: str, hook: str) -> None:
    cards = ask(patient, hook)["cards"]
    if hook == "order-sign":
        assert cards.pop()["source"]["topic"]["code"] == "imatinib-monitoring"
    assert Expectation.read(EXPECTED[patient]["imatinib"]).shortfalls(cards) == [], outline(cards)


@pytest.mark.parametrize("told", ["in the extension", "in the code", "nowhere", "of another kind"])
def test_a_course_of_radiotherapy_counts_when_it_says_how_it_was_given(told: str) -> None:
    patient = "sts-extremity-stage-2-resectable"
    course = copy.deepcopy(everything()["Procedure/sts-extremity-recurrent-radiotherapy"])
    course["subject"] = {"reference": f"Patient/{patient}"}
    course["performedPeriod"] = {"start": "2025-10-13", "end": "2025-11-21"}
    if told == "in the code":
        course["code"]["coding"].append({"system": mcode.SNOMED, "code": "33195004"})
    elif told == "of another kind":
        course["extension"][0]["url"] = "https://ehr.example.org/StructureDefinition/planned-instead"
    if told in ("in the code", "nowhere"):
        del course["extension"]
    cards = ask(patient, "patient-view", course)["cards"]
    again = {"not_suggested": ["procedure-external-beam-radiotherapy"]}
    counts = told in ("in the extension", "in the code")
    assert (Expectation.read(again).shortfalls(cards) == []) is counts


def test_the_other_file_holds_those_who_treat() -> None:
    assert {one["resourceType"] for one in bundles()[OTHERS]} == {"Practitioner"}


def _references(element: Any) -> Iterator[str]:
    if isinstance(element, dict):
        if isinstance(element.get("reference"), str):
            yield element["reference"]
        element = list(element.values())
    if isinstance(element, list):
        for each in element:
            yield from _references(each)


def _codings(element: Any) -> Iterator[dict[str, str]]:
    if isinstance(element, dict):
        if "system" in element and "code" in element:
            yield element
        element = list(element.values())
    if isinstance(element, list):
        for each in element:
            yield from _codings(each)
