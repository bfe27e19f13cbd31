"""Reads what a request lacks from the FHIR server that it names: in parallel, paged, by one deadline."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from threading import Lock
from time import monotonic
from typing import Any, Final, Protocol, TypeVar
from urllib.parse import quote, urljoin

from service.patient.fhir_server import scopes
from service.patient.fhir_server.exchange import Budget, Connection, Failed
from service.patient.fhir_server.network import Policy, Refused, Resolver, look_up
from service.patient.fhir_server.origin import BadUrl, Origin, split_url
from service.patient.fhir_server.queries import NoQuery, is_search, target_of

_T = TypeVar("_T")
_KEPT_IN_LINKS: Final = "/:,;=&?%+@!$'()*~"
_STATUS: Final = {
    401: "did not accept the access token (401)",
    403: "does not let the access token read this (403)",
    404: "has nothing there (404)",
    410: "has nothing there any more (410)",
    429: "is asked too often (429)",
}


class Query(Protocol):
    """What a prefetch key is for (the guideline's DataNeed)."""

    @property
    def key(self) -> str: ...
    @property
    def resource_type(self) -> str: ...
    @property
    def template(self) -> str: ...


@dataclass(frozen=True)
class Server:
    """The FHIR server of one request, and what the request may read there. Not to be logged or kept."""

    base: str
    token: str | None = None
    scope: str | None = None
    fault: str | None = None
    """Why it must not be called; ends the sentence "The FHIR server …"."""

    def __repr__(self) -> str:
        return "Server(…)"


@dataclass(frozen=True)
class Limits:
    """What reading for one request may cost."""

    seconds: float = 0.4
    max_bytes: int = 10_000_000
    max_pages: int = 20
    connections: int = 32


@dataclass(frozen=True)
class Reading:
    """What came of a request's gaps: values by prefetch key, and by key why there is none."""

    values: Mapping[str, Any]
    failures: Mapping[str, str]
    """Each completes the sentence "The FHIR server …"; none quotes anything."""


class FhirReader:
    """Reads from FHIR servers that `policy` lets pass. Its threads start with the first read."""

    def __init__(
        self,
        policy: Policy,
        limits: Limits,
        parse: Callable[[bytes], Any],
        resolve: Resolver = look_up,
        ca_file: Path | None = None,
    ) -> None:
        """`parse`: JSON bytes to a value; raises on anything else."""
        self._policy = policy
        self._limits = limits
        self._parse = parse
        self._resolve = resolve
        self._tls = cache(lambda: _tls(ca_file))
        self._pool: ThreadPoolExecutor | None = None
        self._lock = Lock()

    def read(
        self,
        server: Server,
        context: Mapping[str, Any],
        queries: Sequence[Query],
        begun: Mapping[str, Mapping[str, Any]],
    ) -> Reading:
        """The value of each query's key, and the whole of each Bundle of which `begun` holds the first page.

        Never raises for what a server does or is.
        """
        if server.fault is not None:
            return _nothing(queries, begun, server.fault)
        try:
            origin, path = split_url(server.base)
            self._policy.check_origin(origin)
        except BadUrl as error:
            return _nothing(queries, begun, f"is not called: its URL is not accepted ({error})")
        except Refused as error:
            return _nothing(queries, begun, f"is not called: {error}")
        budget = Budget(monotonic() + self._limits.seconds, self._limits.max_bytes)
        task = _Task(server, origin, f"{path.rstrip('/')}/", context, self._limits, budget, self._parse)
        try:
            addresses = self._within(budget, lambda: self._policy.addresses(origin, self._resolve))
        except Refused as error:
            return _nothing(queries, begun, f"is not called: {error}")
        except Failed as error:
            return _nothing(queries, begun, error.text)

        def connect() -> Connection:
            return Connection(origin, addresses, budget, self._tls)

        threads = self._threads()
        jobs: dict[str, Future[Any]] = {q.key: threads.submit(task.query, connect, q) for q in queries}
        jobs |= {key: threads.submit(task.rest, connect, page) for key, page in begun.items()}
        wait(jobs.values(), timeout=max(budget.deadline - monotonic(), 0))
        budget.end()
        return _gathered(jobs)

    def _within(self, budget: Budget, work: Callable[[], _T]) -> _T:
        """What `work` gives, unless it takes too long: nothing can stop a resolver."""
        job = self._threads().submit(work)
        done, _ = wait([job], timeout=budget.seconds_left())
        if not done:
            job.cancel()
            raise Failed("did not answer in time")
        return job.result()

    def _threads(self) -> ThreadPoolExecutor:
        with self._lock:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(self._limits.connections, "fhir")
            return self._pool


@dataclass(frozen=True)
class _Task:
    """One request's reading; `query` and `rest` run in the pool's threads."""

    server: Server
    origin: Origin
    path: str
    """Of the base URL, with a slash at its end."""
    context: Mapping[str, Any]
    limits: Limits
    budget: Budget
    parse: Callable[[bytes], Any]

    def query(self, connect: Callable[[], Connection], query: Query) -> Any:
        """The resource or the whole Bundle that a template asks for. Raises Failed."""
        search = is_search(query.template)
        try:
            target = self.path + target_of(query.template, self.context)
        except NoQuery:
            raise Failed("cannot be asked: the context lacks what the query needs") from None
        connection = connect()
        try:
            try:
                value = self._get(connection, target)
            except _Refusal as error:
                raise self._explained(error, query.resource_type, search) from None
            if search:
                return self._all_pages(connection, value, 1)
            if value["resourceType"] != query.resource_type:
                raise Failed("answered with another resource than it was asked for")
            return value
        finally:
            connection.close()

    def rest(self, connect: Callable[[], Connection], first: Mapping[str, Any]) -> Any:
        """The Bundle of which a client sent the first page, whole. Raises Failed."""
        connection = connect()
        try:
            return self._all_pages(connection, dict(first), 1)
        finally:
            connection.close()

    def _all_pages(self, connection: Connection, page: dict[str, Any], count: int) -> dict[str, Any]:
        entries: list[Any] = []
        seen: set[str] = set()
        while True:
            if page["resourceType"] != "Bundle":
                raise Failed("answered a search with something else than a Bundle")
            rows = page.get("entry") or []
            if not isinstance(rows, list):
                raise Failed("sent a Bundle whose entries are no list")
            entries += rows
            link = next_link(page)
            if link is None:
                return {"resourceType": "Bundle", "type": "searchset", "entry": entries}
            target = self._same_origin(link)
            if target in seen or count >= self.limits.max_pages:
                raise Failed("sent more pages than this service reads")
            seen.add(target)
            count += 1
            page = self._get(connection, target)

    def _same_origin(self, link: str) -> str:
        """Path and query of a `next` link. Raises Failed when it leads anywhere but to the same server."""
        try:
            absolute = urljoin(f"{self.origin}{self.path}", link)
            head, question, query = absolute.partition("?")
            origin, path = split_url(head.partition("#")[0])
        except ValueError:
            raise Failed("sent a link to its next page that cannot be followed") from None
        if origin != self.origin:
            raise Failed("sent a link to its next page that leads to another server")
        return path + question + quote(query.partition("#")[0], safe=_KEPT_IN_LINKS)

    def _get(self, connection: Connection, target: str) -> dict[str, Any]:
        headers = {
            "Accept": "application/fhir+json",
            "Accept-Encoding": "gzip",
            "User-Agent": "sarcoma-cds",
        }
        if self.server.token is not None:
            headers["Authorization"] = f"Bearer {self.server.token}"
        status, body = connection.get(target, headers)
        if status != 200:
            raise _Refusal(status)
        try:
            value = self.parse(body)
        except Exception:  # whatever the parser says: no text of the server's goes further
            raise Failed("sent something else than FHIR as JSON") from None
        if not isinstance(value, dict) or not isinstance(value.get("resourceType"), str):
            raise Failed("sent something else than FHIR as JSON")
        if value["resourceType"] == "OperationOutcome":
            raise Failed("sent an OperationOutcome instead of data")
        return value

    def _explained(self, refusal: _Refusal, resource_type: str, search: bool) -> Failed:
        scope = self.server.scope
        if refusal.status in (401, 403) and scope and not scopes.names(scope, resource_type, search):
            return Failed(f"{refusal.text}; no scope of the token names {resource_type}")
        return Failed(refusal.text)


class _Refusal(Failed):
    """The server answered with a status that is no success."""

    def __init__(self, status: int) -> None:
        self.status = status
        if 300 <= status < 400:
            text = f"sent this service elsewhere ({status}), where it does not go"
        elif status >= 500:
            text = f"failed ({status})"
        else:
            text = _STATUS.get(status, f"refused to answer ({status})")
        super().__init__(text)


def next_link(bundle: Mapping[str, Any]) -> str | None:
    """The address of the page after this one; None when this is the last."""
    links = bundle.get("link")
    for link in links if isinstance(links, list) else [links]:
        if isinstance(link, dict) and link.get("relation") == "next" and isinstance(link.get("url"), str):
            return str(link["url"])
    return None


def _gathered(jobs: Mapping[str, Future[Any]]) -> Reading:
    values, failures = {}, {}
    for key, job in jobs.items():
        if not job.done():
            job.cancel()
            failures[key] = "did not answer in time"
            continue
        try:
            values[key] = job.result()
        except Failed as error:
            failures[key] = error.text
    return Reading(values, failures)


def _nothing(queries: Sequence[Query], begun: Mapping[str, Any], reason: str) -> Reading:
    return Reading({}, dict.fromkeys([*(query.key for query in queries), *begun], reason))


def _tls(ca_file: Path | None) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if ca_file is not None:
        context.load_verify_locations(ca_file)
    return context
