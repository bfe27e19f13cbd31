"""Which searches the sample patients answer, and what each parameter means.

Source: FHIR R4 "Search" (token, reference, string, uri; "Escaping Search Parameters"), and the "Search
Parameters" of each type.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from service.fhir_api.errors import Unsupported
from service.fhir_api.store import Test, string_match, unescaped

Json = dict[str, Any]

PATH: Final = "/demo/fhir"

_ANY: Final = {"_id": ("token", "id"), "_profile": ("uri", "meta.profile")}
_OF_PATIENT: Final = {**_ANY, "patient": ("reference", "subject"), "subject": ("reference", "subject")}
_PERSON: Final = {
    **_ANY,
    "identifier": ("token", "identifier"),
    "name": ("string", "name"),
    "family": ("string", "name.family"),
    "given": ("string", "name.given"),
    "gender": ("token", "gender"),
}
_DRUG: Final = {
    **_OF_PATIENT,
    "code": ("token", "medicationCodeableConcept"),
    "status": ("token", "status"),
}
_CODED: Final = {**_OF_PATIENT, "code": ("token", "code"), "category": ("token", "category")}

PARAMETERS: Final[Mapping[str, Mapping[str, tuple[str, str]]]] = {
    "Patient": _PERSON,
    "Practitioner": _PERSON,
    "BodyStructure": {**_ANY, "patient": ("reference", "patient"), "location": ("token", "location")},
    "Condition": {
        **_CODED,
        "clinical-status": ("token", "clinicalStatus"),
        "verification-status": ("token", "verificationStatus"),
        "body-site": ("token", "bodySite"),
    },
    "MedicationAdministration": _DRUG,
    "MedicationRequest": {**_DRUG, "intent": ("token", "intent")},
    "MedicationStatement": _DRUG,
    "Observation": {
        **_CODED,
        "status": ("token", "status"),
        "focus": ("reference", "focus"),
        "value-concept": ("token", "valueCodeableConcept"),
        "component-code": ("token", "component.code"),
    },
    "Procedure": {**_CODED, "status": ("token", "status")},
    "ServiceRequest": {**_CODED, "status": ("token", "status"), "intent": ("token", "intent")},
}
"""Resource type → search parameter → its kind and the element that it looks at."""

_OF_A_NAME: Final = ("family", "given", "text", "prefix", "suffix")
_BAR: Final = re.compile(r"(?<!\\)\|")


def of_samples(resource_type: str, name: str, modifier: str) -> Test | None:
    """The test that a parameter of a type stands for (TestOf). Raises Unsupported (modifier)."""
    found = PARAMETERS.get(resource_type, {}).get(name)
    if found is None:
        return None
    kind, path = found
    if kind == "string":
        matches = string_match(name, modifier)
        return lambda resource, value: any(
            matches(text, unescaped(value)) for each in _values(resource, path) for text in _texts(each)
        )
    if kind == "reference":
        return _reference(name, modifier, path)
    if modifier:
        raise Unsupported(f"{name} is supported without modifier.")
    if kind == "uri":
        return lambda resource, value: unescaped(value) in _values(resource, path)
    return lambda resource, value: any(
        _is_token(value, system, code) for each in _values(resource, path) for system, code in _codes(each)
    )


def _values(element: Any, path: str) -> Iterator[Any]:
    """What stands at the path, each repetition for itself."""
    name, _, rest = path.partition(".")
    found = element.get(name) if isinstance(element, dict) else None
    for each in found if isinstance(found, list) else [] if found is None else [found]:
        if rest:
            yield from _values(each, rest)
        else:
            yield each


def _codes(value: Any) -> Iterator[tuple[str | None, str]]:
    """System and code of each coding of a CodeableConcept, of an Identifier, or of a plain code (None)."""
    if not isinstance(value, dict):
        yield None, str(value)
    elif "value" in value:
        yield value.get("system", ""), value["value"]
    else:
        yield from ((one.get("system", ""), one.get("code", "")) for one in value.get("coding", ()))


def _is_token(value: str, system: str | None, code: str) -> bool:
    """`code`, `system|code`, `|code` or `system|`; a plain code's system goes without saying (None)."""
    first, *rest = (unescaped(part) for part in _BAR.split(value, maxsplit=1))
    if not rest:
        return code == first
    return (system is None or system == first) and (code == rest[0] or (not rest[0] and first != ""))


def _reference(name: str, modifier: str, path: str) -> Test:
    """`id`, `Type/id` or our own full url; with a type as modifier only references to that type."""
    if modifier and modifier not in PARAMETERS:
        raise Unsupported(f"{name} is supported without modifier, or with a type of this server.")
    wanted = modifier or ("Patient" if name == "patient" else "")

    def test(resource: Json, value: str) -> bool:
        target = unescaped(value)
        if "://" in target:
            target = target.partition(f"{PATH}/")[2]
        for each in _values(resource, path):
            reference = str(each.get("reference", ""))
            kind, _, identifier = reference.partition("/")
            if target in (reference, identifier) and wanted in ("", kind):
                return True
        return False

    return test


def _texts(value: Any) -> Iterator[str]:
    """The parts of a HumanName, or the text itself."""
    for each in map(value.get, _OF_A_NAME) if isinstance(value, dict) else [value]:
        yield from each if isinstance(each, list) else [] if each is None else [each]
