"""What the service asks an EHR for, and what value sets hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from service.guideline import DataNeed, Guideline
from service.guideline.needs import LONGEST
from tests.guideline.building import TINY, Json, change, copy_of_tiny

CONCEPTS = "https://hydration.example.org/fhir/CodeSystem/hydration-concepts"
LIBRARY = "library/HydrationLogic.json"


def observation_template(folder: Path, *requirements: Json) -> str:
    """The template for Observations when these are added to the tiny guideline's requirements."""
    change(folder, LIBRARY, lambda body: body["dataRequirement"].extend(requirements))
    needs = Guideline.load(folder).data_needs
    return next(need.template for need in needs if need.resource_type == "Observation")


def by_code(*codes: str) -> Json:
    coded: list[Any] = [{"system": "urn:s", "code": code} for code in codes]
    return {"type": "Observation", "codeFilter": [{"path": "code", "code": coded}]}


def test_one_need_for_each_type_the_patient_first() -> None:
    patient = "{{context.patientId}}"
    assert Guideline.load(TINY).data_needs == (
        DataNeed("patient", "Patient", f"Patient/{patient}", True),
        DataNeed("conditions", "Condition", f"Condition?patient={patient}", True),
        DataNeed("drinks", "MedicationStatement", f"MedicationStatement?patient={patient}", False),
        DataNeed(
            "observations", "Observation", f"Observation?patient={patient}&code={CONCEPTS}|thirst-level", True
        ),
    )


def test_observations_are_narrowed_to_the_codes_of_all_retrieves(tmp_path: Path) -> None:
    folder = copy_of_tiny(tmp_path)
    value_set = {"path": "code", "valueSet": "https://hydration.example.org/fhir/ValueSet/salty-drinks"}
    template = observation_template(
        folder, by_code("b", "a,b"), {"type": "Observation", "codeFilter": [value_set]}
    )
    assert template.endswith(f"&code={CONCEPTS}|sea-water,{CONCEPTS}|thirst-level,urn:s|a\\,b,urn:s|b")


def test_one_retrieve_without_codes_asks_for_all_observations(tmp_path: Path) -> None:
    assert "code=" not in observation_template(copy_of_tiny(tmp_path), {"type": "Observation"})


def test_a_filter_on_another_element_asks_for_all_observations(tmp_path: Path) -> None:
    other = by_code("a")
    other["codeFilter"][0]["path"] = "category"
    assert "code=" not in observation_template(copy_of_tiny(tmp_path), other)


def test_a_url_that_would_be_too_long_asks_for_all_observations(tmp_path: Path) -> None:
    (tmp_path / "long").mkdir()
    (tmp_path / "short").mkdir()
    many = [f"code-{number:05}" for number in range(LONGEST // len("urn:s|code-00000,"))]
    assert "code=" not in observation_template(copy_of_tiny(tmp_path / "long"), by_code(*many))
    template = observation_template(copy_of_tiny(tmp_path / "short"), by_code(*many[:-20]))
    assert "code=" in template
    assert len(template) <= LONGEST


def test_resources_that_belong_to_no_patient_are_not_asked_for(tmp_path: Path) -> None:
    folder = copy_of_tiny(tmp_path)
    change(folder, LIBRARY, lambda body: body["dataRequirement"].append({"type": "Medication"}))
    assert {need.key for need in Guideline.load(folder).data_needs} == {
        "patient", "conditions", "drinks", "observations"
    }  # fmt: skip


def test_keys_without_declaration_are_plurals(tmp_path: Path) -> None:
    folder = copy_of_tiny(tmp_path)
    change(folder, LIBRARY, lambda body: body["dataRequirement"].append({"type": "AllergyIntolerance"}))
    change(folder, LIBRARY, lambda body: body["dataRequirement"].append({"type": "FamilyMemberHistory"}))
    keys = {need.key for need in Guideline.load(folder).data_needs}
    assert {"allergyIntolerances", "familyMemberHistories"} <= keys


def test_value_sets_include_exclude_and_refer() -> None:
    value_sets = Guideline.load(TINY).value_sets
    expanded = {url.rpartition("/")[2]: [code for _, code in codes] for url, codes in value_sets.items()}
    assert expanded == {
        "drinks": ["water", "lemonade", "sea-water"],
        "override-reasons": ["not-thirsty", "at-sea"],
        "salty-drinks": ["sea-water"],
        "sweet-drinks": ["lemonade"],
        "thirst": ["thirst", "great-thirst"],
    }


def test_criteria_of_one_include_hold_together_and_whole_systems_include_children(tmp_path: Path) -> None:
    folder = copy_of_tiny(tmp_path)
    reference = "https://hydration.example.org/fhir/ValueSet/drinks|2024.2.0"

    def whole_system(body: Json) -> None:
        body["compose"] = {"include": [{"system": CONCEPTS, "valueSet": [reference]}]}

    change(folder, "valueset/thirst.json", whole_system)
    expansion = Guideline.load(folder).value_sets["https://hydration.example.org/fhir/ValueSet/thirst"]
    # The three drinks stand beneath the concept `drink` in the system.
    assert list(expansion) == [(CONCEPTS, code) for code in ("water", "lemonade", "sea-water")]
    assert expansion[CONCEPTS, "sea-water"] == "Sea water"
