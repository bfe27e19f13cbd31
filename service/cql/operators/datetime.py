"""Dates and times: making, taking apart, moving and measuring them (CQL 1.5, appendix B, Date and Time)."""

import datetime as dt
from decimal import Decimal
from typing import Any, Final

from ..errors import EvaluationError
from ..types import Date, DateTime, Quantity, Temporal, Time, Uncertainty, evaluation_offset
from ..types import units as ucum
from ..types.temporal import days_in_month
from .registry import Node, Operator, bound_operator, operator, precision_of, with_precision

_MILLISECONDS: Final = {
    "week": 604_800_000,
    "day": 86_400_000,
    "hour": 3_600_000,
    "minute": 60_000,
    "second": 1000,
    "millisecond": 1,
}
_UNIT_DAYS: Final = {"year": 365, "month": 30}


def _made(kind: type[Temporal], *parts: int | None, **options: Any) -> Any:
    """The value, null without a first component; EvaluationError for one out of range or after a gap."""
    if parts[0] is None:
        return None
    try:
        return kind(*parts, **options)
    except ValueError as error:
        raise EvaluationError(f"{kind.__name__} of components that make none") from error


@operator("Date")
def make_date(year: int | None, month: int | None = None, day: int | None = None) -> Date | None:
    """A Date of components; null without a year."""
    made: Date | None = _made(Date, year, month, day)
    return made


@operator("Time")
def make_time(
    hour: int | None, minute: int | None = None, second: int | None = None, millisecond: int | None = None
) -> Time | None:
    """A Time of components; null without an hour."""
    made: Time | None = _made(Time, hour, minute, second, millisecond)
    return made


@operator("DateTime")
def make_datetime(
    year: int | None,
    month: int | None = None,
    day: int | None = None,
    hour: int | None = None,
    minute: int | None = None,
    second: int | None = None,
    millisecond: int | None = None,
    timezone_offset: Decimal | None = None,
) -> DateTime | None:
    """A DateTime of components, the offset in hours; null without a year."""
    offset = None if timezone_offset is None else int(timezone_offset * 60)
    parts = (year, month, day, hour, minute, second, millisecond)
    made: DateTime | None = _made(DateTime, *parts, offset=offset)
    return made


@bound_operator("DateTimeComponentFrom")
def _bind_component(node: Node) -> Operator:
    unit = precision_of(node) or "year"

    def component_from(value: Temporal | None) -> int | None:
        return None if value is None or unit not in value.units else value.component(unit)

    return component_from


@operator("TimezoneOffsetFrom", "TimezoneFrom")
def timezone_offset_from(value: DateTime | None) -> Decimal | None:
    """The offset in hours."""
    return None if value is None else Decimal(value.zone) / 60


@operator("DateFrom")
def date_from(value: Temporal | None) -> Date | None:
    """The date of a DateTime, at its precision down to the day."""
    return None if value is None else Date(*value.parts[:3])


@operator("TimeFrom")
def time_from(value: DateTime | None) -> Time | None:
    """The time of day of a DateTime; null when it has none."""
    return None if value is None or len(value.parts) < 4 else Time(*value.parts[3:])


def add_duration(value: Temporal, duration: Quantity, sign: int = 1) -> Temporal:
    """Move a date or time by a duration, whole units only but for seconds.

    A unit finer than the value's precision counts as the whole coarser units it fills (30 days a month,
    365 a year). A day past the month's end becomes its last; a Time goes round the clock.
    Raises EvaluationError for a unit that is no duration and beyond the years 1 to 9999.
    """
    unit = ucum.duration_unit(duration.unit)
    if unit is None:
        raise EvaluationError(f"a {type(value).__name__} moved by a quantity that is no duration")
    amount, unit = _whole(duration.value * sign, unit)
    if isinstance(value, Time):
        return _add_to_time(value, amount, unit)
    amount, unit = _at_precision(amount, unit, value.precision)
    if unit in ("year", "month"):
        return _add_months(value, amount * 12 if unit == "year" else amount)
    full = _full(value.earliest())
    moved = _from_ordinal(_ordinal(full) + amount * _MILLISECONDS[unit])
    return value.with_parts(moved[: len(value.parts)])


def _whole(amount: Decimal, unit: str) -> tuple[int, str]:
    if unit == "second" and amount != amount.to_integral_value():
        return int(amount * 1000), "millisecond"
    return int(amount), unit


def _at_precision(amount: int, unit: str, precision: str) -> tuple[int, str]:
    """The amount in the value's own precision when the unit is finer."""
    if precision == "year" and unit == "month":
        return _divided(amount, 12), "year"
    if unit in ("year", "month"):
        return amount, unit
    if precision in _UNIT_DAYS:
        days = _divided(amount * _MILLISECONDS[unit], _MILLISECONDS["day"])
        return _divided(days, _UNIT_DAYS[precision]), precision
    if _MILLISECONDS[unit] < _MILLISECONDS[precision]:
        return _divided(amount * _MILLISECONDS[unit], _MILLISECONDS[precision]), precision
    return amount, unit


def _divided(amount: int, by: int) -> int:
    """Integer division towards zero."""
    return amount // by if amount >= 0 else -(-amount // by)


def _add_months(value: Temporal, months: int) -> Temporal:
    year, month = value.parts[0], value.parts[1] if len(value.parts) > 1 else 1
    index = year * 12 + month - 1 + months
    year, month = index // 12, index % 12 + 1
    if not 1 <= year <= 9999:
        raise EvaluationError("a date beyond the years 1 to 9999")
    parts = [year, month, *value.parts[2:]]
    if len(parts) > 2:
        parts[2] = min(parts[2], days_in_month(year, month))
    return value.with_parts(tuple(parts[: len(value.parts)]))


def _add_to_time(value: Time, amount: int, unit: str) -> Time:
    if unit not in _MILLISECONDS:
        raise EvaluationError("a Time moved by months or years")
    amount, unit = _at_precision(amount, unit, value.precision)
    total = _time_ordinal(value.earliest().parts) + amount * _MILLISECONDS[unit]
    seconds, millisecond = divmod(total % _MILLISECONDS["day"], 1000)
    parts = (seconds // 3600, seconds // 60 % 60, seconds % 60, millisecond)
    return value.with_parts(parts[: len(value.parts)])


def _ordinal(parts: tuple[int, ...]) -> int:
    """Milliseconds of seven full components since the day before 0001-01-01."""
    days = dt.date(*parts[:3]).toordinal()
    return days * 86_400_000 + _time_ordinal(parts[3:])


def _time_ordinal(parts: tuple[int, ...]) -> int:
    hour, minute, second, millisecond = parts
    return ((hour * 60 + minute) * 60 + second) * 1000 + millisecond


def _from_ordinal(total: int) -> tuple[int, ...]:
    days, milliseconds = divmod(total, 86_400_000)
    try:
        day = dt.date.fromordinal(days)
    except (ValueError, OverflowError) as error:
        raise EvaluationError("a date beyond the years 1 to 9999") from error
    seconds, millisecond = divmod(milliseconds, 1000)
    return (day.year, day.month, day.day, seconds // 3600, seconds // 60 % 60, seconds % 60, millisecond)


@with_precision("DurationBetween")
def duration_between(left: Temporal | None, right: Temporal | None, precision: str | None) -> Any:
    """Whole units from left to right, negative when right is first; uncertain when a component is missing."""
    return _measured(left, right, precision or "millisecond", _duration)


@with_precision("DifferenceBetween")
def difference_between(left: Temporal | None, right: Temporal | None, precision: str | None) -> Any:
    """Boundaries of the unit crossed from left to right (weeks begin on Sunday), uncertain likewise."""
    return _measured(left, right, precision or "millisecond", _difference)


def _measured(left: Temporal | None, right: Temporal | None, unit: str, measure: Any) -> Any:
    if left is None or right is None:
        return None
    if type(left) is not type(right):
        left, right = DateTime(*left.parts), DateTime(*right.parts)
    one, other = _same_zone(left, right)
    if isinstance(left, Date) and unit in ("hour", "minute", "second", "millisecond"):
        one, other = _as_datetimes(one, other)
    low = measure(_full(_latest(one, unit)), _full(other.earliest()), unit)
    high = measure(_full(one.earliest()), _full(_latest(other, unit)), unit)
    return low if low == high else Uncertainty(low, high)


def _latest(value: Temporal, unit: str) -> Temporal:
    """The last instant; a value told to the second is not uncertain in coarser units."""
    return value.earliest() if value.precision == "second" and unit != "millisecond" else value.latest()


def _as_datetimes(left: Temporal, right: Temporal) -> tuple[Temporal, Temporal]:
    return DateTime(*left.parts), DateTime(*right.parts)


def _same_zone(left: Temporal, right: Temporal) -> tuple[Temporal, Temporal]:
    if isinstance(left, DateTime) and isinstance(right, DateTime) and left.zone != right.zone:
        offset = evaluation_offset()
        return left.at_offset(offset), right.at_offset(offset)
    return left, right


def _full(value: Temporal) -> tuple[int, ...]:
    """Seven components: a Date at midnight, a Time on 1 January 1."""
    if isinstance(value, Time):
        return (1, 1, 1, *value.parts)
    return value.parts + (0, 0, 0, 0)[: 7 - len(value.parts)]


def _duration(left: tuple[int, ...], right: tuple[int, ...], unit: str) -> int:
    if unit in ("year", "month"):
        months = _whole_months(left, right) if left <= right else -_whole_months(right, left)
        return _divided(months, 12) if unit == "year" else months
    return _divided(_ordinal(right) - _ordinal(left), _MILLISECONDS[unit])


def _whole_months(left: tuple[int, ...], right: tuple[int, ...]) -> int:
    months = (right[0] - left[0]) * 12 + right[1] - left[1]
    return months - 1 if right[2:] < left[2:] else months


def _difference(left: tuple[int, ...], right: tuple[int, ...], unit: str) -> int:
    if unit == "year":
        return right[0] - left[0]
    if unit == "month":
        return (right[0] - left[0]) * 12 + right[1] - left[1]
    length = _MILLISECONDS[unit]
    # Ordinal day 7 is a Sunday, so weeks counted from 0 begin on Sundays.
    return _ordinal(right) // length - _ordinal(left) // length
