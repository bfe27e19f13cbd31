"""Interval, and the uncertainty that imprecise dates leave behind (CQL 1.5, appendix B)."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Interval:
    """Points from ``low`` to ``high``. A null bound is the type's end when closed, unknown when open.

    ``point_type`` ('Integer', 'DateTime', ...) is wanted only where both bounds are null.
    The constructor checks nothing; the selector's rule (no low above high) is the Interval operator's.
    """

    low: Any
    high: Any
    low_closed: bool = True
    high_closed: bool = True
    point_type: str | None = field(default=None, compare=False)

    def __str__(self) -> str:
        return f"{'[' if self.low_closed else '('}{self.low}, {self.high}{']' if self.high_closed else ')'}"


@dataclass(frozen=True, slots=True)
class Uncertainty:
    """A number known only to lie from ``low`` to ``high``: what a duration between imprecise dates gives."""

    low: Any
    high: Any
