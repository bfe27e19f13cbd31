"""SMART scopes, version 1 and 2: a hint what a token opens. The server decides; they explain a refusal.

Source: SMART App Launch 1.0.0 and 2.2.0, "Scopes and Launch Context".
"""

from __future__ import annotations

import re
from typing import Final

_SCOPE: Final = re.compile(
    r"(?:patient|user|system)/(?P<type>\*|[A-Z][A-Za-z]+)\."
    r"(?:(?P<v1>read|write|\*)|(?P<v2>c?r?u?d?s?))(?:\?\S*)?"
)


def names(scope: str, resource_type: str, search: bool) -> bool:
    """Whether some scope lets its token read (`search`: search) resources of the type."""
    return any(_opens(part, resource_type, search) for part in scope.split())


def _opens(part: str, resource_type: str, search: bool) -> bool:
    match = _SCOPE.fullmatch(part)
    if match is None or match["type"] not in ("*", resource_type):
        return False
    if match["v1"]:
        return match["v1"] in ("read", "*")
    return ("s" if search else "r") in (match["v2"] or "")
