"""A trader on a desk of its own: opinions, books and failures by hand, passes one by one."""

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal

import numpy as np

from bot.core.account.portfolio import Portfolio
from bot.core.events import Event, MarketSettled, OrderEnded, OrderFilled
from bot.core.market.market import Market
from bot.core.market.orderbook import Books, OrderBook
from bot.core.market.orders import Execution, Order, Unresolved
from bot.core.market.queue import MarketUpdate, TakerTrade
from bot.core.risk.close_requests import CloseRequests
from bot.core.risk.exit_rules import ExitRules
from bot.core.risk.limits import RiskLimits
from bot.core.risk.review import Approved
from bot.core.signals.strategy import Gates, Sizing, Thresholds
from bot.core.whales.thresholds import WhaleRules
from bot.ports.exchange import ExchangeError, RestingVenue
from bot.ports.persistence import (
    Checkpoint,
    CommitBatch,
    LeaseLostError,
    StateRecord,
    StoreError,
)
from bot.signals.analyzer import Analyzer, Predictions
from bot.trading.decision import TradeRules
from bot.trading.entry_guard import Safety
from bot.trading.paper_venue import PaperVenue
from bot.trading.trader import Trader
from tests.support.fakes import FakeScorer
from tests.support.strategies import NOON, ladder, open_market

CASH = Decimal(10_000)
BOOK = OrderBook(
    bids=ladder(("0.52", 300), ("0.51", 500)), asks=ladder(("0.53", 300), ("0.54", 500))
)
THRESHOLDS = Thresholds()


@dataclass
class FakeStore:
    """A book in memory: folds what it is told as the contract of the store has it."""

    portfolio: Portfolio = field(default_factory=lambda: Portfolio.of_cash(CASH))
    intended: dict[str, Order] = field(default_factory=dict)
    ended: set[str] = field(default_factory=set)
    events: list[Event] = field(default_factory=list)
    state_records: dict[str, dict[str, bytes]] = field(default_factory=dict)
    commits: int = 0
    fails: str = ""
    lost: bool = False
    meanwhile: Callable[[], None] = lambda: None

    async def intend(self, order: Order) -> None:
        if self.lost:
            raise LeaseLostError
        if self.fails:
            raise StoreError(self.fails)
        self.intended[order.client_order_id] = order
        self.meanwhile()

    async def commit(self, done: CommitBatch) -> None:
        self.commits += 1
        for event in done.events:
            self._fold(event)
        for state_record in done.state_records:
            self.keep(state_record)
        self.events += done.events

    def keep(self, state_record: StateRecord) -> None:
        bodies = self.state_records.setdefault(state_record.kind, {})
        bodies.pop(state_record.key, None)
        if state_record.body is not None:
            bodies[state_record.key] = state_record.body

    def checkpoint(self) -> Checkpoint:
        unresolved = tuple(o for name, o in self.intended.items() if name not in self.ended)
        state_records = {kind: dict(bodies) for kind, bodies in self.state_records.items()}
        booked: dict[str, frozenset[str]] = {}
        for event in self.events:
            if isinstance(event, OrderFilled):
                name, ids = event.order.client_order_id, {fill.fill_id for fill in event.fills}
                booked[name] = booked.get(name, frozenset()) | ids
        return Checkpoint(
            self.commits,
            self.portfolio,
            unresolved,
            tuple(self.events),
            state_records,
            booked=booked,
        )

    def _fold(self, event: Event) -> None:
        match event:
            case OrderEnded(execution=execution):
                self.ended.add(execution.order.client_order_id)
                for fill in execution.fills:
                    self.portfolio = self.portfolio.after(fill)
            case OrderFilled(fills=fills):
                for fill in fills:
                    self.portfolio = self.portfolio.after(fill)
            case MarketSettled():
                self.portfolio = self.portfolio.settle(event.ticker, event.payout)
            case _:
                pass


@dataclass
class FakeVenue:
    """Paper, that keeps the fate of some orders to itself for so many questions.

    `silent` is by ticker, `breaks` raises once the order is there; `sent` is what arrived.
    """

    silent: dict[str, int] = field(default_factory=dict)
    breaks: str = ""
    paper: PaperVenue = field(default_factory=PaperVenue)
    sent: list[Order] = field(default_factory=list)
    before: Callable[[Order], None] = lambda _: None
    at_once: int = 1

    @property
    def resting(self) -> RestingVenue:
        return self.paper

    async def submit(self, approved: Approved) -> Execution | Unresolved:
        self.before(approved.order)
        self.sent.append(approved.order)
        execution = await self.paper.submit(approved)
        if self.breaks:
            raise ExchangeError(self.breaks)
        return self._told(execution)

    async def resolve(self, order: Order) -> Execution | Unresolved:
        return self._told(await self.paper.resolve(order))

    def _told(self, execution: Execution) -> Execution | Unresolved:
        ticker = execution.order.ticker
        if not self.silent.get(ticker):
            return execution
        self.silent[ticker] -= 1
        return Unresolved(execution.order, "no answer")


@dataclass
class FakeTrades:
    """What takers did, by hand; None is not known."""

    found: list[TakerTrade] | None = field(default_factory=list)

    def between(self, ticker: str, since: float, until: float) -> list[TakerTrade] | None:
        del ticker
        if self.found is None:
            return None
        return [trade for trade in self.found if since < trade.at <= until]


class Desk:
    """A trader, its venue and its store; time is moved by hand."""

    def __init__(
        self,
        *tickers: str,
        limits: RiskLimits | None = None,
        exits: ExitRules | None = None,
        patience: float | None = None,
        entries_rest: bool = False,
    ) -> None:
        self.at = NOON
        self.markets = {t: open_market(t) for t in tickers or ("A",)}
        self.books = dict.fromkeys(self.markets, BOOK)
        self.venue = FakeVenue()
        self.store = FakeStore()
        self.killed: str | None = None
        self.sure = True
        self.fault: str | None = None
        self.limits = limits or RiskLimits()
        self.exits = exits or ExitRules()
        self.patience = patience
        self.entries_rest = entries_rest
        self.trades = FakeTrades()
        self.stopping = False
        self.venue.paper = PaperVenue(next_update=self._next_update)
        self.requests = CloseRequests()
        self._ids = (f"o{number}" for number in itertools.count(1))
        self.trader = self._hired()

    def _safety(self) -> Safety:
        return Safety(
            self.store,
            lambda: self.killed,
            lambda: self.sure,
            lambda: self.fault,
            close_requests=lambda: self.requests,
            stopping=lambda: self.stopping,
        )

    def _hired(self) -> Trader:
        safety = self._safety()
        sizing = Sizing(Decimal(100), Decimal("0.01"))
        rules = TradeRules(
            THRESHOLDS,
            sizing,
            self.limits,
            exits=self.exits,
            patience=self.patience,
            entries_rest=self.entries_rest,
        )
        return Trader(self.venue, rules, CASH, self._ids, safety)

    def restart(self) -> None:
        """Another trader takes over, from what was kept."""
        self.trader = self._hired()
        self.trader.restore(self.store.checkpoint())

    def predictions(self, scores: Mapping[str, float]) -> Predictions:
        """These opinions of the books as they are now; no opinion of the others."""
        shown = [t for t in self.books if t in self.markets]
        books = Books.of([(t, self.at.timestamp(), self.books[t]) for t in shown])
        watch = Analyzer(FakeScorer(), THRESHOLDS, Gates(fewest_observations=0), WhaleRules(), 100)
        predictions = watch.predict(books, np.full(len(books), 86_400.0))
        return replace(predictions, scores=np.array([scores.get(t, np.nan) for t in shown]))

    async def act(self, scores: Mapping[str, float] | float | None = None) -> list[Event]:
        """Trade on one opinion of all markets, or on one of each."""
        predictions = self.predictions(self._of_all(scores))
        return await self.trader.act(self.at, predictions, self.markets, trades=self.trades)

    async def run(
        self, scores: Mapping[str, float] | float | None = None, *, seconds: float = 10
    ) -> list[Event]:
        """A whole pass, kept at its end; what happened."""
        self.pass_by(seconds)
        predictions = self.predictions(self._of_all(scores))
        events = await self.trader.resolve_in_doubt(self.at)
        events += await self.trader.act(self.at, predictions, self.markets, trades=self.trades)
        events += self.trader.settle(self.at, self.markets)
        events += self.trader.mark(self.at, predictions.seen.books, self.markets)
        await self.store.commit(CommitBatch(events, self.trader.state_records()))
        return events

    def pass_by(self, seconds: float) -> None:
        """Time passes; the markets stay open."""
        self.at += timedelta(seconds=seconds)
        self.close_in(86_400)

    def close_in(self, seconds: float) -> None:
        """All markets close in so many seconds."""
        self._until(self.at + timedelta(seconds=seconds))

    def position(self, ticker: str = "A") -> Decimal:
        return self.trader.portfolio.size(ticker)

    async def _next_update(self, ticker: str, since: float) -> MarketUpdate:
        """The book half a second after the pass."""
        if ticker not in self.books:
            raise ExchangeError("no book came")
        at = self.at.timestamp() + 0.5
        return MarketUpdate(self.books[ticker], at, self.trades.between(ticker, since, at))

    def _until(self, close: datetime) -> None:
        changed: dict[str, Market] = {
            t: replace(market, close_time=close) for t, market in self.markets.items()
        }
        self.markets.update(changed)

    def _of_all(self, scores: Mapping[str, float] | float | None) -> Mapping[str, float]:
        if isinstance(scores, Mapping):
            return scores
        return {} if scores is None else dict.fromkeys(self.markets, scores)


def only(events, kind):
    """The events of one kind."""
    return [event for event in events if isinstance(event, kind)]
