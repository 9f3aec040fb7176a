"""Follows every detection, traded or not, and a like moment without one, to see what it was worth.

An audience of the cycle. A match is the next moment of the same market, in the same price band,
that no whale was seen in for a quarter of an hour; it is taken the same way. Room is bounded:
beyond it the oldest sample is dropped and counted as missing.
"""

from collections import Counter, deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import islice
from math import isnan
from typing import Final

from msgspec import Struct

from bot.core.events import Event, WhaleEnded, WhaleSeen
from bot.core.market.fees import FeeSchedule
from bot.core.market.market import Market
from bot.core.market.money import measured
from bot.core.market.orderbook import Books
from bot.core.whales.detector import SideBias, Whale
from bot.core.whales.markouts import HORIZONS, BestQuotes, Group, MarkoutSample, band, cost
from bot.ports.checkpoint_codec import RecordCodec
from bot.ports.cycle_result import CycleResult
from bot.ports.exchange import ExchangeError
from bot.ports.persistence import Checkpoint, CommittedChanges, StateRecord
from bot.ports.view_faults import ViewFaults
from bot.signals.observations import Predictions
from bot.whales.markout_stats import MarkoutStats
from bot.whales.open_markouts import ControlRequest, OpenMarkoutBook
from bot.whales.views import Scoreboard, WhaleEnding, WhaleRecord, ended, fitting, line, record

SETTLED: Final = len(HORIZONS)
HORIZON_NAMES: Final = (*(f"{seconds / 60:g}m" for seconds in HORIZONS), "settlement")
#: Detections in the history, and markouts followed.
HISTORY: Final = 2_000
CAPACITY: Final = 5_000
#: Seconds between two queries of outcomes, and markets in each.
ASK_EVERY: Final = 60.0
ASK_AT_ONCE: Final = 100
#: Seconds without a book of its market after which a markout is dropped.
GIVE_UP: Final = 7 * 86_400.0

#: How markets that are no longer watched are asked about.
Ask = Callable[[Sequence[str]], Awaitable[Mapping[str, Market]]]


async def nobody_knows(tickers: Sequence[str]) -> Mapping[str, Market]:  # noqa: ARG001  # as asked
    """No market: for a recording, whose outcomes are unknown."""
    return {}


class _Beside(Struct, frozen=True, array_like=True):
    """What else is stored: detections that could not be followed, the last query of outcomes."""

    unscored: dict[str, int] = {}
    asked_at: float | None = None


class MarkoutTracker:
    """The detections of late, and what those before came to.

    The history comes back from events, everything else from state records.
    """

    def __init__(
        self,
        ask: Ask = nobody_knows,
        capacity: int = CAPACITY,
        faults: ViewFaults | None = None,
    ) -> None:
        self._ask = ask
        self._faults = faults or ViewFaults()
        self._codec = RecordCodec("unscored", _Beside)
        self._open = OpenMarkoutBook(capacity)
        self._stats = MarkoutStats()
        self._history: deque[WhaleRecord] = deque(maxlen=HISTORY)
        self._endings: deque[WhaleEnding] = deque(maxlen=HISTORY)
        self._predictions: list[Predictions] = []
        self._between: list[tuple[Whale, BestQuotes]] = []
        self._unscored: Counter[str] = Counter()
        self._asked_at: float | None = None
        self._written_record = _Beside()

    def state_records(self) -> list[StateRecord]:
        """What changed since the last call."""
        beside = _Beside(dict(self._unscored), self._asked_at)
        before, self._written_record = self._written_record, beside
        news = [] if beside == before else [self._codec.state_record("", beside)]
        return news + self._open.state_records() + self._stats.state_records()

    def restore(self, checkpoint: Checkpoint) -> None:
        self._history.clear()
        self._endings.clear()
        self._predictions.clear()
        self._between.clear()
        self._recall(_Beside())
        self.on_events(checkpoint.events)
        self._open.restore(checkpoint)
        self._stats.restore(checkpoint)
        self._beside(checkpoint)

    def catch_up(self, news: CommittedChanges) -> None:
        """Apply what the leader committed since."""
        self.on_events(news.events)
        self._open.catch_up(news)
        self._stats.catch_up(news)
        self._beside(news)

    def on_events(self, events: Sequence[Event]) -> None:
        self._faults.each("the whales", self._see, events)

    def on_predictions(self, predictions: Predictions) -> None:
        self._predictions.append(predictions)

    def on_whales(self, books: Books, whales: Sequence[tuple[int, Whale]]) -> None:
        """Take these detections between two cycles, each with the row of its book."""
        self._between += [(whale, _best_quotes(books, row)) for row, whale in whales]

    async def on_cycle_end(self, result: CycleResult) -> None:
        """Move open markouts on to the books of this pass."""
        between, self._between = self._between, []
        for whale, best_quotes in between:
            self._begin_whale(whale, best_quotes, result.markets[whale.ticker])
        predictions, self._predictions = self._predictions, []
        for part in predictions:
            self._move_on(part)
            self._begin(part, result.markets)
        await self._settle(result.at.timestamp(), result.markets)

    def history(
        self, ticker: str | None, kind: str | None, since: datetime | None, limit: int
    ) -> tuple[WhaleRecord, ...]:
        """The matching detections, newest first, so many at most."""
        of_kind = (one for one in self._history if kind in (None, one.type))
        return tuple(islice(fitting(of_kind, ticker, since), limit))

    def endings(
        self, ticker: str | None, since: datetime | None, limit: int
    ) -> tuple[WhaleEnding, ...]:
        """The ends of announced orders that fit, newest first, so many at most."""
        return tuple(islice(fitting(self._endings, ticker, since), limit))

    def scores(self) -> Scoreboard:
        """What detections came to so far."""
        lines = tuple(
            line(group, HORIZON_NAMES[step], whales, controls)
            for group, step, whales, controls in self._stats.pairs()
        )
        following, unscored = self._open.count, dict(self._unscored)
        return Scoreboard(lines=lines, count=len(lines), following=following, unscored=unscored)

    def _see(self, event: Event) -> None:
        match event:
            case WhaleSeen():
                self._history.appendleft(record(event))
            case WhaleEnded():
                self._endings.appendleft(ended(event))

    def _beside(self, source: Checkpoint | CommittedChanges) -> None:
        if (found := self._codec.read(source).get("")) is not None:
            self._recall(found)

    def _recall(self, beside: _Beside) -> None:
        self._unscored = Counter(beside.unscored)
        self._asked_at = beside.asked_at
        self._written_record = beside

    def _move_on(self, predictions: Predictions) -> None:
        """Sample the price of every markout that has reached a horizon."""
        books = predictions.seen.books
        for row, ticker in enumerate(books.tickers):
            if ticker in self._open:
                best_quotes = _best_quotes(books, row)
                moved = [self._moved(one, best_quotes) for one in self._open.samples(ticker)]
                self._open.renew(ticker, moved)

    def _moved(self, sample: MarkoutSample, best_quotes: BestQuotes) -> MarkoutSample:
        while best_quotes.at >= sample.due:
            late = best_quotes.at > sample.too_late
            if isnan(best_quotes.mid) and not late:
                return sample
            self._stats.note(sample, sample.step, None if late else sample.net(best_quotes.mid))
            sample = replace(sample, step=sample.step + 1)
        return sample

    def _begin(self, predictions: Predictions, markets: Mapping[str, Market]) -> None:
        books = predictions.seen.books
        rows = predictions.seen.whale_rows.tolist()
        for row, whale in zip(rows, predictions.seen.whales, strict=True):
            self._begin_whale(whale, _best_quotes(books, row), markets[whale.ticker])
        quiet = predictions.seen.recent.count == 0
        for row, ticker in enumerate(books.tickers):
            if self._open.requests(ticker) and quiet[row] and row not in rows:
                self._begin_matches(ticker, _best_quotes(books, row), markets[ticker].fees)

    def _begin_whale(self, whale: Whale, best_quotes: BestQuotes, market: Market) -> None:
        way = {SideBias.BUY: 1, SideBias.SELL: -1, None: 0}[whale.side_bias]
        price = cost(best_quotes, way, market.fees)
        if not way or isnan(price):
            self._unscored["no direction" if not way else "no price or fee"] += 1
            return
        group = Group(whale.scored_as, band(best_quotes.mid), market.category or "unknown")
        sample = MarkoutSample(whale.ticker, group, way, best_quotes, price, is_whale=True)
        self._follow([sample], [*self._open.requests(whale.ticker), ControlRequest(group, way)])

    def _begin_matches(
        self, ticker: str, best_quotes: BestQuotes, fees: FeeSchedule | None
    ) -> None:
        found, left = [], []
        for request in self._open.requests(ticker):
            price = cost(best_quotes, request.way, fees)
            if isnan(price) or band(best_quotes.mid) != request.group.band:
                left.append(request)
                continue
            found.append(
                MarkoutSample(
                    ticker, request.group, request.way, best_quotes, price, is_whale=False
                )
            )
        if found:
            self._follow(found, left)

    def _follow(self, samples: Sequence[MarkoutSample], requests: Sequence[ControlRequest]) -> None:
        """Follow these in one market, and look for these controls there."""
        self._open.follow(samples[0].ticker, samples, requests)
        while (ticker := self._open.crowded_out()) is not None:
            self._lose(ticker)

    async def _settle(self, at: float, markets: Mapping[str, Market]) -> None:
        """Settle the markouts of markets whose outcome is known by now."""
        gone = [ticker for ticker in self._open if ticker not in markets]
        known = dict(markets)
        if gone and (self._asked_at is None or at - self._asked_at >= ASK_EVERY):
            self._asked_at = at
            known |= await self._outcomes(gone[:ASK_AT_ONCE])
        for ticker in list(self._open):
            market = known.get(ticker)
            if market is not None and market.payout is not None:
                self._end(ticker, measured(market.payout))
            elif at - self._open.samples(ticker)[-1].start.at > GIVE_UP:
                self._lose(ticker)
        self._open.drop_requests(gone)

    async def _outcomes(self, tickers: Sequence[str]) -> Mapping[str, Market]:
        # Those asked about go to the back, so that all have their turn.
        self._open.to_back(tickers)
        try:
            return await self._ask(tickers)
        except ExchangeError:
            return {}

    def _end(self, ticker: str, payout: float) -> None:
        for sample in self._open.end(ticker):
            for step in range(sample.step, SETTLED):
                self._stats.note(sample, step, None)
            self._stats.note(sample, SETTLED, sample.net(payout))

    def _lose(self, ticker: str) -> None:
        for sample in self._open.end(ticker):
            for step in range(sample.step, SETTLED + 1):
                self._stats.note(sample, step, None)


def _best_quotes(books: Books, row: int) -> BestQuotes:
    at, bid, ask = books.seen_at[row], books.best_bid[row], books.best_ask[row]
    return BestQuotes(float(at), float(bid), float(ask))
