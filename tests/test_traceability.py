"""Nothing of the sources is without an action, no action without a source, and no case shows nothing."""

from __future__ import annotations

import re

from tests.traceability.actions import all_actions
from tests.traceability.page import PAGE, page
from tests.traceability.recommendations import all_recommendations, fits
from tests.traceability.ties import ties, uncovered


def test_every_recommendation_names_actions_that_exist() -> None:
    nowhere = [
        f"{each.id}: {pattern}"
        for each in all_recommendations()
        for pattern in each.patterns
        if not any(fits(path, pattern) for path in all_actions())
    ]
    assert not nowhere, nowhere


def test_every_action_belongs_to_a_recommendation() -> None:
    found = uncovered()
    assert not found, f"add to tests/traceability/recommendations/: {found}"


def test_every_action_says_the_words_of_its_recommendations() -> None:
    unsaid = [
        f"{each.id}: {one} in {[action.path for action in each.actions()]}"
        for each in all_recommendations()
        for one in each.words
        if not any(re.search(one, action.words, re.IGNORECASE) for action in each.actions())
    ]
    assert not unsaid, "\n".join(unsaid)


def test_every_recommendation_has_a_case() -> None:
    lacking = [f"{each.id}: {each.says}" for each in all_recommendations() if each.id not in ties().shown]
    assert not lacking, "no case in tests/cases/ shows:\n" + "\n".join(lacking)


def test_every_case_is_about_a_recommendation() -> None:
    found = ties()
    about = {case for cases in (*found.shown.values(), *found.held_back.values()) for case in cases}
    idle = [case for case in found.cases if case not in about]
    assert not idle, f"show and hold back nothing that a recommendation says: {idle}"


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run: make docs"
