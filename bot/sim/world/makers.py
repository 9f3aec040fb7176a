"""Market makers: ladders of orders around what each of them believes, a little late.

Between the moment the belief moves and the moment the ladders have followed, the side in danger
is thin and the other one is thick: that is the signal in the imbalance of the best prices.
"""

from bisect import bisect_left, bisect_right
from math import exp

from bot.core.market.market import Side
from bot.sim.engine.accounts import MemberAccount
from bot.sim.engine.orders import LiveOrder, OrderState
from bot.sim.engine.units import CENT, CONTRACT, DOLLAR_TICKS
from bot.sim.world.habits import Maker
from bot.sim.world.market_adapter import MarketAdapter
from bot.sim.world.rng_stream import RngStream

#: What a quote in a gap of the ladder is divided by.
_GAP = 8.0


class QuoteLadder:
    """One maker's orders on one side, by price times the side's sign: the best is the highest."""

    __slots__ = ("_account", "_adapter", "_orders", "_side", "_sign")

    def __init__(self, adapter: MarketAdapter, account: MemberAccount, side: Side) -> None:
        self._adapter = adapter
        self._account = account
        self._side = side
        self._sign = side.sign
        self._orders: dict[int, LiveOrder] = {}

    def clear(self, better_than: int) -> None:
        """Take down all quotes at prices better (for others) than this one."""
        limit = better_than * self._sign
        for key in [key for key in self._orders if key > limit]:
            self._drop(key)

    def thin(self, better_than: int, contracts: float) -> None:
        """Reduce each quote at a better price to a token size."""
        limit = better_than * self._sign
        for key in [key for key in self._orders if key > limit]:
            if self._orders[key].remaining > contracts * CONTRACT:
                self._drop(key)
                self.hang(key * self._sign, contracts)

    def trim(self, worse_than: int) -> None:
        """Take down all quotes at prices worse than this one."""
        limit = worse_than * self._sign
        for key in [key for key in self._orders if key < limit]:
            self._drop(key)

    def is_better(self, price: int) -> bool:
        """Whether it quotes better than that price."""
        return bool(self._orders) and max(self._orders) > price * self._sign

    def quotes(self, price: int) -> bool:
        """Whether something of a quote is left at that price."""
        order = self._orders.get(price * self._sign)
        return order is not None and order.state is OrderState.RESTING

    def hang(self, price: int, contracts: float) -> None:
        """Quote at that price."""
        fresh = self._adapter.rest(self._account, self._side, price, contracts)
        if fresh is not None:
            self._orders[price * self._sign] = fresh
        else:
            self._orders.pop(price * self._sign, None)

    def _drop(self, key: int) -> None:
        self._adapter.cancel(self._account, self._orders.pop(key))


class MarketMakers:
    """One maker at work in one market."""

    def __init__(
        self, habits: Maker, adapter: MarketAdapter, account: MemberAccount, rng: RngStream
    ) -> None:
        self._habits = habits
        self._adapter = adapter
        self._rng = rng
        self._rungs = adapter.prices if habits.fine else adapter.rungs
        self._ladders = {side: QuoteLadder(adapter, account, side) for side in Side}
        self._fair: float | None = None
        self._seen = 0.0
        self._is_new = True
        self._is_alarmed = False

    def believe(self, belief: float, seconds: float) -> None:
        """Learn what the market is worth, in ticks, with this maker's lag."""
        self._seen = belief
        self._is_alarmed = abs(belief - (self._fair or belief)) > self._habits.alarm * CENT
        if self._fair is None or self._is_alarmed or not self._habits.lag:
            self._fair = belief
        else:
            decay = exp(-seconds / self._habits.lag)
            self._fair = belief + (self._fair - belief) * decay

    def flee(self, error: float, seconds: float, depth: dict[Side, float]) -> None:
        """Perhaps pull the quotes that fair value has come too close to."""
        if not self._rng.chance(_within(self._habits.flee, seconds)) and not self._is_alarmed:
            return
        for side, ladder in self._ladders.items():
            edge = self._edge(side, self._seen + error)
            limit = self._rungs[edge] if edge is not None else _beyond(side)
            if not ladder.is_better(limit):
                continue
            if self._habits.token:
                ladder.thin(limit, self._rng.lognormal(self._habits.token, 0.6))
            else:
                ladder.clear(limit)
            if edge is not None and self._habits.redraws:
                self._fill(side, ladder, edge, depth[side])

    def follow(self, error: float, seconds: float, depth: dict[Side, float]) -> None:
        """Perhaps move the ladders to fair value; `depth` multiplies a side's sizes."""
        is_due = self._rng.chance(_within(self._habits.follow, seconds))
        if is_due or self._is_new or self._is_alarmed:
            self._is_new = False
            for side, ladder in self._ladders.items():
                if depth[side] > 0.0:
                    self._hang(side, ladder, error, depth[side])

    def _hang(self, side: Side, ladder: QuoteLadder, error: float, depth: float) -> None:
        edge = self._edge(side, (self._fair or 0.0) + error)
        if edge is None:
            ladder.clear(_beyond(side))
            return
        ladder.clear(self._rungs[edge])
        last = edge - side.sign * (self._habits.levels + self._habits.resting_beyond - 1)
        if 0 <= last < len(self._rungs):
            ladder.trim(self._rungs[last])
        self._fill(side, ladder, edge, depth)

    def _fill(self, side: Side, ladder: QuoteLadder, edge: int, depth: float) -> None:
        """Quote where nothing is left, from the edge outwards."""
        sign, levels = side.sign, self._habits.levels
        last = min(max(edge - sign * levels, -1), len(self._rungs))
        for place in range(edge, last, -sign):
            if not ladder.quotes(self._rungs[place]):
                ladder.hang(self._rungs[place], self._size() * depth)

    def _size(self) -> float:
        size = self._rng.lognormal(self._habits.size, self._habits.sigma)
        return size / _GAP if self._rng.chance(self._habits.gaps) else size

    def _edge(self, side: Side, fair: float) -> int | None:
        """Where on the rungs the best quote of a side belongs; None if there is no such price."""
        away = fair - side.sign * self._habits.half_spread * CENT
        if side is Side.BUY:
            place = bisect_right(self._rungs, away) - 1
        else:
            place = bisect_left(self._rungs, away)
        return place if 0 <= place < len(self._rungs) else None


def _within(probability: float, seconds: float) -> float:
    """The chance that an event of that rate per second happens within so many seconds."""
    return 1.0 - float((1.0 - probability) ** seconds)


def _beyond(side: Side) -> int:
    """A price that all quotes of that side are better than."""
    return 0 if side is Side.BUY else DOLLAR_TICKS
