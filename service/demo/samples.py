"""The made-up patients of a guideline: its folder `patients`, a FHIR Bundle (collection) a file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from service.cds_hooks import exact_json
from service.demo.search import PARAMETERS
from service.errors import InvalidRequest
from service.guideline import ContentError
from service.guideline.content import Problems

Json = dict[str, Any]

FOLDER: Final = "patients"


def read_samples(content: Path) -> list[Json]:
    """Every resource of every Bundle in the guideline's folder `content`; none when it has no patients.

    Raises ContentError for files that are no such Bundle: half of a patient would get another answer.
    """
    problems = Problems()
    resources: dict[tuple[str, str], Json] = {}
    for path in sorted((content / FOLDER).glob("*.json")):
        file = path.relative_to(content).as_posix()
        for place, resource in _entries(path, file, problems):
            key = resource["resourceType"], resource["id"]
            if key in resources:
                problems.add(file, place, f"another {key[0]} has this id")
            resources[key] = resource
    if problems:
        raise ContentError(problems)
    return list(resources.values())


def _entries(path: Path, file: str, problems: Problems) -> Iterator[tuple[str, Json]]:
    try:
        bundle = exact_json.loads(path.read_bytes())
    except (OSError, InvalidRequest) as error:
        problems.add(file, "$", f"not readable as JSON: {error}")
        return
    entries = bundle.get("entry") if isinstance(bundle, dict) else None
    if not isinstance(entries, list) or bundle.get("resourceType") != "Bundle":
        problems.add(file, "Bundle.entry", "files in this folder hold a Bundle")
        return
    for position, entry in enumerate(entries):
        place = f"Bundle.entry[{position}].resource"
        resource = entry.get("resource") if isinstance(entry, dict) else None
        if not isinstance(resource, dict) or not isinstance(resource.get("id"), str):
            problems.add(file, place, "is no resource with an id")
        elif resource.get("resourceType") not in PARAMETERS:
            problems.add(file, place, f"its type is none of {', '.join(PARAMETERS)}")
        else:
            yield place, resource
