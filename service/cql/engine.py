"""The engine: compiled libraries, and evaluations of them on a patient's record."""

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Mapping
from contextvars import Token
from dataclasses import dataclass
from traceback import walk_tb
from typing import Any, Final, Self

from .compiler import Define, Parameter, Program, Unit, link
from .compiler.program import UNSET
from .compiler.run import Run
from .compiler.type_specifiers import TypeSpecifier, type_test
from .errors import CqlError, EvaluationError, UnknownDefine
from .fhir_json import to_fhir
from .fhir_model import FhirElement, fhir_types, resource, typed
from .limits import Limits, Meter, meter_of_operators, reset
from .record import CodeKey, Record
from .types import offset_for_evaluation, reset_evaluation_offset, set_evaluation_offset

_DEFAULT_LIMITS: Final = Limits()

DefineName = tuple[str, str]
"""(library, define)"""


@dataclass(frozen=True)
class DefineInfo:
    """A define: its type as text ('System.Boolean'), access ('Public') and context ('Patient')."""

    result_type: str
    access: str
    context: str


@dataclass(frozen=True)
class RetrieveInfo:
    """A Retrieve: ``codes`` when known before any evaluation, ``value_sets`` the url they come from."""

    define: str
    resource_type: str
    code_path: str | None
    codes: frozenset[CodeKey] | None
    value_sets: tuple[str, ...]


@dataclass(frozen=True)
class LibraryInfo:
    """What a library declares; ``includes`` are library names with versions, ``parameters`` types as text."""

    name: str
    version: str | None
    defines: Mapping[str, DefineInfo]
    functions: tuple[str, ...]
    includes: Mapping[str, str | None]
    parameters: Mapping[str, str]
    retrieves: tuple[RetrieveInfo, ...]
    value_sets: tuple[str, ...]


class Engine:
    """ELM libraries compiled to Python functions. Immutable once made; any number of threads may use it."""

    def __init__(
        self, libraries: Iterable[Mapping[str, Any]], value_sets: Mapping[str, Iterable[CodeKey]]
    ) -> None:
        """``libraries``: ELM JSON ({"library": {...}}), FHIRHelpers not needed; ``value_sets``: by url
        without version, their members as (system, code). Raises LoadError.
        """
        members = {url: frozenset(codes) for url, codes in value_sets.items()}
        self._program = link(libraries, members)
        self._defines = self._program.by_name()
        self._libraries = {unit.name: _info(unit) for unit in self._program.units.values()}

    def libraries(self) -> Mapping[str, LibraryInfo]:
        """Every library by name."""
        return self._libraries

    def evaluation(
        self,
        record: Record,
        now: dt.datetime,
        parameters: Mapping[str, Any] | None = None,
        limits: Limits = _DEFAULT_LIMITS,
    ) -> "Evaluation":
        """An evaluation on a record at ``now`` (aware).

        ``parameters`` by name, seen by every library that declares one of that name; FHIR resources as raw
        JSON. ``limits`` bound the whole evaluation. Raises EvaluationError for a value of another type.
        """
        if now.tzinfo is None:
            raise EvaluationError("the evaluation's clock needs a time zone")
        offset = _offset_minutes(now)
        with offset_for_evaluation(offset):
            given = _parameters(self._program, parameters or {})
            return Evaluation(Run(self._program, record, now, given, limits), self._defines, offset)


class Evaluation:
    """One request: every define is evaluated at most once. Not for use by several threads at once.

    Asked for many values, it is quicker as the subject of a ``with`` statement around all of them.
    """

    def __init__(self, run: Run, defines: Mapping[DefineName, Define], offset: int) -> None:
        self._run = run
        self._values = run.values
        self._defines = defines
        self._offset = offset
        self._entered: list[tuple[Token[Meter | None], Token[int]]] = []
        """How to leave each ``with`` statement that the evaluation is in."""

    def __enter__(self) -> Self:
        self._entered.append((meter_of_operators(self._run), set_evaluation_offset(self._offset)))
        return self

    def __exit__(self, *_error: object) -> None:
        meter, offset = self._entered.pop()
        reset_evaluation_offset(offset)
        reset(meter)

    def value(self, library: str, define: str) -> Any:
        """The value of a define. Raises UnknownDefine, EvaluationError (LimitExceeded among them), and the
        record's errors unchanged.
        """
        found = self._defines.get((library, define))
        if found is None:
            raise UnknownDefine(library, define)
        value = self._values[found.index]
        if value is not UNSET:
            return value
        try:
            if self._entered:
                return found.run(self._run)
            with self:
                return found.run(self._run)
        except Exception as error:
            if self._is_told(found, error):
                raise
            raise self._failure(found, error) from error  # in no variable: its traceback has this frame

    def _is_told(self, define: Define, error: Exception) -> bool:
        """Whether the caller gets what was raised while the value of a define was sought: the record's errors
        as they are, ours with the define that they came from.
        """
        run = self._run
        if error is run.record_failure:
            run.record_failure = None  # else its traceback keeps the whole request in a cycle
            return not isinstance(error, RecursionError)
        if isinstance(error, EvaluationError) and error.library is None:
            last = [define, *_defines_of(run.program, error)][-1]
            error.library, error.define = last.library, last.name
        return isinstance(error, CqlError)

    def _failure(self, define: Define, error: Exception) -> EvaluationError:
        """What the caller gets for another error."""
        if isinstance(error, RecursionError):
            running = _defines_of(self._run.program, error)
            times = Counter(each.index for each in running)
            twice = next((each for each in running if times[each.index] > 1), None)
            if twice is not None:
                return EvaluationError("rests on itself", twice.library, twice.name)
            return EvaluationError("recursion without end", define.library, define.name)
        return EvaluationError(f"failed with {type(error).__name__}", define.library, define.name)

    def unknown_because(self, library: str, define: str) -> tuple[DefineName, ...]:
        """The deepest null defines that a null define rests on, itself if there are none.

        A define rests on those that its evaluation read. Tuples and lists are looked through, as nulls may
        come from within them. Empty for a define that is not null.
        """
        if self.value(library, define) is not None:
            return ()
        asked = self._defines[library, define]
        try:
            with self:
                found = self._deepest_nulls(asked.index, {}) or (asked.index,)
        except EvaluationError as error:
            self._is_told(asked, error)
            raise
        defines = self._run.program.defines
        return tuple((defines[each].library, defines[each].name) for each in found)

    def _deepest_nulls(self, index: int, known: dict[int, tuple[int, ...]]) -> tuple[int, ...]:
        """The deepest nulls beneath a define: beneath its null references, else beneath tuples and lists."""
        if index in known:
            return known[index]
        known[index] = ()
        found: dict[int, None] = {}
        references = self._run.references_of(self._run.program.defines[index])
        values = {each: self._values[each] for each in references}
        for child, value in values.items():
            if value is None:
                found.update(dict.fromkeys(self._deepest_nulls(child, known) or (child,)))
        if not found:
            for child, value in values.items():
                if isinstance(value, dict | list):
                    found.update(dict.fromkeys(self._deepest_nulls(child, known)))
        known[index] = tuple(found)
        return known[index]

    def to_fhir(self, value: Any) -> Any:
        """A CQL value as FHIR JSON: Code as Coding, Concept as CodeableConcept, Quantity, DateTime as text,
        Interval as Period or Range, tuples as dicts. Raises EvaluationError for what FHIR cannot hold.
        """
        if self._entered:
            return to_fhir(value)
        offset = set_evaluation_offset(self._offset)
        try:
            return to_fhir(value)
        finally:
            reset_evaluation_offset(offset)


def _defines_of(program: Program, error: Exception) -> list[Define]:
    """The defines that were running when an error was raised, the outermost first."""
    by_code = {define.run.__code__: define for define in program.defines}
    frames = (frame.f_code for frame, _ in walk_tb(error.__traceback__))
    return [by_code[code] for code in frames if code in by_code]


def _offset_minutes(now: dt.datetime) -> int:
    offset = now.utcoffset()
    return 0 if offset is None else int(offset.total_seconds() // 60)


def _info(unit: Unit) -> LibraryInfo:
    return LibraryInfo(
        name=unit.name,
        version=unit.version,
        defines={define.name: _define_info(define) for define in unit.defines.values()},
        functions=tuple(unit.functions),
        includes=dict(unit.include_versions),
        parameters={parameter.name: str(parameter.type) for parameter in unit.parameters.values()},
        retrieves=tuple(
            RetrieveInfo(each.define, each.resource_type, each.code_path, each.codes, each.value_sets)
            for each in unit.retrievals
        ),
        value_sets=tuple(dict.fromkeys(each.id.partition("|")[0] for each in unit.value_sets.values())),
    )


def _define_info(define: Define) -> DefineInfo:
    return DefineInfo(str(define.result), define.access, define.context)


def _parameters(program: Program, given: Mapping[str, Any]) -> dict[str, Any]:
    """The given values as CQL values; a name that no library declares is left out."""
    values: dict[str, Any] = {}
    for unit in program.units.values():
        for name, parameter in unit.parameters.items():
            if name in given:
                values[name] = _parameter_value(parameter, given[name])
    return values


def _parameter_value(parameter: Parameter, value: Any) -> Any:
    try:
        converted = _from_json(parameter.type, value)
    except ValueError:
        converted = None
    if value is not None and (converted is None or not type_test(parameter.type)(converted)):
        raise EvaluationError(f"parameter {parameter.library}.{parameter.name} is not a {parameter.type}")
    return converted


def _from_json(specifier: TypeSpecifier, value: Any) -> Any:
    """Raw JSON as FHIR data where the type says so, CQL values as they are; ValueError for other JSON."""
    if value is None or isinstance(value, FhirElement):
        return value
    if isinstance(value, list | tuple):
        inner = specifier.arguments[0] if specifier.kind == "List" else specifier
        return [_from_json(inner, each) for each in value]
    found = value
    if isinstance(value, dict) and "resourceType" in value:
        found = resource(value)
    elif specifier.kind == "FHIR":
        found = typed(fhir_types()[specifier.name], value)
    if found is None:
        raise ValueError("not FHIR JSON of that type")
    return found
