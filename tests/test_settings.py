"""Every setting is documented, and a value that does not fit is refused."""

from __future__ import annotations

import json
import runpy
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from pydantic import ValidationError

from service.app import create_app
from service.cli import main
from service.settings import NotConfigured, Settings, reference_page
from tests.cds_hooks.fakes import FakeGuideline, app_with
from tests.test_cli import SERVES

PAGE = Path(__file__).parent.parent / "docs" / "reference" / "settings.md"


def test_the_page_says_what_the_settings_are() -> None:
    assert PAGE.read_text("utf-8") == reference_page(), (
        "run: python -m service.settings > docs/reference/settings.md"
    )


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_every_setting_is_documented(name: str) -> None:
    assert len(Settings.model_fields[name].description or "") > 20
    assert f"`SARCOMA_CDS_{name.upper()}`" in PAGE.read_text("utf-8")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MAX_CARDS", "0"),
        ("MAX_CARDS", "many"),
        ("MAX_BODY_BYTES", "-1"),
        ("LOG_LEVEL", "loud"),
        ("DEFAULT_COUNTRY", "Britain"),
        ("PROFILE", "test"),
        ("PUBLIC_URL", "cds.example.org"),
        ("CORS_ORIGINS", "*"),
        ("CORS_ORIGINS", "https://ehr.example.org/app"),
        ("FHIR_SERVERS", "https://user@fhir.example.org"),
        ("FHIR_SERVERS", "https://0x7f.1"),
        ("FHIR_NETWORKS", "10.0.0.1/8"),
        ("FHIR_CA_FILE", "/nowhere.pem"),
        ("FHIR_DEADLINE_MS", "0"),
        ("AUTHENTICATION", "basic"),
        ("JWT_ISSUERS", "https://ehr.example.org"),
        ("JWT_ISSUERS", '{"https://ehr.example.org": []}'),
        ("JWT_ISSUERS", '{"https://ehr.example.org": "ftp://ehr.example.org/jwks"}'),
        ("JWT_ISSUERS", '{"https://ehr.example.org": "https://ehr.example.org@evil.example/jwks"}'),
        ("JWT_MAX_LIFETIME_S", "86400"),
        ("JWT_REPLAY", "maybe"),
        ("DATABASE_URL", "/var/lib/feedback"),
        ("DATABASE_URL", "mysql://user:password@host/name"),
    ],
)
def test_a_value_that_does_not_fit_is_refused(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"SARCOMA_CDS_{name}", value)
    with pytest.raises(ValidationError):
        Settings()


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SARCOMA_CDS_MAX_CARDS", "3")
    monkeypatch.setenv("SARCOMA_CDS_DEFAULT_COUNTRY", "GB")
    monkeypatch.setenv("SARCOMA_CDS_CONTENT_DIR", str(tmp_path))
    settings = Settings()
    assert (settings.max_cards, settings.default_country, settings.content_dir) == (3, "GB", tmp_path)


def test_lists_are_written_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SARCOMA_CDS_FHIR_SERVERS", "https://A.example.org:443, https://b.example.org:8443/")
    monkeypatch.setenv("SARCOMA_CDS_FHIR_NETWORKS", "10.20.0.0/16,fd00::/8")
    settings = Settings()
    assert list(map(str, settings.fhir_servers)) == ["https://a.example.org", "https://b.example.org:8443"]
    assert list(map(str, settings.fhir_networks)) == ["10.20.0.0/16", "fd00::/8"]


ISSUER = {"https://ehr.example.org": "https://ehr.example.org/jwks.json"}
PRODUCTION: dict[str, Any] = {
    "profile": "production",
    "public_url": "https://cds.example.org",
    "jwt_issuers": ISSUER,
}


def test_development_needs_nothing() -> None:
    Settings().check_start({})


def test_production_starts_when_it_has_what_it_needs() -> None:
    Settings(**PRODUCTION).check_start({})


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"public_url": None}, "PUBLIC_URL"),
        ({"public_url": "http://cds.example.org"}, "PUBLIC_URL"),
        ({"fhir_servers": "https://a.example.org,http://b.example.org"}, "FHIR_SERVERS"),
        ({"jwt_issuers": {}}, "JWT_ISSUERS"),
        ({"jwt_issuers": {"https://a.example.org": "http://a.example.org/jwks"}}, "JWT_ISSUERS"),
        ({"jwt_issuers": {"https://a.example.org": "http://127.0.0.1/jwks"}}, "JWT_ISSUERS"),
        ({"jwt_issuers": {"https://sandbox.cds-hooks.org": "https://a.example.org/"}}, "JWT_SANDBOX"),
        ({"jwt_sandbox": True}, "JWT_SANDBOX"),
        ({"demo": True}, "DEMO"),
    ],
)
def test_production_does_not_start_without_what_it_needs(changes: dict[str, Any], name: str) -> None:
    settings = Settings(**PRODUCTION | changes)
    with pytest.raises(NotConfigured, match=f"SARCOMA_CDS_{name}: ") as raised:
        settings.check_start({})
    assert raised.value.names == (f"SARCOMA_CDS_{name}",)
    with pytest.raises(NotConfigured):
        create_app(settings)


def test_a_misspelt_setting_stops_the_start() -> None:
    with pytest.raises(NotConfigured, match="SARCOMA_CDS_FHIR_SERVER: there is no such setting"):
        Settings().check_start({"SARCOMA_CDS_FHIR_SERVER": "https://a.example.org", "PATH": "/bin"})


@pytest.mark.parametrize(
    "name",
    ["SERVICE_HOST", "SERVICE_PORT", "SERVICE_PORT_HTTP", "PORT", "PORT_8000_TCP", "PORT_8000_TCP_ADDR"],
)
def test_what_kubernetes_sets_for_a_service_of_our_name_does_not(name: str) -> None:
    Settings().check_start({f"SARCOMA_CDS_{name}": "tcp://10.0.0.1:8000", f"SARCOMA_CDS_WEB_{name}": "1"})


def test_the_development_profile_says_loudly_that_it_is_not_for_patients(
    capsys: pytest.CaptureFixture[str],
) -> None:
    app_with(FakeGuideline())
    line = json.loads(capsys.readouterr().err.splitlines()[0])
    assert (line["level"], line["profile"]) == ("warning", "development")
    assert "NOT FOR PATIENTS" in line["warning"]
    app_with(FakeGuideline(), **PRODUCTION)
    assert json.loads(capsys.readouterr().err.splitlines()[0])["level"] == "info"


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"SARCOMA_CDS_PROFILE": "production"}, "SARCOMA_CDS_PUBLIC_URL"),
        ({"SARCOMA_CDS_MAX_CARDS": "many"}, "SARCOMA_CDS_MAX_CARDS"),
        ({"SARCOMA_CDS_MAXCARDS": "3"}, "SARCOMA_CDS_MAXCARDS"),
    ],
)
def test_the_command_says_which_setting_stops_the_start(environment: dict[str, str], said: str) -> None:
    done = CliRunner().invoke(main, ["serve"], env=SERVES | environment)
    assert (done.exit_code, said in done.output) == (2, True)


def test_the_command_does_not_open_the_service_to_others_by_default() -> None:
    command = ["serve", "--host", "0.0.0.0"]  # noqa: S104
    done = CliRunner().invoke(main, command, env=SERVES | {"SARCOMA_CDS_PROFILE": None})
    assert (done.exit_code, "SARCOMA_CDS_PROFILE" in done.output) == (2, True)


@pytest.mark.parametrize(
    ("host", "profile", "starts"),
    [("10.0.0.1", "", False), ("127.0.0.1", "", True), ("10.0.0.1", "production", True)],
)
def test_gunicorn_does_not_open_the_service_to_others_by_default(
    host: str, profile: str, starts: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOST", host)
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))  # else the file sets one, for good
    monkeypatch.delenv("SARCOMA_CDS_PROFILE", raising=False)
    if profile:
        monkeypatch.setenv("SARCOMA_CDS_PROFILE", profile)
    file = str(PAGE.parent.parent.parent / "deploy" / "gunicorn.conf.py")
    if starts:
        assert runpy.run_path(file)["bind"].startswith(host)
    else:
        with pytest.raises(SystemExit, match="SARCOMA_CDS_PROFILE"):
            runpy.run_path(file)
