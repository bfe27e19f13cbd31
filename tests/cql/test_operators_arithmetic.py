"""Arithmetic: types, overflow, boundaries, quantities and their units."""

from typing import Any

import pytest

from service.cql import EvaluationError
from service.cql.types import Long, Uncertainty

from .operators import apply, d, q, t


@pytest.mark.parametrize(
    ("node_type", "operands", "expected"),
    [
        ("Add", (1, 2), 3),
        ("Add", (2**31 - 1, 1), None),
        ("Add", (Long(2**31), Long(1)), Long(2**31 + 1)),
        ("Add", (Long(2**63 - 1), Long(1)), None),
        ("Add", (d("0.1"), d("0.2")), d("0.3")),
        ("Add", (1, None), None),
        ("Add", ("a", "b"), "ab"),
        ("Add", (q("1", "m"), q("1", "cm")), q("101", "cm")),
        ("Add", (q("1", "m"), q("1", "g")), None),
        ("Add", (Uncertainty(16, 44), 1), Uncertainty(17, 45)),
        ("Subtract", (d("1"), d("1.1")), d("-0.1")),
        ("Subtract", (Uncertainty(16, 44), Uncertainty(4, 16)), Uncertainty(0, 40)),
        ("Multiply", (q("2", "cm"), q("3", "cm")), q("6", "cm2")),
        ("Multiply", (10**5, 10**5), None),
        ("Multiply", (d("1E27"), d("100")), None),
        ("Divide", (10, 4), d("2.5")),
        ("Divide", (1, 3), d("0.33333333")),
        ("Divide", (1, 0), None),
        ("Divide", (q("10", "g"), q("4", "g")), q("2.5", "1")),
        ("Divide", (q("1", "m"), q("50", "cm")), q("2", "1")),
        ("Divide", (q("10", "g"), 4), q("2.5", "g")),
        ("TruncatedDivide", (-10, 3), -3),
        ("TruncatedDivide", (d("10.1"), d("3.1")), d("3")),
        ("TruncatedDivide", (1, 0), None),
        ("Modulo", (-10, 3), -1),
        ("Modulo", (d("3.5"), d("3")), d("0.5")),
        ("Negate", (-(2**31),), None),
        (
            "Negate",
            (d("9999999999999999999999999999.99999999"),),
            d("-9999999999999999999999999999.99999999"),
        ),
        ("Abs", (q("-1", "cm"),), q("1", "cm")),
        ("Ceiling", (d("1.1"),), 2),
        ("Ceiling", (d("2147483647.2"),), None),
        ("Floor", (d("-0.1"),), -1),
        ("Truncate", (d("-1.9"),), -1),
        ("Round", (d("-0.5"),), d("-1")),
        ("Round", (d("3.14159"), 2), d("3.14")),
        ("Exp", (1,), d("2.71828183")),
        ("Ln", (-1,), None),
        ("Log", (16, 2), d("4")),
        ("Log", (1, 2), d("0")),
        ("Log", (2, 1), None),
        ("Power", (2, -2), d("0.25")),
        ("Power", (Long(2), Long(3)), Long(8)),
        ("Power", (10, 10), None),
        ("Power", (d("-8"), d("0.5")), None),
    ],
)
def test_arithmetic(node_type: str, operands: tuple[Any, ...], expected: Any) -> None:
    result = apply(node_type, *operands)
    assert result == expected
    assert type(result) is type(expected)


@pytest.mark.parametrize(("node_type", "operand"), [("Exp", 1000), ("Ln", 0), ("Negate", "a")])
def test_run_time_errors(node_type: str, operand: Any) -> None:
    with pytest.raises(EvaluationError):
        apply(node_type, operand)


@pytest.mark.parametrize(
    ("value", "digits", "low", "high"),
    [
        (d("1.587"), 8, d("1.58700000"), d("1.58799999")),
        (d("1.587"), None, d("1.58700000"), d("1.58799999")),
        (t("2014"), 6, t("2014-01"), t("2014-12")),
        (t("2014-02"), None, t("2014-02-01"), t("2014-02-28")),
        (t("2014-01-01T08"), 17, t("2014-01-01T08:00:00.000"), t("2014-01-01T08:59:59.999")),
        (t("T10:30"), 9, t("T10:30:00.000"), t("T10:30:59.999")),
    ],
)
def test_boundaries(value: Any, digits: int | None, low: Any, high: Any) -> None:
    assert apply("LowBoundary", value, digits) == low
    assert apply("HighBoundary", value, digits) == high


@pytest.mark.parametrize(
    ("value", "expected"), [(d("1.58700"), 5), (t("2014"), 4), (t("T10:30"), 4), (t("2014-01-05T10:30"), 12)]
)
def test_precision(value: Any, expected: int) -> None:
    assert apply("Precision", value) == expected


@pytest.mark.parametrize(
    ("value", "before", "after"),
    [
        (1, 0, 2),
        (d("1.01"), d("1.00999999"), d("1.01000001")),
        (q("1.0", "cm"), q("0.99999999", "cm"), q("1.00000001", "cm")),
        (t("2000-01-01T"), t("1999-12-31T"), t("2000-01-02T")),
        (t("2012-03"), t("2012-02"), t("2012-04")),
        (t("2012-03-01"), t("2012-02-29"), t("2012-03-02")),
        (t("T12:00:00.000"), t("T11:59:59.999"), t("T12:00:00.001")),
    ],
)
def test_neighbours(value: Any, before: Any, after: Any) -> None:
    assert apply("Predecessor", value) == before
    assert apply("Successor", value) == after


def test_no_neighbour_beyond_the_ends() -> None:
    for value in (2**31 - 1, t("T23:59:59.999"), t("9999-12-31")):
        with pytest.raises(EvaluationError):
            apply("Successor", value)
    with pytest.raises(EvaluationError):
        apply("MinValue", valueType="{urn:hl7-org:elm-types:r1}Boolean")


def test_ends_of_types() -> None:
    assert apply("MaxValue", valueType="{urn:hl7-org:elm-types:r1}Integer") == 2**31 - 1
    assert apply("MinValue", valueType="{urn:hl7-org:elm-types:r1}Date") == t("0001-01-01")
