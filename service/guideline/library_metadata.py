"""What a FHIR R4 Library says about its own CQL, read from its ELM: parameters, data, dependencies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Elm = Mapping[str, Any]
"""The object under "library" of an ELM JSON file."""
Libraries = Mapping[str, Elm]
"""ELM of every library of the guideline, by library name."""

SYSTEM = "{urn:hl7-org:elm-types:r1}"
FHIR = "{http://hl7.org/fhir}"
FHIR_TYPE_OF_SYSTEM_TYPE = {
    "Boolean": "boolean",
    "Integer": "integer",
    "Long": "integer",
    "Decimal": "decimal",
    "String": "string",
    "Date": "date",
    "DateTime": "dateTime",
    "Time": "time",
    "Quantity": "Quantity",
    "Ratio": "Ratio",
    "Code": "Coding",
    "Concept": "CodeableConcept",
}
FHIR_TYPE_OF_INTERVAL = {"Date": "Period", "DateTime": "Period", "Quantity": "Range"}
# Names and canonicals under which the FHIR community publishes what every CQL library on FHIR rests on.
PUBLISHED = "http://fhir.org/guides/cqf/common/Library"


def definitions(elm: Elm, group: str) -> list[Mapping[str, Any]]:
    """The definitions of one group ("statements", "parameters", "valueSets", "includes", …) of a library."""
    return list(elm.get(group, {}).get("def", ()))


def depends_on(elm: Elm, base: str) -> list[dict[str, str]]:
    """Library.relatedArtifact of type depends-on: model, included libraries, value sets, in that order."""
    needed = [
        (f"{model['localIdentifier']} model information", f"{PUBLISHED}/FHIR-ModelInfo|{model['version']}")
        for model in definitions(elm, "usings")
        if model["localIdentifier"] == "FHIR"
    ]
    for included in definitions(elm, "includes"):
        home = PUBLISHED if included["path"] == "FHIRHelpers" else f"{base}/Library"
        version = f"|{included['version']}" if "version" in included else ""
        needed.append((f"Library {included['path']}", f"{home}/{included['path']}{version}"))
    needed += [(f"Value set {each['name']}", canonical(each)) for each in definitions(elm, "valueSets")]
    return [{"type": "depends-on", "display": display, "resource": url} for display, url in needed]


def canonical(value_set: Mapping[str, Any]) -> str:
    """Canonical of a ValueSetDef, with |version when it names one."""
    version = value_set.get("version")
    return f"{value_set['id']}|{version}" if version else str(value_set["id"])


def parameters(elm: Elm) -> list[dict[str, Any]]:
    """Library.parameter: CQL parameters are "in", public definitions are "out"."""
    declared = [_parameter(each, "in") for each in definitions(elm, "parameters")]
    results = [
        _parameter(each, "out")
        for each in definitions(elm, "statements")
        if each["type"] == "ExpressionDef" and each.get("accessLevel") == "Public"
    ]
    return declared + results


def _parameter(definition: Mapping[str, Any], use: str) -> dict[str, Any]:
    specifier = definition.get("resultTypeSpecifier") or {
        "type": "NamedTypeSpecifier",
        "name": definition["resultTypeName"],
    }
    repeats = specifier["type"] == "ListTypeSpecifier"
    return {
        "name": definition["name"],
        "use": use,
        "min": 0,
        "max": "*" if repeats else "1",
        "type": fhir_type(specifier["elementType"] if repeats else specifier),
    }


def fhir_type(specifier: Mapping[str, Any]) -> str:
    """FHIR type code nearest to a CQL type; "Any" where there is none (tuples, choices, nested lists)."""
    if specifier["type"] == "IntervalTypeSpecifier":
        point = str(specifier["pointType"].get("name", ""))
        return FHIR_TYPE_OF_INTERVAL.get(point.removeprefix(SYSTEM), "Any")
    name = str(specifier.get("name", ""))
    if name.startswith(FHIR):
        # A part of a resource ("Task.Input") has no code of its own.
        return "BackboneElement" if "." in name.removeprefix(FHIR) else name.removeprefix(FHIR)
    return FHIR_TYPE_OF_SYSTEM_TYPE.get(name.removeprefix(SYSTEM), "Any")


def data_requirements(name: str, libraries: Libraries) -> list[dict[str, Any]]:
    """Library.dataRequirement: what the library and all it includes retrieve, each once, in a fixed order."""
    found: dict[str, dict[str, Any]] = {}
    for library in _with_included(name, libraries):
        for retrieve in _nodes(libraries[library].get("statements", {}), "Retrieve"):
            requirement = _data_requirement(retrieve, library, libraries)
            found[repr(requirement)] = requirement
    return [requirement for _, requirement in sorted(found.items())]


def _with_included(name: str, libraries: Libraries, seen: set[str] | None = None) -> Iterator[str]:
    seen = set() if seen is None else seen
    if name in seen or name not in libraries:
        return
    seen.add(name)
    yield name
    for included in definitions(libraries[name], "includes"):
        yield from _with_included(included["path"], libraries, seen)


def _nodes(node: Any, kind: str) -> Iterator[Mapping[str, Any]]:
    if isinstance(node, Mapping):
        if node.get("type") == kind:
            yield node
        for child in node.values():
            yield from _nodes(child, kind)
    elif isinstance(node, list):
        for child in node:
            yield from _nodes(child, kind)


def _data_requirement(retrieve: Mapping[str, Any], library: str, libraries: Libraries) -> dict[str, Any]:
    requirement: dict[str, Any] = {"type": retrieve["dataType"].removeprefix(FHIR)}
    if "templateId" in retrieve:
        requirement["profile"] = [retrieve["templateId"]]
    if "codes" in retrieve:
        filters = _code_filter(retrieve["codes"], library, libraries)
        if filters:
            requirement["codeFilter"] = [{"path": retrieve["codeProperty"], **each} for each in filters]
    return requirement


def _code_filter(codes: Mapping[str, Any], library: str, libraries: Libraries) -> list[dict[str, Any]]:
    """The value set or the codes of a retrieve; empty when they are only known at run time."""
    for reference in _nodes(codes, "ValueSetRef"):
        return [{"valueSet": canonical(_referenced(reference, "valueSets", library, libraries))}]
    codings = []
    for kind, group in (("CodeRef", "codes"), ("ConceptRef", "concepts")):
        for reference in _nodes(codes, kind):
            home = _home(reference, library, libraries)
            definition = _referenced(reference, group, library, libraries)
            for code in definition.get("code", ()) if kind == "ConceptRef" else (reference,):
                codings.append(_coding(code, library if kind == "CodeRef" else home, libraries))
    return [{"code": codings}] if codings else []


def _coding(reference: Mapping[str, Any], library: str, libraries: Libraries) -> dict[str, str]:
    home = _home(reference, library, libraries)
    code = _referenced(reference, "codes", library, libraries)
    system = _referenced(code["codeSystem"], "codeSystems", home, libraries)
    coding = {"system": system["id"], "code": code["id"]}
    return coding | ({"display": code["display"]} if "display" in code else {})


def _home(reference: Mapping[str, Any], library: str, libraries: Libraries) -> str:
    """Name of the library that defines what a reference in `library` names."""
    alias = reference.get("libraryName")
    if alias is None:
        return library
    includes = definitions(libraries[library], "includes")
    return next(str(each["path"]) for each in includes if each["localIdentifier"] == alias)


def _referenced(
    reference: Mapping[str, Any], group: str, library: str, libraries: Libraries
) -> Mapping[str, Any]:
    home = libraries[_home(reference, library, libraries)]
    return next(each for each in definitions(home, group) if each["name"] == reference["name"])
