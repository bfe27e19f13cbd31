"""Interval operators (CQL 1.5, appendix B, Interval operators).

Relations take intervals or points on either side; a point is an interval of itself.
"""

from collections.abc import Callable
from functools import cmp_to_key
from typing import Any

from ..errors import EvaluationError
from ..types import Interval, Quantity, Temporal
from . import bounds
from .arithmetic import add, per_like, subtract
from .bounds import Bounds
from .logic import Truth, and3, or3
from .order import compare
from .registry import Node, Operator, bound_operator, operand_kind, operator
from .steps import predecessor, successor

Relation = Callable[[Bounds, Bounds, str | None], Truth]


@bound_operator("Interval")
def _bind_selector(node: Node) -> Operator:
    """The interval selector: operands low, high and, rarely, whether each is closed."""
    low_fixed, high_fixed = bool(node.get("lowClosed", True)), bool(node.get("highClosed", True))
    point_type = _point_type(node)

    def select(low: Any, high: Any, low_closed: Truth = None, high_closed: Truth = None) -> Interval:
        return make_interval(
            low,
            high,
            low_fixed if low_closed is None else low_closed,
            high_fixed if high_closed is None else high_closed,
            point_type,
        )

    return select


def _point_type(node: Node) -> str | None:
    for name in ("low", "high"):
        kind = operand_kind({"operand": node.get(name)})
        if kind not in (None, "Any", "list", "interval"):
            return kind
    return None


def make_interval(
    low: Any, high: Any, low_closed: bool = True, high_closed: bool = True, point_type: str | None = None
) -> Interval:
    """An interval by CQL's rule: EvaluationError when nothing can lie in it (low above high)."""
    made = Interval(low, high, low_closed, high_closed, point_type)
    if low is None or high is None:
        return made
    order = compare(low, high)
    if order == 0 and not (low_closed and high_closed):
        raise EvaluationError("interval that holds no point")
    if order is not None and order > 0:
        raise EvaluationError("interval whose low bound is above its high bound")
    return made


def relation(test: Relation, left: Any, right: Any, precision: str | None, *, borrow: bool = False) -> Truth:
    """Apply a test to the bounds of both sides; null when either is null or of unknown type."""
    one = bounds.of(left, right, borrow_type=borrow)
    other = bounds.of(right, left, borrow_type=borrow)
    return None if one is None or other is None else test(one, other, precision)


def includes(left: Bounds, right: Bounds, precision: str | None) -> Truth:
    """Whether right lies within left."""
    return and3(
        bounds.up_to(left.start, right.start, precision), bounds.up_to(right.end, left.end, precision)
    )


def properly_includes(left: Bounds, right: Bounds, precision: str | None) -> Truth:
    """Whether right lies within left and is not all of it."""
    more = or3(
        bounds.before(left.start, right.start, precision), bounds.before(right.end, left.end, precision)
    )
    return and3(includes(left, right, precision), more)


def properly_contains(left: Bounds, point: Bounds, precision: str | None) -> Truth:
    """Whether the point lies between the start and the end and is neither."""
    return and3(
        bounds.before(left.start, point.start, precision), bounds.before(point.end, left.end, precision)
    )


def contains(interval: Interval | None, point: Any, precision: str | None = None) -> Truth:
    """Whether the point lies in the interval: false of a null interval, null of a null point."""
    if interval is None:
        return False
    if point is None:
        return None
    if interval.low is None and interval.high is None and interval.point_type is None:
        return False
    return relation(includes, interval, point, precision)


def overlaps(left: Bounds, right: Bounds, precision: str | None) -> Truth:
    """Whether some point is in both."""
    return and3(
        bounds.up_to(left.start, right.end, precision), bounds.up_to(right.start, left.end, precision)
    )


def overlaps_before(left: Bounds, right: Bounds, precision: str | None) -> Truth:
    """Whether they overlap and left starts first."""
    return and3(bounds.before(left.start, right.start, precision), overlaps(left, right, precision))


def overlaps_after(left: Bounds, right: Bounds, precision: str | None) -> Truth:
    """Whether they overlap and left ends last."""
    return and3(bounds.before(right.end, left.end, precision), overlaps(left, right, precision))


def meets_before(left: Bounds, right: Bounds, precision: str | None) -> Truth:
    """Whether right starts on the step after left's end."""
    following = bounds.next_after(left.end, precision)
    return False if following is None else bounds.same(following, right.start, precision)


def meets_after(left: Bounds, right: Bounds, precision: str | None) -> Truth:
    """Whether left starts on the step after right's end."""
    return meets_before(right, left, precision)


def meets(left: Bounds, right: Bounds, precision: str | None) -> Truth:
    """Whether one starts on the step after the other's end."""
    return or3(meets_before(left, right, precision), meets_after(left, right, precision))


def starts(left: Bounds, right: Bounds, precision: str | None) -> Truth:
    """Whether left starts where right does and ends within it."""
    return and3(bounds.same(left.start, right.start, precision), bounds.up_to(left.end, right.end, precision))


def ends(left: Bounds, right: Bounds, precision: str | None) -> Truth:
    """Whether left ends where right does and starts within it."""
    return and3(bounds.same(left.end, right.end, precision), bounds.up_to(right.start, left.start, precision))


def before(left: Bounds, right: Bounds, precision: str | None) -> Truth:
    """Whether left ends before right starts."""
    return bounds.before(left.end, right.start, precision)


def same_or_before(left: Bounds, right: Bounds, precision: str | None) -> Truth:
    """Whether left ends on or before the start of right."""
    return bounds.up_to(left.end, right.start, precision)


def same_as(left: Bounds, right: Bounds, precision: str | None) -> Truth:
    """Whether both start together and end together."""
    return and3(bounds.same(left.start, right.start, precision), bounds.same(left.end, right.end, precision))


def _swapped(test: Relation) -> Relation:
    return lambda left, right, precision: test(right, left, precision)


_RELATIONS: dict[str, Relation] = {
    "After": _swapped(before),
    "Before": before,
    "Ends": ends,
    "Meets": meets,
    "MeetsAfter": meets_after,
    "MeetsBefore": meets_before,
    "Overlaps": overlaps,
    "OverlapsAfter": overlaps_after,
    "OverlapsBefore": overlaps_before,
    "SameAs": same_as,
    "SameOrAfter": _swapped(same_or_before),
    "SameOrBefore": same_or_before,
    "Starts": starts,
}


@bound_operator(*_RELATIONS)
def _bind_relation(node: Node) -> Operator:
    test = _RELATIONS[node["type"]]
    precision = node["precision"].lower() if node.get("precision") else None
    return lambda left, right: relation(test, left, right, precision)


@operator("Start")
def start(interval: Interval | None) -> Any:
    """The first point: the type's minimum for a closed null bound, null for an unknown one."""
    found = bounds.of(interval)
    return None if found is None else found.start.known


@operator("End")
def end(interval: Interval | None) -> Any:
    """The last point: the type's maximum for a closed null bound, null for an unknown one."""
    found = bounds.of(interval)
    return None if found is None else found.end.known


@operator("PointFrom")
def point_from(interval: Interval | None) -> Any:
    """The one point of a unit interval; EvaluationError when it holds more."""
    found = bounds.of(interval)
    if found is None or found.start.known is None or found.end.known is None:
        return None
    if bounds.same(found.start, found.end) is False:
        raise EvaluationError("point from an interval of more than one point")
    return found.start.known


@operator("Width")
def width(interval: Interval | None) -> Any:
    """End minus start; EvaluationError for dates and times, which have durations instead."""
    found = bounds.of(interval)
    if found is None:
        return None
    first, last = found.start.known, found.end.known
    if isinstance(first, Temporal) or isinstance(last, Temporal):
        raise EvaluationError("width of an interval of dates or times")
    return subtract(last, first)


@operator("Size")
def size(interval: Interval | None) -> Any:
    """Width plus one step of the point type."""
    return successor(width(interval))


def union(left: Interval | None, right: Interval | None) -> Interval | None:
    """The interval of both; null unless they overlap or meet."""
    one, other = bounds.of(left, right), bounds.of(right, left)
    if one is None or other is None:
        return None
    if not or3(overlaps(one, other, None), meets(one, other, None)):
        return None
    return _from_bounds(bounds.least(one.start, other.start), bounds.greatest(one.end, other.end))


def intersect(left: Interval | None, right: Interval | None) -> Interval | None:
    """What is in both; null unless they overlap."""
    one, other = bounds.of(left, right), bounds.of(right, left)
    if one is None or other is None or not overlaps(one, other, None):
        return None
    return _from_bounds(bounds.greatest(one.start, other.start), bounds.least(one.end, other.end))


def except_(left: Interval | None, right: Interval | None) -> Interval | None:
    """What is in left only; null when that is nothing, not one interval, or uncertain."""
    one, other = bounds.of(left, right), bounds.of(right, left)
    if one is None or other is None:
        return None
    if overlaps(one, other, None) is False:
        return left
    before_it = bounds.before(one.start, other.start)
    after_it = bounds.before(other.end, one.end)
    if before_it is True and after_it is False:
        last = other.start.known
        return None if last is None else _remainder(one.start.known, last, upto=True)
    if before_it is False and after_it is True:
        first = other.end.known
        return None if first is None else _remainder(first, one.end.known, upto=False)
    return None


def _remainder(low: Any, high: Any, *, upto: bool) -> Interval:
    """From low up to before high, or from after low to high, with closed bounds where they are known."""
    if upto:
        return Interval(low, predecessor(high), low is not None, True)
    return Interval(successor(low), high, True, high is not None)


def _from_bounds(first: bounds.Bound | None, last: bounds.Bound | None) -> Interval:
    low = None if first is None else first.known
    high = None if last is None else last.known
    return Interval(low, high, low is not None, high is not None)


@operator("Collapse")
def collapse(intervals: list[Interval | None] | None, per: Quantity | None = None) -> list[Interval] | None:
    """The intervals merged where they overlap, meet, or lie no further apart than ``per``."""
    if intervals is None:
        return None
    found = [bounds.of(interval) for interval in intervals if interval is not None]
    known = [each for each in found if each and not _unknown(each)]
    known.sort(key=cmp_to_key(_by_start))
    merged: list[Bounds] = []
    for each in known:
        if merged and _joins(merged[-1], each, per):
            last = bounds.greatest(merged[-1].end, each.end) or each.end
            merged[-1] = Bounds(merged[-1].start, last)
        else:
            merged.append(each)
    return [_from_bounds(each.start, each.end) for each in merged]


def _unknown(each: Bounds) -> bool:
    return each.start.known is None and each.end.known is None


def _by_start(left: Bounds, right: Bounds) -> int:
    return compare(left.start.low, right.start.low) or 0


def _joins(left: Bounds, right: Bounds, per: Quantity | None) -> Truth:
    if per is None:
        return or3(overlaps(left, right, None), meets_before(left, right, None))
    reach = add(left.end.known, per_like(left.end.known, per))
    if reach is None:
        return overlaps(left, right, None)
    return bounds.up_to(right.start, bounds.Bound(reach, reach))
