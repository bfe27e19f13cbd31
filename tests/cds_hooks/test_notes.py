"""What was not considered reaches the clinician, on every card and in a line."""

from __future__ import annotations

from typing import Any

import pytest

from service.cds_hooks.notes import note_on
from service.cds_hooks.text import MAX_DETAIL
from service.patient import LeftOut
from tests.cds_hooks.fakes import FakeGuideline, action, app_with, request_body

VIEW = "/cds-services/test-patient-view"


def details(guideline: FakeGuideline, prefetch: dict[str, Any], **settings: Any) -> list[str]:
    response = app_with(guideline, **settings).test_client().post(VIEW, json=request_body(prefetch=prefetch))
    assert response.status_code == 200
    return [card.get("detail", "") for card in response.get_json()["cards"]]


def looking(*actions: Any) -> FakeGuideline:
    def judge(record: Any) -> None:
        record.retrieve("Condition", None, None)
        record.retrieve("MedicationRequest", None, None)

    return FakeGuideline(actions, judge)


def wrong(number: int) -> dict[str, Any]:
    return {"resource": {"resourceType": "Condition", "id": f"c{number}", "recordedDate": "Secret"}}


ALL = {"patient": None, "conditions": None, "medications": None}


@pytest.mark.parametrize(
    ("prefetch", "note"),
    [
        (ALL, ""),
        (
            ALL | {"conditions": {"resourceType": "Bundle", "entry": [wrong(1)]}},
            "**Not considered**: 1 entry of the patient's data could not be read.",
        ),
        (
            ALL | {"conditions": {"resourceType": "Bundle", "entry": [wrong(1), {"resource": 5}, wrong(2)]}},
            "**Not considered**: 3 entries of the patient's data could not be read.",
        ),
        ({"patient": None, "conditions": None}, "**Not considered**: Not available: medications."),
        (
            ALL | {"medications": {"resourceType": "OperationOutcome", "issue": [{"severity": "error"}]}},
            "**Not considered**: Not available: medications.",
        ),
        (
            ALL | {"conditions": {"resourceType": "Bundle", "link": [{"relation": "next", "url": "x"}]}},
            "**Not considered**: Only a part came of: conditions.",
        ),
    ],
)
def test_every_card_says_what_was_not_considered(prefetch: dict[str, Any], note: str) -> None:
    first, second = details(looking(action(title="A", description="Why."), action(title="B")), prefetch)
    assert first == (f"Why.\n\n{note}" if note else "Why.")
    assert second == note


def test_what_no_rule_looked_for_is_not_missed() -> None:
    assert details(FakeGuideline((action(title="A"),)), {}) == [""]


def test_a_long_detail_makes_room_for_the_note() -> None:
    (detail,) = details(looking(action(title="A", description="word " * 2000)), {"conditions": None})
    assert len(detail) <= MAX_DETAIL
    assert "… (shortened)" in detail
    assert detail.endswith("**Not considered**: Not available: medications.")


def test_merged_cards_say_it_once() -> None:
    actions = [action(title=f"T{number}", description="Why.") for number in range(4)]
    found = details(looking(*actions), {"conditions": None}, max_cards=2)
    assert [detail.count("Not considered") for detail in found] == [1, 1]


@pytest.mark.parametrize("reason", ["another patient", "entered-in-error", "older duplicate", "refuted"])
def test_what_does_not_belong_is_not_missed(reason: str) -> None:
    assert note_on([LeftOut("conditions", "Condition/c", reason)]) == ""
