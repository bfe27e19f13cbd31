"""``python -m tests.interop.validity``: all FHIR that the project holds or answers, to HAPI.

The content; the CarePlan of $apply for every case, and some as Bundles; every resource that the cards of the
cases suggest; the sample patients; what the servers say of themselves. A line for each resource that is not
valid, then what the validator warns of and why that may be, the total last. Exit 1 when a resource is not
valid or a warning has no reason here, 0 otherwise and where there is no JDK or Maven, which is then said.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from itertools import product
from typing import Any

from tests.cases.case_file import all_cases
from tests.cases.service import ehr, guideline
from tests.cds_hooks.test_order_sets import grouping
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

# What the validator may warn of, by a part of its text, and why nothing is to be done about it.
REASONS = {
    "dom-6": "narrative is for people to read: here they read cards, and the resources' own descriptions",
    "CodeSystem is unknown": "the code system does not come with the validator: CPG's, US Core's, HGVS",
    "Unknown code in fragment CodeSystem": "a licensed code system, known to the validator by our ValueSets",
    "should have a performer": "the sample patients name no persons",
    "Observation Interpretation Codes": "mCODE's examples carry LOINC's answers there",
    "'IdentifierType'": "mCODE's examples point to a body structure by an identifier of this type",
}


def main(arguments: list[str] | None = None) -> int:
    """Run, print, and give the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.interop.validity")
    parser.parse_args(arguments)
    try:
        hapi.build()
    except hapi.EngineMissingError as error:
        _say(f"SKIPPED: {error}\n0 passed, 0 failed")
        return 0
    named = {**_content(), **_answers(), **_samples(), **_applied(), **_suggested()}
    outcomes = hapi.validate_all(guideline().content.folder, list(named.values()))
    failed = 0
    warnings: Counter[str] = Counter()
    for name, outcome in zip(named, outcomes, strict=True):
        errors = [_told(issue) for issue in outcome["issue"] if issue["severity"] in ("error", "fatal")]
        warnings.update(_said(issue) for issue in outcome["issue"] if issue["severity"] == "warning")
        failed += bool(errors)
        if errors:
            _say("\n    ".join([f"not valid {name}", *errors]))
    for text, count in warnings.most_common():
        reason = next((reason for part, reason in REASONS.items() if part in text), None)
        _say(f"{count} times: {text}\n    {f'let be: {reason}' if reason else 'NO REASON TO LET BE'}")
        failed += reason is None
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


def _suggested() -> dict[str, Json]:
    """Every resource that a card of a case would create or write over, in either form; each once."""
    found: dict[str, Json] = {}
    for place, case in product((ehr(), grouping()), all_cases()):
        for card in place.ask_case(case).cards:
            actions = (action for each in card.get("suggestions", ()) for action in each["actions"])
            for resource in (action["resource"] for action in actions if "resource" in action):
                text = json.dumps(resource, sort_keys=True)
                found.setdefault(text, resource)
    return {f"suggestion {number}": each for number, each in enumerate(found.values(), start=1)}


def _told(issue: Json) -> str:
    where = (issue.get("location") or issue.get("expression") or ["?"])[0]
    return f"{where}: {_said(issue)}"


def _said(issue: Json) -> str:
    return str(issue.get("diagnostics") or issue.get("details", {}).get("text"))


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main())
