"""FHIR data from raw JSON: choices, primitives, malformed content; FHIRHelpers; the list record."""

from decimal import Decimal
from typing import Any

import pytest

from service.cql import FhirElement, ListRecord, codings
from service.cql.fhir_helpers import FUNCTIONS, to_value
from service.cql.fhir_model import fhir_types, resource
from service.cql.types import Code, Concept, Date, DateTime, Interval, Quantity, Ratio, Time

UCUM = "http://unitsofmeasure.org"


def element(type_name: str, path: str, **content: Any) -> Any:
    return FhirElement(type_name, content).get(path)


@pytest.mark.parametrize(
    ("type_name", "name", "content", "found"),
    [
        ("Observation", "value", {"valueQuantity": {"value": 1}}, "Quantity"),
        ("Observation", "value", {"valueDateTime": "2025"}, "dateTime"),
        ("Observation", "value", {"valueInteger": 1}, "integer"),
        ("Observation", "effective", {"effectivePeriod": {}}, "Period"),
        ("Condition", "onset", {"onsetAge": {"value": 3}}, "Age"),
        ("MedicationRequest", "medication", {"medicationReference": {"reference": "x"}}, "Reference"),
        ("Dosage", "asNeeded", {"asNeededBoolean": False}, "boolean"),
        ("Dosage.DoseAndRate", "dose", {"doseQuantity": {"value": 1}}, "SimpleQuantity"),
        ("Observation", "status", {"status": "final"}, "ObservationStatus"),
        ("Bundle.Entry", "resource", {"resource": {"resourceType": "Task"}}, "Task"),
    ],
)
def test_an_element_has_its_type(type_name: str, name: str, content: dict[str, Any], found: str) -> None:
    assert element(type_name, name, **content).type_name == found


@pytest.mark.parametrize(
    ("type_name", "raw", "expected"),
    [
        ("string", "a", "a"),
        ("code", "a", "a"),
        ("boolean", False, False),
        ("integer", 3, 3),
        ("positiveInt", 3, 3),
        ("decimal", Decimal("1.50"), Decimal("1.50")),
        ("decimal", 2, Decimal(2)),
        ("decimal", 0.1, Decimal("0.1")),
        ("date", "2025-02", Date(2025, 2)),
        ("dateTime", "2025-02-03T04:05:06+01:00", DateTime(2025, 2, 3, 4, 5, 6, offset=60)),
        ("instant", "2025-02-03T04:05:06.123456Z", DateTime(2025, 2, 3, 4, 5, 6, 123, offset=0)),
        ("time", "04:05:06", Time(4, 5, 6)),
        # malformed
        ("string", 5, None),
        ("boolean", "true", None),
        ("integer", True, None),
        ("integer", Decimal("1.0"), None),
        ("integer", 2**40, None),
        ("decimal", "1.5", None),
        ("decimal", True, None),
        ("decimal", Decimal("NaN"), None),
        ("decimal", Decimal("1e99"), None),
        ("date", "2025-02-30", None),
        ("date", "last May", None),
        ("dateTime", "2025-02-03T25:00:00Z", None),
        ("dateTime", 2025, None),
        ("time", "noon", None),
    ],
)
def test_a_primitive_gives_its_system_value_and_null_when_malformed(
    type_name: str, raw: Any, expected: Any
) -> None:
    found = FhirElement(type_name, raw).value
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("type_name", "name", "content"),
    [
        ("Observation", "status", {"status": 5}),
        ("Observation", "status", {"status": ["final"]}),
        ("Observation", "code", {"code": "text"}),
        ("Observation", "code", {"code": [{"text": "a"}]}),
        ("Observation", "category", {"category": {"text": "a"}}),
        ("Observation", "category", {"category": []}),
        ("Observation", "category", {"category": ["text", 5, None]}),
        ("Observation", "value", {"valueQuantity": "7 cm"}),
        ("Observation", "value", {"valueColour": "red"}),
        ("Observation", "wish", {"wish": "x"}),
        ("Observation", "id", {}),
        ("Bundle.Entry", "resource", {"resource": {"resourceType": "Wish"}}),
        ("Bundle.Entry", "resource", {"resource": {"resourceType": "DomainResource"}}),
    ],
)
def test_what_is_not_as_fhir_has_it_is_null(type_name: str, name: str, content: dict[str, Any]) -> None:
    assert element(type_name, name, **content) is None


def test_a_list_keeps_what_is_well_formed() -> None:
    given = element("HumanName", "given", given=["Jo", 5, None, "Ann"], _given=[None, None, {"id": "x"}])
    assert [each.value for each in given] == ["Jo", None, "Ann"]
    assert given[1].get("id") == "x"


def test_a_primitive_may_have_only_extensions() -> None:
    birth = element("Patient", "birthDate", _birthDate={"extension": [{"url": "u", "valueCode": "unknown"}]})
    assert birth.value is None
    assert birth.get("extension")[0].get("value").value == "unknown"


def test_types_know_their_ancestors() -> None:
    assert FhirElement("Age", {}).is_a("Quantity")
    assert FhirElement("Condition", {}).is_a("Resource")
    assert not FhirElement("Condition", {}).is_a("Observation")
    assert len(fhir_types()) > 900


def test_equal_content_is_equal() -> None:
    assert FhirElement("id", "a") == FhirElement("string", "a")
    assert hash(FhirElement("id", "a")) == hash(FhirElement("string", "a"))
    assert FhirElement("Period", {}) != FhirElement("Range", {})
    assert FhirElement("Period", {"start": "2025"}) == FhirElement("Period", {"start": "2025"})
    assert FhirElement("Period", {"start": "2025"}) != FhirElement("Period", {"start": "2024"})


def test_only_resources_are_resources() -> None:
    assert resource({"resourceType": "Patient"}) is not None
    wrongs: list[Any] = [{"resourceType": "Period"}, {"resourceType": "Resource"}, {}, [], None, "x"]
    for wrong in wrongs:
        assert resource(wrong) is None


def call(function: str, type_name: str, raw: Any) -> Any:
    return FUNCTIONS[function](FhirElement(type_name, raw))


@pytest.mark.parametrize(
    ("function", "type_name", "raw", "expected"),
    [
        ("ToString", "uri", "urn:x", "urn:x"),
        ("ToBoolean", "boolean", True, True),
        ("ToQuantity", "Quantity", {"value": 1, "code": "mg", "system": UCUM}, Quantity(Decimal(1), "mg")),
        ("ToQuantity", "Quantity", {"value": 1, "code": "a", "system": UCUM}, Quantity(Decimal(1), "year")),
        ("ToQuantity", "Quantity", {"value": 1, "unit": "mg"}, Quantity(Decimal(1), "mg")),
        ("ToQuantity", "Quantity", {"value": 1}, Quantity(Decimal(1), "1")),
        ("ToQuantity", "Quantity", {"unit": "mg"}, None),
        ("ToQuantity", "Quantity", {"value": 1, "code": "1", "system": "http://example.org"}, None),
        ("ToQuantity", "Quantity", {"value": 1, "comparator": "<"}, None),
        ("ToQuantityIgnoringComparator", "Quantity", {"value": 1, "comparator": "<"}, Quantity(Decimal(1))),
        ("ToInterval", "Period", {"start": "2024", "end": "2025"}, Interval(DateTime(2024), DateTime(2025))),
        ("ToInterval", "Period", {"end": "2025"}, Interval(None, DateTime(2025), False, True)),
        ("ToInterval", "Period", {"start": "2024"}, Interval(DateTime(2024), None)),
        (
            "ToInterval",
            "Range",
            {"low": {"value": 1}, "high": {"value": 2}},
            Interval(Quantity(Decimal(1)), Quantity(Decimal(2))),
        ),
        (
            "ToInterval",
            "Quantity",
            {"value": 1, "comparator": "<"},
            Interval(None, Quantity(Decimal(1)), True, False),
        ),
        (
            "ToInterval",
            "Quantity",
            {"value": 1, "comparator": ">"},
            Interval(Quantity(Decimal(1)), None, False, True),
        ),
        (
            "ToRatio",
            "Ratio",
            {"numerator": {"value": 1}, "denominator": {"value": 2}},
            Ratio(Quantity(Decimal(1)), Quantity(Decimal(2))),
        ),
        ("ToCode", "Coding", {"code": "a", "system": "s", "display": "A"}, Code("a", "s", None, "A")),
        (
            "ToConcept",
            "CodeableConcept",
            {"coding": [{"code": "a", "system": "s"}, "broken"], "text": "A"},
            Concept((Code("a", "s"),), "A"),
        ),
        ("ToConcept", "CodeableConcept", {"text": "A"}, Concept((), "A")),
    ],
)
def test_fhir_helpers(function: str, type_name: str, raw: Any, expected: Any) -> None:
    assert call(function, type_name, raw) == expected


@pytest.mark.parametrize("function", sorted(FUNCTIONS))
def test_fhir_helpers_of_null_are_null(function: str) -> None:
    assert FUNCTIONS[function](None) is None


def test_to_value_leaves_what_has_no_system_type() -> None:
    reference = FhirElement("Reference", {"reference": "x"})
    assert to_value(reference) is reference
    assert to_value(FhirElement("Period", {"start": "2024"})) == Interval(DateTime(2024), None)
    assert to_value(5) == 5


@pytest.mark.parametrize(
    ("content", "path", "expected"),
    [
        ({"code": {"coding": [{"system": "s", "code": "a"}, {"code": "b"}]}}, "code", [("s", "a")]),
        ({"category": [{"coding": [{"system": "s", "code": "a"}]}, "broken"]}, "category", [("s", "a")]),
        ({"class": {"system": "s", "code": "a"}}, "class", [("s", "a")]),
        (
            {"medicationCodeableConcept": {"coding": [{"system": "s", "code": "a"}]}},
            "medication",
            [("s", "a")],
        ),
        ({"medicationReference": {"reference": "x"}}, "medication", []),
        ({"code": "broken"}, "code", []),
        ({"code": {"coding": {"system": "s", "code": "a"}}}, "code", []),
        ({}, "code", []),
    ],
)
def test_codings(content: dict[str, Any], path: str, expected: list[tuple[str, str]]) -> None:
    assert list(codings(content, path)) == expected


def test_the_list_record_selects_by_type_and_code() -> None:
    rows: list[dict[str, Any]] = [
        {"resourceType": "Condition", "id": "a", "code": {"coding": [{"system": "s", "code": "x"}]}},
        {"resourceType": "Condition", "id": "b"},
        {"resourceType": "Task", "id": "c"},
    ]
    record = ListRecord(rows)
    assert [row["id"] for row in record.retrieve("Condition", None, None)] == ["a", "b"]
    assert [row["id"] for row in record.retrieve("Condition", "code", frozenset({("s", "x")}))] == ["a"]
    assert record.retrieve("Condition", "code", frozenset()) == []
    assert record.retrieve("Patient", None, None) == []
