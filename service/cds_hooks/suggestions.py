"""From the actions beneath a card to its suggestions.

A choice (an action whose selectionBehavior lets the clinician pick) offers its children; everything else with
resources beneath is one option, taken whole. Choices in choices flatten; a choice below an option multiplies
it.
Source: FHIR R4 PlanDefinition.action groupings; CDS Hooks 2.0.1 "Suggestion", "Action".
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

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


@dataclass(frozen=True)
class Option:
    """What one suggestion does: its leaf actions, in order, and the drafts (`Type/id`) that they replace."""

    label: str
    leaves: tuple[AppliedAction, ...]
    replaces: tuple[str, ...]
    recommended: bool
    topics: tuple[Json, ...] = ()
    """What the card that it was made for is about."""
    definition: str | None = None
    """Canonical of the nearest PlanDefinition that all of it comes from."""


@dataclass(frozen=True)
class Offer:
    """All that a card offers. `remarks`: what to read about it, as Markdown; `complete`: False when cut."""

    options: tuple[Option, ...]
    remarks: tuple[str, ...]
    behavior: str
    complete: bool


def offer_of(card: AppliedAction) -> Offer:
    """The options beneath a top-level action, and how many of them may be taken (`at-most-one`, `any`)."""
    found = tuple(itertools.islice(_each_once(_options(card, ())), MAX_OPTIONS + 1))
    is_choice = card.selection_behavior in _CHOICES
    one_only = card.selection_behavior in _PICK_ONE or (not is_choice and len(found) > 1)
    behavior = "at-most-one" if one_only else "any"
    return Offer(found[:MAX_OPTIONS], tuple(_remarks(card)), behavior, len(found) <= MAX_OPTIONS)


def _each_once(options: Iterator[Option]) -> Iterator[Option]:
    """Two branches of a guideline may offer the same: once is enough."""
    seen = set()
    for option in options:
        orders = tuple(leaf.definition for leaf in option.leaves)
        key = (option.label, orders, option.replaces)
        if key not in seen or None in orders:
            seen.add(key)
            yield option


def _options(
    action: AppliedAction, drafts: tuple[str, ...], replacing: bool = False, plan: str | None = None
) -> Iterator[Option]:
    """The alternatives that an action stands for: one, unless it is a choice or has one beneath.

    `drafts`, `replacing` and `plan` come from above: an action that says none takes them from its parent.
    """
    plan = _plan(action) or plan
    drafts = action.drafts or drafts
    replacing = replacing if action.type is None else action.type in _REPLACING
    if action.selection_behavior in _CHOICES:
        for child in action.children:
            yield from _options(child, drafts, replacing, plan)
        return
    own = (action,) if action.resource is not None or action.type == "remove" else ()
    parts = [found for c in action.children if (found := _alternatives(c, drafts, replacing, plan))]
    picked = [is_choice for c in action.children if (is_choice := _holds(c)) is not None]
    if not own and not parts:
        return
    for combination in itertools.product(*parts):
        picks = [part.label for part, choice in zip(combination, picked, strict=True) if choice]
        yield Option(
            label=_label(action, combination, picks),
            leaves=own + tuple(leaf for part in combination for leaf in part.leaves),
            replaces=_distinct(drafts if replacing else (), *(part.replaces for part in combination)),
            recommended=_is_recommended(action, parts, combination),
            definition=plan if own or len(combination) != 1 else combination[0].definition,
        )


def _plan(action: AppliedAction) -> str | None:
    """The PlanDefinition that the action names."""
    return action.definition if "/PlanDefinition/" in (action.definition or "") else None


def _distinct(*references: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(itertools.chain(*references)))


def _alternatives(
    child: AppliedAction, drafts: tuple[str, ...], replacing: bool, plan: str | None
) -> list[Option]:
    return list(itertools.islice(_options(child, drafts, replacing, plan), MAX_OPTIONS + 1))


def _holds(child: AppliedAction) -> bool | None:
    """Whether a child multiplies what is above it; None when it offers nothing to order."""
    if next(_options(child, ()), None) is None:
        return None
    return child.selection_behavior in _CHOICES or any(_holds(c) for c in child.children)


def _label(action: AppliedAction, parts: Sequence[Option], picks: Sequence[str]) -> str:
    title = plain(action.title or "") or " + ".join(part.label for part in parts)
    title = title or plain(action.description or "") or "Order as the guideline describes"
    picks = [pick.removeprefix(f"{title}: ") for pick in picks]
    return shorten(f"{title}: {' + '.join(picks)}" if picks else title, _MAX_LABEL)


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


def _remarks(action: AppliedAction, within_option: bool = False) -> Iterator[str]:
    """What the guideline says about each option, and what it only says, in the guideline's order."""
    for child in action.children:
        is_choice = child.selection_behavior in _CHOICES and bool(child.children)
        only_said = not child.children and child.resource is None and child.type != "remove"
        if only_said or not (is_choice or within_option or child.type == "remove"):
            line = _remark(child, only_said)
            if line:
                yield line
        yield from _remarks(child, within_option or not is_choice)


def _remark(action: AppliedAction, only_said: bool) -> str:
    title, description = (from_guideline(t or "") for t in (action.title, action.description))
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
    for option in offer.options:
        actions = _actions(option, drafts, order_sets)
        if not actions:
            continue
        suggestion: Json = {"label": option.label, "uuid": name(option.topics)}
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
    creates = [{"type": "create", "description": text, "resource": resource} for text, resource in created]
    rest = dict(groups_after(drafts, replaced))
    updates = [
        {"type": "update", "description": f"Leave these orders out of {name}", "resource": left}
        for name, left in rest.items()
        if left
    ]
    emptied = [name for name, left in rest.items() if not left]
    return [*creates, *updates, *map(_delete, replaced + emptied)]


def _delete(reference: str) -> Json:
    return {"type": "delete", "description": f"Delete the draft {reference}", "resourceId": reference}


def _in_place_of(draft: Mapping[str, Any], resource: Json) -> Json:
    """The new order under the draft's id. Who ordered it and when stays; drug, dose and reason do not."""
    kept = {name: draft[name] for name in _OF_THE_DRAFT if name in draft and name not in resource}
    new = {name: value for name, value in resource.items() if name not in ("resourceType", "id")}
    return {"resourceType": resource["resourceType"], "id": draft["id"], **new, **kept}


def _description(leaf: AppliedAction) -> str:
    """CDS Hooks requires a description of every action."""
    text = (
        leaf.title or leaf.description or f"Create {(leaf.resource or {}).get('resourceType', 'the order')}"
    )
    return shorten(plain(text), _MAX_LABEL) or "Create the order"


def merged(offers: Sequence[Offer]) -> Offer:
    """Several offers as one, from which any may be taken."""
    return replace(
        offers[0],
        options=tuple(option for offer in offers for option in offer.options),
        remarks=tuple(remark for offer in offers for remark in offer.remarks),
        behavior="any",
    )
