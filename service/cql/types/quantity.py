"""Quantity and Ratio (CQL 1.5, appendix B, Types)."""

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Quantity:
    """A Decimal with a UCUM unit or a calendar duration ('year', 'days', ...); unit '1' is none."""

    value: Decimal
    unit: str = "1"

    def __str__(self) -> str:
        return f"{self.value} '{self.unit}'"


@dataclass(frozen=True, slots=True)
class Ratio:
    """One quantity to another, such as 1 'mg' : 5 'mL'."""

    numerator: Quantity
    denominator: Quantity

    def __str__(self) -> str:
        return f"{self.numerator}:{self.denominator}"
