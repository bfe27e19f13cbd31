"""The codes an element carries, wherever among its codings they sit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


class NotCoded(Exception):
    """The element is there and is no CodeableConcept, Coding or list of them."""


def codes_at(resource: Mapping[str, Any], path: str) -> set[tuple[str, str]]:
    """`{(system, code)}` of the element at a dotted path; the stem of a choice (`medication`) finds it.

    Raises NotCoded when the element has a shape that cannot hold codes. A reference holds none.
    """
    return {pair for value in _elements(resource, path.split(".")) for pair in _codes(value)}


def _elements(value: Any, steps: list[str]) -> Iterator[Any]:
    if not steps:
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _elements(item, steps)
    elif isinstance(value, Mapping):
        name, rest = steps[0], steps[1:]
        for key, child in value.items():
            if key == name:
                yield from _elements(child, rest)
            elif key.startswith(name) and key[len(name) :][:1].isupper() and isinstance(child, Mapping):
                yield from _elements(
                    child, rest
                )  # a choice element that may as well be a string: no fault then
    elif value is not None:
        raise NotCoded


def _codes(value: Any) -> Iterator[tuple[str, str]]:
    if value is None or isinstance(value, bool | int):
        return
    if isinstance(value, list):
        for item in value:
            yield from _codes(item)
    elif not isinstance(value, Mapping):
        raise NotCoded
    elif "coding" in value:
        yield from _codes(value["coding"])
    else:
        system, code = value.get("system"), value.get("code")
        if isinstance(system, str) and isinstance(code, str):
            yield system, code
        elif not all(part is None or isinstance(part, str) for part in (system, code)):
            raise NotCoded
