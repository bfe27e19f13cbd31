"""RequestGroups among the draft orders: regimens, and which of the other drafts are their parts.

Order sets write a regimen as a RequestGroup whose actions, phases nested, refer to the orders: contained in
it, or beside it in the Bundle. Groups may be parts of groups.
Source: FHIR R4 RequestGroup; HL7 CodeX "MOPA" (its regimens in `draftOrders` and `selections`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from service.patient.references import split_reference

GROUP = "RequestGroup"
Json = dict[str, Any]


class Parts(NamedTuple):
    """What a group is made of."""

    found: tuple[str, ...]
    """References of drafts (`Type/id`), those of nested groups too."""
    missing: int
    """Orders that its actions refer to and that did not come with it."""
    own: int
    """Orders that it contains."""


def is_group(order: Mapping[str, Any]) -> bool:
    """Whether an order is a RequestGroup."""
    return order.get("resourceType") == GROUP


def parts_of(group: Mapping[str, Any], drafts: Mapping[str, Json], urls: Mapping[str, str]) -> Parts:
    """The parts of `group` among the drafts; `urls`: the reference of the draft with a `fullUrl`."""
    found: dict[str, None] = {}
    missing = own = 0
    waiting, seen = [group], [id(group)]
    while waiting:
        current = waiting.pop(0)
        inside = [each for each in current.get("contained", ()) if isinstance(each, dict)]
        names = {f"#{each.get('id')}" for each in inside}
        own += sum(not is_group(each) for each in inside)
        for reference in references([current, *inside]):
            if reference.startswith("#"):
                missing += reference not in names
                continue
            name = urls.get(reference) or short(reference)
            part = drafts.get(name)
            if part is None:
                missing += 1
            elif id(part) not in seen:
                seen.append(id(part))
                found[name] = None
                waiting += [part] if is_group(part) else []
    return Parts(tuple(found), missing, own)


def references(groups: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """What the actions of groups refer to; orders among `groups` have none."""
    for group in groups:
        for action in _actions(group) if is_group(group) else ():
            reference = _reference(action)
            if reference is not None:
                yield reference


def without(group: Mapping[str, Any], gone: Callable[[str], bool]) -> Json | None:
    """The group without the actions whose order is `gone`, by `Type/id`; None when no action is left."""
    kept = _kept(group.get("action", []), gone)
    return {**group, "action": kept} if kept else None


def by_name(group: Json, urls: Mapping[str, str]) -> Json:
    """The group with `Type/id` where its actions name a draft by the `fullUrl` that it has in `urls`."""
    known = any(reference in urls for reference in references([group]))
    return {**group, "action": _by_name(group["action"], urls)} if known else group


def short(reference: str) -> str:
    """`Type/id` of a literal reference, whatever stands before and after; other text as it is."""
    found = split_reference(reference)
    return "/".join(found) if found else reference


def _kept(actions: list[Any], gone: Callable[[str], bool]) -> list[Json]:
    rows = []
    for action in actions:
        reference = _reference(action)
        beneath = _kept(action["action"], gone) if action.get("action") else []
        if reference is not None and gone(short(reference)):
            continue
        if action.get("action") and not beneath and reference is None:
            continue
        rows.append({**action, "action": beneath} if beneath else action)
    return rows


def _by_name(actions: list[Any], urls: Mapping[str, str]) -> list[Json]:
    rows = []
    for action in actions:
        name = urls.get(_reference(action) or "")
        row = {**action, "resource": {**action["resource"], "reference": name}} if name else action
        rows.append({**row, "action": _by_name(row["action"], urls)} if row.get("action") else row)
    return rows


def _actions(holder: Mapping[str, Any]) -> Iterator[Json]:
    for action in holder.get("action", ()):
        yield action
        yield from _actions(action)


def _reference(action: Mapping[str, Any]) -> str | None:
    resource = action.get("resource")
    found = resource.get("reference") if isinstance(resource, dict) else None
    return found if isinstance(found, str) and found else None
