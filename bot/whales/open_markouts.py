"""What is followed in each market, and which matches are looked for there, in bounded room.

In the order in which markets came, or were asked about last: the first goes if room runs out.
Each change of a market is one memo of that market.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from bot.core.whales.markouts import Group, MarkoutSample
from bot.ports.checkpoint_codec import RecordCodec
from bot.ports.persistence import Checkpoint, CommittedChanges, StateRecord


class ControlRequest(Struct, frozen=True, array_like=True):
    """A match that is looked for."""

    group: Group
    way: int


class OpenMarkouts(Struct, frozen=True, array_like=True):
    """What is followed in a market; trails are in the order of `place`."""

    place: int
    moments: tuple[MarkoutSample, ...] = ()
    wishes: tuple[ControlRequest, ...] = ()


_NOTHING: Final = OpenMarkouts(0)


class OpenMarkoutBook:
    """The trails by market; `count` moments are on them."""

    def __init__(self, capacity: int) -> None:
        """`capacity` is how many moments are followed at most."""
        self.count = 0
        self._capacity = capacity
        self._form = RecordCodec("followed", OpenMarkouts)
        self._trails: dict[str, OpenMarkouts] = {}
        self._places = 0
        self._changed: dict[str, None] = {}

    def __iter__(self) -> Iterator[str]:
        return iter(self._trails)

    def __contains__(self, ticker: str) -> bool:
        return ticker in self._trails

    def moments(self, ticker: str) -> Sequence[MarkoutSample]:
        """What is followed in a market, the earliest first."""
        return self._trails.get(ticker, _NOTHING).moments

    def wishes(self, ticker: str) -> Sequence[ControlRequest]:
        """The matches looked for in a market."""
        return self._trails.get(ticker, _NOTHING).wishes

    def crowded_out(self) -> str | None:
        """The market to give up, as there is no room for it; None if there is room for all."""
        return next(iter(self._trails)) if self.count > self._capacity else None

    def follow(
        self, ticker: str, moments: Sequence[MarkoutSample], wishes: Sequence[ControlRequest]
    ) -> None:
        """Follow more moments of a market, and look for these matches there, and no others."""
        trail = self._trails.get(ticker) or OpenMarkouts(self._place())
        whole = (*trail.moments, *moments)
        self._put(ticker, replace(trail, moments=whole, wishes=tuple(wishes)))

    def renew(self, ticker: str, moments: Sequence[MarkoutSample]) -> None:
        """These are the moments of a market that is followed, some of them moved on."""
        trail = self._trails[ticker]
        # Seldom has one moved on, and telling costs more than comparing.
        if any(new is not old for new, old in zip(moments, trail.moments, strict=True)):
            self._put(ticker, replace(trail, moments=tuple(moments)))

    def wish_nothing(self, tickers: Sequence[str]) -> None:
        """Look for no matches any more in these markets."""
        for ticker in tickers:
            if self.wishes(ticker):
                self._put(ticker, replace(self._trails[ticker], wishes=()))

    def to_back(self, tickers: Sequence[str]) -> None:
        """Let these markets be the last."""
        for ticker in tickers:
            trail = self._trails.pop(ticker)
            self._trails[ticker] = replace(trail, place=self._place())
            self._changed[ticker] = None

    def end(self, ticker: str) -> Sequence[MarkoutSample]:
        """Follow a market no more; what was followed there."""
        moments = self._trails.pop(ticker).moments
        self.count -= len(moments)
        self._changed[ticker] = None
        return moments

    def memos(self) -> list[StateRecord]:
        """The markets in which something changed since this was asked last."""
        changed, self._changed = self._changed, {}
        return [self._form.memo(ticker, self._trails.get(ticker)) for ticker in changed]

    def restore(self, kept: Checkpoint) -> None:
        """Begin with what was kept."""
        self._trails.clear()
        self._changed = self._take(kept)

    def catch_up(self, news: CommittedChanges) -> None:
        """Take over what the leader kept since."""
        self._take(news)

    def _take(self, source: Checkpoint | CommittedChanges) -> dict[str, None]:
        """Take these over; the markets of which nothing is known any more."""
        found = self._form.read(source)
        whole = self._trails | {ticker: one for ticker, one in found.items() if one is not None}
        gone = {ticker: None for ticker, one in found.items() if one is None}
        left = [(ticker, trail) for ticker, trail in whole.items() if ticker not in gone]
        self._trails = dict(sorted(left, key=lambda one: one[1].place))
        self._places = max((trail.place for _, trail in left), default=-1) + 1
        self.count = sum(len(trail.moments) for _, trail in left)
        return gone

    def _put(self, ticker: str, trail: OpenMarkouts) -> None:
        self.count += len(trail.moments) - len(self.moments(ticker))
        self._trails[ticker] = trail
        self._changed[ticker] = None

    def _place(self) -> int:
        self._places += 1
        return self._places - 1
