"""What CDS Hooks asks, of the running service with the shipped guideline.

The ids are those of docs/cds-hooks-conformance.md.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest

from service.guideline import Guideline
from service.settings import Settings
from tests.cases import contract
from tests.cases.case_file import Case, all_cases
from tests.cases.exchange import Ehr as Client
from tests.cds_hooks.test_cards import SCHEMA
from tests.fhir_server.ehr import Asked, Ehr, Reply, bundle, ehr
from tests.serving import Answer, Served, served

Json = dict[str, Any]

CASES = all_cases()
PATIENT = "patient-1"
SEARCH = re.compile(r"[A-Z]\w+\?[a-z-]+(:in)?=[^&]+(&[_a-z-]+(:in)?=[^&]+)*")
READ = re.compile(r"[A-Z]\w+/\{\{context\.patientId\}\}")
TOKENS = {"context.patientId", "context.encounterId", "context.userId"}


@dataclass
class Response:
    """An answer, as the client of the cases reads it."""

    answer: Answer

    @property
    def status_code(self) -> int:
        return self.answer.status

    def get_json(self, silent: bool = False) -> Any:
        return self.answer.json()


@dataclass
class Http:
    """Calls the running service where the cases call the application."""

    service: Served

    def get(self, path: str) -> Response:
        return Response(self.service.send("GET", path))

    def post(self, path: str, json: Any) -> Response:
        return Response(self.service.send("POST", path, json))


@pytest.fixture(scope="module")
def service() -> Iterator[Served]:
    settings = {"SARCOMA_CDS_MAX_CARDS": "50", "SARCOMA_CDS_FHIR_DEADLINE_MS": "5000"}
    with served(1, settings) as running:
        yield running


@pytest.fixture(scope="module")
def client(service: Served) -> Client:
    return Client(Http(service))  # type: ignore[arg-type]


@pytest.fixture
def server() -> Iterator[Ehr]:
    with ehr(lambda asked: Reply(bundle())) as running:
        yield running


def case_of(hook: str, with_cards: bool = True) -> Case:
    return next(case for case in CASES if case.hook == hook and bool(case.expect.cards) is with_cards)


@pytest.fixture(scope="module")
def calls(client: Client) -> dict[str, Json]:
    """A call of each hook that is answered with cards."""
    found: dict[str, Json] = {}
    for case in CASES:
        if case.hook not in found:
            exchange = client.ask_case(case)
            if exchange.cards:
                found[case.hook] = exchange.request
    assert len(found) == 3
    return found


@pytest.fixture
def view(calls: dict[str, Json]) -> Json:
    return copy.deepcopy(calls["patient-view"])


def post(service: Served, body: Any, hook: str = "patient-view", **headers: str) -> Answer:
    return service.send("POST", f"/cds-services/soft-tissue-sarcoma-{hook}", body, **headers)


def cards(answer: Answer) -> list[Json]:
    """The cards without what is new each time."""
    assert answer.status == 200, answer.text
    text = re.sub(r'"uuid": "[0-9a-f-]{36}"', '"uuid": ""', json.dumps(answer.json()["cards"]))
    return list(json.loads(text))


def without_notes(found: list[Json]) -> list[Json]:
    return [
        {**card, "detail": card.get("detail", "").partition("**Not considered**")[0].strip()}
        for card in found
    ]


def text_of(answer: Answer, status: int) -> str:
    """What a refusal says (E-05)."""
    assert answer.status == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    (issue,) = answer.json()["issue"]
    assert (answer.json()["resourceType"], issue["severity"]) == ("OperationOutcome", "error")
    assert issue["code"]
    return str(issue["details"]["text"])


# --- answers: J, E-01, C, A


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_every_answer_keeps_the_contract(client: Client, case: Case) -> None:
    """J-03, J-04, J-05, J-07, E-01, C-01 to C-23, A-01 to A-06."""
    exchange = client.ask_case(case)
    assert exchange.status == 200
    assert exchange.breaches() == []
    SCHEMA.validate(exchange.answer)
    assert case.expect.shortfalls(exchange.cards) == []


def test_bodies_are_json_and_say_so(service: Served, calls: dict[str, Json]) -> None:
    """J-01, E-02."""
    for hook, call in calls.items():
        answer = post(service, call, hook)
        assert answer.headers["content-type"] == "application/json"
        assert answer.json()["cards"]
    nobody = {**calls["patient-view"], "prefetch": dict.fromkeys(calls["patient-view"]["prefetch"])}
    assert post(service, nobody).text == '{"cards": []}'


@pytest.mark.parametrize("body", [b'{"hook": "patient-view",}', b"{} // x", b"{'a': 1}", b'{"a": NaN}', b""])
def test_what_is_not_json_is_refused(service: Served, body: bytes) -> None:
    """J-06, J-09."""
    text_of(post(service, body), 400)


# --- discovery: D, P-01 to P-07


@pytest.fixture(scope="module")
def offered(service: Served) -> list[Json]:
    return list(service.send("GET", "/cds-services").json()["services"])


def test_discovery_says_what_is_required(service: Served, offered: list[Json]) -> None:
    """D-01, D-02, D-04 to D-11."""
    assert {entry["hook"] for entry in offered} == {"patient-view", "order-select", "order-sign"}
    for entry in offered:
        assert all(
            entry[name].strip() for name in ("hook", "title", "description", "id", "usageRequirements")
        )
        assert re.fullmatch(r"[a-z0-9-]+", entry["id"])
        assert re.fullmatch(r"\d+\.\d+\.\d+", entry["version"])
        assert entry["hookVersion"] == "1.0"
        assert entry["prefetch"]
        answer = service.send("POST", f"/cds-services/{entry['id']}", {})
        assert answer.status == 400


@pytest.mark.parametrize(
    ("method", "path", "status"), [("POST", "/cds-services", 405), ("GET", "/cds-services/", 200)]
)
def test_discovery_is_for_reading_with_or_without_a_slash(
    service: Served, method: str, path: str, status: int
) -> None:
    """D-14, D-18."""
    assert service.send(method, path, {} if method == "POST" else None).status == status


def test_prefetch_keys_keep_the_order_of_the_guideline(offered: list[Json]) -> None:
    """D-16."""
    needs = [need.key for need in Guideline.load(Settings().content_dir).data_needs]
    assert [list(entry["prefetch"]) for entry in offered] == [needs] * len(offered)


def test_templates_are_those_that_every_client_can_fill(offered: list[Json]) -> None:
    """P-01 to P-05, P-07, P-12."""
    for template in {text for entry in offered for text in entry["prefetch"].values()}:
        assert READ.fullmatch(template) or SEARCH.fullmatch(template), template
        assert set(re.findall(r"\{\{(.*?)\}\}", template)) <= TOKENS
        assert len(template) < 8000


# --- prefetch: P-13 to P-22, E-03, E-06


def test_a_key_that_is_absent_is_read_with_its_template_and_the_token(
    service: Served, server: Ehr, view: Json, offered: list[Json]
) -> None:
    """P-14, P-21, R-05, R-09, R-13."""
    given = cards(post(service, view))
    data, view["prefetch"] = view["prefetch"], {}
    templates = next(entry for entry in offered if entry["hook"] == "patient-view")["prefetch"]
    held = {text.replace("{{context.patientId}}", PATIENT): data[key] for key, text in templates.items()}

    def script(asked: Asked) -> Reply:
        found = held[re.sub(r"&_count=\d+$", "", asked.query.removeprefix("/fhir/"))]
        return Reply(found) if found is not None else Reply(status=404)

    server.script = script
    view |= {"fhirServer": server.url}
    view |= {"fhirAuthorization": {"access_token": "t0ken", "token_type": "Bearer", "scope": "patient/*.rs"}}
    assert cards(post(service, view)) == given
    assert len(server.asked) == len(templates)
    assert {asked.headers["Authorization"] for asked in server.asked} == {"Bearer t0ken"}


def test_what_is_absent_and_cannot_be_had_is_named(service: Served, view: Json) -> None:
    """P-15, P-20, E-03, R-07."""
    del view["prefetch"]["conditions"]
    assert "'conditions'" in text_of(post(service, view), 412)
    del view["prefetch"]
    assert "'conditions'" in text_of(post(service, view), 412)
    assert "'conditions'" in text_of(post(service, view | {"prefetch": None}), 412)


@pytest.mark.parametrize(
    "nothing",
    [
        None,
        {"resourceType": "Bundle", "type": "searchset", "total": 0},
        {"resourceType": "Bundle", "entry": []},
    ],
)
def test_what_is_known_to_be_empty_is_not_asked_for(
    service: Served, server: Ehr, view: Json, nothing: Any
) -> None:
    """P-16, P-17."""
    view["prefetch"] |= {"procedures": nothing, "serviceRequests": nothing}
    found = cards(post(service, view | {"fhirServer": server.url}))
    assert "Not considered" not in json.dumps(found)
    assert server.asked == []
    view["prefetch"] |= {"procedures": None, "serviceRequests": None}
    assert cards(post(service, view)) == found


OUTCOME = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "forbidden"}]}
AMONG = {"resourceType": "Bundle", "entry": [{"resource": OUTCOME, "search": {"mode": "outcome"}}]}


@pytest.mark.parametrize("outcome", [OUTCOME, AMONG], ids=["the value", "an entry"])
def test_an_operation_outcome_is_no_data_and_not_asked_for_again(
    service: Served, server: Ehr, view: Json, outcome: Json
) -> None:
    """P-18, E-06."""
    view |= {"fhirServer": server.url}
    view["prefetch"]["conditions"] = outcome
    assert "'conditions'" in text_of(post(service, view), 412)
    assert server.asked == []


def test_optional_data_that_is_missing_is_said_on_every_card(service: Served, view: Json) -> None:
    """E-06, P-13."""
    whole = cards(post(service, view))
    del view["prefetch"]["medicationStatements"]
    view["prefetch"]["serviceRequests"] = OUTCOME
    found = cards(post(service, view))
    assert all("**Not considered**" in card["detail"] for card in found)
    assert all("medicationStatements" in card["detail"] for card in found)
    assert without_notes(found) == without_notes(whole)


def test_pages_are_read_to_their_end_or_said_to_be_missing(service: Served, server: Ehr, view: Json) -> None:
    """P-19."""
    whole = cards(post(service, view))
    entries = view["prefetch"]["observations"]["entry"]
    first, rest = entries[:1], entries[1:]
    server.script = lambda asked: Reply({"resourceType": "Bundle", "type": "searchset", "entry": rest})
    link = [{"relation": "next", "url": f"{server.url}?_getpages=1"}]
    view["prefetch"]["observations"] |= {"entry": first, "link": link}
    assert cards(post(service, view | {"fhirServer": server.url})) == whole
    assert [asked.target for asked in server.asked] == ["/fhir?_getpages=1"]
    part = cards(post(service, view))
    assert all("Only a part came of: observations" in card["detail"] for card in part)


def test_what_was_not_asked_for_is_ignored_and_any_bundle_will_do(service: Served, view: Json) -> None:
    """P-22, R-08."""
    whole = cards(post(service, view))
    view["prefetch"]["conditions"]["type"] = "collection"
    del view["prefetch"]["conditions"]["total"]
    view["prefetch"]["unknown"] = {"resourceType": "Patient", "id": "other"}
    view |= {"extension": {"org.example.x": 1}, "user": "x", "redirect": "y"}
    assert cards(post(service, view)) == whole


# --- calls: R, E-04, E-05


def without(name: str) -> Callable[[Json], Any]:
    def change(call: Json) -> Json:
        place = call["context"] if name in ("userId", "patientId") else call
        del place[name]
        return call

    return change


FAULTY: dict[str, tuple[Callable[[Json], Any], str]] = {
    "no hook": (without("hook"), "hook"),
    "another hook": (lambda call: call | {"hook": "order-sign"}, "hook"),
    "no instance": (without("hookInstance"), "hookInstance"),
    "no context": (without("context"), "context"),
    "no patient": (without("patientId"), "patientId"),
    "no user": (without("userId"), "userId"),
    "a list": (lambda call: [call], ""),
    "a token and no server": (
        lambda call: call | {"fhirAuthorization": {"access_token": "t", "token_type": "Bearer"}},
        "fhirServer",
    ),
    "a token of another patient": (
        lambda call: (
            call
            | {"fhirServer": "https://ehr.example.org"}
            | {"fhirAuthorization": {"access_token": "t", "token_type": "Bearer", "patient": "other"}}
        ),
        "fhirAuthorization.patient",
    ),
}


@pytest.mark.parametrize("name", FAULTY)
def test_a_faulty_call_is_refused_by_the_name_of_the_field(service: Served, view: Json, name: str) -> None:
    """R-02, R-03, R-04, R-06, R-10, R-16, E-04, E-05."""
    change, field = FAULTY[name]
    assert field in text_of(post(service, change(view)), 400)


def test_other_addresses_methods_and_media_types(service: Served, view: Json) -> None:
    """R-01, R-16, E-04, E-05."""
    path = "/cds-services/soft-tissue-sarcoma-patient-view"
    text_of(service.send("GET", path), 405)
    text_of(service.send("POST", "/cds-services/none", view), 404)
    text_of(post(service, view, Content_Type="text/plain"), 415)
    text_of(post(service, b" " * 5_000_001), 413)
    assert post(service, view, Content_Type="application/json; charset=UTF-8").status == 200
    assert post(service, view, Content_Type="application/fhir+json").status == 200


@pytest.mark.parametrize(
    "url", ["http://169.254.169.254/fhir", "https://ehr.example.org", "http://127.0.0.1@x/"]
)
def test_a_server_that_is_not_listed_is_not_called(service: Served, view: Json, url: str) -> None:
    """R-15."""
    del view["prefetch"]["conditions"]
    assert "is not called" in text_of(post(service, view | {"fhirServer": url}), 412)


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("scope", ["patient/Observation.read", "patient/Observation.rs"])
def test_a_scope_explains_a_refusal(
    service: Served, server: Ehr, view: Json, status: int, scope: str
) -> None:
    """R-11, R-13."""
    server.script = lambda asked: Reply(status=status)
    del view["prefetch"]["conditions"]
    view |= {"fhirServer": server.url}
    view |= {"fhirAuthorization": {"access_token": "t", "token_type": "Bearer", "scope": scope}}
    assert "no scope of the token names Condition" in text_of(post(service, view), 412)


# --- hooks: K


def test_the_patient_may_be_named_with_its_type(service: Served, view: Json) -> None:
    """K-01."""
    whole = cards(post(service, view))
    view["context"]["patientId"] = f"Patient/{PATIENT}"
    assert cards(post(service, view)) == whole


def test_selections_decide_what_is_judged(service: Served, calls: dict[str, Json]) -> None:
    """K-02, K-03, K-04."""
    call = copy.deepcopy(calls["order-select"])
    whole = cards(post(service, call, "order-select"))
    drafts = call["context"]["draftOrders"]
    del drafts["type"]
    strange = {"resourceType": "VisionPrescription", "id": "v", "status": "draft"}
    bare = {"resourceType": "MedicationRequest", "id": "bare", "status": "draft", "intent": "order"}
    drafts["entry"] += [{"resource": strange}, {"resource": bare}]
    call["context"]["selections"] += ["VisionPrescription/v", "MedicationRequest/dangling"]
    assert [card["summary"] for card in cards(post(service, call, "order-select"))] == [
        card["summary"] for card in whole
    ]
    call["context"]["selections"] = ["MedicationRequest/bare"]
    assert cards(post(service, call, "order-select")) == []


# --- updates keep what the draft says: A-04, J-09


def test_an_update_keeps_the_draft_digit_by_digit(service: Served, calls: dict[str, Json]) -> None:
    """A-04, J-09."""
    for hook in ("order-select", "order-sign"):
        call = copy.deepcopy(calls[hook])
        for entry in call["context"]["draftOrders"]["entry"]:
            coverage = {"extension": [{"url": "urn:x", "valueDecimal": "@"}]}
            entry["resource"]["insurance"] = [coverage]
        text = post(service, json.dumps(call).replace('"@"', "1.10").encode(), hook).text
        updates = [
            step
            for card in json.loads(text)["cards"]
            for suggestion in card.get("suggestions", ())
            for step in suggestion["actions"]
            if step["type"] == "update"
        ]
        if updates:
            drafts = {entry["resource"]["id"] for entry in call["context"]["draftOrders"]["entry"]}
            assert {step["resource"]["id"] for step in updates} <= drafts
            assert text.count('"valueDecimal": 1.10}') == len(updates)
            return
    raise AssertionError("no update among the calls")


# --- feedback: F


def test_feedback_as_clients_send_it(service: Served, view: Json) -> None:
    """F-01 to F-10, C-02, C-18."""
    found = post(service, view).json()["cards"]
    with_suggestions = next(card for card in found if card.get("suggestions"))
    reason = {key: found[0]["overrideReasons"][0][key] for key in ("code", "system")}
    at = {"outcomeTimestamp": "2020-12-11T00:00:00.52Z"}
    chosen = [{"id": with_suggestions["suggestions"][0]["uuid"]}]
    items: list[Json] = [
        {"card": with_suggestions["uuid"], "outcome": "accepted", "acceptedSuggestions": chosen, **at},
        {"card": found[0]["uuid"], "outcome": "overridden", **at},
        {"card": found[0]["uuid"], "outcome": "overridden", "overrideReason": {"reason": reason}, **at},
        {"card": str(uuid4()), "outcome": "overridden", "overrideReason": {"userComment": "no"}, **at},
    ]
    for _ in range(2):
        answer = post(service, {"feedback": items}, "patient-view/feedback")
        assert (answer.status, answer.text, "content-type" in answer.headers) == (200, "", False)
    for wrong in (
        items[0],
        [items[0]],
        {"feedback": [{**items[0], "acceptedSuggestions": []}]},
        {"feedback": [{**items[0], "outcome": "ignored"}]},
        {"feedback": [{**items[1], "overrideReason": {}}]},
        {"feedback": [{**items[1], "outcomeTimestamp": "yesterday"}]},
        {"feedback": [{**items[1], "card": ""}]},
    ):
        text_of(post(service, wrong, "patient-view/feedback"), 400)


# --- CDS on FHIR: M


def test_every_plan_with_a_named_event_is_a_service(service: Served, offered: list[Json]) -> None:
    """M-01, M-03, K-06."""
    found = service.send("GET", "/fhir/PlanDefinition?_count=500").json()["entry"]
    events = {
        (entry["resource"]["id"], trigger["name"])
        for entry in found
        for action in entry["resource"].get("action", ())
        for trigger in action.get("trigger", ())
        if trigger["type"] == "named-event"
    }
    assert {(entry["id"], entry["hook"]) for entry in offered} == events


def test_the_contract_finds_what_breaks_it(client: Client) -> None:
    """So that the first test here can fail."""
    exchange = client.ask_case(case_of("patient-view"))
    answer = copy.deepcopy(exchange.answer)
    answer["cards"][0]["summary"] = "x" * 140
    answer["cards"][0]["links"] = []
    assert contract.breaches(answer, "patient-view", PATIENT, (), ()) != []
