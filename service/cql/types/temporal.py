"""Date, DateTime and Time with precision (CQL 1.5, appendix B, Types; ISO 8601 text forms).

A value keeps only the components it was given: ``parts`` is a prefix of
(year, month, day, hour, minute, second, millisecond), or of (hour, ..., millisecond) for Time.
"""

import datetime as dt
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar, Token
from functools import total_ordering
from operator import le
from typing import Any, ClassVar, Final, Self

UNITS: Final = ("year", "month", "day", "hour", "minute", "second", "millisecond")

_EVALUATION_OFFSET: ContextVar[int] = ContextVar("cql_evaluation_offset", default=0)


def evaluation_offset() -> int:
    """Time zone offset of the running evaluation, in minutes east of UTC (0 outside of one)."""
    return _EVALUATION_OFFSET.get()


def set_evaluation_offset(minutes: int) -> Token[int]:
    """Make ``minutes`` east of UTC the offset of every DateTime made or compared, until it is reset."""
    return _EVALUATION_OFFSET.set(minutes)


def reset_evaluation_offset(token: Token[int]) -> None:
    """Undo ``set_evaluation_offset``."""
    _EVALUATION_OFFSET.reset(token)


@contextmanager
def offset_for_evaluation(minutes: int) -> Iterator[None]:
    """``set_evaluation_offset`` for a block."""
    token = set_evaluation_offset(minutes)
    try:
        yield
    finally:
        reset_evaluation_offset(token)


def days_in_month(year: int, month: int) -> int:
    """Number of days of a month of the Gregorian calendar."""
    if month == 2:
        leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
        return 29 if leap else 28
    return 30 if month in (4, 6, 9, 11) else 31


class Temporal:
    """What Date, DateTime and Time share: components down to a precision."""

    __slots__ = ("parts",)
    units: ClassVar[tuple[str, ...]]
    lowest: ClassVar[tuple[int, ...]]
    highest: ClassVar[tuple[int, ...]]
    parts: tuple[int, ...]

    def __init__(self, *parts: int | None) -> None:
        """Components from the coarsest on; None ends them (a later component is then an error).

        Raises ValueError for a component out of range, or given after a missing one.
        """
        given: Any = parts
        if None in parts:
            given = tuple(part for part in parts if part is not None)
        if not given or len(parts) > len(self.units) or given != parts[: len(given)]:
            raise ValueError(f"{type(self).__name__} with a gap between its components: {parts}")
        if not (all(map(le, self.lowest, given)) and all(map(le, given, self.highest))):
            raise ValueError(self._out_of_range(given))
        late = len(given) > 2 and given[2] > 28 and self.units[0] == "year"
        if late and given[2] > days_in_month(given[0], given[1]):
            raise ValueError(f"no day {given[2]} in {given[0]:04}-{given[1]:02}")
        self.parts = given

    def _out_of_range(self, given: tuple[int, ...]) -> str:
        """What is wrong with the first component that is out of range."""
        for part, low, high, unit in zip(given, self.lowest, self.highest, self.units, strict=False):
            if not low <= part <= high:
                return f"{unit} {part} is not in {low}..{high}"
        return f"{given} out of range"

    @property
    def precision(self) -> str:
        """Name of the finest component given, such as 'day'."""
        return self.units[len(self.parts) - 1]

    def component(self, unit: str) -> int | None:
        """The component of that name, None when it was not given."""
        index = self.units.index(unit)
        return self.parts[index] if index < len(self.parts) else None

    def with_parts(self, parts: tuple[int, ...]) -> Self:
        """The same kind of value (and offset) with other components."""
        return type(self)(*parts)

    def truncated(self, unit: str) -> Self:
        """The value at that precision or its own, whichever is coarser."""
        count = self.units.index(unit) + 1
        return self if count >= len(self.parts) else self.with_parts(self.parts[:count])

    def earliest(self) -> Self:
        """The first instant the value may stand for, at full precision."""
        return self.with_parts(self.parts + self.lowest[len(self.parts) :])

    def latest(self) -> Self:
        """The last instant the value may stand for, at full precision."""
        full = list(self.parts + self.highest[len(self.parts) :])
        if self.units[0] == "year" and len(self.parts) < 3:
            full[2] = days_in_month(full[0], full[1])
        return self.with_parts(tuple(full))

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other.parts == self.parts

    def __hash__(self) -> int:
        return hash((type(self), self.parts))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self})"


@total_ordering
class Date(Temporal):
    """A calendar date: Date(2012), Date(2012, 3), Date(2012, 3, 10)."""

    __slots__ = ()
    units = UNITS[:3]
    lowest = (1, 1, 1)
    highest = (9999, 12, 31)

    @classmethod
    def parse(cls, text: str) -> "Date":
        """Read YYYY, YYYY-MM or YYYY-MM-DD; ValueError otherwise."""
        match = _DATE.fullmatch(text)
        if match is None:
            raise ValueError(f"not a date: {text!r}")
        return cls(*map(int, filter(None, match.groups())))

    @classmethod
    def of(cls, value: dt.date) -> "Date":
        """From a Python date."""
        return cls(value.year, value.month, value.day)

    def __lt__(self, other: object) -> bool:
        return self.parts < other.parts if isinstance(other, Date) else NotImplemented

    def __str__(self) -> str:
        return _date_text(self.parts)


class DateTime(Temporal):
    """A date and time: DateTime(2012, 3, 10, 14, offset=60).

    ``offset`` is in minutes east of UTC, None when none was given; ``zone`` is then that of the evaluation.
    """

    __slots__ = ("offset",)
    units = UNITS
    lowest = (1, 1, 1, 0, 0, 0, 0)
    highest = (9999, 12, 31, 23, 59, 59, 999)
    offset: int | None

    def __init__(self, *parts: int | None, offset: int | None = None) -> None:
        Temporal.__init__(self, *parts)
        if offset is not None and not -14 * 60 <= offset <= 14 * 60:
            raise ValueError(f"offset of {offset} minutes")
        self.offset = offset

    @property
    def zone(self) -> int:
        """The offset that holds: its own, or that of the running evaluation."""
        return _EVALUATION_OFFSET.get() if self.offset is None else self.offset

    @classmethod
    def parse(cls, text: str) -> "DateTime":
        """Read YYYY[-MM[-DD[Thh[:mm[:ss[.fff]]][Z|±hh:mm]]]], or with a bare trailing T; else ValueError."""
        match = _DATETIME.fullmatch(text)
        if match is None:
            raise ValueError(f"not a date and time: {text!r}")
        *parts, fraction, zone = match.groups()
        given = [*map(int, filter(None, parts))]
        if fraction is not None:
            given.append(int(fraction[:3].ljust(3, "0")))
        return cls(*given, offset=None if zone is None else _offset(zone))

    @classmethod
    def of(cls, value: dt.datetime) -> "DateTime":
        """From a Python datetime; an unaware one has no offset of its own."""
        utc_offset = value.utcoffset()
        parts = (value.year, value.month, value.day, value.hour, value.minute, value.second)
        minutes = None if utc_offset is None else int(utc_offset.total_seconds() // 60)
        return cls(*parts, value.microsecond // 1000, offset=minutes)

    def with_parts(self, parts: tuple[int, ...]) -> Self:
        return type(self)(*parts, offset=self.offset)

    def at_offset(self, offset: int) -> "DateTime":
        """The same moment told at another offset; coarser than an hour, it keeps its components' meaning
        (the earliest instant is moved and cut to the same precision).
        """
        zone = self.zone
        if offset == zone:
            return self
        moved = shift_minutes(self.earliest().parts, offset - zone)
        return DateTime(*moved[: len(self.parts)], offset=offset)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DateTime) and other.parts == self.parts and other.zone == self.zone

    def __hash__(self) -> int:
        return hash(self.parts)

    def __str__(self) -> str:
        text = _date_text(self.parts[:3])
        if len(self.parts) < 4:
            return text
        zone = "" if self.offset is None else offset_text(self.offset)
        return f"{text}T{_time_text(self.parts[3:])}{zone}"


@total_ordering
class Time(Temporal):
    """A time of day: Time(14), Time(14, 30), Time(14, 30, 0, 0)."""

    __slots__ = ()
    units = UNITS[3:]
    lowest = (0, 0, 0, 0)
    highest = (23, 59, 59, 999)

    @classmethod
    def parse(cls, text: str) -> "Time":
        """Read [T]hh[:mm[:ss[.fff]]]; ValueError otherwise."""
        match = _TIME.fullmatch(text)
        if match is None:
            raise ValueError(f"not a time: {text!r}")
        *parts, fraction = match.groups()
        given = [*map(int, filter(None, parts))]
        if fraction is not None:
            given.append(int(fraction[:3].ljust(3, "0")))
        return cls(*given)

    @classmethod
    def of(cls, value: dt.time) -> "Time":
        """From a Python time of day."""
        return cls(value.hour, value.minute, value.second, value.microsecond // 1000)

    def __lt__(self, other: object) -> bool:
        return self.parts < other.parts if isinstance(other, Time) else NotImplemented

    def __str__(self) -> str:
        return _time_text(self.parts)


def shift_minutes(parts: tuple[int, ...], minutes: int) -> tuple[int, ...]:
    """Seven full components moved by minutes; clamped to the years 1 to 9999."""
    year, month, day, hour, minute, second, millisecond = parts
    moment = dt.datetime(year, month, day, hour, minute, second, millisecond * 1000)
    try:
        moment += dt.timedelta(minutes=minutes)
    except OverflowError:
        return DateTime.highest if minutes > 0 else DateTime.lowest
    return (
        moment.year, moment.month, moment.day,
        moment.hour, moment.minute, moment.second, moment.microsecond // 1000,
    )  # fmt: skip


def offset_text(minutes: int) -> str:
    """An offset as ±hh:mm, 'Z' for UTC."""
    if minutes == 0:
        return "Z"
    sign = "-" if minutes < 0 else "+"
    return f"{sign}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"


def _offset(zone: str) -> int:
    if zone == "Z":
        return 0
    minutes = int(zone[1:3]) * 60 + int(zone[4:6])
    return -minutes if zone[0] == "-" else minutes


def _date_text(parts: tuple[int, ...]) -> str:
    return "-".join((f"{parts[0]:04}", *(f"{part:02}" for part in parts[1:])))


def _time_text(parts: tuple[int, ...]) -> str:
    text = ":".join(f"{part:02}" for part in parts[:3])
    return f"{text}.{parts[3]:03}" if len(parts) > 3 else text


_DATE = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?")
_CLOCK = r"(\d\d)(?::(\d\d)(?::(\d\d)(?:\.(\d+))?)?)?"
_DATETIME = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?(?:T(?:" + _CLOCK + r")?)?(Z|[+-]\d\d:\d\d)?")
_TIME = re.compile("T?" + _CLOCK)
