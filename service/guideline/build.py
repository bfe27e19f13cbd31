"""Embeds the guideline's CQL, as text and as compiled ELM, in its Library resources.

cql/<Name>.cql is what authors edit; library/<Name>.json is what a FHIR server imports. Metadata that people
write (title, description, citations, dates) is kept; all that follows from the CQL is written anew.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from service.guideline.library_metadata import (
    Libraries,
    data_requirements,
    definitions,
    depends_on,
    parameters,
)

CQL = "text/cql"
ELM = "application/elm+json"
ORDER = (
    "resourceType", "id", "meta", "extension", "url", "identifier", "version", "name", "title", "subtitle",
    "status", "experimental", "type", "subjectCodeableConcept", "date", "publisher", "contact",
    "description", "useContext", "jurisdiction", "purpose", "usage", "copyright", "approvalDate",
    "lastReviewDate", "effectivePeriod", "topic", "author", "editor", "reviewer", "endorser",
    "relatedArtifact", "parameter", "dataRequirement", "content",
)  # fmt: skip
# A new Library takes these from the guideline's other resources, so that it is complete from the start.
SHARED_METADATA = (
    "status", "experimental", "date", "publisher", "copyright", "approvalDate", "lastReviewDate",
    "effectivePeriod",
)  # fmt: skip


class BuildError(Exception):
    """The libraries cannot be built; one line per cause, as file:line:column message where that is known."""


def build(folder: Path, translator: Path) -> tuple[Path, ...]:
    """Writes library/<Name>.json for every cql/<Name>.cql of a guideline folder; returns the changed files.

    translator: the command `cql-to-elm` of the authoring folder. Raises BuildError; then nothing is written.
    """
    changed = []
    for path, text in _built(folder, translator).items():
        if not path.exists() or path.read_text("utf-8") != text:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, "utf-8")
            changed.append(path)
    return tuple(changed)


def out_of_step(folder: Path, translator: Path | None = None) -> tuple[str, ...]:
    """Says, one line each, which Library resources do not hold what their cql/*.cql says; empty when all do.

    Without a translator the embedded CQL text is compared; with one, also all that follows from it.
    """
    sources = {path.stem: path for path in sorted((folder / "cql").glob("*.cql"))}
    stored = {path.stem: path for path in sorted((folder / "library").glob("*.json"))}
    found = [f"{stored[name]}: there is no cql/{name}.cql" for name in stored.keys() - sources.keys()]
    found += [f"{sources[name]}: there is no library/{name}.json" for name in sources.keys() - stored.keys()]
    texts = {name: sources[name].read_bytes() for name in sources.keys() & stored.keys()}
    changed = {name for name, text in texts.items() if _attachment(_read(stored[name]), CQL) != text}
    found += [f"{sources[name]}: differs from the CQL in library/{name}.json" for name in changed]
    if translator is not None and not found:
        for path, text in _built(folder, translator).items():
            if path.read_text("utf-8") != text:
                found.append(f"{path}: differs from what cql/{path.stem}.cql compiles to")
    return tuple(sorted(found))


def translate(folder: Path, translator: Path) -> dict[str, Any]:
    """ELM of every *.cql in a folder: library name -> {"library": ...}. Raises BuildError with the errors."""
    with tempfile.TemporaryDirectory() as out:
        command = [str(translator), "--folder", str(folder), "--out", out]
        try:
            # the command is the guideline author's own tool; no shell, no input from elsewhere
            done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
        except OSError as error:
            raise BuildError(f"{translator}: {error.strerror}") from error
        if done.returncode != 0:
            raise BuildError(done.stderr.strip() or f"{translator}: ended with {done.returncode}")
        return {path.stem: _without_ids(_read(path)) for path in sorted(Path(out).glob("*.json"))}


def _built(folder: Path, translator: Path) -> dict[Path, str]:
    siblings = list(_other_resources(folder))
    base = _base(folder, siblings)
    compiled = translate(folder / "cql", translator)
    versions = {each["url"]: each["version"] for each in siblings if "url" in each and "version" in each}
    libraries = {name: _pinned(elm["library"], versions) for name, elm in compiled.items()}
    shared = {key: siblings[0][key] for key in SHARED_METADATA if key in siblings[0]}
    texts = {}
    for name, elm in compiled.items():
        if "version" not in elm["library"]["identifier"]:
            raise BuildError(f"{folder / 'cql' / name}.cql:1:1 library {name} has no version")
        path = folder / "library" / f"{name}.json"
        source = (folder / "cql" / f"{name}.cql").read_bytes()
        kept = _read(path) if path.exists() else {**shared, **_first_metadata(name, source.decode())}
        library = _library(kept, name, base, libraries, {CQL: source, ELM: _dump(elm).encode()})
        texts[path] = json.dumps(library, indent=2, ensure_ascii=False) + "\n"
    return texts


def _library(
    kept: Mapping[str, Any], name: str, base: str, libraries: Libraries, content: Mapping[str, bytes]
) -> dict[str, Any]:
    elm = libraries[name]
    citations = [each for each in kept.get("relatedArtifact", ()) if each["type"] != "depends-on"]
    derived = {
        "resourceType": "Library",
        "id": name,
        "url": f"{base}/Library/{name}",
        "version": elm["identifier"]["version"],
        "name": name,
        "type": {
            "coding": [
                {"system": "http://terminology.hl7.org/CodeSystem/library-type", "code": "logic-library"}
            ]
        },
        "relatedArtifact": citations + depends_on(elm, base),
        "parameter": parameters(elm),
        "dataRequirement": data_requirements(name, libraries),
        "content": [
            {"contentType": kind, "data": base64.b64encode(data).decode()} for kind, data in content.items()
        ],
    }
    # FHIR has no empty arrays
    merged = {key: value for key, value in {**kept, **derived}.items() if value != []}
    return {key: merged[key] for key in sorted(merged, key=_position)}


def _position(key: str) -> int:
    return ORDER.index(key) if key in ORDER else len(ORDER)


def _first_metadata(name: str, cql: str) -> dict[str, str]:
    """Title and description of a library seen for the first time; the description is its leading comment."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    comment = re.match(r"\s*(?:/\*(.*?)\*/|((?:[ \t]*//[^\n]*\n)+))", cql, re.DOTALL)
    lines = re.split(r"\n[ \t]*(?://|\*)?", comment[1] or comment[2]) if comment else []
    text = " ".join(line.strip(" \t/*") for line in lines)
    return {"title": words, "description": " ".join(text.split()) or words}


def _other_resources(folder: Path) -> Iterator[dict[str, Any]]:
    for kind in ("plandefinition", "activitydefinition", "codesystem", "valueset", "library"):
        for path in sorted((folder / kind).glob("*.json")):
            yield _read(path)


def _pinned(elm: Mapping[str, Any], versions: Mapping[str, str]) -> Mapping[str, Any]:
    """The library with the versions of the guideline's own value sets, which CQL may leave out."""
    value_sets = [
        {"version": versions[each["id"]], **each} if each["id"] in versions else each
        for each in definitions(elm, "valueSets")
    ]
    return {**elm, "valueSets": {"def": value_sets}} if value_sets else elm


def _base(folder: Path, resources: list[dict[str, Any]]) -> str:
    """The canonical base that the guideline's resources share: url = base/Type/id."""
    for resource in resources:
        url, tail = str(resource.get("url", "")), f"/{resource.get('resourceType')}/{resource.get('id')}"
        if url.endswith(tail):
            return url.removesuffix(tail)
    raise BuildError(f"{folder}: no resource with a url of the form <base>/<Type>/<id> to take the base from")


def _read(path: Path) -> dict[str, Any]:
    try:
        resource = json.loads(path.read_bytes())
    except ValueError as error:
        raise BuildError(f"{path}: not JSON: {error}") from error
    if not isinstance(resource, dict):
        raise BuildError(f"{path}: not a JSON object")
    return resource


def _attachment(library: Mapping[str, Any], kind: str) -> bytes | None:
    for content in library.get("content", ()):
        if content.get("contentType") == kind:
            try:
                return base64.b64decode(content.get("data", ""), validate=True)
            except binascii.Error:
                return None
    return None


def _without_ids(node: Any) -> Any:
    """ELM without localId: they number the nodes for annotations, which are not written."""
    if isinstance(node, dict):
        return {key: _without_ids(value) for key, value in node.items() if key != "localId"}
    return [_without_ids(each) for each in node] if isinstance(node, list) else node


def _dump(elm: Mapping[str, Any]) -> str:
    return json.dumps(elm, ensure_ascii=False, separators=(",", ":"))
