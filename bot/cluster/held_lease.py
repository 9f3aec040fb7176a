"""How long this process is certain to lead: a part of its lease, on a clock that never jumps."""

from collections.abc import Callable
from math import inf
from typing import Final

#: The share of a lease within which its holder is sure of it.
SURE: Final = 0.8


class HeldLease:
    """The lease of a term; nothing is certain of it once it is lost."""

    def __init__(self, seconds: float, stopwatch: Callable[[], float]) -> None:
        self._seconds = seconds
        self._stopwatch = stopwatch
        self._sure_until = -inf
        self.is_lost = False

    def begin(self, asked_at: float) -> None:
        """A term begins whose lease was asked for at this reading of the stopwatch."""
        self.is_lost = False
        self.renewed(asked_at)

    def renewed(self, asked_at: float) -> None:
        """The lease was prolonged; counted from the question, for the answer may have been slow."""
        self._sure_until = asked_at + SURE * self._seconds

    def lose(self) -> None:
        """Another process leads, or that is not known."""
        self.is_lost = True

    @property
    def seconds_sure(self) -> float:
        """For how long it is still certain if nothing is heard; 0 if it is not."""
        return 0.0 if self.is_lost else max(self._sure_until - self._stopwatch(), 0.0)
