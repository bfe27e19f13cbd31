"""Every patient: one sarcoma or two, of either family, with any combination of facts, as lines of text.

A patient is a choice for each question of `QUESTIONS`; most are mostly left open, as in real records.
The same table feeds hypothesis and the long run.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from hypothesis import strategies as st

from tests.cases import codes, sarcoma_codes

Lines = tuple[str, ...]

_LIMB = ("thigh", "forearm", "upper arm", "shoulder", "buttock", "calf")
_ABDOMEN = ("retroperitoneum", "mesentery", "abdomen", "pelvis")
_ELSEWHERE = ("chest wall", "mediastinum", "back")

_GISTS = tuple(name for name in codes.DISEASES if name.startswith("GIST"))
_SARCOMAS = tuple(
    f"{kind} of the {site}"
    for kind in sarcoma_codes.HISTOLOGIES
    for site in (*_LIMB[:3], *_ABDOMEN[:2], *_ELSEWHERE[:1])
)
_OF_UNKNOWN_SITE = tuple(sarcoma_codes.HISTOLOGIES)
_BY_SITE_CODE = (
    "sarcoma of the arm (ICD-10-CM C49.11)",
    "sarcoma of the leg (ICD-10 C49.2)",
    "sarcoma of the retroperitoneum (ICD-10-CM C48.0)",
    "sarcoma of the trunk (ICD-10 C49.6)",
    "sarcoma somewhere (ICD-10-CM C49.9)",
)
_STATUSES = ("", "", "", "", ", in remission", ", recurrence", ", relapse", ", no clinical status")
_STAGES = ("I", "IA", "IB", "II", "III", "IIIA", "IIIB", "IV", "IVA")

DISEASES = tuple(
    f"{name}{status}"
    for names in (_GISTS * 6, _SARCOMAS, _OF_UNKNOWN_SITE, _BY_SITE_CODE * 2)
    for name in names
    for status in _STATUSES
)

DRUGS = tuple(name for name in codes.DRUGS if name not in ("amoxicillin", "levothyroxine", "omeprazole"))
PROCEDURES = tuple(name for name in codes.PROCEDURES if name != "full blood count")
_STATES = ("active", "stopped", "completed", "planned")


def _coded(fact: str) -> tuple[str, ...]:
    return tuple(f"{fact}: {value}" for value in codes.CODED_FACTS[fact][1])


def _yes_no(fact: str) -> tuple[str, ...]:
    return (f"{fact}: yes", f"{fact}: no")


_VARIANTS = (
    "variant: PDGFRA p.Asp842Val exon 18",
    "variant: PDGFRA exon 18",
    "variant: PDGFRA exon 12",
    "variant: KIT exon 9",
    "variant: KIT exon 11",
    "variant absent: KIT",
    "variant: BRAF p.Val600Glu",
    "variant: NTRK1 gene fusion",
    "variant: SDHB pathogenic",
    "variant: NF1",
)
_TESTS = tuple(f"test: {name} {result}" for name in codes.SINGLE_TESTS for result in ("present", "absent"))


@dataclass(frozen=True)
class Question:
    """Answers to one question, at most `most` of them; `open_in` of ten patients have none on record."""

    answers: tuple[str, ...]
    open_in: int = 7
    most: int = 1


QUESTIONS: tuple[Question, ...] = (
    Question(_coded("resectability"), open_in=2),
    Question(
        tuple(f"{kind}stage: {one}" for kind in ("", "clinical ", "pathological ") for one in _STAGES),
        open_in=5,
        most=2,
    ),
    Question(("N: N0", "N: NX", "N: cN0", "N: pN1", "N: cN1"), open_in=5, most=2),
    Question(("M: M0", "M: cM0", "M: cM1", "M: pM1"), open_in=5, most=2),
    Question(("grade: G1", "grade: G2", "grade: G3", "grade: GX", "grade: low", "grade: high"), open_in=5),
    Question(("depth: deep", "depth: superficial")),
    Question(("size: 30 mm", "size: 50 mm", "size: 5.1 cm", "size: 9 cm", "size: 62 without a unit")),
    Question(_coded("metastatic extent"), open_in=5),
    Question(("metastasis: lung", "metastasis: liver", "metastasis: bone", "metastasis: peritoneum"), most=3),
    Question(("metastasis: lymph node", "widespread metastatic disease"), open_in=8),
    Question((*_coded("recurrence"), "local recurrence", "recurrent malignancy"), open_in=7),
    Question((*(f"genotype: {name}" for name in codes.GENOTYPES), *_VARIANTS, *_TESTS), open_in=3, most=3),
    Question(_coded("SDHB immunohistochemistry"), open_in=9),
    Question(("neurofibromatosis type 1", "Carney-Stratakis syndrome"), open_in=9),
    Question(_coded("recurrence risk")),
    Question(("mitoses: 2 per 50 HPF", "mitoses: 7 per 50 HPF", "mitoses: 7 per 5 mm2"), open_in=8),
    Question(_yes_no("tumour rupture"), open_in=8),
    Question(_coded("resection result"), open_in=7),
    Question((*_coded("disease status"), "tumour progression"), open_in=7),
    Question(_coded("progression extent"), open_in=7),
    Question(_coded("imatinib dose level"), open_in=8),
    Question(tuple(f"{drug} {state}" for drug in DRUGS for state in _STATES), open_in=3, most=4),
    Question(
        (
            "heart failure",
            "terminal illness",
            "disseminated intravascular coagulation",
            "coagulation disorder",
            "sepsis",
            "hepatic failure",
            *_yes_no("uncorrectable coagulopathy"),
            *_yes_no("infection in the treatment area"),
            *_yes_no("critical structures that cannot be protected"),
            *_yes_no("short life expectancy"),
        ),
        open_in=6,
        most=2,
    ),
    Question(_yes_no("asymptomatic"), open_in=6),
    Question(_yes_no("high local recurrence risk"), open_in=7),
    Question(_yes_no("high metastatic risk"), open_in=7),
    Question(("performance status: 0", "performance status: 3"), open_in=8),
    Question(
        tuple(f"{name} {state}" for name in PROCEDURES for state in ("done", "ordered")), open_in=6, most=2
    ),
)

COUNTRIES = ("US", "GB")
ORDERS = (*DRUGS, *PROCEDURES, "pack of ifosfamide and mesna", "amoxicillin")


@dataclass(frozen=True)
class AnyPatient:
    """The lines of the record, the country, and draft orders that may or may not fit."""

    lines: Lines
    country: str
    orders: Lines

    @property
    def sarcomas(self) -> int:
        """How many diseases the first lines name; the Carney-Stratakis syndrome is a GIST as well."""
        return sum(line in _DISEASE_SET or line.startswith("Carney") for line in self.lines)


_DISEASE_SET = frozenset(DISEASES)


def _focused(line: str, sarcomas: int, focus: int) -> str:
    """With two sarcomas an observation may say which one it is about."""
    about_one = line.split(":")[0] in _OBSERVED or line.startswith(("variant", "test"))
    return f"{line}, about line {focus}" if sarcomas > 1 and focus and about_one else line


_OBSERVED = frozenset(
    {
        *(answer.split(":")[0] for question in QUESTIONS for answer in question.answers if ":" in answer),
    }
    - {"metastasis"}
)


def drawn(source: random.Random) -> AnyPatient:
    """A patient drawn by this source of chance."""
    number = 2 if source.random() < 0.08 else 1
    lines = [source.choice(DISEASES) for _ in range(number)]
    if len(set(lines)) < len(lines):
        lines = lines[:1]
    for question in QUESTIONS:
        if source.randrange(10) < question.open_in:
            continue
        for one in source.sample(question.answers, source.randint(1, question.most)):
            lines.append(_focused(one, number, source.choice((0, 1, 1, 2, 2))))
    orders = tuple(source.sample(ORDERS, source.choice((0, 1, 1, 1, 2, 3))))
    return AnyPatient(tuple(lines), source.choice(COUNTRIES), orders)


def _answers(question: Question) -> st.SearchStrategy[Lines]:
    some = st.lists(st.sampled_from(question.answers), unique=True, min_size=1, max_size=question.most)
    return st.one_of(st.just(()), some.map(tuple))


@st.composite
def any_patients(draw: st.DrawFn) -> AnyPatient:
    """The same patients for hypothesis, which looks for the smallest one that breaks a law."""
    lines = draw(st.lists(st.sampled_from(DISEASES), unique=True, min_size=1, max_size=2))
    number = len(lines)
    for question in QUESTIONS:
        for one in draw(_answers(question)):
            focus = draw(st.integers(min_value=0, max_value=2)) if number > 1 else 0
            lines.append(_focused(one, number, focus))
    orders = draw(st.lists(st.sampled_from(ORDERS), unique=True, max_size=2))
    return AnyPatient(tuple(lines), draw(st.sampled_from(COUNTRIES)), tuple(orders))


def smaller(patient: AnyPatient) -> Sequence[AnyPatient]:
    """The patients with one line or one order fewer, the sarcomas kept so that focus stays right."""
    kept = sum(line in _DISEASE_SET for line in patient.lines)
    found = [
        AnyPatient(patient.lines, patient.country, patient.orders[:n] + patient.orders[n + 1 :])
        for n in range(len(patient.orders))
    ]
    found += [
        AnyPatient(patient.lines[:n] + patient.lines[n + 1 :], patient.country, patient.orders)
        for n in range(kept, len(patient.lines))
    ]
    if kept > 1 and not any("about line" in line for line in patient.lines):
        found += [
            AnyPatient(patient.lines[:n] + patient.lines[n + 1 :], patient.country, patient.orders)
            for n in range(kept)
        ]
    return found
