"""The way of a call: envelope → record → applied guideline → cards. No Flask here."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

from service.cds_hooks.cards import cards_of
from service.cds_hooks.envelope import Call
from service.cds_hooks.gaps import filled
from service.cds_hooks.hooks import HOOKS, Hook
from service.cds_hooks.notes import note_on
from service.cds_hooks.order_sets import SEPARATE
from service.feedback.naming import Namer
from service.guideline import Applied, Guideline, HookPlan
from service.patient import Drafts, LeftOut, PatientRecord, read_drafts, read_record
from service.patient.fhir_server import FhirReader

EXTENSION_LEFT_OUT: Final = "org.example.sarcoma-cds.left-out"
"""Response extension: resources that did not count, and why. Only keys, references and reasons."""

_UNKNOWN: Final = Hook("")
_NO_DRAFTS: Final = Drafts((), None, {}, ())


class Answer(NamedTuple):
    """A CDS Hooks response (`body`) and how it came about."""

    body: dict[str, Any]
    applied: Applied | None
    """None when the hook is about orders and there was none to judge."""
    left_out: tuple[LeftOut, ...]
    read: int = 0
    """How many prefetch keys the EHR's FHIR server supplied."""


def answer(
    guideline: Guideline,
    plan: HookPlan,
    call: Call,
    now: datetime,
    max_cards: int,
    default_country: str | None = None,
    reader: FhirReader | None = None,
    order_sets: str = SEPARATE,
) -> Answer:
    """What the guideline says about the patient of `call`, at the time `now` (aware).

    With a `reader`, prefetch keys that are absent are read from the call's FHIR server, unless the hook is
    about orders and there is none to judge. `order_sets`: as `suggestions_of` has it.

    Raises DataUnavailable and DraftsUnreadable (data is missing), and whatever evaluation raises (our fault).
    """
    hook = HOOKS.get(plan.hook, _UNKNOWN)
    if hook.drafts and call.server is not None:  # before anything is read there
        reader = None if read_drafts(call.context, hook.selections).nothing_to_judge else reader
    given = filled(call, guideline.data_needs, reader)
    record = read_record(call.patient_id, given.values, guideline.data_needs, given.failures, given.supplied)
    drafts = read_drafts(call.context, hook.selections, record) if hook.drafts else _NO_DRAFTS
    if hook.drafts and drafts.nothing_to_judge:
        return _answer([], None, record, drafts, len(given.supplied))
    parameters = _parameters(hook, drafts, default_country)
    evaluation = guideline.evaluation(record, now, parameters)
    applied = guideline.apply(plan.id, evaluation, f"Patient/{call.patient_id}")
    label = f"{plan.title} {guideline.version}"
    name = Namer(plan.id, guideline.version)
    note = note_on(record.left_out + drafts.left_out)
    cards = cards_of(
        applied.actions, drafts.by_reference, plan.override_reasons, label, max_cards, note, name, order_sets
    )
    return _answer(cards, applied, record, drafts, len(given.supplied))


def _parameters(hook: Hook, drafts: Drafts, default_country: str | None) -> Mapping[str, Any]:
    parameters: dict[str, Any] = {}
    if hook.drafts:
        selections = None if drafts.selections is None else list(drafts.selections)
        parameters = {"draftOrders": list(drafts.resources), "selections": selections}
    if default_country is not None:
        parameters["country"] = default_country
    return parameters


def _answer(
    cards: list[dict[str, Any]], applied: Applied | None, record: PatientRecord, drafts: Drafts, read: int
) -> Answer:
    left_out = record.left_out + drafts.left_out
    body: dict[str, Any] = {"cards": cards}
    if left_out:
        rows = [{"key": row.key, "what": row.what, "reason": row.reason} for row in left_out]
        body["extension"] = {EXTENSION_LEFT_OUT: rows}
    return Answer(body, applied, left_out, read)
