"""Compares what the service and HAPI say of the same patient: actions, texts, requests, and what is unknown.

HAPI gives a CarePlan that contains a RequestGroup for each PlanDefinition and a request for each
ActivityDefinition. Read along `action.resource`, they make the same tree as `service.guideline.apply`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from service.guideline import Applied, AppliedAction
from tests.interop.hapi import Answer

Json = dict[str, Any]
TEXTS = ("title", "description", "priority")

# Where HAPI departs from FHIR R4 (docs/interop.md has an example of each): element of a request -> what the
# service says, and what HAPI says instead. Nothing else that differs is let pass.
DEPARTS: Mapping[str, tuple[tuple[Any, Any], ...]] = {
    "status": (("draft", "active"), ("draft", "ready")),
    "priority": (("routine", None), ("urgent", None), ("asap", None), ("stat", None)),
}
# The form that a Task asks for: an input of the Task here, an extension of it on HAPI.
COLLECT_WITH = "http://hl7.org/fhir/uv/cpg/StructureDefinition/cpg-collectWith"


@dataclass
class Said:
    """One engine's answer, in comparable form; keys are paths of actions."""

    actions: list[str] = field(default_factory=list)
    """Everything whose conditions hold, in order."""
    texts: dict[str, Json] = field(default_factory=dict)
    requests: dict[str, Json] = field(default_factory=dict)
    unknown: set[str] = field(default_factory=set)
    """Defines (without library) of conditions that were null."""


def of_service(applied: Applied) -> Said:
    """What the service says. Actions that hold but have nothing left to say count: HAPI keeps them."""
    said = Said()
    said.actions = [entry.path for entry in applied.trace if entry.outcome in ("applied", "empty")]
    said.unknown = {str(entry.define).partition(".")[2] for entry in applied.unknown}
    for action in _every(applied.actions):
        said.texts[action.path] = {name: getattr(action, name) for name in TEXTS}
        if action.resource is not None:
            said.requests[action.path] = _comparable(action.resource)
    return said


def of_hapi(answer: Answer, plan: str) -> Said:
    """What HAPI says of the PlanDefinition with id `plan`. Raises ValueError when it failed or breaks off."""
    contained = {f"#{each['id']}": each for each in answer.resource.get("contained", ())}
    failures = [
        issue.get("diagnostics", "?")
        for each in (answer.resource, *contained.values())
        if each["resourceType"] == "OperationOutcome"
        for issue in each["issue"]
    ]
    if failures:
        raise ValueError(f"HAPI failed: {failures[0].splitlines()[0]} ({len(failures)} in all)")
    said = Said(unknown=set(answer.nulls))
    group = next(each for each in contained.values() if _is_of(each, plan))
    for path, action in _walk(group, plan, contained):
        said.actions.append(path)
        said.texts[path] = {name: action.get(name) for name in TEXTS}
        made = contained[action["resource"]["reference"]] if "resource" in action else None
        if made is not None and made["resourceType"] != "RequestGroup":
            said.requests[path] = _comparable(made)
    return said


def differences(ours: Said, theirs: Said) -> list[str]:
    """What is not the same, as lines to print; none when the two agree."""
    lines = [f"only the service applies {path}" for path in ours.actions if path not in theirs.actions]
    lines += [f"only HAPI applies {path}" for path in theirs.actions if path not in ours.actions]
    if not lines and ours.actions != theirs.actions:
        lines.append(f"order: {ours.actions} against HAPI's {theirs.actions}")
    lines += [f"unknown to the service only: {name}" for name in sorted(ours.unknown - theirs.unknown)]
    lines += [f"unknown to HAPI only: {name}" for name in sorted(theirs.unknown - ours.unknown)]
    for path in ours.texts.keys() & theirs.texts.keys():
        mine, other = ours.texts[path], theirs.texts[path]
        # HAPI gives an action no title of its definition: what it does not say is no difference.
        lines += [f"{path} {name}: {mine[name]!r} against HAPI's {other[name]!r}"
                  for name in TEXTS if other[name] is not None and mine[name] != other[name]]  # fmt: skip
    for path in sorted(ours.requests.keys() | theirs.requests.keys()):
        mine, other = ours.requests.get(path, {}), theirs.requests.get(path, {})
        lines += [f"{path} request {name}: {mine.get(name)!r} against HAPI's {other.get(name)!r}"
                  for name in sorted(mine.keys() | other.keys()) if not _same(name, mine, other)]  # fmt: skip
    return lines


def _every(actions: tuple[AppliedAction, ...]) -> Iterator[AppliedAction]:
    for action in actions:
        yield action
        yield from _every(action.children)


def _walk(holder: Json, path: str, contained: Mapping[str, Json]) -> Iterator[tuple[str, Json]]:
    """Actions beneath a RequestGroup or an action: a nested group's first, as in the service."""
    for action in holder.get("action", ()):
        here = f"{path}/{action['id']}"
        yield here, action
        nested = contained.get(action.get("resource", {}).get("reference", ""))
        if nested is not None and nested["resourceType"] == "RequestGroup":
            yield from _walk(nested, here, contained)
        yield from _walk(action, here, contained)


def _is_of(resource: Json, plan: str) -> bool:
    return (resource["resourceType"], resource["id"]) == ("RequestGroup", plan)


def _same(name: str, mine: Json, other: Json) -> bool:
    ours, theirs = mine.get(name), other.get(name)
    return bool(ours == theirs) or (bool(other) and (ours, theirs) in DEPARTS.get(name, ()))


def _comparable(request: Json) -> Json:
    """A request without what each engine makes up: its id, and the group that HAPI's Tasks are based on."""
    kept = {name: value for name, value in request.items() if name != "id"}
    if request["resourceType"] == "Task":
        inputs = kept.pop("input", [])
        extensions = kept.pop("extension", [])
        kept.pop("basedOn", None)
        kept["forms"] = [each["valueCanonical"] for each in inputs if "valueCanonical" in each]
        kept["forms"] += [each["valueCanonical"] for each in extensions if each["url"] == COLLECT_WITH]
        kept["inputs"] = [each for each in inputs if "valueCanonical" not in each]
        kept["extensions"] = [each for each in extensions if each["url"] != COLLECT_WITH]
    return kept
