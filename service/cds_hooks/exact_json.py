"""JSON in and out without loss: numbers keep their digits, and what is no JSON is refused."""

from __future__ import annotations

import json
import re
import secrets
from decimal import Decimal
from functools import partial
from typing import Any, Final

import msgspec
from flask.json.provider import JSONProvider

from service.errors import InvalidRequest
from service.patient import RepeatedKeys

_TOKEN = secrets.token_hex(16)  # no text that a client sends can look like a number on its way out
_NUMBER = re.compile(f'"{_TOKEN}([^"]*)"')


def loads(body: bytes | str) -> Any:
    """The JSON value in `body`; fractions become Decimal, so that 1.10 stays 1.10.

    Objects in which a key stands twice become RepeatedKeys, and so does a FHIR resource that holds one: the
    reader decides what that spoils. Raises InvalidRequest for anything that is not JSON in UTF-8, NaN and
    Infinity included.
    """
    if isinstance(body, bytes) and (found := _plain(body)) is not _NOT_PLAIN:
        return found
    try:
        text = body.decode("utf-8-sig") if isinstance(body, bytes) else body
    except UnicodeDecodeError:
        raise InvalidRequest("The body is not UTF-8. Send JSON in UTF-8.") from None
    repeated: list[RepeatedKeys] = []
    try:
        hook = partial(_object, repeated)
        value = json.loads(text, parse_float=Decimal, parse_constant=_refuse, object_pairs_hook=hook)
        return _spoiled(value)[0] if repeated else value
    except RecursionError:
        raise InvalidRequest("The body is nested too deeply. Send fewer levels.") from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise InvalidRequest(
            f"The body is not valid JSON ({where}). Send a CDS Hooks request as JSON."
        ) from None
    except ValueError:  # an integer of thousands of digits
        raise InvalidRequest("The body holds a number that is out of range.") from None


_NOT_PLAIN: Final = object()
_DECODER: Final = msgspec.json.Decoder(float_hook=Decimal)
_ENCODER: Final = msgspec.json.Encoder(decimal_format="number")


def _plain(body: bytes) -> Any:
    """The value of JSON in which no key stands twice, in half the time; _NOT_PLAIN where that is not certain.

    This decoder keeps the last of two members with one key. What is the same when written anew has lost
    none; most clients write as tersely as we do. Else: each key has its colon, and a colon in a text is one
    again when written anew, so that with a member lost there are fewer.
    """
    try:
        value = _DECODER.decode(body)
        anew = _ENCODER.encode(value)
        if anew == body:
            return value
        is_literal = b"\\" not in body or b"\\u00" not in body
        if is_literal and anew.count(b":") == body.count(b":"):
            return value
    except (msgspec.MsgspecError, ValueError, RecursionError):
        pass  # the exact way says what is wrong, and where
    return _NOT_PLAIN


def dumps(value: Any, **options: Any) -> str:
    """`value` as JSON; Decimals are written digit by digit. Raises ValueError for NaN and Infinity."""
    text = json.dumps(value, default=_mark, allow_nan=False, **options)
    return _NUMBER.sub(r"\1", text)


def _mark(value: Any) -> str:
    if isinstance(value, Decimal):
        if not value.is_finite():
            raise ValueError("a number that is none cannot be written as JSON")
        return f"{_TOKEN}{value}"
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")


def _refuse(constant: str) -> Any:
    raise InvalidRequest(f"The body holds {constant}, which is not JSON. Leave the number out.")


def _object(repeated: list[RepeatedKeys], pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) == len(pairs):
        return members
    repeated.append(RepeatedKeys(members))
    return repeated[-1]


def _spoiled(value: Any) -> tuple[Any, bool]:
    """`value`, its resources RepeatedKeys where they hold some, and whether it holds some.

    A Bundle is not spoiled by what it holds.
    """
    if isinstance(value, list):
        items = [_spoiled(each) for each in value]
        return [item for item, _ in items], any(holds for _, holds in items)
    if not isinstance(value, dict):
        return value, False
    members = {name: _spoiled(child) for name, child in value.items()}
    holds = isinstance(value, RepeatedKeys) or any(holds for _, holds in members.values())
    is_resource = value.get("resourceType") not in (None, "Bundle")
    kind = RepeatedKeys if holds and is_resource else type(value)
    return kind({name: member for name, (member, _) in members.items()}), holds


class ExactJSONProvider(JSONProvider):
    """Flask's JSON, exact. Members stay in the order in which they were put (prefetch keys depend on it)."""

    def dumps(self, obj: Any, **kwargs: Any) -> str:
        """See `dumps`."""
        return dumps(obj, **kwargs)

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        """See `loads`; takes no options."""
        return loads(s)
