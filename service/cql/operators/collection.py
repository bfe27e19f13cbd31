"""Operators that lists and intervals share, told apart by their operands (CQL 1.5, appendix B).

A null operand has no kind of its own; what the translator wrote of its type then decides.
"""

from collections.abc import Callable
from typing import Any

from ..errors import EvaluationError
from ..types import Interval
from . import expansion, interval
from . import list as lists
from .logic import Truth
from .registry import Node, Operator, bound_operator, operand_kind, operator, precision_of

Test = Callable[[Any, Any, str | None], Truth]


def _is_list(value: Any) -> bool:
    return isinstance(value, (list, tuple))


def _contains(source: Any, element: Any, precision: str | None) -> Truth:
    if isinstance(source, Interval):
        return interval.contains(source, element, precision)
    return lists.contains(source, element)


def _properly_contains(source: Any, element: Any, precision: str | None) -> Truth:
    if isinstance(source, Interval):
        return interval.relation(interval.properly_contains, source, element, precision)
    return lists.properly_contains(source, element)


def _includes(left: Any, right: Any, precision: str | None) -> Truth:
    if left is None or right is None:
        return None
    if isinstance(left, Interval):
        return interval.relation(interval.includes, left, right, precision)
    return lists.includes(left, right) if _is_list(right) else lists.contains(left, right)


def _properly_includes(left: Any, right: Any, precision: str | None) -> Truth:
    if left is None or right is None:
        return None
    if isinstance(left, Interval):
        if not isinstance(right, Interval):
            return interval.relation(interval.properly_contains, left, right, precision)
        return interval.relation(interval.properly_includes, left, right, precision, borrow=True)
    return lists.properly_includes(left, right) if _is_list(right) else lists.properly_contains(left, right)


def _swapped(test: Test) -> Test:
    return lambda left, right, precision: test(right, left, precision)


_TESTS: dict[str, Test] = {
    "Contains": _contains,
    "In": _swapped(_contains),
    "Includes": _includes,
    "IncludedIn": _swapped(_includes),
    "ProperContains": _properly_contains,
    "ProperIn": _swapped(_properly_contains),
    "ProperIncludes": _properly_includes,
    "ProperIncludedIn": _swapped(_properly_includes),
}


@bound_operator(*_TESTS)
def _bind_test(node: Node) -> Operator:
    test = _TESTS[node["type"]]
    precision = precision_of(node)
    if node["type"] == "Contains" and operand_kind(node, 0) == "list":
        return lists.contains
    if node["type"] == "In" and operand_kind(node, 1) == "list":
        return lambda element, source: lists.contains(source, element)
    collection = {"ProperContains": 0, "ProperIn": 1}.get(node["type"])
    if collection is not None and operand_kind(node, collection) == "interval":
        return lambda left, right: None if (left, right)[collection] is None else test(left, right, precision)
    return lambda left, right: test(left, right, precision)


_COMBINATIONS: dict[str, tuple[Operator, Operator]] = {
    "Union": (lists.union, interval.union),
    "Intersect": (lists.intersect, interval.intersect),
    "Except": (lists.except_, interval.except_),
}


@bound_operator(*_COMBINATIONS)
def _bind_combination(node: Node) -> Operator:
    of_lists, of_intervals = _COMBINATIONS[node["type"]]
    if operand_kind(node, 0) == operand_kind(node, 1) == "list":
        return of_lists

    def combine(left: Any, right: Any) -> Any:
        if isinstance(left, Interval) or isinstance(right, Interval):
            return of_intervals(left, right)
        return of_lists(left, right)

    return combine


@bound_operator("Length")
def _bind_length(node: Node) -> Operator:
    of_list = operand_kind(node) == "list"

    def length(value: Any) -> int | None:
        if value is None:
            return 0 if of_list else None
        return len(value)

    return length


@operator("Expand")
def expand(source: Any, per: Any = None) -> Any:
    """Intervals of the size of ``per`` (one step of the point type without) that fill those given;
    of a single interval, their starts.
    """
    if source is None:
        return None
    if isinstance(source, Interval):
        return [piece.low for piece in expansion.pieces(source, per)]
    if not _is_list(source):
        raise EvaluationError(f"expand of {type(source).__name__}")
    return [piece for each in source if each is not None for piece in expansion.pieces(each, per)]
