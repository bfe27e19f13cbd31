"""``python -m tests.conformance [FOLDER] [--verbose] [--report FILE]``: HL7's CQL tests, the total last.

FOLDER holds the suite's XML (../shared/cql-tests by default); FILE takes the results as JSON. Exit 1 when a
test fails that docs/cql-conformance.md does not list, 0 otherwise, and where the suite or the translator is
not there, which the output then says.
"""

import argparse
import datetime as dt
import json
import re
import sys
from collections import Counter
from pathlib import Path

from .lacking import TRANSLATOR_LACKS
from .report import report
from .runner import Result, pieces, run_all
from .suite import read_suite
from .translation import CACHE, ROOT, TranslatorMissingError, translate

DEFAULT_SUITE = ROOT.parent / "shared" / "cql-tests"
DEFAULT_REPORT = CACHE / "results.json"
DOCUMENT = ROOT / "docs" / "cql-conformance.md"


def main(arguments: list[str] | None = None) -> int:
    """Run, print, and give the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.conformance")
    parser.add_argument("folder", nargs="?", type=Path, default=DEFAULT_SUITE)
    parser.add_argument("--verbose", action="store_true", help="also list the tests that did not pass")
    parser.add_argument("--report", type=Path, default=DEFAULT_REPORT, help="where the JSON goes")
    options = parser.parse_args(arguments)
    if not any(options.folder.glob("*.xml")):
        return _skipped(f"no CQL tests in {options.folder}")
    cases = read_suite(options.folder)
    try:
        translations = translate(pieces(cases))
    except TranslatorMissingError as error:
        return _skipped(str(error))
    results = run_all(cases, translations, TRANSLATOR_LACKS)
    written = json.dumps(report(results, dt.datetime.now(dt.UTC)), indent=1, ensure_ascii=False)
    options.report.write_text(written + "\n", "utf-8")
    _say(f"results: {options.report}")
    new = failed(results) - recorded()
    for case in sorted(new):
        _say(f"not in {DOCUMENT.name}: {case}")
    _list(results, verbose=options.verbose)
    return 1 if new else 0


def failed(results: list[Result]) -> set[str]:
    """The ids of the tests that did not pass."""
    return {result.case.id for result in results if result.outcome in ("fail", "error")}


def recorded() -> set[str]:
    """The ids of the tests that docs/cql-conformance.md lists as failing, with the cause of each."""
    return set(re.findall(r"^\| `([^`]+/[^`]+)`", DOCUMENT.read_text("utf-8"), re.MULTILINE))


def _skipped(reason: str) -> int:
    _say(f"SKIPPED: {reason}")
    _say("0 passed, 0 failed, 0 skipped")
    return 0


def _list(results: list[Result], *, verbose: bool) -> None:
    for file in sorted({result.case.file for result in results}):
        counts = Counter(result.outcome for result in results if result.case.file == file)
        _say(
            f"{file:36} {counts['pass']:5} passed {counts['fail']:4} failed "
            f"{counts['error']:4} errors {counts['skip']:4} skipped"
        )
    for result in results:
        if result.outcome == "skip" or (verbose and result.outcome != "pass"):
            _say(f"{result.outcome.upper():5} {result.case.id}: {result.reason}")
    counts = Counter(result.outcome for result in results)
    _say(f"{counts['pass']} passed, {counts['fail'] + counts['error']} failed, {counts['skip']} skipped")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main())
