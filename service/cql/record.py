"""A patient's record as the engine sees it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

Resource = Mapping[str, Any]
CodeKey = tuple[str, str]
"""(system, code)"""


class Record(Protocol):
    """Where Retrieve finds its resources: raw FHIR R4 JSON."""

    def retrieve(
        self, resource_type: str, code_path: str | None, codes: frozenset[CodeKey] | None
    ) -> Sequence[Resource]:
        """Resources of that type in the patient's record.

        With ``codes``, only those whose element ``code_path`` (CodeableConcept, Coding, lists of them, or a
        choice such as 'medication') has a coding in ``codes``. What it raises reaches the caller unchanged.
        """
        ...


class ListRecord:
    """A record held as a list of resources, indexed by code when a code is first asked for."""

    def __init__(self, resources: Iterable[Resource]) -> None:
        self._by_type: dict[str, list[Resource]] = {}
        for resource in resources:
            self._by_type.setdefault(str(resource.get("resourceType")), []).append(resource)
        self._index: dict[tuple[str, str], dict[CodeKey, list[int]]] = {}

    def retrieve(
        self, resource_type: str, code_path: str | None, codes: frozenset[CodeKey] | None
    ) -> Sequence[Resource]:
        """See Record."""
        found = self._by_type.get(resource_type, [])
        if codes is None or code_path is None:
            return found
        index = self._indexed(resource_type, code_path)
        positions = {position for code in codes & index.keys() for position in index[code]}
        return [found[position] for position in sorted(positions)]

    def _indexed(self, resource_type: str, code_path: str) -> dict[CodeKey, list[int]]:
        index = self._index.get((resource_type, code_path))
        if index is None:
            index = self._index[resource_type, code_path] = {}
            for position, resource in enumerate(self._by_type.get(resource_type, ())):
                for code in codings(resource, code_path):
                    index.setdefault(code, []).append(position)
        return index


def codings(resource: Resource, code_path: str) -> Iterator[CodeKey]:
    """(system, code) of every coding that the element holds, of whatever is well formed in it.

    ``code_path`` names the element without its choice suffix ('medication').
    """
    for key in (code_path, f"{code_path}CodeableConcept", f"{code_path}Coding"):
        value = resource.get(key)
        for item in value if isinstance(value, list) else (value,):
            if isinstance(item, Mapping):
                yield from _codings_of(item)


def _codings_of(item: Mapping[str, Any]) -> Iterator[CodeKey]:
    inner = item.get("coding")
    for coding in inner if isinstance(inner, list) else (item,):
        if isinstance(coding, Mapping):
            system, code = coding.get("system"), coding.get("code")
            if isinstance(system, str) and isinstance(code, str):
                yield system, code
