"""Every setting of the service. Each is an environment variable, `SARCOMA_CDS_` and the name in capitals.

`python -m service.settings` writes the page docs/reference/settings.md.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, FilePath, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from service.patient.fhir_server.origin import Origin, read_origin, split_url

_PREFIX = "SARCOMA_CDS_"

_SANDBOX = "https://sandbox.cds-hooks.org"
# Set in every pod for a Service whose name begins like ours: no setting, and not misspelt.
_OF_KUBERNETES = re.compile(r"_(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT(_\d+_(TCP|UDP)(_[A-Z]+)?)?)$")

LOUD = (
    "NOT FOR PATIENTS: the development profile asks nobody who they are and answers any web page. "
    f"Set {_PREFIX}PROFILE=production where patients are treated."
)


class NotConfigured(Exception):
    """Settings are missing, unknown or unfit for the profile: no start. `names` are the variables."""

    def __init__(self, profile: str | None, faults: Mapping[str, str]) -> None:
        lines = "".join(f"\n  {name}: {why}" for name, why in faults.items())
        where = f" in the {profile} profile" if profile else ""
        super().__init__(f"The service does not start{where} with these settings:{lines}")
        self.names = tuple(faults)


def _content_dir() -> Path:
    """The guideline beside the package, as in the repository; else `plandefinitions` where we start."""
    beside = Path(__file__).resolve().parent.parent / "plandefinitions"
    return beside if beside.is_dir() else Path("plandefinitions")


def _listed(value: Any) -> Any:
    return value.replace(",", " ").split() if isinstance(value, str) else value


def _origins(value: Any) -> Any:
    texts = _listed(value)
    return tuple(v if isinstance(v, Origin) else read_origin(v) for v in texts)


def _networks(value: Any) -> Any:
    return tuple(ip_network(v) for v in _listed(value))


def _public_url(value: Any) -> Any:
    if isinstance(value, str):
        split_url(value)
        return value.rstrip("/")
    return value


def _issuers(value: Any) -> Any:
    """Each issuer's key sets, as a tuple of https URLs or paths of files."""
    if isinstance(value, str):
        value = json.loads(value)
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")
    listed = {issuer: (sets,) if isinstance(sets, str) else tuple(sets) for issuer, sets in value.items()}
    for sets in listed.values():
        if not sets:
            raise ValueError("an issuer has no key set")
        for place in sets:
            if not place.startswith("/"):
                split_url(place)
    return listed


def _database(value: Any) -> Any:
    """Refuses what is no URL of a database that we speak with; quotes nothing of it."""
    try:
        kind = make_url(value).get_backend_name()
    except ArgumentError:
        raise ValueError("not the URL of a database") from None
    if kind not in ("sqlite", "postgresql", "postgres"):
        raise ValueError("a database that is neither SQLite nor PostgreSQL")
    return value


_Issuers = Annotated[
    dict[str, tuple[str, ...]], NoDecode, BeforeValidator(_issuers, json_schema_input_type=str)
]
_Origins = Annotated[tuple[Origin, ...], NoDecode, BeforeValidator(_origins, json_schema_input_type=str)]
_Networks = Annotated[
    tuple[IPv4Network | IPv6Network, ...], NoDecode, BeforeValidator(_networks, json_schema_input_type=str)
]


class Settings(BaseSettings):
    """What an operator may decide. The field descriptions are the documentation."""

    model_config = SettingsConfigDict(env_prefix=_PREFIX, extra="ignore", frozen=True)

    profile: Literal["development", "production"] = Field(
        default="development",
        description="`development` asks nobody who they are, answers web pages of any origin and reads FHIR "
        "servers on this machine over http: never for patients. `production` is closed but for what other "
        "settings open, and does not start without what it needs. It must be set when the service listens on "
        "more than this machine.",
    )
    content_dir: Path = Field(
        default_factory=_content_dir,
        description="Folder of the guideline. The default is `plandefinitions` beside the package, or in the "
        "working directory. Content that does not check out stops the start.",
    )
    public_url: Annotated[str, BeforeValidator(_public_url)] | None = Field(
        default=None,
        description="Base URL under which clients reach the service, such as `https://cds.example.org`, "
        "without `/cds-services`. The production profile needs it, with https.",
    )
    cors_origins: _Origins = Field(
        default=(),
        description="Origins whose web pages may call the service from a browser, such as "
        "`https://ehr.example.org`, with commas between. None in production unless listed; the development "
        "profile answers all.",
    )
    fhir_servers: _Origins = Field(
        default=(),
        description="Origins of the FHIR servers from which data that a request lacks may be read, such as "
        "`https://fhir.example.org`, with commas between; compared exactly with the origin of `fhirServer`. "
        "None unless listed; the development profile adds those of this machine.",
    )
    fhir_networks: _Networks = Field(
        default=(),
        description="Private networks in which those servers may stand, such as `10.20.0.0/16`, with commas "
        "between. A server whose name leads to any other address that is not public is not called.",
    )
    fhir_ca_file: FilePath | None = Field(
        default=None,
        description="File (PEM) with the certificate authorities of those servers, beside those that the "
        "machine trusts.",
    )
    fhir_deadline_ms: int = Field(
        default=400,
        ge=10,
        le=10_000,
        description="Milliseconds for all that is read from a FHIR server for one request. What has not come "
        "by then counts as not given.",
    )
    fhir_max_bytes: int = Field(
        default=10_000_000,
        gt=0,
        description="Most bytes, decompressed, that are read from a FHIR server for one request.",
    )
    fhir_max_pages: int = Field(
        default=20, ge=1, le=1000, description="Most pages of one search that are read from a FHIR server."
    )
    fhir_connections: int = Field(
        default=32, ge=1, le=256, description="Most simultaneous connections of a process to FHIR servers."
    )
    authentication: Literal["jwt", "none"] | None = Field(
        default=None,
        description="`jwt`: discovery, calls and feedback need a token of a listed issuer (CDS Hooks "
        '"Trusting CDS Clients"). `none`: nobody is asked; in production only where something in front of '
        "the service asks, such as mutual TLS. Unless set, `jwt` in production and `none` in development.",
    )
    jwt_issuers: _Issuers = Field(
        default={},
        description="Clients that are trusted, as a JSON object: issuer (`iss`, exactly) → its key set, as a "
        "URL, an absolute path of a file, or a list of them. The first counts unless a token's `jku` names "
        'another of it: `{"https://ehr.example.org": "https://ehr.example.org/jwks.json"}`.',
    )
    jwt_ca_file: FilePath | None = Field(
        default=None,
        description="File (PEM) with the certificate authorities of the servers with the key sets, instead "
        "of those that the machine trusts.",
    )
    jwt_leeway_s: int = Field(
        default=30, ge=0, le=300, description="Seconds by which the clocks of clients may differ from ours."
    )
    jwt_max_lifetime_s: int = Field(
        default=600, ge=1, le=3600, description="Longest time in seconds between a token's `iat` and `exp`."
    )
    jwt_replay: Literal["refuse", "allow"] = Field(
        default="refuse",
        description="Whether a token is good for one call only, in all processes. `allow` only for test kits "
        "that send one token many times.",
    )
    jwt_sandbox: bool = Field(
        default=False,
        description="Whether the key of the public CDS Hooks Sandbox is trusted, when its issuer is listed. "
        "Everybody has its private half: in development only.",
    )
    demo: bool | None = Field(
        default=None,
        description="Whether made-up patients are served at `/demo/fhir`, for test tools such as the CDS "
        "Hooks Sandbox. Unless set, yes in development; production does not start with them.",
    )
    database_url: Annotated[str, BeforeValidator(_database)] = Field(
        default="sqlite:///sarcoma-cds.sqlite3",
        description="Database for feedback and used tokens: `sqlite:///` and a path (four slashes for an "
        "absolute one), or `postgresql://user:password@host/name`. Advice never waits for it.",
        repr=False,
    )
    feedback_max_items: int = Field(
        default=1000, ge=1, le=10_000, description="Most reports in the body of one feedback request."
    )
    feedback_comments: bool = Field(
        default=False,
        description="Whether the comments of clinicians are stored. They may name patients: unless set, only "
        "their length is.",
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
    order_sets: Literal["separate", "request-group"] = Field(
        default="separate",
        description="How a suggestion creates several orders, such as the drugs of a regimen: each by "
        "itself, or as one RequestGroup that contains them.",
    )
    default_country: str | None = Field(
        default=None,
        pattern=r"^[A-Z]{2}$",
        description="ISO 3166 code of the country of care when the patient's address names none. It reaches "
        "the guideline's logic as the parameter `country`.",
    )
    metrics: bool | None = Field(
        default=None,
        description="Whether numbers for Prometheus are shown at `/metrics`, to anyone who reaches it: keep "
        "others away in front of the service. No patient is in them. Unless set, yes in development only.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least severe log line that is written. No level logs patient data."
    )

    @classmethod
    def from_environment(cls) -> Settings:
        """The settings. Raises NotConfigured when a value does not fit."""
        try:
            return cls()
        except ValidationError as error:
            faults = {f"{_PREFIX}{str(each['loc'][0]).upper()}": each["msg"] for each in error.errors()}
            raise NotConfigured(None, faults) from None

    @property
    def is_production(self) -> bool:
        """Whether the service may meet patients."""
        return self.profile == "production"

    @property
    def wants_tokens(self) -> bool:
        """Whether clients must show who they are."""
        return (self.authentication or ("jwt" if self.is_production else "none")) == "jwt"

    @property
    def wants_metrics(self) -> bool:
        """Whether /metrics is there."""
        return not self.is_production if self.metrics is None else self.metrics

    @property
    def wants_demo(self) -> bool:
        """Whether /demo/fhir is there."""
        return not self.is_production if self.demo is None else self.demo

    def check_start(self, environment: Mapping[str, str]) -> None:
        """Raises NotConfigured when the service should not start so; `environment` is the process's own."""
        faults = dict(_unknown(environment))
        if self.is_production:
            faults.update(self._lacks())
        if self.wants_tokens:
            faults.update(self._lacks_for_tokens() | faults)
        if faults:
            raise NotConfigured(self.profile, faults)

    def _lacks(self) -> Iterator[tuple[str, str]]:
        """Variable and reason of what production cannot do without, or with."""
        if not (self.public_url or "").startswith("https://"):
            yield f"{_PREFIX}PUBLIC_URL", "needed: the https URL under which clients reach the service"
        if any(origin.scheme != "https" for origin in self.fhir_servers):
            yield f"{_PREFIX}FHIR_SERVERS", "patient data travels over https only"
        if self.demo:
            yield f"{_PREFIX}DEMO", "made-up patients have no place beside real ones"

    def _lacks_for_tokens(self) -> dict[str, str]:
        """Variable and reason of what tokens cannot be judged without, or with."""
        faults = {}
        if self.public_url is None:
            faults[f"{_PREFIX}PUBLIC_URL"] = "needed: tokens name the address that they are for"
        if not self.jwt_issuers:
            faults[f"{_PREFIX}JWT_ISSUERS"] = "needed: the clients that are trusted, and their keys"
        if not all(self._may_hold_keys(place) for places in self.jwt_issuers.values() for place in places):
            faults[f"{_PREFIX}JWT_ISSUERS"] = "keys travel over https only"
        if self.is_production and (self.jwt_sandbox or _SANDBOX in self.jwt_issuers):
            faults[f"{_PREFIX}JWT_SANDBOX"] = "everybody has the private key of the public sandbox"
        return faults

    def _may_hold_keys(self, place: str) -> bool:
        if place.startswith("/"):
            return True
        origin, _ = split_url(place)
        return origin.scheme == "https" or (origin.is_loopback and not self.is_production)


def _unknown(environment: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Variables that look like settings and are none: a misspelt one must not pass for the default."""
    known = {f"{_PREFIX}{name.upper()}" for name in Settings.model_fields}
    for name in sorted(environment):
        if name.upper().startswith(_PREFIX) and name.upper() not in known and not _OF_KUBERNETES.search(name):
            yield name, "there is no such setting"


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
        parts = [part for part in schema.get("anyOf", [schema]) if part["type"] != "null"]
        kinds = [value for part in parts for value in part.get("enum", [part["type"]])]
        default = (
            "see meaning" if field.default_factory else json.dumps(field.default) if field.default else "none"
        )
        kind = " or ".join(f"`{k}`" if "enum" in parts[0] else k for k in kinds)
        lines.append(f"| `{_PREFIX}{name.upper()}` | {kind} | {default} | {field.description or ''} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(reference_page())
