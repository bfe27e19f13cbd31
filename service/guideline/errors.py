"""What can go wrong in the guideline room.

::

    Exception
    ├── ContentError      the guideline's files do not check out: raised once, when they are loaded
    └── GuidelineError    applying a plan to a patient failed: never an empty answer
        └── UnknownPlanError   no definition that can be applied has that id

Errors of the patient's record (data that cannot be had) are not wrapped: they pass through unchanged.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Problem(NamedTuple):
    """One thing that is wrong with the guideline's content."""

    file: str
    """Path relative to the guideline's folder."""
    element: str
    """FHIR element path in that file, such as `PlanDefinition.action[0].title`."""
    message: str

    def __str__(self) -> str:
        return f"{self.file}: {self.element}: {self.message}"


class ContentError(Exception):
    """The guideline's content does not check out; `problems` lists everything that was found."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class GuidelineError(Exception):
    """An expression of the guideline failed, or gave what its place cannot take.

    `path` is the path of the action; `define` the qualified name of the CQL define, "" when none is to blame.
    """

    def __init__(self, path: str, define: str, message: str) -> None:
        self.path = path
        self.define = define
        where = f"{path} ({define})" if define else path
        super().__init__(f"{where}: {message}")


class UnknownPlanError(GuidelineError):
    """No PlanDefinition (or ActivityDefinition) of this guideline has the id that was asked for."""

    def __init__(self, plan_id: str) -> None:
        super().__init__(plan_id, "", "the guideline has no such definition with this id")
