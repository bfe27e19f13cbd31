"""PlanDefinitions compiled: conditions, texts, requests and nested plans resolved, siblings put in order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from service.guideline.content import Content, Problems, Resource
from service.guideline.cursor import Cursor
from service.guideline.elements import ELEMENTS
from service.guideline.logic import SYSTEM_BOOLEAN, Define, Logic
from service.guideline.requests import Request, Value, compile_request, compile_value

Text = Literal["title", "description", "priority"]
_TEXTS: dict[str, Text] = {"title": "title", "description": "description", "priority": "priority"}


@dataclass(frozen=True, slots=True)
class Action:
    """A PlanDefinition.action, ready to be applied."""

    id: str
    title: str | None
    description: str | None
    priority: str | None
    topic: Mapping[str, Any] | None
    documentation: tuple[Mapping[str, Any], ...]
    selection_behavior: str | None
    grouping_behavior: str | None
    required_behavior: str | None
    precheck: str | None
    cardinality: str | None
    type: str | None
    conditions: tuple[Define, ...]
    """All must be true."""
    texts: tuple[tuple[Text, Define], ...]
    """dynamicValues of the action's own texts."""
    values: tuple[Value, ...]
    """dynamicValues of the resource that the action makes."""
    facts: tuple[Define, ...]
    drafts: tuple[Define, ...]
    definition: str | None
    request: Request | None
    children: tuple[Action, ...]
    """The actions of a nested PlanDefinition, then the action's own, in order."""
    parent: bool
    """Whether the content gives it children or a definition: with nothing left beneath it, it is empty."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A PlanDefinition, ready to be applied."""

    resource: Resource
    title: str | None
    hook: str | None
    """Name of the hook that triggers it."""
    actions: tuple[Action, ...]


@dataclass(frozen=True, slots=True)
class Compiled:
    """Everything in a guideline that can be applied, by id."""

    plans: Mapping[str, Plan]
    activities: Mapping[str, Request]


def compile_definitions(content: Content, base: str, logic: Logic, problems: Problems) -> Compiled:
    """Every PlanDefinition and ActivityDefinition of the guideline."""
    compiler = _Compiler(content, base, logic, problems)
    plans = {resource.id: compiler.plan(resource) for resource in content.of_type("PlanDefinition")}
    requests = {
        resource.id: compiler.requests[resource.url] for resource in content.of_type("ActivityDefinition")
    }
    return Compiled(plans, {key: request for key, request in requests.items() if request is not None})


class _Compiler:
    def __init__(self, content: Content, base: str, logic: Logic, problems: Problems) -> None:
        self._content = content
        self._base = base
        self._logic = logic
        self._problems = problems
        self._plans: dict[str, Plan] = {}
        self._open: set[str] = set()
        self.requests: dict[str, Request | None] = {}
        for activity in content.of_type("ActivityDefinition"):
            cursor = Cursor.of(activity, problems)
            self.requests[activity.url] = compile_request(cursor, activity.canonical, logic)

    def plan(self, resource: Resource) -> Plan:
        if resource.url in self._plans:
            return self._plans[resource.url]
        self._open.add(resource.url)
        cursor = Cursor.of(resource, self._problems)
        library = self._logic.library_of(cursor)
        _check_related(cursor)
        actions = tuple(self._action(action, library) for action in in_order(cursor))
        _check_ids(cursor)
        plan = Plan(resource, cursor.text("title"), hook_of(cursor), actions)
        self._open.discard(resource.url)
        self._plans[resource.url] = plan
        return plan

    def _action(self, cursor: Cursor, library: str | None) -> Action:
        request, nested = self._definition(cursor)
        values, texts = self._dynamic(cursor, library, request)
        own = tuple(self._action(child, library) for child in in_order(cursor))
        fallback = request.title if request else nested.title if nested else None
        return Action(
            id=cursor.text("id") or _position(cursor),
            title=cursor.text("title") or fallback,
            description=cursor.text("description") or cursor.text("textEquivalent"),
            priority=cursor.text("priority"),
            topic=cursor.first("code").first("coding").body or None,
            documentation=tuple(each.body for each in cursor.each("documentation")),
            selection_behavior=cursor.text("selectionBehavior"),
            grouping_behavior=cursor.text("groupingBehavior"),
            required_behavior=cursor.text("requiredBehavior"),
            precheck=cursor.text("precheckBehavior"),
            cardinality=cursor.text("cardinalityBehavior"),
            type=cursor.child("type").first("coding").text("code"),
            conditions=tuple(self._conditions(cursor, library)),
            texts=texts,
            values=values,
            facts=tuple(self._lists(cursor, "action-facts", library)),
            drafts=tuple(self._lists(cursor, "action-drafts", library)),
            definition=cursor.text("definitionCanonical"),
            request=request,
            children=(nested.actions if nested else ()) + own,
            parent="definitionCanonical" in cursor.body or "action" in cursor.body,
        )

    def _definition(self, action: Cursor) -> tuple[Request | None, Plan | None]:
        """What definitionCanonical names: a request or a plan."""
        if "definitionUri" in action.body:
            action.problem("definitions are named by definitionCanonical", "definitionUri")
        canonical = action.text("definitionCanonical")
        if canonical is None:
            return None, None
        resource = self._content.resolve(canonical)
        if resource is None:
            action.problem(f"there is no {canonical}", "definitionCanonical")
        elif "|" not in canonical:
            action.problem(f"{canonical} says no version", "definitionCanonical")
        elif resource.type == "ActivityDefinition":
            return self.requests[resource.url], None
        elif resource.type != "PlanDefinition":
            action.problem(f"a {resource.type} cannot be applied", "definitionCanonical")
        elif resource.url in self._open:
            action.problem(f"{canonical} leads back to itself", "definitionCanonical")
        else:
            return None, self.plan(resource)
        return None, None

    def _conditions(self, action: Cursor, library: str | None) -> Iterator[Define]:
        for condition in action.each("condition"):
            if condition.body.get("kind") != "applicability":
                condition.problem("only applicability conditions decide here", "kind")
            define = self._logic.define(condition.child("expression"), library, result=SYSTEM_BOOLEAN)
            if define is not None:
                yield define

    def _lists(self, action: Cursor, name: str, library: str | None) -> Iterator[Define]:
        """Defines of our extensions that give lists."""
        for extension in action.extension(f"{self._base}/StructureDefinition/{name}"):
            define = self._logic.define(extension.child("valueExpression"), library, result="List")
            if define is not None:
                yield define

    def _dynamic(
        self, action: Cursor, library: str | None, request: Request | None
    ) -> tuple[tuple[Value, ...], tuple[tuple[Text, Define], ...]]:
        values: list[Value] = []
        texts: list[tuple[Text, Define]] = []
        for dynamic in action.each("dynamicValue"):
            path = dynamic.text("path") or ""
            text = _TEXTS.get(path.removeprefix("action."))
            # An element that the request has too is meant for the request, unless the path says `action.`.
            if text is not None and not _request_has(request, path):
                define = self._logic.define(dynamic.child("expression"), library)
                if define is not None:
                    texts.append((text, define))
            elif request is None:
                dynamic.problem(
                    f"'{path}' is no text of the action, and there is no resource to set it on", "path"
                )
            else:
                value = compile_value(dynamic, path, request.kind, library, self._logic)
                if value is not None:
                    values.append(value)
        return tuple(values), tuple(texts)


def _request_has(request: Request | None, path: str) -> bool:
    return request is not None and path in ELEMENTS[request.kind]


def _position(action: Cursor) -> str:
    return action.path.rpartition(".")[2]


def hook_of(plan: Cursor) -> str | None:
    """The hook that triggers a PlanDefinition: the named-event that all its top-level actions share."""
    names: dict[str | None, Cursor] = {}
    for action in plan.each("action"):
        triggers = [each for each in action.each("trigger") if each.body.get("type") == "named-event"]
        names.setdefault(triggers[0].text("name") if triggers else None, action)
        if len(triggers) > 1:
            action.problem("is triggered by several hooks: one PlanDefinition answers one hook", "trigger")
    if len(names) > 1:
        plan.problem(
            f"the top-level actions differ in the hook that triggers them: {_listed(names)}", "action"
        )
        return None
    return next(iter(names), None)


def _listed(names: Mapping[str | None, Any]) -> str:
    return ", ".join(str(name or "none") for name in names)


def is_empty(action: Action, *, top: bool) -> bool:
    """Whether an action that applies, and nothing beneath it, has nothing to say.

    Its options are gone, or it never had any text. `top`: whether it is a plan's own, no option of another.
    """
    if action.request is not None or action.type == "remove":
        return False
    if top or not action.parent:
        return not (action.title or action.description or action.texts)
    return True


def walk(parent: Cursor) -> Iterator[Cursor]:
    """All actions of a PlanDefinition (or beneath an action), parents first."""
    for action in parent.each("action"):
        yield action
        yield from walk(action)


def _check_ids(plan: Cursor) -> None:
    seen: set[str] = set()
    for action in walk(plan):
        action_id = action.text("id")
        if action_id is not None and action_id in seen:
            action.problem(f"another action of this plan has the id '{action_id}' too", "id")
        if action_id is not None:
            seen.add(action_id)


def _check_related(plan: Cursor) -> None:
    ids = {action.body.get("id") for action in walk(plan)}
    for action in walk(plan):
        for related in action.each("relatedAction"):
            if related.text("actionId") not in ids:
                related.problem("no action of this plan has this id", "actionId")


def in_order(parent: Cursor) -> list[Cursor]:
    """The actions directly beneath `parent`, moved only as their relatedActions ask.

    A relationship of an action deeper down moves the siblings that hold it and its target.
    """
    siblings = list(parent.each("action"))
    homes = {each.body.get("id"): index for index, top in enumerate(siblings) for each in (top, *walk(top))}
    after: dict[int, set[int]] = {index: set() for index in range(len(siblings))}
    for index, top in enumerate(siblings):
        for related in (related for each in (top, *walk(top)) for related in each.each("relatedAction")):
            other = homes.get(related.body.get("actionId"), index)
            relationship = str(related.body.get("relationship"))
            if other != index and relationship.startswith("before"):
                after[other].add(index)
            elif other != index and relationship.startswith("after"):
                after[index].add(other)
    order: list[int] = []
    while after:
        ready = next((index for index in after if after[index].issubset(order)), None)
        if ready is None:
            parent.problem("the relatedActions of these actions lead in a circle", "action")
            return siblings
        order.append(ready)
        del after[ready]
    return [siblings[index] for index in order]
