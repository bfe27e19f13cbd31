"""Is, As, Convert and CanConvert (ELM 22; CQL 1.5, appendix B, Type operators)."""

from collections.abc import Callable
from typing import Any, Final, NoReturn

from ..errors import EvaluationError
from ..fhir_helpers import to_value
from ..fhir_model import FhirElement
from ..operators import operator_for
from .compiling import Compiling, Scope, compiles
from .program import Expression, Node
from .source import Constant, Inline, Writer, call
from .type_specifiers import TypeSpecifier, type_specifier, type_test

Convert = Callable[[Any], Any]

_CONVERTIBLE: Final = frozenset(
    "Boolean Integer Long Decimal String Date DateTime Time Quantity Ratio Concept".split()  # noqa: SIM905
)


def _target(compiling: Compiling, node: Node, field: str) -> TypeSpecifier:
    """The type that ``isType`` / ``isTypeSpecifier`` and their like name."""
    written = node.get(f"{field}Specifier") or node.get(field)
    found = type_specifier(written)
    if found is None:
        name = written if isinstance(written, str) else "specifier"
        compiling.unknown(f"type {name} of {node.get('type')}")
    return found


@compiles("Is")
def _is(compiling: Compiling, node: Node, scope: Scope) -> Expression:
    operand = compiling.child(node, "operand", scope)
    target = _target(compiling, node, "isType")

    def write(writer: Writer) -> str:
        value = writer.value(operand)
        return f"{value} is not None and {_tested(writer, target, value)}"

    return Inline(write, truth=True)


def _tested(writer: Writer, target: TypeSpecifier, value: str) -> str:
    """The source of whether a value that is not null is of the type."""
    if target.kind != "FHIR":
        return f"{writer.name(type_test(target))}({value})"
    is_element = f"type({value}) is {writer.name(FhirElement)}"
    return f"({is_element} and {writer.name(target.name)} in {value}.type.ancestors)"


@compiles("As")
def _as(compiling: Compiling, node: Node, scope: Scope) -> Expression:
    operand = compiling.child(node, "operand", scope)
    target = _target(compiling, node, "asType")
    if isinstance(operand, Constant) and operand.value is None:
        return operand
    strict = node.get("strict") is True

    def refuse() -> NoReturn:
        raise EvaluationError(f"a value cannot be cast to {target}")

    def write(writer: Writer) -> str:
        value = writer.value(operand)
        otherwise = f"{writer.name(refuse)}()" if strict else "None"
        return f"{value} if {value} is None or {_tested(writer, target, value)} else {otherwise}"

    return Inline(write)


@compiles("Convert")
def _convert(compiling: Compiling, node: Node, scope: Scope) -> Expression:
    operand = compiling.child(node, "operand", scope)
    convert = _conversion(compiling, _target(compiling, node, "toType"))
    return call(convert, [operand])


@compiles("CanConvert")
def _can_convert(compiling: Compiling, node: Node, scope: Scope) -> Expression:
    operand = compiling.child(node, "operand", scope)
    convert = _conversion(compiling, _target(compiling, node, "toType"))

    def can(value: Any) -> bool | None:
        if value is None:
            return None
        try:
            return convert(value) is not None
        except EvaluationError:
            return False

    return call(can, [operand])


def _conversion(compiling: Compiling, target: TypeSpecifier) -> Convert:
    """The conversion to a type: null of what cannot be converted; a value of the type stays as it is."""
    test = type_test(target)
    convert = _inner_conversion(compiling, target)

    def run(value: Any) -> Any:
        if value is None or test(value):
            return value
        value = to_value(value)
        return value if value is None or test(value) else convert(value)

    return run


def _inner_conversion(compiling: Compiling, target: TypeSpecifier) -> Convert:
    if target.kind == "System" and target.name in _CONVERTIBLE:
        found = operator_for({"type": f"To{target.name}"})
        return found or compiling.unknown(f"conversion to {target}")
    if target.kind == "List":
        each = _conversion(compiling, target.arguments[0])
        return lambda value: [each(item) for item in value] if isinstance(value, list) else None
    if target.kind == "Choice":
        options = [_conversion(compiling, option) for option in target.arguments]
        return lambda value: next((c for c in (option(value) for option in options) if c is not None), None)
    return compiling.unknown(f"conversion to {target}")
