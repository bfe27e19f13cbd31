"""PlanDefinition/$data-requirements: what a plan, and all that it leads to, needs; as a Library."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from service.guideline import Guideline

Json = dict[str, Any]


def data_requirements(guideline: Guideline, plan_id: str) -> Json:
    """The Library for the PlanDefinition with this id, which the guideline holds."""
    content = guideline.content
    plan = content.get("PlanDefinition", plan_id)
    if plan is None:
        raise KeyError(plan_id)
    needed = _reached(guideline, plan.canonical)
    libraries = [body for canonical in needed if (body := _library(guideline, canonical)) is not None]
    depends_on = [
        {"type": "depends-on", "resource": canonical} for canonical in needed if canonical != plan.canonical
    ]
    library: Json = {
        "resourceType": "Library",
        "name": f"{plan.body['name']}Requirements",
        "status": plan.body["status"],
        "type": {
            "coding": [
                {
                    "system": "http://terminology.hl7.org/CodeSystem/library-type",
                    "code": "module-definition",
                }
            ]
        },
        "subjectCodeableConcept": {
            "coding": [{"system": "http://hl7.org/fhir/resource-types", "code": "Patient"}]
        },
    }
    if depends_on:
        library["relatedArtifact"] = depends_on
    parameters = _distinct(
        each for body in libraries for each in body.get("parameter", ()) if each["use"] == "in"
    )
    if parameters:
        library["parameter"] = parameters
    requirements = _distinct(each for body in libraries for each in body.get("dataRequirement", ()))
    if requirements:
        library["dataRequirement"] = requirements
    return library


def _reached(guideline: Guideline, start: str) -> list[str]:
    """A definition, what its actions name, their Libraries and what these include; each once."""
    found: dict[str, None] = {}
    waiting = [start]
    while waiting:
        resource = guideline.content.resolve(waiting.pop(0))
        if resource is None or resource.canonical in found:
            continue
        found[resource.canonical] = None
        waiting += (
            *resource.body.get("library", ()),
            *_definitions(resource.body),
            *_includes(resource.body),
        )
    return list(found)


def _definitions(holder: Json) -> Iterator[str]:
    for action in holder.get("action", ()):
        if "definitionCanonical" in action:
            yield action["definitionCanonical"]
        yield from _definitions(action)


def _includes(library: Json) -> Iterator[str]:
    for artifact in library.get("relatedArtifact", ()):
        if artifact.get("type") == "depends-on" and "resource" in artifact:
            yield artifact["resource"]


def _library(guideline: Guideline, canonical: str) -> Json | None:
    resource = guideline.content.resolve(canonical)
    return resource.body if resource is not None and resource.type == "Library" else None


def _distinct(rows: Iterator[Json]) -> list[Json]:
    kept: list[Json] = []
    for row in rows:
        if row not in kept:
            kept.append(row)
    return kept
