"""Large traders: whales, icebergs, spoofers, sweeps; all their actions go into the truth.

Their sizes are multiples of what is usual at the five best prices of their market, which is
remembered here as a slow average of its logarithm.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import exp, log

from bot.core.market.market import Side
from bot.sim.engine.accounts import MemberAccount
from bot.sim.engine.orders import LiveOrder, OrderState
from bot.sim.engine.units import CONTRACT
from bot.sim.world.habits import Large
from bot.sim.world.market_adapter import MarketAdapter, is_price, whole
from bot.sim.world.rng_stream import RngStream
from bot.sim.world.truth import ActionKind, How, TraderAction, Truth, dollars

_USUAL_HALF_LIFE = 120.0
#: How many levels a side are looked at for it, and how often, in seconds.
_NEAR = 5
_LOOK_EVERY = 5.0
#: How often a second a spoofer whose order is nearly reached takes it down.
_NERVES = 0.5


@dataclass(slots=True)
class _RestingBlock:
    """One large order while it rests; `tip` is what an iceberg shows, 0 for others."""

    action: TraderAction
    account: MemberAccount
    order: LiveOrder
    until: float
    hidden: int = 0
    tip: int = 0
    traded: int = 0
    bait: LiveOrder | None = None

    @property
    def filled(self) -> int:
        return self.traded + self.order.filled


class LargeTraders:
    """The large traders of one market, one account per kind."""

    def __init__(
        self,
        habits: Large,
        adapter: MarketAdapter,
        accounts: Mapping[ActionKind, MemberAccount],
        rng: RngStream,
        truth: Truth,
    ) -> None:
        self._habits = habits
        self._adapter = adapter
        self._accounts = accounts
        self._rng = rng
        self._truth = truth
        self._blocks: list[_RestingBlock] = []
        self._clock = 0.0
        self._usual: float | None = None
        self._unseen = 0.0

    def step(self, belief: float, seconds: float) -> None:
        """Manage the resting orders, and perhaps begin a new action."""
        self._clock += seconds
        self._learn(seconds)
        self._blocks = [block for block in self._blocks if self._goes_on(block, seconds)]
        for rate, begin in self._starts():
            if rate and self._rng.chance(min(rate * seconds / 3600.0, 0.5)):
                begin(belief)

    def close(self) -> None:
        """The market has closed, and with it whatever rested."""
        for block in self._blocks:
            block.action.end(self._adapter.now, How.CLOSED, block.filled)
        self._blocks = []

    def _starts(self) -> tuple[tuple[float, Callable[[float], None]], ...]:
        """Each kind of action and its rate per hour."""
        return (
            (self._habits.whales, self._whale),
            (self._habits.spoofs, self._spoof),
            (self._habits.sweeps, self._sweep),
        )

    def _learn(self, seconds: float) -> None:
        self._unseen += seconds
        if self._usual is not None and self._unseen < _LOOK_EVERY:
            return
        sizes = [size for side in Side for _, size in self._adapter.book.levels(side, _NEAR)]
        if not sizes:
            return
        seen = log(sum(sizes) / len(sizes) / CONTRACT)
        decay = 0.5 ** (self._unseen / _USUAL_HALF_LIFE)
        self._usual = seen if self._usual is None else decay * self._usual + (1 - decay) * seen
        self._unseen = 0.0

    def _withdraw(self, block: _RestingBlock) -> None:
        self._adapter.cancel(block.account, block.order)
        if block.bait is not None:
            self._adapter.cancel(block.account, block.bait)
        block.action.end(self._adapter.now, How.CANCELLED, block.filled)

    def _goes_on(self, block: _RestingBlock, seconds: float) -> bool:
        if block.order.state is not OrderState.RESTING and not self._refill(block):
            block.action.end(self._adapter.now, How.FILLED, block.traded)
            return False
        if self._clock >= block.until or self._is_caught(block, seconds):
            self._withdraw(block)
            return False
        return True

    def _refill(self, block: _RestingBlock) -> bool:
        """Show the next part of an iceberg; False if none is left to show."""
        block.traded += block.order.filled
        while block.hidden:
            size = min(block.tip, block.hidden)
            old = block.order
            traded, fresh = self._adapter.enter(block.account, old.side, old.price, size)
            if fresh is None and not traded:
                return False
            block.hidden -= size
            if fresh is not None:
                block.order = fresh
                return True
            block.traded += traded
        return False

    def _is_caught(self, block: _RestingBlock, seconds: float) -> bool:
        if block.action.kind is not ActionKind.SPOOF:
            return False
        side = block.order.side
        near = self._adapter.away(side, self._adapter.best(side), 1)
        if near is None or (block.order.price - near) * side.sign < 0:
            return False
        return self._rng.chance(1.0 - _NERVES**seconds)

    def _size(self, least: float, most: float) -> float:
        return self._rng.between(least, most) * exp(self._usual or 0.0)

    def _whale(self, belief: float) -> None:
        """Rest a large order, more often than not on the side that is right."""
        middle = (self._adapter.best(Side.BUY) + self._adapter.best(Side.SELL)) / 2
        wise = Side.BUY if belief > middle else Side.SELL
        side = wise if self._rng.chance(self._habits.right) else wise.opposite
        ticks = int(self._rng.between(0, self._habits.whale_ticks + 1))
        size = self._size(self._habits.least, self._habits.most)
        life = self._habits.whale_rest + self._rng.exponential(self._habits.whale_life)
        kind = ActionKind.ICEBERG if self._rng.chance(self._habits.icebergs) else ActionKind.WHALE
        tip = 2.0 * exp(self._usual or 0.0) if kind is ActionKind.ICEBERG else size
        self._block(kind, side, ticks, (size, tip), life)

    def _spoof(self, _belief: float) -> None:
        """A large order away from the best price, not meant to fill, and a small one opposite."""
        side = Side.BUY if self._rng.chance(0.5) else Side.SELL
        ticks = int(self._rng.between(self._habits.spoof_near, self._habits.spoof_far + 1))
        size = self._size(self._habits.least, self._habits.most)
        life = self._rng.lognormal(self._habits.spoof_life, 1.0)
        block = self._block(ActionKind.SPOOF, side, ticks, (size, size), life)
        best = self._adapter.best(side.opposite)
        if block is not None and is_price(best):
            small = exp(self._usual or 0.0) / 2.0
            block.bait = self._adapter.rest(block.account, side.opposite, best, small)

    def _sweep(self, _belief: float) -> None:
        """Take everything up to five cents through the book."""
        side = Side.BUY if self._rng.chance(0.5) else Side.SELL
        best = self._adapter.best(side.opposite)
        limit = self._adapter.inside(side, best + 500 * side.sign)
        if not is_price(best) or limit is None:
            return
        size = self._size(self._habits.sweep_least, self._habits.sweep_most)
        filled = self._adapter.take(self._accounts[ActionKind.SWEEP], side, limit, whole(size))
        if filled:
            action = self._begin(ActionKind.SWEEP, side, best, (size, 0.0), 0)
            action.end(self._adapter.now, How.FILLED, filled)

    def _block(
        self, kind: ActionKind, side: Side, ticks: int, sizes: tuple[float, float], life: float
    ) -> _RestingBlock | None:
        best = self._adapter.best(side)
        price = self._adapter.away(side, best, ticks) if is_price(best) else None
        if price is None:
            return None
        size, tip = int(sizes[0]) + 1, int(min(sizes[1], sizes[0])) + 1
        order = self._adapter.rest(self._accounts[kind], side, price, tip)
        if order is None:
            return None
        action = self._begin(kind, side, price, (size, tip), ticks)
        hidden = (size - tip) * CONTRACT
        until = self._clock + life
        block = _RestingBlock(action, self._accounts[kind], order, until, hidden, tip * CONTRACT)
        self._blocks.append(block)
        return block

    def _begin(
        self, kind: ActionKind, side: Side, price: int, sizes: tuple[float, float], ticks: int
    ) -> TraderAction:
        return self._truth.add(
            TraderAction(
                ticker=self._adapter.ticker,
                kind=kind,
                side=side,
                price=dollars(price),
                size=sizes[0],
                shown=sizes[1],
                reference=exp(self._usual or 0.0),
                ticks=ticks,
                t0=self._adapter.now,
            )
        )
