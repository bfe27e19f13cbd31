"""Cards from applied actions: what they show, and that they are valid whatever the guideline holds."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.cds_hooks.cards import EXTENSION_TOPICS, cards_of
from service.cds_hooks.exact_json import dumps
from service.guideline import AppliedAction, Fact
from tests.cds_hooks.fakes import REASON, action

SCHEMA = jsonschema.Draft7Validator(json.loads((Path(__file__).parent / "response_schema.json").read_text()))
TOPIC = {"code": "topic-1", "system": "urn:topics", "display": "Topic"}
CITATION = {"type": "citation", "display": "The Book, chapter 1", "url": "https://book.example.org/1#a"}
DRAFT = {
    "resourceType": "MedicationRequest",
    "id": "d1",
    "identifier": [{"value": "42"}],
    "authoredOn": "2026-03-12",
    "requester": {"reference": "Practitioner/dr"},
    "category": [{"text": "community"}],
    "medicationCodeableConcept": {"text": "old drug"},
    "dosageInstruction": [{"text": "old dose"}],
    "reasonCode": [{"text": "old reason"}],
}
DRAFTS = {"MedicationRequest/d1": DRAFT}


def make(*actions: AppliedAction, drafts: Any = DRAFTS, most: int = 5) -> list[dict[str, Any]]:
    cards = cards_of(actions, drafts, [REASON], "Guideline 1", most)
    SCHEMA.validate({"cards": cards})
    return cards


def drug(name: str, kind: str = "MedicationRequest", **members: Any) -> AppliedAction:
    return action(title=f"Give {name}", resource={"resourceType": kind, "name": name}, **members)


def created(suggestion: dict[str, Any]) -> list[str]:
    return [a["resource"]["name"] for a in suggestion["actions"] if "resource" in a]


def labels(card: dict[str, Any]) -> list[str]:
    return [s["label"] for s in card["suggestions"]]


def test_a_card_says_what_its_action_says() -> None:
    (card,) = make(
        action(
            title="Consider rest",
            description="Rest **helps**.",
            priority="urgent",
            topic=TOPIC,
            documentation=(CITATION,),
            children=(drug("water"),),
            facts=(
                Fact("Thirst", "8 of 10", "2026-03-01T10:00:00Z", "Observation/o1"),
                Fact("Age", None, None, None),
            ),
        )
    )
    assert card["summary"] == "Consider rest"
    assert card["indicator"] == "warning"
    assert card["source"] == {"label": CITATION["display"], "url": CITATION["url"], "topic": TOPIC}
    assert card["links"] == [{"label": CITATION["display"], "url": CITATION["url"], "type": "absolute"}]
    assert card["overrideReasons"] == [REASON]
    assert card["detail"] == (
        "Rest **helps**.\n\n"
        "**Based on**\n\n- Thirst: 8 of 10 (2026-03-01, Observation/o1)\n- Age: not recorded\n\n"
        "**Source**\n\n- The Book, chapter 1"
    )
    assert card["suggestions"][0]["actions"] == [
        {
            "type": "create",
            "description": "Give water",
            "resource": {"resourceType": "MedicationRequest", "name": "water"},
        }
    ]


@pytest.mark.parametrize(
    ("priority", "indicator"),
    [("routine", "info"), ("urgent", "warning"), ("asap", "warning"), ("stat", "critical"), (None, "info")],
)
def test_priority_becomes_indicator(priority: str | None, indicator: str) -> None:
    assert make(action(title="T", priority=priority))[0]["indicator"] == indicator


def test_a_card_without_anything_is_still_a_card() -> None:
    (card,) = make(action())
    assert set(card) == {"uuid", "summary", "indicator", "source", "overrideReasons"}
    assert card["source"] == {"label": "Guideline 1"}


def test_a_long_title_is_cut_between_words_and_goes_on_in_the_detail() -> None:
    words = " ".join(f"word{n}" for n in range(40))
    (card,) = make(action(title=words))
    head, rest = card["summary"], card["detail"]
    assert len(head) < 140
    assert f"{head.removesuffix('…')} {rest.removeprefix('… ')}" == words
    assert len(make(action(title="x" * 500))[0]["summary"]) == 139


@pytest.mark.parametrize(
    ("behavior", "expected"),
    [("any", "any"), ("one-or-more", "any"), ("at-most-one", "at-most-one"), ("exactly-one", "at-most-one")],
)
def test_a_choice_offers_its_children(behavior: str, expected: str) -> None:
    (card,) = make(action(title="T", selection_behavior=behavior, children=(drug("a"), drug("b"))))
    assert [created(s) for s in card["suggestions"]] == [["a"], ["b"]]
    assert card["selectionBehavior"] == expected


@pytest.mark.parametrize("behavior", [None, "all", "all-or-none"])
def test_what_is_no_choice_is_one_suggestion(behavior: str | None) -> None:
    group = action(title="Pair", children=(drug("a"), action(children=(drug("b"),))))
    (card,) = make(action(title="T", selection_behavior=behavior, children=(group, drug("c"))))
    assert [created(s) for s in card["suggestions"]] == [["a", "b", "c"]]
    assert (labels(card), card["selectionBehavior"]) == (["T"], "any")


def test_choices_in_choices_flatten_and_choices_below_options_multiply() -> None:
    inner = action(selection_behavior="any", children=(drug("a"), drug("b")))
    strategy = action(
        title="Both",
        children=(
            drug("first"),
            action(selection_behavior="exactly-one", children=(drug("x"), drug("y"))),
            action(selection_behavior="at-most-one", children=(drug("p"), drug("q"))),
        ),
    )
    (card,) = make(action(title="T", selection_behavior="at-most-one", children=(inner, strategy)))
    assert [created(s) for s in card["suggestions"]] == [
        ["a"],
        ["b"],
        ["first", "x", "p"],
        ["first", "x", "q"],
        ["first", "y", "p"],
        ["first", "y", "q"],
    ]
    assert labels(card)[2] == "Both: Give x + Give p"


def test_alternatives_that_exclude_each_other_are_never_offered_together() -> None:
    choice = action(selection_behavior="exactly-one", children=(drug("x"), drug("y")))
    (card,) = make(action(title="T", selection_behavior="all", children=(drug("first"), choice)))
    assert [created(s) for s in card["suggestions"]] == [["first", "x"], ["first", "y"]]
    assert card["selectionBehavior"] == "at-most-one"


def test_too_many_combinations_are_cut_and_said_to_be() -> None:
    choices = tuple(
        action(selection_behavior="any", children=tuple(drug(f"{n}{m}") for m in range(5))) for n in range(6)
    )
    (card,) = make(action(title="T", children=choices))
    assert len(card["suggestions"]) == 64
    assert "More combinations" in card["detail"]


def test_options_with_nothing_to_order_are_text() -> None:
    (card,) = make(
        action(
            title="T",
            selection_behavior="any",
            children=(
                action(title="Watch", description="and wait"),
                drug("a"),
                action(children=(action(title="Ask"),)),
            ),
        )
    )
    assert [created(s) for s in card["suggestions"]] == [["a"]]
    assert card["detail"].startswith("**Options in detail**\n\n- **Watch**: and wait\n- Ask")


def test_recommended_at_most_once_when_only_one_may_be_taken() -> None:
    for behavior, expected in (("at-most-one", 1), ("any", 2)):
        children = (drug("a", precheck="yes"), drug("b", precheck="yes"), drug("c", precheck="no"))
        (card,) = make(action(title="T", selection_behavior=behavior, children=children))
        assert sum(s.get("isRecommended", False) for s in card["suggestions"]) == expected


def test_the_prechecked_alternative_decides_which_combination_is_recommended() -> None:
    choice = action(selection_behavior="exactly-one", children=(drug("x"), drug("y", precheck="yes")))
    option = action(title="O", precheck="yes", children=(drug("first"), choice))
    (card,) = make(action(title="T", selection_behavior="any", children=(option,)))
    assert [s.get("isRecommended") for s in card["suggestions"]] == [None, True]


def test_one_draft_replaced_by_one_order_of_its_type_is_an_update() -> None:
    option = drug("new", type="update")
    (card,) = make(
        action(title="T", drafts=("MedicationRequest/d1",), selection_behavior="any", children=(option,))
    )
    (step,) = card["suggestions"][0]["actions"]
    assert step["type"] == "update"
    assert step["resource"] == {
        "resourceType": "MedicationRequest",
        "id": "d1",
        "name": "new",
        "identifier": DRAFT["identifier"],
        "requester": DRAFT["requester"],
        "authoredOn": DRAFT["authoredOn"],
        "category": DRAFT["category"],
    }


def test_other_replacements_create_first_and_delete_after() -> None:
    drafts = DRAFTS | {"ServiceRequest/s1": {"resourceType": "ServiceRequest", "id": "s1"}}
    pair = action(title="Pair", type="update", children=(drug("a"), drug("b")))
    other = drug("c", "ServiceRequest", type="update")
    (card,) = make(
        action(title="T", drafts=tuple(DRAFTS), selection_behavior="any", children=(pair, other)),
        drafts=drafts,
    )
    kinds = [[(a["type"], a.get("resourceId")) for a in s["actions"]] for s in card["suggestions"]]
    gone = ("delete", "MedicationRequest/d1")
    assert kinds == [[("create", None), ("create", None), gone], [("create", None), gone]]
    assert labels(card) == ["Pair", "Give c"]


def test_an_option_replaces_the_drafts_nearest_to_it_and_no_others() -> None:
    drafts = DRAFTS | {"ServiceRequest/s1": {"resourceType": "ServiceRequest", "id": "s1"}}
    remove = action(title="Stop", type="remove", drafts=("ServiceRequest/s1",))
    keep = drug("extra")
    (card,) = make(
        action(title="T", drafts=tuple(drafts), selection_behavior="any", children=(remove, keep)),
        drafts=drafts,
    )
    assert [[a.get("resourceId") for a in s["actions"]] for s in card["suggestions"]] == [
        ["ServiceRequest/s1"],
        [None],
    ]


def test_drafts_that_the_client_did_not_name_are_not_touched() -> None:
    remove = action(title="Stop", type="remove")
    (card,) = make(action(title="T", drafts=("MedicationRequest/ghost",), children=(remove, drug("a"))))
    assert [a["type"] for a in card["suggestions"][0]["actions"]] == ["create"]
    assert "remove it by hand" in card["detail"]


@pytest.mark.parametrize(
    "hostile",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "[click](javascript:alert(1))",
        "![x](http://evil.example/t.png)",
        "https://evil.example",
        "www.evil.example",
        "a\n\n# Heading\n- item",
        "`code` *bold* _it_ | ~~x~~",
        "\u202egnp.exe\u0000\ud800",
    ],
)
def test_patient_data_is_shown_and_does_nothing(hostile: str) -> None:
    (card,) = make(action(title="T", facts=(Fact(hostile, hostile, hostile, hostile),), description="D"))
    detail = card["detail"]
    assert "<" not in detail
    assert "\n\n#" not in detail
    assert not re.search(r"(?<!\\)[\[\]`_|~]", detail)
    assert "://" not in detail
    assert "www." not in detail
    assert "\u202e" not in detail
    json.dumps(card, ensure_ascii=False).encode()


def test_a_fact_is_shortened_and_a_strange_reference_is_not_shown() -> None:
    (card,) = make(action(title="T", facts=(Fact("F", "word " * 100, "soon", "Observation/<b>"),)))
    assert re.fullmatch(r"\*\*Based on\*\*\n\n- F: (word ?){20,24}…", card["detail"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<b>x</b> & 5 < 6", "&lt;b>x&lt;/b> & 5 &lt; 6"),
        ("[site](https://e.org/a) [11][41]", "[site](https://e.org/a) [11\\][41]"),
        ("[x](javascript:alert(1))", "[x\\](javascript:alert(1))"),
        ("[x]: javascript:alert(1)", "[x\\]: javascript:alert(1)"),
        ("- a\n  - b", "- a\n  - b"),
    ],
)
def test_guideline_text_keeps_markdown_and_loses_html_and_strange_links(text: str, expected: str) -> None:
    assert make(action(title="T", description=text))[0]["detail"] == expected


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "ftp://e.org", "//e.org", "book", "", None, 5, "https://a b"]
)
def test_only_web_addresses_become_links(url: Any) -> None:
    (card,) = make(action(title="T", documentation=({"display": "Book", "url": url},)))
    assert "links" not in card
    assert card["source"] == {"label": "Book"}


def test_a_long_detail_is_cut_and_says_so() -> None:
    (card,) = make(action(title="T", description="many words " * 1000))
    assert len(card["detail"]) <= 2500
    assert card["detail"].endswith("(shortened)")


def test_what_a_long_detail_rests_on_is_still_cited() -> None:
    (card,) = make(action(title="T", description="many words " * 1000, documentation=(CITATION,)))
    assert len(card["detail"]) <= 2500
    assert card["detail"].endswith("… (shortened)\n\n**Source**\n\n- The Book, chapter 1")


def test_worst_first_and_otherwise_in_the_guidelines_order() -> None:
    cards = make(
        *(
            action(title=t, priority=p)
            for t, p in [("a", None), ("b", "stat"), ("c", "urgent"), ("d", "stat")]
        )
    )
    assert [card["summary"] for card in cards] == ["b", "d", "c", "a"]


def test_cards_beyond_the_limit_become_one_that_drops_nothing() -> None:
    actions = [
        action(
            title=f"Card {n}",
            description=f"Detail {n}",
            topic={"code": f"t{n}", "system": "urn:t"},
            priority="urgent" if n == 6 else None,
            selection_behavior="at-most-one",
            children=(drug(f"d{n}"), drug(f"e{n}")),
        )
        for n in range(8)
    ]
    cards = make(*actions, most=3)
    assert [card["summary"] for card in cards[:2]] == ["Card 6", "Card 0"]
    last = cards[2]
    assert len(cards) == 3
    assert all(
        f"**Card {n}**" in last["detail"] and f"Detail {n}" in last["detail"] for n in (1, 2, 3, 4, 5, 7)
    )
    assert [t["code"] for t in last["extension"][EXTENSION_TOPICS]] == ["t1", "t2", "t3", "t4", "t5", "t7"]
    assert (len(last["suggestions"]), last["selectionBehavior"], last["indicator"]) == (12, "any", "info")
    assert last["summary"].startswith("6 more: Card 1; Card 2")
    assert len(make(*actions, most=1)) == 1
    assert make(*actions, most=8)[-1]["summary"] == "Card 7"


def test_nothing_empty_is_said_but_in_fhir_resources() -> None:
    resource: dict[str, Any] = {"resourceType": "Task", "note": [], "code": None}
    citation = {"display": "", "url": "", "document": {}}
    (card,) = make(
        action(title="T", description="", topic={}, documentation=(citation,), resource=resource, facts=())
    )
    assert card == {
        "uuid": card["uuid"],
        "summary": "T",
        "indicator": "info",
        "source": {"label": "Guideline 1"},
        "suggestions": [
            {
                "label": "T",
                "uuid": card["suggestions"][0]["uuid"],
                "actions": [{"type": "create", "description": "T", "resource": resource}],
            }
        ],
        "selectionBehavior": "any",
        "overrideReasons": [REASON],
    }


_text = (
    st.none() | st.text(max_size=60) | st.sampled_from(["<b>", "x" * 300, "[a](javascript:x)", " ", "\ud800"])
)
_coding = st.none() | st.dictionaries(st.sampled_from(["code", "system", "display"]), _text)
_reference = st.sampled_from(["MedicationRequest/d1", "ServiceRequest/s1", "Basic/ghost", ""])
_resource = st.none() | st.builds(
    lambda t: {"resourceType": t}, st.sampled_from(["MedicationRequest", "Task"])
)


def _action(children: st.SearchStrategy[Any]) -> st.SearchStrategy[AppliedAction]:
    return st.builds(
        action,
        title=_text,
        description=_text,
        priority=st.sampled_from([None, "routine", "urgent", "asap", "stat", "odd"]),
        topic=_coding,
        documentation=st.lists(
            st.dictionaries(st.sampled_from(["display", "url", "citation", "document"]), _text), max_size=2
        ).map(tuple),
        selection_behavior=st.sampled_from([None, "all", "any", "at-most-one", "exactly-one", "one-or-more"]),
        precheck=st.sampled_from([None, "yes", "no"]),
        type=st.sampled_from([None, "create", "update", "remove"]),
        facts=st.lists(st.builds(Fact, st.text(max_size=9), _text, _text, _text), max_size=2).map(tuple),
        drafts=st.lists(_reference, max_size=2).map(tuple),
        resource=_resource,
        children=children,
    )


_tree = st.recursive(
    _action(st.just(())), lambda inner: _action(st.lists(inner, max_size=3).map(tuple)), max_leaves=6
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(_tree, max_size=5), st.integers(1, 6))
def test_any_applied_tree_gives_a_valid_response(actions: list[AppliedAction], most: int) -> None:
    drafts = DRAFTS | {"ServiceRequest/s1": {"resourceType": "ServiceRequest", "id": "s1"}}
    cards = make(*actions, drafts=drafts, most=most)
    assert len(cards) == min(len(actions), most)
    for card in cards:
        recommended = [s for s in card.get("suggestions", []) if s.get("isRecommended")]
        assert len(recommended) <= 1 or card["selectionBehavior"] == "any"
        ids = [card["uuid"], *(s["uuid"] for s in card.get("suggestions", []))]
        assert len(set(ids)) == len(ids)
    dumps(cards).encode()
