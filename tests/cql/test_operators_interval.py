"""Intervals: bounds known and unknown, relations, and what is made of them."""

from typing import Any

import pytest

from service.cql import EvaluationError
from service.cql.types import Interval

from .operators import apply, closed, d, q, t

UNKNOWN_END = Interval(5, None, True, False)
"""[5, null): ends somewhere from 5 on."""
NO_END = closed(5, None)
"""[5, null]: ends with the type."""


@pytest.mark.parametrize(
    ("interval", "start", "end"),
    [
        (closed(1, 10), 1, 10),
        (Interval(1, 10, False, False), 2, 9),
        (Interval(d("1.0"), d("2.0"), True, False), d("1.0"), d("1.99999999")),
        (Interval(t("2012-01-01"), t("2012-02-01"), True, False), t("2012-01-01"), t("2012-01-31")),
        (NO_END, 5, 2**31 - 1),
        (UNKNOWN_END, 5, None),
        (closed(None, None, "Date"), t("0001-01-01"), t("9999-12-31")),
        (closed(None, None), None, None),
        (None, None, None),
    ],
)
def test_bounds(interval: Any, start: Any, end: Any) -> None:
    assert apply("Start", interval) == start
    assert apply("End", interval) == end


@pytest.mark.parametrize(
    ("node_type", "left", "right", "expected"),
    [
        ("Contains", closed(1, 10), 5, True),
        ("Contains", closed(1, 10), None, None),
        ("Contains", None, 5, False),
        ("Contains", UNKNOWN_END, 4, False),
        ("Contains", UNKNOWN_END, 6, None),
        ("Contains", NO_END, 6, True),
        ("In", 6, NO_END, True),
        ("In", t("2012-03"), closed(t("2012-03-05"), t("2012-03-20")), None),
        ("Contains", closed(q("1", "cm"), q("5", "cm")), q("20", "mm"), True),
        ("Contains", closed(q("1", "cm"), q("5", "cm")), q("2", "g"), None),
        ("ProperContains", closed(1, 10), 1, False),
        ("ProperContains", closed(1, 10), 2, True),
        ("Includes", closed(1, 10), closed(1, 10), True),
        ("ProperIncludes", closed(1, 10), closed(1, 10), False),
        ("ProperIncludes", closed(None, None), closed(1, 10), True),
        ("IncludedIn", closed(3, 4), closed(1, 10), True),
        ("Overlaps", closed(1, 10), closed(10, 20), True),
        ("Overlaps", UNKNOWN_END, closed(1, 4), False),
        ("Overlaps", UNKNOWN_END, closed(7, 8), None),
        ("OverlapsBefore", closed(1, 10), closed(5, 20), True),
        ("OverlapsAfter", closed(1, 10), closed(5, 20), False),
        ("MeetsBefore", closed(1, 10), closed(11, 20), True),
        ("MeetsAfter", Interval(None, 5, False, True), Interval(11, None, True, False), False),
        ("Meets", NO_END, closed(1, 3), False),
        ("Starts", closed(1, 5), closed(1, 10), True),
        ("Ends", closed(4, 10), closed(1, 10), True),
        ("Before", closed(1, 10), closed(11, 20), True),
        ("After", closed(11, 20), 5, True),
        ("Before", UNKNOWN_END, closed(7, 8), None),
        ("SameOrBefore", closed(4, 6), 6, True),
        ("SameAs", closed(1, 10), closed(1, 10), True),
        ("Starts", closed(None, None), closed(1, 10), None),
    ],
)
def test_relations(node_type: str, left: Any, right: Any, expected: bool | None) -> None:
    assert apply(node_type, left, right) is expected


def test_relations_at_a_precision() -> None:
    morning = closed(t("2012-01-01T08:00"), t("2012-01-14T10:00"))
    later = closed(t("2012-01-15T08:00"), t("2012-01-20T08:00"))
    assert apply("Meets", morning, later) is False
    assert apply("Meets", morning, later, precision="Day") is True
    assert apply("Overlaps", morning, later, precision="Month") is True
    assert apply("In", t("2012-01-14T23:00"), morning, precision="Day") is True


@pytest.mark.parametrize(
    ("node_type", "left", "right", "expected"),
    [
        ("Union", closed(1, 10), closed(4, 15), closed(1, 15)),
        ("Union", closed(1, 10), closed(11, 15), closed(1, 15)),
        ("Union", closed(1, 10), closed(12, 15), None),
        ("Intersect", closed(1, 10), closed(4, 15), closed(4, 10)),
        ("Intersect", closed(1, 10), closed(11, 15), None),
        ("Intersect", closed(1, 10), UNKNOWN_END, UNKNOWN_END),
        ("Except", closed(1, 10), closed(4, 10), closed(1, 3)),
        ("Except", closed(1, 10), closed(1, 4), closed(5, 10)),
        ("Except", closed(1, 10), closed(3, 7), None),
        ("Except", closed(1, 10), closed(20, 30), closed(1, 10)),
        ("Except", closed(1, 10), None, None),
    ],
)
def test_combinations(node_type: str, left: Any, right: Any, expected: Any) -> None:
    assert apply(node_type, left, right) == expected


@pytest.mark.parametrize(
    ("intervals", "per", "expected"),
    [
        ([closed(1, 5), closed(3, 7), closed(12, 19), closed(8, 10)], None, [closed(1, 10), closed(12, 19)]),
        ([closed(1, 2), None, closed(4, 5)], q("2"), [closed(1, 5)]),
        ([Interval(None, None, False, False)], None, []),
        (
            [closed(t("2012-01-01"), t("2012-01-15")), closed(t("2012-01-18"), t("2012-02-01"))],
            q("3", "days"),
            [closed(t("2012-01-01"), t("2012-02-01"))],
        ),
    ],
)
def test_collapse(intervals: Any, per: Any, expected: Any) -> None:
    assert apply("Collapse", intervals, per) == expected


@pytest.mark.parametrize(
    ("source", "per", "expected"),
    [
        (closed(1, 4), None, [1, 2, 3, 4]),
        (closed(1, 10), q("3"), [1, 4, 7]),
        ([closed(1, 4)], q("2"), [closed(1, 2), closed(3, 4)]),
        (closed(d("10.0"), d("12.5")), q("1"), [10, 11, 12]),
        (closed(t("2018-01-01"), t("2018-01-03")), None, [t("2018-01-01"), t("2018-01-02"), t("2018-01-03")]),
        (closed(t("T10:00"), t("T12:30")), q("1", "hour"), [t("T10"), t("T11"), t("T12")]),
        (closed(t("T10"), t("T10")), q("1", "minute"), []),
        (
            closed(t("2018-01-31"), t("2018-03-01")),
            q("1", "month"),
            [t("2018-01"), t("2018-02"), t("2018-03")],
        ),
        (closed(q("1", "cm"), q("3", "cm")), q("1", "cm"), [q("1", "cm"), q("2", "cm"), q("3", "cm")]),
        ([None], None, []),
        (None, None, None),
    ],
)
def test_expand(source: Any, per: Any, expected: Any) -> None:
    assert apply("Expand", source, per) == expected


def test_measures() -> None:
    assert apply("Width", closed(1, 10)) == 9
    assert apply("Size", closed(1, 10)) == 10
    assert apply("Width", closed(q("5", "g"), q("10", "g"))) == q("5", "g")
    assert apply("Width", UNKNOWN_END) is None
    assert apply("PointFrom", closed(1, 1)) == 1
    with pytest.raises(EvaluationError):
        apply("PointFrom", closed(1, 2))
    with pytest.raises(EvaluationError):
        apply("Width", closed(t("2012-01-01"), t("2012-01-02")))


@pytest.mark.parametrize(("low", "high", "node"), [(5, 3, {}), (5, 5, {"highClosed": False})])
def test_selector_refuses_what_holds_nothing(low: Any, high: Any, node: dict[str, Any]) -> None:
    with pytest.raises(EvaluationError):
        apply("Interval", low, high, **node)


def test_selector_keeps_the_type_of_null_bounds() -> None:
    node = {"low": {"type": "As", "resultTypeName": "{urn:hl7-org:elm-types:r1}Integer"}}
    assert apply("Start", apply("Interval", None, None, **node)) == -(2**31)
