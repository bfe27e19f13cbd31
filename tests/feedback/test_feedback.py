"""Feedback over HTTP: all shapes, kept whole, once, without anything of a patient."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from click.testing import CliRunner
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from service.cli import main
from service.feedback.ledger import Ledger
from service.feedback.reports import Report
from service.store.database import Database
from service.store.errors import StoreUnavailable
from service.store.tables import kinds, outcomes
from tests.cds_hooks.fakes import NOW, REASON, FakeGuideline, action, app_with, request_body
from tests.store.urls import DATABASES

VIEW = "/cds-services/test-patient-view"
FEEDBACK = f"{VIEW}/feedback"
SHARED = Path(__file__).parents[3] / "shared" / "real-requests"
AT = "2026-03-12T09:31:00Z"
TOPICS = [{"system": "urn:topics", "code": f"topic-{number}"} for number in range(8)]
ORDER = {"resourceType": "ServiceRequest", "status": "draft"}


class Guideline(FakeGuideline):
    """Cards about `TOPICS`, each with one suggestion."""

    @property
    def hooks(self) -> Any:
        return tuple(replace(plan, topics=tuple(TOPICS)) for plan in super().hooks)


def guideline(count: int = 2, version: str = "2025.1.0") -> Guideline:
    actions = (
        action(title=f"T{n}", topic=TOPICS[n], children=(action(title=f"Do {n}", resource=dict(ORDER)),))
        for n in range(count)
    )
    return Guideline(tuple(actions), version=version)


APPS: list[Flask] = []


@pytest.fixture(autouse=True)
def _close() -> Iterator[None]:
    yield
    while APPS:
        APPS.pop().extensions["database"].close()


@pytest.fixture(params=DATABASES)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    made = request.param(tmp_path)
    yield made
    made.close()


def client(database: Database, count: int = 2, version: str = "2025.1.0", **settings: Any) -> FlaskClient:
    app = app_with(guideline(count, version), database_url=database.url, **settings)
    APPS.append(app)
    return app.test_client()


def cards(service: FlaskClient) -> list[dict[str, Any]]:
    answer = service.post(VIEW, json=request_body()).json
    assert answer is not None
    found: list[dict[str, Any]] = answer["cards"]
    return found


def accepted(card: str, *suggestions: str, **changes: Any) -> dict[str, Any]:
    chosen = [{"id": suggestion} for suggestion in suggestions or [str(uuid4())]]
    return {
        "card": card,
        "outcome": "accepted",
        "acceptedSuggestions": chosen,
        "outcomeTimestamp": AT,
        **changes,
    }


def overridden(card: str, **changes: Any) -> dict[str, Any]:
    return {"card": card, "outcome": "overridden", "outcomeTimestamp": AT, **changes}


def send(service: FlaskClient, *items: Any, path: str = FEEDBACK) -> int:
    return service.post(path, json={"feedback": list(items)}).status_code


def rows(database: Database) -> list[Any]:
    with database.transaction(1000) as connection:
        return list(connection.execute(select(outcomes).order_by(outcomes.c.topic_code)))


def test_what_was_done_is_kept_with_the_recommendation_and_its_version(database: Database) -> None:
    service = client(database)
    first, second = cards(service)
    suggestion = first["suggestions"][0]["uuid"]
    why = {"reason": {k: REASON[k] for k in ("code", "system")}, "userComment": "Mrs Doe said no"}
    assert (
        send(service, accepted(first["uuid"], suggestion), overridden(second["uuid"], overrideReason=why))
        == 200
    )
    done, not_done = rows(database)
    assert (done.service, done.topic_system, done.topic_code) == (
        "test-patient-view",
        "urn:topics",
        "topic-0",
    )
    assert (done.content_version, done.outcome, done.suggestions) == ("2025.1.0", "accepted", 1)
    assert (not_done.topic_code, not_done.outcome, not_done.reason_code) == (
        "topic-1",
        "overridden",
        "patient-refuses",
    )
    assert (not_done.comment_length, not_done.comment) == (15, None)


def test_nothing_of_a_patient_or_a_comment_is_stored(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/phi.sqlite3")
    service = client(database)
    card = cards(service)[0]["uuid"]
    reason = {"code": "Jane-Doe-123", "system": "urn:Jane-Doe", "display": "Jane Doe"}
    item = overridden(card, overrideReason={"reason": reason, "userComment": "Jane Doe"}, patient="p1")
    assert send(service, item) == 200
    stored = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"topic-0" in stored
    assert b"Jane" not in stored
    assert b"Doe" not in stored
    assert rows(database)[0].reason_code == "other"
    database.close()


def test_comments_are_stored_where_a_setting_allows_it(database: Database) -> None:
    service = client(database, feedback_comments=True)
    text = "too\0 weak \ud800" + "x" * 5000
    assert send(service, overridden(str(uuid4()), overrideReason={"userComment": text})) == 200
    assert rows(database)[0].comment.startswith("too weak ?xxx")
    assert rows(database)[0].comment_length == len(text)


@pytest.mark.parametrize("name", ["accepted", "overridden-no-reason", "overridden-with-reason"])
@pytest.mark.skipif(not SHARED.is_dir(), reason="needs ../shared: requests of the CDS Hooks Sandbox")
def test_what_the_sandbox_sends_up_to_three_times(database: Database, name: str) -> None:
    service = client(database)
    body = (SHARED / f"feedback-{name}.json").read_bytes()
    for _ in range(3):
        response = service.post(FEEDBACK, data=body, content_type="application/json")
        assert (response.status_code, response.data) == (200, b"")
        assert "Content-Type" not in response.headers
    assert len(rows(database)) == 1


def test_a_report_that_comes_again_is_kept_once_and_a_new_one_beside_it(database: Database) -> None:
    service = client(database)
    card = str(uuid4())
    one, other = accepted(card, "a"), accepted(card, "b")
    assert send(service, one, one, other) == 200
    assert send(service, other, one, overridden(card)) == 200
    assert len(rows(database)) == 3


@pytest.mark.parametrize(
    "stamp",
    [
        "2020-12-11T00:00:00Z",
        "2020-12-11T00:00:00.52Z",
        "2020-12-11T01:00:00+01:00",
        "2020-12-11t00:00:00.123456789z",
    ],
)
def test_times_of_rfc_3339(database: Database, stamp: str) -> None:
    assert send(client(database), overridden(str(uuid4()), outcomeTimestamp=stamp)) == 200
    at = rows(database)[0].outcome_at
    assert (at.year, at.day, at.hour if at.tzinfo is None else at.utctimetuple().tm_hour) == (2020, 11, 0)


CARD = "01c3bc8f-a286-495c-b833-92bc649408a4"


@pytest.mark.parametrize(
    "item",
    [
        overridden(CARD, overrideReason={"userComment": "no"}),
        overridden(CARD, overrideReason={"userComment": ""}),
        overridden(CARD, overrideReason={"reason": {"code": "a", "system": "b"}}),
        overridden(CARD, overrideReason=None),
        overridden(CARD.upper(), extension={"a": 1}, unknown=[]),
        accepted(CARD, "any text", overrideReason={}),
        accepted(CARD, *(str(number) for number in range(100))),
    ],
)
def test_shapes_that_are_right(database: Database, item: Any) -> None:
    assert send(client(database), item) == 200
    assert rows(database)[0].card == CARD


@pytest.mark.parametrize(
    ("item", "field"),
    [
        ("secret", "feedback.1"),
        (None, "feedback.1"),
        (overridden("secret"), "feedback.1.card"),
        (overridden(CARD) | {"card": None}, "feedback.1.card"),
        (overridden(CARD) | {"card": ["secret"]}, "feedback.1.card"),
        (overridden(CARD) | {"outcome": "ignored"}, "feedback.1.outcome"),
        (overridden(CARD) | {"outcome": ["accepted"]}, "feedback.1.outcome"),
        (accepted(CARD, acceptedSuggestions=[]), "feedback.1.acceptedSuggestions"),
        (accepted(CARD) | {"acceptedSuggestions": None}, "feedback.1.acceptedSuggestions"),
        (accepted(CARD, acceptedSuggestions=["secret"]), "feedback.1.acceptedSuggestions"),
        (accepted(CARD, acceptedSuggestions=[{"id": ""}]), "feedback.1.acceptedSuggestions.id"),
        (accepted(CARD, *map(str, range(101))), "feedback.1.acceptedSuggestions"),
        (overridden(CARD, overrideReason={}), "feedback.1.overrideReason"),
        (overridden(CARD, overrideReason="secret"), "feedback.1.overrideReason"),
        (
            overridden(CARD, overrideReason={"reason": {"code": "a"}}),
            "feedback.1.overrideReason.reason.system",
        ),
        (overridden(CARD, overrideReason={"reason": "secret"}), "feedback.1.overrideReason.reason"),
        (overridden(CARD, overrideReason={"userComment": 5}), "feedback.1.overrideReason.userComment"),
        (overridden(CARD, outcomeTimestamp="secret"), "feedback.1.outcomeTimestamp"),
        (overridden(CARD, outcomeTimestamp="2026-02-30T00:00:00Z"), "feedback.1.outcomeTimestamp"),
        (overridden(CARD, outcomeTimestamp="2026-02-03T00:00:00"), "feedback.1.outcomeTimestamp"),
        (overridden(CARD, outcomeTimestamp="0001-01-01T00:00:00+23:59"), "feedback.1.outcomeTimestamp"),
        (overridden(CARD, outcomeTimestamp=1741771860), "feedback.1.outcomeTimestamp"),
        (overridden(CARD) | {"outcomeTimestamp": None}, "feedback.1.outcomeTimestamp"),
    ],
)
def test_one_wrong_report_refuses_the_body_by_the_name_of_the_field(
    tmp_path: Path, item: Any, field: str
) -> None:
    database = Database(f"sqlite:///{tmp_path}/test.sqlite3")
    response = client(database).post(FEEDBACK, json={"feedback": [overridden(str(uuid4())), item]})
    assert response.status_code == 400
    text = response.get_json()["issue"][0]["details"]["text"]
    assert text.startswith(f"{field} ")
    assert "secret" not in text
    assert rows(database) == []
    database.close()


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{}", b'{"feedback": {}}', b'{"feedback": []}', b'{"feedback": null}', b"\xff",
     b"[" * 100_000,
     b'{"feedback": [], "feedback": []}', json.dumps(overridden(CARD)).encode(),
     b'{"feedback": [{"card": "a", "card": "b"}]}', b'{"feedback": [NaN]}'],
)  # fmt: skip
def test_bodies_that_are_no_feedback(tmp_path: Path, body: bytes) -> None:
    database = Database(f"sqlite:///{tmp_path}/test.sqlite3")
    response = client(database).post(FEEDBACK, data=body, content_type="application/json")
    assert response.status_code == 400
    assert response.get_json()["resourceType"] == "OperationOutcome"


def test_limits_media_types_and_unknown_services(database: Database) -> None:
    service = client(database, feedback_max_items=2, max_body_bytes=2000)
    assert send(service, *[overridden(CARD)] * 2) == 200
    assert send(service, *[overridden(CARD)] * 3) == 400
    assert send(service, overridden(CARD, pad="x" * 2000)) == 413
    assert send(service, overridden(CARD), path="/cds-services/none/feedback") == 404
    assert service.post(FEEDBACK, data="{}", content_type="text/plain").status_code == 415
    assert service.get(FEEDBACK).status_code == 405


def test_a_thousand_reports_in_one_body(database: Database) -> None:
    assert send(client(database), *(overridden(str(uuid4())) for _ in range(1000))) == 200
    assert len(rows(database)) == 1000


# --- what a card was about


def test_uuids_of_cards_are_new_each_time_and_of_the_standard_shape(database: Database) -> None:
    service = client(database)
    given = [card["uuid"] for _ in range(20) for card in cards(service)]
    assert len(set(given)) == 40
    assert {UUID(each).version for each in given} == {4}
    assert len({each[:13] for each in given}) == 2, "the kind is the first 48 bits"


def test_an_unknown_card_is_accepted_and_counted_as_none_of_ours(database: Database) -> None:
    assert send(client(database), overridden(CARD)) == 200
    assert rows(database)[0].topic_code is None


def test_feedback_may_come_to_another_process_and_after_a_new_version(database: Database) -> None:
    first = client(database)
    (card, _) = cards(first)
    assert send(first, overridden(str(uuid4()))) == 200  # whatever wakes the database
    assert send(client(database, version="2026.1.0"), overridden(card["uuid"])) == 200
    assert [row.content_version for row in rows(database) if row.topic_code] == ["2025.1.0"]
    with database.transaction(1000) as connection:
        assert {row.content_version for row in connection.execute(select(kinds))} == {"2025.1.0", "2026.1.0"}


def test_a_card_of_another_service_is_not_counted_for_this_one(database: Database) -> None:
    service = client(database)
    card = cards(service)[0]["uuid"]
    assert send(service, overridden(card), path="/cds-services/test-order-sign/feedback") == 200
    assert rows(database)[0].topic_code is None


def test_a_card_for_several_recommendations_is_counted_by_the_suggestion_that_was_accepted(
    database: Database,
) -> None:
    service = client(database, count=4, max_cards=2)
    merged = cards(service)[1]
    suggestion = merged["suggestions"][2]["uuid"]
    assert send(service, accepted(merged["uuid"], suggestion), overridden(merged["uuid"])) == 200
    assert [row.topic_code for row in rows(database)] == ["several", "topic-3"]


# --- a database that cannot be used


def test_cards_are_given_and_reports_refused_while_the_database_is_locked(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/locked.sqlite3")
    service = client(database)
    assert send(service, overridden(CARD)) == 200
    other = sqlite3.connect(tmp_path / "locked.sqlite3", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    for _ in range(2):
        response = service.post(FEEDBACK, json={"feedback": [overridden(str(uuid4()))]})
        assert (response.status_code, response.headers["Retry-After"]) == (503, "30")
        assert response.get_json()["issue"][0]["code"] == "transient"
        assert len(cards(service)) == 2
    other.execute("ROLLBACK")
    other.close()
    assert len(rows(database)) == 1
    database.close()


@pytest.mark.parametrize(
    "url", ["sqlite:////nowhere/at/all.sqlite3", "postgresql://nobody:secret@127.0.0.1:9/none"]
)
def test_without_a_database_there_are_cards_and_no_report_is_lost_silently(
    url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    service = client(Database(url))
    assert len(cards(service)) == 2
    assert send(service, overridden(CARD)) == 503
    assert "secret" not in capsys.readouterr().err


def test_a_full_disk_refuses_and_keeps_nothing(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/full.sqlite3")
    ledger = Ledger(database, {})
    ledger.register()
    with database.transaction(1000) as connection:  # SQLITE_FULL is what a full disk gives
        connection.exec_driver_sql("PRAGMA max_page_count = 1")
    many = [Report(str(uuid4()), "overridden", NOW) for _ in range(2000)]
    with pytest.raises(StoreUnavailable):
        ledger.add("test-patient-view", many, (), NOW)
    assert rows(database) == []
    database.close()


def test_reports_of_many_threads_at_once_are_all_kept(database: Database) -> None:
    service = app_with(guideline(), database_url=database.url)
    APPS.append(service)
    statuses: list[int] = []

    def work() -> None:
        for _ in range(10):
            statuses.append(send(service.test_client(), overridden(str(uuid4()))))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(statuses) <= {200, 503}
    assert len(rows(database)) == statuses.count(200) >= 10


def test_production_makes_the_tables_at_the_start_and_starts_without_a_database(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    production: dict[str, Any] = {
        "profile": "production",
        "public_url": "https://cds.example.org",
        "authentication": "none",
    }
    database = Database(f"sqlite:///{tmp_path}/new.sqlite3")
    client(database, **production)
    with database.transaction(1000) as connection:
        assert len(connection.execute(select(kinds)).all()) == 27  # 8 topics and `several`, of 3 services
    database.close()
    capsys.readouterr()
    assert len(cards(client(Database("sqlite:////nowhere/at/all.sqlite3"), **production))) == 2
    assert "feedback is refused until it can" in capsys.readouterr().err


# --- the report


def report(database: Database, *options: str) -> Any:
    return CliRunner().invoke(
        main, ["feedback", "report", *options], env={"SARCOMA_CDS_DATABASE_URL": database.url}
    )


def test_the_report_counts_cards_by_recommendation_and_version(database: Database) -> None:
    assert report(database).output == "No feedback yet.\n"
    service = client(database)
    reason = {"reason": {k: REASON[k] for k in ("code", "system")}}
    for number in range(4):
        first, second = (card["uuid"] for card in cards(service))
        send(service, accepted(first) if number else overridden(first, overrideReason=reason))
        send(service, overridden(second, overrideReason=reason), overridden(second))
    send(service, accepted(first), accepted(first, outcomeTimestamp="2026-03-12T09:40:00Z"))
    lines = report(database, "--csv").output.splitlines()
    assert lines[0] == "service,recommendation,version,cards,accepted,overridden,accepted %,override reasons"
    assert "test-patient-view,topic-0,2025.1.0,4,3,1,75,patient-refuses 1" in lines
    assert "test-patient-view,topic-1,2025.1.0,4,0,4,0,patient-refuses 4" in lines
    table = report(database).output.splitlines()
    assert table[0].startswith("service ")
    assert len(table) == 3
    assert report(database, "--since", "2026-03-13").output == "No feedback yet.\n"
    assert len(report(database, "--since", "2026-03-12", "--csv").output.splitlines()) == 3


def test_what_two_clients_say_of_one_card_is_kept_and_counted_for_each(database: Database) -> None:
    ledger = Ledger(database, {})
    accept = Report(CARD, "accepted", NOW, ("s",))
    ledger.add("test-patient-view", [accept], (), NOW, "https://a.example.org")
    for _ in range(2):
        ledger.add(
            "test-patient-view",
            [accept, Report(CARD, "overridden", NOW)],
            (),
            NOW,
            "https://b.example.org",
        )
    ledger.add("test-patient-view", [Report(CARD, "overridden", NOW)], (), NOW)
    assert [row.issuer for row in sorted(rows(database), key=lambda row: str(row.issuer))] == [
        "",
        "https://a.example.org",
        "https://b.example.org",
        "https://b.example.org",
    ]
    lines = report(database, "--csv", "--by-client").output.splitlines()
    assert lines == [
        "client,service,recommendation,version,cards,accepted,overridden,accepted %,override reasons",
        ",test-patient-view,(none of ours),,1,0,1,0,",
        "https://a.example.org,test-patient-view,(none of ours),,1,1,0,100,",
        "https://b.example.org,test-patient-view,(none of ours),,1,1,0,100,",
    ]
    assert report(database, "--csv").output.splitlines()[1:] == [
        "test-patient-view,(none of ours),,3,2,1,67,"
    ]
    assert report(database, "--by-client").output.splitlines()[2].startswith("https://a.example.org  test")


# --- deleting


def prune(database: Database, *options: str) -> Any:
    return CliRunner().invoke(
        main, ["feedback", "prune", *options], env={"SARCOMA_CDS_DATABASE_URL": database.url}
    )


def test_old_reports_are_deleted_on_command_and_new_ones_stay(database: Database) -> None:
    ledger = Ledger(database, {})
    for days in (1, 29, 31, 400):
        received = datetime.now(UTC) - timedelta(days=days)
        # however old the client says that it is
        ledger.add("test-patient-view", [Report(str(uuid4()), "overridden", NOW)], (), received)
    assert prune(database, "--older-than", "30", "--dry-run").output.startswith("Would delete 2 reports ")
    assert len(rows(database)) == 4
    assert prune(database, "--older-than", "30").output.startswith("Deleted 2 reports received before 20")
    assert len(rows(database)) == 2
    assert prune(database, "--older-than", "10").output.startswith("Deleted 1 report ")
    assert prune(database, "--older-than", "10").output.startswith("Deleted 0 reports ")


def test_nothing_of_a_deleted_comment_stays_in_the_file(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/old.sqlite3")
    ledger = Ledger(database, {}, comments=True)
    reports = [Report(str(uuid4()), "overridden", NOW, comment=f"Quetzalcoatl {n}") for n in range(200)]
    ledger.add("test-patient-view", reports, (), NOW - timedelta(days=3000))
    assert any(b"Quetzalcoatl" in path.read_bytes() for path in tmp_path.iterdir())
    assert prune(database, "--older-than", "1").output.startswith("Deleted 200 reports ")
    assert not any(b"Quetzalcoatl" in path.read_bytes() for path in tmp_path.iterdir())
    database.close()


@pytest.mark.parametrize("options", [(), ("--older-than", "0"), ("--older-than", "soon")])
def test_how_old_must_be_said(database: Database, options: tuple[str, ...]) -> None:
    assert prune(database, *options).exit_code == 2


@pytest.mark.parametrize("command", [("report",), ("prune", "--older-than", "1")])
@pytest.mark.parametrize(
    ("url", "code", "said"),
    [("sqlite:////nowhere/at/all.sqlite3", 1, "cannot be used"), ("nonsense", 2, "DATABASE_URL")],
)
def test_what_keeps_a_command_from_the_database_is_said(
    command: tuple[str, ...], url: str, code: int, said: str
) -> None:
    done = CliRunner().invoke(main, ["feedback", *command], env={"SARCOMA_CDS_DATABASE_URL": url})
    assert (done.exit_code, said in done.output, "Traceback" in done.output) == (code, True, False)
