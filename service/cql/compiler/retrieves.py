"""Retrieve, and membership in value sets and code systems (ELM Retrieve, InValueSet, InCodeSystem, ...)."""

from collections.abc import Callable, Iterator
from operator import itemgetter
from typing import Any, Final

from ..errors import EvaluationError
from ..fhir_helpers import FUNCTIONS
from ..fhir_model import ABSTRACT, FhirElement, fhir_types
from ..types import Code, Concept, ValueSetRef
from .compiling import Compiling, Scope, compiles
from .expressions import Choice, case, plain
from .functions import NATIVE_LIBRARY
from .program import UNSET, Asked, AskedKey, CodeKey, Expression, Node, Program, Retrieval
from .run import Run
from .source import Constant, Inline, Writer, call, constants
from .type_specifiers import named_type

_REFUSED: Final = (
    "id", "dateProperty", "dateRange", "context", "include", "codeFilter", "dateFilter", "otherFilter",
)  # fmt: skip
"""What would narrow or widen a Retrieve in ways that the record does not know: never silently left aside."""


_EXPAND: Final = plain("ExpandValueSet")


@compiles("Retrieve")
def _retrieve(compiling: Compiling, node: Node, scope: Scope) -> Expression:
    for field in _REFUSED:
        if node.get(field):
            compiling.unknown(f"Retrieve with {field}")
    data_type = named_type(str(node.get("dataType")))
    if data_type is None or "Resource" not in fhir_types()[data_type.name].ancestors:
        compiling.unknown(f"Retrieve of {node.get('dataType')}")
    resource_type = fhir_types()[data_type.name]
    if "codes" not in node:
        _note(compiling, data_type.name, None, None)
        return _retrieval(compiling, (resource_type, None, None))
    code_path = node.get("codeProperty")
    if not isinstance(code_path, str) or node.get("codeComparator", "in") not in ("in", "~", "="):
        compiling.unknown(f"Retrieve by {code_path} {node.get('codeComparator')}")
    codes = compiling.expression(node["codes"], scope)
    fixed = codes_of(compiling.program, codes.value) if isinstance(codes, Constant) else None
    _note(compiling, data_type.name, code_path, fixed, codes)
    if fixed is not None:
        return _retrieval(compiling, (resource_type, code_path, fixed))

    def retrieve(run: Run, value: Any) -> Any:
        wanted = codes_of(run.program, value)
        return None if wanted is None else run.retrieve_coded((resource_type, code_path, wanted))

    return Inline(lambda writer: f"{writer.name(retrieve)}(r, {writer.once(codes)})")


def _retrieval(compiling: Compiling, key: AskedKey) -> Expression:
    asked = compiling.program.asked.setdefault(key, Asked(*key))
    rows = None if asked.type.name in ABSTRACT else asked.type
    return Inline(lambda writer: f"r.retrieve({writer.name(asked)})", known=True, rows=rows)


def _note(
    compiling: Compiling,
    resource_type: str,
    code_path: str | None,
    fixed: frozenset[CodeKey] | None,
    codes: Expression | None = None,
) -> None:
    value = codes.value if isinstance(codes, Constant) else None
    urls = (value.id,) if isinstance(value, ValueSetRef) else ()
    compiling.unit.retrievals.append(Retrieval(compiling.define, resource_type, code_path, fixed, urls))


def codes_of(program: Program, value: Any) -> frozenset[CodeKey] | None:
    """(system, code) of a code, a concept, a value set, or a list of them; null of null."""
    if value is None:
        return None
    if isinstance(value, ValueSetRef):
        return program.codes_of(value)
    return frozenset(_keys(value))


def _keys(value: Any) -> Iterator[CodeKey]:
    if isinstance(value, Code):
        if value.code is not None and value.system is not None:
            yield value.system, value.code
    elif isinstance(value, Concept):
        for code in value.codes:
            yield from _keys(code)
    elif isinstance(value, list):
        for each in value:
            yield from _keys(each)
    elif value is not None:
        raise EvaluationError(f"a code was expected, not {type(value).__name__}")


@compiles("ValueSetRef")
def _value_set_ref(compiling: Compiling, node: Node, _scope: Scope) -> Expression:
    """The value set itself; its codes where ``preserve`` is not set (ELM before 1.5)."""
    value_set = compiling.declared(node, lambda unit: unit.value_sets)
    return Constant(value_set if node.get("preserve") else _EXPAND(value_set))


@compiles("ExpandValueSet")
def _expand_value_set(compiling: Compiling, node: Node, scope: Scope) -> Expression:
    operand = compiling.child(node, "operand", scope)
    if isinstance(operand, Constant) and isinstance(operand.value, ValueSetRef):
        return Constant(_EXPAND(operand.value))

    def expand(value: Any) -> Any:
        return _EXPAND(resolved(compiling.program, value)) if isinstance(value, ValueSetRef) else value

    return call(expand, [operand])


def resolved(program: Program, value_set: ValueSetRef) -> ValueSetRef:
    """The value set with its codes."""
    if value_set.codes:
        return value_set
    return ValueSetRef(value_set.id, value_set.version, program.codes_of(value_set), value_set.name)


def _terminology(compiling: Compiling, node: Node, field: str, scope: Scope) -> Expression:
    """The value set or code system of a membership node: a reference, or an expression."""
    if (reference := node.get(field)) is not None:
        if field == "valueset":
            return Constant(compiling.declared(reference, lambda unit: unit.value_sets))
        return Constant(compiling.declared(reference, lambda unit: unit.code_systems))
    value = compiling.child(node, f"{field}Expression", scope)

    def find(found: Any) -> Any:
        return resolved(compiling.program, found) if isinstance(found, ValueSetRef) else found

    return call(find, [value])


@compiles("InValueSet", "AnyInValueSet", "InCodeSystem", "AnyInCodeSystem")
def _membership(compiling: Compiling, node: Node, scope: Scope) -> Expression:
    codes = compiling.child(node, "codes" if node["type"].startswith("Any") else "code", scope)
    field = "valueset" if "ValueSet" in node["type"] else "codesystem"
    terminology = _terminology(compiling, node, field, scope)
    if node["type"] == "InValueSet" and isinstance(terminology, Constant):
        element = _before_conversion(compiling, node["code"], scope)
        if element is not None:
            convert = FUNCTIONS[node["code"]["name"]]
            return Membership(node["code"], element, convert, terminology.value)
    return call(plain(node["type"]), [codes, terminology])


def _before_conversion(compiling: Compiling, node: Node, scope: Scope) -> Expression | None:
    """The FHIR data that FHIRHelpers would make a Concept or Code of; None when the node is another."""
    is_conversion = node.get("type") == "FunctionRef" and node.get("name") in ("ToConcept", "ToCode")
    if not is_conversion or compiling.unit.includes.get(node.get("libraryName", "")) != NATIVE_LIBRARY:
        return None
    return compiling.expression(node["operand"][0], scope)


_CONCEPT: Final = fhir_types()["CodeableConcept"]
_SYSTEM_AND_CODE: Final = itemgetter("system", "code")
_MALFORMED: Final = (KeyError, TypeError)
"""What reading the JSON of codings ends with where one has not both, or there is none."""


def _sound_keys(concept: FhirElement) -> Iterator[CodeKey]:
    """(system, code) of those codings of a CodeableConcept that have both as texts."""
    codings = concept.json.get("coding")
    for coding in codings if type(codings) is list else ():
        if type(coding) is dict:
            system, code = coding.get("system"), coding.get("code")
            if isinstance(system, str) and isinstance(code, str):
                yield system, code


class Membership(Inline):
    """Whether FHIR data is in a value set: a CodeableConcept by its JSON, other values once converted.

    ``node`` is the ELM of ``subject``: two memberships with equal nodes look at the same data.
    """

    def __init__(
        self, node: Node, subject: Expression, convert: Callable[[Any], Any], value_set: ValueSetRef
    ) -> None:
        super().__init__(self._write, truth=True)
        self.node = node
        self.subject = subject
        self.members = value_set.codes
        self._convert = convert
        self._value_set = value_set

    def _write(self, writer: Writer) -> str:
        value = writer.value(self.subject)
        return f"{value} is not None and {writer.name(self.has)}({value})"

    def has(self, value: Any) -> bool:
        """Whether a value that is not null is a member."""
        if type(value) is FhirElement and value.type is _CONCEPT:
            try:
                return not self.members.isdisjoint(map(_SYSTEM_AND_CODE, value.json["coding"]))
            except _MALFORMED:
                return not self.members.isdisjoint(_sound_keys(value))
        return _IN_VALUE_SET(self._convert(value), self._value_set) is True


_IN_VALUE_SET: Final = plain("InValueSet")


@compiles("Case")
def _case(compiling: Compiling, node: Node, scope: Scope) -> Expression:
    """A case whose conditions are memberships of the same data looks each code up once for all of them."""
    compiled = case(compiling, node, scope)
    if not isinstance(compiled, Choice):
        return compiled
    tests = [when for when, _ in compiled.items if isinstance(when, Membership)]
    if len(tests) != len(compiled.items) or any(test.node != tests[0].node for test in tests):
        return compiled
    return _looked_up(tests, compiled)


def _looked_up(tests: list[Membership], choice: Choice) -> Expression:
    first: dict[CodeKey, int] = {}
    for index, test in enumerate(tests):
        for code in test.members:
            first.setdefault(code, index)
    known = first.keys()
    subject = tests[0].subject
    results = constants([*(then for _, then in choice.items), choice.otherwise])
    if results is None:
        return choice

    def look_up(value: Any) -> Any:
        if type(value) is not FhirElement or value.type is not _CONCEPT:
            return UNSET
        try:
            found = known & map(_SYSTEM_AND_CODE, value.json["coding"])
        except _MALFORMED:
            found = known & _sound_keys(value)
        return results[min(map(first.__getitem__, found)) if found else -1]

    def write(writer: Writer) -> str:
        value = writer.value(subject)
        found = writer.bind(f"{writer.name(look_up)}({value})")
        with writer.block(f"if {found} is {writer.name(UNSET)}:"):
            writer.put(found, choice)
        return found

    return Inline(write)
