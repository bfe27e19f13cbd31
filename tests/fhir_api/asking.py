"""A FHIR client for tests: the real application and guideline, at a time that never moves."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from fhir.resources.R4B import get_fhir_model_class
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from service.app import create_app
from service.settings import Settings
from tests.cases.case_file import Case
from tests.cases.patient_language import drafts, patient, resources
from tests.cases.service import NOW, guideline

Json = dict[str, Any]
PATIENT_ID = "patient-1"
PLAN = "soft-tissue-sarcoma-patient-view"
SELECT = "soft-tissue-sarcoma-order-select"


@cache
def client() -> FlaskClient:
    """One client for all tests: the server keeps nothing between calls."""
    return create_app(Settings(log_level="error"), clock=lambda: NOW, guideline=guideline()).test_client()


def get(path: str, status: int = 200, **headers: str) -> Json:
    """The JSON at /fhir/<path>, which must be answered with this status and FHIR's media type."""
    return checked(client().get(f"/fhir/{path}", headers=headers), status)


def post(path: str, body: Json, status: int = 200) -> Json:
    """The JSON that /fhir/<path> answers to this resource."""
    return checked(client().post(f"/fhir/{path}", json=body, content_type="application/fhir+json"), status)


def checked(response: TestResponse, status: int) -> Json:
    """The body, when status and media type are right; what is refused is refused with an OperationOutcome."""
    assert response.status_code == status, response.text
    assert response.mimetype == "application/fhir+json"
    body: Json = response.get_json()
    if status >= 400:
        assert body["resourceType"] == "OperationOutcome"
    valid(body)
    return body


def valid(resource: Json) -> None:
    """Raises when the resource is not FHIR R4, as far as its elements and their types go."""
    get_fhir_model_class(resource["resourceType"]).model_validate(resource)


def parameters(**parts: Any) -> Json:
    """A FHIR Parameters resource: strings, truth values, numbers, resources, Codings and lists of them."""
    rows = [
        {"name": name, **_typed(each)}
        for name, value in parts.items()
        for each in (value if isinstance(value, list) else [value])
    ]
    return {"resourceType": "Parameters", "parameter": rows}


def bundle(given: Sequence[Json]) -> Json:
    """A collection of these resources."""
    return {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": one} for one in given]}


def apply_case(case: Case, operation: str = "$apply") -> Json:
    """PlanDefinition/$apply of the plan that answers the case's hook."""
    plan = next(plan.id for plan in guideline().hooks if plan.hook == case.hook)
    record = [patient(PATIENT_ID, case.country), *resources(case.patient, PATIENT_ID)]
    given: Json = {}
    if case.drafts:
        orders = drafts(case.drafts, PATIENT_ID)
        given["draftOrders"] = orders
        if case.hook == "order-select":
            given["selections"] = selected(case, orders)
    asked = parameters(subject=f"Patient/{PATIENT_ID}", data=bundle(record), parameters=parameters(**given))
    return post(f"PlanDefinition/{plan}/{operation}", asked)


def selected(case: Case, orders: Sequence[Json]) -> list[str]:
    """References of the drafts that the case selects."""
    pairs = zip(case.drafts, orders, strict=True)
    return [f"{order['resourceType']}/{order['id']}" for line, order in pairs if line in case.selected]


def apply_lines(*lines: str, **more: Any) -> Json:
    """PlanDefinition/$apply of what holds when the chart is opened, for a patient in the case language."""
    record = [patient(PATIENT_ID), *resources(lines, PATIENT_ID)]
    asked = parameters(**{"subject": f"Patient/{PATIENT_ID}", "data": bundle(record), **more})
    return post(f"PlanDefinition/{PLAN}/$apply", asked)


def _typed(value: Any) -> Json:
    if isinstance(value, bool):
        return {"valueBoolean": value}
    if isinstance(value, int):
        return {"valueInteger": value}
    if isinstance(value, str):
        return {"valueString": value}
    if "resourceType" in value:
        return {"resource": value}
    return {"valueCodeableConcept" if "coding" in value else "valueCoding": value}
