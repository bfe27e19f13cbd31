"""The envelope of a call: all of the request but the FHIR resources in it, checked before it is read."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from importlib import resources
from typing import Any, NamedTuple

import fastjsonschema

from service.cds_hooks.exact_json import loads
from service.errors import InvalidRequest
from service.patient import RepeatedKeys, bare_patient_id
from service.patient.fhir_server import Server

SCHEMA = json.loads((resources.files(__package__) / "schemas" / "request.json").read_text("utf-8"))
_check = fastjsonschema.compile(SCHEMA)
_TOKEN = re.compile(r"[\x21-\x7e]{1,16384}")
_PARTS = ("context", "prefetch", "extension", "fhirAuthorization")


class Call(NamedTuple):
    """A CDS Hooks request whose envelope is sound. What `prefetch` and the drafts hold is not judged yet."""

    hook: str
    hook_instance: str
    patient_id: str
    context: Mapping[str, Any]
    prefetch: Mapping[str, Any]
    server: Server | None = None
    """Where to read what `prefetch` lacks, if anywhere."""


def read_call(body: bytes) -> Call:
    """The call in the bytes of a request (CDS Hooks 2.0.1 "Calling a CDS Service"). Raises InvalidRequest."""
    return call_of(loads(body))


def call_of(envelope: Any) -> Call:
    """The call in a parsed request.

    Raises InvalidRequest, which names the field and what to send, and never what was sent.
    """
    if not isinstance(envelope, dict):
        raise InvalidRequest("The body is not a JSON object. Send a CDS Hooks request.")
    _refuse_repeated_keys(envelope)
    try:
        _check(envelope)
    except fastjsonschema.JsonSchemaValueException:
        raise InvalidRequest(_explanation(envelope)) from None
    patient_id = bare_patient_id(envelope["context"]["patientId"])
    return Call(
        hook=envelope["hook"],
        hook_instance=envelope["hookInstance"],
        patient_id=patient_id,
        context=envelope["context"],
        prefetch=envelope.get("prefetch") or {},
        server=_server(envelope.get("fhirServer"), envelope.get("fhirAuthorization") or {}, patient_id),
    )


def _server(base: str | None, authorization: Mapping[str, Any], patient_id: str) -> Server | None:
    """The FHIR server of the call, None when there is none. InvalidRequest: another patient's token.

    Without `fhirAuthorization` the server is one that asks for no token. What is wrong with a token matters
    only when data must be read (CDS Hooks 2.0.1 "Passing the Access Token to the CDS Service").
    """
    own = authorization.get("patient")
    if isinstance(own, str) and own and bare_patient_id(own) != patient_id:
        raise InvalidRequest(
            "fhirAuthorization.patient is not the patient of context.patientId. Send that patient's token."
        )
    if not base:
        return None
    token, kind, scope = (authorization.get(name) for name in ("access_token", "token_type", "scope"))
    scope = scope if isinstance(scope, str) else None
    if not authorization:
        return Server(base)
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        return Server(base, fault="was not asked: fhirAuthorization.access_token is no token")
    if kind is not None and str(kind).lower() != "bearer":
        return Server(base, fault="was not asked: fhirAuthorization.token_type is not Bearer")
    return Server(base, token, scope)


def _refuse_repeated_keys(envelope: Mapping[str, Any]) -> None:
    if RepeatedKeys not in {type(envelope), *map(type, map(envelope.get, _PARTS))}:
        return
    objects = {"the request": envelope, **{name: envelope.get(name) for name in _PARTS}}
    for name, value in objects.items():
        if isinstance(value, RepeatedKeys):
            raise InvalidRequest(f"A key stands twice in {name}. Send each key once.")


def _explanation(envelope: Mapping[str, Any]) -> str:
    """One sentence an issue; paths are those of the schema, so nothing of the request is repeated."""
    sentences = []
    from jsonschema import Draft7Validator  # slow to import, and sound calls need none

    explainer = Draft7Validator(SCHEMA)
    for error in sorted(explainer.iter_errors(envelope), key=lambda e: list(map(str, e.absolute_path))):
        path = ".".join(str(step) for step in error.absolute_path) or "the request"
        if error.validator == "required":
            prefix = "" if path == "the request" else f"{path}."
            for name in (name for name in error.validator_value if name not in error.instance):
                field = error.schema.get("properties", {}).get(name, {})
                sentences.append(f"{prefix}{name} is missing. {field.get('description', '')}")
        else:
            sentences.append(f"{path} is not as expected. {error.schema.get('description', '')}")
    return " ".join(" ".join(dict.fromkeys(sentences)).split()) or "The request is not a CDS Hooks request."
