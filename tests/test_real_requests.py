"""Request bodies as a real client sends them: not clean FHIR, and answered all the same.

The recorded bodies are used where their folder is at hand; the faults they hold stand here in requests of our
own too, so that nothing rests on that folder.
"""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from tests.cases.building import Resource
from tests.cases.exchange import PATIENT_ID, Exchange
from tests.cases.expectation import outline, topic_of
from tests.cases.patient_language import drafts, patient, resources
from tests.cases.service import ehr

Json = dict[str, Any]

FOLDER = Path(__file__).resolve().parents[1].parent / "shared" / "real-requests"
FILES = sorted(path for path in FOLDER.glob("*.json") if path.stem.startswith(("patient-", "order-")))

GIST = ["GIST of stomach", "resectability: unresectable", "genotype: KIT exon 11"]


@pytest.mark.skipif(not FILES, reason="no ../shared/real-requests: they are not part of the project")
def test_recorded_requests_are_answered() -> None:
    for path in FILES:
        exchange = _complete(json.loads(path.read_text(encoding="utf-8")))
        assert exchange.status == 200, f"{path.stem}: {exchange.answer}"
        assert not exchange.breaches(), f"{path.stem}: {exchange.breaches()}"


@pytest.mark.skipif(not FILES, reason="no ../shared/real-requests: they are not part of the project")
@pytest.mark.parametrize(
    ("name", "topics"),
    [
        ("patient-view", {"missing-information"}),
        ("order-select-medication", {"genotype-missing"}),
        ("order-select-medication-dose-2-bid", {"genotype-missing"}),
        ("order-sign-medication", {"genotype-missing", "imatinib-monitoring"}),
        ("order-select-no-medication", set()),
        ("order-select-after-delete-suggestion", set()),
        ("order-select-no-draftOrders-tab-reclick", set()),
        ("order-sign-no-draftOrders-tab-reclick", set()),
        ("order-select-servicerequest-empty", set()),
    ],
)
def test_recorded_request(name: str, topics: set[str]) -> None:
    """The client's patient has a GIST; its order calls leave that out of prefetch, and we put it in."""
    exchange = _complete(json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8")))
    assert {topic_of(card) for card in exchange.cards} == topics, outline(exchange.cards)


def _complete(request: Json) -> Exchange:
    """The request with our prefetch keys, filled from its own prefetch, or with a GIST when it holds none."""
    given = _resources(request.pop("prefetch"))
    patient_id = request["context"]["patientId"]
    if not any(one["resourceType"] == "Condition" for one in given.values()):
        given["Condition/c"] = resources(["GIST"], patient_id)[0]
    connected = ehr()
    prefetch = connected.prefetch(request["hook"], given.values())
    return connected.send({**request, "prefetch": prefetch})


def _resources(prefetch: Json) -> dict[str, Resource]:
    found: dict[str, Resource] = {}
    for value in prefetch.values():
        entries = [entry["resource"] for entry in value.get("entry", ())]
        for one in entries if value["resourceType"] == "Bundle" else [value]:
            found[f"{one['resourceType']}/{one['id']}"] = one
    return found


# ---- the same faults in requests of our own ---------------------------------------------------------------


def _order_request(hook: str, order: Resource | None) -> Json:
    context: Json = {"userId": "Practitioner/dr-1", "patientId": PATIENT_ID}
    if order is not None:
        context["draftOrders"] = {"resourceType": "Bundle", "entry": [{"resource": order}]}
    if hook == "order-select":
        context["selections"] = [f"{order['resourceType']}/{order['id']}"] if order else []
    given = [patient(PATIENT_ID), *resources(GIST, PATIENT_ID)]
    prefetch = ehr().prefetch(hook, given)
    return {
        "hook": hook,
        "hookInstance": "2f7a9b30-27a6-4a55-9a5a-6a6b0d0e9a10",
        "context": context,
        "prefetch": prefetch,
    }


def _sunitinib() -> Resource:
    return drafts(["sunitinib 50 MG Oral Capsule"], PATIENT_ID)[0]


_FAULTS: dict[str, Json] = {
    "a category that is no list": {
        "category": {"coding": [{"system": "http://example.org/category", "code": "community"}]}
    },
    "a reason that is no list": {"reasonCode": {"coding": [{"code": "420120006"}], "text": "GIST"}},
    "a supply": {"dispenseRequest": {"expectedSupplyDuration": {"value": 30, "unit": "days", "code": "d"}}},
    "a dose": {"dosageInstruction": [{"doseAndRate": [{"doseQuantity": {"value": 1, "code": "{pill}"}}]}]},
}


@pytest.mark.parametrize("fault", _FAULTS)
@pytest.mark.parametrize("hook", ["order-select", "order-sign"])
def test_a_draft_that_is_not_clean_is_judged(hook: str, fault: str) -> None:
    exchange = ehr().send(_order_request(hook, _sunitinib() | _FAULTS[fault]))
    assert exchange.status == 200, exchange.answer
    assert "sunitinib-before-imatinib" in {topic_of(card) for card in exchange.cards}
    assert not exchange.breaches()


def test_a_draft_without_intent_is_judged() -> None:
    order = _sunitinib()
    del order["intent"]
    exchange = ehr().send(_order_request("order-select", order))
    assert exchange.status == 200
    assert "sunitinib-before-imatinib" in {topic_of(card) for card in exchange.cards}


@pytest.mark.parametrize("hook", ["order-select", "order-sign"])
def test_drafts_that_are_missing_altogether(hook: str) -> None:
    exchange = ehr().send(_order_request(hook, None))
    assert (exchange.status, exchange.answer) == (200, {"cards": []})


@pytest.mark.parametrize(
    "order",
    [
        {"resourceType": "MedicationRequest", "id": "d", "status": "draft"},
        {"resourceType": "ServiceRequest", "id": "d", "status": "draft", "code": {"coding": [{}]}},
        {"resourceType": "MedicationRequest", "id": "d", "medicationCodeableConcept": {"coding": [{}]}},
        {"resourceType": "MedicationRequest", "id": "d", "medicationCodeableConcept": {"text": "imatinib"}},
        {"resourceType": "NutritionOrder", "id": "d", "status": "draft"},
    ],
    ids=["nothing chosen", "empty coding", "empty drug coding", "text only", "another type"],
)
@pytest.mark.parametrize("hook", ["order-select", "order-sign"])
def test_a_draft_that_orders_nothing_yet(hook: str, order: Resource) -> None:
    subject = {"subject": {"reference": f"Patient/{PATIENT_ID}"}}
    exchange = ehr().send(_order_request(hook, copy.deepcopy(order) | subject))
    assert (exchange.status, exchange.answer) == (200, {"cards": []})


def test_a_selection_that_is_no_draft_judges_nothing() -> None:
    request = _order_request("order-select", _sunitinib())
    request["context"]["selections"] = ["MedicationRequest/gone"]
    exchange = ehr().send(request)
    assert exchange.status in (200, 400)
    assert exchange.answer.get("cards", []) == []


def test_a_patient_id_with_its_type_is_the_same_patient() -> None:
    plain, typed = _order_request("order-select", _sunitinib()), _order_request("order-select", _sunitinib())
    typed["context"]["patientId"] = f"Patient/{PATIENT_ID}"
    topics = [[topic_of(card) for card in ehr().send(one).cards] for one in (plain, typed)]
    assert topics[0] == topics[1] != []


@pytest.mark.parametrize("hook", ["patient-view", "order-select"])
def test_searches_with_links_totals_and_modes(hook: str) -> None:
    """A search Bundle as a server sends it, with an OperationOutcome among its entries."""
    given = [patient(PATIENT_ID), *resources(GIST, PATIENT_ID)]
    prefetch = ehr().prefetch(hook, given)
    for value in prefetch.values():
        if value["resourceType"] == "Bundle":
            value["link"] = [{"relation": "self", "url": "http://127.0.0.1/fhir/x?patient=patient-1"}]
            for entry in value.get("entry", ()):
                entry["search"] = {"mode": "match"}
                entry["fullUrl"] = f"http://127.0.0.1/fhir/x/{entry['resource']['id']}"
            issue = {"severity": "information", "code": "informational"}
            outcome = {"resourceType": "OperationOutcome", "issue": [issue]}
            value.setdefault("entry", []).append({"resource": outcome, "search": {"mode": "outcome"}})
    request = _order_request(hook, _sunitinib()) if hook != "patient-view" else _order_request(hook, None)
    exchange = ehr().send({**request, "prefetch": prefetch})
    assert exchange.status == 200, exchange.answer
    expected = "gist-unresectable" if hook == "patient-view" else "sunitinib-before-imatinib"
    assert expected in {topic_of(card) for card in exchange.cards}


def test_empty_searches_without_entries() -> None:
    request = _order_request("patient-view", None)
    request["prefetch"] = ehr().prefetch("patient-view", [patient(PATIENT_ID)])
    assert all("entry" not in value for value in request["prefetch"].values())
    exchange = ehr().send(request)
    assert (exchange.status, exchange.answer) == (200, {"cards": []})


def test_one_malformed_resource_does_not_silence_the_rest() -> None:
    record = resources(GIST, PATIENT_ID)
    broken = {**record[1], "id": "broken", "effectiveDateTime": "soon", "valueCodeableConcept": 7}
    exchange = ehr().ask("patient-view", [*record, broken])
    assert exchange.status == 200, exchange.answer
    assert "gist-unresectable" in {topic_of(card) for card in exchange.cards}


def test_unknown_prefetch_is_never_an_empty_answer() -> None:
    """Conditions that could not be fetched are not conditions the patient does not have."""
    request = _order_request("patient-view", None)
    keys = [key for key, value in request["prefetch"].items() if _holds(value, "Condition")]
    assert keys
    for key in keys:
        del request["prefetch"][key]
    exchange = ehr().send(request)
    assert exchange.status == 412
    assert exchange.answer["resourceType"] == "OperationOutcome"


def _holds(value: Json | None, kind: str) -> bool:
    entries = (value or {}).get("entry", ())
    return any(entry["resource"]["resourceType"] == kind for entry in entries)


def test_a_drug_on_record_by_reference_to_an_included_medication() -> None:
    """A search with `_include` holds the Medication beside the request that names it."""
    stopped = resources([*GIST, "imatinib stopped"], PATIENT_ID)
    medication = {
        "resourceType": "Medication",
        "id": "m",
        "code": stopped[-1].pop("medicationCodeableConcept"),
    }
    stopped[-1]["medicationReference"] = {"reference": "Medication/m"}
    request = _order_request("order-select", _sunitinib())
    request["prefetch"] = ehr().prefetch("order-select", [patient(PATIENT_ID), *stopped])
    (key,) = [key for key, value in request["prefetch"].items() if _holds(value, "MedicationRequest")]
    request["prefetch"][key]["entry"].append({"resource": medication, "search": {"mode": "include"}})
    exchange = ehr().send(request)
    assert exchange.status == 200, exchange.answer
    assert "sunitinib-before-imatinib" not in {topic_of(card) for card in exchange.cards}
