"""Values of both engines as the same plain JSON, and their comparison."""

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from service.cql import FhirElement
from service.cql.types import (
    Code,
    Concept,
    Date,
    DateTime,
    Interval,
    Quantity,
    Ratio,
    Time,
    Uncertainty,
    ValueSetRef,
)

_TOLERANCE: Final = Decimal("1e-7")
"""Relative. The reference engine reckons in binary floating point, and both round to 8 decimals."""
_DAY: Final = len("2012-02-29")
_BASE_UNITS: Final = {"mg": (Decimal("0.001"), "g"), "mm": (Decimal("0.1"), "cm")}
"""The units of generated quantities. A sum may come in the unit of either operand: CQL leaves that open."""


def plain(value: Any) -> Any:
    """A value of ours as reference.mjs writes those of the other engine."""
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int | Decimal):
        return {"number": str(value)}
    if isinstance(value, list):
        return [plain(each) for each in value]
    if isinstance(value, FhirElement):
        return {"fhir": value.json}
    if isinstance(value, Mapping):
        return {"tuple": {name: plain(value[name]) for name in sorted(value)}}
    return _of_class(value)


def _of_class(value: Any) -> Any:
    if isinstance(value, DateTime):
        return {"dateTime": str(value)}
    if isinstance(value, Date):
        return {"date": str(value)}
    if isinstance(value, Time):
        return {"time": str(value)}
    if isinstance(value, Quantity):
        return {"quantity": [plain(value.value), value.unit]}
    if isinstance(value, Ratio):
        return {"ratio": [plain(value.numerator), plain(value.denominator)]}
    if isinstance(value, Interval):
        return {"interval": [plain(value.low), plain(value.high), value.low_closed, value.high_closed]}
    if isinstance(value, Uncertainty):
        return {"uncertainty": [plain(value.low), plain(value.high)]}
    if isinstance(value, Concept):
        return {"concept": [plain(code) for code in value.codes]}
    if isinstance(value, Code):
        return {"code": [value.system, value.code]}
    if isinstance(value, ValueSetRef):
        return {"valueSet": value.id}
    return {"other": type(value).__name__}


def same(ours: Any, theirs: Any) -> bool:
    """Whether two plain values are the same; numbers up to the rounding of floating point."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        if ours.keys() == {"fhir"} and theirs.keys() == {"tuple"}:
            return _is_built_alike(ours["fhir"], _built(theirs))
        if ours.keys() != theirs.keys():
            return False
        if ours.keys() == {"interval"}:
            return same(_closed(ours["interval"]), _closed(theirs["interval"]))
        if ours.keys() == {"quantity"}:
            return same(_in_base_unit(ours["quantity"]), _in_base_unit(theirs["quantity"]))
        if ours.keys() == {"number"}:
            return _same_number(Decimal(ours["number"]), Decimal(theirs["number"]))
        if ours.keys() == {"dateTime"}:
            return _instant(ours["dateTime"]) == _instant(theirs["dateTime"])
        return all(same(ours[name], theirs[name]) for name in ours)
    if isinstance(ours, list) and isinstance(theirs, list):
        return len(ours) == len(theirs) and all(map(same, ours, theirs))
    return type(ours) is type(theirs) and bool(ours == theirs)


def _same_number(ours: Decimal, theirs: Decimal) -> bool:
    if not (ours.is_finite() and theirs.is_finite()):
        return False
    return abs(ours - theirs) <= _TOLERANCE * max(abs(ours), abs(theirs), Decimal(1))


def _instant(text: str) -> str:
    """Without the offset where that is UTC, which both engines may leave out."""
    return text.removesuffix("Z").removesuffix("+00:00")


def _built(value: Any) -> Any:
    """FHIR data that the content built: the reference engine holds it as tuples, primitives with a value."""
    if isinstance(value, dict) and value.keys() == {"tuple"}:
        inner = {name: _built(each) for name, each in value["tuple"].items() if each is not None}
        return inner["value"] if inner.keys() == {"value"} else inner
    return [_built(each) for each in value] if isinstance(value, list) else value


def _is_built_alike(ours: Any, theirs: Any) -> bool:
    """Whether the same data was built; the tuples name a choice without its type (`value`)."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        names = {name: next((each for each in theirs if name.startswith(each)), None) for name in ours}
        return len(ours) == len(theirs) and all(
            other is not None and _is_built_alike(ours[name], theirs[other]) for name, other in names.items()
        )
    if isinstance(ours, list) and isinstance(theirs, list):
        return len(ours) == len(theirs) and all(map(_is_built_alike, ours, theirs))
    return bool(ours == theirs)


def _closed(interval: list[Any]) -> list[Any]:
    """The same interval with closed bounds: [1, 5) is [1, 4]. Only of whole numbers and days."""
    low, high, low_closed, high_closed = interval
    low, low_closed = (low, low_closed) if low_closed else _moved(low, 1)
    high, high_closed = (high, high_closed) if high_closed else _moved(high, -1)
    return [_unless(low, _LOWEST, low_closed), _unless(high, _HIGHEST, high_closed), low_closed, high_closed]


_LOWEST: Final = ({"number": "-2147483648"}, {"date": "0001-01-01"})
_HIGHEST: Final = ({"number": "2147483647"}, {"date": "9999-12-31"})


def _unless(bound: Any, extremes: Any, closed: bool) -> Any:
    """A closed bound at the end of the type is written as null just as well."""
    return None if closed and bound in extremes else bound


def _moved(bound: Any, step: int) -> tuple[Any, bool]:
    if isinstance(bound, dict) and "number" in bound:
        return {"number": str(int(bound["number"]) + step)}, True
    if isinstance(bound, dict) and len(bound.get("date", "")) == _DAY:
        return {"date": str(dt.date.fromisoformat(bound["date"]) + dt.timedelta(days=step))}, True
    return bound, False


def _in_base_unit(quantity: list[Any]) -> list[Any]:
    number, unit = quantity
    factor, base = _BASE_UNITS.get(unit, (Decimal(1), unit))
    return [{"number": str(Decimal(number["number"]) * factor)}, base]
