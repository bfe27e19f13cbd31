"""Sends the guideline to a FHIR server, and reads it back: published is what can be read as it was sent."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import urllib3

from service.fhir_api.package import Package, identity, written

Json = dict[str, Any]

_TYPE: Final = "application/fhir+json"
_TIMEOUT: Final = urllib3.Timeout(connect=10, read=300)
_STEP: Final = 50
"""Resources read back between two reports of progress."""
_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")
# What a server may set or add by itself.
_ITS_OWN: Final = frozenset({"id", "meta", "text"})
_MADE: Final = frozenset({"snapshot", "mapping"})
"""What a server may make of a StructureDefinition that has none."""


class PublishError(Exception):
    """The server cannot be reached, refuses, or does not keep what it was sent; the text says which."""


@dataclass(frozen=True)
class Target:
    """A FHIR server: base url, and the bearer token it wants, if any.

    Raises PublishError when the address is no http(s) url, or a token would travel in the clear.
    """

    url: str
    token: str | None = None

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.username:
            raise PublishError("The address is the server's base url, such as https://fhir.example.org/fhir.")
        if self.token and parts.scheme == "http" and parts.hostname not in _LOOPBACK:
            raise PublishError("A token is sent over https only.")


@dataclass(frozen=True)
class _Session:
    """Connections to a target, kept between requests."""

    target: Target
    pool: urllib3.PoolManager

    def ask(self, method: str, path: str, body: Json | None = None) -> Json:
        """The resource that the server answers. Raises PublishError."""
        # HAPI answers a search from a minute ago, unless asked not to.
        headers = {"Accept": _TYPE, "Content-Type": _TYPE, "Cache-Control": "no-cache"}
        if self.target.token:
            headers["Authorization"] = f"Bearer {self.target.token}"
        address = f"{self.target.url.rstrip('/')}{path}"
        data = None if body is None else json.dumps(body, ensure_ascii=False, default=float).encode()
        try:
            answer = self.pool.request(method, address, body=data, headers=headers, redirect=False)
            found = json.loads(answer.data)
        except urllib3.exceptions.HTTPError as error:
            raise PublishError(f"{address} cannot be reached: {type(error).__name__}") from error
        except ValueError as error:
            raise PublishError(f"{address} answered {answer.status} without JSON") from error
        if answer.status >= 300 or not isinstance(found, dict):
            raise PublishError(f"{address} answered {answer.status}: {_told(found)}")
        return found


def publish(package: Package, target: Target, tell: Callable[[str], None] = lambda line: None) -> int:
    """Send everything in one transaction and read it back; the number of resources. Raises PublishError.

    `tell` gets a line of progress now and then.
    """
    with urllib3.PoolManager(timeout=_TIMEOUT, retries=False) as pool:
        return _publish(package, _Session(target, pool), tell)


def _publish(package: Package, session: _Session, tell: Callable[[str], None]) -> int:
    count = len(package.resources)
    tell(f"sending {count} resources in one transaction")
    answer = session.ask("POST", "", package.transaction)
    statuses = [str(entry.get("response", {}).get("status", "")) for entry in answer.get("entry", ())]
    if len(statuses) != count or not all(status.startswith("2") for status in statuses):
        raise PublishError("The server did not take every resource of the transaction.")
    created = Counter(status[:3] for status in statuses)["201"]
    tell(f"taken: {created} created, {count - created} there already")
    faults = []
    for number, body in enumerate(package.resources, start=1):
        fault = _read_back(body, session)
        if fault is not None:
            faults.append(fault)
        if number % _STEP == 0 or number == count:
            tell(f"read back {number} of {count}")
    if faults:
        raise PublishError("\n".join(faults))
    return count


def _read_back(body: Json, session: _Session) -> str | None:
    """What is wrong with the server's copy; None when it is as it was sent."""
    name = f"{body['resourceType']}/{body['id']}"
    answer = session.ask("GET", f"/{body['resourceType']}?{identity(body)}")
    found = [
        entry["resource"]
        for entry in answer.get("entry", ())
        if entry.get("search", {}).get("mode", "match") == "match"
    ]
    if len(found) != 1:
        return f"{name}: the server holds {len(found)} resources with this url and version"
    if found[0].get("id") != body["id"]:
        return f"{name}: the server gave it another id, {found[0].get('id')}: tools find services by id"
    sent = json.loads(written(body))
    held = {key: value for key, value in found[0].items() if key in sent or key not in _MADE}
    changed = [key for key in sorted({*sent, *held} - _ITS_OWN) if held.get(key) != sent.get(key)]
    return f"{name}: the server changed {', '.join(changed)}" if changed else None


def _told(found: Any) -> str:
    """What an OperationOutcome says, shortly."""
    issues = found.get("issue", []) if isinstance(found, dict) else []
    texts = [
        str(issue.get("diagnostics") or issue.get("details", {}).get("text") or issue.get("code"))
        for issue in issues
        if isinstance(issue, dict)
    ]
    return "; ".join(texts)[:500] or "no reason given"
