"""A guideline that says what a test wants it to say, and remembers what it was asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from flask import Flask

from service.app import create_app
from service.guideline import Applied, AppliedAction, DataNeed, Guideline, HookPlan
from service.guideline.content import Content
from service.settings import Settings

NOW = datetime(2026, 3, 12, 9, 30, tzinfo=UTC)
REASON = {"code": "patient-refuses", "system": "urn:reasons", "display": "The patient refuses"}
NEEDS = (
    DataNeed("patient", "Patient", "Patient/{{context.patientId}}", True),
    DataNeed("conditions", "Condition", "Condition?patient={{context.patientId}}", True),
    DataNeed("medications", "MedicationRequest", "MedicationRequest?patient={{context.patientId}}", False),
)
HOOKS = ("patient-view", "order-select", "order-sign")


def action(**members: Any) -> AppliedAction:
    """An applied action with nothing but what is given."""
    blank: dict[str, Any] = {
        "id": "a",
        "path": "a",
        "documentation": (),
        "facts": (),
        "drafts": (),
        "children": (),
    }
    optional = (
        "title description priority topic selection_behavior grouping_behavior required_behavior "
        "precheck cardinality type resource definition"
    )
    return AppliedAction(**{**blank, **dict.fromkeys(optional.split()), **members})


@dataclass
class FakeGuideline:
    """Answers with `actions`, or calls `judge` with the record first."""

    actions: tuple[AppliedAction, ...] = ()
    judge: Callable[[Any], None] = lambda record: None
    version: str = "2025.1.0"
    base: str = "https://guideline.example.org/fhir"
    data_needs: tuple[DataNeed, ...] = NEEDS
    usage: str | None = "Needs FHIR R4."
    asked: list[dict[str, Any]] = field(default_factory=list)
    content: Content = field(default_factory=lambda: Content(Path(), ()))

    @property
    def hooks(self) -> tuple[HookPlan, ...]:
        return tuple(
            HookPlan(f"test-{hook}", hook, f"Title {hook}", f"Says {hook}", self.usage, (REASON,))
            for hook in HOOKS
        )

    def evaluation(self, record: Any, now: datetime, parameters: Mapping[str, Any] | None = None) -> Any:
        self.asked.append({"now": now, "parameters": parameters, "record": record})
        self.judge(record)
        return object()

    def apply(self, plan_id: str, evaluation: Any, subject: str) -> Applied:
        self.asked[-1].update(plan=plan_id, subject=subject)
        return Applied(plan_id, subject, self.actions, ())


def app_with(guideline: FakeGuideline, **settings: Any) -> Flask:
    """The real application around a fake guideline, at a fixed time."""
    return create_app(Settings(**settings), lambda: NOW, cast(Guideline, guideline))


def request_body(hook: str = "patient-view", **changes: Any) -> dict[str, Any]:
    """A sound call; `changes` replace top-level members, None removes one."""
    body: dict[str, Any] = {
        "hook": hook,
        "hookInstance": "70f7af00-54e5-5d23-932f-12089cc37640",
        "context": {"userId": "Practitioner/dr", "patientId": "p1"},
        "prefetch": {"patient": {"resourceType": "Patient", "id": "p1"}, "conditions": None},
        **changes,
    }
    return {name: value for name, value in body.items() if value is not None}
