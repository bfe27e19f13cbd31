"""ELM as Python source: nothing of a library's text gets into it, and no nesting is too deep for Python."""

import re
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import pytest

from service.cql import Engine, Evaluation, ListRecord
from service.cql.compiler.program import Expression
from service.cql.compiler.source import body_of, written, written_body

from .library import NOW, VALUE_SETS, library

SYSTEM = "{urn:hl7-org:elm-types:r1}"
HOSTILE = "x'\"]); raise SystemExit #\n\\"
WORDS = re.compile(r"\w+")
OURS = frozenset(
    WORDS.findall(
        "def run f r m return if is not None True False else and or in for while break continue isinstance "
        "list dict get type str len append memo left look ancestors retrieve parameter now today time_of_day"
    )
)
Node = dict[str, Any]


def literal(value: str, kind: str = "Boolean") -> Node:
    return {"type": "Literal", "valueType": SYSTEM + kind, "value": value}


def evaluated(expression: Node) -> Any:
    define = {"name": HOSTILE, "context": "Patient", "expression": expression}
    elm = {"library": {"identifier": {"id": "Deep"}, "statements": {"def": [define]}}}
    evaluation: Evaluation = Engine([elm], {}).evaluation(ListRecord([]), NOW)
    return evaluation.value("Deep", HOSTILE)


def sources(*libraries: Node) -> Iterator[str]:
    """The sources of every body: as it is used, and as a function of a frame."""
    seen: list[str] = []

    def note(expression: Expression, name: str, *sizes: Any, counted: bool) -> Any:
        seen.append(written_body(expression, *sizes, counted=True)[0])
        seen.append(written(expression)[0])
        return body_of(expression, name, *sizes, counted=counted)

    with patch("service.cql.compiler.link.body_of", note):
        Engine(libraries, VALUE_SETS)
    assert seen
    return iter(seen)


def test_only_our_own_words_stand_in_the_source() -> None:
    hostile = {
        "type": "Query",
        "source": [
            {"alias": HOSTILE, "expression": {"type": "List", "element": [literal(HOSTILE, "String")]}}
        ],
        "let": [
            {"identifier": HOSTILE, "expression": {"type": "AliasRef", "name": HOSTILE}},
        ],
        "where": {
            "type": "Equal",
            "operand": [{"type": "QueryLetRef", "name": HOSTILE}, literal(HOSTILE, "String")],
        },
        "return": {
            "expression": {
                "type": "Tuple",
                "element": [{"name": HOSTILE, "value": {"type": "AliasRef", "name": HOSTILE}}],
            }
        },
    }
    assert evaluated(hostile) == [{HOSTILE: HOSTILE}]
    define = {"name": HOSTILE, "context": "Patient", "expression": hostile}
    elm = {"library": {"identifier": {"id": HOSTILE}, "statements": {"def": [define]}}}
    for source in sources(elm, library("Runtime"), library("Shared")):
        words = set(WORDS.findall(source)) - OURS
        assert [word for word in words if not re.fullmatch(r"[ksv]?\d+", word)] == []


NESTS: dict[str, Any] = {
    "If in else": lambda node: {
        "type": "If",
        "condition": literal("false"),
        "then": literal("false"),
        "else": node,
    },
    "If in condition": lambda node: {
        "type": "If",
        "condition": node,
        "then": literal("true"),
        "else": literal("false"),
    },
    "And": lambda node: {"type": "And", "operand": [literal("true"), node]},
    "Or": lambda node: {"type": "Or", "operand": [literal("false"), node]},
    "Coalesce": lambda node: {"type": "Coalesce", "operand": [{"type": "Null"}, node]},
    "Case": lambda node: {
        "type": "Case",
        "caseItem": [{"when": literal("false"), "then": literal("false")}],
        "else": node,
    },
    "Query": lambda node: {
        "type": "Exists",
        "operand": {
            "type": "Query",
            "source": [{"alias": "A", "expression": {"type": "List", "element": [literal("true")]}}],
            "where": node,
        },
    },
    "Call in call": lambda node: {
        "type": "Last",
        "source": {"type": "Distinct", "operand": {"type": "List", "element": [node]}},
    },
    "Filter": lambda node: {
        "type": "Exists",
        "operand": {
            "type": "Filter",
            "scope": "A",
            "source": {"type": "List", "element": [literal("true")]},
            "condition": node,
        },
    },
    "Query in source": lambda node: {
        "type": "Exists",
        "operand": {
            "type": "Query",
            "source": [{"alias": "A", "expression": {"type": "List", "element": [node]}}],
        },
    },
}


@pytest.mark.parametrize("nest", NESTS)
def test_no_nesting_is_too_deep_for_python(nest: str) -> None:
    node: Node = literal("true")
    for _ in range(60):
        node = NESTS[nest](node)
    assert evaluated(node) is True


def test_a_null_that_stands_where_a_list_is_wanted_is_no_fault_of_python() -> None:
    assert evaluated({"type": "Exists", "operand": {"type": "Null"}}) is False
    assert evaluated({"type": "First", "source": {"type": "Null"}}) is None
    empty = {"type": "Filter", "source": {"type": "Null"}, "scope": "A", "condition": literal("true")}
    assert evaluated({"type": "First", "source": empty}) is None


def test_lets_of_lets_are_written_once() -> None:
    """Each let reads the one before twice: written where it is read, the last would be 2^40 long."""
    lets = [{"identifier": "L0", "expression": literal("1", "Integer")}]
    for number in range(1, 40):
        before = {"type": "QueryLetRef", "name": f"L{number - 1}"}
        kind = "Add" if number < 20 else "Subtract"
        expression = {"type": "Coalesce", "operand": [{"type": kind, "operand": [before, before]}, before]}
        lets.append({"identifier": f"L{number}", "expression": expression})
    query = {
        "type": "Query",
        "source": [{"alias": "A", "expression": {"type": "List", "element": [literal("1", "Integer")]}}],
        "let": lets,
        "return": {"expression": {"type": "QueryLetRef", "name": "L39"}},
    }
    assert evaluated(query) == [0]
