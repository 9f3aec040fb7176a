"""Flow of ordinary size: limit orders that come and go, takers, and informed traders."""

from heapq import heappop, heappush

from bot.core.market.market import Side
from bot.sim.engine.accounts import MemberAccount
from bot.sim.engine.orders import LiveOrder
from bot.sim.engine.units import CENT
from bot.sim.world.habits import Flow
from bot.sim.world.market_adapter import MarketAdapter, is_price, whole
from bot.sim.world.rng_stream import RngStream

#: How likely each further step away from the best price is left out.
_CLOSENESS = 0.30
#: Takers reach at most this many prices into the book.
_REACH = 2
#: After a long gap nobody makes up for all that he would have done.
_BUSIEST = 6
#: Mean seconds that a large market-making quote rests.
_BLINK = 2.5


class NoiseFlow:
    """The noise flow of one market."""

    def __init__(
        self, habits: Flow, adapter: MarketAdapter, account: MemberAccount, rng: RngStream
    ) -> None:
        self._habits = habits
        self._adapter = adapter
        self._account = account
        self._rng = rng
        self._clock = 0.0
        self._count = 0
        self._resting: list[tuple[float, int, LiveOrder]] = []

    def step(self, belief: float, seconds: float, activity: float) -> None:
        """The flow of so many seconds while the market is worth `belief` ticks."""
        self._clock += seconds
        while self._resting and self._resting[0][0] <= self._clock:
            self._adapter.cancel(self._account, heappop(self._resting)[2])
        busy = seconds * activity
        for _ in range(self._often(self._habits.informed * busy)):
            self._inform(belief)
        for _ in range(self._often(self._habits.takers * busy)):
            self._take()
        for _ in range(self._often(self._habits.limits * busy)):
            self._limit()
        for _ in range(self._often(self._habits.flickers * busy)):
            self._flicker()

    def _often(self, mean: float) -> int:
        if mean <= 0.0:
            return 0
        return min(self._rng.count(min(mean, _BUSIEST)), _BUSIEST)

    def _inform(self, belief: float) -> None:
        """Trade up to the belief if the best price is wrong by more than the margin."""
        margin = self._habits.informed_margin * CENT
        for side in Side:
            best = self._adapter.best(side.opposite)
            limit = self._adapter.inside(side, belief)
            if limit is None or not is_price(best) or (belief - best) * side.sign <= margin:
                continue
            size = self._rng.lognormal(self._habits.informed_size, self._habits.informed_sigma)
            self._adapter.take(self._account, side, limit, whole(size))

    def _side(self) -> Side:
        book = self._adapter.book
        total = book.bid_size + book.ask_size
        lean = (book.bid_size - book.ask_size) / total if total else 0.0
        yes = 0.5 + self._habits.yes_lean + self._habits.agents_lean * lean
        return Side.BUY if self._rng.chance(yes) else Side.SELL

    def _take(self) -> None:
        side = self._side()
        best = self._adapter.best(side.opposite)
        if not is_price(best):
            return
        limit = self._adapter.away(side.opposite, best, self._rng.geometric(0.7) % (_REACH + 1))
        size = self._rng.lognormal(self._habits.taker_size, self._habits.taker_sigma)
        self._adapter.take(self._account, side, best if limit is None else limit, whole(size))

    def _limit(self) -> None:
        side = Side.BUY if self._rng.chance(0.5) else Side.SELL
        best, other = self._adapter.best(side), self._adapter.best(side.opposite)
        if not is_price(best):
            return
        price = self._adapter.away(side, best, self._rng.geometric(_CLOSENESS) - 1)
        if price is None or (price - other) * side.sign >= 0:
            price = best
        size = self._rng.lognormal(self._habits.limit_size, self._habits.limit_sigma)
        self._leave(side, price, size, self._rng.exponential(self._habits.limit_life))

    def _flicker(self) -> None:
        side = Side.BUY if self._rng.chance(0.5) else Side.SELL
        best = self._adapter.best(side)
        price = self._adapter.away(side, best, self._rng.geometric(0.4)) if is_price(best) else None
        if price is not None:
            size = self._rng.lognormal(self._habits.flicker_size, 0.4)
            self._leave(side, price, size, self._rng.exponential(_BLINK))

    def _leave(self, side: Side, price: int, contracts: float, life: float) -> None:
        order = self._adapter.rest(self._account, side, price, contracts)
        if order is not None:
            self._count += 1
            heappush(self._resting, (self._clock + life, self._count, order))
