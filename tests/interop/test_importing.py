"""What the checks on HAPI's server take for a fault: a check that cannot fail proves nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.interop.importing import Tally, faults_of, numbers_of, taken

Json = dict[str, Any]
BODY: Json = {
    "resourceType": "ValueSet",
    "id": "thirst",
    "url": "https://example.org/fhir/ValueSet/thirst",
    "version": "1.0.0",
    "status": "active",
}


@dataclass
class Holding:
    """A server that holds these resources, by type and id; a search finds them by url and version."""

    held: list[Json] = field(default_factory=lambda: [{**BODY, "meta": {"versionId": "1"}, "text": {}}])
    statuses: tuple[str, ...] = ("201 Created",)

    def ask(self, method: str, path: str, body: bytes | None = None) -> tuple[int, Json]:
        if method == "POST":
            entries = [{"response": {"status": status}} for status in self.statuses]
            return 200, {"resourceType": "Bundle", "type": "transaction-response", "entry": entries}
        if "_summary=count" in path:
            return 200, {"total": len(self.held)}
        found = [one for one in self.held if f"/{one['resourceType']}/{one['id']}" == path]
        return (200, found[0]) if found else (404, {"resourceType": "OperationOutcome"})

    def search(self, resource_type: str, **parameters: str) -> list[Json]:
        return [one for one in self.held if all(one.get(name) == parameters[name] for name in parameters)]

    def count(self, resource_type: str) -> int:
        return len(self.held)


def faults(server: Holding) -> list[str]:
    return [*faults_of(server, BODY, "1"), *numbers_of(server, [BODY])]


def test_what_is_there_as_it_was_sent_is_no_fault() -> None:
    assert faults(Holding()) == []
    assert taken(Holding(), b"{}", [BODY], "201") == []


def _lost(server: Holding) -> None:
    server.held.clear()


def _changed(server: Holding) -> None:
    server.held[0]["status"] = "draft"


def _more(server: Holding) -> None:
    server.held[0]["title"] = "Thirst"


def _less(server: Holding) -> None:
    del server.held[0]["status"]


def _twice(server: Holding) -> None:
    server.held.append({**server.held[0], "id": "1"})


def _renamed(server: Holding) -> None:
    server.held[0]["id"] = "1"


def _written_again(server: Holding) -> None:
    server.held[0]["meta"] = {"versionId": "2"}


@pytest.mark.parametrize("change", [_lost, _changed, _more, _less, _twice, _renamed, _written_again])
def test_what_the_server_does_otherwise_is_a_fault(change: Callable[[Holding], None]) -> None:
    server = Holding()
    change(server)
    assert faults(server)


def test_a_transaction_that_is_not_taken_whole_is_a_fault() -> None:
    for statuses in ((), ("200 OK",), ("201 Created", "201 Created"), ("400 Bad Request",)):
        assert taken(Holding(statuses=statuses), json.dumps({}).encode(), [BODY], "201")


def test_the_tally_counts_and_tells(capsys: pytest.CaptureFixture[str]) -> None:
    tally = Tally(quiet=True)
    tally.check("one", [])
    tally.check("two", ["broken", "lost"])
    assert (tally.passed, tally.failed) == (1, 1)
    assert capsys.readouterr().out == "FAILED two\n    broken\n    lost\n"
