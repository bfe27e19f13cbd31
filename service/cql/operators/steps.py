"""Ends and neighbours of the ordered types (CQL 1.5, appendix B, Arithmetic operators)."""

from decimal import Decimal
from typing import Any

from ..errors import EvaluationError
from ..types import Date, DateTime, Long, Quantity, Temporal, Time
from ..types.numbers import (
    ARITHMETIC,
    DECIMAL_MAX,
    DECIMAL_MIN,
    DECIMAL_STEP,
    INTEGER_MAX,
    INTEGER_MIN,
    LONG_MAX,
    LONG_MIN,
    is_integer,
)
from ..types.temporal import days_in_month
from .registry import Node, Operator, bound_operator, operator

_MINIMUM = {
    "Integer": INTEGER_MIN,
    "Long": Long(LONG_MIN),
    "Decimal": DECIMAL_MIN,
    "Quantity": Quantity(DECIMAL_MIN),
    "Date": Date(*Date.lowest),
    "DateTime": DateTime(*DateTime.lowest),
    "Time": Time(*Time.lowest),
}
_MAXIMUM = {
    "Integer": INTEGER_MAX,
    "Long": Long(LONG_MAX),
    "Decimal": DECIMAL_MAX,
    "Quantity": Quantity(DECIMAL_MAX),
    "Date": Date(*Date.highest),
    "DateTime": DateTime(*DateTime.highest),
    "Time": Time(*Time.highest),
}


def type_name(value: Any) -> str:
    """The CQL name of a value's point type, such as 'Integer'."""
    return "Integer" if is_integer(value) else type(value).__name__


def minimum(name: str) -> Any:
    """The least value of a type by name; EvaluationError for a type without one."""
    return _end(_MINIMUM, name)


def maximum(name: str) -> Any:
    """The greatest value of a type by name; EvaluationError for a type without one."""
    return _end(_MAXIMUM, name)


def _end(ends: dict[str, Any], name: str) -> Any:
    if name not in ends:
        raise EvaluationError(f"type {name} has no minimum or maximum")
    return ends[name]


def minimum_like(value: Any) -> Any:
    """The least value of the type (and unit, offset) of ``value``."""
    return _like(minimum(type_name(value)), value)


def maximum_like(value: Any) -> Any:
    """The greatest value of the type (and unit, offset) of ``value``."""
    return _like(maximum(type_name(value)), value)


def _like(end: Any, value: Any) -> Any:
    if isinstance(value, Quantity):
        return Quantity(end.value, value.unit)
    return value.with_parts(end.parts) if isinstance(value, DateTime) else end


@bound_operator("MinValue")
def _bind_minimum(node: Node) -> Operator:
    value = minimum(str(node.get("valueType", "")).rpartition("}")[2])
    return lambda: value


@bound_operator("MaxValue")
def _bind_maximum(node: Node) -> Operator:
    value = maximum(str(node.get("valueType", "")).rpartition("}")[2])
    return lambda: value


@operator("Successor")
def successor(value: Any) -> Any:
    """The next value of the type, at a temporal value's own precision; EvaluationError past the maximum."""
    return _step(value, 1)


@operator("Predecessor")
def predecessor(value: Any) -> Any:
    """The value before, at a temporal value's own precision; EvaluationError past the minimum."""
    return _step(value, -1)


def _step(value: Any, by: int) -> Any:
    if value is None:
        return None
    stepped = _stepped(value, by)
    if stepped is None:
        raise EvaluationError(f"no {type_name(value)} beyond its {'maximum' if by > 0 else 'minimum'}")
    return stepped


def _stepped(value: Any, by: int) -> Any:
    if isinstance(value, bool) or not isinstance(value, (int, Decimal, Quantity, Temporal)):
        raise EvaluationError(f"no successor or predecessor of {type_name(value)}")
    if isinstance(value, Long):
        return Long(value + by) if LONG_MIN <= value + by <= LONG_MAX else None
    if isinstance(value, int):
        return value + by if INTEGER_MIN <= value + by <= INTEGER_MAX else None
    if isinstance(value, Decimal):
        moved = ARITHMETIC.add(value, by * DECIMAL_STEP)
        return moved if DECIMAL_MIN <= moved <= DECIMAL_MAX else None
    if isinstance(value, Quantity):
        amount = _stepped(value.value, by)
        return None if amount is None else Quantity(amount, value.unit)
    return step_temporal(value, by)


def step_temporal(value: Temporal, by: int) -> Temporal | None:
    """One step of the finest component, carried over; None past the type's end."""
    parts = list(value.parts)
    for index in range(len(parts) - 1, -1, -1):
        parts[index] += by
        if value.lowest[index] <= parts[index] <= _highest(value, parts, index):
            if len(parts) > 2 and value.units[0] == "year":
                parts[2] = min(parts[2], days_in_month(parts[0], parts[1]))
            return value.with_parts(tuple(parts))
        if index == 0:
            return None
        parts[index] = value.lowest[index] if by > 0 else value.highest[index]
    return None


def _highest(value: Temporal, parts: list[int], index: int) -> int:
    if index == 2 and value.units[0] == "year":
        return days_in_month(parts[0], parts[1])
    return value.highest[index]
