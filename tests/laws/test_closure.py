"""The closure law on a few hundred patients; `python -m tests.laws` tries as many as the time allows."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings

from tests.cases.exchange import PATIENT_ID
from tests.cases.patient_language import drafts
from tests.laws.any_patient import AnyPatient, any_patients, drawn, smaller
from tests.laws.closure import Tally, Ward, objections

_SEEDS = range(12)
_EACH = 20


@given(any_patients())
@settings(max_examples=60)
def test_closure(patient: AnyPatient) -> None:
    assert not objections(patient, Tally())


@pytest.mark.parametrize("seed", _SEEDS)
def test_closure_of_patients_as_records_are(seed: int) -> None:
    source, tally = random.Random(seed), Tally()  # noqa: S311 - no secret
    found = [one for _ in range(_EACH) for one in objections(drawn(source), tally)]
    assert not found, "\n".join(map(str, found))
    assert tally.suggestions > _EACH


_STAGE_1 = AnyPatient(("sarcoma of the thigh", "stage: I"), "US", ())
_RADIOTHERAPY = AnyPatient(_STAGE_1.lines, "US", ("external beam radiotherapy",))


def _card(topic: str, indicator: str = "info") -> dict[str, Any]:
    return {"source": {"topic": {"code": topic}}, "indicator": indicator, "summary": topic}


@pytest.mark.parametrize(
    ("chart", "law"),
    [
        ([], "never silence"),
        ([_card("missing-information", "warning")], "no alert on opening the chart"),
        ([_card("gist-unresectable"), _card("gist-progressive")], "one group of a family"),
        ([_card("gist-unresectable"), _card("no-pathway")], "no pathway means no group"),
        ([_card("sts-extremity-stage-1"), _card("sts-extremity-recurrent")], None),
    ],
)
def test_the_law_sees_the_chart(monkeypatch: pytest.MonkeyPatch, chart: list[Any], law: str | None) -> None:
    monkeypatch.setattr(Ward, "open_chart", lambda _: chart)
    assert [one.law for one in objections(_STAGE_1, Tally())] == ([law] if law else [])


def test_the_law_sees_what_is_objected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    assert objections(_STAGE_1, Tally()) == []
    monkeypatch.setattr(Ward, "sign", lambda *_: [_card("treatment-outside-group", "warning")])
    assert [one.law for one in objections(_STAGE_1, Tally())] == ["what is offered is not objected to"]


def test_the_law_sees_a_way_out_that_leads_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    assert objections(_RADIOTHERAPY, Tally()) == []
    once = Ward(_RADIOTHERAPY).sign(drafts(_RADIOTHERAPY.orders, PATIENT_ID))
    monkeypatch.setattr(Ward, "sign", lambda *_: once)
    assert "a way out leads out" in [one.law for one in objections(_RADIOTHERAPY, Tally())]


def test_the_law_sees_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Ward, "open_chart", lambda _: 1 / 0)
    (found,) = objections(_STAGE_1, Tally())
    assert found.law == "no failure"
    assert "ZeroDivisionError" in str(found)


def test_the_smallest_patient_is_shown() -> None:
    large = AnyPatient(("GIST", "resectability: resectable", "stage: I"), "US", ("ablation",))
    assert [one.lines for one in smaller(large)] == [
        large.lines,
        ("GIST", "stage: I"),
        ("GIST", "resectability: resectable"),
    ]
