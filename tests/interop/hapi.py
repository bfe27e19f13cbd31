"""HAPI's clinical reasoning engine, as one process that applies many plans: the other side of the comparison.

Built from pom.xml and the programs beside this file into target/, which git ignores; HAPI's server from the
folder server/ likewise. Needs a JDK 17+ and Maven.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Json = dict[str, Any]

HERE = Path(__file__).parent
SERVER = HERE / "server"

# What tells the engine that a parameter given once is a list nevertheless.
LIST_MARK = "http://hl7.org/fhir/uv/cpg/StructureDefinition/cpg-parameterDefinition"


@dataclass(frozen=True)
class Answer:
    """What the engine says of one request."""

    resource: Json
    """CarePlan with RequestGroups and requests contained; OperationOutcome when the engine failed."""
    nulls: tuple[str, ...]
    """Defines of conditions that were null, without their library."""


class EngineMissingError(Exception):
    """There is no JDK or no Maven here."""


def build(home: Path = HERE) -> None:
    """Compile the programs of the pom.xml in `home` when they are out of date. Raises EngineMissingError."""
    for tool in ("java", "mvn"):
        if shutil.which(tool) is None:
            raise EngineMissingError(f"{tool} not found (needs a JDK 17+ and Maven)")
    stamp, pom = home / "target" / ".built", home / "pom.xml"
    sources = (pom, *home.glob("src/main/java/interop/*.java"))
    if stamp.exists() and all(stamp.stat().st_mtime > source.stat().st_mtime for source in sources):
        return
    command = ["mvn", "--batch-mode", "--no-transfer-progress", "--quiet", "--file", str(pom)]
    subprocess.run([*command, "compile"], check=True)  # noqa: S603
    stamp.touch()


def apply_all(content: Path, requests: Sequence[Json]) -> list[Answer]:
    """PlanDefinition/$apply of each request (FHIR Parameters), in order, in one process."""
    with tempfile.TemporaryDirectory() as folder:
        asked, got = Path(folder, "requests.ndjson"), Path(folder, "results.ndjson")
        asked.write_text("".join(f"{json.dumps(request)}\n" for request in requests), encoding="utf-8")
        log = run("interop.Apply", str(content), str(asked), str(got))
        results = [json.loads(line) for line in got.read_text(encoding="utf-8").splitlines()]
    nulls = _nulls(log, len(requests))
    return [Answer(result, nulls[number]) for number, result in enumerate(results)]


def validate_all(content: Path, resources: Sequence[Json]) -> list[Json]:
    """HAPI's validation of each resource, in order: OperationOutcomes."""
    with tempfile.TemporaryDirectory() as folder:
        asked, got = Path(folder, "resources.ndjson"), Path(folder, "results.ndjson")
        lines = (json.dumps(resource, ensure_ascii=False, default=float) for resource in resources)
        asked.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        run("interop.Validate", str(content), str(asked), str(got))
        return [json.loads(line) for line in got.read_text(encoding="utf-8").splitlines()]


def _nulls(log: str, requests: int) -> list[tuple[str, ...]]:
    """The conditions that were null, by request: the engine tells it in its log and nowhere else."""
    found: list[dict[str, None]] = [{} for _ in range(requests)]
    number = 0
    for line in log.splitlines():
        if begin := re.fullmatch(r"request (\d+)", line):
            number = int(begin[1])
        elif null := re.search(r"Condition expression (.+) returned null$", line):
            found[number][null[1]] = None
    return [tuple(one) for one in found]


def command(home: Path, options: Sequence[str], program: str, *arguments: str) -> list[str]:
    """What runs one of the programs built in `home`, with options for Java. It logs to standard error."""
    classpath = f"{home / 'target/classes'}:{home / 'target/lib'}/*"
    java = ["java", "-XX:+UseSerialGC", *options, "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"]
    return [*java, "-cp", classpath, program, *arguments]


def run(program: str, *arguments: str) -> str:
    """Run one of the programs, and give its log, which stays in target/. Raises CalledProcessError."""
    path = HERE / "target" / f"{program}.log"
    with path.open("w", encoding="utf-8") as log:
        java = command(HERE, ["-Xmx3g"], program, *arguments)
        subprocess.run(java, check=True, stderr=log)  # noqa: S603
    return path.read_text(encoding="utf-8")


def request(plan: str, subject: str, data: Sequence[Json], parameters: Json) -> Json:
    """Parameters of PlanDefinition/$apply; `parameters` are strings, or lists of strings or resources."""
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": one} for one in data]}
    parts = [part for name, value in parameters.items() for part in _parameter(name, value)]
    return {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "planDefinitionId", "valueString": plan},
            {"name": "subject", "valueString": subject},
            {"name": "data", "resource": bundle},
            {"name": "parameters", "resource": {"resourceType": "Parameters", "parameter": parts}},
        ],
    }


def _parameter(name: str, value: Any) -> Iterator[Json]:
    """A CQL parameter: a list is one part an item, and a list of one says that it is a list."""
    if value is None:
        return
    items = value if isinstance(value, list) else [value]
    for item in items:
        part: Json = {"name": name}
        if isinstance(value, list):
            kind = "string" if isinstance(item, str) else item["resourceType"]
            definition = {"name": name, "use": "in", "min": 0, "max": "*", "type": kind}
            part["extension"] = [{"url": LIST_MARK, "valueParameterDefinition": definition}]
        part |= {"valueString": item} if isinstance(item, str) else {"resource": item}
        yield part
