"""Reads a guideline's folder: one FHIR resource a file, found again by canonical.

Problems are collected, not raised, so that authors see all of them at once.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from service.guideline.errors import Problem
from service.guideline.model import Json

FOLDERS = {
    "library": "Library",
    "plandefinition": "PlanDefinition",
    "activitydefinition": "ActivityDefinition",
    "valueset": "ValueSet",
    "codesystem": "CodeSystem",
    "questionnaire": "Questionnaire",
    "structuredefinition": "StructureDefinition",
}
"""Folders that are read, and the resource type that each holds."""


class Problems(list[Problem]):
    """Everything found wrong so far."""

    def add(self, file: str, element: str, message: str) -> None:
        self.append(Problem(file, element, message))


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource of the guideline and the file (relative to the guideline's folder) that holds it."""

    file: str
    body: Json
    text: str = field(repr=False)

    @property
    def type(self) -> str:
        return str(self.body["resourceType"])

    @property
    def id(self) -> str:
        return str(self.body["id"])

    @property
    def url(self) -> str:
        return str(self.body["url"])

    @property
    def version(self) -> str:
        return str(self.body["version"])

    @property
    def canonical(self) -> str:
        return f"{self.url}|{self.version}"


class Content:
    """The resources of one guideline, indexed by canonical and by type."""

    def __init__(self, folder: Path, resources: tuple[Resource, ...]) -> None:
        self.folder = folder
        self.resources = resources
        self._by_url = {resource.url: resource for resource in resources}
        self._by_id = {(resource.type, resource.id): resource for resource in resources}

    def of_type(self, resource_type: str) -> tuple[Resource, ...]:
        return tuple(resource for resource in self.resources if resource.type == resource_type)

    def get(self, resource_type: str, resource_id: str) -> Resource | None:
        return self._by_id.get((resource_type, resource_id))

    def resolve(self, canonical: str) -> Resource | None:
        """The resource that `canonical` (url or url|version) names; None when we do not hold that version."""
        url, _, version = canonical.partition("|")
        resource = self._by_url.get(url)
        return resource if resource is not None and version in ("", resource.version) else None


def read_content(folder: Path, problems: Problems) -> Content:
    """Every resource under `folder` that can be read; what cannot be is added to `problems`."""
    resources: dict[str, Resource] = {}
    for path in _files(folder):
        file = path.relative_to(folder).as_posix()
        resource = _read(path, file, problems)
        if resource is None:
            continue
        other = resources.setdefault(resource.url, resource)
        if other is not resource:
            problems.add(file, f"{resource.type}.url", f"{other.file} has the same url")
    if not resources and not problems:
        problems.add(".", "PlanDefinition", f"no FHIR resource under {', '.join(FOLDERS)}")
    return Content(folder, tuple(resources.values()))


def _files(folder: Path) -> Iterator[Path]:
    for name in FOLDERS:
        yield from sorted((folder / name).glob("**/*.json"))


def _read(path: Path, file: str, problems: Problems) -> Resource | None:
    try:
        text = path.read_text(encoding="utf-8")
        # Decimal keeps 1.10 as written.
        body = json.loads(text, parse_float=Decimal, object_pairs_hook=_no_duplicates)
    except (OSError, ValueError) as error:
        problems.add(file, "$", f"not readable as JSON: {error}")
        return None
    expected = FOLDERS[file.split("/", 1)[0]]
    if not isinstance(body, dict) or body.get("resourceType") != expected:
        problems.add(file, "resourceType", f"files in this folder hold a {expected}")
        return None
    missing = [name for name in ("id", "url", "version") if not _is_text(body.get(name))]
    for name in missing:
        problems.add(file, f"{expected}.{name}", "is missing, or not a string")
    return None if missing else Resource(file, body, text)


def _no_duplicates(pairs: list[tuple[str, Any]]) -> Json:
    body = dict(pairs)
    if len(body) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"duplicate key '{next(name for name in names if names.count(name) > 1)}'")
    return body


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value)
