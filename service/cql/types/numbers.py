"""Numbers of the CQL System model: ranges, Long and the 28-digit Decimal (CQL 1.5, appendix B, Types)."""

from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Final, TypeGuard

INTEGER_MIN: Final = -(2**31)
INTEGER_MAX: Final = 2**31 - 1
LONG_MIN: Final = -(2**63)
LONG_MAX: Final = 2**63 - 1
DECIMAL_SCALE: Final = 8
DECIMAL_STEP: Final = Decimal("0.00000001")
DECIMAL_MAX: Final = Decimal("99999999999999999999.99999999")
DECIMAL_MIN: Final = DECIMAL_MAX.copy_negate()
DECIMAL_LIMIT: Final = Decimal("1E28")
"""Results beyond overflow: HL7's suite wants 28 digits before the point, more than ``maximum Decimal``."""
ARITHMETIC: Final = Context(prec=60, rounding=ROUND_HALF_UP)
"""Wide enough that no intermediate of two 28-digit operands is rounded before the last step."""


_ONE = Decimal(1)
_ZERO = Decimal(0)


class Long(int):
    """A 64-bit CQL Long; a plain ``int`` is a 32-bit Integer."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"{int(self)}L"


def is_integer(value: object) -> TypeGuard[int]:
    """True for a CQL Integer: a plain int, neither Boolean nor Long."""
    return type(value) is int


def is_number(value: object) -> TypeGuard[int | Decimal]:
    """True for Integer, Long and Decimal."""
    return isinstance(value, (int, Decimal)) and not isinstance(value, bool)


def integer_or_null(value: int) -> int | None:
    """The value as an Integer, null when it overflows."""
    return value if INTEGER_MIN <= value <= INTEGER_MAX else None


def long_or_null(value: int) -> Long | None:
    """The value as a Long, null when it overflows."""
    return Long(value) if LONG_MIN <= value <= LONG_MAX else None


def decimal_or_null(value: Decimal) -> Decimal | None:
    """The value at no more than 8 decimals, null when it is not finite or overflows."""
    exponent = value.as_tuple().exponent
    if not isinstance(exponent, int) or value.adjusted() > 28:
        return None if value else _ZERO
    if exponent > 0:
        value = value.quantize(_ONE, context=ARITHMETIC)
    elif exponent < -DECIMAL_SCALE:
        value = value.quantize(DECIMAL_STEP, context=ARITHMETIC)
    if value > DECIMAL_LIMIT or value < -DECIMAL_LIMIT:
        return None
    return value if value else value.copy_abs()
