"""Aggregates (CQL 1.5, appendix B, Aggregate functions). Nulls are left out; of none the result is null."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import cmp_to_key, reduce
from typing import Any

from ..errors import EvaluationError
from ..types import Quantity, Uncertainty
from ..types import units as ucum
from ..types.numbers import ARITHMETIC, decimal_or_null
from .arithmetic import add, multiply
from .comparison import equal
from .order import compare
from .registry import operator

Source = Sequence[Any] | None


def _given(source: Source) -> list[Any]:
    return [each for each in source if each is not None] if source else []


@operator("Count")
def count(source: Source) -> int:
    """How many elements are not null."""
    return len(_given(source))


@operator("AllTrue")
def all_true(source: Source) -> bool:
    """Whether none is false."""
    return False not in _given(source)


@operator("AnyTrue")
def any_true(source: Source) -> bool:
    """Whether one is true."""
    return True in _given(source)


@operator("Sum")
def sum_(source: Source) -> Any:
    """The sum; null on overflow or when units do not convert."""
    return _reduced(add, source)


@operator("Product")
def product(source: Source) -> Any:
    """The product; null on overflow."""
    return _reduced(multiply, source)


def _reduced(operation: Callable[[Any, Any], Any], source: Source) -> Any:
    given = _given(source)
    return reduce(operation, given) if given else None


@operator("Min")
def min_(source: Source) -> Any:
    """The least element."""
    return _extreme(source, -1)


@operator("Max")
def max_(source: Source) -> Any:
    """The greatest element."""
    return _extreme(source, 1)


def _extreme(source: Source, wanted: int) -> Any:
    given = _given(source)
    if not given:
        return None
    best = given[0]
    for each in given[1:]:
        if _ordered(each, best) == wanted:
            best = each
    return best


def _ordered(left: Any, right: Any) -> int:
    """Order for picking and sorting: values that cannot be told apart count as equal."""
    if isinstance(left, Uncertainty) or isinstance(right, Uncertainty):
        raise EvaluationError("order of uncertain values")
    return compare(left, right) or 0


@operator("Mode")
def mode(source: Source) -> Any:
    """The most frequent element, the first of several."""
    counted: list[tuple[Any, int]] = []
    for each in _given(source):
        for index, (value, times) in enumerate(counted):
            if equal(each, value):
                counted[index] = (value, times + 1)
                break
        else:
            counted.append((each, 1))
    return max(counted, key=lambda pair: pair[1])[0] if counted else None


Statistic = Callable[[list[Decimal]], Decimal | None]


def _statistic(source: Source, compute: Statistic) -> Any:
    """A Decimal of numbers, or a Quantity of quantities in the first one's unit."""
    given = _given(source)
    if not given:
        return None
    unit = given[0].unit if isinstance(given[0], Quantity) else None
    numbers = [_in_unit(each, unit) for each in given]
    if None in numbers:
        return None
    result = compute([number for number in numbers if number is not None])
    value = None if result is None else decimal_or_null(result)
    return value if unit is None or value is None else Quantity(value, unit)


def _in_unit(value: Any, unit: str | None) -> Decimal | None:
    if isinstance(value, Quantity):
        return None if unit is None else ucum.convert(value.value, value.unit, unit)
    return Decimal(value)


@operator("Avg")
def avg(source: Source) -> Any:
    """The arithmetic mean."""
    return _statistic(source, _mean)


@operator("Median")
def median(source: Source) -> Any:
    """The middle element, or the mean of the two in the middle."""
    return _statistic(source, _middle)


@operator("GeometricMean")
def geometric_mean(source: Source) -> Any:
    """The n-th root of the product of n numbers; null unless all are positive."""
    return _statistic(source, _geometric)


@operator("Variance")
def variance(source: Source) -> Any:
    """Variance of a sample (by n - 1); null of fewer than two."""
    return _statistic(source, lambda numbers: _spread(numbers, 1))


@operator("PopulationVariance")
def population_variance(source: Source) -> Any:
    """Variance of a population (by n)."""
    return _statistic(source, lambda numbers: _spread(numbers, 0))


@operator("StdDev")
def std_dev(source: Source) -> Any:
    """Standard deviation of a sample; null of fewer than two."""
    return _statistic(source, lambda numbers: _root(_spread(numbers, 1)))


@operator("PopulationStdDev")
def population_std_dev(source: Source) -> Any:
    """Standard deviation of a population."""
    return _statistic(source, lambda numbers: _root(_spread(numbers, 0)))


def _mean(numbers: list[Decimal]) -> Decimal:
    return ARITHMETIC.divide(_total(numbers), Decimal(len(numbers)))


def _total(numbers: list[Decimal]) -> Decimal:
    return reduce(ARITHMETIC.add, numbers)


def _middle(numbers: list[Decimal]) -> Decimal:
    ordered = sorted(numbers, key=cmp_to_key(_ordered))
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else _mean(ordered[half - 1 : half + 1])


def _geometric(numbers: list[Decimal]) -> Decimal | None:
    if any(number <= 0 for number in numbers):
        return None
    return ARITHMETIC.exp(_mean([ARITHMETIC.ln(number) for number in numbers]))


def _spread(numbers: list[Decimal], less: int) -> Decimal | None:
    if len(numbers) <= less:
        return None
    mean = _mean(numbers)
    squares = [ARITHMETIC.power(ARITHMETIC.subtract(number, mean), 2) for number in numbers]
    return ARITHMETIC.divide(_total(squares), Decimal(len(numbers) - less))


def _root(value: Decimal | None) -> Decimal | None:
    return None if value is None else ARITHMETIC.sqrt(value)
