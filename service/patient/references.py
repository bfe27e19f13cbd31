"""FHIR references and ids, as clients really write them."""

from __future__ import annotations

import re
from typing import Any

_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_TYPE = re.compile(r"[A-Z][A-Za-z]{1,63}")
_REFERENCE = re.compile(r"(?:.*/)?([A-Z][A-Za-z]{1,63})/([^/|#?]+)(?:/_history/[^/]+)?")


def is_id(value: Any) -> bool:
    """True for a FHIR R4 id (datatypes, `id`): the only ids that ever leave the service."""
    return isinstance(value, str) and _ID.fullmatch(value) is not None


def is_type(value: Any) -> bool:
    """True for what may be the name of a resource type."""
    return isinstance(value, str) and _TYPE.fullmatch(value) is not None


def split_reference(reference: str) -> tuple[str, str] | None:
    """`(type, id)` of a relative or absolute literal reference, version dropped; None for any other text."""
    match = _REFERENCE.fullmatch(reference)
    return (match[1], match[2]) if match else None


def bare_patient_id(value: str) -> str:
    """`context.patientId` without the `Patient/` that some clients put before it."""
    return value.removeprefix("Patient/")


def is_about(reference: Any, patient_id: str, patient_urls: frozenset[str]) -> bool:
    """Whether a `subject` or `patient` element may stand for this patient.

    A missing element, or one without a literal reference, is accepted: the client sent it for this patient. A
    relative or absolute reference must end in `Patient/<id>`; `urn:` references must be the `fullUrl` of
    the Patient that came along (`patient_urls`) or carry the id itself. Anything else is someone else.
    """
    if isinstance(reference, list) and len(reference) == 1:
        reference = reference[0]
    if reference is None:
        return True
    if not isinstance(reference, dict):
        return False
    target, type_name = reference.get("reference"), reference.get("type")
    if target == f"Patient/{patient_id}":
        return True
    if target is None:
        return type_name in (None, "Patient")
    if not isinstance(target, str):
        return False
    if target.startswith("urn:"):
        return target in patient_urls or target in (f"urn:uuid:{patient_id}", f"urn:oid:{patient_id}")
    return split_reference(target) == ("Patient", patient_id) or target == patient_id
