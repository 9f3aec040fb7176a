"""The agenda: what the exchange has to do at which time, earliest first."""

from datetime import datetime
from enum import Enum, auto
from heapq import heappop, heappush


class Due(Enum):
    """What is due."""

    OPEN = auto()
    CLOSE = auto()
    SETTLE = auto()
    EXPIRE = auto()
    ARCHIVE = auto()
    PAUSE = auto()
    RESUME = auto()
    FEES = auto()


class Timers:
    """Timed promises. One that no longer holds is not taken out: who handles it looks."""

    def __init__(self) -> None:
        self._heap: list[tuple[datetime, int, Due, str, str]] = []
        self._count = 0

    def add(self, at: datetime, due: Due, key: str, account: str = "") -> None:
        """Promise something about a market, (with its account) an order, or the exchange."""
        self._count += 1
        heappush(self._heap, (at, self._count, due, key, account))

    def pop_until(self, at: datetime) -> tuple[datetime, Due, str, str] | None:
        """The earliest promise due by that moment; None if there is none."""
        if not self._heap or self._heap[0][0] > at:
            return None
        at, _, due, key, account = heappop(self._heap)
        return at, due, key, account
