"""What every FHIR endpoint of ours does over HTTP: formats, searchsets, versions, media type.

Source: FHIR R4, "RESTful API" and "Search".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final
from urllib.parse import urlencode

from flask import Blueprint, Response, jsonify, request

from service.errors import UnsupportedMediaType
from service.fhir_api.errors import NotAcceptable, Unsupported
from service.fhir_api.store import SUMMARIES, Store, links, summarised
from service.http import this_request

Json = dict[str, Any]

FHIR_JSON: Final = "application/fhir+json"
_OF_DSTU2: Final = "application/json+fhir"
"""What FHIR's JSON was called once; public test tools still ask for it."""
_ACCEPTED: Final = frozenset({FHIR_JSON, _OF_DSTU2, "application/json", "application/*", "*/*"})
_FORMATS: Final = frozenset(
    {"json", "application/json", FHIR_JSON, "application/fhir json", _OF_DSTU2, "application/json fhir"}
)
_FORM: Final = "application/x-www-form-urlencoded"


def add_reading(room: Blueprint, store: Store, address: Callable[[], str]) -> None:
    """Read, vread and search of what `store` holds; `address` gives the base url that clients use."""

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


def cached(resource: Json) -> Response:
    """An answer that may be kept for a minute."""
    response = jsonify(resource)
    response.cache_control.public = True
    response.cache_control.max_age = 60
    response.add_etag()
    response.make_conditional(request)
    return response


def check_format() -> None:
    """Only JSON is spoken: say so rather than answer with what the client cannot read."""
    wanted = request.args.get("_format")
    if wanted:
        if wanted.partition(";")[0].strip() not in _FORMATS:
            raise NotAcceptable("_format is json: this server speaks only JSON.")
    elif not _accepts_json():
        raise NotAcceptable(f"Accept {FHIR_JSON}: this server speaks only JSON.")


def _accepts_json() -> bool:
    """Parameters of the media type (`fhirVersion`, `charset`) are no reason to refuse."""
    wanted = [kind.partition(";")[0] for kind, quality in request.accept_mimetypes if quality > 0]
    return not wanted or bool(_ACCEPTED & set(wanted))


def speak_fhir(room: Blueprint, prefix: str) -> None:
    """JSON is asked for, and FHIR's own media type is on everything below `prefix`, errors too."""
    room.before_request(check_format)

    @room.after_app_request
    def mark(response: Response) -> Response:
        path = this_request().path
        below = path == prefix or path.startswith(f"{prefix}/")
        if below and response.mimetype == "application/json":
            response.content_type = f"{FHIR_JSON}; charset=utf-8"
        return response
