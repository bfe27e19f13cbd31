"""Every setting is documented, and a value that does not fit is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from service.settings import Settings, reference_page

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
