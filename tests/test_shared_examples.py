"""The published examples: request bodies and what a right answer holds, where their folder is at hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cases.expectation import Expectation, outline
from tests.cases.service import ehr

FOLDER = Path(__file__).resolve().parents[1].parent / "shared" / "examples"
FILES = sorted(FOLDER.glob("example-*.json"))
if not FILES:
    pytest.skip("no ../shared/examples: they are not part of the project", allow_module_level=True)

NOT_YET_COVERED: frozenset[str] = frozenset()
"""Ids of examples about patient groups that the guideline's content does not hold yet."""


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_example(path: Path) -> None:
    example: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if example["id"] in NOT_YET_COVERED:
        pytest.skip(f"{example['id']}: its patient group is not covered yet")
    request = dict(example["request"])
    given = [entry for value in request.pop("prefetch").values() for entry in _resources(value)]
    connected = ehr()
    exchange = connected.send({**request, "prefetch": connected.prefetch(request["hook"], given)})
    assert exchange.status == 200, exchange.answer
    found = Expectation.read(example["expect"]).shortfalls(exchange.cards) + exchange.breaches()
    assert not found, "\n".join([example["why"], *found, outline(exchange.cards)])


def _resources(value: dict[str, Any]) -> list[dict[str, Any]]:
    if value["resourceType"] != "Bundle":
        return [value]
    return [entry["resource"] for entry in value.get("entry", ())]
