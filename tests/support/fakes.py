"""Fakes for the bot's ports: small, real in behaviour, set up by the test that uses them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import numpy as np

from bot.core.events import Event
from bot.core.market.market import Market
from bot.core.market.orderbook import Books, Floats, OrderBook
from bot.ports.cycle_result import CycleResult
from bot.ports.exchange import BookAnswer, ExchangeError, ModelOutput
from bot.signals.analyzer import Predictions
from tests.support.strategies import NOON


@dataclass
class HandClock:
    """Time moved by hand."""

    at: datetime = NOON

    def now(self) -> datetime:
        return self.at

    def pass_by(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@dataclass
class FakeExchange:
    """Source of books and watchlist: shows the books put on it; `fails` breaks every request."""

    clock: HandClock
    markets: dict[str, Market] = field(default_factory=dict)
    shown: dict[str, OrderBook] = field(default_factory=dict)
    fails: str = ""
    skew: float | None = None
    held: tuple[str, ...] = ()
    halted: dict[str, str] = field(default_factory=dict)

    def list(self, market: Market, book: OrderBook | None = None):
        self.markets[market.ticker] = market
        if book is not None:
            self.shown[market.ticker] = book

    def change(self, ticker: str, **changes: object):
        self.markets[ticker] = replace(self.markets[ticker], **changes)  # type: ignore[arg-type]

    async def books(self, tickers: Sequence[str]) -> BookAnswer:
        self._break()
        at = self.clock.now().timestamp()
        asked = [ticker for ticker in tickers if ticker not in self.halted]
        there = [(t, at, self.shown[t]) for t in asked if t in self.shown]
        missing = {t: "the exchange shows no book" for t in asked if t not in self.shown}
        return BookAnswer(Books.of(there), missing, self.skew, halted=self.halted)

    async def refresh(self) -> None:
        self._break()

    async def reread_held(self) -> None:
        self._break()

    def watched(self) -> Mapping[str, Market]:
        return self.markets

    def hold(self, tickers: Sequence[str]) -> None:
        self.held = tuple(tickers)

    def _break(self):
        if self.fails:
            raise ExchangeError(self.fails)


@dataclass
class FakeScorer:
    """Gives every book the same score; None is no opinion."""

    opinion: float | None = None
    version: str = "fake_v1"
    fault: str | None = None
    card: None = None

    def score(self, features: Floats, tickers: Sequence[str]) -> Floats:
        value = np.nan if self.opinion is None else self.opinion
        return np.full(len(features), value)

    def predict(self, features: Floats, tickers: Sequence[str]) -> ModelOutput:
        reason = "the fake has no opinion" if self.opinion is None else None
        return ModelOutput(self.score(features, tickers), (reason,) * len(features))


@dataclass
class ListJournal:
    """Keeps the events."""

    events: list[Event] = field(default_factory=list)
    flushes: int = 0
    fault: str | None = None
    account: str = ""

    def record(self, events: Sequence[Event]) -> None:
        self.events += events

    def turn_to(self, account: str) -> None:
        self.account = account

    def flush(self) -> None:
        self.flushes += 1

    def of(self, kind):
        return [event for event in self.events if isinstance(event, kind)]


@dataclass
class Nobody:
    """An audience that only counts."""

    published: int = 0
    missing: Mapping[str, str] = field(default_factory=dict)

    def on_events(self, events: Sequence[Event]) -> None:
        pass

    def on_predictions(self, predictions: Predictions) -> None:
        pass

    async def on_cycle_end(self, result: CycleResult) -> None:
        self.published += 1
        self.missing = result.missing


class NoExaminer:
    """Grades nothing."""

    def grade(
        self, at: datetime, predictions: Sequence[Predictions], markets: Mapping[str, Market]
    ) -> Sequence[Event]:
        return ()
