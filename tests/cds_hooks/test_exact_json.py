"""JSON in and out: every digit stays, and what is ambiguous is seen, however it is written."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.cds_hooks.exact_json import dumps, loads
from service.errors import InvalidRequest
from service.patient import RepeatedKeys

_texts = st.one_of(st.text(max_size=4), st.sampled_from(['":', '" :', "a:b", "\\u003a", "\u2028", "\\"]))
_values = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.decimals(allow_nan=False, allow_infinity=False), _texts
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_texts, inner, max_size=4)),
    max_leaves=10,
)
_layouts = st.sampled_from([{}, {"indent": 2}, {"separators": (",", ":")}, {"separators": (" , ", " \n: ")}])


@given(_values, _layouts, st.booleans())
def test_what_is_read_is_what_was_written(value: Any, layout: dict[str, Any], ascii_only: bool) -> None:
    body = dumps(value, ensure_ascii=ascii_only, **layout).encode("utf-8", "surrogatepass")
    assert str(loads(body)) == str(_read_plainly(body))


def _read_plainly(body: bytes) -> Any:
    return json.loads(body.decode("utf-8", "surrogatepass"), parse_float=Decimal)


@given(st.dictionaries(_texts, _values, min_size=1, max_size=4), _layouts, st.data())
def test_a_key_that_stands_twice_is_seen(
    value: dict[str, Any], layout: dict[str, Any], data: st.DataObject
) -> None:
    key = data.draw(st.sampled_from(sorted(value)))
    again = dumps({key: data.draw(_values)}, **layout)[1:]
    inner = dumps(value, **layout)[:-1] + "," + again
    outer = loads(f'{{"a": 1, "list": [{inner}]}}'.encode())
    assert type(outer) is dict
    assert isinstance(outer["list"][0], RepeatedKeys)


@pytest.mark.parametrize(
    "body",
    [
        '{"b": "\\u003a", "a":1,"a":1}',
        '{"b": "\\u003A", "a":1,"a":1}',
        '{"a"\n:1,"a" :1}',
        '{"a":1,"\\u0061":1}',
        '{"a":":","a":""}',
        '{"a":{"b":1},"a":{"b":1,"c":1}}',
    ],
)
def test_a_key_that_stands_twice_is_seen_however_it_is_written(body: str) -> None:
    assert isinstance(loads(body.encode()), RepeatedKeys)


def test_a_resource_is_spoiled_by_what_it_holds_and_a_bundle_is_not() -> None:
    inner = '{"resourceType": "Medication", "code": [{"text": "a", "text": "b"}]}'
    outer = f'{{"resourceType": "MedicationRequest", "contained": [{inner}]}}'
    sound = '{"resourceType": "Patient"}'
    bundle = loads(
        f'{{"resourceType": "Bundle", "entry": [{{"resource": {outer}}}, {{"resource": {sound}}}]}}'
    )
    spoiled, other = (row["resource"] for row in bundle["entry"])
    assert type(bundle) is type(bundle["entry"][0]) is type(other) is dict
    assert type(spoiled) is type(spoiled["contained"][0]) is RepeatedKeys


@pytest.mark.parametrize("number", ["1.10", "1e400", "0.1", "123456789012345678901234567890", "-0.0", "1E-7"])
def test_numbers_keep_their_digits(number: str) -> None:
    found = loads(number.encode())
    assert Decimal(str(found)) == Decimal(number)
    assert type(found) is (Decimal if set(number) & set(".eE") else int)


@pytest.mark.parametrize(
    "body",
    [
        b"NaN",
        b'{"a": Infinity}',
        b"[1,]",
        b'"a\nb"',
        b'"\xff"',
        b"1" * 5000,
        b"[" * 200_000,
        b"",
        b"{'a': 1}",
    ],
)
def test_what_is_no_json_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        loads(body)
