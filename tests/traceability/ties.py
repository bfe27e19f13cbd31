"""Which cases show which recommendation.

A case shows a recommendation when one of its actions applied to the patient of the case, and the case expects
what that action makes, or says; of a card, its topic is enough. A case that expects something to be absent
holds back the recommendation whose card or option it denies.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache

from service.cds_hooks.answer import answer
from service.cds_hooks.envelope import call_of
from tests.cases.case_file import Case, all_cases
from tests.cases.exchange import Ehr, Exchange, Json
from tests.cases.service import NOW, ehr, guideline
from tests.traceability.actions import Action, all_actions
from tests.traceability.recommendations import Recommendation, all_recommendations


@dataclass(frozen=True)
class Ties:
    """The case ids of each recommendation id."""

    shown: Mapping[str, tuple[str, ...]]
    held_back: Mapping[str, tuple[str, ...]]
    cases: tuple[str, ...]


@cache
def ties() -> Ties:
    """Every case put to the guideline, and what it shows."""
    shown: dict[str, list[str]] = {}
    held_back: dict[str, list[str]] = {}
    cases = all_cases()
    for case in cases:
        applied = _applied(case)
        for each in all_recommendations():
            if _shows(case, each, applied):
                shown.setdefault(each.id, []).append(case.id)
            elif _holds_back(case, each, applied):
                held_back.setdefault(each.id, []).append(case.id)
    return Ties(_frozen(shown), _frozen(held_back), tuple(case.id for case in cases))


def _frozen(found: Mapping[str, list[str]]) -> dict[str, tuple[str, ...]]:
    return {key: tuple(values) for key, values in found.items()}


def _applied(case: Case) -> frozenset[str]:
    """Paths of the actions that apply to the patient of the case."""
    call = call_of(_quiet_ehr().ask_case(case).request)
    plan = next(one for one in guideline().hooks if one.hook == call.hook)
    found = answer(guideline(), plan, call, NOW, max_cards=50).applied
    trace = found.trace if found is not None else ()
    return frozenset(entry.path.partition("/")[2] for entry in trace if entry.outcome == "applied")


class _QuietEhr(Ehr):
    """Writes requests and sends none of them."""

    def send(self, request: Json) -> Exchange:
        return Exchange(request, 0, {})


@cache
def _quiet_ehr() -> Ehr:
    return _QuietEhr(ehr().client)


@cache
def _actions(recommendation: Recommendation) -> tuple[Action, ...]:
    return recommendation.actions()


def _shows(case: Case, recommendation: Recommendation, applied: frozenset[str]) -> bool:
    expected = case.expect
    if case.hook in recommendation.no_card_on and (
        expected.cards == 0 or (expected.no_alert and case.hook != "patient-view")
    ):
        return True
    wanted = [
        *(one for group in (*expected.suggested, *expected.suggested_includes) for one in group),
        *expected.order_text,
    ]
    return any(
        action.path in applied and (_names(wanted, action) or _says(case, action))
        for action in _actions(recommendation)
    )


def _says(case: Case, action: Action) -> bool:
    """Whether the case expects the words of this action; of a card, or one that orders nothing, its topic."""
    expected = case.expect
    topics = {*expected.topics, *expected.indicators, *expected.mentions}
    if action.topic in topics and (not action.makes or "/" not in action.path):
        return True
    return any(re.search(one, action.title, re.IGNORECASE) for one in expected.mentions.get(action.topic, ()))


def _holds_back(case: Case, recommendation: Recommendation, applied: frozenset[str]) -> bool:
    denied = case.expect.not_topics
    cards = {path for path in applied if "/" not in path}
    return any(
        action.path not in applied
        and (
            action.topic in denied
            or (action.path.partition("/")[0] in cards and _names(case.expect.not_suggested, action))
        )
        for action in _actions(recommendation)
    )


def _names(patterns: Iterable[str], action: Action) -> bool:
    """Whether one of these expectations ("x", "x?", "a|b", "drug-*") is about what the action makes."""
    wanted = {alternative for pattern in patterns for alternative in pattern.rstrip("?").split("|")}
    return any(fnmatchcase(made, one) for made in action.makes for one in wanted)


def uncovered() -> list[str]:
    """Paths of the actions that order or say something and belong to no recommendation.

    An action stands for what is beneath it, but a patient group's card does not stand for its options.
    """
    covered = {
        action.path
        for each in all_recommendations()
        for action in _actions(each)
        if "/" in action.path or action.path not in _groups()
    }
    return [
        path
        for path, action in all_actions().items()
        if action.leaf and not any(above in covered for above in _upwards(path))
    ]


@cache
def _groups() -> frozenset[str]:
    """Codes of the patient groups, which are the ids of their cards."""
    system = guideline().content.get("CodeSystem", "sarcoma-patient-group")
    return frozenset(concept["code"] for concept in system.body["concept"]) if system else frozenset()


def _upwards(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts) + 1)]
