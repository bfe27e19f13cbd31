"""Make service/cql/fhir_model_4_0_1.json from the FHIR 4.0.1 model info that the translator carries.

    python plandefinitions/authoring/fhir_model.py      (after the first call of cql-to-elm)

For each type its base and its elements. An element's type is text: 'Period', '*Period' for a list,
'boolean|CodeableConcept' for a choice; 'System.String' and the like for the values of primitives.
"""

import json
import xml.etree.ElementTree as ET
import zipfile
from pathlib import Path

HERE = Path(__file__).parent
TARGET = HERE.parents[1] / "service" / "cql" / "fhir_model_4_0_1.json"
MEMBER = "org/hl7/fhir/fhir-modelinfo-4.0.1.xml"
SHORT = (",", ":")
XSI = "{http://www.w3.org/2001/XMLSchema-instance}type"


def type_text(specifier: ET.Element) -> str:
    """A type specifier of the model info as text."""
    kind = specifier.get(XSI, "")
    if kind.endswith("ListTypeSpecifier"):
        inner = next((child for child in specifier if child.tag.endswith("elementTypeSpecifier")), None)
        return "*" + (type_text(inner) if inner is not None else short(specifier.get("elementType", "")))
    if kind.endswith("ChoiceTypeSpecifier"):
        return "|".join(type_text(choice) for choice in specifier)
    return short(f"{specifier.get('namespace', 'FHIR')}.{specifier.get('name')}")


def short(qualified: str) -> str:
    """A type name without 'FHIR.'."""
    return qualified.removeprefix("FHIR.")


def element_text(element: ET.Element) -> str:
    """The type of an element as text."""
    if (name := element.get("elementType")) is not None:
        return short(name)
    return next(type_text(child) for child in element if child.tag.endswith("elementTypeSpecifier"))


def main() -> None:
    """Write the table."""
    jar = next((HERE / "target" / "lib").glob("quick-*.jar"))
    with zipfile.ZipFile(jar) as archive:
        root = ET.fromstring(archive.read(MEMBER))  # noqa: S314
    types = {}
    for info in root:
        if not info.tag.endswith("typeInfo"):
            continue
        elements = {e.get("name"): element_text(e) for e in info if e.tag.endswith("element")}
        types[info.get("name", "")] = [short(info.get("baseType", "")).removeprefix("System.Any"), elements]
    rows = (f"{json.dumps(name)}: {json.dumps(row, separators=SHORT)}" for name, row in sorted(types.items()))
    TARGET.write_text("{\n" + ",\n".join(rows) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
