"""Literals, selectors, references, conditionals and logic (CQL 1.5, appendix B, Logical operators)."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

from ..errors import EvaluationError
from ..fhir_helpers import to_value
from ..operators import operator_for
from ..types import Code, CodeSystemRef, Concept, DateTime, Long, Quantity, Ratio, ValueSetRef
from ..types.numbers import INTEGER_MAX, INTEGER_MIN, LONG_MAX, LONG_MIN, decimal_or_null
from .compiling import NULL, Compiling, Scope, compiles
from .program import Expression, Node
from .run import Run
from .source import Constant, Inline, Writer, call, constants, reference
from .type_specifiers import named_type

_DECIMAL_BOUND: Final = Decimal("1e28")


def _integer(text: str) -> int:
    value = int(text)
    if not INTEGER_MIN <= value <= INTEGER_MAX:
        raise ValueError("out of range")
    return value


def _long(text: str) -> Long:
    value = int(text.rstrip("Ll"))
    if not LONG_MIN <= value <= LONG_MAX:
        raise ValueError("out of range")
    return Long(value)


def _decimal(text: str) -> Decimal:
    value = Decimal(text)
    if decimal_or_null(value) != value or value.copy_abs() >= _DECIMAL_BOUND:
        raise ValueError("out of range, or more than 8 decimals")
    return value


_LITERALS: Final[dict[str, Callable[[str], Any]]] = {
    "Boolean": lambda text: text == "true",
    "Integer": _integer,
    "Long": _long,
    "Decimal": _decimal,
    "String": str,
}


@compiles("Literal")
def _literal(compiling: Compiling, node: Node, _scope: Scope) -> Expression:
    value_type = named_type(str(node.get("valueType")))
    read = _LITERALS.get(value_type.name) if value_type is not None else None
    if read is None:
        compiling.unknown(f"literal of {node.get('valueType')}")
    try:
        return Constant(read(str(node.get("value", ""))))
    except (ValueError, ArithmeticError):
        compiling.malformed(f"no {node.get('valueType')}: {node.get('value')!r}")


@compiles("Negate")
def _negate(compiling: Compiling, node: Node, scope: Scope) -> Expression:
    """A negated literal is a literal: -2147483648 is an Integer, 2147483648 is not."""
    operand = node.get("operand")
    if isinstance(operand, Mapping) and operand.get("type") == "Literal":
        return compiling.expression({**operand, "value": f"-{operand.get('value')}"}, scope)
    return compiling.operator(node, scope)


@compiles("Null")
def _null(_compiling: Compiling, _node: Node, _scope: Scope) -> Expression:
    return NULL


def _quantity_of(compiling: Compiling, node: Node) -> Quantity:
    value = node.get("value")
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal | str):
        compiling.malformed("a quantity without a value")
    unit = str(node.get("unit") or "1")
    return Quantity(Decimal(str(value)), unit)


@compiles("Quantity")
def _quantity(compiling: Compiling, node: Node, _scope: Scope) -> Expression:
    return Constant(_quantity_of(compiling, node))


@compiles("Ratio")
def _ratio(compiling: Compiling, node: Node, _scope: Scope) -> Expression:
    parts = [_quantity_of(compiling, node[part]) for part in ("numerator", "denominator")]
    return Constant(Ratio(*parts))


@compiles("Code")
def _code(compiling: Compiling, node: Node, _scope: Scope) -> Expression:
    system = compiling.declared(node["system"], lambda unit: unit.code_systems)
    return Constant(Code(node.get("code"), system.id, system.version, node.get("display")))


@compiles("Concept")
def _concept(compiling: Compiling, node: Node, scope: Scope) -> Expression:
    codes = [compiling.expression({"type": "Code", **each}, scope)([]) for each in node.get("code", ())]
    return Constant(Concept(tuple(codes), node.get("display")))


@compiles("Tuple")
def _tuple(compiling: Compiling, node: Node, scope: Scope) -> Expression:
    elements = [(e["name"], compiling.child(e, "value", scope)) for e in node.get("element", ())]

    def write(writer: Writer) -> str:
        values = writer.values([value for _, value in elements])
        members = [f"{writer.name(name)}: {value}" for (name, _), value in zip(elements, values, strict=True)]
        return f"{{{', '.join(members)}}}"

    return Inline(write, known=True)


@compiles("List")
def _list(compiling: Compiling, node: Node, scope: Scope) -> Expression:
    elements = [compiling.expression(each, scope) for each in node.get("element", ())]
    fixed = constants(elements)
    if fixed is not None:
        return Constant(fixed)
    return Inline(lambda writer: f"[{', '.join(writer.values(elements))}]", known=True)


@compiles("Interval")
def _interval(compiling: Compiling, node: Node, scope: Scope) -> Expression:
    """Bounds that are FHIR primitives are taken by their values."""
    select = operator_for(node)
    if select is None:
        compiling.unknown("Interval")

    def make(low: Any, high: Any, low_closed: Any, high_closed: Any) -> Any:
        return select(to_value(low), to_value(high), low_closed, high_closed)

    return call(make, compiling.operands(node, scope))


@compiles("ExpressionRef")
def _expression_ref(compiling: Compiling, node: Node, _scope: Scope) -> Expression:
    return reference(compiling.declared(node, lambda unit: unit.defines))


@compiles("ParameterRef")
def _parameter_ref(compiling: Compiling, node: Node, _scope: Scope) -> Expression:
    parameter = compiling.declared(node, lambda unit: unit.parameters)
    return Inline(lambda writer: f"r.parameter({writer.name(parameter)})")


@compiles("CodeRef")
def _code_ref(compiling: Compiling, node: Node, _scope: Scope) -> Expression:
    return Constant(compiling.declared(node, lambda unit: unit.codes))


@compiles("ConceptRef")
def _concept_ref(compiling: Compiling, node: Node, _scope: Scope) -> Expression:
    return Constant(compiling.declared(node, lambda unit: unit.concepts))


@compiles("CodeSystemRef")
def _code_system_ref(compiling: Compiling, node: Node, _scope: Scope) -> Expression:
    return Constant(compiling.declared(node, lambda unit: unit.code_systems))


@compiles("AliasRef")
def _alias_ref(compiling: Compiling, node: Node, scope: Scope) -> Expression:
    return _bound(compiling, node, scope, "alias")


@compiles("OperandRef")
def _operand_ref(compiling: Compiling, node: Node, scope: Scope) -> Expression:
    return _bound(compiling, node, scope, "operand")


@compiles("QueryLetRef")
def _let_ref(compiling: Compiling, node: Node, scope: Scope) -> Expression:
    return _bound(compiling, node, scope, "let")


def _bound(compiling: Compiling, node: Node, scope: Scope, kind: str) -> Expression:
    found = scope.find(kind, str(node.get("name")))
    if found is None:
        compiling.unknown(f"{node['type']} {node.get('name')}")
    return found


@compiles("If")
def _if(compiling: Compiling, node: Node, scope: Scope) -> Expression:
    condition = compiling.child(node, "condition", scope)
    then = compiling.child(node, "then", scope)
    otherwise = compiling.optional(node.get("else"), scope) or NULL
    return Choice([(condition, then)], otherwise)


class Choice(Inline):
    """A case without comparand: what follows the first condition that is true."""

    def __init__(self, items: list[tuple[Expression, Expression]], otherwise: Expression) -> None:
        super().__init__(self._write)
        self.items = items
        self.otherwise = otherwise

    def _write(self, writer: Writer) -> str:
        found = writer.variable()
        if len(self.items) == 1:
            ((when, then),) = self.items
            with writer.block(f"if {writer.holds(when)}:"):
                writer.put(found, then)
            with writer.block("else:"):
                writer.put(found, self.otherwise)
            return found
        with writer.block("while True:"):
            for when, then in self.items:
                with writer.block(f"if {writer.holds(when)}:"):
                    writer.put(found, then)
                    writer.line("break")
            writer.put(found, self.otherwise)
            writer.line("break")
        return found


def case(compiling: Compiling, node: Node, scope: Scope) -> Expression:
    """Compile a Case."""
    items = [
        (compiling.child(item, "when", scope), compiling.child(item, "then", scope))
        for item in node.get("caseItem", ())
    ]
    otherwise = compiling.optional(node.get("else"), scope) or NULL
    comparand = compiling.optional(node.get("comparand"), scope)
    return Choice(items, otherwise) if comparand is None else _case_of(comparand, items, otherwise)


def _case_of(
    comparand: Expression, items: list[tuple[Expression, Expression]], otherwise: Expression
) -> Expression:
    equal = plain("Equal")

    def write(writer: Writer) -> str:
        found, value = writer.variable(), writer.value(comparand)
        with writer.block("while True:"):
            for when, then in items:
                with writer.block(f"if {_equal(writer, equal, value, when)} is True:"):
                    writer.put(found, then)
                    writer.line("break")
            writer.put(found, otherwise)
            writer.line("break")
        return found

    return Inline(write)


def _equal(writer: Writer, equal: Callable[..., Any], value: str, other: Expression) -> str:
    return writer.bind(f"{writer.name(equal)}({value}, {writer.once(other)})")


@compiles("Coalesce")
def _coalesce(compiling: Compiling, node: Node, scope: Scope) -> Expression:
    operands = compiling.operands(node, scope)
    if len(operands) == 1:
        return call(_first_known, operands)

    def write(writer: Writer) -> str:
        found = writer.variable()
        with writer.block("while True:"):
            for operand in operands:
                writer.put(found, operand)
                if isinstance(operand, Constant) and operand.value is not None:
                    break
                writer.line(f"if {found} is not None: break")
            writer.line("break")
        return found

    return Inline(write)


def _first_known(value: Any) -> Any:
    if isinstance(value, list):
        return next((each for each in value if each is not None), None)
    return value


@compiles("And")
def _and(compiling: Compiling, node: Node, scope: Scope) -> Expression:
    return _Decision(compiling.operands(node, scope), "False", "True")


@compiles("Or")
def _or(compiling: Compiling, node: Node, scope: Scope) -> Expression:
    return _Decision(compiling.operands(node, scope), "True", "False")


class _Decision(Inline):
    """And or Or of any number of operands: the first that is ``end`` decides, ``other`` takes all."""

    def __init__(self, operands: list[Expression], end: str, other: str) -> None:
        super().__init__(self._write, truth=all(isinstance(each, Inline) and each.truth for each in operands))
        self._end = end
        self._other = other
        self._operands: list[Expression] = []
        for each in operands:
            if isinstance(each, _Decision) and each._end == end:
                self._operands += each._operands
            else:
                self._operands.append(each)

    def _write(self, writer: Writer) -> str:
        first, *others = self._operands
        with writer.block("while True:"):
            found = writer.own(first)
            writer.line(f"if {found} is {self._end}: break")
            for operand in others:
                if self.truth:
                    writer.put(found, operand)
                    if operand is not others[-1]:
                        writer.line(f"if {found} is {self._end}: break")
                    continue
                value = writer.value(operand)
                with writer.block(f"if {value} is not {self._other}:"):
                    writer.line(f"{found} = None")
                    with writer.block(f"if {value} is {self._end}:"):
                        writer.line(f"{found} = {self._end}")
                        writer.line("break")
            writer.line("break")
        return found


@compiles("Equal", "In")
def _is_text(compiling: Compiling, node: Node, scope: Scope) -> Expression:
    """Comparing with texts that the library names needs no operator where the value is a text."""
    operands = compiling.operands(node, scope)
    operator = operator_for(node)
    if operator is None:
        compiling.unknown(str(node["type"]))
    known = operands[1].value if isinstance(operands[1], Constant) else None
    is_in = node["type"] == "In"
    texts = frozenset(known) if is_in and isinstance(known, list) and all(map(_text, known)) else None
    if texts is None and (is_in or not _text(known)):
        return call(operator, operands)

    def write(writer: Writer) -> str:
        value = writer.value(operands[0])
        test = f"in {writer.name(texts)}" if texts is not None else f"== {writer.name(known)}"
        otherwise = f"{writer.name(operator)}({value}, {writer.name(known)})"
        return f"{value} {test} if type({value}) is str else {otherwise}"

    return Inline(write)


def _text(value: Any) -> bool:
    return type(value) is str


@compiles("Implies")
def _implies(compiling: Compiling, node: Node, scope: Scope) -> Expression:
    left, right = compiling.operands(node, scope)
    return _Decision([_Not(left), right], "True", "False")


@compiles("Not")
def _not(compiling: Compiling, node: Node, scope: Scope) -> Expression:
    (operand,) = compiling.operands(node, scope)
    return _Not(operand)


class _Not(Inline):
    def __init__(self, operand: Expression) -> None:
        super().__init__(self._write, truth=isinstance(operand, Inline) and operand.truth)
        self._operand = operand

    def _write(self, writer: Writer) -> str:
        if self.truth:
            return self.holds(writer)
        value = writer.value(self._operand)
        return f"None if {value} is None else not {value}"

    def holds(self, writer: Writer) -> str:
        if self.truth:
            return f"not ({writer.once(self._operand)})"
        return f"{writer.value(self._operand)} is False"


_TESTS: Final = {"IsNull": "None", "IsTrue": "True", "IsFalse": "False"}


@compiles(*_TESTS)
def _test(compiling: Compiling, node: Node, scope: Scope) -> Expression:
    (operand,) = compiling.operands(node, scope)
    wanted = _TESTS[node["type"]]
    return Inline(lambda writer: f"{writer.value(operand)} is {wanted}", truth=True)


@compiles("Now")
def _now(_compiling: Compiling, _node: Node, _scope: Scope) -> Expression:
    return Inline(lambda _writer: "r.now", known=True)


@compiles("Today")
def _today(_compiling: Compiling, _node: Node, _scope: Scope) -> Expression:
    return Inline(lambda _writer: "r.today", known=True)


@compiles("TimeOfDay")
def _time_of_day(_compiling: Compiling, _node: Node, _scope: Scope) -> Expression:
    return Inline(lambda _writer: "r.time_of_day", known=True)


@compiles("CalculateAge")
def _calculate_age(compiling: Compiling, node: Node, scope: Scope) -> Expression:
    """Age at the evaluation's clock: Now for a DateTime of birth, Today for a Date."""
    birth = compiling.child(node, "operand", scope)
    age_at = operator_for({**node, "type": "CalculateAgeAt"})
    if age_at is None:
        compiling.unknown("CalculateAge")

    def age(run: Run, born: Any) -> Any:
        return age_at(born, run.now if isinstance(born, DateTime) else run.today)

    return Inline(lambda writer: f"{writer.name(age)}(r, {writer.once(birth)})")


_SYSTEM_CLASSES: Final[dict[str, Callable[..., Any]]] = {
    "Quantity": lambda value=None, unit=None: None if value is None else Quantity(value, unit or "1"),
    "Ratio": lambda numerator=None, denominator=None: (
        None if numerator is None or denominator is None else Ratio(numerator, denominator)
    ),
    "Code": lambda code=None, system=None, version=None, display=None: Code(code, system, version, display),
    "Concept": lambda codes=None, display=None: Concept(
        tuple(code for code in codes or () if code is not None), display
    ),
    "CodeSystem": lambda id=None, version=None, name=None: CodeSystemRef(id, version, name),
    "ValueSet": lambda id=None, version=None, name=None: ValueSetRef(id, version, frozenset(), name),
}


def system_instance(compiling: Compiling, class_name: str, elements: dict[str, Expression]) -> Expression:
    """A selector of a System class, such as System.Quantity{value: 1.0, unit: 'mg'}."""
    make = _SYSTEM_CLASSES.get(class_name)
    if make is None:
        compiling.unknown(f"instance of System.{class_name}")

    names = list(elements)
    return call(lambda *values: make(**dict(zip(names, values, strict=True))), list(elements.values()))


def plain(node_type: str, **fields: Any) -> Callable[..., Any]:
    """The operator of a node type, for use by compiled nodes; an error when run if there is none."""
    found = operator_for({"type": node_type, **fields})

    def missing(*_operands: Any) -> Any:
        raise EvaluationError(f"no operator {node_type}")

    return found or missing
