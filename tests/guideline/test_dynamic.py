"""Setting elements of a request by path, and the table of R4 elements behind it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from fhir.resources.R4B import get_fhir_model_class

from service.guideline.dynamic import parse_path, set_value
from service.guideline.elements import ELEMENTS, REQUEST_KINDS

CODING = {"system": "urn:s", "code": "c"}


@pytest.mark.parametrize(
    ("kind", "path", "value", "before", "after"),
    [
        ("Task", "description", "Do it", {}, {"description": "Do it"}),
        ("Task", "reasonCode", {"text": "r"}, {}, {"reasonCode": {"text": "r"}}),
        (
            "Task",
            "input",
            {"type": {"text": "form"}, "valueCanonical": "urn:q|1"},
            {},
            {"input": [{"type": {"text": "form"}, "valueCanonical": "urn:q|1"}]},
        ),
        ("ServiceRequest", "reasonCode", {"text": "r"}, {}, {"reasonCode": [{"text": "r"}]}),
        (
            "ServiceRequest",
            "note",
            [{"text": "n"}, {"text": "m"}],
            {},
            {"note": [{"text": "n"}, {"text": "m"}]},
        ),
        ("ServiceRequest", "note", {"text": "n"}, {"note": [{"text": "o"}]}, {"note": [{"text": "n"}]}),
        (
            "ServiceRequest",
            "note[1]",
            {"text": "n"},
            {"note": [{"text": "o"}]},
            {"note": [{"text": "o"}, {"text": "n"}]},
        ),
        ("ServiceRequest", "note[0].text", "n", {"note": [{"text": "o"}]}, {"note": [{"text": "n"}]}),
        ("ServiceRequest", "note.text", "n", {}, {"note": [{"text": "n"}]}),
        ("ServiceRequest", "code", CODING, {}, {"code": {"coding": [CODING]}}),
        (
            "ServiceRequest",
            "code.coding",
            CODING,
            {"code": {"text": "t"}},
            {"code": {"text": "t", "coding": [CODING]}},
        ),
        ("ServiceRequest", "occurrence", "2024-01-01", {}, {"occurrenceDateTime": "2024-01-01"}),
        ("ServiceRequest", "occurrence", {"start": "2024"}, {}, {"occurrencePeriod": {"start": "2024"}}),
        (
            "ServiceRequest",
            "quantity",
            {"value": Decimal("1.5")},
            {"quantityRatio": {}},
            {"quantityQuantity": {"value": Decimal("1.5")}},
        ),
        ("ServiceRequest", "asNeeded", True, {}, {"asNeededBoolean": True}),
        ("MedicationRequest", "medication", {"text": "m"}, {}, {"medicationCodeableConcept": {"text": "m"}}),
        (
            "MedicationRequest",
            "medication",
            {"reference": "#m"},
            {},
            {"medicationReference": {"reference": "#m"}},
        ),
        ("CommunicationRequest", "payload.content", "Hello", {}, {"payload": [{"contentString": "Hello"}]}),
        (
            "Task",
            "extension('urn:e').value",
            True,
            {"extension": [{"url": "urn:d", "valueBoolean": False}]},
            {"extension": [{"url": "urn:d", "valueBoolean": False}, {"url": "urn:e", "valueBoolean": True}]},
        ),
        (
            "Task",
            "extension('urn:e').value",
            "new",
            {"extension": [{"url": "urn:e", "valueBoolean": False}]},
            {"extension": [{"url": "urn:e", "valueString": "new"}]},
        ),
    ],
)
def test_a_value_lands_where_r4_has_the_element(
    kind: str, path: str, value: Any, before: dict[str, Any], after: dict[str, Any]
) -> None:
    set_value(before, parse_path(path, kind), value)
    assert before == after


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("", "empty"),
        ("title", "has no element 'title'"),
        ("note.", "ends with a dot"),
        ("note..text", "not a path"),
        ("subject[0]", "does not repeat"),
        ("note.wrong", "has no element 'wrong'"),
        ("code.where(true)", "not a path"),
        ("extension.value", "selects an extension"),
        ("note('u')", "nothing else takes a url"),
        ("occurrence.start", "through a choice"),
    ],
)
def test_a_path_that_r4_does_not_have_is_refused(path: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_path(path, "ServiceRequest")


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("code", "text", r"code takes CodeableConcept, not str"),
        ("code", [{"text": "c"}], "takes one value, not a list"),
        ("note", [{"text": "n"}, "m"], "note takes Annotation, not str"),
        ("note", {"texts": "n"}, "not an object with texts"),
        ("note", {"text": 3}, "note takes Annotation"),
        ("note", {}, "note takes Annotation"),
        ("note[2]", {"text": "n"}, "leaves a gap"),
        ("doNotPerform", "true", "takes boolean"),
        ("quantity", True, "takes Quantity"),
        ("subject", CODING, "takes Reference"),
    ],
)
def test_a_value_that_the_element_cannot_hold_is_refused(path: str, value: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        set_value({"note": [{"text": "o"}]} if "[" in path else {}, parse_path(path, "ServiceRequest"), value)


def test_true_is_no_number() -> None:
    with pytest.raises(ValueError, match="repetitions takes positiveInt, not bool"):
        set_value({}, parse_path("restriction.repetitions", "Task"), True)


@pytest.mark.parametrize("fhir_type", sorted(ELEMENTS.keys() - {"Extension", "TaskInput", "TaskOutput"}))
def test_the_table_of_elements_is_that_of_r4(fhir_type: str) -> None:
    model = get_fhir_model_class(fhir_type)
    found: dict[str, bool] = {}
    for field in model.model_fields.values():
        extra = field.json_schema_extra
        if isinstance(extra, dict) and extra.get("element_property") and field.alias:
            found[str(extra.get("one_of_many", field.alias))] = "List[" in repr(field.annotation)
    inherited = {"id", "meta", "implicitRules", "language", "contained", "modifierExtension", "fhir_comments"}
    inherited |= {"text"} if fhir_type in REQUEST_KINDS else set()
    expected = {name: repeats for name, repeats in found.items() if name not in inherited}
    assert {name: element.repeats for name, element in ELEMENTS[fhir_type].items()} == expected


@pytest.mark.parametrize("fhir_type", sorted(ELEMENTS))
def test_the_keys_and_types_in_the_table_are_those_of_r4(fhir_type: str) -> None:
    fields = {
        field.alias: repr(field.annotation) for field in get_fhir_model_class(fhir_type).model_fields.values()
    }
    for element in ELEMENTS[fhir_type].values():
        for each in element.types:
            annotation = fields[element.key(each)]
            if each[0].isupper():
                assert f"{each}Type" in annotation
            else:
                assert "Type" not in annotation
