"""What must hold of the house as a whole, whatever its rooms do (docs: the invariants of the design)."""

from __future__ import annotations

import ast
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from service.app import create_app
from service.guideline import ContentError, Guideline
from service.guideline.check import check_guideline
from service.settings import Settings

ROOT = Path(__file__).parent.parent
SERVICE = ROOT / "service"
CONTENT = ROOT / "plandefinitions"
TINY = ROOT / "tests" / "guidelines" / "tiny"

Json = dict[str, Any]

# --- no clinical term in service/

# The project's own name is in paths, settings and urls.
PROJECT = re.compile(r"sarcoma[-_ ]?cds", re.IGNORECASE)
ALWAYS_CLINICAL = re.compile(
    r"sarcoma|tumou?r|cancer|oncolog|carcinom|neoplas|metasta|chemother|radiother|embolis|anthracycline|biops"
    r"|\bgist\b|histolog|imatinib|rubicin|\bmesna\b|kinase|\b(?:KIT|PDGFRA|NTRK\d?|BRAF|SDH[ABCD]?|NF1)\b|ifosfamide",
    re.IGNORECASE,
)
# Displays of codes that are also words of programming, FHIR or plain English.
ORDINARY = frozenset(
    {"absent", "appendix", "back", "chest", "colon", "deceased", "deep", "detected", "face", "final", "foot"}
    | {"general", "good", "hand", "head", "high", "intermediate", "limited", "local", "lost", "mouth", "neck"}
    | {
        "negative",
        "none",
        "not detected",
        "observation",
        "other",
        "partial",
        "positive",
        "present",
        "primary",
    }
    | {"recurrence", "regional", "retained", "standard", "superficial", "trunk", "unknown"}
)


def texts() -> Iterator[tuple[Path, str]]:
    """Every text file of service/, without the project's name."""
    for path in sorted(SERVICE.rglob("*")):
        if path.is_file() and path.suffix not in (".pyc", ".ico", ".png", ".woff2"):
            yield path.relative_to(ROOT), PROJECT.sub("", path.read_text(encoding="utf-8"))


@cache
def vocabulary() -> tuple[frozenset[str], frozenset[str]]:
    """Terms (lower case) and codes of the shipped guideline."""
    terms: set[str] = set()
    codes: set[str] = set()
    for path in CONTENT.glob("activitydefinition/*.json"):
        terms.add(json.loads(path.read_text())["title"])
    for path in CONTENT.glob("valueset/*.json"):
        for include in json.loads(path.read_text())["compose"]["include"]:
            for concept in include.get("concept", ()):
                terms.add(concept.get("display", ""))
                codes.add(concept["code"])
    terms = {re.sub(r"\s*\(.*?\)\s*$", "", term).strip().lower() for term in terms}
    return (
        frozenset(term for term in terms - ORDINARY if len(term) > 3),
        frozenset(code for code in codes if len(code) > 4 and any(character.isdigit() for character in code)),
    )


def test_the_vocabulary_of_the_guideline_is_known() -> None:
    terms, codes = vocabulary()
    assert len(terms) > 100
    assert len(codes) > 100


@pytest.mark.parametrize(("file", "text"), [pytest.param(*each, id=str(each[0])) for each in texts()])
def test_no_clinical_term_in_the_service(file: Path, text: str) -> None:
    terms, codes = vocabulary()
    found = {match[0] for match in ALWAYS_CLINICAL.finditer(text)}
    lowered = text.lower()
    found |= {term for term in terms if term in lowered and re.search(rf"\b{re.escape(term)}\b", lowered)}
    found |= codes & set(re.findall(r"[\w.-]+", text))
    assert not found, f"{file} knows of {sorted(found)}"


CONCEPTS = "https://hydration.example.org/fhir/CodeSystem/hydration-concepts"


def call(hook: str, level: int | None) -> Json:
    """A request for a thirsty patient who is about to get a salty drink."""
    coded = {"coding": [{"system": CONCEPTS, "code": "thirst"}]}
    about = {"subject": {"reference": "Patient/p"}}
    condition = about | {"resourceType": "Condition", "id": "c", "recordedDate": "2024-03-01", "code": coded}
    observation = about | {
        "resourceType": "Observation",
        "id": "o",
        "status": "final",
        "code": {"coding": [{"system": CONCEPTS, "code": "thirst-level"}]},
        "effectiveDateTime": "2024-03-02",
        "valueInteger": level,
    }
    draft = about | {
        "resourceType": "MedicationRequest",
        "id": "d",
        "status": "draft",
        "intent": "order",
        "medicationCodeableConcept": {"coding": [{"system": CONCEPTS, "code": "sea-water"}]},
    }
    context: Json = {"userId": "Practitioner/a", "patientId": "p"}
    if hook != "patient-view":
        context |= {"selections": ["MedicationRequest/d"], "draftOrders": bundle(draft)}
    return {
        "hook": hook,
        "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
        "context": context,
        "prefetch": {
            "patient": {"resourceType": "Patient", "id": "p"},
            "conditions": bundle(condition),
            "observations": None if level is None else bundle(observation),
        },
    }


def bundle(resource: Json) -> Json:
    return {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": resource}]}


@pytest.mark.parametrize(
    ("hook", "level", "summaries", "labels"),
    [
        ("patient-view", 9, ["Thirsty: level 9 of 10"], ["Water, then rest"]),
        ("patient-view", 2, ["Thirsty: level 2 of 10"], ["A glass of water", "A glass of lemonade"]),
        # Unknown is not false: what is missing reaches the clinician.
        (
            "patient-view",
            None,
            ["Thirsty: offer a drink", "How thirsty? The thirst level is not recorded"],
            ["Ask how thirsty", "Tell the family"],
        ),
        ("order-select", None, ["Salty drinks make thirst worse"], ["Water instead", "No drink"]),
    ],
)
def test_a_second_guideline_of_another_field_runs_unchanged(
    hook: str, level: int | None, summaries: list[str], labels: list[str]
) -> None:
    client = create_app(Settings(content_dir=TINY)).test_client()
    answer = client.post(f"/cds-services/hydration-{hook}", json=call(hook, level))
    assert answer.status_code == 200
    cards = answer.get_json()["cards"]
    assert [card["summary"] for card in cards] == summaries
    assert [each["label"] for card in cards for each in card.get("suggestions", ())] == labels


# --- rooms

RANKS = {
    "cql": 0,
    "store": 0,
    "patient": 1,
    "trust": 1,
    "guideline": 2,
    "feedback": 2,
    "cds_hooks": 3,
    "fhir_api": 3,
    "web": 3,
    "demo": 4,
}
"""The way of a request: a room imports from rooms of a lower rank only."""
WITHOUT_FLASK = ("cql", "patient", "guideline")
READS_CLOCK = re.compile(r"\b(?:datetime|date|time)\.(?:now|utcnow|today|time|time_ns|localtime|gmtime)\(")


def rooms() -> list[Path]:
    return [path for path in sorted(SERVICE.rglob("*.py")) if path.parent != SERVICE]


def imported(path: Path) -> Iterator[str]:
    """Absolute names of the modules that a file imports."""
    package = path.relative_to(ROOT).with_suffix("").parts[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            home = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join((*home, *([node.module] if node.module else [])))
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", rooms(), ids=lambda path: str(path.relative_to(SERVICE)))
def test_rooms_import_along_the_way_of_a_request(path: Path) -> None:
    room = path.relative_to(SERVICE).parts[0]
    assert room in RANKS, "a new room needs its place on the way of a request"
    for module in imported(path):
        parts = module.split(".")
        if parts[0] in ("flask", "flask_cors", "werkzeug"):
            assert room not in WITHOUT_FLASK, f"{room} imports {module}"
        if parts[0] != "service" or len(parts) == 1:
            continue
        other = parts[1]
        assert room != "cql" or other == "cql", f"cql imports {module}"
        assert other not in ("app", "cli"), f"{room} imports {module}"
        if other in RANKS and other != room:
            assert RANKS[other] < RANKS[room], f"{room} imports {module}"


def test_the_guideline_room_needs_no_web_framework_and_starts_light() -> None:
    code = "import sys, service.guideline; print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)  # noqa: S603
    modules = {name.split(".")[0] for name in done.stdout.split()}
    # fhir.resources is for authors' checks; importing it would cost a good part of the start.
    assert not modules & {"flask", "werkzeug", "fhir", "pydantic"}


@pytest.mark.parametrize(
    "path",
    [path for path in rooms() if path.relative_to(SERVICE).parts[0] in WITHOUT_FLASK],
    ids=lambda path: str(path.relative_to(SERVICE)),
)
def test_the_clock_is_an_input(path: Path) -> None:
    assert not READS_CLOCK.findall(path.read_text(encoding="utf-8"))


# --- content that does not check out stops the start


def files() -> list[str]:
    return [path.relative_to(TINY).as_posix() for path in sorted(TINY.rglob("*.json"))]


@pytest.mark.parametrize("file", files())
def test_no_file_of_a_guideline_can_be_broken_unnoticed(tmp_path: Path, file: str) -> None:
    folder = Path(shutil.copytree(TINY, tmp_path / "tiny"))
    text = (folder / file).read_text()
    (folder / file).write_text(text[: len(text) // 2])
    with pytest.raises(ContentError) as raised:
        Guideline.load(folder)
    assert any(problem.file == file and problem.element for problem in raised.value.problems)


def test_a_service_does_not_start_on_half_a_guideline(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(TINY, tmp_path / "tiny"))
    (folder / "plandefinition" / "great-thirst-care.json").unlink()
    with pytest.raises(
        ContentError, match=r"hydration-patient-view\.json: PlanDefinition\.action\[0\]\.action\[0\]"
    ):
        create_app(Settings(content_dir=folder))


def test_the_shipped_guideline_checks_out() -> None:
    assert check_guideline(CONTENT) == []
    assert {hook.hook for hook in Guideline.load(CONTENT).hooks} == {
        "patient-view",
        "order-select",
        "order-sign",
    }
