"""What a call lacks, and what the EHR's FHIR server gives instead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import structlog

from service.cds_hooks.envelope import Call
from service.patient.fhir_server import FhirReader, Query, next_link

_log = structlog.get_logger("cds_hooks")


class Given(NamedTuple):
    """Values of the advertised keys, the client's or its FHIR server's, and why some are still absent."""

    values: Mapping[str, Any]
    failures: Mapping[str, str] = MappingProxyType({})
    supplied: frozenset[str] = frozenset()
    """The keys that the FHIR server supplied or continued."""


def filled(call: Call, needs: Sequence[Query], reader: FhirReader | None) -> Given:
    """The call's prefetch: keys that are absent (not null) read from its FHIR server, Bundles finished.

    An OperationOutcome is the client's own failure and is not asked for again. Of a Bundle that cannot be
    finished, the part that came stays; the record says that it is a part.
    Source: CDS Hooks 2.0.1 "Prefetch Template".
    """
    if reader is None or call.server is None:
        return Given(call.prefetch)
    by_key = {need.key: need for need in reversed(needs)}
    absent = [need for key, need in by_key.items() if key not in call.prefetch]
    begun = {
        key: value
        for key in by_key
        if isinstance(value := call.prefetch.get(key), dict)
        and value.get("resourceType") == "Bundle"
        and next_link(value) is not None
    }
    if not absent and not begun:
        return Given(call.prefetch)
    reading = reader.read(call.server, call.context, absent, begun)
    if reading.failures:
        _log.warning("not read", fhir_server=dict(reading.failures))
    return Given({**call.prefetch, **reading.values}, reading.failures, frozenset(reading.values))
