"""A bounded timeline in which no type of entry crowds out the others.

Each type may claim an equal share of the room; what one leaves over the others take. Newest first
all the same.
"""

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from heapq import merge
from operator import itemgetter

from bot.ports.views import TimelineView


class TimelineBuffer:
    """The newest entries, so many at most."""

    def __init__(self, room: int) -> None:
        self._room = room
        self._added = 0
        self._count = 0
        self._by_type: dict[str, deque[tuple[int, TimelineView]]] = {}

    def add(self, entry: TimelineView) -> None:
        """Remember an entry; without room the oldest of the most frequent type goes."""
        self._added += 1
        self._count += 1
        self._by_type.setdefault(entry.type, deque()).appendleft((self._added, entry))
        if self._count > self._room:
            max(self._by_type.values(), key=len).pop()
            self._count -= 1

    def clear(self) -> None:
        """Forget all of them."""
        self._by_type.clear()
        self._count = 0

    def listed(self) -> tuple[TimelineView, ...]:
        """All of them, newest first."""
        ordered = merge(*self._by_type.values(), key=itemgetter(0), reverse=True)
        return tuple([entry for _, entry in ordered])


def fairly(entries: Sequence[TimelineView], room: int) -> tuple[TimelineView, ...]:
    """So many of these at most: the newest of each type, which has its share of the room."""
    if len(entries) <= room:
        return tuple(entries)
    left = _shares(Counter(entry.type for entry in entries), room)
    chosen = []
    for entry in entries:
        if left[entry.type]:
            left[entry.type] -= 1
            chosen.append(entry)
    return tuple(chosen)


def _shares(counts: Mapping[str, int], room: int) -> dict[str, int]:
    """How many of each type have room: the rare ones first, who need not all of their share."""
    shares: dict[str, int] = {}
    for place, (kind, count) in enumerate(sorted(counts.items(), key=itemgetter(1))):
        share = (room - sum(shares.values())) // (len(counts) - place)
        shares[kind] = min(count, share)
    return shares
