"""What holds of every answer: CDS Hooks 2.0, and what partners identify cards and resources by."""

from __future__ import annotations

import re
import uuid
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from fhir.resources.R4B import get_fhir_model_class

from tests.cases.codes import ATC, BASE, RXNORM, SNOMED
from tests.cases.expectation import topic_of

Json = Mapping[str, Any]

GROUPS = f"{BASE}/CodeSystem/sarcoma-patient-group"
CHECKS = f"{BASE}/CodeSystem/sarcoma-order-check"
AT_MOST_ONCE = {"additional-options", "missing-information", "no-pathway"}

_DOSE_ELEMENTS = {"doseAndRate", "maxDosePerPeriod", "maxDosePerAdministration", "dispenseRequest"}
_SUBJECT = {"Task": "for"}


def breaches(
    answer: Json, hook: str, patient_id: str, drafts: Collection[str], record: Collection[str]
) -> list[str]:
    """Where this answer breaks the contract; empty when it keeps it.

    `drafts` are the references of the draft orders in the request, `record` those of all resources given.
    """
    found = [*_shape(answer)]
    for number, card in enumerate(answer["cards"]):
        where = f"card {number} ({topic_of(card)})"
        found += [f"{where}: {breach}" for breach in _card(card)]
        for action in _actions(card):
            found += [f"{where}: {breach}" for breach in _action(action, hook, patient_id, drafts, record)]
    return found


def _shape(answer: Json) -> Iterator[str]:
    if unknown := set(answer) - {"cards", "systemActions", "extension"}:
        yield f"unknown members {sorted(unknown)}"
    cards = answer["cards"]
    ids = [card.get("uuid") for card in cards]
    ids += [one.get("uuid") for card in cards for one in card.get("suggestions", ())]
    if len(set(ids)) != len(ids):
        yield "uuids are not unique"
    counted = Counter(topic_of(card) for card in cards)
    yield from (
        f"{number} cards about {topic}" for topic, number in counted.items() if number > 1 and _single(topic)
    )
    yield from (f"null or empty at {path}" for path in _empty(cards, "cards"))


def _single(topic: str) -> bool:
    return topic in AT_MOST_ONCE or topic.startswith(("gist-", "sts-"))


def _card(card: Json) -> Iterator[str]:
    if not _is_uuid(card.get("uuid")):
        yield "uuid is not a UUID"
    summary = card.get("summary")
    if not isinstance(summary, str) or not 0 < len(summary.strip()) < 140 or "\n" in summary:
        yield f"summary is not one line of fewer than 140 characters: {summary!r}"
    if card.get("indicator") not in ("info", "warning", "critical"):
        yield f"indicator {card.get('indicator')!r}"
    if not isinstance(card.get("detail", ""), str) or re.search(r"<[a-zA-Z/!]", card.get("detail", "")):
        yield "detail is not Markdown without HTML"
    yield from _source(card.get("source", {}))
    yield from _suggestions(card)
    for reason in card.get("overrideReasons", ()):
        if not {"code", "system", "display"} <= set(reason):
            yield f"override reason without code, system or display: {reason}"
    for link in card.get("links", ()):
        if not {"label", "url", "type"} <= set(link) or link["type"] not in ("absolute", "smart"):
            yield f"link {link}"


def _source(source: Json) -> Iterator[str]:
    if not source.get("label"):
        yield "source has no label"
    if "url" in source and not re.match(r"https?://", source["url"]):
        yield f"source.url {source['url']!r} is not absolute"
    topic = source.get("topic", {})
    if topic.get("system") not in (GROUPS, CHECKS) or not topic.get("code"):
        yield f"topic {topic}"
    is_group = str(topic.get("code", "")).startswith(("gist-", "sts-"))
    if is_group != (topic.get("system") == GROUPS):
        yield f"topic {topic} is in the wrong code system"


def _suggestions(card: Json) -> Iterator[str]:
    if "suggestions" not in card:
        return
    suggestions = card["suggestions"]
    behaviour = card.get("selectionBehavior")
    if behaviour not in ("any", "at-most-one"):
        yield f"suggestions with selectionBehavior {behaviour!r}"
    if sum(one.get("isRecommended", False) for one in suggestions) > 1 and behaviour != "any":
        yield "more than one recommended suggestion, of which at most one may be chosen"
    labels = [one.get("label") for one in suggestions]
    if len(set(labels)) != len(labels):
        yield f"two suggestions with one label: {labels}"
    for suggestion in suggestions:
        if not suggestion.get("label") or not _is_uuid(suggestion.get("uuid")):
            yield f"suggestion without label or UUID: {suggestion.get('label')!r}"
        if not suggestion.get("actions"):
            yield f"suggestion without actions: {suggestion.get('label')!r}"


def _actions(card: Json) -> Iterator[Json]:
    for suggestion in card.get("suggestions", ()):
        yield from suggestion.get("actions", ())


def _action(
    action: Json, hook: str, patient_id: str, drafts: Collection[str], record: Collection[str]
) -> Iterator[str]:
    kind = action.get("type")
    if not action.get("description"):
        yield f"{kind} action without description"
    if kind == "delete":
        if action.get("resourceId") not in drafts or "resource" in action:
            yield f"deletes {action.get('resourceId')!r}, which is no draft"
        return
    if kind not in ("create", "update"):
        yield f"action of type {kind!r}"
        return
    resource = action["resource"]
    if kind == "update" and f"{resource['resourceType']}/{resource.get('id')}" not in drafts:
        yield f"updates {resource['resourceType']}/{resource.get('id')}, which is no draft"
    yield from (f"{resource['resourceType']}: {one}" for one in _resource(resource, hook, patient_id, record))


def _resource(resource: Json, hook: str, patient_id: str, record: Collection[str]) -> Iterator[str]:
    kind = resource["resourceType"]
    try:
        get_fhir_model_class(kind).model_validate(resource)
    except ValueError as problem:
        yield f"is not FHIR R4: {problem}"
    canonicals = resource.get("instantiatesCanonical", [])
    canonicals = [canonicals] if isinstance(canonicals, str) else canonicals
    if not canonicals or not all(re.fullmatch(rf"{BASE}/\w+/[\w.-]+\|[\d.]+", one) for one in canonicals):
        yield f"instantiatesCanonical {canonicals} has no url with version of ours"
    intent = "proposal" if hook == "patient-view" else "order"
    if resource.get("status") != "draft" or resource.get("intent") != intent:
        yield f"is {resource.get('status')} {resource.get('intent')}, should be draft {intent}"
    if resource.get(_SUBJECT.get(kind, "subject"), {}).get("reference") != f"Patient/{patient_id}":
        yield "is not about the patient"
    yield from _reason(resource, record)
    yield from (f"states a dose at {path}" for path in _named(resource, _DOSE_ELEMENTS, kind))
    for dosage in resource.get("dosageInstruction", ()):
        if re.search(r"\d", dosage.get("text", "")):
            yield f"states a number in its dosage: {dosage['text']}"
    if not _is_coded(resource):
        yield "names no drug by RxNorm and no procedure by SNOMED CT"


def _reason(resource: Json, record: Collection[str]) -> Iterator[str]:
    reasons = resource.get("reasonReference", [])
    references = [one["reference"] for one in ([reasons] if isinstance(reasons, Mapping) else reasons)]
    if not references or not all(one in record and one.startswith("Condition/") for one in references):
        yield f"reasonReference {references} names no Condition of the record"


def _is_coded(resource: Json) -> bool:
    if resource["resourceType"] == "MedicationRequest":
        codings: Sequence[Json] = resource.get("medicationCodeableConcept", {}).get("coding", ())
        return any(one.get("system") == RXNORM for one in codings) and all(
            one.get("system") in (RXNORM, ATC, SNOMED) for one in codings
        )
    codings = resource.get("code", {}).get("coding", ())
    return any(one.get("system") == SNOMED for one in codings) or resource["resourceType"] != "ServiceRequest"


def _is_uuid(text: object) -> bool:
    try:
        return str(uuid.UUID(str(text))) == str(text).lower()
    except ValueError:
        return False


def _empty(value: object, path: str) -> Iterator[str]:
    if isinstance(value, Mapping):
        if not value:
            yield path
        for key, one in value.items():
            yield from _empty(one, f"{path}.{key}")
    elif isinstance(value, list):
        if not value and path != "cards":
            yield path
        for number, one in enumerate(value):
            yield from _empty(one, f"{path}[{number}]")
    elif value is None or value == "":
        yield path


def _named(value: object, names: Collection[str], path: str) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, one in value.items():
            if key in names:
                yield f"{path}.{key}"
            yield from _named(one, names, f"{path}.{key}")
    elif isinstance(value, list):
        for one in value:
            yield from _named(one, names, path)
