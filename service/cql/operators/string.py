"""Strings (CQL 1.5, appendix B, String operators). Positions count from 0; null in, null out."""

import re
from functools import lru_cache
from typing import Any

from ..errors import EvaluationError
from ..limits import spend
from .registry import Node, Operator, bound_operator, operator

_CHARACTERS_A_STEP = 16


@operator("Concatenate")
def concatenate(*parts: str | None) -> str | None:
    """The parts joined; null when one is."""
    given = [part for part in parts if part is not None]
    if len(given) != len(parts):
        return None
    joined = "".join(given)
    spend(len(joined) // _CHARACTERS_A_STEP)
    return joined


@bound_operator("Combine")
def _bind_combine(node: Node) -> Operator:
    separated = node.get("separator") is not None

    def combine(source: list[str | None] | None, separator: str | None = None) -> str | None:
        if source is None or (separated and separator is None):
            return None
        given = [part for part in source if part is not None]
        if not given:
            return None
        spend(sum(map(len, given)) // _CHARACTERS_A_STEP)
        return (separator or "").join(given)

    return combine


@operator("Split")
def split(text: str | None, separator: str | None) -> list[str] | None:
    """The pieces between separators; the whole text when there is no separator."""
    if text is None:
        return None
    return text.split(separator) if separator else [text]


@operator("SplitOnMatches")
def split_on_matches(text: str | None, pattern: str | None) -> list[str] | None:
    """The pieces between matches of a pattern."""
    if text is None:
        return None
    return [text] if pattern is None else [piece or "" for piece in re.split(_compiled(pattern), text)]


@operator("Upper")
def upper(text: str | None) -> str | None:
    """In capitals."""
    return None if text is None else text.upper()


@operator("Lower")
def lower(text: str | None) -> str | None:
    """In small letters."""
    return None if text is None else text.lower()


@operator("StartsWith")
def starts_with(text: str | None, prefix: str | None) -> bool | None:
    """Whether the text begins with the prefix."""
    return None if text is None or prefix is None else text.startswith(prefix)


@operator("EndsWith")
def ends_with(text: str | None, suffix: str | None) -> bool | None:
    """Whether the text ends with the suffix."""
    return None if text is None or suffix is None else text.endswith(suffix)


@operator("PositionOf")
def position_of(pattern: str | None, text: str | None) -> int | None:
    """Where the pattern first occurs, -1 when it does not."""
    return None if pattern is None or text is None else text.find(pattern)


@operator("LastPositionOf")
def last_position_of(pattern: str | None, text: str | None) -> int | None:
    """Where the pattern last occurs, -1 when it does not."""
    return None if pattern is None or text is None else text.rfind(pattern)


@operator("Substring")
def substring(text: str | None, start: int | None, length: int | None = None) -> str | None:
    """The text from a position on, for a length; null when the position is outside the text."""
    if text is None or start is None or start < 0 or start >= max(len(text), 1):
        return None
    return text[start:] if length is None else text[start : start + max(length, 0)]


@operator("Matches")
def matches(text: str | None, pattern: str | None) -> bool | None:
    """Whether the whole text matches the regular expression."""
    return None if text is None or pattern is None else _compiled(pattern).fullmatch(text) is not None


@operator("ReplaceMatches")
def replace_matches(text: str | None, pattern: str | None, substitution: str | None) -> str | None:
    """Every match replaced; $1 stands for a group, \\$ for a dollar."""
    if text is None or pattern is None or substitution is None:
        return None
    return _compiled(pattern).sub(_template(substitution), text)


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern, re.ASCII | re.DOTALL)
    except re.error as error:
        raise EvaluationError("not a regular expression") from error


@lru_cache(maxsize=256)
def _template(substitution: str) -> Any:
    pieces: list[Any] = []
    for literal, group, other in re.findall(r"\\(.)|\$(\d+)|([^\\$]+|.)", substitution, re.DOTALL):
        pieces.append(int(group) if group else literal or other)

    def expand(match: re.Match[str]) -> str:
        return "".join((match[piece] or "") if isinstance(piece, int) else piece for piece in pieces)

    return expand
