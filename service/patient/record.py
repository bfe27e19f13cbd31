"""The patient's record, as far as the client sent it: read without trust, indexed once by type and code."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import chain, groupby, repeat
from operator import attrgetter, contains, itemgetter
from typing import Any, Final, Protocol

from service.patient.bundles import NO_DATA, NOT_FHIR, PAGES_MISSING, SEARCH_FAILED, Alike, Entry, read_value
from service.patient.errors import DataUnavailable
from service.patient.medications import Medications
from service.patient.references import bare_patient_id, is_about, is_id, is_type
from service.patient.shelf import Shelf
from service.patient.soundness import TWICE, RepeatedKeys

NOT_GIVEN = "not given"
_NOT_ABOUT_PATIENT = "not about this patient"
Batch = list[Entry] | Alike
"""What came under one key."""

_KIND: Final = attrgetter("kind")
_WITHIN: Final = attrgetter("within")
_SUBJECT: Final = itemgetter("subject")
_REFERENCE: Final = itemgetter("reference")
_VERIFICATION = "http://terminology.hl7.org/CodeSystem/condition-ver-status"


class Need(Protocol):
    """What a prefetch key is for (the guideline's DataNeed)."""

    @property
    def key(self) -> str: ...
    @property
    def resource_type(self) -> str: ...
    @property
    def required(self) -> bool: ...


@dataclass(frozen=True)
class LeftOut:
    """A resource that does not count: its key, `Type/id` or its position, and why. No clinical data."""

    key: str
    what: str
    reason: str

    @property
    def is_unreadable(self) -> bool:
        """It came, and could not be read."""
        return self.reason.startswith(("malformed", NOT_FHIR))

    @property
    def is_partial(self) -> bool:
        """Some of what belongs to the key came, and some did not."""
        return self.reason in (PAGES_MISSING, SEARCH_FAILED)

    @property
    def is_gap(self) -> bool:
        """Nothing came for the key."""
        return self.reason == NO_DATA or self.reason.startswith(NOT_GIVEN)


@dataclass(frozen=True)
class Gap:
    """A resource type of which nothing is known: the `key` that should have brought it, and why not."""

    key: str
    required: bool
    reason: str | None
    """Ends the sentence "The FHIR server …"."""
    said: bool
    """What came instead is named among what was left out."""


class PatientRecord:
    """Resources of one patient; implements the `Record` of the CQL runtime.

    Shapes are checked when a retrieve first touches a resource: what no rule asks for costs nothing.
    """

    def __init__(
        self,
        patient_id: str,
        batches: Sequence[Batch],
        gaps: Mapping[str, Gap],
        left_out: list[LeftOut],
    ) -> None:
        """`gaps`: by resource type, what is unavailable."""
        self.patient_id = patient_id
        self._gaps = dict(gaps)
        self._left_out = left_out
        came = _by_type(batches)
        self.medications = Medications(came.get("Medication", ()))
        report = partial(_leave_out, left_out)
        self._shelves = {name: Shelf(own, self.medications, report) for name, own in came.items()}

    @property
    def left_out(self) -> tuple[LeftOut, ...]:
        """Everything that has been left out so far; grows while retrieves touch resources."""
        return tuple(self._left_out)

    def retrieve(
        self, resource_type: str, code_path: str | None, codes: frozenset[tuple[str, str]] | None
    ) -> Sequence[Mapping[str, Any]]:
        """Readable resources of a type, in the order they came; with `codes` only those that carry one.

        Raises DataUnavailable when a required prefetch key for the type was not given; when one that is not
        required was not, that is left out too.
        """
        if resource_type in self._gaps:
            self._miss(resource_type)
        shelf = self._shelves.get(resource_type)
        if shelf is None:
            return ()
        found = shelf.readable(code_path, codes)
        if resource_type == "Patient" and not found:
            raise DataUnavailable(shelf.entries[0].key, "Patient")  # it came, and could not be read
        return found

    def _miss(self, resource_type: str) -> None:
        """A rule looks for what is not there: that must be known, once."""
        gap = self._gaps[resource_type]
        if gap.required:
            raise DataUnavailable(gap.key, resource_type, gap.reason)
        del self._gaps[resource_type]
        if not gap.said and resource_type not in self._shelves:
            reason = f"{NOT_GIVEN}: the FHIR server {gap.reason}" if gap.reason else NOT_GIVEN
            self._left_out.append(LeftOut(gap.key, gap.key, reason))


def read_record(
    patient_id: str,
    prefetch: Mapping[str, Any] | None,
    needs: Sequence[Need],
    failures: Mapping[str, str] | None = None,
    supplied: Iterable[str] = (),
) -> PatientRecord:
    """The record of `patient_id` (bare or `Patient/…`) from the values of the advertised prefetch keys.

    Any resource type may come under any advertised key; keys that were not advertised are ignored. A value
    that is absent or an OperationOutcome makes its type unavailable; null is known-empty, and so is what a
    client sent about someone else, which is left out and reported. `failures`: by key, why the FHIR server
    did not give it; `supplied`: the keys that it gave, where someone else's data is no answer.
    Bad data raises nothing.
    """
    patient_id = bare_patient_id(patient_id)
    given = prefetch if prefetch is not None else {}
    batches: list[Batch] = []
    left_out: list[LeftOut] = []
    empty: dict[str, bool] = {}  # key that brought nothing -> whether something else is said about it
    for key in dict.fromkeys(need.key for need in needs):
        contents = read_value(given[key], key) if key in given else None
        if contents is None or not contents.available:
            empty[key] = contents is not None
        if contents is not None:
            left_out += [LeftOut(key, where, reason) for where, reason in contents.problems]
            batches.append(contents.entries)
    own = _of_patient(batches, patient_id, left_out)
    foreign = {row.key for row in left_out if row.reason == _NOT_ABOUT_PATIENT} - set(supplied)
    empty |= dict.fromkeys(_keys(batches) - _keys(own) - foreign, True)
    kept = [_without_void(batch, left_out) for batch in _without_duplicates(own, left_out)]
    reasons = failures or {}
    gaps = {
        need.resource_type: Gap(need.key, need.required, reasons.get(need.key), empty[need.key])
        for need in reversed(needs)
        if need.key in empty
    }
    return PatientRecord(patient_id, kept, gaps, left_out)


def _keys(batches: Iterable[Batch]) -> set[str]:
    """The keys that brought some entry."""
    places = set()
    for batch in batches:
        places |= {batch.within} if isinstance(batch, Alike) else set(map(_WITHIN, batch))
    return {place.partition(".")[0] for place in places}


def _by_type(batches: Iterable[Batch]) -> dict[str, Batch]:
    came: dict[str, Batch] = {}
    for batch in batches:
        runs = [(batch.kind, batch)] if isinstance(batch, Alike) else groupby(batch, _KIND)
        for kind, run in runs:
            before = came.get(kind)
            came[kind] = run if before is None and isinstance(run, Alike) else [*(before or ()), *run]
    return came


def _leave_out(left_out: list[LeftOut], entry: Entry, reason: str) -> None:
    left_out.append(LeftOut(entry.key, name_of(entry), reason))


def name_of(entry: Entry) -> str:
    """`Type/id`, or the position in the request when the id may not be shown or the type is none."""
    resource = entry.resource
    if is_type(resource.get("resourceType")) and is_id(resource.get("id")):
        return f"{resource['resourceType']}/{resource['id']}"
    return entry.position


def patient_urls(entries: Iterable[Entry], patient_id: str) -> frozenset[str]:
    """The `fullUrl`s under which this patient's own Patient resource came."""
    return frozenset(
        entry.full_url
        for entry in entries
        if entry.resource.get("resourceType") == "Patient"
        and entry.full_url
        and entry.resource.get("id") == patient_id
    )


def is_entered_in_error(resource: Mapping[str, Any]) -> str | None:
    """The FHIR status that says a resource does not count (`entered-in-error`, `refuted`), or None."""
    if resource.get("status") == "entered-in-error":
        return "entered-in-error"
    verification = resource.get("verificationStatus")
    if verification is None:
        return None
    for concept in verification if isinstance(verification, list) else [verification]:
        codings = concept.get("coding") if isinstance(concept, dict) else None
        for coding in codings if isinstance(codings, list) else [codings]:
            if (
                isinstance(coding, dict)
                and coding.get("code") in ("refuted", "entered-in-error")
                and coding.get("system") in (None, _VERIFICATION)
            ):
                return str(coding["code"])
    return None


def _of_patient(batches: list[Batch], patient_id: str, left_out: list[LeftOut]) -> list[Batch]:
    """The entries about this patient; the others are left out."""
    subject = f"Patient/{patient_id}"
    patients = (batch for batch in batches if not isinstance(batch, Alike) or batch.kind == "Patient")
    urls = patient_urls(chain.from_iterable(patients), patient_id)
    return [
        batch
        if _all_have_subject(batch, subject)
        else [entry for entry in batch if _is_of_patient(entry, patient_id, urls, left_out)]
        for batch in batches
    ]


def _all_have_subject(batch: Batch, reference: str) -> bool:
    """Whether all entries name this subject as R4 has it, and no other: the commonest case, at one look."""
    if not isinstance(batch, Alike) or batch.kind == "Patient" or not is_type(batch.kind):
        return False
    try:
        subjects = list(map(_SUBJECT, batch.resources))
        same = {*map(type, subjects)} == {dict} and {*map(_REFERENCE, subjects)} == {reference}
    except (KeyError, TypeError):
        return False
    return same and not any(map(contains, batch.resources, repeat("patient")))


def _is_of_patient(entry: Entry, patient_id: str, urls: frozenset[str], left_out: list[LeftOut]) -> bool:
    resource = entry.resource
    if isinstance(resource, RepeatedKeys):
        _leave_out(left_out, entry, TWICE)  # also where no rule looks: it would see a half of it
    elif not is_type(entry.kind):
        left_out.append(LeftOut(entry.key, entry.position, "not a FHIR resource type"))
    elif entry.kind == "Patient" and resource.get("id") not in (None, patient_id):
        left_out.append(LeftOut(entry.key, entry.position, "another patient"))
    elif not all(is_about(resource.get(name), patient_id, urls) for name in ("subject", "patient")):
        _leave_out(left_out, entry, _NOT_ABOUT_PATIENT)
    else:
        return True
    return False


def _without_duplicates(batches: list[Batch], left_out: list[LeftOut]) -> list[Batch]:
    if _all_apart(batches):
        return batches
    entries = list(chain.from_iterable(batches))
    newest: dict[tuple[str, str], int] = {}
    dropped: set[int] = set()
    for number, entry in enumerate(entries):
        resource = entry.resource
        own = resource.get("id")
        if not isinstance(own, str):
            continue
        name = (entry.kind, own)
        before = newest.setdefault(name, number)
        if before != number:
            older = number if _is_newer(entries[before].resource, resource) else before
            dropped.add(older)
            newest[name] = before if older == number else number
    for number in sorted(dropped):
        _leave_out(left_out, entries[number], "older duplicate")
    if not dropped:
        return batches
    return [[entry for number, entry in enumerate(entries) if number not in dropped]]


def _all_apart(batches: list[Batch]) -> bool:
    """Whether each entry has a type and id of its own, at one look; False where that takes a closer one."""
    ids: dict[str, set[Any]] = {}
    try:
        for batch in batches:
            if isinstance(batch, Alike):
                ids.setdefault(batch.kind, set()).update(map(dict.get, batch.resources, repeat("id")))
            else:
                for entry in batch:
                    ids.setdefault(entry.kind, set()).add(entry.resource.get("id"))
    except TypeError:
        return False
    return sum(map(len, ids.values())) == sum(map(len, batches))


def _is_newer(first: Mapping[str, Any], second: Mapping[str, Any]) -> bool:
    """Whether the one that came first is the newer version; when nothing tells, the later one is."""
    for read in (_last_updated, _version):
        a, b = read(first), read(second)
        if a is not None and b is not None and a != b:
            return a > b
    return False


def _last_updated(resource: Mapping[str, Any]) -> float | None:
    meta = resource.get("meta")
    text = meta.get("lastUpdated") if isinstance(meta, dict) else None
    try:
        return datetime.fromisoformat(text).timestamp() if isinstance(text, str) else None
    except (ValueError, OverflowError):
        return None


def _version(resource: Mapping[str, Any]) -> float | None:
    meta = resource.get("meta")
    text = meta.get("versionId") if isinstance(meta, dict) else None
    return float(text) if isinstance(text, str) and text.isdecimal() and len(text) <= 15 else None


def _without_void(batch: Batch, left_out: list[LeftOut]) -> Batch:
    """The entries that count, and not those that somebody has taken back."""
    if isinstance(batch, Alike):
        resources = batch.resources
        doubts = any(map(contains, resources, repeat("verificationStatus")))
        if not doubts and "entered-in-error" not in map(dict.get, resources, repeat("status")):
            return batch
        if not any(map(is_entered_in_error, resources)):
            return batch
    return [entry for entry in batch if not _is_void(entry, left_out)]


def _is_void(entry: Entry, left_out: list[LeftOut]) -> bool:
    status = is_entered_in_error(entry.resource)
    if status is not None:
        _leave_out(left_out, entry, status)
    return status is not None
