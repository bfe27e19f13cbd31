"""`make soak`: 500 clients for a minute, then 10,000 calls with an eye on memory and files.

Exit code 1 when an answer was wrong or missing, or memory or files grew. Speed is printed, not judged.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

from tests.fhir_server.ehr import Reply, bundle, ehr
from tests.serving import Served, served
from tests.soak.clients import Question, Tally, call_for, learn

ROOT = Path(__file__).parent.parent.parent
PAGE = ROOT / "docs" / "soak.md"
MARKS = "<!-- figures -->", "<!-- end of figures -->"
SERVICE = "/cds-services/soft-tissue-sarcoma-"
MOST_GROWTH_KB = 40_000
"""Four kilobytes a call. What stays behind once for each thread is half of that, and came late or early."""
MOST_NEW_FILES = 24
"""A database and its log, and a connection to a FHIR server, for each of the threads; a leak has hundreds."""
WARM_UP = 8000
"""Calls after which what grows once has grown: each thread of each worker has read a large body."""
QUIET_S = 1.0
"""Until connections that were about to close are closed."""


@dataclass(frozen=True)
class Held:
    """What all workers hold: kilobytes of memory now and at the most, and open files."""

    kilobytes: int
    peak: int
    files: int


@dataclass(frozen=True)
class Phase:
    """Calls by so many clients at once for so many seconds."""

    clients: int
    seconds: float
    tally: Tally

    @property
    def is_right(self) -> bool:
        return self.tally.right > 0 and not self.tally.faults

    @property
    def row(self) -> str:
        wrong = sum(self.tally.faults.values())
        numbers = [self.clients, round(self.seconds), self.tally.right, wrong]
        numbers += [round(self.tally.right / self.seconds)]
        times = [self.tally.quantile(share) for share in (0.5, 0.99)]
        return "| " + " | ".join(f"{number:,}" for number in (*numbers, *times)) + " |"


def questions() -> list[Question]:
    """The examples of the documentation, on all hooks."""
    found = []
    for name, call in examples():
        for hook in ("order-select", "order-sign", "patient-view"):
            body = json.dumps({**call, "hook": hook}).encode()
            found.append(Question(f"{name} {hook}", f"{SERVICE}{hook}", body))
    return found


def others(fhir_server: str) -> list[Question]:
    """What holds other things than a call that brings all its data: files, connections, rows."""
    _, call = next(examples())
    select, feedback = f"{SERVICE}order-select", f"{SERVICE}order-select/feedback"
    reading = {**call, "prefetch": {"patient": None, "conditions": None}, "fhirServer": fhir_server}
    item = {"card": "01c3bc8f-a286-495c-b833-92bc649408a4", "outcome": "overridden"}
    report = {"feedback": [item | {"outcomeTimestamp": "2026-03-12T09:31:00Z"}]}
    return [
        Question("reads the rest", select, json.dumps(reading).encode()),
        Question("lacks data", select, json.dumps({**call, "prefetch": {}}).encode(), 412),
        Question("another hook", select, json.dumps({**call, "hook": "patient-view"}).encode(), 400),
        Question("no JSON", select, b"{", 400),
        Question("too large", select, b" " * 5_100_000, 413),
        Question("no service", "/cds-services/none", b"{}", 404),
        Question("feedback", feedback, json.dumps(report).encode()),
        Question("no feedback", feedback, b"{}", 400),
    ]


def examples() -> Iterator[tuple[str, dict[str, Any]]]:
    for file in sorted((ROOT / "docs" / "examples").glob("imatinib-*.json")):
        yield file.stem, json.loads(file.read_text("utf-8"))


def held(service: Served) -> Held:
    """Of the workers, summed up; a page that they share counts for each."""
    kilobytes = peak = files = 0
    for pid in service.workers():
        status = Path(f"/proc/{pid}/status").read_text()
        kilobytes += int(status.split("VmRSS:")[1].split()[0])
        peak += int(status.split("VmHWM:")[1].split()[0])
        files += len(list(Path(f"/proc/{pid}/fd").iterdir()))
    return Held(kilobytes, peak, files)


def is_flat(before: Held, after: Held) -> bool:
    """Whether nothing grew that goes on growing."""
    growth = after.kilobytes - before.kilobytes
    return growth < MOST_GROWTH_KB and after.files - before.files < MOST_NEW_FILES


async def measure(
    service: Served, asked: list[Question], clients: int, seconds: float, calls: int | None = None
) -> Phase:
    started = perf_counter()
    tally = await call_for(service.port, asked, clients, seconds, calls)
    return Phase(clients, perf_counter() - started, tally)


async def soak(service: Served, clients: int, seconds: float, calls: int) -> tuple[list[Phase], Held, Held]:
    """The two phases, and what the workers held before and after the second."""
    asked = await learn(service.port, questions())
    crowd = await measure(service, asked, clients, seconds)
    with ehr(lambda _: Reply(bundle())) as server:
        asked = await learn(service.port, [*questions(), *others(server.url)])
        await measure(service, asked, 8, 600, min(calls, WARM_UP))
        await asyncio.sleep(QUIET_S)
        before = held(service)
        row = await measure(service, asked, 8, 600, calls)
        await asyncio.sleep(QUIET_S)
        return [crowd, row], before, held(service)


def report(workers: int, phases: list[Phase], before: Held, after: Held) -> Iterator[str]:
    """The figures as Markdown."""
    machine = f"{os.cpu_count()} cores, load average {os.getloadavg()[1]:.1f} at the end"
    yield f"Measured with {workers} workers, clients and server on one machine with {machine}."
    yield ""
    yield "| clients | seconds | right | wrong | per second | median ms | p99 ms |"
    yield "|---|---|---|---|---|---|---|"
    yield from (phase.row for phase in phases)
    yield ""
    yield "Held by the workers together, before and after the second row:"
    yield ""
    yield "| | before | after |"
    yield "|---|---|---|"
    yield f"| memory kB | {before.kilobytes:,} | {after.kilobytes:,} |"
    yield f"| memory kB at the most so far | {before.peak:,} | {after.peak:,} |"
    yield f"| open files | {before.files} | {after.files} |"


def environment(folder: str) -> dict[str, str]:
    """Quiet, with a database of its own; what is read comes from this process, which has much to do."""
    return {
        "MALLOC_ARENA_MAX": "2",  # as in deploy/sarcoma-cds.service
        "SARCOMA_CDS_LOG_LEVEL": "error",
        "SARCOMA_CDS_DATABASE_URL": f"sqlite:///{folder}/soak.sqlite3",
        "SARCOMA_CDS_FHIR_DEADLINE_MS": "10000",
    }


def main(words: list[str] | None = None) -> int:
    """Runs it; the exit code."""
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--clients", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--calls", type=int, default=10_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--write", action="store_true", help="write the figures into docs/soak.md")
    options = parser.parse_args(words)
    with tempfile.TemporaryDirectory() as folder, served(options.workers, environment(folder)) as service:
        phases, before, after = asyncio.run(soak(service, options.clients, options.seconds, options.calls))
    text = "\n".join(report(options.workers, phases, before, after)) + "\n"
    sys.stdout.write(text)
    for phase in phases:
        for fault, count in phase.tally.faults.most_common(5):
            sys.stdout.write(f"WRONG: {count} x {fault}\n")
    good = all(phase.is_right for phase in phases) and is_flat(before, after)
    if good and options.write:
        head, _, rest = PAGE.read_text("utf-8").partition(MARKS[0])
        PAGE.write_text(f"{head}{MARKS[0]}\n\n{text}\n{MARKS[1]}{rest.partition(MARKS[1])[2]}", "utf-8")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
