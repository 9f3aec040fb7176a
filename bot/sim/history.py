"""What a market's quotes and trades were, minute by minute: the stuff of candlesticks.

Prices in ticks, sizes in units. Minutes in which nothing changed are left out.
"""

from collections import deque
from dataclasses import dataclass, replace
from itertools import takewhile

from bot.sim.units import DOLLAR_TICKS

#: Minutes remembered per market: a day, for the 24-hour figures, and a little more.
MINUTES_KEPT = 1_500
DAY_MINUTES = 1_440


@dataclass(slots=True)
class Range:
    """Open, low, high and close of one quantity."""

    open: int
    low: int
    high: int
    close: int

    def see(self, value: int) -> None:
        """Take in the next value."""
        self.low = min(self.low, value)
        self.high = max(self.high, value)
        self.close = value

    def merge(self, later: "Range") -> None:
        """Take in a later stretch."""
        self.low = min(self.low, later.low)
        self.high = max(self.high, later.high)
        self.close = later.close


@dataclass(slots=True)
class Bar:
    """One stretch of time that starts at `minute` (minutes since 1970).

    `price` is None without trades; `value` is Σ size × price; `open_interest` is at its end.
    """

    minute: int
    bid: Range
    ask: Range
    price: Range | None
    volume: int
    value: int
    open_interest: int

    def merge(self, later: "Bar") -> None:
        """Take in a later bar."""
        self.bid.merge(later.bid)
        self.ask.merge(later.ask)
        if later.price is not None:
            if self.price is None:
                self.price = replace(later.price)
            else:
                self.price.merge(later.price)
        self.volume += later.volume
        self.value += later.value
        self.open_interest = later.open_interest


class History:
    """The minutes of one market, oldest first, with the running volume of the last day."""

    def __init__(self) -> None:
        self.bars: deque[Bar] = deque(maxlen=MINUTES_KEPT)
        self._bid = 0
        self._ask = DOLLAR_TICKS
        self._open_interest = 0

    def quoted(self, minute: int, bid: int, ask: int) -> None:
        """The best prices became these."""
        bar = self._bar(minute)
        bar.bid.see(bid)
        bar.ask.see(ask)
        self._bid, self._ask = bid, ask

    def traded(self, minute: int, price: int, size: int, open_interest: int) -> None:
        """A trade happened."""
        bar = self._bar(minute)
        if bar.price is None:
            bar.price = Range(price, price, price, price)
        else:
            bar.price.see(price)
        bar.volume += size
        bar.value += size * price
        bar.open_interest = self._open_interest = open_interest

    def volume_since(self, minute: int) -> int:
        """Units traded from that minute on."""
        return sum(bar.volume for bar in takewhile(lambda b: b.minute >= minute, self._newest()))

    def before(self, minute: int) -> Bar | None:
        """The last bar that starts before that minute, if it is still remembered."""
        return next((bar for bar in self._newest() if bar.minute < minute), None)

    def _newest(self) -> "reversed[Bar]":
        return reversed(self.bars)

    def _bar(self, minute: int) -> Bar:
        if self.bars and self.bars[-1].minute == minute:
            return self.bars[-1]
        bid, ask = self._bid, self._ask
        quotes = Range(bid, bid, bid, bid), Range(ask, ask, ask, ask)
        bar = Bar(minute, *quotes, None, 0, 0, self._open_interest)
        self.bars.append(bar)
        return bar
