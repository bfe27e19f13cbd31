"""Every service, hook, prefetch key and topic is documented."""

from __future__ import annotations

from tests.cases.service import ehr, guideline
from tests.reference.services import PAGE, page, topics


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(guideline()), "run: make docs"


def test_what_discovery_offers_is_documented() -> None:
    text = PAGE.read_text(encoding="utf-8")
    services = ehr().client.get("/cds-services").get_json()["services"]
    named = {name for one in services for name in (one["id"], one["hook"], *one["prefetch"])}
    assert len(services) == 3
    assert not [name for name in sorted(named) if f"`{name}`" not in text]


def test_every_topic_of_the_code_systems_is_a_topic_of_a_card() -> None:
    known = {(topic.system, topic.code) for topic in topics(guideline())}
    systems = {system for system, _ in known}
    idle = [
        f"{system.id}: {concept['code']}"
        for system in guideline().content.of_type("CodeSystem")
        if system.url in systems
        for concept in system.body["concept"]
        if (system.url, concept["code"]) not in known
    ]
    assert not idle, f"no card is about {idle}"
