"""The language in which a clinician writes a patient: one line, one statement, read to FHIR R4 resources.

A line is a statement, then qualifiers after commas, then " on DATE" where the date matters::

    GIST of stomach, in remission
    genotype: KIT exon 11 on 2026-02-28
    variant: PDGFRA p.Asp842Val exon 18, preliminary
    size: 62 mm
    imatinib stopped on 2026-01-10
    metastasis: liver

`resources` reads lines with the first coding of each statement; `variants` gives the same statement in every
coding that a record may use. A line the language does not know is a `ValueError`: nothing is skipped.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Sequence
from typing import Any

from tests.cases import codes, sarcoma_language
from tests.cases.building import (
    OBSERVED,
    PRESCRIBED,
    Reader,
    Resource,
    any_of,
    clinical_status,
    coded,
    condition,
    observation,
    verification,
)
from tests.cases.codes import Coding, Disease, Drug, coding, concept, local

OTHER_PATIENT = "someone-else"


def patient(patient_id: str, country: str = "US") -> Resource:
    """The Patient resource."""
    return {
        "resourceType": "Patient",
        "id": patient_id,
        "gender": "female",
        "birthDate": "1961-04-12",
        "address": [{"use": "home", "country": country}],
    }


def resources(lines: Iterable[str], patient_id: str) -> list[Resource]:
    """The resources of all lines, each with its first coding, with ids that follow the order of the lines."""
    return [
        _identified(variants(line)[0], number, line, patient_id) for number, line in enumerate(lines, start=1)
    ]


def with_id(resource: Resource, number: int, line: str, patient_id: str) -> Resource:
    """The resource of one line as `resources` would give it: with id and subject."""
    return _identified(resource, number, line, patient_id)


def variants(line: str) -> list[Resource]:
    """The statement of this line in every coding a record may use, the usual one first; no id, no subject."""
    statement, qualifiers, date = _parts(line)
    for pattern, reader in _FORMS:
        if match := re.fullmatch(pattern, statement):
            found = [_dated(copy.deepcopy(one), date) for one in reader(match)]
            return [_qualified(one, qualifiers, line) for one in found]
    raise ValueError(f"the patient language does not know the line {line!r}")


def drafts(lines: Iterable[str], patient_id: str) -> list[Resource]:
    """The draft orders of these lines: a drug product, a drug by one of its codes, or a procedure."""
    return [
        as_draft(draft_variants(line)[0], number, patient_id) for number, line in enumerate(lines, start=1)
    ]


def as_draft(order: Resource, number: int, patient_id: str) -> Resource:
    """The order as the draft with this number, for this patient."""
    subject = {"reference": f"Patient/{patient_id}"}
    for held in order.get("contained", ()):
        if held["resourceType"] != "Medication":
            held["subject"] = subject
    return {**order, "id": f"draft-{number}", "subject": subject}


def draft_variants(line: str) -> list[Resource]:
    """The draft order of this line in every coding an EHR may send, the one the line names first."""
    for pattern, reader in _DRAFT_FORMS:
        if match := re.fullmatch(pattern, line):
            return [copy.deepcopy(one) for one in reader(match)]
    raise ValueError(f"the patient language does not know the draft {line!r}")


def _parts(line: str) -> tuple[str, list[str], str | None]:
    head, *qualifiers = line.split(", ")
    last = qualifiers[-1] if qualifiers else head
    date = re.fullmatch(r"(.*?) (?:on|since) (\d{4}-\d\d-\d\d(?:T\S+)?)", last)
    if date is None:
        return head, qualifiers, None
    if qualifiers:
        return head, [*qualifiers[:-1], date[1]], date[2]
    return date[1], [], date[2]


def _identified(resource: Resource, number: int, line: str, patient_id: str) -> Resource:
    owner = OTHER_PATIENT if "of another patient" in line.split(", ") else patient_id
    prefix = resource["resourceType"].lower()
    return {**resource, "id": f"{prefix}-{number}", "subject": {"reference": f"Patient/{owner}"}}


_DATE_ELEMENTS = {
    "Condition": "recordedDate",
    "Observation": "effectiveDateTime",
    "MedicationRequest": "authoredOn",
    "MedicationStatement": "effectiveDateTime",
    "MedicationAdministration": "effectiveDateTime",
    "Procedure": "performedDateTime",
    "ServiceRequest": "authoredOn",
}


def _dated(resource: Resource, date: str | None) -> Resource:
    if date is not None:
        resource[_DATE_ELEMENTS[resource["resourceType"]]] = date
    return resource


_QUALIFIERS: dict[tuple[str, str], dict[str, Any]] = {
    **{
        ("Condition", words): clinical_status(words.removeprefix("in "))
        for words in ("in remission", "recurrence", "relapse", "inactive", "resolved", "active")
    },
    ("Condition", "refuted"): verification("refuted"),
    ("Condition", "provisional"): verification("provisional"),
    ("Condition", "entered in error"): verification("entered-in-error"),
    **{
        ("Observation", words): {"status": words.replace(" ", "-")}
        for words in ("preliminary", "amended", "corrected", "cancelled", "entered in error")
    },
}


def _qualified(resource: Resource, qualifiers: Sequence[str], line: str) -> Resource:
    for words in qualifiers:
        if words == "of another patient":
            continue
        if words == "no clinical status" and resource["resourceType"] == "Condition":
            resource.pop("clinicalStatus", None)
        elif about := re.fullmatch(r"about line (\d+)", words):
            resource["focus"] = [{"reference": f"Condition/condition-{about[1]}"}]
        elif summary := re.fullmatch(r"stage summary (\w+)", words):
            sarcoma_language.staged(resource, summary[1])
        elif issued := re.fullmatch(r"issued (\d{4}-\d\d-\d\dT\S+)", words):
            resource["issued"] = issued[1]
        elif (change := _QUALIFIERS.get((resource["resourceType"], words))) is not None:
            resource.update(copy.deepcopy(change))
        else:
            raise ValueError(f"the patient language does not know {words!r} in the line {line!r}")
    return resource


# ---- conditions --------------------------------------------------------------------------------------------


def _disease(match: re.Match[str]) -> list[Resource]:
    return [condition(match[0], one) for one in codes.DISEASES[match[0]]]


def _disease_by_code(match: re.Match[str]) -> list[Resource]:
    chosen = coding(codes.SYSTEMS[match["system"]], match["code"])
    site = coding(codes.SYSTEMS[match["system"]], match["site"]) if match["site"] else None
    return [condition(match["name"], Disease(chosen, body_site=site))]


def _finding(match: re.Match[str]) -> list[Resource]:
    return [condition(match[0], Disease(one)) for one in codes.FINDINGS[match[0]]]


# ---- observations ------------------------------------------------------------------------------------------


def _coded_fact(match: re.Match[str]) -> list[Resource]:
    questions, answers = codes.CODED_FACTS[match["fact"]]
    values = answers.get(match["value"])
    if values is None:
        raise ValueError(f"{match['fact']} has no value {match['value']!r}")
    return [coded(question, value) for question in questions for value in values]


def _yes_no(match: re.Match[str]) -> list[Resource]:
    question = local(codes.YES_NO_FACTS[match["fact"]])
    answer = match["value"] == "yes"
    plain = observation(question, valueBoolean=answer)
    if match["fact"] != "tumour rupture":
        return [plain]
    words = codes.TEST_RESULTS["present" if answer else "absent"]
    return [plain, *(coded(question, word) for word in words)]


def _genotype(match: re.Match[str]) -> list[Resource]:
    return [coded(local("gist-genotype"), local(codes.GENOTYPES[match["value"]]))]


def _single_test(match: re.Match[str]) -> list[Resource]:
    results = codes.TEST_RESULTS[match["result"]]
    return [coded(test, result) for test in codes.SINGLE_TESTS[match["test"]] for result in results]


def _component(code: str, **value: Any) -> Resource:
    return {"code": concept(coding(codes.LOINC, code)), **value}


def _variant(match: re.Match[str]) -> list[Resource]:
    """A genetic variant with gene, and where given protein change, exon, fusion and significance."""
    result = codes.TEST_RESULTS["absent" if match["absent"] else "present"][0]
    made = []
    for gene in _genes(match["gene"]):
        parts = [_component("48018-6", valueCodeableConcept=concept(gene))]
        if match["protein"]:
            parts.append(
                _component("48005-3", valueCodeableConcept=concept(coding(codes.HGVS, match["protein"])))
            )
        if match["exon"]:
            parts.append(_component("47999-8", valueString=f"Exon {match['exon']}"))
        if match["fusion"]:
            fusion = coding(codes.SEQUENCE_ONTOLOGY, "SO:0001565", "gene_fusion")
            parts.append(_component("48019-4", valueCodeableConcept=concept(fusion)))
        if match["pathogenic"]:
            pathogenic = coding(codes.LOINC, "LA6668-3", "Pathogenic")
            parts.append(_component("53037-8", valueCodeableConcept=concept(pathogenic)))
        code = coding(codes.LOINC, "69548-6", "Genetic variant assessment")
        made.append({**coded(code, result), "component": parts})
    return made


def _genes(name: str) -> list[Coding]:
    number = codes.GENES[name]
    return [
        coding(codes.HGNC, f"HGNC:{number}", name),
        coding(codes.HGNC, number, name),
        coding(f"{codes.HGNC}/geneId", f"HGNC:{number}", name),
    ]


def _quantity(value: str, unit: str) -> dict[str, Any]:
    number = float(value) if "." in value else int(value)
    return {"value": number, "unit": unit, "system": codes.UCUM, "code": unit}


def _size(match: re.Match[str]) -> list[Resource]:
    if match["unit"] is None:
        value = match["value"]
        quantity: dict[str, Any] = {"value": float(value) if "." in value else int(value)}
    else:
        quantity = _quantity(match["value"], match["unit"])
    size = coding(codes.LOINC, "21889-1", "Size Tumor")
    dimension = coding(codes.LOINC, "33728-7", "Size.max.dimension")
    return [
        observation(size, valueQuantity=quantity),
        observation(dimension, valueQuantity=quantity),
        {**observation(size), "component": [{"code": concept(dimension), "valueQuantity": quantity}]},
    ]


def _mitoses(match: re.Match[str]) -> list[Resource]:
    code = local("mitotic-rate-50hpf" if match["field"] == "50 HPF" else "mitotic-rate-5mm2")
    number = int(match["value"])
    return [
        observation(code, valueInteger=number),
        observation(code, valueQuantity={"value": number}),
        observation(code, valueQuantity={"value": number, "system": codes.UCUM, "code": "1"}),
    ]


# ---- drugs and procedures on record ------------------------------------------------------------------------

_HISTORY = {
    "active": [("MedicationRequest", "active"), ("MedicationStatement", "active")],
    "stopped": [("MedicationRequest", "stopped"), ("MedicationStatement", "stopped")],
    "completed": [
        ("MedicationRequest", "completed"),
        ("MedicationStatement", "completed"),
        ("MedicationAdministration", "completed"),
    ],
    "planned": [("MedicationRequest", "draft")],
    "cancelled": [("MedicationRequest", "cancelled")],
    "entered in error": [("MedicationRequest", "entered-in-error")],
}


def _history(match: re.Match[str]) -> list[Resource]:
    drug = codes.DRUGS[match["drug"]]
    kinds = _HISTORY[match["state"]]
    plain = [_on_record(kind, status, one) for one in drug.codings for kind, status in kinds]
    if match["contained"]:
        return [_with_contained_medication(one) for one in plain]
    return plain


def _on_record(kind: str, status: str, drug: Coding) -> Resource:
    resource: Resource = {
        "resourceType": kind,
        "status": status,
        "medicationCodeableConcept": concept(drug, text=drug.get("display", "")),
        _DATE_ELEMENTS[kind]: PRESCRIBED,
    }
    return resource | ({"intent": "order"} if kind == "MedicationRequest" else {})


def _with_contained_medication(resource: Resource) -> Resource:
    rest = {key: value for key, value in resource.items() if key != "medicationCodeableConcept"}
    medication = {
        "resourceType": "Medication",
        "id": "product",
        "code": resource["medicationCodeableConcept"],
    }
    return {**rest, "contained": [medication], "medicationReference": {"reference": "#product"}}


def _procedure(match: re.Match[str]) -> list[Resource]:
    done = match["state"] == "done"
    return [
        {
            "resourceType": "Procedure",
            "status": "completed",
            "code": concept(one),
            "performedDateTime": OBSERVED,
        }
        if done
        else {
            "resourceType": "ServiceRequest",
            "status": "active",
            "intent": "order",
            "code": concept(one),
            "authoredOn": OBSERVED,
        }
        for one in codes.PROCEDURES[match["name"]]
    ]


# ---- draft orders ------------------------------------------------------------------------------------------

_BY = {"ingredient": "ingredient", "ATC": "atc", "SNOMED CT": "snomed", "brand": "brand"}


def _drug_draft(medication: Coding) -> Resource:
    return {
        "resourceType": "MedicationRequest",
        "status": "draft",
        "intent": "order",
        "authoredOn": "2026-03-12",
        "medicationCodeableConcept": concept(medication, text=medication.get("display", "")),
        "dosageInstruction": [{"timing": {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d"}}}],
    }


def _named_first(drug: Drug, first: Coding) -> list[Resource]:
    rest = [one for one in drug.codings if one != first]
    return [_drug_draft(one) for one in (first, *rest)]


def _drug_by_product(match: re.Match[str]) -> list[Resource]:
    for drug in codes.DRUGS.values():
        for product in drug.products:
            if product["display"] == match[0]:
                return _named_first(drug, product)
    raise ValueError(f"the patient language knows no product {match[0]!r}")


def _drug_by_code(match: re.Match[str]) -> list[Resource]:
    drug = codes.DRUGS[match["drug"]]
    chosen = getattr(drug, _BY[match["by"]]) if match["by"] else drug.codings[0]
    if chosen is None:
        raise ValueError(f"{match['drug']} has no code of the kind {match['by']!r}")
    return _named_first(drug, chosen)


def _drug_in_contained_medication(match: re.Match[str]) -> list[Resource]:
    return [_with_contained_medication(_drug_draft(one)) for one in codes.DRUGS[match["drug"]].codings]


def _procedure_draft(match: re.Match[str]) -> list[Resource]:
    return [
        {
            "resourceType": "ServiceRequest",
            "status": "draft",
            "intent": "order",
            "code": concept(one),
            "authoredOn": "2026-03-12",
        }
        for one in codes.PROCEDURES[match[0]]
    ]


def _regimen_draft(match: re.Match[str]) -> list[Resource]:
    """A RequestGroup that holds the drug orders of a regimen, contained."""
    held = []
    for number, name in enumerate(match["drugs"].split(" + "), start=1):
        order = _drug_draft(codes.DRUGS[name].codings[0])
        held.append({**order, "id": f"order-{number}"})
    group = {
        "resourceType": "RequestGroup",
        "status": "draft",
        "intent": "order",
        "contained": held,
        "action": [{"resource": {"reference": f"#{order['id']}"}} for order in held],
    }
    return [group]


def _empty_draft(_: re.Match[str]) -> list[Resource]:
    return [{"resourceType": "MedicationRequest", "status": "draft", "authoredOn": "2026-03-12"}]


_FORMS: tuple[tuple[str, Reader], ...] = (
    (any_of(codes.DISEASES), _disease),
    (
        rf"(?P<name>[^()]+) \((?P<system>{any_of(codes.SYSTEMS)}) (?P<code>\S+?)(?: site (?P<site>\S+))?\)",
        _disease_by_code,
    ),
    (any_of(codes.FINDINGS), _finding),
    (rf"(?P<fact>{any_of(codes.CODED_FACTS)}): (?P<value>.+)", _coded_fact),
    (rf"(?P<fact>{any_of(codes.YES_NO_FACTS)}): (?P<value>yes|no)", _yes_no),
    (rf"genotype: (?P<value>{any_of(codes.GENOTYPES)})", _genotype),
    (rf"test: (?P<test>{any_of(codes.SINGLE_TESTS)}) (?P<result>present|absent)", _single_test),
    (
        rf"variant(?P<absent> absent)?: (?P<gene>{any_of(codes.GENES)})"
        r"(?: (?P<protein>(?:p\.)?[A-Z]\S*\d\S*))?(?: exon (?P<exon>\d+))?"
        r"(?P<fusion> gene fusion)?(?P<pathogenic> pathogenic)?",
        _variant,
    ),
    (r"size: (?P<value>[\d.]+)(?: (?P<unit>mm|cm))?(?: without a unit)?", _size),
    (r"mitoses: (?P<value>\d+) per (?P<field>50 HPF|5 mm2)", _mitoses),
    (
        rf"(?P<drug>{any_of(codes.DRUGS)})(?P<contained> in a contained Medication)?"
        rf" (?P<state>{any_of(_HISTORY)})",
        _history,
    ),
    (rf"(?P<name>{any_of(codes.PROCEDURES)}) (?P<state>done|ordered)", _procedure),
    *sarcoma_language.FORMS,
)

_PRODUCTS = [product["display"] for drug in codes.DRUGS.values() for product in drug.products]

_DRAFT_FORMS: tuple[tuple[str, Reader], ...] = (
    (any_of(_PRODUCTS), _drug_by_product),
    (rf"(?P<drug>{any_of(codes.DRUGS)})(?: by (?P<by>{any_of(_BY)}))?", _drug_by_code),
    (rf"(?P<drug>{any_of(codes.DRUGS)}) in a contained Medication", _drug_in_contained_medication),
    (any_of(codes.PROCEDURES), _procedure_draft),
    (rf"regimen of (?P<drugs>(?:{any_of(codes.DRUGS)})(?: \+ (?:{any_of(codes.DRUGS)}))*)", _regimen_draft),
    ("an order without a drug yet", _empty_draft),
    *sarcoma_language.DRAFT_FORMS,
)
