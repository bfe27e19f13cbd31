"""The instruments of the cases: a misspelt line, key or card must not pass for a good one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.cases import case_file, contract
from tests.cases.case_file import all_cases
from tests.cases.codes import BASE
from tests.cases.expectation import Expectation, made_by
from tests.cases.patient_language import draft_variants, drafts, resources, variants

CARD_ID, SUGGESTION_ID = "7b0c1a7e-5c83-4d5e-9a3b-0f2f3f3d9f10", "9f6b8f52-6f4e-4f87-8a59-7d5b1d0e2a11"


def _order() -> dict[str, Any]:
    rxnorm = {"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "282388"}
    return {
        "resourceType": "MedicationRequest",
        "status": "draft",
        "intent": "proposal",
        "instantiatesCanonical": [f"{BASE}/ActivityDefinition/drug-imatinib|2025.1.0"],
        "medicationCodeableConcept": {"coding": [rxnorm]},
        "subject": {"reference": "Patient/p"},
        "reasonReference": [{"reference": "Condition/c"}],
    }


def _card(**changes: Any) -> dict[str, Any]:
    action = {"type": "create", "description": "Order imatinib", "resource": _order()}
    return {
        "uuid": CARD_ID,
        "summary": "Unresectable GIST",
        "detail": "Resectability: unresectable (2026-03-03)",
        "indicator": "info",
        "source": {"label": "A", "topic": {"system": contract.GROUPS, "code": "gist-unresectable"}},
        "selectionBehavior": "at-most-one",
        "suggestions": [{"label": "Imatinib", "uuid": SUGGESTION_ID, "actions": [action]}],
        **changes,
    }


def _breaches(card: dict[str, Any], hook: str = "patient-view") -> list[str]:
    return contract.breaches({"cards": [card]}, hook, "p", drafts=[], record=["Condition/c"])


@pytest.mark.parametrize(
    "expectation",
    [
        {"topics": ["gist-unresectable"], "no_alert": True, "cards": 1},
        {"indicators": {"gist-unresectable": "info"}},
        {"suggested": [["drug-imatinib"]]},
        {"suggested": [["drug-imatinib|drug-sunitinib", "procedure-observation?"]]},
        {"not_suggested": ["procedure-*"]},
        {"mentions": {"gist-unresectable": ["2026-03-03", "IMATINIB"]}},
    ],
)
def test_an_expectation_that_is_met(expectation: dict[str, Any]) -> None:
    assert Expectation.read(expectation).shortfalls([_card()]) == []


@pytest.mark.parametrize(
    "expectation",
    [
        {"topics": ["gist-progressive"]},
        {"not_topics": ["gist-unresectable"]},
        {"cards": 0},
        {"indicators": {"gist-unresectable": "warning"}},
        {"indicators": {"gist-progressive": "info"}},
        {"suggested": [["drug-imatinib", "drug-binimetinib"]]},
        {"suggested": [["procedure-observation"]]},
        {"suggested_includes": [["drug-imatinib", "drug-binimetinib"]]},
        {"not_suggested": ["drug-*"]},
        {"replaces": ["MedicationRequest/draft-1"]},
        {"mentions": {"gist-unresectable": ["resectable with"]}},
        {"mentions": {"missing-information": ["genotype"]}},
        {"not_mentions": {"gist-unresectable": ["imatinib"]}},
        {"order_text": {"drug-imatinib": ["50 Gy"]}},
    ],
)
def test_an_expectation_that_is_not_met(expectation: dict[str, Any]) -> None:
    assert Expectation.read(expectation).shortfalls([_card()])


def test_an_alert_is_told_from_information() -> None:
    assert Expectation.read({"no_alert": True}).shortfalls([_card(indicator="critical")])


def test_a_larger_set_is_not_exactly_the_one_expected() -> None:
    pair = _order() | {"instantiatesCanonical": [f"{BASE}/ActivityDefinition/drug-binimetinib|2025.1.0"]}
    actions = [
        {"type": "create", "description": "Order", "resource": _order()},
        {"type": "create", "description": "Order", "resource": pair},
    ]
    card = _card(suggestions=[{"label": "Both", "uuid": SUGGESTION_ID, "actions": actions}])
    assert made_by(card["suggestions"][0]) == {"drug-imatinib", "drug-binimetinib"}
    assert Expectation.read({"suggested": [["drug-imatinib"]]}).shortfalls([card])
    assert not Expectation.read({"suggested_includes": [["drug-imatinib"]]}).shortfalls([card])


def test_the_text_of_an_order() -> None:
    order = _order() | {"note": [{"text": "Guideline: 50 Gy"}]}
    action = {"type": "create", "description": "Order", "resource": order}
    card = _card(suggestions=[{"label": "x", "uuid": SUGGESTION_ID, "actions": [action]}])
    assert Expectation.read({"order_text": {"drug-imatinib": ["50 gy"]}}).shortfalls([card]) == []
    assert Expectation.read({"order_text": {"drug-sunitinib": ["50 gy"]}}).shortfalls([card])


def test_a_card_that_keeps_the_contract() -> None:
    assert _breaches(_card()) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"uuid": "1"},
        {"summary": "x" * 140},
        {"indicator": "hard-stop"},
        {"source": {"label": "A"}},
        {"source": {"label": "A", "topic": {"system": contract.CHECKS, "code": "gist-unresectable"}}},
        {"selectionBehavior": "exactly-one"},
        {"detail": "<b>bold</b>"},
        {"detail": ""},
        {"links": [{"label": "A", "url": "https://example.org"}]},
        {"overrideReasons": [{"code": "x", "system": "y"}]},
        {"suggestions": [{"label": "Imatinib", "actions": [{"type": "create", "resource": _order()}]}]},
    ],
)
def test_a_card_that_breaks_the_contract(changes: dict[str, Any]) -> None:
    assert _breaches(_card(**changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "active"},
        {"intent": "order"},
        {"instantiatesCanonical": [f"{BASE}/ActivityDefinition/drug-imatinib"]},
        {"subject": {"reference": "Patient/q"}},
        {"reasonReference": [{"reference": "Condition/other"}]},
        {"reasonReference": []},
        {"medicationCodeableConcept": {"text": "imatinib"}},
        {"dosageInstruction": [{"text": "400 MG daily"}]},
        {"dosageInstruction": [{"doseAndRate": [{"doseQuantity": {"value": 1}}]}]},
        {"note": None},
        {"nonsense": True},
    ],
)
def test_an_order_that_breaks_the_contract(changes: dict[str, Any]) -> None:
    action = {"type": "create", "description": "Order", "resource": _order() | changes}
    assert _breaches(_card(suggestions=[{"label": "Imatinib", "uuid": SUGGESTION_ID, "actions": [action]}]))


def test_an_order_on_an_order_hook_is_no_proposal() -> None:
    assert _breaches(_card(), hook="order-select")


@pytest.mark.parametrize(
    "action",
    [
        {"type": "remove", "description": "x"},
        {"type": "delete", "description": "x", "resourceId": "MedicationRequest/other"},
        {"type": "update", "description": "x", "resource": {**_order(), "id": "other"}},
        {"type": "create", "resource": _order()},
    ],
)
def test_an_action_that_breaks_the_contract(action: dict[str, Any]) -> None:
    assert _breaches(_card(suggestions=[{"label": "Imatinib", "uuid": SUGGESTION_ID, "actions": [action]}]))


@pytest.mark.parametrize(
    "line",
    [
        "GITS of stomach",
        "genotype: KIT exon 99",
        "size: 62 furlongs",
        "imatinib taken",
        "stage: V",
        "N: M0",
        "lipoma",
    ],
)
def test_a_line_that_the_language_does_not_know(line: str) -> None:
    with pytest.raises(ValueError, match=r"does not know|has no value"):
        variants(line)


@pytest.mark.parametrize("line", ["GIST, perhaps", "genotype: KIT exon 9, in remission"])
def test_a_qualifier_that_the_language_does_not_know(line: str) -> None:
    with pytest.raises(ValueError, match="does not know"):
        variants(line)


def test_a_draft_that_the_language_does_not_know() -> None:
    with pytest.raises(ValueError, match="does not know"):
        draft_variants("imatinib 401 MG Oral Tablet")


def test_dates_and_qualifiers_reach_the_resource() -> None:
    (condition, observation) = resources(
        ["GIST, in remission on 2025-01-02", "genotype: KIT exon 9, preliminary on 2026-02-03"], "p"
    )
    assert condition["recordedDate"] == "2025-01-02"
    assert condition["clinicalStatus"]["coding"][0]["code"] == "remission"
    assert observation["effectiveDateTime"] == "2026-02-03"
    assert observation["status"] == "preliminary"
    assert condition["subject"] == observation["subject"] == {"reference": "Patient/p"}


def test_a_regimen_holds_its_orders() -> None:
    (group,) = drafts(["regimen of dabrafenib + trametinib"], "p")
    assert [held["subject"]["reference"] for held in group["contained"]] == ["Patient/p", "Patient/p"]
    assert [action["resource"]["reference"] for action in group["action"]] == ["#order-1", "#order-2"]


@pytest.mark.parametrize(
    "change",
    [
        ("expect: {cards: 0}", "expect: {crads: 0}"),
        ("expect: {cards: 0}", "expect: {}"),
        ("hook: patient-view", "hook: chart-open"),
        ("hook: patient-view", "hook: order-select"),
        ("says: Nothing", "say: Nothing"),
        ("source: A", "sauce: A"),
        ("expect: {cards: 0}", "expect: {cards: 0, cards: 1}"),
    ],
)
def test_a_case_file_that_is_not_well_formed(tmp_path: Path, change: tuple[str, str]) -> None:
    good = (
        "about: x\nsource: A\ncases:\n"
        "  - id: a\n    says: Nothing\n    hook: patient-view\n    patient: []\n    expect: {cards: 0}\n"
    )
    path = tmp_path / "x.yaml"
    path.write_text(good)
    assert len(list(case_file.read(path))) == 1
    path.write_text(good.replace(*change))
    with pytest.raises(ValueError, match="x"):
        list(case_file.read(path))


def test_there_are_cases_for_every_gist_group_and_check() -> None:
    about = {path.stem: path.read_text() for path in case_file.FOLDER.glob("gist/*.yaml")}
    for group in ("minimal-morbidity", "significant-morbidity", "unresectable", "progressive", "metastatic"):
        files = [name for name in about if name[0].isdigit() and group in name]
        assert files, group
        assert all(about[name].count("- id:") >= 6 for name in files), group
    checked = " ".join(
        [topic for case in all_cases() for topic in (*case.expect.topics, *case.expect.indicators)]
    )
    text = " ".join(about.values())
    for check in _GIST_CHECKS:
        assert check in checked, f"no case in which {check} fires"
        assert text.count(check) > 1, f"no case near {check}"


_GIST_CHECKS = (
    "imatinib-insensitive-genotype",
    "genotype-missing",
    "imatinib-high-dose-exon-9",
    "imatinib-adjuvant-low-risk",
    "imatinib-heart-failure",
    "imatinib-short-life-expectancy",
    "sunitinib-before-imatinib",
    "regorafenib-too-early",
    "avapritinib-without-mutation",
    "ntrk-inhibitor-without-fusion",
    "braf-inhibitor-without-mutation",
    "incomplete-pair",
    "ifosfamide-without-mesna",
    "pazopanib-gist",
    "cytotoxic-in-gist",
    "ablation-contraindicated",
    "embolisation-contraindicated",
    "embolisation-lung",
    "treatment-outside-group",
    "imatinib-monitoring",
    "sunitinib-monitoring",
    "pazopanib-monitoring",
    "trabectedin-monitoring",
)


def test_a_sarcoma_in_every_coding() -> None:
    kinds = variants("liposarcoma of the thigh")
    assert {one["code"]["coding"][0]["system"].rpartition("/")[2] for one in kinds} >= {"sct", "icd-o-3"}
    assert any("bodySite" not in one and "extension" not in one for one in kinds), "site in the code itself"
    assert any("extension" in one for one in kinds), "site code with the histology beside it"


def test_an_observation_may_say_which_sarcoma_it_is_about() -> None:
    (_, stage) = resources(["sarcoma of the thigh", "stage: IIIB by text code, about line 1"], "p")
    assert stage["focus"] == [{"reference": "Condition/condition-1"}]
    assert stage["valueCodeableConcept"]["coding"][0]["code"] == "IIIB"


def test_there_are_cases_for_every_sarcoma_group_and_check() -> None:
    about = {path.stem: path.read_text() for path in case_file.FOLDER.glob("sts/*.yaml")}
    groups = [name for name in about if name[:2].isdigit()]
    assert sorted(name[:2] for name in groups) == [f"{number:02}" for number in range(1, 12)]
    assert all(about[name].count("id: ") >= 6 for name in groups)
    cases = [case for case in all_cases() if case.id.partition("/")[0] in about]
    for check in _STS_CHECKS:
        fires = [one for one in cases if check in {*one.expect.topics, *one.expect.indicators}]
        nearby = [
            one
            for one in cases
            if one.hook != "patient-view" and (check in one.expect.not_topics or one.expect.cards == 0)
        ]
        assert len(fires) >= 2, f"fewer than two cases in which {check} fires"
        assert len(nearby) >= 2, f"fewer than two cases near {check}"


_STS_CHECKS = (
    "imatinib-not-indicated",
    "pazopanib-adipocytic",
    "pazopanib-first-line",
    "trabectedin-histology",
    "trabectedin-line",
    "eribulin-histology",
    "eribulin-line",
    "crizotinib-histology",
    "nhs-availability",
    "ifosfamide-without-mesna",
    "ablation-contraindicated",
    "embolisation-contraindicated",
    "embolisation-lung",
    "radiotherapy-stage-1",
    "treatment-outside-group",
    "ntrk-inhibitor-without-fusion",
    "braf-inhibitor-without-mutation",
    "avapritinib-without-mutation",
)
