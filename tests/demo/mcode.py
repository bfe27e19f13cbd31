"""What mCODE STU4 (4.0.0), and US Core below it, ask of the resources that the samples hold.

Its StructureDefinitions are in no registry that this project installs from: these are their required
elements, fixed codes, value types and bound codes as far as the samples use them.
Source: hl7.org/fhir/us/mcode/STU4.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]

MCODE = "http://hl7.org/fhir/us/mcode/StructureDefinition/mcode-"
US_CORE = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-"
SNOMED = "http://snomed.info/sct"
LOINC = "http://loinc.org"


@dataclass(frozen=True)
class Profile:
    """The shape of one profile; paths are element names joined by dots, each repetition meant."""

    kind: str
    required: tuple[str, ...]
    """Elements with a minimum of one."""
    codes: Mapping[str, frozenset[str]]
    """Path of a coded element to the `system|code` of which it must hold one."""
    absent: tuple[str, ...] = ()
    """Elements that the profile forbids or does not use."""
    one_of: tuple[tuple[str, ...], ...] = ()
    """Of each of these sets exactly one."""


def _tokens(system: str, *codes: str) -> frozenset[str]:
    return frozenset(f"{system}|{code}" for code in codes)


_LABORATORY = _tokens("http://terminology.hl7.org/CodeSystem/observation-category", "laboratory")
_CLINICAL_TEST = _tokens(
    "http://hl7.org/fhir/us/core/CodeSystem/us-core-observation-category", "clinical-test"
)
_PROBLEM = _tokens("http://terminology.hl7.org/CodeSystem/condition-category", "problem-list-item")
_STAGING_METHODS = _tokens(SNOMED, "897275008", "1269566009", "443830009")
_CONDITION = ("clinicalStatus", "verificationStatus", "category", "code", "subject")
_RESULT = ("status", "category", "code", "subject", "effectiveDateTime")
_CATEGORY = ("status", "code", "subject", "focus", "effectiveDateTime", "valueCodeableConcept", "method")
_NO_STAGE = ("hasMember", "device", "referenceRange")


def _category(*codes: str) -> Profile:
    return Profile(
        "Observation", _CATEGORY, {"code": _tokens(SNOMED, *codes), "method": _STAGING_METHODS}, _NO_STAGE
    )


def _performance(code: str) -> Profile:
    required = (*_RESULT, "valueInteger")
    absent = ("bodySite", "specimen", "device", "hasMember", "component")
    return Profile(
        "Observation", required, {"code": _tokens(LOINC, code), "category": _CLINICAL_TEST}, absent
    )


PROFILES: Mapping[str, Profile] = {
    f"{MCODE}cancer-patient": Profile(
        "Patient",
        ("identifier.system", "identifier.value", "name.family", "name.given", "gender", "birthDate"),
        {},
    ),
    f"{MCODE}primary-cancer-condition": Profile("Condition", _CONDITION, {"category": _PROBLEM}),
    f"{MCODE}secondary-cancer-condition": Profile(
        "Condition", _CONDITION, {"category": _PROBLEM}, ("stage",)
    ),
    f"{MCODE}tnm-stage-group": Profile(
        "Observation",
        _CATEGORY,
        {"code": _tokens(SNOMED, "399390009", "399537006", "399588009"), "method": _STAGING_METHODS},
        ("component", "device", "referenceRange"),
    ),
    f"{MCODE}tnm-primary-tumor-category": _category("78873005", "399504009", "384625004"),
    f"{MCODE}tnm-regional-nodes-category": _category("277206009", "399534004", "371494008"),
    f"{MCODE}tnm-distant-metastases-category": _category("277208005", "399387003", "371497001"),
    f"{MCODE}histologic-grade": Profile(
        "Observation",
        (*_RESULT, "valueCodeableConcept"),
        {
            "category": _LABORATORY,
            "code": _tokens(LOINC, "33732-9"),
            "valueCodeableConcept": _tokens(SNOMED, "1155708003", "1286893008", "1155707008"),
        },
    ),
    f"{MCODE}tumor-size": Profile(
        "Observation",
        ("status", "code", "subject", "effectiveDateTime", "component.valueQuantity.value"),
        {
            "code": _tokens(LOINC, "21889-1"),
            "component.code": _tokens(LOINC, "33728-7", "33729-5"),
            "component.valueQuantity": _tokens("http://unitsofmeasure.org", "cm", "mm"),
        },
        one_of=(("focus", "specimen"),),
    ),
    f"{MCODE}tumor": Profile(
        "BodyStructure",
        ("identifier.value", "location", "patient"),
        {
            "morphology": _tokens(SNOMED, "367651003"),
            "identifier.type": _tokens("http://hl7.org/fhir/resource-types", "BodyStructure"),
        },
    ),
    f"{MCODE}cancer-disease-status": Profile(
        "Observation",
        ("status", "code", "subject", "effectiveDateTime", "valueCodeableConcept"),
        {
            "code": _tokens(LOINC, "97509-4"),
            "valueCodeableConcept": _tokens(SNOMED, "268910001", "359746009", "271299001", "709137006"),
        },
        ("specimen", "device", "referenceRange", "hasMember", "component"),
    ),
    f"{MCODE}genomic-variant": Profile(
        "Observation",
        (*_RESULT, "valueCodeableConcept", "component.code"),
        {
            "category": _LABORATORY,
            "code": _tokens(LOINC, "69548-6"),
            "valueCodeableConcept": _tokens(LOINC, "LA9633-4", "LA9634-2", "LA18198-4", "LA11884-6"),
            "component.code": _tokens(LOINC, "48018-6", "48005-3", "47999-8", "48019-4", "48002-0"),
        },
        ("referenceRange", "hasMember"),
    ),
    f"{MCODE}tumor-marker-test": Profile(
        "Observation", (*_RESULT, "valueCodeableConcept"), {"category": _LABORATORY}
    ),
    f"{MCODE}ecog-performance-status": _performance("89247-1"),
    f"{MCODE}karnofsky-performance-status": _performance("89243-0"),
    f"{MCODE}cancer-related-medication-request": Profile(
        "MedicationRequest",
        ("status", "intent", "medicationCodeableConcept", "subject", "authoredOn", "requester"),
        {},
        one_of=(("reasonCode", "reasonReference"),),
    ),
    f"{MCODE}cancer-related-medication-administration": Profile(
        "MedicationAdministration",
        ("status", "medicationCodeableConcept", "subject"),
        {},
        one_of=(("reasonCode", "reasonReference"), ("effectivePeriod", "effectiveDateTime")),
    ),
    f"{MCODE}cancer-related-surgical-procedure": Profile(
        "Procedure",
        ("status", "category", "code", "subject"),
        {"category": _tokens(SNOMED, "387713003")},
        one_of=(("reasonCode", "reasonReference"), ("performedPeriod", "performedDateTime")),
    ),
    f"{MCODE}radiotherapy-course-summary": Profile(
        "Procedure",
        ("status", "category", "code", "subject", "performedPeriod", "extension.extension.url"),
        {"category": _tokens(SNOMED, "108290001"), "code": _tokens(SNOMED, "1217123003")},
        one_of=(("reasonCode", "reasonReference"),),
    ),
    f"{US_CORE}condition-problems-health-concerns": Profile("Condition", _CONDITION, {"category": _PROBLEM}),
    f"{US_CORE}practitioner": Profile("Practitioner", ("identifier.system", "name.family"), {}),
}

TARGETS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "tnm-stage-group": {
        "focus": ("primary-cancer-condition",),
        "hasMember": (
            "tnm-primary-tumor-category",
            "tnm-regional-nodes-category",
            "tnm-distant-metastases-category",
        ),
    },
    "tnm-primary-tumor-category": {"focus": ("primary-cancer-condition",)},
    "tnm-regional-nodes-category": {"focus": ("primary-cancer-condition",)},
    "tnm-distant-metastases-category": {"focus": ("primary-cancer-condition",)},
    "tumor-size": {"focus": ("tumor",)},
    "cancer-disease-status": {"focus": ("primary-cancer-condition", "secondary-cancer-condition")},
    "primary-cancer-condition": {"stage.assessment": ("tnm-stage-group",)},
    "cancer-related-medication-request": {"reasonReference": ("primary-cancer-condition",)},
    "cancer-related-medication-administration": {"reasonReference": ("primary-cancer-condition",)},
    "cancer-related-surgical-procedure": {"reasonReference": ("primary-cancer-condition",)},
    "radiotherapy-course-summary": {"reasonReference": ("primary-cancer-condition",)},
}
"""mCODE profile to its references, and the mCODE profiles of what they may lead to."""


def at(element: Any, path: str) -> list[Any]:
    """Everything that stands at a path."""
    found = [element]
    for name in path.split("."):
        held = [one[name] for one in found if isinstance(one, dict) and name in one]
        found = [each for one in held for each in (one if isinstance(one, list) else [one])]
    return found


def tokens(value: Any) -> set[str]:
    """`system|code` of a CodeableConcept, or of a Quantity's unit."""
    codings = value.get("coding", [value] if "code" in value else [])
    return {f"{one['system']}|{one['code']}" for one in codings}


def profiles_of(resource: Json) -> list[str]:
    """What `meta.profile` claims."""
    return list(resource.get("meta", {}).get("profile", ()))


def breaches(resource: Json, everything: Mapping[str, Json]) -> Iterator[str]:
    """Where a resource is not of the shape that its meta.profile claims."""
    for url in profiles_of(resource):
        profile = PROFILES[url]
        if resource["resourceType"] != profile.kind:
            yield f"{url} is for a {profile.kind}"
        yield from (f"{path} is missing" for path in profile.required if not at(resource, path))
        yield from (f"{path} does not belong here" for path in profile.absent if at(resource, path))
        for names in profile.one_of:
            if sum(bool(at(resource, name)) for name in names) != 1:
                yield f"not exactly one of {', '.join(names)}"
        for path, allowed in profile.codes.items():
            values = at(resource, path)
            if path.startswith("component"):
                yield from (f"{path} {tokens(one)}" for one in values if not tokens(one) & allowed)
            elif not any(tokens(one) & allowed for one in values):
                yield f"{path} holds none of {sorted(allowed)}"
        yield from _led_astray(resource, url.removeprefix(MCODE), everything)


def _led_astray(resource: Json, profile: str, everything: Mapping[str, Json]) -> Iterator[str]:
    for path, names in TARGETS.get(profile, {}).items():
        for each in at(resource, path):
            target = everything[each["reference"]]
            if not {f"{MCODE}{name}" for name in names} & set(profiles_of(target)):
                yield f"{path} leads to {each['reference']}, which is no {' or '.join(names)}"
