"""What can go wrong while a patient's data is read.

    PatientDataError
    ├── DataUnavailable     data that the answer needs was not given (HTTP 412)
    └── DraftsUnreadable    none of the orders to judge could be read (HTTP 412)

No message holds a value from the patient's data: keys, resource types and positions only.
"""

from __future__ import annotations


class PatientDataError(Exception):
    """Base of the errors of this room."""


class DataUnavailable(PatientDataError):
    """The answer touches `resource_type`, and prefetch key `key`, which holds it, was not given.

    Raised by a retrieve, not when the request is read: a request that never needs the data is answered.
    `reason` ends the sentence "The FHIR server …", when one was named that should have given it.
    CDS Hooks 2.0.1, "Prefetch Template": required data unobtainable is 412.
    """

    def __init__(self, key: str, resource_type: str, reason: str | None = None) -> None:
        super().__init__(f"prefetch key {key!r} ({resource_type}) is needed and was not given")
        self.key = key
        self.resource_type = resource_type
        self.reason = reason


class DraftsUnreadable(PatientDataError):
    """Every order that should be judged is malformed; `positions` names them (`draftOrders.entry[2]`)."""

    def __init__(self, positions: tuple[str, ...]) -> None:
        super().__init__(f"draft orders cannot be read: {', '.join(positions)}")
        self.positions = positions
