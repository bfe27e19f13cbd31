"""ELM type specifiers: their text, and the test whether a value is of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from ..fhir_model import FhirElement, fhir_types
from ..types import (
    Code,
    CodeSystemRef,
    Concept,
    Date,
    DateTime,
    Interval,
    Long,
    Quantity,
    Ratio,
    Time,
    ValueSetRef,
)

Test = Callable[[Any], bool]

SYSTEM: Final = "{urn:hl7-org:elm-types:r1}"
FHIR: Final = "{http://hl7.org/fhir}"


@dataclass(frozen=True)
class TypeSpecifier:
    """A type: ``kind`` is System, FHIR, List, Interval, Tuple or Choice.

    ``arguments`` are the types within; ``names`` those of a tuple's elements.
    """

    kind: str
    name: str = ""
    arguments: "tuple[TypeSpecifier, ...]" = ()
    names: tuple[str, ...] = ()

    def __str__(self) -> str:
        if self.kind in ("System", "FHIR"):
            return f"{self.kind}.{self.name}"
        if self.kind == "Tuple":
            pairs = zip(self.names, self.arguments, strict=True)
            return "Tuple{" + ", ".join(f"{name} {each}" for name, each in pairs) + "}"
        return f"{self.kind}<{', '.join(map(str, self.arguments))}>"


ANY: Final = TypeSpecifier("System", "Any")


def named_type(qualified: str) -> TypeSpecifier | None:
    """A type by its qualified name ('{urn:hl7-org:elm-types:r1}Integer'), None if there is no such type."""
    if qualified.startswith(SYSTEM):
        name = qualified.removeprefix(SYSTEM)
        return TypeSpecifier("System", name) if name in _SYSTEM_TESTS else None
    if qualified.startswith(FHIR):
        name = qualified.removeprefix(FHIR)
        return TypeSpecifier("FHIR", name) if name in fhir_types() else None
    return None


def type_specifier(node: Any) -> TypeSpecifier | None:
    """The type of a specifier node or qualified name, None when it is unknown."""
    if isinstance(node, str):
        return named_type(node)
    if not isinstance(node, Mapping):
        return None
    kind = node.get("type")
    if kind == "NamedTypeSpecifier":
        return named_type(str(node.get("name")))
    if kind == "TupleTypeSpecifier":
        elements = node.get("element", ())
        inner = [type_specifier(e.get("elementType") or e.get("type")) for e in elements]
        return _compound("Tuple", inner, tuple(e["name"] for e in elements))
    if kind == "ListTypeSpecifier":
        return _compound("List", [type_specifier(node.get("elementType"))])
    if kind == "IntervalTypeSpecifier":
        return _compound("Interval", [type_specifier(node.get("pointType"))])
    if kind == "ChoiceTypeSpecifier":
        return _compound("Choice", [type_specifier(each) for each in node.get("choice", ())])
    return None


def _compound(
    kind: str, inner: list[TypeSpecifier | None], names: tuple[str, ...] = ()
) -> TypeSpecifier | None:
    known = tuple(each for each in inner if each is not None)
    return TypeSpecifier(kind, "", known, names) if len(known) == len(inner) else None


def result_type(node: Mapping[str, Any]) -> TypeSpecifier | None:
    """The static type that the translator gave to a node, None without one."""
    found = node.get("resultTypeSpecifier") or node.get("resultTypeName")
    return None if found is None else type_specifier(found)


def type_test(specifier: TypeSpecifier) -> Test:
    """The test whether a value, not null, is of the type; nulls within lists, intervals and tuples pass."""
    if specifier.kind == "System":
        return _SYSTEM_TESTS[specifier.name]
    if specifier.kind == "FHIR":
        return _fhir_test(specifier.name)
    inner = [type_test(each) for each in specifier.arguments]
    if specifier.kind == "List":
        return _list_test(inner[0])
    if specifier.kind == "Interval":
        point = specifier.arguments[0]
        return _interval_test(_is(object) if point.kind == "FHIR" else inner[0], point.name)
    if specifier.kind == "Tuple":
        return _tuple_test(dict(zip(specifier.names, inner, strict=True)))
    return lambda value: any(test(value) for test in inner)


def _is(*classes: type) -> Test:
    return lambda value: isinstance(value, classes)


_SYSTEM_TESTS: Final[dict[str, Test]] = {
    "Any": lambda value: value is not None,
    "Boolean": _is(bool),
    "Integer": lambda value: type(value) is int,
    "Long": _is(Long),
    "Decimal": _is(Decimal),
    "String": _is(str),
    "Date": _is(Date),
    "DateTime": _is(DateTime),
    "Time": _is(Time),
    "Quantity": _is(Quantity),
    "Ratio": _is(Ratio),
    "Code": _is(Code),
    "Concept": _is(Concept),
    "ValueSet": _is(ValueSetRef),
    "CodeSystem": _is(CodeSystemRef),
    "Vocabulary": _is(ValueSetRef, CodeSystemRef),
}


def _fhir_test(name: str) -> Test:
    return lambda value: isinstance(value, FhirElement) and name in value.type.ancestors


def _list_test(inner: Test) -> Test:
    return lambda value: isinstance(value, list) and all(each is None or inner(each) for each in value)


def _interval_test(inner: Test, point_type: str) -> Test:
    def test(value: Any) -> bool:
        if not isinstance(value, Interval):
            return False
        if value.low is None and value.high is None:
            return value.point_type in (None, point_type) or point_type == "Any"
        return all(bound is None or inner(bound) for bound in (value.low, value.high))

    return test


def _tuple_test(inner: Mapping[str, Test]) -> Test:
    def test(value: Any) -> bool:
        return isinstance(value, dict) and all(
            name in value and (value[name] is None or each(value[name])) for name, each in inner.items()
        )

    return test
