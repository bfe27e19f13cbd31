"""`/fhir` over HTTP: what FHIR clients ask of the guideline."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode

from flask import Blueprint, Response, current_app, jsonify, request
from werkzeug.exceptions import RequestEntityTooLarge

from service.errors import BodyTooLarge, InvalidRequest, UnsupportedMediaType
from service.fhir_api import careplan, terminology
from service.fhir_api.application import Applier
from service.fhir_api.capability import capability_statement
from service.fhir_api.errors import NotAcceptable, NotFound, Unprocessable, Unsupported
from service.fhir_api.package import Package
from service.fhir_api.parameters import Arguments
from service.fhir_api.requirements import data_requirements
from service.fhir_api.store import SUMMARIES, Store, links, summarised
from service.guideline import Guideline
from service.settings import Settings

Json = dict[str, Any]

FHIR_JSON: Final = "application/fhir+json"
_JSON_TYPES: Final = frozenset({"application/fhir+json", "application/json", "text/json"})
_ACCEPTED: Final = frozenset({"application/fhir+json", "application/json", "application/*", "*/*"})
_FORMATS: Final = frozenset({"json", "application/json", "application/fhir+json", "application/fhir json"})
_FORM: Final = "application/x-www-form-urlencoded"
_BOTH: Final = ["GET", "POST"]


def blueprint(
    guideline: Guideline, settings: Settings, clock: Callable[[], datetime], software: str
) -> Blueprint:
    """`/fhir` for one guideline; `clock` gives the time (aware) of each call, `software` our version."""
    room = Blueprint("fhir_api", __name__, url_prefix="/fhir")
    store = Store(guideline)
    _add_reading(room, store, guideline, lambda: _address(settings.public_url), software)
    _add_downloads(room, Package(guideline))
    _add_applying(room, store, guideline, Applier(guideline, settings.default_country), clock)
    _add_terminology(room, store, guideline, clock)

    @room.route("/", methods=_BOTH)
    @room.route("/<path:rest>", methods=_BOTH)
    def nothing(rest: str = "") -> Response:
        raise NotFound("There is nothing at this address. GET /fhir/metadata says what this server can do.")

    room.before_request(_check_format)
    room.after_app_request(_mark)
    return room


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
        return _cached(capability_statement(guideline, software, address()))

    @room.get("/<resource_type>/<resource_id>")
    def read(resource_type: str, resource_id: str) -> Response:
        return _versioned(_summarised(store.read(resource_type, resource_id)))

    @room.get("/<resource_type>/<resource_id>/_history/<version_id>")
    def vread(resource_type: str, resource_id: str, version_id: str) -> Response:
        return _versioned(_summarised(store.vread(resource_type, resource_id, version_id)))

    @room.get("/<resource_type>")
    def search(resource_type: str) -> Response:
        return _searched(store, resource_type, list(request.args.items(multi=True)), address())

    @room.post("/<resource_type>/_search")
    def posted_search(resource_type: str) -> Response:
        if request.mimetype != _FORM:
            raise UnsupportedMediaType(f"Send the search as {_FORM}.")
        both = [*request.args.items(multi=True), *request.form.items(multi=True)]
        return _searched(store, resource_type, both, address())


def _searched(store: Store, resource_type: str, arguments: Sequence[tuple[str, str]], base: str) -> Response:
    strict = "handling=strict" in request.headers.get("Prefer", "").replace(" ", "")
    found = store.search(resource_type, arguments, strict=strict)
    address = f"{base}/{resource_type}"
    body: Json = {
        "resourceType": "Bundle",
        "type": "searchset",
        "total": found.total,
        "link": links(found, address, urlencode),
    }
    if found.page:
        body["entry"] = [
            {
                "fullUrl": f"{address}/{resource['id']}",
                "resource": resource,
                "search": {"mode": "match"},
            }
            for resource in found.page
        ]
    return jsonify(body)


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


def _check_format() -> None:
    """Only JSON is spoken: say so rather than answer with what the client cannot read."""
    wanted = request.args.get("_format")
    if wanted is not None:
        if wanted.partition(";")[0].strip() not in _FORMATS:
            raise NotAcceptable("_format is json: this server speaks only JSON.")
    elif not _accepts_json():
        raise NotAcceptable(f"Accept {FHIR_JSON}: this server speaks only JSON.")


def _accepts_json() -> bool:
    """Parameters of the media type (`fhirVersion`, `charset`) are no reason to refuse."""
    wanted = [kind.partition(";")[0] for kind, quality in request.accept_mimetypes if quality > 0]
    return not wanted or bool(_ACCEPTED & set(wanted))


def _summarised(resource: Json) -> Json:
    summary = request.args.get("_summary", "false")
    if summary not in SUMMARIES or summary == "count":
        raise Unsupported("_summary of a read is true, text, data or false.")
    return summarised(resource, summary)


def _versioned(resource: Json) -> Response:
    response = jsonify(resource)
    response.set_etag(resource["meta"]["versionId"], weak=True)
    response.cache_control.no_cache = True
    response.make_conditional(request)
    return response


def _cached(resource: Json) -> Response:
    response = jsonify(resource)
    response.cache_control.public = True
    response.cache_control.max_age = 60
    response.add_etag()
    response.make_conditional(request)
    return response


def _passing(resource: Json) -> Response:
    """An answer about a patient: not to be kept."""
    response = jsonify(resource)
    response.cache_control.no_store = True
    return response


def _address(public_url: str | None) -> str:
    """The base url of this endpoint, as clients reach it."""
    return f"{public_url or request.url_root.rstrip('/')}/fhir"


def _mark(response: Response) -> Response:
    """FHIR's own media type on everything at our addresses, errors too."""
    if request.path.startswith("/fhir") and response.mimetype == "application/json":
        response.content_type = f"{FHIR_JSON}; charset=utf-8"
    return response
