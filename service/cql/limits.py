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
    """``steps``: rows visited, functions called, elements made; ``seconds``: from its first step on."""

    steps: int = 20_000_000
    seconds: float = 10.0


class Meter:
    """Counts the steps of one evaluation."""

    __slots__ = ("_deadline", "_left", "_limits", "_look_at")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._left = self._look_at = limits.steps
        self._deadline: float | None = None

    def spend(self, steps: int) -> None:
        """Count steps that are about to be made. Raises LimitExceeded."""
        self._left -= steps
        if self._left < self._look_at:
            self._look()

    def _look(self) -> None:
        if self._left < 0:
            raise LimitExceeded(f"more than {self._limits.steps} steps")
        now = time.monotonic()
        if self._deadline is None:
            self._deadline = now + self._limits.seconds
        elif now > self._deadline:
            raise LimitExceeded(f"longer than {self._limits.seconds:g} s")
        self._look_at = self._left - _STEPS_BETWEEN_LOOKS


_RUNNING: ContextVar[Meter | None] = ContextVar("cql_meter", default=None)


def spend(steps: int) -> None:
    """Count steps of the running evaluation, if there is one. Raises LimitExceeded."""
    meter = _RUNNING.get()
    if meter is not None:
        meter.spend(steps)


def meter_of_operators(meter: Meter | None) -> Token[Meter | None]:
    """Make ``meter`` the one that operators count on, until the token is given to ``reset``."""
    return _RUNNING.set(meter)


def reset(token: Token[Meter | None]) -> None:
    """Undo ``meter_of_operators``."""
    _RUNNING.reset(token)
