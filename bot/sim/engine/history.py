"""A market's quotes and trades over time, for candlesticks and 24-hour figures.

Prices in ticks, sizes in units, time in minutes since 1970. Stretches in which nothing changed
are left out. Minutes are kept for hours, hours for two weeks.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from bot.sim.engine.units import DOLLAR_TICKS

MAX_MINUTES: Final = 600
MAX_HOURS: Final = 24 * 15
DAY_MINUTES: Final = 1_440


@dataclass(slots=True)
class Range:
    """Open, low, high and close of one quantity."""

    open: int
    low: int
    high: int
    close: int

    def include(self, value: int) -> None:
        """Add the next value."""
        if value < self.low:
            self.low = value
        elif value > self.high:
            self.high = value
        self.close = value

    def merge(self, later: "Range") -> None:
        """Add a later bar."""
        self.low = min(self.low, later.low)
        self.high = max(self.high, later.high)
        self.close = later.close


@dataclass(slots=True)
class Bar:
    """A bar of some minutes that starts at `minute`.

    `price` is None without trades; `value` is Σ size × price; `open_interest` is at its end.
    """

    minute: int
    bid: Range
    ask: Range
    price: Range | None
    volume: int
    value: int
    open_interest: int

    def copied(self, minute: int) -> "Bar":
        """A copy that starts at another minute."""
        price = self.price and replace(self.price)
        return replace(
            self, minute=minute, bid=replace(self.bid), ask=replace(self.ask), price=price
        )

    def merge(self, later: "Bar") -> None:
        self.bid.merge(later.bid)
        self.ask.merge(later.ask)
        if self.price is None:
            self.price = later.price and replace(later.price)
        elif later.price is not None:
            self.price.merge(later.price)
        self.volume += later.volume
        self.value += later.value
        self.open_interest = later.open_interest


def merged(bars: Iterable[Bar], start: int) -> Bar | None:
    """Consecutive bars as one that starts at that minute; None without any."""
    whole: Bar | None = None
    for bar in bars:
        if whole is None:
            whole = bar.copied(start)
        else:
            whole.merge(bar)
    return whole


class History:
    """The past of one market."""

    __slots__ = ("_day", "_day_volume", "_last", "hours", "minutes")

    def __init__(self) -> None:
        self.minutes: deque[Bar] = deque(maxlen=MAX_MINUTES)
        #: Finished minutes by the hour; the minute that still runs is in none of them.
        self.hours: deque[Bar] = deque(maxlen=MAX_HOURS)
        #: Minutes in which something traded, and how much: one entry a minute, not one a trade.
        self._day: deque[tuple[int, int]] = deque()
        self._day_volume = 0
        start = Range(0, 0, 0, 0), Range(DOLLAR_TICKS, DOLLAR_TICKS, DOLLAR_TICKS, DOLLAR_TICKS)
        self._last = Bar(-1, *start, None, 0, 0, 0)

    def quoted(self, minute: int, bid: int, ask: int) -> None:
        """Note the best prices as of now."""
        last = self._last
        if last.bid.close == bid and last.ask.close == ask:
            return
        bar = self._bar(minute)
        bar.bid.include(bid)
        bar.ask.include(ask)

    def traded(self, minute: int, price: int, size: int, open_interest: int) -> None:
        """Note a trade."""
        bar = self._bar(minute)
        if bar.price is None:
            bar.price = Range(price, price, price, price)
        else:
            bar.price.include(price)
        bar.volume += size
        bar.value += size * price
        bar.open_interest = open_interest
        traded = self._day.pop()[1] if self._day and self._day[-1][0] == minute else 0
        self._day.append((minute, traded + size))
        self._day_volume += size
        self._forget(minute)

    def day_volume(self, minute: int) -> int:
        """Units traded in the 24 hours before the end of that minute."""
        self._forget(minute)
        return self._day_volume

    def day_ago(self, minute: int) -> Bar | None:
        """The last hour that had ended 24 hours before, if it is known."""
        latest = minute - DAY_MINUTES - 60
        return next((bar for bar in reversed(self.hours) if bar.minute <= latest), None)

    def all_hours(self) -> list[Bar]:
        """The hours, the one that still runs included."""
        if self._last.minute < 0:
            return []
        hours = list(self.hours)
        start = self._last.minute // 60 * 60
        running = [hours.pop()] if hours and hours[-1].minute == start else []
        whole = merged([*running, self._last], start)
        return [*hours, whole] if whole else hours

    def _forget(self, minute: int) -> None:
        while self._day and self._day[0][0] <= minute - DAY_MINUTES:
            self._day_volume -= self._day.popleft()[1]

    def _bar(self, minute: int) -> Bar:
        last = self._last
        if last.minute == minute:
            return last
        if last.minute >= 0:
            self._fold(last)
        bid, ask = last.bid.close, last.ask.close
        quotes = Range(bid, bid, bid, bid), Range(ask, ask, ask, ask)
        self._last = bar = Bar(minute, *quotes, None, 0, 0, last.open_interest)
        self.minutes.append(bar)
        return bar

    def _fold(self, bar: Bar) -> None:
        start = bar.minute // 60 * 60
        if self.hours and self.hours[-1].minute == start:
            self.hours[-1].merge(bar)
            return
        self.hours.append(bar.copied(start))
