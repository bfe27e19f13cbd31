"""What counts in a patient's record, what does not, and that nothing a client sends breaks the reading."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.cds_hooks.exact_json import loads
from service.patient import DataUnavailable, RepeatedKeys, read_record

SYSTEM = "urn:codes"
CODES = frozenset({(SYSTEM, "a"), (SYSTEM, "b")})


@dataclass(frozen=True)
class Key:
    key: str
    resource_type: str
    required: bool = True


NEEDS = (
    Key("patient", "Patient"),
    Key("conditions", "Condition"),
    Key("medications", "MedicationRequest"),
    Key("medications", "MedicationStatement", False),
    Key("observations", "Observation", False),
)


def condition(own: Any = "c1", code: Any = "a", **members: Any) -> dict[str, Any]:
    concept = {"coding": [{"system": "urn:other", "code": "x"}, {"system": SYSTEM, "code": code}]}
    body = {
        "resourceType": "Condition",
        "id": own,
        "code": concept,
        "subject": {"reference": "Patient/p"},
        **members,
    }
    return {name: value for name, value in body.items() if value is not None}


def bundle(*resources: Any, **members: Any) -> dict[str, Any]:
    return {"resourceType": "Bundle", "entry": [{"resource": r} for r in resources], **members}


def ids(record: Any, kind: str = "Condition", path: str | None = "code") -> list[str | None]:
    return [r.get("id") for r in record.retrieve(kind, path, CODES if path else None)]


def reasons(record: Any) -> dict[str, str]:
    return {row.what: row.reason for row in record.left_out}


def read(conditions: Any, patient_id: str = "p", **more: Any) -> Any:
    return read_record(patient_id, {"conditions": conditions, **more}, NEEDS)


@pytest.mark.parametrize(
    "value",
    [
        condition(),
        bundle(condition()),
        bundle(condition(), type="collection"),
        {"resourceType": "Bundle", "entry": {"resource": condition()}},
        {"resourceType": "Bundle", "entry": [None, {}, {"fullUrl": "urn:x"}, {"resource": condition()}]},
        bundle(bundle(condition()), type="batch-response"),
        bundle(condition(), {"resourceType": "OperationOutcome", "issue": [{"severity": "warning"}]}),
    ],
)
def test_a_resource_is_found_in_whatever_holds_it(value: Any) -> None:
    assert ids(read(value)) == ["c1"]


@pytest.mark.parametrize(
    "value",
    [
        None,
        bundle(),
        {"resourceType": "Bundle", "total": 0},
        {"resourceType": "Bundle", "entry": None},
        bundle({"resourceType": "OperationOutcome", "issue": [{"severity": "information"}]}),
    ],
)
def test_searched_and_nothing_found_is_known_empty(value: Any) -> None:
    assert ids(read(value)) == []


@pytest.mark.parametrize(
    "value",
    [
        {"resourceType": "OperationOutcome", "issue": [{"severity": "warning"}]},
        bundle({"resourceType": "OperationOutcome", "issue": [{"severity": "error"}]}),
        bundle({"resourceType": "OperationOutcome"}),
        {},
        {"resourceType": 5},
        {"resourceType": "Bundle", "entry": "nothing"},
        [],
        "Condition",
        7,
    ],
)
def test_what_was_not_given_is_not_taken_for_empty(value: Any) -> None:
    with pytest.raises(DataUnavailable) as caught:
        read(value).retrieve("Condition", None, None)
    assert (caught.value.key, caught.value.resource_type) == ("conditions", "Condition")


def test_an_absent_key_hurts_only_what_touches_its_type() -> None:
    record = read_record("p", {"patient": {"resourceType": "Patient", "id": "p"}}, NEEDS)
    assert ids(record, "Patient", None) == ["p"]
    assert ids(record, "Observation", None) == []  # not required
    assert ids(record, "MedicationStatement", None) == []
    for kind in ("Condition", "MedicationRequest"):
        with pytest.raises(DataUnavailable):
            record.retrieve(kind, None, None)


def test_any_type_may_come_under_any_advertised_key_and_other_keys_are_ignored() -> None:
    record = read(None, medications=bundle(condition("m")), unasked=bundle(condition("u")))
    assert ids(record) == ["m"]


@pytest.mark.parametrize("own", ["p", "Patient/p"])
@pytest.mark.parametrize(
    "subject",
    [
        None,
        {},
        {"display": "Somebody"},
        {"reference": "Patient/p"},
        {"reference": "https://ehr.example.org/fhir/Patient/p"},
        {"reference": "https://ehr.example.org/fhir/Patient/p/_history/3"},
        {"reference": "p"},
        {"reference": "urn:uuid:p"},
        {"reference": "urn:uuid:0001"},
        [{"reference": "Patient/p"}],
    ],
)
def test_a_resource_about_this_patient_counts(own: str, subject: Any) -> None:
    patient = {"resourceType": "Patient", "id": "p"}
    value = {"resourceType": "Bundle", "entry": [{"fullUrl": "urn:uuid:0001", "resource": patient}]}
    assert ids(read(condition(subject=subject), own, patient=value)) == ["c1"]


@pytest.mark.parametrize(
    "subject",
    [
        {"reference": "Patient/q"},
        {"reference": "https://ehr.example.org/Patient/q"},
        {"reference": "Group/p"},
        {"reference": "urn:uuid:0002"},
        {"reference": "#p"},
        {"reference": 5},
        {"type": "Group"},
        "Patient/p",
        5,
    ],
)
def test_a_resource_about_someone_else_is_left_out_and_named(subject: Any) -> None:
    record = read(bundle(condition("other", subject=subject), condition("own")))
    assert ids(record) == ["own"]
    assert reasons(record) == {"Condition/other": "not about this patient"}


def test_another_patients_patient_is_no_answer_for_this_one() -> None:
    record = read(None, patient={"resourceType": "Patient", "id": "q"})
    with pytest.raises(DataUnavailable):
        record.retrieve("Patient", None, None)
    assert "q" not in str(record.left_out[0].what)


@pytest.mark.parametrize("code", ["refuted", "entered-in-error"])
def test_a_refuted_condition_is_left_out(code: str) -> None:
    coding = {"system": "http://terminology.hl7.org/CodeSystem/condition-ver-status", "code": code}
    for status in ({"coding": [coding]}, {"coding": coding}, [{"coding": [{"code": code}]}]):
        record = read(bundle(condition("no", verificationStatus=status), condition("yes")))
        assert ids(record) == ["yes"]
        assert reasons(record) == {"Condition/no": code}


def test_an_observation_entered_in_error_is_left_out() -> None:
    record = read(None, observations={"resourceType": "Observation", "id": "o", "status": "entered-in-error"})
    assert ids(record, "Observation", None) == []
    assert reasons(record) == {"Observation/o": "entered-in-error"}


@pytest.mark.parametrize(
    ("first", "second", "kept"),
    [
        ({"lastUpdated": "2026-02-01T00:00:00Z"}, {"lastUpdated": "2026-01-01T00:00:00Z"}, "first"),
        ({"lastUpdated": "2026-01-01T00:00:00Z"}, {"lastUpdated": "2026-02-01T00:00:00Z"}, "second"),
        ({"versionId": "10"}, {"versionId": "9"}, "first"),
        ({"lastUpdated": "yesterday", "versionId": 3}, {"versionId": "1"}, "second"),
        ("nonsense", None, "second"),
        ({}, {}, "second"),
    ],
)
def test_the_newest_of_two_versions_counts(first: Any, second: Any, kept: str) -> None:
    record = read(
        bundle(condition("d", meta=first, recordedDate="2026-01-01"), condition("d", meta=second)),
        medications=condition("e"),
    )
    found = record.retrieve("Condition", "code", CODES)
    assert [("recordedDate" in r) for r in found if r["id"] == "d"] == [kept == "first"]
    assert reasons(record) == {"Condition/d": "older duplicate"}


@pytest.mark.parametrize(
    "fault",
    [
        {"bodySite": "leg"},
        {"stage": [5]},
        {"stage": [{"summary": {"coding": [{"code": 5}]}}]},
        {"recordedDate": "2026-02-30"},
        {"recordedDate": 2026},
        {"onsetDateTime": "2026-01-01T25:00:00Z"},
        {"note": [{"text": "\ud800"}]},
        {"severity": {"text": 10**40}},
        {"severity": {"text": RepeatedKeys(a=1)}},
        {"anything": Decimal("1e400000")},
    ],
)
def test_a_malformed_resource_never_silences_the_rest(fault: dict[str, Any]) -> None:
    record = read(bundle(condition("bad", **fault), condition("good", "b")))
    assert ids(record) == ["good"]
    assert list(reasons(record)) == ["Condition/bad"]
    assert reasons(record)["Condition/bad"].startswith("malformed")


def test_an_unreadable_code_is_named_and_one_that_was_never_asked_for_costs_nothing() -> None:
    record = read(bundle(condition("bad", code={}), condition("worse"), condition("good")))
    record.retrieve("Condition", "code", CODES)
    assert list(reasons(record)) == ["Condition/bad"]
    other = read(bundle(condition("unasked", code="z", stage=[5]), condition("good")))
    assert (ids(other), other.left_out) == (["good"], ())


def test_of_a_bundle_in_which_a_key_stands_twice_nothing_is_taken_by_half() -> None:
    record = read(RepeatedKeys(bundle(condition())))
    assert reasons(record) == {"conditions": "malformed Bundle"}
    with pytest.raises(DataUnavailable):
        record.retrieve("Condition", None, None)


def test_an_entry_in_which_a_key_stands_twice_is_left_out() -> None:
    twice = [RepeatedKeys(resource=condition("c1")), RepeatedKeys(resource=None)]
    rows = [twice[0], {"resource": condition("c2")}, twice[1]]
    record = read({"resourceType": "Bundle", "entry": rows})
    assert ids(record) == ["c2"]
    places = ["conditions.entry[0]", "conditions.entry[2]"]
    assert reasons(record) == dict.fromkeys(places, "not a FHIR resource")


def test_deep_nesting_is_left_out() -> None:
    deep: Any = {}
    for _ in range(200):
        deep = {"extension": [deep]}
    record = read(bundle(condition("deep", extension=[deep]), condition("good")))
    assert ids(record) == ["good"]
    assert reasons(record) == {"Condition/deep": "malformed: nested too deeply"}


def test_single_values_where_fhir_has_lists_are_read() -> None:
    odd = {
        "resourceType": "Condition",
        "id": "odd",
        "code": [{"coding": {"system": SYSTEM, "code": "a"}}],
        "bodySite": {"coding": [{}, None, {"system": SYSTEM, "code": "b"}]},
        "category": {"coding": {"code": "x"}},
        "stage": {"summary": {"text": "IV"}},
        "severity": None,
    }
    record = read(odd)
    (found,) = record.retrieve("Condition", "code", CODES)
    assert found["code"] == {"coding": [{"system": SYSTEM, "code": "a"}]}
    assert found["bodySite"] == [{"coding": [{"system": SYSTEM, "code": "b"}]}]
    assert found["category"] == [{"coding": [{"code": "x"}]}]
    assert found["stage"] == [{"summary": {"text": "IV"}}]
    assert "severity" not in found
    assert ids(record, path="bodySite") == ["odd"]
    assert odd["severity"] is None  # what the client sent is not written to


def test_an_empty_coding_is_harmless() -> None:
    record = read(condition(code=None, id="e") | {"code": {"coding": [{}]}})
    assert ids(record) == []
    assert record.left_out == ()


@pytest.mark.parametrize("own", ["has space", "x" * 65, "<b>", "", 5, ["a", "b"], {"a": 1}, "a/b", "id\n"])
def test_an_id_that_is_none_is_never_shown_and_its_resource_counts(own: Any) -> None:
    record = read(condition(own))
    assert ids(record) == [None]
    bad = read(condition(own, stage=[5]))
    assert ids(bad) == []
    assert [row.what for row in bad.left_out] == ["conditions"]


@pytest.mark.parametrize(
    ("reference", "contained"),
    [
        (
            "#m",
            [
                {
                    "resourceType": "Medication",
                    "id": "m",
                    "code": {"coding": [{"system": SYSTEM, "code": "a"}]},
                }
            ],
        ),
        (
            "#m",
            {"resourceType": "Medication", "id": "m", "code": {"coding": {"system": SYSTEM, "code": "a"}}},
        ),
        ("Medication/m1", None),
        ("https://ehr.example.org/fhir/Medication/m1", None),
        ("urn:uuid:77", None),
    ],
)
def test_a_referenced_medication_is_found_by_its_code(reference: str, contained: Any) -> None:
    included = {
        "resourceType": "Medication",
        "id": "m1",
        "code": {"coding": [{"system": SYSTEM, "code": "a"}]},
    }
    order = {
        "resourceType": "MedicationRequest",
        "id": "r",
        "medicationReference": {"reference": reference},
        **({"contained": contained} if contained else {}),
    }
    entries = [{"resource": order}, {"fullUrl": "urn:uuid:77", "resource": included}]
    record = read(None, medications={"resourceType": "Bundle", "entry": entries})
    (found,) = record.retrieve("MedicationRequest", "medication", CODES)
    assert found["medicationCodeableConcept"] == {"coding": [{"system": SYSTEM, "code": "a"}]}
    assert "medicationReference" not in found


@pytest.mark.parametrize("reference", ["#none", "Medication/none", "Location/m1", "", 5, None, {}])
def test_a_medication_that_did_not_come_along_has_no_code(reference: Any) -> None:
    order = {"resourceType": "MedicationRequest", "id": "r", "medicationReference": {"reference": reference}}
    record = read(None, medications=order)
    assert ids(record, "MedicationRequest", "medication") == []


def test_numbers_keep_their_digits() -> None:
    value = {"resourceType": "Observation", "id": "o", "valueQuantity": {"value": Decimal("1.10")}}
    (found,) = read(None, observations=value).retrieve("Observation", None, None)
    assert str(found["valueQuantity"]["value"]) == "1.10"


def test_further_pages_are_mentioned() -> None:
    record = read(bundle(condition(), link=[{"relation": "next", "url": "https://ehr.example.org/2"}]))
    assert ids(record) == ["c1"]
    assert reasons(record) == {"conditions": "further pages were not sent"}


_MEMBERS = ["id", "code", "subject", "meta", "entry", "status", "stage", "component", "medicationReference"]
_MEMBERS += ["contained", "valueQuantity"]
_NAMES = [*_MEMBERS, "resourceType", "coding", "system", "reference", "resource", "bodySite", "value"]
_NAMES += ["verificationStatus"]

_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.decimals() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(_NAMES),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
_resource = st.builds(
    lambda kind, members: {**members, "resourceType": kind},
    st.sampled_from(
        ["Condition", "Observation", "MedicationRequest", "Medication", "Patient", "Bundle", "Zz"]
    ),
    st.dictionaries(
        st.sampled_from(_MEMBERS),
        _json,
        max_size=5,
    ),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(_resource | _json, max_size=4), _json)
def test_nothing_that_is_json_breaks_the_reading(resources: list[Any], other: Any) -> None:
    record = read_record("p", {"conditions": bundle(*resources), "medications": other}, NEEDS)
    for kind in ("Condition", "Observation", "MedicationRequest", "MedicationStatement", "Patient"):
        for path in (None, "code", "medication", "component.code"):
            try:
                record.retrieve(kind, path, CODES if path else None)
            except DataUnavailable:
                continue
    assert all(isinstance(row.what, str) and isinstance(row.reason, str) for row in record.left_out)


def test_what_a_client_sent_about_someone_else_is_left_out_and_reported() -> None:
    record = read(bundle(condition("other", subject={"reference": "Patient/q"})))
    assert ids(record) == []
    assert reasons(record) == {"Condition/other": "not about this patient"}


def test_of_a_resource_in_which_a_key_stands_twice_neither_is_taken() -> None:
    """Nor is the resource lost without a word where the second one is of no interest."""
    coding = f'{{"system": "{SYSTEM}", "code": "a"}}'
    other = coding.replace('"a"', '"other"')
    for first, second in ((coding, other), (other, coding), (coding, coding)):
        row = (
            f'{{"resourceType": "Condition", "id": "c1", "code": {{"coding": {first}, "coding": {second}}}}}'
        )
        ambiguous = loads(row)
        record = read(bundle(ambiguous, condition("c2")))
        assert ids(record) == ["c2"]
        assert reasons(record) == {"Condition/c1": "malformed: a key stands twice in one object"}
