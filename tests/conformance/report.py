"""Results in the form in which CQL engines publish theirs (the repository cqframework/cql-tests-results)."""

import datetime as dt
import xml.etree.ElementTree as ElementTree
from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal
from importlib import metadata
from typing import Any, Final

from service.cql.types import Interval, Uncertainty

from .runner import Result
from .translation import AUTHORING

Json = dict[str, Any]

_POM: Final = "{http://maven.apache.org/POM/4.0.0}"
_INVALID: Final = {None: "false", "semantic": "semantic"}
"""How the suite marks a test; the form knows no other kind of invalid than "true"."""


def report(results: Sequence[Result], run_at: dt.datetime) -> Json:
    """The report on a run of the suite at that time (aware)."""
    counts = Counter(result.outcome for result in results)
    return {
        "cqlengine": {
            "apiUrl": "none: a Python library",
            "description": "The ELM runtime of sarcoma-cds (service/cql)",
            "cqlVersion": "1.5",
            "cqlTranslator": "Java CQFramework Translator",
            "cqlTranslatorVersion": _translator_version(),
            "cqlEngine": "sarcoma-cds service/cql",
            "cqlEngineVersion": metadata.version("sarcoma-cds"),
        },
        "testResultsSummary": {
            f"{outcome}Count": counts[outcome] for outcome in ("pass", "skip", "fail", "error")
        },
        "testsRunDateTime": run_at.isoformat(),
        "results": [_row(result) for result in results],
    }


def _translator_version() -> str:
    root = ElementTree.parse(AUTHORING / "pom.xml").getroot()  # noqa: S314 -- our own file
    return root.findtext(f"{_POM}properties/{_POM}cqframework.version") or "unknown"


def _row(result: Result) -> Json:
    case = result.case
    row: Json = {
        "testStatus": result.outcome,
        "testsName": case.file,
        "groupName": case.group,
        "testName": case.name,
        "invalid": _INVALID.get(case.invalid, "true"),
        "expression": case.expression,
    }
    if case.outputs:
        row["expected"] = "; ".join(case.outputs)
    if result.has_value:
        row["actual"] = text_of(result.actual)
    if result.outcome != "pass":
        row["error"] = {"message": result.reason}
    return row


def text_of(value: Any) -> str:
    """A CQL value much as CQL writes it."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, Mapping):
        members = ", ".join(f"{name}: {text_of(each)}" for name, each in value.items())
        return f"Tuple {{ {members} }}"
    if isinstance(value, list | tuple):
        return "{ " + ", ".join(map(text_of, value)) + " }"
    if isinstance(value, Interval):
        start, end = "[" if value.low_closed else "(", "]" if value.high_closed else ")"
        return f"Interval{start}{text_of(value.low)}, {text_of(value.high)}{end}"
    if isinstance(value, Uncertainty):
        return f"uncertain, {text_of(value.low)} to {text_of(value.high)}"
    return str(value)
