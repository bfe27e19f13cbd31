"""The guideline's CQL: Libraries decoded and compiled, and FHIR Expressions resolved to defines."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from service.cql import CqlError, Engine
from service.guideline.content import Content, Problems, Resource
from service.guideline.cursor import Cursor
from service.guideline.valuesets import Expansion

ELM = "application/elm+json"
CQL = "text/cql"
SYSTEM_BOOLEAN = "{urn:hl7-org:elm-types:r1}Boolean"


@dataclass(frozen=True, slots=True)
class Define:
    """A CQL define, by library name and define name."""

    library: str
    name: str

    def __str__(self) -> str:
        return f"{self.library}.{self.name}"


class Logic:
    """What the Libraries of a guideline define; `engine` is None when they do not compile."""

    def __init__(self, content: Content, value_sets: Mapping[str, Expansion], problems: Problems) -> None:
        self._content = content
        self.elm: dict[str, Mapping[str, Any]] = {}
        for resource in content.of_type("Library"):
            elm = read_elm(resource, problems)
            if elm is not None:
                self.elm[resource.url] = elm
        self.engine = _compile(content, self.elm, value_sets, problems) if not problems else None

    def library_of(self, definition: Cursor) -> str | None:
        """Url of the one Library that the expressions of a PlanDefinition or ActivityDefinition refer to.

        None when it names none, "" (with a problem reported) when we do not hold it.
        """
        canonicals = list(definition.texts("library"))
        if not canonicals:
            return None
        if len(canonicals) > 1:
            definition.problem("expressions are resolved in one Library: name exactly one", "library")
        path, canonical = canonicals[0]
        library = self._content.resolve(canonical)
        if library is None or library.type != "Library":
            definition.problems.add(definition.file, path, f"there is no Library {canonical}")
            return ""
        return library.url

    def define(self, expression: Cursor, library: str | None, *, result: str | None = None) -> Define | None:
        """The define that an Expression names; `result` is the ELM type that it must have, if any.

        None, with a problem reported, when it cannot be resolved.
        """
        name = expression.text("expression")
        if expression.body.get("language") != "text/cql-identifier":
            expression.problem("expressions are of language text/cql-identifier", "language")
        elif "reference" in expression.body:
            expression.problem("expressions are resolved in the definition's own library", "reference")
        elif name is None:
            expression.problem("is missing", "expression")
        elif library is None:
            expression.problem(f"'{name}' needs a library, and the definition names none", "expression")
        elif library in self.elm:
            return self._resolve(expression, self.elm[library], name, result)
        return None

    def _resolve(
        self, expression: Cursor, elm: Mapping[str, Any], name: str, result: str | None
    ) -> Define | None:
        define = Define(str(elm["identifier"]["id"]), name)
        statement = statements(elm).get(name)
        if statement is None:
            expression.problem(f"the library has no define {define}", "expression")
            return None
        if statement.get("accessLevel") == "Private":
            expression.problem(f"the define {define} is private", "expression")
        found = result_type(statement)
        if result is not None and found != result:
            expression.problem(f"the define {define} is {_short(found)}, not {_short(result)}", "expression")
            return None
        return define


def statements(elm: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The defines of a library (not its functions) by name."""
    found = elm.get("statements", {}).get("def", [])
    return {each["name"]: each for each in found if each.get("type") != "FunctionDef"}


def result_type(statement: Mapping[str, Any]) -> str:
    """The type of a define as ELM names it; "List" for any list; "" when the ELM does not say."""
    specifier = statement.get("resultTypeSpecifier", {})
    if specifier.get("type") == "ListTypeSpecifier":
        return "List"
    return str(statement.get("resultTypeName") or specifier.get("name") or specifier.get("type") or "")


def _short(elm_type: str) -> str:
    return elm_type.replace("{urn:hl7-org:elm-types:r1}", "System.").replace("{http://hl7.org/fhir}", "FHIR.")


def read_attachment(library: Cursor, content_type: str) -> tuple[Cursor, bytes] | None:
    """The content of that type, decoded; None when there is none, or (reported) it is not base64."""
    for content in library.each("content"):
        if content.body.get("contentType") == content_type:
            try:
                return content, base64.b64decode(content.text("data") or "", validate=True)
            except (binascii.Error, ValueError):
                content.problem("is not base64", "data")
                return None
    return None


def read_elm(resource: Resource, problems: Problems) -> Mapping[str, Any] | None:
    """The ELM in a Library resource; None, with a problem reported, when it has none that is sound."""
    library = Cursor.of(resource, problems)
    found = read_attachment(library, ELM)
    if found is None:
        library.problem(f"has no content of type {ELM}", "content")
        return None
    content, data = found
    try:
        elm = json.loads(data)["library"]
        identifier = elm["identifier"]
        named = {"name": identifier["id"], "version": identifier.get("version")}
    except (ValueError, KeyError, TypeError, AttributeError):
        content.problem("is not an ELM library", "data")
        return None
    for element, value in named.items():
        if resource.body.get(element) != value:
            library.problem(f"is not the ELM library's own {value!r}", element)
    return dict(elm)


def _compile(
    content: Content,
    elm: Mapping[str, Mapping[str, Any]],
    value_sets: Mapping[str, Expansion],
    problems: Problems,
) -> Engine | None:
    try:
        return Engine([{"library": each} for each in elm.values()], value_sets)
    except CqlError as error:
        name = getattr(error, "library", None)
        files = {resource.body.get("name"): resource.file for resource in content.of_type("Library")}
        problems.add(files.get(name, "library"), "Library.content", str(error))
        return None
