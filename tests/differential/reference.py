"""The reference engine: npm's cql-execution with cql-exec-fhir, run by Node on one job after the other."""

import json
import os
import subprocess
import tempfile
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from shutil import which
from typing import Any, Final

from tests.conformance.translation import AUTHORING, translate

HERE: Final = Path(__file__).parent
FHIR_HELPERS: Final = "org/hl7/fhir/FHIRHelpers-4.0.1.cql"
_TIMEOUT_SECONDS: Final = 1800

Json = dict[str, Any]


class ReferenceMissingError(Exception):
    """Node, the packages or the translator are not there."""


@dataclass(frozen=True)
class Patient:
    """One patient and the libraries whose defines are to be evaluated; ``parameters`` may be raw FHIR."""

    id: str
    libraries: tuple[str, ...]
    resources: tuple[Json, ...]
    parameters: Mapping[str, Any] = field(default_factory=dict)


def require() -> None:
    """Raises ReferenceMissingError, which says what to do."""
    if which("node") is None:
        raise ReferenceMissingError("Node 20 or newer is not there")
    if not (HERE / "node_modules" / "cql-execution").is_dir():
        raise ReferenceMissingError("the reference engine is not installed: npm ci in tests/differential")


def fhir_helpers() -> Json:
    """The ELM of FHIRHelpers, which the reference engine needs and the translator brings."""
    require()
    jars = sorted((AUTHORING / "target" / "lib").glob("quick-*.jar"))
    if not jars:
        raise ReferenceMissingError("no translator: plandefinitions/authoring/cql-to-elm --check fetches it")
    source = zipfile.ZipFile(jars[0]).read(FHIR_HELPERS).decode()
    source = source[source.index("\nlibrary ") + 1 :]  # past the comment
    return dict(translate({"FHIRHelpers": source})["FHIRHelpers"]["elm"])


def evaluate(
    libraries: Iterable[Json],
    value_sets: Mapping[str, Iterable[tuple[str, str]]],
    now: str,
    runs: list[Patient],
) -> Json:
    """{run id: {library: {define: plain value}}} by the reference engine (see reference.mjs)."""
    require()
    job = {
        "libraries": list(libraries),
        "valueSets": {url: sorted(codes) for url, codes in value_sets.items()},
        "now": now,
        "runs": [vars(each) for each in runs],
    }
    with tempfile.TemporaryDirectory() as folder:
        asked, answered = Path(folder) / "job.json", Path(folder) / "answer.json"
        asked.write_text(json.dumps(job), "utf-8")
        subprocess.run(  # noqa: S603
            [str(which("node")), HERE / "reference.mjs", asked, answered],
            check=True,
            timeout=_TIMEOUT_SECONDS,
            env={**os.environ, "TZ": "UTC"},
        )
        answers: Json = json.loads(answered.read_text("utf-8"))
    return answers
