"""What holds of every answer about a GIST, whatever the patient and the orders."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from service.patient import read_record
from tests.cases.exchange import PATIENT_ID
from tests.cases.expectation import made_by, topic_of
from tests.cases.patient_language import drafts, patient, resources
from tests.cases.service import NOW, ehr, guideline
from tests.laws.asking import cards_of
from tests.laws.patients import Lines, facts, group_cards, order_hooks, orders, patients

_DOSE = re.compile(r"\d+(?:\.\d+)?\s*(?:mg|mcg|µg|g/m|ml|units?\b|iu\b)", re.IGNORECASE)
_ALERTS = ("warning", "critical")


@given(patients)
def test_one_gist_is_in_one_group_at_most(lines: Lines) -> None:
    cards = cards_of("patient-view", resources(lines, PATIENT_ID))
    assert len(group_cards(cards)) <= 1
    assert not [card for card in cards if card["indicator"] in _ALERTS]


@given(patients)
def test_silence_is_never_the_answer_to_a_gist(lines: Lines) -> None:
    """A group, or the facts that keep it unknown; no pathway is never said of a GIST."""
    cards = cards_of("patient-view", resources(lines, PATIENT_ID))
    topics = {topic_of(card) for card in cards}
    assert topics & {"missing-information", *group_cards(cards)}
    assert "no-pathway" not in topics


@given(patients)
def test_what_is_unknown_is_named(lines: Lines) -> None:
    """A group or option that nobody can say applies or not comes with a card of missing facts."""
    record = [patient(PATIENT_ID), *resources(lines, PATIENT_ID)]
    service = ehr().services["patient-view"]["id"]
    known = read_record(PATIENT_ID, ehr().prefetch("patient-view", record), guideline().data_needs)
    evaluation = guideline().evaluation(known, NOW, {})
    applied = guideline().apply(service, evaluation, f"Patient/{PATIENT_ID}")
    unknown = [entry.path for entry in applied.unknown if "/missing-information" not in entry.path]
    topics = {topic_of(card) for card in cards_of("patient-view", record[1:])}
    assert not unknown or "missing-information" in topics, unknown


@given(patients, orders, order_hooks)
def test_no_suggestion_states_a_dose(lines: Lines, ordered: Lines, hook: str) -> None:
    cards = cards_of("patient-view", resources(lines, PATIENT_ID))
    if ordered:
        cards += cards_of(hook, resources(lines, PATIENT_ID), drafts(ordered, PATIENT_ID))
    for card in cards:
        for suggestion in card.get("suggestions", ()):
            assert not _DOSE.search(suggestion["label"])
            for action in suggestion["actions"]:
                assert not _DOSE.search(action["description"])
                assert not _DOSE.search(str(action.get("resource", "")))


@given(facts, orders)
def test_without_a_sarcoma_nothing_is_said(lines: Lines, ordered: Lines) -> None:
    record = resources(["lung cancer", *lines], PATIENT_ID)
    assert cards_of("patient-view", record) == []
    for hook in ("order-select", "order-sign") if ordered else ():
        assert cards_of(hook, record, drafts(ordered, PATIENT_ID)) == []


@given(facts, orders, st.sampled_from(["refuted", "entered in error", "resolved", "inactive"]))
def test_a_gist_that_does_not_count_is_no_gist(lines: Lines, ordered: Lines, status: str) -> None:
    record = resources([f"GIST of stomach, {status}", *lines], PATIENT_ID)
    assert cards_of("patient-view", record) == []
    if ordered:
        assert cards_of("order-sign", record, drafts(ordered, PATIENT_ID)) == []


@given(patients, orders.filter(bool))
def test_signing_says_what_selecting_everything_said(lines: Lines, ordered: Lines) -> None:
    """The same checks at both hooks; only the side effects to watch are left for the signing."""
    record, given_drafts = resources(lines, PATIENT_ID), drafts(ordered, PATIENT_ID)
    selected = cards_of("order-select", record, given_drafts)
    signed = cards_of("order-sign", record, given_drafts)
    kept = [card for card in signed if not topic_of(card).endswith("-monitoring")]
    assert [(topic_of(card), card["indicator"]) for card in selected] == [
        (topic_of(card), card["indicator"]) for card in kept
    ]


@given(patients, orders.filter(bool), order_hooks)
def test_an_alert_shows_a_way_out_unless_it_is_a_caution(lines: Lines, ordered: Lines, hook: str) -> None:
    for card in cards_of(hook, resources(lines, PATIENT_ID), drafts(ordered, PATIENT_ID)):
        if card["indicator"] in _ALERTS and topic_of(card) != "imatinib-heart-failure":
            assert card.get("suggestions"), topic_of(card)


_CAUTIONS = {
    "imatinib-heart-failure",
    "imatinib-short-life-expectancy",
    "genotype-missing",
    "imatinib-high-dose-exon-9",
}


@given(patients)
def test_what_the_guideline_offers_it_does_not_object_to(lines: Lines) -> None:
    """Each offer of drugs, ordered as it stands, draws no alert but a caution about the patient."""
    record = resources(lines, PATIENT_ID)
    for card in cards_of("patient-view", record):
        for suggestion in card.get("suggestions", ()):
            offered = [action["resource"] for action in suggestion["actions"]]
            if not all(one["resourceType"] == "MedicationRequest" for one in offered):
                continue
            placed = [{**one, "id": f"d{n}", "intent": "order"} for n, one in enumerate(offered)]
            alerts = {
                topic_of(one)
                for one in cards_of("order-select", record, placed)
                if one["indicator"] in _ALERTS
            }
            assert alerts <= _CAUTIONS, (sorted(made_by(suggestion)), alerts)
