"""How often an address failed lately: so much is borne, no more. The table is bounded.

Addresses are claims where a proxy names them, and whoever owns a network has as many as he likes:
so there is a bound for all of them together as well.
"""

from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import AddressValueError, IPv6Address, IPv6Network
from math import ceil
from typing import Final

MOST: Final = 10
MOST_IN_ALL: Final = 30
SPAN: Final = 60.0
ROOM: Final = 1_000


@dataclass(frozen=True, slots=True)
class AttemptStatus:
    """The seconds to wait, 0 unless it was one failure too many, and what is worth a line.

    `unsaid` counts the failures of that address since the last line on it; None asks for none.
    """

    wait: int = 0
    unsaid: int | None = None


@dataclass(slots=True)
class _Record:
    times: deque[float] = field(default_factory=deque)
    said_at: float | None = None
    unsaid: int = 0

    def line(self, now: float) -> int | None:
        """What the line of this failure says was left unsaid; None if it is left unsaid, too."""
        if self.said_at is not None and now - self.said_at < SPAN:
            self.unsaid += 1
            return None
        unsaid, self.unsaid, self.said_at = self.unsaid, 0, now
        return unsaid


class Failures:
    """At most `MOST` failures of an address in any `SPAN` seconds, `MOST_IN_ALL` of all of them.

    `ROOM` addresses are known: of more, the one that failed longest ago is forgotten. Somebody who
    has one IPv6 address has 2⁶⁴ of them: they count as one. One failure of an address in `SPAN` is
    worth a line; beyond `MOST_IN_ALL` none is, for they are most likely one visitor's.
    """

    def __init__(self, seconds: Callable[[], float]) -> None:
        """`seconds` is a clock that never jumps."""
        self._seconds = seconds
        self._records: OrderedDict[str, _Record] = OrderedDict()
        self._all: deque[float] = deque()

    def __len__(self) -> int:
        return len(self._records)

    def add(self, address: str) -> AttemptStatus:
        """Count a failure, unless it is one too many; where that leaves the address."""
        now = self._seconds()
        record = self._of(_household(address))
        wait = max(_wait(record.times, MOST, now), _wait(self._all, MOST_IN_ALL, now))
        if wait:
            record.unsaid += 1
            return AttemptStatus(wait)
        record.times.append(now)
        self._all.append(now)
        return AttemptStatus(unsaid=record.line(now))

    def _of(self, household: str) -> _Record:
        record = self._records.setdefault(household, _Record())
        self._records.move_to_end(household)
        if len(self._records) > ROOM:
            self._records.popitem(last=False)
        return record


def _wait(times: deque[float], most: int, now: float) -> int:
    """Seconds until there is room for one more; 0 if there is."""
    while times and times[0] <= now - SPAN:
        times.popleft()
    return max(1, ceil(times[0] + SPAN - now)) if len(times) >= most else 0


def _household(address: str) -> str:
    try:
        return str(IPv6Network((IPv6Address(address), 64), strict=False))
    except AddressValueError:
        return address
