"""The guideline as one file that a FHIR server imports: a transaction Bundle, or an NPM package.

Sources: FHIR R4 "transaction" and "conditional update"; the FHIR NPM package specification (package.json,
.index.json). Both are made of the content alone: the same content gives the same bytes.
"""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final
from urllib.parse import quote, urlsplit

from service.guideline import Guideline

Json = dict[str, Any]

FHIR_VERSION: Final = "4.0.1"
# What the Libraries include and nobody has to write again: FHIRHelpers.
_HELPERS: Final = {"fhir.cqf.common": FHIR_VERSION}
_FIRST: Final = (
    *("StructureDefinition", "CodeSystem", "ValueSet", "Questionnaire"),
    *("Library", "ActivityDefinition", "PlanDefinition"),
)
_INDEXED: Final = ("resourceType", "id", "url", "version", "kind", "type", "derivation")


@dataclass(frozen=True)
class Package:
    """The resources of one guideline, each after those that it names."""

    guideline: Guideline

    @property
    def name(self) -> str:
        """Package id: the host of the canonical base, back to front, as package ids are."""
        host = urlsplit(self.guideline.base).hostname or "guideline"
        return ".".join(reversed(host.split(".")))

    @property
    def file_name(self) -> str:
        """Name for a file of this content, without its ending."""
        return f"{self.name}-{self.guideline.version}"

    @cached_property
    def resources(self) -> tuple[Json, ...]:
        """Every resource, as it is in the content."""
        content = self.guideline.content
        ordered: dict[str, Json] = {}

        def add(body: Json) -> None:
            if body["url"] in ordered or body["url"] in opened:
                return
            opened.add(body["url"])
            for canonical in _named(body):
                resource = content.resolve(canonical)
                if resource is not None:
                    add(resource.body)
            ordered[body["url"]] = body

        opened: set[str] = set()
        for resource_type in _FIRST:
            for resource in sorted(content.of_type(resource_type), key=lambda each: each.id):
                add(resource.body)
        return tuple(ordered.values())

    @cached_property
    def transaction(self) -> Json:
        """A Bundle that creates what the server lacks and updates what it has, by url and version."""
        return {
            "resourceType": "Bundle",
            "type": "transaction",
            "entry": [
                {
                    "fullUrl": body["url"],
                    "resource": body,
                    "request": {"method": "PUT", "url": f"{body['resourceType']}?{identity(body)}"},
                }
                for body in self.resources
            ],
        }

    @cached_property
    def guide(self) -> Json:
        """The ImplementationGuide that lists the content."""
        return {
            "resourceType": "ImplementationGuide",
            "id": self.name,
            "url": f"{self.guideline.base}/ImplementationGuide/{self.name}",
            "version": self.guideline.version,
            "name": "".join(part.capitalize() for part in self.name.replace("-", ".").split(".")),
            "title": f"Guideline {self.guideline.version}",
            "status": "active",
            "packageId": self.name,
            "fhirVersion": [FHIR_VERSION],
            "dependsOn": [
                {"uri": "http://fhir.org/guides/cqf/common", "packageId": name, "version": version}
                for name, version in _HELPERS.items()
            ],
            "definition": {
                "resource": [
                    {
                        "reference": {"reference": f"{body['resourceType']}/{body['id']}"},
                        "name": body.get("title", body["name"]),
                        "exampleBoolean": False,
                    }
                    for body in self.resources
                ]
            },
        }

    @cached_property
    def archive(self) -> bytes:
        """package.tgz."""
        files = {f"{body['resourceType']}-{body['id']}.json": body for body in (self.guide, *self.resources)}
        index = {
            "index-version": 2,
            "files": [
                {"filename": name} | {key: body[key] for key in _INDEXED if isinstance(body.get(key), str)}
                for name, body in sorted(files.items())
            ],
        }
        plain = io.BytesIO()
        with tarfile.open(fileobj=plain, mode="w", format=tarfile.USTAR_FORMAT) as tar:
            everything = {
                "package.json": self._manifest(),
                ".index.json": index,
                **dict(sorted(files.items())),
            }
            for name, body in everything.items():
                data = written(body).encode()
                entry = tarfile.TarInfo(f"package/{name}")
                entry.size = len(data)
                tar.addfile(entry, io.BytesIO(data))
        return gzip.compress(plain.getvalue(), mtime=0)

    def _manifest(self) -> Json:
        dates = [str(body["date"]) for body in self.resources if "date" in body]
        publishers = [str(body["publisher"]) for body in self.resources if "publisher" in body]
        return {
            "name": self.name,
            "version": self.guideline.version,
            "type": "IG",
            "title": self.guide["title"],
            "description": f"The guideline under {self.guideline.base}: {len(self.resources)} resources",
            "author": publishers[0] if publishers else self.name,
            "canonical": self.guideline.base,
            "url": self.guide["url"],
            "date": max(dates, default="2020").replace("-", "")[:8].ljust(8, "0") + "000000",
            "fhirVersions": [FHIR_VERSION],
            "dependencies": {"hl7.fhir.r4.core": FHIR_VERSION, **_HELPERS},
            "directories": {"lib": "package"},
        }


def identity(body: Json) -> str:
    """The search that finds this resource, and no other version of it, on any server."""
    return f"url={quote(body['url'], safe='')}&version={quote(body['version'], safe='')}"


def written(body: Json) -> str:
    """The resource as the content's own files are written."""
    return json.dumps(body, indent=2, ensure_ascii=False, default=float) + "\n"


def _named(value: Any) -> Iterator[str]:
    """Every canonical that a resource names, wherever it stands."""
    if isinstance(value, dict):
        for each in value.values():
            yield from _named(each)
    elif isinstance(value, list):
        for each in value:
            yield from _named(each)
    elif isinstance(value, str) and value.startswith(("http://", "https://")):
        yield value
