"""The command line, with the tiny guideline."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from service import cli
from service.guideline import Guideline, GuidelineError
from service.server import Logger, Worker

TINY = Path(__file__).parent / "guidelines" / "tiny"
CONCEPTS = "https://hydration.example.org/fhir/CodeSystem/hydration-concepts"
SUBJECT = {"reference": "Patient/p"}
PATIENT = {"resourceType": "Patient", "id": "p"}


SERVES = dict.fromkeys(("HOST", "PORT", "WEB_CONCURRENCY", "PROMETHEUS_MULTIPROC_DIR"))
"""What `serve` sets for gunicorn; as it was again after each command."""


def coded(code: str) -> dict[str, Any]:
    return {"coding": [{"system": CONCEPTS, "code": code}], "text": code}


THIRST = {
    "resourceType": "Condition",
    "id": "c",
    "code": coded("thirst"),
    "recordedDate": "2024-03-01",
    "subject": SUBJECT,
}
LEVEL = {
    "resourceType": "Observation",
    "id": "o",
    "status": "final",
    "code": coded("thirst-level"),
    "subject": SUBJECT,
    "effectiveDateTime": "2024-03-02",
    "valueInteger": 5,
}
SALTY = {
    "resourceType": "MedicationRequest",
    "id": "d",
    "status": "draft",
    "intent": "order",
    "medicationCodeableConcept": coded("sea-water"),
    "subject": SUBJECT,
}


def bundle(*resources: Any) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": r} for r in resources]}


def run(*arguments: str, given: Any = None) -> Result:
    text = given if isinstance(given, str | bytes) else json.dumps(given)
    return CliRunner().invoke(cli.main, arguments, input=text, env=SERVES)


def evaluate(given: Any, *options: str) -> Result:
    return run("evaluate", "-", "--content", str(TINY), *options, given=given)


def test_a_bundle_is_answered_in_words() -> None:
    result = evaluate(bundle(PATIENT, THIRST, LEVEL), "--trace")
    assert result.exit_code == 0, result.output
    assert "[INFO] Thirsty: level 5 of 10" in result.output
    assert "thirst: thirst (2024-03-01, Condition/c)" in result.output
    assert "create: " in result.output
    assert "\nTrace\n" in result.output
    assert "applied      " in result.output


def test_the_trace_names_what_is_unknown_and_what_was_left_out() -> None:
    other = {**THIRST, "id": "x", "subject": {"reference": "Patient/q"}}
    result = evaluate(bundle(PATIENT, THIRST, other), "--trace")
    assert "HydrationLogic.Level" in result.output
    assert "left out     Condition/x" in result.output


def test_drafts_in_a_bundle_are_judged() -> None:
    result = evaluate(bundle(PATIENT, THIRST, LEVEL, SALTY), "--hook", "order-select", "--json")
    assert result.exit_code == 0, result.output
    (card,) = json.loads(result.output)["cards"]
    steps = [step for suggestion in card["suggestions"] for step in suggestion["actions"]]
    assert any(
        step.get("resourceId") == "MedicationRequest/d" or step.get("resource", {}).get("id") == "d"
        for step in steps
    )
    assert (
        json.loads(evaluate(bundle(PATIENT, THIRST, SALTY), "--json").output)["cards"][0]["indicator"]
        == "info"
    )


def test_nothing_to_say_is_said() -> None:
    assert evaluate(bundle(PATIENT)).output == "No advice.\n"


def test_a_request_is_answered_as_over_http(tmp_path: Path) -> None:
    file = tmp_path / "request.json"
    context = {"userId": "Practitioner/1", "patientId": "p"}
    prefetch = {"patient": PATIENT, "conditions": THIRST, "observations": LEVEL, "drinks": None}
    body = {"hook": "patient-view", "hookInstance": "1", "context": context, "prefetch": prefetch}
    file.write_text(json.dumps(body))
    result = run("evaluate", str(file), "--content", str(TINY), "--json", "--trace", "--now", "2024-03-03")
    answer = json.loads(result.output)
    assert [card["summary"] for card in answer["cards"]] == ["Thirsty: level 5 of 10"]
    assert answer["trace"]


@pytest.mark.parametrize(
    ("given", "options", "code", "words"),
    [
        ("{", (), 2, "not valid JSON"),
        (b"\xff", (), 2, "not UTF-8"),
        ("[]", (), 2, "neither a CDS Hooks request nor"),
        ("{}", (), 2, "hook is missing"),
        (bundle(), (), 2, "holds 0 patients"),
        (bundle(PATIENT, {**PATIENT, "id": "q"}), (), 2, "--patient"),
        (bundle(PATIENT), ("--hook", "order-sign"), 2, "does not answer order-sign"),
        (bundle(PATIENT), ("--hook", "nonsense"), 2, "--hook"),
        (bundle(PATIENT), ("--now", "soon"), 2, "--now"),
        (
            {"hook": "patient-view", "hookInstance": "1", "context": {"userId": "a/b", "patientId": "p"}},
            (),
            3,
            "prefetch key 'conditions'",
        ),
    ],
)
def test_bad_input_is_told_from_missing_data(
    given: Any, options: tuple[str, ...], code: int, words: str
) -> None:
    result = evaluate(given, *options)
    assert result.exit_code == code
    assert words in result.output
    assert "Traceback" not in result.output


@pytest.mark.parametrize("now", ["2024-03-03", "2024-03-03T10:00:00Z", "2024-03-03T10:00:00.5+02:00"])
def test_the_time_may_be_written_as_iso_has_it(now: str) -> None:
    assert "Thirsty" in evaluate(bundle(PATIENT, THIRST, LEVEL), "--now", now).output


def test_a_guideline_that_fails_says_where(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise GuidelineError("plan/action", "Logic.Define", "cannot be added")

    monkeypatch.setattr("service.guideline.Guideline.apply", fail)
    result = evaluate(bundle(PATIENT))
    assert result.exit_code == 1
    assert "plan/action (Logic.Define): cannot be added" in result.output


def test_several_patients_need_a_name() -> None:
    both = bundle(PATIENT, {**PATIENT, "id": "q"}, THIRST, LEVEL)
    assert "Thirsty" in evaluate(both, "--patient", "Patient/p").output
    assert evaluate(both, "--patient", "q").output == "No advice.\n"


def test_content_check_names_file_and_element(tmp_path: Path) -> None:
    good = run("content", "check", str(TINY))
    assert (good.exit_code, "hydration-patient-view (patient-view)" in good.output) == (0, True)
    folder = tmp_path / "broken"
    shutil.copytree(TINY, folder)
    plan = folder / "plandefinition" / "hydration-patient-view.json"
    plan.write_text(plan.read_text().replace('"Is Thirsty"', '"Is Thirsti"'))
    bad = run("content", "check", str(folder))
    assert bad.exit_code == 4
    assert "plandefinition/hydration-patient-view.json: PlanDefinition.action" in bad.output


@pytest.mark.parametrize("command", [("content", "check"), ("serve",)])
def test_a_folder_that_is_not_there(
    command: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SARCOMA_CDS_CONTENT_DIR", str(tmp_path / "none"))
    result = run(*command)
    assert result.exit_code == 2
    assert "no such folder" in result.output


def test_a_setting_that_does_not_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SARCOMA_CDS_MAX_CARDS", "many")
    result = evaluate(bundle(PATIENT))
    assert result.exit_code == 2
    assert "SARCOMA_CDS_MAX_CARDS" in result.output


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
@pytest.mark.parametrize("installed", [True, False])
def test_serve_starts_gunicorn_with_an_application_that_is_made_once(
    installed: bool, host: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    made: list[Any] = []
    monkeypatch.setenv("SARCOMA_CDS_CONTENT_DIR", str(TINY))
    load = Guideline.load

    def counted(folder: Path) -> Guideline:
        made.append(folder)
        return load(folder)

    # By this name: whether metrics are those of one process is decided when the application is imported.
    monkeypatch.setattr("service.app.Guideline.load", counted)

    def start(arbiter: Any) -> None:
        made.append(arbiter)
        arbiter.cfg.on_exit(arbiter)

    monkeypatch.setattr("gunicorn.arbiter.Arbiter.run", start)
    if installed:
        monkeypatch.setattr(cli, "_GUNICORN_CONFIG", tmp_path / "none.py")
    assert run("serve", "--host", host, "--port", "8123", "--workers", "2").exit_code == 0
    folder, arbiter = made
    assert folder == TINY
    assert arbiter.address == [(host, 8123)]
    assert arbiter.cfg.settings["workers"].get() == 2
    assert arbiter.cfg.worker_class is Worker
    assert arbiter.cfg.logger_class is Logger
    assert arbiter.cfg.forwarder_headers == []


def test_a_guideline_that_does_not_check_out_stops_the_start_in_words(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path / "broken"
    shutil.copytree(TINY, folder)
    (folder / "plandefinition" / "hydration-patient-view.json").write_text("{")
    monkeypatch.setenv("SARCOMA_CDS_CONTENT_DIR", str(folder))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    result = run("serve")
    assert result.exit_code == 4
    assert "does not check out" in result.output
    assert "hydration-patient-view.json" in result.output
    assert not list(tmp_path.glob("sarcoma-cds-metrics-*"))


@pytest.mark.parametrize("name", ["WEB_CONCURRENCY", "WEB_THREADS", "WEB_REQUEST_SECONDS"])
@pytest.mark.parametrize("value", ["0", "many", "-1", "1.5"])
def test_numbers_of_processes_and_seconds_are_numbers(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    result = CliRunner().invoke(cli.main, ["serve"], env={"HOST": None, "PORT": None})
    assert (result.exit_code, name in result.output) == (2, True)
