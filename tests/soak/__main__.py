"""`make soak`: 500 clients for a while, then 10,000 calls with an eye on memory and files.

Exit code 1 when an answer was wrong or missing, or memory or files grew. Figures are printed, not judged.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from pathlib import Path

from tests.serving import Served, served
from tests.soak.clients import Question, Tally, call_for, learn

ROOT = Path(__file__).parent.parent.parent
SERVICE = "/cds-services/soft-tissue-sarcoma-"
MOST_GROWTH_KB = 20_000
MOST_NEW_FILES = 8


def questions() -> list[Question]:
    """The examples of the documentation, on two hooks."""
    found = []
    for file in sorted((ROOT / "docs" / "examples").glob("*.json")):
        call = json.loads(file.read_text("utf-8"))
        for hook in ("order-select", "order-sign", "patient-view"):
            body = json.dumps({**call, "hook": hook}).encode()
            found.append(Question(f"{file.stem} {hook}", f"{SERVICE}{hook}", body))
    return found


def held(service: Served) -> tuple[int, int]:
    """Kilobytes of memory and number of open files of all workers."""
    kilobytes = files = 0
    for pid in service.workers():
        status = Path(f"/proc/{pid}/status").read_text()
        kilobytes += int(status.split("VmRSS:")[1].split()[0])
        files += len(list(Path(f"/proc/{pid}/fd").iterdir()))
    return kilobytes, files


def told(what: str, tally: Tally, seconds: float) -> bool:
    """Prints what came of it; whether all was right."""
    rate = round(len(tally.seconds) / seconds) if seconds else 0
    line = f"{what}: {tally.right} right, {sum(tally.faults.values())} wrong"
    line += f", {rate}/s, p50 {tally.quantile(0.5)} ms, p99 {tally.quantile(0.99)} ms"
    sys.stdout.write(f"{line}\n")
    for fault, count in tally.faults.most_common(5):
        sys.stdout.write(f"  {count} x {fault}\n")
    return not tally.faults and tally.right > 0


async def soak(service: Served, clients: int, seconds: float, calls: int) -> bool:
    asked = await learn(service.port, questions())
    good = told(f"{clients} clients", await call_for(service.port, asked, clients, seconds), seconds)
    await call_for(service.port, asked, 8, 600, min(calls, 1000))  # so that what grows once has grown
    before = held(service)
    good &= told(f"{calls} calls", await call_for(service.port, asked, 8, 600, calls), 0)
    after = held(service)
    sys.stdout.write(f"memory {before[0]} -> {after[0]} kB, files {before[1]} -> {after[1]}\n")
    flat = after[0] - before[0] < MOST_GROWTH_KB and after[1] - before[1] < MOST_NEW_FILES
    return good and flat


def main() -> int:
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--clients", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--calls", type=int, default=10_000)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    with served(options.workers, {"SARCOMA_CDS_LOG_LEVEL": "error"}) as service:
        return not asyncio.run(soak(service, options.clients, options.seconds, options.calls))


if __name__ == "__main__":
    sys.exit(main())
