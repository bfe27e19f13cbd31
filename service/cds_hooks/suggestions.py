"""From the actions beneath a card to its suggestions.

A choice (an action whose selectionBehavior lets the clinician pick) offers its children; everything else with
resources beneath is one option, taken whole. Choices in choices flatten; a choice below an option multiplies
it.
Source: FHIR R4 PlanDefinition.action groupings; CDS Hooks 2.0.1 "Suggestion", "Action".
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from service.cds_hooks.order_sets import GROUPED, SEPARATE, Order, groups_after, order_set
from service.cds_hooks.text import from_guideline, plain, shorten
from service.guideline import AppliedAction

Json = dict[str, Any]
Name = Callable[[Sequence[Json]], str]
"""Gives a uuid to what is about these topics."""

_CHOICES: Final = frozenset({"any", "at-most-one", "exactly-one", "one-or-more"})
_PICK_ONE: Final = frozenset({"at-most-one", "exactly-one"})
_REPLACING: Final = frozenset({"update", "remove"})
_OF_THE_DRAFT: Final = (
    "identifier",
    "encounter",
    "requester",
    "recorder",
    "authoredOn",
    "category",
    "insurance",
)
MAX_OPTIONS: Final = 64
"""Most combinations that one card offers; the detail says so when there are more."""
_MAX_LABEL: Final = 200


class Option(NamedTuple):
    """What one suggestion does: its leaf actions, in order, and the drafts (`Type/id`) that they replace."""

    label: str
    leaves: tuple[AppliedAction, ...]
    replaces: tuple[str, ...]
    recommended: bool
    definition: str | None = None
    """Canonical of the nearest PlanDefinition that all of it comes from."""


class Offer(NamedTuple):
    """All that a card offers. `remarks`: what to read about it, as Markdown; `complete`: False when cut."""

    options: tuple[Option, ...]
    remarks: tuple[str, ...]
    behavior: str
    complete: bool
    topics: tuple[Sequence[Json], ...]
    """For each option, what the card that it was made for is about."""


def offer_of(card: AppliedAction, topics: Sequence[Json]) -> Offer:
    """The options beneath a top-level action, and how many of them may be taken (`at-most-one`, `any`)."""
    found = tuple(itertools.islice(_each_once(_options(card, ())), MAX_OPTIONS + 1))
    is_choice = card.selection_behavior in _CHOICES
    one_only = card.selection_behavior in _PICK_ONE or (not is_choice and len(found) > 1)
    behavior = "at-most-one" if one_only else "any"
    remarks: list[str] = []
    _add_remarks(card, remarks)
    options = found[:MAX_OPTIONS]
    return Offer(options, tuple(remarks), behavior, len(found) <= MAX_OPTIONS, (topics,) * len(options))


def _each_once(options: Iterable[Option]) -> Iterator[Option]:
    """Two branches of a guideline may offer the same: once is enough."""
    seen = set()
    for option in options:
        orders = tuple([leaf.definition for leaf in option.leaves])
        key = (option.label, orders, option.replaces)
        if key not in seen or None in orders:
            seen.add(key)
            yield option


def _options(
    action: AppliedAction, drafts: tuple[str, ...], replacing: bool = False, plan: str | None = None
) -> Iterable[Option]:
    """The alternatives that an action stands for: one, unless it is a choice or has one beneath.

    `drafts`, `replacing` and `plan` come from above: an action that says none takes them from its parent.
    """
    if action.definition is not None and "/PlanDefinition/" in action.definition:
        plan = action.definition
    drafts = action.drafts or drafts
    if action.type is not None:
        replacing = action.type in _REPLACING
    children = action.children
    if action.selection_behavior in _CHOICES:
        beneath = [_options(child, drafts, replacing, plan) for child in children]
        return beneath[0] if len(beneath) == 1 else itertools.chain.from_iterable(beneath)
    parts: list[list[Option]] = []
    picked: list[bool] = []
    for child in children:
        found = list(itertools.islice(_options(child, drafts, replacing, plan), MAX_OPTIONS + 1))
        if found:
            parts.append(found)
            picked.append(_multiplies(child))
    replaces = drafts if replacing else ()
    if action.resource is not None or action.type == "remove":
        own: tuple[AppliedAction, ...] = (action,)
        if not parts:
            option = Option(_label(action, (), ()), own, _distinct(replaces), action.precheck == "yes", plan)
            return (option,)
    elif not parts:
        return ()
    else:
        own = ()
    return _combined(action, own, replaces, plan, parts, picked)


def _combined(
    action: AppliedAction,
    own: tuple[AppliedAction, ...],
    replaces: tuple[str, ...],
    plan: str | None,
    parts: Sequence[Sequence[Option]],
    picked: Sequence[bool],
) -> Iterator[Option]:
    """An option for each way to take one alternative of each part; `picked`: those of which one is chosen."""
    for combination in itertools.product(*parts):
        leaves, replaced = own, replaces
        for part in combination:
            leaves += part.leaves
            replaced += part.replaces
        yield Option(
            _label(action, combination, picked),
            leaves,
            _distinct(replaced),
            _is_recommended(action, parts, combination),
            plan if own or len(combination) != 1 else combination[0].definition,
        )


def _distinct(references: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(references)) if len(references) > 1 else references


def _multiplies(child: AppliedAction) -> bool:
    """Whether a child that offers something multiplies what is above it."""
    if child.selection_behavior in _CHOICES:
        return True
    return bool(child.children) and any(_multiplies(each) and _offers(each) for each in child.children)


def _offers(action: AppliedAction) -> bool:
    """Whether there is something to order, or to remove, in an action or beneath it."""
    is_choice = action.selection_behavior in _CHOICES
    if not is_choice and (action.resource is not None or action.type == "remove"):
        return True
    return any(map(_offers, action.children))


def _label(action: AppliedAction, parts: Sequence[Option], picked: Sequence[bool]) -> str:
    title = plain(action.title or "") or " + ".join([part.label for part in parts])
    title = title or plain(action.description or "") or "Order as the guideline describes"
    if True in picked:
        taken = itertools.compress(parts, picked)
        title = f"{title}: {' + '.join([part.label.removeprefix(f'{title}: ') for part in taken])}"
    return shorten(title, _MAX_LABEL)


def _is_recommended(
    action: AppliedAction, parts: Sequence[Sequence[Option]], combination: Sequence[Option]
) -> bool:
    """Prechecked itself, and with the prechecked alternative of each choice that has one."""
    if action.precheck is not None:
        agreed = action.precheck == "yes"
    else:
        agreed = len(parts) == 1 and combination[0].recommended
    return agreed and all(
        part.recommended or not any(alternative.recommended for alternative in alternatives)
        for part, alternatives in zip(combination, parts, strict=True)
    )


def _add_remarks(action: AppliedAction, remarks: list[str], within_option: bool = False) -> None:
    """What the guideline says about each option, and what it only says, in the guideline's order."""
    for child in action.children:
        is_choice = child.selection_behavior in _CHOICES and bool(child.children)
        only_said = not child.children and child.resource is None and child.type != "remove"
        if only_said or not (is_choice or within_option or child.type == "remove"):
            line = _remark(child, only_said)
            if line:
                remarks.append(line)
        if child.children:
            _add_remarks(child, remarks, within_option or not is_choice)


def _remark(action: AppliedAction, only_said: bool) -> str:
    title, description = from_guideline(action.title or ""), from_guideline(action.description or "")
    line = f"**{title}**: {description}" if title and description else description
    return (line or (title if only_said else "")).replace("\n", "\n  ")


def suggestions_of(
    offer: Offer, drafts: Mapping[str, Mapping[str, Any]], name: Name, order_sets: str = SEPARATE
) -> list[Json]:
    """The suggestions of a card. `drafts`: the orders, by reference, that may be updated or deleted.

    `order_sets`: whether several orders of one suggestion are created one by one, or as one RequestGroup.
    """
    suggestions: list[Json] = []
    one_only = offer.behavior == "at-most-one"
    recommended = False
    for option, topics in zip(offer.options, offer.topics, strict=True):
        actions = _actions(option, drafts, order_sets)
        if not actions:
            continue
        suggestion: Json = {"label": option.label, "uuid": name(topics)}
        if option.recommended and not (one_only and recommended):
            suggestion["isRecommended"] = recommended = True
        suggestion["actions"] = actions
        suggestions.append(suggestion)
    return suggestions


def _actions(option: Option, drafts: Mapping[str, Mapping[str, Any]], order_sets: str) -> list[Json]:
    """Creates, then deletes of the drafts replaced; one update when one order replaces one of its type.

    A drafted group of which an order is deleted is updated, or deleted when it has no other.
    """
    created = [
        Order(_description(leaf), leaf.resource) for leaf in option.leaves if leaf.resource is not None
    ]
    if order_sets == GROUPED and len(created) > 1:
        created = [Order(option.label, order_set(option.label, created, option.definition))]
    replaced = [reference for reference in option.replaces if reference in drafts]
    if len(created) == 1 and len(replaced) == 1:
        description, resource = created[0]
        draft = drafts[replaced[0]]
        if resource.get("resourceType") == draft.get("resourceType"):
            return [{"type": "update", "description": description, "resource": _in_place_of(draft, resource)}]
    actions: list[Json] = [
        {"type": "create", "description": text, "resource": resource} for text, resource in created
    ]
    if replaced:
        rest = dict(groups_after(drafts, replaced))
        actions += [
            {"type": "update", "description": f"Leave these orders out of {name}", "resource": left}
            for name, left in rest.items()
            if left
        ]
        actions += map(_delete, replaced)
        actions += [_delete(name) for name, left in rest.items() if not left]
    return actions


def _delete(reference: str) -> Json:
    return {"type": "delete", "description": f"Delete the draft {reference}", "resourceId": reference}


def _in_place_of(draft: Mapping[str, Any], resource: Json) -> Json:
    """The new order under the draft's id. Who ordered it and when stays; drug, dose and reason do not."""
    new = {"resourceType": None, "id": None, **resource}
    new["resourceType"], new["id"] = resource["resourceType"], draft["id"]
    for name in _OF_THE_DRAFT:
        if name in draft and name not in resource:
            new[name] = draft[name]
    return new


def _description(leaf: AppliedAction) -> str:
    """CDS Hooks requires a description of every action."""
    text = (
        leaf.title or leaf.description or f"Create {(leaf.resource or {}).get('resourceType', 'the order')}"
    )
    return shorten(plain(text), _MAX_LABEL) or "Create the order"


def merged(offers: Sequence[Offer]) -> Offer:
    """Several offers as one, from which any may be taken."""
    chain = itertools.chain.from_iterable
    return Offer(
        tuple(chain([offer.options for offer in offers])),
        tuple(chain([offer.remarks for offer in offers])),
        "any",
        offers[0].complete,
        tuple(chain([offer.topics for offer in offers])),
    )
