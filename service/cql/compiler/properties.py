"""Property access, instances of classes, and what lies beneath a value (ELM Property, Instance, Children)."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from ..errors import EvaluationError
from ..fhir_helpers import primitive
from ..fhir_json import instance
from ..fhir_model import FhirElement, FhirType, Reader, fhir_types
from ..types import Code, CodeSystemRef, Concept, Interval, Quantity, Ratio, ValueSetRef
from .compiling import Compiling, Scope, compiles
from .expressions import system_instance
from .program import Expression, Node
from .run import Run
from .source import Constant, Inline, Writer, call
from .type_specifiers import named_type

Getter = Callable[[Any], Any]

_NAME: Final = re.compile(r"[^.\[\]]+")

_SYSTEM_ELEMENTS: Final[dict[type, dict[str, str]]] = {
    Quantity: {"value": "value", "unit": "unit"},
    Ratio: {"numerator": "numerator", "denominator": "denominator"},
    Code: {"code": "code", "system": "system", "version": "version", "display": "display"},
    Concept: {"codes": "codes", "display": "display"},
    Interval: {"low": "low", "high": "high", "lowClosed": "low_closed", "highClosed": "high_closed"},
    ValueSetRef: {"id": "id", "version": "version", "name": "name"},
    CodeSystemRef: {"id": "id", "version": "version", "name": "name"},
}


class Readers(dict[FhirType, Reader]):
    """How a path ('code', 'birthDate.value') is read from an element of each type, found once for a type.

    ``primitives``: what is read is a primitive, and its System value is wanted.
    """

    def __init__(self, path: str, *, primitives: bool = False) -> None:
        super().__init__()
        self._names = path.split(".")
        self._steps = [_step(name) for name in self._names]
        self._primitives = primitives
        self.plain = path if _NAME.fullmatch(path) and not primitives else None
        """The path when it is the name of an element."""

    def __missing__(self, fhir_type: FhirType) -> Reader:
        if self._primitives:
            found = fhir_type.value_reader(self._names)
        else:
            found = fhir_type.path_reader(self._names)
        self[fhir_type] = found or self.other
        return self[fhir_type]

    def of(self, value: Any) -> Any:
        """Reads the path of any value; null wherever something on the way is null."""
        return self[value.type](value) if type(value) is FhirElement else self.other(value)

    def other(self, value: Any) -> Any:
        """Reads the path step by step: of System values, and through lists, choices and primitives."""
        for step in self._steps:
            if value is None:
                return None
            value = step(value)
        return primitive(value) if self._primitives else value


def _step(name: str) -> Getter:
    if name.endswith("]"):
        return _indexed(name)

    def read(value: Any) -> Any:
        if isinstance(value, FhirElement):
            return value.get(name)
        if value is None:
            return None
        if isinstance(value, dict):
            return value.get(name)
        return _system_element(value, name)

    return read


def _indexed(name: str) -> Getter:
    inner, _, index = name[:-1].partition("[")
    position = int(index)
    read_inner = _step(inner)

    def read(value: Any) -> Any:
        values = read_inner(value)
        return values[position] if isinstance(values, list) and 0 <= position < len(values) else None

    return read


def _system_element(value: Any, name: str) -> Any:
    attribute = _SYSTEM_ELEMENTS.get(type(value), {}).get(name)
    if attribute is None:
        raise EvaluationError(f"{type(value).__name__} has no element {name}")
    found = getattr(value, attribute)
    return list(found) if isinstance(found, tuple) else found


@compiles("Property")
def _property(compiling: Compiling, node: Node, scope: Scope) -> Expression:
    path = node.get("path")
    if not isinstance(path, str) or not path:
        compiling.malformed("Property without path")
    while _is_path(node.get("source")):  # x.code.value is one path of x
        node = node["source"]
        path = f"{node['path']}.{path}"
    if "source" in node:
        source = compiling.expression(node["source"], scope)
    else:
        name = str(node.get("scope"))
        found = scope.find("alias", name) or scope.find("let", name) or scope.find("operand", name)
        source = found or compiling.unknown(f"scope {name}")
    if isinstance(source, Constant) and isinstance(source.value, Concept):
        return Constant(Readers(path).of(source.value))
    return Property(path, source)


class Property(Inline):
    """What lies at a path of a value."""

    def __init__(self, path: str, source: Expression, *, primitives: bool = False) -> None:
        parent = source.element if isinstance(source, Inline) else None
        super().__init__(self._write, rows=None if parent is None else parent.row_type(path.split(".")))
        self._path = path
        self._source = source
        self._parent = parent
        self._readers = Readers(path, primitives=primitives)

    def _write(self, writer: Writer) -> str:
        if self._parent is not None:
            return f"{writer.name(self._readers[self._parent])}({writer.once(self._source)})"
        value = writer.value(self._source)
        readers, element = writer.name(self._readers), writer.name(FhirElement)
        other = f"{writer.name(self._readers.other)}({value})"
        if self._readers.plain is not None:
            plain = writer.name(self._readers.plain)
            other = f"{value}.get({plain}) if type({value}) is dict else {other}"
        return f"{readers}[{value}.type]({value}) if type({value}) is {element} else {other}"

    def primitive(self) -> "Property":
        """The System value of the primitive that lies there."""
        return Property(self._path, self._source, primitives=True)


def _is_path(node: Any) -> bool:
    return isinstance(node, Mapping) and node.get("type") == "Property" and isinstance(node.get("path"), str)


@compiles("IdentifierRef")
def _identifier_ref(compiling: Compiling, node: Node, scope: Scope) -> Expression:
    """A name that only the row being sorted can resolve: one of its elements."""
    name = str(node.get("name"))
    this = scope.find("this", "")
    if this is None:
        compiling.unknown(f"identifier {name}")
    if name == "$this":
        return this
    return Property(name, this)


@compiles("Instance")
def _instance(compiling: Compiling, node: Node, scope: Scope) -> Expression:
    class_type = named_type(str(node.get("classType")))
    if class_type is None:
        compiling.unknown(f"class {node.get('classType')}")
    elements = {e["name"]: compiling.child(e, "value", scope) for e in node.get("element", ())}
    if class_type.kind == "System":
        return system_instance(compiling, class_type.name, elements)
    fhir_type = fhir_types()[class_type.name]
    for name in elements:
        if name not in fhir_type.elements:
            compiling.unknown(f"element {name} of {class_type}")

    names = list(elements)

    def make(*values: Any) -> FhirElement:
        return instance(fhir_type, dict(zip(names, values, strict=True)))

    return call(make, list(elements.values()))


@compiles("Children")
def _children(compiling: Compiling, node: Node, scope: Scope) -> Expression:
    source = compiling.child(node, "source", scope)
    return call(_beneath, [source])


@compiles("Descendents")
def _descendents(compiling: Compiling, node: Node, scope: Scope) -> Expression:
    source = compiling.child(node, "source", scope)

    def descend(run: Run, start: Any) -> list[Any] | None:
        first = _beneath(start)
        found = list(first or ())
        for value in found:
            run.spend(1)
            found.extend(_beneath(value) or ())
        return None if first is None else found

    return Inline(lambda writer: f"{writer.name(descend)}(r, {writer.once(source)})")


def _beneath(value: Any) -> list[Any] | None:
    """The values directly beneath a value, null of null; a System value has those of its elements."""
    if value is None:
        return None
    if isinstance(value, FhirElement):
        return list(value.children())
    if isinstance(value, list):
        return [each for item in value for each in _beneath(item) or ()]
    if isinstance(value, dict):
        inner = list(value.values())
    else:
        inner = [_system_element(value, name) for name in _SYSTEM_ELEMENTS.get(type(value), ())]
    flat: list[Any] = []
    for each in inner:
        flat.extend(each if isinstance(each, list) else (each,))
    return [each for each in flat if each is not None]
