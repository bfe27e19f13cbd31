"""The closure of the guideline: it does not object to what it offers, and its ways out lead out.

For any patient: no failure; never two groups of one family but where the guideline says so; never silence
about a sarcoma; each suggestion on opening the chart, signed as it stands, meets no warning; each way out of
a check, taken, neither meets that check again nor leads into another.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any

from service.cds_hooks.answer import answer
from service.cds_hooks.envelope import Call
from tests.cases.exchange import HOOK_INSTANCE, PATIENT_ID, bundle, references
from tests.cases.expectation import made_by, replaced_by, topic_of
from tests.cases.patient_language import drafts, patient, resources
from tests.cases.service import NOW, ehr, guideline
from tests.laws.any_patient import AnyPatient

Json = dict[str, Any]
Card = Mapping[str, Any]

RECURRENT_EXTREMITY = "sts-extremity-recurrent"
_ALERTS = ("warning", "critical")
_TESTS = frozenset({"procedure-gist-mutation-testing", "procedure-ntrk-testing"})
_CAUTIONS = frozenset({"imatinib-heart-failure"})
"""Checks that stay whatever is offered: the drug is offered with this caution."""


@dataclass(frozen=True)
class Objection:
    """A law that does not hold for a patient."""

    law: str
    about: str
    """What it is about, the same for patients that break the law alike."""
    patient: AnyPatient

    def __str__(self) -> str:
        orders = f", orders {list(self.patient.orders)}" if self.patient.orders else ""
        return f"{self.law}: {self.about}\n  {list(self.patient.lines)}, {self.patient.country}{orders}"


@dataclass
class Tally:
    """How much was tried."""

    patients: int = 0
    suggestions: int = 0
    groups: dict[str, int] = field(default_factory=dict)
    checks: dict[str, int] = field(default_factory=dict)


class Ward:
    """One patient whose chart is opened and for whom orders are signed, without HTTP between."""

    def __init__(self, who: AnyPatient) -> None:
        self.who = who
        self.record = [patient(PATIENT_ID, who.country), *resources(who.lines, PATIENT_ID)]

    def open_chart(self) -> list[Json]:
        """The cards of patient-view."""
        return self._ask("patient-view", {})

    def sign(self, orders: Sequence[Json]) -> list[Json]:
        """The cards of order-sign for these orders, which have ids."""
        return self._ask("order-sign", {"draftOrders": bundle(orders, "collection")})

    def _ask(self, hook: str, context: Json) -> list[Json]:
        plan = next(one for one in guideline().hooks if one.hook == hook)
        given = {"userId": "Practitioner/dr-1", "patientId": PATIENT_ID, **context}
        call = Call(hook, HOOK_INSTANCE, PATIENT_ID, given, ehr().prefetch(hook, self.record))
        cards: list[Json] = answer(guideline(), plan, call, NOW, max_cards=50).body["cards"]
        return cards


def objections(who: AnyPatient, tally: Tally) -> list[Objection]:
    """Every law that this patient breaks."""
    tally.patients += 1
    try:
        return [Objection(law, about, who) for law, about in _broken(Ward(who), tally)]
    except Exception as problem:  # any failure at all is an objection
        return [Objection("no failure", f"{type(problem).__name__}: {problem}", who)]


def _broken(ward: Ward, tally: Tally) -> Iterator[tuple[str, str]]:
    cards = ward.open_chart()
    for card in cards:
        _count(tally.groups, topic_of(card))
    yield from _of_the_chart(ward.who, cards)
    for card in cards:
        for suggestion in card.get("suggestions", ()):
            tally.suggestions += 1
            yield from _of_an_offer(ward, topic_of(card), suggestion)
    if ward.who.orders:
        yield from _of_ways_out(ward, tally)


def _count(counts: dict[str, int], topic: str) -> None:
    counts[topic] = counts.get(topic, 0) + 1


def _of_the_chart(who: AnyPatient, cards: Sequence[Card]) -> Iterator[tuple[str, str]]:
    topics = [topic_of(card) for card in cards]
    gist = sorted(one for one in topics if one.startswith("gist-"))
    sts = sorted(one for one in topics if one.startswith("sts-"))
    if not {*gist, *sts, "no-pathway", "missing-information"} & set(topics):
        yield "never silence", str(topics)
    if alerts := [topic_of(card) for card in cards if card["indicator"] in _ALERTS]:
        yield "no alert on opening the chart", str(alerts)
    for family in (gist, sts):
        if len(family) > max(1, who.sarcomas) and not _treated_as_the_primary(family, who):
            yield "one group of a family", str(family)
    if (gist or sts) and "no-pathway" in topics and who.sarcomas == 1:
        yield "no pathway means no group", str(topics)


def _treated_as_the_primary(groups: Sequence[str], who: AnyPatient) -> bool:
    """A local recurrence in an extremity is in its own group and in that of the stage and site."""
    return RECURRENT_EXTREMITY in groups and len(groups) <= 1 + who.sarcomas


def _of_an_offer(ward: Ward, topic: str, suggestion: Json) -> Iterator[tuple[str, str]]:
    """What a suggestion makes, signed as it stands."""
    made = _applied(suggestion, ())
    if not made:
        return
    for card in ward.sign(made):
        if card["indicator"] in _ALERTS and not _is_stated_exception(card, topic, suggestion):
            yield "what is offered is not objected to", f"{topic} {_names(suggestion)}: {topic_of(card)}"


def _is_stated_exception(card: Card, topic: str, suggestion: Json) -> bool:
    """The guideline offers imatinib with a caution, and before surgery while the genotype is pending."""
    if topic_of(card) in _CAUTIONS:
        return True
    pending = topic == "gist-resectable-significant-morbidity" and topic_of(card) == "genotype-missing"
    return pending and card["indicator"] == "warning" and "drug-imatinib" in made_by(suggestion)


def _of_ways_out(ward: Ward, tally: Tally) -> Iterator[tuple[str, str]]:
    """Each suggestion of each card about the drafts, taken."""
    placed = tuple(drafts(ward.who.orders, PATIENT_ID))
    cards = ward.sign(placed)
    for card in cards:
        _count(tally.checks, topic_of(card))
        for suggestion in card.get("suggestions", ()):
            tally.suggestions += 1
            left = set(references(placed)) - set(replaced_by({"suggestions": [suggestion]}))
            after = [one for one in ward.sign(_applied(suggestion, placed)) if not _is_about(one, left)]
            yield from _still_met(card, suggestion, after, {topic_of(one) for one in cards})


def _is_about(card: Card, left: AbstractSet[str]) -> bool:
    """Whether a card is only about drafts that the suggestion left as they were."""
    replaced = set(replaced_by(card))
    return bool(replaced) and replaced <= left


def _still_met(
    card: Card, suggestion: Json, after: Sequence[Card], before: AbstractSet[str]
) -> Iterator[tuple[str, str]]:
    check = topic_of(card)
    again = [one for one in after if topic_of(one) == check]
    only_tests = made_by(suggestion) and made_by(suggestion) <= _TESTS and _keeps_drafts(suggestion)
    if again and not only_tests and not _lessened(card, again[0]):
        yield "a way out leads out", f"{check} after {_names(suggestion)}"
    alerts = {topic_of(one) for one in after if one["indicator"] in _ALERTS}
    if "drug-imatinib" in made_by(suggestion):
        alerts.discard("genotype-missing")  # imatinib is given while the genotype is pending
    if new := alerts - before - _CAUTIONS:
        yield "a way out does not lead elsewhere", f"{check} after {_names(suggestion)}: {sorted(new)}"


def _lessened(card: Card, again: Card) -> bool:
    """Whether a check about several drafts is met for fewer of them, when its ways out only add."""
    return not set(replaced_by(again)) and len(again.get("suggestions", ())) < len(card["suggestions"])


def _keeps_drafts(suggestion: Json) -> bool:
    return all(action["type"] == "create" for action in suggestion["actions"])


def _names(suggestion: Json) -> str:
    return " + ".join(sorted(made_by(suggestion))) or "deletion"


def _applied(suggestion: Json, placed: Sequence[Json]) -> list[Json]:
    """The drafts after this suggestion: some deleted, some updated, what it creates added."""
    orders = dict(zip(references(placed), placed, strict=True))
    for number, action in enumerate(suggestion["actions"], start=1):
        if action["type"] == "delete":
            del orders[action["resourceId"]]
            continue
        resource = action["resource"]
        made = resource if action["type"] == "update" else {**resource, "id": f"taken-{number}"}
        orders[f"{made['resourceType']}/{made['id']}"] = made | _as_order(made)
    return list(orders.values())


def _as_order(resource: Json) -> Json:
    return {"intent": "order"} if resource["resourceType"] != "CommunicationRequest" else {}
