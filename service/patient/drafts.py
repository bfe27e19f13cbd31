"""The draft orders that a client puts in the context of `order-select` and `order-sign`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from service.patient.bundles import Entry, read_value
from service.patient.errors import DraftsUnreadable
from service.patient.medications import Medications
from service.patient.record import LeftOut, PatientRecord, is_entered_in_error, name_of, patient_urls
from service.patient.references import bare_patient_id, is_about, is_id, is_type
from service.patient.regimens import Parts, by_name, is_group, parts_of
from service.patient.shapes import is_sound, problem, tidy

_KEY = "draftOrders"


@dataclass(frozen=True)
class Drafts:
    """Orders as the logic may read them, and which of them the clinician is looking at."""

    resources: tuple[dict[str, Any], ...]
    """Readable orders. One without a usable id carries a stand-in, so that logic can tell it apart."""
    selections: tuple[str, ...] | None
    """References of the selected orders (`Type/id`), a regimen's among them; None: all (`order-sign`)."""
    by_reference: Mapping[str, dict[str, Any]]
    """Orders that an answer may update or delete: only those whose `Type/id` the client itself gave."""
    left_out: tuple[LeftOut, ...]

    @property
    def nothing_to_judge(self) -> bool:
        """No order at all, or none selected."""
        return not self.resources or self.selections == ()


def read_drafts(context: Mapping[str, Any], selecting: bool, record: PatientRecord | None = None) -> Drafts:
    """The orders in `context.draftOrders`; when `selecting` (`order-select`), `context.selections` counts.

    A missing Bundle holds no orders and missing selections select none: the public sandbox sends both after a
    second click on its tab. Selections that point nowhere are left out, and so are orders of another patient.
    Raises DraftsUnreadable when the Bundle is none, or every order to judge is malformed or did not come with
    the regimen that names it.
    """
    patient_id = bare_patient_id(str(context.get("patientId", "")))
    contents = read_value(context.get(_KEY), _KEY)
    if not contents.available:
        raise DraftsUnreadable((_KEY,))
    left_out = [LeftOut(_KEY, where, reason) for where, reason in contents.problems]
    came = list(contents.entries)
    entries = _latest(came, left_out)
    medications = Medications(came, record.medications if record else None)
    urls = patient_urls(came, patient_id)
    resources: dict[str, dict[str, Any]] = {}
    given: dict[str, dict[str, Any]] = {}
    aliases: dict[str, str] = {}
    unreadable: dict[str, str] = {}
    full_urls: dict[str, str] = {}
    positions: dict[str, str] = {}
    for entry in entries:
        if entry.resource["resourceType"] in ("Patient", "Medication"):
            continue  # company for the orders, none itself
        order = medications.resolved(_with_contained(tidy(entry.resource), medications))
        reason = _reason(order, patient_id, urls)
        if reason is not None:
            left_out.append(LeftOut(_KEY, name_of(entry), reason))
            if reason.startswith("malformed"):
                unreadable[_own_reference(entry.resource)] = entry.position
            continue
        own = _own_reference(order)
        if is_id(order.get("id")):
            given[own] = order
            reference = own
        else:
            order = {**order, "id": _stand_in(len(resources), entries)}
            reference = aliases[own] = f"{order['resourceType']}/{order['id']}"
        resources[reference] = order
        positions[reference] = entry.position
        if entry.full_url:
            full_urls[entry.full_url] = reference
    regimens = {
        name: parts_of(order, resources, full_urls) for name, order in resources.items() if is_group(order)
    }
    own_urls = {url: name for url, name in full_urls.items() if name in given}
    given |= {name: by_name(given[name], own_urls) for name in regimens if name in given}
    for name in _without_parts(regimens, left_out):
        unreadable[name] = f"{positions[name]} without its orders"
        del resources[name]
    selections = _selections(context, aliases, resources, left_out) if selecting else None
    if selections is not None:
        selections = _with_parts(selections, regimens)
    judged = resources if selections is None else selections
    if not judged and _wanted(unreadable, context, selecting):
        raise DraftsUnreadable(tuple(unreadable.values()))
    return Drafts(tuple(resources.values()), selections, given, tuple(left_out))


def _without_parts(regimens: Mapping[str, Parts], left_out: list[LeftOut]) -> list[str]:
    """The regimens of which no order came, so that there is nothing to judge; says of all what is missing."""
    rows = [(name, parts) for name, parts in regimens.items() if parts.missing]
    left_out += [LeftOut(_KEY, name, f"{parts.missing} of its orders did not come") for name, parts in rows]
    return [name for name, parts in rows if not parts.found and not parts.own]


def _with_parts(selections: tuple[str, ...], regimens: Mapping[str, Parts]) -> tuple[str, ...]:
    """Who looks at a regimen looks at its orders."""
    both = ((name, *(regimens[name].found if name in regimens else ())) for name in selections)
    return tuple(dict.fromkeys(part for parts in both for part in parts))


def _with_contained(order: dict[str, Any], medications: Medications) -> dict[str, Any]:
    """The order with its contained orders (those of a RequestGroup) put right like itself."""
    contained = order.get("contained")
    if isinstance(contained, dict):
        contained = [contained]
    if not isinstance(contained, list):
        return order
    inside = [medications.resolved(tidy(c)) if isinstance(c, dict) else c for c in contained if c is not None]
    return {**order, "contained": inside}


def _reason(order: Mapping[str, Any], patient_id: str, urls: frozenset[str]) -> str | None:
    """Why an order does not count, or None."""
    if not is_type(order["resourceType"]):
        return "malformed: resourceType"
    if not is_about(order.get("subject"), patient_id, urls):
        return "not about this patient"
    if is_entered_in_error(order):
        return "entered-in-error"
    contained = order.get("contained", [])
    if not isinstance(contained, list) or not all(isinstance(c, dict) for c in contained):
        return "malformed: contained"
    unsound = (part for part in (order, *contained) if not is_sound(part))
    return next((reason for part in unsound if (reason := problem(part))), None)


def _latest(entries: list[Entry], left_out: list[LeftOut]) -> list[Entry]:
    """Of several entries with the same Type/id, the last."""
    last = {_own_reference(entry.resource): entry for entry in entries if "id" in entry.resource}
    kept = [e for e in entries if "id" not in e.resource or last[_own_reference(e.resource)] is e]
    counted = set(map(id, kept))
    left_out += [LeftOut(_KEY, name_of(e), "older duplicate") for e in entries if id(e) not in counted]
    return kept


def _own_reference(resource: Mapping[str, Any]) -> str:
    return f"{resource['resourceType']}/{resource.get('id', '')}"


def _stand_in(number: int, entries: list[Entry]) -> str:
    """An id for an order that has none; none that an order has."""
    taken = {entry.resource.get("id") for entry in entries if isinstance(entry.resource.get("id"), str)}
    candidate = f"without-id-{number}"
    while candidate in taken:
        candidate += "-"
    return candidate


def _selections(
    context: Mapping[str, Any],
    aliases: Mapping[str, str],
    resources: Mapping[str, dict[str, Any]],
    left_out: list[LeftOut],
) -> tuple[str, ...]:
    """The selected references that point to an order here."""
    selected = _selected(context)
    found = tuple(dict.fromkeys(r for s in selected if (r := aliases.get(s, s)) in resources))
    dangling = len(selected) - len(found)
    if dangling > 0:
        left_out.append(LeftOut(_KEY, "selections", f"{dangling} without an order to judge"))
    return found


def _selected(context: Mapping[str, Any]) -> list[str]:
    """`Type/id` of `context.selections`: bare, absolute and versioned references alike."""
    given = context.get("selections")
    values = [given] if isinstance(given, str) else given if isinstance(given, list) else []
    texts = dict.fromkeys(value for value in values if isinstance(value, str))
    return ["/".join(text.split("/_history/")[0].split("/")[-2:]) for text in texts]


def _wanted(unreadable: Mapping[str, str], context: Mapping[str, Any], selecting: bool) -> bool:
    """Whether any of the unreadable orders should have been judged."""
    return any(reference in unreadable for reference in _selected(context)) if selecting else bool(unreadable)
