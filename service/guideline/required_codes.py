"""Codes that R4 requires where the R4 model classes accept any text, and what this service adds to that."""

from __future__ import annotations

from service.guideline.cursor import Cursor
from service.guideline.plans import walk

ACTION_TYPE = "http://terminology.hl7.org/CodeSystem/action-type"
PLAN_TYPE = "http://terminology.hl7.org/CodeSystem/plan-definition-type"

_PRIORITY = frozenset({"routine", "urgent", "asap", "stat"})
_ACTION = {
    "priority": _PRIORITY,
    "groupingBehavior": frozenset({"visual-group", "logical-group", "sentence-group"}),
    "selectionBehavior": frozenset(
        {"any", "all", "all-or-none", "exactly-one", "at-most-one", "one-or-more"}
    ),
    "requiredBehavior": frozenset({"must", "could", "must-unless-documented"}),
    "precheckBehavior": frozenset({"yes", "no"}),
    "cardinalityBehavior": frozenset({"single", "multiple"}),
}
_RELATIONSHIPS = frozenset(
    {"before-start", "before", "before-end", "concurrent-with-start", "concurrent", "concurrent-with-end"}
    | {"after-start", "after", "after-end"}
)
_ARTIFACTS = frozenset(
    {"documentation", "justification", "citation", "predecessor", "successor", "derived-from"}
    | {"depends-on", "composed-of"}
)
_PLAN_TYPES = frozenset({"order-set", "clinical-protocol", "eca-rule", "workflow-definition"})
_INTENTS = frozenset(
    {
        "proposal",
        "plan",
        "order",
        "original-order",
        "reflex-order",
        "filler-order",
        "instance-order",
        "option",
    }
)
_INTENTS_OF_KIND = {
    "MedicationRequest": _INTENTS,
    "ServiceRequest": _INTENTS | {"directive"},
    "Task": _INTENTS | {"unknown"},
    "CommunicationRequest": _INTENTS | {"directive"},
}


def check_codes(resource: Cursor) -> None:
    """Report every code of a resource that R4, or this service, does not know there."""
    for artifact in resource.each("relatedArtifact"):
        _check(artifact, "type", _ARTIFACTS)
    if resource.path == "PlanDefinition":
        _check_coding(resource.child("type"), PLAN_TYPE, _PLAN_TYPES)
        for action in walk(resource):
            _check_action(action)
    elif resource.path == "ActivityDefinition":
        _check(resource, "intent", _INTENTS_OF_KIND.get(str(resource.body.get("kind")), _INTENTS))
        _check(resource, "priority", _PRIORITY)


def _check_action(action: Cursor) -> None:
    for name, codes in _ACTION.items():
        _check(action, name, codes)
    for related in action.each("relatedAction"):
        _check(related, "relationship", _RELATIONSHIPS)
    for artifact in action.each("documentation"):
        _check(artifact, "type", _ARTIFACTS)
    for trigger in action.each("trigger"):
        # The other types that R4 knows would never fire here.
        _check(trigger, "type", frozenset({"named-event"}))
    if "type" in action.body:
        _check_coding(action.child("type"), ACTION_TYPE, frozenset({"create", "update", "remove"}))


def _check(element: Cursor, name: str, codes: frozenset[str]) -> None:
    if name in element.body and element.text(name) not in codes:
        element.problem(f"'{element.body[name]}' is not one of {', '.join(sorted(codes))}", name)


def _check_coding(concept: Cursor, system: str, codes: frozenset[str]) -> None:
    coding = concept.first("coding")
    if coding.body.get("system") != system or coding.body.get("code") not in codes:
        concept.problem(f"is not coded with {system} {' | '.join(sorted(codes))}")
