"""Draft orders as clients send them."""

from __future__ import annotations

from typing import Any

import pytest

from service.patient import DraftsUnreadable, read_drafts


def order(own: Any = "d1", **members: Any) -> dict[str, Any]:
    body = {
        "resourceType": "MedicationRequest",
        "id": own,
        "status": "draft",
        "subject": {"reference": "Patient/p"},
        **members,
    }
    return {name: value for name, value in body.items() if value is not None}


def context(*orders: Any, selections: Any = ..., **members: Any) -> dict[str, Any]:
    body: dict[str, Any] = {
        "patientId": "p",
        "draftOrders": {"resourceType": "Bundle", "entry": list(orders)},
    }
    return {**body, **({} if selections is ... else {"selections": selections}), **members}


def entry(*args: Any, **members: Any) -> dict[str, Any]:
    return {"resource": order(*args, **members)}


def test_selected_orders_are_told_from_the_others() -> None:
    drafts = read_drafts(
        context(entry("a"), entry("b"), selections=["MedicationRequest/b", "MedicationRequest/gone"]), True
    )
    assert [r["id"] for r in drafts.resources] == ["a", "b"]
    assert drafts.selections == ("MedicationRequest/b",)
    assert set(drafts.by_reference) == {"MedicationRequest/a", "MedicationRequest/b"}
    assert [(row.what, row.reason) for row in drafts.left_out] == [
        ("selections", "1 without an order to judge")
    ]


@pytest.mark.parametrize("form", ["MedicationRequest/a", "https://e.org/fhir/MedicationRequest/a/_history/1"])
@pytest.mark.parametrize("wrapped", [True, False])
def test_selections_may_be_written_in_other_ways(form: str, wrapped: bool) -> None:
    drafts = read_drafts(context(entry("a"), selections=[form] if wrapped else form), True)
    assert drafts.selections == ("MedicationRequest/a",)


@pytest.mark.parametrize("selections", [..., None, [], [None], ["Basic/1"], [5], 5])
def test_nothing_selected_is_nothing_to_judge(selections: Any) -> None:
    drafts = read_drafts(context(entry("a"), selections=selections), True)
    assert drafts.nothing_to_judge
    assert drafts.selections == ()


def test_signing_judges_all_orders() -> None:
    drafts = read_drafts(context(entry("a"), selections=["MedicationRequest/none"]), False)
    assert (drafts.selections, drafts.nothing_to_judge) == (None, False)


@pytest.mark.parametrize(
    "draft_orders", [None, {"resourceType": "Bundle"}, {"resourceType": "Bundle", "entry": [None, {}]}]
)
@pytest.mark.parametrize("selecting", [True, False])
def test_no_orders_is_nothing_to_judge(draft_orders: Any, selecting: bool) -> None:
    assert read_drafts({"patientId": "p", "draftOrders": draft_orders}, selecting).nothing_to_judge
    assert read_drafts({"patientId": "p"}, selecting).nothing_to_judge


def test_orders_without_a_usable_id_are_judged_and_cannot_be_replaced() -> None:
    drafts = read_drafts(
        context(entry(None), entry("not an id"), selections=["MedicationRequest/not an id"]), True
    )
    first, second = (r["id"] for r in drafts.resources)
    assert first != second
    assert drafts.selections == (f"MedicationRequest/{second}",)
    assert drafts.by_reference == {}


def test_a_stand_in_is_no_id_that_an_order_has() -> None:
    drafts = read_drafts(context(entry("without-id-1"), entry(None)), False)
    assert len({r["id"] for r in drafts.resources}) == 2


def test_orders_of_another_patient_and_duplicates_are_left_out() -> None:
    drafts = read_drafts(
        context(
            entry("x", subject={"reference": "Patient/q"}),
            entry("y", note=[{"text": "old"}]),
            entry("y", note=[{"text": "new"}]),
            entry("z", status="entered-in-error"),
        ),
        False,
    )
    assert [r["note"] for r in drafts.resources] == [[{"text": "new"}]]
    assert {row.what: row.reason for row in drafts.left_out} == {
        "MedicationRequest/x": "not about this patient",
        "MedicationRequest/y": "older duplicate",
        "MedicationRequest/z": "entered-in-error",
    }


def test_the_faults_of_real_clients_are_put_right() -> None:
    drafts = read_drafts(
        context(
            entry(category={"coding": [{"code": "c"}]}, reasonCode={"text": "why"}, medicationReference=None)
        ),
        False,
    )
    assert drafts.resources[0]["category"] == [{"coding": [{"code": "c"}]}]
    assert drafts.resources[0]["reasonCode"] == [{"text": "why"}]


def test_orders_inside_a_group_stay_reachable() -> None:
    medication = {"resourceType": "Medication", "id": "m", "code": {"text": "tea"}}
    inner = {
        "resourceType": "MedicationRequest",
        "id": "o",
        "medicationReference": {"reference": "Medication/m"},
    }
    group = {
        "resourceType": "RequestGroup",
        "id": "g",
        "contained": inner,
        "action": {"resource": {"reference": "#o"}},
    }
    drafts = read_drafts(
        context({"resource": group}, {"resource": medication}, selections=["RequestGroup/g"]), True
    )
    (found,) = drafts.resources
    assert found["contained"][0]["medicationCodeableConcept"] == {"text": "tea"}
    assert found["action"] == [{"resource": {"reference": "#o"}}]
    assert drafts.selections == ("RequestGroup/g",)


def test_one_malformed_order_does_not_silence_the_others() -> None:
    drafts = read_drafts(
        context(
            entry("bad", medicationCodeableConcept="tea"),
            entry("good"),
            selections=["MedicationRequest/bad", "MedicationRequest/good"],
        ),
        True,
    )
    assert drafts.selections == ("MedicationRequest/good",)
    assert drafts.left_out[0].reason == "malformed: medicationCodeableConcept"


def test_when_no_order_to_judge_can_be_read_there_is_no_answer() -> None:
    bad = entry("bad", medicationCodeableConcept="tea")
    with pytest.raises(DraftsUnreadable):
        read_drafts(context(bad), False)
    with pytest.raises(DraftsUnreadable):
        read_drafts(context(bad, entry("good"), selections=["MedicationRequest/bad"]), True)
    assert read_drafts(context(bad, entry("good"), selections=[]), True).nothing_to_judge


@pytest.mark.parametrize(
    "value", [{}, {"resourceType": "OperationOutcome"}, {"resourceType": "Bundle", "entry": 5}]
)
def test_a_bundle_that_is_none_is_not_an_empty_one(value: Any) -> None:
    with pytest.raises(DraftsUnreadable):
        read_drafts({"patientId": "p", "draftOrders": value}, False)
