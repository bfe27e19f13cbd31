"""The engine: what it loads and refuses, memoisation, errors, and what a null rests on."""

import datetime as dt
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from service.cql import (
    CqlError,
    Engine,
    EvaluationError,
    ListRecord,
    MalformedLibrary,
    UnknownDefine,
    UnknownLibrary,
    UnknownNode,
    UnknownValueSet,
)

from .library import COLOURS, DRAFTS, ENGINE, NOW, RESOURCES, VALUE_SETS, evaluation, library

SYSTEM = "{urn:hl7-org:elm-types:r1}"
Node = dict[str, Any]


def literal(value: Any, kind: str = "Integer") -> Node:
    return {"type": "Literal", "valueType": SYSTEM + kind, "value": str(value)}


def elm(*definitions: Node, **sections: Any) -> Node:
    """An ELM library named L of these definitions."""
    statements = [{"context": "Patient", "accessLevel": "Public", **each} for each in definitions]
    head = {"identifier": {"id": "L", "version": "1"}, "statements": {"def": statements}}
    return {"library": {**head, **{name: {"def": each} for name, each in sections.items()}}}


def define(name: str, expression: Node) -> Node:
    return {"name": name, "expression": expression}


def run(*definitions: Node, **sections: Any) -> Any:
    """The value of the define X."""
    engine = Engine([elm(*definitions, **sections)], {})
    return engine.evaluation(ListRecord([]), NOW).value("L", "X")


def test_an_unknown_node_stops_the_load_and_is_named() -> None:
    with pytest.raises(UnknownNode) as caught:
        run(define("X", {"type": "Not", "operand": {"type": "Divine", "operand": literal(1)}}))
    assert (caught.value.library, caught.value.define, caught.value.node) == ("L", "X", "Divine")


@pytest.mark.parametrize(
    ("node", "named"),
    [
        ({"type": "ExpressionRef", "name": "Y"}, r"ExpressionRef L\.Y"),
        ({"type": "ExpressionRef", "name": "Y", "libraryName": "Z"}, "library Z"),
        ({"type": "FunctionRef", "name": "f", "operand": []}, r"function L\.f/0"),
        ({"type": "AliasRef", "name": "A"}, "AliasRef A"),
        ({"type": "IdentifierRef", "name": "i"}, "identifier i"),
        ({"type": "ValueSetRef", "name": "V"}, r"ValueSetRef L\.V"),
        ({"type": "Is", "operand": literal(1), "isType": SYSTEM + "Colour"}, "Colour"),
        ({"type": "Retrieve", "dataType": "{http://hl7.org/fhir}Wish"}, "Retrieve of .*Wish"),
        ({"type": "Retrieve", "dataType": "{http://hl7.org/fhir}Period"}, "Retrieve of .*Period"),
        ({"type": "Instance", "classType": "{http://hl7.org/fhir}Wish"}, "class .*Wish"),
    ],
)
def test_what_cannot_be_resolved_stops_the_load(node: Node, named: str) -> None:
    with pytest.raises(UnknownNode, match=named):
        run(define("X", node))


def test_a_retrieve_that_is_narrowed_by_date_is_refused_not_widened() -> None:
    with pytest.raises(UnknownNode, match="dateProperty"):
        run(
            define(
                "X",
                {
                    "type": "Retrieve",
                    "dataType": "{http://hl7.org/fhir}Observation",
                    "dateProperty": "issued",
                },
            )
        )


def test_a_value_set_without_codes_stops_the_load() -> None:
    with pytest.raises(UnknownValueSet, match=r"ValueSet/cold") as caught:
        Engine([library("Runtime"), library("Shared")], {"http://example.org/ValueSet/warm": []})
    assert caught.value.library == "Runtime"


def test_an_included_library_must_be_there_in_its_version() -> None:
    with pytest.raises(UnknownLibrary, match=r"Shared 2\.0\.0"):
        Engine([library("Runtime")], VALUE_SETS)
    other = library("Shared")
    other["library"]["identifier"]["version"] = "3.0.0"
    with pytest.raises(UnknownLibrary, match=r"Shared 2\.0\.0"):
        Engine([library("Runtime"), other], VALUE_SETS)


def test_another_data_model_is_refused() -> None:
    using = [{"localIdentifier": "FHIR", "uri": "http://hl7.org/fhir", "version": "3.0.0"}]
    with pytest.raises(UnknownNode, match=r"model FHIR 3\.0\.0"):
        run(define("X", literal(1)), usings=using)


@pytest.mark.parametrize(
    "broken",
    [
        {},
        {"library": {}},
        {"library": {"identifier": {"id": "L"}, "statements": {"def": [{}]}}},
        elm(define("X", {"type": "If", "then": literal(1)})),
        elm(define("X", literal("many"))),
        elm(define("X", literal(2**31))),
        elm({"name": "X"}),
    ],
)
def test_what_is_not_elm_stops_the_load(broken: Node) -> None:
    with pytest.raises(MalformedLibrary):
        Engine([broken], {})


def test_a_library_that_did_not_translate_stops_the_load() -> None:
    failed = elm(define("X", literal(1)))
    failed["library"]["annotation"] = [
        {"type": "CqlToElmError", "errorSeverity": "error", "message": "Could not resolve identifier"}
    ]
    with pytest.raises(MalformedLibrary, match="Could not resolve identifier"):
        Engine([failed], {})


def test_the_smallest_integer_is_a_literal() -> None:
    assert run(define("X", {"type": "Negate", "operand": literal(2**31)})) == -(2**31)


def test_functions_may_call_themselves() -> None:
    n: Node = {"type": "OperandRef", "name": "n"}
    less = {"type": "Subtract", "operand": [n, literal(1)]}
    again: Node = {"type": "FunctionRef", "name": "f", "operand": [less]}
    body = {
        "type": "If",
        "condition": {"type": "LessOrEqual", "operand": [n, literal(1)]},
        "then": literal(1),
        "else": {"type": "Multiply", "operand": [n, again]},
    }
    function = {
        "type": "FunctionDef",
        "name": "f",
        "expression": body,
        "operand": [{"name": "n", "operandType": SYSTEM + "Integer"}],
    }
    call = {"type": "FunctionRef", "name": "f", "operand": [literal(5)]}
    assert run(function, define("X", call)) == 120
    function["expression"] = again
    with pytest.raises(EvaluationError, match="recursion without end"):
        run(function, define("X", call))


def test_a_define_that_rests_on_itself_is_an_error() -> None:
    ref = {"type": "ExpressionRef", "name": "X"}
    with pytest.raises(EvaluationError, match=r"L\.X: rests on itself"):
        run(define("X", {"type": "Not", "operand": ref}))


def test_overloads_without_a_signature_go_by_the_values() -> None:
    def overload(kind: str, result: str) -> Node:
        operand = {"name": "a", "operandType": SYSTEM + kind}
        return {
            "type": "FunctionDef",
            "name": "f",
            "expression": literal(result, "String"),
            "operand": [operand],
        }

    values = [literal(1), literal("a", "String")]
    calls = [{"type": "FunctionRef", "name": "f", "operand": [each]} for each in values]
    found = run(
        overload("Integer", "number"),
        overload("String", "text"),
        define("X", {"type": "List", "element": calls}),
    )
    assert found == ["number", "text"]


def test_filter_for_each_and_repeat_have_a_scope_of_their_own() -> None:
    numbers = {"type": "List", "element": [literal(1), literal(2), literal(3)]}
    current = {"type": "Current", "scope": "$this"}
    above = {"type": "Greater", "operand": [current, literal(1)]}
    kept = {"type": "Filter", "source": numbers, "condition": above, "scope": "$this"}
    assert run(define("X", kept)) == [2, 3]
    double = {"type": "Multiply", "operand": [current, literal(2)]}
    assert run(define("X", {"type": "ForEach", "source": kept, "element": double, "scope": "$this"})) == [
        4,
        6,
    ]
    capped = {
        "type": "If",
        "condition": {"type": "Less", "operand": [current, literal(10)]},
        "then": double,
        "else": {"type": "Null"},
    }
    one = {"type": "List", "element": [literal(3)]}
    assert run(define("X", {"type": "Repeat", "source": one, "element": capped, "scope": "$this"})) == [6, 12]


def test_a_null_source_has_no_rows_where_another_source_is_there() -> None:
    def source(alias: str, expression: Node) -> Node:
        return {"alias": alias, "expression": expression}

    null, one = {"type": "Null"}, {"type": "List", "element": [literal(1)]}
    assert run(define("X", {"type": "Query", "source": [source("A", null), source("B", null)]})) is None
    assert run(define("X", {"type": "Query", "source": [source("A", null), source("B", one)]})) == []
    both = run(define("X", {"type": "Query", "source": [source("A", one), source("B", one)]}))
    assert both == [{"A": 1, "B": 1}]


def test_aggregate_reads_the_total_so_far_and_the_place() -> None:
    numbers = {"type": "List", "element": [literal(5), literal(7)]}
    product = {"type": "Multiply", "operand": [{"type": "Current"}, {"type": "Iteration"}]}
    step = {"type": "Add", "operand": [{"type": "Total"}, product]}
    node = {"type": "Aggregate", "source": numbers, "iteration": step, "initialValue": literal(1)}
    assert run(define("X", node)) == 1 + 5 * 0 + 7 * 1
    with pytest.raises(UnknownNode, match="total outside"):
        run(define("X", {"type": "Total"}))


def test_an_operator_that_cannot_be_bound_stops_the_load() -> None:
    with pytest.raises(UnknownNode, match="MinValue"):
        run(define("X", {"type": "MinValue", "valueType": SYSTEM + "String"}))


def test_a_default_is_used_until_a_parameter_is_given() -> None:
    record = ListRecord(RESOURCES)
    assert ENGINE.evaluation(record, NOW, {}).value("Runtime", "Limit") == 3
    assert ENGINE.evaluation(record, NOW, {"Limit": 9}).value("Runtime", "Limit") == 9


@pytest.mark.parametrize(
    "given",
    [
        {"Limit": "nine"},
        {"Limit": True},
        {"selections": [1]},
        {"draftOrders": [{"resourceType": "Wish"}]},
        {"draftOrders": ["Patient/1"]},
        {"draftOrders": {"resourceType": "Task"}},
    ],
)
def test_a_parameter_of_another_type_is_refused(given: Mapping[str, Any]) -> None:
    with pytest.raises(EvaluationError, match="parameter"):
        evaluation(parameters=given)


def test_parameters_that_no_library_declares_are_left_aside() -> None:
    assert evaluation(parameters={"weather": 1, "draftOrders": DRAFTS}).value("Runtime", "Unfiltered") == 2


def test_a_clock_without_time_zone_is_refused() -> None:
    with pytest.raises(EvaluationError, match="time zone"):
        ENGINE.evaluation(ListRecord([]), dt.datetime(2025, 1, 1), {})


class Counting(ListRecord):
    """Counts the retrieves of each type."""

    def __init__(self) -> None:
        super().__init__(RESOURCES)
        self.asked: list[tuple[str, str | None]] = []

    def retrieve(
        self, resource_type: str, code_path: str | None, codes: frozenset[tuple[str, str]] | None
    ) -> Sequence[Mapping[str, Any]]:
        self.asked.append((resource_type, code_path))
        return super().retrieve(resource_type, code_path, codes)


def test_each_define_and_retrieve_happens_once_and_only_when_wanted() -> None:
    record = Counting()
    running = ENGINE.evaluation(record, NOW, {})
    first = running.value("Runtime", "Sizes")
    assert running.value("Runtime", "Sizes") is first
    running.value("Runtime", "Texts")
    running.value("Shared", "Finished")
    assert record.asked == [("Observation", None)]


class NoDataError(Exception):
    pass


class Failing(ListRecord):
    def retrieve(
        self, resource_type: str, code_path: str | None, codes: frozenset[tuple[str, str]] | None
    ) -> Sequence[Mapping[str, Any]]:
        raise NoDataError(resource_type)


def test_what_the_record_raises_reaches_the_caller_unchanged() -> None:
    running = ENGINE.evaluation(Failing([]), NOW, {})
    for _ in range(2):
        with pytest.raises(NoDataError, match="Observation"):
            running.value("Runtime", "Sizes")


def test_rows_of_another_type_or_of_none_are_left_out() -> None:
    class Careless(ListRecord):
        def retrieve(
            self, resource_type: str, code_path: str | None, codes: frozenset[tuple[str, str]] | None
        ) -> Sequence[Mapping[str, Any]]:
            return [
                {"resourceType": "Task", "id": "t"},
                {"id": "x"},
                {"resourceType": "Observation", "id": "o"},
            ]

    rows = ENGINE.evaluation(Careless([]), NOW, {}).value("Runtime", "All")
    assert [row.json["id"] for row in rows] == ["o"]


def test_a_define_that_is_not_there_is_named() -> None:
    running = evaluation()
    with pytest.raises(UnknownDefine, match=r"Runtime\.None Such"):
        running.value("Runtime", "None Such")
    with pytest.raises(UnknownDefine, match=r"Nowhere\.X"):
        running.value("Nowhere", "X")


@pytest.mark.parametrize(
    ("define_name", "expected"),
    [
        ("Present", ()),
        ("Missing B", (("Runtime", "Missing B"),)),
        ("Rests On A", (("Runtime", "Missing A"), ("Runtime", "Missing B"))),
        ("Rests On Both", (("Runtime", "Missing B"), ("Runtime", "Missing A"))),
        ("From Tuple", (("Runtime", "Missing B"),)),
    ],
)
def test_a_null_names_the_deepest_nulls_it_rests_on(
    define_name: str, expected: tuple[tuple[str, str], ...]
) -> None:
    assert evaluation().unknown_because("Runtime", define_name) == expected


def test_a_null_rests_on_what_a_condition_reads_after_a_null() -> None:
    """A row is out once one condition is null; the other is part of why all the same."""
    nothing = {"type": "As", "operand": {"type": "Null"}, "asType": SYSTEM + "Boolean"}
    both = {"type": "And", "operand": [{"type": "ExpressionRef", "name": name} for name in ("M", "N")]}
    rows = {"type": "List", "element": [literal(1)]}
    query = {"type": "Query", "source": [{"alias": "A", "expression": rows}], "where": both}
    first = define("X", {"type": "First", "source": query})
    libraries = [elm(define("M", nothing), define("N", nothing), first)]
    running = Engine(libraries, {}).evaluation(ListRecord([]), NOW)
    assert running.unknown_because("L", "X") == (("L", "M"), ("L", "N"))
    assert running.value("L", "X") is None


def test_many_values_may_be_asked_for_within_a_with_statement() -> None:
    asked = ("Missing B", "Rests On A", "Present")
    with evaluation() as running:
        within = [running.value("Runtime", name) for name in asked]
        because = running.unknown_because("Runtime", "Rests On A")
        with pytest.raises(UnknownDefine), running:
            running.value("Runtime", "None Such")
        assert running.value("Runtime", "Is Male") is True
    assert within == [running.value("Runtime", name) for name in asked]
    assert because == evaluation().unknown_because("Runtime", "Rests On A")


def test_whether_there_is_a_row_is_known_from_the_first() -> None:
    of_two = {"type": "SingletonFrom", "operand": {"type": "List", "element": [literal(1), literal(2)]}}
    row = {"type": "AliasRef", "name": "A"}
    where = {
        "type": "If",
        "condition": {"type": "Equal", "operand": [row, literal(1)]},
        "then": literal("true", "Boolean"),
        "else": {"type": "Equal", "operand": [of_two, literal(1)]},
    }
    for numbers in ((1, 2), (2, 1)):
        rows = {"type": "List", "element": [literal(each) for each in numbers]}
        query = {"type": "Query", "source": [{"alias": "A", "expression": rows}], "where": where}
        exists = define("X", {"type": "Exists", "operand": query})
        if numbers == (1, 2):
            assert run(exists) is True
        else:
            with pytest.raises(EvaluationError, match=r"L\.X: singleton from"):
                run(exists)


@pytest.mark.parametrize(
    ("codings", "expected"),
    [
        ([{"system": COLOURS, "code": "red"}], "warm"),
        ([{"system": COLOURS, "code": "blue"}, {"system": COLOURS, "code": "orange"}], "warm"),
        ([{"code": "red"}, {"system": COLOURS, "code": "blue"}], "cold"),
        ([{"system": COLOURS}, "red", None, {"system": COLOURS, "code": "blue"}], "cold"),
        ([{"system": {}, "code": []}, {"system": COLOURS, "code": "red"}], "warm"),
        ([{"system": [COLOURS], "code": "red"}], None),
        ([{"system": COLOURS, "code": "green"}], None),
        ({"system": COLOURS, "code": "red"}, None),
        ([], None),
    ],
)
def test_a_case_over_value_sets_looks_at_every_sound_coding(codings: Any, expected: str | None) -> None:
    code = {
        "type": "FunctionRef",
        "libraryName": "FHIRHelpers",
        "name": "ToConcept",
        "operand": [{"type": "Property", "path": "code", "scope": "O"}],
    }

    def member(name: str) -> Node:
        return {"type": "InValueSet", "code": code, "valueset": {"name": name}}

    items = [{"when": member(name), "then": literal(name, "String")} for name in ("warm", "cold")]
    case = {"type": "Case", "caseItem": items, "else": {"type": "Null"}}
    either = {"type": "Or", "operand": [member("warm"), member("cold")]}
    rows = {"type": "Retrieve", "dataType": "{http://hl7.org/fhir}Observation"}
    returned = {"type": "List", "element": [case, either]}
    query = {
        "type": "Query",
        "source": [{"alias": "O", "expression": rows}],
        "return": {"distinct": False, "expression": returned},
    }
    library = elm(
        define("X", query),
        usings=[{"localIdentifier": "FHIR", "uri": "http://hl7.org/fhir", "version": "4.0.1"}],
        includes=[{"localIdentifier": "FHIRHelpers", "path": "FHIRHelpers", "version": "4.0.1"}],
        valueSets=[{"name": name, "id": f"http://example.org/ValueSet/{name}"} for name in ("warm", "cold")],
    )
    record = ListRecord([{"resourceType": "Observation", "id": "o", "code": {"coding": codings}}])
    found = Engine([library], VALUE_SETS).evaluation(record, NOW).value("L", "X")
    assert found == [[expected, expected is not None]]


def test_a_python_fault_is_an_evaluation_error_without_the_patients_data() -> None:
    class Garbled(ListRecord):
        def retrieve(
            self, resource_type: str, code_path: str | None, codes: frozenset[tuple[str, str]] | None
        ) -> Any:
            return 5

    with pytest.raises(CqlError, match=r"Runtime\.All: failed with TypeError"):
        ENGINE.evaluation(Garbled([]), NOW, {}).value("Runtime", "All")


def test_a_record_that_is_asked_too_deep_down_is_an_evaluation_error() -> None:
    class Deep(ListRecord):
        def retrieve(
            self, resource_type: str, code_path: str | None, codes: frozenset[tuple[str, str]] | None
        ) -> Any:
            return self.retrieve(resource_type, code_path, codes)

    with pytest.raises(EvaluationError, match=r"Runtime\.All: recursion without end"):
        ENGINE.evaluation(Deep([]), NOW, {}).value("Runtime", "All")


def test_library_info() -> None:
    info = ENGINE.libraries()["Runtime"]
    assert (info.version, info.includes) == ("1.0.0", {"FHIRHelpers": "4.0.1", "Shared": "2.0.0"})
    assert info.parameters == {"draftOrders": "List<FHIR.Resource>", "selections": "List<System.String>"}
    assert info.value_sets == ("http://example.org/ValueSet/cold",)
    types = {
        name: info.defines[name].result_type
        for name in ("Is Male", "All", "Texts", "Implicit Tuples", "Onsets")
    }
    assert types == {
        "Is Male": "System.Boolean",
        "All": "List<FHIR.Observation>",
        "Texts": "List<FHIR.string>",
        "Implicit Tuples": "List<Tuple{A System.Integer, B System.String}>",
        "Onsets": "List<Interval<System.DateTime>>",
    }
    assert info.defines["Unfiltered"].context == "Unfiltered"
    assert info.defines["All"].access == "Public"
    retrieves = {each.define: each for each in info.retrieves}
    warm = retrieves["Warm Observations"]
    assert (warm.resource_type, warm.code_path, warm.value_sets) == (
        "Observation",
        "code",
        ("http://example.org/ValueSet/warm",),
    )
    assert retrieves["Red Observations"].codes == frozenset({(COLOURS, "red")})
    assert retrieves["Reddish Observations"].codes == frozenset({(COLOURS, "red")})
    assert retrieves["Computed Codes"].codes is None
    assert retrieves["All"].code_path is None


def test_one_engine_serves_many_threads() -> None:
    def age(year: int) -> Any:
        patient = {"resourceType": "Patient", "id": "p", "birthDate": f"{year}-01-01"}
        return ENGINE.evaluation(ListRecord([patient]), NOW, {}).value("Runtime", "Age")

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(age, range(1950, 2000))) == [2025 - year for year in range(1950, 2000)]
