"""Feedback over HTTP: `POST /cds-services/{id}/feedback` (CDS Hooks 2.0.1 "Feedback")."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime

import structlog
from flask import Blueprint, Response, g

from service.cds_hooks.exact_json import loads
from service.cds_hooks.routes import read_body
from service.errors import UnknownService
from service.feedback.ledger import Ledger
from service.feedback.reports import read_reports
from service.guideline import Guideline
from service.http import this_request
from service.settings import Settings

_log = structlog.get_logger("feedback")


def blueprint(
    guideline: Guideline, settings: Settings, clock: Callable[[], datetime], ledger: Ledger
) -> Blueprint:
    """The feedback address of each service; `clock` gives the time (aware) at which a report arrived."""
    room = Blueprint("feedback", __name__)
    reasons = {
        plan.id: frozenset((reason["system"], reason["code"]) for reason in plan.override_reasons)
        for plan in guideline.hooks
    }

    @room.post("/cds-services/<service_id>/feedback")
    def feedback(service_id: str) -> Response:
        if service_id not in reasons:
            raise UnknownService("No service has this id. GET /cds-services lists the services.")
        body = read_body(this_request(), settings.max_body_bytes)
        reports = read_reports(loads(body), settings.feedback_max_items)
        ledger.add(service_id, reports, reasons[service_id], clock(), g.get("issuer", ""))
        g.reported = Counter(report.outcome for report in reports)  # for who counts
        _log.info("reported", service=service_id, **g.reported)
        response = Response(status=200)
        response.headers.pop("Content-Type", None)  # there is no body to have one
        return response

    return room
