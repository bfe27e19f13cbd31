"""The guideline as a file to import, and its way to a FHIR server."""

from __future__ import annotations

import io
import json
import tarfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from click.testing import CliRunner

from service.content_cli import content
from service.fhir_api.package import Package
from service.fhir_api.publish import PublishError, Target, publish
from service.guideline import Guideline
from tests.cases.service import guideline
from tests.fhir_api.asking import client, valid

Json = dict[str, Any]
TOKEN = "let-me-in"  # noqa: S105 - of a server that lives as long as a test
TINY = Path(__file__).parent.parent / "guidelines" / "tiny"


@pytest.fixture(scope="module")
def package() -> Package:
    return Package(Guideline.load(TINY))


def test_everything_is_in_the_transaction_after_what_it_names() -> None:
    bundle = Package(guideline()).transaction
    seen: set[str] = set()
    known = {resource.canonical for resource in guideline().content.resources}
    for entry in bundle["entry"]:
        body = entry["resource"]
        text = json.dumps({**body, "content": []}, default=float)
        early = [canonical for canonical in known - seen if f'"{canonical}"' in text]
        assert not early, f"{body['id']} comes before {early}"
        seen.add(f"{body['url']}|{body['version']}")
        request = entry["request"]
        assert request["method"] == "PUT"
        query = parse_qs(urlsplit(request["url"]).query)
        assert query == {"url": [body["url"]], "version": [body["version"]]}
    assert seen == known


def test_the_transaction_is_fhir(package: Package) -> None:
    valid(json.loads(json.dumps(package.transaction, default=float)))


def test_the_package_holds_what_its_index_says(package: Package) -> None:
    with tarfile.open(fileobj=io.BytesIO(package.archive)) as tar:
        files = {each.name: json.loads(tar.extractfile(each).read()) for each in tar}  # type: ignore[union-attr]
    manifest, index = files.pop("package/package.json"), files.pop("package/.index.json")
    assert (manifest["name"], manifest["fhirVersions"]) == ("org.example.hydration", ["4.0.1"])
    assert manifest["dependencies"]["fhir.cqf.common"] == "4.0.1"
    assert {f"package/{row['filename']}" for row in index["files"]} == files.keys()
    for row in index["files"]:
        body = files[f"package/{row['filename']}"]
        assert {key: body[key] for key in ("resourceType", "id", "url", "version")}.items() <= row.items()
    guide = files.pop("package/ImplementationGuide-org.example.hydration.json")
    valid(guide)
    listed = {each["reference"]["reference"] for each in guide["definition"]["resource"]}
    assert listed == {f"{body['resourceType']}/{body['id']}" for body in files.values()}
    assert len(files) == len(package.guideline.content.resources)


def test_the_same_content_gives_the_same_bytes(package: Package) -> None:
    assert Package(Guideline.load(TINY)).archive == package.archive


def test_both_can_be_downloaded() -> None:
    archive = client().get("/fhir/package.tgz")
    assert (archive.status_code, archive.mimetype) == (200, "application/gzip")
    assert archive.data == Package(guideline()).archive
    assert archive.headers["Content-Disposition"].endswith('-2025.1.0.tgz"')
    bundle = client().get("/fhir/transaction.json")
    assert bundle.get_json()["type"] == "transaction"
    tag = {"If-None-Match": bundle.headers["ETag"]}
    assert client().get("/fhir/transaction.json", headers=tag).status_code == 304


def test_the_command_writes_both(tmp_path: Path) -> None:
    done = CliRunner().invoke(content, ["package", str(TINY), "--out", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    written = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert written == [
        "org.example.hydration-2024.2.0.tgz",
        "org.example.hydration-2024.2.0.transaction.json",
    ]


# --- publishing

Change = Callable[[dict[str, Json]], None]


@contextmanager
def server(change: Change = lambda held: None, token: str | None = None) -> Iterator[tuple[str, list[Json]]]:
    """A FHIR server that takes a transaction, then does `change` to what it holds; its url and its log."""
    held: dict[str, Json] = {}
    log: list[Json] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bundle = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            log.append({"path": self.path, "token": self.headers.get("Authorization")})
            if token is not None and self.headers.get("Authorization") != f"Bearer {token}":
                issue = {"severity": "error", "code": "login", "diagnostics": "who are you?"}
                self.answer(401, {"resourceType": "OperationOutcome", "issue": [issue]})
                return
            for entry in bundle["entry"]:
                resource = entry["resource"]
                held[resource["url"]] = resource | {
                    "meta": {"versionId": "1"},
                    "text": {"status": "generated"},
                }
            change(held)
            entries = [{"response": {"status": "201 Created"}} for _ in bundle["entry"]]
            self.answer(200, {"resourceType": "Bundle", "type": "transaction-response", "entry": entries})

        def do_GET(self) -> None:
            query = parse_qs(urlsplit(self.path).query)
            found = [each for each in held.values() if [each["url"]] == query["url"]]
            entries = [{"resource": each, "search": {"mode": "match"}} for each in found]
            self.answer(200, {"resourceType": "Bundle", "type": "searchset", "entry": entries})

        def answer(self, status: int, body: Json) -> None:
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *arguments: object) -> None:
            """Tests are quiet."""

    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=running.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{running.server_port}/fhir", log
    finally:
        running.shutdown()
        thread.join()
        running.server_close()


def test_published_is_what_can_be_read_back(package: Package) -> None:
    with server(token=TOKEN) as (url, log):
        progress: list[str] = []
        count = publish(package, Target(f"{url}/", TOKEN), progress.append)
    assert count == len(package.resources)
    assert progress[1] == f"taken: {count} created, 0 there already"
    assert progress[-1] == f"read back {count} of {count}"
    assert log == [{"path": "/fhir", "token": f"Bearer {TOKEN}"}]


def _snapshot(held: dict[str, Json]) -> None:
    """What HAPI's package installer makes of a StructureDefinition."""
    for one in held.values():
        if one["resourceType"] == "StructureDefinition":
            one["snapshot"] = {"element": []}


def test_a_snapshot_is_a_servers_own(package: Package) -> None:
    with server(_snapshot) as (url, _):
        assert publish(package, Target(url)) == len(package.resources)


def _lose(held: dict[str, Json]) -> None:
    held.popitem()


def _alter(held: dict[str, Json]) -> None:
    next(iter(held.values()))["title"] = "another"


def _rename(held: dict[str, Json]) -> None:
    next(iter(held.values()))["id"] = "1"


@pytest.mark.parametrize(
    ("change", "told"), [(_lose, "holds 0 resources"), (_alter, "changed title"), (_rename, "another id")]
)
def test_what_the_server_does_not_keep_is_told(package: Package, change: Change, told: str) -> None:
    with server(change) as (url, _), pytest.raises(PublishError, match=told):
        publish(package, Target(url))


def test_what_the_server_refuses_is_told(package: Package) -> None:
    with server(token=TOKEN) as (url, _), pytest.raises(PublishError, match=r"401: who are you\?"):
        publish(package, Target(url))


def test_a_server_that_is_not_there(package: Package) -> None:
    with server() as (url, _):
        pass
    with pytest.raises(PublishError, match="cannot be reached"):
        publish(package, Target(url))


@pytest.mark.parametrize(
    "url", ["ftp://x.example.org", "x", "https://u:p@x.example.org/fhir", "https://x/fhir?a=b"]
)
def test_an_address_that_is_none(url: str) -> None:
    with pytest.raises(PublishError):
        Target(url)


def test_a_token_never_travels_in_the_clear() -> None:
    with pytest.raises(PublishError, match="https only"):
        Target("http://fhir.example.org/fhir", TOKEN)


def test_the_command_publishes(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text(f"{TOKEN}\n")
    with server(token=TOKEN) as (url, _):
        done = CliRunner().invoke(content, ["publish", str(TINY), "--to", url, "--token-file", str(token)])
        refused = CliRunner().invoke(content, ["publish", str(TINY), "--to", url])
    assert (done.exit_code, "can be read at" in done.output) == (0, True)
    assert (refused.exit_code, "401" in refused.output) == (1, True)
