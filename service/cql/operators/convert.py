"""Conversions among System types (CQL 1.5, appendix B, Type operators). What does not convert gives null."""

import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, Final

from ..types import Code, Concept, Date, DateTime, Long, Quantity, Ratio, Temporal, Time
from ..types import units as ucum
from ..types.numbers import decimal_or_null, integer_or_null, is_number, long_or_null
from .registry import Operator, operator

_TRUE: Final = frozenset(("true", "t", "yes", "y", "1"))
_FALSE: Final = frozenset(("false", "f", "no", "n", "0"))
_INTEGER = re.compile(r"[+-]?\d+")
_DECIMAL = re.compile(r"[+-]?\d+(?:\.\d+)?")
_QUANTITY = re.compile(r"([+-]?\d+(?:\.\d+)?)\s*(?:'([^']*)'|([a-z]+))?")
_ZONE = re.compile(r"(?<=\d)(?:Z|[+-]\d\d:\d\d)$")


@operator("ToBoolean")
def to_boolean(value: Any) -> bool | None:
    """Of the words true, t, yes, y, 1 and their opposites, and of the numbers 1 and 0."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        word = value.strip().lower()
        return True if word in _TRUE else False if word in _FALSE else None
    return bool(value) if is_number(value) and value in (0, 1) else None


@operator("ToInteger")
def to_integer(value: Any) -> int | None:
    """Of a text of digits in range, a Long in range, or a Boolean."""
    return None if (whole := _whole(value)) is None else integer_or_null(whole)


@operator("ToLong")
def to_long(value: Any) -> Long | None:
    """Of a text of digits in range, an Integer, or a Boolean."""
    return None if (whole := _whole(value)) is None else long_or_null(whole)


def _whole(value: Any) -> int | None:
    if isinstance(value, int):
        return int(value)
    return int(value) if isinstance(value, str) and _INTEGER.fullmatch(value) else None


@operator("ToDecimal")
def to_decimal(value: Any) -> Decimal | None:
    """Of a number, a Boolean, or a text such as -1.5."""
    if isinstance(value, int):
        return decimal_or_null(Decimal(int(value)))
    if isinstance(value, Decimal):
        return value
    if isinstance(value, str) and _DECIMAL.fullmatch(value):
        return decimal_or_null(Decimal(value))
    return None


@operator("ToString")
def to_string(value: Any) -> str | None:
    """The text form: numbers plain, quantities with the unit in quotes, dates and times as in ISO 8601."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, Quantity):
        return f"{value.value:f} '{value.unit}'"
    if isinstance(value, Ratio):
        return f"{to_string(value.numerator)}:{to_string(value.denominator)}"
    return str(value) if isinstance(value, Temporal) else None


@operator("ToDate")
def to_date(value: Any) -> Date | None:
    """Of a DateTime, or a text YYYY-MM-DD."""
    if isinstance(value, (Date, DateTime)):
        return Date(*value.parts[:3])
    return _parsed(Date.parse, value.partition("T")[0]) if isinstance(value, str) else None


@operator("ToDateTime")
def to_datetime(value: Any) -> DateTime | None:
    """Of a Date, or an ISO 8601 text."""
    if isinstance(value, DateTime):
        return value
    if isinstance(value, Date):
        return DateTime(*value.parts)
    return _parsed(DateTime.parse, value) if isinstance(value, str) else None


@operator("ToTime")
def to_time(value: Any) -> Time | None:
    """Of a text Thh:mm:ss.fff; a time zone is passed over."""
    if isinstance(value, Time):
        return value
    return _parsed(Time.parse, _ZONE.sub("", value)) if isinstance(value, str) else None


def _parsed(parse: Callable[[str], Any], text: str) -> Any:
    try:
        return parse(text)
    except ValueError:
        return None


@operator("ToQuantity")
def to_quantity(value: Any) -> Quantity | None:
    """Of a number, a Ratio, or a text such as 5.5 'cm' or 3 days."""
    if isinstance(value, Quantity):
        return value
    if is_number(value):
        return Quantity(Decimal(value))
    if isinstance(value, Ratio):
        return None
    return _quantity_of_text(value) if isinstance(value, str) else None


def _quantity_of_text(text: str) -> Quantity | None:
    match = _QUANTITY.fullmatch(text.strip())
    if match is None or (match[3] and match[3] not in ucum.CALENDAR):
        return None
    value = decimal_or_null(Decimal(match[1]))
    unit = match[2] or match[3] or "1"
    return None if value is None or not ucum.is_valid(unit) else Quantity(value, unit)


@operator("ToRatio")
def to_ratio(value: Any) -> Ratio | None:
    """Of a text of two quantities with a colon between."""
    if isinstance(value, Ratio):
        return value
    if not isinstance(value, str):
        return None
    parts = [_quantity_of_text(part) for part in re.split(r":(?=\s*[+-]?\d)", value)]
    if len(parts) != 2 or parts[0] is None or parts[1] is None:
        return None
    return Ratio(parts[0], parts[1])


@operator("ToConcept")
def to_concept(value: Any) -> Concept | None:
    """Of a Code, or a list of them."""
    if isinstance(value, Concept):
        return value
    if isinstance(value, Code):
        return Concept((value,), value.display)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return Concept(tuple(code for code in value if isinstance(code, Code)))
    return None


@operator("ToList")
def to_list(value: Any) -> list[Any]:
    """A list of the one value, empty for null."""
    return [] if value is None else [value]


@operator("ToChars")
def to_chars(value: str | None) -> list[str] | None:
    """The characters of a text."""
    return None if value is None else list(value)


@operator("ConvertQuantity")
def convert_quantity(value: Quantity | None, unit: str | None) -> Quantity | None:
    """The quantity in another unit."""
    if value is None or unit is None:
        return None
    converted = ucum.convert(value.value, value.unit, unit)
    amount = None if converted is None else decimal_or_null(converted)
    return None if amount is None else Quantity(amount, unit)


@operator("CanConvertQuantity")
def can_convert_quantity(value: Quantity | None, unit: str | None) -> bool | None:
    """Whether the quantity converts to that unit."""
    if value is None or unit is None:
        return None
    return convert_quantity(value, unit) is not None


CONVERSIONS: Final[dict[str, Operator]] = {
    "Boolean": to_boolean,
    "Integer": to_integer,
    "Long": to_long,
    "Decimal": to_decimal,
    "String": to_string,
    "Date": to_date,
    "DateTime": to_datetime,
    "Time": to_time,
    "Quantity": to_quantity,
    "Ratio": to_ratio,
    "Concept": to_concept,
}
"""By the name of the System type converted to."""


def _register_tests() -> None:
    for name, conversion in CONVERSIONS.items():
        operator(f"ConvertsTo{name}")(_converts(conversion))


def _converts(conversion: Operator) -> Operator:
    def converts(value: Any) -> bool | None:
        return None if value is None else conversion(value) is not None

    return converts


_register_tests()
