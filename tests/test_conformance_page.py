"""docs/cds-hooks-conformance.md and docs/threat-model.md: all is there, and every test they name exists."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "cds-hooks-conformance.md").read_text("utf-8")
ROWS = re.findall(r"^\| ([A-Z]-\d\d) \| (.+?) \| (.+?) \| (.+?) \|$", PAGE, re.M)
COUNTS = {"J": 9, "D": 18, "P": 22, "R": 16, "E": 6, "C": 23, "A": 6, "Y": 3, "F": 12, "X": 11, "O": 4} | {
    "K": 7,
    "M": 4,
}
RUNNING = (
    "tests/test_conformance_over_http.py",
    "tests/test_deploy.py",
    "tests/test_logs.py",
    "tests/test_production.py",
    "tests/test_server.py",
    "tests/trust/test_over_http.py",
)
THREATS = (ROOT / "docs" / "threat-model.md").read_text("utf-8")
NODES = sorted(set(re.findall(r"`(\S+\.py)::(\w+)`", PAGE + THREATS)))


def test_every_requirement_is_there_once() -> None:
    expected = [f"{letter}-{number:02}" for letter, count in COUNTS.items() for number in range(1, count + 1)]
    assert sorted(row[0] for row in ROWS) == sorted(expected)


@pytest.mark.parametrize(("path", "name"), NODES)
def test_every_test_that_is_named_exists(path: str, name: str) -> None:
    assert name in named_in(ROOT / path), f"{path} has no {name}"


@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
def test_what_shall_be_is_shown_by_a_test(row: tuple[str, str, str, str]) -> None:
    requirement, level, _, shown = row
    excused = ("not used", "the client's duty", "of CDS Hooks 3.0")
    has_test = "::" in shown
    assert has_test or level != "SHALL" or any(word in shown for word in excused), requirement
    assert has_test or len(shown) > 5


@pytest.mark.parametrize("row", [row for row in ROWS if row[1].startswith("SHALL")], ids=lambda row: row[0])
def test_what_shall_be_is_shown_on_the_running_service(row: tuple[str, str, str, str]) -> None:
    _, _, _, shown = row
    excused = ("not used", "the client's duty", "of CDS Hooks 3.0")
    assert any(word in shown for word in excused) or any(f"`{file}::" in shown for file in RUNNING)


@pytest.mark.parametrize("file", RUNNING)
def test_these_files_start_the_service(file: str) -> None:
    assert "served(" in (ROOT / file).read_text("utf-8")


def test_every_threat_has_a_test() -> None:
    table = THREATS.partition("## Threats")[2].partition("## What remains")[0]
    rows = re.findall(r"^\| (?!threat |-)(.+)", table, re.M)
    assert len(rows) > 15
    assert [row for row in rows if "::test_" not in row] == []


@cache
def named_in(path: Path) -> frozenset[str]:
    """Names of the test functions of a file that pytest collects."""
    if not path.is_file():
        return frozenset()
    tree = ast.parse(path.read_text("utf-8"))
    return frozenset(
        node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    )
