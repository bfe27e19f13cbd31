"""The closure law on as many patients as the time allows: `python -m tests.laws [SECONDS] [SEED]`.

Prints each law that does not hold once, with the smallest patient found that breaks it; exits 1 then.
"""

from __future__ import annotations

import random
import sys
from time import monotonic

from tests.laws.any_patient import AnyPatient, drawn, smaller
from tests.laws.closure import Objection, Tally, objections


def main(seconds: float = 60, seed: int | None = None) -> int:
    """Try patients for so many seconds; the number of laws broken."""
    seed = random.randrange(2**32) if seed is None else seed  # noqa: S311 - no secret
    source, tally = random.Random(seed), Tally()  # noqa: S311 - no secret
    found: dict[tuple[str, str], Objection] = {}
    until = monotonic() + seconds
    while monotonic() < until:
        for objection in objections(drawn(source), tally):
            found.setdefault((objection.law, objection.about), objection)
    for objection in found.values():
        _say(shrunk(objection))
    _say(f"seed {seed}: {len(tally.groups)} kinds of card on the chart, {len(tally.checks)} checks met")
    _say(f"{tally.patients} patients, {tally.suggestions} suggestions applied, {len(found)} objections")
    return len(found)


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
    given = sys.argv[1:]
    sys.exit(bool(main(float(given[0]) if given else 60, int(given[1]) if len(given) > 1 else None)))
