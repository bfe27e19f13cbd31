"""docs/how-to/try-the-sandbox.md and the README's section: what they say to do works."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

from service.settings import Settings
from tests.demo.samples import PATIENTS
from tests.demo.sandbox import ORIGIN, Sandbox
from tests.serving import served

ROOT = Path(__file__).resolve().parents[2]
HOW_TO = (ROOT / "docs" / "how-to" / "try-the-sandbox.md").read_text("utf-8")
README = (ROOT / "README.md").read_text("utf-8")
LINK = re.compile(rf"{re.escape(ORIGIN)}/\?[^\s>)]+")
EXPECTED: dict[str, Any] = yaml.safe_load((Path(__file__).parent / "expected.yaml").read_text("utf-8"))


def test_both_pages_give_the_same_link() -> None:
    assert set(LINK.findall(HOW_TO)) == set(LINK.findall(README))
    assert len(LINK.findall(README)) == 1


def test_the_link_and_what_it_promises(tmp_path: Path) -> None:
    (link,) = LINK.findall(README)
    query = {name: values[0] for name, values in parse_qs(urlsplit(link).query).items()}
    assert (query["hook"], query["screen"]) == ("order-select", "rx-view")
    environment = {"SARCOMA_CDS_DATABASE_URL": f"sqlite:///{tmp_path}/feedback.sqlite3"}
    with served(environment=environment) as service:

        def here(name: str) -> str:
            return str(query[name]).replace("http://127.0.0.1:8000", service.url)

        tab = Sandbox(here("fhirServiceUrl"), here("serviceDiscoveryURL"), lambda address: "a.b.c")
        tab.open(query["patientId"])
        (card,) = tab.select(query["patientId"], "403879", "imatinib 400 MG Oral Tablet")["cards"]
        assert (card["indicator"], card["source"]["topic"]["code"]) == (
            "critical",
            "imatinib-insensitive-genotype",
        )
        # The sandbox takes the first action of a suggestion; then it asks again, and the card is gone.
        action = card["suggestions"][0]["actions"][0]
        assert (action["type"], action["resource"]["id"]) == ("update", "request-123")
        drug = action["resource"]["medicationCodeableConcept"]
        again = tab.select(query["patientId"], drug["coding"][0]["code"], drug["text"])
        assert again["cards"] == []

        path, body = re.findall(r"curl -s http://127\.0\.0\.1:8000(\S+) .*?-d '(.*?)'", HOW_TO, re.DOTALL)[0]
        request = json.loads(body.replace("http://127.0.0.1:8000", service.url))
        answer = service.send("POST", path, request)
        assert answer.status == 200
        assert answer.json()["cards"][0]["source"]["topic"]["code"] == request["context"]["patientId"]


def test_everybody_is_in_the_list_of_patients() -> None:
    rows = dict(re.findall(r"^\| `((?:sts|gist)-[\w-]+)` \| .* \| (.*) \|$", HOW_TO, re.MULTILINE))
    assert sorted(rows) == sorted(PATIENTS)
    for patient, drafted in rows.items():
        expected = EXPECTED[patient]["imatinib"]
        fits = "topics" not in expected
        assert fits == drafted.startswith("no card")
        assert ("critical" in drafted) == ("critical" in expected.get("indicators", {}).values())


@pytest.mark.parametrize("name", sorted(set(re.findall(r"SARCOMA_CDS_(\w+)=", HOW_TO))))
def test_settings_that_the_page_names_are_there(name: str) -> None:
    assert name.lower() in Settings.model_fields
