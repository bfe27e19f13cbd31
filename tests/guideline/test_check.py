"""What `content check` finds, beyond what stops the start."""

# ruff: noqa: E501 - one fault a line
from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from service.guideline import Guideline, Problem
from service.guideline.check import check_guideline
from tests.guideline.building import TINY, Json, change, copy_of_tiny

VIEW = "plandefinition/hydration-patient-view.json"
SELECT = "plandefinition/hydration-order-select.json"
CARE = "plandefinition/great-thirst-care.json"
WATER = "activitydefinition/drink-water.json"
THIRST = "valueset/thirst.json"
FACTS = "structuredefinition/action-facts.json"
LIBRARY = "library/HydrationLogic.json"
BASE = "https://hydration.example.org/fhir"


def test_the_tiny_guideline_checks_out() -> None:
    assert check_guideline(TINY) == []


def _without(*names: str) -> Callable[[Json], object]:
    return lambda body: [body.pop(name) for name in names]


def _card(**changed: object) -> Callable[[Json], object]:
    return lambda body: body["action"][0].update(changed)


def _card_without(name: str) -> Callable[[Json], object]:
    return lambda body: body["action"][0].pop(name)


def _undocumented(body: Json) -> None:
    for action in body["action"]:
        action.pop("documentation", None)


FAULTS: list[tuple[str, Callable[[Json], object], str, str]] = [
    (WATER, lambda body: body.update(colour="blue"), "ActivityDefinition.colour", "is not R4"),
    (VIEW, lambda body: body.update(date="yesterday"), "PlanDefinition.date", "is not R4"),
    (VIEW, lambda body: body["action"][1]["action"][0].update(timingAge=3), "PlanDefinition.action[1].action[0].timingAge", "is not R4"),
    *((VIEW, _without(name), f"PlanDefinition.{name}", "missing") for name in ("name", "title", "date", "publisher", "copyright", "approvalDate", "lastReviewDate")),
    *((THIRST, _without(name), f"ValueSet.{name}", "missing") for name in ("name", "title", "date", "publisher", "copyright", "description")),
    (WATER, lambda body: body.update(name="drink water"), "ActivityDefinition.name", "computable name"),
    (WATER, lambda body: body.update(status="draft"), "ActivityDefinition.status", "not active"),
    (WATER, lambda body: body.update(experimental=True), "ActivityDefinition.experimental", "not false"),
    (WATER, _without("effectivePeriod"), "ActivityDefinition.effectivePeriod", "no start"),
    (WATER, lambda body: body.update(publisher="Someone else"), "ActivityDefinition.publisher", "is not that of"),
    (LIBRARY, lambda body: body.update(relatedArtifact=body["relatedArtifact"][1:]), "Library.relatedArtifact", "cites no source"),
    (VIEW, lambda body: body["relatedArtifact"][0].pop("display"), "PlanDefinition.relatedArtifact[0]", "display"),
    (VIEW, lambda body: body["relatedArtifact"][0].update(type="quote"), "PlanDefinition.relatedArtifact[0].type", "'quote' is not one of"),
    (VIEW, lambda body: body["type"]["coding"][0].update(code="rule"), "PlanDefinition.type", "not coded with"),
    (WATER, lambda body: body.update(intent="directive"), "ActivityDefinition.intent", "'directive' is not one of"),
    (WATER, lambda body: body.update(priority="now"), "ActivityDefinition.priority", "'now' is not one of"),
    (VIEW, _card_without("id"), "PlanDefinition.action[0]", "no id"),
    (VIEW, _card_without("description"), "PlanDefinition.action[0].description", "becomes a card"),
    (VIEW, _card_without("title"), "PlanDefinition.action[0].title", "becomes a card"),
    (VIEW, _card(title="x" * 140), "PlanDefinition.action[0].title", "140 characters"),
    (VIEW, _card_without("priority"), "PlanDefinition.action[0].priority", "is not one of"),
    (VIEW, _card(priority="asap"), "PlanDefinition.action[0].priority", "is not one of"),
    (VIEW, _card_without("documentation"), "PlanDefinition.action[0].documentation", "names its source"),
    (VIEW, lambda body: body["action"][0]["documentation"][0].pop("url"), "PlanDefinition.action[0].documentation[0].url", "missing"),
    (VIEW, _card_without("code"), "PlanDefinition.action[0].code", "topic"),
    (VIEW, _card_without("selectionBehavior"), "PlanDefinition.action[0].selectionBehavior", "alternatives"),
    (VIEW, _card(selectionBehavior="one"), "PlanDefinition.action[0].selectionBehavior", "'one' is not one of"),
    (VIEW, _card(groupingBehavior="group"), "PlanDefinition.action[0].groupingBehavior", "'group' is not one of"),
    (VIEW, lambda body: body["action"][0]["action"][0].update(precheckBehavior="maybe"), "PlanDefinition.action[0].action[0].precheckBehavior", "'maybe' is not one of"),
    (VIEW, _card(requiredBehavior="may"), "PlanDefinition.action[0].requiredBehavior", "'may' is not one of"),
    (VIEW, _card(cardinalityBehavior="two"), "PlanDefinition.action[0].cardinalityBehavior", "'two' is not one of"),
    (VIEW, lambda body: body["action"][0]["trigger"].append({"type": "periodic", "name": "x"}), "PlanDefinition.action[0].trigger[1].type", "'periodic' is not one of"),
    (CARE, lambda body: body["action"][0]["relatedAction"][0].update(relationship="later"), "PlanDefinition.action[0].relatedAction[0].relationship", "'later' is not one of"),
    (SELECT, lambda body: body["action"][0]["action"][1]["type"]["coding"][0].update(code="delete"), "PlanDefinition.action[0].action[1].type", "not coded with"),
    (VIEW, lambda body: body["action"][0]["action"].append({"id": "mute"}), "PlanDefinition.action[0].action[4].title", "says nothing"),
    (VIEW, lambda body: body["action"][0]["code"][0]["coding"][0].update(code="hunger"), "PlanDefinition.action[0].code[0].coding[0]", "no code 'hunger'"),
    (THIRST, lambda body: body["compose"]["include"][0]["concept"][0].update(code="hunger"), "ValueSet.compose.include[0]", "no code 'hunger'"),
    (THIRST, lambda body: body["compose"]["include"][0]["concept"][1].pop("extension"), "ValueSet.compose.include[0].concept[1]", "where great-thirst comes from"),
    (WATER, lambda body: body["library"].__setitem__(0, f"{BASE}/Library/HydrationLogic"), "ActivityDefinition.library[0]", "says no version"),
    (VIEW, lambda body: body["relatedArtifact"].append({"type": "depends-on", "resource": f"{BASE}/Library/X|2024.2.0"}), "PlanDefinition.relatedArtifact[1].resource", "there is no"),
    (VIEW, lambda body: body["action"][0]["extension"][0].update(url=f"{BASE}/StructureDefinition/action-fact"), "PlanDefinition.action[0].extension[0]", "unknown to the service"),
    (VIEW, lambda body: body["extension"][0].update(url=f"{BASE}/StructureDefinition/action-drafts"), "PlanDefinition.extension[0]", "belongs on a PlanDefinition.action"),
    (VIEW, _card(extension=[{"url": f"{BASE}/StructureDefinition/prefetch", "valueString": "x"}]), "PlanDefinition.action[0].extension[0]", "belongs on a PlanDefinition"),
    (FACTS, lambda body: body["context"][0].update(expression="PlanDefinition"), "StructureDefinition.context", "is not the element PlanDefinition.action"),
    (FACTS, lambda body: body.update(url=f"{BASE}/StructureDefinition/mood"), "StructureDefinition.url", "no extension that the service knows"),
    (FACTS, _without("kind"), "StructureDefinition.kind", "is not R4"),
    (LIBRARY, lambda body: body["content"][0].update(data=base64.b64encode(b"library X").decode()), "Library.content[0].data", "differs from cql/HydrationLogic.cql"),
    (LIBRARY, lambda body: body.update(content=body["content"][1:]), "Library.content", "no content of type text/cql"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("file", "edit", "element", "message"), FAULTS, ids=[f"{each[2]}: {each[3]}" for each in FAULTS]
)
def test_a_fault_is_found_where_it_is(
    tmp_path: Path, file: str, edit: Callable[[Json], object], element: str, message: str
) -> None:
    folder = copy_of_tiny(tmp_path)
    change(folder, file, edit)
    problems = check_guideline(folder)
    assert any(
        (each.file, each.element) == (file, element) and message in each.message for each in problems
    ), problems


def test_faults_that_stop_the_start_are_found_too_and_all_at_once(tmp_path: Path) -> None:
    folder = copy_of_tiny(tmp_path)
    change(folder, WATER, lambda body: body.update(kind="Appointment", name="x"))
    change(folder, THIRST, lambda body: body["compose"]["include"][0].update(filter=[{"property": "p"}]))
    found = {(problem.file, problem.element) for problem in check_guideline(folder)}
    assert {(WATER, "ActivityDefinition.kind"), (WATER, "ActivityDefinition.name")} <= found
    assert (THIRST, "ValueSet.compose.include[0].filter") in found


def test_documentation_may_be_that_of_the_action_above(tmp_path: Path) -> None:
    folder = copy_of_tiny(tmp_path)
    change(folder, CARE, _undocumented)
    assert check_guideline(folder) == []
    change(folder, VIEW, _undocumented)
    found = {(problem.file, problem.element) for problem in check_guideline(folder)}
    assert (CARE, "PlanDefinition.action[0].documentation") in found
    assert (VIEW, "PlanDefinition.action[0].action[0].documentation") in found


def test_an_extension_that_is_used_is_defined(tmp_path: Path) -> None:
    folder = copy_of_tiny(tmp_path)
    (folder / FACTS).unlink()
    found = check_guideline(folder)
    assert {problem.message for problem in found} == {"there is no structuredefinition/action-facts.json"}
    assert (VIEW, "PlanDefinition.action[0].extension[0]") in {(each.file, each.element) for each in found}


def test_what_nothing_leads_to_is_named(tmp_path: Path) -> None:
    folder = copy_of_tiny(tmp_path)
    change(folder, VIEW, lambda body: body["action"][0]["action"].pop(0))
    assert {problem.file for problem in check_guideline(folder)} == {
        CARE, "activitydefinition/rest-in-shade.json", "activitydefinition/refill-jug.json"
    }  # fmt: skip


def test_cql_and_libraries_belong_together(tmp_path: Path) -> None:
    folder = copy_of_tiny(tmp_path)
    (folder / "cql" / "HydrationLogic.cql").rename(folder / "cql" / "Other.cql")
    assert check_guideline(folder) == [
        Problem("cql/Other.cql", "library", "there is no library/Other.json: build the content"),
        Problem(LIBRARY, "Library.id", "there is no cql/HydrationLogic.cql"),
    ]


def test_the_file_is_named_and_written_like_the_others(tmp_path: Path) -> None:
    folder = copy_of_tiny(tmp_path)
    (folder / WATER).rename(folder / "activitydefinition" / "water.json")
    body = json.loads((folder / THIRST).read_text())
    (folder / THIRST).write_text(json.dumps(body, indent=4))
    assert {(problem.file, problem.element) for problem in check_guideline(folder)} == {
        ("activitydefinition/water.json", "ActivityDefinition.id"),
        (THIRST, "$"),
    }


def test_loading_does_not_need_what_only_authors_care_for(tmp_path: Path) -> None:
    folder = copy_of_tiny(tmp_path)
    change(folder, WATER, _without("copyright"))
    assert Guideline.load(folder).version == "2024.2.0"


def test_an_empty_folder_is_a_problem(tmp_path: Path) -> None:
    [problem] = check_guideline(tmp_path)
    assert "no FHIR resource" in problem.message
