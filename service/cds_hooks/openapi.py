"""The OpenAPI 3.1 document of what EHRs and operators call.

The FHIR side says what it does in its CapabilityStatement; here stand that and what FHIR has no word for.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any, Final

from service.cds_hooks.envelope import SCHEMA
from service.cds_hooks.hooks import HOOKS
from service.guideline import Guideline

Json = dict[str, Any]

_TEXT: Final[Json] = {"type": "string", "minLength": 1}
_CODING: Final[Json] = {
    "type": "object",
    "required": ["code", "system"],
    "properties": {"code": _TEXT, "system": _TEXT, "display": _TEXT},
}
_PICKED: Final[Json] = {**_CODING, "properties": {"code": _TEXT, "system": _TEXT}}
"""A Coding as clients send it back: what it was called does not matter."""
_ACTION: Final[Json] = {
    "type": "object",
    "required": ["type", "description"],
    "properties": {
        "type": {"enum": ["create", "update", "delete"]},
        "description": _TEXT,
        "resource": {"type": "object", "required": ["resourceType"]},
        "resourceId": _TEXT,
    },
}
_SUGGESTION: Final[Json] = {
    "type": "object",
    "required": ["label", "uuid", "actions"],
    "properties": {
        "label": _TEXT,
        "uuid": _TEXT,
        "isRecommended": {"type": "boolean"},
        "actions": {"type": "array", "minItems": 1, "items": _ACTION},
    },
}
_CARD: Final[Json] = {
    "type": "object",
    "required": ["uuid", "summary", "indicator", "source"],
    "properties": {
        "uuid": {"type": "string", "format": "uuid"},
        "summary": {"type": "string", "minLength": 1, "maxLength": 139},
        "detail": {"type": "string", "description": "GitHub Flavored Markdown without HTML"},
        "indicator": {"enum": ["info", "warning", "critical"]},
        "source": {
            "type": "object",
            "required": ["label"],
            "properties": {"label": _TEXT, "url": _TEXT, "topic": _CODING},
        },
        "suggestions": {"type": "array", "minItems": 1, "items": _SUGGESTION},
        "selectionBehavior": {"enum": ["any", "at-most-one"]},
        "overrideReasons": {"type": "array", "items": _CODING},
        "links": {"type": "array", "items": {"type": "object", "required": ["label", "url", "type"]}},
        "extension": {"type": "object"},
    },
}
_WHEN: Final[Json] = {
    "card": {"type": "string", "format": "uuid"},
    "outcomeTimestamp": {"$ref": "#/components/schemas/Time"},
}
_ACCEPTED: Final[Json] = {
    "type": "object",
    "required": ["card", "outcome", "outcomeTimestamp", "acceptedSuggestions"],
    "properties": {
        **_WHEN,
        "outcome": {"const": "accepted"},
        "acceptedSuggestions": {
            "type": "array",
            "minItems": 1,
            "maxItems": 100,
            "items": {"type": "object", "required": ["id"], "properties": {"id": _TEXT}},
        },
    },
}
_OVERRIDDEN: Final[Json] = {
    "type": "object",
    "required": ["card", "outcome", "outcomeTimestamp"],
    "properties": {
        **_WHEN,
        "outcome": {"const": "overridden"},
        "overrideReason": {
            "type": "object",
            "anyOf": [
                {"required": ["reason"], "properties": {"reason": {"type": "object"}}},
                {"required": ["userComment"], "properties": {"userComment": {"type": "string"}}},
            ],
            "properties": {
                "reason": {"oneOf": [_PICKED, {"type": "null"}]},
                "userComment": {"type": ["string", "null"]},
            },
        },
    },
}
_SCHEMAS: Final[Json] = {
    "Cards": {
        "type": "object",
        "required": ["cards"],
        "properties": {"cards": {"type": "array", "items": _CARD}, "extension": {"type": "object"}},
    },
    "Services": {
        "type": "object",
        "required": ["services"],
        "properties": {
            "services": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["hook", "description", "id"],
                    "properties": {
                        **dict.fromkeys(("hook", "title", "description", "id", "version"), _TEXT),
                        "prefetch": {"type": "object", "additionalProperties": _TEXT},
                    },
                },
            }
        },
    },
    "OperationOutcome": {
        "type": "object",
        "required": ["resourceType", "issue"],
        "properties": {
            "resourceType": {"const": "OperationOutcome"},
            "issue": {
                "type": "array",
                "minItems": 1,
                "items": {"type": "object", "required": ["severity", "code"]},
            },
        },
    },
    "Object": {"type": "object"},
    "Time": {"type": "string", "format": "date-time", "description": "RFC 3339, with Z or an offset"},
    "Feedback": {
        "type": "object",
        "required": ["feedback"],
        "properties": {
            "feedback": {"type": "array", "minItems": 1, "items": {"oneOf": [_ACCEPTED, _OVERRIDDEN]}}
        },
    },
}
_REFUSALS: Final = {
    "400": "The request is not what CDS Hooks asks for",
    "412": "Data that the answer needs was not given and cannot be had",
    "413": "The body is too large",
    "408": "The request did not arrive in time",
    "415": "The body is not declared as JSON",
}
_HEALTH: Final = {
    "/": "What this is",
    "/__version__": "Versions of the service and of the guideline",
    "/__heartbeat__": "Whether the service can answer",
    "/__lbheartbeat__": "Whether the process answers",
    "/openapi.json": "This document",
}


_FHIR: Final = {
    "/fhir/metadata": ("The FHIR side: its CapabilityStatement (R4)", "application/fhir+json"),
    "/fhir/transaction.json": ("The guideline as one transaction for a FHIR server", "application/fhir+json"),
    "/fhir/package.tgz": ("The guideline as a FHIR package", "application/gzip"),
}


def document(guideline: Guideline, version: str, public_url: str | None, metrics: bool = False) -> Json:
    """The document, for the guideline that is loaded: each of its services has a path of its own.

    `metrics`: whether they are shown.
    """
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "CDS Hooks service",
            "version": version,
            "description": "CDS Hooks 2.0.1. An answer that is not 2xx is a FHIR OperationOutcome.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": public_url or "/"}],
        "security": [{}, {"clientJwt": []}],
        "externalDocs": {
            "description": "What the FHIR side answers: its CapabilityStatement",
            "url": f"{public_url or ''}/fhir/metadata",
        },
        "paths": dict(_paths(guideline, metrics)),
        "components": {
            "schemas": {**_SCHEMAS, "Request": _request()},
            "securitySchemes": {"clientJwt": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }


def _paths(guideline: Guideline, metrics: bool) -> Iterator[tuple[str, Json]]:
    for path, summary in _HEALTH.items():
        yield (
            path,
            {"get": {"summary": summary, "security": [{}], "responses": {"200": _answer("Object", "It")}}},
        )
    if metrics:
        text = {"200": {"description": "Prometheus' text format", "content": {"text/plain": {}}}}
        yield "/metrics", {"get": {"summary": "Numbers", "security": [{}], "responses": text}}
    for path, (summary, kind) in _FHIR.items():
        found = {"description": "It", "content": {kind: {}}}
        answers = {"200": found, "401": {"description": "No accepted token"}}
        yield path, {"get": {"summary": summary, "responses": answers}}
    services = {"200": _answer("Services", "The services"), "401": {"description": "No accepted token"}}
    yield "/cds-services", {"get": {"summary": "Discovery", "responses": services}}
    hooks: dict[str, list[Any]] = {}
    for plan in guideline.hooks:
        hooks.setdefault(plan.id, []).append(plan)
    for service_id, plans in hooks.items():
        yield f"/cds-services/{service_id}", {"post": _call(service_id, plans)}
        yield f"/cds-services/{service_id}/feedback", {"post": _feedback(service_id)}


def _call(service_id: str, plans: list[Any]) -> Json:
    return {
        "summary": " / ".join(plan.title for plan in plans),
        "operationId": service_id,
        "description": "\n\n".join(plan.description or plan.title for plan in plans),
        "requestBody": {"required": True, "content": {"application/json": {"schema": _of_service(plans)}}},
        "responses": {
            "200": _answer("Cards", "The guideline was evaluated; without cards it has nothing to say"),
            "401": {"description": "No accepted token"},
            **{status: _answer("OperationOutcome", text) for status, text in _REFUSALS.items()},
        },
    }


def _of_service(plans: list[Any]) -> Json:
    """A request of the hooks of one service, with what the context of all of them must hold."""
    hooks = [HOOKS[plan.hook] for plan in plans]
    context = ["draftOrders"] if all(hook.drafts for hook in hooks) else []
    context += ["selections"] if all(hook.selections for hook in hooks) else []
    own: Json = {"hook": {"enum": [plan.hook for plan in plans]}}
    if context:
        own["context"] = {"required": context}
    return {"allOf": [{"$ref": "#/components/schemas/Request"}, {"properties": own}]}


def _feedback(service_id: str) -> Json:
    refusals = {
        status: _answer("OperationOutcome", text) for status, text in _REFUSALS.items() if status != "412"
    }
    return {
        "summary": "What clinicians did with the cards",
        "operationId": f"{service_id}-feedback",
        "requestBody": {"required": True, "content": _content("Feedback")},
        "responses": {
            "200": {"description": "All reports of the body are kept"},
            "401": {"description": "No accepted token"},
            **refusals,
            "503": _answer("OperationOutcome", "The reports could not be kept: send them again"),
        },
    }


def _answer(schema: str, description: str) -> Json:
    return {"description": description, "content": _content(schema)}


def _content(schema: str) -> Json:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}


def _request() -> Json:
    """The schema that checks each call, with its patterns as ECMA 262 writes them."""
    schema: Json = copy.deepcopy(SCHEMA)
    del schema["$schema"]
    _rewrite(schema)
    return schema


def _rewrite(schema: Mapping[str, Any] | list[Any]) -> None:
    if isinstance(schema, dict) and isinstance(schema.get("pattern"), str):
        schema["pattern"] = schema["pattern"].replace("\\Z", "$")
    for value in schema.values() if isinstance(schema, Mapping) else schema:
        if isinstance(value, dict | list):
            _rewrite(value)
