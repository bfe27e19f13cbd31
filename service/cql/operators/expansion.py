"""Expand: an interval cut into pieces of one size (CQL 1.5, appendix B, Expand)."""

from decimal import ROUND_DOWN, Decimal
from typing import Any

from ..limits import spend
from ..types import Interval, Quantity, Temporal
from ..types import units as ucum
from ..types.numbers import ARITHMETIC, DECIMAL_STEP, is_number
from . import bounds
from .arithmetic import precision
from .datetime import add_duration
from .order import compare
from .steps import predecessor


def pieces(interval: Interval, per: Quantity | None) -> list[Interval]:
    """The pieces from the start on; one that would pass the end is left out.

    Points are cut to the precision of ``per``. Dates and times too coarse for ``per`` give none; coarser
    numbers count as all they may stand for (10 per 0.1 is 10.0 to 10.9). Unknown bounds give none.
    """
    found = bounds.of(interval)
    if found is None or found.start.known is None or found.end.known is None:
        return []
    first, last = found.start.known, found.end.known
    if isinstance(first, Temporal):
        return _temporal_pieces(first, last, per or Quantity(Decimal(1), first.precision))
    if isinstance(first, Quantity):
        return _quantity_pieces(first, last, per)
    return _number_pieces(first, last, None if per is None else per.value)


def _temporal_pieces(first: Temporal, last: Temporal, per: Quantity) -> list[Interval]:
    unit = ucum.duration_unit(per.unit)
    if unit is None or per.value <= 0:
        return []
    precision_unit = "day" if unit == "week" else unit
    if precision_unit not in first.units or first.component(precision_unit) is None:
        return []
    if last.component(precision_unit) is None:
        return []
    low, last = first.truncated(precision_unit), last.truncated(precision_unit)
    made: list[Interval] = []
    while True:
        spend(1)
        following = add_duration(first.truncated(precision_unit), _times(per, len(made) + 1))
        high = predecessor(following)
        if compare(high, last) not in (-1, 0) or (made and compare(low, made[-1].low) != 1):
            return made
        made.append(Interval(low, high))
        low = following


def _times(per: Quantity, count: int) -> Quantity:
    return Quantity(per.value * count, per.unit)


def _quantity_pieces(first: Quantity, last: Quantity, per: Quantity | None) -> list[Interval]:
    unit = first.unit if per is None or per.unit == "1" else per.unit
    low, high = ucum.convert(first.value, first.unit, unit), ucum.convert(last.value, last.unit, unit)
    if low is None or high is None:
        return []
    numbers = _number_pieces(low, high, None if per is None else per.value)
    return [Interval(Quantity(each.low, unit), Quantity(each.high, unit)) for each in numbers]


def _number_pieces(first: Any, last: Any, per: Decimal | None) -> list[Interval]:
    whole = is_number(first) and not isinstance(first, Decimal)
    size = (Decimal(1) if whole else DECIMAL_STEP) if per is None else per
    if size <= 0:
        return []
    digits = precision(size) or 0
    step = Decimal(1).scaleb(-digits)
    low, end = _cut(Decimal(first), step), _cut_end(last, step, digits)
    made: list[Interval] = []
    as_point = type(first) if whole and digits == 0 else Decimal
    while True:
        spend(1)
        high = ARITHMETIC.subtract(ARITHMETIC.add(low, size), step)
        if high > end:
            return made
        made.append(Interval(as_point(low), as_point(high)))
        low = ARITHMETIC.add(low, size)


def _cut(value: Decimal, step: Decimal) -> Decimal:
    return value.quantize(step, ROUND_DOWN, ARITHMETIC)


def _cut_end(value: Any, step: Decimal, digits: int) -> Decimal:
    given = precision(value) or 0
    if digits <= given:
        return _cut(Decimal(value), step)
    return ARITHMETIC.subtract(ARITHMETIC.add(Decimal(value), Decimal(1).scaleb(-given)), step)
