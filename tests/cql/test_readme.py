"""service/cql/README.md tells the truth: its example runs, its names and figures are those of the code."""

import ast
import re
from pathlib import Path

import service.cql
from service.cql import Limits

PACKAGE = Path(service.cql.__file__).parent
README = (PACKAGE / "README.md").read_text("utf-8")
CONFORMANCE = PACKAGE.parents[1] / "docs" / "cql-conformance.md"


def test_example_runs() -> None:
    (example,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    exec(compile(example, "README.md", "exec"), {})  # noqa: S102 -- our own page


def test_every_public_name_is_there() -> None:
    missing = [name for name in service.cql.__all__ if name not in README]
    assert set(missing) <= {"DefineInfo", "RetrieveInfo"}


def test_figures_are_those_of_the_conformance_page() -> None:
    passed, failed, skipped = re.findall(
        r"\*\*(\d+) passed, (\d+) failed, (\d+) skipped\*\* of 1823", CONFORMANCE.read_text("utf-8")
    )[0]
    text = " ".join(README.split())
    assert f"{passed} of 1823 pass, {failed} fail and {skipped} cannot be translated" in text
    assert Limits() == Limits(steps=20_000_000, seconds=10)


def test_nothing_of_the_rest_of_the_service_is_imported() -> None:
    for file in PACKAGE.rglob("*.py"):
        depth = len(file.relative_to(PACKAGE).parts)
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom):
                assert node.level <= depth, file
                assert node.level or not (node.module or "").startswith("service"), file
            elif isinstance(node, ast.Import):
                assert not any(alias.name.startswith("service") for alias in node.names), file
