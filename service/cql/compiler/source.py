"""Expressions as Python source: each define and each function of a library becomes one Python function.

A closure for each node would pay a call for each, and most of what a rule does costs less than a call. So the
common nodes are written, statement by statement, into the function of whoever uses them; what is rarer
stays a closure that the function calls. Only names and literals that this package makes go into the source,
never text of a library: values are handed over beside it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from .program import Expression, Frame

_DEEPEST: Final = 12
"""Blocks within blocks before a function of its own: Python takes some twenty loops within each other."""

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

    def __init__(self, write: Write) -> None:
        """``write`` adds the statements that find the value, and gives the source of the value."""
        self.write = write

    def __call__(self, frame: Frame) -> Any:
        run = self._run
        if run is None:
            run = self._run = function_of(self)
        return run(frame)


class Writer:
    """The body of one function of a frame ``f``, whose run is ``r``."""

    def __init__(self) -> None:
        self.lines = ["def run(f):", " r = f[0]"]
        self.calls = False
        """Whether the function calls one of the library's: what could go on without end is counted."""
        self.names: dict[str, Any] = {}
        self._depth = 1
        self._variables = 0
        self._known: dict[int, str] = {}

    def line(self, text: str) -> None:
        """One statement, or the head of a block."""
        self.lines.append(" " * self._depth + text)

    @contextmanager
    def block(self, head: str) -> Iterator[None]:
        """What is written meanwhile stands beneath ``head``."""
        self.line(head)
        self._depth += 1
        yield
        self._depth -= 1

    def variable(self) -> str:
        """A new variable."""
        self._variables += 1
        return f"v{self._variables}"

    def name(self, value: Any) -> str:
        """The name by which the function knows a Python object."""
        name = self._known.get(id(value))
        if name is None:
            name = self._known[id(value)] = f"k{len(self.names)}"
            self.names[name] = value
        return name

    def value(self, expression: Expression) -> str:
        """The source of the value of an expression: a variable, a place in the frame, or a literal."""
        if isinstance(expression, Constant):
            return self._literal(expression.value)
        if isinstance(expression, Inline) and self._depth < _DEEPEST:
            return expression.write(self)
        return self.bind(f"{self.name(expression)}(f)")

    def bind(self, source: str) -> str:
        """A new variable with that value."""
        variable = self.variable()
        self.line(f"{variable} = {source}")
        return variable

    def put(self, variable: str, expression: Expression) -> None:
        """Give a variable the value of an expression."""
        self.line(f"{variable} = {self.value(expression)}")

    def _literal(self, value: Any) -> str:
        return repr(value) if value is None or isinstance(value, bool) else self.name(value)


def function_of(expression: Expression, name: str = "") -> Expression:
    """An expression as one Python function; tracebacks and profiles call it by that name."""
    if not isinstance(expression, Inline):
        return expression
    source, names = written(expression)
    exec(compile(source, f"<elm {name}>", "exec"), names)  # noqa: S102 -- the source is ours, see above
    run: Expression = names["run"]
    return run


def written(expression: Inline) -> tuple[str, dict[str, Any]]:
    """The source of a function, and the objects that it names."""
    writer = Writer()
    writer.line(f"return {expression.write(writer)}")
    if writer.calls:
        writer.lines.insert(2, " r.spend(1)")
    return "\n".join(writer.lines), writer.names


def slot(number: int) -> Inline:
    """Reads a slot of the frame."""
    return Inline(lambda _writer: f"f[{number}]")


def constants(expressions: Any) -> list[Any] | None:
    """The values when every expression is a Constant, else None."""
    values = []
    for expression in expressions:
        if not isinstance(expression, Constant):
            return None
        values.append(expression.value)
    return values


def call(function: Callable[..., Any], operands: list[Expression]) -> Inline:
    """The expression that calls a function on its evaluated operands."""

    def write(writer: Writer) -> str:
        values = [writer.value(operand) for operand in operands]
        return writer.bind(f"{writer.name(function)}({', '.join(values)})")

    return Inline(write)
