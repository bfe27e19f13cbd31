"""UUIDs as text."""

from __future__ import annotations

from uuid import RFC_4122, UUID

import pytest

from service import uuids


@pytest.mark.parametrize("number", [0, 1, (1 << 128) - 1, 0x0123456789ABCDEF0123456789ABCDEF])
def test_all_bits_stay_but_those_of_version_and_variant(number: int) -> None:
    found = UUID(uuids.version_4(number))
    assert (found.version, found.variant) == (4, RFC_4122)
    assert str(found) == uuids.version_4(number)
    fixed = 0xF << 76 | 0x3 << 62
    assert found.int & ~fixed == number & ~fixed


def test_no_two_are_the_same() -> None:
    found = {uuids.new() for _ in range(1000)}
    assert len(found) == 1000
    assert {UUID(each).version for each in found} == {4}
