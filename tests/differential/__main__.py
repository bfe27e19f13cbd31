"""``python -m tests.differential [--every N] [--generated N] [--seed N] [--verbose]``.

The guideline's libraries on the patients of its cases, and generated expressions, by both engines: a line a
library, the total last. Exit 1 when a difference is not explained; 0 when all agree or are explained, and
where the reference engine or the translator is not there, which the output then says.
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from service.cql import CqlError, Engine, ListRecord
from tests.cases.service import NOW
from tests.conformance.translation import TranslatorMissingError, translate

from .content import content, evaluated, patients
from .explained import Difference, explanation
from .generated import expressions
from .overloads import told_apart
from .plain import same
from .reference import Json, Patient, ReferenceMissingError, evaluate, fhir_helpers

GENERATED = "generated"
_NOBODY = ({"resourceType": "Patient", "id": "nobody"},)

Outcome = tuple[str, Difference | None]
"""Library, and the difference if there is one."""


def main(arguments: list[str] | None = None) -> int:
    """Run, print, and give the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.differential")
    parser.add_argument("--every", type=int, default=5, help="take every so many of the cases' patients (5)")
    parser.add_argument("--generated", type=int, default=3000, help="how many generated expressions (3000)")
    parser.add_argument("--seed", type=int, default=1, help="of the generator (1)")
    parser.add_argument("--verbose", action="store_true", help="also list the differences that are explained")
    options = parser.parse_args(arguments)
    try:
        outcomes = [*of_content(options.every), *of_generated(options.generated, options.seed)]
    except (ReferenceMissingError, TranslatorMissingError) as error:
        _say(f"SKIPPED: {error}")
        _say("0 passed, 0 failed")
        return 0
    return _report(outcomes, verbose=options.verbose)


def of_content(every: int) -> Iterator[Outcome]:
    """Every define of the guideline's libraries, for every so many of the cases' patients."""
    libraries, value_sets = content()
    libraries = told_apart(libraries)
    runs = patients(libraries)[::every]
    theirs = evaluate([*libraries, fhir_helpers()], value_sets, NOW.isoformat(), runs)
    engine = Engine(libraries, value_sets)
    for run in runs:
        ours = evaluated(engine, ListRecord(run.resources), run, NOW)
        for library in run.libraries:
            for define, value in ours[library].items():
                found = _answer(theirs[run.id][library], define)
                difference = Difference(
                    library, define, "", value, found, bool(run.parameters), _has_contained(run)
                )
                yield library, None if _agree(value, found) else difference


def _has_contained(run: Patient) -> bool:
    given = [*run.resources, *(run.parameters.get("draftOrders") or ())]
    return any("contained" in each for each in given)


def of_generated(count: int, seed: int) -> Iterator[Outcome]:
    """So many generated expressions."""
    texts = expressions(count, seed)
    libraries = {}
    for number, (key, answer) in enumerate(translate(texts).items()):
        if "elm" not in answer:
            raise ValueError(f"{texts[key]}: {answer['errors']}")
        library = json.loads(json.dumps(answer["elm"]))
        library["library"]["identifier"] = {"id": f"G{number}"}
        libraries[key] = library
    names = {key: str(each["library"]["identifier"]["id"]) for key, each in libraries.items()}
    run = Patient("nobody", tuple(names.values()), _NOBODY)
    theirs = evaluate(libraries.values(), {}, NOW.isoformat(), [run])[run.id]
    for key, library in libraries.items():
        kind = f"{GENERATED} {key.split()[0]}"
        value, found = _alone(library, names[key]), _answer(theirs[names[key]], "Test")
        yield kind, None if _agree(value, found) else Difference(kind, key, texts[key], value, found)


def _alone(library: Json, name: str) -> Any:
    try:
        engine = Engine([library], {})
    except CqlError as error:
        return {"error": str(error)}
    return evaluated(engine, ListRecord(_NOBODY), Patient("nobody", (name,), _NOBODY), NOW)[name]["Test"]


def _answer(library: Mapping[str, Any], define: str) -> Any:
    """The reference engine's answer; a library of which nothing could be evaluated is one error."""
    return library if isinstance(library.get("error"), str) else library.get(define)


def _agree(ours: Any, theirs: Any) -> bool:
    return same(ours, theirs) or (_failed(ours) and _failed(theirs))


def _failed(value: Any) -> bool:
    return isinstance(value, dict) and "error" in value


def _report(outcomes: list[Outcome], *, verbose: bool) -> int:
    reasons = Counter[str]()
    failed = 0
    for library in sorted({library for library, _ in outcomes}):
        found = [difference for name, difference in outcomes if name == library]
        differences = [each for each in found if each is not None]
        unexplained = [each for each in differences if explanation(each) is None]
        failed += len(unexplained)
        reasons.update(explanation(each) or "?" for each in differences)
        _say(
            f"{library:24} {len(found) - len(differences):6} agree "
            f"{len(differences) - len(unexplained):5} explained {len(unexplained):4} differ"
        )
        for each in differences if verbose else unexplained:
            name = explanation(each) or "DIFFER"
            _say(f"  {name}: {each.text or each.define}")
            _say(f"    ours  {_short(each.ours)}\n    other {_short(each.theirs)}")
    for reason, count in sorted(reasons.items()):
        _say(f"{count:6} {reason}")
    _say(f"{len(outcomes) - failed} passed, {failed} failed")
    return 1 if failed else 0


def _short(value: Any) -> str:
    return json.dumps(value)[:300]


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main())
