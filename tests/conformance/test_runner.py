"""The conformance runner itself, and that docs/cql-conformance.md says what the suite says."""

import re
from pathlib import Path
from typing import Any

import pytest

from service.cql.types import DateTime, Interval, Uncertainty
from tests.conformance.__main__ import DEFAULT_SUITE, main
from tests.conformance.lacking import TRANSLATOR_LACKS
from tests.conformance.runner import matches, pieces, run_all, run_case
from tests.conformance.suite import Case, read_suite
from tests.conformance.translation import AUTHORING, ROOT, translate

DOCUMENT = ROOT / "docs" / "cql-conformance.md"
XML = """<tests xmlns="http://hl7.org/fhirpath/tests" name="T"><group name="G">
<test name="A"><expression>1 + 1</expression><output>2</output></test>
<test name="A"><expression invalid="true">1 +</expression></test>
</group></tests>"""


def literal(value: str) -> dict[str, Any]:
    """The translation of an Integer literal."""
    expression = {"type": "Literal", "valueType": "{urn:hl7-org:elm-types:r1}Integer", "value": value}
    define = {"name": "Test", "context": "Unfiltered", "expression": expression}
    library = {"identifier": {"id": "Batch"}, "statements": {"def": [define]}}
    return {"elm": {"library": library}, "errors": []}


@pytest.mark.parametrize(
    ("actual", "expected", "match"),
    [
        (None, None, True),
        (None, 1, False),
        ([1, None], [1, None], True),
        ([1], [1, 2], False),
        ({"a": None}, {"a": None}, True),
        ({"a": 1}, {"a": 1, "b": 2}, False),
        ("a", "A", False),
        (DateTime(2012), DateTime(2012, 1), False),
        (Uncertainty(16, 44), Interval(16, 44), True),
        (Uncertainty(0, 1), 1, False),
        (Interval(5, None, True, False), Interval(5, None, True, False), True),
    ],
)
def test_matches(actual: Any, expected: Any, match: bool) -> None:
    assert matches(actual, expected) is match


def test_suite_is_read(tmp_path: Path) -> None:
    (tmp_path / "T.xml").write_text(XML)
    first, second = read_suite(tmp_path)
    assert (first.id, first.expression, first.outputs, first.invalid) == ("T/G/A", "1 + 1", ("2",), None)
    assert (second.id, second.invalid) == ("T/G/A#2", "true")
    assert pieces([first, second]) == {"T/G/A": "1 + 1", "T/G/A>0": "2", "T/G/A#2": "1 +"}


@pytest.mark.parametrize(
    ("invalid", "translations", "outcome"),
    [
        (None, {"T/G/A": literal("2"), "T/G/A>0": literal("2")}, "pass"),
        (None, {"T/G/A": literal("2"), "T/G/A>0": literal("3")}, "fail"),
        (None, {"T/G/A": {"errors": ["3:1 no"]}}, "error"),
        (None, {"T/G/A": literal("99999999999")}, "error"),
        ("true", {"T/G/A": {"errors": ["3:1 no"]}}, "pass"),
        ("true", {"T/G/A": literal("99999999999")}, "pass"),
        ("true", {"T/G/A": literal("2")}, "fail"),
    ],
)
def test_outcomes(invalid: str | None, translations: Any, outcome: str) -> None:
    case = Case("T", "G", "A", "", invalid, ("2",))
    assert run_case(case, translations).outcome == outcome


def test_a_suite_that_is_not_there_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path)]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "0 passed, 0 failed, 0 skipped"


def test_the_document_tells_what_the_suite_tells() -> None:
    if not DEFAULT_SUITE.exists():
        pytest.skip(f"no CQL tests in {DEFAULT_SUITE}")
    if not (AUTHORING / "target" / ".built").exists():
        pytest.skip("the translator is not there (plandefinitions/authoring/cql-to-elm --check fetches it)")
    cases = read_suite(DEFAULT_SUITE)
    results = run_all(cases, translate(pieces(cases)), TRANSLATOR_LACKS)
    outcomes = [result.outcome for result in results]
    passed, skipped = outcomes.count("pass"), outcomes.count("skip")
    document = DOCUMENT.read_text("utf-8")
    assert f"{passed} passed, {len(results) - passed - skipped} failed, {skipped} skipped" in document
    failed = {result.case.id for result in results if result.outcome in ("fail", "error")}
    assert failed == set(re.findall(r"^\| `([^`]+/[^`]+)`", document, re.MULTILINE))
