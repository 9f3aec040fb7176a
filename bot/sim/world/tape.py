"""Recorded books instead of generated ones, on the same exchange and the same API.

A level of the recording is one order of a house account, held at the recorded size; recorded
volume is traded against it. An order of ours is therefore filled as the market would have: when
it crosses, or when trades and quotes come to its price. What it takes is there again with the
next row, and nobody reacts to it. The recording does not say how a market ended: a last mid above
50 cents is taken for YES. Gaps between recordings are cut short.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from bot.clock import Clock
from bot.core.market.market import MarketStatus, Side
from bot.sim.engine.accounts import MemberAccount
from bot.sim.engine.exchange import Exchange
from bot.sim.engine.orders import LiveOrder, OrderState
from bot.sim.engine.specs import EventSpec, MarketSpec, SeriesSpec
from bot.sim.engine.units import DOLLAR_TICKS
from bot.sim.world.book_series import BookSeries, read_tape
from bot.sim.world.driver import WorldDriver
from bot.sim.world.listings import TAPERED
from bot.sim.world.market_adapter import MarketAdapter

#: A market is listed this long before its first row.
_BEFORE = timedelta(minutes=15)
_AFTER = timedelta(seconds=5)


class TapeWorld:
    """Recorded markets on an exchange; the tape starts at the exchange's present moment."""

    def __init__(self, exchange: Exchange, series: Sequence[BookSeries]) -> None:
        self._exchange = exchange
        self._start = exchange.now
        self._waiting = sorted(series, key=lambda one: one.at[0], reverse=True)
        self._showing: list[_Projector] = []
        self._quotes = exchange.open_account("tape quotes", house=True)
        self._takers = exchange.open_account("tape takers", house=True)
        self._show()

    @property
    def now(self) -> datetime:
        """The exchange's time."""
        return self._exchange.now

    @property
    def is_over(self) -> bool:
        """Whether the last market has closed."""
        return not self._waiting and not self._showing

    def advance(self, to: datetime, step: float = 1.0) -> None:
        """Move to that moment, showing the books as they were every `step` seconds."""
        while self.now < to:
            self._exchange.advance(min(self.now + timedelta(seconds=step), to))
            self._show()

    def _show(self) -> None:
        at = (self.now - self._start).total_seconds()
        while self._waiting and self._waiting[-1].at[0] <= at:
            self._showing.append(self._listed(self._waiting.pop()))
        self._showing = [each for each in self._showing if each.show(self._exchange, at)]

    def _list_event(self, series: str, event: str) -> None:
        if series not in self._exchange.state.series:
            self._exchange.add_series(SeriesSpec(series, series, "Recorded"))
        if event not in self._exchange.state.events:
            self._exchange.add_event(EventSpec(event, series, event))

    def _listed(self, recorded: BookSeries) -> "_Projector":
        series, event = recorded.ticker.split("-", 1)[0], recorded.ticker.rsplit("-", 1)[0]
        self._list_event(series, event)
        spec = MarketSpec(
            ticker=recorded.ticker,
            event_ticker=event,
            title=recorded.ticker,
            open_time=self._start + timedelta(seconds=float(recorded.at[0])) - _BEFORE,
            close_time=self._start + timedelta(seconds=float(recorded.at[-1])) + _AFTER,
            grid=TAPERED,
            price_level_structure="tapered_deci_cent",
            settlement_timer_seconds=60,
        )
        self._exchange.add_market(spec)
        adapter = MarketAdapter(self._exchange, recorded.ticker, TAPERED)
        return _Projector(recorded, adapter, self._quotes, self._takers)


def tape_exchange(
    clock: Clock, path: Path, speed: float = 1.0, tickers: Iterable[str] = ()
) -> tuple[Exchange, WorldDriver]:
    """An exchange that replays a recording from now on, and what drives it."""
    start = clock.now()
    exchange = Exchange(0, start)
    world = TapeWorld(exchange, read_tape(path, tickers))
    return exchange, WorldDriver(world, clock, speed, start)


@dataclass(slots=True)
class _Projector:
    """Shows one market's rows as orders."""

    recorded: BookSeries
    adapter: MarketAdapter
    quotes: MemberAccount
    takers: MemberAccount
    row: int = -1
    orders: dict[tuple[Side, int], LiveOrder] = field(default_factory=dict)

    def show(self, exchange: Exchange, at: float) -> bool:
        """Bring the book to the last row by then; False once the market is over."""
        if self.adapter.state.status is MarketStatus.CLOSED:
            middle = int(self.recorded.bid[-1, 0]) + int(self.recorded.ask[-1, 0])
            exchange.determine(self.recorded.ticker, "yes" if middle > DOLLAR_TICKS else "no")
            return False
        row = int(np.searchsorted(self.recorded.at, at, side="right")) - 1
        if row > self.row:
            self._move(exchange, row)
        return True

    def _move(self, exchange: Exchange, row: int) -> None:
        if self.row >= 0:
            self._trade(row)
        self._hang(exchange, row)
        self.row = row

    def _trade(self, row: int) -> None:
        """Trade what the recording says was traded since the last row, at its last price."""
        size = int(self.recorded.volume[row] - self.recorded.volume[self.row])
        price = int(self.recorded.last[row])
        if size <= 0 or price not in self.adapter.state.allowed:
            return
        book = self.adapter.book
        side = Side.BUY if 2 * price >= book.best_bid + book.best_ask else Side.SELL
        offered = book.levels(side.opposite)
        short = size - sum(n for p, n in offered if (price - p) * side.sign >= 0)
        extra = None
        if short > 0 and not book.crosses(side.opposite, price):
            _, extra = self.adapter.enter(self.quotes, side.opposite, price, short)
        self.adapter.take(self.takers, side, price, size)
        if extra is not None:
            self.adapter.cancel(self.quotes, extra)

    def _hang(self, exchange: Exchange, row: int) -> None:
        target = self._target(row)
        for key, order in list(self.orders.items()):
            wanted = target.get(key, 0)
            if order.state is not OrderState.RESTING or order.remaining < wanted or not wanted:
                self.adapter.cancel(self.quotes, order)
                del self.orders[key]
            elif order.remaining > wanted:
                exchange.decrease(self.quotes, order.order_id, to=wanted)
        for (side, price), size in target.items():
            if (side, price) not in self.orders:
                _, fresh = self.adapter.enter(self.quotes, side, price, size)
                if fresh is not None:
                    self.orders[side, price] = fresh

    def _target(self, row: int) -> dict[tuple[Side, int], int]:
        recorded, allowed = self.recorded, self.adapter.state.allowed
        sides = {
            Side.BUY: (recorded.bid[row], recorded.bid_size[row]),
            Side.SELL: (recorded.ask[row], recorded.ask_size[row]),
        }
        return {
            (side, price): size
            for side, (prices, sizes) in sides.items()
            for price, size in zip(prices.tolist(), sizes.tolist(), strict=True)
            if size > 0 and price in allowed
        }
