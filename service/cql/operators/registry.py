"""Where operator modules enter their functions, by ELM node type."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

Operator = Callable[..., Any]
Node = Mapping[str, Any]
Binder = Callable[[Node], Operator]
Function = TypeVar("Function", bound=Operator)

_BINDERS: dict[str, Binder] = {}


def operator(*node_types: str) -> Callable[[Function], Function]:
    """Register a function of evaluated operands for these ELM node types."""

    def register(function: Function) -> Function:
        for node_type in node_types:
            _BINDERS[node_type] = lambda _node: function
        return function

    return register


def bound_operator(*node_types: str) -> Callable[[Binder], Binder]:
    """Register a maker of operators that depend on fields of the node, such as its precision."""

    def register(binder: Binder) -> Binder:
        for node_type in node_types:
            _BINDERS[node_type] = binder
        return binder

    return register


def with_precision(*node_types: str) -> Callable[[Function], Function]:
    """Register a function whose last argument is the node's precision in lower case, None without one."""

    def register(function: Function) -> Function:
        def bind(node: Node) -> Operator:
            precision = precision_of(node)
            return lambda *operands: function(*operands, precision)

        for node_type in node_types:
            _BINDERS[node_type] = bind
        return function

    return register


def precision_of(node: Node) -> str | None:
    """The node's precision as a unit name ('day'), None without one."""
    precision = node.get("precision")
    return precision.lower() if isinstance(precision, str) else None


def operator_for(node: Node) -> Operator | None:
    """The node's operator as a function of evaluated operands, None when it is not a plain operator."""
    binder = _BINDERS.get(node.get("type", ""))
    return None if binder is None else binder(node)


def operand_kind(node: Node, index: int = 0) -> str | None:
    """'list', 'interval' or the type name ('Integer') of an operand as translated; None if unknown.

    Reads the signature or the operand's result type: a null value has no type of its own.
    """
    specifier = _signature(node, index) or _result_type(node, index)
    if isinstance(specifier, str):
        return specifier.rpartition("}")[2]
    if not isinstance(specifier, Mapping):
        return None
    kind = specifier.get("type")
    if kind == "ListTypeSpecifier":
        return "list"
    if kind == "IntervalTypeSpecifier":
        return "interval"
    name = specifier.get("name")
    return name.rpartition("}")[2] if isinstance(name, str) else None


def _signature(node: Node, index: int) -> Any:
    signature = node.get("signature")
    return signature[index] if isinstance(signature, list) and index < len(signature) else None


def _result_type(node: Node, index: int) -> Any:
    operands = node.get("operand")
    if isinstance(operands, list):
        operand = operands[index] if index < len(operands) else None
    else:
        operand = operands if index == 0 else None
    if not isinstance(operand, Mapping):
        return None
    return operand.get("resultTypeSpecifier") or operand.get("resultTypeName")
