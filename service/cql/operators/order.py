"""Which of two values comes first (CQL 1.5, appendix B, Comparison operators)."""

from decimal import Decimal
from fractions import Fraction
from typing import Any

from ..errors import EvaluationError
from ..types import DateTime, Quantity, Temporal, Time, Uncertainty, evaluation_offset
from ..types import units as ucum
from ..types.numbers import ARITHMETIC, is_number


def compare(left: Any, right: Any, precision: str | None = None) -> int | None:
    """-1, 0 or 1 as left is less than, equal to or greater than right; None where that is uncertain or
    a unit does not convert. Temporal values are compared down to ``precision`` or as far as they go.

    Raises EvaluationError for values that have no order.
    """
    if is_number(left) and is_number(right):
        return _order(left, right)
    if isinstance(left, str) and isinstance(right, str):
        return _order(left, right)
    if isinstance(left, Temporal) and isinstance(right, Temporal):
        return compare_temporal(left, right, precision)
    if isinstance(left, Quantity) and isinstance(right, Quantity):
        return compare_quantity(left, right)
    if isinstance(left, Uncertainty) or isinstance(right, Uncertainty):
        return _compare_ranges(left, right)
    raise EvaluationError(f"no order between {type(left).__name__} and {type(right).__name__}")


def _compare_ranges(left: Any, right: Any) -> int | None:
    low, high = (left.low, left.high) if isinstance(left, Uncertainty) else (left, left)
    from_, to = (right.low, right.high) if isinstance(right, Uncertainty) else (right, right)
    first, last = compare(high, from_), compare(low, to)
    return -1 if first == -1 else 1 if last == 1 else 0 if first == last == 0 else None


def _order(left: Any, right: Any) -> int:
    return -1 if left < right else 1 if left > right else 0


def compare_temporal(left: Temporal, right: Temporal, precision: str | None = None) -> int | None:
    """Component by component, DateTimes of different offsets at that of the evaluation first."""
    if type(left) is not type(right):
        left, right = _as_datetime(left), _as_datetime(right)
    if isinstance(left, DateTime) and isinstance(right, DateTime) and left.zone != right.zone:
        offset = evaluation_offset()
        left, right = left.at_offset(offset), right.at_offset(offset)
    one, other = left.parts, right.parts
    shared = min(len(one), len(other))
    wanted = 0 if precision is None else left.units.index(precision) + 1 if precision in left.units else 8
    if 0 < wanted < shared:
        shared = wanted
    one, other = one[:shared], other[:shared]
    if one != other:
        return -1 if one < other else 1
    if shared == wanted or (not wanted and len(left.parts) == len(right.parts)):
        return 0
    return None


def _as_datetime(value: Temporal) -> DateTime:
    if isinstance(value, DateTime):
        return value
    if isinstance(value, Time):
        raise EvaluationError("no order between Time and other types")
    return DateTime(*value.parts)


def compare_quantity(left: Quantity, right: Quantity) -> int | None:
    """By value once in one unit; None when the units do not convert."""
    if left.unit == right.unit:
        return _order(left.value, right.value)
    found = ucum.conversion(right.unit, left.unit)
    if found is None:
        return None
    factor, shift = found
    if shift:
        return _order(Fraction(left.value), Fraction(right.value) * factor + shift)
    scaled = ARITHMETIC.multiply(left.value, Decimal(factor.denominator))
    return _order(scaled, ARITHMETIC.multiply(right.value, Decimal(factor.numerator)))
