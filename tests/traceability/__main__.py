"""`python -m tests.traceability --write` writes docs/traceability.md; with ids, lists all about each."""

from __future__ import annotations

import sys

from tests.traceability.page import PAGE, in_full, page
from tests.traceability.recommendations import all_recommendations


def main(arguments: list[str]) -> int:
    """Exit code: 0 done; 2 nothing, or an unknown id, was asked for."""
    if arguments == ["--write"]:
        PAGE.write_text(page(), encoding="utf-8")
        return 0
    known = {each.id: each for each in all_recommendations()}
    if not arguments or set(arguments) - set(known):
        sys.stderr.write("usage: python -m tests.traceability --write | ID ...\n")
        return 2
    sys.stdout.write("\n".join(in_full(known[one]) for one in arguments) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
