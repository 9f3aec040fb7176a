"""One market's order book: price-time priority over resting orders, in YES prices.

Pure and deterministic: no clock, no cash, no identifiers of its own. Every change of a level is
reported to the `Tape` it was built with, in the order it happened; every match is first offered
to the `Referee`, who moves the money or says whose order must go.
"""

from bisect import bisect_left, insort
from collections.abc import Iterator
from enum import Enum, auto
from typing import Protocol

from bot.core.market.market import Side
from bot.sim.engine.orders import LiveOrder, Reason, SelfTrade
from bot.sim.engine.units import DOLLAR_TICKS


class Verdict(Enum):
    """The referee's decision on a match."""

    TRADED = auto()
    MAKER_SHORT = auto()
    TAKER_SHORT = auto()


class Referee(Protocol):
    """Moves money and records events while orders match."""

    def match(self, taker: LiveOrder, maker: LiveOrder, size: int) -> Verdict:
        """Settle a trade of `size` at the maker's price, or report who cannot pay.

        When it trades, what remains of both orders is less by `size` on return.
        """
        ...

    def end(self, order: LiveOrder, reason: Reason) -> None:
        """A resting order was taken out of the book while another one matched."""
        ...

    def level(self, order: LiveOrder, change: int) -> None:
        """The level at the order's price and side changed by so many units."""
        ...


class _Level:
    """The queue at one price, oldest first, and its total."""

    __slots__ = ("queue", "total")

    def __init__(self) -> None:
        self.queue: dict[str, LiveOrder] = {}
        self.total = 0


class _Ladder:
    """One side: levels by price, and their prices rising in `key` (best is the last)."""

    __slots__ = ("levels", "prices", "sign")

    def __init__(self, side: Side) -> None:
        self.levels: dict[int, _Level] = {}
        self.prices: list[int] = []
        self.sign = side.sign

    def better_than(self, order: LiveOrder) -> int:
        """Units at better prices than the order's."""
        levels, own = self.levels.items(), order.price
        return sum(level.total for price, level in levels if (price - own) * self.sign > 0)

    def add(self, order: LiveOrder) -> None:
        level = self.levels.get(order.price)
        if level is None:
            level = self.levels[order.price] = _Level()
            insort(self.prices, order.price * self.sign)
        level.queue[order.order_id] = order
        level.total += order.remaining

    def take(self, order: LiveOrder, size: int, *, gone: bool) -> None:
        """Remove `size` units of an order from its level; the order too if it is `gone`."""
        level = self.levels[order.price]
        level.total -= size
        if gone:
            del level.queue[order.order_id]
            if not level.queue:
                del self.levels[order.price]
                del self.prices[bisect_left(self.prices, order.price * self.sign)]


class Book:
    """The resting orders of one market. Prices in ticks, sizes in units.

    An empty side reads as a best bid of 0 or a best ask of 10,000 with size 0, as Kalshi has it.
    """

    __slots__ = ("_asks", "_bids", "_referee")

    def __init__(self, referee: Referee) -> None:
        self._bids = _Ladder(Side.BUY)
        self._asks = _Ladder(Side.SELL)
        self._referee = referee

    @property
    def best_bid(self) -> int:
        """The highest bid; 0 without bids."""
        prices = self._bids.prices
        return prices[-1] if prices else 0

    @property
    def best_ask(self) -> int:
        """The lowest ask; 10,000 without asks."""
        prices = self._asks.prices
        return -prices[-1] if prices else DOLLAR_TICKS

    @property
    def bid_size(self) -> int:
        """Units at the best bid."""
        return self.size_at(Side.BUY, self.best_bid)

    @property
    def ask_size(self) -> int:
        """Units at the best ask."""
        return self.size_at(Side.SELL, self.best_ask)

    def size_at(self, side: Side, price: int) -> int:
        """Units resting at one price."""
        level = self._side(side).levels.get(price)
        return level.total if level else 0

    def levels(self, side: Side, depth: int = 0) -> list[tuple[int, int]]:
        """(price, units) of the best `depth` levels, best first; 0 means all."""
        ladder = self._side(side)
        keys = ladder.prices[-depth:] if depth else ladder.prices
        prices = [key * ladder.sign for key in reversed(keys)]
        return [(price, ladder.levels[price].total) for price in prices]

    def orders(self) -> Iterator[LiveOrder]:
        """All resting orders: bids, then asks, best first, oldest first."""
        for ladder in (self._bids, self._asks):
            for price in reversed(ladder.prices):
                yield from ladder.levels[abs(price)].queue.values()

    def crosses(self, side: Side, price: int) -> bool:
        """Whether an order at that price would trade at once."""
        return price >= self.best_ask if side is Side.BUY else price <= self.best_bid

    def reach(self, side: Side, price: int) -> Iterator[LiveOrder]:
        """The resting orders that an order at that price would meet, in that order."""
        ladder = self._side(side.opposite)
        for key in reversed(ladder.prices):
            if (price - abs(key)) * side.sign < 0:
                return
            yield from ladder.levels[abs(key)].queue.values()

    def ahead(self, order: LiveOrder) -> int:
        """Units that must trade before this resting order does."""
        ladder = self._side(order.side)
        better = ladder.better_than(order)
        for other in ladder.levels[order.price].queue.values():
            if other is order:
                break
            better += other.remaining
        return better

    def match(self, taker: LiveOrder) -> Reason | None:
        """Trade an incoming order against the book as far as it goes.

        None if it may rest with what remains; otherwise why it was stopped on the way.
        """
        ladder = self._side(taker.side.opposite)
        sign = taker.side.sign
        while taker.remaining and ladder.prices:
            price = abs(ladder.prices[-1])
            if (taker.price - price) * sign < 0:
                break
            maker = next(iter(ladder.levels[price].queue.values()))
            stopped = self._meet(taker, maker, ladder)
            if stopped is not None:
                return stopped
        return None

    def rest(self, order: LiveOrder) -> None:
        """Put an order at the back of the queue at its price."""
        self._side(order.side).add(order)
        self._referee.level(order, order.remaining)

    def remove(self, order: LiveOrder) -> None:
        """Take a resting order out."""
        self._side(order.side).take(order, order.remaining, gone=True)
        self._referee.level(order, -order.remaining)

    def shrink(self, order: LiveOrder, remaining: int) -> None:
        """Make a resting order smaller, in its place; `remaining` is above 0 and below before."""
        less = order.remaining - remaining
        self._side(order.side).take(order, less, gone=False)
        order.remaining = remaining
        self._referee.level(order, -less)

    def _meet(self, taker: LiveOrder, maker: LiveOrder, ladder: _Ladder) -> Reason | None:
        if maker.account == taker.account:
            if taker.request.self_trade is SelfTrade.TAKER:
                return Reason.SELF_TRADE
            self._drop(maker, Reason.SELF_TRADE)
            return None
        size = min(taker.remaining, maker.remaining)
        verdict = self._referee.match(taker, maker, size)
        if verdict is Verdict.MAKER_SHORT:
            self._drop(maker, Reason.MARGIN)
        elif verdict is Verdict.TRADED:
            ladder.take(maker, size, gone=not maker.remaining)
            self._referee.level(maker, -size)
        return Reason.MARGIN if verdict is Verdict.TAKER_SHORT else None

    def _drop(self, maker: LiveOrder, reason: Reason) -> None:
        self.remove(maker)
        self._referee.end(maker, reason)

    def _side(self, side: Side) -> _Ladder:
        return self._bids if side is Side.BUY else self._asks
