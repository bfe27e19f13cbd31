"""Embedding CQL and ELM in Library resources, with the real translator where it is installed."""

import base64
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from service.guideline.build import BuildError, build, out_of_step

TRANSLATOR = Path(__file__).parents[2] / "plandefinitions" / "authoring" / "cql-to-elm"
installed = (TRANSLATOR.parent / "target" / ".built").exists() and shutil.which("java") is not None
needs_translator = pytest.mark.skipif(not installed, reason="CQL translator not installed (make content)")

BASE = "https://example.org/fhir"
TERMS = """\
library Terms version '2025.1.0'
codesystem "Shades": 'https://example.org/shades'
valueset "Warm": 'https://example.org/fhir/ValueSet/warm|2025.1.0'
code "Crimson": 'crimson' from "Shades" display 'Crimson'
code "Cyan": 'cyan' from "Shades"
concept "Both": { "Crimson", "Cyan" }
"""
FACTS = """\
// What is known
// about shades.
library Facts version '2025.1.0'
using FHIR version '4.0.1'
include FHIRHelpers version '4.0.1'
include Terms version '2025.1.0' called T
parameter draftOrders List<FHIR.Resource>
parameter "Window" Interval<DateTime>
context Patient
define "Warm": [Condition: T."Warm"]
define "Warm again": [Condition: T."Warm"]
define "Crimson": [Observation: T."Crimson"]
define "Both": [Procedure: T."Both"]
define "Any warm": exists "Warm"
define "Pair": Tuple { name: 'a', count: 1 }
define private "Hidden": 1
"""


def write_guideline(folder: Path) -> Path:
    (folder / "cql").mkdir()
    (folder / "cql" / "Terms.cql").write_text(TERMS)
    (folder / "cql" / "Facts.cql").write_text(FACTS)
    (folder / "codesystem").mkdir()
    system = {"resourceType": "CodeSystem", "id": "a", "url": f"{BASE}/CodeSystem/a", "date": "2025-02-01"}
    (folder / "codesystem" / "a.json").write_text(json.dumps(system))
    return folder


@pytest.fixture
def guideline(tmp_path: Path) -> Path:
    """A guideline whose libraries are not built yet."""
    return write_guideline(tmp_path)


@pytest.fixture(scope="module")
def built_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_guideline(tmp_path_factory.mktemp("guideline"))
    assert len(build(folder, TRANSLATOR)) == 2
    return folder


@pytest.fixture
def built(built_once: Path, tmp_path: Path) -> Path:
    """A guideline whose libraries are built; a copy, to be changed at will."""
    return shutil.copytree(built_once, tmp_path / "built")


def library(guideline: Path, name: str) -> dict[str, Any]:
    resource: dict[str, Any] = json.loads((guideline / "library" / f"{name}.json").read_text())
    return resource


@needs_translator
def test_library_holds_its_cql_its_elm_and_what_follows_from_them(built: Path) -> None:
    facts = library(built, "Facts")

    cql, elm = facts["content"]
    assert base64.b64decode(cql["data"]).decode() == FACTS
    assert json.loads(base64.b64decode(elm["data"]))["library"]["identifier"]["id"] == "Facts"
    assert facts["url"] == f"{BASE}/Library/Facts"
    assert (facts["version"], facts["date"]) == ("2025.1.0", "2025-02-01")
    assert facts["description"] == "What is known about shades."
    assert [each["resource"] for each in facts["relatedArtifact"]] == [
        "http://fhir.org/guides/cqf/common/Library/FHIR-ModelInfo|4.0.1",
        "http://fhir.org/guides/cqf/common/Library/FHIRHelpers|4.0.1",
        f"{BASE}/Library/Terms|2025.1.0",
    ]
    assert [(each["name"], each["use"], each["max"], each["type"]) for each in facts["parameter"]] == [
        ("draftOrders", "in", "*", "Resource"),
        ("Window", "in", "1", "Period"),
        ("Warm", "out", "*", "Condition"),
        ("Warm again", "out", "*", "Condition"),
        ("Crimson", "out", "*", "Observation"),
        ("Both", "out", "*", "Procedure"),
        ("Any warm", "out", "1", "boolean"),
        ("Pair", "out", "1", "Any"),
    ]


@needs_translator
def test_data_requirements_name_each_retrieve_once_with_its_codes(built: Path) -> None:
    crimson = {"system": "https://example.org/shades", "code": "crimson", "display": "Crimson"}
    cyan = {"system": "https://example.org/shades", "code": "cyan"}
    requirements = library(built, "Facts")["dataRequirement"]

    assert [(each["type"], each.get("codeFilter")) for each in requirements] == [
        ("Condition", [{"path": "code", "valueSet": f"{BASE}/ValueSet/warm|2025.1.0"}]),
        ("Observation", [{"path": "code", "code": [crimson]}]),
        ("Patient", None),
        ("Procedure", [{"path": "code", "code": [crimson, cyan]}]),
    ]
    assert "dataRequirement" not in library(built, "Terms")


@needs_translator
def test_own_value_set_without_version_in_cql_is_named_with_its_version(guideline: Path) -> None:
    (guideline / "cql" / "Terms.cql").write_text(TERMS.replace("warm|2025.1.0", "warm"))
    (guideline / "valueset").mkdir()
    warm = {"resourceType": "ValueSet", "id": "warm", "url": f"{BASE}/ValueSet/warm", "version": "3"}
    (guideline / "valueset" / "warm.json").write_text(json.dumps(warm))
    build(guideline, TRANSLATOR)

    condition = library(guideline, "Facts")["dataRequirement"][0]
    assert condition["codeFilter"] == [{"path": "code", "valueSet": f"{BASE}/ValueSet/warm|3"}]
    assert library(guideline, "Terms")["relatedArtifact"][-1]["resource"] == f"{BASE}/ValueSet/warm|3"


@needs_translator
def test_building_twice_changes_nothing_and_hand_written_metadata_stays(built: Path) -> None:
    path = built / "library" / "Facts.json"
    facts = library(built, "Facts")
    citation = {"type": "citation", "citation": "A book"}
    facts |= {"title": "By hand", "relatedArtifact": [citation, *facts["relatedArtifact"]]}
    path.write_text(json.dumps(facts, indent=2) + "\n")

    assert build(built, TRANSLATOR) == ()
    assert library(built, "Facts") == facts


@needs_translator
def test_changed_cql_is_found_without_the_translator(built: Path) -> None:
    (built / "cql" / "Facts.cql").write_text(FACTS + "// new\n")

    (found,) = out_of_step(built)
    assert "Facts.cql: differs from the CQL" in found


@needs_translator
def test_changed_elm_is_found_with_the_translator(built: Path) -> None:
    path = built / "library" / "Facts.json"
    facts = library(built, "Facts")
    facts["content"][1]["data"] = base64.b64encode(b"{}").decode()
    path.write_text(json.dumps(facts, indent=2) + "\n")

    assert out_of_step(built) == ()
    (found,) = out_of_step(built, TRANSLATOR)
    assert "Facts.json: differs from what" in found


@needs_translator
def test_error_names_file_line_and_column_and_nothing_is_written(guideline: Path) -> None:
    (guideline / "cql" / "Facts.cql").write_text(FACTS + "define \"Bad\": 1 + 'a'\n")

    with pytest.raises(BuildError, match=r"Facts\.cql:17:15 Could not resolve call to operator Add"):
        build(guideline, TRANSLATOR)
    assert not (guideline / "library").exists()


def test_guideline_without_a_base_says_so(guideline: Path) -> None:
    (guideline / "codesystem" / "a.json").unlink()

    with pytest.raises(BuildError, match="to take the base from"):
        build(guideline, TRANSLATOR)


def test_library_without_cql_and_cql_without_library_are_found(guideline: Path) -> None:
    (guideline / "library").mkdir()
    (guideline / "library" / "Old.json").write_text('{"resourceType": "Library"}')

    assert [message.rpartition(": ")[2] for message in out_of_step(guideline)] == [
        "there is no library/Facts.json",
        "there is no library/Terms.json",
        "there is no cql/Old.cql",
    ]


def test_library_that_is_not_json_names_the_file(guideline: Path) -> None:
    (guideline / "library").mkdir()
    (guideline / "library" / "Facts.json").write_text("{")

    with pytest.raises(BuildError, match=r"Facts\.json: not JSON"):
        out_of_step(guideline)


def test_absent_translator_is_an_error(guideline: Path) -> None:
    with pytest.raises(BuildError, match="No such file"):
        build(guideline, guideline / "absent")
