"""Function calls: FHIRHelpers in Python, and the libraries' own functions with their overloads."""

from collections.abc import Sequence
from typing import Any

from ..errors import EvaluationError
from ..fhir_helpers import FUNCTIONS, primitive
from .compiling import Compiling, Scope, compiles
from .program import Body, Expression, Function, Node
from .properties import Property
from .run import Run
from .source import Inline, Writer, call
from .type_specifiers import TypeSpecifier, result_type, type_specifier, type_test

NATIVE_LIBRARY = "FHIRHelpers"


@compiles("FunctionRef")
def _function_ref(compiling: Compiling, node: Node, scope: Scope) -> Expression:
    nodes = node.get("operand", ())
    arguments = [compiling.expression(each, scope) for each in nodes]
    local = node.get("libraryName")
    if local is not None and compiling.unit.includes.get(local) == NATIVE_LIBRARY:
        function = FUNCTIONS.get(str(node.get("name")))
        if function is None or len(arguments) != 1:
            compiling.unknown(f"function {NATIVE_LIBRARY}.{node.get('name')}/{len(arguments)}")
        if function is primitive and isinstance(arguments[0], Property):
            return arguments[0].primitive()
        return call(function, arguments)
    unit = compiling.unit_of(node)
    named = unit.functions.get(str(node.get("name")), ())
    overloads = [each for each in named if len(each.operands) == len(arguments)]
    if not overloads:
        compiling.unknown(f"function {unit.name}.{node.get('name')}/{len(arguments)}")
    chosen = overloads if len(overloads) == 1 else _by_signature(overloads, _signature(node, nodes))
    compiling.calls += chosen
    return _call(chosen[0], arguments) if len(chosen) == 1 else _dispatch(chosen, arguments)


def _signature(node: Node, operands: Sequence[Node]) -> list[TypeSpecifier | None]:
    written = node.get("signature") or ()
    if len(written) == len(operands):
        return [type_specifier(each) for each in written]
    return [result_type(each) for each in operands]


def _by_signature(overloads: list[Function], signature: list[TypeSpecifier | None]) -> list[Function]:
    """The one overload with just these operand types, else all that may be meant."""
    exact = [f for f in overloads if [each for _, each in f.operands] == signature]
    return exact or overloads


def _call(function: Function | Body, arguments: list[Expression]) -> Expression:
    def write(writer: Writer) -> str:
        writer.calls = True
        values = ["r", *writer.values(arguments)]
        return f"{writer.name(function)}({', '.join(values)})"

    return Inline(write, truth=isinstance(function, Function) and function.truth)


def _dispatch(overloads: list[Function], arguments: list[Expression]) -> Expression:
    """Where the ELM leaves the overload open: the first that the values fit; a null fits every type."""
    tested = [(function, [type_test(each) for _, each in function.operands]) for function in overloads]

    def run(run: Run, *values: Any) -> Any:
        for function, tests in tested:
            if all(value is None or test(value) for value, test in zip(values, tests, strict=True)):
                return function.run(run, *values)
        raise EvaluationError(f"no overload of {overloads[0].name} takes these operands")

    return _call(run, arguments)
