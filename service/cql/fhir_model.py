"""FHIR 4.0.1 data as CQL sees it: a lazy, typed view on raw JSON (FHIR ModelInfo 4.0.1).

Nothing is validated up front. What is not as FHIR has it (text where an object belongs, a number for a code,
a date that is none) reads as null; an array and its absence are a list and null.
"""

import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from importlib.resources import files
from typing import Any, Final, NamedTuple

from .types import Date, DateTime, Time
from .types.numbers import INTEGER_MAX, INTEGER_MIN, decimal_or_null

ABSTRACT: Final = frozenset({"Resource", "DomainResource"})
"""Types that only the resources derived from them have."""
_PROFILED: Final = {"SimpleQuantity": "Quantity", "MoneyQuantity": "Quantity"}


Reader = Callable[["FhirElement"], Any]
"""What lies beneath an element that is no primitive: FhirElement, list, System value or null."""


class FhirType:
    """A type of the model: ``elements`` has its own elements and those of its bases."""

    __slots__ = ("ancestors", "elements", "json_kind", "name", "read_value", "readers")

    def __init__(self, name: str) -> None:
        self.name = name
        self.ancestors: frozenset[str] = frozenset()
        self.elements: dict[str, Element] = {}
        self.readers: dict[str, Reader] = {}
        """Readers of elements, each made when it is first wanted."""
        self.read_value: Callable[[Any], Any] | None = None
        """For a primitive, the System value of its JSON (null when malformed); None for other types."""
        self.json_kind: tuple[type, ...] = (dict,)

    def reader(self, name: str) -> Reader:
        """The reader of one of this type's elements; of one that the type does not have, null."""
        found = self.readers.get(name)
        if found is None:
            element = self.elements.get(name)
            found = self.readers[name] = _nothing if element is None else _reader(element)
        return found

    def path_reader(self, names: Sequence[str]) -> Reader | None:
        """The reader of a path of elements, without views on what lies between.

        None for a path through a list, a choice or a primitive, and for a primitive's own elements.
        """
        if names[-1] == "value" and (read_value := self.value_reader(names[:-1])) is not None:
            return read_value
        found = self._beneath(names[:-1])
        if found is None or found[1].read_value is not None:
            return None
        keys, last = found
        read = last.reader(names[-1])
        if not keys:
            return read

        def read_beneath(element: FhirElement) -> Any:
            json = _reached(element.json, keys)
            return None if json is None else read(view(last, json, None))

        return read_beneath

    def value_reader(self, names: Sequence[str]) -> Reader | None:
        """The reader of the System value of the primitive at a path; None when there is none."""
        found = self._beneath(names)
        if found is None:
            return None
        keys, last = found
        return None if last.read_value is None else _value_reader(keys, last.read_value)

    def row_type(self, names: Sequence[str]) -> "FhirType | None":
        """The type of each element of the list at a path; None when there is none, or elements may differ."""
        found = self._beneath(names[:-1])
        element = None if found is None else found[1].elements.get(names[-1])
        if element is None or not element.is_list:
            return None
        found_type = element.options[0].type
        return None if found_type is None or found_type.name in ABSTRACT else found_type

    def _beneath(self, names: Sequence[str]) -> "tuple[list[str], FhirType] | None":
        """The JSON keys to what lies at a path, and its type; None where ``path_reader`` gives none."""
        keys: list[str] = []
        here = self
        for name in names:
            element = here.elements.get(name)
            if here.read_value is not None or element is None or element.is_list or element.is_choice:
                return None
            key, there = element.options[0]
            if there is None or there.name in ABSTRACT:
                return None
            keys.append(key)
            here = there
        return keys, here

    def __repr__(self) -> str:
        return f"FhirType({self.name})"


class Option(NamedTuple):
    """One JSON key under which an element may stand, and its type; System values have none."""

    key: str
    type: FhirType | None


class Element(NamedTuple):
    """An element of a type; a choice has several options."""

    name: str
    options: tuple[Option, ...]
    is_list: bool
    is_choice: bool


class FhirElement:
    """A resource, a data type or a primitive: its type and its raw JSON.

    ``extra`` is what stands beside a primitive under ``_name`` (its id and extensions).
    """

    __slots__ = ("extra", "json", "type")

    def __init__(self, type_name: str, json: Any, extra: Mapping[str, Any] | None = None) -> None:
        self.type = fhir_types()[type_name]
        self.json = json
        self.extra = extra

    @property
    def type_name(self) -> str:
        """Name in the FHIR model: 'Condition', 'Observation.Component', 'ObservationStatus', 'string'."""
        return self.type.name

    @property
    def value(self) -> Any:
        """The System value of a primitive; of another type, its element ``value``."""
        return self.get("value")

    def get(self, name: str) -> Any:
        """An element by its name in the model ('onset', not 'onsetDateTime'): FhirElement, list, System value
        or null.
        """
        fhir_type = self.type
        read = fhir_type.readers.get(name) or fhir_type.reader(name)
        if fhir_type.read_value is None:
            return read(self)
        if name == "value":
            return fhir_type.read_value(self.json)
        return None if self.extra is None else read(view(fhir_type, self.extra, None))

    def children(self) -> Iterator[Any]:
        """Every value directly beneath, lists taken apart (CQL Children)."""
        for name in self.type.elements:
            value = self.get(name)
            if isinstance(value, list):
                yield from value
            elif value is not None:
                yield value

    def is_a(self, type_name: str) -> bool:
        """True for the type itself and for those derived from it."""
        return type_name in self.type.ancestors

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, FhirElement):
            return NotImplemented
        if self.type is not other.type and not (
            self.type.read_value is not None and self.type.json_kind == other.type.json_kind
        ):
            return False
        if self.json is other.json and self.extra is other.extra:
            return True
        return bool(self.json == other.json) and self.extra == other.extra

    def __hash__(self) -> int:
        return _hash(self.json)

    def __repr__(self) -> str:
        return f"FhirElement({self.type.name})"


def _hash(value: Any) -> int:
    """Equal JSON has the same hash; a resource goes by its id alone."""
    if isinstance(value, dict):
        if "resourceType" in value and isinstance(value.get("id"), str):
            return hash(value["id"])
        return hash(frozenset((key, _hash(each)) for key, each in value.items()))
    if isinstance(value, list):
        return hash(tuple(_hash(each) for each in value))
    return hash(value)


def resource(value: Any) -> FhirElement | None:
    """A view on a raw resource, null when it is none of FHIR 4.0.1."""
    if not isinstance(value, dict):
        return None
    found = fhir_types().get(str(value.get("resourceType")))
    if found is None or "Resource" not in found.ancestors or found.name in ABSTRACT:
        return None
    return view(found, value, None)


def typed(fhir_type: FhirType, value: Any, extra: Any = None) -> FhirElement | None:
    """A view on raw JSON of that type, null when it is not of its kind."""
    if fhir_type.name in ABSTRACT:
        return resource(value)
    extra = extra if isinstance(extra, dict) and fhir_type.read_value is not None else None
    kind = type(value)
    if kind not in fhir_type.json_kind:
        if extra is None:
            return None
        value = None
    return view(fhir_type, value, extra)


def view(fhir_type: FhirType, value: Any, extra: Mapping[str, Any] | None) -> FhirElement:
    """A view on JSON that is known to be of the type."""
    element = FhirElement.__new__(FhirElement)
    element.type = fhir_type
    element.json = value
    element.extra = extra
    return element


def _nothing(_parent: FhirElement) -> None:
    return None


def _reader(element: Element) -> Reader:
    """The reader of an element, with all that can be decided before there is data."""
    key, fhir_type = element.options[0]
    if element.is_choice:
        return _choice_reader(element)
    if fhir_type is None:
        return _value_reader([key], _string)
    if element.is_list:
        return _list_reader(key, fhir_type)
    if fhir_type.name in ABSTRACT:
        return lambda parent: resource(parent.json.get(key))
    return _single_reader(key, fhir_type)


def _single_reader(key: str, fhir_type: FhirType) -> Reader:
    kinds = fhir_type.json_kind
    beside = "_" + key if fhir_type.read_value is not None else None

    def read(parent: FhirElement) -> FhirElement | None:
        json = parent.json
        value = json.get(key)
        if beside in json:
            return typed(fhir_type, value, json[beside])
        return view(fhir_type, value, None) if type(value) in kinds else None

    return read


def _list_reader(key: str, fhir_type: FhirType) -> Reader:
    if fhir_type.read_value is not None or fhir_type.name in ABSTRACT:
        beside = "_" + key

        def read_any(parent: FhirElement) -> list[FhirElement] | None:
            json = parent.json
            if key in json or beside in json:
                return _read_list(fhir_type, json.get(key), json.get(beside))
            return None

        return read_any

    def read(parent: FhirElement) -> list[FhirElement] | None:
        values = parent.json.get(key)
        if type(values) is not list:
            return None
        return [view(fhir_type, value, None) for value in values if type(value) is dict] or None

    return read


def _choice_reader(element: Element) -> Reader:
    types = {key: fhir_type for key, fhir_type in element.options if fhir_type is not None}
    beside = {key: f"_{key}" for key, each in types.items() if each.read_value is not None}
    keys = frozenset([*types, *beside.values()])

    def read(parent: FhirElement) -> FhirElement | None:
        json = parent.json
        present = keys.intersection(json)
        if not present:
            return None
        if len(present) == 1:
            (key,) = present
            if key in types:
                fhir_type, value = types[key], json[key]
                return view(fhir_type, value, None) if type(value) in fhir_type.json_kind else None
        for key, fhir_type in types.items():
            value, extra = json.get(key), json.get(beside.get(key))
            if value is not None or extra is not None:
                return typed(fhir_type, value, extra)
        return None

    return read


def _value_reader(keys: Sequence[str], read_value: Callable[[Any], Any]) -> Reader:
    """Reads the JSON at these keys; without any, that of the element itself."""
    if not keys:
        return lambda element: read_value(element.json)
    *between, last = keys
    if between:

        def read_beneath(element: FhirElement) -> Any:
            json = _reached(element.json, between)
            return None if json is None else read_value(json.get(last))

        return read_beneath
    if read_value is not _string:
        return lambda element: read_value(element.json.get(last))

    def read_text(element: FhirElement) -> str | None:
        value = element.json.get(last)
        return value if isinstance(value, str) else None

    return read_text


def _reached(json: Any, keys: Sequence[str]) -> Any:
    """The object beneath objects at these keys; None when there is none."""
    for key in keys:
        json = json.get(key)
        if type(json) is not dict:
            return None
    return json


def _read_list(fhir_type: FhirType, values: Any, extras: Any) -> list[FhirElement] | None:
    if not isinstance(values, list):
        values = []
    if isinstance(extras, list):
        pairs = itertools.zip_longest(values, extras)
        found = [item for value, extra in pairs if (item := typed(fhir_type, value, extra)) is not None]
    elif fhir_type.read_value is None and fhir_type.name not in ABSTRACT:
        found = [view(fhir_type, value, None) for value in values if type(value) is dict]
    else:
        found = [item for value in values if (item := typed(fhir_type, value)) is not None]
    return found or None


def _string(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _boolean(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _integer(value: Any) -> int | None:
    return value if type(value) is int and INTEGER_MIN <= value <= INTEGER_MAX else None


def _decimal(value: Any) -> Decimal | None:
    if isinstance(value, Decimal):
        return decimal_or_null(value)
    if type(value) is int or isinstance(value, float):
        return decimal_or_null(Decimal(str(value)))
    return None


def _parsed(parse: Callable[[str], Any]) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        if not isinstance(value, str):
            return None
        try:
            return parse(value)
        except ValueError:
            return None

    return read


_VALUES: Final[dict[str, tuple[Callable[[Any], Any], tuple[type, ...]]]] = {
    "System.String": (_string, (str,)),
    "System.Boolean": (_boolean, (bool,)),
    "System.Integer": (_integer, (int,)),
    "System.Decimal": (_decimal, (Decimal, int, float)),
    "System.Date": (_parsed(Date.parse), (str,)),
    "System.DateTime": (_parsed(DateTime.parse), (str,)),
    "System.Time": (_parsed(Time.parse), (str,)),
}
"""How a primitive of that value type is read, and the Python types its JSON may have."""


@lru_cache(maxsize=1)
def fhir_types() -> Mapping[str, FhirType]:
    """Every type of FHIR 4.0.1 by name."""
    table = json.loads(files(__package__).joinpath("fhir_model_4_0_1.json").read_text("utf-8"))
    types = {name: FhirType(name) for name in table}
    for name in table:
        _complete(types, table, name)
    return types


def _complete(types: dict[str, FhirType], table: Mapping[str, Any], name: str) -> FhirType:
    """Fill in a type after its bases; what is complete is left as it is."""
    this = types[name]
    if this.ancestors:
        return this
    base_name, elements = table[name]
    if base_name:
        base = _complete(types, table, base_name)
        this.ancestors = base.ancestors | {name}
        this.elements = dict(base.elements)
        this.read_value, this.json_kind = base.read_value, base.json_kind
    else:
        this.ancestors = frozenset({name})
    for element_name, text in elements.items():
        if element_name == "value" and text in _VALUES:
            this.read_value, this.json_kind = _VALUES[text]
            text = "System.String"
        this.elements[element_name] = _element(types, element_name, text)
    return this


def _element(types: Mapping[str, FhirType], name: str, text: str) -> Element:
    names = text.removeprefix("*").split("|")
    if len(names) == 1:
        option = Option(name, types.get(names[0]))
        return Element(name, (option,), is_list=text.startswith("*"), is_choice=False)
    options = tuple(Option(name + json_suffix(each), types[each]) for each in names)
    return Element(name, options, is_list=False, is_choice=True)


def json_suffix(type_name: str) -> str:
    """What a choice's JSON key ends with for a value of that type: 'Quantity', 'DateTime'."""
    type_name = _PROFILED.get(type_name, type_name)
    return type_name[0].upper() + type_name[1:]
