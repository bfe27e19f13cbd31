"""The part of the patient language that is about soft-tissue sarcoma other than GIST.

::

    liposarcoma of the thigh
    liposarcoma of the thigh, stage summary III
    stage: II                        clinical stage: IIIB by text code on 2026-03-02
    N: pN1                           M: M0
    grade: G3                        depth: deep
    performance status: 1            NTRK testing ordered
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from tests.cases import codes
from tests.cases import sarcoma_codes as terms
from tests.cases.building import Reader, Resource, any_of, coded, condition, observation
from tests.cases.codes import Coding, Disease, coding, concept


def staged(resource: Resource, stage: str) -> None:
    """Record this stage group as Condition.stage.summary."""
    resource["stage"] = [{"summary": concept(terms.stage_values(stage)["AJCC"])}]


def _histology_at_site(match: re.Match[str]) -> list[Resource]:
    """Histology and site as one code, as code and body site of one system, or as site code and histology."""
    kinds = terms.HISTOLOGIES[match["histology"]]
    if match["site"] is None:
        return [condition(match[0], Disease(one)) for one in kinds]
    sites = terms.SITES[match["site"]]
    found = [condition(match[0], Disease(one, body_site=sites[0])) for one in kinds]
    found += [condition(match[0], Disease(one)) for one in terms.NAMED_AT_SITE.get(match[0], ())]
    topographies = [one for one in sites if one["system"] == codes.ICDO3]
    morphologies = [one for one in kinds if one["system"] == codes.ICDO3]
    for site in topographies:
        found += [condition(match[0], Disease(one, body_site=site)) for one in morphologies]
        organ = coding(codes.ICD10, site["code"])
        found += [condition(match[0], Disease(organ, histology=one)) for one in morphologies]
    return found


def _stage(match: re.Match[str]) -> list[Resource]:
    values = terms.stage_values(match["stage"])
    chosen = [values[match["by"]]] if match["by"] else list(values.values())
    questions = terms.STAGE_OBSERVATIONS[match["kind"] or ""]
    return [coded(question, value) for question in questions for value in chosen]


def _category(match: re.Match[str]) -> list[Resource]:
    letter, prefix, number = match["letter"], match["prefix"] or "", match["number"]
    text = f"{prefix}{letter}{number}"
    values = [coding(terms.LOCAL_STAGING, text)]
    for name in (text, f"c{letter}{number}"):
        if name in terms.CATEGORY_VALUES:
            values.insert(0, terms.CATEGORY_VALUES[name])
            break
    return [coded(question, value) for question in terms.CATEGORIES[letter][prefix] for value in values]


def _grade(match: re.Match[str]) -> list[Resource]:
    return [
        coded(question, value)
        for question in terms.GRADE_OBSERVATIONS
        for value in terms.GRADES[match["grade"]]
    ]


def _depth(match: re.Match[str]) -> list[Resource]:
    return [coded(terms.DEPTH_OBSERVATION, value) for value in terms.DEPTHS[match["depth"]]]


def _performance(match: re.Match[str]) -> list[Resource]:
    return [observation(terms.PERFORMANCE_STATUS, valueInteger=int(match["grade"]))]


def _draft(kind: str, **content: Any) -> Resource:
    return {
        "resourceType": kind,
        "status": "draft",
        "intent": "order",
        "authoredOn": "2026-03-12",
        **content,
    }


def _drug_draft(drug: Coding) -> Resource:
    return _draft("MedicationRequest", medicationCodeableConcept=concept(drug))


def _pack(_: re.Match[str]) -> list[Resource]:
    return [_drug_draft(terms.PACK), _drug_draft(terms.COMBINATION)]


def _drug_beside_a_local_code(match: re.Match[str]) -> list[Resource]:
    """A drug whose first coding is one that only the EHR knows."""
    own = coding("urn:ehr:formulary", "F-4711", match["drug"])
    drugs = codes.DRUGS[match["drug"]].codings
    return [_draft("MedicationRequest", medicationCodeableConcept=concept(own, one)) for one in drugs]


def _procedure_group(match: re.Match[str]) -> list[Resource]:
    """A RequestGroup whose actions are resources that it contains: drugs and procedures."""
    held: list[Resource] = []
    for number, name in enumerate(match["parts"].split(" and "), start=1):
        if name in codes.DRUGS:
            order = _drug_draft(codes.DRUGS[name].codings[0])
        else:
            order = _draft("ServiceRequest", code=concept(codes.PROCEDURES[name][0]))
        held.append({**order, "id": f"part-{number}"})
    actions = [{"resource": {"reference": f"#{one['id']}"}} for one in held]
    return [_draft("RequestGroup", contained=held, action=actions)]


_STAGES: Sequence[str] = terms.STAGES

FORMS: tuple[tuple[str, Reader], ...] = (
    (
        rf"(?P<histology>{any_of(terms.HISTOLOGIES)})(?: of the (?P<site>{any_of(terms.SITES)}))?",
        _histology_at_site,
    ),
    (
        rf"(?P<kind>clinical |pathological )?stage: (?P<stage>{any_of(_STAGES)})"
        r"(?: by (?P<by>AJCC|generic code|text code))?",
        _stage,
    ),
    (r"(?P<letter>[NM]): (?P<prefix>[cp])?(?P=letter)(?P<number>[01X])", _category),
    (rf"grade: (?P<grade>{any_of(terms.GRADES)})", _grade),
    (rf"depth: (?P<depth>{any_of(terms.DEPTHS)})", _depth),
    (r"performance status: (?P<grade>[0-4])", _performance),
)

DRAFT_FORMS: tuple[tuple[str, Reader], ...] = (
    (r"pack of ifosfamide and mesna", _pack),
    (rf"(?P<drug>{any_of(codes.DRUGS)}) beside a local code", _drug_beside_a_local_code),
    (
        rf"group of (?P<parts>(?:{any_of((*codes.DRUGS, *codes.PROCEDURES))})"
        rf"(?: and (?:{any_of((*codes.DRUGS, *codes.PROCEDURES))}))*)",
        _procedure_group,
    ),
)
