"""What compiled libraries are, and the state that one evaluation runs them with."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from ..errors import EvaluationError, UnknownDefine, UnknownValueSet
from ..types import Code, CodeSystemRef, Concept, ValueSetRef
from .type_specifiers import TypeSpecifier

Frame = list[Any]
"""The variables of one run of a define or function body; the first has the Run, the others start as None."""
Expression = Callable[[Frame], Any]
Node = Mapping[str, Any]
CodeKey = tuple[str, str]

RUN: Final = 0


class Unset:
    """The value of what has not been evaluated yet."""

    def __repr__(self) -> str:
        return "UNSET"


UNSET: Final = Unset()


class Layout:
    """Hands out the slots of a frame while a body is compiled."""

    def __init__(self) -> None:
        self.size = 1

    def slot(self) -> int:
        """A new slot."""
        self.size += 1
        return self.size - 1


@dataclass(frozen=True)
class Retrieval:
    """A Retrieve as written: ``codes`` when they are known before any evaluation."""

    define: str
    resource_type: str
    code_path: str | None
    codes: frozenset[CodeKey] | None
    value_sets: tuple[str, ...]


def _not_compiled(_frame: Frame) -> Any:
    raise EvaluationError("not compiled")


@dataclass
class Define:
    """A compiled expression definition; ``index`` is its place in the memo of an evaluation."""

    library: str
    name: str
    index: int
    context: str
    access: str
    result: TypeSpecifier
    body: Expression = _not_compiled
    padding: tuple[None, ...] = ()


@dataclass
class Function:
    """A compiled function; operands take the slots from 1 on."""

    library: str
    name: str
    operands: tuple[tuple[str, TypeSpecifier], ...]
    run: Expression = _not_compiled
    padding: tuple[None, ...] = ()


@dataclass(frozen=True)
class Parameter:
    """A declared parameter; ``default`` is the define-like body of its default value."""

    library: str
    name: str
    type: TypeSpecifier
    default: Define | None


@dataclass
class Unit:
    """A library: its declarations by name."""

    name: str
    version: str | None
    elm: Node
    includes: dict[str, str] = field(default_factory=dict)
    """Local identifier to library name."""
    include_versions: dict[str, str | None] = field(default_factory=dict)
    code_systems: dict[str, CodeSystemRef] = field(default_factory=dict)
    value_sets: dict[str, ValueSetRef] = field(default_factory=dict)
    codes: dict[str, Code] = field(default_factory=dict)
    concepts: dict[str, Concept] = field(default_factory=dict)
    parameters: dict[str, Parameter] = field(default_factory=dict)
    defines: dict[str, Define] = field(default_factory=dict)
    functions: dict[str, list[Function]] = field(default_factory=dict)
    retrievals: list[Retrieval] = field(default_factory=list)


@dataclass
class Program:
    """Every library compiled and linked; never changed once ``link`` has returned."""

    units: dict[str, Unit]
    value_sets: Mapping[str, frozenset[CodeKey]]
    defines: list[Define] = field(default_factory=list)

    def define(self, library: str, name: str) -> Define:
        """A define by name; raises UnknownDefine."""
        unit = self.units.get(library)
        found = unit.defines.get(name) if unit is not None else None
        if found is None:
            raise UnknownDefine(library, name)
        return found

    def codes_of(self, value_set: ValueSetRef) -> frozenset[CodeKey]:
        """The members of a value set, known to the library or named at run time; raises UnknownValueSet."""
        if value_set.codes:
            return value_set.codes
        return codes_of_value_set(self.value_sets, value_set.id)


def codes_of_value_set(
    value_sets: Mapping[str, frozenset[CodeKey]], url: str, library: str | None = None
) -> frozenset[CodeKey]:
    """The members of the value set with that url (a |version is left aside); raises UnknownValueSet."""
    codes = value_sets.get(url.partition("|")[0])
    if codes is None:
        raise UnknownValueSet(url, library)
    return codes


Defines = Sequence[Define]
