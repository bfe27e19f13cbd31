"""What may be read as it came: the short way gives what the long way gives."""

import contextlib
import itertools
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.patient import DataUnavailable, PatientRecord, RepeatedKeys, read_record
from service.patient.bundles import Entry, read_value
from service.patient.codes import NotCoded, codes_at
from service.patient.medications import Medications
from service.patient.shapes import SHAPED_TYPES, is_sound, problem, tidy
from service.patient.shelf import Shelf

_PAIRED = ("a", "", "http://loinc.org", "718-7")
_texts = st.sampled_from(["", "a", "final", "2026-03-01", "http://loinc.org", "718-7", "é", "\ud800"])
_scalars = st.one_of(st.none(), st.booleans(), st.integers(-5, 5), _texts)
_names = st.sampled_from([
    "id", "status", "code", "coding", "system", "display", "text", "value", "valueQuantity", "unit",
    "extension", "url", "component", "subject", "reference", "category", "clinicalStatus", "bodySite",
])  # fmt: skip
_values = st.recursive(
    _scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_names, inner, max_size=4)),
    max_leaves=12,
)


_READABLE: list[dict[str, Any]] = [
    {"status": "final", "code": {"coding": [{"system": "http://loinc.org", "code": "718-7"}], "text": "é"}},
    {"valueQuantity": {"value": Decimal("1.5"), "unit": "cm"}, "effectiveDateTime": "2026-03-01T07:30:00Z"},
    {
        "recordedDate": "2026-03",
        "extension": [{"url": "a", "valueString": "b"}],
        "unknown": {"a": [1, {"b": True}]},
    },
    {"component": [{"code": {"text": "a"}, "valueBoolean": True}], "onsetDateTime": "2026-02-30"},
]


@given(st.sampled_from(sorted(SHAPED_TYPES)), st.dictionaries(_names, _values, max_size=6))
def test_sound_resources_need_no_tidying(resource_type: str, elements: dict[str, Any]) -> None:
    resource = {**elements, "resourceType": resource_type}
    if is_sound(resource):
        assert tidy(resource) is resource
        assert problem(resource) is None


@given(st.sampled_from(["Condition", "Observation"]), st.sampled_from(_READABLE), _names, _values)
def test_what_the_long_way_reads_as_it_came_is_sound(
    resource_type: str, readable: dict[str, Any], name: str, value: Any
) -> None:
    resource = {"resourceType": resource_type, **readable, name: value}
    sound = tidy(resource) is resource and problem(resource) is None and not _has_blanks(resource)
    assert is_sound(resource) == sound


def _has_blanks(value: Any) -> bool:
    """`tidy` leaves alone what no schema names; a null there is not sound all the same."""
    if isinstance(value, dict):
        return not value or any(map(_has_blanks, value.values()))
    return value is None or (isinstance(value, list) and any(map(_has_blanks, value)))


@pytest.mark.parametrize("blank", [None, {}, [None], [{}]])
def test_blanks_are_not_sound(blank: Any) -> None:
    assert not is_sound({"resourceType": "Condition", "code": {"coding": blank}})


@given(st.lists(_values, max_size=4), st.sampled_from(["code", "codeCodeableConcept"]))
def test_an_index_finds_what_carries_a_code(values: list[Any], name: str) -> None:
    resources = [{"resourceType": "Basic", name: value} for value in values]
    shelf = Shelf(
        [Entry(each, "Basic", "a") for each in resources], Medications(), lambda entry, reason: None
    )
    pairs: dict[tuple[str, str], list[Any]] = {pair: [] for pair in itertools.product(_PAIRED, _PAIRED)}
    for resource in resources:
        with contextlib.suppress(NotCoded):
            for pair in codes_at(resource, "code") & pairs.keys():
                pairs[pair].append(resource)
    for pair, expected in pairs.items():
        readable = [each for each in expected if problem(each) is None]
        assert shelf.readable("code", frozenset({pair})) == readable


_PATIENT = {"reference": "Patient/1"}
_rows = st.lists(
    st.one_of(
        st.builds(
            lambda **members: {"resource": {k: v for k, v in members.items() if v is not None}},
            resourceType=st.sampled_from(["Condition", "Observation", "Patient", "Bundle", "no type", 1]),
            id=st.sampled_from([None, "1", "2", "3", 4, ["1"]]),
            subject=st.sampled_from([None, _PATIENT, _PATIENT, {"reference": "Patient/2"}, "Patient/1"]),
            patient=st.sampled_from([None, None, _PATIENT, {"reference": "Patient/2"}]),
            status=st.sampled_from([None, "final", "entered-in-error", {}]),
            verificationStatus=st.sampled_from([None, {"coding": [{"code": "refuted"}]}, {"text": "a"}]),
        ),
        st.sampled_from(
            [{}, {"resource": None}, "row", {"resource": RepeatedKeys(resourceType="Condition")}]
        ),
    ),
    max_size=6,
)


@given(_rows)
def test_a_bundle_is_read_the_same_at_one_look_and_row_by_row(rows: list[Any]) -> None:
    at_once = read_value({"resourceType": "Bundle", "entry": rows}, "a")
    one_by_one = read_value({"resourceType": "Bundle", "entry": [*rows, None]}, "a")
    assert list(at_once.entries) == list(one_by_one.entries)
    assert (at_once.available, at_once.problems) == (one_by_one.available, one_by_one.problems)


@given(_rows)
def test_the_record_is_the_same_at_one_look_and_one_by_one(rows: list[Any]) -> None:
    """A resource about somebody else makes the reader look at each; the resources that count stay."""
    foreign = {
        "resourceType": "Goal",
        "id": "0",
        "subject": {"reference": "Patient/2"},
        "status": "entered-in-error",
    }
    found = []
    for entry in (rows, [*rows, {"resource": foreign}]):
        record = read_record("1", {"a": {"resourceType": "Bundle", "entry": entry}}, [_Need()])
        kinds = ("Condition", "Observation", "Patient")
        found.append((record.left_out, [_retrieved(record, kind) for kind in kinds]))
    (once, once_kept), (each, each_kept) = found
    assert once_kept == each_kept
    assert [row for row in each if row.what != "Goal/0"] == list(once)


@dataclass(frozen=True)
class _Need:
    key: str = "a"
    resource_type: str = "Condition"
    required: bool = False


def _retrieved(record: PatientRecord, kind: str) -> Any:
    try:
        return record.retrieve(kind, None, None)
    except DataUnavailable:
        return "unavailable"
