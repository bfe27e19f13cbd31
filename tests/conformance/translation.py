"""ELM of many CQL expressions from the official translator, kept under .cache/ by their content."""

import hashlib
import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
AUTHORING = ROOT / "plandefinitions" / "authoring"
TRANSLATOR = AUTHORING / "cql-to-elm"
CACHE = ROOT / ".cache" / "conformance"
TIMEOUT_SECONDS = 900

Translation = Mapping[str, Any]


class TranslatorMissingError(Exception):
    """The translator, a JDK or Maven is not there and no earlier translation is kept."""


def translate(expressions: Mapping[str, str]) -> dict[str, Translation]:
    """{id: {"elm": ..., "errors": [...]}}; an expression that does not translate has no "elm".

    Raises TranslatorMissingError, and CalledProcessError when the translator itself fails.
    """
    kept = CACHE / f"{_digest(expressions)}.json"
    if not kept.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        _run_translator(expressions, kept)
    answers: dict[str, Translation] = json.loads(kept.read_text("utf-8"))
    return answers


def _digest(expressions: Mapping[str, str]) -> str:
    digest = hashlib.sha256(json.dumps(expressions).encode())
    for source in (AUTHORING / "pom.xml", *sorted(AUTHORING.glob("src/**/*.java"))):
        digest.update(source.read_bytes())
    return digest.hexdigest()[:16]


def _run_translator(expressions: Mapping[str, str], kept: Path) -> None:
    if subprocess.run([TRANSLATOR, "--check"], check=False).returncode != 0:  # noqa: S603
        raise TranslatorMissingError("cql-to-elm is not available (it needs a JDK 17+ and Maven)")
    asked, answered = kept.with_suffix(".in"), kept.with_suffix(".out")
    asked.write_text(json.dumps(expressions), "utf-8")
    subprocess.run(  # noqa: S603
        [TRANSLATOR, "--batch", asked, "--out", answered], check=True, timeout=TIMEOUT_SECONDS
    )
    asked.unlink()
    answered.rename(kept)
