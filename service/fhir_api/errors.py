"""What a FHIR client is told when it cannot be answered; `service.errors` gives it the one shape.

ServiceError
├── Unsupported         400   a parameter or modifier that this server does not know
├── NotFound            404   no such resource, version, type or address
├── NotAcceptable       406   only JSON is spoken
└── Unprocessable       422   understood, and cannot be carried out
"""

from __future__ import annotations

from service.errors import ServiceError


class Unsupported(ServiceError):
    """What was asked for would change the answer, and this server does not do it."""

    status = 400
    code = "not-supported"


class NotFound(ServiceError):
    """There is nothing at this address."""

    status = 404
    code = "not-found"


class NotAcceptable(ServiceError):
    """The client wants another format than JSON."""

    status = 406
    code = "not-supported"


class Unprocessable(ServiceError):
    """The operation lacks something that it needs."""

    status = 422
    code = "required"
