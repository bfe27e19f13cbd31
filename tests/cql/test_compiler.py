"""Defines of the fixture library against the values that CQL gives them."""

import datetime as dt
import json
import subprocess
from decimal import Decimal
from typing import Any

import pytest

from service.cql import EvaluationError, ListRecord
from service.cql.types import Code, Date, DateTime, Interval, Quantity, Time

from .library import COLOURS, ENGINE, FIXTURES, NOW, RESOURCES, evaluation, observation, value

RED = Code("red", COLOURS, None, "Red")

VALUES: list[tuple[str, Any]] = [
    # references and functions
    ("Id", "p"),
    ("Chained", "p/xx"),
    ("Overloads", ["8", "abab"]),
    ("Limit", 3),
    ("Age", 64),
    ("Unfiltered", 2),
    # codes
    ("Is Warm", [True, False]),
    ("Is Red", [True, False]),
    ("Any Warm", True),
    ("Codes Of Drafts", [None, Code("blue", COLOURS)]),
    ("Members", [Code("orange", COLOURS), Code("red", COLOURS)]),
    # FHIR elements
    ("Is Male", True),
    ("Birth Year", 1960),
    ("Sizes Over Five", ["o1"]),
    ("Unit", "cm"),
    (
        "Onsets",
        [
            Interval(DateTime(2023, 5), DateTime(2023, 5)),
            Interval(DateTime(2022), DateTime(2023)),
            None,
        ],
    ),
    # queries
    ("By Effective", ["o1", "o2"]),
    ("By Issued Desc", ["o2", "o1", "o3"]),
    ("Two Columns", [{"a": 2, "b": 1}, {"a": 1, "b": 3}, {"a": 1, "b": 2}]),
    ("Directions", [[None, 1, 3], [3, 1, None]]),
    ("Pairs", [11, 21, 22]),
    ("Implicit Tuples", [{"A": 1, "B": "x"}]),
    ("With", [2, 3]),
    ("Without", [1]),
    ("Let", [3, 5]),
    ("Distinct", [1, 0]),
    ("All Rows", [1, 1, 0]),
    ("Aggregate", 18),
    ("Aggregate Distinct", 6),
    ("Scalar Query", 6),
    ("Null Source", None),
    ("Nested", [[11, 21], [22]]),
    # types
    ("Kinds", ["drug", "service", "other"]),
    ("Selected", ["d2"]),
    ("Draft Texts", ["a drug", None, None]),
    ("Is List", [False, False, True, False, True]),
    ("Converted", ["5", "true", "1.50"]),
    ("Properties", {"unit": "mg", "code": "red", "low": 1, "display": "Reddish", "codes": [RED]}),
    # logic
    ("And", [None, False, False, True]),
    ("Or", [True, None, True, False]),
    ("Implies", [None, True, True, False]),
    ("Xor", [None, True, False]),
    ("Short Circuit", [False, True, True, True, True]),
    ("Case Of", "two"),
    ("Coalesced", [2, 7]),
    ("Request Dose", Decimal("1.5")),
]


@pytest.mark.parametrize(("define", "expected"), VALUES)
def test_value(define: str, expected: Any) -> None:
    assert value(define) == expected


IDS = [
    ("Warm Observations", ["o1"]),
    ("Cold Observations", ["o2"]),
    ("Red Observations", ["o1"]),
    ("Reddish Observations", ["o1"]),
    ("Listed Observations", ["o1", "o2"]),
    ("Red Medications", ["m1"]),
    ("Computed Codes", ["o2"]),
    ("All", ["o1", "o2", "o3"]),
]


@pytest.mark.parametrize(("define", "ids"), IDS)
def test_retrieve_gives_only_what_has_the_codes(define: str, ids: list[str]) -> None:
    assert [row.json["id"] for row in value(define)] == ids


JSON = [
    ("Names", ["Jo", "Ann"]),
    ("Gender", "male"),
    ("Birth", "1960-06-02"),
    ("Marker", "m1"),
    ("Birth Extension", ["passport"]),
    ("Texts", [None, "text"]),
    ("Recorded", ["2023-06-01", None, None]),
    ("Stages", [[{"text": "II"}], None, None]),
    ("Contained Codes", [{"text": "inside"}, None]),
    ("Components", [None, 3, None]),
    ("Reference", {"reference": "Patient/1", "display": "P"}),
]


@pytest.mark.parametrize(("define", "expected"), JSON)
def test_fhir_json(define: str, expected: Any) -> None:
    running = evaluation()
    assert running.to_fhir(running.value("Runtime", define)) == expected


def test_the_clock_is_that_of_the_evaluation() -> None:
    assert value("Clock") == {
        "now": DateTime(2025, 6, 1, 12, 30, 0, 0, offset=120),
        "today": Date(2025, 6, 1),
        "time": Time(12, 30, 0, 0),
    }


def test_newest_is_found_through_a_fluent_function() -> None:
    assert value("Newest").json["id"] == "o2"


def test_a_strict_cast_to_another_type_is_an_error_that_names_the_define() -> None:
    assert value("Strict").json["value"] == 7
    with pytest.raises(EvaluationError, match=r"Runtime\.Strict Failure: .*FHIR\.Range"):
        value("Strict Failure")


def test_a_message_of_severity_error_ends_the_evaluation() -> None:
    with pytest.raises(EvaluationError, match=r"Runtime\.Fails"):
        value("Fails")


def test_rows_that_precision_leaves_open_keep_the_coarser_first() -> None:
    rows = [
        observation("a", "red", effectiveDateTime="2025-01-02T10:00:00Z"),
        observation("b", "red", effectiveDateTime="2025-01-02"),
        observation("c", "red", effectiveDateTime="2024"),
    ]
    assert value("By Effective", rows) == ["c", "b", "a"]


def test_an_instance_becomes_the_json_of_its_resource() -> None:
    running = evaluation()
    assert running.to_fhir(running.value("Runtime", "Request")) == {
        "resourceType": "MedicationRequest",
        "status": "draft",
        "medicationCodeableConcept": {"coding": [{"system": COLOURS, "code": "red"}]},
        "dosageInstruction": [
            {"asNeededBoolean": True, "doseAndRate": [{"doseQuantity": {"value": Decimal("1.5")}}]}
        ],
        "authoredOn": "2025-01-02T03:04:00+02:00",
    }


def test_system_values_become_fhir_json() -> None:
    running = evaluation()
    red = {"system": COLOURS, "code": "red", "display": "Red"}
    ucum = "http://unitsofmeasure.org"
    one, two = (
        {"value": Decimal(number), "unit": "cm", "system": ucum, "code": "cm"} for number in ("1", "2")
    )
    written = running.to_fhir(running.value("Runtime", "Values"))
    ratio = written.pop("ratio")
    assert written == {
        "code": red,
        "concept": {"coding": [red], "text": "Reddish"},
        "quantity": {"value": Decimal(5), "unit": "mg", "system": ucum, "code": "mg"},
        "calendar": {"value": Decimal(2), "unit": "weeks", "system": ucum, "code": "wk"},
        "date": "2025-01",
        "time": "10:30:00",
        "moment": "2025-01-02T10:00:00.000Z",
        "period": {"start": "2025-01-01", "end": "2025-01-31"},
        "range": {"low": one, "high": two},
        "nothing": None,
        "list": [1, 2],
    }
    assert (ratio["numerator"]["code"], ratio["denominator"]["code"]) == ("mg", "mL")


def test_an_interval_of_numbers_has_no_form_in_fhir() -> None:
    with pytest.raises(EvaluationError, match="no form in FHIR"):
        evaluation().to_fhir(Interval(1, 2))


def test_what_the_caller_does_to_the_json_does_not_reach_the_record() -> None:
    running = evaluation()
    running.to_fhir(running.value("Runtime", "Patient"))["name"].clear()
    assert running.value("Runtime", "Patient").get("name")[0].get("family").value == "Doe"


def test_a_quantity_in_other_units_of_the_same_dimension_compares() -> None:
    millimetres = {"value": 70, "system": "http://unitsofmeasure.org", "code": "mm"}
    rows = [observation("mm", "red", valueQuantity=millimetres)]
    assert value("Sizes Over Five", rows) == ["mm"]
    assert value("Properties")["unit"] == Quantity(Decimal(5), "mg").unit


@pytest.mark.skipif(
    not (FIXTURES.parents[2] / "plandefinitions/authoring/target/.built").exists(),
    reason="the CQL translator is not built (plandefinitions/authoring/cql-to-elm)",
)
def test_the_fixtures_are_what_their_cql_translates_to(tmp_path: Any) -> None:
    tool = FIXTURES.parents[2] / "plandefinitions/authoring/cql-to-elm"
    command = [str(tool), "--folder", str(FIXTURES), "--out", str(tmp_path)]
    subprocess.run(command, check=True, capture_output=True, timeout=120)  # noqa: S603 (our own tool)
    for name in ("Runtime", "Shared"):
        fresh, kept = (json.loads((at / f"{name}.json").read_text("utf-8")) for at in (tmp_path, FIXTURES))
        assert fresh == kept, f"translate {name}.cql anew"


def test_the_same_record_at_another_time_gives_another_age() -> None:
    later = ENGINE.evaluation(ListRecord(RESOURCES), NOW + dt.timedelta(days=1), {})
    assert later.value("Runtime", "Age") == 65
