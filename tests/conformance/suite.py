"""The tests of HL7's cql-tests as data (https://github.com/cqframework/cql-tests, XML of tests/cql)."""

import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

NAMESPACE = "{http://hl7.org/fhirpath/tests}"


@dataclass(frozen=True)
class Case:
    """One test: ``invalid`` is how it must fail ('true', 'semantic', 'syntax'), None when it must not."""

    file: str
    group: str
    name: str
    expression: str
    invalid: str | None
    outputs: tuple[str, ...]

    @property
    def id(self) -> str:
        """File/group/name: names alone are not unique."""
        return f"{self.file}/{self.group}/{self.name}"


def read_suite(folder: Path) -> list[Case]:
    """Every test of the folder's files, in order."""
    cases = [case for path in sorted(folder.glob("*.xml")) for case in _read_file(path)]
    seen: dict[str, int] = {}
    unique = []
    for case in cases:
        seen[case.id] = seen.get(case.id, 0) + 1
        suffix = f"#{seen[case.id]}" if seen[case.id] > 1 else ""
        unique.append(
            Case(case.file, case.group, case.name + suffix, case.expression, case.invalid, case.outputs)
        )
    return unique


def _read_file(path: Path) -> Iterator[Case]:
    root = ElementTree.parse(path).getroot()  # noqa: S314 -- HL7's own files
    for group in root.iter(f"{NAMESPACE}group"):
        for test in group.iter(f"{NAMESPACE}test"):
            expression = test.find(f"{NAMESPACE}expression")
            if expression is None:
                continue
            invalid = expression.get("invalid")
            yield Case(
                path.stem,
                group.get("name", ""),
                test.get("name", ""),
                expression.text or "",
                None if invalid == "false" else invalid,
                tuple(output.text or "" for output in test.findall(f"{NAMESPACE}output")),
            )
