"""Equality, equivalence and order of values (CQL 1.5, appendix B, Comparison operators)."""

import re
from collections.abc import Callable, Mapping
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any

from ..types import (
    Code,
    Concept,
    Date,
    DateTime,
    Interval,
    Quantity,
    Ratio,
    Temporal,
    Time,
    Uncertainty,
)
from ..types import units as ucum
from ..types.numbers import ARITHMETIC, is_number
from . import bounds
from .logic import Truth, and3, not3
from .order import compare, compare_quantity, compare_temporal
from .registry import operator


@operator("Equal")
def equal(left: Any, right: Any) -> Truth:
    """The = operator: null when either is null or equality is uncertain."""
    if left is None or right is None:
        return None
    compared = _EQUAL.get(type(left))
    if compared is not None and type(left) is type(right):
        return compared(left, right)
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if (is_number(left) and is_number(right)) or (isinstance(left, Temporal) and _alike(left, right)):
        return _is_zero(compare(left, right))
    if isinstance(left, Uncertainty) or isinstance(right, Uncertainty):
        return bounds.same(bounds.of_number(left), bounds.of_number(right))
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return _equal_tuples(left, right)
    return bool(left == right)


def _alike(left: Temporal, right: Any) -> bool:
    return isinstance(right, Temporal) and isinstance(left, Time) == isinstance(right, Time)


def _is_zero(order: int | None) -> Truth:
    return None if order is None else order == 0


def equal_or_both_null(left: Any, right: Any) -> Truth:
    """Equality of elements of a list or tuple, where two nulls are equal."""
    return True if left is None and right is None else equal(left, right)


def _equal_lists(left: list[Any], right: list[Any]) -> Truth:
    if len(left) != len(right):
        return False
    return _first_not_true(equal_or_both_null(one, other) for one, other in zip(left, right, strict=True))


def _first_not_true(truths: Any) -> Truth:
    return next((truth for truth in truths if truth is not True), True)


def _equal_tuples(left: Mapping[str, Any], right: Mapping[str, Any]) -> Truth:
    if left.keys() != right.keys():
        return False
    return _first_not_true(equal_or_both_null(left[name], right[name]) for name in left)


def _equal_codes(left: Code, right: Code) -> Truth:
    return _first_not_true(
        equal_or_both_null(getattr(left, name), getattr(right, name))
        for name in ("code", "system", "version", "display")
    )


def _equal_concepts(left: Concept, right: Concept) -> Truth:
    codes = _equal_lists(list(left.codes), list(right.codes))
    return _first_not_true((codes, equal_or_both_null(left.display, right.display)))


def _equal_intervals(left: Interval, right: Interval) -> Truth:
    one, other = bounds.of(left, right), bounds.of(right, left)
    if one is None or other is None:
        return None
    return and3(bounds.same(one.start, other.start), bounds.same(one.end, other.end))


def _equal_ratios(left: Ratio, right: Ratio) -> Truth:
    return and3(equal(left.numerator, right.numerator), equal(left.denominator, right.denominator))


_EQUAL: dict[type, Callable[[Any, Any], Truth]] = {
    str: lambda left, right: left == right,
    int: lambda left, right: left == right,
    bool: lambda left, right: left is right,
    Decimal: lambda left, right: left == right,
    Date: lambda left, right: _is_zero(compare_temporal(left, right)),
    DateTime: lambda left, right: _is_zero(compare_temporal(left, right)),
    Time: lambda left, right: _is_zero(compare_temporal(left, right)),
    Quantity: lambda left, right: _is_zero(compare_quantity(left, right)),
    Ratio: _equal_ratios,
    Code: _equal_codes,
    Concept: _equal_concepts,
    Interval: _equal_intervals,
    list: _equal_lists,
    dict: _equal_tuples,
}


@operator("NotEqual")
def not_equal(left: Any, right: Any) -> Truth:
    """The != operator: not equal."""
    return not3(equal(left, right))


@operator("Equivalent")
def equivalent(left: Any, right: Any) -> bool:
    """The ~ operator: never null; two nulls are equivalent."""
    if left is None or right is None:
        return left is right
    if isinstance(left, Concept) or isinstance(right, Concept):
        return _equivalent_concepts(left, right)
    compared = _EQUIVALENT.get(type(left))
    if compared is not None and type(left) is type(right):
        return compared(left, right)
    if is_number(left) and is_number(right):
        return _equivalent_decimals(Decimal(left), Decimal(right))
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return _equivalent_tuples(left, right)
    return equal(left, right) is True


def _equivalent_decimals(left: Decimal, right: Decimal) -> bool:
    """Equal once rounded to the precision of the less precise, trailing zeros aside."""
    step = Decimal(1).scaleb(-min(_decimals(left), _decimals(right)))
    one = left.quantize(step, ROUND_HALF_UP, ARITHMETIC)
    return one == right.quantize(step, ROUND_HALF_UP, ARITHMETIC)


def _decimals(value: Decimal) -> int:
    exponent = value.normalize(ARITHMETIC).as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def _equivalent_strings(left: str, right: str) -> bool:
    return _plain(left) == _plain(right)


def _plain(text: str) -> str:
    return re.sub(r"\s", " ", text).casefold()


def _equivalent_quantities(left: Quantity, right: Quantity) -> bool:
    if left.unit == right.unit:
        return _equivalent_decimals(left.value, right.value)
    compared = compare_quantity(left, right)
    if compared is not None:
        return compared == 0
    one, other = _equivalent_duration(left), _equivalent_duration(right)
    return one is not None and one == other


def _equivalent_duration(quantity: Quantity) -> Fraction | None:
    """In days, a year as 365, a month as a twelfth of one against years but 30 days against days."""
    days = ucum.equivalent_days(quantity.unit)
    if days is not None:
        return Fraction(quantity.value) * days
    found = ucum.conversion(quantity.unit, "day")
    return None if found is None else Fraction(quantity.value) * found[0]


def _equivalent_ratios(left: Ratio, right: Ratio) -> bool:
    """Whether numerator by denominator is the same on both sides, cross-multiplied."""
    one = _cross(left.numerator, right.denominator)
    other = _cross(right.numerator, left.denominator)
    return compare_quantity(one, other) == 0


def _cross(left: Quantity, right: Quantity) -> Quantity:
    return Quantity(ARITHMETIC.multiply(left.value, right.value), ucum.product(left.unit, right.unit))


def _equivalent_codes(left: Code, right: Code) -> bool:
    return left.code == right.code and left.system == right.system


def _equivalent_concepts(left: Any, right: Any) -> bool:
    one, other = _codes_of(left), _codes_of(right)
    return any(_equivalent_codes(a, b) for a in one for b in other)


def _codes_of(value: Any) -> tuple[Code, ...]:
    if isinstance(value, Concept):
        return value.codes
    return (value,) if isinstance(value, Code) else ()


def _equivalent_lists(left: list[Any], right: list[Any]) -> bool:
    return len(left) == len(right) and all(map(equivalent, left, right))


def _equivalent_tuples(left: Mapping[str, Any], right: Mapping[str, Any]) -> bool:
    return left.keys() == right.keys() and all(equivalent(left[name], right[name]) for name in left)


def _equivalent_intervals(left: Interval, right: Interval) -> bool:
    one, other = bounds.of(left, right), bounds.of(right, left)
    if one is None or other is None:
        return left == right
    return equivalent(one.start.known, other.start.known) and equivalent(one.end.known, other.end.known)


_EQUIVALENT: dict[type, Callable[[Any, Any], bool]] = {
    str: _equivalent_strings,
    Decimal: _equivalent_decimals,
    Quantity: _equivalent_quantities,
    Ratio: _equivalent_ratios,
    Code: _equivalent_codes,
    Interval: _equivalent_intervals,
    list: _equivalent_lists,
    dict: _equivalent_tuples,
}


@operator("Less")
def less(left: Any, right: Any) -> Truth:
    """The < operator."""
    if left is None or right is None:
        return None
    if isinstance(left, Uncertainty) or isinstance(right, Uncertainty):
        return bounds.before(bounds.of_number(left), bounds.of_number(right))
    order = compare(left, right)
    return None if order is None else order < 0


@operator("LessOrEqual")
def less_or_equal(left: Any, right: Any) -> Truth:
    """The <= operator."""
    return not3(less(right, left))


@operator("Greater")
def greater(left: Any, right: Any) -> Truth:
    """The > operator."""
    return less(right, left)


@operator("GreaterOrEqual")
def greater_or_equal(left: Any, right: Any) -> Truth:
    """The >= operator."""
    return not3(less(left, right))
