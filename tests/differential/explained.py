"""Differences that are known, each with the reason that docs/differential.md gives under the same name.

A difference is explained only when its expression (or define) and both values are as the explanation says.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

_SORTED_BY_MOMENT: Final = re.compile(r"(Sts|Gist) Condition$|Reasons?$|Disease|Facts?$")
_DRAFTS: Final = re.compile(r"Drug|Draft|Outside|Service|Beside|Order")


@dataclass(frozen=True)
class Difference:
    """Plain values of both engines for one define; ``text`` is its CQL where that is known, else its name."""

    library: str
    define: str
    text: str
    ours: Any
    theirs: Any
    has_drafts: bool = False
    has_contained: bool = False

    def says(self, ours: str = "", theirs: str = "") -> bool:
        """Whether the JSON of both values matches these patterns."""
        return all(
            re.search(pattern, json.dumps(value)) is not None
            for pattern, value in ((ours, self.ours), (theirs, self.theirs))
        )

    def has(self, pattern: str) -> bool:
        """Whether the expression matches."""
        return re.search(pattern, self.text) is not None


def _without_repetition(value: Any) -> Any:
    """The value with each element of its lists once, however deep."""
    if isinstance(value, dict):
        return {name: _without_repetition(each) for name, each in value.items()}
    if not isinstance(value, list):
        return value
    kept: list[Any] = []
    for each in map(_without_repetition, value):
        if each not in kept:
            kept.append(each)
    return kept


_MIXED_UNITS: Final = r"'(mg|g)'.*'(cm|mm)'|'(cm|mm)'.*'(mg|g)'"
_QUERY: Final = r"\) [XS] (sort|where|with|without)\b"
_UNKNOWN_BOUND: Final = r"null[\])]|[\[(]null"
_NO_ORDER: Final = r"low bound is above"

EXPLAINED: Final[dict[str, Callable[[Difference], bool]]] = {
    # the guideline
    "concept-of-included-library": lambda d: d.define == "High Dose Intent" and d.theirs is None,
    "sort-by-equal-moments": lambda d: not d.text and _SORTED_BY_MOMENT.search(d.define) is not None,
    "flatten-with-null": lambda d: (
        (not d.text and not d.has_drafts and _DRAFTS.search(d.define) is not None) or d.has(r"flatten.*null")
    ),
    "contained-resources": lambda d: not d.text and d.has_contained,
    # lists
    "lists-with-null": lambda d: d.has(r"\{[^}]*null[^}]*\}\)* = "),
    "except-of-null": lambda d: d.has(r"except .*null as List"),
    "query-without-return": lambda d: (
        (not d.text or d.has(_QUERY)) and _without_repetition(d.ours) == _without_repetition(d.theirs)
    ),
    "query-without-return-within": lambda d: d.has(r"\b1, 2, 1\}|'a', 'a'") and d.has(_QUERY),
    "sort-of-null": lambda d: d.has(r"sort (asc|desc)") and (d.has("null") or d.says(theirs="of null")),
    "length-of-null": lambda d: d.has(r"Length\(") and d.says(theirs=r"Cannot read properties of undefined"),
    "split-of-empty": lambda d: d.has(r"Split\("),
    "substring-of-empty": lambda d: d.has(r"Substring\(") and d.has("''"),
    "proper-inclusion": lambda d: d.has(r"properly includes") and d.has(r"\{"),
    "lists-of-other-length": lambda d: d.has(r"[}\])] = ") and d.says("false", "null"),
    "union-of-nulls": lambda d: d.has(r"null as List") and d.has("union"),
    # numbers
    "no-decimal-type": lambda d: d.has(r"(successor|predecessor) of"),
    "decimals-are-rounded": lambda d: (
        d.has(r"Exp\(|Ln\(|Power\(|/|StdDev") and (d.says("number|null", "number") or d.has("0.00000001"))
    ),
    "half-of-a-negative": lambda d: d.has(r"Round\(") and d.says(r"-\d", r"-\d"),
    "integer-bounds": lambda d: d.has("2147483648|2147483647") or d.says(theirs="214748364"),
    "beyond-decimal": lambda d: d.says("beyond the range of Decimal"),
    "deviation-of-one": lambda d: d.has(r"StdDev\(") and d.has("null"),
    "logarithm-of-zero": lambda d: d.has(r"Ln\(") and d.says("logarithm of zero"),
    "convert-of-part": lambda d: d.has(r"convert .* to (Integer|Date)"),
    # quantities, dates and times
    "max-of-other-dimension": lambda d: d.has(r"(Max|Min|Sum)\(") and d.has(_MIXED_UNITS),
    "unit-of-a-sum": lambda d: d.has(r"\)\.value") and d.has("Sum|[+-]") and d.has("'mm'|'mg'"),
    "equivalence-is-never-null": lambda d: (
        d.has(" ~ ") and (d.says("true|false", "null") or d.has(_MIXED_UNITS))
    ),
    "days-to-months": lambda d: d.has(r"30 days|2 weeks|1 day"),
    "median-of-nulls": lambda d: d.has(r"Median\(") and d.has("null"),
    "seconds-and-milliseconds": lambda d: d.has(r":30\b(?!\.)") and d.has(r":30\.500"),
    "time-past-midnight": lambda d: d.has(r"@T") and d.has(r"\+ 1 hour|- 30 minutes"),
    "uncertain-duration": lambda d: d.has("between") and d.says(theirs="NaN|uncertainty|null"),
    "uncertain-argument": lambda d: (
        d.has("between|CalculateAge")
        and (d.says("failed with|Uncertainty") or d.says(theirs="(?i)object object"))
    ),
    # intervals
    "low-above-high": lambda d: d.says(ours=_NO_ORDER),
    "unknown-bound": lambda d: d.has(r"Interval") and d.has(_UNKNOWN_BOUND),
    "meeting-intervals": lambda d: d.has(r"collapse|union|intersect|except") and d.has(r"Interval[\[(]"),
}


def explanation(difference: Difference) -> str | None:
    """The name of the first explanation that fits, None without one."""
    return next((name for name, fits in EXPLAINED.items() if fits(difference)), None)
