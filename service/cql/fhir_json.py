"""CQL values to FHIR R4 JSON."""

from collections.abc import Callable, Mapping
from copy import deepcopy
from decimal import Decimal
from typing import Any, Final

from .errors import EvaluationError
from .fhir_helpers import CALENDAR_UNITS, UCUM
from .fhir_model import Element, FhirElement, FhirType, json_suffix
from .operators import operator_for
from .types import (
    Code,
    CodeSystemRef,
    Concept,
    Date,
    DateTime,
    Interval,
    Quantity,
    Ratio,
    Time,
    ValueSetRef,
)

_UCUM_UNITS: Final = {
    **{calendar: unit for unit, calendar in CALENDAR_UNITS.items()},
    **{calendar + "s": unit for unit, calendar in CALENDAR_UNITS.items()},
}


def to_fhir(value: Any) -> Any:
    """A CQL value as FHIR JSON; null is None, a tuple a dict with its elements, a list a list.

    Code is a Coding, Concept a CodeableConcept, Interval a Period or Range; raises EvaluationError for a
    value that FHIR cannot hold.
    """
    if value is None or isinstance(value, bool | str | Decimal):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, FhirElement):
        return deepcopy(value.json)
    if isinstance(value, list | tuple):
        return [to_fhir(each) for each in value]
    if isinstance(value, dict):
        return {name: to_fhir(each) for name, each in value.items()}
    write = _WRITERS.get(type(value))
    if write is None:
        raise EvaluationError(f"{type(value).__name__} has no form in FHIR")
    return write(value)


def instance(fhir_type: FhirType, elements: Mapping[str, Any]) -> FhirElement:
    """A FHIR value from its elements (CQL values or FHIR elements), as an instance selector makes it."""
    if fhir_type.read_value is not None:
        return _primitive_instance(fhir_type, elements)
    content: dict[str, Any] = {}
    if "Resource" in fhir_type.ancestors:
        content["resourceType"] = fhir_type.name
    for name, value in elements.items():
        _put(content, fhir_type.elements[name], value)
    return FhirElement(fhir_type.name, content)


def _primitive_instance(fhir_type: FhirType, elements: Mapping[str, Any]) -> FhirElement:
    extra: dict[str, Any] = {}
    for name in elements.keys() - {"value"}:
        _put(extra, fhir_type.elements[name], elements[name])
    return FhirElement(fhir_type.name, to_fhir(elements.get("value")), extra or None)


def _put(content: dict[str, Any], element: Element, value: Any) -> None:
    if value is None or value == []:
        return
    key = element.options[0].key
    if element.is_choice:
        suffix = json_suffix(_fhir_type_name(value))
        key = next((o.key for o in element.options if o.key == element.name + suffix), "")
        if not key:
            raise EvaluationError(f"{element.name} cannot be a {_fhir_type_name(value)}")
    if element.is_list:
        values = [each for each in (value if isinstance(value, list) else [value]) if each is not None]
        content[key] = [to_fhir(each) for each in values]
        extras = [each.extra if isinstance(each, FhirElement) else None for each in values]
        if any(extras):
            content["_" + key] = deepcopy(extras)
        return
    written = to_fhir(value)
    if written is not None:
        content[key] = written
    if isinstance(value, FhirElement) and value.extra:
        content["_" + key] = deepcopy(dict(value.extra))


_NAMES: Final[dict[type, str]] = {
    bool: "boolean",
    int: "integer",
    Decimal: "decimal",
    str: "string",
    Date: "date",
    DateTime: "dateTime",
    Time: "time",
    Quantity: "Quantity",
    Ratio: "Ratio",
    Code: "Coding",
    Concept: "CodeableConcept",
}


def _fhir_type_name(value: Any) -> str:
    if isinstance(value, FhirElement):
        return value.type.name
    if isinstance(value, Interval):
        return "Period" if isinstance(_ends(value)[0] or _ends(value)[1], Date | DateTime) else "Range"
    return _NAMES.get(type(value), type(value).__name__)


def _without_nulls(content: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in content.items() if value is not None}


def _code(value: Code) -> dict[str, Any]:
    return _without_nulls(
        {"system": value.system, "version": value.version, "code": value.code, "display": value.display}
    )


def _concept(value: Concept) -> dict[str, Any]:
    codings = [_code(code) for code in value.codes]
    return _without_nulls({"coding": codings or None, "text": value.display})


def _quantity(value: Quantity) -> dict[str, Any]:
    code = _UCUM_UNITS.get(value.unit, value.unit)
    return {"value": value.value, "unit": value.unit, "system": UCUM, "code": code}


def _ratio(value: Ratio) -> dict[str, Any]:
    return {"numerator": _quantity(value.numerator), "denominator": _quantity(value.denominator)}


def _date_time(value: DateTime) -> str:
    """As soon as there is an hour FHIR wants seconds (missing ones are zero) and a time zone."""
    if len(value.parts) < 4:
        return str(value)
    return str(DateTime(*value.parts, *(0,) * (6 - len(value.parts)), offset=value.zone))


def _time(value: Time) -> str:
    missing = 3 - len(value.parts)
    return str(value.with_parts(value.parts + (0,) * missing) if missing > 0 else value)


def _ends(value: Interval) -> tuple[Any, Any]:
    """First and last point of an interval; an unbounded or unknown end is None."""
    low, high = value.low, value.high
    if low is not None and not value.low_closed:
        low = _operator("Start")(value)
    if high is not None and not value.high_closed:
        high = _operator("End")(value)
    return low, high


def _operator(name: str) -> Callable[..., Any]:
    found = operator_for({"type": name})
    if found is None:
        raise EvaluationError(f"no operator {name}")
    return found


def _interval(value: Interval) -> dict[str, Any]:
    low, high = _ends(value)
    known = low if low is not None else high
    if isinstance(known, Date | DateTime):
        return _without_nulls({"start": to_fhir(low), "end": to_fhir(high)})
    if known is None or isinstance(known, Quantity):
        return _without_nulls({"low": to_fhir(low), "high": to_fhir(high)})
    raise EvaluationError(f"an interval of {type(known).__name__} has no form in FHIR")


_WRITERS: Final[dict[type, Callable[[Any], Any]]] = {
    Code: _code,
    Concept: _concept,
    Quantity: _quantity,
    Ratio: _ratio,
    Date: str,
    DateTime: _date_time,
    Time: _time,
    Interval: _interval,
    ValueSetRef: lambda value: value.id,
    CodeSystemRef: lambda value: value.id,
}
