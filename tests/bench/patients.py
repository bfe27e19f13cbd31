"""A patient of any size: the findings of one guideline case, and the rest of a long record around them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count, cycle, islice

from tests.cases.codes import SNOMED, UCUM, coding, concept
from tests.cases.exchange import PATIENT_ID, Json
from tests.cases.patient_language import drafts, patient, resources

HOOK = "order-select"

_FINDINGS = (
    "GIST of stomach",
    "metastasis: liver",
    "genotype: KIT exon 11",
    "size: 62 mm",
    "imatinib stopped on 2026-01-10",
)
_ORDER = ("doxorubicin",)
_MEASURED_AGAIN = 12
"""Every so many resources one is a finding that the guideline reads; the others it has to pass over."""

_LABORATORY = (
    ("718-7", "Hemoglobin [Mass/volume] in Blood", "g/dL"),
    ("6690-2", "Leukocytes [#/volume] in Blood by Automated count", "10*3/uL"),
    ("777-3", "Platelets [#/volume] in Blood by Automated count", "10*3/uL"),
    ("2160-0", "Creatinine [Mass/volume] in Serum or Plasma", "mg/dL"),
    ("1742-6", "Alanine aminotransferase [Enzymatic activity/volume] in Serum or Plasma", "U/L"),
)


def record(size: int) -> list[Json]:
    """The patient's record: `size` resources and the Patient."""
    found = [*resources(_FINDINGS, PATIENT_ID), *islice(_others(), size - len(_FINDINGS))]
    return [patient(PATIENT_ID), *found[:size]]


def orders() -> list[Json]:
    """The draft orders, all selected."""
    return drafts(_ORDER, PATIENT_ID)


def _others() -> Iterator[Json]:
    """What fills a record: mostly laboratory results, some encounters' diagnoses, drugs and procedures."""
    tests = cycle(_LABORATORY)
    for number in count(1):
        date = f"20{10 + number % 15:02}-{1 + number % 12:02}-{1 + number % 28:02}"
        if number % _MEASURED_AGAIN == 0:
            yield _finding(number, date)
        elif number % 10 == 1:
            yield _diagnosis(number, date)
        elif number % 10 == 3:
            yield _prescription(number, date)
        elif number % 20 == 5:
            yield _procedure(number, date)
        else:
            yield _result(number, date, *next(tests))


def _common(kind: str, number: int) -> Json:
    return {
        "resourceType": kind,
        "id": f"other-{number}",
        "meta": {"versionId": "1", "lastUpdated": "2026-03-01T08:15:00.000Z"},
        "subject": {"reference": f"Patient/{PATIENT_ID}", "display": "Test, Patient"},
    }


def _finding(number: int, date: str) -> Json:
    line = ("size: {} mm", "mitoses: {} per 50 HPF")[number // _MEASURED_AGAIN % 2].format(number % 90 + 1)
    (found,) = resources([f"{line} on {date}"], PATIENT_ID)
    return {**_common("Observation", number), **found, "id": f"other-{number}"}


def _result(number: int, date: str, code: str, name: str, unit: str) -> Json:
    category = coding(
        "http://terminology.hl7.org/CodeSystem/observation-category", "laboratory", "Laboratory"
    )
    return {
        **_common("Observation", number),
        "status": "final",
        "category": [concept(category)],
        "code": concept(coding("http://loinc.org", code, name), text=name),
        "effectiveDateTime": f"{date}T07:30:00+01:00",
        "issued": f"{date}T09:02:11.000+01:00",
        "valueQuantity": {"value": number % 97 + 0.5, "unit": unit, "system": UCUM, "code": unit},
    }


def _diagnosis(number: int, date: str) -> Json:
    clinical = coding("http://terminology.hl7.org/CodeSystem/condition-clinical", "active", "Active")
    return {
        **_common("Condition", number),
        "clinicalStatus": concept(clinical),
        "code": concept(coding(SNOMED, "38341003", "Hypertensive disorder"), text="Hypertension"),
        "encounter": {"reference": f"Encounter/{number}"},
        "recordedDate": date,
    }


def _prescription(number: int, date: str) -> Json:
    drug = coding("http://www.nlm.nih.gov/research/umls/rxnorm", "314076", "lisinopril 10 MG Oral Tablet")
    return {
        **_common("MedicationRequest", number),
        "status": "active",
        "intent": "order",
        "medicationCodeableConcept": concept(drug, text="lisinopril 10 MG Oral Tablet"),
        "authoredOn": date,
        "dosageInstruction": [{"timing": {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d"}}}],
    }


def _procedure(number: int, date: str) -> Json:
    return {
        **_common("Procedure", number),
        "status": "completed",
        "code": concept(coding(SNOMED, "73761001", "Colonoscopy"), text="Colonoscopy"),
        "performedDateTime": date,
    }
