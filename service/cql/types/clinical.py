"""Codes and the terminology they come from (CQL 1.5, appendix B, Clinical types)."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Code:
    """A code of a code system; ``system`` is the system's canonical URL."""

    code: str | None
    system: str | None = None
    version: str | None = None
    display: str | None = None


@dataclass(frozen=True, slots=True)
class Concept:
    """One meaning as codes of several systems."""

    codes: tuple[Code, ...] = ()
    display: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "codes", tuple(self.codes))


@dataclass(frozen=True, slots=True)
class CodeSystemRef:
    """A declared code system."""

    id: str
    version: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class ValueSetRef:
    """A declared value set with its members as (system, code)."""

    id: str
    version: str | None = None
    codes: frozenset[tuple[str, str]] = field(default=frozenset(), repr=False)
    name: str | None = None
