"""HAPI's JPA server as a process of its own, empty at its start, and the few calls that the checks make."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import urllib3

from tests.interop import hapi

Json = dict[str, Any]

_FHIR = "application/fhir+json"
_QUICK_TO_START = ("-Xmx2g", "-XX:TieredStopAtLevel=1")
_TIMEOUT = urllib3.Timeout(connect=10, read=300)


@dataclass(frozen=True)
class Server:
    """A running server."""

    base: str
    said: tuple[str, ...]
    """What it printed about the package that it installed."""
    pool: urllib3.PoolManager

    def ask(self, method: str, path: str, body: bytes | None = None) -> tuple[int, Json]:
        """Status and JSON of an answer; never one that the server kept."""
        headers = {"Accept": _FHIR, "Content-Type": _FHIR, "Cache-Control": "no-cache"}
        answer = self.pool.request(method, f"{self.base}{path}", body=body, headers=headers)
        return answer.status, json.loads(answer.data)

    def search(self, resource_type: str, **parameters: str) -> list[Json]:
        """The resources on the first page of a search."""
        status, bundle = self.ask("GET", f"/{resource_type}?{urlencode(parameters)}")
        if status != 200:
            raise ValueError(f"a search of {resource_type} was answered with {status}")
        return [entry["resource"] for entry in bundle.get("entry", ())]

    def count(self, resource_type: str) -> int:
        """How many resources of a type the server holds."""
        return int(self.ask("GET", f"/{resource_type}?_summary=count")[1]["total"])


@contextmanager
def running(package: Path | None = None) -> Iterator[Server]:
    """A server on a free port, with the package installed, if one is given. Raises ValueError (no start)."""
    arguments = ["0", *([] if package is None else [str(package)])]
    log = hapi.SERVER / "target" / "interop.Server.log"
    with log.open("w", encoding="utf-8") as errors, urllib3.PoolManager(timeout=_TIMEOUT) as pool:
        command = hapi.command(hapi.SERVER, _QUICK_TO_START, "interop.Server", *arguments)
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True)  # noqa: S603
        try:
            said, base = _ready(process)
            if base is None:
                raise ValueError(f"HAPI's server does not start: see {log}")
            yield Server(base, said, pool)
        finally:
            process.terminate()
            process.wait()


def _ready(process: subprocess.Popen[str]) -> tuple[tuple[str, ...], str | None]:
    """What the server prints until it says where it listens; None instead when it ends before."""
    said: list[str] = []
    for line in process.stdout or ():
        word, _, rest = line.strip().partition(" ")
        if word == "ready":
            return tuple(said), rest
        said.append(line.strip())
    return tuple(said), None
