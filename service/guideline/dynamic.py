"""Setting an element of a request resource by path: the target of a dynamicValue.

Paths are the FHIRPath subset that R4 allows there: element names joined by dots, each with an optional
`[index]`, and `extension('url')`. A step into a repeating element without index means its first item.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from service.guideline.elements import ELEMENTS, Element
from service.guideline.model import Json

_STEP = re.compile(r"(?P<name>[A-Za-z]\w*)(?:\[(?P<index>\d+)\]|\('(?P<url>[^']+)'\))?(?:\.|$)")
_NUMBERS = frozenset({"decimal", "integer", "positiveInt", "unsignedInt"})


@dataclass(frozen=True, slots=True)
class Step:
    """One name of a path; `index` is None when the path gives none, `url` selects an extension."""

    element: Element
    index: int | None
    url: str | None


Path = tuple[Step, ...]


def parse_path(text: str, kind: str) -> Path:
    """The steps of `text` from a resource of type `kind`; ValueError says what is wrong with it."""
    steps: list[Step] = []
    types: tuple[str, ...] = (kind,)
    position = 0
    while position < len(text):
        match = _STEP.match(text, position)
        if match is None:
            raise ValueError(f"'{text}' is not a path of element names")
        name, index, url = match["name"], match["index"], match["url"]
        element = _element(types, name)
        if (name == "extension") != (url is not None):
            raise ValueError(f"'{text}': extension('url') selects an extension, and nothing else takes a url")
        if index is not None and not element.repeats:
            raise ValueError(f"'{text}': {name} does not repeat")
        steps.append(Step(element, None if index is None else int(index), url))
        types = element.types
        position = match.end()
    if not steps or text.endswith("."):
        raise ValueError("the path is empty or ends with a dot")
    if any(step.element.choice for step in steps[:-1]):
        raise ValueError(f"'{text}' leads through a choice element: set the whole element instead")
    return tuple(steps)


def _element(types: tuple[str, ...], name: str) -> Element:
    for fhir_type in types:
        element = ELEMENTS.get(fhir_type, {}).get(name)
        if element is not None:
            return element
    raise ValueError(f"R4 {' | '.join(types)} has no element '{name}'")


def set_value(resource: Json, path: Path, value: Any) -> None:
    """Set the element at `path` to a FHIR JSON value, in place; ValueError when its type does not fit there.

    A repeating element takes one value or a list, and loses what it had before.
    """
    target = resource
    for step in path[:-1]:
        target = _descend(target, step)
    element, index, url = path[-1].element, path[-1].index, path[-1].url
    if url is not None:
        raise ValueError("a path ends with an element of the extension, such as extension('url').value")
    if isinstance(value, list):
        if not element.repeats or index is not None:
            raise ValueError(f"{element.name} takes one value, not a list")
        target[element.name] = [_fit(item, element)[1] for item in value]
        return
    fhir_type, fitted = _fit(value, element)
    if element.choice:
        for other in element.types:
            target.pop(element.key(other), None)
    if not element.repeats:
        target[element.key(fhir_type)] = fitted
    elif index is None:
        target[element.name] = [fitted]
    else:
        _item(target.setdefault(element.name, []), index, fitted)


def _item(items: list[Any], index: int, value: Any) -> None:
    if index > len(items):
        raise ValueError(f"[{index}] leaves a gap: the element has {len(items)} items")
    items[index : index + 1] = [value]


def _descend(target: Json, step: Step) -> Json:
    element, url = step.element, step.url
    if url is not None:
        extensions: list[Json] = target.setdefault("extension", [])
        found = next((extension for extension in extensions if extension.get("url") == url), None)
        if found is None:
            found = {"url": url}
            extensions.append(found)
        return found
    if not element.repeats:
        child: Json = target.setdefault(element.name, {})
        return child
    items: list[Json] = target.setdefault(element.name, [])
    position = step.index or 0
    if position >= len(items):
        _item(items, position, {})
    return items[position]


def _fit(value: Any, element: Element) -> tuple[str, Any]:
    """The type of `element` that takes `value`, and the value in that type's form."""
    for fhir_type in element.types:
        if _is(value, fhir_type):
            return fhir_type, value
    # CQL authors write codes; R4 requests mostly hold concepts.
    if "CodeableConcept" in element.types and _is(value, "Coding"):
        return "CodeableConcept", {"coding": [value]}
    raise ValueError(f"{element.name} takes {' | '.join(element.types)}, not {_describe(value)}")


def _is(value: Any, fhir_type: str) -> bool:
    elements = ELEMENTS.get(fhir_type)
    if elements is not None:
        return (
            isinstance(value, dict) and bool(value) and all(_has(elements, *item) for item in value.items())
        )
    if fhir_type == "boolean":
        return isinstance(value, bool)
    if fhir_type in _NUMBERS:
        number = (int, Decimal) if fhir_type == "decimal" else int
        return isinstance(value, number) and not isinstance(value, bool)
    return isinstance(value, str)


def _has(elements: dict[str, Element], key: str, value: Any) -> bool:
    """Whether a type with these elements has this JSON key, and the key may hold this value."""
    if key == "id" or key.startswith("_"):
        return True
    element = elements.get(key)
    if element is not None and not element.choice:
        values = value if element.repeats and isinstance(value, list) else [value]
        return all(_is(item, element.types[0]) for item in values)
    return any(
        element.choice and key == element.key(fhir_type) and _is(value, fhir_type)
        for element in elements.values()
        for fhir_type in element.types
    )


def _describe(value: Any) -> str:
    return f"an object with {', '.join(sorted(value))}" if isinstance(value, dict) else type(value).__name__
