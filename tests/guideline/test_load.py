"""Loading: the tiny guideline loads, and whatever is damaged stops the start, naming file and element."""

# ruff: noqa: E501 - one damage a line
from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from service.guideline import ContentError, Guideline
from tests.guideline.building import TINY, Json, change, copy_of_tiny, plan, small, true, write

VIEW = "plandefinition/hydration-patient-view.json"
SELECT = "plandefinition/hydration-order-select.json"
CARE = "plandefinition/great-thirst-care.json"
WATER = "activitydefinition/drink-water.json"
THIRST = "valueset/thirst.json"
LIBRARY = "library/HydrationLogic.json"
BASE = "https://hydration.example.org/fhir"


def test_the_tiny_guideline_loads() -> None:
    guideline = Guideline.load(TINY)
    assert (guideline.base, guideline.version) == (BASE, "2024.2.0")
    assert [(plan.id, plan.hook) for plan in guideline.hooks] == [
        ("hydration-order-select", "order-select"),
        ("hydration-patient-view", "patient-view"),
    ]
    view = guideline.hooks[1]
    assert view.title == "Hydration: on opening the chart"
    assert view.description == "Says what to drink when a patient is thirsty."
    assert view.usage_requirements == "FHIR R4. For tests only: this guideline is made up."
    assert [(reason["code"], reason["display"]) for reason in view.override_reasons] == [
        ("not-thirsty", "The patient is not thirsty any more"),
        ("at-sea", "There is no other drink here"),
    ]


def test_resources_are_found_by_canonical_and_id() -> None:
    content = Guideline.load(TINY).content
    water = content.get("ActivityDefinition", "drink-water")
    assert water is not None
    assert content.resolve(f"{BASE}/ActivityDefinition/drink-water") is water
    assert content.resolve(f"{BASE}/ActivityDefinition/drink-water|2024.2.0") is water
    assert content.resolve(f"{BASE}/ActivityDefinition/drink-water|2023.1.0") is None


def _first(name: str, value: Any) -> Callable[[Json], object]:
    return lambda body: body["action"][0].__setitem__(name, value)


def _set(name: str, value: Any) -> Callable[[Json], object]:
    return lambda body: body.__setitem__(name, value)


def _condition(**changed: str) -> Callable[[Json], object]:
    return lambda body: body["action"][0]["condition"][0]["expression"].update(changed)


def _elm(edit: Callable[[Json], object]) -> Callable[[Json], object]:
    def apply(body: Json) -> None:
        content = next(each for each in body["content"] if each["contentType"] == "application/elm+json")
        elm = json.loads(base64.b64decode(content["data"]))
        edit(elm["library"])
        content["data"] = base64.b64encode(json.dumps(elm).encode()).decode()

    return apply


def _trigger(hook: str) -> list[Json]:
    return [{"type": "named-event", "name": hook}]


DAMAGE: list[tuple[str, str, Callable[[Json], object], str, str]] = [
    ("a resource in the wrong folder", WATER, _set("resourceType", "ValueSet"), "resourceType", "hold a"),
    ("no id", WATER, lambda body: body.pop("id"), "ActivityDefinition.id", "missing"),
    ("no version", THIRST, lambda body: body.pop("version"), "ValueSet.version", "missing"),
    ("another version", WATER, _set("version", "2023.1.0"), "ActivityDefinition.version", "is 2023.1.0"),
    ("another base", WATER, _set("url", "https://x.org/drink-water"), "ActivityDefinition.url", "is not"),
    ("the same url twice", WATER, _set("url", f"{BASE}/ActivityDefinition/refill-jug"), "ActivityDefinition.url", "is"),
    ("an array that is none", VIEW, _set("action", {}), "PlanDefinition.action", "not an array"),
    ("an action that is none", VIEW, _set("action", ["x"]), "PlanDefinition.action[0]", "not a JSON object"),
    ("an empty title", VIEW, _first("title", " "), "PlanDefinition.action[0].title", "non-empty string"),
    ("no library", VIEW, lambda body: body.pop("library"), "PlanDefinition.action[0].condition[0].expression.expression", "needs a library"),
    ("a library we lack", VIEW, _set("library", [f"{BASE}/Library/Other|2024.2.0"]), "PlanDefinition.library[0]", "there is no Library"),
    ("an expression in a library of its own", VIEW, _condition(reference="urn:x"), "PlanDefinition.action[0].condition[0].expression.reference", "own library"),
    ("an action for two hooks", VIEW, lambda body: body["action"][0]["trigger"].extend(_trigger("order-sign")), "PlanDefinition.action[0].trigger", "several hooks"),
    ("usage requirements that say nothing", VIEW, lambda body: body["extension"][0].pop("valueString"), "PlanDefinition.extension[0].valueString", "missing"),
    ("an override reason without display", "codesystem/override-reason.json", lambda body: body["concept"][0].pop("display"), "PlanDefinition.extension[1].valueCanonical", "needs a display"),
    ("a define that is private", LIBRARY, _elm(lambda elm: elm["statements"]["def"][2].update(accessLevel="Private")), "PlanDefinition.action[0].condition[0].expression.expression", "is private"),
    ("a library of another version", WATER, _set("library", [f"{BASE}/Library/HydrationLogic|1"]), "ActivityDefinition.library[0]", "there is no Library"),
    ("two libraries", VIEW, lambda body: body["library"].append("x"), "PlanDefinition.library", "exactly one"),
    ("an expression in another language", VIEW, _condition(language="text/fhirpath"), "PlanDefinition.action[0].condition[0].expression.language", "text/cql-identifier"),
    ("a define that is not there", VIEW, _condition(expression="Nope"), "PlanDefinition.action[0].condition[0].expression.expression", "no define HydrationLogic.Nope"),
    ("a condition that is no Boolean", VIEW, _condition(expression="Level"), "PlanDefinition.action[0].condition[0].expression.expression", "System.Integer, not System.Boolean"),
    ("a start condition", VIEW, lambda body: body["action"][0]["condition"][0].update(kind="start"), "PlanDefinition.action[0].condition[0].kind", "applicability"),
    ("facts that are no list", VIEW, lambda body: body["action"][0]["extension"][0]["valueExpression"].update(expression="Level"), "PlanDefinition.action[0].extension[0].valueExpression.expression", "not List"),
    ("drafts that are not there", SELECT, lambda body: body["action"][0]["extension"][1]["valueExpression"].update(expression="X"), "PlanDefinition.action[0].extension[1].valueExpression.expression", "no define"),
    ("a definition we lack", CARE, _first("definitionCanonical", f"{BASE}/ActivityDefinition/x|2024.2.0"), "PlanDefinition.action[0].definitionCanonical", "there is no"),
    ("a definition without version", CARE, _first("definitionCanonical", f"{BASE}/ActivityDefinition/drink-water"), "PlanDefinition.action[0].definitionCanonical", "no version"),
    ("a definition that cannot be applied", CARE, _first("definitionCanonical", f"{BASE}/ValueSet/thirst|2024.2.0"), "PlanDefinition.action[0].definitionCanonical", "cannot be applied"),
    ("a definition by uri", CARE, _first("definitionUri", "urn:x"), "PlanDefinition.action[0].definitionUri", "definitionCanonical"),
    ("a plan that leads back to itself", CARE, _first("definitionCanonical", f"{BASE}/PlanDefinition/great-thirst-care|2024.2.0"), "PlanDefinition.action[0].definitionCanonical", "back to itself"),
    ("a dynamicValue without path", CARE, lambda body: body["action"][1]["dynamicValue"][0].pop("path"), "PlanDefinition.action[1].dynamicValue[0].path", "empty"),
    ("a dynamicValue that R4 lacks", WATER, lambda body: body["dynamicValue"][0].update(path="colour"), "ActivityDefinition.dynamicValue[0].path", "no element 'colour'"),
    ("a dynamicValue with nothing to set", VIEW, lambda body: body["action"][0]["dynamicValue"][0].update(path="code"), "PlanDefinition.action[0].dynamicValue[0].path", "no resource"),
    ("a dynamicValue whose define is not there", WATER, lambda body: body["dynamicValue"][0]["expression"].update(expression="X"), "ActivityDefinition.dynamicValue[0].expression.expression", "no define"),
    ("two actions of one id", CARE, lambda body: body["action"][1].update(id="rest"), "PlanDefinition.action[1].id", "'rest' too"),
    ("a relation to nothing", CARE, lambda body: body["action"][0]["relatedAction"][0].update(actionId="x"), "PlanDefinition.action[0].relatedAction[0].actionId", "no action"),
    ("relations in a circle", CARE, lambda body: body["action"][1].update(relatedAction=[{"actionId": "rest", "relationship": "after"}]), "PlanDefinition.action", "circle"),
    ("hooks that differ", VIEW, lambda body: body["action"][1].update(trigger=_trigger("order-sign")), "PlanDefinition.action", "differ in the hook"),
    ("a card without hook", VIEW, lambda body: body["action"][1].pop("trigger"), "PlanDefinition.action", "differ in the hook"),
    ("a second plan for a hook", VIEW, lambda body: [action.update(trigger=_trigger("order-select")) for action in body["action"]], "PlanDefinition.action[0].trigger", "answers order-select already"),
    ("no description of the service", VIEW, lambda body: body.pop("description"), "PlanDefinition.description", "description"),
    ("override reasons that are not there", VIEW, lambda body: body["extension"][1].update(valueCanonical=f"{BASE}/ValueSet/x"), "PlanDefinition.extension[1].valueCanonical", "there is no ValueSet"),
    ("a prefetch key for a type nobody reads", VIEW, lambda body: body["extension"][2]["extension"][0].update(valueCode="Device"), "PlanDefinition.extension", "which no Library retrieves"),
    ("one prefetch key for two types", VIEW, lambda body: body["extension"][2]["extension"][1].update(valueString="conditions"), "PlanDefinition.extension", "share the prefetch key"),
    ("an unknown kind", WATER, _set("kind", "Appointment"), "ActivityDefinition.kind", "is not one of"),
    ("a request for nothing", WATER, lambda body: body.pop("productCodeableConcept"), "ActivityDefinition", "needs productCodeableConcept"),
    ("what the request cannot carry", WATER, _set("quantity", {"value": 1}), "ActivityDefinition.quantity", "cannot carry"),
    ("a request for two performers", WATER, _set("participant", [{"type": "practitioner", "role": {"text": "one"}}, {"type": "practitioner", "role": {"text": "other"}}]), "ActivityDefinition.participant", "one role"),
    ("a request without intent", "activitydefinition/refill-jug.json", lambda body: body.pop("intent"), "ActivityDefinition.intent", "needs an intent"),
    ("a task not to do", "activitydefinition/refill-jug.json", _set("doNotPerform", True), "ActivityDefinition.doNotPerform", "cannot say"),
    ("a value set of filters", THIRST, lambda body: body["compose"]["include"][0].update(filter=[{}]), "ValueSet.compose.include[0].filter", "list the codes"),
    ("a value set of a system we lack", "valueset/override-reasons.json", lambda body: body["compose"]["include"][0].update(system="http://snomed.info/sct"), "ValueSet.compose.include[0].system", "not held in full"),
    ("a value set of value sets we lack", "valueset/sweet-drinks.json", lambda body: body["compose"]["include"][0].update(valueSet=["x"]), "ValueSet.compose.include[0].valueSet[0]", "there is no ValueSet"),
    ("a value set in itself", "valueset/drinks.json", lambda body: body["compose"]["include"][0].update(valueSet=[f"{BASE}/ValueSet/sweet-drinks"]), "ValueSet.compose", "includes itself"),
    ("an empty value set", THIRST, lambda body: body["compose"]["include"][0].update(concept=[]), "ValueSet.compose", "no code at all"),
    ("a concept without code", THIRST, lambda body: body["compose"]["include"][0]["concept"][0].pop("code"), "ValueSet.compose.include[0].concept[0]", "no code"),
    ("no ELM", LIBRARY, lambda body: body.update(content=body["content"][:1]), "Library.content", "no content of type application/elm+json"),
    ("ELM that is not base64", LIBRARY, lambda body: body["content"][1].update(data="§"), "Library.content[1].data", "not base64"),
    ("ELM that is not JSON", LIBRARY, lambda body: body["content"][1].update(data="eA=="), "Library.content[1].data", "not an ELM library"),
    ("ELM of another library", LIBRARY, _elm(lambda elm: elm["identifier"].update(id="Other")), "Library.name", "'Other'"),
    ("ELM of another version", LIBRARY, _elm(lambda elm: elm["identifier"].update(version="1")), "Library.version", "'1'"),
    ("ELM that the engine does not know", LIBRARY, _elm(lambda elm: elm["statements"]["def"][-1].update(expression={"type": "Guess"})), "Library.content", "Guess"),
    ("a value set that the logic lacks", LIBRARY, _elm(lambda elm: elm["valueSets"]["def"][0].update(id="urn:other")), "Library.content", "urn:other"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("file", "edit", "element", "message"), [each[1:] for each in DAMAGE], ids=[each[0] for each in DAMAGE]
)
def test_damaged_content_stops_the_start(
    tmp_path: Path, file: str, edit: Callable[[Json], object], element: str, message: str
) -> None:
    folder = copy_of_tiny(tmp_path)
    change(folder, file, edit)
    with pytest.raises(ContentError) as raised:
        Guideline.load(folder)
    problems = raised.value.problems
    assert any(each.element == element and message in each.message for each in problems), str(raised.value)
    assert f"{element}: " in str(raised.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "not readable as JSON"),
        (b"\xff{}", "not readable as JSON"),
        (b'{"id": "a", "id": "b"}', "duplicate key 'id'"),
        (b"[]", "hold a ValueSet"),
    ],
)
def test_a_file_that_is_no_resource_stops_the_start(tmp_path: Path, content: bytes, message: str) -> None:
    folder = copy_of_tiny(tmp_path)
    (folder / THIRST).write_bytes(content)
    with pytest.raises(ContentError, match=message) as raised:
        Guideline.load(folder)
    assert THIRST in {problem.file for problem in raised.value.problems}


def test_all_problems_are_listed(tmp_path: Path) -> None:
    folder = copy_of_tiny(tmp_path)
    change(folder, WATER, _set("kind", "Appointment"))
    change(folder, THIRST, lambda body: body["compose"]["include"][0].update(filter=[{}]))
    with pytest.raises(ContentError) as raised:
        Guideline.load(folder)
    assert {WATER, THIRST} <= {problem.file for problem in raised.value.problems}


def test_an_empty_folder_is_no_guideline(tmp_path: Path) -> None:
    with pytest.raises(ContentError, match="no FHIR resource"):
        Guideline.load(tmp_path)


def test_a_guideline_without_hook_is_none(tmp_path: Path) -> None:
    with pytest.raises(ContentError, match="no PlanDefinition answers a hook"):
        Guideline.load(write(tmp_path, {"Yes": true()}, [plan("root", {"id": "a", "title": "A"})]))


def test_other_folders_are_not_read(tmp_path: Path) -> None:
    folder = copy_of_tiny(tmp_path)
    (folder / "authoring").mkdir()
    (folder / "authoring" / "x.json").write_text("{")
    assert Guideline.load(folder).version == "2024.2.0"


def test_the_hook_is_that_of_the_triggers(tmp_path: Path) -> None:
    guideline, _ = small(tmp_path, {"Yes": true()}, plan("root", {"id": "a", "title": "A"}))
    [hook] = guideline.hooks
    assert (hook.id, hook.hook, hook.override_reasons) == ("root", "patient-view", ())
