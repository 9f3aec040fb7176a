"""The live venue: real orders on Kalshi.

An order is sent once and never again. Whatever leaves its outcome open (no answer, a server error,
an answer that cannot be read, an id that exists) is looked up at once, and as long as the lookup
cannot say, the order stays `Unresolved` (`order_lookup`). Those that rest are in `resting`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Final

from bot.core.account.reconcile import AccountNow
from bot.core.market.orders import Execution, Order, Unresolved
from bot.core.market.queued_order import crossed
from bot.core.risk.review import Approved
from bot.kalshi.trading import outcome
from bot.kalshi.trading.fence import Fence
from bot.kalshi.trading.order_lookup import SEND_WITHIN, OrderLookup, ResolvePolling, SentTo
from bot.kalshi.trading.requests import KalshiTrading
from bot.kalshi.trading.resting import LiveResting
from bot.kalshi.wire import orders
from bot.kalshi.wire.refusals import NOT_SENT
from bot.ports.exchange import Clock, ExchangeError

#: How long an order rests unless it is prolonged.
LIFETIME: Final = timedelta(seconds=30)
#: Orders on their way together: as many connections, and lookups of some more beside them.
AT_ONCE: Final = 5


@dataclass(frozen=True, slots=True)
class Waiting:
    """How the venue waits: for what became of an order, and how long one rests by itself.

    `now` is the time of the exchange, by which an order that rests ends; None: that of our clock.
    """

    polling: ResolvePolling = field(default_factory=ResolvePolling)
    lifetime: timedelta = LIFETIME
    now: Callable[[], datetime] | None = None


class LiveVenue:
    """Trades with real money, in the order groups of a term: see `open_term`, `close_term`."""

    at_once = AT_ONCE

    def __init__(
        self,
        exchange: KalshiTrading,
        fence: Fence,
        clock: Clock,
        shard_of: Callable[[str], int | None],
        waiting: Waiting | None = None,
    ) -> None:
        """`shard_of` tells the shard where a market trades, None if that is not known."""
        waiting = waiting or Waiting()
        self._exchange = exchange
        self._fence = fence
        self._clock = clock
        self._shard_of = shard_of
        self._lookup = OrderLookup(exchange, fence, clock, waiting.polling)
        now = waiting.now or clock.now
        self.resting = LiveResting(self, exchange, self._lookup, waiting.lifetime, now)

    async def open_term(self, earlier: str | None) -> str:
        """Make the exchange refuse all orders of the term before, and begin a new one.

        What rested of it is taken out by that. `earlier` is what this returned for that term, None
        for the first. What is returned must be kept before the first order is sent. Raises
        ExchangeError; then nothing may be sent.
        """
        handed_on = await self._fence.open(earlier)
        self._lookup.begin()
        return handed_on

    async def close_term(self) -> None:
        """Take out all that rests, and let nothing more arrive. Raises ExchangeError."""
        await self._fence.close()

    async def submit(self, approved: Approved) -> Execution | Unresolved:
        """Trade and say what became of the order; a client order id seen before trades nothing."""
        order = approved.order
        created = await self.created(order)
        if not isinstance(created, orders.Created):
            return created
        filled = Decimal(created.fill_count)
        if not filled:
            return outcome.unfilled(order, created.order_id)
        return await self._lookup.filled(order, created.order_id, filled)

    async def created(
        self, order: Order, until: datetime | None = None
    ) -> orders.Created | Execution | Unresolved:
        """What the exchange said to a new order, that rests `until` then; its end if it did not."""
        place = self._place(order)
        if isinstance(place, Execution):
            return place
        self._lookup.remember(order, place)
        check = partial(self._refuse_late, order)
        try:
            return await self._exchange.create(order, place.group, place.shard, check, until)
        except ExchangeError as error:
            if outcome.would_cross(order, error):
                return crossed(order)
            return await self._lookup.after(order, error)

    async def resolve(self, order: Order) -> Execution | Unresolved:
        """What became of an order that was, perhaps, sent; if it rests, it is taken out."""
        return await self._lookup.resolve(order)

    async def account(self) -> AccountNow:
        """What the exchange tells of the account now. Raises ExchangeError."""
        exchange, lookup = self._exchange, self._lookup
        held, (cash, shards) = await exchange.holdings(), await exchange.purses()
        rivals = await self._fence.rivals() if lookup.has_begun else []
        others = await exchange.resting(lookup.sent)
        return AccountNow(cash, held.sizes, shards, others, tuple(rivals), held.unreadable)

    def _place(self, order: Order) -> SentTo | Execution:
        """Where an order goes; its end if it goes nowhere."""
        if order.client_order_id in self._lookup.sent:
            again = f"client order id {order.client_order_id} was used before: nothing traded"
            return outcome.failed(order, again)
        shard = self._shard_of(order.ticker)
        if shard is None:
            return outcome.not_sent(order, f"nobody knows on which shard {order.ticker} trades")
        group = self._fence.group(shard, order.aim)
        if group is None:
            return outcome.not_sent(order, f"this term has no order group on shard {shard}")
        return SentTo(shard, order.aim, group)

    def _refuse_late(self, order: Order) -> None:
        age = self._clock.now() - order.at
        if age > SEND_WITHIN:
            late = f"it is {age.total_seconds():.0f} s old, more than {SEND_WITHIN.seconds} s"
            raise ExchangeError(late, code=NOT_SENT)
