"""What the comparison with HAPI takes for the same: a comparison that cannot fail proves nothing."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from service.guideline import Applied, AppliedAction, Considered
from tests.interop import hapi
from tests.interop.compare import COLLECT_WITH, differences, of_hapi, of_service

Json = dict[str, Any]
REQUEST: Json = {
    "resourceType": "ServiceRequest",
    "status": "draft",
    "intent": "proposal",
    "priority": "routine",
    "code": {"text": "rest"},
    "subject": {"reference": "Patient/p"},
}


def action(path: str, title: str, *children: AppliedAction, resource: Json | None = None) -> AppliedAction:
    return AppliedAction(
        id=path.rpartition("/")[2],
        path=path,
        title=title,
        description=None,
        priority=None,
        topic=None,
        documentation=(),
        selection_behavior=None,
        grouping_behavior=None,
        required_behavior=None,
        precheck=None,
        cardinality=None,
        type=None,
        facts=(),
        drafts=(),
        resource=resource,
        definition=None,
        children=children,
    )


def applied() -> Applied:
    rest = action("plan/card/rest", "Rest", resource=REQUEST)
    trace = (
        Considered("plan/card", "applied"),
        Considered("plan/card/rest", "applied"),
        Considered("plan/other", "unknown", "Logic.Is Tired", ("Logic.Sleep",)),
        Considered("plan/more", "not-applied", "Logic.More"),
    )
    return Applied("plan|1", "Patient/p", (action("plan/card", "Card", rest),), trace)


def care_plan() -> Json:
    """What HAPI makes of the same: a nested RequestGroup, the request active and without priority."""
    made = {name: value for name, value in REQUEST.items() if name != "priority"} | {"status": "active"}
    nested = {"id": "rest", "title": "Rest", "resource": {"reference": "#rest-it"}}
    return {
        "resourceType": "CarePlan",
        "contained": [
            {
                "resourceType": "RequestGroup",
                "id": "plan",
                "action": [{"id": "card", "title": "Card", "resource": {"reference": "#card-nested"}}],
            },
            {"resourceType": "RequestGroup", "id": "card-nested", "action": [nested]},
            {**made, "id": "rest-it"},
        ],
    }


def found(care_plan: Json, nulls: tuple[str, ...] = ("Is Tired",)) -> list[str]:
    return differences(of_service(applied()), of_hapi(hapi.Answer(care_plan, nulls), "plan"))


def test_the_same_tree_in_two_forms_agrees() -> None:
    assert found(care_plan()) == []


def _title(plan: Json) -> None:
    plan["contained"][1]["action"][0]["title"] = "Sleep"


def _more(plan: Json) -> None:
    plan["contained"][0]["action"].append({"id": "more"})


def _less(plan: Json) -> None:
    plan["contained"][0]["action"][0].pop("resource")


def _code(plan: Json) -> None:
    plan["contained"][2]["code"] = {"text": "run"}


def _status(plan: Json) -> None:
    plan["contained"][2]["status"] = "completed"


def _priority(plan: Json) -> None:
    plan["contained"][2]["priority"] = "stat"


@pytest.mark.parametrize("change", [_title, _more, _less, _code, _status, _priority])
def test_a_difference_is_found(change: Callable[[Json], None]) -> None:
    plan = copy.deepcopy(care_plan())
    change(plan)
    assert found(plan)


def test_a_form_is_the_same_in_two_places() -> None:
    form = "https://example.org/fhir/Questionnaire/form"
    task: Json = {"resourceType": "Task", "status": "draft"}
    ours = of_service(_with(task | {"input": [{"type": {"text": "form"}, "valueCanonical": form}]}))
    extension = [{"url": COLLECT_WITH, "valueCanonical": form}]
    theirs = {"basedOn": [{"reference": "RequestGroup/plan"}], "extension": extension, "status": "ready"}
    plan = care_plan()
    plan["contained"][2] = task | theirs | {"id": "rest-it"}
    assert differences(ours, of_hapi(hapi.Answer(plan, ("Is Tired",)), "plan")) == []
    extension[0]["valueCanonical"] = "https://example.org/fhir/Questionnaire/other"
    assert differences(ours, of_hapi(hapi.Answer(plan, ("Is Tired",)), "plan"))


def _with(resource: Json) -> Applied:
    card = action("plan/card", "Card", action("plan/card/rest", "Rest", resource=resource))
    return applied()._replace(actions=(card,))


def test_what_only_one_cannot_decide_is_a_difference() -> None:
    assert found(care_plan(), nulls=()) == ["unknown to the service only: Is Tired"]
    assert found(care_plan(), nulls=("Is Tired", "More")) == ["unknown to HAPI only: More"]


def test_a_failure_of_hapi_is_no_agreement() -> None:
    failure = {"resourceType": "OperationOutcome", "id": "o", "issue": [{"diagnostics": "broken"}]}
    plan = care_plan()
    plan["contained"].append(failure)
    with pytest.raises(ValueError, match="broken"):
        found(plan)


def test_a_list_of_one_is_still_a_list() -> None:
    sent = hapi.request("plan", "Patient/p", [], {"draftOrders": [REQUEST], "country": "US"})
    (parameters,) = (each["resource"] for each in sent["parameter"] if each["name"] == "parameters")
    orders, country = parameters["parameter"]
    assert orders["extension"][0]["valueParameterDefinition"]["max"] == "*"
    assert country == {"name": "country", "valueString": "US"}
    assert json.dumps(sent)
