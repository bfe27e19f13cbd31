"""Three-valued logic and the tests for null (CQL 1.5, appendix B, Logical and Nullological operators)."""

from typing import Any

from .registry import operator

Truth = bool | None


@operator("And")
def and3(left: Truth, right: Truth) -> Truth:
    """False when either is false, else null when either is null."""
    if left is False or right is False:
        return False
    return None if left is None or right is None else True


@operator("Or")
def or3(left: Truth, right: Truth) -> Truth:
    """True when either is true, else null when either is null."""
    if left is True or right is True:
        return True
    return None if left is None or right is None else False


@operator("Xor")
def xor3(left: Truth, right: Truth) -> Truth:
    """Whether exactly one is true; null when either is null."""
    return None if left is None or right is None else left != right


@operator("Implies")
def implies3(left: Truth, right: Truth) -> Truth:
    """Not left, or right."""
    return or3(not3(left), right)


@operator("Not")
def not3(value: Truth) -> Truth:
    """The opposite; null of null."""
    return None if value is None else not value


@operator("IsNull")
def is_null(value: Any) -> bool:
    """Whether the value is null."""
    return value is None


@operator("IsTrue")
def is_true(value: Any) -> bool:
    """Whether the value is true: null is not."""
    return value is True


@operator("IsFalse")
def is_false(value: Any) -> bool:
    """Whether the value is false: null is not."""
    return value is False
