"""What this server can do: the R4 CapabilityStatement."""

from __future__ import annotations

from typing import Any, Final

from service.fhir_api.store import PARAMETERS, TYPES
from service.guideline import Guideline

Json = dict[str, Any]
_DEFINITIONS: Final = "http://hl7.org/fhir/OperationDefinition"
_OPERATIONS: Final = {
    "PlanDefinition": (
        ("apply", f"{_DEFINITIONS}/PlanDefinition-apply"),
        ("data-requirements", f"{_DEFINITIONS}/PlanDefinition-data-requirements"),
    ),
    "ActivityDefinition": (("apply", f"{_DEFINITIONS}/ActivityDefinition-apply"),),
    "ValueSet": (
        ("expand", f"{_DEFINITIONS}/ValueSet-expand"),
        ("validate-code", f"{_DEFINITIONS}/ValueSet-validate-code"),
    ),
}


def capability_statement(guideline: Guideline, software: str, address: str) -> Json:
    """`software`: version of the service. `address`: base url of this FHIR endpoint, without final slash."""
    dates = [
        str(resource.body["date"]) for resource in guideline.content.resources if "date" in resource.body
    ]
    return {
        "resourceType": "CapabilityStatement",
        "url": f"{address}/metadata",
        "version": guideline.version,
        "name": "GuidelineServer",
        "title": "The guideline as FHIR resources, and its application to a patient",
        "status": "active",
        "experimental": False,
        "date": max(dates, default="2020"),
        "kind": "instance",
        "software": {"name": "sarcoma-cds", "version": software},
        "implementation": {"description": f"Guideline {guideline.version}", "url": address},
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json", "json"],
        "rest": [
            {
                "mode": "server",
                "documentation": "Read-only. Holds no patients: $apply takes the patient's data in 'data', "
                "or reads it from the FHIR server in 'dataEndpoint', if that is one of those it may read.",
                "resource": [_resource(resource_type, guideline.base) for resource_type in TYPES],
            }
        ],
    }


def _resource(resource_type: str, base: str) -> Json:
    documentation = f"The guideline's resources; canonical urls begin with {base}/{resource_type}/."
    row: Json = {
        "type": resource_type,
        "documentation": documentation,
        "interaction": [{"code": "read"}, {"code": "vread"}, {"code": "search-type"}],
        "versioning": "versioned",
        "readHistory": False,
        "updateCreate": False,
        "conditionalRead": "not-match",
        "searchParam": [{"name": name, "type": kind} for name, kind in PARAMETERS],
    }
    operations = _OPERATIONS.get(resource_type, ())
    if operations:
        row["operation"] = [{"name": name, "definition": definition} for name, definition in operations]
    return row
