"""The resources of one type: each put right and checked when a rule first touches it, found by code."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import chain, repeat
from operator import attrgetter, contains
from typing import Any, Final, Protocol

from service.patient.bundles import Alike, Entry
from service.patient.codes import NotCoded, codes_at
from service.patient.medications import Medications
from service.patient.references import is_id
from service.patient.shapes import are_sound, is_sound, problem, tidy

CodeKey = tuple[str, str]
Resource = dict[str, Any]

_RESOURCE: Final = attrgetter("resource")


class Report(Protocol):
    """Takes note of an entry that cannot be read, and why."""

    def __call__(self, entry: Entry, reason: str) -> None: ...


class Shelf:
    """What came of one resource type, in the order it came."""

    def __init__(self, entries: list[Entry] | Alike, medications: Medications, unreadable: Report) -> None:
        self.entries = entries
        self._resources = entries.resources if isinstance(entries, Alike) else list(map(_RESOURCE, entries))
        self._medications = medications
        self._unreadable = unreadable
        self._ready: dict[int, Resource | None] = {}
        self._indices: dict[str, dict[CodeKey, list[int]]] = {}

    def readable(self, path: str | None, codes: frozenset[CodeKey] | None) -> list[Resource]:
        """The resources that can be read, all or those that carry one of `codes` at `path`, as content reads
        them: put right, with the code of the Medication that they refer to.
        """
        numbers: Sequence[int]
        if path is None or codes is None:
            numbers = range(len(self._resources))
        else:
            index = self._indices.get(path)
            if index is None:
                index = self._index(path)
            shared = codes.intersection(index) if len(index) < len(codes) else index.keys() & codes
            numbers = sorted({number for pair in shared for number in index[pair]})
        ready = self._ready
        fresh = [number for number in numbers if number not in ready] if ready else list(numbers)
        if fresh:
            self._touch(fresh)
        return [resource for resource in map(ready.__getitem__, numbers) if resource is not None]

    def _touch(self, numbers: list[int]) -> None:
        """Readies resources as content reads them; None (and reported) where their shape is at fault."""
        came = [self._resources[number] for number in numbers]
        all_sound = are_sound(came)
        if all_sound and _are_ready(came):
            self._ready.update(zip(numbers, came, strict=True))
            return
        for number, resource in zip(numbers, came, strict=True):
            self._ready[number] = self._readied(number, resource, all_sound or is_sound(resource))

    def _readied(self, number: int, came: Resource, sound: bool) -> Resource | None:
        resource: Resource = self._medications.resolved(_presentable(came if sound else tidy(came)))
        reason = None if sound and resource is came else problem(resource)
        if reason is None:
            return resource
        self._unreadable(self.entries[number], reason)
        return None

    def _index(self, path: str) -> dict[CodeKey, list[int]]:
        index = self._index_of_concepts(path)
        if not {*map(type, chain.from_iterable(index))} <= {str}:  # somebody's code is no text
            index = defaultdict(list)
            for number in range(len(self._resources)):
                self._add(index, number, path)
        self._indices[path] = index
        return index

    def _index_of_concepts(self, path: str) -> dict[CodeKey, list[int]]:
        """The index by whatever stands where a CodeableConcept of R4 has its codes."""
        index: dict[CodeKey, list[int]] = defaultdict(list)
        resources = self._resources
        is_choice = not any(map(contains, resources, repeat(path)))
        name = f"{path}CodeableConcept" if is_choice else path
        for number, resource in enumerate(resources):
            try:
                for coding in resource[name]["coding"]:
                    index[coding["system"], coding["code"]].append(number)
            except (KeyError, TypeError):
                self._add(index, number, path)
        return index

    def _add(self, index: dict[CodeKey, list[int]], number: int, path: str) -> None:
        for pair in self._codes(number, path):
            index[pair].append(number)

    def _codes(self, number: int, path: str) -> Iterable[CodeKey]:
        """Codes of what is not written as R4 has it, or is a choice or a reference."""
        own = self._medications.resolved(tidy(self._resources[number]))
        try:
            return codes_at(own, path)
        except NotCoded:
            if number not in self._ready:
                self._touch([number])  # no code can be read: say so when the shape is at fault
            return ()


def _are_ready(resources: list[Resource]) -> bool:
    """Whether each may be read as it came: quoted by its id, and naming its drug, if any, itself."""
    ids = map(dict.get, resources, repeat("id"))
    return all(map(is_id, ids)) and not any(map(contains, resources, repeat("medicationReference")))


def _presentable(resource: Resource) -> Resource:
    """Without an id that is none: it counts, and nothing can quote it."""
    if "id" in resource and not is_id(resource["id"]):
        return {k: v for k, v in resource.items() if k != "id"}
    return resource
