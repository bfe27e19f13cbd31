"""Every error that leaves the service, and its one shape: an OperationOutcome.

    ServiceError
    ├── InvalidRequest        400   the body is not what CDS Hooks asks for
    ├── NotAuthenticated      401   no valid token, where one is needed
    ├── UnknownService        404   no service has that id
    ├── UnsupportedMediaType  415   the body is no JSON
    └── BodyTooLarge          413   the body is larger than the setting allows

Errors of the other rooms keep their own classes; `outcome_for` says what each becomes:

    patient.DataUnavailable, patient.DraftsUnreadable   412
    store.StoreUnavailable                              503
    werkzeug's HTTPException                            its own status
    anything else                                       500, without detail

No text holds patient data, a traceback or HTML. Source: CDS Hooks 2.0.1 "HTTP Status Codes", FHIR R4
OperationOutcome.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from werkzeug.exceptions import HTTPException

from service.patient import DataUnavailable, DraftsUnreadable
from service.store.errors import StoreUnavailable


class ServiceError(Exception):
    """A request that cannot be answered; `text` says what its sender should do, and quotes nothing of it."""

    status: ClassVar[int] = 400
    code: ClassVar[str] = "invalid"
    headers: ClassVar[Mapping[str, str]] = {}

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


class InvalidRequest(ServiceError):
    """The body cannot be read, or lacks what the hook requires."""


class NotAuthenticated(ServiceError):
    """The call has no token that is good here. The text never says what is wrong with it (RFC 6750)."""

    status = 401
    code = "login"
    headers: ClassVar[Mapping[str, str]] = {"WWW-Authenticate": "Bearer"}


class UnknownService(ServiceError):
    """No service has the id in the path."""

    status = 404
    code = "not-found"


class UnsupportedMediaType(ServiceError):
    """The body is declared to be something else than JSON in UTF-8."""

    status = 415
    code = "not-supported"


class BodyTooLarge(ServiceError):
    """The body is larger than `max_body_bytes`."""

    status = 413
    code = "too-long"


@dataclass(frozen=True)
class Outcome:
    """Status, body and headers of an answer that is no success."""

    status: int
    code: str
    text: str
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def body(self) -> dict[str, Any]:
        """A FHIR R4 OperationOutcome with one issue."""
        issue = {"severity": "error", "code": self.code, "details": {"text": self.text}}
        return {"resourceType": "OperationOutcome", "issue": [issue]}


_HTTP: Mapping[int, tuple[str, str]] = {
    400: ("invalid", "The request cannot be read. Send a CDS Hooks request as JSON."),
    404: ("not-found", "There is nothing at this address. GET /cds-services lists the services."),
    405: (
        "not-supported",
        "This address does not answer this method. The Allow header lists those it answers.",
    ),
    408: ("timeout", "The request did not arrive in time. Send it again."),
    411: ("required", "Send the length of the body in the Content-Length header."),
    413: ("too-long", "The request is too large. Send less data, or ask for the limit to be raised."),
    414: ("too-long", "The address is too long."),
    415: ("not-supported", "Send the body as application/json."),
    431: ("too-long", "The headers are too large."),
    503: ("transient", "The service cannot answer now. Try again later."),
}


_NOT_KEPT = "The report could not be stored. Nothing of it was kept: send it again later."


def outcome_for(error: BaseException) -> Outcome:
    """What the sender is told. What is not in this table is our failure: 500, and the log holds the rest."""
    if isinstance(error, ServiceError):
        return Outcome(error.status, error.code, error.text, error.headers)
    if isinstance(error, DataUnavailable):
        return Outcome(412, "required", _unavailable(error))
    if isinstance(error, DraftsUnreadable):
        places = ", ".join(error.positions)
        text = f"The orders to judge are not there, or not FHIR R4: {places}. Send them and call again."
        return Outcome(412, "structure", text)
    if isinstance(error, StoreUnavailable):
        return Outcome(503, "transient", _NOT_KEPT, {"Retry-After": "30"})
    if isinstance(error, HTTPException) and error.code is not None and error.code != 500:
        code, text = _HTTP.get(error.code, ("processing", "The request cannot be answered."))
        return Outcome(error.code, code, text, _headers(error))
    text = (
        "The service failed to evaluate the guideline: there is no advice, neither for nor against anything."
    )
    return Outcome(500, "exception", f"{text} Tell its operator the request id in the X-Request-ID header.")


def _unavailable(error: DataUnavailable) -> str:
    server = f" The FHIR server {error.reason}." if error.reason else ""
    return (
        f"The answer needs {error.resource_type} data, and prefetch key '{error.key}' was absent or not "
        f"readable.{server} Send it as discovery describes it: null, or an empty Bundle, when nothing was "
        "found."
    )


def _headers(error: HTTPException) -> dict[str, str]:
    """The headers that belong to the status: `Allow` with 405, `Retry-After` and so on."""
    return {
        name: value
        for name, value in error.get_headers()
        if name.lower() not in ("content-type", "content-length")
    }
