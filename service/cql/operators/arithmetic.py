"""Arithmetic (CQL 1.5, appendix B, Arithmetic operators). Overflow and division by zero give null."""

from collections.abc import Callable
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal, DecimalException
from typing import Any

from ..errors import EvaluationError
from ..types import Date, DateTime, Long, Quantity, Temporal, Time, Uncertainty
from ..types import units as ucum
from ..types.numbers import ARITHMETIC, decimal_or_null, integer_or_null, is_integer, is_number, long_or_null
from .datetime import add_duration
from .registry import operator

DEFAULT_DIGITS = {Decimal: 8, Date: 8, DateTime: 17, Time: 9}
_TEMPORAL_DIGITS = {
    Date: (4, 6, 8),
    DateTime: (4, 6, 8, 10, 12, 14, 17),
    Time: (2, 4, 6, 9),
}


def _number(value: int | Decimal, like: type) -> Any:
    """A result as the wider type of its operands, null on overflow."""
    if like is Decimal:
        return decimal_or_null(value if isinstance(value, Decimal) else Decimal(value))
    return long_or_null(int(value)) if like is Long else integer_or_null(int(value))


def _wider(left: Any, right: Any) -> type:
    if isinstance(left, Decimal) or isinstance(right, Decimal):
        return Decimal
    return Long if isinstance(left, Long) or isinstance(right, Long) else int


def _unsupported(name: str, *values: Any) -> EvaluationError:
    return EvaluationError(f"{name} of {' and '.join(type(value).__name__ for value in values)}")


@operator("Add")
def add(left: Any, right: Any) -> Any:
    """Sum of numbers, quantities (in the finer unit) or uncertainties, text joined, or a date moved on."""
    if left is None or right is None:
        return None
    if is_number(left) and is_number(right):
        wider = _wider(left, right)
        return _number(ARITHMETIC.add(left, right) if wider is Decimal else left + right, wider)
    if isinstance(left, str) and isinstance(right, str):
        return left + right
    if isinstance(left, Temporal) and isinstance(right, Quantity):
        return add_duration(left, right)
    if isinstance(left, Quantity) and isinstance(right, Quantity):
        return _add_quantities(left, right, ARITHMETIC.add)
    if isinstance(left, Uncertainty) or isinstance(right, Uncertainty):
        return _uncertain(add, left, right)
    raise _unsupported("sum", left, right)


@operator("Subtract")
def subtract(left: Any, right: Any) -> Any:
    """Difference of numbers, quantities or uncertainties, or a date moved back."""
    if left is None or right is None:
        return None
    if is_number(left) and is_number(right):
        wider = _wider(left, right)
        return _number(ARITHMETIC.subtract(left, right) if wider is Decimal else left - right, wider)
    if isinstance(left, Temporal) and isinstance(right, Quantity):
        return add_duration(left, right, -1)
    if isinstance(left, Quantity) and isinstance(right, Quantity):
        return _add_quantities(left, right, ARITHMETIC.subtract)
    if isinstance(left, Uncertainty) or isinstance(right, Uncertainty):
        return _uncertain(subtract, left, right)
    raise _unsupported("difference", left, right)


def _uncertain(operation: Callable[[Any, Any], Any], left: Any, right: Any) -> Any:
    """The range of results over both ranges; null when one of them overflows."""
    lefts = (left.low, left.high) if isinstance(left, Uncertainty) else (left,)
    rights = (right.low, right.high) if isinstance(right, Uncertainty) else (right,)
    results = [operation(one, other) for one in lefts for other in rights]
    return None if None in results else Uncertainty(min(results), max(results))


def _quantity(value: Decimal, unit: str) -> Quantity | None:
    amount = decimal_or_null(value)
    return None if amount is None else Quantity(amount, unit)


def _add_quantities(
    left: Quantity, right: Quantity, combine: Callable[[Decimal, Decimal], Decimal]
) -> Quantity | None:
    """In the finer of the two units; null when they do not convert."""
    if left.unit == right.unit:
        return _quantity(combine(left.value, right.value), left.unit)
    found = ucum.conversion(left.unit, right.unit)
    if found is None:
        return None
    unit = right.unit if found[0] > 1 else left.unit
    one, other = ucum.convert(left.value, left.unit, unit), ucum.convert(right.value, right.unit, unit)
    return None if one is None or other is None else _quantity(combine(one, other), unit)


def per_like(value: Any, per: Quantity) -> Any:
    """A ``per`` as what can be added to a point: its plain number when the point is one."""
    if not is_number(value):
        return per
    return int(per.value) if is_integer(value) and per.value == int(per.value) else per.value


@operator("Multiply")
def multiply(left: Any, right: Any) -> Any:
    """Product of numbers, of quantities (units multiplied), or of uncertainties."""
    if left is None or right is None:
        return None
    if is_number(left) and is_number(right):
        wider = _wider(left, right)
        return _number(ARITHMETIC.multiply(left, right) if wider is Decimal else left * right, wider)
    if isinstance(left, Uncertainty) or isinstance(right, Uncertainty):
        return _uncertain(multiply, left, right)
    one, other = _as_quantity(left), _as_quantity(right)
    if one is None or other is None:
        raise _unsupported("product", left, right)
    return _quantity(ARITHMETIC.multiply(one.value, other.value), ucum.product(one.unit, other.unit))


def _as_quantity(value: Any) -> Quantity | None:
    if isinstance(value, Quantity):
        return value
    return Quantity(Decimal(value)) if is_number(value) else None


@operator("Divide")
def divide(left: Any, right: Any) -> Any:
    """Quotient as a Decimal, or a quantity whose units are divided; null when dividing by zero."""
    if left is None or right is None:
        return None
    if is_number(left) and is_number(right):
        return None if right == 0 else decimal_or_null(ARITHMETIC.divide(Decimal(left), Decimal(right)))
    one, other = _as_quantity(left), _as_quantity(right)
    if one is None or other is None:
        raise _unsupported("quotient", left, right)
    if other.value == 0:
        return None
    value = ucum.convert(one.value, one.unit, other.unit)
    if one.unit != other.unit and value is not None and "1" not in (one.unit, other.unit):
        return _quantity(ARITHMETIC.divide(value, other.value), "1")
    return _quantity(ARITHMETIC.divide(one.value, other.value), ucum.quotient(one.unit, other.unit))


@operator("TruncatedDivide")
def truncated_divide(left: Any, right: Any) -> Any:
    """Quotient without its fraction, in the type (and unit) of the dividend; null when dividing by zero."""
    return _divided(
        left, right, lambda one, other: ARITHMETIC.divide(one, other).to_integral_value("ROUND_DOWN")
    )


@operator("Modulo")
def modulo(left: Any, right: Any) -> Any:
    """Remainder of the truncated division, with the sign of the dividend; null when dividing by zero."""
    return _divided(left, right, ARITHMETIC.remainder)


def _divided(left: Any, right: Any, operation: Callable[[Decimal, Decimal], Decimal]) -> Any:
    if left is None or right is None:
        return None
    if is_number(left) and is_number(right):
        return None if right == 0 else _number(operation(Decimal(left), Decimal(right)), _wider(left, right))
    if isinstance(left, Quantity) and isinstance(right, Quantity):
        divisor = ucum.convert(right.value, right.unit, left.unit)
        return None if not divisor else _quantity(operation(left.value, divisor), left.unit)
    raise _unsupported("division", left, right)


@operator("Negate")
def negate(value: Any) -> Any:
    """The opposite; null where an integer has none."""
    if isinstance(value, Uncertainty):
        return Uncertainty(-value.high, -value.low)
    return _mapped(value, Decimal.copy_negate, int.__neg__)


@operator("Abs")
def absolute(value: Any) -> Any:
    """The absolute value; null where an integer has none."""
    if isinstance(value, Uncertainty):
        low, high = sorted((abs(value.low), abs(value.high)))
        return Uncertainty(0 if value.low <= 0 <= value.high else low, high)
    return _mapped(value, Decimal.copy_abs, int.__abs__)


def _mapped(value: Any, of_decimal: Callable[[Decimal], Decimal], of_integer: Callable[[int], int]) -> Any:
    """Not by Python's own signs: those round a Decimal to the thread's context."""
    if value is None:
        return None
    if isinstance(value, Quantity):
        return _quantity(of_decimal(value.value), value.unit)
    if isinstance(value, Decimal):
        return decimal_or_null(of_decimal(value))
    if not isinstance(value, int) or isinstance(value, bool):
        raise _unsupported("sign", value)
    return _number(of_integer(value), type(value))


@operator("Ceiling")
def ceiling(value: Any) -> int | None:
    """The least Integer that is not below the value."""
    return _to_integer(value, ROUND_CEILING)


@operator("Floor")
def floor(value: Any) -> int | None:
    """The greatest Integer that is not above the value."""
    return _to_integer(value, ROUND_FLOOR)


@operator("Truncate")
def truncate(value: Any) -> int | None:
    """The Integer part of the value."""
    return _to_integer(value, "ROUND_DOWN")


def _to_integer(value: Any, rounding: str) -> int | None:
    return None if value is None else integer_or_null(int(Decimal(value).to_integral_value(rounding)))


@operator("Round")
def round_(value: Any, digits: int | None = None) -> Decimal | None:
    """The value at that many decimals (0 without), halves away from zero."""
    if value is None:
        return None
    step = Decimal(1).scaleb(-(digits or 0))
    return decimal_or_null(Decimal(value).quantize(step, ROUND_HALF_UP, ARITHMETIC))


@operator("Exp")
def exp(value: Any) -> Decimal | None:
    """e to the power of the value; EvaluationError when that overflows."""
    if value is None:
        return None
    result = decimal_or_null(ARITHMETIC.exp(Decimal(value))) if value < 100 else None
    if result is None:
        raise EvaluationError("exponential beyond the range of Decimal")
    return result


@operator("Ln")
def ln(value: Any) -> Decimal | None:
    """Natural logarithm; null of a negative, EvaluationError of zero."""
    if value is None or value < 0:
        return None
    if value == 0:
        raise EvaluationError("logarithm of zero")
    return decimal_or_null(ARITHMETIC.ln(Decimal(value)))


@operator("Log")
def log(value: Any, base: Any) -> Decimal | None:
    """Logarithm to a base; null where there is none."""
    if value is None or base is None or value <= 0 or base <= 0 or base == 1:
        return None
    quotient = ARITHMETIC.divide(ARITHMETIC.ln(Decimal(value)), ARITHMETIC.ln(Decimal(base)))
    return decimal_or_null(quotient)


@operator("Power")
def power(base: Any, exponent: Any) -> Any:
    """Base to the exponent; of Integers a Decimal when the exponent is negative; null where there is none."""
    if base is None or exponent is None:
        return None
    wider = _wider(base, exponent)
    if wider is not Decimal and exponent >= 0:
        return _number(base**exponent, wider) if exponent < 200 or abs(base) < 2 else None
    if base == 0 and exponent == 0:
        return Decimal(1)
    try:
        return decimal_or_null(ARITHMETIC.power(Decimal(base), Decimal(exponent)))
    except DecimalException:
        return None


@operator("Precision")
def precision(value: Any) -> int | None:
    """Decimals of a number; digits of a date or time (year 4, month 6, ..., millisecond 17; time to 9)."""
    if value is None:
        return None
    if isinstance(value, Temporal):
        return _TEMPORAL_DIGITS[type(value)][len(value.parts) - 1]
    exponent = Decimal(value).as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else None


@operator("HighBoundary")
def high_boundary(value: Any, digits: int | None = None) -> Any:
    """The greatest value, at that precision, that the input may stand for."""
    return _boundary(value, digits, high=True)


@operator("LowBoundary")
def low_boundary(value: Any, digits: int | None = None) -> Any:
    """The least value, at that precision, that the input may stand for."""
    return _boundary(value, digits, high=False)


def _boundary(value: Any, digits: int | None, *, high: bool) -> Any:
    if value is None:
        return None
    digits = DEFAULT_DIGITS.get(type(value), 8) if digits is None else digits
    if isinstance(value, Temporal):
        widths = _TEMPORAL_DIGITS[type(value)]
        if digits not in widths:
            return None
        full = value.latest() if high else value.earliest()
        return value.with_parts(full.parts[: widths.index(digits) + 1])
    return _decimal_boundary(value, digits, high=high)


def _decimal_boundary(value: Any, digits: int, *, high: bool) -> Any:
    if digits < 0 or digits > 8:
        return None
    if isinstance(value, Quantity):
        bound = _decimal_boundary(value.value, digits, high=high)
        return Quantity(bound, value.unit)
    number = Decimal(value)
    given = precision(number) or 0
    step = Decimal(1).scaleb(-digits)
    if digits <= given:
        return number.quantize(step, ROUND_FLOOR, ARITHMETIC)
    last = Decimal(1).scaleb(-given) - step if high else Decimal(0)
    return ARITHMETIC.add(number, last).quantize(step, context=ARITHMETIC)
