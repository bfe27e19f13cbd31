"""The state of one evaluation: memo, record, clock, parameters."""

import datetime as dt
from collections.abc import Mapping
from typing import Any, Final

from ..errors import EvaluationError
from ..fhir_model import FhirElement, resource
from ..limits import Limits, Meter
from ..record import CodeKey, Record
from ..types import Date, DateTime, Time
from .program import UNSET, Define, Parameter, Program, Unset


class _Running(Unset):
    """The memo of a define that is being evaluated."""


_RUNNING: Final = _Running()


class Run:
    """One evaluation; not shared between threads."""

    def __init__(
        self, program: Program, record: Record, now: dt.datetime, given: Mapping[str, Any], limits: Limits
    ) -> None:
        self.program = program
        self.meter = Meter(limits)
        self.spend = self.meter.spend
        self.given = given
        """Parameter values by name, already CQL values."""
        self.now = DateTime.of(now)
        self.today = Date(*self.now.parts[:3])
        self.time_of_day = Time(*self.now.parts[3:])
        self.record_failure: BaseException | None = None
        """What the record last raised: it goes to the caller as it is."""
        self._record = record
        self.memo: list[Any] = [UNSET] * len(program.defines)
        """The values of defines, by index."""
        self._references: dict[int, dict[int, None]] = {}
        self.current: dict[int, None] = {}
        """The defines that the running one has read."""
        self._retrieved: dict[tuple[str, str | None, frozenset[CodeKey] | None], list[FhirElement]] = {}
        self._views: dict[int, FhirElement | None] = {}
        """One view for each resource, by the identity of its JSON (which the view keeps alive)."""

    def value_of(self, index: int) -> Any:
        """The value of a define, evaluated at most once."""
        self.current[index] = None
        value = self.memo[index]
        return self.evaluate(index) if isinstance(value, Unset) else value

    def known(self, index: int) -> Any:
        """The value of a define when it has been evaluated, else an Unset."""
        return self.memo[index]

    def references_of(self, index: int) -> tuple[int, ...]:
        """The defines that the evaluation of a define read, in that order."""
        return tuple(self._references.get(index, ()))

    def evaluate(self, index: int) -> Any:
        """The value of a define that has none yet. Raises EvaluationError, and what the record raises."""
        define = self.program.defines[index]
        memo = self.memo
        if memo[index] is _RUNNING:
            raise EvaluationError("rests on itself", define.library, define.name)
        outer = self.current
        self.current = self._references[index] = {}
        memo[index] = _RUNNING
        value: Any = UNSET
        try:
            value = define.body([self, *define.padding])
        except Exception as error:
            if isinstance(error, EvaluationError) and error.library is None:
                error.library, error.define = define.library, define.name
            raise
        finally:
            memo[index] = value
            self.current = outer
        return value

    def parameter(self, parameter: Parameter) -> Any:
        """The value given for a parameter, else its default, else null."""
        if parameter.name in self.given:
            return self.given[parameter.name]
        return None if parameter.default is None else self._default(parameter.default)

    def _default(self, default: Define) -> Any:
        value = self.memo[default.index]
        return self.evaluate(default.index) if isinstance(value, Unset) else value

    def retrieve(
        self, resource_type: str, code_path: str | None, codes: frozenset[CodeKey] | None
    ) -> list[FhirElement]:
        """The record's resources of that type as FHIR elements, those of other types left out."""
        key = (resource_type, code_path, codes)
        found = self._retrieved.get(key)
        if found is None:
            try:
                rows = self._record.retrieve(resource_type, code_path, codes)
            except Exception as error:
                self.record_failure = error
                raise
            found = self._retrieved[key] = []
            views = self._views
            for row in rows:
                view = views.get(id(row))
                if view is None:
                    view = views[id(row)] = resource(row)
                if view is not None and resource_type in view.type.ancestors:
                    found.append(view)
        return found
