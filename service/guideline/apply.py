"""Applies a compiled plan to a patient: R4 PlanDefinition/$apply, as a neutral tree with its trace.

See http://hl7.org/fhir/R4/plandefinition-operation-apply.html. Two things are said here that the operation
leaves open: a condition that is null makes the action unknown; an option with nothing beneath it disappears.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from service.cql import CqlError, Evaluation
from service.guideline.dynamic import set_value
from service.guideline.errors import GuidelineError
from service.guideline.logic import Define
from service.guideline.model import Applied, AppliedAction, Considered, Fact, Json
from service.guideline.plans import Action, Plan
from service.guideline.requests import Request, Value


def apply_plan(plan: Plan, evaluation: Evaluation, subject: str) -> Applied:
    """What `plan` says about the patient of `evaluation`; `subject` is the reference to that patient.

    Raises GuidelineError, and whatever the patient's record raises.
    """
    run = _Run(evaluation, subject)
    actions = run.actions(plan.actions, plan.resource.id, top=True)
    return Applied(plan.resource.canonical, subject, actions, tuple(run.considered))


def apply_activity(request: Request, evaluation: Evaluation, subject: str, activity_id: str) -> Json:
    """The request that an ActivityDefinition makes for the patient of `evaluation`. Raises as apply_plan."""
    return _Run(evaluation, subject).resource(request, request.values, activity_id)


class _Run:
    def __init__(self, evaluation: Evaluation, subject: str) -> None:
        self._evaluation = evaluation
        self._subject = subject
        self.considered: list[Considered] = []

    def actions(
        self, actions: tuple[Action, ...], path: str, *, top: bool = False
    ) -> tuple[AppliedAction, ...]:
        applied = (self._action(action, f"{path}/{action.id}", top=top) for action in actions)
        return tuple(action for action in applied if action is not None)

    def _action(self, action: Action, path: str, *, top: bool) -> AppliedAction | None:
        found = self._decide(action, path)
        position = len(self.considered)
        self.considered.append(found)
        if found.outcome != "applied":
            return None
        children = self.actions(action.children, path)
        if _is_empty(action, children, top=top):
            self.considered[position] = Considered(path, "empty")
            return None
        return self._applied(action, path, children)

    def _decide(self, action: Action, path: str) -> Considered:
        missing: dict[str, None] = {}
        unknown: Define | None = None
        for define in action.conditions:
            value = self._value(define, path)
            if value is False:
                return Considered(path, "not-applied", define, (), action.children)
            if value is None:
                unknown = unknown or define
                missing |= dict.fromkeys(self._because(define, path))
            elif value is not True:
                raise GuidelineError(
                    path, str(define), f"a condition is true, false or null, not {_kind(value)}"
                )
        if unknown is not None:
            return Considered(path, "unknown", unknown, tuple(missing), action.children)
        return Considered(path, "applied")

    def _applied(self, action: Action, path: str, children: tuple[AppliedAction, ...]) -> AppliedAction:
        texts = {name: self._text(define, path) for name, define in action.texts}
        return AppliedAction(
            id=action.id,
            path=path,
            title=texts.get("title") or action.title,
            description=texts.get("description") or action.description,
            priority=texts.get("priority") or action.priority,
            topic=action.topic,
            documentation=action.documentation,
            selection_behavior=action.selection_behavior,
            grouping_behavior=action.grouping_behavior,
            required_behavior=action.required_behavior,
            precheck=action.precheck,
            cardinality=action.cardinality,
            type=action.type,
            facts=tuple(dict.fromkeys(fact for define in action.facts for fact in self._facts(define, path))),
            drafts=tuple(
                dict.fromkeys(ref for define in action.drafts for ref in self._drafts(define, path))
            ),
            resource=self._resource(action, path),
            definition=action.definition,
            children=children,
        )

    def _resource(self, action: Action, path: str) -> Json | None:
        if action.request is None:
            return None
        # The plan's own values come last: they adapt the activity to this plan.
        return self.resource(action.request, action.request.values + action.values, path)

    def resource(self, request: Request, values: tuple[Value, ...], path: str) -> Json:
        """The request with its dynamicValues; `path` says in errors where it is made."""
        resource = request.resource(self._subject)
        for value in values:
            found = self._value(value.define, path)
            if found is None:
                continue
            try:
                content = _present(self._evaluation.to_fhir(found))
                if content is not None:
                    set_value(resource, value.path, content)
            except (ValueError, CqlError) as error:
                raise GuidelineError(
                    path, str(value.define), f"dynamicValue {value.text}: {error}"
                ) from error
        return resource

    def _text(self, define: Define, path: str) -> str | None:
        value = self._fhir(define, path)
        if value is None or isinstance(value, str):
            return value
        raise GuidelineError(path, str(define), f"a text of the action is a string, not {_kind(value)}")

    def _facts(self, define: Define, path: str) -> Iterator[Fact]:
        for item in self._list(define, path):
            if not isinstance(item, dict) or not isinstance(item.get("name"), str):
                raise GuidelineError(path, str(define), "a fact is a tuple with a name")
            texts = {key: item.get(key) for key in ("value", "date", "source")}
            for key, value in texts.items():
                if not (value is None or isinstance(value, str)):
                    raise GuidelineError(
                        path, str(define), f"the {key} of a fact is a string, not {_kind(value)}"
                    )
            yield Fact(item["name"], texts["value"], texts["date"], texts["source"])

    def _drafts(self, define: Define, path: str) -> Iterator[str]:
        for item in self._list(define, path):
            if not isinstance(item, str):
                raise GuidelineError(path, str(define), f"a draft is named by a string, not {_kind(item)}")
            yield item

    def _list(self, define: Define, path: str) -> list[Any]:
        """The items of a list define; null, and null items, are nothing to list."""
        value = self._fhir(define, path)
        if value is None:
            return []
        if not isinstance(value, list):
            raise GuidelineError(path, str(define), f"must be a list, not {_kind(value)}")
        return [item for item in value if item is not None]

    def _fhir(self, define: Define, path: str) -> Any:
        value = self._value(define, path)
        if value is None or isinstance(value, str):
            return value
        try:
            return self._evaluation.to_fhir(value)
        except CqlError as error:
            raise GuidelineError(path, str(define), str(error)) from error

    def _value(self, define: Define, path: str) -> Any:
        try:
            return self._evaluation.value(define.library, define.name)
        except CqlError as error:
            raise GuidelineError(path, str(define), str(error)) from error

    def _because(self, define: Define, path: str) -> tuple[str, ...]:
        try:
            missing = self._evaluation.unknown_because(define.library, define.name)
        except CqlError as error:
            raise GuidelineError(path, str(define), str(error)) from error
        return tuple(f"{library}.{name}" for library, name in missing) or (str(define),)


def _is_empty(action: Action, children: tuple[AppliedAction, ...], *, top: bool) -> bool:
    """Whether an action that applied has nothing to say: its options are gone, or it never had any text."""
    if children or action.request is not None or action.type == "remove":
        return False
    if top or not action.parent:
        return not (action.title or action.description or action.texts)
    return True


def _kind(value: object) -> str:
    """What a value is, without saying which: errors hold no patient data."""
    return type(value).__name__


def _present(value: Any) -> Any:
    """FHIR JSON without empty objects (a reference to a resource that has no id); None when none is left."""
    if isinstance(value, list):
        return [item for item in value if item not in (None, {}, [])] or None
    return None if value in ({}, []) else value
