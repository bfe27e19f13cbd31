"""The soak finds what it looks for: a short one on the running service, and figures that must not pass."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from dataclasses import replace

import pytest

from tests.serving import Served, served
from tests.soak.__main__ import Held, Phase, is_flat, main, questions
from tests.soak.clients import Tally, call_for, learn

HELD = Held(200_000, 210_000, 30)


def test_a_short_one_passes(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--clients", "30", "--seconds", "2", "--calls", "200", "--workers", "1"]
    assert main(words) == 0
    printed = capsys.readouterr().out
    assert "| 30 | " in printed
    assert "WRONG" not in printed


def test_the_questions_have_answers_of_several_kinds() -> None:
    async def ask(service: Served) -> set[str]:
        return {str(each.expected) for each in await learn(service.port, questions())}

    with served(1) as service:
        answers = [json.loads(text)["cards"] for text in asyncio.run(ask(service))]
        assert len(answers) >= 4
        assert any(cards == [] for cards in answers)

        async def ask_wrongly() -> Tally:
            known = await learn(service.port, questions())
            wrong = [replace(known[0], expected=known[1].expected), known[1]]
            return await call_for(service.port, wrong, 2, 600, 10)

        tally = asyncio.run(ask_wrongly())
    assert (tally.right, sum(tally.faults.values())) == (5, 5)


@pytest.mark.parametrize(
    ("after", "flat"),
    [
        (HELD, True),
        (replace(HELD, kilobytes=205_000, files=31), True),
        (replace(HELD, kilobytes=215_000), False),
        (replace(HELD, files=40), False),
    ],
)
def test_growth_is_seen(after: Held, flat: bool) -> None:
    assert is_flat(HELD, after) is flat


@pytest.mark.parametrize(
    ("tally", "right"),
    [(Tally(5), True), (Tally(5, Counter({"a": 1})), False), (Tally(), False)],
)
def test_one_wrong_answer_or_none_at_all_does_not_pass(tally: Tally, right: bool) -> None:
    assert Phase(1, 1.0, tally).is_right is right
