"""CQL expressions from a grammar, the same ones for the same seed."""

import random
import re
from typing import Final

LEAVES: Final[dict[str, tuple[str, ...]]] = {
    "Boolean": ("true", "false", "(null as Boolean)"),
    "Integer": ("0", "1", "2", "3", "7", "10", "-1", "-5", "(null as Integer)", "2147483647", "-2147483648"),
    "Decimal": ("0.0", "1.0", "1.5", "2.25", "-3.7", "10.125", "0.00000001", "(null as Decimal)"),
    "String": ("''", "'a'", "'b'", "'A'", "'abc'", "'1,2'", "(null as String)"),
    "Date": ("@2012-02-29", "@2012-03", "@2014", "@2013-12-31", "@2000-01-01", "(null as Date)"),
    "DateTime": (
        "@2012-02-29T10:15:30.500Z",
        "@2012-03-01T00:00:00.000+00:00",
        "@2014-01-01T10Z",
        "DateTime(2012, 2)",
        "DateTime(2012, 2, 29)",
        "DateTime(2012, 2, 29, 10, 15)",
        "(null as DateTime)",
    ),
    "Time": ("@T10:15:30.500", "@T23:59", "@T00", "@T10:15:30", "(null as Time)"),
    "Quantity": ("5 'mg'", "0.5 'g'", "3 'cm'", "30 'mm'", "2 'cm'", "(null as Quantity)"),
    "Integers": ("{1, 2, 3}", "{3, 1, 2, 1}", "{2, null}", "(List<Integer>{})", "(null as List<Integer>)"),
    "Strings": ("{'a', 'b'}", "{'b', 'a', 'a'}", "{'a', null}", "(List<String>{})"),
    "Dates": ("{@2012-02-29, @2012-01-01}", "{@2014, @2012-03}", "{@2012-02-29, null}"),
    "Span": (
        "Interval[1, 5]",
        "Interval(1, 5)",
        "Interval[3, 10)",
        "Interval[6, 8]",
        "Interval[2, null]",
        "Interval(null, 4]",
        "Interval[4, null)",
        "(null as Interval<Integer>)",
    ),
    "Period": (
        "Interval[@2012-01-01, @2012-12-31]",
        "Interval[@2012-02-01, @2012-03-01)",
        "Interval[@2012-02-29, null]",
        "Interval(null, @2012-02-29)",
        "(null as Interval<Date>)",
    ),
}

RULES: Final[dict[str, tuple[str, ...]]] = {
    "Boolean": (
        "{Boolean} and {Boolean}", "{Boolean} or {Boolean}", "{Boolean} xor {Boolean}",
        "{Boolean} implies {Boolean}", "not {Boolean}", "{Boolean} is null", "{Boolean} is true",
        "{Boolean} is not false", "{Integer} = {Integer}", "{Integer} != {Integer}",
        "{Integer} < {Integer}", "{Integer} >= {Integer}", "{Integer} ~ {Integer}",
        "{Integer} between {Integer} and {Integer}", "{Decimal} = {Decimal}", "{Decimal} > {Decimal}",
        "{Decimal} <= {Decimal}", "{Decimal} ~ {Decimal}", "{String} = {String}", "{String} < {String}",
        "{String} ~ {String}", "{String} in {Strings}", "StartsWith({String}, {String})",
        "EndsWith({String}, {String})", "{Date} = {Date}", "{Date} < {Date}", "{Date} >= {Date}",
        "{Date} ~ {Date}", "{Date} same month as {Date}", "{Date} before year of {Date}",
        "{Date} same month or after {Date}", "{DateTime} = {DateTime}", "{DateTime} < {DateTime}",
        "{DateTime} >= {DateTime}", "{DateTime} ~ {DateTime}", "{DateTime} same day as {DateTime}",
        "{DateTime} after hour of {DateTime}", "{DateTime} same day or before {DateTime}",
        "{Time} = {Time}", "{Time} < {Time}", "{Time} same hour as {Time}", "{Quantity} = {Quantity}",
        "{Quantity} < {Quantity}", "{Quantity} >= {Quantity}", "{Quantity} ~ {Quantity}",
        "{Integer} in {Integers}", "{Integers} contains {Integer}", "exists {Integers}",
        "{Integers} = {Integers}", "{Integers} ~ {Integers}", "{Integers} includes {Integers}",
        "{Integers} included in {Integers}", "{Integers} properly includes {Integers}",
        "AllTrue({{ {Boolean}, {Boolean} }})", "AnyTrue({{ {Boolean}, {Boolean} }})",
        "exists (({Integers}) X where X > {Integer})", "exists (({Strings}) X where X = {String})",
        "{Integer} in {Span}", "{Span} contains {Integer}", "{Span} = {Span}", "{Span} ~ {Span}",
        "{Span} overlaps {Span}", "{Span} overlaps before {Span}", "{Span} overlaps after {Span}",
        "{Span} before {Span}", "{Span} after {Span}", "{Span} meets {Span}", "{Span} starts {Span}",
        "{Span} ends {Span}", "{Span} includes {Span}", "{Span} during {Span}",
        "{Span} properly includes {Span}", "{Span} before {Integer}", "{Integer} after {Span}",
        "{Date} in {Period}", "{Period} overlaps {Period}", "{Period} before {Period}",
        "{Period} = {Period}", "{Period} includes {Period}", "{Period} meets {Period}",
        "{Date} during day of {Period}", "{Period} starts {Period}", "{Date} before {Period}",
    ),
    "Integer": (
        "{Integer} + {Integer}", "{Integer} - {Integer}", "{Integer} * {Integer}",
        "{Integer} div {Integer}", "{Integer} mod {Integer}", "-({Integer})", "Abs({Integer})",
        "if {Boolean} then {Integer} else {Integer}",
        "case when {Boolean} then {Integer} when {Boolean} then {Integer} else {Integer} end",
        "case {Integer} when {Integer} then {Integer} else {Integer} end", "Coalesce({Integer}, {Integer})",
        "Coalesce({Integers})", "Count({Integers})", "Sum({Integers})", "Min({Integers})",
        "Max({Integers})", "First({Integers})", "Last({Integers})", "{Integers}[{Integer}]",
        "IndexOf({Integers}, {Integer})", "Length({String})", "PositionOf({String}, {String})",
        "Floor({Decimal})", "Ceiling({Decimal})", "Truncate({Decimal})", "year from {Date}",
        "month from {Date}", "day from {DateTime}", "hour from {DateTime}", "minute from {Time}",
        "difference in months between {Date} and {Date}",
        "difference in days between {DateTime} and {DateTime}", "years between {Date} and {Date}",
        "months between {DateTime} and {DateTime}", "days between {Date} and {Date}",
        "hours between {Time} and {Time}", "start of {Span}", "end of {Span}", "width of {Span}",
        "successor of {Integer}", "predecessor of {Integer}", "convert {String} to Integer",
        "(({Integers}) X aggregate A starting 0: A + X)", "CalculateAgeInYearsAt({Date}, {Date})",
        "Min(({Integers}) X where X > {Integer})",
    ),
    "Decimal": (
        "{Decimal} + {Decimal}", "{Decimal} - {Decimal}", "{Decimal} * {Decimal}", "{Decimal} / {Decimal}",
        "{Integer} / {Integer}", "-({Decimal})", "Abs({Decimal})", "Round({Decimal})",
        "Round({Decimal}, 2)", "if {Boolean} then {Decimal} else {Decimal}",
        "Coalesce({Decimal}, {Decimal})", "Avg({{ {Decimal}, {Decimal} }})",
        "Sum({{ {Decimal}, {Decimal} }})", "Max({{ {Decimal}, {Decimal} }})",
        "Median({{ {Decimal}, {Decimal}, {Decimal} }})", "{Decimal} mod {Decimal}", "Exp({Decimal})",
        "Ln({Decimal})", "Power({Decimal}, 2)", "successor of {Decimal}",
        "StdDev({{ {Decimal}, {Decimal} }})", "({Quantity}).value",
    ),
    "String": (
        "{String} + {String}", "{String} & {String}", "Upper({String})", "Lower({String})",
        "Substring({String}, 1)", "Substring({String}, {Integer}, 1)", "Combine({Strings})",
        "Combine({Strings}, ',')", "First({Strings})", "if {Boolean} then {String} else {String}",
        "Coalesce({String}, {String})", "ToString({Integer})", "Max({Strings})", "ToString({Date})",
        "ToString({Boolean})", "Split({String}, ',')[0]", "({String})[{Integer}]",
    ),
    "Date": (
        "Date(2012, 2)", "{Date} + 1 year", "{Date} + 1 month", "{Date} - 3 months", "{Date} + 30 days",
        "{Date} - 1 day", "{Date} + 2 weeks", "if {Boolean} then {Date} else {Date}",
        "Coalesce({Date}, {Date})", "date from {DateTime}", "start of {Period}", "end of {Period}",
        "First(({Dates}) X sort desc)", "Max({Dates})", "Min({Dates})", "successor of {Date}",
        "convert {String} to Date", "ToDate({DateTime})",
    ),
    "DateTime": (
        "{DateTime} + 1 hour", "{DateTime} - 90 minutes", "{DateTime} + 1 day", "{DateTime} - 1 month",
        "{DateTime} + 1 year", "{DateTime} + 500 milliseconds",
        "if {Boolean} then {DateTime} else {DateTime}", "Coalesce({DateTime}, {DateTime})",
        "ToDateTime({Date})", "predecessor of {DateTime}",
    ),
    "Time": (
        "{Time} + 1 hour", "{Time} - 30 minutes", "if {Boolean} then {Time} else {Time}",
    ),
    "Quantity": (
        "{Quantity} + {Quantity}", "{Quantity} - {Quantity}", "-({Quantity})", "Abs({Quantity})",
        "{Quantity} * 2.0", "{Quantity} / 2.0", "Max({{ {Quantity}, {Quantity} }})",
        "Sum({{ {Quantity}, {Quantity} }})", "if {Boolean} then {Quantity} else {Quantity}",
        "Coalesce({Quantity}, {Quantity})",
    ),
    "Integers": (
        "{Integers} union {Integers}", "{Integers} intersect {Integers}", "{Integers} except {Integers}",
        "distinct {Integers}", "flatten {{ {Integers}, {Integers} }}",
        "(({Integers}) X where X > {Integer})", "(({Integers}) X return X + {Integer})",
        "(({Integers}) X return all X * {Integer})", "(({Integers}) X sort desc)",
        "(({Integers}) X sort asc)", "{{ {Integer}, {Integer} }}", "Tail({Integers})",
        "Take({Integers}, 2)", "Skip({Integers}, 1)", "if {Boolean} then {Integers} else {Integers}",
        "(from ({Integers}) X, ({Integers}) Y where X = Y return all X + Y)",
        "(({Integers}) X let Y: X + 1 where Y > 2 return all Y)",
        "(({Integers}) X with ({Integers}) Y such that X = Y)",
        "(({Integers}) X without ({Integers}) Y such that X = Y)", "(({Strings}) S return all Length(S))",
    ),
    "Strings": (
        "{Strings} union {Strings}", "{Strings} except {Strings}", "distinct {Strings}",
        "(({Strings}) X return Upper(X))", "(({Strings}) X sort desc)", "Split({String}, ',')",
        "{{ {String}, {String} }}",
    ),
    "Dates": (
        "(({Dates}) X return X + 1 day)", "{{ {Date}, {Date} }}", "(({Dates}) X where X > {Date})",
        "(({Dates}) X sort asc)", "distinct {Dates}",
    ),
    "Span": (
        "{Span} intersect {Span}", "{Span} union {Span}", "{Span} except {Span}",
        "Interval[{Integer}, {Integer}]", "First(collapse {{ {Span}, {Span} }})",
        "if {Boolean} then {Span} else {Span}", "(({Integers}) X return all Interval[X, X + 2])[0]",
    ),
    "Period": (
        "{Period} intersect {Period}", "{Period} union {Period}", "Interval[{Date}, {Date}]",
        "First(collapse {{ {Period}, {Period} }})",
    ),
}  # fmt: skip

_PLACE: Final = re.compile(r"\{([A-Z]\w+)\}")


def expressions(count: int, seed: int) -> dict[str, str]:
    """That many different expressions by id ('Boolean 17'), of every type in turn."""
    chance = random.Random(seed)  # noqa: S311 -- no secret
    found: dict[str, str] = {}
    types = list(RULES)
    while len(found) < count:
        kind = types[len(found) % len(types)]
        text = _expression(chance, kind, depth=chance.choice((1, 2, 2, 3)))
        if text not in found.values():
            found[f"{kind} {len(found)}"] = text
    return found


def _expression(chance: random.Random, kind: str, depth: int) -> str:
    """A rule's expression in parentheses, or, at the end or one time in five, a leaf."""
    if depth == 0 or chance.random() < 0.2:
        return chance.choice(LEAVES[kind])
    rule = chance.choice(RULES[kind]).replace("{{", "\0").replace("}}", "\1")
    text = _PLACE.sub(lambda place: _expression(chance, place[1], depth - 1), rule)
    return "(" + text.replace("\0", "{").replace("\1", "}") + ")"
