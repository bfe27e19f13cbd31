"""From a prefetch template to the query that it stands for, as an EHR would make it.

Source: CDS Hooks 2.0.1 "Prefetch Template", "Prefetch tokens"; FHIR R4 search, "Escaping Search Parameters".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from service.patient.references import bare_patient_id, split_reference

_TOKEN: Final = re.compile(r"\{\{([^{}]*)\}\}")
_ESCAPED: Final = str.maketrans({"\\": "\\\\", ",": "\\,", "|": "\\|", "$": "\\$"})
_KEPT: Final = "/:,"
"""Legal in a query and common in token searches: escaping them would make long addresses longer."""
_USERS: Final = {
    "userPractitionerId": "Practitioner",
    "userPractitionerRoleId": "PractitionerRole",
    "userPatientId": "Patient",
    "userRelatedPersonId": "RelatedPerson",
}
PAGE_SIZE: Final = 200


class NoQuery(Exception):
    """The template needs something that the context does not hold."""


def is_search(template: str) -> bool:
    """False for a read of one resource."""
    return "?" in template


def target_of(template: str, context: Mapping[str, Any]) -> str:
    """Path and query, relative to the server's base URL, percent-encoded. Raises NoQuery.

    A search asks for pages of PAGE_SIZE where the template does not say.
    """
    path, _, query = template.partition("?")
    steps = "/".join(quote(_filled(step, context, "read"), safe="") for step in path.split("/"))
    if not query:
        return steps
    pairs = [part.partition("=") for part in query.split("&")]
    if not any(name == "_count" for name, _, _ in pairs):
        pairs.append(("_count", "=", str(PAGE_SIZE)))
    return f"{steps}?" + "&".join(
        f"{quote(name, safe=':')}={quote(_filled(value, context, 'search'), safe=_KEPT)}"
        for name, _, value in pairs
    )


def _filled(text: str, context: Mapping[str, Any], use: str) -> str:
    """With values in place of tokens, escaped so that a value can only be a value."""

    def value(match: re.Match[str]) -> str:
        found = _value(match[1].strip(), context)
        return found.translate(_ESCAPED) if use == "search" else found

    return _TOKEN.sub(value, text)


def _value(token: str, context: Mapping[str, Any]) -> str:
    found: Any = None
    if token in _USERS:
        user = split_reference(str(context.get("userId")))
        found = user[1] if user is not None and user[0] == _USERS[token] else None
    elif token.startswith("context."):
        found = context.get(token.removeprefix("context."))
    if not isinstance(found, str) or not found:
        raise NoQuery
    return bare_patient_id(found) if token == "context.patientId" else found  # noqa: S105 - no secret
