"""How often an address failed lately: so much is borne, no more. The table is bounded."""

from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv6Address, IPv6Network
from math import ceil
from typing import Final

MOST: Final = 10
SPAN: Final = 60.0
ROOM: Final = 1_000


@dataclass(frozen=True, slots=True)
class Standing:
    """How many more failures are borne, and the seconds to wait: 0 unless it was one too many."""

    left: int
    wait: int = 0


class Failures:
    """At most `MOST` failures of an address in any `SPAN` seconds; `ROOM` addresses are known.

    With more addresses than that, the one that failed longest ago is forgotten. Somebody who has
    one IPv6 address has 2⁶⁴ of them: they count as one.
    """

    def __init__(self, seconds: Callable[[], float]) -> None:
        """`seconds` is a clock that never jumps."""
        self._seconds = seconds
        self._times: OrderedDict[str, deque[float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._times)

    def add(self, address: str) -> Standing:
        """Count a failure, unless it is one too many; where that leaves the address."""
        now = self._seconds()
        times = self._of(_household(address))
        while times and times[0] <= now - SPAN:
            times.popleft()
        if len(times) >= MOST:
            return Standing(0, wait=max(1, ceil(times[0] + SPAN - now)))
        times.append(now)
        return Standing(MOST - len(times))

    def _of(self, household: str) -> deque[float]:
        times = self._times.setdefault(household, deque())
        self._times.move_to_end(household)
        if len(self._times) > ROOM:
            self._times.popitem(last=False)
        return times


def _household(address: str) -> str:
    try:
        return str(IPv6Network((IPv6Address(address), 64), strict=False))
    except AddressValueError:
        return address
