"""The commands of guideline authors."""

import base64
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from service.content_cli import content

CQL = "library A version '1'\ndefine \"One\": 1\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "cql").mkdir()
    (tmp_path / "cql" / "A.cql").write_text(CQL)
    (tmp_path / "library").mkdir()
    library = {
        "resourceType": "Library",
        "id": "A",
        "url": "https://example.org/fhir/Library/A",
        "content": [{"contentType": "text/cql", "data": base64.b64encode(CQL.encode()).decode()}],
    }
    (tmp_path / "library" / "A.json").write_text(json.dumps(library))
    return tmp_path


def test_check_passes_when_texts_are_equal(folder: Path) -> None:
    result = CliRunner().invoke(content, ["build", str(folder), "--check", "--text-only"])

    assert (result.exit_code, result.output) == (0, "The libraries are in step with their CQL.\n")


def test_check_fails_and_names_the_file_that_differs(folder: Path) -> None:
    (folder / "cql" / "A.cql").write_text(CQL + "// changed\n")
    result = CliRunner().invoke(content, ["build", str(folder), "--check", "--text-only"])

    assert result.exit_code == 1
    assert f"{folder}/cql/A.cql: differs from the CQL in library/A.json" in result.output


def test_build_without_a_translator_fails(folder: Path) -> None:
    result = CliRunner().invoke(content, ["build", str(folder)])

    assert result.exit_code == 1
    assert "cql-to-elm" in result.output
