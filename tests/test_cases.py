"""Guideline cases, each through the service over HTTP."""

from __future__ import annotations

import pytest

from tests.cases.case_file import Case, all_cases
from tests.cases.expectation import outline
from tests.cases.service import ehr

CASES = all_cases()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_case(case: Case) -> None:
    exchange = ehr().ask_case(case)
    assert exchange.status == 200, f"{case.id}: {exchange.status} {exchange.answer}"
    found = case.expect.shortfalls(exchange.cards) + exchange.breaches()
    assert not found, _message(case, found, outline(exchange.cards))


def _message(case: Case, found: list[str], got: str) -> str:
    told = [f"{case.id}: {case.says}", f"source: {case.source}", f"patient: {list(case.patient)}"]
    if case.drafts:
        told.append(f"drafts: {list(case.drafts)}, selected: {list(case.selected)}")
    return "\n".join([*told, *(f"* {one}" for one in found), "got:", got])
