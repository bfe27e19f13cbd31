"""A guideline, loaded: everything that can be prepared before the first patient."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from service.cql import Engine, Evaluation, Record
from service.guideline.apply import apply_activity, apply_plan
from service.guideline.content import Content, Problems, Resource, read_content
from service.guideline.cursor import Cursor
from service.guideline.errors import ContentError, Problem, UnknownPlanError
from service.guideline.logic import Logic
from service.guideline.model import Applied, DataNeed, HookPlan, Json
from service.guideline.needs import data_needs
from service.guideline.plans import Compiled, Plan, compile_definitions
from service.guideline.valuesets import Expansion, expand_all


class Guideline:
    """The content of one guideline's folder, compiled; safe to share between threads."""

    def __init__(
        self,
        content: Content,
        base: str,
        engine: Engine,
        compiled: Compiled,
        hooks: tuple[HookPlan, ...],
        needs: tuple[DataNeed, ...],
        value_sets: Mapping[str, Expansion],
    ) -> None:
        self.content = content
        self.base = base
        """Canonical base: each resource's url is base/Type/id."""
        self.version = content.resources[0].version
        self.hooks = hooks
        self.data_needs = needs
        self.value_sets = value_sets
        """Codes and displays of each ValueSet, by its url without version."""
        self._engine = engine
        self._compiled = compiled

    @classmethod
    def load(cls, folder: Path) -> Guideline:
        """The guideline in `folder`. Raises ContentError, which lists all that is wrong."""
        guideline, problems = build(folder)
        if guideline is None or problems:
            raise ContentError(problems)
        return guideline

    def evaluation(
        self, record: Record, now: datetime, parameters: Mapping[str, Any] | None = None
    ) -> Evaluation:
        """The guideline's logic on one patient's record, at the time `now` (aware)."""
        return self._engine.evaluation(record, now, parameters)

    def apply(self, plan_id: str, evaluation: Evaluation, subject: str) -> Applied:
        """What the PlanDefinition with this id says about the patient; `subject` is "Patient/<id>".

        Raises UnknownPlanError, GuidelineError, and whatever the patient's record raises.
        """
        plan = self._compiled.plans.get(plan_id)
        if plan is None:
            raise UnknownPlanError(plan_id)
        return apply_plan(plan, evaluation, subject)

    def apply_activity(self, activity_id: str, evaluation: Evaluation, subject: str) -> Json:
        """The request (R4 JSON, no id) that the ActivityDefinition with this id makes for the patient.

        Raises UnknownPlanError, GuidelineError, and whatever the patient's record raises.
        """
        request = self._compiled.activities.get(activity_id)
        if request is None:
            raise UnknownPlanError(activity_id)
        return apply_activity(request, evaluation, subject, activity_id)


def build(folder: Path) -> tuple[Guideline | None, tuple[Problem, ...]]:
    """The guideline in `folder`, as far as it can be built, and what is wrong with it."""
    problems = Problems()
    content = read_content(folder, problems)
    if not content.resources:
        return None, tuple(problems)
    base = _base(content, problems)
    value_sets = expand_all(content, problems)
    logic = Logic(content, value_sets, problems)
    compiled = compile_definitions(content, base, logic, problems)
    plans = compiled.plans
    hooks = _hooks(plans, base, content, value_sets, problems)
    needs = data_needs(content, [plans[hook.id].resource for hook in hooks], base, value_sets, problems)
    if logic.engine is None or problems:
        return None, tuple(problems)
    return Guideline(content, base, logic.engine, compiled, hooks, needs, value_sets), ()


def _base(content: Content, problems: Problems) -> str:
    """What all urls share; a resource with another base, or another version, is a problem."""
    first = content.resources[0]
    base = first.url.removesuffix(f"/{first.type}/{first.id}")
    for resource in content.resources:
        expected = f"{base}/{resource.type}/{resource.id}"
        if resource.url != expected:
            problems.add(resource.file, f"{resource.type}.url", f"is not {expected}")
        if resource.version != first.version:
            message = f"is {resource.version}, and {first.file} has {first.version}"
            problems.add(resource.file, f"{resource.type}.version", message)
    return base


def _hooks(
    plans: Mapping[str, Plan],
    base: str,
    content: Content,
    value_sets: Mapping[str, Expansion],
    problems: Problems,
) -> tuple[HookPlan, ...]:
    found: dict[str, HookPlan] = {}
    for plan in plans.values():
        if plan.hook is None:
            continue
        cursor = Cursor.of(plan.resource, problems)
        if plan.hook in found:
            cursor.problem(f"{found[plan.hook].id} answers {plan.hook} already", "action[0].trigger")
            continue
        found[plan.hook] = HookPlan(
            id=plan.resource.id,
            hook=plan.hook,
            title=cursor.text("title") or plan.resource.id,
            description=_description(cursor),
            usage_requirements=_usage_requirements(cursor, base),
            override_reasons=_override_reasons(cursor, base, content, value_sets),
            topics=tuple(action.topic for action in plan.actions if action.topic is not None),
        )
    if not found:
        problems.add("plandefinition", "PlanDefinition.action.trigger", "no PlanDefinition answers a hook")
    return tuple(found[hook] for hook in sorted(found))


def _description(plan: Cursor) -> str:
    description = plan.text("description")
    if description is None:
        plan.problem("services have a description", "description")
    return description or ""


def _usage_requirements(plan: Cursor, base: str) -> str | None:
    extension = next(plan.extension(f"{base}/StructureDefinition/usage-requirements"), None)
    if extension is None:
        return None
    text = extension.text("valueString")
    if text is None:
        extension.problem("is missing", "valueString")
    return text


def _override_reasons(
    plan: Cursor, base: str, content: Content, value_sets: Mapping[str, Expansion]
) -> tuple[Mapping[str, str], ...]:
    extension = next(plan.extension(f"{base}/StructureDefinition/override-reasons"), None)
    if extension is None:
        return ()
    canonical = extension.text("valueCanonical")
    value_set: Resource | None = content.resolve(canonical) if canonical else None
    if value_set is None or value_set.type != "ValueSet":
        extension.problem(f"there is no ValueSet {canonical}", "valueCanonical")
        return ()
    codes = value_sets[value_set.url]
    if not all(codes.values()):
        extension.problem("override reasons are shown: each needs a display", "valueCanonical")
    return tuple(
        {"code": code, "system": system, "display": display} for (system, code), display in codes.items()
    )
