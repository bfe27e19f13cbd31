"""Overloaded functions told apart by name.

ELM says with a reference's ``signature`` which overload is meant (ELM 1.5, FunctionRef). cql-execution leaves
it aside and takes the last overload whose types the values fit, as an empty list fits every list type.
Renamed, both engines run the function that the translator chose.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

Json = dict[str, Any]
Names = Mapping[tuple[str, str, str], str]
"""(library, function, signature) to the new name."""


def told_apart(libraries: Iterable[Json]) -> list[Json]:
    """The libraries with every overload under a name of its own, where it is defined and where called."""
    given = list(libraries)
    names = {key: name for each in given for key, name in _new_names(each["library"]).items()}
    return [_renamed(each, names) for each in given]


def _new_names(library: Json) -> dict[tuple[str, str, str], str]:
    functions = [each for each in _statements(library) if each.get("type") == "FunctionDef"]
    counts: dict[str, int] = {}
    names = {}
    for each in functions:
        name = each["name"]
        counts[name] = counts.get(name, 0) + 1
        if sum(other["name"] == name for other in functions) > 1:
            signature = _signature(_operand_type(operand) for operand in each["operand"])
            names[library["identifier"]["id"], name, signature] = f"{name} {counts[name]}"
    return names


def _operand_type(operand: Json) -> Any:
    found = operand.get("operandTypeSpecifier")
    return found or {"type": "NamedTypeSpecifier", "name": operand["operandType"]}


def _statements(library: Json) -> list[Json]:
    return list((library.get("statements") or {}).get("def", ()))


def _signature(types: Iterable[Any]) -> str:
    return json.dumps([_bare(each) for each in types], sort_keys=True)


def _bare(node: Any) -> Any:
    """A type specifier without what the translator says of the specifier itself."""
    if isinstance(node, list):
        return [_bare(each) for each in node]
    if isinstance(node, dict):
        return {
            k: _bare(v)
            for k, v in node.items()
            if not k.startswith("result") and k not in ("localId", "locator")
        }
    return node


def _renamed(library: Json, names: Names) -> Json:
    own = library["library"]["identifier"]["id"]
    includes = {
        each["localIdentifier"]: each["path"]
        for each in (library["library"].get("includes") or {}).get("def", ())
    }

    def rename(node: Any) -> Any:
        if isinstance(node, list):
            return [rename(each) for each in node]
        if not isinstance(node, dict):
            return node
        found = {key: rename(value) for key, value in node.items()}
        if node.get("type") == "FunctionDef":
            key = own, node["name"], _signature(_operand_type(each) for each in node["operand"])
            found["name"] = names.get(key, node["name"])
        elif node.get("type") == "FunctionRef":
            local = node.get("libraryName")
            key = includes[local] if local else own, node["name"], _signature(node.get("signature") or ())
            found["name"] = names.get(key, node["name"])
        return found

    renamed: Json = rename(library)
    return renamed
