"""What is shown of each watched market: its last sound book, scored, or stale with its age.

Keeps the last view of each, so that a market without a sound book is shown as stale instead of
vanishing or turning to zero.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import isnan, nan
from typing import Final, NamedTuple

import msgspec
import numpy as np

from bot.core.account.valuation import unrealised
from bot.core.events import Event, OrderRefused, SignalMade
from bot.core.market.market import Market
from bot.core.market.money import measured, whole_cents
from bot.core.signals.regime import REGIMES
from bot.dashboard.quotes import NO_ASK, NO_BID, cents_or
from bot.ports.views import Direction, MarketView
from bot.signals.analyzer import Predictions
from bot.trading.trader import Trader

EMPTY: Final = "its book is empty"
_DIRECTIONS: Final[Mapping[int, Direction]] = {1: "BUY", -1: "SELL", 0: "HOLD"}


@dataclass(frozen=True, slots=True)
class PassResult:
    """What a pass brought: markets with a new view, why others have none, what was shown last."""

    at: datetime
    fresh: set[str]
    missing: Mapping[str, str]
    last: Mapping[str, MarketView]


class MarketViews:
    """The last view of each watched market."""

    def __init__(self, trader: Trader) -> None:
        self._trader = trader
        self._views: dict[str, MarketView] = {}
        #: When the book of each view was seen, seconds UTC.
        self.seen_at: dict[str, float] = {}
        self._refusals: dict[str, str] = {}

    def __contains__(self, ticker: str) -> bool:
        return ticker in self._views

    def ages(self, at: datetime) -> list[float]:
        """Seconds since each book was seen that is shown."""
        return [at.timestamp() - seen for seen in self.seen_at.values()]

    def restore(self, views: Sequence[MarketView], seen: float) -> None:
        """Go on from these views, published at that moment (seconds UTC)."""
        self._views = {view.ticker: view for view in views}
        self.seen_at = {view.ticker: seen - view.age_seconds for view in views}

    def on_events(self, events: Sequence[Event]) -> None:
        for event in events:
            match event:
                case OrderRefused():
                    self._refusals[event.order.ticker] = event.reason
                case SignalMade(reason=str(reason), ticker=ticker) if reason:
                    self._refusals[ticker] = reason

    def clear_refusals(self) -> None:
        """Forget why there was no trade: the pass is over."""
        self._refusals.clear()

    def on_predictions(self, predictions: Predictions, markets: Mapping[str, Market]) -> set[str]:
        """The markets that have a new view now: a book without any order keeps the last one."""
        books, rows = predictions.seen.books, _rows(predictions)
        shows = np.isfinite(books.best_bid) | np.isfinite(books.best_ask)
        fresh: set[str] = set()
        for ticker, seen_at, is_shown, row in zip(
            books.tickers, books.seen_at.tolist(), shows.tolist(), rows, strict=True
        ):
            if is_shown or ticker not in self._views:
                self._views[ticker] = self._view(markets[ticker], row)
                self.seen_at[ticker] = seen_at
                fresh.add(ticker)
        return fresh

    def shown(self, result: PassResult, markets: Mapping[str, Market]) -> tuple[MarketView, ...]:
        """The watched markets that were ever seen or are held, in the order of the watchlist."""
        for gone in self._views.keys() - markets.keys():
            del self._views[gone], self.seen_at[gone]
        held = self._trader.portfolio.positions
        for ticker in (held.keys() & markets.keys()) - self._views.keys():
            # Nothing has been seen of it since it was opened, which was at a price.
            self._views[ticker] = self._view(markets[ticker], _UNSEEN)
            self.seen_at[ticker] = held[ticker].opened_at.timestamp()
        known = {ticker: market for ticker, market in markets.items() if ticker in self._views}
        return tuple(
            [
                self._views[ticker] if ticker in result.fresh else self._not_fresh(result, market)
                for ticker, market in known.items()
            ]
        )

    def aged(self, view: MarketView, at: datetime, old: float) -> MarketView:
        """The view, shown as stale if its book is more than `old` seconds old."""
        now = at.timestamp()
        age = round(now - self.seen_at.get(view.ticker, now), 1)
        if age <= old:
            return view
        return msgspec.structs.replace(
            view,
            stale=True,
            age_seconds=age,
            signal_direction="HOLD",
            signal_score=0.5,
            reason=view.reason if view.stale else "no new book: the loop hangs or was stopped",
        )

    def _view(self, market: Market, row: "_Row") -> MarketView:
        size, notional, open_pnl = self._held(market.ticker)
        return MarketView(
            ticker=market.ticker,
            title=market.title,
            category=market.category,
            yes_bid=row.bid,
            yes_ask=row.ask,
            spread=round(row.ask - row.bid, 6),
            volume_24h=measured(market.volume_24h),
            open_interest=measured(market.open_interest),
            bid_ratio=row.bid_ratio,
            imbalance_strength=row.imbalance_strength,
            recent_whale_count=int(row.whale_count),
            recent_whale_max_size=row.whale_max_size,
            signal_direction=_DIRECTIONS[row.direction],
            signal_score=0.5 if isnan(row.score) else row.score,
            position_notional=notional,
            pnl_unrealized=open_pnl,
            position=size,
            regime=REGIMES[row.regime].value,
            status=market.status.value,
            stale=False,
            age_seconds=0.0,
            reason=self._refusals.get(market.ticker, ""),
        )

    def _held(self, ticker: str) -> tuple[float, float, float]:
        """Signed contracts, their worth at their mark and their open P&L in dollars."""
        trader = self._trader
        position = trader.portfolio.positions.get(ticker)
        if position is None:
            return 0.0, 0.0, 0.0
        mark = trader.marks[ticker]
        open_pnl = whole_cents(unrealised(position, mark))
        return measured(position.size), whole_cents(mark.value), open_pnl

    def _not_fresh(self, result: PassResult, market: Market) -> MarketView:
        """What is shown of a market of which nothing new came, or that was not asked about."""
        missing, last = result.missing.get(market.ticker), result.last.get(market.ticker)
        if missing is None and last is not None:
            return self._as_held(last)
        return self._stale(result.at, market, missing or EMPTY)

    def _as_held(self, view: MarketView) -> MarketView:
        """What was shown of a market, with what is held of it now."""
        size, notional, open_pnl = self._held(view.ticker)
        return msgspec.structs.replace(
            view, position=size, position_notional=notional, pnl_unrealized=open_pnl
        )

    def _stale(self, at: datetime, market: Market, why: str) -> MarketView:
        size, notional, open_pnl = self._held(market.ticker)
        return msgspec.structs.replace(
            self._views[market.ticker],
            signal_direction="HOLD",
            signal_score=0.5,
            position=size,
            position_notional=notional,
            pnl_unrealized=open_pnl,
            status=market.status.value,
            stale=True,
            age_seconds=round(at.timestamp() - self.seen_at[market.ticker], 3),
            reason=f"no sound book: {why}",
        )


class _Row(NamedTuple):
    """What one row of `Predictions` says, as plain numbers; prices in cents."""

    bid: float
    ask: float
    bid_ratio: float
    imbalance_strength: float
    whale_count: float
    whale_max_size: float
    score: float
    direction: int
    regime: int


_UNSEEN: Final = _Row(
    bid=NO_BID,
    ask=NO_ASK,
    bid_ratio=0.5,
    imbalance_strength=0.0,
    whale_count=0,
    whale_max_size=0.0,
    score=nan,
    direction=0,
    regime=0,
)


def _rows(predictions: Predictions) -> list[_Row]:
    books, measures = predictions.seen.books, predictions.seen.measures
    columns = (
        cents_or(books.best_bid, NO_BID),
        cents_or(books.best_ask, NO_ASK),
        measures.bid_ratio.tolist(),
        measures.imbalance_strength.tolist(),
        predictions.seen.recent.count.tolist(),
        predictions.seen.recent.max_size.tolist(),
        predictions.scores.tolist(),
        predictions.directions.tolist(),
        predictions.seen.regimes.tolist(),
    )
    return [_Row(*row) for row in zip(*columns, strict=True)]
