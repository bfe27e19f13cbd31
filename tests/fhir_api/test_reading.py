"""Reading the guideline as FHIR: CapabilityStatement, read, vread, search."""

from __future__ import annotations

import json
from typing import Any

import pytest

from service.fhir_api.store import TYPES as TYPES_HELD
from service.fhir_api.store import Store, of_canonicals
from tests.cases.service import guideline
from tests.fhir_api.asking import checked, client, get

Json = dict[str, Any]
TYPES = sorted({resource.type for resource in guideline().content.resources})
PLAN = "gist-progressive"
TITLE = next(each.body["title"] for each in guideline().content.resources if each.id == PLAN)


def ids(bundle: Json) -> list[str]:
    return [entry["resource"]["id"] for entry in bundle.get("entry", ())]


def test_the_capability_statement_holds_what_it_says() -> None:
    statement = get("metadata")
    assert statement["fhirVersion"] == "4.0.1"
    rows = statement["rest"][0]["resource"]
    assert {row["type"] for row in rows} >= set(TYPES)
    for row in rows:
        assert get(row["type"])["type"] == "searchset"
        for parameter in row["searchParam"]:
            get(f"{row['type']}?{parameter['name']}=x", Prefer="handling=strict")
        for operation in row.get("operation", ()):
            # Asked without parameters it says what it lacks: it is there.
            outcome = get(f"{row['type']}/${operation['name']}", 422)
            assert "url" in outcome["issue"][0]["details"]["text"]


def test_every_resource_can_be_read_as_it_is() -> None:
    for resource in guideline().content.resources:
        read = json.loads(client().get(f"/fhir/{resource.type}/{resource.id}").data)
        meta = read.pop("meta")
        assert meta["versionId"]
        assert read == json.loads(json.dumps(resource.body, default=float))


def test_a_version_can_be_read_and_another_not() -> None:
    version = get(f"PlanDefinition/{PLAN}")["meta"]["versionId"]
    assert get(f"PlanDefinition/{PLAN}/_history/{version}")["id"] == PLAN
    get(f"PlanDefinition/{PLAN}/_history/1", 404)


def test_what_has_not_changed_is_not_sent_again() -> None:
    first = client().get(f"/fhir/PlanDefinition/{PLAN}")
    assert first.headers["ETag"] == f'W/"{first.get_json()["meta"]["versionId"]}"'
    again = client().get(f"/fhir/PlanDefinition/{PLAN}", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


@pytest.mark.parametrize(
    "path",
    [
        "PlanDefinition/none",
        "Patient",
        "Patient/1",
        "PlanDefinition/gist-progressive/$none",
        "nothing/at/all",
        "",
    ],
)
def test_what_is_not_there_is_404(path: str) -> None:
    get(path, 404)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (f"_id={PLAN}", [PLAN]),
        (f"_id={PLAN},gist-unresectable", [PLAN, "gist-unresectable"]),
        (f"url={guideline().base}/PlanDefinition/{PLAN}", [PLAN]),
        (f"url={guideline().base}/PlanDefinition/{PLAN}|{guideline().version}", [PLAN]),
        (f"url={guideline().base}/PlanDefinition/{PLAN}|0", []),
        ("name=GISTPROGRESSIVE", [PLAN]),
        ("name:exact=GISTPROGRESSIVE", []),
        ("name:exact=GistProgressive", [PLAN]),
        ("name:contains=tProgressiv", [PLAN]),
        (f"_id={PLAN}&status=active", [PLAN]),
        (f"_id={PLAN}&status=http://hl7.org/fhir/publication-status|active", [PLAN]),
        (f"_id={PLAN}&status=draft", []),
        (f"_id={PLAN}&version={guideline().version}", [PLAN]),
        (f"_id={PLAN}&status=|active", [PLAN]),
        (f"_id={PLAN}&status=none", []),
        (f"_id={PLAN}&version=0", []),
        (f"_id={PLAN}&context-type=focus", []),
        (f"_id={PLAN}&name=&url=&_count=&_summary=&_format=", [PLAN]),
        (f"_id={PLAN}&_count=999999999999", [PLAN]),
        ("title:exact=" + TITLE.replace(",", "\\,"), [PLAN]),
        (f"title={TITLE[:4].upper()}&_id={PLAN}", [PLAN]),
        (f"title:contains={TITLE[6:12]}&_id={PLAN}", [PLAN]),
        ("name=%00", []),
        ("name=%ff", []),
    ],
)
def test_search(query: str, found: list[str]) -> None:
    bundle = get(f"PlanDefinition?{query}")
    assert (bundle["total"], ids(bundle)) == (len(found), found)
    assert len(bundle["link"]) == 1


def test_a_search_may_be_posted() -> None:
    path = "/fhir/PlanDefinition/_search"
    assert ids(checked(client().post(path, data={"_id": PLAN}), 200)) == [PLAN]
    assert ids(checked(client().post(f"{path}?_id={PLAN}", data={"status": "draft"}), 200)) == []
    checked(client().post(path, json={"_id": PLAN}), 415)
    checked(client().post("/fhir/Patient/_search", data={"_id": PLAN}), 404)


def test_the_kinds_of_use_context_can_be_searched() -> None:
    system = "http://terminology.hl7.org/CodeSystem/usage-context-type"
    context = {"code": {"system": system, "code": "focus"}, "valueCodeableConcept": {"text": "thirst"}}
    names = {"url": "u", "version": "1", "status": "active"}
    plans = [{"resourceType": "PlanDefinition", "id": name, **names} for name in ("a", "b")]
    plans[0]["useContext"] = [context]  # type: ignore[assignment]
    store = Store(TYPES_HELD, plans, of_canonicals)

    def found(value: str) -> list[str]:
        return [each["id"] for each in store.search("PlanDefinition", [("context-type", value)]).page]

    assert found("focus") == found(f"{system}|focus") == found("venue,focus") == ["a"]
    assert found("venue") == found("http://other|focus") == found("|focus") == []


@pytest.mark.parametrize(
    "path", ["metadata", f"PlanDefinition/{PLAN}", "PlanDefinition?_count=1", "package.tgz"]
)
def test_a_head_is_a_get_without_its_body(path: str) -> None:
    head, whole = client().head(f"/fhir/{path}"), client().get(f"/fhir/{path}")
    assert (head.status_code, head.data) == (200, b"")
    assert head.headers.get("ETag") == whole.headers.get("ETag")
    assert (head.mimetype, head.content_length) == (whole.mimetype, whole.content_length)


def test_pages_hold_everything_once() -> None:
    seen: list[str] = []
    address = "http://localhost/fhir/ValueSet?_count=40&status=active"
    while address:
        page = checked(client().get(address), 200)
        links = {link["relation"]: link["url"] for link in page["link"]}
        assert links["self"] == address
        assert {"first", "last"} <= links.keys()
        seen += ids(page)
        address = links.get("next", "")
    assert seen == sorted(resource.id for resource in guideline().content.of_type("ValueSet"))
    assert "previous" in links
    assert checked(client().get(links["last"]), 200)["entry"] == page["entry"]


def test_a_count_without_resources() -> None:
    for query in ("_summary=count", "_count=0"):
        bundle = get(f"ValueSet?{query}")
        assert bundle["total"] > 100
        assert "entry" not in bundle


def test_a_summary_leaves_out_what_is_large() -> None:
    (entry,) = get("Library?_id=SarcomaFacts&_summary=true")["entry"]
    summary = entry["resource"]
    assert summary["meta"]["tag"][0]["code"] == "SUBSETTED"
    assert {"url", "name", "title", "status"} <= summary.keys()
    assert not {"content", "dataRequirement"} & summary.keys()
    assert get("Library/SarcomaFacts?_summary=true").keys() == summary.keys()


def test_what_is_not_known_has_no_say_and_the_self_link_tells() -> None:
    bundle = get(f"PlanDefinition?_id={PLAN}&colour=red")
    assert ids(bundle) == [PLAN]
    assert bundle["link"][0]["url"].endswith(f"?_id={PLAN}")
    get("PlanDefinition?colour=red", 400, Prefer="handling=strict")


@pytest.mark.parametrize(
    "query",
    [
        *("name:below=x", "url:in=x", "status:not=active", "_id:exact=x", "_count:exact=1"),
        *("_count=many", "_count=-1", "_count=1.5", "_offset=x", "_summary=short"),
    ],
)
def test_what_would_change_the_answer_is_refused(query: str) -> None:
    get(f"PlanDefinition?{query}", 400)


def test_only_json_is_spoken() -> None:
    get("metadata?_format=xml", 406)
    get("metadata", 406, Accept="application/fhir+xml")
    get("metadata?_format=application/fhir%2Bjson", Accept="text/html")
    get("metadata", Accept="application/fhir+json; fhirVersion=4.0")
    get("metadata", Accept="application/fhir+xml;q=0.9, application/fhir+json;q=0.1")
    get("metadata", 406, Accept="application/fhir+xml, application/json;q=0")
    get("metadata", 406, Accept="text/html")


def test_what_cannot_be_done_here_says_so() -> None:
    response = client().put(f"/fhir/PlanDefinition/{PLAN}", json={})
    assert "GET" in response.headers["Allow"]
    checked(response, 405)


@pytest.mark.parametrize("path", ["metadata", "package.tgz", "transaction.json", f"PlanDefinition/{PLAN}"])
def test_what_is_only_read_is_not_posted_to(path: str) -> None:
    response = client().post(f"/fhir/{path}", json={})
    assert "GET" in response.headers["Allow"]
    assert "POST" not in response.headers["Allow"]
    checked(response, 405)
    checked(client().post("/fhir/nothing-here", json={}), 404)
