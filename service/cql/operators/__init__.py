"""Plain operators of ELM r1 on evaluated operands (CQL 1.5, appendix B).

``operator_for(node)`` gives the function of a node; it takes the operands in ELM order: those of ``operand``
(a list or one), or those of the fields in ``NAMED_OPERANDS``, None standing for a field that is absent.
Null propagates and overflow gives null; what the specification calls a run-time error raises EvaluationError.
"""

from typing import Final

from . import (  # noqa: F401 -- each enters its operators into the registry
    aggregate,
    arithmetic,
    clinical,
    collection,
    comparison,
    convert,
    datetime,
    interval,
    list,
    logic,
    steps,
    string,
)
from .registry import operator_for

_AGGREGATES: Final = (
    "Count", "Sum", "Product", "Min", "Max", "Avg", "GeometricMean", "Median", "Mode", "Variance",
    "PopulationVariance", "StdDev", "PopulationStdDev", "AllTrue", "AnyTrue",
)  # fmt: skip

NAMED_OPERANDS: Final[dict[str, tuple[str, ...]]] = {
    **dict.fromkeys(_AGGREGATES, ("source",)),
    "AnyInCodeSystem": ("codes", "codesystem"),
    "AnyInValueSet": ("codes", "valueset"),
    "Combine": ("source", "separator"),
    "Date": ("year", "month", "day"),
    "DateTime": ("year", "month", "day", "hour", "minute", "second", "millisecond", "timezoneOffset"),
    "First": ("source",),
    "InCodeSystem": ("code", "codesystem"),
    "InValueSet": ("code", "valueset"),
    "IndexOf": ("source", "element"),
    "Interval": ("low", "high", "lowClosedExpression", "highClosedExpression"),
    "Last": ("source",),
    "LastPositionOf": ("pattern", "string"),
    "MaxValue": (),
    "Message": ("source", "condition", "code", "severity", "message"),
    "MinValue": (),
    "PositionOf": ("pattern", "string"),
    "Round": ("operand", "precision"),
    "Slice": ("source", "startIndex", "endIndex"),
    "Split": ("stringToSplit", "separator"),
    "SplitOnMatches": ("stringToSplit", "separatorPattern"),
    "Substring": ("stringToSub", "startIndex", "length"),
    "Time": ("hour", "minute", "second", "millisecond"),
}
"""Fields that hold the operands of those nodes that have no ``operand``."""

__all__ = ["NAMED_OPERANDS", "operator_for"]
