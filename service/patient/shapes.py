"""The shape of FHIR R4 resources: which elements are arrays, and what JSON each may hold.

One file a type in `schemas/` says both. From it come a plan that puts right what clients get wrong without
doubt about the meaning (`tidy`), and a compiled check (`problem`). Elements that no file names pass as they
came: only what content may read is judged. Source: FHIR R4 (4.0.1) resource definitions.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib import resources
from typing import Any

import fastjsonschema

from service.patient.soundness import (
    MAX_DEPTH,
    TWICE,
    Accepts,
    RepeatedKeys,
    Soundness,
    is_date_time,
    is_plain,
    is_sane_number,
    is_unicode,
)


@dataclass(frozen=True)
class _Plan:
    """How one element is put right: wrapped into a list or out of one, and what its children need."""

    array: bool
    wraps: type | None
    children: dict[str, _Plan] = field(default_factory=dict)


class _Shape:
    """How a type is put right and judged. What is sound is judged by `accepts` alone."""

    def __init__(self, schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> None:
        self._schema = {**schema, "definitions": definitions}
        self.plan = _plan(schema, definitions)
        self.accepts: Accepts = Soundness(definitions).of(schema)

    @cached_property
    def check(self) -> Callable[[Any], Any]:
        """Says what is wrong, and where; made when something is."""
        check: Callable[[Any], Any] = fastjsonschema.compile(
            self._schema, formats={"fhir-date-time": is_date_time}
        )
        return check


def _plan(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> _Plan:
    if "$ref" in schema:
        return _plan(definitions[schema["$ref"].rsplit("/", 1)[1]], definitions)
    if schema["type"] == "array":
        item = _plan(schema["items"], definitions)
        return _Plan(True, item.wraps, item.children)
    children = {name: _plan(child, definitions) for name, child in schema.get("properties", {}).items()}
    return _Plan(False, {"object": dict, "string": str}.get(schema["type"]), children)


def _shape_of(resource: Mapping[str, Any]) -> _Shape | None:
    name = resource.get("resourceType")
    return _shape(name) if name in SHAPED_TYPES else None


@cache
def _shape(resource_type: str) -> _Shape:
    folder = resources.files(__package__) / "schemas"
    file = folder / f"{resource_type}.json"
    definitions = json.loads((folder / "datatypes.json").read_text("utf-8"))["definitions"]
    schema = json.loads(file.read_text("utf-8"))
    return _Shape(schema, definitions)


SHAPED_TYPES = frozenset(
    file.name.removesuffix(".json")
    for file in (resources.files(__package__) / "schemas").iterdir()
    if file.name != "datatypes.json"
)


def compile_all() -> None:
    """Compile now what sound resources are judged by, so that no request pays for it."""
    for name in SHAPED_TYPES:
        _shape(name)


def tidy(resource: dict[str, Any]) -> dict[str, Any]:
    """The resource with the usual client faults put right; the same object when there are none.

    A single value where R4 has a list is wrapped, a list of one where R4 has a single value is unwrapped,
    nulls and empty objects are dropped. Nothing else is touched, nothing is invented.
    """
    shape = _shape_of(resource)
    return resource if shape is None else _tidy_object(resource, shape.plan.children)


def _tidy_object(value: dict[str, Any], plans: Mapping[str, _Plan]) -> dict[str, Any]:
    if isinstance(value, RepeatedKeys):
        return value  # there is no putting right what may have been meant otherwise
    changed: dict[str, Any] | None = None
    for name, old in value.items():
        plan = plans.get(name)
        new = old if plan is None else _tidy_value(old, plan)
        if new is not old or old is None:
            changed = dict(value) if changed is None else changed
            if new is None:
                del changed[name]
            else:
                changed[name] = new
    return value if changed is None else changed


def _tidy_value(value: Any, plan: _Plan) -> Any:
    if value is None:
        return None
    if plan.array:
        if plan.wraps is not None and isinstance(value, plan.wraps):
            value = [value]
        return _tidy_list(value, plan) if isinstance(value, list) else value
    if isinstance(value, list) and len(value) == 1 and plan.wraps is not None:
        value = value[0]
    return _tidy_object(value, plan.children) if isinstance(value, dict) else value


def _tidy_list(values: list[Any], plan: _Plan) -> list[Any]:
    kept = [v for v in values if v is not None and v != {}]
    new = [_tidy_object(v, plan.children) if isinstance(v, dict) else v for v in kept]
    same = len(new) == len(values) and all(a is b for a, b in zip(new, values, strict=True))
    return values if same else new


def problem(resource: dict[str, Any]) -> str | None:
    """Why the tidied resource cannot be read: the element's path and no value; None when it can."""
    return _flaw(resource) or _misfit(resource)


def is_sound(resource: dict[str, Any]) -> bool:
    """Whether there is nothing to put right in the resource as it came: `tidy` and `problem` have no work.

    False also where only those two can tell.
    """
    return are_sound([resource])


def are_sound(resources: list[dict[str, Any]]) -> bool:
    """Whether each of some resources of one type is sound."""
    shape = _shape_of(resources[0])
    return all(map(is_plain if shape is None else shape.accepts, resources))


def _misfit(resource: dict[str, Any]) -> str | None:
    """Where the resource is not of its type's shape; None when it is, or when no file says."""
    shape = _shape_of(resource)
    if shape is not None:
        try:
            shape.check(resource)
        except fastjsonschema.JsonSchemaValueException as error:
            return f"malformed: {'.'.join(str(step) for step in error.path[1:])}"
    return None


def _flaw(resource: dict[str, Any]) -> str | None:
    """What would hurt whoever reads on: repeated keys, absurd depth or numbers, text that is not Unicode."""
    level: list[Any] = [resource]
    for _ in range(MAX_DEPTH):
        below: list[Any] = []
        for value in level:
            if isinstance(value, RepeatedKeys):
                return TWICE
            if isinstance(value, dict):
                below.extend(value.values())
            elif isinstance(value, list):
                below.extend(value)
            elif isinstance(value, str):
                if not is_unicode(value):
                    return "malformed: text is not valid Unicode"
            elif not is_sane_number(value):
                return "malformed: a number is out of range"
        if not below:
            return None
        level = below
    return "malformed: nested too deeply"
