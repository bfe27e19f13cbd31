"""What a client may put where the specification expects a resource or a Bundle."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any, Final, NamedTuple

from service.patient.soundness import RepeatedKeys

NOT_FHIR = "not a FHIR resource"
PAGES_MISSING = "further pages were not sent"
SEARCH_FAILED = "the client's search reported an error beside these results"
NO_DATA = "OperationOutcome instead of data"

_NESTING = 3  # a batch-response holds searchsets; deeper than this nobody goes on purpose


_RESOURCE: Final = itemgetter("resource")
_TYPE: Final = itemgetter("resourceType")
_NO_ROW: Final[Mapping[str, Any]] = {}


class Entry(NamedTuple):
    """One resource as it came: its type, within which value, as which entry (`row`) of a Bundle."""

    resource: dict[str, Any]
    kind: str
    within: str
    number: int | None = None
    row: Mapping[str, Any] = _NO_ROW

    @property
    def full_url(self) -> str:
        """The address that the Bundle gives it, may be empty."""
        url = self.row.get("fullUrl")
        return url if isinstance(url, str) else ""

    @property
    def key(self) -> str:
        """The key of the value."""
        return self.within.partition(".")[0]

    @property
    def position(self) -> str:
        """Where it came in the request: `conditions.entry[3]`."""
        return self.within if self.number is None else _place(self.within, self.number)


class Alike:
    """The entries of a Bundle of one type. A record has hundreds, and hardly one is ever asked for."""

    def __init__(
        self, resources: list[dict[str, Any]], kind: str, within: str, rows: list[Mapping[str, Any]]
    ) -> None:
        self.resources, self.kind, self.within = resources, kind, within
        self._rows = rows

    def __len__(self) -> int:
        return len(self.resources)

    def __iter__(self) -> Iterator[Entry]:
        return map(self.__getitem__, range(len(self)))

    def __getitem__(self, number: int) -> Entry:
        return Entry(self.resources[number], self.kind, self.within, number, self._rows[number])


@dataclass
class Contents:
    """What one value holds. `available` is False when the client could not or did not give the data."""

    available: bool = True
    entries: list[Entry] | Alike = field(default_factory=list)
    problems: list[tuple[str, str]] = field(default_factory=list)  # (position, reason)


def read_value(value: Any, position: str) -> Contents:
    """Entries of a resource or Bundle; None (JSON null) is known-empty; an OperationOutcome is not available.

    CDS Hooks 2.0.1, "Prefetch Template": null or an empty Bundle means searched and nothing found; an
    OperationOutcome, as the value or as the only kind of entry, means the client's own query failed.
    """
    contents = Contents()
    if value is None:
        return contents
    if not isinstance(value, dict) or not isinstance(value.get("resourceType"), str):
        return Contents(False, problems=[(position, NOT_FHIR)])
    if value["resourceType"] == "OperationOutcome":
        return Contents(False, problems=[(position, NO_DATA)])
    if value["resourceType"] != "Bundle":
        contents.entries = [Entry(value, value["resourceType"], position)]
        return contents
    alike = _alike(value, position)
    if alike is not None:
        contents.entries = alike
        contents.problems = [(position, PAGES_MISSING)] if _has_next_page(value) else []
        return contents
    contents.entries = entries = list[Entry]()
    _read_bundle(value, position, contents, entries, _NESTING)
    return contents


def _alike(bundle: dict[str, Any], position: str) -> Alike | None:
    """The entries of a Bundle when each brings a resource of one type, as in most Bundles; else None."""
    rows: Any = bundle.get("entry")
    try:
        resources = list(map(_RESOURCE, rows))
        (kind,) = {*map(_TYPE, resources)}
    except (KeyError, TypeError, ValueError):
        return None
    is_plain = {type(bundle), *map(type, rows), *map(type, resources)} == {dict}
    if not is_plain or type(kind) is not str or kind in ("Bundle", "OperationOutcome"):
        return None
    return Alike(resources, kind, position, rows)


def _read_bundle(
    bundle: dict[str, Any], position: str, contents: Contents, entries: list[Entry], nesting: int
) -> None:
    rows = bundle.get("entry")
    if rows is None:
        rows = []
    elif isinstance(rows, dict):
        rows = [rows]
    if not isinstance(rows, list) or isinstance(bundle, RepeatedKeys) or nesting == 0:
        contents.available = False
        contents.problems.append((position, "malformed Bundle"))
        return
    failed, found = False, len(entries)
    for number, row in enumerate(rows):
        resource: Any = row.get("resource") if isinstance(row, dict) else None
        kind = resource.get("resourceType") if isinstance(resource, dict) else None
        if not isinstance(kind, str) or isinstance(row, RepeatedKeys):
            is_empty = row is None or (isinstance(row, dict) and resource is None)
            if not is_empty or isinstance(row, RepeatedKeys):
                contents.problems.append((_place(position, number), NOT_FHIR))
        elif kind == "Bundle":
            _read_bundle(resource, _place(position, number), contents, entries, nesting - 1)
        elif kind == "OperationOutcome":
            failed = failed or any(severity in ("error", "fatal") for severity in _severities(resource))
        else:
            entries.append(Entry(resource, kind, position, number, row))
    if failed and len(entries) == found:
        contents.available = False
        contents.problems.append((position, NO_DATA))
    elif failed:
        contents.problems.append((position, SEARCH_FAILED))
    if _has_next_page(bundle):
        contents.problems.append((position, PAGES_MISSING))


def _place(bundle: str, index: int) -> str:
    return f"{bundle}.entry[{index}]"


def _severities(outcome: dict[str, Any]) -> Iterator[Any]:
    issues = outcome.get("issue")
    for issue in issues if isinstance(issues, list) else [issues]:
        # an issue without a readable severity is taken at its worst
        yield issue.get("severity", "error") if isinstance(issue, dict) else "error"


def _has_next_page(bundle: dict[str, Any]) -> bool:
    links = bundle.get("link")
    return isinstance(links, list) and any(isinstance(k, dict) and k.get("relation") == "next" for k in links)
