"""Asking the service and comparing what it says."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from tests.cases.building import Resource
from tests.cases.exchange import Json
from tests.cases.expectation import made_by, topic_of
from tests.cases.service import ehr


def cards_of(hook: str, record: Sequence[Resource], orders: Sequence[Resource] = ()) -> list[Json]:
    """The cards for this record and these drafts, all of them selected; the answer must keep the contract."""
    exchange = ehr().ask(hook, record, orders)
    assert exchange.status == 200, exchange.answer
    assert not exchange.breaches(), exchange.breaches()
    return exchange.cards


def hook_for(orders: Sequence[Any]) -> str:
    """The chart when there is nothing to order, else the selection of the orders."""
    return "order-select" if orders else "patient-view"


def nameless(value: Any) -> Any:
    """The same without uuids, which differ from answer to answer; a detail is a set of lines.

    Facts of one kind and date stand in the order of the record.
    """
    if isinstance(value, dict):
        kept = {key: nameless(one) for key, one in value.items() if key != "uuid"}
        return kept | ({"detail": sorted(kept["detail"].splitlines())} if "detail" in kept else {})
    return [nameless(one) for one in value] if isinstance(value, list) else value


def decision(cards: Sequence[Json]) -> list[Any]:
    """What is decided, without the words and references that say what it rests on."""
    return [
        (
            topic_of(card),
            card["indicator"],
            card["summary"],
            card.get("selectionBehavior"),
            [
                (one["label"], one.get("isRecommended"), sorted(made_by(one)), _kinds(one))
                for one in card.get("suggestions", ())
            ],
        )
        for card in cards
    ]


def _kinds(suggestion: Json) -> list[str]:
    return [action["type"] for action in suggestion["actions"]]


def renamed(value: Any, names: dict[str, str]) -> Any:
    """The same with references replaced wherever they occur, in text too."""
    if isinstance(value, dict):
        return {key: renamed(one, names) for key, one in value.items()}
    if isinstance(value, list):
        return [renamed(one, names) for one in value]
    if isinstance(value, str):
        return re.sub(r"[A-Z]\w+/[\w-]+", lambda found: names.get(found[0], found[0]), value)
    return value
