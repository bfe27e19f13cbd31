"""UCUM units and calendar durations: what converts into what, and by how much.

Conversion factors come from ucumvert, imported when two different UCUM units first meet; each unit is
parsed once. Its factors are floats, so they are brought back to the short decimal (or the reciprocal of
one) that they stand for. Arbitrary units ([iU] and the like) convert only into themselves.
"""

import re
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import Any, Final, NamedTuple

from .numbers import ARITHMETIC

CALENDAR: Final = {
    name: unit
    for unit in ("year", "month", "week", "day", "hour", "minute", "second", "millisecond")
    for name in (unit, f"{unit}s")
}
"""Calendar duration keywords, singular and plural, to the singular."""

_DEFINITE: Final = {
    "week": "wk", "day": "d", "hour": "h", "minute": "min", "second": "s", "millisecond": "ms",
}  # fmt: skip
_DURATION: Final = {ucum: unit for unit, ucum in _DEFINITE.items()} | {"a": "year", "mo": "month"}
_DAYS: Final = {"year": Fraction(365), "month": Fraction(30)}
_YEARS_AND_MONTHS: Final = {
    ("year", "month"): (Fraction(12), Fraction(0)),
    ("month", "year"): (Fraction(1, 12), Fraction(0)),
}
_ANNOTATION = re.compile(r"\{[^{}]*\}")
_ARBITRARY = re.compile(
    r"\[(?:iU|IU|USP'U|[A-Za-z0-9']+'U|CFU|FFU|PFU|LPS|EU|AU|BAU|PNU|Lf|IR|[ET]?C?ID_50|bdsk'U)\]"
)
_TERM = re.compile(r"([./]?)((?:\[[^\]]*\]|10[*^]|[A-Za-z%'_]|\{[^{}]*\})+|1)(-?\+?\d+)?")


class UnitError(ValueError):
    """A text that is no UCUM unit."""


class _Unit(NamedTuple):
    dimension: str
    factor: Fraction
    zero: Fraction


@lru_cache(maxsize=4096)
def conversion(source: str, target: str) -> tuple[Fraction, Fraction] | None:
    """(factor, shift) such that x ``source`` = x * factor + shift ``target``; None when there is none.

    Calendar years and months convert into one another only; weeks and below are their UCUM units.
    Unknown units convert into nothing but themselves.
    """
    left, right = _canonical(source), _canonical(target)
    if left == right:
        return Fraction(1), Fraction(0)
    if left in _DAYS or right in _DAYS:
        return _YEARS_AND_MONTHS.get((left, right))
    try:
        one, other = _parse(left), _parse(right)
    except UnitError:
        return None
    if one.dimension != other.dimension:
        return None
    return one.factor / other.factor, (one.zero - other.zero) / other.factor


def convert(value: Decimal, source: str, target: str) -> Decimal | None:
    """The value in another unit, not rounded to CQL's scale; None when the units do not convert."""
    if source == target:
        return value
    found = conversion(source, target)
    if found is None:
        return None
    result = Fraction(value) * found[0] + found[1]
    return ARITHMETIC.divide(Decimal(result.numerator), Decimal(result.denominator))


def equivalent_days(unit: str) -> Fraction | None:
    """Days that a year or month ('year', 'a', 'month', 'mo') counts as in equivalence: 365 and 30."""
    return _DAYS.get(duration_unit(unit) or "")


def duration_unit(unit: str) -> str | None:
    """The date component a quantity of this unit is added to, None for a unit that is no duration."""
    return CALENDAR.get(unit) or _DURATION.get(unit)


def is_valid(unit: str) -> bool:
    """Whether the text is a calendar duration or a UCUM unit."""
    if unit in CALENDAR:
        return True
    try:
        _parse(unit)
    except UnitError:
        return False
    return True


@lru_cache(maxsize=4096)
def product(left: str, right: str) -> str:
    """The unit of a product, its terms gathered: cm by cm is cm2, g/mL by mL is g."""
    return _gathered(left, right, 1)


@lru_cache(maxsize=4096)
def quotient(left: str, right: str) -> str:
    """The unit of a quotient, its terms gathered: cm3 by cm is cm2, mg by mg is 1."""
    return _gathered(left, right, -1)


def _gathered(left: str, right: str, sign: int) -> str:
    left, right = _canonical(left), _canonical(right)
    try:
        terms = _terms(left)
        for symbol, exponent in _terms(right).items():
            terms[symbol] = terms.get(symbol, 0) + sign * exponent
    except UnitError:
        return f"({left}){'.' if sign > 0 else '/'}({right})"
    above = [_power(symbol, exponent) for symbol, exponent in terms.items() if exponent > 0]
    below = [_power(symbol, -exponent) for symbol, exponent in terms.items() if exponent < 0]
    return ".".join(above or ["1"]) + "".join(f"/{term}" for term in below)


def _power(symbol: str, exponent: int) -> str:
    return symbol if exponent == 1 else f"{symbol}{exponent}"


def _terms(unit: str) -> dict[str, int]:
    terms: dict[str, int] = {}
    position = 0
    while position < len(unit):
        match = _TERM.match(unit, position)
        if match is None or (position and not match[1]):
            raise UnitError(unit)
        if match[2] != "1":
            exponent = int(match[3] or 1) * (-1 if match[1] == "/" else 1)
            terms[match[2]] = terms.get(match[2], 0) + exponent
        position = match.end()
    return terms


def _canonical(unit: str) -> str:
    """Calendar durations to year, month or the UCUM unit they equal; no unit to '1'."""
    calendar = CALENDAR.get(unit)
    if calendar is not None:
        return _DEFINITE.get(calendar, calendar)
    return unit or "1"


@lru_cache(maxsize=4096)
def _parse(unit: str) -> _Unit:
    """Raises UnitError for what UCUM does not know."""
    plain = re.sub(r"(?<=[^./(])\{[^{}]*\}", "", unit)
    plain = _ANNOTATION.sub("1", plain)
    if plain in ("", "1"):
        return _Unit("dimensionless", Fraction(1), Fraction(0))
    read = _reader()
    try:
        quantity = read(plain)
        base = quantity.to_base_units()
        zero = type(quantity)(0, quantity.units).to_base_units()
    except Exception as error:  # the library lets lark's, pint's and Python's own errors through
        raise UnitError(unit) from error
    dimension = " ".join([str(base.units), *sorted(_ARBITRARY.findall(unit))])
    origin = _exact(float(zero.magnitude))
    return _Unit(
        dimension, _exact(float(base.magnitude)) - origin, origin
    )  # an offset unit's 1 is not its size


@lru_cache(maxsize=1)
def _reader() -> Callable[[str], Any]:
    """Reads a UCUM unit as a quantity of Pint.

    The library's own registry (PintUcumRegistry) loads all units twice, and uses the one that stands here.
    """
    from ucumvert import UcumToPintTransformer, get_ucum_parser, parse_ucum  # slow, and not always needed

    parser, transform = get_ucum_parser(), UcumToPintTransformer().transform
    return lambda unit: transform(parse_ucum(unit, parser))


def _exact(value: float) -> Fraction:
    """The short decimal, reciprocal of one, or small fraction that a float factor stands for."""
    if value == 0:
        return Fraction(0)
    direct, inverse = _short(value), _short(1 / value)
    if len(direct.as_tuple().digits) <= 12:
        return Fraction(direct)
    if len(inverse.as_tuple().digits) <= 12:
        return 1 / Fraction(inverse)
    small = Fraction(value).limit_denominator(1000)
    return small if abs(float(small) - value) <= abs(value) * 1e-14 else Fraction(direct)


def _short(value: float) -> Decimal:
    return Decimal(f"{value:.13e}").normalize()
