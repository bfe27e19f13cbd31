"""Expressions as Python source: each define and each function of a library becomes one Python function.

A closure for each node would pay a call for each, and most of what a rule does costs less than a call. So the
common nodes are written, statement by statement, into the function of whoever uses them; what is rarer
stays a closure that the function calls. Only names and literals that this package makes go into the source,
never text of a library: values are handed over beside it.

Slots are variables of the function, unless it calls a closure: then they stand in a frame that both use.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from ..fhir_model import FhirType
from .program import UNSET, Body, Define, Expression, Frame, Function

_DEEPEST: Final = 40
"""Blocks within blocks before a function of its own: Python takes some hundred."""
_LOOPS: Final = 12
"""Loops within loops before a function of its own: Python takes some twenty."""

_LONGEST: Final = 200
"""Characters of an expression before a variable of its own: so are its parentheses bounded."""

Write = Callable[["Writer"], str]


class Constant:
    """An expression that has one value always."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __call__(self, _frame: Frame) -> Any:
        return self.value


class Inline:
    """An expression that can be written into the function of whoever uses it."""

    _run: Expression | None = None

    def __init__(
        self,
        write: Write,
        *,
        truth: bool = False,
        known: bool = False,
        element: FhirType | None = None,
        rows: FhirType | None = None,
    ) -> None:
        """``write`` adds statements and gives the source that has the value once they have run: for use
        at once, and once.

        ``truth``: it is always True or False; ``known``: it is never null; ``element``: it is always an
        element of just that type; ``rows``: it is a list of such elements, or null.
        """
        self.write = write
        self.truth = truth
        self.known = known or truth
        self.element = element
        self.rows = rows

    def holds(self, writer: "Writer") -> str:
        """As ``write``, the source of whether the value is true."""
        source = self.write(writer)
        return source if self.truth else f"({source}) is True"

    def __call__(self, frame: Frame) -> Any:
        run = self._run
        if run is None:
            run = self._run = _expression_of(self)
        return run(frame)


class _FrameWanted(Exception):
    """A function that was to keep its slots in variables calls a closure."""


class Writer:
    """The body of one Python function, in which the run is ``r`` and the frame, if there is one, ``f``."""

    def __init__(self, *, framed: bool) -> None:
        self.lines: list[str] = []
        self.calls = False
        """Whether the function calls one of the library's: what could go on without end is counted."""
        self.reads = False
        """Whether the function reads defines, from the memo ``m``."""
        self.names: dict[str, Any] = {}
        self._framed = framed
        self._depth = 1
        self._loops = 0
        self._variables = 0
        self._known: dict[int, str] = {}

    def line(self, text: str) -> None:
        """One statement, or the head of a block."""
        self.lines.append(" " * self._depth + text)

    @contextmanager
    def block(self, head: str) -> Iterator[None]:
        """What is written meanwhile stands beneath ``head``."""
        self.line(head)
        loops = head.startswith(("for ", "while "))
        self._depth += 1
        self._loops += loops
        yield
        self._depth -= 1
        self._loops -= loops

    def variable(self) -> str:
        """A new variable."""
        self._variables += 1
        return f"v{self._variables}"

    def slot(self, number: int) -> str:
        """Where a slot is read and written."""
        return f"f[{number}]" if self._framed else f"s{number}"

    def frame(self) -> str:
        """The frame, for what is not written here."""
        if not self._framed:
            raise _FrameWanted
        return "f"

    def name(self, value: Any) -> str:
        """The name by which the function knows a Python object."""
        name = self._known.get(id(value))
        if name is None:
            name = self._known[id(value)] = f"k{len(self.names)}"
            self.names[name] = value
        return name

    def once(self, expression: Expression) -> str:
        """The source of the value of an expression, for use at once, and once."""
        if isinstance(expression, Constant):
            return self._literal(expression.value)
        if isinstance(expression, Inline) and self._shallow():
            source = expression.write(self)
            return source if len(source) < _LONGEST else self.bind(source)
        return f"{self.name(expression)}({self.frame()})"

    def value(self, expression: Expression) -> str:
        """The source of the value of an expression: a variable, a place in the frame, or a literal."""
        return self.atom(self.once(expression))

    def values(self, expressions: Sequence[Expression]) -> list[str]:
        """The sources of the values of operands, for use at once, once and in this order."""
        sources: list[str] = []
        for expression in expressions:
            before = len(self.lines)
            source = self.once(expression)
            if len(self.lines) > before:
                self._bind_before(before, sources)
            sources.append(source)
        return sources

    def _bind_before(self, position: int, sources: list[str]) -> None:
        """Make variables of what is to have its value before the statements from ``position`` on."""
        later = self.lines[position:]
        del self.lines[position:]
        sources[:] = map(self.atom, sources)
        self.lines += later

    def holds(self, expression: Expression) -> str:
        """The source of whether the value is true, for use at once, and once."""
        if isinstance(expression, Inline) and self._shallow():
            return expression.holds(self)
        return f"{self.once(expression)} is True"

    def atom(self, source: str) -> str:
        """The source itself when it is a name, a literal or a place in the frame, else a variable of it."""
        return source if _ATOM.fullmatch(source) else self.bind(source)

    def bind(self, source: str) -> str:
        """A new variable with that value."""
        variable = self.variable()
        self.line(f"{variable} = {source}")
        return variable

    def own(self, expression: Expression) -> str:
        """A variable with the value of an expression, free to be given another."""
        source = self.once(expression)
        return source if _VARIABLE.fullmatch(source) else self.bind(source)

    def put(self, variable: str, expression: Expression) -> None:
        """Give a variable the value of an expression."""
        self.line(f"{variable} = {self.once(expression)}")

    def spend(self, steps: str) -> None:
        """Count steps."""
        self.line(f"r.left -= {steps}")
        self.line("if r.left < 0: r.look()")

    def _shallow(self) -> bool:
        return self._depth < _DEEPEST and self._loops < _LOOPS

    def _literal(self, value: Any) -> str:
        return repr(value) if value is None or isinstance(value, bool) else self.name(value)


_COUNT: Final = (" r.left -= 1", " if r.left < 0: r.look()")
_VARIABLE: Final = re.compile(r"v\d+")
_ATOM: Final = re.compile(r"\w+|f\[\d+\]")


def _expression_of(expression: Inline) -> Expression:
    """An expression as one Python function of the frame."""
    source, names = written(expression)
    _resolve(names)
    run: Expression = _executed(source, names, "")
    return run


def written(expression: Expression) -> tuple[str, dict[str, Any]]:
    """The source of a function of the frame, and the objects that it names."""
    writer = Writer(framed=True)
    found = expression.write(writer) if isinstance(expression, Inline) else writer.once(expression)
    writer.line(f"return {found}")
    head = ["def run(f):", " r = f[0]"]
    return _source(writer, *head, *(_COUNT if writer.calls else ())), writer.names


def body_of(
    expression: Expression, name: str, operands: int, slots: int, index: int | None, *, counted: bool
) -> tuple[Body, dict[str, Any]]:
    """A body as one Python function of the run and its operands, and the objects that it names.

    Tracebacks and profiles call it by ``name``. ``operands`` take the first of the ``slots``; a define has
    an ``index``, at which it leaves its value in the memo. ``counted``: a call of it is a step. What it
    calls can be called once ``resolve`` has run.
    """
    source, names = written_body(expression, operands, slots, index, counted=counted)
    return _executed(source, names, name), names


def written_body(
    expression: Expression, operands: int, slots: int, index: int | None, *, counted: bool
) -> tuple[str, dict[str, Any]]:
    """The source of the function that ``body_of`` makes, and the objects that it names."""
    try:
        return _written_body(Writer(framed=False), expression, operands, slots, index, counted)
    except _FrameWanted:
        return _written_body(Writer(framed=True), expression, operands, slots, index, counted)


def _written_body(
    writer: Writer, expression: Expression, operands: int, slots: int, index: int | None, counted: bool
) -> tuple[str, dict[str, Any]]:
    given = ["r", *(f"s{number}" for number in range(1, operands + 1))]
    head = [f"def run({', '.join(given)}):"]
    if index is None:
        writer.line(f"return {writer.once(expression)}")
    else:
        writer.reads = True
        value = writer.value(expression)
        writer.line(f"m[{index}] = {value}")
        writer.line(f"return {value}")
    if writer.slot(0) == "f[0]":
        head.append(f" f = [{', '.join([*given, *['None'] * (slots - len(given))])}]")
    if counted:
        head += _COUNT
    return _source(writer, *head), writer.names


def _source(writer: Writer, *head: str) -> str:
    return "\n".join([*head, *([" m = r.memo"] if writer.reads else ()), *writer.lines])


def _executed(source: str, names: dict[str, Any], name: str) -> Any:
    exec(compile(source, f"<elm {name}>", "exec"), names)  # noqa: S102 -- the source is ours, see above
    return names["run"]


def resolve(bodies: Iterable[dict[str, Any]]) -> None:
    """Let functions call each other directly, now that all are made."""
    for names in bodies:
        _resolve(names)


def _resolve(names: dict[str, Any]) -> None:
    for name, value in names.items():
        if isinstance(value, Define | Function):
            names[name] = value.run


def slot(number: int, element: FhirType | None = None) -> Inline:
    """Reads a slot; ``element``: the type of what it always holds."""
    return Inline(lambda writer: writer.slot(number), element=element)


def reference(define: Define) -> Inline:
    """Reads a define, evaluated at most once."""

    def write(writer: Writer) -> str:
        writer.reads = True
        value = writer.bind(f"m[{define.index}]")
        writer.line(f"if {value} is {writer.name(UNSET)}: {value} = {writer.name(define)}(r)")
        return value

    return Inline(write, truth=define.truth)


def constants(expressions: Any) -> list[Any] | None:
    """The values when every expression is a Constant, else None."""
    values = []
    for expression in expressions:
        if not isinstance(expression, Constant):
            return None
        values.append(expression.value)
    return values


def call(function: Callable[..., Any], operands: list[Expression], *, truth: bool = False) -> Inline:
    """The expression that calls a function on its evaluated operands."""

    def write(writer: Writer) -> str:
        return f"{writer.name(function)}({', '.join(writer.values(operands))})"

    return Inline(write, truth=truth)
