"""Nothing that is given to the runtime hangs or crashes it: it answers, or raises an error of its own."""

import datetime as dt
import json
import time
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.cql import CqlError, Engine, EvaluationError, LimitExceeded, Limits, ListRecord
from service.cql.compiler import compiling
from service.cql.operators import registry
from tests.cql.library import ENGINE, NOW, VALUE_SETS, library

SYSTEM = "{urn:hl7-org:elm-types:r1}"
LIMITS = Limits(steps=20_000, seconds=2.0)
_SLOW = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def literal(kind: str, value: str) -> dict[str, Any]:
    """A literal node."""
    return {"type": "Literal", "valueType": SYSTEM + kind, "value": value}


def temporal(kind: str, *parts: tuple[str, int]) -> dict[str, Any]:
    """A Date, DateTime or Time selector."""
    return {"type": kind, **{name: literal("Integer", str(value)) for name, value in parts}}


def evaluate(expression: Any, limits: Limits = LIMITS, statements: tuple[Any, ...] = ()) -> Any:
    """The value of one expression in a library of its own."""
    define = {"name": "Test", "context": "Patient", "expression": expression}
    elm = {"identifier": {"id": "Fuzz"}, "statements": {"def": [*statements, define]}}
    return Engine([{"library": elm}], {}).evaluation(ListRecord([]), NOW, limits=limits).value("Fuzz", "Test")


# ---- generated ELM

_LEAVES = st.sampled_from([
    {"type": "Null"},
    literal("Boolean", "true"), literal("Boolean", "false"),
    literal("Integer", "0"), literal("Integer", "-7"), literal("Integer", "2147483647"), literal("Long", "5"),
    literal("Decimal", "0.5"), literal("Decimal", "-9999999999999999999999999999.99999999"),
    literal("String", ""), literal("String", "(a+)+$"), literal("String", "2012-02-29"),
    {"type": "Quantity", "value": 5, "unit": "mg"}, {"type": "Quantity", "value": 1, "unit": "year"},
    {"type": "Quantity", "value": 1, "unit": "no unit"},
    temporal("Date", ("year", 2012), ("month", 2)),
    temporal("Date", ("year", 9999), ("month", 12), ("day", 31)),
    temporal("DateTime", ("year", 1), ("month", 1), ("day", 1), ("hour", 0)),
    temporal("Time", ("hour", 23)),
    {"type": "Now"}, {"type": "Today"}, {"type": "AliasRef", "name": "X"}, {"type": "Current"},
])  # fmt: skip
_TYPES = sorted({*compiling._COMPILERS, *registry._BINDERS})
_PRECISIONS = st.sampled_from([None, "Year", "Month", "Day", "Hour", "Millisecond", "Week", "Fortnight"])


def _nodes(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Nodes of every type that the runtime knows, their fields filled with whatever fits somewhere."""
    pair = st.lists(inner, min_size=0, max_size=3)
    return st.one_of(
        st.builds(_node, st.sampled_from(_TYPES), inner, pair, _PRECISIONS),
        st.builds(_node, st.sampled_from(_TYPES), inner, pair, _PRECISIONS),
        st.builds(lambda elements: {"type": "List", "element": elements}, pair),
        st.builds(_query, inner, inner),
        st.builds(lambda a, b: {"type": "Interval", "low": a, "high": b, "lowClosed": True}, inner, inner),
        st.builds(lambda a: {"type": "Tuple", "element": [{"name": "a", "value": a}]}, inner),
    )  # fmt: skip


def _node(node_type: str, single: Any, several: list[Any], precision: str | None) -> dict[str, Any]:
    node: dict[str, Any] = {
        "type": node_type,
        "operand": several or single,
        "source": single,
        "element": single,
    }
    for field in ("condition", "then", "else", "per", "pattern", "start", "stringToSub", "startIndex", "end"):
        node[field] = several[-1] if several else single
    node |= {"name": "X", "path": "a", "asType": SYSTEM + "Integer", "isType": SYSTEM + "String"}
    return node if precision is None else {**node, "precision": precision}


def _query(source: Any, inner: Any) -> dict[str, Any]:
    return {
        "type": "Query",
        "source": [{"alias": "X", "expression": source}],
        "relationship": [],
        "where": {"type": "Not", "operand": {"type": "IsNull", "operand": inner}},
        "return": {"distinct": True, "expression": inner},
    }


@given(st.recursive(_LEAVES, _nodes, max_leaves=8))
@_SLOW
def test_generated_elm_gives_a_value_or_an_error_of_ours(expression: Any) -> None:
    begun = time.monotonic()
    try:
        evaluate(expression)
    except CqlError as error:
        assert str(error)  # noqa: PT017
    assert time.monotonic() - begun < 10


_JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.decimals(), st.text(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=10,
)


@given(_JSON)
@settings(max_examples=150, deadline=None)
def test_json_that_is_no_library_is_refused(value: Any) -> None:
    with pytest.raises(CqlError):
        Engine([value], {})


@given(st.data())
@_SLOW
def test_a_library_with_a_hole_in_it_is_refused_or_works(data: st.DataObject) -> None:
    broken = json.loads(json.dumps(library("Runtime"), default=str))
    place: Any = broken["library"]["statements"]
    for _ in range(data.draw(st.integers(1, 7))):
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        if not keys:
            break
        key = data.draw(st.sampled_from(keys))
        if not isinstance(place[key], dict | list):
            break
        place, last, at = place[key], place, key
    else:
        last[at] = data.draw(_JSON)
    try:
        engine = Engine([broken, library("Shared")], VALUE_SETS)
        evaluation = engine.evaluation(ListRecord([]), NOW, limits=LIMITS)
        for define in engine.libraries()["Runtime"].defines:
            evaluation.value("Runtime", define)
    except CqlError:
        pass


# ---- generated FHIR

_VALUES = st.one_of(
    _JSON,
    st.sampled_from(
        ["2012", "2012-02-29", "2012-02-30", "2012-02-29T10:00:00Z", "final", "red", "cm", "<", "\ud800"]
    ),
    st.sampled_from([Decimal("NaN"), Decimal("1E+400"), 10**400, -0.0, float("inf")]),
)
_ELEMENTS = st.sampled_from([
    "id", "status", "code", "coding", "system", "display", "value", "valueQuantity", "valueString", "unit",
    "comparator", "effectiveDateTime", "effectivePeriod", "start", "end", "issued", "onsetDateTime",
    "recordedDate", "birthDate", "_birthDate", "extension", "url", "component", "stage", "contained", "name",
    "given", "medicationCodeableConcept", "medicationReference", "reference",
])  # fmt: skip
_FHIR = st.recursive(
    _VALUES,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_ELEMENTS, inner, max_size=5)),
    max_leaves=15,
)
_RESOURCES = st.builds(
    lambda kind, elements: {**elements, "resourceType": kind},
    st.sampled_from(["Patient", "Observation", "Condition", "MedicationRequest", "ServiceRequest", "Basic"]),
    st.dictionaries(_ELEMENTS, _FHIR, max_size=6),
)


@given(st.lists(_RESOURCES, max_size=4), st.lists(_RESOURCES, max_size=2))
@_SLOW
def test_generated_resources_give_values_or_errors_of_ours(record: list[Any], drafts: list[Any]) -> None:
    evaluation = ENGINE.evaluation(ListRecord(record), NOW, {"draftOrders": drafts}, LIMITS)
    for define in ENGINE.libraries()["Runtime"].defines:
        try:
            value = evaluation.value("Runtime", define)
            evaluation.unknown_because("Runtime", define)
            evaluation.to_fhir(value)
        except EvaluationError:
            pass


# ---- what would never end


def _numbers(count: int) -> dict[str, Any]:
    """A list of so many integers: ``expand Interval[1, count]``."""
    interval = {
        "type": "Interval",
        "low": literal("Integer", "1"),
        "high": literal("Integer", str(count)),
        "lowClosed": True,
        "highClosed": True,
    }
    return {"type": "Expand", "operand": [interval, {"type": "Null"}]}


def _product(*sources: Any) -> dict[str, Any]:
    return {
        "type": "Query",
        "source": [{"alias": f"X{number}", "expression": each} for number, each in enumerate(sources)],
        "relationship": [],
    }


def _doubling(operator: str) -> dict[str, Any]:
    reference = {"type": "QueryLetRef", "name": "A"}
    several = (
        {"type": "List", "element": [reference, reference]}
        if operator == "Flatten"
        else [reference, reference]
    )
    start = (
        {"type": "List", "element": [literal("Integer", "1")]}
        if operator == "Flatten"
        else literal("String", "a")
    )
    return {
        "type": "Query",
        "source": [{"alias": "X", "expression": _numbers(200)}],
        "relationship": [],
        "aggregate": {
            "identifier": "A",
            "starting": start,
            "expression": {"type": operator, "operand": several},
        },
    }


@pytest.mark.parametrize(
    "expression",
    [
        _numbers(2_147_483_647),
        _product(_numbers(1000), _numbers(1000), _numbers(1000)),
        _product(_product(_numbers(150), _numbers(150)), _numbers(150)),
        _doubling("Concatenate"),
        _doubling("Flatten"),
        {"type": "Distinct", "operand": _product(_numbers(120), _numbers(120))},
    ],
    ids=["expand", "product", "product of products", "doubled text", "doubled list", "distinct of tuples"],
)
def test_what_takes_too_many_steps_is_stopped(expression: Any) -> None:
    begun = time.monotonic()
    with pytest.raises(LimitExceeded, match="more than 20000 steps"):
        evaluate(expression)
    assert time.monotonic() - begun < 5


def test_what_takes_too_long_is_stopped() -> None:
    begun = time.monotonic()
    with pytest.raises(LimitExceeded, match=r"Fuzz.Test: longer than 0.2 s"):
        evaluate(_numbers(2_147_483_647), Limits(steps=10**12, seconds=0.2))
    assert time.monotonic() - begun < 5


def test_functions_that_call_themselves_without_end_are_stopped() -> None:
    call: Any = {"type": "FunctionRef", "name": "F", "operand": []}
    for body, error in ((call, EvaluationError), ({"type": "Add", "operand": [call, call]}, EvaluationError)):
        function: Any = {"type": "FunctionDef", "name": "F", "operand": [], "expression": body}
        with pytest.raises(error):
            evaluate(call, statements=(function,))


def test_calls_that_branch_are_counted() -> None:
    names = [f"F{number}" for number in range(40)]
    functions: list[Any] = []
    for name, following in zip(names, [*names[1:], None], strict=True):
        call: Any = {"type": "FunctionRef", "name": following, "operand": []}
        body = literal("Integer", "1") if following is None else {"type": "Add", "operand": [call, call]}
        functions.append({"type": "FunctionDef", "name": name, "operand": [], "expression": body})
    with pytest.raises(LimitExceeded):
        evaluate({"type": "FunctionRef", "name": "F0", "operand": []}, statements=tuple(functions))


def test_limits_hold_for_all_defines_of_an_evaluation_together() -> None:
    defines = [{"name": f"D{n}", "context": "Patient", "expression": _numbers(6_000)} for n in range(4)]
    elm = {"identifier": {"id": "Many"}, "statements": {"def": defines}}
    evaluation = Engine([{"library": elm}], {}).evaluation(ListRecord([]), NOW, limits=LIMITS)
    for name in ("D0", "D1", "D2"):
        assert len(evaluation.value("Many", name)) == 6_000
    with pytest.raises(LimitExceeded):
        evaluation.value("Many", "D3")
    assert len(evaluation.value("Many", "D0")) == 6_000


def test_the_usual_limits_leave_room_for_long_records() -> None:
    record = [{"resourceType": "Observation", "id": str(n), "status": "final"} for n in range(20_000)]
    retrieve = {"type": "Retrieve", "dataType": "{http://hl7.org/fhir}Observation"}
    define = {"name": "Test", "context": "Patient", "expression": {"type": "Count", "source": retrieve}}
    elm = {"identifier": {"id": "Long"}, "statements": {"def": [define]}}
    now = dt.datetime(2025, 1, 1, tzinfo=dt.UTC)
    assert Engine([{"library": elm}], {}).evaluation(ListRecord(record), now).value("Long", "Test") == 20_000
