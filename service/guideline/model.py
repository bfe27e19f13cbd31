"""What the guideline room hands to the others: plain frozen records, no FHIR server's shape, no card's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol

Json = dict[str, Any]
Outcome = Literal["applied", "not-applied", "unknown", "parent", "empty"]


@dataclass(frozen=True, slots=True)
class HookPlan:
    """A PlanDefinition that answers a CDS Hooks hook; its id is the service id."""

    id: str
    hook: str
    title: str
    description: str
    usage_requirements: str | None
    override_reasons: tuple[Mapping[str, str], ...]
    """Codings (`code`, `system`, `display`, none empty) of the reasons a clinician may give for overriding a
    card."""
    topics: tuple[Mapping[str, Any], ...] = ()
    """Codings of all that its cards may be about."""


@dataclass(frozen=True, slots=True)
class DataNeed:
    """Patient data that the guideline's logic retrieves, as one prefetch key and its query template."""

    key: str
    resource_type: str
    template: str
    """Relative FHIR read or search; the only token in it is `{{context.patientId}}`."""
    required: bool
    """False when the answer can do without this data."""


class Fact(NamedTuple):
    """A patient fact that an action rests on. `value` is None when the fact is not recorded."""

    name: str
    value: str | None
    date: str | None
    source: str | None
    """Reference ("Type/id") of the resource that says so."""


class TraceEntry(NamedTuple):
    """What became of one action.

    Outcomes: `applied`; `not-applied` (the condition `define` is false); `unknown` (`define` is null, because
    the defines in `because` are); `parent` (not looked at: its parent did not apply); `empty` (an option that
    applied, but nothing beneath it did). Defines are named "Library.Define name".
    """

    path: str
    outcome: Outcome
    define: str | None = None
    because: tuple[str, ...] = ()


class Named(Protocol):
    """What has an id within its plan."""

    @property
    def id(self) -> str: ...


class Considered(NamedTuple):
    """What became of one action, before it is put into words: most requests never ask for the trace."""

    path: str
    outcome: Outcome
    define: object = None
    because: tuple[str, ...] = ()
    beneath: Sequence[Named] = ()
    """The actions that were not looked at for it."""

    def entries(self) -> Iterator[TraceEntry]:
        """The action's entry, then those of the actions beneath."""
        define = None if self.define is None else str(self.define)
        yield TraceEntry(self.path, self.outcome, define, self.because)
        for each in self.beneath:
            yield TraceEntry(f"{self.path}/{each.id}", "parent")


class AppliedAction(NamedTuple):
    """An action that applies to the patient, with what applies beneath it."""

    id: str
    path: str
    """Ids from the plan down, joined by `/`."""
    title: str | None
    description: str | None
    priority: str | None
    topic: Mapping[str, Any] | None
    """The action's first Coding (`code[0].coding[0]`)."""
    documentation: tuple[Mapping[str, Any], ...]
    """RelatedArtifacts of the action itself."""
    selection_behavior: str | None
    grouping_behavior: str | None
    required_behavior: str | None
    precheck: str | None
    cardinality: str | None
    type: str | None
    """`action.type` code: create, update, remove; None when the content does not say (create)."""
    facts: tuple[Fact, ...]
    drafts: tuple[str, ...]
    """References ("Type/id") of the draft orders that the action is about."""
    resource: Json | None
    """Request resource (R4 JSON, no id) made from the ActivityDefinition."""
    definition: str | None
    """Canonical (with version) of the definition that the action names."""
    children: tuple[AppliedAction, ...]


class Applied(NamedTuple):
    """A PlanDefinition applied to a patient."""

    plan: str
    """Canonical of the PlanDefinition, with version."""
    subject: str
    actions: tuple[AppliedAction, ...]
    """Only those that apply, in order."""
    considered: Iterable[Considered]
    """What became of each action; iterates anew each time."""

    @property
    def trace(self) -> tuple[TraceEntry, ...]:
        """An entry for every action that was considered, and for those beneath one that does not apply."""
        return tuple(entry for each in self.considered for entry in each.entries())

    @property
    def unknown(self) -> tuple[TraceEntry, ...]:
        """The actions that nobody can say apply or not, with the facts that are missing."""
        return tuple(entry for entry in self.trace if entry.outcome == "unknown")
