"""Numbers for operators, in Prometheus' text format. Labels name services and recommendations, no patient.

Counts of several processes are added up when PROMETHEUS_MULTIPROC_DIR names a folder that they share
(`deploy/gunicorn.conf.py` makes one).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from time import perf_counter
from typing import Any, Final

import structlog
from flask import Flask, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from service.http import BEGAN, this_context, this_request

_log = structlog.get_logger("metrics")
_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_NONE: Final = "none"


def _not_counted(error: Exception) -> None:
    """A number that cannot be kept (its file was tidied away, the disk is full) stops no answer."""
    _log.warning("not counted", error=type(error).__name__)


class Metrics:
    """The numbers of one application."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._calls = self._counter("calls", "Calls of hooks.", "service", "hook", "status")
        seconds = Histogram(
            "sarcoma_cds_call_seconds",
            "Duration of calls that were answered.",
            ("service", "hook"),
            registry=self.registry,
            buckets=_SECONDS,
        )
        self._seconds = cache(seconds.labels)
        self._cards = self._counter("recommendations", "Given in cards.", "service", "topic", "indicator")
        self._silent = self._counter("calls_without_cards", "Nothing to say.", "service", "hook")
        self._missing = self._counter(
            "prefetch_missing", "Prefetch keys not sent, or sent as an error.", "service", "key", "how"
        )
        self._feedback = self._counter("feedback", "Reports on cards that were kept.", "service", "outcome")
        self._posts = self._counter("feedback_requests", "Feedback requests.", "service", "status")
        self._refused = self._counter("tokens_refused", "Tokens that were refused.", "reason")

    def _counter(self, name: str, meaning: str, *labels: str) -> Callable[..., Counter]:
        """Gives the counter with the labels' values, which it looks up once: all are known beforehand."""
        return cache(Counter(f"sarcoma_cds_{name}", meaning, labels, registry=self.registry).labels)

    def refused(self, reason: str) -> None:
        """Counts a refused token; `reason` is one of the trust room's words."""
        try:
            self._refused(reason).inc()
        except Exception as error:  # whatever happens to a number: the answer comes first
            _not_counted(error)

    def call(self, service: str, hook: str, status: int, seconds: float) -> None:
        """Counts a call of a service (`none` when there is no such service) and how long it took."""
        self._calls(service, hook, str(status)).inc()
        if status == 200:
            self._seconds(service, hook).observe(seconds)

    def answer(self, service: str, hook: str, cards: Iterable[Mapping[str, Any]], merged: str) -> None:
        """Counts the recommendations in an answer; `merged` is the extension with those of a merged card."""
        silent = True
        for card in cards:
            silent = False
            topics = card.get("extension", {}).get(merged) or [card["source"].get("topic", {})]
            for topic in topics:
                self._cards(service, topic.get("code", _NONE), card["indicator"]).inc()
        if silent:
            self._silent(service, hook).inc()

    def prefetch(self, service: str, keys: Iterable[str], given: Mapping[str, Any]) -> None:
        """Counts the advertised keys that a call lacks, or has an OperationOutcome in place of."""
        for key in keys:
            if key not in given:
                self._missing(service, key, "absent").inc()
            elif isinstance(given[key], dict) and given[key].get("resourceType") == "OperationOutcome":
                self._missing(service, key, "error").inc()

    def feedback(self, service: str, status: int, outcomes: Mapping[str, int]) -> None:
        """Counts a feedback request and, when it was kept, its reports."""
        self._posts(service, str(status)).inc()
        for outcome, count in outcomes.items():
            self._feedback(service, outcome).inc(count)

    def page(self) -> bytes:
        """All numbers, of all processes."""
        registry = self.registry
        if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)


def install(app: Flask, metrics: Metrics, services: Iterable[str], keys: Iterable[str], merged: str) -> None:
    """Counts what the application answers, and shows it at /metrics.

    Routes say what they found in `g`: `plan` and `call` (a call that could be read), `cards`, `reported`.
    """
    known, advertised = frozenset(services), tuple(keys)

    @app.after_request
    def count(response: Response) -> Response:
        try:
            add(response)
        except Exception as error:  # whatever happens to a number: advice comes first
            _not_counted(error)
        return response

    def add(response: Response) -> None:
        request, g = this_request(), this_context()
        kind = (request.endpoint or "").partition(".")[2]
        if request.method != "POST" or kind not in ("call_service", "feedback"):
            return
        service = str((request.view_args or {}).get("service_id"))
        service = service if service in known else _NONE
        if kind == "feedback":
            metrics.feedback(service, response.status_code, g.get("reported") or {})
            return
        plan, call, cards = g.get("plan"), g.get("call"), g.get("cards")
        hook = plan.hook if plan else _NONE
        metrics.call(service, hook, response.status_code, perf_counter() - request.environ[BEGAN])
        if call is not None:
            metrics.prefetch(service, advertised, call.prefetch)
        if cards is not None and response.status_code == 200:
            metrics.answer(service, hook, cards, merged)

    @app.get("/metrics")
    def show_metrics() -> Response:
        return Response(metrics.page(), content_type=CONTENT_TYPE_LATEST)
