"""ValueSet/$expand and $validate-code, from the codes that the guideline's ValueSets list."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from service.fhir_api.errors import Unprocessable
from service.fhir_api.parameters import Arguments

Json = dict[str, Any]
Expansion = Mapping[tuple[str, str], str]


def expand(value_set: Json, codes: Expansion, arguments: Arguments, now: datetime) -> Json:
    """The ValueSet with its expansion; `filter`, `offset` and `count` narrow it. `now`: when it was made."""
    wanted = (arguments.text("filter") or "").casefold()
    rows = [
        {"system": system, "code": code} | ({"display": display} if display else {})
        for (system, code), display in codes.items()
        if wanted in code.casefold() or wanted in display.casefold()
    ]
    offset, count = arguments.number("offset") or 0, arguments.number("count")
    page = rows[offset:] if count is None else rows[offset : offset + count]
    expansion: Json = {
        "identifier": f"{value_set['url']}|{value_set['version']}",
        "timestamp": now.isoformat(timespec="seconds"),
        "total": len(rows),
        "offset": offset,
    }
    used = [
        {"name": name, **arguments.given(name)} for name in ("filter", "offset", "count") if name in arguments
    ]
    if used:
        expansion["parameter"] = used
    if page:
        expansion["contains"] = page
    whole = {name: value for name, value in value_set.items() if name != "compose"}
    if arguments.text("includeDefinition") == "true":
        whole["compose"] = value_set["compose"]
    return {**whole, "expansion": expansion}


def validate_code(codes: Expansion, arguments: Arguments) -> Json:
    """R4 Parameters: `result`, and `message` or `display`. Raises Unprocessable when no code was given."""
    asked = list(_asked(arguments))
    if not asked:
        raise Unprocessable("Send code with system, or coding, or codeableConcept.")
    for system, code, display in asked:
        shown = codes.get((system, code))
        if shown is None:
            continue
        parts: list[Json] = [{"name": "result", "valueBoolean": True}]
        if display and shown and display.casefold() != shown.casefold():
            parts.append(
                {"name": "message", "valueString": "The code is in the value set, with another display."}
            )
        if shown:
            parts.append({"name": "display", "valueString": shown})
        return {"resourceType": "Parameters", "parameter": parts}
    message = {"name": "message", "valueString": "No such code is in the value set."}
    return {"resourceType": "Parameters", "parameter": [{"name": "result", "valueBoolean": False}, message]}


def _asked(arguments: Arguments) -> list[tuple[str, str, str]]:
    code = arguments.text("code")
    if code is not None:
        system = arguments.text("system")
        if system is None:
            raise Unprocessable("Send the system of the code.")
        return [(system, code, arguments.text("display") or "")]
    concept = arguments.value("codeableConcept")
    codings = [arguments.value("coding")]
    if isinstance(concept, dict):
        listed = concept.get("coding")
        codings += listed if isinstance(listed, list) else []
    return [
        (str(each.get("system", "")), str(each.get("code", "")), str(each.get("display", "")))
        for each in codings
        if isinstance(each, dict)
    ]
