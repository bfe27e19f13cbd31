"""Queries (ELM Query; CQL 1.5, Author's Guide, Queries), and list nodes that have a scope of their own."""

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cmp_to_key
from typing import Any

from ..fhir_helpers import to_value
from ..fhir_model import FhirType
from ..operators.list import distinct, exists, first
from ..types import DateTime, Temporal
from .compiling import NULL, Compiling, Scope, compiles
from .expressions import plain
from .functions import NATIVE_LIBRARY
from .program import RUN, UNSET, Expression, Frame, Node
from .properties import Readers
from .run import Run
from .source import Constant, Inline, Writer, call
from .source import slot as slot_of
from .type_specifiers import result_type

Accept = Callable[[Frame], bool]
Order = Callable[[Any, Any], int]


@compiles("Query")
def _query(compiling: Compiling, node: Node, scope: Scope) -> Expression:
    sources, slots = [], []
    inner = scope
    for source in node.get("source", ()):
        found = compiling.child(source, "expression", scope)
        sources.append(found)
        inner, slot = inner.with_slot("alias", source["alias"], _row_type(found))
        slots.append(slot)
    if not sources:
        compiling.malformed("Query without source")
    inner, let_slots = _lets(compiling, node, inner)
    accept = _conditions(compiling, node, inner)
    if len(sources) == 1 and "aggregate" not in node:
        result = _result(compiling, node, inner, slots)
        of = node["source"][0]["expression"]
        source = _Source(sources[0], slots[0], _is_list(of), of.get("type") == "List")
        return _Loop(source, let_slots, accept, result)
    rows = _rows(slots, let_slots, [_is_true(each) for each in accept])
    finish = _finish(compiling, node, inner, slots)

    def run(frame: Frame) -> Any:
        values = [source(frame) for source in sources]
        if all(value is None for value in values):
            return None
        scalar = not any(isinstance(value, list) for value in values)
        return finish(frame, rows(frame, [_rows_of(value) for value in values]), scalar)

    return run


def _row_type(rows: Expression) -> FhirType | None:
    return rows.rows if isinstance(rows, Inline) else None


def _is_list(node: Node) -> bool:
    """Whether the translator says that the node gives a list."""
    found = result_type(node)
    return found is not None and found.kind == "List"


@dataclass(frozen=True)
class _Source:
    """What a loop runs over, and the slot of its row.

    Unless ``listed`` it may be one row and no list; ``written``: a list that stands in the library, as short
    as the library has it.
    """

    rows: Expression
    slot: int
    listed: bool
    written: bool

    def write(self, writer: Writer, value: str, single: str) -> str:
        """The source of the rows; ``single`` is the variable that says whether they are no list."""
        if self.listed:
            return value
        writer.line(f"{single} = not isinstance({value}, list)")
        return writer.bind(f"[{value}] if {single} else {value}")


class _Loop(Inline):
    """A query of one source. Of a source that is no list the only row, or null."""

    def __init__(
        self, source: _Source, let_slots: Sequence[int], accept: Sequence[Expression], result: "_Result"
    ) -> None:
        rows = source.rows
        known = source.listed and isinstance(rows, Inline) and rows.known
        super().__init__(self._write, known=known, rows=_row_type(rows) if result.whole else None)
        self._source = source
        self._let_slots = let_slots
        self._accept = accept
        self._result = result

    def _write(self, writer: Writer) -> str:
        source, result = self._source, self._result
        value = writer.value(source.rows)
        found, single = writer.variable(), writer.variable()
        writer.line(f"{found} = []" if self.known else f"{found} = None if {value} is None else []")
        with writer.block(f"if {value}:" if source.listed else f"if {value} is not None:"):
            rows = source.write(writer, value, single)
            self._rows(writer, rows, lambda: writer.line(f"{found}.append({writer.once(result.row)})"))
            self._order(writer, found)
            if not source.listed:
                writer.line(f"if {single}: {found} = {found}[0] if {found} else None")
        return found

    def _rows(self, writer: Writer, rows: str, visit: Callable[[], None]) -> None:
        """The loop, with what is done for each accepted row."""
        if not self._source.written:
            writer.spend(f"len({rows})")
        with writer.block(f"for {writer.slot(self._source.slot)} in {rows}:"):
            for let_slot in self._let_slots:
                writer.line(f"{writer.slot(let_slot)} = {writer.name(UNSET)}")
            for each in self._accept:
                writer.line(f"if not ({writer.holds(each)}): continue")
            visit()

    def _order(self, writer: Writer, found: str) -> None:
        if self._result.distinct:
            writer.line(f"if len({found}) > 1: {found} = {writer.name(distinct)}({found})")
        if self._result.order is not None:
            order = writer.once(self._result.order)
            writer.line(f"{found} = {writer.name(_sorted)}({found}, {order})")

    def exists(self, writer: Writer) -> str:
        """The source of whether there is a row that is not null: the first decides."""
        value = writer.value(self._source.rows)
        found, single = writer.bind("False"), writer.variable()
        with writer.block(f"if {value}:" if self._source.listed else f"if {value} is not None:"):
            rows = self._source.write(writer, value, single)

            def visit() -> None:
                row = writer.value(self._result.row)
                with writer.block(f"if {row} is not None:"):
                    writer.line(f"{found} = True")
                    writer.line("break")

            self._rows(writer, rows, visit)
        return found


@compiles("Exists")
def _exists(compiling: Compiling, node: Node, scope: Scope) -> Expression:
    """Of a query it needs no list; of a list, whose first element is seldom null, no operator."""
    (operand,) = compiling.operands(node, scope)
    if isinstance(operand, Constant):
        return call(exists, [operand], truth=True)

    def write(writer: Writer) -> str:
        if isinstance(operand, _Loop):
            return operand.exists(writer)
        value = writer.value(operand)
        return f"({value}[0] is not None or {writer.name(exists)}({value})) if {value} else False"

    return Inline(write, truth=True)


@compiles("First")
def _first(compiling: Compiling, node: Node, scope: Scope) -> Expression:
    (source,) = compiling.operands(node, scope)
    if isinstance(source, Constant):
        return call(first, [source])

    def write(writer: Writer) -> str:
        value = writer.value(source)
        return f"{value}[0] if {value} else None"

    return Inline(write)


def _sorted(values: list[Any], order: "Order") -> list[Any]:
    return sorted(values, key=cmp_to_key(order))


def _rows_of(value: Any) -> list[Any]:
    """A source as rows; null has none, where another source is there."""
    if isinstance(value, list):
        return value
    return [] if value is None else [value]


def _lets(compiling: Compiling, node: Node, scope: Scope) -> tuple[Scope, list[int]]:
    """Binds each let to a slot that is filled when it is first read in a row."""
    slots = []
    for let in node.get("let", ()):
        value = compiling.child(let, "expression", scope)
        slot = scope.layout.slot()
        scope = scope.binding("let", let["identifier"], _lazily(value, slot))
        slots.append(slot)
    return scope, slots


def _lazily(value: Expression, number: int) -> Expression:
    def write(writer: Writer) -> str:
        let = writer.slot(number)
        with writer.block(f"if {let} is {writer.name(UNSET)}:"):
            writer.line(f"{let} = {writer.name(value)}({writer.frame()})")
        return let

    return Inline(write)


def _conditions(compiling: Compiling, node: Node, scope: Scope) -> list[Expression]:
    conditions = [_relationship(compiling, each, scope) for each in node.get("relationship", ())]
    if "where" not in node:
        return conditions
    return conditions + [compiling.expression(each, scope) for each in _conjuncts(node["where"])]


def _conjuncts(node: Any) -> list[Any]:
    """Conditions that hold together where the condition does.

    After one that is null the others are not looked at, so only what reads no define is taken apart: what a
    null rests on is all that its evaluation read.
    """
    operands = node.get("operand") if isinstance(node, Mapping) and node.get("type") == "And" else None
    if not isinstance(operands, list) or len(operands) != 2 or _may_read_defines(operands[1]):
        return [node]
    return [*_conjuncts(operands[0]), *_conjuncts(operands[1])]


def _may_read_defines(node: Any) -> bool:
    if isinstance(node, Mapping):
        if node.get("type") in ("ExpressionRef", "FunctionRef") and node.get("libraryName") != NATIVE_LIBRARY:
            return True
        return any(map(_may_read_defines, node.values()))
    return isinstance(node, list) and any(map(_may_read_defines, node))


def _is_true(condition: Expression) -> Accept:
    return lambda frame: condition(frame) is True


def _relationship(compiling: Compiling, node: Node, scope: Scope) -> Expression:
    """With: some row of the related source is such that; Without: none is."""
    if node.get("type") not in ("With", "Without"):
        compiling.unknown(f"relationship {node.get('type')}")
    wanted = bool(node["type"] == "With")
    related = compiling.child(node, "expression", scope)
    inner, slot = scope.with_slot("alias", node["alias"])
    such_that = compiling.child(node, "suchThat", inner)

    def write(writer: Writer) -> str:
        rows = writer.bind(f"{writer.name(_rows_of)}({writer.value(related)})")
        found = writer.bind(repr(not wanted))
        writer.spend(f"len({rows})")
        with writer.block(f"for {writer.slot(slot)} in {rows}:"):
            writer.line(f"if not ({writer.holds(such_that)}): continue")
            writer.line(f"{found} = {wanted}")
            writer.line("break")
        return found

    return Inline(write, truth=True)


Rows = Callable[[Frame, list[list[Any]]], Iterator[None]]


def _rows(slots: Sequence[int], let_slots: Sequence[int], conditions: Sequence[Accept]) -> Rows:
    """Puts one combination of the sources after the other into the frame, and stops at each accepted one."""

    def rows(frame: Frame, values: list[list[Any]]) -> Iterator[None]:
        frame[RUN].spend(math.prod(map(len, values)))
        for combination in itertools.product(*values):
            for number, value in zip(slots, combination, strict=True):
                frame[number] = value
            for number in let_slots:
                frame[number] = UNSET
            for accept in conditions:
                if not accept(frame):
                    break
            else:
                yield None

    return rows


Finish = Callable[[Frame, Iterator[None], bool], Any]


@dataclass(frozen=True)
class _Result:
    """What a query makes of its rows; ``whole``: of one source, and each row as it is."""

    row: Expression
    distinct: bool
    whole: bool
    order: Expression | None
    """Gives the Order of what ``row`` makes."""


def _result(compiling: Compiling, node: Node, scope: Scope, slots: list[int]) -> _Result:
    returned = node.get("return")
    sort = node.get("sort")
    order = _order(compiling, sort.get("by", ()), scope) if sort is not None else None
    if returned is None:
        return _Result(_whole_row(node, slots), distinct=False, whole=len(slots) == 1, order=order)
    row = compiling.child(returned, "expression", scope)
    return _Result(row, distinct=bool(returned.get("distinct", True)), whole=False, order=order)


def _finish(compiling: Compiling, node: Node, scope: Scope, slots: list[int]) -> Finish:
    aggregate = node.get("aggregate")
    if aggregate is not None:
        return _aggregate(compiling, aggregate, scope, slots)
    result = _result(compiling, node, scope, slots)
    row, order = result.row, result.order

    def finish(frame: Frame, rows: Iterator[None], scalar: bool) -> Any:
        found = [row(frame) for _ in rows]
        if scalar:
            return found[0] if found else None
        if result.distinct:
            found = distinct(found) or []
        return _sorted(found, order(frame)) if order is not None else found

    return finish


def _whole_row(node: Node, slots: list[int]) -> Expression:
    """Without a return clause: the row, or a tuple of the rows of several sources."""
    if len(slots) == 1:
        return slot_of(slots[0])
    named = [(source["alias"], slot) for source, slot in zip(node["source"], slots, strict=True)]
    return lambda frame: {name: frame[slot] for name, slot in named}


def _aggregate(compiling: Compiling, node: Node, scope: Scope, slots: list[int]) -> Finish:
    slot = scope.layout.slot()
    start = compiling.optional(node.get("starting"), scope) or NULL
    inner = scope.binding("let", node["identifier"], lambda frame: frame[slot])
    inner = inner.binding("alias", node["identifier"], lambda frame: frame[slot])
    step = compiling.child(node, "expression", inner)
    once_each = bool(node.get("distinct"))

    def finish(frame: Frame, rows: Iterator[None], _scalar: bool) -> Any:
        total = start(frame)
        if not once_each:
            for _ in rows:
                frame[slot] = total
                total = step(frame)
            return total
        for combination in distinct([[frame[each] for each in slots] for _ in rows]) or ():
            for each, value in zip(slots, combination, strict=True):
                frame[each] = value
            frame[slot] = total
            total = step(frame)
        return total

    return finish


def _order(compiling: Compiling, items: Sequence[Node], scope: Scope) -> Expression:
    """Gives the Order of a sort clause: nulls first when ascending, rows that cannot be told apart as they
    were.
    """
    inner, slot = scope.with_slot("this", "")
    inner = inner.binding("alias", "$this", lambda frame: frame[slot])
    keys = [(_sort_key(compiling, item, inner, slot), _descends(compiling, item)) for item in items]

    def make(frame: Frame) -> Order:
        def compare(left: Any, right: Any) -> int:
            for key, descending in keys:
                found = _compare(key(frame, left), key(frame, right))
                if found:
                    return -found if descending else found
            return 0

        return compare

    by_row_alone = all(item.get("type") != "ByExpression" for item in items)
    return Constant(make([])) if by_row_alone else make


def _descends(compiling: Compiling, item: Node) -> bool:
    direction = item.get("direction", "asc")
    if direction not in ("asc", "ascending", "desc", "descending"):
        compiling.malformed(f"sort direction {direction}")
    return bool(direction.startswith("desc"))


def _sort_key(compiling: Compiling, item: Node, scope: Scope, slot: int) -> Callable[[Frame, Any], Any]:
    kind = item.get("type")
    if kind == "ByDirection":
        return lambda _frame, row: row
    if kind == "ByColumn":
        read = Readers(str(item.get("path"))).of
        return lambda _frame, row: read(row)
    if kind != "ByExpression":
        compiling.unknown(f"sort {kind}")
    value = compiling.child(item, "expression", scope)

    def key(frame: Frame, row: Any) -> Any:
        frame[slot] = row
        return value(frame)

    return key


_LESS = plain("Less")
_GREATER = plain("Greater")


def _compare(left: Any, right: Any) -> int:
    left, right = to_value(left), to_value(right)
    if left is None or right is None:
        return (left is not None) - (right is not None)
    if _LESS(left, right) is True:
        return -1
    if _GREATER(left, right) is True:
        return 1
    return _by_components(left, right) if isinstance(left, Temporal) and isinstance(right, Temporal) else 0


def _by_components(left: Temporal, right: Temporal) -> int:
    """Where precision leaves the order open the coarser one comes first: its missing component is null."""
    if isinstance(left, DateTime) and isinstance(right, DateTime):
        left, right = left.at_offset(0), right.at_offset(0)
    return (left.parts > right.parts) - (left.parts < right.parts)


@compiles("Sort")
def _sort(compiling: Compiling, node: Node, scope: Scope) -> Expression:
    source = compiling.child(node, "source", scope)
    order = _order(compiling, node.get("by", ()), scope)

    def run(frame: Frame) -> Any:
        values = source(frame)
        return None if values is None else sorted(values, key=cmp_to_key(order(frame)))

    return run


def _scoped(compiling: Compiling, node: Node, field: str, scope: Scope) -> tuple[Expression, Expression, int]:
    """Source, the expression on each of its elements, and the element's slot."""
    source = compiling.child(node, "source", scope)
    inner, slot = scope.with_slot("alias", str(node.get("scope", "$this")))
    inner = inner.binding("this", "", slot_of(slot))
    return source, compiling.child(node, field, inner), slot


@compiles("Current")
def _current(compiling: Compiling, node: Node, scope: Scope) -> Expression:
    name = str(node.get("scope", "$this"))
    return scope.find("alias", name) or compiling.unknown(f"scope {name}")


@compiles("Iteration")
def _iteration(compiling: Compiling, node: Node, scope: Scope) -> Expression:
    return scope.find("iteration", "") or compiling.unknown("iteration outside of a scope")


@compiles("Total")
def _total(compiling: Compiling, node: Node, scope: Scope) -> Expression:
    return scope.find("total", "") or compiling.unknown("total outside of an aggregate")


@compiles("Aggregate")
def _aggregate_list(compiling: Compiling, node: Node, scope: Scope) -> Expression:
    """The iteration on each element: Total is what the one before gave, Iteration its place from 0."""
    start = compiling.optional(node.get("initialValue"), scope) or NULL
    inner, total = scope.with_slot("total", "")
    inner, place = inner.with_slot("iteration", "")
    source, step, slot = _scoped(compiling, node, "iteration", inner)

    def run(frame: Frame) -> Any:
        values, result = source(frame), start(frame)
        if values is None:
            return None
        frame[RUN].spend(len(values))
        for index, value in enumerate(values):
            frame[slot], frame[place], frame[total] = value, index, result
            result = step(frame)
        return result

    return run


@compiles("Filter")
def _filter(compiling: Compiling, node: Node, scope: Scope) -> Expression:
    source, condition, slot = _scoped(compiling, node, "condition", scope)

    def write(writer: Writer, found: str) -> None:
        with writer.block(f"if {writer.holds(condition)}:"):
            writer.line(f"{found}.append({writer.slot(slot)})")

    return _each(source, slot, write)


@compiles("ForEach")
def _for_each(compiling: Compiling, node: Node, scope: Scope) -> Expression:
    source, element, slot = _scoped(compiling, node, "element", scope)

    def write(writer: Writer, found: str) -> None:
        writer.line(f"{found}.append({writer.once(element)})")

    return _each(source, slot, write)


def _each(source: Expression, slot: int, visit: Callable[[Writer, str], None]) -> Expression:
    """The list that visiting each element makes, null of null."""

    def write(writer: Writer) -> str:
        values, found = writer.value(source), writer.variable()
        writer.line(f"{found} = None")
        with writer.block(f"if {values} is not None:"):
            writer.line(f"{found} = []")
            writer.spend(f"len({values})")
            with writer.block(f"for {writer.slot(slot)} in {values}:"):
                visit(writer, found)
        return found

    return Inline(write)


@compiles("Repeat")
def _repeat(compiling: Compiling, node: Node, scope: Scope) -> Expression:
    """The element expression on the source, then on what that gave, until it gives nothing new."""
    source, element, slot = _scoped(compiling, node, "element", scope)

    def run(frame: Frame) -> Any:
        values = source(frame)
        if values is None:
            return None
        found: list[Any] = []
        pending = list(values)
        while pending:
            frame[slot] = pending.pop(0)
            frame[RUN].spend(1 + len(found))
            result = element(frame)
            new = [each for each in (result if isinstance(result, list) else [result]) if each is not None]
            new = [each for each in new if each not in found]
            found.extend(new)
            pending.extend(new)
        return found

    return run


@compiles("Times")
def _times(compiling: Compiling, node: Node, scope: Scope) -> Expression:
    """The Cartesian product of lists of tuples, each pair merged into one tuple."""
    left, right = compiling.operands(node, scope)

    def times(run: Run, first: Any, second: Any) -> Any:
        if first is None or second is None:
            return None
        run.spend(len(first) * len(second))
        return [{**one, **other} for one in first for other in second]

    return Inline(lambda writer: f"{writer.name(times)}(r, {', '.join(writer.values([left, right]))})")
