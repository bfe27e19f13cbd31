"""docs/reference/fhir-api.md: every call it shows is answered."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.fhir_api.asking import client, get

PAGE = (Path(__file__).parent.parent.parent / "docs" / "reference" / "fhir-api.md").read_text(
    encoding="utf-8"
)
CALLS = re.findall(r"^\| `(GET|POST) (/fhir/\S+)`", PAGE, re.MULTILINE)


def test_there_are_calls() -> None:
    assert len(CALLS) > 10


@pytest.mark.parametrize("path", [path for method, path in CALLS if method == "GET" and "{" not in path])
def test_what_the_page_shows_is_answered(path: str) -> None:
    assert client().get(path).status_code == 200


@pytest.mark.parametrize("path", [path for method, path in CALLS if method == "POST"])
def test_what_the_page_says_may_be_posted_may_be(path: str) -> None:
    # Without a body: refused for its kind, not for the method or the address.
    assert client().post(path.replace("{id}", "drug-imatinib")).status_code == 415


def test_the_page_names_every_type_and_search_parameter() -> None:
    for row in get("metadata")["rest"][0]["resource"]:
        assert row["type"] in PAGE
        for parameter in row["searchParam"]:
            assert f"`{parameter['name']}`" in PAGE
        for operation in row.get("operation", ()):
            assert f"${operation['name']}`" in PAGE or f"${operation['name']}?" in PAGE
