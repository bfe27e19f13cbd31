"""Resources as a FHIR server holds them: read, vread and search.

Source: FHIR R4, "RESTful API" and "Search". There is one version of each resource: what is loaded.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from service.fhir_api.errors import NotFound, Unsupported

Json = dict[str, Any]

TYPES: Final = (
    "ActivityDefinition",
    "CodeSystem",
    "Library",
    "PlanDefinition",
    "Questionnaire",
    "StructureDefinition",
    "ValueSet",
)
STRING_MODIFIERS: Final = ("exact", "contains")
SUMMARIES: Final = ("true", "text", "data", "count", "false")
_DEFAULT_COUNT = 50
_LARGEST_COUNT = 500
_OFFSET = "_offset"

# What `_summary=true` leaves of each type: R4's Σ elements, as far as guidelines use them.
_SUMMARY = frozenset(
    [
        "resourceType",
        "id",
        "meta",
        "implicitRules",
        "url",
        "identifier",
        "version",
        "name",
        "title",
        "subtitle",
        "status",
        "experimental",
        "type",
        "date",
        "publisher",
        "contact",
        "description",
        "useContext",
        "jurisdiction",
        "effectivePeriod",
        "kind",
        "subjectType",
        "caseSensitive",
        "valueSet",
        "hierarchyMeaning",
        "compositional",
        "versionNeeded",
        "content",
        "supplements",
        "count",
        "filter",
        "property",
        "immutable",
        "code",
        "fhirVersion",
        "abstract",
        "context",
        "baseDefinition",
        "derivation",
    ]
)
# Large elements that a summary never holds though the name is Σ elsewhere (Library.content).
_NOT_SUMMARY = {"Library": frozenset({"content"})}

_ALSO_MANDATORY: Final = {"StructureDefinition": {"url", "name", "abstract"}}

Test = Callable[[Json, str], bool]
"""Whether a resource has a value (escaped, as it came) of one search parameter."""
TestOf = Callable[[str, str, str], Test | None]
"""The test for a type, a search parameter and its modifier ("" for none); None for what is no parameter.
Raises Unsupported (modifier)."""
_COMMA: Final = re.compile(r"(?<!\\),")
_ESCAPED: Final = re.compile(r"\\([,|$\\])")


@dataclass(frozen=True)
class Found:
    """One page of a search."""

    total: int
    page: tuple[Json, ...]
    """What the page holds, whole or summarised."""
    used: tuple[tuple[str, str], ...]
    """The parameters that had a say, as they came: those of the self link."""
    count: int
    offset: int


class Store:
    """Every resource with its `meta.versionId`, a fingerprint of its content."""

    def __init__(self, types: Iterable[str], resources: Iterable[Mapping[str, Any]], test_of: TestOf) -> None:
        self._held: dict[str, dict[str, Json]] = {resource_type: {} for resource_type in types}
        self._test_of = test_of
        for resource in resources:
            self._held[resource["resourceType"]][resource["id"]] = _versioned(resource)

    def read(self, resource_type: str, resource_id: str) -> Json:
        """The resource. Raises NotFound."""
        found = self._of(resource_type).get(resource_id)
        if found is None:
            raise NotFound(f"This server holds no {resource_type} with this id.")
        return found

    def vread(self, resource_type: str, resource_id: str, version_id: str) -> Json:
        """The resource in this version. Raises NotFound: only the version that is in force is held."""
        found = self.read(resource_type, resource_id)
        if found["meta"]["versionId"] != version_id:
            raise NotFound(
                f"This server holds another version of this {resource_type}: read it without version."
            )
        return found

    def by_canonical(self, resource_type: str, canonical: str) -> Json:
        """The resource with this url or url|version. Raises NotFound."""
        url, _, version = canonical.partition("|")
        for resource in self._of(resource_type).values():
            if resource["url"] == url and version in ("", resource["version"]):
                return resource
        raise NotFound(f"This server holds no {resource_type} with this canonical url.")

    def search(
        self, resource_type: str, arguments: Sequence[tuple[str, str]], *, strict: bool = False
    ) -> Found:
        """The resources that match all arguments, in order of id; values joined by commas are alternatives.

        A parameter that is not known has no say (its absence from `used` tells), unless `strict`.
        Raises NotFound (type) and Unsupported (modifier, value, or parameter when strict).
        """
        held = self._of(resource_type)
        used: list[tuple[str, str]] = []
        tests: list[tuple[Test, tuple[str, ...]]] = []
        for name, value in arguments:
            if not value:
                continue  # an empty parameter is no error, and has no say
            plain, _, modifier = name.partition(":")
            test = self._test_of(resource_type, plain, modifier)
            if test is not None:
                tests.append((test, tuple(_COMMA.split(value))))
            elif plain not in _CONTROLS:
                if strict:
                    raise Unsupported(f"The search parameter {_safe(name)} is not supported.")
                continue
            elif modifier:
                raise Unsupported(f"{plain} is supported without modifier.")
            used.append((name, value))
        matches = [
            resource
            for _, resource in sorted(held.items())
            if all(any(test(resource, value) for value in values) for test, values in tests)
        ]
        controls = dict(used)
        summary = controls.get("_summary", "false")
        if summary not in SUMMARIES:
            raise Unsupported(f"_summary is one of {', '.join(SUMMARIES)}.")
        count = min(_number(controls, "_count", _DEFAULT_COUNT), _LARGEST_COUNT)
        offset = _number(controls, _OFFSET, 0)
        if summary == "count" or count == 0:
            return Found(len(matches), (), tuple(used), 0, 0)
        page = tuple(summarised(resource, summary) for resource in matches[offset : offset + count])
        return Found(len(matches), page, tuple(used), count, offset)

    def _of(self, resource_type: str) -> dict[str, Json]:
        if resource_type not in self._held:
            raise NotFound(
                "This server holds no resources of this type. Its CapabilityStatement lists those it holds."
            )
        return self._held[resource_type]


def links(found: Found, address: str, encode: Callable[[Sequence[tuple[str, str]]], str]) -> list[Json]:
    """The links of a searchset: self, and first, previous, next, last when there are several pages."""
    plain = [(name, value) for name, value in found.used if name != _OFFSET]
    pages = {"self": found.offset}
    if found.count and found.total > found.count:
        pages["first"] = 0
        if found.offset > 0:
            pages["previous"] = max(0, found.offset - found.count)
        if found.offset + found.count < found.total:
            pages["next"] = found.offset + found.count
        pages["last"] = (found.total - 1) // found.count * found.count
    rows = []
    for relation, offset in pages.items():
        arguments = plain + ([(_OFFSET, str(offset))] if offset else [])
        rows.append({"relation": relation, "url": f"{address}?{encode(arguments)}" if arguments else address})
    return rows


def summarised(resource: Json, summary: str) -> Json:
    """The resource, or the part of it that `_summary` leaves, marked SUBSETTED.

    Resources of other TYPES are left whole for `true` and `text`, as R4 allows.
    """
    if resource["resourceType"] not in TYPES and summary in ("true", "text"):
        return resource
    if summary == "true":
        dropped = _NOT_SUMMARY.get(resource["resourceType"], frozenset())
        part = {name: value for name, value in resource.items() if name in _SUMMARY - dropped}
    elif summary == "text":
        mandatory = {"resourceType", "id", "meta", "text", "status", "type", "content", "kind"}
        mandatory |= _ALSO_MANDATORY.get(resource["resourceType"], set())
        part = {name: value for name, value in resource.items() if name in mandatory}
    elif summary == "data":
        part = {name: value for name, value in resource.items() if name != "text"}
    else:
        return resource
    tag = {"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "SUBSETTED"}
    return {**part, "meta": {**resource["meta"], "tag": [*resource["meta"].get("tag", ()), tag]}}


def _versioned(body: Mapping[str, Any]) -> Json:
    canonical = json.dumps(body, sort_keys=True, default=str, ensure_ascii=False)
    fingerprint = hashlib.sha256(canonical.encode()).hexdigest()[:16]
    first = {"resourceType": body["resourceType"], "id": body["id"]}
    return {**first, "meta": {**body.get("meta", {}), "versionId": fingerprint}, **_without_meta(body)}


def _without_meta(body: Mapping[str, Any]) -> Json:
    return {name: value for name, value in body.items() if name not in ("resourceType", "id", "meta")}


_CONTROLS: Final = frozenset({"_count", "_summary", "_format", "_pretty", _OFFSET})


def of_canonicals(resource_type: str, name: str, modifier: str) -> Test | None:
    """The search parameters of canonical resources (TestOf): PARAMETERS."""
    if name in ("name", "title"):
        matches = string_match(name, modifier)
        return lambda resource, value: matches(str(resource.get(name, "")), unescaped(value))
    test = _TESTS.get(name)
    if modifier and test is not None:
        raise Unsupported(f"{name} is supported without modifier.")
    return test


def unescaped(value: str) -> str:
    """A value without the backslashes that keep its commas and bars from separating (R4 "Escaping")."""
    return _ESCAPED.sub(r"\1", value)


def string_match(name: str, modifier: str) -> Callable[[str, str], bool]:
    """How a text is compared with the value of the string parameter `name`. Raises Unsupported (modifier)."""
    if modifier not in ("", *STRING_MODIFIERS):
        raise Unsupported(f"The modifier of {name} is one of {', '.join(STRING_MODIFIERS)}.")

    def match(text: str, value: str) -> bool:
        if modifier == "exact":
            return text == value
        text, value = text.casefold(), value.casefold()
        return value in text if modifier == "contains" else text.startswith(value)

    return match


def _url(resource: Json, value: str) -> bool:
    url, _, version = value.partition("|")
    return bool(resource["url"] == url and version in ("", resource["version"]))


def _code(name: str) -> Test:
    """A token of an element that is a plain code or string: its system is not part of it."""
    return lambda resource, value: resource.get(name) == value.rpartition("|")[2]


def _context(resource: Json, value: str) -> bool:
    """`context-type`: the kinds of use context that the resource declares."""
    system, bar, code = value.rpartition("|")
    return any(
        each.get("code", {}).get("code") == code and (not bar or each["code"].get("system", "") == system)
        for each in resource.get("useContext", ())
    )


_TESTS: Final[Mapping[str, Test]] = {
    "_id": lambda resource, value: resource["id"] == value,
    "url": _url,
    "version": _code("version"),
    "status": _code("status"),
    "context-type": _context,
}
PARAMETERS: Final = (
    ("_id", "token"), ("url", "uri"), ("version", "token"), ("name", "string"), ("title", "string"),
    ("status", "token"), ("context-type", "token"),
)  # fmt: skip
"""Search parameters and their types."""


def _number(controls: Mapping[str, str], name: str, default: int) -> int:
    text = controls.get(name)
    if text is None:
        return default
    if not text.isascii() or not text.isdecimal() or len(text) > 18:
        raise Unsupported(f"{name} is a whole number.")
    return int(text)


def _safe(name: str) -> str:
    """The name of a parameter as it may be told: letters and marks that names have, not too many."""
    return "".join(letter for letter in name[:40] if letter.isalnum() or letter in "-_:.") or "given"
