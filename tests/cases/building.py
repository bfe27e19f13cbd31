"""FHIR R4 resources as a record holds them: what every part of the patient language builds with."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from tests.cases import codes
from tests.cases.codes import Coding, Disease, coding, concept

Resource = dict[str, Any]
Reader = Callable[[re.Match[str]], Sequence[Resource]]

OBSERVED = "2026-03-05"
DIAGNOSED = "2026-01-20"
PRESCRIBED = "2025-06-01"

_CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"
_VERIFICATION = "http://terminology.hl7.org/CodeSystem/condition-ver-status"


def any_of(names: Iterable[str]) -> str:
    """A pattern of these names, longer ones first."""
    return "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))


def clinical_status(code: str) -> dict[str, Any]:
    """Condition.clinicalStatus."""
    return {"clinicalStatus": concept(coding(_CLINICAL, code))}


def verification(code: str) -> dict[str, Any]:
    """Condition.verificationStatus."""
    return {"verificationStatus": concept(coding(_VERIFICATION, code))}


def condition(name: str, disease: Disease) -> Resource:
    """An active, confirmed Condition."""
    resource: Resource = {
        "resourceType": "Condition",
        **clinical_status("active"),
        **verification("confirmed"),
        "code": concept(disease.code, text=name),
        "recordedDate": DIAGNOSED,
    }
    if disease.body_site is not None:
        resource["bodySite"] = [concept(disease.body_site)]
    if disease.histology is not None:
        resource["extension"] = [
            {"url": codes.HISTOLOGY_EXTENSION, "valueCodeableConcept": concept(disease.histology)}
        ]
    return resource


def observation(code: Coding, **value: Any) -> Resource:
    """A final Observation."""
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": concept(code),
        "effectiveDateTime": OBSERVED,
        **value,
    }


def coded(code: Coding, value: Coding) -> Resource:
    """A final Observation with a coded value."""
    return observation(code, valueCodeableConcept=concept(value))
