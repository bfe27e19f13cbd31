"""What became of each action of a plan, told when somebody asks: most requests never do."""

from __future__ import annotations

from collections.abc import Iterator

from service.cql import CqlError, Evaluation
from service.guideline.errors import GuidelineError
from service.guideline.logic import Define
from service.guideline.model import Considered
from service.guideline.plans import Action, Plan, is_empty


class Considering:
    """The actions of a plan as they were considered for one patient, parents first.

    The evaluation holds the values by which they were decided.
    """

    __slots__ = ("_evaluation", "_plan")

    def __init__(self, plan: Plan, evaluation: Evaluation) -> None:
        self._plan = plan
        self._evaluation = evaluation

    def __iter__(self) -> Iterator[Considered]:
        found: list[Considered] = []
        self._add(self._plan.actions, self._plan.resource.id, found, top=True)
        return iter(found)

    def _add(self, actions: tuple[Action, ...], above: str, found: list[Considered], *, top: bool) -> bool:
        """Adds the actions and what was considered beneath them; gives back whether any of them applies."""
        any_applies = False
        for action in actions:
            path = f"{above}/{action.id}"
            position = len(found)
            found.append(self._decided(action, path))
            if found[position].outcome != "applied":
                continue
            if not self._add(action.children, path, found, top=False) and is_empty(action, top=top):
                found[position] = Considered(path, "empty")
            else:
                any_applies = True
        return any_applies

    def _decided(self, action: Action, path: str) -> Considered:
        unknown: list[Define] = []
        for define in action.conditions:
            value = self._evaluation.value(define.library, define.name)
            if value is False:
                return Considered(path, "not-applied", define, (), action.children)
            if value is None:
                unknown.append(define)
        if not unknown:
            return Considered(path, "applied")
        missing = dict.fromkeys(name for define in unknown for name in self._because(define, path))
        return Considered(path, "unknown", unknown[0], tuple(missing), action.children)

    def _because(self, define: Define, path: str) -> tuple[str, ...]:
        try:
            missing = self._evaluation.unknown_because(define.library, define.name)
        except CqlError as error:
            raise GuidelineError(path, str(define), str(error)) from error
        return tuple(f"{library}.{name}" for library, name in missing) or (str(define),)
