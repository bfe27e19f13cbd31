"""The CQL System types as Python values.

Boolean is bool, Integer int, String str, null None, List list and Tuple dict; the rest is here.
"""

from .clinical import Code, CodeSystemRef, Concept, ValueSetRef
from .interval import Interval, Uncertainty
from .numbers import Long
from .quantity import Quantity, Ratio
from .temporal import (
    Date,
    DateTime,
    Temporal,
    Time,
    evaluation_offset,
    offset_for_evaluation,
    reset_evaluation_offset,
    set_evaluation_offset,
)

__all__ = [
    "Code",
    "CodeSystemRef",
    "Concept",
    "Date",
    "DateTime",
    "Interval",
    "Long",
    "Quantity",
    "Ratio",
    "Temporal",
    "Time",
    "Uncertainty",
    "ValueSetRef",
    "evaluation_offset",
    "offset_for_evaluation",
    "reset_evaluation_offset",
    "set_evaluation_offset",
]
