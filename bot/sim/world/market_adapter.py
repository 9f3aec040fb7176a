"""One market for its participants: they rest, take and cancel orders.

A refusal of the exchange (paused, closed, off the grid by a race) is an expected no here: the
participant gets nothing and goes on. Prices in ticks, sizes in units.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from datetime import datetime

from bot.core.market.market import PriceGrid, Side
from bot.sim.engine.accounts import MemberAccount
from bot.sim.engine.errors import Rejected
from bot.sim.engine.exchange import Exchange
from bot.sim.engine.orders import LiveOrder, OrderRequest, OrderState, TimeInForce
from bot.sim.engine.specs import grid_ticks
from bot.sim.engine.units import CENT, CONTRACT, DOLLAR_TICKS

#: Makers do not use every price of a finer grid: half a cent apart is enough near the ends.
_COARSE_NEAR_ENDS = CENT // 2


class MarketAdapter:
    """Order entry for the participants of one market."""

    def __init__(self, exchange: Exchange, ticker: str, grid: PriceGrid) -> None:
        self._exchange = exchange
        self.ticker = ticker
        self.state = exchange.market(ticker)
        self.book = self.state.book
        self.prices: Sequence[int] = sorted(grid_ticks(grid))
        self.rungs: Sequence[int] = rungs(self.prices)

    @property
    def now(self) -> datetime:
        """The exchange's time."""
        return self._exchange.now

    @property
    def is_open(self) -> bool:
        """Whether orders are accepted."""
        return self.state.is_open

    def rest(
        self, account: MemberAccount, side: Side, price: int, contracts: float
    ) -> LiveOrder | None:
        """Enter an order to rest; None if nothing of it does. It may trade on its way in."""
        return self.enter(account, side, price, whole(contracts))[1]

    def enter(
        self, account: MemberAccount, side: Side, price: int, size: int
    ) -> tuple[int, LiveOrder | None]:
        """Enter an order: the units that traded at once, and the order if the rest of it rests."""
        try:
            placed = self._exchange.place(account, OrderRequest(self.ticker, side, size, price))
        except Rejected:
            return 0, None
        return placed.filled, account.open_orders.get(placed.order_id)

    def take(self, account: MemberAccount, side: Side, price: int, size: int) -> int:
        """Units traded at once at that price or better."""
        request = OrderRequest(self.ticker, side, size, price, time_in_force=TimeInForce.IOC)
        try:
            return self._exchange.place(account, request).filled
        except Rejected:
            return 0

    def cancel(self, account: MemberAccount, order: LiveOrder) -> None:
        """Cancel an order; one that has ended already is ignored."""
        if order.state is not OrderState.RESTING:
            return
        try:
            self._exchange.cancel(account, order.order_id)
        except Rejected:
            return

    def best(self, side: Side) -> int:
        """The best price of a side; 0 or 10,000 when it is empty."""
        return self.book.best_bid if side is Side.BUY else self.book.best_ask

    def away(self, side: Side, price: int, steps: int) -> int | None:
        """The price `steps` of the grid further from the other side; None beyond the grid."""
        place = bisect_left(self.prices, price) - steps * side.sign
        return self.prices[place] if 0 <= place < len(self.prices) else None

    def inside(self, side: Side, price: float) -> int | None:
        """The price of the grid nearest to `price` that is no worse for that side."""
        if side is Side.BUY:
            place = bisect_right(self.prices, price) - 1
        else:
            place = bisect_left(self.prices, price)
        return self.prices[place] if 0 <= place < len(self.prices) else None


def rungs(prices: Sequence[int]) -> Sequence[int]:
    """The prices makers quote on: whole cents, and coarser steps than the grid's near the ends."""
    coarse = [p for p in prices if p % _COARSE_NEAR_ENDS == 0]
    if len(coarse) < 2:
        return prices
    ends = [p for p in prices if p < coarse[0] or p > coarse[-1]]
    few = {ends[0], ends[-1]} if ends else set()
    return sorted(few.union(coarse))


def whole(contracts: float) -> int:
    """A size in units, of whole contracts, at least one."""
    return max(int(contracts), 1) * CONTRACT


def is_price(price: int) -> bool:
    """Whether it is the price of a quote and not the mark of an empty side."""
    return 0 < price < DOLLAR_TICKS
