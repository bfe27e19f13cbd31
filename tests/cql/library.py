"""The fixture libraries (fixtures/*.cql and their ELM), an engine with them, and a patient to run them on."""

import datetime as dt
import json
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from service.cql import Engine, Evaluation, ListRecord

FIXTURES: Final = Path(__file__).parent / "fixtures"
NOW: Final = dt.datetime(2025, 6, 1, 12, 30, tzinfo=dt.timezone(dt.timedelta(hours=2)))
COLOURS: Final = "http://example.org/colours"
VALUE_SETS: Final = {
    "http://example.org/ValueSet/warm": [(COLOURS, "red"), (COLOURS, "orange")],
    "http://example.org/ValueSet/cold": [(COLOURS, "blue")],
}


def library(name: str) -> dict[str, Any]:
    """The ELM of a fixture library."""
    loaded: dict[str, Any] = json.loads((FIXTURES / f"{name}.json").read_text("utf-8"), parse_float=Decimal)
    return loaded


ENGINE: Final = Engine([library("Runtime"), library("Shared")], VALUE_SETS)


def colour(code: str) -> dict[str, Any]:
    """A CodeableConcept of that colour."""
    return {"coding": [{"system": COLOURS, "code": code}]}


def cm(value: Any) -> dict[str, Any]:
    """A Quantity in centimetres."""
    return {"value": value, "unit": "cm", "system": "http://unitsofmeasure.org", "code": "cm"}


def observation(identifier: str, code: str, **elements: Any) -> dict[str, Any]:
    """A final Observation of a colour."""
    return {
        "resourceType": "Observation",
        "id": identifier,
        "status": "final",
        "code": colour(code),
        **elements,
    }


RESOURCES: Final[list[dict[str, Any]]] = [
    {
        "resourceType": "Patient",
        "id": "p",
        "gender": "male",
        "birthDate": "1960-06-02",
        "_birthDate": {"extension": [{"url": "http://example.org/source", "valueString": "passport"}]},
        "name": [{"family": "Doe", "given": ["Jo", "Ann"]}, {"family": "Roe"}],
        "extension": [{"url": "http://example.org/marker", "valueCode": "m1"}],
    },
    observation(
        "o1", "red", effectiveDateTime="2025-01-02", issued="2025-01-03T00:00:00Z", valueQuantity=cm(7)
    ),
    observation(
        "o2",
        "blue",
        effectiveDateTime="2025-03-01",
        issued="2025-03-02T00:00:00Z",
        valueQuantity=cm(Decimal("4.5")),
        component=[{"code": colour("red"), "valueInteger": 3}],
    ),
    observation("o3", "green", effectivePeriod={"start": "2024"}, valueString="text", status="preliminary"),
    {
        "resourceType": "Condition",
        "id": "c1",
        "onsetDateTime": "2023-05",
        "recordedDate": "2023-06-01",
        "stage": [{"summary": {"text": "II"}}, {"assessment": [{"reference": "Observation/o1"}]}],
    },
    {"resourceType": "Condition", "id": "c2", "onsetPeriod": {"start": "2022", "end": "2023"}},
    {"resourceType": "Condition", "id": "c3", "onsetString": "in youth"},
    {
        "resourceType": "MedicationRequest",
        "id": "m1",
        "medicationCodeableConcept": colour("red"),
        "contained": [{"resourceType": "Medication", "id": "x", "code": {"text": "inside"}}],
    },
    {"resourceType": "MedicationRequest", "id": "m2", "medicationReference": {"reference": "Medication/1"}},
]
DRAFTS: Final[list[dict[str, Any]]] = [
    {"resourceType": "MedicationRequest", "id": "d1", "medicationCodeableConcept": {"text": "a drug"}},
    {"resourceType": "ServiceRequest", "id": "d2", "code": colour("blue")},
    {"resourceType": "Task", "id": "d3"},
]


def evaluation(
    resources: list[dict[str, Any]] | None = None, parameters: Mapping[str, Any] | None = None
) -> Evaluation:
    """An evaluation of the fixtures; on RESOURCES with DRAFTS unless told otherwise."""
    given = {"draftOrders": DRAFTS, "selections": ["ServiceRequest/d2"]} if parameters is None else parameters
    return ENGINE.evaluation(ListRecord(RESOURCES if resources is None else resources), NOW, given)


def value(define: str, resources: list[dict[str, Any]] | None = None) -> Any:
    """The value of a define of Runtime."""
    return evaluation(resources).value("Runtime", define)
