"""List operators (CQL 1.5, appendix B, List operators)."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, product
from typing import Any

from ..errors import EvaluationError
from ..fhir_model import FhirElement
from ..limits import spend
from ..types import Code, Concept, Interval, Quantity, Ratio, Temporal, Uncertainty
from .comparison import equal, equal_or_both_null
from .logic import Truth, and3
from .registry import operator

List = list[Any]
_COMPOSITE = (Concept, Interval, Mapping, Quantity, Ratio, Temporal, Uncertainty, list, tuple)


_LISTS = frozenset({list})
_CERTAIN = frozenset({str, int, FhirElement})
"""Types whose values are equal or not, never uncertain: hashing tells them apart."""


class _Seen:
    """Values told apart by equality, two nulls being equal; only those that share a key are compared."""

    def __init__(self, values: Iterable[Any]) -> None:
        self._kept: dict[Any, List] = {}
        for value in values:
            self.add(value)

    def __contains__(self, value: Any) -> bool:
        alike = self._kept.get(_key(value), ())
        spend(1 + len(alike))
        return any(equal_or_both_null(value, other) for other in alike)

    def add(self, value: Any) -> bool:
        """Keep a value; False when it is there already."""
        if value in self:
            return False
        self._kept.setdefault(_key(value), []).append(value)
        return True


def _key(value: Any) -> Any:
    """The same for values that may be equal; None for types whose equality is no matter of one part."""
    if isinstance(value, Code):
        return value.code
    return None if isinstance(value, _COMPOSITE) else value


def contains(source: Sequence[Any] | None, element: Any) -> Truth:
    """Whether the element is in the list; null only where equality with an element is uncertain."""
    if source is None:
        return False
    if element is None:
        return any(each is None for each in source)
    if type(element) is str:  # equality of texts is certain: the way of code lists
        return element in source
    uncertain = False
    spend(len(source))
    for each in source:
        found = None if each is None else equal(each, element)
        if found:
            return True
        uncertain = uncertain or (found is None and each is not None)
    return None if uncertain else False


def properly_contains(source: Sequence[Any] | None, element: Any) -> Truth:
    """Whether the element is in the list and something else is too."""
    if source is None:
        return False
    if element is None:
        return contains(source, None) and any(each is not None for each in source)
    others = [None if each is None else equal(each, element) for each in source]
    more = True if False in others else None if any(each is None for each in others) else False
    return and3(contains(source, element), more)


def includes(left: Sequence[Any] | None, right: Sequence[Any] | None) -> Truth:
    """Whether every element of right is in left."""
    if left is None or right is None:
        return None
    truth: Truth = True
    for each in right:
        truth = and3(truth, contains(left, each))
        if truth is False:
            break
    return truth


def properly_includes(left: Sequence[Any] | None, right: Sequence[Any] | None) -> Truth:
    """Whether every element of right is in left, and left has more."""
    if left is None or right is None:
        return None
    return and3(includes(left, right), len(distinct(left) or []) > len(distinct(right) or []))


def union(left: Sequence[Any] | None, right: Sequence[Any] | None) -> List | None:
    """The distinct elements of both; a null list counts as empty, two give null."""
    if left is None and right is None:
        return None
    both = [*(left or ()), *(right or ())]
    return distinct(both) if len(both) > 1 else both


def intersect(left: Sequence[Any] | None, right: Sequence[Any] | None) -> List | None:
    """The distinct elements of left that are in right."""
    if left is None or right is None:
        return None
    seen = _Seen(right)
    return distinct([each for each in left if each in seen])


def except_(left: Sequence[Any] | None, right: Sequence[Any] | None) -> List | None:
    """The distinct elements of left that are not in right."""
    if left is None:
        return None
    seen = _Seen(right or ())
    return distinct([each for each in left if each not in seen])


@operator("Distinct")
def distinct(source: Sequence[Any] | None) -> List | None:
    """Each element once, in order of first appearance; nulls are one element."""
    if source is None:
        return None
    if len(source) < 2:
        return list(source)
    if len({*map(type, source)}) == 1 and type(source[0]) in _CERTAIN:
        return list(dict.fromkeys(source))
    seen = _Seen(())
    return [each for each in source if seen.add(each)]


@operator("Exists")
def exists(source: Sequence[Any] | None) -> bool:
    """Whether the list has an element that is not null."""
    if source is None:
        return False
    for each in source:  # noqa: SIM110 -- the commonest operator of all, and a loop is twice as fast
        if each is not None:
            return True
    return False


@operator("Flatten")
def flatten(source: Sequence[Any] | None) -> List | None:
    """The elements of the lists within; an element that is no list, or null, stays."""
    if source is None:
        return None
    flat: List
    if {*map(type, source)} <= _LISTS:
        flat = [*chain.from_iterable(source)]
    else:
        flat = []
        for each in source:
            if isinstance(each, list):
                flat.extend(each)
            else:
                flat.append(each)
    spend(len(flat))
    return flat


@operator("First")
def first(source: Sequence[Any] | None) -> Any:
    """The first element, null of an empty list."""
    return source[0] if source else None


@operator("Last")
def last(source: Sequence[Any] | None) -> Any:
    """The last element, null of an empty list."""
    return source[-1] if source else None


@operator("SingletonFrom")
def singleton_from(source: Sequence[Any] | None) -> Any:
    """The only element, null of an empty list; EvaluationError when there are more."""
    if not source:
        return None
    if len(source) > 1:
        raise EvaluationError("singleton from a list of more than one element")
    return source[0]


@operator("Indexer")
def indexer(source: Sequence[Any] | None, index: int | None) -> Any:
    """The element, or character, at a position; null outside."""
    if source is None or index is None or not 0 <= index < len(source):
        return None
    return source[index]


@operator("IndexOf")
def index_of(source: Sequence[Any] | None, element: Any) -> int | None:
    """Position of the first element equal to the given one, -1 without; null when either is null."""
    if source is None or element is None:
        return None
    return next((index for index, each in enumerate(source) if equal(each, element)), -1)


@operator("Slice")
def slice_(source: Sequence[Any] | None, start: int | None, end: int | None = None) -> List | None:
    """The elements from start (0 without) up to before end (all without); negatives count from the end."""
    return None if source is None else list(source[start or 0 : end])


@operator("Times")
def times(left: Sequence[Any] | None, right: Sequence[Any] | None) -> List | None:
    """Every pairing of a tuple of left with one of right."""
    if left is None or right is None:
        return None
    return [{**one, **other} for one, other in product(left, right)]
