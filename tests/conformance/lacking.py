"""Tests that the translator cannot express, by id: the capability it lacks. They are skipped, visibly."""

TRANSLATOR_LACKS: dict[str, str] = {}
