"""Whether JSON is as FHIR R4 has it already: the short way past `tidy` and `problem`, once for each resource.

The same schemas that those two follow are compiled into one function a type, which looks at each value once
and answers yes or no. Whatever it does not accept goes the long way, which says why.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, Final

MAX_DEPTH = 40  # no resource type of R4 that content reads nests half as deep
TWICE: Final = "malformed: a key stands twice in one object"
MAX_MAGNITUDE = 30  # powers of ten a number may span; a measurement has a handful

Accepts = Callable[[Any], bool]

_PLAIN_DEPTH: Final = MAX_DEPTH // 2  # of what no schema describes; the schemas describe a few levels
_LARGEST: Final = 10**MAX_MAGNITUDE
_WHOLE = re.compile(
    r"\d{4}-\d\d-\d\d(?:T\d\d:\d\d:\d\d(?:\.\d{1,12})?(?:Z|[+-](?:0\d|1[0-4]):[0-5]\d))?", re.ASCII
)
_DATE_TIME = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d:\d\d)(?::(\d\d)(?:\.\d{1,12})?)?(?:Z|[+-](?:0\d|1[0-4]):[0-5]\d)?)?)?)?",
    re.ASCII,
)


class RepeatedKeys(dict[str, Any]):
    """A JSON object in which some key stood twice, or a resource that holds one.

    Which of the values was meant, nobody can say.
    """


def is_date_time(text: Any) -> bool:
    """True for a FHIR date, dateTime or instant in the calendar; seconds and zone may be missing."""
    if type(text) is not str:
        return False
    if _WHOLE.fullmatch(text):
        try:
            datetime.fromisoformat(text)
            return True
        except ValueError:
            pass  # a leap second, or not in the calendar
    match = _DATE_TIME.fullmatch(text)
    if match is None:
        return False
    year, month, day, clock, second = match.groups()
    try:
        date(int(year), int(month or 1), int(day or 1))
        if clock:
            time.fromisoformat(clock)
    except ValueError:
        return False
    return second is None or int(second) <= 60  # 60: a leap second


def is_unicode(text: str) -> bool:
    """True for text that can be written as UTF-8: no half of a surrogate pair in it."""
    return text.isascii() or not any("\ud800" <= c <= "\udfff" for c in text)


def is_sane_number(value: Any) -> bool:
    """True for a number that a measurement could be, and for what is no number."""
    if isinstance(value, Decimal):
        text = str(value)
        if len(text) <= MAX_MAGNITUDE and "E" not in text:
            return value.is_finite()
        spans = abs(value.adjusted()), len(value.as_tuple().digits)
        return value.is_finite() and max(spans) <= MAX_MAGNITUDE
    return not isinstance(value, int) or abs(value) < _LARGEST


def is_plain(value: Any, depth: int = _PLAIN_DEPTH) -> bool:
    """True for JSON without nulls, empty or ambiguous objects, absurd depth or numbers, or broken text."""
    kind = type(value)
    if kind is str:
        return is_unicode(value)
    if kind is dict or kind is list:
        if depth <= 0 or value == {}:
            return False
        for each in value.values() if kind is dict else value:
            if not (type(each) is str and each.isascii()) and not is_plain(each, depth - 1):
                return False
        return True
    return kind is bool or ((kind is int or kind is Decimal) and is_sane_number(value))


class Soundness:
    """Compiles JSON schemas of FHIR types, as far as the schemas of this room use that language."""

    def __init__(self, definitions: Mapping[str, Any]) -> None:
        self._definitions = definitions
        self._compiled: dict[str, Accepts] = {}

    def of(self, schema: Mapping[str, Any]) -> Accepts:
        """Whether a value is as this schema has it, and plain where the schema says nothing."""
        if "$ref" in schema:
            return self._definition(schema["$ref"].rsplit("/", 1)[1])
        if schema["type"] == "object":
            return self._object(schema.get("properties", {}))
        if schema["type"] == "array":
            return self._array(self.of(schema["items"]))
        return is_date_time if schema.get("format") == "fhir-date-time" else _PRIMITIVES[schema["type"]]

    def _definition(self, name: str) -> Accepts:
        found = self._compiled.get(name)
        if found is None:
            found = self._compiled[name] = self.of(self._definitions[name])
        return found

    def _object(self, properties: Mapping[str, Any]) -> Accepts:
        """Most values are text, and most text may be any: that is asked first, and without a call."""
        checks = {name: self.of(child) for name, child in properties.items()}
        not_any_text = frozenset(name for name, check in checks.items() if check is not _is_text)
        find = checks.get

        def accepts(value: Any) -> bool:
            if type(value) is not dict or not value:
                return False
            for name, child in value.items():
                if type(child) is str and name not in not_any_text and child.isascii():
                    continue
                if not find(name, is_plain)(child):
                    return False
            return True

        return accepts

    def _array(self, item: Accepts) -> Accepts:
        def accepts(value: Any) -> bool:
            if type(value) is not list:
                return False
            for each in value:  # noqa: SIM110 -- asked of every list of every resource, and twice as fast
                if not item(each):
                    return False
            return True

        return accepts


def _is_text(value: Any) -> bool:
    return type(value) is str and is_unicode(value)


_PRIMITIVES: Final[Mapping[str, Accepts]] = {
    "string": _is_text,
    "boolean": lambda value: type(value) is bool,
    "integer": lambda value: type(value) is int and is_sane_number(value),
    "number": lambda value: type(value) in (int, Decimal) and is_sane_number(value),
}
