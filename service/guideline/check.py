"""Checks a guideline for those who write it: all that stops the start, and the content rules beyond that.

The start checks what it needs to give right answers, and quickly. This takes its time: each resource against
the R4 model, the codes of required bindings (which the model does not check), metadata, citations and
provenance, and whether anything is left that nothing uses.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from fhir.resources.R4B import get_fhir_model_class
from pydantic import ValidationError

from service.guideline.check_plans import check_actions, check_documented
from service.guideline.content import Content, Problems, Resource, read_content
from service.guideline.cursor import Cursor
from service.guideline.errors import Problem
from service.guideline.guideline import build
from service.guideline.logic import CQL, read_attachment
from service.guideline.required_codes import check_codes
from service.guideline.valuesets import concepts

PROVENANCE = "http://hl7.org/fhir/StructureDefinition/valueset-concept-comments"
_ACTION = "PlanDefinition.action"
EXTENSIONS = {
    "action-facts": _ACTION,
    "action-drafts": _ACTION,
    "override-reasons": "PlanDefinition",
    "prefetch": "PlanDefinition",
    "usage-requirements": "PlanDefinition",
}
"""Our extensions in the content, and the element that each belongs on."""
ANSWERED = {"action-fact": "RequestGroup.action", "action-draft": "RequestGroup.action"}
"""Our extensions in what $apply answers."""
_NAME = re.compile(r"[A-Z][A-Za-z0-9_]{0,254}")
_DATED = ("Library", "PlanDefinition", "ActivityDefinition", "Questionnaire")
_CITED = ("Library", "PlanDefinition", "ActivityDefinition")
_MUST_BE_USED = ("Library", "PlanDefinition", "ActivityDefinition", "ValueSet")
_CANONICALS = frozenset(
    {
        "library",
        "definitionCanonical",
        "valueCanonical",
        "valueSet",
        "resource",
        "answerValueSet",
        "productReference",
    }
)


def check_guideline(folder: Path) -> list[Problem]:
    """Everything that is wrong with the guideline in `folder`, sorted by file; empty when it checks out."""
    _, found = build(folder)
    problems = Problems(found)
    content = read_content(folder, Problems())
    if content.resources:
        base = _base(content)
        for resource in content.resources:
            cursor = Cursor.of(resource, problems)
            for rule in _RULES:
                rule(resource, cursor)
            _check_references(cursor, content, base)
            _check_extensions(cursor, content, base)
        _check_definitions(content, base, problems)
        _check_cql(content, problems)
        _check_use(content, base, problems)
        check_documented(content, problems)
        _check_publisher(content, problems)
    return sorted(dict.fromkeys(problems))


def _base(content: Content) -> str:
    first = content.resources[0]
    return first.url.removesuffix(f"/{first.type}/{first.id}")


def _check_model(resource: Resource, cursor: Cursor) -> None:
    try:
        get_fhir_model_class(resource.type).model_validate(resource.body)
    except ValidationError as error:
        for each in error.errors():
            # The models of primitive and data types wrap their value in a part named `root`.
            parts = [part for part in each["loc"] if part != "root"]
            element = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts)
            cursor.problem(f"is not R4: {each['msg']}", element.lstrip("."))


def _check_file(resource: Resource, cursor: Cursor) -> None:
    if resource.file != f"{resource.type.lower()}/{resource.id}.json":
        cursor.problem(f"the file of a resource is {resource.type.lower()}/<id>.json", "id")
    lines = resource.text.splitlines()
    if (
        not resource.text.endswith("}\n")
        or "\r" in resource.text
        or not re.match(r' {2}"', "".join(lines[1:2]))
    ):
        cursor.problems.add(resource.file, "$", "is not JSON indented by 2 spaces with a newline at its end")


def _check_metadata(resource: Resource, cursor: Cursor) -> None:
    wanted = ["name", "title", "date", "publisher", "description", "copyright"]
    wanted += ["approvalDate", "lastReviewDate"] if resource.type in _DATED else []
    for name in wanted:
        if cursor.text(name) is None:
            cursor.problem("is missing", name)
    if not _NAME.fullmatch(str(resource.body.get("name"))):
        cursor.problem("is not a computable name (PascalCase)", "name")
    if cursor.text("status") != "active":
        cursor.problem("is not active", "status")
    if cursor.flag("experimental") is not False:
        cursor.problem("is not false", "experimental")
    if resource.type in _DATED and "start" not in cursor.child("effectivePeriod").body:
        cursor.problem("has no start", "effectivePeriod")
    if resource.type in _CITED:
        _check_citations(cursor)


def _check_citations(cursor: Cursor) -> None:
    citations = [each for each in cursor.each("relatedArtifact") if each.body.get("type") == "citation"]
    if not citations:
        cursor.problem("cites no source", "relatedArtifact")
    for citation in citations:
        if not (citation.text("display") or citation.text("citation")):
            citation.problem("says no display")


def _check_concepts(resource: Resource, cursor: Cursor) -> None:
    if resource.type != "ValueSet":
        return
    for part in cursor.child("compose").each("include"):
        for code, concept in concepts(part):
            if not any(extension.text("valueString") for extension in concept.extension(PROVENANCE)):
                concept.problem(f"does not say where {code} comes from ({PROVENANCE})")


def _check_plan(resource: Resource, cursor: Cursor) -> None:
    if resource.type == "PlanDefinition":
        check_actions(cursor)


def _check_bindings(_: Resource, cursor: Cursor) -> None:
    check_codes(cursor)


_RULES: tuple[Callable[[Resource, Cursor], None], ...] = (
    _check_model,
    _check_file,
    _check_metadata,
    _check_concepts,
    _check_plan,
    _check_bindings,
)


def _walk(value: Any, path: str, key: str = "") -> Iterator[tuple[str, str, Any]]:
    """Element path, name and value of everything in a resource."""
    yield path, key, value
    if isinstance(value, dict):
        for name, child in value.items():
            yield from _walk(child, f"{path}.{name}", name)
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from _walk(child, f"{path}[{index}]", key)


def _check_references(cursor: Cursor, content: Content, base: str) -> None:
    """Canonicals resolve, with their version; codes of our own systems exist."""
    systems = {
        system.url: {code for code, _ in concepts(Cursor.of(system, Problems()))}
        for system in content.of_type("CodeSystem")
        if system.body.get("content") == "complete"
    }
    for path, key, value in _walk(cursor.body, cursor.path):
        if key in _CANONICALS and isinstance(value, str) and value.startswith(f"{base}/"):
            if content.resolve(value) is None:
                cursor.problems.add(cursor.file, path, f"there is no {value}")
            # What a Library depends on is written by its CQL, which names value sets without version.
            elif "|" not in value and cursor.body["resourceType"] != "Library":
                cursor.problems.add(cursor.file, path, f"{value} says no version")
        system, codes = _codes(value)
        if system.startswith(f"{base}/"):
            for code in codes:
                if code not in systems.get(system, ()):
                    cursor.problems.add(cursor.file, path, f"{system} has no code '{code}'")


def _codes(value: Any) -> tuple[str, list[str]]:
    """System and codes of a Coding or of a ValueSet.compose.include."""
    if not isinstance(value, dict) or not isinstance(value.get("system"), str):
        return "", []
    listed = value["concept"] if isinstance(value.get("concept"), list) else [value]
    return value["system"], [each["code"] for each in listed if isinstance(each, dict) and "code" in each]


def _check_extensions(cursor: Cursor, content: Content, base: str) -> None:
    """Ours are spelled as the service reads them, are defined, and stand where it looks for them."""
    ours = f"{base}/StructureDefinition/"
    for path, key, value in _walk(cursor.body, cursor.path):
        if key != "extension" or not isinstance(value, dict) or not str(value.get("url")).startswith(ours):
            continue
        name = value["url"].removeprefix(ours)
        parent = path.rpartition(".extension[")[0]
        if name not in EXTENSIONS:
            cursor.problems.add(cursor.file, path, f"{value['url']} is unknown to the service")
            continue
        if content.resolve(value["url"]) is None:
            cursor.problems.add(cursor.file, path, f"there is no structuredefinition/{name}.json")
        if re.sub(r"(\.action\[\d+\])+$", ".action", parent) != EXTENSIONS[name]:
            cursor.problems.add(cursor.file, path, f"{name} belongs on a {EXTENSIONS[name]}")


def _check_definitions(content: Content, base: str, problems: Problems) -> None:
    """StructureDefinitions are those of our extensions, and say where each belongs."""
    for definition in content.of_type("StructureDefinition"):
        cursor = Cursor.of(definition, problems)
        home = {**EXTENSIONS, **ANSWERED}.get(definition.url.removeprefix(f"{base}/StructureDefinition/"))
        if home is None:
            cursor.problem("defines no extension that the service knows", "url")
        elif definition.body.get("context") != [{"type": "element", "expression": home}]:
            cursor.problem(f"is not the element {home}", "context")


def _check_cql(content: Content, problems: Problems) -> None:
    """Each Library embeds its cql/<name>.cql as it is, and the other way round."""
    sources = {path.stem: path.read_bytes() for path in sorted((content.folder / "cql").glob("*.cql"))}
    for library in content.of_type("Library"):
        cursor = Cursor.of(library, problems)
        source = sources.pop(library.id, None)
        embedded = read_attachment(cursor, CQL)
        if source is None:
            cursor.problem(f"there is no cql/{library.id}.cql", "id")
        elif embedded is None:
            cursor.problem(f"has no content of type {CQL}", "content")
        elif embedded[1] != source:
            embedded[0].problem(f"differs from cql/{library.id}.cql: build the content", "data")
    for name in sources:
        problems.add(f"cql/{name}.cql", "library", f"there is no library/{name}.json: build the content")


def _check_use(content: Content, base: str, problems: Problems) -> None:
    """Everything is reached from a PlanDefinition that answers a hook."""
    links = {
        resource.url: {
            value.partition("|")[0]
            for _, key, value in _walk(resource.body, "")
            if key in _CANONICALS and isinstance(value, str) and value.startswith(f"{base}/")
        }
        for resource in content.resources
    }
    reached: set[str] = set()
    todo = [
        resource.url
        for resource in content.of_type("PlanDefinition")
        if any("trigger" in action for action in resource.body.get("action", ()) if isinstance(action, dict))
    ]
    while todo:
        url = todo.pop()
        if url not in reached:
            reached.add(url)
            todo += links.get(url, ())
    for resource in content.resources:
        if resource.type in _MUST_BE_USED and resource.url not in reached:
            problems.add(
                resource.file, f"{resource.type}.url", "no PlanDefinition that answers a hook leads here"
            )


def _check_publisher(content: Content, problems: Problems) -> None:
    first = content.resources[0]
    for resource in content.resources:
        if resource.body.get("publisher") != first.body.get("publisher"):
            problems.add(resource.file, f"{resource.type}.publisher", f"is not that of {first.file}")
