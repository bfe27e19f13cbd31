"""Equality, equivalence and order, null where CQL leaves it open."""

from typing import Any

import pytest

from service.cql import EvaluationError
from service.cql.types import Code, Concept, Interval, Ratio, Uncertainty

from .operators import apply, closed, d, q, t

LOINC, SNOMED = "http://loinc.org", "http://snomed.info/sct"


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        (1, 1, True),
        (1, d("1.0"), True),
        (True, 1, False),
        ("a", "A", False),
        (None, None, None),
        (q("1", "cm"), q("0.01", "m"), True),
        (q("1", "cm"), q("1", "g"), None),
        (q("1", "year"), q("1", "a"), None),
        (q("1", "week"), q("7", "days"), True),
        (t("2012"), t("2012"), True),
        (t("2012-01"), t("2012"), None),
        (t("2013"), t("2012-01"), False),
        (t("T10:00:00"), t("T10:00:00.000"), None),
        (t("2012-01-01T10:00+02:00"), t("2012-01-01T08:00Z"), True),
        ([1, None], [1, None], True),
        ([1, None], [1, 2], None),
        ([1, 2], [1], False),
        ({"a": 1, "b": None}, {"a": 2, "b": 3}, False),
        ({"a": 1, "b": None}, {"a": 1, "b": 3}, None),
        (Code("1", LOINC), Code("1", LOINC), True),
        (Code("1", LOINC, display="x"), Code("1", LOINC, display="y"), False),
        (closed(1, 5), Interval(0, 6, False, False), True),
        (closed(1, 5), Interval(None, None, False, False), None),
        (Ratio(q("1", "mg"), q("2", "mL")), Ratio(q("2", "mg"), q("4", "mL")), False),
        (Uncertainty(16, 44), 50, False),
        (Uncertainty(16, 44), 20, None),
    ],
)
def test_equal(left: Any, right: Any, expected: bool | None) -> None:
    assert apply("Equal", left, right) is expected
    assert apply("NotEqual", left, right) is (None if expected is None else not expected)


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        (None, None, True),
        (None, 1, False),
        ("Abel\t", "abel ", True),
        (d("1.5"), d("1.55"), False),
        (d("1.001"), d("1.000"), True),
        (1, d("1.0"), True),
        (t("2012"), t("2012-01"), False),
        (q("1", "year"), q("1", "a"), True),
        (q("1", "year"), q("12", "months"), True),
        (q("1", "year"), q("365", "days"), True),
        (q("1", "cm"), q("1", "g"), False),
        ([1, None], [1, None], True),
        ({"a": None}, {"a": None}, True),
        (Code("1", LOINC, display="x"), Code("1", LOINC, display="y"), True),
        (Code("1", LOINC), Code("1", SNOMED), False),
        (Concept((Code("1", LOINC), Code("2", SNOMED))), Concept((Code("2", SNOMED),)), True),
        (Concept((Code("1", LOINC),)), Code("1", LOINC), True),
        (Ratio(q("1", "mg"), q("2", "mL")), Ratio(q("2", "mg"), q("4", "mL")), True),
        (Interval(5, None, True, False), Interval(5, None, True, False), True),
    ],
)
def test_equivalent(left: Any, right: Any, expected: bool) -> None:
    assert apply("Equivalent", left, right) is expected


@pytest.mark.parametrize(
    ("left", "right", "less", "equal"),
    [
        (1, 2, True, False),
        (d("1.0"), 1, False, True),
        ("Jack", "Jill", True, False),
        (q("1", "cm"), q("1", "m"), True, False),
        (q("1", "cm"), q("1", "g"), None, None),
        (q("1", "cm"), q("1", "made-up"), None, None),
        (t("2014"), t("2014-02-15"), None, None),
        (t("2013"), t("2014-02-15"), True, False),
        (t("2012-01-01T23:00-05:00"), t("2012-01-02T03:00Z"), False, False),
        (Uncertainty(16, 44), 45, True, False),
        (Uncertainty(16, 44), 16, False, None),
        (Uncertainty(16, 44), 20, None, None),
        (None, 1, None, None),
    ],
)
def test_order(left: Any, right: Any, less: bool | None, equal: bool | None) -> None:
    assert apply("Less", left, right) is less
    assert apply("Greater", right, left) is less
    assert apply("GreaterOrEqual", left, right) is (None if less is None else not less)
    assert apply("Equal", left, right) is equal


def test_values_without_an_order() -> None:
    with pytest.raises(EvaluationError):
        apply("Less", True, False)


@pytest.mark.parametrize(
    ("left", "right", "and_", "or_", "xor", "implies"),
    [
        (True, None, None, True, None, None),
        (False, None, False, None, None, True),
        (None, True, None, True, None, True),
        (None, False, False, None, None, None),
        (True, False, False, True, True, False),
    ],
)
def test_three_valued_logic(left: Any, right: Any, and_: Any, or_: Any, xor: Any, implies: Any) -> None:
    results = [apply(name, left, right) for name in ("And", "Or", "Xor", "Implies")]
    assert results == [and_, or_, xor, implies]
