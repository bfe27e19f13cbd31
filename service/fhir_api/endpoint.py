"""`dataEndpoint` of an operation: the patient's data, read from a FHIR server that the caller names.

The server must be one that the operator lists; addresses, deadline and sizes are judged as for the hooks'
`fhirServer`.
Source: FHIR R5 PlanDefinition/$apply (`dataEndpoint`); FHIR R4 Endpoint.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from service.errors import InvalidRequest
from service.fhir_api.errors import Unprocessable, Unsupported
from service.patient.fhir_server import FhirReader, Query, Reading, Server

Json = dict[str, Any]

REST: Final = "hl7-fhir-rest"
_BEARER: Final = re.compile(r"authorization:\s*bearer\s+([\x21-\x7e]{1,16384})", re.IGNORECASE)


def server_of(endpoint: Mapping[str, Any]) -> Server:
    """The FHIR server that an Endpoint resource stands for. Raises InvalidRequest and Unsupported."""
    address = endpoint.get("address")
    if not isinstance(address, str) or not address:
        raise InvalidRequest("dataEndpoint.address is the base url of a FHIR server.")
    if endpoint.get("status", "active") != "active":
        raise InvalidRequest("dataEndpoint.status is active, or the Endpoint is not to be used.")
    kind = endpoint.get("connectionType")
    if kind is not None and (not isinstance(kind, dict) or kind.get("code") != REST):
        raise Unsupported(f"dataEndpoint.connectionType has the code {REST}: no other way is spoken.")
    headers = endpoint.get("header", [])
    if not isinstance(headers, list) or len(headers) > 1:
        raise Unsupported("dataEndpoint.header holds one header at most: Authorization.")
    if not headers:
        return Server(address)
    token = _BEARER.fullmatch(headers[0]) if isinstance(headers[0], str) else None
    if token is None:
        raise Unsupported("dataEndpoint.header is 'Authorization: Bearer' and a token: no other is sent.")
    return Server(address, token[1])


def read_from(server: Server, patient_id: str, needs: Sequence[Query], reader: FhirReader) -> Reading:
    """What the server gives for each need. Raises Unprocessable when it gives nothing at all."""
    reading = reader.read(server, {"patientId": patient_id}, needs, {})
    if not reading.values:
        reasons = " and ".join(dict.fromkeys(reading.failures.values()))
        raise Unprocessable(f"The FHIR server of dataEndpoint {reasons}.")
    return reading
