"""docs/mcode.md and the samples, held to each other and to the list of facts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.cases.service import guideline
from tests.demo import mcode
from tests.demo.samples import everything

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "mcode.md").read_text("utf-8")
FACTS = ROOT.parent / "shared" / "guideline" / "patient-data.md"
NOTHING = "\N{EN DASH}"
SYSTEMS = {
    "SNOMED CT ": mcode.SNOMED,
    "LOINC ": mcode.LOINC,
    "ICD-O-3 ": "http://terminology.hl7.org/CodeSystem/icd-o-3",
    "RxNorm ": "http://www.nlm.nih.gov/research/umls/rxnorm",
    "condition-clinical ": "http://terminology.hl7.org/CodeSystem/condition-clinical",
    "sarcoma:": f"{guideline().base}/CodeSystem/sarcoma-concepts",
}


@dataclass(frozen=True)
class Row:
    """A row of the table."""

    fact: str
    profile: str | None
    element: str
    code: str | None
    sample: str

    @property
    def token(self) -> str | None:
        """`system|code`."""
        for name, system in SYSTEMS.items():
            if self.code is not None and self.code.startswith(name):
                return f"{system}|{self.code.removeprefix(name)}"
        assert self.code is None, f"no code system is called as in {self.code}"
        return None


def _rows() -> list[Row]:
    lines = [line for line in PAGE.splitlines() if line.startswith("| ")][1:]
    cells = [[cell.strip().strip("`") for cell in line.strip("| ").split(" | ")] for line in lines]
    return [
        Row(
            fact,
            None if profile == "none" else f"{mcode.MCODE}{profile}",
            element,
            None if code == NOTHING else code,
            sample,
        )
        for fact, profile, element, code, sample, _ in cells
    ]


ROWS = _rows()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.fact} {row.sample}")
def test_a_row_is_as_its_sample(row: Row) -> None:
    resource = everything()[row.sample]
    claimed = [url for url in mcode.profiles_of(resource) if url.startswith(mcode.MCODE)]
    assert claimed == ([row.profile] if row.profile else [])
    assert mcode.at(resource, row.element), f"{row.sample} has no {row.element}"
    if row.token is not None:
        assert row.token in _tokens_beside(resource, row.element), f"{row.sample} has no {row.code}"


def test_every_profile_of_the_samples_is_in_the_table() -> None:
    used = {url for one in everything().values() for url in mcode.profiles_of(one)}
    named = {row.profile for row in ROWS}
    # A tumour is where the size of it points to; it says nothing by itself.
    assert {url for url in used if url.startswith(mcode.MCODE)} - named == {f"{mcode.MCODE}tumor"}


def test_every_observation_of_the_samples_is_of_a_kind_in_the_table() -> None:
    told = {row.token for row in ROWS} | {"http://loinc.org|21889-1", "http://loinc.org|69548-6"}
    also = re.findall(r"sarcoma:([\w-]+)|\b(\d{5,}(?:-\d)?)", PAGE)
    extra = {code for pair in also for code in pair if code}
    for reference, resource in everything().items():
        if resource["resourceType"] == "Observation":
            tokens = mcode.tokens(resource["code"])
            assert tokens & told or {token.rpartition("|")[2] for token in tokens} & extra, reference


@pytest.mark.skipif(not FACTS.is_file(), reason="no ../shared: the list of facts is not part of the project")
def test_every_fact_that_the_service_reads_is_in_the_table() -> None:
    section = FACTS.read_text("utf-8").partition("## Fact by fact")[2].partition("\n## ")[0]
    facts = [line.split("|")[1].strip() for line in section.splitlines() if line.startswith("| ")][1:]
    assert len(facts) > 20
    assert set(facts) <= {row.fact for row in ROWS}


def _tokens_beside(resource: dict[str, Any], element: str) -> set[str]:
    """The codes that say what the element is: of the resource, of the component, and its own."""
    own = [value for value in mcode.at(resource, element) if isinstance(value, dict)]
    asked = [*mcode.at(resource, "code"), *mcode.at(resource, "component.code")]
    return {token for value in (*own, *asked) if "coding" in value for token in mcode.tokens(value)}
