"""What is known of where an interval starts and ends (CQL 1.5, appendix B, Interval operators).

An open null bound is unknown, yet not below the type's minimum nor past the other bound. So a bound is a
range of possible values, and comparison of two bounds is null only where their ranges leave it open.
"""

from typing import Any, NamedTuple

from ..errors import EvaluationError
from ..types import Interval, Quantity, Uncertainty
from .logic import Truth
from .order import compare
from .steps import maximum, maximum_like, minimum, minimum_like, predecessor, successor


class Bound(NamedTuple):
    """A value known to lie from ``low`` to ``high``; one and the same object when it is certain."""

    low: Any
    high: Any

    @property
    def known(self) -> Any:
        """The value, None when it is uncertain."""
        return self.low if self.low is self.high else None


class Bounds(NamedTuple):
    """Where an interval, or a point, starts and ends."""

    start: Bound
    end: Bound


def of(value: Any, other: Any = None, *, borrow_type: bool = False) -> Bounds | None:
    """Bounds of an interval or a point; None for null, and for an interval of nulls without a type.

    ``other`` lends its unit to unknown bounds and, with ``borrow_type``, its type to an untyped interval.
    """
    if value is None:
        return None
    if not isinstance(value, Interval):
        bound = Bound(value, value)
        return Bounds(bound, bound)
    low, high = value.low, value.high
    if low is not None and not value.low_closed:
        low = successor(low)
    if high is not None and not value.high_closed:
        high = predecessor(high)
    if low is None or high is None:
        return _with_unknowns(value, low, high, other, borrow_type)
    return Bounds(Bound(low, low), Bound(high, high))


def _with_unknowns(value: Interval, low: Any, high: Any, other: Any, borrow_type: bool) -> Bounds | None:
    ends = _ends(low if low is not None else high, value.point_type, other, borrow_type)
    if ends is None:
        return None
    least, greatest = ends
    if low is None and value.low_closed:
        low = least
    if high is None and value.high_closed:
        high = greatest
    start = Bound(low, low) if low is not None else Bound(least, greatest if high is None else high)
    end = Bound(high, high) if high is not None else Bound(least if low is None else low, greatest)
    return Bounds(start, end)


def _ends(sample: Any, point_type: str | None, other: Any, borrow_type: bool) -> tuple[Any, Any] | None:
    point = other
    if isinstance(other, Interval):
        point = other.low if other.low is not None else other.high
    if sample is None and point is not None and (borrow_type or isinstance(point, Quantity)):
        sample = point if borrow_type or point_type == "Quantity" else None
    if sample is not None:
        return minimum_like(sample), maximum_like(sample)
    return None if point_type is None else (minimum(point_type), maximum(point_type))


def of_number(value: Any) -> Bound:
    """A number or an uncertainty as a bound."""
    if isinstance(value, Uncertainty):
        return Bound(value.low, value.high)
    return Bound(value, value)


def before(left: Bound, right: Bound, precision: str | None = None) -> Truth:
    """Whether left is less than right."""
    order = compare(left.high, right.low, precision)
    if left.low is left.high and right.low is right.high:
        return None if order is None else order < 0
    if order is not None and order < 0:
        return True
    order = compare(left.low, right.high, precision)
    return False if order is not None and order >= 0 else None


def up_to(left: Bound, right: Bound, precision: str | None = None) -> Truth:
    """Whether left is less than or equal to right."""
    after = before(right, left, precision)
    return None if after is None else not after


def same(left: Bound, right: Bound, precision: str | None = None) -> Truth:
    """Whether left equals right."""
    if left.low is left.high and right.low is right.high:
        order = compare(left.low, right.low, precision)
        return None if order is None else order == 0
    if before(left, right, precision) or before(right, left, precision):
        return False
    return None


def least(left: Bound, right: Bound) -> Bound | None:
    """The lesser of two bounds, None when that is uncertain."""
    first = up_to(left, right)
    return None if first is None else left if first else right


def greatest(left: Bound, right: Bound) -> Bound | None:
    """The greater of two bounds, None when that is uncertain."""
    first = up_to(left, right)
    return None if first is None else right if first else left


def next_after(bound: Bound, precision: str | None = None) -> Bound | None:
    """The bound one step on, at a precision; None past the type's maximum."""
    low, high = _cut(bound.low, precision), _cut(bound.high, precision)
    try:
        moved = successor(high)
        return Bound(moved, moved) if bound.low is bound.high else Bound(successor(low), moved)
    except EvaluationError:
        return None


def _cut(value: Any, precision: str | None) -> Any:
    return (
        value
        if precision is None or precision not in getattr(value, "units", ())
        else value.truncated(precision)
    )
