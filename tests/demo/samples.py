"""The sample patients, as files."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from tests.cases.service import guideline

Json = dict[str, Any]

FOLDER = guideline().content.folder / "patients"
OTHERS = "practitioners"


@cache
def bundles() -> dict[str, list[Json]]:
    """The resources of each file, by its name."""
    read = {path.stem: json.loads(path.read_text("utf-8")) for path in sorted(FOLDER.glob("*.json"))}
    return {name: [entry["resource"] for entry in bundle["entry"]] for name, bundle in read.items()}


PATIENTS = [name for name in bundles() if name != OTHERS]


@cache
def everything() -> dict[str, Json]:
    """Every resource of every file, by its reference."""
    return {f"{one['resourceType']}/{one['id']}": one for held in bundles().values() for one in held}
