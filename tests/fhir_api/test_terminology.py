"""ValueSet/$expand and $validate-code."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cases.service import NOW, guideline
from tests.fhir_api.asking import get, parameters, post

Json = dict[str, Any]
BASE = guideline().base
VALUE_SET = "drug-imatinib"
URL = f"{BASE}/ValueSet/{VALUE_SET}"
OTHER = {"system": "http://other.example.org", "code": "x"}
(SYSTEM, CODE), DISPLAY = next(iter(guideline().value_sets[URL].items()))


def test_an_expansion_lists_every_code() -> None:
    value_set = get(f"ValueSet/{VALUE_SET}/$expand")
    codes = {(row["system"], row["code"]) for row in value_set["expansion"]["contains"]}
    assert codes == guideline().value_sets[URL].keys()
    assert value_set["expansion"]["timestamp"] == NOW.isoformat(timespec="seconds")
    assert "compose" not in value_set
    assert get(f"ValueSet/$expand?url={URL}") == value_set
    assert post("ValueSet/$expand", parameters(url=URL)) == value_set


def test_part_of_an_expansion() -> None:
    whole = get(f"ValueSet/{VALUE_SET}/$expand")["expansion"]["contains"]
    part = get(f"ValueSet/{VALUE_SET}/$expand?offset=1&count=2")["expansion"]
    assert (part["total"], part["offset"], part["contains"]) == (len(whole), 1, whole[1:3])
    assert {"name": "count", "valueInteger": 2} in part["parameter"]
    (row,) = get(f"ValueSet/{VALUE_SET}/$expand?filter={CODE}")["expansion"]["contains"]
    assert row["code"] == CODE
    assert "contains" not in get(f"ValueSet/{VALUE_SET}/$expand?filter=no-such-thing")["expansion"]
    get(f"ValueSet/{VALUE_SET}/$expand?count=all", 400)


def result(answer: Json) -> bool:
    return next(bool(part["valueBoolean"]) for part in answer["parameter"] if part["name"] == "result")


@pytest.mark.parametrize(
    ("asked", "is_in"),
    [
        (parameters(url=URL, system=SYSTEM, code=CODE), True),
        (parameters(url=URL, system=SYSTEM, code="0"), False),
        (parameters(url=URL, system="http://other.example.org", code=CODE), False),
        (parameters(url=URL, coding={"system": SYSTEM, "code": CODE}), True),
        (
            parameters(
                url=URL, codeableConcept={"coding": [{"code": "x"}, {"system": SYSTEM, "code": CODE}]}
            ),
            True,
        ),
        (parameters(url=URL, codeableConcept={"coding": [OTHER]}), False),
    ],
)
def test_whether_a_code_is_in(asked: Json, is_in: bool) -> None:
    assert result(post("ValueSet/$validate-code", asked)) is is_in


def test_another_display_is_remarked() -> None:
    answer = get(f"ValueSet/{VALUE_SET}/$validate-code?system={SYSTEM}&code={CODE}&display=nonsense")
    told = {part["name"]: part for part in answer["parameter"]}
    assert result(answer)
    assert told["display"]["valueString"] == DISPLAY
    assert "message" in told


def test_what_is_missing_is_said() -> None:
    get(f"ValueSet/{VALUE_SET}/$validate-code", 422)
    get(f"ValueSet/{VALUE_SET}/$validate-code?code={CODE}", 422)
    get("ValueSet/$expand?url=http://other.example.org/ValueSet/x", 404)
