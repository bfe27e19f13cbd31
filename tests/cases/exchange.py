"""A case, or any patient, sent to the service over HTTP as an EHR would send it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from flask.testing import FlaskClient

from tests.cases import contract
from tests.cases.building import Resource
from tests.cases.case_file import Case
from tests.cases.patient_language import drafts, patient, resources

Json = dict[str, Any]

PATIENT_ID = "patient-1"
HOOK_INSTANCE = "3c7d2f7e-52a5-4c0f-8a1e-0d2f4f0a8b11"


@dataclass(frozen=True)
class Exchange:
    """A request and its answer."""

    request: Json
    status: int
    answer: Json

    @property
    def cards(self) -> list[Json]:
        """The cards of the answer."""
        return list(self.answer["cards"])

    def breaches(self) -> list[str]:
        """Where the answer breaks what holds of every answer."""
        context = self.request["context"]
        held = [one for value in self.request["prefetch"].values() for one in _held(value)]
        return contract.breaches(
            self.answer,
            hook=self.request["hook"],
            patient_id=context["patientId"],
            drafts=references(_held(context.get("draftOrders"))),
            record=references(held),
        )


class Ehr:
    """An EHR that fills every prefetch key that the services advertise."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client
        response = client.get("/cds-services")
        self.services: dict[str, Json] = {one["hook"]: one for one in response.get_json()["services"]}

    def send(self, request: Json) -> Exchange:
        """Post a request to the service of its hook."""
        service = self.services[request["hook"]]["id"]
        response = self.client.post(f"/cds-services/{service}", json=request)
        return Exchange(request, response.status_code, response.get_json(silent=True) or {})

    def ask(
        self,
        hook: str,
        record: Sequence[Resource],
        orders: Sequence[Resource] = (),
        selections: Iterable[str] | None = None,
        country: str = "US",
        patient_id: str = PATIENT_ID,
    ) -> Exchange:
        """Post a patient with this record and these draft orders; all of them are selected unless said."""
        context: Json = {"userId": "Practitioner/dr-1", "patientId": patient_id}
        if hook != "patient-view":
            context["draftOrders"] = bundle(orders, "collection")
        if hook == "order-select":
            context["selections"] = references(orders) if selections is None else list(selections)
        given = [patient(patient_id, country), *record]
        return self.send(
            {
                "hook": hook,
                "hookInstance": HOOK_INSTANCE,
                "context": context,
                "prefetch": self.prefetch(hook, given),
            }
        )

    def ask_case(self, case: Case) -> Exchange:
        """Post a case."""
        orders = drafts(case.drafts, PATIENT_ID)
        chosen = [f"{orders[n]['resourceType']}/{orders[n]['id']}" for n in _positions(case)]
        record = resources(case.patient, PATIENT_ID)
        return self.ask(case.hook, record, orders, chosen, country=case.country)

    def prefetch(self, hook: str, given: Iterable[Resource]) -> Json:
        """What of these resources each prefetch key of the hook's service asks for, and no more."""
        known = list(given)
        filled: Json = {}
        for key, template in self.services[hook].get("prefetch", {}).items():
            kind, searched, query = template.partition("?")
            if searched:
                filled[key] = bundle(_found(kind, query, known))
            else:
                wanted = kind.partition("/")[0]
                filled[key] = next((one for one in known if one["resourceType"] == wanted), None)
        return filled


def _found(kind: str, query: str, known: Sequence[Resource]) -> list[Resource]:
    """The resources that a search finds, as a server would: by type, by code, with what it includes.

    Whose they are is left alone, so that a record may hold what belongs to another patient.
    """
    found = [one for one in known if one["resourceType"] == kind]
    for name, value in parse_qsl(query, strict_parsing=True):
        if name == "code":
            wanted = set(value.split(","))
            found = [one for one in found if not wanted.isdisjoint(_tokens(one))]
        elif name == "_include":
            included = value.rpartition(":")[2].capitalize()
            found += [one for one in known if one["resourceType"] == included]
        elif name not in ("patient", "subject", "_count", "_sort"):
            raise ValueError(f"this EHR does not know the search parameter {name}")
    return found


def _tokens(resource: Resource) -> list[str]:
    code = resource.get("code")
    codings = code.get("coding", ()) if isinstance(code, dict) else ()
    return [f"{one.get('system', '')}|{one.get('code', '')}" for one in codings]


def bundle(given: Sequence[Resource], kind: str = "searchset") -> Json:
    """A Bundle of these resources."""
    made: Json = {"resourceType": "Bundle", "type": kind}
    if kind == "searchset":
        made["total"] = len(given)
    if given:
        made["entry"] = [{"resource": one} for one in given]
    return made


def references(given: Iterable[Mapping[str, Any]]) -> list[str]:
    """References ("Type/id") of these resources."""
    return [f"{one['resourceType']}/{one['id']}" for one in given if "id" in one]


def _held(value: Json | None) -> list[Json]:
    if not value:
        return []
    if value.get("resourceType") != "Bundle":
        return [value]
    return [entry["resource"] for entry in value.get("entry", ()) if "resource" in entry]


def _positions(case: Case) -> list[int]:
    return [number for number, line in enumerate(case.drafts) if line in case.selected]
