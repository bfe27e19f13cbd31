"""Expands ValueSets from the resources we hold: there is no terminology server behind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from service.guideline.content import Content, Problems, Resource
from service.guideline.cursor import Cursor

Code = tuple[str, str]
Expansion = Mapping[Code, str]
"""Display ("" when there is none) by (system, code), in the order in which the ValueSet lists them."""


def expand_all(content: Content, problems: Problems) -> dict[str, Expansion]:
    """The expansion of each ValueSet of the guideline, by url without version."""
    expander = _Expander(content, problems)
    return {value_set.url: expander.expand(value_set) for value_set in content.of_type("ValueSet")}


class _Expander:
    def __init__(self, content: Content, problems: Problems) -> None:
        self._content = content
        self._problems = problems
        self._done: dict[str, Expansion] = {}
        self._open: set[str] = set()
        self._systems = {system.url: system for system in content.of_type("CodeSystem")}

    def expand(self, value_set: Resource) -> Expansion:
        if value_set.url in self._done:
            return self._done[value_set.url]
        compose = Cursor.of(value_set, self._problems).child("compose")
        if value_set.url in self._open:
            compose.problem("the ValueSet includes itself")
            return {}
        self._open.add(value_set.url)
        codes = {code: display for part in compose.each("include") for code, display in self._part(part)}
        for part in compose.each("exclude"):
            for code, _ in self._part(part):
                codes.pop(code, None)
        if not codes:
            compose.problem("the ValueSet expands to no code at all")
        self._open.discard(value_set.url)
        self._done[value_set.url] = codes
        return codes

    def _part(self, part: Cursor) -> Iterator[tuple[Code, str]]:
        # Within one include all criteria hold at once (R4, ValueSet.compose.include): intersect them.
        sets = [self._referenced(part, path, canonical) for path, canonical in part.texts("valueSet")]
        system = part.text("system")
        if system is not None:
            sets.insert(0, self._system(part, system))
        if not sets:
            part.problem("names neither a system nor a valueSet")
            return
        for code, display in sets[0].items():
            if all(code in other for other in sets[1:]):
                yield code, display

    def _system(self, part: Cursor, system: str) -> Expansion:
        if "filter" in part.body:
            part.problem("filters are not expanded: list the codes", "filter")
            return {}
        if "concept" in part.body:
            return _codes(system, part)
        code_system = self._systems.get(system)
        if code_system is None or code_system.body.get("content") != "complete":
            part.problem(f"{system} is not held in full here: list the codes that are meant", "system")
            return {}
        return _codes(system, Cursor.of(code_system, self._problems))

    def _referenced(self, part: Cursor, path: str, canonical: str) -> Expansion:
        referenced = self._content.resolve(canonical)
        if referenced is None or referenced.type != "ValueSet":
            self._problems.add(part.file, path, f"there is no ValueSet {canonical}")
            return {}
        return self.expand(referenced)


def _codes(system: str, parent: Cursor) -> dict[Code, str]:
    return {(system, code): concept.text("display") or "" for code, concept in concepts(parent)}


def concepts(parent: Cursor) -> Iterator[tuple[str, Cursor]]:
    """The concepts of a ValueSet include or of a CodeSystem, those beneath other concepts too."""
    for concept in parent.each("concept"):
        code = concept.text("code")
        if code is None:
            concept.problem("has no code")
        else:
            yield code, concept
        yield from concepts(concept)
