"""What is measured, each as rows of a table."""

import contextlib
import gc
import json
import re
import subprocess
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from shutil import which
from statistics import median
from typing import Any
from unittest.mock import patch

from service.cds_hooks.answer import answer
from service.cds_hooks.envelope import Call, call_of
from service.cds_hooks.exact_json import dumps, loads
from service.cql import Evaluation, ListRecord
from tests.bench import patients
from tests.bench.load import load, quantile
from tests.bench.servers import resident_megabytes, serving
from tests.cases.exchange import Json, bundle, references
from tests.cases.service import NOW, ehr, guideline
from tests.differential.content import content
from tests.differential.overloads import told_apart
from tests.differential.reference import fhir_helpers

Rows = list[tuple[Any, ...]]

SERVICE = "service.app:create_app()"
FLOOR = "tests.bench.floor:create_app()"
_MAX_CARDS = 5


def request_body(size: int) -> bytes:
    """An order-select request on a record of that many resources."""
    orders = patients.orders()
    body = {
        "hook": patients.HOOK,
        "hookInstance": "3c7d2f7e-52a5-4c0f-8a1e-0d2f4f0a8b11",
        "context": {
            "userId": "Practitioner/dr-1",
            "patientId": "patient-1",
            "draftOrders": bundle(orders, "collection"),
            "selections": references(orders),
        },
        "prefetch": _prefetch(patients.record(size)),
    }
    return json.dumps(body, separators=(",", ":")).encode()


def _prefetch(record: list[Json]) -> dict[str, Json | None]:
    """Every resource under the key of its type: the client's search has not filtered by code."""
    filled: dict[str, Json | None] = {}
    for key, template in ehr().services[patients.HOOK]["prefetch"].items():
        kind = re.split(r"[/?]", template, maxsplit=1)[0]
        found = [each for each in record if each["resourceType"] == kind]
        filled[key] = bundle(found) if "?" in template else next(iter(found), None)
    return filled


def own_work(size: int) -> Callable[[], str]:
    """What the service does with one request but HTTP and parsing: from a parsed body to its answer."""
    envelope = loads(request_body(size))
    plan = next(each for each in guideline().hooks if each.hook == patients.HOOK)
    return lambda: dumps(answer(guideline(), plan, call_of(envelope), NOW, _MAX_CARDS).body)


def milliseconds(work: Callable[[], Any], repeat: int) -> list[float]:
    """Processor time of each repetition, in milliseconds, after one to warm up."""
    work()
    taken = []
    for _ in range(repeat):
        begun = time.process_time()
        work()
        taken.append((time.process_time() - begun) * 1000)
    return sorted(taken)


def own_milliseconds(size: int, repeat: int = 50) -> float:
    """Processor time of `own_work` in milliseconds, the median."""
    with _collector_off():
        return median(milliseconds(own_work(size), repeat))


# ---- against another engine


def against_reference(size: int, repeat: int) -> tuple[Rows, int]:
    """(engine, median, best in ms) for the CQL of one order-select; and how many defines that asks for."""
    defines, call = _asked(size)
    rows: Rows = []
    resources = patients.record(size)
    given = {"draftOrders": patients.orders(), "selections": list(call.context["selections"])}

    def ours() -> None:
        evaluation = guideline().evaluation(ListRecord(resources), NOW, given)
        for library, define in defines:
            evaluation.value(library, define)

    taken = _wall(ours, repeat)
    rows.append(("service/cql", median(taken), min(taken)))
    libraries, value_sets = content()
    job = {
        "libraries": [*told_apart(libraries), fhir_helpers()],
        "valueSets": {url: sorted(codes) for url, codes in value_sets.items()},
        "now": NOW.isoformat(),
        "runs": [{"resources": resources, "parameters": given}],
        "defines": defines,
        "repeat": repeat,
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "job.json"
        path.write_text(json.dumps(job), "utf-8")
        command = [str(which("node")), str(Path(__file__).with_name("reference.mjs")), str(path)]
        output = subprocess.run(command, check=True, capture_output=True, timeout=600)  # noqa: S603
    theirs = json.loads(output.stdout)
    for name, key in (("PatientSource reused", "reused"), ("PatientSource made anew", "anew")):
        rows.append((f"cql-execution, {name}", median(theirs[key]), min(theirs[key])))
    return rows, len(defines)


def _wall(work: Callable[[], Any], repeat: int) -> list[float]:
    work()
    taken = []
    for _ in range(repeat):
        begun = time.perf_counter()
        work()
        taken.append((time.perf_counter() - begun) * 1000)
    return taken


def _asked(size: int) -> tuple[list[tuple[str, str]], Call]:
    """The defines that one request asks for, in order."""
    asked: dict[tuple[str, str], None] = {}
    value = Evaluation.value

    def noted(self: Evaluation, library: str, define: str) -> Any:
        asked[library, define] = None
        return value(self, library, define)

    body = request_body(size)
    with patch.object(Evaluation, "value", noted):
        own_work(size)()
    return list(asked), call_of(loads(body))


# ---- against the floor


def against_floor(size: int, seconds: float, workers: int) -> tuple[Rows, int]:
    """(server, requests a second, median, p95 and p99 ms, processor ms a request) of floor and service.

    And how many bytes the body has.

    Both servers take turns of a second, so that whatever else the machine does meets both alike.
    """
    body = request_body(size)
    path = f"/cds-services/{ehr().services[patients.HOOK]['id']}"
    taken: dict[str, list[float]] = {FLOOR: [], SERVICE: []}
    elapsed = dict.fromkeys(taken, 0.0)
    with serving(FLOOR, workers) as floor, serving(SERVICE, workers) as service:
        servers = {FLOOR: floor, SERVICE: service}
        for server in servers.values():
            load(server.port, path, body, 1)
        before = {name: server.processor_seconds() for name, server in servers.items()}
        for _ in range(max(1, round(seconds))):
            for name, server in servers.items():
                times, took = load(server.port, path, body, 1)
                taken[name] += times
                elapsed[name] += took
        rows: Rows = []
        for name, server in servers.items():
            times = sorted(taken[name])
            spent = (server.processor_seconds() - before[name]) * 1000 / len(times)
            rows.append(
                (name, len(times) / elapsed[name], *(quantile(times, q) for q in (0.5, 0.95, 0.99)), spent)
            )
    return rows, len(body)


# ---- by size


def by_size(sizes: list[int], repeat: int) -> Rows:
    """(resources, body in kB, parsing ms, own work ms, microseconds a resource, peak MB of own work)."""
    rows: Rows = []
    for size in sizes:
        body = request_body(size)
        times = max(3, min(repeat, repeat * 2000 // size))
        with _collector_off():
            parsing = milliseconds(partial(loads, body), times)
            own = milliseconds(own_work(size), times)
        taken = median(own)
        rows.append(
            (size, len(body) / 1000, median(parsing), taken, taken * 1000 / size, _peak(own_work(size)))
        )
    return rows


def _peak(work: Callable[[], Any]) -> float:
    """Megabytes that the work holds at its peak, beside the parsed request."""
    work()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        work()
        return (tracemalloc.get_traced_memory()[1] - before) / 1e6
    finally:
        tracemalloc.stop()


@contextlib.contextmanager
def _collector_off() -> Iterator[None]:
    """What the collector costs depends on all that lives in the process; the service hardly needs it."""
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()


# ---- start and memory


def start(workers: int) -> tuple[float, list[tuple[float, float]]]:
    """Seconds until the service answers, and each worker's (resident, proportional) MB after requests."""
    body = request_body(200)
    path = ehr().services[patients.HOOK]["id"]
    with serving(SERVICE, workers) as server:
        load(server.port, f"/cds-services/{path}", body, 2)
        return server.started, [resident_megabytes(pid) for pid in server.workers()]
