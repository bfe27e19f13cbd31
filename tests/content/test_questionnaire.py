"""The questionnaire asks in codes that the guideline reads: every answer changes what is known."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from fhir.resources.R4B import get_fhir_model_class

from service.cql import Evaluation, ListRecord
from service.settings import Settings
from tests.cases.service import NOW, guideline

FORM: dict[str, Any] = json.loads(
    (Settings().content_dir / "questionnaire" / "sarcoma-facts.json").read_text(encoding="utf-8")
)
EXTRACT = "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-observationExtract"
UNIT_OPTION = "http://hl7.org/fhir/StructureDefinition/questionnaire-unitOption"
SNOMED = "http://snomed.info/sct"
SUBJECT = {"reference": "Patient/p"}
# Facts that answers decide, as (library, define).
FACTS = (
    ("GistFacts", "Resectability"),
    ("GistFacts", "Metastatic"),
    ("GistFacts", "Recurrent"),
    ("GistFacts", "Risk"),
    ("GistFacts", "Tumour Rupture"),
    ("GistFacts", "Resection Result"),
    ("GistFacts", "Progression Extent"),
    ("GistFacts", "Imatinib Dose Level"),
    ("StsFacts", "Assessed"),
    ("StsGroups", "High Local Recurrence Risk"),
    ("StsGroups", "High Metastatic Risk"),
    ("StsGroups", "Asymptomatic"),
    ("SarcomaFacts", "Short Life Expectancy"),
    ("SarcomaFacts", "Uncorrectable Coagulopathy"),
    ("SarcomaFacts", "Infection In Treatment Area"),
    ("SarcomaFacts", "Critical Structures Unprotectable"),
)


def _items(items: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for item in items:
        if item["type"] == "group":
            yield from _items(item["item"])
        else:
            yield item


QUESTIONS = {item["linkId"]: item for item in _items(FORM["item"])}


def _answers(item: dict[str, Any]) -> list[dict[str, Any]]:
    """Answers to a question, as the value of an Observation."""
    if item["type"] == "choice":
        return [{"valueCodeableConcept": {"coding": [row["valueCoding"]]}} for row in item["answerOption"]]
    if item["type"] == "boolean":
        return [{"valueBoolean": True}, {"valueBoolean": False}]
    if item["type"] == "quantity":
        units = [row["valueCoding"] for row in item["extension"] if row["url"] == UNIT_OPTION]
        return [
            {
                "valueQuantity": {
                    "value": size,
                    "unit": unit["code"],
                    "system": unit["system"],
                    "code": unit["code"],
                }
            }
            for unit in units
            for size in (1, 99)
        ]
    return [{"valueInteger": 6}]


def _observation(
    item: dict[str, Any], value: dict[str, Any], effective: str = "2026-03-02"
) -> dict[str, Any]:
    """The Observation that SDC extracts from an answer."""
    return {
        "resourceType": "Observation",
        "id": item["linkId"],
        "status": "final",
        "code": {"coding": item["code"]},
        "subject": SUBJECT,
        "effectiveDateTime": effective,
        **value,
    }


def _condition(code: str, site: str) -> dict[str, Any]:
    return {
        "resourceType": "Condition",
        "id": "sarcoma",
        "subject": SUBJECT,
        "code": {"coding": [{"system": SNOMED, "code": code}]},
        "bodySite": [{"coding": [{"system": SNOMED, "code": site}]}],
    }


GIST = _condition("420120006", "69695003")
LEIOMYOSARCOMA = _condition("443719001", "68367000")


def _known(condition: dict[str, Any], *answers: dict[str, Any]) -> list[str]:
    record = ListRecord([{"resourceType": "Patient", "id": "p"}, condition, *answers])
    evaluation: Evaluation = guideline().evaluation(record, NOW, {})
    return [repr(evaluation.to_fhir(evaluation.value(*fact))) for fact in FACTS]


def _context(link_id: str) -> list[dict[str, Any]]:
    """Answers without which this one decides nothing: size goes with depth, and with mitoses."""
    needs = {
        "tumour-size": [("tumour-depth", 1)],
        "t-category": [("tumour-depth", 1)],
        "tumour-depth": [("tumour-size", 1)],
        "mitotic-rate-50hpf": [("tumour-size", 1)],
    }
    return [
        _observation(QUESTIONS[other], _answers(QUESTIONS[other])[choice])
        for other, choice in needs.get(link_id, [])
    ]


@pytest.mark.parametrize("link_id", QUESTIONS)
def test_every_answer_is_read(link_id: str) -> None:
    item = QUESTIONS[link_id]
    context = _context(link_id)
    unanswered = [_known(sarcoma, *context) for sarcoma in (GIST, LEIOMYOSARCOMA)]
    for value in _answers(item):
        answered = [
            _known(sarcoma, *context, _observation(item, value)) for sarcoma in (GIST, LEIOMYOSARCOMA)
        ]
        assert answered != unanswered, f"{link_id} {value} changes nothing"


def test_every_question_becomes_an_observation() -> None:
    assert {"url": EXTRACT, "valueBoolean": True} in FORM["extension"]
    assert all(len(item["code"]) == 1 for item in QUESTIONS.values())
    codes = [(item["code"][0]["system"], item["code"][0]["code"]) for item in QUESTIONS.values()]
    assert len(codes) == len(set(codes))


def test_the_prefetch_asks_for_every_answer() -> None:
    template = next(need.template for need in guideline().data_needs if need.resource_type == "Observation")
    lacking = [
        code for item in QUESTIONS.values() if (code := item["code"][0]["code"]) not in (template or "")
    ]
    assert not lacking


def test_it_is_r4() -> None:
    get_fhir_model_class("Questionnaire").model_validate(FORM)
