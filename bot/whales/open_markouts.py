"""Open markouts of each market, and the controls looked for there, in bounded room.

In the order in which markets came, or were asked about last: the first goes if room runs out.
Each change of a market is one state record of that market.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from msgspec import Struct, field
from msgspec.structs import replace

from bot.core.whales.markouts import Group, MarkoutSample
from bot.ports.checkpoint_codec import RecordCodec
from bot.ports.persistence import Checkpoint, CommittedChanges, StateRecord


class ControlRequest(Struct, frozen=True, array_like=True):
    """A control that is looked for."""

    group: Group
    way: int


class OpenMarkouts(Struct, frozen=True, array_like=True):
    """The open markouts of a market, in the order of `place`."""

    place: int
    samples: tuple[MarkoutSample, ...] = field(default=(), name="moments")
    requests: tuple[ControlRequest, ...] = field(default=(), name="wishes")


_NOTHING: Final = OpenMarkouts(0)


class OpenMarkoutBook:
    """The open markouts by market; `count` in all."""

    def __init__(self, capacity: int) -> None:
        """`capacity` is how many markouts are open at most."""
        self.count = 0
        self._capacity = capacity
        self._codec = RecordCodec("followed", OpenMarkouts)
        self._open: dict[str, OpenMarkouts] = {}
        self._places = 0
        self._changed: dict[str, None] = {}

    def __iter__(self) -> Iterator[str]:
        return iter(self._open)

    def __contains__(self, ticker: str) -> bool:
        return ticker in self._open

    def samples(self, ticker: str) -> Sequence[MarkoutSample]:
        """The open markouts of a market, the earliest first."""
        return self._open.get(ticker, _NOTHING).samples

    def requests(self, ticker: str) -> Sequence[ControlRequest]:
        """The controls looked for in a market."""
        return self._open.get(ticker, _NOTHING).requests

    def crowded_out(self) -> str | None:
        """The market to give up, as there is no room for it; None if there is room for all."""
        return next(iter(self._open)) if self.count > self._capacity else None

    def follow(
        self, ticker: str, samples: Sequence[MarkoutSample], requests: Sequence[ControlRequest]
    ) -> None:
        """Follow more markouts of a market, and look for these controls there, and no others."""
        open_markouts = self._open.get(ticker) or OpenMarkouts(self._place())
        whole = (*open_markouts.samples, *samples)
        self._put(ticker, replace(open_markouts, samples=whole, requests=tuple(requests)))

    def renew(self, ticker: str, samples: Sequence[MarkoutSample]) -> None:
        """Replace the open markouts of a market, some of which moved on."""
        open_markouts = self._open[ticker]
        # One seldom moves on, and a state record costs more than a comparison.
        if any(new is not old for new, old in zip(samples, open_markouts.samples, strict=True)):
            self._put(ticker, replace(open_markouts, samples=tuple(samples)))

    def drop_requests(self, tickers: Sequence[str]) -> None:
        """Stop looking for controls in these markets."""
        for ticker in tickers:
            if self.requests(ticker):
                self._put(ticker, replace(self._open[ticker], requests=()))

    def to_back(self, tickers: Sequence[str]) -> None:
        """Move these markets to the end of the queue."""
        for ticker in tickers:
            open_markouts = self._open.pop(ticker)
            self._open[ticker] = replace(open_markouts, place=self._place())
            self._changed[ticker] = None

    def end(self, ticker: str) -> Sequence[MarkoutSample]:
        """Drop a market; returns the markouts that were open there."""
        samples = self._open.pop(ticker).samples
        self.count -= len(samples)
        self._changed[ticker] = None
        return samples

    def state_records(self) -> list[StateRecord]:
        """The markets in which something changed since the last call."""
        changed, self._changed = self._changed, {}
        return [self._codec.state_record(ticker, self._open.get(ticker)) for ticker in changed]

    def restore(self, checkpoint: Checkpoint) -> None:
        """Restore from a checkpoint."""
        self._open.clear()
        self._changed = self._take(checkpoint)

    def catch_up(self, news: CommittedChanges) -> None:
        """Apply what the leader committed since."""
        self._take(news)

    def _take(self, source: Checkpoint | CommittedChanges) -> dict[str, None]:
        """Take these over; the markets of which nothing is known any more."""
        found = self._codec.read(source)
        whole = self._open | {ticker: one for ticker, one in found.items() if one is not None}
        gone = {ticker: None for ticker, one in found.items() if one is None}
        left = [
            (ticker, open_markouts) for ticker, open_markouts in whole.items() if ticker not in gone
        ]
        self._open = dict(sorted(left, key=lambda one: one[1].place))
        self._places = max((open_markouts.place for _, open_markouts in left), default=-1) + 1
        self.count = sum(len(open_markouts.samples) for _, open_markouts in left)
        return gone

    def _put(self, ticker: str, open_markouts: OpenMarkouts) -> None:
        self.count += len(open_markouts.samples) - len(self.samples(ticker))
        self._open[ticker] = open_markouts
        self._changed[ticker] = None

    def _place(self) -> int:
        self._places += 1
        return self._places - 1
