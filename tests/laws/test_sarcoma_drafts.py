"""A draft order for a soft-tissue sarcoma is judged alike in every coding an EHR may send."""

from __future__ import annotations

import pytest

from tests.cases import codes
from tests.cases.exchange import PATIENT_ID
from tests.cases.patient_language import as_draft, draft_variants, resources
from tests.laws.asking import cards_of, decision

PATIENTS = {
    "disseminated": ["synovial sarcoma of the thigh", "metastatic extent: disseminated", "metastasis: lung"],
    "later line": ["liposarcoma of the thigh", "metastatic extent: disseminated", "doxorubicin completed"],
    "stage I": ["sarcoma of the thigh", "stage: I"],
    "resectable": ["sarcoma of the retroperitoneum", "resectability: resectable", "metastatic extent: none"],
    "limited": ["sarcoma of the thigh", "metastatic extent: limited", "uncorrectable coagulopathy: yes"],
}


@pytest.mark.parametrize("ordered", [*codes.DRUGS, *codes.PROCEDURES, "pack of ifosfamide and mesna"])
@pytest.mark.parametrize("who", PATIENTS)
def test_every_coding_of_a_draft_is_judged_alike(who: str, ordered: str) -> None:
    record = resources(PATIENTS[who], PATIENT_ID)
    given = [as_draft(one, 1, PATIENT_ID) for one in draft_variants(ordered)]
    if ordered in codes.DRUGS:
        given += [
            as_draft(one, 1, PATIENT_ID) for one in draft_variants(f"{ordered} in a contained Medication")
        ]
    first, *others = [decision(cards_of("order-sign", record, [one])) for one in given]
    for one, other in zip(given[1:], others, strict=True):
        assert other == first, one
