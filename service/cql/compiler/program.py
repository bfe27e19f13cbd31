"""What compiled libraries are, and the state that one evaluation runs them with."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from ..errors import EvaluationError, UnknownValueSet
from ..fhir_model import FhirType
from ..types import Code, CodeSystemRef, Concept, ValueSetRef
from .type_specifiers import TypeSpecifier

Frame = list[Any]
"""The slots of one run of a define or function body; the first has the Run, the others start as None."""
Expression = Callable[[Frame], Any]
Body = Callable[..., Any]
"""A define or function as Python has it: of the Run and the operands."""
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


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """What a Retrieve asks the record for. Each is itself alone, so that it is quickly found again."""

    type: FhirType
    code_path: str | None
    codes: frozenset[CodeKey] | None


AskedKey = tuple[FhirType, str | None, frozenset[CodeKey] | None]
"""The members of an Asked."""


def _not_compiled(*_operands: Any) -> Any:
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
    run: Body = _not_compiled
    truth: bool = False
    """Whether the value is known to be True or False, never null."""


@dataclass
class Function:
    """A compiled function."""

    library: str
    name: str
    operands: tuple[tuple[str, TypeSpecifier], ...]
    run: Body = _not_compiled
    truth: bool = False
    """As for a Define."""
    calls: "list[Function]" = field(default_factory=list)
    """The functions that it calls, each as often as it is written there."""


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
    asked: dict[AskedKey, Asked] = field(default_factory=dict)
    """What the Retrieves ask for, as far as it is known before any evaluation."""

    def by_name(self) -> dict[tuple[str, str], Define]:
        """The defines by library and name."""
        return {
            (unit.name, name): each for unit in self.units.values() for name, each in unit.defines.items()
        }

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
