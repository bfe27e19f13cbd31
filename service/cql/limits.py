"""How much one evaluation may do: no content and no record makes it run without end."""

import time
from contextvars import ContextVar, Token
from dataclasses import dataclass
from typing import Final

from .errors import LimitExceeded

_STEPS_BETWEEN_LOOKS: Final = 512
"""The clock is read once in so many steps."""


@dataclass(frozen=True)
class Limits:
    """``steps``: rows visited, elements made, calls that could multiply; ``seconds``: from the first on."""

    steps: int = 20_000_000
    seconds: float = 10.0


class Meter:
    """Counts the steps of one evaluation.

    ``left`` may be made before the next look at the limits. Whoever takes steps from it calls ``look`` once
    it is below 0: functions written for a library do so themselves.
    """

    def __init__(self, limits: Limits) -> None:
        self.left = 0
        self._beyond = limits.steps
        """Steps left when those of ``left`` are made."""
        self._limits = limits
        self._deadline: float | None = None

    def spend(self, steps: int) -> None:
        """Count steps that are about to be made. Raises LimitExceeded."""
        self.left -= steps
        if self.left < 0:
            self.look()

    def look(self) -> None:
        """Look at the limits. Raises LimitExceeded."""
        left = self.left + self._beyond
        if left < 0:
            raise LimitExceeded(f"more than {self._limits.steps} steps")
        now = time.monotonic()
        if self._deadline is None:
            self._deadline = now + self._limits.seconds
        elif now > self._deadline:
            raise LimitExceeded(f"longer than {self._limits.seconds:g} s")
        self.left = min(left, _STEPS_BETWEEN_LOOKS)
        self._beyond = left - self.left


_RUNNING: ContextVar[Meter | None] = ContextVar("cql_meter", default=None)


def spend(steps: int) -> None:
    """Count steps of the running evaluation, if there is one. Raises LimitExceeded."""
    meter = _RUNNING.get()
    if meter is not None:
        meter.left -= steps
        if meter.left < 0:
            meter.look()


def meter_of_operators(meter: Meter | None) -> Token[Meter | None]:
    """Make ``meter`` the one that operators count on, until the token is given to ``reset``."""
    return _RUNNING.set(meter)


def reset(token: Token[Meter | None]) -> None:
    """Undo ``meter_of_operators``."""
    _RUNNING.reset(token)
