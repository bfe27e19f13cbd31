"""What a Library says of its parameters."""

from __future__ import annotations

import pytest

from service.guideline.library_metadata import fhir_type


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("{http://hl7.org/fhir}Task", "Task"),
        ("{http://hl7.org/fhir}Task.Input", "BackboneElement"),
        ("{urn:hl7-org:elm-types:r1}Quantity", "Quantity"),
        ("{urn:hl7-org:elm-types:r1}Nothing", "Any"),
    ],
)
def test_types_are_codes_of_fhir(name: str, code: str) -> None:
    assert fhir_type({"type": "NamedTypeSpecifier", "name": name}) == code
