"""Orders that belong together as one RequestGroup, and drafts of such groups when some of their orders go.

The orders are contained in the group: what a suggestion creates has no id yet by which another could refer to
it. Source: FHIR R4 RequestGroup; HL7 CodeX "MOPA" (a regimen is a RequestGroup, an action an order, with id
and title).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from service.patient.regimens import is_group, references, short, without

Json = dict[str, Any]
SEPARATE = "separate"
GROUPED = "request-group"


class Order(NamedTuple):
    """An order to create and what it is called."""

    title: str
    resource: Json


def order_set(label: str, orders: Sequence[Order], definition: str | None) -> Json:
    """The draft RequestGroup of these orders; `definition`: canonical of the regimen's PlanDefinition."""
    group: Json = {"resourceType": "RequestGroup", "contained": [], "status": "draft"}
    if definition is not None:
        group["instantiatesCanonical"] = [definition]
    intents = {order.resource.get("intent") for order in orders}
    group["intent"] = intents.pop() if len(intents) == 1 and None not in intents else "proposal"
    group["code"] = {"text": label}
    first = orders[0].resource
    group["subject"] = first.get("subject") or first["for"]
    reasons = [reason for order in orders for reason in order.resource.get("reasonReference", ())]
    distinct = [reason for number, reason in enumerate(reasons) if reason not in reasons[:number]]
    if distinct:
        group["reasonReference"] = distinct
    group["action"] = []
    for number, (title, resource) in enumerate(orders, start=1):
        name = f"order-{number}"
        group["contained"].append({"resourceType": resource["resourceType"], "id": name, **resource})
        group["action"].append({"id": name, "title": title, "resource": {"reference": f"#{name}"}})
    return group


def groups_after(drafts: Mapping[str, Mapping[str, Any]], gone: Sequence[str]) -> Iterator[tuple[str, Json]]:
    """The drafted groups that refer to orders that go, by reference: what is left of each, {} if nothing."""
    for name, draft in drafts.items():
        if name not in gone and is_group(draft) and any(short(each) in gone for each in references([draft])):
            yield name, without(draft, gone.__contains__) or {}
