"""One pass: fetch, measure, score, trade, mark, publish.

Live, paper, demo, replay and tests give it other parts; the pass is the same. Between passes it
remembers its number and the last fault only. Leaves out when it runs (`loop`).
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final

import numpy as np

from bot.core.events import (
    CycleFinished,
    CycleStarted,
    Event,
    FetchFailed,
    MarketsFetched,
    RegimeChanged,
    WhaleEnded,
    WhaleSeen,
)
from bot.core.market.market import Market, MarketStatus
from bot.core.market.money import measured
from bot.core.market.orderbook import Books
from bot.core.signals import regime
from bot.core.signals.regime import RegimeName
from bot.core.whales.detector import TradesBetween
from bot.engine.ports import CycleParts
from bot.engine.stream_scan import StreamScan
from bot.market_data.universe import seconds_to_close
from bot.ports.cycle_result import CycleResult
from bot.ports.exchange import BookAnswer, ExchangeError
from bot.ports.persistence import Checkpoint, StateRecord
from bot.signals.analyzer import Predictions

#: From this many books on, scoring and trading are separate pieces of work between yields.
YIELD_FROM = 20
#: Seconds that a change of the account waits for the pass that runs.
CHANGE_WITHIN: Final = 2.0
_REGIME_RECORD: Final = "mood"


class Cycle:
    """A pass over the watched markets, again and again.

    Nothing of a pass is logged or shown before it is committed (`UnitOfWork`); only its start
    and what was fetched are logged at once. The next pass commits what a failed one did.
    """

    def __init__(self, parts: CycleParts) -> None:
        self._data = parts.data
        self._watchlist = parts.watchlist
        self._predictor = parts.predict
        self._trader = parts.trader
        self._examiner = parts.examiner
        self._unit_of_work = parts.unit_of_work
        self._clock = parts.clock
        self._audience = parts.audience
        self._trade_feed = parts.trade_feed
        self._chunk = parts.chunk
        self._faults = parts.faults
        self._halts = parts.halts
        self._stream_scan = parts.stream_scan
        self._event_decisions = parts.event_decisions
        # Held while events are committed and shown.
        self._busy = asyncio.Lock()
        self._number = 0
        self._regime = self._committed_regime = RegimeName.CALM
        self._fault: str | None = None
        self._pending_events: list[Event] = []

    def state_records(self) -> list[StateRecord]:
        """The regime of all markets, if it changed since the last call."""
        if self._regime is self._committed_regime:
            return []
        self._committed_regime = self._regime
        return [StateRecord(_REGIME_RECORD, "", self._regime.value.encode())]

    def restore(self, checkpoint: Checkpoint) -> None:
        """Restore the regime."""
        body = checkpoint.state_records.get(_REGIME_RECORD, {}).get("")
        known = (body or b"").decode(errors="replace")
        # One that cannot be read is measured again by the next pass.
        self._regime = RegimeName(known) if known in set(RegimeName) else RegimeName.CALM
        self._committed_regime = self._regime

    async def run(self) -> str | None:
        """One pass; what the exchange failed at or what cannot be shown, None if nothing.

        A failure is an event and leaves every position alone. Raises LeaseLostError if another
        process leads by now: then nothing of this pass was committed, shown or logged.
        """
        async with self._busy:
            return await self._run()

    async def resolve_in_doubt(self) -> str | None:
        """Ask for the status of orders in doubt and book it at once.

        Amid a pass, that pass commits and shows it; otherwise it is committed and shown here.
        Raises LeaseLostError.
        """
        if await self._trader.poll_in_doubt(self._clock.now()) and not self._busy.locked():
            async with self._busy:
                await self._commit_resolved()
        return None

    async def between_passes(self, change: Callable[[datetime], object]) -> bool:
        """Change the account between two passes; committed and shown before anything else.

        False, with nothing done, if a running pass does not end in time. Raises LeaseLostError.
        """
        try:
            async with asyncio.timeout(CHANGE_WITHIN):
                await self._busy.acquire()
        except TimeoutError:
            return False
        try:
            change(self._clock.now())
            await self._commit_resolved()
        finally:
            self._busy.release()
        return True

    async def _commit_resolved(self) -> None:
        at, markets = self._clock.now(), self._watchlist.watched()
        self._emit(self._trader.take_pending(at))
        self._emit(self._trader.mark(at, NO_BOOKS, markets))
        missing = dict.fromkeys(markets, "only the account was looked at")
        await self._audience.on_cycle_end(CycleResult(at, self._regime, markets, missing))
        await self._commit_pass()

    async def _run(self) -> str | None:
        self._number += 1
        self._announce([CycleStarted(self._clock.now(), self._number)])
        await self._begin()
        markets = await self._markets(self._watchlist.refresh)
        answer = await self._books(markets)
        predictions = []
        shown = self._held_first(answer.books)
        traded = await self._traded(shown)
        for number, (books, trades) in enumerate(_chunks(shown, traded, self._chunk)):
            if number:
                await asyncio.sleep(0)
            predictions.append(await self._pass(books, trades, markets))
        self._change_regime(predictions, markets)
        with self._faults.within("the grades"):
            self._emit(self._examiner.grade(self._clock.now(), predictions, markets))
        await self._conclude(markets, answer, sum(len(part.seen.whales) for part in predictions))
        return self._what_failed()

    async def _begin(self) -> None:
        self._fault = None
        if self._pending_events:
            # The pass before failed: what it did is committed before anything else.
            await self._commit_pass()

    async def close_requested(self) -> str | None:
        """A pass over the positions that operators want closed, whether or not the loop runs.

        No other market is fetched, scored or traded. Skipped while another pass runs. Raises
        LeaseLostError.
        """
        if self._busy.locked():
            return None
        async with self._busy:
            return await self._close_requested()

    async def scan_stream(self) -> str | None:
        """Apply the whale rules to recent changes of the stream; commit and show what they find.

        Skipped while a pass runs. Raises LeaseLostError.
        """
        if self._stream_scan is None or self._busy.locked():
            return None
        async with self._busy:
            await self._scan_stream(self._stream_scan)
        return None

    async def _scan_stream(self, stream_scan: StreamScan) -> None:
        at, markets = self._clock.now(), self._watchlist.watched()
        scan = stream_scan.scan(at, markets)
        if scan is None or not (events := scan.events(at)):
            return
        self._emit(events)
        with self._faults.within("the whales"):
            stream_scan.show(scan)
        await self._audience.on_cycle_end(CycleResult(at, self._regime, markets, {}))
        await self._commit_pass()

    async def decide_on_changes(self) -> str | None:
        """Decide on streamed markets whose score crossed a threshold. Raises LeaseLostError."""
        if self._event_decisions is None or self._busy.locked():
            return None
        async with self._busy:
            markets = self._watchlist.watched()
            due = self._event_decisions.due(self._clock.now(), markets)
            return await self._decide_on(due, markets) if len(due) else None

    async def _decide_on(self, due: Books, markets: Mapping[str, Market]) -> str | None:
        await self._begin()
        traded = await self._traded(due)
        for books, trades in _chunks(due, traded, self._chunk):
            await self._pass(books, trades, markets)
        at = self._clock.now()
        self._emit(self._trader.mark(at, due, markets, due.tickers))
        await self._audience.on_cycle_end(CycleResult(at, self._regime, markets, {}))
        await self._commit_pass()
        return self._what_failed()

    async def _close_requested(self) -> str | None:
        await self._begin()
        markets = await self._markets(self._watchlist.reread_held)
        asked = self._trader.to_close()
        self._trader.missed(
            {t: "the exchange does not tell of it" for t in asked if t not in markets}
        )
        wanted = {t: markets[t] for t in asked if t in markets}
        answer = await self._books(wanted)
        for books, _ in _chunks(answer.books, None, self._chunk):
            await self._pass(books, None, markets, by_hand=True)
        at = self._clock.now()
        self._settle(at, markets, answer, asked)
        await self._show(at, markets, wanted, answer)
        return self._what_failed()

    def _held_first(self, books: Books) -> Books:
        """The same books; of more than one chunk held markets come first, to be exited first."""
        if len(books) <= self._chunk:
            return books
        held = set(self._trader.held())
        rows = sorted(range(len(books)), key=lambda row: books.tickers[row] not in held)
        return books.take(np.array(rows))

    def _what_failed(self) -> str | None:
        shown = self._faults.taken()
        return self._fault or shown

    async def _markets(self, read: Callable[[], Awaitable[None]]) -> Mapping[str, Market]:
        self._watchlist.hold((*self._trader.held(), *self._trader.working))
        try:
            await read()
        except ExchangeError as error:
            self._failed("markets", str(error))
            self._trader.failed(self._clock.now())
        markets = self._watchlist.watched()
        await self._halts.refresh({market.exchange_index for market in markets.values()})
        return markets

    async def _books(self, markets: Mapping[str, Market]) -> BookAnswer:
        at = self._clock.now()
        # A closed market's book is no price, whether it still shows one or not.
        tickers = tuple([ticker for ticker, market in markets.items() if market.is_open(at)])
        try:
            answer = await self._data.books(tickers)
        except ExchangeError as error:
            self._failed("order books", str(error))
            self._trader.failed(self._clock.now())
            return BookAnswer(NO_BOOKS, dict.fromkeys(tickers, str(error)))
        self._emit(answer.notes)
        self._announce([MarketsFetched(self._clock.now(), len(answer.books), len(tickers))])
        self._trader.fetched(self._clock.now(), len(tickers), answer.broken)
        if answer.skew is not None:
            self._trader.skewed(self._clock.now(), answer.skew)
        if answer.missing:
            self._failed("order books", _summary(answer.missing))
        return answer

    async def _traded(self, books: Books) -> TradesBetween | None:
        return await self._trade_feed.since(books) if self._trade_feed is not None else None

    async def _pass(
        self,
        books: Books,
        traded: TradesBetween | None,
        markets: Mapping[str, Market],
        *,
        by_hand: bool = False,
    ) -> Predictions:
        at = self._clock.now()
        predictions = self._predictor.predict(books, seconds_to_close(books, markets), traded)
        if len(books) > YIELD_FROM:
            await asyncio.sleep(0)
        self._emit([WhaleSeen(at, whale) for whale in predictions.seen.whales])
        self._emit([WhaleEnded(at, ending) for _, ending in predictions.seen.endings])
        trades = self._trade_feed if traded is not None else None
        self._emit(await self._trader.act(at, predictions, markets, by_hand=by_hand, trades=trades))
        self._audience.on_predictions(predictions)
        if self._event_decisions is not None and not by_hand:
            self._event_decisions.note(predictions)
        return predictions

    def _change_regime(
        self, predictions: Sequence[Predictions], markets: Mapping[str, Market]
    ) -> None:
        if not predictions:
            return
        tickers = [ticker for part in predictions for ticker in part.seen.books.tickers]
        market_regime = regime.overall(
            np.concatenate([part.seen.regimes for part in predictions]),
            np.array([measured(markets[ticker].volume_24h) for ticker in tickers]),
            np.concatenate([part.seen.warm for part in predictions]),
        )
        if market_regime is not self._regime:
            self._emit([RegimeChanged(self._clock.now(), self._regime, market_regime)])
            self._regime = market_regime

    async def _conclude(
        self, markets: Mapping[str, Market], answer: BookAnswer, whales: int
    ) -> None:
        at = self._clock.now()
        missing = _missing(at, markets, answer)
        self._emit(await self._trader.withdraw_unseen(at, missing, markets))
        self._settle(at, markets, answer)
        positions = len(self._trader.held())
        self._emit([CycleFinished(at, self._number, len(answer.books), whales, positions)])
        await self._show(at, markets, markets, answer)

    def _settle(
        self,
        at: datetime,
        markets: Mapping[str, Market],
        answer: BookAnswer,
        asked: Collection[str] | None = None,
    ) -> None:
        self._emit(self._trader.settle(at, markets))
        self._emit(self._trader.mark(at, answer.books, markets, asked))

    async def _show(
        self,
        at: datetime,
        markets: Mapping[str, Market],
        looked_at: Mapping[str, Market],
        answer: BookAnswer,
    ) -> None:
        missing = _missing(at, looked_at, answer)
        self._trader.missed(missing)
        await self._audience.on_cycle_end(CycleResult(at, self._regime, markets, missing))
        await self._commit_pass()

    async def _commit_pass(self) -> None:
        reported, self._pending_events = self._pending_events, []
        await self._unit_of_work.commit_pass(reported, self.state_records())

    def _failed(self, what: str, reason: str) -> None:
        self._fault = f"{what}: {reason}"
        self._emit([FetchFailed(self._clock.now(), what, reason)])

    def _announce(self, events: Sequence[Event]) -> None:
        self._unit_of_work.announce(events)
        self._audience.on_events(events)

    def _emit(self, events: Sequence[Event]) -> None:
        self._pending_events += events
        self._audience.on_events(events)


#: No book at all.
NO_BOOKS = Books.of([])


def _chunks(
    books: Books, traded: TradesBetween | None, size: int
) -> Iterator[tuple[Books, TradesBetween | None]]:
    if len(books) <= size:
        return iter(((books, traded),) if len(books) else ())
    cuts = (slice(start, start + size) for start in range(0, len(books), size))
    return ((books.take(cut), traded and traded.take(cut)) for cut in cuts)


def _missing(
    at: datetime, looked_at: Mapping[str, Market], answer: BookAnswer
) -> Mapping[str, str]:
    """Why there is no sound book of each of these markets that has none."""
    closed = {t: not_open(m) for t, m in looked_at.items() if not m.is_open(at)}
    return {**closed, **answer.halted, **answer.missing}


def not_open(market: Market) -> str:
    """Why the book of a market was not requested."""
    status = market.status
    return f"the market is {MarketStatus.CLOSED if status is MarketStatus.ACTIVE else status}"


def _summary(missing: Mapping[str, str]) -> str:
    """Why books are missing: the first by name, the count of the others."""
    ticker, reason = next(iter(missing.items()))
    others = f", and {len(missing) - 1} more" if len(missing) > 1 else ""
    return f"{ticker}: {reason}{others}"
