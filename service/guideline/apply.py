"""Applies a compiled plan to a patient: R4 PlanDefinition/$apply, as a neutral tree with its trace.

See http://hl7.org/fhir/R4/plandefinition-operation-apply.html. Two things are said here that the operation
leaves open: a condition that is null makes the action unknown; an option with nothing beneath it disappears.
"""

from __future__ import annotations

from typing import Any, Final

from service.cql import CqlError, Evaluation
from service.guideline.dynamic import set_value
from service.guideline.errors import GuidelineError
from service.guideline.logic import Define
from service.guideline.model import Applied, AppliedAction, Fact, Json
from service.guideline.plans import Action, Plan, is_empty
from service.guideline.requests import Request, Value
from service.guideline.trace import Considering

_TEXTS: Final = frozenset({str, type(None)})


def apply_plan(plan: Plan, evaluation: Evaluation, subject: str) -> Applied:
    """What `plan` says about the patient of `evaluation`; `subject` is the reference to that patient.

    Raises GuidelineError, and whatever the patient's record raises.
    """
    with evaluation:
        actions = _Run(evaluation, subject).actions(plan.actions, plan.resource.id, top=True)
    return Applied(plan.resource.canonical, subject, actions, Considering(plan, evaluation))


def apply_activity(request: Request, evaluation: Evaluation, subject: str, activity_id: str) -> Json:
    """The request that an ActivityDefinition makes for the patient of `evaluation`. Raises as apply_plan."""
    return _Run(evaluation, subject).resource(request, request.values, activity_id)


class _Run:
    def __init__(self, evaluation: Evaluation, subject: str) -> None:
        self._evaluation = evaluation
        self._subject = subject

    def actions(
        self, actions: tuple[Action, ...], above: str, *, top: bool = False
    ) -> tuple[AppliedAction, ...]:
        """Those that apply. Most do not, and of those no more is looked at than one condition."""
        value_of = self._evaluation.value
        applied = []
        for action in actions:
            for define in action.conditions:
                try:
                    value = value_of(define.library, define.name)
                except CqlError as error:
                    raise _failure(define, f"{above}/{action.id}", error) from error
                if value is not True:
                    if value is not False:
                        self._look_at_all(action.conditions, f"{above}/{action.id}")
                    break
            else:
                path = f"{above}/{action.id}"
                children = self.actions(action.children, path) if action.children else ()
                if children or not is_empty(action, top=top):
                    applied.append(self._applied(action, path, children))
        return tuple(applied)

    def _look_at_all(self, conditions: tuple[Define, ...], path: str) -> None:
        """Of several conditions, one that is null does not hide that another fails."""
        for define in conditions:
            value = self._value(define, path)
            if value is False:
                return
            if not (value is True or value is None):
                raise GuidelineError(
                    path, str(define), f"a condition is true, false or null, not {_kind(value)}"
                )

    def _applied(self, action: Action, path: str, children: tuple[AppliedAction, ...]) -> AppliedAction:
        title, description, priority = action.title, action.description, action.priority
        if action.texts:
            texts = {name: self._text(define, path) for name, define in action.texts}
            title = texts.get("title") or title
            description = texts.get("description") or description
            priority = texts.get("priority") or priority
        return AppliedAction(
            action.id,
            path,
            title,
            description,
            priority,
            action.topic,
            action.documentation,
            action.selection_behavior,
            action.grouping_behavior,
            action.required_behavior,
            action.precheck,
            action.cardinality,
            action.type,
            self._facts(action.facts, path) if action.facts else (),
            self._drafts(action.drafts, path) if action.drafts else (),
            self._resource(action, path),
            action.definition,
            children,
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

    def _facts(self, defines: tuple[Define, ...], path: str) -> tuple[Fact, ...]:
        facts: dict[Fact, None] = {}
        for define in defines:
            for item in self._list(define, path):
                facts[_fact(define, path, item)] = None
        return tuple(facts)

    def _drafts(self, defines: tuple[Define, ...], path: str) -> tuple[str, ...]:
        drafts: dict[str, None] = {}
        for define in defines:
            for item in self._list(define, path):
                if not isinstance(item, str):
                    raise GuidelineError(
                        path, str(define), f"a draft is named by a string, not {_kind(item)}"
                    )
                drafts[item] = None
        return tuple(drafts)

    def _list(self, define: Define, path: str) -> list[Any]:
        """The items of a list define; null, and null items, are nothing to list."""
        value = self._value(define, path)
        if isinstance(value, list) and _is_of_texts(value):
            return [item for item in value if item is not None]
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
            raise _failure(define, path, error) from error

    def _value(self, define: Define, path: str) -> Any:
        try:
            return self._evaluation.value(define.library, define.name)
        except CqlError as error:
            raise _failure(define, path, error) from error


def _is_of_texts(values: list[Any]) -> bool:
    """Whether they are texts, or tuples of texts, which are the same in FHIR."""
    kinds = {*map(type, values)}
    if dict in kinds:
        kinds.discard(dict)
        kinds.update(type(each) for value in values if type(value) is dict for each in value.values())
    return kinds <= _TEXTS


def _failure(define: Define, path: str, error: CqlError) -> GuidelineError:
    return GuidelineError(path, str(define), str(error))


def _fact(define: Define, path: str, item: Any) -> Fact:
    if not isinstance(item, dict) or not isinstance(item.get("name"), str):
        raise GuidelineError(path, str(define), "a fact is a tuple with a name")
    fact = Fact(item["name"], item.get("value"), item.get("date"), item.get("source"))
    for key, value in zip(("value", "date", "source"), fact[1:], strict=True):
        if not (value is None or isinstance(value, str)):
            raise GuidelineError(path, str(define), f"the {key} of a fact is a string, not {_kind(value)}")
    return fact


def _kind(value: object) -> str:
    """What a value is, without saying which: errors hold no patient data."""
    return type(value).__name__


def _present(value: Any) -> Any:
    """FHIR JSON without empty objects (a reference to a resource that has no id); None when none is left."""
    if isinstance(value, list):
        return [item for item in value if item not in (None, {}, [])] or None
    return None if value in ({}, []) else value
