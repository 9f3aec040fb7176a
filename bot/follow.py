"""Follows every detection, traded or not, and a like moment without one, to see what it was worth.

An audience of the cycle. A match is the next moment of the same market, in the same price band,
that no whale was seen in for a quarter of an hour; it is taken the same way. Room is bounded:
beyond it the oldest moment is given up and counted as missing.
"""

from collections import Counter, OrderedDict, deque
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from math import inf, isnan
from typing import Final

from bot.core.events import Event, WhaleEnded, WhaleSeen
from bot.core.fees import FeeSchedule
from bot.core.market import Market
from bot.core.money import measured
from bot.core.orderbook import Books
from bot.core.regime import RegimeName
from bot.core.scoreboard import ALL, HORIZONS, Group, Moment, Tally, Touch, band, cost
from bot.core.whales import SideBias, Whale
from bot.ports import ExchangeError
from bot.watch import Judged
from bot.whale_views import (
    ScoreLine,
    Scores,
    WhaleEnding,
    WhaleRecord,
    ended,
    fitting,
    line,
    record,
)

SETTLED: Final = len(HORIZONS)
HORIZON_NAMES: Final = (*(f"{seconds / 60:g}m" for seconds in HORIZONS), "settlement")
#: Detections kept for the history, moments followed, sums kept a market.
HISTORY: Final = 2_000
CAPACITY: Final = 5_000
SUMS: Final = 50_000
#: Seconds between two questions about outcomes, and markets in each.
ASK_EVERY: Final = 60.0
ASK_AT_ONCE: Final = 100
#: A moment of a market that nothing is heard of for so long is given up, in seconds.
GIVE_UP: Final = 7 * 86_400.0

Key = tuple[Group, int, bool]
#: How markets that are no longer watched are asked about.
Ask = Callable[[Sequence[str]], Awaitable[Mapping[str, Market]]]


async def nobody_knows(tickers: Sequence[str]) -> Mapping[str, Market]:  # noqa: ARG001  # as asked
    """No market: for a recording, whose outcomes nobody knows."""
    return {}


@dataclass(frozen=True, slots=True)
class _Wish:
    """A match that is looked for."""

    group: Group
    way: int


class Follower:
    """The detections of late, and what those before came to."""

    def __init__(self, ask: Ask = nobody_knows, capacity: int = CAPACITY) -> None:
        self._ask = ask
        self._capacity = capacity
        self._history: deque[WhaleRecord] = deque(maxlen=HISTORY)
        self._endings: deque[WhaleEnding] = deque(maxlen=HISTORY)
        self._judged: list[Judged] = []
        self._open: OrderedDict[str, list[Moment]] = OrderedDict()
        self._wishes: dict[str, list[_Wish]] = {}
        self._tallies: dict[Key, Tally] = {}
        self._sums: OrderedDict[tuple[Key, str], tuple[int, float]] = OrderedDict()
        self._unscored: Counter[str] = Counter()
        self._count = 0
        self._asked_at = -inf

    def see(self, events: Sequence[Event]) -> None:
        """These happened."""
        self._history.extendleft(record(e) for e in events if isinstance(e, WhaleSeen))
        self._endings.extendleft(ended(e) for e in events if isinstance(e, WhaleEnded))

    def look(self, judged: Judged) -> None:
        """These books were judged."""
        self._judged.append(judged)

    async def publish(
        self,
        at: datetime,
        mood: RegimeName,  # noqa: ARG002  # what every audience is told
        markets: Mapping[str, Market],
        missing: Mapping[str, str],  # noqa: ARG002
    ) -> None:
        """The pass is over: what was followed has moved on."""
        judged, self._judged = self._judged, []
        for part in judged:
            self._move_on(part)
            self._begin(part, markets)
        await self._settle(at.timestamp(), markets)

    def history(
        self, ticker: str | None, kind: str | None, since: datetime | None, limit: int
    ) -> tuple[WhaleRecord, ...]:
        """The detections kept that fit, newest first, so many at most."""
        of_kind = (one for one in self._history if kind in (None, one.type))
        return tuple(islice(fitting(of_kind, ticker, since), limit))

    def endings(
        self, ticker: str | None, since: datetime | None, limit: int
    ) -> tuple[WhaleEnding, ...]:
        """The ends of announced orders that fit, newest first, so many at most."""
        return tuple(islice(fitting(self._endings, ticker, since), limit))

    def scores(self) -> Scores:
        """What detections came to so far."""
        lines = tuple(self._lines())
        return Scores(
            lines=lines, count=len(lines), following=self._count, unscored=dict(self._unscored)
        )

    def _lines(self) -> Iterator[ScoreLine]:
        groups = sorted({(group, step) for group, step, _ in self._tallies})
        for group, step in groups:
            whales = self._tallies.get((group, step, True), Tally())
            matches = self._tallies.get((group, step, False), Tally())
            yield line(group, HORIZON_NAMES[step], whales, matches)

    def _move_on(self, judged: Judged) -> None:
        """Look at the price of whatever has reached a horizon."""
        books = judged.seen.books
        for row, ticker in enumerate(books.tickers):
            if ticker in self._open:
                touch = _touch(books, row)
                self._open[ticker] = [self._moved(one, touch) for one in self._open[ticker]]

    def _moved(self, moment: Moment, touch: Touch) -> Moment:
        while touch.at >= moment.due:
            late = touch.at > moment.too_late
            if isnan(touch.mid) and not late:
                return moment
            self._note(moment, moment.step, None if late else moment.net(touch.mid))
            moment = replace(moment, step=moment.step + 1)
        return moment

    def _begin(self, judged: Judged, markets: Mapping[str, Market]) -> None:
        books = judged.seen.books
        rows = judged.seen.whale_rows.tolist()
        for row, whale in zip(rows, judged.seen.whales, strict=True):
            self._begin_whale(whale, _touch(books, row), markets[whale.ticker])
        if not self._wishes:
            return
        quiet = judged.seen.recent.count == 0
        for row, ticker in enumerate(books.tickers):
            if ticker in self._wishes and quiet[row] and row not in rows:
                self._begin_matches(ticker, _touch(books, row), markets[ticker].fees)

    def _begin_whale(self, whale: Whale, touch: Touch, market: Market) -> None:
        way = {SideBias.BUY: 1, SideBias.SELL: -1, None: 0}[whale.side_bias]
        price = cost(touch, way, market.fees)
        if not way or isnan(price):
            self._unscored["no direction" if not way else "no price or fee"] += 1
            return
        group = Group(whale.type.value, band(touch.mid), market.category or "unknown")
        self._follow(Moment(whale.ticker, group, way, touch, price, is_whale=True))
        self._wishes.setdefault(whale.ticker, []).append(_Wish(group, way))

    def _begin_matches(self, ticker: str, touch: Touch, fees: FeeSchedule | None) -> None:
        left = []
        for wish in self._wishes.pop(ticker):
            price = cost(touch, wish.way, fees)
            if isnan(price) or band(touch.mid) != wish.group.band:
                left.append(wish)
                continue
            self._follow(Moment(ticker, wish.group, wish.way, touch, price, is_whale=False))
        if left:
            self._wishes[ticker] = left

    def _follow(self, moment: Moment) -> None:
        self._open.setdefault(moment.ticker, []).append(moment)
        self._count += 1
        while self._count > self._capacity:
            self._lose(next(iter(self._open)))

    async def _settle(self, at: float, markets: Mapping[str, Market]) -> None:
        """Tell what is followed how its market ended, where that is known by now."""
        gone = [ticker for ticker in self._open if ticker not in markets]
        known = dict(markets)
        if gone and at - self._asked_at >= ASK_EVERY:
            self._asked_at = at
            known |= await self._outcomes(gone[:ASK_AT_ONCE])
        for ticker in list(self._open):
            market = known.get(ticker)
            if market is not None and market.payout is not None:
                self._end(ticker, measured(market.payout))
            elif at - self._open[ticker][-1].start.at > GIVE_UP:
                self._lose(ticker)
        for ticker in gone:
            self._wishes.pop(ticker, None)

    async def _outcomes(self, tickers: Sequence[str]) -> Mapping[str, Market]:
        # Those asked about go to the back, so that all have their turn.
        for ticker in tickers:
            self._open.move_to_end(ticker)
        try:
            return await self._ask(tickers)
        except ExchangeError:
            return {}

    def _end(self, ticker: str, payout: float) -> None:
        for moment in self._gone(ticker):
            for step in range(moment.step, SETTLED):
                self._note(moment, step, None)
            self._note(moment, SETTLED, moment.net(payout))

    def _lose(self, ticker: str) -> None:
        for moment in self._gone(ticker):
            for step in range(moment.step, SETTLED + 1):
                self._note(moment, step, None)

    def _gone(self, ticker: str) -> list[Moment]:
        moments = self._open.pop(ticker)
        self._count -= len(moments)
        return moments

    def _note(self, moment: Moment, step: int, net: float | None) -> None:
        whole = Group(moment.group.type, ALL, ALL)
        for group in (moment.group, whole):
            key = (group, step, moment.is_whale)
            tally = self._tallies.get(key, Tally())
            self._tallies[key] = tally.missed() if net is None else self._plus(key, moment, net)

    def _plus(self, key: Key, moment: Moment, net: float) -> Tally:
        place = (key, moment.ticker)
        n, s = before = self._sums.pop(place, (0, 0.0))
        self._sums[place] = (n + 1, s + net)
        if len(self._sums) > SUMS:
            self._sums.popitem(last=False)
        return self._tallies.get(key, Tally()).plus(net, before)


def _touch(books: Books, row: int) -> Touch:
    at, bid, ask = books.seen_at[row], books.best_bid[row], books.best_ask[row]
    return Touch(float(at), float(bid), float(ask))
