"""Lists and aggregates."""

from typing import Any

import pytest

from service.cql import EvaluationError
from service.cql.types import Long

from .operators import apply, d, q, t

EXACT, COARSE = t("T15:59:59.999"), t("T15:59:59")
LIST_TYPE = {"operand": [{"resultTypeSpecifier": {"type": "ListTypeSpecifier"}}]}


@pytest.mark.parametrize(
    ("node_type", "operands", "expected"),
    [
        ("Contains", ([1, None], None), True),
        ("Contains", ([None, "b"], "a"), False),
        ("Contains", ([EXACT], COARSE), None),
        ("In", (1, None), False),
        ("ProperContains", (["a", "b"], "a"), True),
        ("ProperContains", (["a", "a"], "a"), False),
        ("ProperContains", (["a", None], "a"), None),
        ("ProperIn", (None, ["s", None]), True),
        ("Includes", ([1, 2, 3], [2]), True),
        ("Includes", (None, [2]), None),
        ("IncludedIn", ([], []), True),
        ("ProperIncludes", ([1, 2, 3], [1, 2]), True),
        ("ProperIncludes", ([1, 2], [2, 1]), False),
        ("Union", ([1, 2, None], [2, None, 4]), [1, 2, None, 4]),
        ("Union", (None, [1]), [1]),
        ("Union", (None, None), None),
        ("Intersect", ([1, 2, 2, 3], [3, 2]), [2, 3]),
        ("Except", ([1, 4, 4], None), [1, 4]),
        ("Except", ([1, 4], [4]), [1]),
        ("Distinct", ([1, None, 1, None, d("1.0")],), [1, None]),
        ("Exists", ([None],), False),
        ("Exists", (None,), False),
        ("Flatten", ([[1, None], [2]],), [1, None, 2]),
        ("First", ([],), None),
        ("Last", ([1, 2],), 2),
        ("Indexer", ([1, 2], 1), 2),
        ("Indexer", ([1, 2], -1), None),
        ("Indexer", ("ab", 1), "b"),
        ("IndexOf", ([1, 2], 2), 1),
        ("IndexOf", ([1, 2], 3), -1),
        ("IndexOf", ([1, None], None), None),
        ("Slice", ([1, 2, 3, 4, 5], 1, 3), [2, 3]),
        ("Slice", ([1, 2, 3, 4, 5], -2, None), [4, 5]),
        ("Slice", (None, 1, None), None),
        ("SingletonFrom", ([1],), 1),
        ("Times", ([{"a": 1}], [{"b": 2}, {"b": 3}]), [{"a": 1, "b": 2}, {"a": 1, "b": 3}]),
    ],
)
def test_lists(node_type: str, operands: tuple[Any, ...], expected: Any) -> None:
    assert apply(node_type, *operands) == expected


def test_singleton_of_several() -> None:
    with pytest.raises(EvaluationError):
        apply("SingletonFrom", [1, 2])


def test_length_of_null_depends_on_its_type() -> None:
    assert apply("Length", None, **LIST_TYPE) == 0
    assert apply("Length", None) is None
    assert apply("Length", "abc") == 3


@pytest.mark.parametrize(
    ("node_type", "source", "expected"),
    [
        ("Count", [1, None, 2], 2),
        ("Count", None, 0),
        ("Sum", [1, None, 2], 3),
        ("Sum", [2**31 - 1, 1], None),
        ("Sum", [q("1", "g"), q("500", "mg")], q("1500", "mg")),
        ("Sum", [q("1", "g"), q("1", "cm")], None),
        ("Sum", [None], None),
        ("Product", [Long(5), Long(4)], Long(20)),
        ("Min", ["hi", "bye"], "bye"),
        ("Max", [t("2012-09-05"), t("2012-10-06")], t("2012-10-06")),
        ("Avg", [1, 2, 6], d("3")),
        ("Avg", [q("1", "g"), q("500", "mg")], q("0.75", "g")),
        ("Median", [d("6"), d("1"), d("2"), d("5")], d("3.5")),
        ("Mode", [2, 1, 8, 2], 2),
        ("Variance", [1, 2, 3, 4, 5], d("2.5")),
        ("Variance", [1], None),
        ("PopulationVariance", [1, 2, 3, 4, 5], d("2")),
        ("StdDev", [1, 2, 3, 4, 5], d("1.58113883")),
        ("PopulationStdDev", [1, 2, 3, 4, 5], d("1.41421356")),
        ("GeometricMean", [2, 8], d("4")),
        ("AllTrue", [True, None], True),
        ("AllTrue", [True, False], False),
        ("AnyTrue", [None, False], False),
        ("AnyTrue", None, False),
    ],
)
def test_aggregates(node_type: str, source: Any, expected: Any) -> None:
    assert apply(node_type, source) == expected
