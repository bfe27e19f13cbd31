"""What may be read as it came: the short way gives what the long way gives."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.patient.codes import NotCoded, codes_at, plain_codes
from service.patient.shapes import SHAPED_TYPES, is_sound, problem, tidy

_texts = st.sampled_from(["", "a", "final", "2026-03-01", "http://loinc.org", "718-7", "é", "\ud800"])
_scalars = st.one_of(st.none(), st.booleans(), st.integers(-5, 5), _texts)
_names = st.sampled_from([
    "id", "status", "code", "coding", "system", "display", "text", "value", "valueQuantity", "unit",
    "extension", "url", "component", "subject", "reference", "category", "clinicalStatus", "bodySite",
])  # fmt: skip
_values = st.recursive(
    _scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_names, inner, max_size=4)),
    max_leaves=12,
)


_READABLE: list[dict[str, Any]] = [
    {"status": "final", "code": {"coding": [{"system": "http://loinc.org", "code": "718-7"}], "text": "é"}},
    {"valueQuantity": {"value": Decimal("1.5"), "unit": "cm"}, "effectiveDateTime": "2026-03-01T07:30:00Z"},
    {
        "recordedDate": "2026-03",
        "extension": [{"url": "a", "valueString": "b"}],
        "unknown": {"a": [1, {"b": True}]},
    },
    {"component": [{"code": {"text": "a"}, "valueBoolean": True}], "onsetDateTime": "2026-02-30"},
]


@given(st.sampled_from(sorted(SHAPED_TYPES)), st.dictionaries(_names, _values, max_size=6))
def test_sound_resources_need_no_tidying(resource_type: str, elements: dict[str, Any]) -> None:
    resource = {**elements, "resourceType": resource_type}
    if is_sound(resource):
        assert tidy(resource) is resource
        assert problem(resource) is None


@given(st.sampled_from(["Condition", "Observation"]), st.sampled_from(_READABLE), _names, _values)
def test_what_the_long_way_reads_as_it_came_is_sound(
    resource_type: str, readable: dict[str, Any], name: str, value: Any
) -> None:
    resource = {"resourceType": resource_type, **readable, name: value}
    sound = tidy(resource) is resource and problem(resource) is None and not _has_blanks(resource)
    assert is_sound(resource) == sound


def _has_blanks(value: Any) -> bool:
    """`tidy` leaves alone what no schema names; a null there is not sound all the same."""
    if isinstance(value, dict):
        return not value or any(map(_has_blanks, value.values()))
    return value is None or (isinstance(value, list) and any(map(_has_blanks, value)))


@pytest.mark.parametrize("blank", [None, {}, [None], [{}]])
def test_blanks_are_not_sound(blank: Any) -> None:
    assert not is_sound({"resourceType": "Condition", "code": {"coding": blank}})


@given(_values)
def test_plain_codes_are_the_codes(value: Any) -> None:
    plain = plain_codes(value)
    if plain is not None:
        try:
            assert set(plain) == codes_at({"code": value}, "code")
        except NotCoded:
            pytest.fail("plain, and yet not coded")
