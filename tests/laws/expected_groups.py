"""The groups of soft-tissue sarcoma as guideline 1.1 and 2 give them, worked out apart from the content.

A second opinion on the twelve facts that decide a group. Facts that contradict each other (stage I with M1)
have no expectation: what is expected then is only that something is said.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["group", "missing", "no-pathway", "open"]
Site = Literal["extremity", "abdomen", "other"]
Stage = Literal["I", "II", "III", "IV"]
Nodes = Literal["0", "1", "X"]
Distant = Literal["0", "1"]
Extent = Literal["none", "regional nodes", "limited", "disseminated"]
Recurrence = Literal["local", "regional", "metastatic", "unknown kind"]


@dataclass(frozen=True)
class Facts:
    """What is on record of one sarcoma; None where nothing is."""

    site: Site | None = None
    stage: Stage | None = None
    n: Nodes | None = None
    m: Distant | None = None
    grade: Literal["low", "high"] | None = None
    deep: bool | None = None
    over_5_cm: bool | None = None
    extent: Extent | None = None
    distant_metastasis: bool = False
    node_metastasis: bool = False
    recurrence: Recurrence | None = None
    resectable: bool | None = None

    @property
    def nodes(self) -> bool | None:
        """Whether regional nodes are involved; stage IV without a distant site is stage IV by its nodes."""
        if self.n is not None:
            return self.n == "1"
        if self.node_metastasis or self.extent == "regional nodes":
            return True
        if self.stage == "IV" and self.metastatic is False:
            return True
        return False if self.extent == "none" or self.stage in ("I", "II", "III") else None

    @property
    def metastatic(self) -> bool | None:
        """Whether it has spread to a distant site."""
        if self.m is not None:
            return self.m == "1"
        if self.distant_metastasis or self.extent in ("limited", "disseminated"):
            return True
        if self.extent in ("none", "regional nodes") or self.stage in ("I", "II", "III"):
            return False
        return None

    @property
    def derived_stage(self) -> str | None:
        """Guideline 1.1; NX counts as not involved, and an N that nobody recorded derives nothing."""
        if self.metastatic or self.nodes:
            return "IV"
        if self.metastatic is None or self.nodes is None or self.grade is None:
            return None
        if self.grade == "low":
            return "I"
        if self.deep is False or self.over_5_cm is False:
            return "II"
        return "III" if self.deep and self.over_5_cm else None

    @property
    def contradictory(self) -> bool:
        """Facts that cannot all hold, or of which the page does not say which wins."""
        spread = self.distant_metastasis or self.extent in ("limited", "disseminated") or self.m == "1"
        nodal = self.node_metastasis or self.n == "1" or self.extent == "regional nodes"
        return (
            (spread and (self.m == "0" or self.extent in ("none", "regional nodes")))
            or (nodal and (self.n in ("0", "X") or self.extent == "none"))
            or (self.stage in ("I", "II", "III") and (spread or nodal))
            or (self.stage == "IV" and (self.extent == "none" or (self.m == "0" and self.n in ("0", "X"))))
            or (self.recurrence == "local" and spread)
            or (self.recurrence == "regional" and (spread or self.extent == "none"))
            or (self.recurrence == "metastatic" and self.m == "0")
            or (self.recurrence == "metastatic" and self.extent in ("none", "regional nodes"))
        )


@dataclass(frozen=True)
class Expected:
    """Exactly these groups; or facts named as missing and no group; or no pathway; or nothing certain."""

    kind: Kind
    groups: frozenset[str] = frozenset()


_MISSING, _NO_PATHWAY, _OPEN = Expected("missing"), Expected("no-pathway"), Expected("open")


def _group(name: str) -> Expected:
    return Expected("group", frozenset({f"sts-{name}"}))


def expected(facts: Facts) -> Expected:
    """What the guideline says of these facts."""
    if facts.contradictory:
        return _OPEN
    if facts.site is None:
        return _MISSING
    if facts.site == "other":
        return _NO_PATHWAY
    return _extremity(facts) if facts.site == "extremity" else _abdomen(facts)


def _extremity(facts: Facts) -> Expected:
    if facts.recurrence is None:
        return _primary(facts)
    recurrent = _group("extremity-recurrent")
    if facts.recurrence != "local":
        return recurrent
    primary = _primary(facts)
    return Expected("group", recurrent.groups | primary.groups)


def _primary(facts: Facts) -> Expected:
    if facts.metastatic:
        return _by_extent(facts, "extremity-stage-4-limited", "extremity-stage-4-disseminated")
    stage = facts.stage or facts.derived_stage
    if stage == "I":
        return _group("extremity-stage-1")
    if stage is None or (stage == "IV" and (facts.metastatic is None or facts.nodes is None)):
        return _MISSING
    if facts.resectable is None:
        return _MISSING
    if stage == "II":
        return _group("extremity-stage-2-resectable") if facts.resectable else _NO_PATHWAY
    return _group(f"extremity-stage-3-{'resectable' if facts.resectable else 'unresectable'}")


def _abdomen(facts: Facts) -> Expected:
    if facts.metastatic:
        return _by_extent(facts, "retroperitoneal-metastatic-limited", "retroperitoneal-disseminated")
    if facts.metastatic is None or facts.recurrence in ("regional", "metastatic"):
        return _OPEN  # the page does not say whether 8 or 9 is shown while M is named as missing
    if facts.nodes:
        return _group("retroperitoneal-metastatic-limited")
    if facts.resectable is None:
        return _MISSING
    return _group(f"retroperitoneal-{'resectable' if facts.resectable else 'unresectable'}")


def _by_extent(facts: Facts, limited: str, disseminated: str) -> Expected:
    if facts.extent in ("limited", "disseminated"):
        return _group(limited if facts.extent == "limited" else disseminated)
    return _MISSING
