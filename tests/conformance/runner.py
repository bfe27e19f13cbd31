"""Runs the suite's cases: translated, evaluated and compared with what they expect."""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from service.cql import CqlError, Engine, ListRecord
from service.cql.operators.comparison import equal
from service.cql.types import Interval, Uncertainty

from .suite import Case
from .translation import Translation

NOW = dt.datetime(2025, 6, 15, 12, 30, 15, 250_000, tzinfo=dt.UTC)

Outcome = Literal["pass", "fail", "error", "skip"]


@dataclass(frozen=True)
class Result:
    """What became of a case, and why when it did not pass; ``actual`` when its expression has a value."""

    case: Case
    outcome: Outcome
    reason: str = ""
    has_value: bool = False
    actual: Any = None


class NotTranslatedError(Exception):
    """An expression that the translator refuses, with its messages."""


def pieces(cases: Iterable[Case]) -> dict[str, str]:
    """Everything to translate, by id: the expression of each case and what it expects."""
    asked = {}
    for case in cases:
        asked[case.id] = case.expression
        if case.invalid is None:
            asked.update({f"{case.id}>{index}": output for index, output in enumerate(case.outputs)})
    return asked


def run_all(
    cases: Iterable[Case], translations: Mapping[str, Translation], lacking: Mapping[str, str]
) -> list[Result]:
    """``lacking``: by case id, the capability that the translator lacks; such a case is skipped."""
    return [
        Result(case, "skip", lacking[case.id]) if case.id in lacking else run_case(case, translations)
        for case in cases
    ]


def run_case(case: Case, translations: Mapping[str, Translation]) -> Result:
    """The result of one case; an exception that is none of CQL's own is an error."""
    try:
        actual = evaluate(translations[case.id])
    except NotTranslatedError as error:
        return Result(case, "pass") if case.invalid else Result(case, "error", f"not translated: {error}")
    except CqlError as error:
        if case.invalid and not isinstance(error.__cause__, _PYTHON_FAULTS):
            return Result(case, "pass")
        return Result(case, "error", f"{type(error).__name__}: {error}")
    if case.invalid:
        return Result(case, "fail", f"invalid ({case.invalid}), gave {actual!r}", True, actual)
    try:
        expected = [evaluate(translations[f"{case.id}>{index}"]) for index in range(len(case.outputs))]
    except (NotTranslatedError, CqlError) as error:
        return Result(case, "error", f"expected output: {error}", True, actual)
    wanted = expected[0] if len(expected) == 1 else expected
    if matches(actual, wanted):
        return Result(case, "pass", "", True, actual)
    return Result(case, "fail", f"gave {actual!r}, expected {wanted!r}", True, actual)


# A fault of ours inside an operator is no run-time error of CQL, whatever the test expects.
_PYTHON_FAULTS = (TypeError, AttributeError, KeyError, IndexError, NameError, AssertionError)


def evaluate(translation: Translation) -> Any:
    """The value of the define "Test". Raises NotTranslatedError or CqlError."""
    if "elm" not in translation:
        raise NotTranslatedError("; ".join(translation["errors"]))
    engine = Engine([translation["elm"]], {})
    (name,) = engine.libraries()
    return engine.evaluation(ListRecord([]), NOW).value(name, "Test")


def matches(actual: Any, expected: Any) -> bool:
    """Equal by CQL, where two nulls match, and an uncertainty matches the interval of its values."""
    if actual is None or expected is None:
        return actual is expected
    if isinstance(actual, Uncertainty):
        actual = Interval(actual.low, actual.high)
    if isinstance(expected, list):
        return isinstance(actual, Sequence) and _all_match(actual, expected)
    if isinstance(expected, Mapping):
        return (
            isinstance(actual, Mapping)
            and actual.keys() == expected.keys()
            and all(matches(actual[name], expected[name]) for name in expected)
        )
    if isinstance(expected, Interval) and actual == expected:
        return True
    return equal(actual, expected) is True


def _all_match(actual: Sequence[Any], expected: Sequence[Any]) -> bool:
    return len(actual) == len(expected) and all(map(matches, actual, expected))
