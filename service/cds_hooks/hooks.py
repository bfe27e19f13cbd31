"""The hooks of the CDS Hooks library that this service knows how to be called by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

SPECIFICATION_VERSION = "2.0.1"
"""The version of CDS Hooks implemented (discovery `version`)."""


@dataclass(frozen=True)
class Hook:
    """What is particular to a hook: its published version, and what its context brings."""

    version: str
    drafts: bool = False
    """The context holds draft orders."""
    selections: bool = False
    """The context says which of the draft orders are selected."""


HOOKS: Mapping[str, Hook] = {
    "patient-view": Hook("1.0"),
    "order-select": Hook("1.0", drafts=True, selections=True),
    "order-sign": Hook("1.0", drafts=True),
}
