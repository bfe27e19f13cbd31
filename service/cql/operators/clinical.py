"""Terminology membership, ages and messages (CQL 1.5, appendix B, Clinical operators, Errors)."""

from collections.abc import Iterable
from typing import Any

from ..errors import EvaluationError
from ..types import Code, CodeSystemRef, Concept, ValueSetRef
from .convert import to_date
from .datetime import duration_between
from .registry import operator, with_precision


def _codes(value: Any) -> Iterable[Any]:
    """The Codes (or bare code texts) that a value holds."""
    if value is None:
        return ()
    if isinstance(value, Concept):
        return value.codes
    if isinstance(value, (list, tuple)):
        return [code for each in value for code in _codes(each)]
    return (value,)


@operator("InValueSet", "AnyInValueSet")
def in_value_set(codes: Any, value_set: ValueSetRef | None) -> bool | None:
    """Whether a code (text, Code, Concept, or one of a list) is in the value set; a text by code alone."""
    if value_set is None:
        return None
    return any(_is_member(code, value_set) for code in _codes(codes))


def _is_member(code: Any, value_set: ValueSetRef) -> bool:
    if isinstance(code, Code):
        return (code.system, code.code) in value_set.codes
    return any(member == code for _system, member in value_set.codes)


@operator("InCodeSystem", "AnyInCodeSystem")
def in_code_system(codes: Any, code_system: CodeSystemRef | None) -> bool | None:
    """Whether a Code names that code system; what codes it has is not known here."""
    if code_system is None:
        return None
    return any(isinstance(code, Code) and code.system == code_system.id for code in _codes(codes))


@operator("ExpandValueSet")
def expand_value_set(value_set: ValueSetRef | None) -> list[Code] | None:
    """The codes of a value set, in order of system and code."""
    return None if value_set is None else [Code(code, system) for system, code in sorted(value_set.codes)]


@with_precision("CalculateAgeAt")
def calculate_age_at(birth: Any, as_of: Any, precision: str | None) -> Any:
    """Age in whole units on a day; by the date alone down to days, by the moment below."""
    if birth is None or as_of is None:
        return None
    if precision in (None, "year", "month", "week", "day"):
        birth, as_of = to_date(birth), to_date(as_of)
    return duration_between(birth, as_of, precision or "year")


@operator("Message")
def message(
    source: Any, condition: bool | None, code: str | None, severity: str | None, _text: str | None = None
) -> Any:
    """The source; EvaluationError when the condition holds and the severity is Error."""
    if condition and severity == "Error":
        raise EvaluationError(f"message of severity Error, code {code}")  # the text may tell of the patient
    return source
