"""What a cycle works with, as Protocols, and the parts of one cycle joined."""

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
        """The markets to look at, by ticker."""
        ...

    def hold(self, tickers: Sequence[str]) -> None:
        """Keep these watched until they are settled: there are positions in them."""
        ...


class Predictor(Protocol):
    """Says what books mean."""

    def predict(
        self, books: Books, seconds_to_close: Floats, traded: TradesBetween | None = None
    ) -> Predictions:
        """One prediction per book; each ticker at most once. `traded` None: not requested."""
        ...


class TradeWatch(TradeTape, Protocol):
    """Knows what traded between two books, where that matters."""

    async def since(self, books: Books) -> TradesBetween:
        """What traded between the last book of each market and this one, as far as is known."""
        ...


class PredictionReviewer(Protocol):
    """Holds predictions against what came of them."""

    def grade(
        self, at: datetime, predictions: Sequence[Predictions], markets: Mapping[str, Market]
    ) -> Sequence[Event]:
        """What these books say of earlier predictions; those of these books are remembered."""
        ...


class CycleObserver(Protocol):
    """Who is shown what a pass saw."""

    def on_events(self, events: Sequence[Event]) -> None:
        """These happened."""
        ...

    def on_predictions(self, predictions: Predictions) -> None:
        """These books were scored."""
        ...

    async def on_cycle_end(self, result: CycleResult) -> None:
        """The pass is over."""
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
    keeper: UnitOfWork
    clock: Clock
    audience: CycleObserver
    trade_feed: TradeWatch | None = None
    chunk: int = CHUNK
    faults: ViewFaults = field(default_factory=ViewFaults)
    halts: HaltWatch = field(default_factory=NeverHalted)
    stream_scan: StreamScan | None = None
    event_decisions: EventDecisions | None = None
