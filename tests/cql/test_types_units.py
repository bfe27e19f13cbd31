"""UCUM units and calendar durations."""

import subprocess
import sys

import pytest

from service.cql.types import units

from .operators import d


@pytest.mark.parametrize(
    ("value", "source", "target", "expected"),
    [
        ("1", "cm", "mm", "10"),
        ("5", "mm", "cm", "0.5"),
        ("70.5", "kg", "g", "70500"),
        ("90", "mg/dL", "g/L", "0.9"),
        ("1", "10*3/uL", "10*9/L", "1"),
        ("2", "{pill}", "1", "2"),
        ("1", "mg/{tbl}", "mg", "1"),
        ("50", "%", "1", "0.5"),
        ("150", "[lb_av]", "kg", "68.0388555"),
        ("37", "Cel", "[degF]", "98.6"),
        ("1", "[in_i]", "cm", "2.54"),
        ("2", "wk", "d", "14"),
        ("2", "weeks", "d", "14"),
        ("3", "years", "months", "36"),
        ("1", "g/m2", "mg/cm2", "0.1"),
        ("5", "made-up", "made-up", "5"),
    ],
)
def test_converts(value: str, source: str, target: str, expected: str) -> None:
    assert units.convert(d(value), source, target) == d(expected)


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("cm", "g"),
        ("year", "a"),
        ("month", "d"),
        ("made-up", "cm"),
        ("cm", "made-up"),
        ("[iU]/mL", "10*6/L"),
    ],
)
def test_does_not_convert(source: str, target: str) -> None:
    assert units.convert(d("1"), source, target) is None


@pytest.mark.parametrize(
    ("left", "right", "product", "quotient"),
    [
        ("cm", "cm", "cm2", "1"),
        ("g/mL", "mL", "g", "g/mL2"),
        ("mg", "1", "mg", "mg"),
        ("1", "d", "d", "1/d"),
        ("mm[Hg]", "m2", "mm[Hg].m2", "mm[Hg]/m2"),
        ("10*3/uL", "uL", "10*3", "10*3/uL2"),
    ],
)
def test_units_multiply_and_divide(left: str, right: str, product: str, quotient: str) -> None:
    assert (units.product(left, right), units.quotient(left, right)) == (product, quotient)


def test_the_unit_library_is_loaded_only_on_need() -> None:
    program = (
        "import sys; from service.cql.operators import operator_for; from service.cql.types import Quantity;"
        "from decimal import Decimal as D;"
        "operator_for({'type': 'Less'})(Quantity(D(1), 'cm'), Quantity(D(2), 'cm'));"
        "sys.exit('pint' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0  # noqa: S603
