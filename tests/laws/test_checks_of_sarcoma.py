"""The checks on drugs for soft-tissue sarcoma, against the guideline's table read apart from the content."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cases.exchange import PATIENT_ID
from tests.cases.expectation import topic_of
from tests.cases.patient_language import drafts, resources
from tests.cases.service import ehr

_LIPO, _LEIO = "liposarcoma", "leiomyosarcoma"
_DFSP, _IMT = "dermatofibrosarcoma protuberans", "inflammatory myofibroblastic tumour"
_ANTHRACYCLINES = ("doxorubicin", "epirubicin", "doxorubicin liposomal")
_TRK = ("larotrectinib", "entrectinib", "repotrectinib")
_BRAF = ("dabrafenib", "trametinib")
_PAIRS = {"dabrafenib": "trametinib", "trametinib": "dabrafenib", "binimetinib": "imatinib"}
_DRUGS = (*_TRK, *_BRAF, "imatinib", "pazopanib", "trabectedin", "eribulin", "crizotinib", "avapritinib")
_CHECKED = (*_DRUGS, "ifosfamide", "mesna", "doxorubicin", "binimetinib")


@dataclass(frozen=True)
class Course:
    """What the table asks about: histology, grade, fusion, earlier drugs and their state, setting, drafts."""

    histology: str
    grade: str | None
    fusion: bool | None
    earlier: dict[str, str]
    heart_failure: bool
    country: str
    ordered: tuple[str, ...]

    @property
    def after_an_anthracycline(self) -> bool:
        """An anthracycline on record that was not only planned."""
        return any(self.earlier.get(drug, "planned") != "planned" for drug in _ANTHRACYCLINES)

    def at_hand(self, drug: str) -> bool:
        """Whether the drug is in the drafts or active."""
        return drug in self.ordered or self.earlier.get(drug) == "active"

    @property
    def lines(self) -> list[str]:
        """The record in words."""
        found = [f"{self.histology} of the thigh", "metastatic extent: disseminated"]
        found += [f"grade: {self.grade}"] if self.grade else []
        if self.fusion is not None:
            found.append(f"test: NTRK fusion {'present' if self.fusion else 'absent'}")
        found += [f"{drug} {state}" for drug, state in self.earlier.items()]
        return found + (["heart failure"] if self.heart_failure else [])


def expected(course: Course) -> Iterator[tuple[str, str]]:
    """Check and indicator of guideline 3 for each drug ordered; what is outside the group is left aside."""
    for drug in course.ordered:
        yield from _of_histology(course, drug)
        yield from _of_line(course, drug)
        if drug == "imatinib" and course.heart_failure:
            yield "imatinib-heart-failure", "warning"
        if drug in _TRK and not course.fusion:
            yield "ntrk-inhibitor-without-fusion", "warning"
        if drug in _BRAF:
            yield "braf-inhibitor-without-mutation", "warning"
        if drug == "avapritinib":
            yield "avapritinib-without-mutation", "warning"
        if drug == "ifosfamide" and not course.at_hand("mesna"):
            yield "ifosfamide-without-mesna", "critical"
        if drug in _PAIRS and not course.at_hand(_PAIRS[drug]):
            yield "incomplete-pair", "warning"
        if drug in ("pazopanib", "crizotinib") and course.country == "GB":
            yield "nhs-availability", "info"
        if drug in ("imatinib", "pazopanib", "trabectedin"):
            yield f"{drug}-monitoring", "info"


def _of_histology(course: Course, drug: str) -> Iterator[tuple[str, str]]:
    kind = course.histology
    if drug == "imatinib" and kind != _DFSP:
        yield "imatinib-not-indicated", "warning"
    if drug == "pazopanib" and kind == _LIPO:
        yield "pazopanib-adipocytic", "warning"
    if drug == "trabectedin" and kind not in (_LIPO, _LEIO):
        yield "trabectedin-histology", "warning"
    if drug == "eribulin" and (kind != _LIPO or course.grade == "G1"):
        yield "eribulin-histology", "warning"
    if drug == "crizotinib" and kind != _IMT:
        yield "crizotinib-histology", "warning"


def _of_line(course: Course, drug: str) -> Iterator[tuple[str, str]]:
    if drug in ("pazopanib", "trabectedin", "eribulin") and not course.after_an_anthracycline:
        yield ("pazopanib-first-line" if drug == "pazopanib" else f"{drug}-line"), "warning"


courses = st.builds(
    Course,
    histology=st.sampled_from((_LIPO, _LEIO, _DFSP, _IMT, "synovial sarcoma")),
    grade=st.sampled_from((None, "G1", "G2", "G3")),
    fusion=st.sampled_from((None, True, False)),
    earlier=st.dictionaries(
        st.sampled_from((*_ANTHRACYCLINES, "mesna", "imatinib", "dabrafenib", "dacarbazine")),
        st.sampled_from(("active", "stopped", "completed", "planned")),
        max_size=2,
    ),
    heart_failure=st.booleans(),
    country=st.sampled_from(("US", "GB")),
    ordered=st.lists(st.sampled_from(_CHECKED), unique=True, min_size=1, max_size=3).map(tuple),
)
_LEFT_ASIDE = {"treatment-outside-group"}


@given(courses)
@settings(max_examples=300)
def test_the_checks_are_those_of_the_table(course: Course) -> None:
    record, orders = resources(course.lines, PATIENT_ID), drafts(course.ordered, PATIENT_ID)
    exchange = ehr().ask("order-sign", record, orders, country=course.country)
    assert exchange.status == 200, exchange.answer
    found = {(topic_of(card), card["indicator"]) for card in exchange.cards}
    kept = {one for one in found if one[0] not in _LEFT_ASIDE}
    assert kept == set(expected(course)), (course.lines, course.ordered, course.country)
