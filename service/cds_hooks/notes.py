"""What a clinician must know about the data behind a card: what was not read, in a line or two."""

from __future__ import annotations

from collections.abc import Iterable

from service.patient import LeftOut


def note_on(left_out: Iterable[LeftOut]) -> str:
    """Markdown for a card's detail; "" when everything came and could be read. No clinical data, no ids."""
    rows = list(left_out)
    unreadable = sum(row.is_unreadable for row in rows)
    lines = []
    if unreadable:
        entries = "entry" if unreadable == 1 else "entries"
        lines.append(f"{unreadable} {entries} of the patient's data could not be read.")
    if partial := _keys(row for row in rows if row.is_partial):
        lines.append(f"Only a part came of: {partial}.")
    if missing := _keys(row for row in rows if row.is_gap):
        lines.append(f"Not available: {missing}.")
    return f"**Not considered**: {' '.join(lines)}" if lines else ""


def _keys(rows: Iterable[LeftOut]) -> str:
    return ", ".join(dict.fromkeys(row.key for row in rows))
