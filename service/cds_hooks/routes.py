"""The EHR's side over HTTP: discovery and calls."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from time import perf_counter
from typing import Any

import structlog
from flask import Blueprint, Request, Response, jsonify
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge

from service.cds_hooks.answer import answer
from service.cds_hooks.discovery import discovery
from service.cds_hooks.envelope import Call, read_call
from service.cds_hooks.exact_json import dumps
from service.errors import BodyTooLarge, InvalidRequest, UnknownService, UnsupportedMediaType
from service.guideline import Guideline, HookPlan
from service.http import this_context, this_request
from service.patient.fhir_server import FhirReader
from service.settings import Settings

_log = structlog.get_logger("cds_hooks")
_JSON_TYPES = frozenset({"application/json", "application/fhir+json"})


def blueprint(
    guideline: Guideline, settings: Settings, clock: Callable[[], datetime], reader: FhirReader
) -> Blueprint:
    """`/cds-services` for one guideline; `clock` gives the time (aware) at which a call is judged."""
    room = Blueprint("cds_hooks", __name__)
    offered = discovery(guideline)
    log = _log.bind()
    by_service: dict[str, list[HookPlan]] = {}
    for each in guideline.hooks:
        by_service.setdefault(each.id, []).append(each)

    @room.get("/cds-services")
    def services() -> Response:
        response = jsonify(offered)
        if settings.wants_tokens:
            response.cache_control.private = True
        else:
            response.cache_control.public = True
        response.cache_control.max_age = 60
        response.add_etag()
        response.make_conditional(this_request())
        return response

    @room.post("/cds-services/<service_id>")
    def call_service(service_id: str) -> Response:
        started = perf_counter()
        plans = by_service.get(service_id)
        if not plans:
            raise UnknownService("No service has this id. GET /cds-services lists the services.")
        call = read_call(read_body(this_request(), settings.max_body_bytes))
        plan = _plan_for(call, plans)
        g = this_context()
        g.plan, g.call = plan, call  # for who counts
        result = answer(
            guideline,
            plan,
            call,
            clock(),
            settings.max_cards,
            settings.default_country,
            reader,
            settings.order_sets,
        )
        g.cards = result.body["cards"]
        log.info(
            "answered",
            service=plan.id,
            hook=plan.hook,
            cards=len(result.body["cards"]),
            left_out=len(result.left_out),
            read=result.read,
            milliseconds=round((perf_counter() - started) * 1000, 1),
        )
        return Response(dumps(result.body), content_type="application/json")

    return room


def _plan_for(call: Call, plans: list[HookPlan]) -> HookPlan:
    """One id may answer several hooks: the body's hook decides."""
    for plan in plans:
        if plan.hook == call.hook:
            return plan
    hooks = " or ".join(sorted(plan.hook for plan in plans))
    raise InvalidRequest(f"hook is not one that this service answers. Send {hooks}, or call another service.")


def read_body(request: Request, limit: int) -> bytes:
    """The bytes of the request, when they are declared as JSON and are not too many, chunked or not."""
    environ = request.environ
    if environ.get("CONTENT_TYPE") not in _JSON_TYPES:
        charset = request.mimetype_params.get("charset", "utf-8").lower()
        if request.mimetype not in _JSON_TYPES or charset not in ("utf-8", "utf8", "us-ascii"):
            raise UnsupportedMediaType("Send the body as application/json in UTF-8.")
    if environ.get("HTTP_CONTENT_ENCODING", "identity").lower() != "identity":
        raise UnsupportedMediaType("Send the body without Content-Encoding.")
    length = request.content_length
    try:
        if length is None:
            body = _chunked(request, limit)
        else:
            body = _of_length(length, limit, environ["wsgi.input"])
        if len(body) > limit:
            raise RequestEntityTooLarge
        return body
    except RequestEntityTooLarge:
        _discard(request, limit)
        raise BodyTooLarge(f"The body is larger than {limit} bytes. Send less data in prefetch.") from None


def _chunked(request: Request, limit: int) -> bytes:
    request.max_content_length = limit + 1  # the body is cut there: the one byte more tells
    return request.get_data(cache=False)


def _of_length(length: int, limit: int, stream: Any) -> bytes:
    """The whole body, in one piece where the server gives it so: each piece more copies it once more."""
    if length > limit:
        raise RequestEntityTooLarge
    body: bytes = stream.read(length)
    while len(body) < length:
        piece = stream.read(length - len(body))
        if not piece:
            raise ClientDisconnected
        body += piece
    return body


def _discard(request: Request, limit: int) -> None:
    """Read on a while and forget it: most clients look for the answer only when all is sent."""
    stream, left = request.environ["wsgi.input"], 10 * limit
    while left > 0 and (piece := stream.read(65_536)):
        left -= len(piece)
