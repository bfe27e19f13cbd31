"""$apply: the same decision as through the hooks, as R4 resources that hold together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from service.guideline import AppliedAction
from service.patient import read_drafts, read_record
from tests.cases.case_file import Case, all_cases
from tests.cases.patient_language import drafts, patient, resources
from tests.cases.service import NOW, guideline
from tests.fhir_api.asking import (
    PATIENT_ID,
    PLAN,
    SELECT,
    apply_case,
    apply_lines,
    bundle,
    checked,
    client,
    get,
    parameters,
    post,
    selected,
    valid,
)

Json = dict[str, Any]
CASES = list({case.id.partition("/")[0] + case.hook: case for case in all_cases()}.values())
GIST = ("GIST of stomach", "resectability: resectable", "genotype: KIT exon 11")
ABSENT = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"


def every(actions: list[Json]) -> Iterator[Json]:
    for action in actions:
        yield action
        yield from every(action.get("action", []))


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("reference"), str):
            yield value["reference"]
        for item in value.values():
            yield from references(item)
    elif isinstance(value, list):
        for item in value:
            yield from references(item)


def group_of(plan: Json) -> Json:
    group: Json = plan["contained"][0]
    assert group["resourceType"] == "RequestGroup"
    return group


def held(plan: Json, reference: str) -> Json:
    (found,) = [each for each in plan["contained"] if f"#{each['id']}" == reference]
    return dict(found)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_the_answer_holds_together(case: Case) -> None:
    plan = apply_case(case)
    contained = {f"#{each['id']}" for each in plan["contained"]}
    assert len(contained) == len(plan["contained"])
    assert {each for each in references(plan) if each.startswith("#")} == contained
    actions = list(every(group_of(plan).get("action", [])))
    assert len({action["id"] for action in actions}) == len(actions)
    for action in actions:
        assert ("resource" in action) != ("action" in action), "rqg-1"
    for resource in plan["contained"]:
        valid(resource)
        if resource["resourceType"] != "OperationOutcome":
            about = resource["for" if resource["resourceType"] == "Task" else "subject"]
            assert about == {"reference": f"Patient/{PATIENT_ID}"}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_it_is_what_the_guideline_says(case: Case) -> None:
    plan = apply_case(case)
    applied = _applied(case)
    shown = {action["id"]: action for action in every(group_of(plan).get("action", [])) if "title" in action}
    for action in applied:
        row = shown.pop(action.path.partition("/")[2])
        assert (row["title"], row.get("description")) == (action.title, action.description)
        if action.resource is not None:
            made = held(plan, row["resource"]["reference"])
            assert {name: value for name, value in made.items() if name != "id"} == action.resource
    assert not shown


def _applied(case: Case) -> list[AppliedAction]:
    """The same patient through the guideline room."""
    needs = guideline().data_needs
    known = bundle([patient(PATIENT_ID, case.country), *resources(case.patient, PATIENT_ID)])
    prefetch: Json = dict.fromkeys(need.key for need in needs) | {needs[0].key: known}
    record = read_record(PATIENT_ID, prefetch, needs)
    given: Json = {}
    if case.drafts:
        orders = drafts(case.drafts, PATIENT_ID)
        context: Json = {"patientId": PATIENT_ID, "draftOrders": bundle(orders)}
        context["selections"] = selected(case, orders)
        read = read_drafts(context, case.hook == "order-select", record)
        given = {"draftOrders": list(read.resources), "selections": read.selections and list(read.selections)}
    plan = next(plan.id for plan in guideline().hooks if plan.hook == case.hook)
    applied = guideline().apply(plan, guideline().evaluation(record, NOW, given), f"Patient/{PATIENT_ID}")

    def walk(actions: tuple[AppliedAction, ...]) -> Iterator[AppliedAction]:
        for action in actions:
            yield action
            yield from walk(action.children)

    return list(walk(applied.actions))


def test_nothing_is_in_force_before_a_person_decides() -> None:
    plan = apply_lines(*GIST)
    statuses = {
        each["status"] for each in plan["contained"] if each["resourceType"].endswith(("Request", "Group"))
    }
    assert statuses == {"draft"}
    assert (plan["status"], plan["intent"]) == ("draft", "proposal")


def test_what_nobody_can_decide_is_told_apart() -> None:
    plan = apply_lines("GIST of stomach", "resectability: resectable")
    (extension,) = group_of(plan)["extension"]
    messages = held(plan, extension["valueReference"]["reference"])
    undecided = [issue for issue in messages["issue"] if issue["code"] == "incomplete"]
    assert undecided
    for issue in undecided:
        assert issue["extension"] == [{"url": ABSENT, "valueCode": "asked-unknown"}]
        assert "not known" in issue["details"]["text"]


def test_a_fact_that_is_not_recorded_is_marked_absent() -> None:
    plan = apply_case(next(case for case in all_cases() if case.id == "15-progressive/stable-since"))
    facts = [
        part
        for action in every(group_of(plan)["action"])
        for extension in action.get("extension", ())
        if extension["url"].endswith("/action-fact")
        for part in extension["extension"]
        if part["url"] == "value" and "valueString" not in part
    ]
    assert facts
    assert all(part["extension"] == [{"url": ABSENT, "valueCode": "unknown"}] for part in facts)


def test_a_draft_to_remove_is_pointed_to() -> None:
    case = next(case for case in all_cases() if case.id == "check-pairs/trametinib-alone")
    removing = [
        action
        for action in every(group_of(apply_case(case))["action"])
        if action.get("type", {}).get("coding", [{}])[0].get("code") == "remove"
    ]
    assert [action["resource"] for action in removing] == [{"reference": "MedicationRequest/draft-1"}]


def test_the_same_as_a_bundle() -> None:
    case = CASES[0]
    plan, entries = apply_case(case), apply_case(case, "$r5.apply")["entry"]
    assert [entry["resource"]["id"] for entry in entries] == [each["id"] for each in plan["contained"]]
    urls = {entry["fullUrl"] for entry in entries}
    assert {each for each in references(entries) if each.startswith("urn:")} == urls - {entries[0]["fullUrl"]}


def test_encounter_and_practitioner_are_carried() -> None:
    plan = apply_lines(*GIST, encounter="Encounter/e", practitioner="Practitioner/d")
    for resource in (plan, group_of(plan)):
        assert resource["encounter"] == {"reference": "Encounter/e"}
        assert resource["author"] == {"reference": "Practitioner/d"}


def test_a_plan_may_be_named_by_its_url() -> None:
    data = bundle([patient(PATIENT_ID), *resources(GIST, PATIENT_ID)])
    url = f"{guideline().base}/PlanDefinition/{PLAN}|{guideline().version}"
    plan = post("PlanDefinition/$apply", parameters(url=url, subject=f"Patient/{PATIENT_ID}", data=data))
    assert plan["instantiatesCanonical"] == [url]


def test_a_malformed_resource_is_left_out_and_named() -> None:
    given = resources(GIST, PATIENT_ID)
    data = bundle([patient(PATIENT_ID), *given, {**given[0], "id": "broken", "code": 7}])
    plan = post(f"PlanDefinition/{PLAN}/$apply", parameters(subject=PATIENT_ID, data=data))
    told = [issue["details"]["text"] for issue in plan["contained"][-1]["issue"]]
    assert any("Condition/broken" in text for text in told)
    assert group_of(plan)["action"]


def test_one_activity() -> None:
    data = bundle([patient(PATIENT_ID), *resources(GIST, PATIENT_ID)])
    asked = parameters(subject=f"Patient/{PATIENT_ID}", data=data, practitioner="Practitioner/d")
    request = post("ActivityDefinition/drug-imatinib/$apply", asked)
    assert (request["resourceType"], request["status"]) == ("MedicationRequest", "draft")
    assert request["subject"] == {"reference": f"Patient/{PATIENT_ID}"}
    assert request["requester"] == {"reference": "Practitioner/d"}


def test_the_requirements_of_a_plan() -> None:
    library = get(f"PlanDefinition/{SELECT}/$data-requirements")
    assert library["type"]["coding"][0]["code"] == "module-definition"
    named = {each["resource"] for each in library["relatedArtifact"]}
    assert f"{guideline().base}/Library/SarcomaFacts|{guideline().version}" in named
    assert f"{guideline().base}/ActivityDefinition/drug-imatinib|{guideline().version}" in named
    asked = {each["type"] for each in library["dataRequirement"]}
    assert asked >= {"Condition", "Observation", "MedicationRequest"}
    assert {each["name"] for each in library["parameter"]} >= {"draftOrders", "selections"}
    rows = library["dataRequirement"]
    assert all(rows.count(row) == 1 for row in rows)


ENDPOINT = {"resourceType": "Endpoint"}
SENT = {"resourceType": "PlanDefinition"}
NAMELESS = {"resourceType": "Parameters", "parameter": [{"valueString": "x"}]}


def logic(**given: Any) -> Json:
    """$apply of a patient of whom nothing is known, with parameters for the logic."""
    return parameters(subject="Patient/1", data=bundle([patient("1")]), parameters=parameters(**given))


REFUSED: list[tuple[str, Json, int, str]] = [
    ("no patient", parameters(data=bundle([])), 422, "subject"),
    ("no data", parameters(subject="Patient/1"), 422, "data"),
    ("another kind of subject", parameters(subject="Group/1", data=bundle([])), 422, "subject"),
    ("content elsewhere", parameters(subject="Patient/1", contentEndpoint=ENDPOINT), 400, "contentEndpoint"),
    ("a plan sent along", parameters(planDefinition=SENT), 400, "planDefinition"),
    ("data that is no Bundle", parameters(subject="Patient/1", data=patient("1")), 400, "data"),
    ("two patients", parameters(subject=["Patient/1", "Patient/2"], data=bundle([])), 400, "subject"),
    ("an unknown parameter", logic(colour="red"), 400, "country, draftOrders, selections"),
    ("a misspelt parameter", logic(draftorders=patient("1")), 400, "draftOrders"),
    ("a country that is none", logic(country=7), 400, "type"),
    ("two countries", logic(country=["US", "NL"]), 400, "country once"),
    ("selections that are none", logic(selections=7), 400, "type"),
    ("a draft that is no resource", logic(draftOrders="tea"), 400, "draftOrders"),
    ("no Parameters", patient("1"), 400, "Parameters"),
    ("parts without a name", NAMELESS, 400, "name"),
]


@pytest.mark.parametrize(("asked", "status", "word"), [pytest.param(*row[1:], id=row[0]) for row in REFUSED])
def test_what_cannot_be_answered_says_what_to_send(asked: Json, status: int, word: str) -> None:
    outcome = post(f"PlanDefinition/{PLAN}/$apply", asked, status)
    assert word in outcome["issue"][0]["details"]["text"]


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff", b""])
def test_a_body_that_cannot_be_read(body: bytes) -> None:
    path = f"/fhir/PlanDefinition/{PLAN}/$apply"
    checked(client().post(path, data=body, content_type="application/fhir+json"), 400)
    checked(client().post(path, data=body, content_type="application/fhir+xml"), 415)
