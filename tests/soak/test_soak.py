"""The soak finds what it looks for: a short one on the running service, and figures that must not pass."""

from __future__ import annotations

import asyncio
import gc
import json
from collections import Counter
from dataclasses import replace

import pytest
from flask.testing import FlaskClient

from service.app import create_app
from service.settings import Settings
from tests.fhir_server.ehr import Reply, bundle, ehr
from tests.serving import Served, served
from tests.soak.__main__ import Held, Phase, is_flat, main, others, questions
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


@pytest.fixture(scope="module")
def application(tmp_path_factory: pytest.TempPathFactory) -> FlaskClient:
    url = f"sqlite:///{tmp_path_factory.mktemp('cycles')}/d.sqlite3"
    settings = Settings(log_level="error", database_url=url, fhir_deadline_ms=5000)
    return create_app(settings).test_client()


@pytest.mark.parametrize("name", [question.name for question in [questions()[0], *others("")]])
def test_no_request_leaves_itself_behind_in_a_cycle(application: FlaskClient, name: str) -> None:
    """Cycles are searched for rarely: until then what is in them is held, data and connections too."""
    with ehr(lambda _: Reply(bundle())) as server:
        (question,) = (q for q in [questions()[0], *others(server.url)] if q.name == name)

        def ask() -> None:
            response = application.post(question.path, data=question.body, content_type="application/json")
            assert response.status_code == question.status
            response.close()

        ask()
        gc.collect()
        gc.disable()
        try:
            for _ in range(3):
                ask()
            gc.set_debug(gc.DEBUG_SAVEALL)
            gc.collect()
            left = {f"{type(each).__module__}.{type(each).__qualname__}" for each in gc.garbage}
        finally:
            gc.set_debug(0)
            gc.garbage.clear()
            gc.enable()
    assert {kind for kind in left if kind.startswith("service.") or kind == "builtins.frame"} == set()


@pytest.mark.parametrize(
    ("after", "flat"),
    [
        (HELD, True),
        (replace(HELD, kilobytes=205_000, files=31), True),
        (replace(HELD, kilobytes=245_000), False),
        (replace(HELD, files=60), False),
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
