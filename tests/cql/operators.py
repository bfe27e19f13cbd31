"""Shorthands for the operator tests: an operator by node type, and values from their text."""

from decimal import Decimal
from typing import Any

from service.cql.operators import operator_for
from service.cql.types import Date, DateTime, Interval, Quantity, Time


def apply(node_type: str, *operands: Any, **fields: Any) -> Any:
    """The value of an ELM node of that type and fields on evaluated operands."""
    function = operator_for({"type": node_type, **fields})
    assert function is not None, node_type
    return function(*operands)


def d(text: str) -> Decimal:
    """A Decimal."""
    return Decimal(text)


def q(value: str, unit: str = "1") -> Quantity:
    """A Quantity."""
    return Quantity(Decimal(value), unit)


def t(text: str) -> Any:
    """A Time of 'T10:30', a DateTime of '2012-03T' or '2012-03-10T10', a Date of '2012-03'."""
    if text.startswith("T"):
        return Time.parse(text)
    return DateTime.parse(text) if "T" in text else Date.parse(text)


def closed(low: Any, high: Any, point_type: str | None = None) -> Interval:
    """The interval [low, high]."""
    return Interval(low, high, True, True, point_type)
