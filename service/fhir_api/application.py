"""`$apply`: from the operation's parameters to the guideline applied to the patient.

Source: FHIR R4 PlanDefinition/$apply and ActivityDefinition/$apply; `data`, `dataEndpoint` and `parameters`
as R5 has them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from service.cql import Evaluation, EvaluationError
from service.errors import InvalidRequest
from service.fhir_api.endpoint import read_from, server_of
from service.fhir_api.errors import Unprocessable, Unsupported
from service.fhir_api.parameters import Arguments
from service.guideline import Applied, Guideline
from service.patient import LeftOut, PatientRecord, bare_patient_id, is_id, read_drafts, read_record
from service.patient.fhir_server import FhirReader

Json = dict[str, Any]

# Each would change the answer if it were heeded, so that not heeding it must be said.
_ELSEWHERE: Final = ("contentEndpoint", "terminologyEndpoint", "prefetchData")
_DRAFTS: Final = "draftOrders"
_SELECTIONS: Final = "selections"


@dataclass(frozen=True)
class Case:
    """A patient as the operation's parameters give one, ready to be judged."""

    patient_id: str
    evaluation: Evaluation
    encounter: str | None
    practitioner: str | None
    left_out: tuple[LeftOut, ...]
    """Drafts that could not be read; the record's own come to light as it is read."""

    @property
    def subject(self) -> str:
        return f"Patient/{self.patient_id}"


@dataclass(frozen=True)
class Outcome:
    """A plan applied to a case."""

    applied: Applied
    case: Case
    left_out: tuple[LeftOut, ...]


class Applier:
    """Applies the definitions of one guideline."""

    def __init__(self, guideline: Guideline, default_country: str | None, reader: FhirReader) -> None:
        self._guideline = guideline
        self._reader = reader
        self._default_country = default_country
        self._declared = _declared_parameters(guideline)

    def plan(self, plan_id: str, arguments: Arguments, now: datetime) -> Outcome:
        """PlanDefinition/$apply. Raises ServiceError, and whatever evaluation raises."""
        case, record = self._case(arguments, now)
        applied = self._guideline.apply(plan_id, case.evaluation, case.subject)
        return Outcome(applied, case, record.left_out + case.left_out)

    def activity(self, activity_id: str, arguments: Arguments, now: datetime) -> Json:
        """ActivityDefinition/$apply: the request. Raises ServiceError, and whatever evaluation raises."""
        case, _ = self._case(arguments, now)
        request = self._guideline.apply_activity(activity_id, case.evaluation, case.subject)
        if case.encounter is not None and request["resourceType"] != "Task":
            request["encounter"] = {"reference": case.encounter}
        if case.practitioner is not None:
            request["requester"] = {"reference": case.practitioner}
        return request

    def _case(self, arguments: Arguments, now: datetime) -> tuple[Case, PatientRecord]:
        for name in _ELSEWHERE:
            if name in arguments:
                raise Unsupported(
                    f"{name} is not supported: send the patient's data in the parameter 'data', or name in "
                    "'dataEndpoint' where it is. All else this server holds itself."
                )
        patient_id = _patient_id(arguments)
        record = self._record(patient_id, arguments)
        given = self._given(arguments)
        left_out: tuple[LeftOut, ...] = ()
        if _DRAFTS in given:
            drafts = read_drafts(_context(patient_id, given), _SELECTIONS in given, record)
            left_out = drafts.left_out
            given[_DRAFTS] = list(drafts.resources)
            given[_SELECTIONS] = None if drafts.selections is None else list(drafts.selections)
        if self._default_country is not None:
            given.setdefault("country", self._default_country)
        try:
            evaluation = self._guideline.evaluation(record, now, given)
        except EvaluationError:
            raise InvalidRequest(
                "A value in parameters is not of the type that the guideline's logic declares; GET "
                "$data-requirements of the PlanDefinition lists names and types."
            ) from None
        encounter, practitioner = arguments.reference("encounter"), arguments.reference("practitioner")
        return Case(patient_id, evaluation, encounter, practitioner, left_out), record

    def _record(self, patient_id: str, arguments: Arguments) -> PatientRecord:
        """The patient's data, sent along or read from where the caller says that it is."""
        needs = self._guideline.data_needs
        data = arguments.resource("data", "Bundle")
        endpoint = arguments.resource("dataEndpoint", "Endpoint")
        if endpoint is not None:
            if data is not None:
                raise InvalidRequest("Send data or dataEndpoint: which of them counts, nobody can say.")
            reading = read_from(server_of(endpoint), patient_id, needs, self._reader)
            return read_record(patient_id, reading.values, needs, reading.failures, frozenset(reading.values))
        if data is None:
            raise Unprocessable(
                "This server holds no patients. POST a Parameters resource with the patient's data in the "
                "parameter 'data', a Bundle, or with an Endpoint to read it from in 'dataEndpoint'; GET "
                "$data-requirements of the PlanDefinition says which data."
            )
        # One key holds it all: what the Bundle does not hold, the caller looked for and did not find.
        prefetch = dict.fromkeys((need.key for need in needs), None) | {needs[0].key: data}
        return read_record(patient_id, prefetch, needs)

    def _given(self, arguments: Arguments) -> dict[str, Any]:
        """The CQL parameters in `parameters`, by name: lists where the Libraries declare lists."""
        resource = arguments.resource("parameters", "Parameters")
        if resource is None:
            return {}
        inner = Arguments.of_body(resource)
        if not self._declared.keys() >= set(inner.names):
            raise Unsupported(
                "parameters holds one that the guideline's logic does not know. It knows "
                f"{', '.join(sorted(self._declared)) or 'none'}."
            )
        orders = inner.values(_DRAFTS)
        if not all(isinstance(order, dict) and "resourceType" in order for order in orders):
            raise InvalidRequest("Each draftOrders in parameters is a resource.")
        return {
            name: inner.values(name) if self._declared[name] else inner.value(name) for name in inner.names
        }


def _patient_id(arguments: Arguments) -> str:
    subject = arguments.reference("subject")
    if subject is None:
        raise Unprocessable("Send the parameter 'subject': the patient, such as Patient/123.")
    patient_id = bare_patient_id(subject)
    if not is_id(patient_id):
        raise Unprocessable("The parameter 'subject' is a reference to a Patient, such as Patient/123.")
    return patient_id


def _context(patient_id: str, given: Mapping[str, Any]) -> Json:
    """The drafts as a hook's context holds them; Bundles of drafts are opened when they are read."""
    entries = [{"resource": order} for order in given[_DRAFTS]]
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": entries}
    return {"patientId": patient_id, _DRAFTS: bundle, _SELECTIONS: given.get(_SELECTIONS)}


def _declared_parameters(guideline: Guideline) -> Mapping[str, bool]:
    """Names of the parameters that the Libraries declare, and whether each is a list."""
    return {
        str(parameter["name"]): parameter.get("max") != "1"
        for library in guideline.content.of_type("Library")
        for parameter in library.body.get("parameter", ())
        if parameter.get("use") == "in"
    }
