"""What goes wrong with the database."""

from __future__ import annotations


class StoreUnavailable(Exception):
    """The database cannot be reached, is locked, full, read-only or of a newer version. Nothing was kept."""
