"""The R4 elements that a dynamicValue can reach: which types they take, and which of them repeat.

JSON alone does not say whether `note` is an array or which key a choice such as `medication[x]` takes; this
table does, for the four request resources and the data types beneath them (HL7 FHIR R4, 4.0.1, resource
definitions). Written out to keep `fhir.resources` out of the start; a test compares it with that library.
"""

from __future__ import annotations

from typing import NamedTuple

# The part of `*` (any type) that requests use; the first that fits a bare JSON value is taken.
_ANY = (
    "boolean|integer|decimal|string|canonical|CodeableConcept|Coding|Quantity|Identifier|Reference|Period|Range|"
    "Ratio|Timing"
)

# Element names in alphabetical order; `name:Type`, `*` = repeats, `name[x]:A|B` = choice.
_DEFINITIONS = {
    "MedicationRequest": (
        "authoredOn:dateTime basedOn:Reference* category:CodeableConcept* "
        "courseOfTherapyType:CodeableConcept detectedIssue:Reference* "
        "dispenseRequest:MedicationRequestDispenseRequest doNotPerform:boolean dosageInstruction:Dosage* "
        "encounter:Reference eventHistory:Reference* groupIdentifier:Identifier identifier:Identifier* "
        "instantiatesCanonical:canonical* instantiatesUri:uri* insurance:Reference* intent:code "
        "medication[x]:CodeableConcept|Reference note:Annotation* performer:Reference "
        "performerType:CodeableConcept priorPrescription:Reference priority:code "
        "reasonCode:CodeableConcept* reasonReference:Reference* recorder:Reference "
        "reported[x]:boolean|Reference requester:Reference status:code statusReason:CodeableConcept "
        "subject:Reference substitution:MedicationRequestSubstitution supportingInformation:Reference*"
    ),
    "ServiceRequest": (
        "asNeeded[x]:boolean|CodeableConcept authoredOn:dateTime basedOn:Reference* "
        "bodySite:CodeableConcept* category:CodeableConcept* code:CodeableConcept doNotPerform:boolean "
        "encounter:Reference identifier:Identifier* instantiatesCanonical:canonical* instantiatesUri:uri* "
        "insurance:Reference* intent:code locationCode:CodeableConcept* locationReference:Reference* "
        "note:Annotation* occurrence[x]:dateTime|Period|Timing orderDetail:CodeableConcept* "
        "patientInstruction:string performer:Reference* performerType:CodeableConcept priority:code "
        "quantity[x]:Quantity|Range|Ratio reasonCode:CodeableConcept* reasonReference:Reference* "
        "relevantHistory:Reference* replaces:Reference* requester:Reference requisition:Identifier "
        "specimen:Reference* status:code subject:Reference supportingInfo:Reference*"
    ),
    "Task": (
        "authoredOn:dateTime basedOn:Reference* businessStatus:CodeableConcept code:CodeableConcept "
        "description:string encounter:Reference executionPeriod:Period focus:Reference for:Reference "
        "groupIdentifier:Identifier identifier:Identifier* input:TaskInput* "
        "instantiatesCanonical:canonical instantiatesUri:uri insurance:Reference* intent:code "
        "lastModified:dateTime location:Reference note:Annotation* output:TaskOutput* owner:Reference "
        "partOf:Reference* performerType:CodeableConcept* priority:code reasonCode:CodeableConcept "
        "reasonReference:Reference relevantHistory:Reference* requester:Reference "
        "restriction:TaskRestriction status:code statusReason:CodeableConcept"
    ),
    "CommunicationRequest": (
        "about:Reference* authoredOn:dateTime basedOn:Reference* category:CodeableConcept* "
        "doNotPerform:boolean encounter:Reference groupIdentifier:Identifier identifier:Identifier* "
        "medium:CodeableConcept* note:Annotation* occurrence[x]:dateTime|Period "
        "payload:CommunicationRequestPayload* priority:code reasonCode:CodeableConcept* "
        "reasonReference:Reference* recipient:Reference* replaces:Reference* requester:Reference "
        "sender:Reference status:code statusReason:CodeableConcept subject:Reference"
    ),
    "Reference": "display:string identifier:Identifier reference:string type:uri",
    "CodeableConcept": "coding:Coding* text:string",
    "MedicationRequestDispenseRequest": (
        "dispenseInterval:Duration expectedSupplyDuration:Duration "
        "initialFill:MedicationRequestDispenseRequestInitialFill numberOfRepeatsAllowed:unsignedInt "
        "performer:Reference quantity:Quantity validityPeriod:Period"
    ),
    "Dosage": (
        "additionalInstruction:CodeableConcept* asNeeded[x]:boolean|CodeableConcept "
        "doseAndRate:DosageDoseAndRate* maxDosePerAdministration:Quantity maxDosePerLifetime:Quantity "
        "maxDosePerPeriod:Ratio method:CodeableConcept patientInstruction:string route:CodeableConcept "
        "sequence:integer site:CodeableConcept text:string timing:Timing"
    ),
    "Identifier": ("assigner:Reference period:Period system:uri type:CodeableConcept use:code value:string"),
    "Annotation": "author[x]:Reference|string text:markdown time:dateTime",
    "MedicationRequestSubstitution": "allowed[x]:boolean|CodeableConcept reason:CodeableConcept",
    "Period": "end:dateTime start:dateTime",
    "Timing": "code:CodeableConcept event:dateTime* repeat:TimingRepeat",
    "Quantity": "code:code comparator:code system:uri unit:string value:decimal",
    "Range": "high:Quantity low:Quantity",
    "Ratio": "denominator:Quantity numerator:Quantity",
    "TaskRestriction": "period:Period recipient:Reference* repetitions:positiveInt",
    "CommunicationRequestPayload": "content[x]:Attachment|Reference|string",
    "Coding": "code:code display:string system:uri userSelected:boolean version:string",
    "Duration": "code:code comparator:code system:uri unit:string value:decimal",
    "MedicationRequestDispenseRequestInitialFill": "duration:Duration quantity:Quantity",
    "DosageDoseAndRate": "dose[x]:Quantity|Range rate[x]:Quantity|Range|Ratio type:CodeableConcept",
    "TimingRepeat": (
        "bounds[x]:Duration|Period|Range count:positiveInt countMax:positiveInt dayOfWeek:code* "
        "duration:decimal durationMax:decimal durationUnit:code frequency:positiveInt "
        "frequencyMax:positiveInt offset:unsignedInt period:decimal periodMax:decimal periodUnit:code "
        "timeOfDay:time* when:code*"
    ),
    "Attachment": (
        "contentType:code creation:dateTime data:base64Binary hash:base64Binary size:unsignedInt "
        "title:string url:url"
    ),
    "TaskInput": "type:CodeableConcept value[x]:" + _ANY,
    "TaskOutput": "type:CodeableConcept value[x]:" + _ANY,
    "Extension": "url:uri value[x]:" + _ANY,
}

REQUEST_KINDS = ("MedicationRequest", "ServiceRequest", "Task", "CommunicationRequest")


class Element(NamedTuple):
    """One element of an R4 type. For a choice, `name` is without `[x]` and `types` has several entries."""

    name: str
    types: tuple[str, ...]
    choice: bool
    repeats: bool

    def key(self, fhir_type: str) -> str:
        """The JSON key that a value of this type takes."""
        return self.name + fhir_type[0].upper() + fhir_type[1:] if self.choice else self.name


def _parse(definition: str) -> dict[str, Element]:
    elements = {}
    for word in definition.split():
        name, _, types = word.partition(":")
        choice = name.endswith("[x]")
        name = name.removesuffix("[x]")
        elements[name] = Element(name, tuple(types.rstrip("*").split("|")), choice, types.endswith("*"))
    elements["extension"] = Element("extension", ("Extension",), choice=False, repeats=True)
    return elements


ELEMENTS: dict[str, dict[str, Element]] = {name: _parse(text) for name, text in _DEFINITIONS.items()}
"""Elements by type name and element name; primitive types are not in it."""
