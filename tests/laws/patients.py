"""Strategies for patients with a GIST and for draft orders, as lines of the patient language."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st

from tests.cases import codes
from tests.cases.exchange import Json
from tests.cases.expectation import topic_of

Lines = list[str]
Strategy = st.SearchStrategy[Lines]

GIST_GROUPS = frozenset(
    {
        "gist-resectable-minimal-morbidity",
        "gist-resectable-significant-morbidity",
        "gist-unresectable",
        "gist-progressive",
        "gist-recurrent-or-metastatic",
    }
)

DISEASES = [name for name in codes.DISEASES if name.startswith("GIST")]
TKIS = ["imatinib", "sunitinib", "regorafenib", "avapritinib", "larotrectinib", "dabrafenib"]
DRUGS = [name for name in codes.DRUGS if name not in ("amoxicillin", "levothyroxine", "omeprazole")]
UNKNOWN_ORDERS = ["amoxicillin", "levothyroxine", "full blood count"]
PROCEDURES = [
    "ablation",
    "embolisation",
    "chemoembolisation",
    "external beam radiotherapy",
    "mutation testing",
]

VARIANTS = [
    "variant: PDGFRA p.Asp842Val exon 18",
    "variant: KIT exon 9",
    "variant: KIT exon 11",
    "variant: BRAF p.Val600Glu",
    "variant: NTRK1 gene fusion",
    "test: PDGFRA D842V present",
    "test: PDGFRA exon 18 present",
    "test: KIT exon 9 present",
    "test: KIT exon 11 absent",
    "SDHB immunohistochemistry: lost",
]
CAUTIONS = [
    "heart failure",
    "terminal illness",
    "coagulation disorder",
    "hepatic failure",
    "uncorrectable coagulopathy: yes",
    "infection in the treatment area: yes",
    "critical structures that cannot be protected: no",
    "short life expectancy: yes",
]
METASTASES = ["metastasis: liver", "metastasis: lung", "metastasis: peritoneum"]


def _one_of(lines: Sequence[str], often: int = 1) -> Strategy:
    """None of these lines, or one; `often` weighs one against none."""
    return st.one_of([st.just([]), *[st.sampled_from([[line] for line in lines])] * often])


def _some_of(lines: Sequence[str], most: int) -> Strategy:
    return st.lists(st.sampled_from(lines), unique=True, max_size=most)


def _coded(fact: str) -> list[str]:
    return [f"{fact}: {value}" for value in codes.CODED_FACTS[fact][1]]


def _history(drugs: Sequence[str], most: int) -> Strategy:
    states = ("active", "stopped", "completed", "planned")
    return st.lists(
        st.tuples(st.sampled_from(drugs), st.sampled_from(states)),
        unique_by=lambda one: one[0],
        max_size=most,
    ).map(lambda taken: [f"{drug} {state}" for drug, state in taken])


GENOTYPES = [*(f"genotype: {name}" for name in codes.GENOTYPES), *VARIANTS]
SIZES = st.integers(min_value=10, max_value=150).map(lambda size: [f"size: {size} mm"])
MITOSES = st.integers(min_value=0, max_value=15).map(lambda count: [f"mitoses: {count} per 50 HPF"])

diseases = st.sampled_from(DISEASES).map(lambda name: [name])

facts: Strategy = st.tuples(
    _one_of(_coded("resectability"), often=4),
    _one_of(GENOTYPES, often=3),
    _one_of(_coded("recurrence risk")),
    _one_of(_coded("resection result")),
    _one_of(["tumour rupture: yes", "tumour rupture: no"]),
    st.one_of(st.just([]), st.just([]), SIZES),
    st.one_of(st.just([]), st.just([]), MITOSES),
    _some_of(METASTASES, most=2),
    _one_of(_coded("disease status")),
    _one_of(_coded("progression extent")),
    _one_of(_coded("imatinib dose level")),
    _history(TKIS, most=3),
    _some_of(CAUTIONS, most=2),
).map(lambda parts: [line for part in parts for line in part])

patients: Strategy = st.tuples(diseases, facts).map(lambda parts: parts[0] + parts[1])
"""A patient with one GIST and any combination of facts, none of them stated twice."""

orders: Strategy = st.lists(st.sampled_from([*DRUGS, *PROCEDURES, *UNKNOWN_ORDERS]), unique=True, max_size=3)
"""Draft orders: drugs and procedures that the guideline knows, and some that it does not."""

order_hooks = st.sampled_from(["order-select", "order-sign"])


def group_cards(cards: Sequence[Json]) -> list[str]:
    """The GIST groups that these cards are about."""
    return [topic_of(card) for card in cards if topic_of(card) in GIST_GROUPS]
