"""Dates, shapes and the schema files."""

from __future__ import annotations

import pytest

from service.patient.shapes import SHAPED_TYPES, problem, tidy
from service.patient.soundness import is_date_time


@pytest.mark.parametrize(
    "text",
    [
        "2026",
        "2026-02",
        "2024-02-29",
        "2026-02-28T11:05:00.250+02:00",
        "2026-02-28T11:05:00Z",
        "2026-02-28T11:05",
        "2026-02-28T23:59:60Z",
    ],
)
def test_dates_that_exist(text: str) -> None:
    assert is_date_time(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "26",
        "2026-13",
        "2026-02-29",
        "2026-2-3",
        "0000",
        "2026-02-28T24:00:00Z",
        "2026-02-28T10:61",
        "2026-01-01T",
        "2026-01-01 10:00:00",
        "2026-01-01T10:00:00+25:00",
        "2026-01-01T10:00:61Z",
        "x2026",
        "2026-01-01\n",
    ],
)
def test_dates_that_do_not(text: str) -> None:
    assert not is_date_time(text)


def test_every_shape_accepts_a_bare_resource_and_unknown_members() -> None:
    assert "Condition" in SHAPED_TYPES
    for name in SHAPED_TYPES:
        resource = {"resourceType": name, "unknownMember": [1, {"a": "b"}]}
        assert tidy(resource) is resource
        assert problem(resource) is None


def test_a_type_without_a_shape_passes() -> None:
    assert problem(tidy({"resourceType": "Basic", "code": 5})) is None


def test_the_path_of_a_fault_is_named_without_its_value() -> None:
    fault = {"resourceType": "Observation", "component": [{"valueQuantity": {"value": "secret"}}]}
    assert problem(fault) == "malformed: component.0.valueQuantity.value"
