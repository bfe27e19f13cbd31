"""What patient data the guideline's logic retrieves, as CDS Hooks prefetch keys and templates.

Derived from `Library.dataRequirement` (itself derived from the CQL's retrieves) of the Libraries that
PlanDefinitions and ActivityDefinitions name. A hook PlanDefinition may give a type another key, or call it
optional, in an extension `{base}/StructureDefinition/prefetch` with the parts `type` (valueCode), `key`
(valueString) and `optional` (valueBoolean).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from service.guideline.content import Content, Problems, Resource
from service.guideline.cursor import Cursor
from service.guideline.model import DataNeed
from service.guideline.valuesets import Code, Expansion

PATIENT = "{{context.patientId}}"
LONGEST = 7000
"""Characters of a template: about 8,000 is where servers refuse a url, and the base url comes on top."""

# Observations can be thousands (vital signs, laboratory): only these are worth narrowing to codes.
_NARROWED = {"Observation": "code"}
# No patient search parameter: these ride along with the resources that refer to them.
_NOT_OF_A_PATIENT = frozenset(
    {"Location", "Medication", "Organization", "Practitioner", "PractitionerRole", "Substance"}
)
_ESCAPED = str.maketrans({"\\": "\\\\", ",": "\\,", "|": "\\|", "$": "\\$"})


@dataclass(frozen=True, slots=True)
class _Declared:
    key: str | None
    optional: bool


def data_needs(
    content: Content,
    hooks: Iterable[Resource],
    base: str,
    value_sets: Mapping[str, Expansion],
    problems: Problems,
) -> tuple[DataNeed, ...]:
    """One need for each FHIR type that is retrieved; the patient first, then by type."""
    plans = [Cursor.of(hook, problems) for hook in hooks]
    declared = _declared(plans, f"{base}/StructureDefinition/prefetch")
    filters: dict[str, list[frozenset[Code] | None]] = {"Patient": [None]}
    for library in _libraries(content, plans):
        for requirement in Cursor.of(library, problems).each("dataRequirement"):
            fhir_type = requirement.text("type")
            if fhir_type is not None and fhir_type not in _NOT_OF_A_PATIENT:
                filters.setdefault(fhir_type, []).append(_codes(requirement, fhir_type, value_sets))
    needs = tuple(
        _need(fhir_type, filters[fhir_type], declared.get(fhir_type, _Declared(None, optional=False)))
        for fhir_type in sorted(filters, key=lambda name: (name != "Patient", name))
    )
    _check(plans, declared, filters, needs)
    return needs


def _libraries(content: Content, plans: list[Cursor]) -> Iterator[Resource]:
    """The Libraries that any definition names; their requirements hold those of what they include."""
    named = {
        canonical
        for resource in content.resources
        if resource.type in ("PlanDefinition", "ActivityDefinition")
        for canonical in resource.body.get("library", ())
        if isinstance(canonical, str)
    }
    for library in content.of_type("Library"):
        if plans and named & {library.url, library.canonical}:
            yield library


def _codes(
    requirement: Cursor, fhir_type: str, value_sets: Mapping[str, Expansion]
) -> frozenset[Code] | None:
    """The codes that a requirement asks for; None when it asks for every resource of the type."""
    for code_filter in requirement.each("codeFilter"):
        if code_filter.body.get("path") != _NARROWED.get(fhir_type):
            continue
        canonical = code_filter.text("valueSet")
        if canonical is not None:
            return frozenset(value_sets.get(canonical.partition("|")[0], ()))
        codes = {(code.text("system") or "", code.text("code") or "") for code in code_filter.each("code")}
        return frozenset(codes) or None
    return None


def _need(fhir_type: str, filters: list[frozenset[Code] | None], declared: _Declared) -> DataNeed:
    key = declared.key or _key(fhir_type)
    required = not declared.optional
    if fhir_type == "Patient":
        return DataNeed(key, fhir_type, f"Patient/{PATIENT}", required)
    template = f"{fhir_type}?patient={PATIENT}"
    codes = [codes for codes in filters if codes is not None]
    if fhir_type in _NARROWED and len(codes) == len(filters):
        listed = ",".join(_token(code) for code in sorted(frozenset().union(*codes)))
        narrowed = f"{template}&{_NARROWED[fhir_type]}={listed}"
        template = narrowed if listed and len(narrowed) <= LONGEST else template
    return DataNeed(key, fhir_type, template, required)


def _token(code: Code) -> str:
    """A FHIR token search value."""
    return "|".join(part.translate(_ESCAPED) for part in code)


def _key(fhir_type: str) -> str:
    """patient, conditions, medicationRequests, …"""
    name = fhir_type[0].lower() + fhir_type[1:]
    if fhir_type == "Patient":
        return name
    return name[:-1] + "ies" if name.endswith("y") else name + "s"


def _declared(plans: list[Cursor], url: str) -> dict[str, _Declared]:
    """What the hook PlanDefinitions say about keys, by type; one of them saying it is enough."""
    found: dict[str, _Declared] = {}
    for extension in (extension for plan in plans for extension in plan.extension(url)):
        parts = {part.text("url"): part for part in extension.each("extension")}
        if "type" not in parts:
            extension.problem("has no part 'type'")
            continue
        fhir_type = parts["type"].text("valueCode") or ""
        key = parts["key"].text("valueString") if "key" in parts else None
        optional = bool(parts["optional"].flag("valueBoolean")) if "optional" in parts else False
        if found.setdefault(fhir_type, _Declared(key, optional)) != _Declared(key, optional):
            extension.problem(f"another hook PlanDefinition says otherwise about {fhir_type}")
    return found


def _check(
    plans: list[Cursor], declared: Mapping[str, _Declared], types: Iterable[str], needs: tuple[DataNeed, ...]
) -> None:
    if not plans:
        return
    for fhir_type in declared.keys() - set(types):
        plans[0].problem(
            f"a prefetch key is declared for {fhir_type}, which no Library retrieves", "extension"
        )
    keys = [need.key for need in needs]
    for key in sorted({key for key in keys if keys.count(key) > 1}):
        plans[0].problem(f"several types share the prefetch key '{key}'", "extension")
