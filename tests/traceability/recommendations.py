"""The recommendations of the sources, from the data files of this folder, read strictly."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.traceability.actions import Action, all_actions

FOLDER = Path(__file__).parent
SOURCES = {
    "A": "BMJ Best Practice, Soft-tissue sarcoma, treatment algorithm",
    "B": "Macmillan Cancer Support, Targeted therapies for soft tissue sarcoma (reviewed 2022-12-01)",
    "P": "This project: what follows from several paragraphs, and rules of its own",
}
STRENGTHS = ("all", "some", "first choice", "caution", "note", "definition")

_REQUIRED = {"id", "block", "paragraph", "strength", "says"}
_KEYS = _REQUIRED | {"actions", "no_card_on", "also_in", "words"}


@dataclass(frozen=True)
class Recommendation:
    """One thing that a source says, and where our content says it."""

    id: str
    source: str
    section: str
    block: str
    paragraph: str
    also_in: str
    strength: str
    says: str
    patterns: tuple[str, ...]
    """Paths of actions; `*` is anything. What is beneath them belongs to them."""
    words: tuple[str, ...]
    """Patterns, any case, that the words of its actions contain; a note must have some."""
    no_card_on: tuple[str, ...]
    """Hooks on which an answer without a card is what it asks for."""

    def actions(self) -> tuple[Action, ...]:
        """The actions that its patterns name."""
        return tuple(
            action for path, action in all_actions().items() if any(fits(path, p) for p in self.patterns)
        )


@dataclass(frozen=True)
class LeftOut:
    """A statement of a source that no card decides by, and why."""

    source: str
    where: str
    says: str
    why: str


def fits(path: str, pattern: str) -> bool:
    """Whether the pattern names this path and not one beneath it: a `*` stands for whole or partial ids."""
    head, _, last = pattern.rpartition("/")
    parent, _, own = path.rpartition("/")
    return fnmatchcase(own, last) and fnmatchcase(parent, head)


@cache
def all_recommendations() -> tuple[Recommendation, ...]:
    """Every recommendation. Raises ValueError on a file that is not well formed."""
    paths = sorted((FOLDER / "recommendations").glob("*.yaml"))
    found = tuple(each for path in paths for each in _read(path))
    ids = [each.id for each in found]
    if repeated := {one for one in ids if ids.count(one) > 1}:
        raise ValueError(f"recommendation ids used twice: {sorted(repeated)}")
    return found


@cache
def all_left_out() -> tuple[LeftOut, ...]:
    """Every statement that is left out."""
    rows = yaml.safe_load((FOLDER / "left_out.yaml").read_text(encoding="utf-8"))
    return tuple(LeftOut(**row) for row in rows)


def _read(path: Path) -> Iterator[Recommendation]:
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    for section in content["sections"]:
        for row in section["recommendations"]:
            _check(row, f"{path.name}, {row.get('id', '?')}")
            yield Recommendation(
                id=row["id"],
                source=content["source"],
                section=section["section"],
                block=row["block"],
                paragraph=str(row["paragraph"]),
                also_in=row.get("also_in", ""),
                strength=row["strength"],
                says=row["says"],
                patterns=tuple(row.get("actions", ())),
                words=tuple(row.get("words", ())),
                no_card_on=tuple(row.get("no_card_on", ())),
            )


def _check(row: Mapping[str, Any], where: str) -> None:
    if unknown := set(row) - _KEYS:
        raise ValueError(f"{where}: unknown keys {sorted(unknown)}")
    if lacking := _REQUIRED - set(row):
        raise ValueError(f"{where}: lacks {sorted(lacking)}")
    if row["strength"] not in STRENGTHS:
        raise ValueError(f"{where}: no strength {row['strength']!r}")
    if row["strength"] == "note" and not row.get("words") and not row.get("no_card_on"):
        raise ValueError(f"{where}: a note says which words its actions contain")
    if not row.get("actions") and not row.get("no_card_on"):
        raise ValueError(f"{where}: names neither actions nor a hook without a card")
