"""The application: wires the rooms together and decides nothing."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from importlib import metadata

import structlog
from flask import Flask, Response, jsonify

from service import logs
from service.cds_hooks import exact_json, feedback, openapi, routes
from service.cds_hooks.cards import EXTENSION_TOPICS
from service.demo import routes as demo_routes
from service.errors import outcome_for
from service.feedback.ledger import Ledger
from service.feedback.naming import kinds_of
from service.fhir_api import routes as fhir_routes
from service.guideline import Guideline
from service.http import Application, add_headers, this_request
from service.metrics import Metrics, install
from service.patient import compile_all
from service.patient.fhir_server import FhirReader, Limits, Policy
from service.server import ROUTE
from service.settings import LOUD, Settings
from service.store.database import Database
from service.store.errors import StoreUnavailable
from service.trust.guard import guard

Clock = Callable[[], datetime]
_log = structlog.get_logger("app")


def now() -> datetime:
    """The time at which a call is judged, unless another clock is given."""
    return datetime.now(UTC)


def create_app(
    settings: Settings | None = None, clock: Clock = now, guideline: Guideline | None = None
) -> Flask:
    """The WSGI application. The guideline is loaded from `settings.content_dir` unless it is given.

    Raises ContentError when the guideline does not check out (there is no service with half of it), and
    NotConfigured when the profile lacks a setting.
    """
    settings = settings or Settings.from_environment()
    settings.check_start(os.environ)
    logs.configure(settings.log_level)
    _say_profile(settings)
    guideline = guideline or Guideline.load(settings.content_dir)
    compile_all()

    app = Application("service", static_folder=None)
    app.json = exact_json.ExactJSONProvider(app)
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body_bytes
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False  # either would answer a preflight with a redirect
    reader = _reader(settings)
    app.register_blueprint(routes.blueprint(guideline, settings, clock, reader))
    app.register_blueprint(fhir_routes.blueprint(guideline, settings, clock, _version(), reader))
    if settings.wants_demo:
        app.register_blueprint(demo_routes.blueprint(settings, _version()))
    _add_pages(app, guideline, settings)
    _name_routes(app)
    database = Database(settings.database_url)
    app.extensions["database"] = database
    refused = _count(app, guideline, settings)
    if settings.wants_tokens:
        _ask_who_calls(app, guard(settings, database, clock, refused=refused))
    ledger = _ledger(guideline, settings, database)
    app.register_blueprint(feedback.blueprint(guideline, settings, clock, ledger))
    add_headers(app, settings)
    app.register_error_handler(Exception, _failed)
    return app


def _reader(settings: Settings) -> FhirReader:
    """What reads from EHRs' FHIR servers: those that the settings list, and this machine's in development."""
    policy = Policy(
        frozenset(settings.fhir_servers), settings.fhir_networks, loopback=not settings.is_production
    )
    limits = Limits(
        settings.fhir_deadline_ms / 1000,
        settings.fhir_max_bytes,
        settings.fhir_max_pages,
        settings.fhir_connections,
    )
    return FhirReader(policy, limits, exact_json.loads, ca_file=settings.fhir_ca_file)


def _add_pages(app: Flask, guideline: Guideline, settings: Settings) -> None:
    version = {
        "name": "sarcoma-cds",
        "version": _version(),
        "guideline": guideline.version,
        "base": guideline.base,
    }
    services = len(guideline.hooks)
    described = openapi.document(guideline, version["version"], settings.public_url, settings.wants_metrics)

    @app.get("/openapi.json")
    def show_openapi() -> Response:
        return jsonify(described)

    @app.get("/")
    def index() -> Response:
        return jsonify({**version, "discovery": "/cds-services", "fhir": "/fhir/metadata"})

    @app.get("/__version__")
    def show_version() -> Response:
        return jsonify(version)

    @app.get("/__heartbeat__")
    def heartbeat() -> Response:
        return jsonify({"status": "ok", "checks": {"guideline": "ok"}, "services": services})

    @app.get("/__lbheartbeat__")
    def load_balancer_heartbeat() -> Response:
        return jsonify({"status": "ok"})


def _ledger(guideline: Guideline, settings: Settings, database: Database) -> Ledger:
    """Where feedback goes. In production its tables are made now, before the processes fork, if possible."""
    topics = [(plan.id, plan.topics) for plan in guideline.hooks]
    ledger = Ledger(database, kinds_of(topics, guideline.version), settings.feedback_comments)
    if settings.is_production:
        try:
            ledger.register()
        except StoreUnavailable as error:
            _log.error("the database cannot be used: feedback is refused until it can", why=str(error))
        database.close()
    return ledger


def _count(app: Flask, guideline: Guideline, settings: Settings) -> Callable[[str], None]:
    """Counts what is answered, where that is wanted; gives back who counts refused tokens."""
    if not settings.wants_metrics:
        return lambda reason: None
    metrics = Metrics()
    services, keys = (plan.id for plan in guideline.hooks), (need.key for need in guideline.data_needs)
    install(app, metrics, services, keys, EXTENSION_TOPICS)
    return metrics.refused


_CLOSED = ("cds-services", "fhir")
"""First steps of the paths that ask who calls, where that is asked. Health is told to anyone."""


def _ask_who_calls(app: Flask, check: Callable[[], None]) -> None:
    @app.before_request
    def ask() -> None:
        if this_request().path.split("/")[1] in _CLOSED:
            check()


def _name_routes(app: Flask) -> None:
    @app.before_request
    def name() -> None:
        request = this_request()
        request.environ[ROUTE] = request.url_rule.rule if request.url_rule else "none"


def _say_profile(settings: Settings) -> None:
    if settings.is_production:
        _log.info("starting", profile=settings.profile)
    else:
        _log.warning("starting", profile=settings.profile, warning=LOUD)


def _failed(error: Exception) -> Response:
    """Every answer that is no success, for every path: an OperationOutcome."""
    outcome = outcome_for(error)
    if outcome.status >= 500:
        _log.error("failed", status=outcome.status, **logs.where(error))
    else:
        _log.info("refused", status=outcome.status, code=outcome.code)
    response = jsonify(outcome.body)
    response.status_code = outcome.status
    response.headers.extend(dict(outcome.headers))
    return response


def _version() -> str:
    try:
        return metadata.version("sarcoma-cds")
    except metadata.PackageNotFoundError:
        return "unknown"
