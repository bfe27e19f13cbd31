"""Walks FHIR JSON while remembering where it is, so that every problem names its file and element.

Reading never raises: what has the wrong shape is reported and then treated as absent.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from service.guideline.content import Problems, Resource
from service.guideline.model import Json


@dataclass(frozen=True, slots=True)
class Cursor:
    """A JSON object in a resource; `path` is its FHIR element path."""

    file: str
    path: str
    body: Json
    problems: Problems

    @classmethod
    def of(cls, resource: Resource, problems: Problems) -> Cursor:
        return cls(resource.file, resource.type, resource.body, problems)

    def problem(self, message: str, at: str = "") -> None:
        """Report a problem with this element, or with its child `at`."""
        self.problems.add(self.file, f"{self.path}.{at}" if at else self.path, message)

    def text(self, name: str) -> str | None:
        """A child that is a non-empty string."""
        value = self.body.get(name)
        if value is None:
            return None
        if isinstance(value, str) and value.strip():
            return value
        self.problem("is not a non-empty string", name)
        return None

    def flag(self, name: str) -> bool | None:
        """A child that is true or false."""
        value = self.body.get(name)
        if value is None or isinstance(value, bool):
            return value
        self.problem("is not true or false", name)
        return None

    def child(self, name: str) -> Cursor:
        """A child that is an object; an empty one when it is absent."""
        value = self.body.get(name)
        if value is not None and not (isinstance(value, dict) and value):
            self.problem("is not a JSON object with content", name)
        return Cursor(
            self.file, f"{self.path}.{name}", value if isinstance(value, dict) else {}, self.problems
        )

    def each(self, name: str) -> Iterator[Cursor]:
        """The objects of a child that is an array."""
        for path, item in self._items(name):
            if isinstance(item, dict):
                yield Cursor(self.file, path, item, self.problems)
            else:
                self.problems.add(self.file, path, "is not a JSON object")

    def texts(self, name: str) -> Iterator[tuple[str, str]]:
        """Element path and value of the strings of a child that is an array."""
        for path, item in self._items(name):
            if isinstance(item, str):
                yield path, item
            else:
                self.problems.add(self.file, path, "is not a string")

    def first(self, name: str) -> Cursor:
        """The first object of a child that is an array; an empty one when there is none."""
        absent = Cursor(self.file, f"{self.path}.{name}", {}, self.problems)
        return next(self.each(name), absent)

    def extension(self, url: str) -> Iterator[Cursor]:
        """The extensions of this element that have this url."""
        return (extension for extension in self.each("extension") if extension.body.get("url") == url)

    def _items(self, name: str) -> Iterator[tuple[str, Any]]:
        value = self.body.get(name)
        if value is None:
            return
        if not isinstance(value, list):
            self.problem("is not an array", name)
            return
        for index, item in enumerate(value):
            yield f"{self.path}.{name}[{index}]", item
