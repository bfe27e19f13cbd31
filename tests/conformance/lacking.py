"""Tests that the translator cannot express, by id: the capability it lacks. They are skipped, visibly."""

_SLICE = "the translator has no function Slice (CQL 2.0)"

TRANSLATOR_LACKS: dict[str, str] = {
    "CqlDateTimeOperatorsTest/DateTimeComponentFrom/DateTimeComponentFromTimezoneOffset": (
        "the keyword timezone ended with CQL 1.3"
    ),
    **{
        f"CqlListOperatorsTest/Slice/{name}": _SLICE
        for name in (
            "SliceAll",
            "SliceEmpty",
            "SliceNull",
            "SliceStart",
            "SliceStartNull",
            "SliceEnd",
            "SliceEndNull",
            "SliceNegative",
            "SliceStartAndNegative",
            "SlicePast",
        )
    },
}
