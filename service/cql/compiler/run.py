"""The state of one evaluation: memo, record, clock, parameters."""

import datetime as dt
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from ..fhir_model import ABSTRACT, FhirElement, resource, view
from ..limits import Limits, Meter
from ..record import Record
from ..types import Date, DateTime, Time
from .program import UNSET, Asked, AskedKey, Define, Parameter, Program


class Run(Meter):
    """One evaluation, which counts its own steps; not shared between threads."""

    def __init__(
        self, program: Program, record: Record, now: dt.datetime, given: Mapping[str, Any], limits: Limits
    ) -> None:
        super().__init__(limits)
        self.program = program
        self.given = given
        """Parameter values by name, already CQL values."""
        self._clock = now
        self.record_failure: BaseException | None = None
        """What the record last raised: it goes to the caller as it is."""
        self.values: list[Any] = [UNSET] * len(program.defines)
        """The values of defines, by index."""
        self.memo: Any = self.values
        """Where defines find each other's values, and leave their own."""
        self._record = record
        self._references: dict[int, tuple[int, ...]] = {}
        self._asked: dict[AskedKey, Asked] = {}
        """What is asked for with codes that only the evaluation knows."""
        self._retrieved: dict[Asked, list[FhirElement]] = {}

    @cached_property
    def now(self) -> DateTime:
        """The evaluation's clock."""
        return DateTime.of(self._clock)

    @cached_property
    def today(self) -> Date:
        """Its date."""
        return Date(*self.now.parts[:3])

    @cached_property
    def time_of_day(self) -> Time:
        """Its time of day."""
        return Time(*self.now.parts[3:])

    def value_of(self, define: Define) -> Any:
        """The value of a define, evaluated at most once."""
        value = self.values[define.index]
        return define.run(self) if value is UNSET else value

    def references_of(self, define: Define) -> tuple[int, ...]:
        """The defines that the evaluation of a define read, in that order.

        Nothing is noted while it runs: it is run once more on its memo, which then says what it is asked for.
        """
        found = self._references.get(define.index)
        if found is None:
            self.memo = noting = _Noting(self.values)
            try:
                define.run(self)
            finally:
                self.memo = self.values
            found = self._references[define.index] = tuple(noting.read)
        return found

    def parameter(self, parameter: Parameter) -> Any:
        """The value given for a parameter, else its default, else null."""
        if parameter.name in self.given:
            return self.given[parameter.name]
        return None if parameter.default is None else self.value_of(parameter.default)

    def retrieve(self, asked: Asked) -> list[FhirElement]:
        """The record's resources of that type as FHIR elements, those of other types left out."""
        found = self._retrieved.get(asked)
        return self._found(asked) if found is None else found

    def retrieve_coded(self, key: AskedKey) -> list[FhirElement]:
        """As ``retrieve``, with codes that the evaluation found."""
        return self.retrieve(self._asked.setdefault(key, Asked(*key)))

    def _found(self, asked: Asked) -> list[FhirElement]:
        resource_type = asked.type.name
        try:
            rows = self._record.retrieve(resource_type, asked.code_path, asked.codes)
        except Exception as error:
            self.record_failure = error
            raise
        of_type = [
            view(asked.type, row, None)
            for row in rows
            if type(row) is dict and row.get("resourceType") == resource_type
        ]
        if len(of_type) != len(rows) or resource_type in ABSTRACT:
            views = [each for row in rows if (each := resource(row)) is not None]
            of_type = [each for each in views if resource_type in each.type.ancestors]
        self._retrieved[asked] = of_type
        return of_type


class _Noting:
    """A memo that says what is read from it."""

    def __init__(self, memo: list[Any]) -> None:
        self._memo = memo
        self.read: dict[int, None] = {}

    def __getitem__(self, index: int) -> Any:
        self.read[index] = None
        return self._memo[index]

    def __setitem__(self, index: int, value: Any) -> None:
        """What the first run left stands."""
