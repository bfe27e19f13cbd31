"""Guidelines for tests: copies of the tiny one with something changed, and small ones written on the spot."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from service.cql import Evaluation, ListRecord
from service.guideline import Guideline

TINY = Path(__file__).parent.parent / "guidelines" / "tiny"
BASE = "https://small.example.org/fhir"
VERSION = "1.0.0"
NOW = datetime(2024, 3, 3, 12, tzinfo=UTC)
PATIENT = {"resourceType": "Patient", "id": "p"}
SUBJECT = "Patient/p"

Json = dict[str, Any]
_ELM = "{urn:hl7-org:elm-types:r1}"


def change(folder: Path, file: str, edit: Callable[[Json], object]) -> None:
    """Edit one JSON file of a guideline in place."""
    path = folder / file
    body = json.loads(path.read_text())
    edit(body)
    path.write_text(json.dumps(body, indent=2, ensure_ascii=False) + "\n")


def copy_of_tiny(folder: Path) -> Path:
    """A copy of the tiny guideline that a test may damage."""
    return Path(shutil.copytree(TINY, folder / "tiny"))


# --- small guidelines


def true() -> Json:
    return {
        "type": "Literal",
        "valueType": f"{_ELM}Boolean",
        "value": "true",
        "resultTypeName": f"{_ELM}Boolean",
    }


def false() -> Json:
    return true() | {"value": "false"}


def null(of: str = "Boolean") -> Json:
    return {"type": "As", "asType": _ELM + of, "operand": {"type": "Null"}, "resultTypeName": _ELM + of}


def text(value: str) -> Json:
    return {
        "type": "Literal",
        "valueType": f"{_ELM}String",
        "value": value,
        "resultTypeName": f"{_ELM}String",
    }


def ref(define: str, of: str = "Boolean") -> Json:
    return {"type": "ExpressionRef", "name": define, "resultTypeName": _ELM + of}


def failing() -> Json:
    """Two items where SingletonFrom takes one: a run-time error of CQL."""
    items = {"type": "List", "element": [true(), false()]}
    return {"type": "SingletonFrom", "operand": items, "resultTypeName": f"{_ELM}Boolean"}


def texts(*values: str | None) -> Json:
    """A list of strings."""
    return {
        "type": "List",
        "element": [null("String") if value is None else text(value) for value in values],
        "resultTypeSpecifier": {
            "type": "ListTypeSpecifier",
            "elementType": {"type": "NamedTypeSpecifier", "name": f"{_ELM}String"},
        },
    }


def code(value: str) -> Json:
    """A Code literal made by an instance selector."""
    return {
        "type": "Instance",
        "classType": f"{_ELM}Code",
        "element": [{"name": "code", "value": text(value)}, {"name": "system", "value": text("urn:small")}],
        "resultTypeName": f"{_ELM}Code",
    }


def elm(name: str, defines: Mapping[str, Json]) -> Json:
    """An ELM library whose defines are these expressions."""
    statements = [
        {
            "name": define,
            "context": "Unfiltered",
            "accessLevel": "Public",
            "type": "ExpressionDef",
            "expression": expression,
        }
        | {key: value for key, value in expression.items() if key.startswith("resultType")}
        for define, expression in defines.items()
    ]
    return {
        "library": {
            "identifier": {"id": name, "version": VERSION},
            "schemaIdentifier": {"id": "urn:hl7-org:elm", "version": "r1"},
            "usings": {"def": [{"localIdentifier": "System", "uri": "urn:hl7-org:elm-types:r1"}]},
            "statements": {"def": statements},
        }
    }


def expression(define: str) -> Json:
    return {"language": "text/cql-identifier", "expression": define}


def when(*defines: str) -> list[Json]:
    return [{"kind": "applicability", "expression": expression(define)} for define in defines]


def dynamic(path: str, define: str) -> Json:
    return {"path": path, "expression": expression(define)}


def canonical(resource_type: str, resource_id: str) -> str:
    return f"{BASE}/{resource_type}/{resource_id}|{VERSION}"


def plan(plan_id: str, *actions: Json, **more: Any) -> Json:
    return _resource("PlanDefinition", plan_id) | {"action": list(actions)} | more


def activity(activity_id: str, kind: str, **more: Any) -> Json:
    return _resource("ActivityDefinition", activity_id) | {"kind": kind} | more


def _resource(resource_type: str, resource_id: str) -> Json:
    return {
        "resourceType": resource_type,
        "id": resource_id,
        "url": f"{BASE}/{resource_type}/{resource_id}",
        "version": VERSION,
        "title": resource_id.title(),
        "description": f"The {resource_id}.",
        "library": [canonical("Library", "Small")],
    }


def write(folder: Path, defines: Mapping[str, Json], resources: Iterable[Json]) -> Path:
    """A guideline with one Library `Small` and these resources; plans without trigger answer no hook."""
    data = base64.b64encode(json.dumps(elm("Small", defines)).encode()).decode()
    library = _resource("Library", "Small") | {
        "name": "Small",
        "content": [{"contentType": "application/elm+json", "data": data}],
    }
    del library["library"]
    for resource in (library, *resources):
        path = folder / resource["resourceType"].lower() / f"{resource['id']}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(resource))
    return folder


def small(folder: Path, defines: Mapping[str, Json], *resources: Json) -> tuple[Guideline, Evaluation]:
    """A guideline whose plan `root` answers patient-view, and an evaluation for a patient with no data."""
    for resource in resources:
        if resource["id"] == "root":
            for action in resource["action"]:
                action["trigger"] = [{"type": "named-event", "name": "patient-view"}]
    guideline = Guideline.load(write(folder, defines, resources))
    return guideline, guideline.evaluation(ListRecord([PATIENT]), NOW)
