"""The same patient, recorded in another way, is the same patient."""

from __future__ import annotations

import copy
import random
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from tests.cases.building import Resource
from tests.cases.exchange import PATIENT_ID
from tests.cases.patient_language import (
    as_draft,
    draft_variants,
    drafts,
    resources,
    variants,
    with_id,
)
from tests.laws.asking import cards_of, decision, hook_for, nameless, renamed
from tests.laws.patients import DISEASES, UNKNOWN_ORDERS, Lines, diseases, facts, orders, patients

seeds = st.integers(min_value=0, max_value=2**32)
_FOREIGN = {"system": "urn:oid:2.16.840.1.113883.3.9999.1", "code": "LOC1"}

_NOISE: list[Lines] = [
    ["reflux disease"],
    ["omeprazole active", "amoxicillin completed"],
    ["metastasis: liver, of another patient", "resectability: unresectable, of another patient"],
    ["genotype: PDGFRA exon 18 insensitive to imatinib, of another patient"],
    ["GIST of rectum, resolved", "GIST of colon, refuted"],
    ["metastasis: peritoneum, entered in error", "heart failure, resolved"],
    ["resectability: unresectable, entered in error", "recurrence risk: low, cancelled"],
    ["imatinib cancelled", "sunitinib entered in error"],
]


@given(patients, orders, seeds)
def test_the_order_of_the_record_does_not_matter(lines: Lines, ordered: Lines, seed: int) -> None:
    record, placed = resources(lines, PATIENT_ID), drafts(ordered, PATIENT_ID)
    shuffled = random.Random(seed).sample(record, len(record))  # noqa: S311 - no secret
    first = cards_of(hook_for(ordered), record, placed)
    assert nameless(first) == nameless(cards_of(hook_for(ordered), shuffled, placed))


@given(patients, orders, st.booleans())
def test_codings_of_other_systems_do_not_matter(lines: Lines, ordered: Lines, before: bool) -> None:
    record, placed = resources(lines, PATIENT_ID), drafts(ordered, PATIENT_ID)
    first = cards_of(hook_for(ordered), record, placed)
    mixed = cards_of(hook_for(ordered), _mixed(record, before), _mixed(placed, before))
    assert decision(first) == decision(mixed)


def _mixed(value: Any, before: bool) -> Any:
    if isinstance(value, dict):
        made = {key: _mixed(one, before) for key, one in value.items()}
        if "coding" in made and "clinicalStatus" not in made:
            own = made["coding"]
            made["coding"] = [_FOREIGN, *own] if before else [*own, _FOREIGN]
        return made
    return [_mixed(one, before) for one in value] if isinstance(value, list) else value


@given(patients, orders, st.sampled_from(_NOISE), seeds)
def test_what_does_not_count_changes_nothing(lines: Lines, ordered: Lines, noise: Lines, seed: int) -> None:
    record, placed = resources(lines, PATIENT_ID), drafts(ordered, PATIENT_ID)
    extra = [{**one, "id": f"noise-{n}"} for n, one in enumerate(resources(noise, PATIENT_ID))]
    assume({one["resourceType"] for one in _of_others(extra)} <= {one["resourceType"] for one in record})
    mixed = random.Random(seed).sample([*record, *extra], len(record) + len(extra))  # noqa: S311 - no secret
    first = cards_of(hook_for(ordered), record, placed)
    assert nameless(first) == nameless(cards_of(hook_for(ordered), mixed, placed))


def _of_others(given_resources: list[Resource]) -> list[Resource]:
    """Resources of other patients; a search that finds nothing else is no answer about this patient."""
    return [one for one in given_resources if not one["subject"]["reference"].endswith(f"/{PATIENT_ID}")]


@given(patients, orders.filter(bool), st.sampled_from(UNKNOWN_ORDERS))
def test_an_order_that_is_not_known_changes_nothing(lines: Lines, ordered: Lines, other: str) -> None:
    record, placed = resources(lines, PATIENT_ID), drafts(ordered, PATIENT_ID)
    extra = as_draft(draft_variants(other)[0], len(placed) + 1, PATIENT_ID)
    first = cards_of("order-sign", record, placed)
    assert nameless(first) == nameless(cards_of("order-sign", record, [*placed, extra]))


@given(patients, orders, seeds)
def test_ids_do_not_matter(lines: Lines, ordered: Lines, seed: int) -> None:
    record, placed = resources(lines, PATIENT_ID), drafts(ordered, PATIENT_ID)
    chance = random.Random(seed)  # noqa: S311 - no secret
    fresh = [f"x{number}-{chance.getrandbits(40):010x}" for number in range(len(record) + len(placed))]
    names = {
        f"{one['resourceType']}/{one['id']}": f"{one['resourceType']}/{new}"
        for one, new in zip([*record, *placed], fresh, strict=True)
    }
    first = cards_of(hook_for(ordered), record, placed)
    again = cards_of(hook_for(ordered), _called(record, fresh), _called(placed, fresh[len(record) :]))
    assert _ids_aside(renamed(nameless(first), names)) == _ids_aside(nameless(again))


def _called(given_resources: list[Resource], names: list[str]) -> list[Resource]:
    return [{**one, "id": name} for one, name in zip(given_resources, names, strict=False)]


def _ids_aside(value: Any) -> Any:
    """Without the ids of updated drafts, which are the drafts' own."""
    if isinstance(value, dict):
        return {key: _ids_aside(one) for key, one in value.items() if key != "id"}
    return [_ids_aside(one) for one in value] if isinstance(value, list) else value


@given(facts.filter(lambda lines: not any(line.startswith("size") for line in lines)), st.integers(10, 150))
def test_millimetres_and_centimetres_are_the_same_size(lines: Lines, size: int) -> None:
    known = [
        "GIST of stomach",
        "resectability: resectable",
        "mitoses: 7 per 50 HPF",
        *_without(lines, "mitoses"),
    ]
    answers = [
        decision(cards_of("patient-view", resources([*known, line], PATIENT_ID)))
        for line in (f"size: {size} mm", f"size: {size / 10} cm")
    ]
    assert answers[0] == answers[1]


def _without(lines: Lines, *starts: str) -> Lines:
    return [line for line in lines if not line.startswith((*starts, "resectability"))]


@given(facts, orders, st.sampled_from(DISEASES), st.data())
def test_the_same_disease_by_any_code(
    lines: Lines, ordered: Lines, disease: str, data: st.DataObject
) -> None:
    placed = drafts(ordered, PATIENT_ID)
    usual, *others = variants(disease)
    other = data.draw(st.sampled_from(others))
    rest = resources(lines, PATIENT_ID)
    answers = [
        decision(cards_of(hook_for(ordered), [with_id(one, 99, disease, PATIENT_ID), *rest], placed))
        for one in (usual, other)
    ]
    assert answers[0] == answers[1]


@given(diseases, facts, orders, st.data())
def test_the_same_fact_by_any_code(disease: Lines, lines: Lines, ordered: Lines, data: st.DataObject) -> None:
    placed = drafts(ordered, PATIENT_ID)
    record = resources([*disease, *lines], PATIENT_ID)
    recoded = [
        with_id(data.draw(st.sampled_from(variants(line))), n, line, PATIENT_ID)
        for n, line in enumerate([*disease, *lines], start=1)
    ]
    first = cards_of(hook_for(ordered), record, placed)
    assert decision(first) == decision(cards_of(hook_for(ordered), recoded, placed))


@given(patients, orders.filter(bool), st.data())
def test_the_same_drug_or_procedure_by_any_code(lines: Lines, ordered: Lines, data: st.DataObject) -> None:
    record, placed = resources(lines, PATIENT_ID), drafts(ordered, PATIENT_ID)
    recoded = [
        as_draft(data.draw(st.sampled_from(draft_variants(line))), n, PATIENT_ID)
        for n, line in enumerate(ordered, start=1)
    ]
    first = cards_of("order-sign", record, placed)
    assert decision(first) == decision(cards_of("order-sign", record, recoded))


@given(patients, orders, st.sampled_from(["instant", "period", "time of day"]))
def test_dates_in_any_form(lines: Lines, ordered: Lines, form: str) -> None:
    """An observation may say when by date, time, instant or the end of a period."""
    placed = drafts(ordered, PATIENT_ID)
    record = resources(lines, PATIENT_ID)
    older = resources([f"{line} on 2024-05-01" for line in _contradicted(lines)], PATIENT_ID)
    known = [*record, *({**one, "id": f"older-{n}"} for n, one in enumerate(older))]
    first = cards_of(hook_for(ordered), known, placed)
    again = cards_of(hook_for(ordered), [_dated_by(form, one) for one in known], placed)
    assert decision(first) == decision(again)


def _contradicted(lines: Lines) -> Lines:
    """Another value of each repeated fact."""
    return [next(one for one in _others(line) if one != line) for line in lines if line.startswith(_REPEATED)]


def _dated_by(form: str, resource: Resource) -> Resource:
    if resource["resourceType"] != "Observation":
        return resource
    date = resource["effectiveDateTime"]
    rest = {key: value for key, value in resource.items() if key != "effectiveDateTime"}
    if form == "instant":
        return {**rest, "effectiveInstant": f"{date}T08:15:30.123Z"}
    if form == "period":
        return {**rest, "effectivePeriod": {"start": "2023-01-01", "end": date}}
    return {**rest, "effectiveDateTime": f"{date}T11:05:00.250+02:00"}


@given(patients, st.data())
def test_an_older_statement_changes_nothing(lines: Lines, data: st.DataObject) -> None:
    """Each fact is stated again with another value and an earlier date; the later one stands."""
    known = [line for line in lines if line.startswith(_REPEATED)]
    older = [f"{data.draw(st.sampled_from(_others(line)))} on 2024-05-01" for line in known]
    record = resources(lines, PATIENT_ID)
    extra = [{**one, "id": f"older-{n}"} for n, one in enumerate(resources(older, PATIENT_ID))]
    first = cards_of("patient-view", record)
    assert decision(first) == decision(cards_of("patient-view", [*extra, *copy.deepcopy(record)]))


_VALUES = {
    "resectability: ": ("resectable", "unresectable", "resectable with significant morbidity"),
    "recurrence risk: ": ("low", "intermediate", "high"),
    "resection result: ": ("R0", "R1", "R2"),
    "genotype: ": ("KIT exon 9", "SDH-deficient", "PDGFRA exon 18 insensitive to imatinib"),
    "disease status: ": ("progressive", "stable"),
    "progression extent: ": ("limited", "widespread"),
    "imatinib dose level: ": ("standard", "high"),
}
_REPEATED = tuple(_VALUES)


def _others(line: str) -> Lines:
    start = next(one for one in _REPEATED if line.startswith(one))
    return [start + value for value in _VALUES[start]]
