"""ActivityDefinitions compiled to templates of request resources.

What goes where follows the R4 ActivityDefinition/$apply operation and the request pattern; see
http://hl7.org/fhir/R4/activitydefinition-operation-apply.html.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

import msgspec

from service.guideline.cursor import Cursor
from service.guideline.dynamic import Path, parse_path
from service.guideline.elements import ELEMENTS, REQUEST_KINDS
from service.guideline.logic import Define, Logic
from service.guideline.model import Json

INSTANTIATES = "http://hl7.org/fhir/StructureDefinition/workflow-instantiatesCanonical"

_write: Final = msgspec.json.Encoder(decimal_format="number").encode
_read: Final = msgspec.json.Decoder(float_hook=Decimal).decode

COLLECT_WITH = "http://hl7.org/fhir/uv/cpg/StructureDefinition/cpg-collectWith"
"""The Questionnaire of an activity that collects information (CPG, "Collect information activity")."""
_COLLECT = {
    "coding": [
        {
            "system": "http://hl7.org/fhir/uv/cpg/CodeSystem/cpg-activity-type-cs",
            "code": "collect-information",
            "display": "Collect information",
        }
    ]
}

# Element of the ActivityDefinition -> element of the request.
_CARRIED = {
    "MedicationRequest": {
        "productCodeableConcept": "medicationCodeableConcept",
        "productReference": "medicationReference",
        "dosage": "dosageInstruction",
    },
    "ServiceRequest": {
        "code": "code",
        "bodySite": "bodySite",
        "quantity": "quantityQuantity",
        "timingTiming": "occurrenceTiming",
        "timingDateTime": "occurrenceDateTime",
        "timingPeriod": "occurrencePeriod",
    },
    "Task": {
        "code": "code",
        "description": "description",
        "timingPeriod": "executionPeriod",
        "location": "location",
    },
    "CommunicationRequest": {
        "timingDateTime": "occurrenceDateTime",
        "timingPeriod": "occurrencePeriod",
    },
}
# One of these must be there for the request to say what is asked for.
_WHAT = {
    "MedicationRequest": ("productCodeableConcept", "productReference"),
    "ServiceRequest": ("code",),
    "Task": ("code", "description"),
    "CommunicationRequest": ("code",),
}
# Elements that say what to do: one that the kind of request cannot carry would be lost without a word.
_CONTENT = (
    "code", "productCodeableConcept", "productReference", "quantity", "dosage", "bodySite", "location",
    "participant", "specimenRequirement", "observationRequirement", "observationResultRequirement",
    "transform", "timingTiming", "timingDateTime", "timingAge", "timingPeriod", "timingRange",
    "timingDuration",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Value:
    """A compiled dynamicValue: the define that gives it and the path of the element that takes it."""

    define: Define
    path: Path
    text: str
    """The path as written."""


@dataclass(frozen=True, slots=True)
class Request:
    """Template of the request that an ActivityDefinition stands for."""

    kind: str
    title: str | None
    template: bytes
    """The request before any dynamicValue, as JSON: to read it is the quickest way to a copy of one's own."""
    subject: str
    """Element that takes the reference to the patient."""
    values: tuple[Value, ...]

    def resource(self, subject: str) -> Json:
        """A request for this subject ("Patient/x"), before any dynamicValue."""
        resource: Json = _read(self.template)
        resource[self.subject] = {"reference": subject}
        return resource


def compile_request(activity: Cursor, canonical: str, logic: Logic) -> Request | None:
    """The template of an ActivityDefinition; None, with a problem reported, when there cannot be one."""
    kind = activity.text("kind")
    if kind not in REQUEST_KINDS:
        activity.problem(f"is not one of {', '.join(REQUEST_KINDS)}", "kind")
        return None
    library = logic.library_of(activity)
    values = tuple(
        value
        for dynamic in activity.each("dynamicValue")
        if (value := compile_value(dynamic, dynamic.text("path") or "", kind, library, logic)) is not None
    )
    _check(activity, kind, {value.text for value in values})
    subject = "for" if kind == "Task" else "subject"
    template = _write(_template(activity, canonical, kind))
    return Request(kind, activity.text("title"), template, subject, values)


def compile_value(dynamic: Cursor, path: str, kind: str, library: str | None, logic: Logic) -> Value | None:
    """A dynamicValue for a resource of that kind; None, with a problem reported, when it does not resolve."""
    define = logic.define(dynamic.child("expression"), library)
    try:
        parsed = parse_path(path, kind)
    except ValueError as error:
        dynamic.problem(str(error), "path")
        return None
    return None if define is None else Value(define, parsed, path)


def _template(activity: Cursor, canonical: str, kind: str) -> Json:
    body = activity.body
    template: Json = {"resourceType": kind}
    if "profile" in body:
        template["meta"] = {"profile": [body["profile"]]}
    if kind == "CommunicationRequest":
        # R4 gives this one resource no instantiatesCanonical, but the standard extension for it.
        template["extension"] = [{"url": INSTANTIATES, "valueCanonical": canonical}]
    else:
        template["instantiatesCanonical"] = canonical if kind == "Task" else [canonical]
    template["status"] = "draft"
    for name in ("intent", "priority", "doNotPerform"):
        if name in body and name in ELEMENTS[kind]:
            template[name] = body[name]
    for source, target in _CARRIED[kind].items():
        if source in body:
            template[target] = body[source]
    if kind == "CommunicationRequest":
        text = activity.child("code").text("text") or activity.text("title")
        template["payload"] = [{"contentString": text}]
    if kind == "Task":
        forms = [each.text("valueCanonical") for each in activity.extension(COLLECT_WITH)]
        if forms:
            template["input"] = [{"type": _COLLECT, "valueCanonical": form} for form in forms]
    roles = [each.body["role"] for each in activity.each("participant") if "role" in each.body]
    if roles and "performerType" in ELEMENTS[kind]:
        template["performerType"] = roles if kind == "Task" else roles[0]
    return template


def _check(activity: Cursor, kind: str, dynamic: set[str]) -> None:
    carried = {*_CARRIED[kind], *_WHAT[kind]} | (
        {"participant"} if "performerType" in ELEMENTS[kind] else set()
    )
    for name in _CONTENT:
        if name in activity.body and name not in carried:
            activity.problem(f"a {kind} cannot carry this element", name)
    if kind != "Task" and len([each for each in activity.each("participant") if "role" in each.body]) > 1:
        activity.problem(f"a {kind} is for one role of performer", "participant")
    if not any(name in activity.body for name in _WHAT[kind]):
        activity.problem(f"a {kind} needs {' or '.join(_WHAT[kind])}")
    if "intent" in ELEMENTS[kind] and "intent" not in activity.body and "intent" not in dynamic:
        activity.problem(f"a {kind} needs an intent", "intent")
    if activity.flag("doNotPerform") and "doNotPerform" not in ELEMENTS[kind]:
        activity.problem(f"a {kind} cannot say that something is not to be done", "doNotPerform")
