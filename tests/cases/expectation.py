"""What a case expects of an answer, and where an answer falls short of it.

Topics are `card.source.topic.code`. The ids of a suggestion are the last path segment, without version, of
`instantiatesCanonical` of the resources that it creates or updates.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from tests.cases.patient_language import draft_variants

Json = dict[str, Any]
Card = Mapping[str, Any]

_KEYS = (
    "topics",
    "not_topics",
    "indicators",
    "suggested",
    "suggested_includes",
    "not_suggested",
    "replaces",
    "cards",
    "no_alert",
    "mentions",
    "not_mentions",
    "order_text",
)


@dataclass(frozen=True)
class Expectation:
    """What must hold of an answer; what is not said is free."""

    topics: tuple[str, ...] = ()
    not_topics: tuple[str, ...] = ()
    indicators: Mapping[str, str] = field(default_factory=dict)
    """Topic to the indicator of every card with that topic."""
    suggested: tuple[tuple[str, ...], ...] = ()
    """Sets of ids: some suggestion makes exactly this set; "x?" may be there or not, "a|b" is either."""
    suggested_includes: tuple[tuple[str, ...], ...] = ()
    """Sets of ids: some suggestion makes at least these."""
    not_suggested: tuple[str, ...] = ()
    """Ids that no suggestion makes; "drug-*" is any drug."""
    replaces: tuple[str, ...] = ()
    """Drafts ("Type/id") that some suggestion deletes or updates."""
    cards: int | None = None
    no_alert: bool = False
    """No card is a warning or critical."""
    mentions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Topic to patterns, any case, that are found in summary, detail or suggestion labels of such a card."""
    not_mentions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Topic to patterns that no card of that topic contains."""

    order_text: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Id to patterns, any case, each found in the text of some order with that id."""

    @classmethod
    def read(cls, given: Mapping[str, Any], drafts: Sequence[str] = (), where: str = "") -> Expectation:
        """The expectation in these keys; `replaces` names a draft by its line or by its reference."""
        if unknown := set(given) - set(_KEYS):
            raise ValueError(f"{where}: unknown expectations {sorted(unknown)}")
        if not given:
            raise ValueError(f"{where}: a case that expects nothing cannot fail")
        return cls(
            topics=tuple(given.get("topics", ())),
            not_topics=tuple(given.get("not_topics", ())),
            indicators=dict(given.get("indicators", {})),
            suggested=tuple(tuple(one) for one in given.get("suggested", ())),
            suggested_includes=tuple(tuple(one) for one in given.get("suggested_includes", ())),
            not_suggested=tuple(given.get("not_suggested", ())),
            replaces=tuple(_reference(one, drafts, where) for one in given.get("replaces", ())),
            cards=given.get("cards"),
            no_alert=bool(given.get("no_alert", False)),
            mentions={topic: tuple(found) for topic, found in given.get("mentions", {}).items()},
            not_mentions={topic: tuple(found) for topic, found in given.get("not_mentions", {}).items()},
            order_text={name: tuple(found) for name, found in given.get("order_text", {}).items()},
        )

    def shortfalls(self, cards: Sequence[Card]) -> list[str]:
        """Where these cards fall short, in words; empty when they are as expected."""
        return [*self._cards(cards), *self._topics(cards), *self._suggestions(cards), *self._text(cards)]

    def _cards(self, cards: Sequence[Card]) -> Iterator[str]:
        if self.cards is not None and len(cards) != self.cards:
            yield f"expected {self.cards} cards, got {len(cards)}"
        for card in cards:
            if self.no_alert and card["indicator"] != "info":
                yield f"expected no alert, got {card['indicator']} from {topic_of(card)}"
            wanted = self.indicators.get(topic_of(card))
            if wanted is not None and card["indicator"] != wanted:
                yield f"{topic_of(card)} should be {wanted}, is {card['indicator']}"

    def _topics(self, cards: Sequence[Card]) -> Iterator[str]:
        found = {topic_of(card) for card in cards}
        wanted = {*self.topics, *self.indicators, *self.mentions}
        yield from (f"no card about {topic}" for topic in sorted(wanted - found))
        yield from (f"a card about {topic}" for topic in self.not_topics if topic in found)

    def _suggestions(self, cards: Sequence[Card]) -> Iterator[str]:
        made = [made_by(suggestion) for card in cards for suggestion in card.get("suggestions", ())]
        for wanted in self.suggested:
            if not any(_exactly(wanted, ids) for ids in made):
                yield f"no suggestion makes exactly {list(wanted)}"
        for wanted in self.suggested_includes:
            if not any(_at_least(wanted, ids) for ids in made):
                yield f"no suggestion makes at least {list(wanted)}"
        for pattern in self.not_suggested:
            if any(fnmatchcase(one, pattern) for ids in made for one in ids):
                yield f"a suggestion makes {pattern}"
        replaced = {draft for card in cards for draft in replaced_by(card)}
        yield from (f"no suggestion replaces {draft}" for draft in self.replaces if draft not in replaced)

    def _text(self, cards: Sequence[Card]) -> Iterator[str]:
        for topic, patterns in self.mentions.items():
            text = _text_about(topic, cards)
            yield from (f"{topic} does not mention {one!r}" for one in patterns if not _finds(one, text))
        for topic, patterns in self.not_mentions.items():
            text = _text_about(topic, cards)
            yield from (f"{topic} mentions {one!r}" for one in patterns if _finds(one, text))
        for name, patterns in self.order_text.items():
            text = "\n".join(_orders_of(name, cards))
            yield from (f"no order {name} says {one!r}" for one in patterns if not _finds(one, text))


def topic_of(card: Card) -> str:
    """The topic code of a card, or "" when it has none."""
    code = card.get("source", {}).get("topic", {}).get("code", "")
    return str(code)


def made_by(suggestion: Mapping[str, Any]) -> frozenset[str]:
    """Ids of the definitions that the resources of this suggestion instantiate."""
    return frozenset(
        definition_of(canonical)
        for action in suggestion.get("actions", ())
        if action["type"] in ("create", "update")
        for canonical in _canonicals(action["resource"])
    )


def definition_of(canonical: str) -> str:
    """The id in a canonical: its last path segment, without version."""
    return canonical.partition("|")[0].rpartition("/")[2]


def replaced_by(card: Card) -> Iterator[str]:
    """References of the drafts that the suggestions of this card delete or update."""
    for suggestion in card.get("suggestions", ()):
        for action in suggestion.get("actions", ()):
            if action["type"] == "delete":
                yield action["resourceId"]
            elif action["type"] == "update":
                yield f"{action['resource']['resourceType']}/{action['resource']['id']}"


def outline(cards: Sequence[Card]) -> str:
    """The cards in a few lines, for the message of a failed case."""
    lines = [f"{len(cards)} cards"]
    for card in cards:
        lines.append(f"  [{card['indicator']}] {topic_of(card)}: {card['summary']}")
        for suggestion in card.get("suggestions", ()):
            kinds = "+".join(action["type"] for action in suggestion.get("actions", ()))
            lines.append(f"      {kinds} {sorted(made_by(suggestion))} {suggestion['label']!r}")
    return "\n".join(lines)


def _canonicals(resource: Json) -> list[str]:
    found = resource.get("instantiatesCanonical", [])
    return [found] if isinstance(found, str) else list(found)


def _exactly(wanted: Sequence[str], ids: frozenset[str]) -> bool:
    needed = [one.split("|") for one in wanted if not one.endswith("?")]
    allowed = {name for one in wanted for name in one.removesuffix("?").split("|")}
    return ids <= allowed and all(len(ids & set(names)) == 1 for names in needed)


def _at_least(wanted: Sequence[str], ids: frozenset[str]) -> bool:
    return all(ids & set(one.split("|")) for one in wanted)


def _reference(draft: str, drafts: Sequence[str], where: str) -> str:
    if re.fullmatch(r"[A-Z]\w+/[\w.-]+", draft):
        return draft
    if draft not in drafts:
        raise ValueError(f"{where}: {draft!r} is none of the drafts")
    return f"{draft_variants(draft)[0]['resourceType']}/draft-{drafts.index(draft) + 1}"


def _text_about(topic: str, cards: Sequence[Card]) -> str:
    parts = []
    for card in cards:
        if topic_of(card) == topic:
            parts += [card["summary"], card.get("detail", "")]
            parts += [suggestion["label"] for suggestion in card.get("suggestions", ())]
    return "\n".join(parts)


def _orders_of(name: str, cards: Sequence[Card]) -> Iterator[str]:
    """Notes and instructions of the orders that instantiate this definition."""
    for card in cards:
        for suggestion in card.get("suggestions", ()):
            for action in suggestion.get("actions", ()):
                order = action.get("resource", {})
                if name in map(definition_of, _canonicals(order)):
                    notes = [note.get("text", "") for note in order.get("note", ())]
                    yield "\n".join(
                        [*notes, order.get("patientInstruction", ""), order.get("description", "")]
                    )


def _finds(pattern: str, text: str) -> bool:
    return re.search(pattern, text, re.IGNORECASE) is not None
