"""The guideline's own libraries on the patients of its cases."""

import json
from datetime import datetime
from typing import Any

from service.cql import CqlError, Engine, Evaluation, Record
from service.guideline.content import Problems, read_content
from service.guideline.logic import Logic
from service.guideline.valuesets import expand_all
from service.settings import Settings
from tests.cases.case_file import Case, all_cases
from tests.cases.exchange import PATIENT_ID
from tests.cases.patient_language import drafts, patient, resources

from .plain import plain
from .reference import Json, Patient

ValueSets = dict[str, frozenset[tuple[str, str]]]


def content() -> tuple[list[Json], ValueSets]:
    """The ELM of every library, and the codes of every value set by url."""
    problems = Problems()
    read = read_content(Settings().content_dir, problems)
    expansions = expand_all(read, problems)
    logic = Logic(read, expansions, problems)
    if problems:
        raise ValueError("; ".join(map(str, problems)))
    value_sets = {url: frozenset(expansion) for url, expansion in expansions.items()}
    return [{"library": dict(elm)} for elm in logic.elm.values()], value_sets


def patients(libraries: list[Json]) -> list[Patient]:
    """A run for every different patient of the cases."""
    names = tuple(each["library"]["identifier"]["id"] for each in libraries)
    found: dict[str, Patient] = {}
    for case in all_cases():
        record, parameters = _given(case)
        key = json.dumps([record, parameters], sort_keys=True)
        found.setdefault(key, Patient(case.id, names, tuple(record), parameters))
    return list(found.values())


def _given(case: Case) -> tuple[list[Json], dict[str, Any]]:
    record = [patient(PATIENT_ID, case.country), *resources(case.patient, PATIENT_ID)]
    if not case.drafts:
        return record, {}
    orders = drafts(case.drafts, PATIENT_ID)
    selected = None
    if case.hook == "order-select":
        selected = [
            f"{order['resourceType']}/{order['id']}"
            for line, order in zip(case.drafts, orders, strict=True)
            if line in case.selected
        ]
    return record, {"draftOrders": orders, "selections": selected}


def evaluated(engine: Engine, record: Record, run: Patient, now: datetime) -> Json:
    """What reference.mjs answers of a run, by our engine."""
    evaluation = engine.evaluation(record, now, run.parameters)
    known = engine.libraries()
    return {
        name: {define: _value(evaluation, name, define) for define in known[name].defines}
        for name in run.libraries
    }


def _value(evaluation: Evaluation, library: str, define: str) -> Any:
    try:
        return plain(evaluation.value(library, define))
    except CqlError as error:
        return {"error": str(error)}
