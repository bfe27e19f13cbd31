"""Reads ELM libraries, declares what they define, and compiles every body."""

from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ..errors import CqlError, MalformedLibrary, UnknownLibrary, UnknownNode
from ..types import Code, CodeSystemRef, Concept, ValueSetRef
from . import conversions, expressions, functions, properties, queries, retrieves  # noqa: F401 (they register)
from .compiling import Compiling, Scope
from .functions import NATIVE_LIBRARY
from .program import (
    CodeKey,
    Define,
    Expression,
    Function,
    Layout,
    Node,
    Parameter,
    Program,
    Unit,
    codes_of_value_set,
)
from .source import Inline, body_of, resolve, slot
from .type_specifiers import ANY, FHIR, SYSTEM, TypeSpecifier, result_type, type_specifier


def link(libraries: Iterable[Mapping[str, Any]], value_sets: Mapping[str, frozenset[CodeKey]]) -> Program:
    """Compile libraries ({"library": {...}}) that may include each other; raises LoadError."""
    try:
        return _link(libraries, value_sets)
    except CqlError:
        raise
    except Exception as error:  # whatever else JSON of any shape may do to code that expects ELM
        raise MalformedLibrary("?", f"not as ELM has it ({type(error).__name__}: {error})") from error


def _link(libraries: Iterable[Mapping[str, Any]], value_sets: Mapping[str, frozenset[CodeKey]]) -> Program:
    units: dict[str, Unit] = {}
    for library in libraries:
        unit = _unit(library)
        if unit.name in units:
            raise MalformedLibrary(unit.name, "given twice")
        if unit.name != NATIVE_LIBRARY:
            units[unit.name] = unit
    program = Program(units, value_sets)
    for unit in units.values():
        _check_includes(unit, units)
        _declare_terminology(unit, program)
    for unit in units.values():
        _declare(unit, program)
    bodies = [body for unit in units.values() for body in _compile(unit, program)]
    counted = _counted(body.of for body in bodies if isinstance(body.of, Function))
    resolve([_write(body, counted) for body in bodies])
    return program


@dataclass(frozen=True)
class _Body:
    """The compiled body of a define or function, and how many slots it wants."""

    of: Define | Function
    name: str
    expression: Expression
    slots: int


def _write(body: _Body, counted: Container[int]) -> dict[str, Any]:
    """Make a body a Python function; the objects that it names."""
    of = body.of
    operands, index = (len(of.operands), None) if isinstance(of, Function) else (0, of.index)
    of.run, names = body_of(
        body.expression, body.name, operands, body.slots, index, counted=id(of) in counted
    )
    return names


def _counted(called: Iterable[Function]) -> set[int]:
    """The identities of the functions whose calls are steps.

    Some of each that call each other in a circle, and each that could otherwise make more calls in all than
    _UNCOUNTED. What the others do is counted with what calls them: a row, or one of these functions.
    """
    counted: set[int] = set()
    weights: dict[int, int] = {}

    def weigh(function: Function) -> int:
        key = id(function)
        if weights.get(key) == _WEIGHING:
            counted.add(key)
        elif key not in weights:
            weights[key] = _WEIGHING
            weight = 1 + sum(map(weigh, function.calls))
            if weight > _UNCOUNTED:
                counted.add(key)
            weights[key] = 1 if key in counted else weight
        return max(1, weights[key])

    for function in called:
        weigh(function)
    return counted


_WEIGHING: Final = 0
_UNCOUNTED: Final = 50


def _unit(library: Any) -> Unit:
    elm = library.get("library") if isinstance(library, Mapping) else None
    identifier = elm.get("identifier") if isinstance(elm, Mapping) else None
    if not isinstance(elm, Mapping) or not isinstance(identifier, Mapping) or "id" not in identifier:
        raise MalformedLibrary("?", "no ELM library with an identifier")
    name = str(identifier["id"])
    for annotation in elm.get("annotation", ()):
        if annotation.get("type") == "CqlToElmError" and annotation.get("errorSeverity") == "error":
            raise MalformedLibrary(name, f"did not translate: {annotation.get('message')}")
    unit = Unit(name, identifier.get("version"), elm)
    for each in _definitions(elm, "usings"):
        model = (each.get("uri"), each.get("version"))
        if model[0] != SYSTEM[1:-1] and model != (FHIR[1:-1], "4.0.1"):
            raise UnknownNode(name, "using", f"model {each.get('localIdentifier')} {each.get('version')}")
    for each in _definitions(elm, "includes"):
        unit.includes[each["localIdentifier"]] = each["path"]
        unit.include_versions[each["path"]] = each.get("version")
    return unit


def _definitions(elm: Node, section: str) -> Iterator[Node]:
    yield from (elm.get(section) or {}).get("def", ())


def _check_includes(unit: Unit, units: Mapping[str, Unit]) -> None:
    for name, version in unit.include_versions.items():
        if name == NATIVE_LIBRARY:
            if version not in (None, "4.0.1"):
                raise UnknownLibrary(unit.name, f"{name} {version}")
            continue
        found = units.get(name)
        if found is None or (version is not None and found.version != version):
            raise UnknownLibrary(unit.name, f"{name} {version}" if version else name)


def _declare_terminology(unit: Unit, program: Program) -> None:
    elm = unit.elm
    for each in _definitions(elm, "codeSystems"):
        unit.code_systems[each["name"]] = CodeSystemRef(each["id"], each.get("version"), each["name"])
    for each in _definitions(elm, "valueSets"):
        codes = codes_of_value_set(program.value_sets, each["id"], unit.name)
        unit.value_sets[each["name"]] = ValueSetRef(each["id"], each.get("version"), codes, each["name"])
    compiling = Compiling(program, unit, "codes")
    for each in _definitions(elm, "codes"):
        system = each.get("codeSystem")
        known = compiling.declared(system, lambda u: u.code_systems) if system else None
        unit.codes[each["name"]] = Code(
            each["id"], known.id if known else None, known.version if known else None, each.get("display")
        )
    for each in _definitions(elm, "concepts"):
        codes_in = tuple(compiling.declared(code, lambda u: u.codes) for code in each.get("code", ()))
        unit.concepts[each["name"]] = Concept(codes_in, each.get("display"))


def _declare(unit: Unit, program: Program) -> None:
    """Give every define, function and parameter its place, so that bodies may refer to later ones."""
    for each in _definitions(unit.elm, "parameters"):
        default = _new_define(unit, program, each) if "default" in each else None
        specifier = type_specifier(each.get("parameterTypeSpecifier") or each.get("parameterType"))
        unit.parameters[each["name"]] = Parameter(
            unit.name, each["name"], specifier or result_type(each) or ANY, default
        )
    for each in _definitions(unit.elm, "statements"):
        if each.get("type") == "FunctionDef":
            unit.functions.setdefault(each["name"], []).append(_new_function(unit, program, each))
        else:
            unit.defines[each["name"]] = _new_define(unit, program, each)


def _new_define(unit: Unit, program: Program, node: Node) -> Define:
    result = result_type(node) or result_type(node.get("expression") or {}) or ANY
    define = Define(
        library=unit.name,
        name=node["name"],
        index=len(program.defines),
        context=node.get("context", "Unfiltered"),
        access=node.get("accessLevel", "Public"),
        result=result,
    )
    program.defines.append(define)
    return define


def _new_function(unit: Unit, program: Program, node: Node) -> Function:
    operands = []
    for operand in node.get("operand", ()):
        written = operand.get("operandTypeSpecifier") or operand.get("operandType")
        operands.append((operand["name"], _operand_type(program, unit, node, written)))
    return Function(unit.name, node["name"], tuple(operands))


def _operand_type(program: Program, unit: Unit, node: Node, written: Any) -> TypeSpecifier:
    found = type_specifier(written)
    return found or Compiling(program, unit, node["name"]).unknown(f"operand type {written!r}")


def _compile(unit: Unit, program: Program) -> Iterator[_Body]:
    for each in _definitions(unit.elm, "parameters"):
        parameter = unit.parameters[each["name"]]
        if parameter.default is not None:
            yield _compile_define(unit, program, parameter.default, each["default"])
    seen: dict[str, int] = {}
    for each in _definitions(unit.elm, "statements"):
        if each.get("type") == "FunctionDef":
            position = seen.get(each["name"], 0)
            seen[each["name"]] = position + 1
            yield _compile_function(unit, program, unit.functions[each["name"]][position], each)
        else:
            yield _compile_define(unit, program, unit.defines[each["name"]], each.get("expression"))


def _compile_define(unit: Unit, program: Program, define: Define, body: Any) -> _Body:
    layout = Layout()
    expression = Compiling(program, unit, define.name).expression(body, Scope(layout))
    define.truth = isinstance(expression, Inline) and expression.truth
    return _Body(define, f"{unit.name}.{define.name}", expression, layout.size)


def _compile_function(unit: Unit, program: Program, function: Function, node: Node) -> _Body:
    compiling = Compiling(program, unit, function.name)
    if node.get("external"):
        compiling.unknown("external function")
    layout = Layout()
    names = {("operand", name): slot(layout.slot()) for name, _ in function.operands}
    expression = compiling.expression(node.get("expression"), Scope(layout, names))
    function.truth = isinstance(expression, Inline) and expression.truth
    function.calls = compiling.calls
    return _Body(function, f"{unit.name}.{function.name}()", expression, layout.size)
