"""The closure law on many patients: `python -m tests.laws [PATIENTS] [SEED]`, on every processor.

Prints each law that does not hold once, with the smallest patient found that breaks it; exits 1 then. The
same numbers try the same patients, however many processors there are.
"""

from __future__ import annotations

import os
import random
import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field

from tests.laws.any_patient import AnyPatient, drawn, smaller
from tests.laws.closure import Objection, Tally, objections

BATCH = 250
"""Patients that one process tries at a time."""


@dataclass
class Found:
    """What some patients showed."""

    patients: int = 0
    suggestions: int = 0
    groups: Counter[str] = field(default_factory=Counter)
    checks: Counter[str] = field(default_factory=Counter)
    broken: dict[tuple[str, str], Objection] = field(default_factory=dict)

    def add(self, other: Found) -> None:
        """Take in what others showed."""
        self.patients += other.patients
        self.suggestions += other.suggestions
        self.groups.update(other.groups)
        self.checks.update(other.checks)
        for about, objection in other.broken.items():
            self.broken.setdefault(about, objection)


def main(patients: int = 1000, seed: int = 1) -> int:
    """Try so many patients; the number of laws broken."""
    batches = -(-patients // BATCH)
    found = Found()
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for part in pool.map(tried, range(seed * 1_000_000, seed * 1_000_000 + batches)):
            found.add(part)
    for objection in found.broken.values():
        _say(shrunk(objection))
    _say(f"seed {seed}: {len(found.groups)} kinds of card on the chart, {len(found.checks)} checks met")
    _say(
        f"{found.patients} patients, {found.suggestions} suggestions applied, {len(found.broken)} objections"
    )
    return len(found.broken)


def tried(seed: int) -> Found:
    """A batch of patients, drawn by `seed`."""
    source, tally, found = random.Random(seed), Tally(), Found()  # noqa: S311 - no secret
    for _ in range(BATCH):
        for objection in objections(drawn(source), tally):
            found.broken.setdefault((objection.law, objection.about), objection)
    found.patients, found.suggestions = tally.patients, tally.suggestions
    found.groups, found.checks = Counter(tally.groups), Counter(tally.checks)
    return found


def _say(line: object) -> None:
    sys.stdout.write(f"{line}\n")


def shrunk(objection: Objection) -> Objection:
    """The same objection to a patient of whom no line can be left out."""
    for patient in smaller(objection.patient):
        if (again := _same(objection, patient)) is not None:
            return shrunk(again)
    return objection


def _same(objection: Objection, patient: AnyPatient) -> Objection | None:
    wanted = (objection.law, objection.about)
    return next((one for one in objections(patient, Tally()) if (one.law, one.about) == wanted), None)


if __name__ == "__main__":
    sys.exit(bool(main(*map(int, sys.argv[1:]))))
