"""FHIRHelpers 4.0.1 in Python: FHIR data to System values; null and System values stay as they are.

As the library has it, with one difference: where FHIRHelpers ends the evaluation with an error message (a
Quantity with a comparator, or in another unit system than UCUM) the value is null, so that one such result
does not silence the rest.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

from .errors import EvaluationError
from .fhir_model import FhirElement
from .types import Code, Concept, Interval, Quantity, Ratio, ValueSetRef

UCUM: Final = "http://unitsofmeasure.org"
_UNIT_SYSTEMS: Final = (None, UCUM, "http://hl7.org/fhirpath/CodeSystem/calendar-units")
CALENDAR_UNITS: Final = {
    "ms": "millisecond",
    "s": "second",
    "min": "minute",
    "h": "hour",
    "d": "day",
    "wk": "week",
    "mo": "month",
    "a": "year",
}


def primitive(value: Any) -> Any:
    """The System value of a primitive, null of anything malformed."""
    if not isinstance(value, FhirElement):
        return value
    if value.type.read_value is not None:
        return value.type.read_value(value.json)
    raise EvaluationError(f"a FHIR primitive was expected, not {_kind(value)}")


def to_calendar_unit(unit: str | None) -> str | None:
    """A UCUM unit of time as a calendar unit, others unchanged."""
    return None if unit is None else CALENDAR_UNITS.get(unit, unit)


def to_quantity(value: Any) -> Quantity | None:
    """A Quantity without comparator, in UCUM or calendar units or without a unit system; others are null."""
    if value is None or value.get("comparator") is not None:
        return None
    return to_quantity_ignoring_comparator(value)


def to_quantity_ignoring_comparator(value: Any) -> Quantity | None:
    """As to_quantity, of a Quantity with any comparator."""
    if value is None:
        return None
    number = primitive(value.get("value"))
    if not isinstance(number, Decimal) or primitive(value.get("system")) not in _UNIT_SYSTEMS:
        return None
    unit = primitive(value.get("code")) or primitive(value.get("unit")) or "1"
    return Quantity(number, CALENDAR_UNITS.get(unit, unit))


def to_interval(value: Any) -> Interval | None:
    """A Period, a Range, or a Quantity with its comparator, as an Interval."""
    if value is None:
        return None
    if value.is_a("Period"):
        start, end = primitive(value.get("start")), primitive(value.get("end"))
        return Interval(start, end, start is not None, True, "DateTime")
    if value.is_a("Range"):
        return Interval(to_quantity(value.get("low")), to_quantity(value.get("high")), True, True, "Quantity")
    return _quantity_interval(value)


def _quantity_interval(value: FhirElement) -> Interval | None:
    comparator = primitive(value.get("comparator"))
    bound = to_quantity_ignoring_comparator(value)
    if comparator in ("<", "<="):
        return Interval(None, bound, True, comparator == "<=", "Quantity")
    if comparator in (">", ">="):
        return Interval(bound, None, comparator == ">=", True, "Quantity")
    exact = to_quantity(value)
    return None if exact is None else Interval(exact, exact, True, True, "Quantity")


def to_ratio(value: Any) -> Ratio | None:
    """A Ratio whose two quantities are known."""
    if value is None:
        return None
    numerator, denominator = to_quantity(value.get("numerator")), to_quantity(value.get("denominator"))
    return None if numerator is None or denominator is None else Ratio(numerator, denominator)


def to_code(value: Any) -> Code | None:
    """A Coding as a Code."""
    if value is None:
        return None
    return Code(
        primitive(value.get("code")),
        primitive(value.get("system")),
        primitive(value.get("version")),
        primitive(value.get("display")),
    )


def to_concept(value: Any) -> Concept | None:
    """A CodeableConcept as a Concept."""
    if value is None:
        return None
    codings = value.get("coding") or ()
    codes = dict.fromkeys(code for code in map(to_code, codings) if code is not None)
    return Concept(tuple(codes), primitive(value.get("text")))


def to_value_set(uri: str | None) -> ValueSetRef | None:
    """A value set of that url; its codes come from the engine."""
    return None if uri is None else ValueSetRef(uri)


def reference(text: str | None) -> FhirElement | None:
    """A Reference with that text."""
    return None if text is None else FhirElement("Reference", {"reference": text})


_BY_TYPE: Final[tuple[tuple[str, Callable[[Any], Any]], ...]] = (
    ("CodeableConcept", to_concept),
    ("Coding", to_code),
    ("Quantity", to_quantity),
    ("Range", to_interval),
    ("Period", to_interval),
    ("Ratio", to_ratio),
)


def to_value(value: Any) -> Any:
    """Any FHIR value as its System value; types without one stay as they are."""
    if not isinstance(value, FhirElement):
        return value
    if value.type.read_value is not None:
        return value.type.read_value(value.json)
    for name, convert in _BY_TYPE:
        if value.is_a(name):
            return convert(value)
    return value


def _of_fhir(convert: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: convert(value) if isinstance(value, FhirElement) else value


FUNCTIONS: Final[dict[str, Callable[[Any], Any]]] = {
    **dict.fromkeys(
        ("ToString", "ToBoolean", "ToDate", "ToDateTime", "ToDecimal", "ToInteger", "ToTime"), primitive
    ),
    "ToCalendarUnit": to_calendar_unit,
    "ToCode": _of_fhir(to_code),
    "ToConcept": _of_fhir(to_concept),
    "ToInterval": _of_fhir(to_interval),
    "ToQuantity": _of_fhir(to_quantity),
    "ToQuantityIgnoringComparator": _of_fhir(to_quantity_ignoring_comparator),
    "ToRatio": _of_fhir(to_ratio),
    "ToValue": to_value,
    "ToValueSet": to_value_set,
    "reference": reference,
}
"""The functions of FHIRHelpers by name; each takes one operand."""


def _kind(value: object) -> str:
    return f"FHIR.{value.type.name}" if isinstance(value, FhirElement) else type(value).__name__
