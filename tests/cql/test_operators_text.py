"""Strings, conversions, terminology and messages."""

from typing import Any

import pytest

from service.cql import EvaluationError
from service.cql.operators import NAMED_OPERANDS, operator_for
from service.cql.types import Code, CodeSystemRef, Concept, Long, Ratio, ValueSetRef

from .operators import apply, d, q, t


@pytest.mark.parametrize(
    ("node_type", "operands", "expected"),
    [
        ("Concatenate", ("a", "b"), "ab"),
        ("Concatenate", ("a", None), None),
        ("Combine", (["a", None, "c"], None), "ac"),
        ("Combine", ([], None), None),
        ("Split", ("a,b", ","), ["a", "b"]),
        ("Split", ("a,b", None), ["a,b"]),
        ("SplitOnMatches", ("a1b22c", "\\d+"), ["a", "b", "c"]),
        ("Upper", ("aB",), "AB"),
        ("Lower", (None,), None),
        ("StartsWith", ("Breathe", "bre"), False),
        ("EndsWith", ("man!!", "!!"), True),
        ("PositionOf", ("b", "ab"), 1),
        ("LastPositionOf", ("hi", "Say hi to Ohio!"), 11),
        ("Substring", ("abc", 1, 1), "b"),
        ("Substring", ("ab", 2, None), None),
        ("Substring", ("", 0, None), ""),
        ("Matches", ("lost 2017", ".*\\d+"), True),
        ("Matches", ("2017 lost", "\\d+"), False),
        ("ReplaceMatches", ("a b", "\\s", "\\$"), "a$b"),
        ("ReplaceMatches", ("2012-03", "(\\d+)-(\\d+)", "$2/$1"), "03/2012"),
    ],
)
def test_strings(node_type: str, operands: tuple[Any, ...], expected: Any) -> None:
    assert apply(node_type, *operands) == expected


def test_separator_that_is_null() -> None:
    assert apply("Combine", ["a", "b"], None, separator={"type": "Null"}) is None


def test_pattern_that_is_none() -> None:
    with pytest.raises(EvaluationError):
        apply("Matches", "a", "(")


@pytest.mark.parametrize(
    ("target", "value", "expected"),
    [
        ("Boolean", "Yes", True),
        ("Boolean", 0, False),
        ("Boolean", "maybe", None),
        ("Integer", "-25", -25),
        ("Integer", "2147483648", None),
        ("Integer", "1.0", None),
        ("Long", "2147483648", Long(2147483648)),
        ("Decimal", "+25.5", d("25.5")),
        ("Decimal", ".5", None),
        ("Decimal", 5, d("5")),
        ("String", d("18.55"), "18.55"),
        ("String", d("1E-8"), "0.00000001"),
        ("String", True, "true"),
        ("String", q("5.5", "cm"), "5.5 'cm'"),
        ("String", t("2000-01-01T15:25:25.300"), "2000-01-01T15:25:25.300"),
        ("String", Ratio(q("1", "mg"), q("2", "mL")), "1 'mg':2 'mL'"),
        ("Date", "2012-03-10T10:00Z", t("2012-03-10")),
        ("Date", t("2012-03-10T10:00Z"), t("2012-03-10")),
        ("Date", "2012/03/10", None),
        ("DateTime", t("2012-03-10"), t("2012-03-10T")),
        ("DateTime", "2014-01-01T12:05:05.955+01:30", t("2014-01-01T12:05:05.955+01:30")),
        ("DateTime", "2014/01/01", None),
        ("Time", "T14:30:00.0+05:30", t("T14:30:00.000")),
        ("Time", "T14-30", None),
        ("Quantity", "5.5 'cm'", q("5.5", "cm")),
        ("Quantity", "3 days", q("3", "days")),
        ("Quantity", "3 'made-up'", None),
        ("Quantity", 5, q("5")),
        ("Ratio", "1 'mg':2 'mL'", Ratio(q("1", "mg"), q("2", "mL"))),
        ("Concept", Code("1", "s"), Concept((Code("1", "s"),))),
    ],
)
def test_conversions(target: str, value: Any, expected: Any) -> None:
    result = apply(f"To{target}", value)
    assert result == expected
    assert type(result) is type(expected)
    assert apply(f"ConvertsTo{target}", value) is (expected is not None)
    assert apply(f"To{target}", None) is None


def test_quantities_convert() -> None:
    assert apply("ConvertQuantity", q("5", "mg"), "g") == q("0.005", "g")
    assert apply("CanConvertQuantity", q("5", "mg"), "cm") is False
    assert apply("ConvertQuantity", q("5", "mg"), None) is None


def test_lists_of_one() -> None:
    assert apply("ToList", None) == []
    assert apply("ToList", 1) == [1]
    assert apply("ToChars", "ab") == ["a", "b"]


VALUE_SET = ValueSetRef("http://example.org/vs", codes=frozenset({("s", "1"), ("s", "2")}))


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (Code("1", "s"), True),
        (Code("1", "other"), False),
        ("2", True),
        (Concept((Code("9", "s"), Code("2", "s"))), True),
        ([Code("9", "s")], False),
        (None, False),
    ],
)
def test_value_set_membership(code: Any, expected: bool) -> None:
    assert apply("InValueSet", code, VALUE_SET) is expected
    assert apply("AnyInValueSet", [code], VALUE_SET) is expected


def test_value_sets_and_code_systems() -> None:
    assert apply("ExpandValueSet", VALUE_SET) == [Code("1", "s"), Code("2", "s")]
    assert apply("InCodeSystem", Code("1", "s"), CodeSystemRef("s")) is True
    assert apply("InCodeSystem", "1", CodeSystemRef("s")) is False


def test_message() -> None:
    assert apply("Message", 1, True, "100", "Warning", "text") == 1
    assert apply("Message", 1, False, "100", "Error", "text") == 1
    with pytest.raises(EvaluationError, match="100") as raised:
        apply("Message", 1, True, "100", "Error", "born 1970-01-01")
    assert "1970" not in str(raised.value)


def test_nodes_that_are_no_plain_operators() -> None:
    assert operator_for({"type": "Query"}) is None
    assert operator_for({}) is None
    assert all(operator_for({"type": name, "valueType": "{x}Integer"}) for name in NAMED_OPERANDS)
