"""Every setting of the service. Each is an environment variable, `SARCOMA_CDS_` and the name in capitals.

`python -m service.settings` writes the page docs/reference/settings.md.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

_PREFIX = "SARCOMA_CDS_"


def _content_dir() -> Path:
    """The guideline beside the package, as in the repository; else `plandefinitions` where we start."""
    beside = Path(__file__).resolve().parent.parent / "plandefinitions"
    return beside if beside.is_dir() else Path("plandefinitions")


class Settings(BaseSettings):
    """What an operator may decide. The field descriptions are the documentation."""

    model_config = SettingsConfigDict(env_prefix=_PREFIX, extra="ignore", frozen=True)

    content_dir: Path = Field(
        default_factory=_content_dir,
        description="Folder of the guideline. The default is `plandefinitions` beside the package, or in the "
        "working directory. Content that does not check out stops the start.",
    )
    max_body_bytes: int = Field(
        default=5_000_000,
        gt=0,
        description="Largest request body in bytes, chunked or not; a larger one is answered with 413.",
    )
    max_cards: int = Field(
        default=5,
        ge=1,
        le=50,
        description="Most cards in one answer. When there are more, the last one stands for all the rest.",
    )
    default_country: str | None = Field(
        default=None,
        pattern=r"^[A-Z]{2}$",
        description="ISO 3166 code of the country of care when the patient's address names none. It reaches "
        "the guideline's logic as the parameter `country`.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least severe log line that is written. No level logs patient data."
    )


def reference_page() -> str:
    """The settings as a Markdown page."""
    lines = [
        "# Settings",
        "",
        "Environment variables, read when the service starts. A value that does not fit stops the start.",
        "Server options (address, processes, threads) are described in `deploy/gunicorn.conf.py`.",
        "",
        "| variable | type | default | meaning |",
        "|---|---|---|---|",
    ]
    properties = Settings.model_json_schema()["properties"]
    for name, field in Settings.model_fields.items():
        schema = properties[name]
        kinds = schema.get("enum") or [
            part["type"] for part in schema.get("anyOf", [schema]) if part["type"] != "null"
        ]
        default = (
            "see meaning" if field.default_factory else json.dumps(field.default) if field.default else "none"
        )
        kind = " or ".join(f"`{k}`" if "enum" in schema else k for k in kinds)
        lines.append(f"| `{_PREFIX}{name.upper()}` | {kind} | {default} | {field.description or ''} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(reference_page())
