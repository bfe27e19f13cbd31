"""Every action of the guideline, by its path as the trace writes it, but for the service's id."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from service.guideline.content import Content, Problems, read_content

CONTENT = Path(__file__).resolve().parents[2] / "plandefinitions"

Json = Mapping[str, Any]


@dataclass(frozen=True)
class Action:
    """One action, reached from a hook."""

    path: str
    """Ids from the card down, such as "gist-unresectable/drug/options/options.avapritinib"."""
    title: str
    words: str
    """Title, description, and those of the order that it makes."""
    topic: str
    """Topic code of the card that it is part of."""
    homes: tuple[str, ...]
    """Where it is written: PlanDefinition id and action id; several when hooks share a card."""
    makes: frozenset[str]
    """Ids of the ActivityDefinitions at or beneath it."""
    leaf: bool


@cache
def all_actions() -> Mapping[str, Action]:
    """Every action that a hook of the guideline can reach, by path; hooks that share a card share paths."""
    content = read_content(CONTENT, Problems())
    found: dict[str, Action] = {}
    for plan in content.of_type("PlanDefinition"):
        for card in plan.body["action"]:
            if "trigger" in card:
                for action in _walk(content, plan.id, card, ""):
                    earlier = found.get(action.path)
                    homes = (*(earlier.homes if earlier else ()), *action.homes)
                    found[action.path] = replace(action, homes=tuple(dict.fromkeys(homes)))
    return found


def _walk(content: Content, plan: str, action: Json, above: str, topic: str = "") -> Iterator[Action]:
    path = f"{above}/{action['id']}" if above else action["id"]
    topic = topic or action["code"][0]["coding"][0]["code"]
    beneath = [(plan, child) for child in action.get("action", ())]
    makes: set[str] = set()
    words = [action.get("title", ""), action.get("description", "")]
    definition = content.resolve(action.get("definitionCanonical", ""))
    if definition is not None and definition.type == "PlanDefinition":
        beneath += [(definition.id, child) for child in definition.body["action"]]
    elif definition is not None:
        makes.add(definition.id)
        words.append(definition.body["description"])
    for home, child in beneath:
        for each in _walk(content, home, child, path, topic):
            makes |= each.makes
            yield each
    yield Action(
        path,
        action.get("title", ""),
        " ".join(words),
        topic,
        (f"{plan}/{action['id']}",),
        frozenset(makes),
        not beneath,
    )
