"""What became of orders that were sent, as far as the exchange says.

An order without an answer stays in doubt until it is listed, or certainly never arrived: its order
group was stopped since, or it is too old to arrive. One that rests and should not is taken out.
Fills count once they come to what the order says it filled.
"""

import asyncio
from collections.abc import Awaitable, Callable, Container
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Final

from bot.core.market.money import Contracts
from bot.core.market.orders import Aim, Execution, Life, Order, Unresolved
from bot.kalshi.trading import outcome
from bot.kalshi.trading.fence import Fence
from bot.kalshi.trading.requests import KalshiTrading
from bot.kalshi.wire import orders
from bot.ports.exchange import Clock, ExchangeError

#: An order older than that is not sent any more: its book has moved, or this process was paused.
SEND_WITHIN: Final = timedelta(seconds=15)
#: How long the exchange takes a signature: 10 s old was seen accepted, 60 s old refused.
SIGNATURE_LIVES: Final = timedelta(seconds=60)
#: What the exchange's word on how far its reads have caught up may be wrong by.
READS_LAG: Final = timedelta(seconds=5)
#: An order not known at that age will never be: nobody could have sent it since.
CERTAIN_AFTER: Final = SEND_WITHIN + SIGNATURE_LIVES + READS_LAG
#: How long an answer is waited for before the order group is stopped: from then on the order
#: cannot arrive any more, and that it is not listed is certain within seconds.
ANSWERED_WITHIN: Final = timedelta(seconds=2)
#: What the exchange's time may be wrong by as it is told with an answer, and as our clock has it.
_DATE_WITHIN: Final = timedelta(seconds=1)
_CLOCK_WITHIN: Final = timedelta(seconds=2)

#: No fill is archived sooner: the exchange keeps them among the live ones for months.
ARCHIVED_AFTER: Final = timedelta(days=1)

REMEMBERED_ORDERS: Final = 10_000

RESTS: Final = "resting"
#: How the exchange refuses an order whose group was stopped; and what that is where we did that.
STOPPED_GROUP: Final = "order_group_triggered"
RENEWED_GROUP: Final = "order_group_renewed"
_ENDED: Final = frozenset({"executed", "canceled"})


@dataclass(frozen=True, slots=True)
class ResolvePolling:
    """How long an order waits for what became of it: pauses between looks, and in all, seconds.

    Nothing else is sent meanwhile, so `total` is short; whoever asks `later` has more time.
    """

    pauses: tuple[float, ...] = (0.1, 0.2, 0.4)
    total: float = 1.0
    later: float = 10.0
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


@dataclass(frozen=True, slots=True)
class SentTo:
    """Where an order was sent."""

    shard: int
    aim: Aim
    group: str


class OrderLookup:
    """Remembers what was sent in a term, and finds out what became of it."""

    def __init__(
        self, exchange: KalshiTrading, fence: Fence, clock: Clock, polling: ResolvePolling
    ) -> None:
        self._exchange = exchange
        self._fence = fence
        self._clock = clock
        self._polling = polling
        #: By client order id.
        self._sent: dict[str, SentTo] = {}
        #: By group: when it had certainly stopped, by the exchange's clock.
        self._stopped: dict[str, datetime] = {}
        self._stopping = asyncio.Lock()
        self._began: datetime | None = None

    @property
    def sent(self) -> Container[str]:
        """The client order ids that were sent lately."""
        return self._sent.keys()

    @property
    def has_begun(self) -> bool:
        """Whether the groups of earlier terms were stopped."""
        return self._began is not None

    def shard(self, order: Order) -> int | None:
        """Where an order was sent; None if that is not remembered."""
        place = self._sent.get(order.client_order_id)
        return place.shard if place else None

    def begin(self) -> None:
        """From now on no order of an earlier term arrives any more."""
        self._began = self._stopped_at()

    def remember(self, order: Order, place: SentTo) -> None:
        """An order is about to be sent."""
        self._sent[order.client_order_id] = place
        if len(self._sent) > REMEMBERED_ORDERS:
            del self._sent[next(iter(self._sent))]

    async def resolve(self, order: Order) -> Execution | Unresolved:
        """What became of an order that was, perhaps, sent; trades nothing.

        That it never arrived is certain once its order group was stopped, which an order in doubt
        for ANSWERED_WITHIN has done to it, or CERTAIN_AFTER it was made; by the exchange's clock.
        """
        return await self._looked(order, partial(self._look, order), self._polling.later)

    async def after(self, order: Order, error: ExchangeError) -> Execution | Unresolved:
        """What became of an order whose sending failed like that.

        Where the exchange is silent nobody waits for it twice: it is asked beside the pass.
        """
        if outcome.is_final(error):
            return outcome.refused(order, self._as_renewed(order, error))
        if isinstance(error.__cause__, TimeoutError):
            return Unresolved(order, str(error))
        found = await self._looked(order, partial(self._look, order), self._polling.total)
        if isinstance(found, Unresolved):
            return Unresolved(order, f"{error}; {found.reason}")
        return found

    def _as_renewed(self, order: Order, error: ExchangeError) -> ExchangeError:
        """The refusal of a group that was stopped for another order in doubt is not a runaway's."""
        place = self._sent.get(order.client_order_id)
        if error.code != STOPPED_GROUP or place is None:
            return error
        if self._fence.group(place.shard, place.aim) == place.group:
            return error
        reason = f"{error}: it was stopped for an order in doubt, and another begun"
        return ExchangeError(reason, status=error.status, code=RENEWED_GROUP)

    async def filled(
        self, order: Order, order_id: str, filled: Contracts
    ) -> Execution | Unresolved:
        """The end of an order that traded so much, with its fills."""
        look = partial(self._fills, order, order_id, filled)
        return await self._looked(order, look, self._polling.total)

    async def ended(self, order: Order, reported: orders.ListedOrder) -> Execution | str:
        """How an order ended that is listed; a sentence as long as that is not known."""
        if not outcome.is_same(order, reported):
            return f"order {reported.order_id} has its client order id and is another order"
        if reported.status == RESTS and order.life is Life.REST:
            # Who asks about an order in doubt does not wait for it to trade.
            await self._exchange.cancel(reported.order_id, order, self.shard(order))
        if reported.status not in _ENDED:
            return f"order {reported.order_id} is '{reported.status}' at the exchange"
        return await self._fills(order, reported.order_id, Decimal(reported.fill_count_fp))

    async def _looked(
        self, order: Order, look: Callable[[], Awaitable[Execution | str]], patience: float
    ) -> Execution | Unresolved:
        """What a look finds, looking again for a while as long as it finds only a sentence."""
        reason = f"no answer within {patience:g} s"
        try:
            async with asyncio.timeout(patience):
                for pause in (0.0, *self._polling.pauses):
                    await self._polling.sleep(pause)
                    found = await _or_sentence(look)
                    if isinstance(found, Execution):
                        return found
                    reason = found
        except TimeoutError:
            pass
        return Unresolved(order, reason)

    async def _look(self, order: Order) -> Execution | str:
        stopped = await self._stopped_for(order)
        # First how far the reads have caught up: what they show afterwards is no older.
        known_to = await self._exchange.caught_up_to()
        reported = await self._exchange.order(order)
        if reported is not None:
            return await self.ended(order, reported)
        certain = min(order.at + CERTAIN_AFTER, stopped or datetime.max.replace(tzinfo=UTC))
        if known_to <= certain:
            return f"the exchange does not know it; that is certain after {certain:%H:%M:%S} UTC"
        if order.at >= await self._exchange.archived_before():
            return outcome.absent(order)
        archived = await self._exchange.order(order, archived=True)
        if archived is None:
            return "it is older than what the exchange lists, and not in its archive"
        return await self.ended(order, archived)

    async def _stopped_for(self, order: Order) -> datetime | None:
        """When the exchange certainly took this order no more; None while it may still do."""
        place = self._sent.get(order.client_order_id)
        if place is None:
            # Of an earlier term, or never sent: groups of before were stopped as this one began.
            return self._began
        async with self._stopping:
            if place.group not in self._stopped and self._clock.now() - order.at >= ANSWERED_WITHIN:
                await self._fence.renew(place.group, place.shard, place.aim)
                self._stopped[place.group] = self._stopped_at()
        return self._stopped.get(place.group)

    def _stopped_at(self) -> datetime:
        """A moment of the exchange's clock by which what was just written there is done."""
        written = self._exchange.written_at
        return self._clock.now() + _CLOCK_WITHIN if written is None else written + _DATE_WITHIN

    async def _fills(self, order: Order, order_id: str, filled: Decimal) -> Execution | str:
        reported = await self._exchange.fills(order_id)
        found = outcome.execution(order, order_id, filled, reported)
        if isinstance(found, Execution) or self._clock.now() - order.at < ARCHIVED_AFTER:
            return found
        reported += await self._exchange.archived_fills(order, order_id)
        return outcome.execution(order, order_id, filled, reported)


async def _or_sentence(look: Callable[[], Awaitable[Execution | str]]) -> Execution | str:
    # A failed look is one that found nothing: it says nothing about the order.
    try:
        return await look()
    except ExchangeError as error:
        return str(error)
