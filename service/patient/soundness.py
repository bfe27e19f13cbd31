"""Whether JSON is as FHIR R4 has it already: the short way past `tidy` and `problem`, once for each resource.

The same schemas that those two follow are compiled into classes that a library compares values with, and the
answer is yes or no. Whatever is not accepted goes the long way, which says why.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, Final

import msgspec
from msgspec import convert

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
    """A JSON object in which some key stood twice: which of the values was meant, nobody can say."""


def is_date_time(text: str) -> bool:
    """True for a FHIR date, dateTime or instant in the calendar; seconds and zone may be missing."""
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
    if kind is dict:
        return bool(value) and depth > 0 and all(is_plain(each, depth - 1) for each in value.values())
    if kind is list:
        return depth > 0 and all(is_plain(each, depth - 1) for each in value)
    return kind is bool or ((kind is int or kind is Decimal) and is_sane_number(value))


class Soundness:
    """Compiles JSON schemas of FHIR types, as far as the schemas of this room use that language.

    An object becomes a class of msgspec's, which compares a value with it at once. Those of `closed` have no
    members but the named ones, `id` and `extension`, and are compared together with what holds them; the
    others are asked one by one, as what no schema names has to be plain.
    """

    def __init__(self, definitions: Mapping[str, Any], closed: frozenset[str]) -> None:
        self._definitions = definitions
        self._closed = closed
        self._types: dict[str, Any] = {}

    def of(self, schema: Mapping[str, Any]) -> Accepts:
        """Whether a JSON object is as this schema has it, and plain where the schema says nothing."""
        struct = self._struct("Resource", schema, {"resourceType": str})
        named = frozenset(struct.__struct_encode_fields__)

        def accepts(value: Any) -> bool:
            if type(value) is not dict or not value:
                return False
            try:
                convert(value, struct, dec_hook=_asked)
            except (msgspec.ValidationError, RecursionError):
                return False
            unnamed = value.keys() - named
            return not unnamed or all(is_plain(value[name]) for name in unnamed)

        return accepts

    def _type(self, schema: Mapping[str, Any]) -> Any:
        if "$ref" in schema:
            name = schema["$ref"].rsplit("/", 1)[1]
            if name not in self._types:
                self._types[name] = self._object(name, self._definitions[name])
            return self._types[name]
        if schema["type"] == "array":
            return list[self._type(schema["items"])]  # type: ignore[misc] # a type made of what is read
        if schema["type"] == "object":
            return self._object("", schema)
        return _PRIMITIVES["fhir-date-time" if schema.get("format") == "fhir-date-time" else schema["type"]]

    def _object(self, name: str, schema: Mapping[str, Any]) -> Any:
        if name in self._closed:
            plain = dict.fromkeys(("id", "extension"), _asking(is_plain))
            return self._struct(name, schema, plain, forbid_unknown_fields=True)
        return _asking(self.of(schema))

    def _struct(self, name: str, schema: Mapping[str, Any], more: Mapping[str, Any], **options: Any) -> Any:
        types = {**more, **{key: self._type(child) for key, child in schema.get("properties", {}).items()}}
        names = {f"f{number}": key for number, key in enumerate(types)}
        absent = msgspec.UnsetType, msgspec.UNSET
        fields = [(field, types[key] | absent[0], absent[1]) for field, key in names.items()]
        return msgspec.defstruct(name, fields, rename=names, gc=False, **options)


class _Asked:
    """What a function of ours is asked about; `found` stands for all that it accepts."""

    accepts: Accepts
    found: Any


def _asking(accepts: Accepts) -> type[_Asked]:
    kind: type[_Asked] = type("_Asking", (_Asked,), {"accepts": staticmethod(accepts)})
    kind.found = kind()
    return kind


def _asked(kind: type[_Asked], value: Any) -> Any:
    if kind.accepts(value):
        return kind.found
    raise ValueError


def _is_date_time(value: Any) -> bool:
    return type(value) is str and is_date_time(value)


def _is_number(value: Any) -> bool:
    return type(value) in (int, Decimal) and is_sane_number(value)


def _is_integer(value: Any) -> bool:
    return type(value) is int and is_sane_number(value)


_PRIMITIVES: Final[Mapping[str, Any]] = {
    "string": str,
    "boolean": bool,
    "integer": _asking(_is_integer),
    "number": _asking(_is_number),
    "fhir-date-time": _asking(_is_date_time),
}
