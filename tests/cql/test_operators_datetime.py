"""Dates and times: making, moving, measuring and comparing them at a precision."""

from typing import Any

import pytest

from service.cql import EvaluationError
from service.cql.types import Date, Uncertainty, offset_for_evaluation

from .operators import apply, d, q, t


@pytest.mark.parametrize(
    ("value", "quantity", "expected"),
    [
        ("2012-02-29T", q("1", "year"), "2013-02-28T"),
        ("2012-01-31", q("1", "month"), "2012-02-29"),
        ("2005-05-10T", q("10", "months"), "2006-03-10T"),
        ("2014", q("25", "months"), "2016"),
        ("2014T", q("735", "days"), "2016T"),
        ("2014-06", q("33", "days"), "2014-07"),
        ("2005-05-10T", q("25", "hours"), "2005-05-11T"),
        ("2016-06-10T05:05:05.005", q("995", "ms"), "2016-06-10T05:05:06.000"),
        ("2012-03-10", q("2", "wk"), "2012-03-24"),
        ("2012-03-10", q("1.9", "days"), "2012-03-11"),
        ("T15:59:59.999", q("1", "minute"), "T16:00:59.999"),
        ("T23:00", q("2", "hours"), "T01:00"),
        ("T10:00:00.000", q("1.5", "s"), "T10:00:01.500"),
    ],
)
def test_add(value: str, quantity: Any, expected: str) -> None:
    assert apply("Add", t(value), quantity) == t(expected)


def test_subtract_goes_back() -> None:
    assert apply("Subtract", t("2005-05-10T"), q("6", "months")) == t("2004-11-10T")
    assert apply("Subtract", t("2016-06-10T05:05:05.005"), q("6", "ms")) == t("2016-06-10T05:05:04.999")


@pytest.mark.parametrize("quantity", [q("8000", "years"), q("4000000", "days"), q("1", "cm")])
def test_dates_that_cannot_be(quantity: Any) -> None:
    with pytest.raises(EvaluationError):
        apply("Add", t("2005-10-10T"), quantity)


@pytest.mark.parametrize(
    ("left", "right", "unit", "duration", "difference"),
    [
        ("2012-03-10", "2013-03-09", "Year", 0, 1),
        ("2012-02-29", "2013-02-28", "Year", 0, 1),
        ("2014-01-31", "2014-02-01", "Month", 0, 1),
        ("2014-02-01", "2014-01-31", "Month", 0, -1),
        ("2012-03-10", "2012-03-24", "Week", 2, 2),
        ("2000-10-15", "2000-10-28", "Week", 1, 1),
        ("2000-10-15", "2000-10-29", "Week", 2, 2),
        ("2012-03-10T22:00:00", "2012-03-11T21:00:00", "Day", 0, 1),
        ("2017-03-12T01:00:00-07:00", "2017-03-12T03:00:00-06:00", "Hour", 1, 1),
        ("T20:26:15.555", "T23:25:15.555", "Hour", 2, 3),
        ("2005T", "2010T", "Year", Uncertainty(4, 5), 5),
        ("2014-01-15T", "2014-02T", "Day", Uncertainty(16, 44), Uncertainty(17, 44)),
        ("2005T", "2006-07T", "Month", Uncertainty(6, 18), Uncertainty(7, 18)),
        ("2012", "2012", "Day", Uncertainty(-365, 365), Uncertainty(-365, 365)),
    ],
)
def test_between(left: str, right: str, unit: str, duration: Any, difference: Any) -> None:
    assert apply("DurationBetween", t(left), t(right), precision=unit) == duration
    assert apply("DifferenceBetween", t(left), t(right), precision=unit) == difference


@pytest.mark.parametrize(
    ("left", "right", "unit", "before", "same"),
    [
        ("2012-03-10T", "2012-03-11T", None, True, False),
        ("2012-03-10T", "2012-03-11T", "Month", False, True),
        ("2012-03T", "2012-03-11T", "Day", None, None),
        ("2012-02T", "2012-03-11T", "Day", True, False),
        ("2012-03-10T10:20+07:00", "2012-03-10T09:20+06:00", "Hour", False, True),
        ("T10:20", "T10:40", "Hour", False, True),
    ],
)
def test_relations(left: str, right: str, unit: str | None, before: Any, same: Any) -> None:
    one, other = t(left), t(right)
    assert apply("Before", one, other, precision=unit) is before
    assert apply("After", other, one, precision=unit) is before
    assert apply("SameAs", one, other, precision=unit) is same
    on_or_after = None if before is None else not before
    assert apply("SameOrAfter", one, other, precision=unit) is on_or_after
    assert apply("SameOrBefore", other, one, precision=unit) is on_or_after


def test_offsets_are_compared_at_that_of_the_evaluation() -> None:
    left, right = t("2022-02-22T00:00:00.000-05:00"), t("2022-02-22T04:59:00.000Z")
    assert apply("SameAs", left, right, precision="Day") is True
    with offset_for_evaluation(-300):
        assert apply("SameAs", left, right, precision="Day") is False


def test_parts() -> None:
    value = t("2003-10-29T20:50:33.955+05:30")
    assert apply("DateFrom", value) == t("2003-10-29")
    assert apply("TimeFrom", value) == t("T20:50:33.955")
    assert apply("TimezoneOffsetFrom", value) == d("5.5")
    assert apply("DateTimeComponentFrom", value, precision="Minute") == 50
    assert apply("DateTimeComponentFrom", t("2003"), precision="Month") is None


def test_selectors() -> None:
    assert apply("DateTime", 2012, 3, 10, 14, None, None, None, d("-7")) == t("2012-03-10T14-07:00")
    assert apply("Date", 2012, None, None) == Date(2012)
    assert apply("DateTime", None) is None
    for parts in ((2012, 13), (10000,), (2012, None, 5)):
        with pytest.raises(EvaluationError):
            apply("DateTime", *parts)


@pytest.mark.parametrize(
    ("birth", "as_of", "unit", "age"),
    [
        (t("1970-06-15"), t("2025-06-14"), "Year", 54),
        (t("1970-06-15"), t("2025-06-15"), "Year", 55),
        (t("1970-06-15T12:00:00Z"), t("2025-06-15T08:00:00Z"), "Year", 55),
        (t("1970"), t("2025-06-15"), "Year", Uncertainty(54, 55)),
        (None, t("2025-06-15"), "Year", None),
    ],
)
def test_age(birth: Any, as_of: Any, unit: str, age: Any) -> None:
    assert apply("CalculateAgeAt", birth, as_of, precision=unit) == age
