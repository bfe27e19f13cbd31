"""`/demo/fhir` over HTTP: a read-only FHIR R4 server of made-up patients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import Blueprint, Response, request

from service.demo.samples import read_samples
from service.demo.search import PARAMETERS, PATH, of_samples
from service.fhir_api.errors import NotFound
from service.fhir_api.rest import add_reading, cached, speak_fhir
from service.fhir_api.store import Store
from service.settings import Settings

Json = dict[str, Any]


def blueprint(settings: Settings, software: str) -> Blueprint:
    """`/demo/fhir` for the patients in `settings.content_dir`; `software` is our version.

    Raises ContentError when they do not check out.
    """
    room = Blueprint("demo", __name__, url_prefix=PATH)
    samples = read_samples(settings.content_dir)

    def address() -> str:
        return f"{settings.public_url or request.url_root.rstrip('/')}{PATH}"

    @room.get("/metadata")
    def metadata() -> Response:
        return cached(_capability_statement(samples, software, address()))

    add_reading(room, Store(PARAMETERS, samples, of_samples), address)

    @room.get("/")
    @room.get("/<path:rest>")
    def nothing(rest: str = "") -> Response:
        raise NotFound(f"There is nothing at this address. GET {PATH}/metadata says what this server can do.")

    speak_fhir(room, PATH)
    return room


def _capability_statement(samples: Sequence[Json], software: str, address: str) -> Json:
    return {
        "resourceType": "CapabilityStatement",
        "url": f"{address}/metadata",
        "name": "SamplePatients",
        "title": "Made-up patients to try the service with",
        "status": "active",
        "experimental": True,
        "date": "2026-11-21",
        "kind": "instance",
        "software": {"name": "sarcoma-cds", "version": software},
        "implementation": {"description": "Sample patients; no real person is among them", "url": address},
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json", "json"],
        "rest": [
            {
                "mode": "server",
                "documentation": "Read-only, open to everyone and every web page. Holds no real data.",
                "security": {"cors": True},
                "resource": [_resource(samples, resource_type) for resource_type in PARAMETERS],
            }
        ],
    }


def _resource(samples: Sequence[Json], resource_type: str) -> Json:
    profiles = {
        profile
        for resource in samples
        if resource["resourceType"] == resource_type
        for profile in resource.get("meta", {}).get("profile", ())
    }
    row: Json = {
        "type": resource_type,
        "interaction": [{"code": "read"}, {"code": "vread"}, {"code": "search-type"}],
        "versioning": "versioned",
        "readHistory": False,
        "updateCreate": False,
        "conditionalRead": "not-match",
        "searchParam": [
            {"name": name, "type": kind} for name, (kind, _) in PARAMETERS[resource_type].items()
        ],
    }
    if profiles:
        row["supportedProfile"] = sorted(profiles)
    return row
