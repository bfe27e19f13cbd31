"""The applied guideline as R4 resources: a CarePlan that contains a RequestGroup and the requests.

R4 PlanDefinition/$apply gives a CarePlan; as R5 does, the same can be had as a Bundle. What R4 leaves open:

- RequestGroup.action has a resource or actions (invariant rqg-1). A statement that is neither order nor group
  points to a GuidanceResponse; an action that removes a draft points to the draft.
- What nobody can decide is told in an OperationOutcome (extension cqf-messages, as HAPI does), each issue
  marked `asked-unknown`: whoever reads only the actions never takes it for a recommendation.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from service.fhir_api.application import Outcome
from service.guideline import AppliedAction, Fact, TraceEntry

Json = dict[str, Any]

ABSENT: Final = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
MESSAGES: Final = "http://hl7.org/fhir/StructureDefinition/cqf-messages"
ACTION_TYPE: Final = "http://terminology.hl7.org/CodeSystem/action-type"
_NAMESPACE: Final = uuid.UUID("1f0f7f3a-5b1f-4a52-9a7e-0c1d7a4f6f11")
_BEHAVIOURS: Final = (
    ("groupingBehavior", "grouping_behavior"),
    ("selectionBehavior", "selection_behavior"),
    ("requiredBehavior", "required_behavior"),
    ("precheckBehavior", "precheck"),
    ("cardinalityBehavior", "cardinality"),
)


def care_plan(outcome: Outcome, base: str) -> Json:
    """R4's answer. `base`: canonical base of the guideline, for its extensions."""
    group, others = _rendered(outcome, base, lambda name: f"#{name}")
    case = outcome.case
    plan: Json = {
        "resourceType": "CarePlan",
        "contained": [group, *others],
        "instantiatesCanonical": [outcome.applied.plan],
        "status": "draft",
        "intent": "proposal",
        "subject": {"reference": case.subject},
        "activity": [{"reference": {"reference": "#request-group"}}],
    }
    if case.encounter is not None:
        plan["encounter"] = {"reference": case.encounter}
    if case.practitioner is not None:
        plan["author"] = {"reference": case.practitioner}
    return plan


def bundle(outcome: Outcome, base: str) -> Json:
    """The same as a collection: the RequestGroup first. The resources refer to each other by fullUrl."""

    def url(name: str) -> str:
        return f"urn:uuid:{uuid.uuid5(_NAMESPACE, f'{outcome.applied.plan} {name}')}"

    group, others = _rendered(outcome, base, url)
    entries = [{"fullUrl": url(resource["id"]), "resource": resource} for resource in (group, *others)]
    return {"resourceType": "Bundle", "type": "collection", "entry": entries}


def _rendered(outcome: Outcome, base: str, url: Any) -> tuple[Json, list[Json]]:
    render = _Render(outcome, base, url)
    actions = [render.action(action) for action in outcome.applied.actions]
    case = outcome.case
    group: Json = {
        "resourceType": "RequestGroup",
        "id": "request-group",
        "instantiatesCanonical": [outcome.applied.plan],
        "status": "draft",
        "intent": "proposal",
        "subject": {"reference": case.subject},
    }
    messages = render.messages()
    if messages is not None:
        render.others.append(messages)
        group["extension"] = [{"url": MESSAGES, "valueReference": {"reference": url(messages["id"])}}]
    if case.encounter is not None:
        group["encounter"] = {"reference": case.encounter}
    if case.practitioner is not None:
        group["author"] = {"reference": case.practitioner}
    if actions:
        group["action"] = actions
    return group, render.others


@dataclass
class _Render:
    outcome: Outcome
    base: str
    url: Any
    others: list[Json] = field(default_factory=list)

    def action(self, action: AppliedAction) -> Json:
        """One RequestGroup.action, with what is beneath it."""
        row: Json = {"id": action.path.partition("/")[2]}
        extensions = [*self._facts(action.facts), *self._drafts(action.drafts)]
        if extensions:
            row["extension"] = extensions
        for name, value in (
            ("title", action.title),
            ("description", action.description),
            ("priority", action.priority),
        ):
            if value is not None:
                row[name] = value
        if action.topic is not None:
            row["code"] = [{"coding": [dict(action.topic)]}]
        if action.documentation:
            row["documentation"] = [dict(each) for each in action.documentation]
        if action.type is not None:
            row["type"] = {"coding": [{"system": ACTION_TYPE, "code": action.type}]}
        row |= {name: value for name, held in _BEHAVIOURS if (value := getattr(action, held)) is not None}
        return row | self._content(action)

    def _content(self, action: AppliedAction) -> Json:
        """`action` or `resource`: exactly one of them."""
        beneath = [self.action(child) for child in action.children]
        if action.resource is not None:
            made = self._held(action.resource, "request")
            if not beneath:
                return {"resource": made}
            beneath.insert(0, {"id": f"{action.path.partition('/')[2]}/resource", "resource": made})
        if action.type == "remove" and not beneath:
            drafts = self._removed(action)
            if len(drafts) == 1:
                return {"resource": {"reference": drafts[0]}}
            name = action.path.partition("/")[2]
            beneath = [
                {"id": f"{name}/{number}", "resource": {"reference": draft}}
                for number, draft in enumerate(drafts, start=1)
            ]
        return {"action": beneath} if beneath else {"resource": self._statement(action)}

    def _removed(self, action: AppliedAction) -> tuple[str, ...]:
        """The drafts that a `remove` is about: its own, or those of the nearest action above it."""
        if action.drafts:
            return action.drafts
        above = list(_line(self.outcome.applied.actions, action.path))
        return next((each.drafts for each in reversed(above) if each.drafts), ())

    def _statement(self, action: AppliedAction) -> Json:
        """What an action that orders nothing points to."""
        text = ": ".join(part for part in (action.title, action.description) if part)
        response: Json = {
            "resourceType": "GuidanceResponse",
            "moduleCanonical": self.outcome.applied.plan,
            "status": "success",
            "subject": {"reference": self.outcome.case.subject},
        }
        if text:
            response["note"] = [{"text": text}]
        return self._held(response, "statement")

    def _held(self, resource: Json, kind: str) -> Json:
        """Keep a resource beside the RequestGroup, and give the reference to it."""
        number = sum(each["id"].startswith(f"{kind}-") for each in self.others) + 1
        name = f"{kind}-{number}"
        self.others.append({"resourceType": resource["resourceType"], "id": name, **resource})
        return {"reference": self.url(name)}

    def _facts(self, facts: tuple[Fact, ...]) -> Iterator[Json]:
        for fact in facts:
            parts: list[Json] = [{"url": "name", "valueString": fact.name}]
            if fact.value is None:
                parts.append({"url": "value", "extension": [{"url": ABSENT, "valueCode": "unknown"}]})
            else:
                parts.append({"url": "value", "valueString": fact.value})
            if fact.date is not None:
                parts.append({"url": "date", "valueString": fact.date})
            if fact.source is not None:
                parts.append({"url": "source", "valueReference": {"reference": fact.source}})
            yield {"url": f"{self.base}/StructureDefinition/action-fact", "extension": parts}

    def _drafts(self, drafts: tuple[str, ...]) -> Iterator[Json]:
        for draft in drafts:
            url = f"{self.base}/StructureDefinition/action-draft"
            yield {"url": url, "valueReference": {"reference": draft}}

    def messages(self) -> Json | None:
        """What could not be decided, and what was not read; None when there is nothing to tell."""
        issues = [_undecided(entry) for entry in self.outcome.applied.unknown]
        issues += [
            {
                "severity": "warning",
                "code": "structure",
                "details": {"text": f"{row.what} did not count: {row.reason}"},
            }
            for row in self.outcome.left_out
        ]
        if not issues:
            return None
        return {"resourceType": "OperationOutcome", "id": "messages", "issue": issues}


def _undecided(entry: TraceEntry) -> Json:
    return {
        "extension": [{"url": ABSENT, "valueCode": "asked-unknown"}],
        "severity": "information",
        "code": "incomplete",
        "details": {
            "text": f"Whether {entry.path} applies is not known ({entry.define}). "
            f"Not known: {', '.join(entry.because)}."
        },
    }


def _line(actions: tuple[AppliedAction, ...], path: str) -> Iterator[AppliedAction]:
    """The actions from the top down to the one with this path."""
    for action in actions:
        if path == action.path or path.startswith(f"{action.path}/"):
            yield action
            yield from _line(action.children, path)
