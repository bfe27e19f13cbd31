"""The parameters of an operation: from the query of a GET, or from a posted FHIR Parameters resource."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from service.errors import InvalidRequest

Json = dict[str, Any]


class Arguments:
    """Parameters by name, each as the parts of a FHIR Parameters resource."""

    def __init__(self, parts: Iterable[Mapping[str, Any]]) -> None:
        self._parts = tuple(parts)

    @classmethod
    def of_query(cls, query: Iterable[tuple[str, str]]) -> Arguments:
        """From a query: every value is a string."""
        return cls({"name": name, "valueString": value} for name, value in query)

    @classmethod
    def of_body(cls, body: Any) -> Arguments:
        """From a posted resource. Raises InvalidRequest when it is no FHIR Parameters."""
        if not isinstance(body, dict) or body.get("resourceType") != "Parameters":
            raise InvalidRequest("Send a FHIR Parameters resource.")
        parts = body.get("parameter", [])
        named = isinstance(parts, list) and all(
            isinstance(part, dict) and isinstance(part.get("name"), str) for part in parts
        )
        if not named:
            raise InvalidRequest("Parameters.parameter is a list of parts, each with a name.")
        return cls(parts)

    def __contains__(self, name: str) -> bool:
        return any(part["name"] == name for part in self._parts)

    @property
    def names(self) -> tuple[str, ...]:
        """Every name once, in order."""
        return tuple(dict.fromkeys(str(part["name"]) for part in self._parts))

    def values(self, name: str) -> list[Any]:
        """The value[x] or resource of each part with this name; None where it has neither."""
        return [_value(part) for part in self._parts if part["name"] == name]

    def value(self, name: str) -> Any:
        """The only value; None when there is none. Raises InvalidRequest when there are several."""
        values = self.values(name)
        if len(values) > 1:
            raise InvalidRequest(f"Send {name} once.")
        return values[0] if values else None

    def text(self, name: str) -> str | None:
        """A value that is a string, code, uri, number or truth value, as text. Raises InvalidRequest."""
        value = self.value(name)
        if value is None:
            return None
        if isinstance(value, dict | list):
            raise InvalidRequest(f"{name} is a simple value.")
        return str(value).lower() if isinstance(value, bool) else str(value)

    def number(self, name: str) -> int | None:
        """A whole number, not negative. Raises InvalidRequest."""
        text = self.text(name)
        if text is None:
            return None
        if not text.isascii() or not text.isdecimal() or len(text) > 6:
            raise InvalidRequest(f"{name} is a whole number, not negative.")
        return int(text)

    def reference(self, name: str) -> str | None:
        """A reference, given as string or as Reference. Raises InvalidRequest."""
        value = self.value(name)
        if isinstance(value, dict):
            value = value.get("reference")
        if value is not None and not (isinstance(value, str) and value):
            raise InvalidRequest(f"{name} is a reference, such as Patient/123.")
        return value

    def resource(self, name: str, resource_type: str) -> Json | None:
        """A resource of this type. Raises InvalidRequest."""
        value = self.value(name)
        if value is None and name not in self:
            return None
        if not isinstance(value, dict) or value.get("resourceType") != resource_type:
            raise InvalidRequest(f"{name} is a {resource_type} resource.")
        return value

    def given(self, name: str) -> Json:
        """The value[x] of a parameter as an expansion repeats it: numbers as integers, else strings."""
        text = self.text(name) or ""
        return {"valueInteger": int(text)} if text.isdecimal() else {"valueString": text}


def _value(part: Mapping[str, Any]) -> Any:
    if "resource" in part:
        return part["resource"]
    return next(_values(part), None)


def _values(part: Mapping[str, Any]) -> Iterator[Any]:
    return (value for name, value in part.items() if name.startswith("value"))
