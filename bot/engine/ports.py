"""The parts a cycle works with, as protocols."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from bot.core.events import Event
from bot.core.market.market import Market
from bot.core.market.orderbook import Books, Floats
from bot.core.whales.detector import TradesBetween
from bot.engine.event_decisions import EventDecisions
from bot.engine.stream_scan import StreamScan
from bot.engine.unit_of_work import UnitOfWork
from bot.ports.cycle_result import CycleResult
from bot.ports.exchange import BookAnswer, Clock, TradeTape
from bot.ports.view_faults import ViewFaults
from bot.signals.analyzer import Predictions
from bot.trading.trader import Trader

#: Markets scored before yielding to the event loop: about 5 ms of work.
CHUNK = 100


class BookSource(Protocol):
    """Where order books come from."""

    async def books(self, tickers: Sequence[str]) -> BookAnswer:
        """The order books of these markets, now. Raises ExchangeError."""
        ...


class Watchlist(Protocol):
    """Which markets are worth watching, as last described by the exchange."""

    async def refresh(self) -> None:
        """Read the watched markets again. Raises ExchangeError; then the last known stay."""
        ...

    async def reread_held(self) -> None:
        """Read the held markets again, and no others. Raises ExchangeError, as above."""
        ...

    def watched(self) -> Mapping[str, Market]:
        """The watched markets, by ticker."""
        ...

    def hold(self, tickers: Sequence[str]) -> None:
        """Keep these held markets watched until they settle."""
        ...


class Predictor(Protocol):
    """Measures and scores books."""

    def predict(
        self, books: Books, seconds_to_close: Floats, traded: TradesBetween | None = None
    ) -> Predictions:
        """One prediction per book; each ticker at most once. `traded` None: not requested."""
        ...


class TradeWatch(TradeTape, Protocol):
    """Knows what traded between two books."""

    async def since(self, books: Books) -> TradesBetween:
        """What traded between the last book of each market and this one, as far as is known."""
        ...


class PredictionReviewer(Protocol):
    """Grades predictions once their horizon has passed."""

    def grade(
        self, at: datetime, predictions: Sequence[Predictions], markets: Mapping[str, Market]
    ) -> Sequence[Event]:
        """Grade earlier predictions by these books and remember the new ones."""
        ...


class CycleObserver(Protocol):
    """Observes passes."""

    def on_events(self, events: Sequence[Event]) -> None:
        """Take these events."""
        ...

    def on_predictions(self, predictions: Predictions) -> None:
        """Take these predictions."""
        ...

    async def on_cycle_end(self, result: CycleResult) -> None:
        """The pass is over; take its result."""
        ...


class HaltWatch(Protocol):
    """Knows where the exchange trades."""

    async def refresh(self, shards: Collection[int]) -> None:
        """Ask the exchange again whether these shards trade, if the last answer is old."""
        ...


class NeverHalted:
    """Trades always: for tapes and tests."""

    async def refresh(self, shards: Collection[int]) -> None:
        """Nothing to ask."""


@dataclass(frozen=True, slots=True)
class CycleParts:
    """What a cycle works with; it yields to the event loop every `chunk` markets.

    Without a `stream_scan` and `event_decisions` nothing happens between two passes.
    """

    data: BookSource
    watchlist: Watchlist
    predict: Predictor
    trader: Trader
    examiner: PredictionReviewer
    unit_of_work: UnitOfWork
    clock: Clock
    audience: CycleObserver
    trade_feed: TradeWatch | None = None
    chunk: int = CHUNK
    faults: ViewFaults = field(default_factory=ViewFaults)
    halts: HaltWatch = field(default_factory=NeverHalted)
    stream_scan: StreamScan | None = None
    event_decisions: EventDecisions | None = None
