"""Every status and issue code that the service answers with is documented."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from service import errors

PAGE = (Path(__file__).parent.parent / "docs" / "reference" / "errors.md").read_text(encoding="utf-8")
DOCUMENTED = {(int(status), code) for status, code in re.findall(r"^\| (\d{3}) \| ([a-z-]+) \|", PAGE, re.M)}


def answered() -> Iterator[tuple[int, str]]:
    for kind in errors.ServiceError.__subclasses__():
        yield kind.status, kind.code
    for status, (code, _) in errors._HTTP.items():
        yield status, code
    yield 500, errors.outcome_for(RuntimeError()).code


@pytest.mark.parametrize(("status", "code"), sorted(set(answered())))
def test_error_is_documented(status: int, code: str) -> None:
    assert (status, code) in DOCUMENTED
