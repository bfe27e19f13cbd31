"""Medications that orders and statements only refer to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from service.patient.bundles import Entry
from service.patient.references import split_reference
from service.patient.shapes import tidy


class Medications:
    """The Medication resources that came along, by id and by the `fullUrl` of their Bundle entry."""

    def __init__(self, entries: Iterable[Entry] = (), beside: Medications | None = None) -> None:
        self._by_id: dict[str, Mapping[str, Any]] = dict(beside._by_id) if beside else {}
        self._by_url: dict[str, Mapping[str, Any]] = dict(beside._by_url) if beside else {}
        for entry in entries:
            if entry.resource.get("resourceType") == "Medication":
                if isinstance(entry.resource.get("id"), str):
                    self._by_id[entry.resource["id"]] = entry.resource
                if entry.full_url:
                    self._by_url[entry.full_url] = entry.resource

    def resolved(self, resource: dict[str, Any]) -> dict[str, Any]:
        """The tidied resource with the code of its Medication in place of a bare `medicationReference`.

        Unchanged when it names its drug itself, has no such reference, or the Medication did not come along.
        """
        reference = resource.get("medicationReference")
        if not isinstance(reference, dict) or resource.get("medicationCodeableConcept"):
            return resource
        target = reference.get("reference")
        medication = self._find(target, resource.get("contained")) if isinstance(target, str) else None
        code = tidy(dict(medication)).get("code") if medication is not None else None
        if not isinstance(code, dict):
            return resource
        resolved = {k: v for k, v in resource.items() if k != "medicationReference"}
        resolved["medicationCodeableConcept"] = code
        return resolved

    def _find(self, target: str, contained: Any) -> Mapping[str, Any] | None:
        if target.startswith("#"):
            inside = contained if isinstance(contained, list) else [contained]
            for resource in inside:
                if isinstance(resource, dict) and resource.get("resourceType") == "Medication":
                    own = resource.get("id")
                    if isinstance(own, str) and own.removeprefix("#") == target[1:]:
                        return resource
            return None
        split = split_reference(target)
        by_id = self._by_id.get(split[1]) if split and split[0] == "Medication" else None
        return self._by_url.get(target, by_id)
