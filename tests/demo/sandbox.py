"""The public CDS Hooks Sandbox, as far as servers see it: its requests, in its order, with its faults.

After its source (cds-hooks/sandbox: retrieve-data-helpers, reducers/medication-reducers, RxView, RxSign) and
after recorded requests. A browser stands between: it asks first (preflight) for what is not simple, and keeps
from the page what CORS does not give.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import Request, urlopen

Json = dict[str, Any]

ORIGIN = "https://sandbox.cds-hooks.org"
USER = "Practitioner/COREPRACTITIONER1"
OLD_MEDIA_TYPE = "application/json+fhir"
_UNESCAPED = "-_.!~*'()"


@dataclass
class Sandbox:
    """One tab of the sandbox, opened at `?fhirServiceUrl=…&serviceDiscoveryURL=…&patientId=…`."""

    fhir_server: str
    discovery: str
    sign: Callable[[str], str]
    """The bearer token for an address; the sandbox signs every call to a service."""
    services: dict[str, Json] = field(default_factory=dict)
    """By hook, as discovered."""
    fhir_version: str = ""

    def open(self, patient: str) -> None:
        """What happens until the chart is shown. Raises AssertionError where it would show an error."""
        self.fhir_version = self._fhir("metadata")["fhirVersion"]
        shown = self._fhir(f"Patient/{patient}")
        assert shown["resourceType"] == "Patient"
        assert shown["name"][0]["given"]
        assert shown["name"][0]["family"]
        conditions = self._fhir(f"Condition?patient={patient}")
        assert conditions["total"] > 0
        assert all(entry["resource"]["code"]["coding"][0]["code"] for entry in conditions["entry"])
        assert all(entry["resource"]["code"]["text"] for entry in conditions["entry"])
        found = self._send(
            "GET", self.discovery, {"Accept": "application/json", **self._token(self.discovery)}
        )
        self.services = {service["hook"]: service for service in found["services"]}

    def patients(self) -> list[str]:
        """Ids of its menu "Change patient"; each needs a name of a certain shape and a date of birth."""
        bundle = self._fhir("Patient")
        people = [entry["resource"] for entry in bundle["entry"]]
        assert all(
            one["name"][0]["given"] and one["name"][0]["family"] and one["birthDate"] for one in people
        )
        return [one["id"] for one in people]

    def users(self) -> list[str]:
        """References of its menu "Change user"."""
        bundle = self._fhir("Practitioner")
        assert bundle["total"] > 0
        return [f"Practitioner/{entry['resource']['id']}" for entry in bundle["entry"]]

    def view(self, patient: str) -> Json:
        """The answer of the service for patient-view."""
        return self._call("patient-view", {"patientId": patient, "userId": USER})

    def select(self, patient: str, code: str, display: str) -> Json:
        """The answer when a drug is chosen on the screen "Rx View"."""
        order = self._order(patient, code, display)
        context = {"patientId": patient, "userId": USER, "selections": [f"MedicationRequest/{order['id']}"]}
        return self._call("order-select", {**context, "draftOrders": _bundle(order)})

    def sign_order(self, patient: str, code: str, display: str) -> Json:
        """The answer when "Sign Order" is pressed on the screen "Rx Sign"."""
        order = self._order(patient, code, display)
        return self._call("order-sign", {"patientId": patient, "userId": USER, "draftOrders": _bundle(order)})

    def prefetch(self, hook: str, patient: str) -> Json:
        """What it has for each template; what it could not get is left out, without a word."""
        filled = {}
        for key, template in self.services[hook].get("prefetch", {}).items():
            address = _encoded(template.replace("{{context.patientId}}", patient))
            filled[key] = self._fhir(address)
        return filled

    def _call(self, hook: str, context: Json) -> Json:
        address = f"{self.discovery}/{self.services[hook]['id']}"
        request = {
            "hookInstance": str(uuid.uuid4()),
            "hook": hook,
            "fhirServer": self.fhir_server,
            "context": context,
            "prefetch": self.prefetch(hook, context["patientId"]),
        }
        headers = {"Accept": "application/json", "Content-Type": "application/json", **self._token(address)}
        return self._send("POST", address, headers, json.dumps(request).encode())

    def _order(self, patient: str, code: str, display: str) -> Json:
        """Its order: `category` and `reasonCode` are no lists, and everybody gets the same dose."""
        assert self.fhir_version.startswith("4."), "for other versions it makes another resource"
        return {
            "resourceType": "MedicationRequest",
            "id": "request-123",
            "status": "draft",
            "subject": {"reference": f"Patient/{patient}"},
            "authoredOn": "2026-11-21",
            "dosageInstruction": [
                {
                    "timing": {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d"}},
                    "doseAndRate": [
                        {
                            "doseQuantity": {
                                "value": 1,
                                "system": "http://unitsofmeasure.org",
                                "code": "{pill}",
                            }
                        }
                    ],
                }
            ],
            "dispenseRequest": {"expectedSupplyDuration": {"value": 30, "unit": "days", "code": "d"}},
            "intent": "order",
            "category": {"coding": [{"code": "community"}]},
            "medicationCodeableConcept": {
                "text": display,
                "coding": [
                    {
                        "display": display,
                        "system": "http://www.nlm.nih.gov/research/umls/rxnorm",
                        "code": code,
                    }
                ],
            },
            "reasonCode": self._fhir(f"Condition?patient={patient}")["entry"][0]["resource"]["code"],
        }

    def _fhir(self, address: str) -> Json:
        return self._send("GET", f"{self.fhir_server}/{address}", {"Accept": OLD_MEDIA_TYPE})

    def _token(self, address: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.sign(address)}"}

    def _send(self, method: str, address: str, headers: dict[str, str], body: bytes | None = None) -> Json:
        """The body that the page gets. Raises Refused for a status that is no success."""
        named = sorted(name.lower() for name in headers if name in ("Authorization", "Content-Type"))
        if named:
            asked = {
                "Access-Control-Request-Method": method,
                "Access-Control-Request-Headers": ",".join(named),
            }
            allowed = _exchange(
                "OPTIONS", address, {**asked, "Access-Control-Request-Private-Network": "true"}
            )
            assert allowed.headers["Access-Control-Allow-Private-Network"] == "true"
            assert set(named) <= set(_words(allowed.headers["Access-Control-Allow-Headers"].lower()))
            assert method in _words(allowed.headers["Access-Control-Allow-Methods"])
        answer = _exchange(method, address, headers, body)
        found: Json = json.loads(answer.body)
        return found


class Refused(Exception):
    """A status that is no success, and what came with it."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(status, body)
        self.status = status


@dataclass(frozen=True)
class _Answer:
    headers: Any
    body: bytes


def _exchange(method: str, address: str, headers: dict[str, str], body: bytes | None = None) -> _Answer:
    request = Request(address, body, {"Origin": ORIGIN, **headers}, method=method)  # noqa: S310 - this machine
    try:
        with urlopen(request, timeout=30) as response:  # noqa: S310
            status, fields, text = response.status, response.headers, response.read()
    except HTTPError as error:
        with error:
            status, fields, text = error.code, error.headers, error.read()
    assert fields["Access-Control-Allow-Origin"] == "*", "the page would not see this answer"
    if status != 200:
        raise Refused(status, text)
    return _Answer(fields, text)


def _encoded(template: str) -> str:
    """As the sandbox does: parameters sorted by name, each value percent-encoded as a whole."""
    path, searched, query = template.partition("?")
    if not searched:
        return template
    pairs = sorted(part.split("=", 1) for part in query.split("&"))
    return f"{path}?" + "&".join(f"{name}={quote(value, safe=_UNESCAPED)}" for name, value in pairs)


def _bundle(order: Json) -> Json:
    return {"resourceType": "Bundle", "entry": [{"resource": order}]}


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",")]
