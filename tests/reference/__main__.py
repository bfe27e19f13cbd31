"""`python -m tests.reference --write` writes the pages of docs/reference that come from the guideline."""

from __future__ import annotations

import sys

from tests.cases.service import guideline
from tests.reference import services

if __name__ == "__main__":
    if sys.argv[1:] != ["--write"]:
        sys.exit("usage: python -m tests.reference --write")
    services.PAGE.write_text(services.page(guideline()), encoding="utf-8")
