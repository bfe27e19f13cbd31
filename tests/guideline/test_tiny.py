"""The tiny guideline on patients: everything it uses at once, through the real CQL engine."""

from __future__ import annotations

import pytest
from fhir.resources.R4B import get_fhir_model_class

from service.cql import ListRecord
from service.guideline import Applied, AppliedAction, Fact, Guideline
from tests.guideline.building import NOW, PATIENT, SUBJECT, TINY, Json

GUIDELINE = Guideline.load(TINY)
CONCEPTS = f"{GUIDELINE.base}/CodeSystem/hydration-concepts"
THIRST = {
    "resourceType": "Condition",
    "id": "c",
    "subject": {"reference": SUBJECT},
    "recordedDate": "2024-03-01",
    "code": {"coding": [{"system": CONCEPTS, "code": "thirst", "display": "Thirst"}]},
}
LEMONADE = {
    "resourceType": "MedicationStatement",
    "id": "m",
    "status": "completed",
    "subject": {"reference": SUBJECT},
    "medicationCodeableConcept": {"coding": [{"system": CONCEPTS, "code": "lemonade"}]},
}


def level(value: int) -> Json:
    return {
        "resourceType": "Observation",
        "id": f"o{value}",
        "status": "final",
        "code": {"coding": [{"system": CONCEPTS, "code": "thirst-level"}]},
        "effectiveDateTime": "2024-03-02",
        "valueInteger": value,
    }


def draft(draft_id: str, drink: str) -> Json:
    return {
        "resourceType": "MedicationRequest",
        "id": draft_id,
        "status": "draft",
        "intent": "order",
        "subject": {"reference": SUBJECT},
        "medicationCodeableConcept": {"coding": [{"system": CONCEPTS, "code": drink}]},
    }


def view(*resources: Json) -> Applied:
    evaluation = GUIDELINE.evaluation(ListRecord([PATIENT, *resources]), NOW)
    return GUIDELINE.apply("hydration-patient-view", evaluation, SUBJECT)


def select(drafts: list[Json], selections: list[str] | None) -> Applied:
    parameters = {"draftOrders": drafts, "selections": selections}
    evaluation = GUIDELINE.evaluation(ListRecord([PATIENT, THIRST]), NOW, parameters)
    return GUIDELINE.apply("hydration-order-select", evaluation, SUBJECT)


def tree(actions: tuple[AppliedAction, ...]) -> Json:
    return {action.id: tree(action.children) for action in actions}


def resources(actions: tuple[AppliedAction, ...]) -> list[Json]:
    found = [action.resource for action in actions if action.resource is not None]
    return found + [resource for action in actions for resource in resources(action.children)]


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ((), {}),
        ((THIRST, level(9)), {"thirst": {"great": {"drink": {}, "rest": {}, "refill": {}}, "note": {}}}),
        ((THIRST, level(3)), {"thirst": {"mild": {}, "treat": {}, "note": {}}}),
        ((THIRST, level(3), LEMONADE), {"thirst": {"mild": {}, "note": {}}}),
        ((THIRST,), {"thirst": {"note": {}}, "missing": {"ask": {}, "family": {}}}),
    ],
)
def test_what_applies_to_whom(record: tuple[Json, ...], expected: Json) -> None:
    applied = view(*record)
    assert tree(applied.actions) == expected
    for resource in resources(applied.actions):
        get_fhir_model_class(resource["resourceType"]).model_validate(resource)


def test_facts_and_computed_title() -> None:
    [card] = view(THIRST, level(9)).actions
    assert card.title == "Thirsty: level 9 of 10"
    assert card.facts == (
        Fact("thirst", "Thirst", "2024-03-01", "Condition/c"),
        Fact("thirst level", "9", "2024-03-02", "Observation/o9"),
    )


def test_what_is_not_recorded_is_a_fact_without_value_and_makes_options_unknown() -> None:
    applied = view(THIRST)
    card, missing = applied.actions
    assert card.title == "Thirsty: offer a drink"
    assert missing.facts == (Fact("thirst level", None, None, None),)
    assert {entry.path.rpartition("/")[2]: entry.because for entry in applied.unknown} == {
        "great": ("HydrationLogic.Level Record",),
        "mild": ("HydrationLogic.Level Record",),
        "treat": ("HydrationLogic.Level Record",),
    }


def test_the_request_says_why_and_how() -> None:
    [card] = view(THIRST, level(10)).actions
    drink = card.children[0].children[0].resource
    assert drink == {
        "resourceType": "MedicationRequest",
        "instantiatesCanonical": [f"{GUIDELINE.base}/ActivityDefinition/drink-water|2024.2.0"],
        "status": "draft",
        "intent": "proposal",
        "priority": "urgent",
        "medicationCodeableConcept": {
            "coding": [{"system": CONCEPTS, "code": "water", "display": "Water"}],
            "text": "Water",
        },
        "subject": {"reference": SUBJECT},
        "reasonReference": [{"reference": "Condition/c"}],
        "note": [{"text": "In small sips."}],
    }


@pytest.mark.parametrize(
    ("drafts", "selections", "expected"),
    [
        ([draft("1", "sea-water"), draft("2", "water")], None, ("MedicationRequest/1",)),
        (
            [draft("1", "sea-water"), draft("2", "sea-water")],
            ["MedicationRequest/2"],
            ("MedicationRequest/2",),
        ),
        ([draft("1", "sea-water")], ["MedicationRequest/9"], None),
        ([draft("1", "water")], None, None),
        ([], None, None),
    ],
)
def test_drafts_that_an_action_is_about(
    drafts: list[Json], selections: list[str] | None, expected: tuple[str, ...] | None
) -> None:
    actions = select(drafts, selections).actions
    assert [action.drafts for action in actions] == ([] if expected is None else [expected])
    if expected:
        water, nothing = actions[0].children
        assert (water.type, nothing.type) == ("update", "remove")
        assert water.resource is not None
        assert water.resource["intent"] == "order"


def test_one_guideline_answers_many_patients_at_the_same_time() -> None:
    one = GUIDELINE.evaluation(ListRecord([PATIENT, THIRST, level(9)]), NOW)
    other = GUIDELINE.evaluation(ListRecord([PATIENT]), NOW)
    assert GUIDELINE.apply("hydration-patient-view", other, SUBJECT).actions == ()
    assert len(GUIDELINE.apply("hydration-patient-view", one, SUBJECT).actions) == 1
    assert GUIDELINE.apply("hydration-patient-view", other, SUBJECT).actions == ()
