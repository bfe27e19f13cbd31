"""The codes of the guideline: which belong together, which must never meet, which ids are promised."""

import csv
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from fhir.resources.R4B import get_fhir_model_class

PROJECT = Path(__file__).resolve().parents[2]
CONTENT = PROJECT / "plandefinitions"
SHARED_TERMINOLOGY = PROJECT.parent / "shared" / "guideline" / "terminology.csv"

BASE = "https://sarcoma-cds.example.org/fhir"
VERSION = "2025.1.0"
LOCAL = f"{BASE}/CodeSystem/sarcoma-concepts"
SNOMED = "http://snomed.info/sct"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
ATC = "http://www.whocc.no/atc"
LOINC = "http://loinc.org"
ICD_10_CM = "http://hl7.org/fhir/sid/icd-10-cm"
ICD_10 = "http://hl7.org/fhir/sid/icd-10"
ICD_O_3 = "http://terminology.hl7.org/CodeSystem/icd-o-3"
ICD_O_3_OID = "urn:oid:2.16.840.1.113883.6.43.1"
HGNC = "http://www.genenames.org"
HGNC_GENE_ID = "http://www.genenames.org/geneId"
OVERRIDE_REASONS = "http://terminology.hl7.org/CodeSystem/non-adherence-reason-codes"
PROVENANCE = "http://hl7.org/fhir/StructureDefinition/valueset-concept-comments"

Code = tuple[str, str]

DRUGS = [
    "imatinib",
    "sunitinib",
    "regorafenib",
    "avapritinib",
    "pazopanib",
    "larotrectinib",
    "entrectinib",
    "repotrectinib",
    "crizotinib",
    "dabrafenib",
    "trametinib",
    "binimetinib",
    "doxorubicin",
    "doxorubicin-liposomal",
    "epirubicin",
    "ifosfamide",
    "mesna",
    "dacarbazine",
    "trabectedin",
    "eribulin",
]
HISTORY_DRUGS = ["nilotinib", "ripretinib"]
PROCEDURES = [
    "wide-local-excision",
    "amputation",
    "gist-resection",
    "retroperitoneal-resection",
    "external-beam-radiotherapy",
    "intensity-modulated-radiotherapy",
    "intraoperative-radiotherapy",
    "chemoradiation",
    "stereotactic-body-radiotherapy",
    "palliative-radiotherapy",
    "metastasectomy",
    "ablation",
    "embolisation",
    "chemoembolisation",
    "regional-lymph-node-dissection",
    "palliative-surgery",
    "cytoreductive-surgery",
    "observation",
    "best-supportive-care",
    "clinical-trial",
    "mdt-referral",
    "gist-mutation-testing",
    "ntrk-testing",
    "repeat-biopsy",
]
REGIMENS = {
    "doxorubicin": ["doxorubicin"],
    "epirubicin": ["epirubicin"],
    "liposomal-doxorubicin": ["doxorubicin-liposomal"],
    "doxorubicin-dacarbazine": ["doxorubicin", "dacarbazine"],
    "doxorubicin-ifosfamide-mesna": ["doxorubicin", "ifosfamide", "mesna"],
    "epirubicin-ifosfamide-mesna": ["epirubicin", "ifosfamide", "mesna"],
    "larotrectinib": ["larotrectinib"],
    "entrectinib": ["entrectinib"],
    "repotrectinib": ["repotrectinib"],
    "pazopanib": ["pazopanib"],
    "trabectedin": ["trabectedin"],
    "eribulin": ["eribulin"],
    "imatinib": ["imatinib"],
    "imatinib-high-dose": ["imatinib-high-dose"],
    "avapritinib": ["avapritinib"],
    "sunitinib": ["sunitinib"],
    "regorafenib": ["regorafenib"],
    "imatinib-binimetinib": ["imatinib", "binimetinib"],
    "dabrafenib-trametinib": ["dabrafenib", "trametinib"],
    "crizotinib": ["crizotinib"],
}
GROUPS = [
    "sts-extremity-stage-1",
    "sts-extremity-stage-2-resectable",
    "sts-extremity-stage-3-resectable",
    "sts-extremity-stage-3-unresectable",
    "sts-extremity-stage-4-limited",
    "sts-extremity-stage-4-disseminated",
    "sts-extremity-recurrent",
    "sts-retroperitoneal-resectable",
    "sts-retroperitoneal-unresectable",
    "sts-retroperitoneal-metastatic-limited",
    "sts-retroperitoneal-disseminated",
    "gist-resectable-minimal-morbidity",
    "gist-resectable-significant-morbidity",
    "gist-unresectable",
    "gist-progressive",
    "gist-recurrent-or-metastatic",
]
CHECKS = [
    "imatinib-insensitive-genotype",
    "genotype-missing",
    "imatinib-high-dose-exon-9",
    "imatinib-adjuvant-low-risk",
    "imatinib-heart-failure",
    "imatinib-short-life-expectancy",
    "imatinib-not-indicated",
    "sunitinib-before-imatinib",
    "regorafenib-too-early",
    "avapritinib-without-mutation",
    "ntrk-inhibitor-without-fusion",
    "braf-inhibitor-without-mutation",
    "incomplete-pair",
    "ifosfamide-without-mesna",
    "pazopanib-adipocytic",
    "pazopanib-first-line",
    "pazopanib-gist",
    "trabectedin-histology",
    "trabectedin-line",
    "eribulin-histology",
    "eribulin-line",
    "cytotoxic-in-gist",
    "crizotinib-histology",
    "nhs-availability",
    "ablation-contraindicated",
    "embolisation-contraindicated",
    "embolisation-lung",
    "radiotherapy-stage-1",
    "treatment-outside-group",
    "imatinib-monitoring",
    "sunitinib-monitoring",
    "pazopanib-monitoring",
    "trabectedin-monitoring",
    "missing-information",
    "no-pathway",
    "additional-options",
]
LOCAL_FACTS_AND_VALUES = [
    "gist-genotype",
    "kit-exon-9",
    "kit-exon-11",
    "kit-other",
    "pdgfra-exon-18-imatinib-insensitive",
    "pdgfra-other",
    "sdh-deficient",
    "ntrk-fusion",
    "braf-v600e",
    "nf1",
    "wild-type",
    "resectability",
    "resectable",
    "resectable-significant-morbidity",
    "resectable-unacceptable-function",
    "unresectable",
    "metastatic-extent",
    "none",
    "regional-nodes",
    "limited",
    "disseminated",
    "recurrence",
    "local",
    "regional",
    "metastatic",
    "progression-extent",
    "widespread",
    "sdhb-ihc",
    "lost",
    "retained",
    "gist-risk-category",
    "mitotic-rate-50hpf",
    "mitotic-rate-5mm2",
    "tumour-rupture",
    "tumour-depth",
    "uncorrectable-coagulopathy",
    "infection-in-treatment-area",
    "critical-structures-unprotectable",
    "short-life-expectancy",
    "high-local-recurrence-risk",
    "high-metastatic-risk",
    "asymptomatic",
    "imatinib-dose-level",
    "standard",
    "high",
]

# Value sets whose members must not meet: a code in two of them would be two contrary facts.
CONTRARIES = [
    ["gist-condition", "sts-condition"],
    ["liposarcoma", "leiomyosarcoma", "dermatofibrosarcoma", "inflammatory-myofibroblastic-tumour"],
    ["stage-1", "stage-2", "stage-3", "stage-4"],
    ["tnm-n0", "tnm-n1", "tnm-nx"],
    ["tnm-m0", "tnm-m1"],
    ["tnm-t-observation", "tnm-n-observation", "tnm-m-observation", "stage-group-observation"],
    ["grade-low", "grade-high"],
    ["depth-superficial", "depth-deep"],
    ["resection-r0", "resection-r1", "resection-r2"],
    ["site-extremity", "site-retroperitoneal", "site-other"],
    ["condition-site-extremity", "condition-site-retroperitoneal", "condition-site-other"],
    [
        "metastasis-lung",
        "metastasis-liver",
        "metastasis-peritoneum",
        "metastasis-unspecified",
    ],
    ["metastasis-lymph-node", "metastasis-distant"],
    ["body-site-lung", "body-site-liver", "body-site-lymph-node", "body-site-peritoneum"],
    ["test-result-present", "test-result-absent"],
    ["risk-low", "risk-intermediate", "risk-high"],
    ["gene-kit", "gene-pdgfra", "gene-braf", "gene-nf1", "gene-sdh", "gene-ntrk"],
    [
        "test-pdgfra-d842v",
        "test-pdgfra-exon-18",
        "test-kit-exon-9",
        "test-kit-exon-11",
        "test-kit-other",
        "test-braf-v600e",
        "test-ntrk-fusion",
    ],
    ["coagulopathy-severe", "bleeding-disorder"],
    ["procedure-gist-mutation-testing", "procedure-ntrk-testing"],
]
# One value set lies within another.
WITHIN = [
    ("liposarcoma", "sts-condition"),
    ("leiomyosarcoma", "sts-condition"),
    ("dermatofibrosarcoma", "sts-condition"),
    ("inflammatory-myofibroblastic-tumour", "sts-condition"),
    ("sdh-deficient-condition", "gist-condition"),
    ("condition-site-extremity", "sts-condition"),
    ("condition-site-retroperitoneal", "sts-condition"),
    ("condition-site-other", "sts-condition"),
    ("metastasis-lung", "metastasis-distant"),
    ("metastasis-liver", "metastasis-distant"),
    ("metastasis-peritoneum", "metastasis-distant"),
    ("metastasis-unspecified", "metastasis-distant"),
    ("metastasis-disseminated", "metastasis-distant"),
    ("metastasis-distant", "metastasis-condition"),
    ("metastasis-lymph-node", "metastasis-condition"),
    ("recurrence-local", "recurrence-condition"),
    ("procedure-imrt", "procedure-external-beam-radiotherapy"),
    ("procedure-external-beam-radiotherapy", "procedure-radiotherapy"),
    ("procedure-intraoperative-radiotherapy", "procedure-radiotherapy"),
    ("procedure-sbrt", "procedure-radiotherapy"),
    ("procedure-palliative-radiotherapy", "procedure-radiotherapy"),
    ("procedure-chemoembolisation", "procedure-embolisation"),
    ("procedure-gist-mutation-testing", "procedure-molecular-test"),
    ("procedure-ntrk-testing", "procedure-molecular-test"),
]
# Excisions without a stated site fit several kinds of surgery; the disease tells them apart.
SITELESS_EXCISIONS = {(SNOMED, "370612006"), (SNOMED, "57434002"), (SNOMED, "81751006")}
EXCISIONS = ["procedure-excision", "procedure-gist-resection", "procedure-retroperitoneal-resection"]
DISTINCT_PROCEDURES = [
    *EXCISIONS,
    "procedure-amputation",
    "procedure-radiotherapy",
    "procedure-chemoradiation",
    "procedure-ablation",
    "procedure-embolisation",
    "procedure-node-dissection",
    "procedure-metastasectomy",
    "procedure-palliative-surgery",
    "procedure-cytoreductive-surgery",
    "procedure-observation",
    "procedure-palliative-care",
    "procedure-clinical-trial",
    "procedure-mdt-referral",
    "procedure-molecular-test",
    "procedure-biopsy",
]
VALUE_SET_OF_PROCEDURE = {
    "wide-local-excision": "procedure-excision",
    "intensity-modulated-radiotherapy": "procedure-imrt",
    "stereotactic-body-radiotherapy": "procedure-sbrt",
    "regional-lymph-node-dissection": "procedure-node-dissection",
    "best-supportive-care": "procedure-palliative-care",
    "repeat-biopsy": "procedure-biopsy",
}
# Broader codes that an order carries beside the local code which says what is meant.
BROADER_CODES = {
    "palliative-radiotherapy": {(SNOMED, "1287742003")},
    "metastasectomy": {(SNOMED, "65801008")},
    "chemoembolisation": {(SNOMED, "16736007")},
    "gist-mutation-testing": {(SNOMED, "405825005")},
    "ntrk-testing": {(SNOMED, "405825005")},
}


@cache
def resources(folder: str) -> Mapping[str, dict[str, Any]]:
    found = {
        path.stem: json.loads(path.read_text("utf-8")) for path in sorted((CONTENT / folder).glob("*.json"))
    }
    assert found, f"no content in {folder}"
    return found


@cache
def codes(value_set: str) -> frozenset[Code]:
    return frozenset((system, concept["code"]) for system, concept in concepts(value_set))


def concepts(value_set: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for include in resources("valueset")[value_set]["compose"]["include"]:
        for concept in include["concept"]:
            yield include["system"], concept


@cache
def code_system(identifier: str) -> Mapping[str, str]:
    return {concept["code"]: concept["display"] for concept in resources("codesystem")[identifier]["concept"]}


def codings(activity: Mapping[str, Any]) -> set[Code]:
    concept = activity["productCodeableConcept" if activity["kind"] == "MedicationRequest" else "code"]
    return {(coding["system"], coding["code"]) for coding in concept["coding"]}


def regimens() -> dict[str, dict[str, Any]]:
    return {name: plan for name, plan in resources("plandefinition").items() if name.startswith("regimen-")}


def own_resources() -> list[dict[str, Any]]:
    folders = ("codesystem", "valueset", "activitydefinition")
    return [resource for folder in folders for resource in resources(folder).values()] + list(
        regimens().values()
    )


def texts(node: object) -> Iterator[str]:
    if isinstance(node, str):
        yield node
    elif isinstance(node, Mapping):
        for value in node.values():
            yield from texts(value)
    elif isinstance(node, Iterable):
        for value in node:
            yield from texts(value)


@pytest.mark.parametrize("resource", own_resources(), ids=lambda r: f"{r['resourceType']}/{r['id']}")
def test_resource_is_valid_fhir_and_says_what_it_is(resource: dict[str, Any]) -> None:
    get_fhir_model_class(resource["resourceType"]).model_validate(resource)
    assert resource["url"] == f"{BASE}/{resource['resourceType']}/{resource['id']}"
    assert resource["version"] == VERSION
    assert resource["status"] == "active"
    assert resource["experimental"] is False
    assert re.fullmatch(r"[A-Z][A-Za-z0-9]*", resource["name"])
    for element in ("title", "date", "publisher", "description", "copyright"):
        assert resource[element]
    if resource["resourceType"] in ("ActivityDefinition", "PlanDefinition"):
        assert resource["approvalDate"]
        assert resource["lastReviewDate"]
        assert resource["effectivePeriod"]["start"]
        cited = [artifact for artifact in resource["relatedArtifact"] if artifact["type"] == "citation"]
        assert cited
        assert all(artifact["display"] and artifact["url"] for artifact in cited)


@pytest.mark.parametrize("folder", ["codesystem", "valueset", "activitydefinition", "plandefinition"])
def test_file_name_is_the_id(folder: str) -> None:
    assert [name for name, resource in resources(folder).items() if resource["id"] != name] == []


@pytest.mark.parametrize("name", resources("valueset"))
def test_value_set_enumerates_each_code_once_with_display_and_provenance(name: str) -> None:
    members = [(system, concept["code"]) for system, concept in concepts(name)]
    assert len(members) == len(set(members)) > 0
    for _, concept in concepts(name):
        assert concept["display"].strip()
        assert [extension["url"] for extension in concept["extension"]] == [PROVENANCE]
        assert concept["extension"][0]["valueString"].strip()


@pytest.mark.parametrize("siblings", CONTRARIES, ids=lambda names: names[0])
def test_contrary_value_sets_share_no_code(siblings: list[str]) -> None:
    shared = {(a, b): codes(a) & codes(b) for a, b in combinations(siblings, 2) if codes(a) & codes(b)}
    assert shared == {}


@pytest.mark.parametrize(("part", "whole"), WITHIN)
def test_narrower_value_set_lies_within_the_broader(part: str, whole: str) -> None:
    assert codes(part) - codes(whole) == set()


def test_drugs_share_no_code_but_packs_of_ifosfamide_with_mesna() -> None:
    names = [*DRUGS, *HISTORY_DRUGS]
    shared = {
        (a, b): codes(f"drug-{a}") & codes(f"drug-{b}")
        for a, b in combinations(names, 2)
        if codes(f"drug-{a}") & codes(f"drug-{b}")
    }
    assert set(shared) == {("ifosfamide", "mesna")}
    displays = {concept["code"]: concept["display"].lower() for _, concept in concepts("drug-mesna")}
    for _, code in shared["ifosfamide", "mesna"]:
        assert "ifosfamide" in displays[code]
        assert "mesna" in displays[code]


def test_liposomal_doxorubicin_is_told_apart() -> None:
    liposomal, conventional = codes("drug-doxorubicin-liposomal"), codes("drug-doxorubicin")
    assert {(RXNORM, "466523"), (RXNORM, "214525"), (RXNORM, "80773"), (SNOMED, "772118008")} <= liposomal
    assert {(RXNORM, "3639"), (ATC, "L01DB01"), (RXNORM, "42512")} <= conventional
    named = [
        c["display"]
        for _, c in concepts("drug-doxorubicin")
        if re.search("lipo|doxil|caelyx", c["display"], re.I)
    ]
    assert named == []


def test_products_that_ehrs_send_are_known() -> None:
    assert (RXNORM, "403879") in codes("drug-imatinib")
    assert (RXNORM, "867502") in codes("drug-pazopanib")
    assert (RXNORM, "1312402") in codes("drug-regorafenib")
    assert (ATC, "R05CB05") not in codes("drug-mesna")


def test_distinct_procedures_share_no_code_but_siteless_excisions() -> None:
    for a, b in combinations(DISTINCT_PROCEDURES, 2):
        allowed = SITELESS_EXCISIONS if {a, b} <= set(EXCISIONS) else set()
        assert (codes(a) & codes(b)) - allowed == set(), (a, b)


def test_genes_are_known_in_every_form() -> None:
    forms = {(HGNC, "HGNC:6342"), (HGNC, "6342"), (HGNC_GENE_ID, "HGNC:6342"), (HGNC_GENE_ID, "6342")}
    assert codes("gene-kit") == forms
    assert len(codes("gene-sdh")) == 4 * 4
    assert len(codes("gene-ntrk")) == 3 * 4


@pytest.mark.parametrize("name", [n for n in resources("valueset") if any(s == ICD_O_3 for s, _ in codes(n))])
def test_icd_o_3_stands_under_both_uris(name: str) -> None:
    by_uri = [{code for system, code in codes(name) if system == uri} for uri in (ICD_O_3, ICD_O_3_OID)]
    assert by_uri[0] == by_uri[1]


@pytest.mark.parametrize(
    ("code", "absent_from"),
    [
        ((SNOMED, "92824003"), "gist-condition"),  # neurofibromatosis is not a GIST
        ((ICD_10, "C16.9"), "gist-condition"),  # an organ code is a carcinoma more often than not
        ((ICD_10_CM, "C49.A2"), "sts-condition"),
        ((ICD_10_CM, "Z85.831"), "sts-condition"),  # history
        ((ICD_10_CM, "C44.99"), "sts-condition"),  # any other skin cancer
        ((ICD_10_CM, "C80.0"), "metastasis-condition"),  # means the opposite in WHO ICD-10
        ((ICD_10_CM, "D68.51"), "bleeding-disorder"),  # thrombophilia
        ((ICD_10, "D68.6"), "bleeding-disorder"),
        ((ICD_10_CM, "K74.60"), "decompensated-liver-failure"),
        ((SNOMED, "85898001"), "heart-failure"),  # cardiomyopathy
        ((ICD_10_CM, "C49.5"), "condition-site-retroperitoneal"),  # pelvis with buttock and groin
        ((ICD_10_CM, "C49.3"), "condition-site-other"),  # chest with axilla
        ((SNOMED, "396487001"), "procedure-node-dissection"),  # sentinel node biopsy
        ((LOINC, "55201-8"), "test-kit-other"),  # whole gene: exon 9 not ruled out
    ],
)
def test_code_that_would_mislead_is_absent(code: Code, absent_from: str) -> None:
    assert code not in codes(absent_from)


def test_code_systems_hold_the_ids_of_the_contract() -> None:
    assert list(code_system("sarcoma-patient-group")) == GROUPS
    assert set(code_system("sarcoma-order-check")) == set(CHECKS)
    assert set(LOCAL_FACTS_AND_VALUES) <= set(code_system("sarcoma-concepts"))


@pytest.mark.parametrize("identifier", ["sarcoma-concepts", "sarcoma-patient-group", "sarcoma-order-check"])
def test_code_system_is_complete(identifier: str) -> None:
    resource = resources("codesystem")[identifier]
    assert resource["content"] == "complete"
    assert resource["count"] == len(resource["concept"]) == len(code_system(identifier))
    assert all(concept["display"] and concept["definition"] for concept in resource["concept"])


def test_local_codes_are_defined_and_each_is_used() -> None:
    in_value_sets = {
        code for name in resources("valueset") for system, code in codes(name) if system == LOCAL
    }
    in_activities = {
        code
        for activity in resources("activitydefinition").values()
        for system, code in codings(activity)
        if system == LOCAL
    }
    assert (in_value_sets | in_activities) - set(code_system("sarcoma-concepts")) == set()
    assert set(code_system("sarcoma-concepts")) - in_value_sets - in_activities <= set(LOCAL_FACTS_AND_VALUES)


def test_local_displays_in_value_sets_are_those_of_the_code_system() -> None:
    for name in resources("valueset"):
        for system, concept in concepts(name):
            if system == LOCAL:
                assert concept["display"] == code_system("sarcoma-concepts")[concept["code"]]


def test_every_value_set_a_library_names_exists() -> None:
    sources = sorted((CONTENT / "cql").glob("*.cql"))
    if not sources:
        pytest.skip("no CQL sources yet")
    named = {
        name for path in sources for name in re.findall(r"/ValueSet/([a-z0-9-]+)", path.read_text("utf-8"))
    }
    assert named - set(resources("valueset")) == set()


def test_activity_definitions_are_those_of_the_contract() -> None:
    drugs = {f"drug-{name}" for name in [*DRUGS, "imatinib-high-dose"]}
    procedures = {f"procedure-{name}" for name in PROCEDURES}
    assert set(resources("activitydefinition")) == drugs | procedures | {"task-record-facts"}


EXTRA_DYNAMIC_VALUES = {
    "drug-imatinib-high-dose": {
        "courseOfTherapyType": {"language": "text/cql-identifier", "expression": "High Dose Intent"},
        "note.text": {"language": "text/cql-identifier", "expression": "High Dose Note"},
    }
}


ORDERS = [a for a in resources("activitydefinition").values() if a["kind"] != "Task"]


@pytest.mark.parametrize("activity", ORDERS, ids=lambda a: str(a["id"]))
def test_activity_definition_makes_a_proposal_with_its_reason(activity: dict[str, Any]) -> None:
    kind = "MedicationRequest" if activity["id"].startswith("drug-") else "ServiceRequest"
    assert (activity["kind"], activity["intent"], activity["priority"]) == (kind, "proposal", "routine")
    assert activity["library"] == [f"{BASE}/Library/SarcomaRequests|{VERSION}"]
    expressions = {dynamic["path"]: dynamic["expression"] for dynamic in activity["dynamicValue"]}
    assert expressions | EXTRA_DYNAMIC_VALUES.get(activity["id"], {}) == expressions
    own = {path: value for path, value in expressions.items() if path in ("intent", "reasonReference")}
    assert own == {
        "intent": {"language": "text/cql-identifier", "expression": "Request Intent"},
        "reasonReference": {"language": "text/cql-identifier", "expression": "Request Reason"},
    }
    assert "doNotPerform" not in activity
    assert "subjectCodeableConcept" not in activity


@pytest.mark.parametrize("activity", resources("activitydefinition").values(), ids=lambda a: str(a["id"]))
def test_no_activity_definition_states_a_drug_dose(activity: dict[str, Any]) -> None:
    assert "quantity" not in activity
    assert all(set(dosage) <= {"text", "additionalInstruction"} for dosage in activity.get("dosage", []))
    assert [text for text in texts(activity) if re.search(r"\d\s*(mg|g/m|mcg|µg|micrograms?)\b", text)] == []


@pytest.mark.parametrize("drug", [*DRUGS, "imatinib-high-dose"])
def test_ordered_drug_is_in_its_value_set_and_in_no_other(drug: str) -> None:
    ordered = codings(resources("activitydefinition")[f"drug-{drug}"])
    own = f"drug-{drug.removesuffix('-high-dose')}"
    assert ordered <= codes(own)
    assert any(system == RXNORM for system, _ in ordered)
    others = [name for name in resources("valueset") if name.startswith("drug-") and name != own]
    assert {name for name in others if codes(name) & ordered} == set()


def test_high_dose_intent_is_coded_and_in_words() -> None:
    activity = resources("activitydefinition")["drug-imatinib-high-dose"]
    assert "dosage" not in activity
    assert "high-dose" in activity["productCodeableConcept"]["text"].lower()


@pytest.mark.parametrize("procedure", PROCEDURES)
def test_ordered_procedure_is_in_its_value_set_and_no_unrelated_one(procedure: str) -> None:
    ordered = codings(resources("activitydefinition")[f"procedure-{procedure}"])
    assert any(system == SNOMED for system, _ in ordered)
    own = VALUE_SET_OF_PROCEDURE.get(procedure, f"procedure-{procedure}")
    specific = ordered - BROADER_CODES.get(procedure, set())
    assert specific
    assert specific <= codes(own)
    family = {own} | {whole for part, whole in WITHIN if part == own}
    family |= {whole for part, whole in WITHIN if part in family}
    unrelated = [n for n in resources("valueset") if n.startswith("procedure-") and n not in family]
    part_of_own = {part for part, whole in WITHIN if whole == own}
    clashes = {n for n in unrelated if n not in part_of_own and codes(n) & (specific - SITELESS_EXCISIONS)}
    assert clashes == set()


@pytest.mark.parametrize(("regimen", "drugs"), REGIMENS.items(), ids=REGIMENS)
def test_regimen_holds_its_drugs_as_one_set(regimen: str, drugs: list[str]) -> None:
    plan = regimens()[f"regimen-{regimen}"]
    assert plan["type"]["coding"][0]["code"] == "order-set"
    assert plan["library"] == [f"{BASE}/Library/SarcomaGroups|{VERSION}"]
    (whole,) = plan["action"]
    assert (whole["groupingBehavior"], whole["selectionBehavior"], whole["requiredBehavior"]) == (
        "logical-group",
        "all",
        "must",
    )
    assert [action["definitionCanonical"] for action in whole["action"]] == [
        f"{BASE}/ActivityDefinition/drug-{drug}|{VERSION}" for drug in drugs
    ]
    related = {a["id"]: a["relatedAction"] for a in whole["action"] if "relatedAction" in a}
    expected = (
        {"mesna": [{"actionId": "ifosfamide", "relationship": "concurrent"}]} if "mesna" in drugs else {}
    )
    assert related == expected


def test_regimens_are_those_of_the_contract() -> None:
    assert set(regimens()) == {f"regimen-{name}" for name in REGIMENS}


def verhoeff_holds(identifier: str) -> bool:
    """Whether the check digit of a SNOMED CT identifier holds (dihedral group of order ten)."""
    position: tuple[int, ...] = (0, 1, 2, 3, 4, 5, 6, 7, 8, 9)
    step = (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)
    check = 0
    for digit in map(int, reversed(identifier)):
        check = dihedral_product(check, position[digit])
        position = tuple(position[i] for i in step)
    return check == 0


def dihedral_product(a: int, b: int) -> int:
    if a < 5:
        return (a + b) % 5 + (5 if b >= 5 else 0)
    return (a - b) % 5 + (0 if b >= 5 else 5)


def luhn_holds(identifier: str) -> bool:
    """Whether the check digit of a LOINC code holds; answer codes (LA…) are not checked."""
    if identifier.startswith("LA"):
        return True
    number, check = identifier.split("-")
    doubled = [int(d) * (2 if i % 2 == 0 else 1) for i, d in enumerate(reversed(number))]
    return (10 - sum(value // 10 + value % 10 for value in doubled) % 10) % 10 == int(check)


@pytest.mark.parametrize(("system", "holds"), [(SNOMED, verhoeff_holds), (LOINC, luhn_holds)])
def test_check_digits_hold(system: str, holds: Callable[[str], bool]) -> None:
    in_value_sets = {code for name in resources("valueset") for s, code in codes(name) if s == system}
    ordered = {c for a in resources("activitydefinition").values() for s, c in codings(a) if s == system}
    assert {code for code in in_value_sets | ordered if not holds(code)} == set()


def test_check_digits_catch_a_typing_error() -> None:
    assert verhoeff_holds("420120006")
    assert not verhoeff_holds("420120060")
    assert luhn_holds("21908-9")
    assert not luhn_holds("21980-9")


# ---------------------------------------------------------------- against the checked list of codes

PLAIN_RESULT_VALUES = {
    (SNOMED, c) for c in ["10828004", "260373001", "52101004", "260385009", "260415000", "2667000"]
}


@pytest.fixture(scope="module")
def checked_codes() -> Mapping[Code, dict[str, str]]:
    if not SHARED_TERMINOLOGY.exists():
        pytest.skip(f"the checked list of codes is not at {SHARED_TERMINOLOGY}")
    with SHARED_TERMINOLOGY.open(encoding="utf-8", newline="") as rows:
        return {(row["system"], row["code"]): row for row in csv.DictReader(rows) if row["code"]}


def test_codes_come_from_the_checked_list_and_doubtful_ones_say_so(
    checked_codes: Mapping[Code, dict[str, str]],
) -> None:
    unknown: set[Code] = set()
    for name in resources("valueset"):
        for system, concept in concepts(name):
            if system in (LOCAL, OVERRIDE_REASONS, HGNC, HGNC_GENE_ID):
                continue
            code = (ICD_O_3 if system == ICD_O_3_OID else system, concept["code"])
            row = checked_codes.get(code)
            marked = concept["extension"][0]["valueString"].startswith("unverified: ")
            if row is None:
                unknown |= {code} - PLAIN_RESULT_VALUES if not marked else set()
            elif name == "gist-site-stomach" and system == ICD_10:
                continue  # the organ alone, which the code does say
            else:
                assert marked == (row["confidence"] != "confirmed"), (name, code)
    stomach = {
        (ICD_10, f"C16{suffix}") for suffix in ("", ".0", ".1", ".2", ".3", ".4", ".5", ".6", ".8", ".9")
    }
    assert unknown <= stomach


def test_displays_are_those_of_the_checked_list(checked_codes: Mapping[Code, dict[str, str]]) -> None:
    header = r" \[(LOINC COMPONENT only|category/non-billable header|non-billable header)\]"
    notes = header + r"| \(code used until 2020\)"
    for name in resources("valueset"):
        for system, concept in concepts(name):
            row = checked_codes.get((ICD_O_3 if system == ICD_O_3_OID else system, concept["code"]))
            if row is not None:
                assert re.sub(notes, "", concept["display"]) == re.sub(notes, "", row["display"]).strip(), (
                    name
                )
