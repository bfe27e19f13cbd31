"""Applying plans: FHIR R4 PlanDefinition/$apply, with null as unknown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fhir.resources.R4B import get_fhir_model_class

from service.guideline import Applied, AppliedAction, GuidelineError, UnknownPlanError
from tests.guideline.building import (
    BASE,
    NOW,
    SUBJECT,
    VERSION,
    Json,
    activity,
    canonical,
    code,
    dynamic,
    expression,
    failing,
    false,
    null,
    plan,
    ref,
    small,
    text,
    texts,
    true,
    when,
)

DEFINES = {
    "Yes": true(),
    "No": false(),
    "Grade": null(),
    "Size": null(),
    "Unknown": ref("Grade"),
    "Unknown Too": ref("Size"),
    "Fails": failing(),
    "Word": text("spoken"),
    "No Word": null("String"),
    "Urgent": text("urgent"),
    "Order": text("order"),
    "A Code": code("c1"),
    "Drafts": texts("MedicationRequest/1", None, "MedicationRequest/2", "MedicationRequest/1"),
}
CODE = {"text": "a thing to do"}


def applied(folder: Path, *actions: Json, others: tuple[Json, ...] = ()) -> Applied:
    """The plan `root` with these actions, applied."""
    guideline, evaluation = small(folder, DEFINES, plan("root", *actions), *others)
    return guideline.apply("root", evaluation, SUBJECT)


def outcomes(result: Applied) -> dict[str, str]:
    return {entry.path: entry.outcome for entry in result.trace}


def ids(actions: tuple[AppliedAction, ...]) -> list[str]:
    return [action.id for action in actions]


def service(activity_id: str, **more: Any) -> Json:
    return activity(activity_id, "ServiceRequest", **({"intent": "proposal", "code": CODE} | more))


# --- conditions


@pytest.mark.parametrize(
    ("defines", "outcome", "define", "because"),
    [
        ((), "applied", None, ()),
        (("Yes",), "applied", None, ()),
        (("Yes", "Yes"), "applied", None, ()),
        (("No",), "not-applied", "Small.No", ()),
        (("Yes", "No"), "not-applied", "Small.No", ()),
        (("Unknown",), "unknown", "Small.Unknown", ("Small.Grade",)),
        (("Yes", "Unknown", "Unknown Too"), "unknown", "Small.Unknown", ("Small.Grade", "Small.Size")),
        # What is false is false, whatever else nobody knows.
        (("Unknown", "No"), "not-applied", "Small.No", ()),
    ],
)
def test_all_conditions_must_be_true(
    tmp_path: Path, defines: tuple[str, ...], outcome: str, define: str | None, because: tuple[str, ...]
) -> None:
    result = applied(tmp_path, {"id": "a", "title": "A", "condition": when(*defines)})
    [entry] = result.trace
    assert (entry.path, entry.outcome, entry.define, entry.because) == ("root/a", outcome, define, because)
    assert bool(result.actions) == (outcome == "applied")


def test_unknown_actions_are_listed_with_what_is_missing(tmp_path: Path) -> None:
    result = applied(
        tmp_path,
        {
            "id": "a",
            "title": "A",
            "action": [
                {"id": "b", "title": "B", "condition": when("Unknown")},
                {"id": "c", "title": "C", "condition": when("No")},
            ],
        },
    )
    assert [(entry.path, entry.because) for entry in result.unknown] == [("root/a/b", ("Small.Grade",))]


def test_the_trace_may_be_asked_for_again(tmp_path: Path) -> None:
    gone = {"id": "d", "title": "D", "condition": when("No")}
    options = {"id": "c", "title": "C", "selectionBehavior": "any", "action": [gone]}
    second = {"id": "b", "title": "B", "condition": when("Unknown"), "action": [{"id": "e", "title": "E"}]}
    result = applied(tmp_path, {"id": "a", "title": "A", "action": [options]}, second)
    assert [(entry.path, entry.outcome) for entry in result.trace] == [
        ("root/a", "applied"),
        ("root/a/c", "empty"),
        ("root/a/c/d", "not-applied"),
        ("root/b", "unknown"),
        ("root/b/e", "parent"),
    ]
    assert result.trace == result.trace


def test_a_null_condition_does_not_hide_that_another_fails(tmp_path: Path) -> None:
    with pytest.raises(GuidelineError, match=r"^root/a \(Small\.Fails\): "):
        applied(tmp_path, {"id": "a", "title": "A", "condition": when("Unknown", "Fails")})


def test_a_failing_condition_is_an_error_that_names_action_and_define(tmp_path: Path) -> None:
    with pytest.raises(GuidelineError, match=r"^root/a/b \(Small\.Fails\): ") as raised:
        applied(
            tmp_path,
            {"id": "a", "title": "A", "action": [{"id": "b", "title": "B", "condition": when("Fails")}]},
        )
    assert (raised.value.path, raised.value.define) == ("root/a/b", "Small.Fails")


def test_a_condition_that_is_neither_true_false_nor_null_is_an_error(tmp_path: Path) -> None:
    # ELM may claim a type that its value has not.
    defines = {"Liar": text("yes") | {"resultTypeName": true()["resultTypeName"]}}
    root = plan("root", {"id": "a", "title": "A", "condition": when("Liar")})
    guideline, evaluation = small(tmp_path, defines, root)
    with pytest.raises(GuidelineError, match=r"root/a \(Small\.Liar\): .* not str$"):
        guideline.apply("root", evaluation, SUBJECT)


def test_what_the_record_raises_passes_unchanged(tmp_path: Path) -> None:
    class GoneError(Exception):
        pass

    class Gone:
        def retrieve(self, *_: object) -> list[Json]:
            raise GoneError

    retrieve = {
        "type": "Exists",
        "operand": {"type": "Retrieve", "dataType": "{http://hl7.org/fhir}Condition"},
        "resultTypeName": "{urn:hl7-org:elm-types:r1}Boolean",
    }
    root = plan("root", {"id": "a", "title": "A", "condition": when("Has Condition")})
    guideline, _ = small(tmp_path, {"Has Condition": retrieve}, root)
    with pytest.raises(GoneError):
        guideline.apply("root", guideline.evaluation(Gone(), NOW), SUBJECT)


def test_an_unknown_plan_is_an_error(tmp_path: Path) -> None:
    guideline, evaluation = small(tmp_path, DEFINES, plan("root", {"id": "a", "title": "A"}))
    with pytest.raises(UnknownPlanError, match="nowhere"):
        guideline.apply("nowhere", evaluation, SUBJECT)


# --- the tree


def test_children_of_an_action_that_does_not_apply_are_not_evaluated(tmp_path: Path) -> None:
    child = {"id": "b", "title": "B", "condition": when("Fails"), "action": [{"id": "c", "title": "C"}]}
    result = applied(tmp_path, {"id": "a", "title": "A", "condition": when("No"), "action": [child]})
    assert outcomes(result) == {"root/a": "not-applied", "root/a/b": "parent"}


def test_a_nested_plan_gives_its_actions_as_children(tmp_path: Path) -> None:
    inner = plan("inner", {"id": "x", "title": "X"}, {"id": "y", "title": "Y", "condition": when("No")})
    result = applied(
        tmp_path,
        {
            "id": "a",
            "definitionCanonical": canonical("PlanDefinition", "inner"),
            "action": [{"id": "z", "title": "Z"}],
        },
        others=(inner,),
    )
    [action] = result.actions
    assert action.title == "Inner"
    assert action.definition == f"{BASE}/PlanDefinition/inner|{VERSION}"
    assert [child.path for child in action.children] == ["root/a/x", "root/a/z"]


def test_a_card_without_its_options_stays_and_an_option_without_anything_goes(tmp_path: Path) -> None:
    gone = {"id": "x", "title": "X", "condition": when("No")}
    result = applied(
        tmp_path,
        {
            "id": "card",
            "title": "Card",
            "action": [
                {"id": "option", "title": "Option", "action": [gone]},
                {
                    "id": "nested",
                    "title": "Nested",
                    "definitionCanonical": canonical("PlanDefinition", "inner"),
                },
                {"id": "remark", "title": "Remark"},
            ],
        },
        {"id": "silent", "action": [gone | {"id": "y"}]},
        others=(plan("inner", gone),),
    )
    assert ids(result.actions) == ["card"]
    assert ids(result.actions[0].children) == ["remark"]
    assert outcomes(result) == {
        "root/card": "applied",
        "root/card/option": "empty",
        "root/card/option/x": "not-applied",
        "root/card/nested": "empty",
        "root/card/nested/x": "not-applied",
        "root/card/remark": "applied",
        "root/silent": "empty",
        "root/silent/y": "not-applied",
    }


def test_a_card_all_of_whose_options_are_gone_still_says_its_text(tmp_path: Path) -> None:
    gone = {"id": "x", "title": "X", "condition": when("No")}
    result = applied(tmp_path, {"id": "card", "title": "Card", "action": [gone]})
    assert ids(result.actions) == ["card"]
    assert result.actions[0].children == ()


def test_removing_a_draft_needs_nothing_beneath_it(tmp_path: Path) -> None:
    remove = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/action-type", "code": "remove"}]}
    gone = {"id": "x", "title": "X", "condition": when("No")}
    result = applied(
        tmp_path,
        {"id": "card", "title": "C", "action": [{"id": "r", "title": "R", "type": remove, "action": [gone]}]},
    )
    [option] = result.actions[0].children
    assert option.type == "remove"


@pytest.mark.parametrize(
    ("relations", "order"),
    [
        ({}, ["a", "b", "c"]),
        ({"c": ("a", "before")}, ["b", "c", "a"]),
        ({"c": ("a", "before-start")}, ["b", "c", "a"]),
        ({"a": ("c", "after-end")}, ["b", "c", "a"]),
        ({"a": ("b", "after")}, ["b", "a", "c"]),
        ({"a": ("b", "concurrent-with-start")}, ["a", "b", "c"]),
        # Between actions deeper down: their parents keep the order.
        ({"a1": ("c1", "after-start")}, ["b", "c", "a"]),
        ({"a1": ("c", "after")}, ["b", "c", "a"]),
    ],
)
def test_related_actions_put_siblings_in_order(
    tmp_path: Path, relations: dict[str, tuple[str, str]], order: list[str]
) -> None:
    def action(action_id: str, *children: Json) -> Json:
        made: Json = {"id": action_id, "title": action_id}
        if children:
            made["action"] = list(children)
        if action_id in relations:
            target, relationship = relations[action_id]
            made["relatedAction"] = [{"actionId": target, "relationship": relationship}]
        return made

    result = applied(tmp_path, action("a", action("a1")), action("b"), action("c", action("c1")))
    assert ids(result.actions) == order


def test_behaviours_topic_and_documentation_are_passed_on(tmp_path: Path) -> None:
    documentation = [{"type": "citation", "display": "Book", "url": "https://small.example.org/book"}]
    coding = {"system": f"{BASE}/CodeSystem/t", "code": "t"}
    result = applied(
        tmp_path,
        {
            "id": "a",
            "title": "A",
            "textEquivalent": "In words",
            "priority": "stat",
            "code": [{"coding": [coding]}],
            "documentation": documentation,
            "groupingBehavior": "logical-group",
            "selectionBehavior": "at-most-one",
            "requiredBehavior": "could",
            "precheckBehavior": "yes",
            "cardinalityBehavior": "single",
        },
    )
    [action] = result.actions
    assert action.documentation == tuple(documentation)
    assert (action.topic, action.priority, action.description) == (coding, "stat", "In words")
    assert (action.grouping_behavior, action.selection_behavior) == ("logical-group", "at-most-one")
    assert (action.required_behavior, action.precheck, action.cardinality) == ("could", "yes", "single")


# --- dynamic values and our extensions


@pytest.mark.parametrize("prefix", ["", "action."])
def test_texts_of_an_action_can_be_computed(tmp_path: Path, prefix: str) -> None:
    values = [
        dynamic(f"{prefix}title", "Word"),
        dynamic(f"{prefix}description", "No Word"),
        dynamic(f"{prefix}priority", "Urgent"),
    ]
    result = applied(tmp_path, {"id": "a", "title": "T", "description": "D", "dynamicValue": values})
    [action] = result.actions
    # Null changes nothing: the text as written stays.
    assert (action.title, action.description, action.priority) == ("spoken", "D", "urgent")


def test_what_the_request_has_too_is_meant_for_it_unless_the_path_says_action(tmp_path: Path) -> None:
    task = activity("thing", "Task", intent="proposal", code=CODE)
    named = {"definitionCanonical": canonical("ActivityDefinition", "thing")}
    result = applied(
        tmp_path,
        named | {"id": "a", "dynamicValue": [dynamic("description", "Word")]},
        named | {"id": "b", "dynamicValue": [dynamic("action.description", "Word")]},
        others=(task,),
    )
    first, second = result.actions
    assert first.resource is not None
    assert second.resource is not None
    assert (first.description, first.resource["description"]) == (None, "spoken")
    assert (second.description, second.resource["description"]) == ("spoken", "The thing.")


def test_a_computed_text_is_a_string(tmp_path: Path) -> None:
    with pytest.raises(GuidelineError, match=r"root/a \(Small\.Yes\)"):
        applied(tmp_path, {"id": "a", "title": "T", "dynamicValue": [dynamic("title", "Yes")]})


def test_the_plan_adapts_the_request_after_the_activity_itself(tmp_path: Path) -> None:
    thing = service(
        "thing",
        priority="routine",
        dynamicValue=[
            dynamic("intent", "Order"),
            dynamic("patientInstruction", "Urgent"),
            dynamic("bodySite", "A Code"),
        ],
    )
    result = applied(
        tmp_path,
        {
            "id": "a",
            "dynamicValue": [
                dynamic("priority", "Urgent"),
                dynamic("title", "Word"),
                dynamic("patientInstruction", "Word"),
                dynamic("note.text", "No Word"),
            ],
            "definitionCanonical": canonical("ActivityDefinition", "thing"),
        },
        others=(thing,),
    )
    [action] = result.actions
    assert action.title == "spoken"
    assert action.priority is None
    assert action.resource == {
        "resourceType": "ServiceRequest",
        "instantiatesCanonical": [canonical("ActivityDefinition", "thing")],
        "status": "draft",
        "intent": "order",
        "priority": "urgent",
        "code": CODE,
        "subject": {"reference": SUBJECT},
        "patientInstruction": "spoken",
        "bodySite": [{"coding": [{"system": "urn:small", "code": "c1"}]}],
    }


def test_a_dynamic_value_of_the_wrong_type_is_an_error_without_the_value(tmp_path: Path) -> None:
    with pytest.raises(GuidelineError, match=r"root/a \(Small\.Word\): dynamicValue code") as raised:
        applied(
            tmp_path,
            {
                "id": "a",
                "title": "A",
                "dynamicValue": [dynamic("code", "Word")],
                "definitionCanonical": canonical("ActivityDefinition", "thing"),
            },
            others=(service("thing"),),
        )
    assert "spoken" not in str(raised.value)


def test_drafts_are_listed_once_each(tmp_path: Path) -> None:
    extension = {"url": f"{BASE}/StructureDefinition/action-drafts", "valueExpression": expression("Drafts")}
    result = applied(tmp_path, {"id": "a", "title": "A", "extension": [extension]})
    assert result.actions[0].drafts == ("MedicationRequest/1", "MedicationRequest/2")


def test_facts_are_tuples(tmp_path: Path) -> None:
    extension = {"url": f"{BASE}/StructureDefinition/action-facts", "valueExpression": expression("Drafts")}
    with pytest.raises(GuidelineError, match="a fact is a tuple"):
        applied(tmp_path, {"id": "a", "title": "A", "extension": [extension]})


# --- requests

ROLE = {"text": "someone"}
TIMING = {"repeat": {"frequency": 1, "period": 1, "periodUnit": "wk"}}
PERIOD = {"start": "2024-01-01"}


@pytest.mark.parametrize(
    ("kind", "given", "made"),
    [
        (
            "MedicationRequest",
            {
                "intent": "plan",
                "priority": "urgent",
                "doNotPerform": True,
                "productCodeableConcept": CODE,
                "dosage": [{"text": "as the local protocol says"}],
                "participant": [{"type": "practitioner", "role": ROLE}],
            },
            {
                "intent": "plan",
                "priority": "urgent",
                "doNotPerform": True,
                "medicationCodeableConcept": CODE,
                "dosageInstruction": [{"text": "as the local protocol says"}],
                "performerType": ROLE,
            },
        ),
        (
            "ServiceRequest",
            {
                "intent": "directive",
                "code": CODE,
                "bodySite": [CODE],
                "timingTiming": TIMING,
                "quantity": {"value": 2},
                "doNotPerform": True,
                "profile": "http://hl7.org/fhir/StructureDefinition/ServiceRequest",
            },
            {
                "meta": {"profile": ["http://hl7.org/fhir/StructureDefinition/ServiceRequest"]},
                "intent": "directive",
                "doNotPerform": True,
                "code": CODE,
                "bodySite": [CODE],
                "occurrenceTiming": TIMING,
                "quantityQuantity": {"value": 2},
            },
        ),
        (
            "Task",
            {
                "intent": "proposal",
                "code": CODE,
                "timingPeriod": PERIOD,
                "participant": [{"type": "patient", "role": ROLE}],
                "extension": [
                    {
                        "url": "http://hl7.org/fhir/uv/cpg/StructureDefinition/cpg-collectWith",
                        "valueCanonical": "https://small.example.org/fhir/Questionnaire/form|1.0.0",
                    }
                ],
            },
            {
                "intent": "proposal",
                "code": CODE,
                "description": "The thing.",
                "executionPeriod": PERIOD,
                "performerType": [ROLE],
                "input": [
                    {
                        "type": {
                            "coding": [
                                {
                                    "system": "http://hl7.org/fhir/uv/cpg/CodeSystem/cpg-activity-type-cs",
                                    "code": "collect-information",
                                    "display": "Collect information",
                                }
                            ]
                        },
                        "valueCanonical": "https://small.example.org/fhir/Questionnaire/form|1.0.0",
                    }
                ],
            },
        ),
        (
            "CommunicationRequest",
            {"code": {"text": "Please call."}, "priority": "asap", "timingDateTime": "2024-01-01"},
            {
                "priority": "asap",
                "occurrenceDateTime": "2024-01-01",
                "payload": [{"contentString": "Please call."}],
            },
        ),
    ],
)
def test_each_kind_of_request_is_valid_r4(tmp_path: Path, kind: str, given: Json, made: Json) -> None:
    result = applied(
        tmp_path,
        {"id": "a", "definitionCanonical": canonical("ActivityDefinition", "thing")},
        others=(activity("thing", kind, **given),),
    )
    resource = result.actions[0].resource
    assert resource is not None
    get_fhir_model_class(kind).model_validate(resource)
    named = canonical("ActivityDefinition", "thing")
    instantiates: dict[str, Json] = {
        "Task": {"instantiatesCanonical": named},
        "CommunicationRequest": {
            "extension": [
                {
                    "url": "http://hl7.org/fhir/StructureDefinition/workflow-instantiatesCanonical",
                    "valueCanonical": named,
                }
            ]
        },
    }
    subject = {"for" if kind == "Task" else "subject": {"reference": SUBJECT}}
    expected = {"resourceType": kind, "status": "draft"} | subject | made
    assert resource == expected | instantiates.get(kind, {"instantiatesCanonical": [named]})


def test_each_application_makes_its_own_resource(tmp_path: Path) -> None:
    guideline, evaluation = small(
        tmp_path,
        DEFINES,
        plan("root", {"id": "a", "definitionCanonical": canonical("ActivityDefinition", "thing")}),
        service("thing"),
    )
    first = guideline.apply("root", evaluation, SUBJECT).actions[0].resource
    assert first is not None
    first["code"]["text"] = "changed"
    second = guideline.apply("root", evaluation, SUBJECT).actions[0].resource
    assert second is not None
    assert second["code"] == {"text": "a thing to do"}
