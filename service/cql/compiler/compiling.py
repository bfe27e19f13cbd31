"""The compiler's spine: scopes, the table of node compilers, and the fallback to plain operators."""

from collections.abc import Callable, Mapping
from typing import Any, Final, NoReturn

from ..errors import EvaluationError, MalformedLibrary, UnknownNode
from ..fhir_model import FhirType
from ..operators import NAMED_OPERANDS, operator_for
from .program import Expression, Function, Layout, Node, Program, Unit
from .source import Constant, call, constants, slot

NodeCompiler = Callable[["Compiling", Node, "Scope"], Expression]

_COMPILERS: dict[str, NodeCompiler] = {}


def compiles(*node_types: str) -> Callable[[NodeCompiler], NodeCompiler]:
    """Register the compiler of these ELM node types."""

    def register(compiler: NodeCompiler) -> NodeCompiler:
        for node_type in node_types:
            _COMPILERS[node_type] = compiler
        return compiler

    return register


_FOLDED: Final = frozenset({"ToList", "ToConcept"})
"""Operators evaluated once when their operands are constants: what they give depends on nothing else."""


class Scope:
    """What names mean at a place: (kind, name) to the expression that reads it.

    Kinds: 'alias', 'let', 'operand' and 'this' (the row that is being sorted).
    """

    def __init__(self, layout: Layout, names: Mapping[tuple[str, str], Expression] | None = None) -> None:
        self.layout = layout
        self._names = dict(names or {})

    def find(self, kind: str, name: str) -> Expression | None:
        """The expression that reads the name, None when it is not bound."""
        return self._names.get((kind, name))

    def binding(self, kind: str, name: str, expression: Expression) -> "Scope":
        """This scope and one more name."""
        return Scope(self.layout, {**self._names, (kind, name): expression})

    def with_slot(self, kind: str, name: str, element: FhirType | None = None) -> "tuple[Scope, int]":
        """This scope and one more name held in a new slot; ``element``: the type of what it always holds."""
        number = self.layout.slot()
        return self.binding(kind, name, slot(number, element)), number


class Compiling:
    """Compiles the nodes of one define or function of a library."""

    def __init__(self, program: Program, unit: Unit, define: str) -> None:
        self.program = program
        self.unit = unit
        self.define = define
        self.calls: list[Function] = []
        """The functions that what has been compiled calls."""

    def unknown(self, what: str) -> NoReturn:
        """Raise UnknownNode here."""
        raise UnknownNode(self.unit.name, self.define, what)

    def malformed(self, reason: str) -> NoReturn:
        """Raise MalformedLibrary here."""
        raise MalformedLibrary(self.unit.name, f"{self.define}: {reason}")

    def expression(self, node: Any, scope: Scope) -> Expression:
        """Compile a node; raises UnknownNode or MalformedLibrary."""
        if not isinstance(node, Mapping):
            self.malformed(f"an expression was expected, not {type(node).__name__}")
        node_type = node.get("type")
        compiler = _COMPILERS.get(node_type) if isinstance(node_type, str) else None
        return compiler(self, node, scope) if compiler is not None else self.operator(node, scope)

    def optional(self, node: Any, scope: Scope) -> Expression | None:
        """Compile a node that may be absent."""
        return None if node is None else self.expression(node, scope)

    def child(self, node: Node, field: str, scope: Scope) -> Expression:
        """Compile the node in a field that must be there."""
        if field not in node:
            self.malformed(f"{node.get('type')} without {field}")
        return self.expression(node[field], scope)

    def operator(self, node: Node, scope: Scope) -> Expression:
        """Compile a plain operator: its operands first, then the function on them."""
        try:
            function = operator_for(node)
        except EvaluationError as error:
            raise UnknownNode(self.unit.name, self.define, f"{node['type']} ({error.reason})") from error
        if function is None:
            self.unknown(str(node.get("type")))
        operands = self.operands(node, scope)
        fixed = constants(operands) if node.get("type") in _FOLDED else None
        return call(function, operands) if fixed is None else Constant(function(*fixed))

    def operands(self, node: Node, scope: Scope) -> list[Expression]:
        """Compile the operands in ELM order."""
        named = NAMED_OPERANDS.get(node["type"])
        if named is not None and "operand" not in named:
            return [self.expression(node[field], scope) if field in node else NULL for field in named]
        operands = node.get("operand", ())
        nodes = operands if isinstance(operands, list | tuple) else [operands]
        compiled = [self.expression(each, scope) for each in nodes]
        for field in (named or ())[1:]:
            compiled.append(self.expression(node[field], scope) if field in node else NULL)
        return compiled

    def unit_of(self, node: Node) -> Unit:
        """The library that a reference means: an included one, else this one."""
        local = node.get("libraryName")
        if local is None:
            return self.unit
        found = self.program.units.get(self.unit.includes.get(local, ""))
        if found is None:
            self.unknown(f"library {local}")
        return found

    def declared(self, node: Node, table: Callable[[Unit], Mapping[str, Any]]) -> Any:
        """What a reference node names in its library; raises UnknownNode."""
        unit = self.unit_of(node)
        found = table(unit).get(str(node.get("name")))
        if found is None:
            self.unknown(f"{node.get('type', 'reference')} {unit.name}.{node.get('name')}")
        return found


NULL: Final = Constant(None)
