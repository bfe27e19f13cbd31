"""``python -m tests.interop.parity [PATTERN]``: every case through the service and through HAPI, compared.

A line for each case, agreeing or not, the total last. PATTERN narrows the cases ("gist*", "*pairs/*").
Exit 1 when a case does not agree, 0 when all do and where there is no JDK or Maven, which is then said.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from service.guideline import Guideline
from service.patient import read_drafts, read_record
from service.settings import Settings
from tests.cases.case_file import Case, all_cases
from tests.cases.patient_language import drafts, patient, resources
from tests.cases.service import NOW
from tests.interop import hapi
from tests.interop.compare import Said, differences, of_hapi, of_service

Json = dict[str, Any]
PATIENT_ID = "patient-1"


def main(arguments: list[str] | None = None) -> int:
    """Run, print, and give the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.interop.parity")
    parser.add_argument("pattern", nargs="?", default="*", help="case ids to run")
    parser.add_argument("--quiet", action="store_true", help="list only the cases that differ")
    options = parser.parse_args(arguments)
    cases = [case for case in all_cases() if fnmatchcase(case.id, options.pattern)]
    try:
        hapi.build()
    except hapi.EngineMissingError as error:
        _say(f"SKIPPED: {error}\n0 passed, 0 failed")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        # A copy, so that both see the same content while someone edits it.
        copy = shutil.copytree(Settings().content_dir, f"{folder}/content", ignore=_no_resources)
        guideline = Guideline.load(Path(copy))
        answers = hapi.apply_all(Path(copy), [request_of(guideline, case) for case in cases])
    failed = 0
    for case, answer in zip(cases, answers, strict=True):
        found = _compared(guideline, case, answer)
        failed += bool(found)
        if found or not options.quiet:
            _say("\n    ".join([f"{'differs' if found else 'agrees '} {case.id}", *found]))
    _say(f"{len(cases) - failed} passed, {failed} failed")
    return 1 if failed or not cases else 0


def _compared(guideline: Guideline, case: Case, answer: hapi.Answer) -> list[str]:
    try:
        theirs = of_hapi(answer, plan_of(guideline, case))
    except ValueError as error:
        return [str(error)]
    return differences(said_by_service(guideline, case), theirs)


def plan_of(guideline: Guideline, case: Case) -> str:
    """Id of the PlanDefinition that answers the case's hook."""
    return next(plan.id for plan in guideline.hooks if plan.hook == case.hook)


def _record(case: Case) -> list[Json]:
    return [patient(PATIENT_ID, case.country), *resources(case.patient, PATIENT_ID)]


def _selections(case: Case, orders: list[Json]) -> list[str] | None:
    if case.hook != "order-select":
        return None
    return [
        f"{order['resourceType']}/{order['id']}"
        for line, order in zip(case.drafts, orders, strict=True)
        if line in case.selected
    ]


def request_of(guideline: Guideline, case: Case) -> Json:
    """PlanDefinition/$apply for HAPI: the record as data, the draft orders as parameters."""
    orders = drafts(case.drafts, PATIENT_ID)
    parameters: Json = {} if case.hook == "patient-view" else {"draftOrders": orders}
    parameters["selections"] = _selections(case, orders) or []
    return hapi.request(plan_of(guideline, case), f"Patient/{PATIENT_ID}", _record(case), parameters)


def said_by_service(guideline: Guideline, case: Case) -> Said:
    """The same through the service's own rooms, beneath HTTP."""
    prefetch: Json = {}
    for need in guideline.data_needs:
        found = [one for one in _record(case) if one["resourceType"] == need.resource_type]
        entries = [{"resource": one} for one in found]
        bundle = {"resourceType": "Bundle", "type": "searchset", "entry": entries}
        prefetch[need.key] = found[0] if need.resource_type == "Patient" else bundle
    record = read_record(PATIENT_ID, prefetch, guideline.data_needs)
    parameters: Json = {}
    if case.hook != "patient-view":
        orders = drafts(case.drafts, PATIENT_ID)
        context: Json = {"patientId": PATIENT_ID, "selections": _selections(case, orders)}
        context["draftOrders"] = {
            "resourceType": "Bundle",
            "type": "collection",
            "entry": [{"resource": order} for order in orders],
        }
        read = read_drafts(context, case.hook == "order-select", record)
        selections = None if read.selections is None else list(read.selections)
        parameters = {"draftOrders": list(read.resources), "selections": selections}
    evaluation = guideline.evaluation(record, NOW, parameters)
    return of_service(guideline.apply(plan_of(guideline, case), evaluation, f"Patient/{PATIENT_ID}"))


def _no_resources(folder: str, names: list[str]) -> list[str]:
    """What lies beside the content and is none of it."""
    return [name for name in names if name in ("authoring", "patients", "target")]


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main())
