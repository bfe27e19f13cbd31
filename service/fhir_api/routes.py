"""`/fhir` over HTTP: what FHIR clients ask of the guideline."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from flask import Blueprint, Response, current_app, jsonify, request
from werkzeug.exceptions import MethodNotAllowed, RequestEntityTooLarge

from service.errors import BodyTooLarge, InvalidRequest, UnsupportedMediaType
from service.fhir_api import careplan, terminology
from service.fhir_api.application import Applier
from service.fhir_api.capability import capability_statement
from service.fhir_api.errors import NotFound, Unprocessable, Unsupported
from service.fhir_api.package import Package
from service.fhir_api.parameters import Arguments
from service.fhir_api.requirements import data_requirements
from service.fhir_api.rest import FHIR_JSON, add_reading, cached, speak_fhir
from service.fhir_api.store import TYPES, Store, of_canonicals
from service.guideline import Guideline
from service.patient.fhir_server import FhirReader
from service.settings import Settings

Json = dict[str, Any]

_JSON_TYPES: Final = frozenset({FHIR_JSON, "application/json", "text/json"})
_BOTH: Final = ["GET", "POST"]


def blueprint(
    guideline: Guideline,
    settings: Settings,
    clock: Callable[[], datetime],
    software: str,
    reader: FhirReader,
) -> Blueprint:
    """`/fhir` for one guideline; `clock` gives the time (aware) of each call, `software` our version."""
    room = Blueprint("fhir_api", __name__, url_prefix="/fhir")
    store = Store(TYPES, (resource.body for resource in guideline.content.resources), of_canonicals)
    _add_reading(room, store, guideline, lambda: _address(settings.public_url), software)
    _add_downloads(room, Package(guideline))
    _add_applying(room, store, guideline, Applier(guideline, settings.default_country, reader), clock)
    _add_terminology(room, store, guideline, clock)

    @room.route("/", methods=_BOTH)
    @room.route("/<path:rest>", methods=_BOTH)
    def nothing(rest: str = "") -> Response:
        _refuse_method()
        raise NotFound("There is nothing at this address. GET /fhir/metadata says what this server can do.")

    speak_fhir(room, "/fhir")
    return room


def _refuse_method() -> None:
    """405 where the address answers the other of the two methods."""
    adapter = current_app.create_url_adapter(request)
    if adapter is None:
        return
    other = "POST" if request.method in ("GET", "HEAD") else "GET"
    rule, values = adapter.match(method=other, return_rule=True)
    if rule != request.url_rule and values.get("resource_type", TYPES[0]) in TYPES:
        raise MethodNotAllowed(valid_methods=sorted(rule.methods or ()))


def _add_downloads(room: Blueprint, package: Package) -> None:
    """The whole content as one file."""

    @room.get("/package.tgz")
    def archive() -> Response:
        return _file(Response(package.archive, mimetype="application/gzip"), f"{package.file_name}.tgz")

    @room.get("/transaction.json")
    def transaction() -> Response:
        return _file(jsonify(package.transaction), f"{package.file_name}.transaction.json")


def _file(response: Response, name: str) -> Response:
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.add_etag()
    response.make_conditional(request)
    return response


def _add_reading(
    room: Blueprint, store: Store, guideline: Guideline, address: Callable[[], str], software: str
) -> None:
    @room.get("/metadata")
    def metadata() -> Response:
        return cached(capability_statement(guideline, software, address()))

    add_reading(room, store, address)


def _add_applying(
    room: Blueprint, store: Store, guideline: Guideline, applier: Applier, clock: Callable[[], datetime]
) -> None:
    @room.route("/PlanDefinition/$apply", methods=_BOTH, endpoint="apply_any_plan")
    @room.route("/PlanDefinition/<resource_id>/$apply", methods=_BOTH)
    def apply_plan(resource_id: str | None = None) -> Response:
        arguments = _arguments()
        plan = _definition(store, "PlanDefinition", "planDefinition", resource_id, arguments)
        return _passing(careplan.care_plan(applier.plan(plan["id"], arguments, clock()), guideline.base))

    @room.route("/PlanDefinition/$r5.apply", methods=_BOTH, endpoint="apply_any_plan_to_bundle")
    @room.route("/PlanDefinition/<resource_id>/$r5.apply", methods=_BOTH)
    def apply_plan_to_bundle(resource_id: str | None = None) -> Response:
        arguments = _arguments()
        plan = _definition(store, "PlanDefinition", "planDefinition", resource_id, arguments)
        return _passing(careplan.bundle(applier.plan(plan["id"], arguments, clock()), guideline.base))

    @room.route("/ActivityDefinition/$apply", methods=_BOTH, endpoint="apply_any_activity")
    @room.route("/ActivityDefinition/<resource_id>/$apply", methods=_BOTH)
    def apply_activity(resource_id: str | None = None) -> Response:
        arguments = _arguments()
        activity = _definition(store, "ActivityDefinition", "activityDefinition", resource_id, arguments)
        return _passing(applier.activity(activity["id"], arguments, clock()))

    @room.route("/PlanDefinition/$data-requirements", methods=_BOTH, endpoint="requirements_of_any")
    @room.route("/PlanDefinition/<resource_id>/$data-requirements", methods=_BOTH)
    def requirements(resource_id: str | None = None) -> Response:
        plan = _definition(store, "PlanDefinition", "planDefinition", resource_id, _arguments())
        return jsonify(data_requirements(guideline, plan["id"]))


def _add_terminology(
    room: Blueprint, store: Store, guideline: Guideline, clock: Callable[[], datetime]
) -> None:
    @room.route("/ValueSet/$expand", methods=_BOTH, endpoint="expand_any")
    @room.route("/ValueSet/<resource_id>/$expand", methods=_BOTH)
    def expand(resource_id: str | None = None) -> Response:
        arguments = _arguments()
        value_set = _definition(store, "ValueSet", "valueSet", resource_id, arguments)
        codes = guideline.value_sets[value_set["url"]]
        return jsonify(terminology.expand(value_set, codes, arguments, clock()))

    @room.route("/ValueSet/$validate-code", methods=_BOTH, endpoint="validate_in_any")
    @room.route("/ValueSet/<resource_id>/$validate-code", methods=_BOTH)
    def validate_code(resource_id: str | None = None) -> Response:
        arguments = _arguments()
        value_set = _definition(store, "ValueSet", "valueSet", resource_id, arguments)
        return jsonify(terminology.validate_code(guideline.value_sets[value_set["url"]], arguments))


def _definition(
    store: Store, resource_type: str, parameter: str, resource_id: str | None, arguments: Arguments
) -> Json:
    """What an operation is asked of: by id in the path, or by `url` or `canonical`; not sent along."""
    if parameter in arguments:
        raise Unsupported(f"{parameter} is not supported: this server answers for the definitions it holds.")
    if resource_id is not None:
        return store.read(resource_type, resource_id)
    canonical = arguments.text("url") or arguments.text("canonical")
    if canonical is None:
        raise Unprocessable(f"Send the parameter 'url': the canonical url of the {resource_type}.")
    return store.by_canonical(resource_type, canonical)


def _arguments() -> Arguments:
    """The operation's parameters, from the query or from the body."""
    if request.method == "POST":
        return Arguments.of_body(_body())
    return Arguments.of_query(pair for pair in request.args.items(multi=True) if not pair[0].startswith("_"))


def _body() -> Any:
    """The posted resource."""
    charset = request.mimetype_params.get("charset", "utf-8").lower()
    if request.mimetype not in _JSON_TYPES or charset not in ("utf-8", "utf8", "us-ascii"):
        raise UnsupportedMediaType(f"Send the body as {FHIR_JSON} in UTF-8.")
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise UnsupportedMediaType("Send the body without Content-Encoding.")
    try:
        return current_app.json.loads(request.get_data(cache=False))
    except RequestEntityTooLarge:
        raise BodyTooLarge("The body is larger than this server takes. Send less data.") from None
    except (ValueError, RecursionError):
        raise InvalidRequest("The body is no JSON.") from None


def _passing(resource: Json) -> Response:
    """An answer about a patient: not to be kept."""
    response = jsonify(resource)
    response.cache_control.no_store = True
    return response


def _address(public_url: str | None) -> str:
    """The base url of this endpoint, as clients reach it."""
    return f"{public_url or request.url_root.rstrip('/')}/fhir"
