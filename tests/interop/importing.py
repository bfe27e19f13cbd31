"""``python -m tests.interop.importing``: a FHIR server nobody here wrote takes the guideline and applies it.

HAPI's JPA server starts empty and gets the transaction Bundle that `sarcoma-cds content package` wrote: once,
again, and by `sarcoma-cds content publish` after one resource was changed there. Each resource is read back
and searched for. Then its $apply decides about some of the cases from what it holds. A second server installs
the NPM package.

A line for each check, the total last. Exit 1 when one fails, 0 when all pass and where there is no JDK or
Maven, which is then said.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from tests.cases.case_file import Case, all_cases
from tests.cases.service import guideline
from tests.interop import hapi, parity
from tests.interop.compare import differences, of_hapi
from tests.interop.hapi_server import Server, running

Json = dict[str, Any]

EVERY = 40
"""Of so many cases one is applied over REST; `make interop` applies all of them without a server."""
ITS_OWN = frozenset({"meta", "text"})
# HAPI's package installer makes them for StructureDefinitions that have none.
MADE = frozenset({"snapshot", "mapping"})
_SMALL = ("-Xmx1g", "-XX:TieredStopAtLevel=1")
COMMAND = Path(sys.executable).with_name("sarcoma-cds")


class Holder(Protocol):
    """What the checks ask of a server (hapi_server.Server says what each call gives)."""

    def ask(self, method: str, path: str, body: bytes | None = None) -> tuple[int, Json]: ...
    def search(self, resource_type: str, **parameters: str) -> list[Json]: ...
    def count(self, resource_type: str) -> int: ...


@dataclass
class Tally:
    """Counts checks as they are told."""

    quiet: bool
    passed: int = 0
    failed: int = 0

    def check(self, name: str, faults: list[str]) -> None:
        """Tell of one check, which passes when there are no faults."""
        if faults:
            self.failed += 1
        else:
            self.passed += 1
        if faults or not self.quiet:
            _say("\n    ".join([f"{'FAILED' if faults else 'passed'} {name}", *faults]))


def main(arguments: list[str] | None = None) -> int:
    """Run, print, and give the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.interop.importing")
    parser.add_argument("--quiet", action="store_true", help="list only the checks that fail")
    tally = Tally(parser.parse_args(arguments).quiet)
    try:
        hapi.build(hapi.SERVER)
    except hapi.EngineMissingError as error:
        _say(f"SKIPPED: {error}\n0 passed, 0 failed")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        _command("package", "--out", folder)
        (bundle,) = Path(folder).glob("*.transaction.json")
        (package,) = Path(folder).glob("*.tgz")
        sent = [entry["resource"] for entry in json.loads(bundle.read_bytes())["entry"]]
        tally.check("HAPI's CDS Hooks bridge as docs/interop.md describes it", _bridge())
        with running() as server:
            _import(server, bundle.read_bytes(), sent, tally)
            _publish(server, sent, tally)
            _apply(server, all_cases()[::EVERY], tally)
        with running(package) as server:
            _installed(server, sent, tally)
    _say(f"{tally.passed} passed, {tally.failed} failed")
    return 1 if tally.failed else 0


def _import(server: Server, bundle: bytes, sent: list[Json], tally: Tally) -> None:
    """The Bundle into an empty server, everything back, and the Bundle again."""
    tally.check("a server without our resources", [f"holds {body['id']}" for body in _held(server, sent)])
    tally.check("the transaction", taken(server, bundle, sent, "201"))
    for body in sent:
        tally.check(f"{body['resourceType']}/{body['id']}", list(faults_of(server, body, "1")))
    tally.check("the number of resources", list(numbers_of(server, sent)))
    tally.check("the transaction again", taken(server, bundle, sent, "200"))
    tally.check("nothing twice", list(numbers_of(server, sent)))
    again = [fault for body in sent for fault in _read(server, body, "1")]
    tally.check("no new versions of what did not change", again)


def _publish(server: Server, sent: list[Json], tally: Tally) -> None:
    """What was changed on the server is put right by `publish`, and nothing else gets a new version."""
    altered = sent[0]
    name = f"{altered['resourceType']}/{altered['id']}"
    status, _ = server.ask("PUT", f"/{name}", json.dumps({**altered, "title": "Changed there"}).encode())
    tally.check(f"{name} can be changed on the server", [] if status == 200 else [f"status {status}"])
    done = _command("publish", "--to", server.base)
    told = [] if f"read back {len(sent)} of {len(sent)}" in done.stderr else ["tells no progress"]
    told += [] if f"{len(sent)} resources" in done.stdout else [done.stdout + done.stderr]
    tally.check("publish", told)
    tally.check("publish puts right what was changed", list(_read(server, altered, "3")))
    others = [fault for body in sent[1:] for fault in _read(server, body, "1")]
    tally.check("publish leaves the rest alone", others)


def _apply(server: Server, cases: list[Case], tally: Tally) -> None:
    """PlanDefinition/$apply over REST decides as the service does. What is unknown is told in no answer."""
    for case in cases:
        plan = parity.plan_of(guideline(), case)
        parts = parity.request_of(guideline(), case)["parameter"]
        asked = [part for part in parts if part["name"] != "planDefinitionId"]
        body = json.dumps({"resourceType": "Parameters", "parameter": asked}, default=float).encode()
        status, answer = server.ask("POST", f"/PlanDefinition/{plan}/$apply", body)
        try:
            theirs = of_hapi(hapi.Answer(answer, ()), plan)
            ours = parity.said_by_service(guideline(), case)
            ours.unknown.clear()
            faults = differences(ours, theirs) if status == 200 else [f"status {status}"]
        except ValueError as error:
            faults = [str(error)]
        tally.check(f"$apply {case.id}", faults)


def _installed(server: Server, sent: list[Json], tally: Tally) -> None:
    """The NPM package, by HAPI's loader and installer."""
    said = [line.split(" ") for line in server.said]
    named = [words[1:] for words in said if words[0] == "package"]
    expected = [f"{body['resourceType']}/{body['id']}" for body in sent]
    listed = [words[1] for words in said if words[0] == "holds" and "ImplementationGuide" not in words[1]]
    tally.check("the package has a name", [] if len(named) == 1 and len(named[0]) == 2 else [str(named)])
    tally.check("the package lists its resources", sorted({*expected} ^ {*listed}))
    tally.check("the package, installed: the number of resources", list(numbers_of(server, sent)))
    for body in sent:
        name = f"{body['resourceType']}/{body['id']}"
        tally.check(f"the package, installed: {name}", list(_read(server, body, "1")))


def _bridge() -> list[str]:
    """What is no longer true of HAPI's CDS Hooks bridge: $apply makes a request, and the card loses it."""
    command = hapi.command(hapi.SERVER, _SMALL, "interop.Cards", str(hapi.HERE / "cards"), "thirst")
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
    applied, cards = done.stdout.splitlines()
    faults = [] if "ServiceRequest" in applied else ["$r5.apply makes no request"]
    (card,) = json.loads(cards)["cards"]
    return faults + (["the card has suggestions"] if "suggestions" in card else [])


def _held(server: Server, sent: list[Json]) -> list[Json]:
    return [body for body in sent if server.ask("GET", f"/{body['resourceType']}/{body['id']}")[0] != 404]


def taken(server: Holder, bundle: bytes, sent: list[Json], status: str) -> list[str]:
    """What is wrong with the answer to the transaction, whose entries should all have this status."""
    answered, response = server.ask("POST", "", bundle)
    if answered != 200 or response.get("type") != "transaction-response":
        return [f"status {answered}: {str(response)[:500]}"]
    statuses = [entry["response"]["status"] for entry in response["entry"]]
    wrong = [f"{name}: {count}" for name, count in Counter(statuses).items() if not name.startswith(status)]
    if len(statuses) != len(sent):
        wrong.append(f"{len(statuses)} answers to {len(sent)} resources")
    return wrong


def faults_of(server: Holder, body: Json, version: str) -> Iterator[str]:
    """What is wrong with a resource on the server, read and searched for."""
    yield from _read(server, body, version)
    url, held = body["url"], body["version"]
    for expected, parameters in (
        ([body["id"]], {"url": url}),
        ([body["id"]], {"url": url, "version": held}),
        ([], {"url": url, "version": f"{held}.1"}),
    ):
        found = [each["id"] for each in server.search(body["resourceType"], **parameters)]
        if found != expected:
            yield f"a search by {' and '.join(parameters)} finds {found}"


def _read(server: Holder, body: Json, version: str) -> Iterator[str]:
    status, found = server.ask("GET", f"/{body['resourceType']}/{body['id']}")
    if status != 200:
        yield f"status {status}"
        return
    made = MADE - body.keys() if body["resourceType"] == "StructureDefinition" else frozenset()
    compared = sorted({*body, *found} - ITS_OWN - made)
    changed = [name for name in compared if body.get(name) != found.get(name)]
    if changed:
        yield f"the server changed {', '.join(changed)}"
    if found["meta"]["versionId"] != version:
        yield f"version {found['meta']['versionId']}, not {version}"


def numbers_of(server: Holder, sent: list[Json]) -> Iterator[str]:
    """Types of which the server does not hold as many resources as were sent."""
    for resource_type, count in Counter(body["resourceType"] for body in sent).items():
        held = server.count(resource_type)
        if held != count:
            yield f"{held} {resource_type}, not {count}"


def _command(*words: str) -> subprocess.CompletedProcess[str]:
    """`sarcoma-cds content …` as its users run it. Raises CalledProcessError."""
    command = [str(COMMAND), "content", *words]
    return subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
