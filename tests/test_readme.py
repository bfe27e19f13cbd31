"""What the README shows is what the service answers."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from service.app import create_app

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
EXAMPLE = re.compile(r"curl -s http://127\.0\.0\.1:8000(\S+) .*?-d @(\S+)", re.DOTALL)


@pytest.fixture(scope="module")
def client() -> FlaskClient:
    return create_app().test_client()


def post(client: FlaskClient, path: str, file: str) -> Any:
    body = (ROOT / file).read_text(encoding="utf-8")
    response = client.post(path, data=body, content_type="application/json")
    assert response.status_code == 200
    return response.get_json()


def lacks(shown: Any, real: Any, where: str = "$") -> list[str]:
    """Where `real` does not hold what `shown` does; objects and lists may hold more than is shown."""
    if isinstance(shown, dict):
        missing = [f"{where}.{name}" for name in shown if name not in real]
        return missing + [
            p for name in shown if name in real for p in lacks(shown[name], real[name], f"{where}.{name}")
        ]
    if isinstance(shown, list):
        if len(shown) > len(real):
            return [where]
        return [p for i, item in enumerate(shown) for p in lacks(item, real[i], f"{where}[{i}]")]
    return [] if shown == real else [f"{where}: {real!r}"]


def test_the_answer_shown_is_the_answer_given(client: FlaskClient) -> None:
    path, file = EXAMPLE.findall(README)[0]
    block = re.search(r"```json\n(.*?)```", README, re.DOTALL)
    assert block is not None
    assert lacks(json.loads(block[1]), post(client, path, file)) == []


def test_a_mutation_that_the_drug_reaches_gets_no_card(client: FlaskClient) -> None:
    path, _ = EXAMPLE.findall(README)[0]
    assert post(client, path, "docs/examples/imatinib-for-kit-exon-11.json") == {"cards": []}


@pytest.mark.parametrize("page", [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))], ids=str)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)", page.read_text(encoding="utf-8"))
    assert [t for t in targets if not (page.parent / t).exists()] == []
