"""The comparison itself: what counts as the same, what counts as explained, and that both engines agree."""

import re
from pathlib import Path
from typing import Any

import pytest

from service.cql import FhirElement
from service.cql.types import Date, DateTime, Interval, Quantity
from tests.conformance.translation import TranslatorMissingError
from tests.differential.__main__ import of_content, of_generated
from tests.differential.explained import EXPLAINED, Difference, explanation
from tests.differential.generated import expressions
from tests.differential.overloads import told_apart
from tests.differential.plain import plain, same
from tests.differential.reference import ReferenceMissingError

DOCUMENT = Path(__file__).parents[2] / "docs" / "differential.md"


@pytest.mark.parametrize(
    ("ours", "theirs", "alike"),
    [
        (None, None, True),
        (1, {"number": "1"}, True),
        (1, {"number": "2"}, False),
        (True, {"number": "1"}, False),
        ("a", "a", True),
        ([1, None], [{"number": "1"}, None], True),
        (DateTime(2012, 1, 1, 10), {"dateTime": "2012-01-01T10+00:00"}, True),
        (Interval(1, 5, True, False), {"interval": [{"number": "1"}, {"number": "4"}, True, True]}, True),
        (Interval(1, 5), {"interval": [{"number": "1"}, {"number": "5"}, True, False]}, False),
        (
            Interval(Date(2012, 1, 1), None, True, True),
            {"interval": [{"date": "2012-01-01"}, {"date": "9999-12-31"}, True, True]},
            True,
        ),
        (Quantity(500, "mg"), {"quantity": [{"number": "0.5"}, "g"]}, True),  # type: ignore[arg-type]
        (
            FhirElement("Reference", {"reference": "a"}),
            {"tuple": {"reference": {"tuple": {"value": "a"}}, "id": None}},
            True,
        ),
        ({"a": 1}, {"tuple": {"a": {"number": "1"}, "b": None}}, False),
    ],
)
def test_same(ours: Any, theirs: Any, alike: bool) -> None:
    assert same(plain(ours), theirs) is alike


def test_a_difference_that_nothing_explains_has_no_explanation() -> None:
    assert explanation(Difference("generated Integer", "x", "(1 + 2)", plain(3), plain(4))) is None
    assert explanation(Difference("SarcomaFacts", "Has Gist", "", True, False)) is None


def test_every_explanation_is_in_the_document() -> None:
    told = set(re.findall(r"^\| `([a-z-]+)` \|", DOCUMENT.read_text("utf-8"), re.MULTILINE))
    assert told == set(EXPLAINED)


def test_the_same_seed_gives_the_same_expressions() -> None:
    first = expressions(200, 7)
    assert first == expressions(200, 7)
    assert first != expressions(200, 8)
    assert len(set(first.values())) == 200


def test_overloads_are_told_apart() -> None:
    def function(kind: str) -> dict[str, Any]:
        operand = {"name": "x", "operandTypeSpecifier": {"type": "NamedTypeSpecifier", "name": kind}}
        return {"type": "FunctionDef", "name": "F", "operand": [operand]}

    call = {"type": "FunctionRef", "name": "F", "signature": [{"type": "NamedTypeSpecifier", "name": "B"}]}
    statements = {"def": [function("A"), function("B"), {"name": "D", "expression": call}]}
    (library,) = told_apart([{"library": {"identifier": {"id": "L"}, "statements": statements}}])
    first, second, define = library["library"]["statements"]["def"]
    assert first["name"] != second["name"] == define["expression"]["name"]


def test_both_engines_agree() -> None:
    try:
        outcomes = [*of_content(every=150), *of_generated(300, seed=3)]
    except (ReferenceMissingError, TranslatorMissingError) as error:
        pytest.skip(str(error))
    unexplained = [each for _, each in outcomes if each is not None and explanation(each) is None]
    assert unexplained == []
    assert len(outcomes) > 1000
