"""``python -m tests.interop.validity``: all FHIR that the project holds or answers, to HAPI.

The content; the CarePlan of $apply for every case, with the requests that cards suggest, and some as Bundles;
the sample patients; what the servers say of themselves. A line for each resource that is not valid, the total
last. Exit 1 when there is one, 0 when there is none and where there is no JDK or Maven, which is then said.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from typing import Any

from tests.cases.case_file import all_cases
from tests.cases.service import guideline
from tests.demo.samples import everything
from tests.fhir_api.asking import apply_case, client, get
from tests.interop import hapi

Json = dict[str, Any]
ANSWERS = (
    "metadata",
    "PlanDefinition?_count=2&_summary=true",
    "Library?_summary=text",
    "PlanDefinition/{plan}/$data-requirements",
    "ValueSet/{value_set}/$expand",
    "ValueSet/{value_set}/$validate-code?system=x&code=y",
    "PlanDefinition/none",
)


def main(arguments: list[str] | None = None) -> int:
    """Run, print, and give the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.interop.validity")
    parser.add_argument("--warnings", action="store_true", help="also count what the validator only warns of")
    options = parser.parse_args(arguments)
    try:
        hapi.build()
    except hapi.EngineMissingError as error:
        _say(f"SKIPPED: {error}\n0 passed, 0 failed")
        return 0
    named = {**_content(), **_answers(), **_samples(), **_applied()}
    outcomes = hapi.validate_all(guideline().content.folder, list(named.values()))
    failed = 0
    warnings: Counter[str] = Counter()
    for name, outcome in zip(named, outcomes, strict=True):
        errors = [_told(issue) for issue in outcome["issue"] if issue["severity"] in ("error", "fatal")]
        warnings.update(_said(issue) for issue in outcome["issue"] if issue["severity"] == "warning")
        failed += bool(errors)
        if errors:
            _say("\n    ".join([f"not valid {name}", *errors]))
    if options.warnings:
        for text, count in warnings.most_common():
            _say(f"{count:5} {text}")
    _say(f"{len(named) - failed} passed, {failed} failed")
    return 1 if failed else 0


def _content() -> dict[str, Json]:
    return {f"{each.type}/{each.id}": each.body for each in guideline().content.resources}


def _answers() -> dict[str, Json]:
    plan = guideline().hooks[0].id
    value_set = guideline().content.of_type("ValueSet")[0].id
    paths = [path.format(plan=plan, value_set=value_set) for path in ANSWERS]
    return {path: get(path, 404 if path.endswith("/none") else 200) for path in paths}


def _samples() -> dict[str, Json]:
    """The sample patients and their server's answers, as R4: the profiles that they claim are not at hand."""
    paths = ("metadata", "Observation?_count=500", "Patient/nobody")
    answers = {f"/demo/fhir/{path}": client().get(f"/demo/fhir/{path}").get_json() for path in paths}
    return {name: _without_profiles(one) for name, one in {**everything(), **answers}.items()}


def _without_profiles(resource: Json) -> Json:
    plain: Json = {**resource, "meta": {**resource.get("meta", {}), "profile": []}}
    plain["meta"] = {name: value for name, value in plain["meta"].items() if value}
    if "entry" in plain:
        rows = [{**entry, "resource": _without_profiles(entry["resource"])} for entry in plain["entry"]]
        plain["entry"] = rows
    return {name: value for name, value in plain.items() if value != {}}


def _applied() -> dict[str, Json]:
    cases = all_cases()
    plans = {f"$apply {case.id}": apply_case(case) for case in cases}
    bundles = {f"$r5.apply {case.id}": apply_case(case, "$r5.apply") for case in cases[::10]}
    return {**plans, **bundles}


def _told(issue: Json) -> str:
    where = (issue.get("location") or issue.get("expression") or ["?"])[0]
    return f"{where}: {_said(issue)}"


def _said(issue: Json) -> str:
    return str(issue.get("diagnostics") or issue.get("details", {}).get("text"))


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main())
