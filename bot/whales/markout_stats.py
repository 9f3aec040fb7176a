"""Markouts by group and horizon, with the sums by market that intervals need.

Sums are bounded: the market not updated for longest is evicted first; should it come back, it
counts as another one.
"""

from collections.abc import Iterator
from sys import intern
from typing import Final

from msgspec import Struct, field
from msgspec.structs import replace

from bot.core.whales.markouts import ALL, Group, MarkoutSample, MarkoutSums
from bot.ports.checkpoint_codec import RecordCodec
from bot.ports.persistence import Checkpoint, CommittedChanges, StateRecord

#: Sums stored, of all markets together.
SUMS: Final = 50_000


class _GroupSums(Struct, frozen=True, array_like=True):
    """Sums of a group at a horizon."""

    group: Group
    step: int
    is_whale: bool
    stats: MarkoutSums = field(name="tally")


class _Sums(Struct, array_like=True):
    """Of a market, by the name of a group: the count of samples, and their sum.

    Markets are in the order of `place`, that of the last change.
    """

    place: int
    by_name: dict[str, tuple[int, float]]


class MarkoutStats:
    """Markout sums by group and horizon, of whales and of their controls."""

    def __init__(self, capacity: int = SUMS) -> None:
        self._capacity = capacity
        self._codec = RecordCodec("tallies", _GroupSums)
        self._sums_codec = RecordCodec("sums", _Sums)
        self._stats: dict[str, _GroupSums] = {}
        self._sums: dict[str, _Sums] = {}
        self._place = 0
        self._count = 0
        self._changed: dict[str, None] = {}
        self._heard: dict[str, None] = {}

    def pairs(self) -> Iterator[tuple[Group, int, MarkoutSums, MarkoutSums]]:
        """By group and horizon the sums of whales and those of their controls."""
        known = {(one.group, one.step, one.is_whale): one.stats for one in self._stats.values()}
        for group, step in sorted({(group, step) for group, step, _ in known}):
            whales = known.get((group, step, True), MarkoutSums())
            yield group, step, whales, known.get((group, step, False), MarkoutSums())

    def note(self, sample: MarkoutSample, step: int, net: float | None) -> None:
        """Add a sample of `net` cents at a horizon; None if it could not be observed."""
        whole = Group(sample.group.type, ALL, ALL)
        for group in (sample.group, whole):
            name = _name(group, step, sample.is_whale)
            known = self._stats.get(name) or _GroupSums(group, step, sample.is_whale, MarkoutSums())
            self._stats[name] = replace(known, stats=self._with(name, known.stats, sample, net))
            self._changed[name] = None

    def state_records(self) -> list[StateRecord]:
        """The groups and the markets that changed since the last call."""
        changed, self._changed = self._changed, {}
        heard, self._heard = self._heard, {}
        stats = [self._codec.state_record(name, self._stats.get(name)) for name in changed]
        return stats + [
            self._sums_codec.state_record(ticker, self._sums.get(ticker)) for ticker in heard
        ]

    def restore(self, checkpoint: Checkpoint) -> None:
        """Restore from a checkpoint."""
        self._stats.clear()
        self._sums.clear()
        self._changed, self._heard = self._take(checkpoint)

    def catch_up(self, news: CommittedChanges) -> None:
        """Apply what the leader committed since."""
        self._take(news)

    def _take(
        self, source: Checkpoint | CommittedChanges
    ) -> tuple[dict[str, None], dict[str, None]]:
        """Apply these; the groups and the markets that cannot be read."""
        stats, found = self._codec.read(source), self._sums_codec.read(source)
        self._stats |= {name: one for name, one in stats.items() if one is not None}
        whole = self._sums | {ticker: one for ticker, one in found.items() if one is not None}
        gone = {ticker: None for ticker, one in found.items() if one is None}
        left = [(ticker, one) for ticker, one in whole.items() if ticker not in gone]
        self._sums = dict(sorted(left, key=lambda one: one[1].place))
        self._place = max((one.place for _, one in left), default=-1) + 1
        self._count = sum(len(one.by_name) for _, one in left)
        return {name: None for name, one in stats.items() if one is None}, gone

    def _with(
        self, name: str, stats: MarkoutSums, sample: MarkoutSample, net: float | None
    ) -> MarkoutSums:
        if net is None:
            return stats.missed()
        sums = self._heard_of(sample.ticker)
        n, s = before = sums.by_name.get(name, (0, 0.0))
        sums.by_name[name] = (n + 1, s + net)
        self._count += n == 0
        while self._count > self._capacity:
            oldest = next(iter(self._sums))
            self._count -= len(self._sums.pop(oldest).by_name)
            self._heard[oldest] = None
        return stats.plus(net, before)

    def _heard_of(self, ticker: str) -> _Sums:
        """The sums of a market, which is the last one now."""
        sums = self._sums.pop(ticker, None) or _Sums(0, {})
        sums.place = self._place
        self._place += 1
        self._sums[ticker] = sums
        self._heard[ticker] = None
        return sums


def _name(group: Group, step: int, is_whale: bool) -> str:
    # Nobody knows what is in the name of a category, so that comes last.
    who = "whale" if is_whale else "match"
    # Few names, and tens of thousands of sums that go by them: each is in memory once.
    return intern(f"{step}|{who}|{group.type}|{group.band}|{group.category}")
