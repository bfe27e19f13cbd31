"""The conformance runner itself, and that docs/cql-conformance.md says what the suite says."""

import datetime as dt
import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from service.cql.types import DateTime, Interval, Uncertainty
from tests.conformance.__main__ import DEFAULT_SUITE, DOCUMENT, failed, main, recorded
from tests.conformance.lacking import TRANSLATOR_LACKS
from tests.conformance.report import report, text_of
from tests.conformance.runner import matches, pieces, run_all, run_case
from tests.conformance.suite import Case, read_suite
from tests.conformance.translation import AUTHORING, translate

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
    assert failed(results) == recorded()


_COUNTS = {"passCount", "skipCount", "failCount", "errorCount"}


def test_the_report_is_as_engines_publish_theirs() -> None:
    case = Case("T", "G", "A", "1 + 1", None, ("2",))
    passed = run_case(case, {"T/G/A": literal("2"), "T/G/A>0": literal("2")})
    other = run_case(case, {"T/G/A": literal("2"), "T/G/A>0": literal("3")})
    found = report([passed, other], dt.datetime(2026, 1, 2, tzinfo=dt.UTC))
    assert found["testResultsSummary"] == {**dict.fromkeys(_COUNTS, 0), "passCount": 1, "failCount": 1}
    assert found["testsRunDateTime"] == "2026-01-02T00:00:00+00:00"
    assert re.fullmatch(r"\d+\.\d+\.\d+", found["cqlengine"]["cqlTranslatorVersion"])
    assert all(isinstance(value, str) for value in found["cqlengine"].values())
    named = {"testsName": "T", "groupName": "G", "testName": "A", "invalid": "false", "expression": "1 + 1"}
    values = {"expected": "2", "actual": "2"}
    assert found["results"][0] == {"testStatus": "pass", **named, **values}
    assert found["results"][1] == {
        "testStatus": "fail", **named, **values, "error": {"message": "gave 2, expected 3"}
    }  # fmt: skip


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        ("it's", "'it\\'s'"),
        (Decimal("1E+3"), "1000"),
        ([1, None], "{ 1, null }"),
        ({"a": 1}, "Tuple { a: 1 }"),
        (Interval(1, None, True, False), "Interval[1, null)"),
        (Uncertainty(1, 2), "uncertain, 1 to 2"),
        (DateTime(2012, 1), "2012-01"),
    ],
)
def test_values_as_text(value: Any, text: str) -> None:
    assert text_of(value) == text


def test_a_failure_that_is_not_recorded_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "T.xml").write_text(XML)
    answers = {"T/G/A": literal("2"), "T/G/A>0": literal("3"), "T/G/A#2": {"errors": ["1:4 no"]}}
    monkeypatch.setattr("tests.conformance.__main__.translate", lambda _: answers)
    arguments = [str(tmp_path), "--report", str(tmp_path / "results.json")]
    assert main(arguments) == 1
    assert capsys.readouterr().out.splitlines()[-1] == "1 passed, 1 failed, 0 skipped"
    assert len(json.loads((tmp_path / "results.json").read_text())["results"]) == 2
    monkeypatch.setattr("tests.conformance.__main__.recorded", lambda: {"T/G/A"})
    assert main(arguments) == 0
