"""Regimens as RequestGroups: understood among the drafts in each form, and offered in one when set.

The forms are those of HL7 CodeX "MOPA" (orders beside the group in the Bundle, phases as nested actions) and
of order sets that contain their orders.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any

import pytest

from service.app import create_app
from service.settings import Settings
from tests.cases.case_file import Case, all_cases
from tests.cases.exchange import PATIENT_ID, Ehr, Exchange, bundle
from tests.cases.expectation import topic_of
from tests.cases.patient_language import drafts, resources
from tests.cases.service import NOW, ehr, guideline
from tests.fhir_api.asking import valid

Json = dict[str, Any]
STAGE_3 = ("sarcoma of the thigh", "stage: III", "resectability: resectable")
LACKS_ONE = ("ifosfamide 1000 MG Injection", "doxorubicin hydrochloride 50 MG Injection")
WHOLE = (*LACKS_ONE, "mesna 100 MG/ML Injectable Solution")


@cache
def grouping() -> Ehr:
    """An EHR at a service that offers order sets as RequestGroups."""
    settings = Settings(log_level="error", max_cards=50, order_sets="request-group")
    return Ehr(create_app(settings, clock=lambda: NOW, guideline=guideline()).test_client())


# --- understood


def action(order: Json, reference: str) -> Json:
    return {"id": f"a-{order['id']}", "title": "An order", "resource": {"reference": reference}}


def group(own: str, *actions: Json, **more: Any) -> Json:
    rest = {"status": "draft", "intent": "order", "subject": {"reference": f"Patient/{PATIENT_ID}"}}
    return {"resourceType": "RequestGroup", "id": own, **rest, "action": list(actions), **more}


def name(order: Json) -> str:
    return f"{order['resourceType']}/{order['id']}"


def entries(*given: Json) -> Json:
    return bundle(given, "collection")


def contained(orders: Sequence[Json]) -> Json:
    return entries(group("g", *(action(one, f"#{one['id']}") for one in orders), contained=list(orders)))


def beside(orders: Sequence[Json]) -> Json:
    return entries(group("g", *(action(one, name(one)) for one in orders)), *orders)


def absolute(orders: Sequence[Json]) -> Json:
    base = "https://ehr.example.org/fhir"
    return entries(*orders, group("g", *(action(one, f"{base}/{name(one)}") for one in orders)))


def by_full_url(orders: Sequence[Json]) -> Json:
    urls = {one["id"]: f"urn:uuid:0f3c7a10-0000-4000-8000-{n:012}" for n, one in enumerate(orders)}
    made = entries(group("g", *(action(one, urls[one["id"]]) for one in orders)), *orders)
    for entry in made["entry"][1:]:
        entry["fullUrl"] = urls[entry["resource"]["id"]]
    return made


def in_phases(orders: Sequence[Json]) -> Json:
    first, *later = orders
    after = {"actionId": "p1", "relationship": "after-end"}
    phases = (
        {"id": "p1", "title": "First", "action": [action(first, name(first))]},
        {"id": "p2", "title": "Then", "action": [action(one, name(one)) for one in later]}
        | {"relatedAction": [after]},
    )
    return entries(group("g", *phases[: len(orders)]), *orders)


def nested(orders: Sequence[Json]) -> Json:
    first, *later = orders
    inner = group("inner", *(action(one, name(one)) for one in later))
    return entries(
        group("g", action(first, name(first)), action(inner, "RequestGroup/inner")), inner, *orders
    )


def nested_and_contained(orders: Sequence[Json]) -> Json:
    inner = group("inner", *(action(one, f"#{one['id']}") for one in orders))
    return entries(group("g", action(inner, "#inner"), contained=[inner, *orders]))


def in_a_circle(orders: Sequence[Json]) -> Json:
    there = group("there", {"id": "back", "resource": {"reference": "RequestGroup/g"}})
    return entries(
        group("g", *(action(one, name(one)) for one in orders), action(there, name(there))), there, *orders
    )


FORMS: list[Callable[[Sequence[Json]], Json]] = [
    contained, beside, absolute, by_full_url, in_phases, nested, nested_and_contained, in_a_circle,
]  # fmt: skip


def ask(
    hook: str, drafted: Json, selections: Sequence[str] | None = None, lines: Sequence[str] = STAGE_3
) -> Exchange:
    context: Json = {"userId": "Practitioner/dr-1", "patientId": PATIENT_ID, "draftOrders": drafted}
    if selections is not None:
        context["selections"] = list(selections)
    prefetch = ehr().prefetch(
        hook, [{"resourceType": "Patient", "id": PATIENT_ID}, *resources(lines, PATIENT_ID)]
    )
    return ehr().send(
        {
            "hook": hook,
            "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
            "context": context,
            "prefetch": prefetch,
        }
    )


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
@pytest.mark.parametrize("hook", ["order-select", "order-sign"])
@pytest.mark.parametrize(("lines", "topics"), [(LACKS_ONE, ["ifosfamide-without-mesna"]), (WHOLE, [])])
def test_a_regimen_is_judged_by_its_orders(
    form: Callable[[Sequence[Json]], Json], hook: str, lines: Sequence[str], topics: list[str]
) -> None:
    orders = copy.deepcopy(list(drafts(lines, PATIENT_ID)))
    asked = ask(hook, form(orders), ["RequestGroup/g"] if hook == "order-select" else None)
    assert asked.status == 200
    assert [topic_of(card) for card in asked.cards] == topics
    assert "extension" not in asked.answer


def test_who_selects_another_order_does_not_look_at_the_regimen() -> None:
    orders = list(drafts(("levothyroxine", *LACKS_ONE), PATIENT_ID))
    drafted = beside(orders[1:])
    drafted["entry"].append({"resource": orders[0]})
    assert ask("order-select", drafted, [name(orders[0])]).cards == []
    assert ask("order-select", drafted, [name(orders[1])]).cards != []


@pytest.mark.parametrize("hook", ["order-select", "order-sign"])
def test_a_regimen_without_its_orders_is_not_passed_over(hook: str) -> None:
    drafted = beside(list(drafts(LACKS_ONE, PATIENT_ID)))
    del drafted["entry"][1:]
    asked = ask(hook, drafted, ["RequestGroup/g"] if hook == "order-select" else None)
    assert asked.status == 412
    (issue,) = asked.answer["issue"]
    assert "draftOrders.entry[0] without its orders" in issue["details"]["text"]


def test_orders_that_did_not_come_are_told_of() -> None:
    drafted = beside(list(drafts(LACKS_ONE, PATIENT_ID)))
    del drafted["entry"][2]
    asked = ask("order-sign", drafted)
    assert [topic_of(card) for card in asked.cards] == ["ifosfamide-without-mesna"]
    (rows,) = asked.answer["extension"].values()
    assert rows == [
        {"key": "draftOrders", "what": "RequestGroup/g", "reason": "1 of its orders did not come"}
    ]


def deletion(card: Json) -> list[Json]:
    """The actions of the suggestion that only takes orders away."""
    made = (list(one["actions"]) for one in card["suggestions"])
    return next(rows for rows in made if rows[-1]["type"] == "delete" and rows[0]["type"] != "create")


@pytest.mark.parametrize("form", [beside, absolute, by_full_url, in_phases], ids=lambda form: form.__name__)
def test_a_deleted_order_leaves_its_regimen_too(form: Callable[[Sequence[Json]], Json]) -> None:
    lines = ("synovial sarcoma of the thigh", "metastatic extent: disseminated")
    orders = list(drafts(("avapritinib 100 MG Oral Tablet", "levothyroxine"), PATIENT_ID))
    (card,) = ask("order-sign", form(orders), lines=lines).cards
    update, delete = deletion(card)
    assert (update["type"], delete["resourceId"]) == ("update", name(orders[0]))
    (left,) = update["resource"]["action"]
    (left,) = left.get("action", [left])
    assert left["resource"]["reference"].endswith(name(orders[1]))
    valid(update["resource"])
    (card,) = ask("order-sign", form(orders[:1]), lines=lines).cards
    assert [each["resourceId"] for each in deletion(card)] == [name(orders[0]), "RequestGroup/g"]


# --- offered


def offers(exchange: Exchange) -> Iterator[Json]:
    for card in exchange.cards:
        yield from card.get("suggestions", ())


def created(suggestion: Json) -> list[Json]:
    return [each["resource"] for each in suggestion["actions"] if each["type"] != "delete"]


def apart(resource: Json) -> list[Json]:
    """The orders of a resource: its own, or those of the group that it is."""
    if resource["resourceType"] != "RequestGroup":
        return [resource]
    return [{key: value for key, value in one.items() if key != "id"} for one in resource["contained"]]


OFFERING = [case for number, case in enumerate(all_cases()) if number % 8 == 0]


@pytest.mark.parametrize("case", OFFERING, ids=lambda case: case.id)
def test_the_same_is_offered_in_one_resource(case: Case) -> None:
    plain, grouped = ehr().ask_case(case), grouping().ask_case(case)
    assert grouped.breaches() == []
    for one, other in zip(offers(plain), offers(grouped), strict=True):
        assert {**one, "actions": [], "uuid": ""} == {**other, "actions": [], "uuid": ""}
        orders = [each["resource"] for each in one["actions"] if each["type"] == "create"]
        made = created(other)
        if len(orders) < 2:
            assert made == created(one)
            continue
        assert len(made) == 1
        assert apart(made[0]) == orders
        valid(made[0])
        references = {each["resource"]["reference"] for each in made[0]["action"]}
        assert references == {f"#{each['id']}" for each in made[0]["contained"]}
        assert all(each["title"] for each in made[0]["action"])


def test_what_is_offered_as_a_group_is_signed_like_its_orders() -> None:
    tried = 0
    for case in (one for one in OFFERING if one.hook == "patient-view"):
        record = resources(case.patient, PATIENT_ID)
        made_here = [each for offer in offers(grouping().ask_case(case)) for each in created(offer)]
        groups = [each for each in made_here if each["resourceType"] == "RequestGroup"]
        for made in groups[:3]:
            whole = [{**made, "id": "g"}]
            single = [{**each, "id": f"o{n}"} for n, each in enumerate(apart(made))]
            signed = [
                sorted(
                    topic_of(card)
                    for card in ehr().ask("order-sign", record, orders, country=case.country).cards
                )
                for orders in (whole, single)
            ]
            assert signed[0] == signed[1], case.id
            tried += 1
    assert tried > 20
