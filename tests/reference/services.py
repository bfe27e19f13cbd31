"""The page docs/reference/services.md: service ids, hooks, prefetch keys and topics, from the guideline."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from service.guideline import DataNeed, Guideline, HookPlan

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "services.md"

_INDICATORS = {"routine": "info", "urgent": "warning", "stat": "critical"}
_SYSTEMS = {
    "http://loinc.org": "LOINC",
    "http://snomed.info/sct": "SNOMED CT",
    "http://ncicb.nci.nih.gov/xml/owl/EVS/Thesaurus.owl": "NCI Thesaurus",
}

_HEAD = """# Services

What discovery (`GET /cds-services`) offers, and what a card can be about. Written from `plandefinitions/` by
`make docs`. How to connect: [connect an EHR](../how-to/connect-an-ehr.md). Which paragraph of which source a
topic comes from: [traceability](../traceability.md).
"""


@dataclass(frozen=True)
class Topic:
    """What a card can be about: `card.source.topic`."""

    system: str
    code: str
    definition: str
    hooks: tuple[str, ...]
    indicators: tuple[str, ...]


def page(guideline: Guideline) -> str:
    """The page, as it should be."""
    parts = [
        _HEAD,
        _services(guideline),
        _prefetch(guideline),
        _observations(guideline),
        _topics(guideline),
        _override_reasons(guideline.hooks),
    ]
    return "\n".join(parts)


def topics(guideline: Guideline) -> tuple[Topic, ...]:
    """Every topic of the cards, in the order of the code systems that define them."""
    cards = list(_cards(guideline))
    found = []
    for system in guideline.content.of_type("CodeSystem"):
        for concept in system.body["concept"]:
            mine = [
                (hook, card)
                for hook, url, code, card in cards
                if (url, code) == (system.url, concept["code"])
            ]
            if mine:
                found.append(
                    Topic(
                        system.url,
                        concept["code"],
                        concept.get("definition", concept["display"]),
                        tuple(dict.fromkeys(hook for hook, _ in mine)),
                        tuple(dict.fromkeys(_INDICATORS[card["priority"]] for _, card in mine)),
                    )
                )
    return tuple(found)


def _cards(guideline: Guideline) -> Iterator[tuple[str, str, str, Mapping[str, Any]]]:
    """Hook, system and code of the topic, and action of every card."""
    for plan in guideline.hooks:
        resource = guideline.content.get("PlanDefinition", plan.id)
        for action in resource.body["action"] if resource is not None else ():
            coding = action["code"][0]["coding"][0]
            yield plan.hook, coding["system"], coding["code"], action


def _services(guideline: Guideline) -> str:
    lines = ["## Services\n", "| hook | service id | what it answers |", "|---|---|---|"]
    lines += [f"| `{plan.hook}` | `{plan.id}` | {plan.description} |" for plan in guideline.hooks]
    lines += ["", "Requirements, as discovery states them:", ""]
    lines += [f"- `{plan.hook}`: {plan.usage_requirements}" for plan in guideline.hooks]
    return "\n".join(lines) + "\n"


def _prefetch(guideline: Guideline) -> str:
    lines = ["## Prefetch\n", "The same keys for every service.\n"]
    lines += ["| key | FHIR type | needed | template |", "|---|---|---|---|"]
    for need in guideline.data_needs:
        needed = "yes" if need.required else "no"
        template = need.template.partition("&code=")[0] + ("&code=…" if "&code=" in need.template else "")
        lines.append(f"| `{need.key}` | {need.resource_type} | {needed} | `{template}` |")
    return "\n".join(lines) + "\n"


def _observations(guideline: Guideline) -> str:
    """The codes that stand for `…` in a template."""
    displays = _displays(guideline)
    lines = ["## Codes that a template asks for\n"]
    for need in guideline.data_needs:
        codes = _codes(need)
        if codes:
            lines += [f"`{need.key}`:\n", "| system | code | meaning |", "|---|---|---|"]
            lines += [
                f"| {_SYSTEMS.get(system, f'`{system}`')} | `{code}` | {displays.get((system, code), '')} |"
                for system, code in codes
            ]
            lines.append("")
    return "\n".join(lines)


def _codes(need: DataNeed) -> list[tuple[str, str]]:
    query = parse_qs(urlsplit(need.template).query)
    tokens = [token for value in query.get("code", ()) for token in value.split(",")]
    return [(system, code) for system, _, code in (token.rpartition("|") for token in tokens)]


def _displays(guideline: Guideline) -> dict[tuple[str, str], str]:
    found: dict[tuple[str, str], str] = {}
    for system in guideline.content.of_type("CodeSystem"):
        found |= {(system.url, row["code"]): row["display"] for row in system.body["concept"]}
    for value_set in guideline.content.of_type("ValueSet"):
        for part in value_set.body["compose"]["include"]:
            found |= {
                (part["system"], row["code"]): row.get("display", "") for row in part.get("concept", ())
            }
    return found


def _topics(guideline: Guideline) -> str:
    lines = ["## Topics\n", "`card.source.topic`: what a card is about."]
    system = ""
    for topic in topics(guideline):
        if topic.system != system:
            system = topic.system
            lines += [
                "",
                f"System `{system}`:",
                "",
                "| code | hook | indicator | when |",
                "|---|---|---|---|",
            ]
        hooks = ", ".join(f"`{hook}`" for hook in topic.hooks)
        indicators = " or ".join(topic.indicators)
        lines.append(f"| `{topic.code}` | {hooks} | {indicators} | {topic.definition} |")
    return "\n".join(lines) + "\n"


def _override_reasons(hooks: tuple[HookPlan, ...]) -> str:
    reasons = {row["code"]: row for plan in hooks for row in plan.override_reasons}
    lines = ["## Reasons for overriding a card\n", "| system | code | meaning |", "|---|---|---|"]
    lines += [f"| `{row['system']}` | `{row['code']}` | {row['display']} |" for row in reasons.values()]
    return "\n".join(lines) + "\n"
