"""The group of a soft-tissue sarcoma, against a second opinion on the same facts, in any coding."""

from __future__ import annotations

import itertools
import random
from dataclasses import fields, replace
from typing import get_args

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cases import sarcoma_codes
from tests.cases.building import Resource
from tests.cases.exchange import PATIENT_ID
from tests.cases.expectation import topic_of
from tests.cases.patient_language import variants, with_id
from tests.laws.asking import cards_of
from tests.laws.expected_groups import Distant, Extent, Facts, Nodes, Recurrence, Stage, expected

_SITES = {
    "extremity": ("thigh", "calf", "forearm", "upper arm", "shoulder", "buttock", "axilla", "lower limb"),
    "abdomen": ("retroperitoneum", "mesentery", "abdomen", "pelvis"),
    "other": ("chest wall", "mediastinum", "back"),
}
_HISTOLOGIES = tuple(sarcoma_codes.HISTOLOGIES)
_SUBSTAGES = {"I": ("I", "IA", "IB"), "II": ("II",), "III": ("III", "IIIA", "IIIB"), "IV": ("IV", "IVA")}
_GRADES = {"low": ("G1", "low"), "high": ("G2", "G3", "intermediate", "high")}

_N: tuple[Nodes | None, ...] = (None, *get_args(Nodes))
_M: tuple[Distant | None, ...] = (None, *get_args(Distant))
_STAGES: tuple[Stage | None, ...] = (None, *get_args(Stage))
_EXTENTS: tuple[Extent | None, ...] = (None, *get_args(Extent))
_RECURRENCES: tuple[Recurrence | None, ...] = (None, *get_args(Recurrence))

_RECORDED = tuple(
    Facts(None, stage, n, m, None, None, None, extent, distant, node, recurrence)
    for stage, n, m, extent in itertools.product(_STAGES, _N, _M, _EXTENTS)
    for distant, node, recurrence in itertools.product((False, True), (False, True), _RECURRENCES)
)
_SPREADS = tuple(one for one in _RECORDED if not one.contradictory)
"""Everything that may be on record of the spread without contradicting itself."""

_PRIMARIES = tuple(one for one in _SPREADS if one.recurrence is None and one.metastatic is not True)


@st.composite
def facts(draw: st.DrawFn) -> Facts:
    """Facts that do not contradict each other, the primary tumour more often than its spread."""
    return replace(
        draw(st.one_of(st.sampled_from(_PRIMARIES), st.sampled_from(_SPREADS))),
        site=draw(st.sampled_from(("extremity", "extremity", "abdomen", "other", None))),
        grade=draw(st.sampled_from((None, "low", "high", "high"))),
        deep=draw(st.sampled_from((None, True, False))),
        over_5_cm=draw(st.sampled_from((None, True, False))),
        resectable=draw(st.sampled_from((None, True, False))),
    )


def _lines(known: Facts, chance: random.Random) -> list[str]:
    """The facts in words, each in one of the ways there are."""
    disease = chance.choice(_HISTOLOGIES)
    if known.site is not None:
        disease += f" of the {chance.choice(_SITES[known.site])}"
    lines = [disease + (", recurrence" if known.recurrence == "unknown kind" else "")]
    if known.stage is not None:
        kind = chance.choice(("", "clinical ", "pathological "))
        lines.append(f"{kind}stage: {chance.choice(_SUBSTAGES[known.stage])}")
    lines += [f"{name}: {name}{value}" for name, value in (("N", known.n), ("M", known.m)) if value]
    if known.grade is not None:
        lines.append(f"grade: {chance.choice(_GRADES[known.grade])}")
    if known.deep is not None:
        lines.append(f"depth: {'deep' if known.deep else 'superficial'}")
    if known.over_5_cm is not None:
        lines.append("size: " + chance.choice(("51 mm", "8.5 cm") if known.over_5_cm else ("50 mm", "3 cm")))
    if known.extent is not None:
        lines.append(f"metastatic extent: {known.extent}")
    if known.distant_metastasis:
        lines.append(f"metastasis: {chance.choice(('lung', 'liver', 'bone', 'peritoneum'))}")
    if known.node_metastasis:
        lines.append("metastasis: lymph node")
    if known.recurrence not in (None, "unknown kind"):
        lines.append(f"recurrence: {known.recurrence}")
    return lines + _resectability(known, chance)


def _resectability(known: Facts, chance: random.Random) -> list[str]:
    if known.resectable is None:
        return []
    if known.resectable:
        ways = ("resectable", "resectable with significant morbidity")
    else:
        ways = ("unresectable", "resectable with unacceptable function")
    return [f"resectability: {chance.choice(ways)}"]


def _record(lines: list[str], chance: random.Random) -> list[Resource]:
    """Each line in any of its codings, in any order."""
    numbered = enumerate(lines, start=1)
    found = [with_id(chance.choice(variants(one)), number, one, PATIENT_ID) for number, one in numbered]
    return chance.sample(found, len(found))


@given(facts(), st.integers(min_value=0, max_value=2**32))
@settings(max_examples=400)
def test_the_group_is_that_of_the_second_opinion(known: Facts, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - no secret
    lines = _lines(known, chance)
    topics = {topic_of(card) for card in cards_of("patient-view", _record(lines, chance))}
    groups = {one for one in topics if one.startswith("sts-")}
    wanted = expected(known)
    assert topics, lines
    if wanted.kind == "group":
        assert groups == wanted.groups, (lines, topics)
        assert "no-pathway" not in topics or known.recurrence == "local", (lines, topics)
    elif wanted.kind == "missing":
        assert not groups, (lines, topics)
        assert "missing-information" in topics, (lines, topics)
        assert "no-pathway" not in topics, (lines, topics)
    elif wanted.kind == "no-pathway":
        assert not groups, (lines, topics)
        assert "no-pathway" in topics, (lines, topics)


def test_every_fact_and_every_group_is_tried() -> None:
    assert len(fields(Facts)) == 12
    tried = [
        replace(one, site=site, resectable=True) for one in _SPREADS for site in ("extremity", "abdomen")
    ]
    tried += [replace(one, resectable=False) for one in tried]
    tried += [replace(one, grade="low") for one in tried]
    assert len({group for one in tried for group in expected(one).groups}) == 11
