"""From the applied guideline to CDS Hooks cards: pure functions that do not know what the guideline is about.

Source: CDS Hooks 2.0.1 "CDS Service Response"; FHIR R4 "CDS on FHIR" for what maps to what.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple
from uuid import uuid4

from service.cds_hooks.order_sets import SEPARATE
from service.cds_hooks.suggestions import Name, Offer, merged, offer_of, suggestions_of
from service.cds_hooks.text import (
    MAX_DETAIL,
    fit,
    from_data,
    from_guideline,
    is_web_url,
    plain,
    shorten,
    split_summary,
)
from service.guideline import AppliedAction, Fact

EXTENSION_TOPICS: Final = "org.example.sarcoma-cds.merged-topics"
"""Card extension: the topics (Codings) of the cards that one card stands for."""

_INDICATORS: Final = {"routine": "info", "urgent": "warning", "asap": "warning", "stat": "critical"}
_WORST_FIRST: Final = ("critical", "warning", "info")
_REFERENCE: Final = re.compile(r"[A-Z][A-Za-z]{1,63}/[A-Za-z0-9\-.]{1,64}")
_DATE: Final = re.compile(r"\d{4}(-\d\d(-\d\d)?)?(?=T|$)")
_FALLBACK_TITLE: Final = "Guideline advice"

Json = dict[str, Any]


class _Draft(NamedTuple):
    """A card before its suggestions are made."""

    summary: str
    detail: str
    indicator: str
    source: Json
    links: tuple[Json, ...]
    offer: Offer
    topics: tuple[Json, ...]
    merged: bool = False


class _Citation(NamedTuple):
    """A RelatedArtifact, ready to be shown: a line of Markdown, its name, where it is."""

    line: str
    name: str
    url: str | None


def cards_of(
    actions: Sequence[AppliedAction],
    drafts: Mapping[str, Mapping[str, Any]],
    override_reasons: Sequence[Mapping[str, str]],
    label: str,
    max_cards: int,
    note: str = "",
    name: Name = lambda topics: str(uuid4()),
    order_sets: str = SEPARATE,
) -> list[Json]:
    """One card for each top-level action, worst first; beyond `max_cards` the last stands for all the rest.

    `drafts`: the client's orders by reference, those that may be updated or deleted. `label`: the name of the
    source when an action cites nothing (CDS Hooks requires one). `override_reasons`: Codings, each with code,
    system and display. `note`: Markdown that ends every detail.
    `name`: gives cards and suggestions their uuids. `order_sets`: as `suggestions_of` has it.
    """
    made = [_draft(action, label, drafts) for action in actions]
    if len(made) > 1:
        made.sort(key=lambda card: _WORST_FIRST.index(card.indicator))
    if len(made) > max_cards:
        made[max_cards - 1 :] = [_merge(made[max_cards - 1 :])]
    return [_card(_noted(card, note), drafts, override_reasons, name, order_sets) for card in made]


def _noted(card: _Draft, note: str) -> _Draft:
    """With the note at the end of its detail, which gives way when both are too long."""
    if not note:
        return card
    ending = f"\n\n{fit(note, MAX_DETAIL // 2)}"
    return card._replace(detail=(fit(card.detail, MAX_DETAIL - len(ending)) + ending).strip())


def _draft(action: AppliedAction, label: str, drafts: Mapping[str, Mapping[str, Any]]) -> _Draft:
    topic = _coding(action.topic)
    topics = (topic,) if topic else ()
    offer = offer_of(action, topics)
    title = action.title or (topic.get("display") if topic else None) or _FALLBACK_TITLE
    summary, rest = split_summary(title)
    citations = [_citation(each) for each in action.documentation if isinstance(each, dict)]
    source = _source(citations, label)
    if topic:
        source["topic"] = topic
    return _Draft(
        summary or _FALLBACK_TITLE,
        _detail(action, rest, offer, citations, drafts),
        _INDICATORS.get(action.priority or "routine", "info"),
        source,
        _links(citations),
        offer,
        topics,
    )


def _card(
    card: _Draft,
    drafts: Mapping[str, Mapping[str, Any]],
    reasons: Sequence[Mapping[str, str]],
    name: Name,
    order_sets: str,
) -> Json:
    """The card without members that have no value, which CDS Hooks forbids."""
    body: Json = {"uuid": name(card.topics), "summary": card.summary}
    if card.detail:
        body["detail"] = card.detail
    body["indicator"] = card.indicator
    body["source"] = card.source
    suggestions = suggestions_of(card.offer, drafts, name, order_sets)
    if suggestions:
        body["suggestions"] = suggestions
        body["selectionBehavior"] = card.offer.behavior
    if reasons:
        body["overrideReasons"] = list(reasons)
    if card.links:
        body["links"] = list(card.links)
    if card.merged and card.topics:
        body["extension"] = {EXTENSION_TOPICS: list(card.topics)}
    return body


def _detail(
    action: AppliedAction,
    rest: str,
    offer: Offer,
    citations: Sequence[_Citation],
    drafts: Mapping[str, Mapping[str, Any]],
) -> str:
    sections = [from_guideline(rest), from_guideline(action.description or "")]
    if not offer.complete:
        sections.append("More combinations of these options fit than are listed.")
    replaced = {reference for option in offer.options for reference in option.replaces}
    if not replaced <= drafts.keys():
        sections.append("A draft that this would replace has no usable id: remove it by hand.")
    facts: dict[Fact, None] = {}
    _add_facts(action, facts)
    sections.append(_section("Based on", map(_fact, _in_order(facts))))
    sections.append(_section("Options in detail" if offer.options else "In detail", offer.remarks))
    source = fit(_section("Source", [citation.line for citation in citations]), MAX_DETAIL // 2)
    body = fit("\n\n".join(filter(None, sections)), MAX_DETAIL - len(source) - 2)
    return f"{body}\n\n{source}" if body and source else body or source


def _section(title: str, lines: Iterable[str]) -> str:
    items = "\n- ".join(filter(None, dict.fromkeys(lines)))
    return f"**{title}**\n\n- {items}" if items else ""


def _in_order(facts: Iterable[Fact]) -> list[Fact]:
    """By name as they come; of one name by date and value, so that the order of the record does not show."""
    rank: dict[str, int] = {}
    listed = list(facts)
    for fact in listed:
        rank.setdefault(fact.name, len(rank))
    if len(rank) == len(listed):
        return listed
    return sorted(listed, key=lambda f: (rank[f.name], f.date or "", f.value or "", f.source or ""))


def _add_facts(action: AppliedAction, facts: dict[Fact, None]) -> None:
    facts.update(dict.fromkeys(action.facts))
    for child in action.children:
        if child.facts or child.children:
            _add_facts(child, facts)


def _fact(fact: Fact) -> str:
    """Name, value, date and where it stands; all of it may come from the patient's data."""
    name = from_data(fact.name, 80)
    if fact.value is None:
        return f"{name}: not recorded"
    date = _DATE.match(fact.date or "")
    source = fact.source if fact.source and _REFERENCE.fullmatch(fact.source) else None
    origin = ", ".join(filter(None, (date and date[0], source)))
    return f"{name}: {from_data(fact.value, 120)}" + (f" ({origin})" if origin else "")


def _citation(citation: Mapping[str, Any]) -> _Citation:
    document = citation.get("document")
    inside = document.get("url") if isinstance(document, dict) else None
    parts = (*map(citation.get, ("display", "label", "citation", "url")), inside)
    return _cited(*[part if isinstance(part, str) else "" for part in parts])


@lru_cache(maxsize=1024)
def _cited(display: str, label: str, citation: str, url: str, document: str) -> _Citation:
    """What the guideline cites is the same for every patient."""
    name = display or label or citation
    line = from_guideline(shorten(plain(citation or name), 300))
    return _Citation(line, plain(name), next(filter(is_web_url, (url, document)), None))


def _source(citations: Sequence[_Citation], label: str) -> Json:
    """The first citation; the guideline's own name when there is none."""
    for citation in citations:
        if citation.name:
            return {"label": citation.name, **({"url": citation.url} if citation.url else {})}
    return {"label": plain(label) or _FALLBACK_TITLE}


def _links(citations: Sequence[_Citation]) -> tuple[Json, ...]:
    links: dict[str, Json] = {}
    for _, name, url in citations:
        if url and url not in links:
            links[url] = {"label": shorten(name, 120) or url, "url": url, "type": "absolute"}
    return tuple(links.values())


def _coding(coding: Mapping[str, Any] | None) -> Json | None:
    """A CDS Hooks Coding: code and system required, display optional."""
    if not coding:
        return None
    code, system, display = map(coding.get, ("code", "system", "display"))
    if not (code and isinstance(code, str) and system and isinstance(system, str)):
        return None
    found = {"code": code, "system": system}
    if display and isinstance(display, str):
        found["display"] = display
    return found


def _merge(cards: Sequence[_Draft]) -> _Draft:
    """One card for several: every summary stands in it, every option, and as much of each detail as fits."""
    count = len(cards)
    if count == 1:
        return cards[0]
    room = max(MAX_DETAIL // count - 8, 60)
    parts = []
    for card in cards:
        head = f"**{from_guideline(shorten(card.summary, room))}**"
        left = room - len(head) - 2
        parts.append(f"{head}\n\n{fit(card.detail, left)}" if card.detail and left > 60 else head)
    links = {link["url"]: link for card in cards for link in card.links}
    summary, _ = split_summary(f"{count} more: " + "; ".join(card.summary.rstrip(".") for card in cards))
    return cards[0]._replace(
        summary=summary,
        detail="\n\n".join(parts),
        links=tuple(links.values()),
        offer=merged([card.offer for card in cards]),
        topics=tuple(topic for card in cards for topic in card.topics),
        merged=True,
    )
