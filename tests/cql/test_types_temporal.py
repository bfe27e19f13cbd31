"""Date, DateTime and Time: precision, text, offsets and what an imprecise value may stand for."""

import datetime as dt
from typing import Any

import pytest

from service.cql.types import Date, DateTime, Time, evaluation_offset, offset_for_evaluation

from .operators import t


@pytest.mark.parametrize(
    ("text", "precision"),
    [
        ("2012", "year"),
        ("2012-03", "month"),
        ("2012-03-10", "day"),
        ("2012-03-10T14", "hour"),
        ("2012-03-10T14:30:05", "second"),
        ("2012-03-10T14:30:05.250+02:00", "millisecond"),
        ("2012-03-10T14:30:05Z", "second"),
    ],
)
def test_text_and_precision_survive(text: str, precision: str) -> None:
    value = t(text)
    assert str(value) == text
    assert value.precision == precision


def test_fraction_is_read_as_milliseconds() -> None:
    assert Time.parse("T10:00:00.5") == Time(10, 0, 0, 500)
    assert DateTime.parse("2012-03-10T10:00:00.123456Z").parts[-1] == 123


@pytest.mark.parametrize("text", ["2012-13", "2011-02-29", "2012/03/10", "12", "2012-03-10T24:00", ""])
def test_what_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        DateTime.parse(text)


def test_components_have_no_gap() -> None:
    assert Date(2012, None).parts == (2012,)
    with pytest.raises(ValueError, match="gap"):
        Date(2012, None, 5)


@pytest.mark.parametrize(
    ("value", "earliest", "latest"),
    [
        (Date(2012, 2), Date(2012, 2, 1), Date(2012, 2, 29)),
        (Date(2011), Date(2011, 1, 1), Date(2011, 12, 31)),
        (Time(10), Time(10, 0, 0, 0), Time(10, 59, 59, 999)),
        (DateTime(2012, 4), DateTime(2012, 4, 1, 0, 0, 0, 0), DateTime(2012, 4, 30, 23, 59, 59, 999)),
    ],
)
def test_range_of_an_imprecise_value(value: Any, earliest: Any, latest: Any) -> None:
    assert (value.earliest(), value.latest()) == (earliest, latest)


def test_offset_not_given_is_that_of_the_evaluation() -> None:
    given, open_ = DateTime.parse("2012-03-10T10:00Z"), DateTime.parse("2012-03-10T12:00")
    assert evaluation_offset() == 0
    with offset_for_evaluation(120):
        assert open_.zone == 120
        assert open_.at_offset(0).parts == given.parts
    assert open_.zone == 0


def test_python_values() -> None:
    moment = dt.datetime(2012, 3, 10, 14, 30, 5, 250_900, dt.timezone(dt.timedelta(hours=-7)))
    assert str(DateTime.of(moment)) == "2012-03-10T14:30:05.250-07:00"
    assert Date.of(moment.date()) == Date(2012, 3, 10)
    assert Time.of(moment.time()) == Time(14, 30, 5, 250)
