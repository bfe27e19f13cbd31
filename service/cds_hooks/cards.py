"""From the applied guideline to CDS Hooks cards: pure functions that do not know what the guideline is about.

Source: CDS Hooks 2.0.1 "CDS Service Response"; FHIR R4 "CDS on FHIR" for what maps to what.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final
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


@dataclass(frozen=True)
class _Draft:
    """A card before its suggestions are made."""

    summary: str
    detail: str
    indicator: str
    source: Json
    links: tuple[Json, ...]
    offer: Offer
    topics: tuple[Json, ...]
    merged: bool = False


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
    source when an action cites nothing (CDS Hooks requires one). `note`: Markdown that ends every detail.
    `name`: gives cards and suggestions their uuids. `order_sets`: as `suggestions_of` has it.
    """
    made = [_draft(action, label, drafts) for action in actions]
    made.sort(key=lambda card: _WORST_FIRST.index(card.indicator))
    if len(made) > max_cards:
        made[max_cards - 1 :] = [_merge(made[max_cards - 1 :])]
    return [_card(_noted(card, note), drafts, override_reasons, name, order_sets) for card in made]


def _noted(card: _Draft, note: str) -> _Draft:
    """With the note at the end of its detail, which gives way when both are too long."""
    if not note:
        return card
    ending = f"\n\n{fit(note, MAX_DETAIL // 2)}"
    return replace(card, detail=(fit(card.detail, MAX_DETAIL - len(ending)) + ending).strip())


def pruned(value: Any) -> Any:
    """Without None, "", [] and {} members, which CDS Hooks forbids; FHIR resources stay as they are."""
    if isinstance(value, dict):
        if "resourceType" in value:
            return value
        members = ((name, pruned(member)) for name, member in value.items())
        return {name: member for name, member in members if member not in (None, "", [], {})}
    if isinstance(value, list):
        return [item for item in map(pruned, value) if item not in (None, "", [], {})]
    return value


def _draft(action: AppliedAction, label: str, drafts: Mapping[str, Mapping[str, Any]]) -> _Draft:
    offer = offer_of(action)
    topic = _coding(action.topic)
    topics = (topic,) if topic else ()
    display = topic.get("display") if topic else None
    summary, rest = split_summary(action.title or display or _FALLBACK_TITLE)
    citations = [c for c in action.documentation if isinstance(c, Mapping)]
    return _Draft(
        summary=summary or _FALLBACK_TITLE,
        detail=_detail(action, rest, offer, citations, drafts),
        indicator=_INDICATORS.get(action.priority or "routine", "info"),
        source=pruned({**_source(citations, label), "topic": topic}),
        links=tuple(_links(citations)),
        offer=replace(offer, options=tuple(replace(o, topics=topics) for o in offer.options)),
        topics=topics,
    )


def _card(
    card: _Draft,
    drafts: Mapping[str, Mapping[str, Any]],
    reasons: Sequence[Mapping[str, str]],
    name: Name,
    order_sets: str,
) -> Json:
    suggestions = suggestions_of(card.offer, drafts, name, order_sets)
    body: Json = {
        "uuid": name(card.topics),
        "summary": card.summary,
        "detail": card.detail,
        "indicator": card.indicator,
        "source": card.source,
        "suggestions": suggestions,
        "selectionBehavior": card.offer.behavior if suggestions else None,
        "overrideReasons": [_reason(reason) for reason in reasons],
        "links": list(card.links),
        "extension": {EXTENSION_TOPICS: list(card.topics) if card.merged else []},
    }
    kept: Json = pruned(body)
    return kept


def _detail(
    action: AppliedAction,
    rest: str,
    offer: Offer,
    citations: Sequence[Mapping[str, Any]],
    drafts: Mapping[str, Mapping[str, Any]],
) -> str:
    sections = [from_guideline(rest), from_guideline(action.description or "")]
    if not offer.complete:
        sections.append("More combinations of these options fit than are listed.")
    unnamed = any(r not in drafts for option in offer.options for r in option.replaces)
    if unnamed:
        sections.append("A draft that this would replace has no usable id: remove it by hand.")
    facts = _in_order(dict.fromkeys(_all_facts(action)))
    sections.append(_section("Based on", [_fact(fact) for fact in facts]))
    sections.append(_section("Options in detail" if offer.options else "In detail", offer.remarks))
    source = fit(_section("Source", [_citation(citation) for citation in citations]), MAX_DETAIL // 2)
    body = fit("\n\n".join(section for section in sections if section), MAX_DETAIL - len(source) - 2)
    return f"{body}\n\n{source}" if body and source else body or source


def _section(title: str, lines: Iterable[str]) -> str:
    items = "\n".join(f"- {line}" for line in dict.fromkeys(lines) if line)
    return f"**{title}**\n\n{items}" if items else ""


def _in_order(facts: Iterable[Fact]) -> list[Fact]:
    """By name as they come; of one name by date and value, so that the order of the record does not show."""
    rank: dict[str, int] = {}
    listed = list(facts)
    for fact in listed:
        rank.setdefault(fact.name, len(rank))
    return sorted(listed, key=lambda f: (rank[f.name], f.date or "", f.value or "", f.source or ""))


def _all_facts(action: AppliedAction) -> Iterable[Fact]:
    yield from action.facts
    for child in action.children:
        yield from _all_facts(child)


def _fact(fact: Fact) -> str:
    """Name, value, date and where it stands; all of it may come from the patient's data."""
    name = from_data(fact.name, 80)
    if fact.value is None:
        return f"{name}: not recorded"
    date = _DATE.match(fact.date or "")
    source = fact.source if fact.source and _REFERENCE.fullmatch(fact.source) else None
    origin = ", ".join(part for part in (date and date[0], source) if part)
    return f"{name}: {from_data(fact.value, 120)}" + (f" ({origin})" if origin else "")


def _citation(citation: Mapping[str, Any]) -> str:
    text = shorten(plain(_text(citation, "citation") or _label(citation)), 300)
    return from_guideline(text)


def _source(citations: Sequence[Mapping[str, Any]], label: str) -> Json:
    """The first citation; the guideline's own name when there is none."""
    for citation in citations:
        name = plain(_label(citation))
        if name:
            url = _url(citation)
            return {"label": name, "url": url} if url else {"label": name}
    return {"label": plain(label) or _FALLBACK_TITLE}


def _links(citations: Sequence[Mapping[str, Any]]) -> Iterable[Json]:
    seen = set()
    for citation in citations:
        url = _url(citation)
        if url and url not in seen:
            seen.add(url)
            yield {"label": shorten(plain(_label(citation)), 120) or url, "url": url, "type": "absolute"}


def _label(citation: Mapping[str, Any]) -> str:
    return _text(citation, "display") or _text(citation, "label") or _text(citation, "citation")


def _text(citation: Mapping[str, Any], name: str) -> str:
    value = citation.get(name)
    return value if isinstance(value, str) else ""


def _url(citation: Mapping[str, Any]) -> str | None:
    document = citation.get("document")
    inside = document.get("url") if isinstance(document, Mapping) else None
    return next((str(url) for url in (citation.get("url"), inside) if is_web_url(url)), None)


def _coding(coding: Mapping[str, Any] | None) -> Json | None:
    """A CDS Hooks Coding: code and system required, display optional."""
    if not coding or not all(
        isinstance(coding.get(name), str) and coding[name] for name in ("code", "system")
    ):
        return None
    names = ("code", "system", "display")
    return {name: coding[name] for name in names if isinstance(coding.get(name), str) and coding[name]}


def _reason(reason: Mapping[str, str]) -> Json | None:
    """An override reason: all three members are required."""
    coding = _coding(reason)
    return coding if coding and "display" in coding else None


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
    sources = [card.source for card in cards]
    links = {link["url"]: link for card in cards for link in card.links}
    summary, _ = split_summary(f"{count} more: " + "; ".join(card.summary.rstrip(".") for card in cards))
    return replace(
        cards[0],
        summary=summary,
        detail="\n\n".join(parts),
        source=sources[0],
        links=tuple(links.values()),
        offer=merged([card.offer for card in cards]),
        topics=tuple(topic for card in cards for topic in card.topics),
        merged=True,
    )
