"""Orders that rest on Kalshi, post-only, each with an end that needs nobody.

What traded of them is asked for, and what the exchange says is all that counts; books only tell how
far ahead others stand. An exit that rests cannot be `reduce_only` there, so it rests only while the
exchange holds at least what is left of it, which every look looks at first. Whoever else trades the
account can still take the position away between two looks.
"""

import asyncio
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final, Protocol

from bot.core.market.market import Side
from bot.core.market.money import ZERO, Contracts
from bot.core.market.orders import Aim, Execution, Fill, Order, Unresolved
from bot.core.market.queue import MarketUpdate, QueuePlace
from bot.core.market.queued_order import crossed
from bot.core.market.working import Answer, Resting, WorkingOrder
from bot.core.risk.review import Approved
from bot.kalshi.trading import outcome
from bot.kalshi.trading.holdings import Holdings
from bot.kalshi.trading.order_lookup import RESTS, OrderLookup
from bot.kalshi.trading.requests import KalshiTrading
from bot.kalshi.wire import orders
from bot.ports.exchange import ExchangeError, answered

#: Seconds that a look may take: orders that have to go, and those in doubt, wait for it.
LOOK_WITHIN: Final = 3.0
#: Looks at the places in the queue within the time that an order rests by itself.
QUEUE_LOOKS: Final = 3
#: What says that an order was not taken out, and that nothing else is known: it may be tried again.
_PASSES: Final = frozenset({408, 429})


class Creates(Protocol):
    """Where orders are created."""

    async def created(
        self, order: Order, until: datetime | None
    ) -> orders.Created | Execution | Unresolved:
        """What the exchange said to a new order that rests until then; its end if it did not."""
        ...


@dataclass(frozen=True, slots=True)
class _Known:
    """An order that rests, as last told; `place` is an estimate, made of books."""

    order: Order
    order_id: str
    until: datetime
    place: QueuePlace
    fills: tuple[Fill, ...] = ()
    queue: Contracts | None = None

    @property
    def filled(self) -> Contracts:
        return sum((fill.size for fill in self.fills), ZERO)

    def resting(self, block_reason: str = "") -> Resting:
        place = self.place
        return Resting(
            self.order,
            self.order_id,
            place.since,
            place.front,
            place.is_best,
            self.fills,
            block_reason,
            self.queue,
        )


class LiveResting:
    """The orders of a term that rest; each runs out after `lifetime` unless it is prolonged."""

    def __init__(
        self,
        venue: Creates,
        exchange: KalshiTrading,
        lookup: OrderLookup,
        lifetime: timedelta,
        now: Callable[[], datetime],
    ) -> None:
        """`now` is the exchange's time: an order runs out by that."""
        self._venue = venue
        self._exchange = exchange
        self._lookup = lookup
        self._lifetime = lifetime
        self._now = now
        #: By client order id.
        self._known: dict[str, _Known] = {}
        self._queue_due: datetime | None = None
        #: Whether the last look could not see what is held: then nothing is prolonged.
        self._is_blind = False

    async def rest_block_reason(self, ticker: str, side: Side, size: Contracts) -> str:
        """Why an exit of that size must not rest there now; '' if it may."""
        try:
            held = await answered(self._exchange.holdings(), LOOK_WITHIN)
        except ExchangeError as error:
            return f"what is held cannot be read: {error}"
        return _excess(ticker, side, size, held)

    async def rest(self, approved: Approved) -> Answer:
        """Join the queue; an order that would trade at once is cancelled, and so ends."""
        order, update = approved.order, MarketUpdate(approved.book, approved.book_seen_at)
        place = QueuePlace.joined(order.side, order.limit, order.size, update)
        if place is None:
            return crossed(order)
        until = self._now() + self._lifetime
        created = await self._venue.created(order, until)
        if not isinstance(created, orders.Created):
            return created
        if not Decimal(created.remaining_count) and not Decimal(created.fill_count):
            return crossed(order, created.order_id)
        known = _Known(order, created.order_id, until, place)
        self._known[order.client_order_id] = known
        return known.resting()

    def met(self, working: WorkingOrder, update: MarketUpdate, at: datetime) -> Answer:  # noqa: ARG002
        """Where it stands by this book; what trades, the exchange alone says."""
        known = self._known.get(working.order.client_order_id)
        if known is None:
            return working.last
        place, _ = known.place.after(update)
        return self._remembered(replace(known, place=place)).resting()

    async def news(self, working: Sequence[WorkingOrder]) -> Sequence[Answer]:
        """What became of these; nothing where the exchange cannot be asked."""
        names = {one.order.client_order_id for one in working} & self._known.keys()
        try:
            # Positions first: what trades in between is then less, not more, than they say.
            held = await answered(self._exchange.holdings(), LOOK_WITHIN)
            listed = await answered(self._exchange.resting_of(names), LOOK_WITHIN)
        except ExchangeError:
            self._is_blind = True
            return ()
        self._is_blind = False
        await self._read_queue(names)
        async with asyncio.TaskGroup() as group:
            asked = [self._known[name] for name in names if name in self._known]
            tasks = [
                group.create_task(self._looked(one, listed.get(one.order_id), held))
                for one in asked
            ]
        return [task.result() for task in tasks]

    async def _read_queue(self, names: Container[str]) -> None:
        """Ask where these stand, three times in a lifetime: once a cycle, where one is long."""
        now = self._now()
        if self._queue_due is not None and now < self._queue_due:
            return
        self._queue_due = now + self._lifetime / QUEUE_LOOKS
        tickers = {one.order.ticker for name, one in self._known.items() if name in names}
        if not tickers:
            return
        try:
            ahead = await answered(self._exchange.queue_positions(tickers), LOOK_WITHIN)
        except ExchangeError:
            # It is only shown: what books tell stands in for it.
            ahead = {}
        self._known |= {
            name: replace(one, queue=ahead.get(one.order_id))
            for name, one in self._known.items()
            if name in names
        }

    async def prolong(self, working: WorkingOrder) -> Answer:
        """Let it rest on for a lifetime from now, once half of one is over.

        Not while nobody can see whether it still closes what is held: then it runs out.
        """
        known = self._known.get(working.order.client_order_id)
        now = self._now()
        if known is None or working.leaving or known.until - now > self._lifetime / 2:
            return working.last
        if self._is_blind:
            return Unresolved(known.order, "what is held cannot be read: it is not prolonged")
        shard, until = self._lookup.shard(known.order), now + self._lifetime
        try:
            await self._exchange.prolong(known.order_id, known.order, shard, until)
        except ExchangeError as error:
            # It runs out as it would have: then it rests anew, or takes.
            return Unresolved(known.order, str(error))
        return self._remembered(replace(self._latest(known), until=until)).resting()

    async def withdraw(self, working: WorkingOrder, at: datetime, *, is_over: bool) -> Answer:  # noqa: ARG002
        """Take it out; it rests until the exchange says how it ended and all its fills are there.

        Where the market is over there is nothing to take out, and that is what it is told.
        """
        known = self._known.get(working.order.client_order_id)
        if known is None:
            return working.last
        order, order_id = known.order, known.order_id
        try:
            left = await self._exchange.cancel(order_id, order, self._lookup.shard(order))
        except ExchangeError as error:
            return await self._not_canceled(known, error)
        return self._over(await self._lookup.filled(order, order_id, order.size - left))

    async def _not_canceled(self, known: _Known, error: ExchangeError) -> Answer:
        status = error.status or 0
        if not 400 <= status < 500 or status in _PASSES:
            return Unresolved(known.order, str(error))
        # It may be gone already: filled, run out, or taken out with its group.
        return await self._by_id(known)

    async def _looked(
        self, known: _Known, listed: orders.ListedOrder | None, held: Holdings
    ) -> Answer:
        try:
            return await answered(self._reported(known, listed, held), LOOK_WITHIN)
        except ExchangeError as error:
            return Unresolved(known.order, str(error))

    async def _reported(
        self, known: _Known, listed: orders.ListedOrder | None, held: Holdings
    ) -> Answer:
        if listed is None:
            return await self._by_id(known)
        order, filled = known.order, Decimal(listed.fill_count_fp)
        block_reason = ""
        if order.aim is Aim.LEAVE:
            block_reason = _excess(order.ticker, order.side, order.size - filled, held)
        if filled > known.filled:
            try:
                reported = await self._exchange.fills(known.order_id)
                fills = outcome.fills_of(order, known.order_id, reported)
            except ExchangeError as error:
                return Unresolved(order, str(error))
            known = self._remembered(replace(self._latest(known), fills=fills))
        return known.resting(block_reason)

    async def _by_id(self, known: _Known) -> Answer:
        try:
            reported = await self._exchange.order_by_id(known.order_id)
            if reported.status == RESTS:
                return known.resting()
            found = await self._lookup.ended(known.order, reported)
        except ExchangeError as error:
            found = str(error)
        return self._over(Unresolved(known.order, found) if isinstance(found, str) else found)

    def _over(self, answer: Execution | Unresolved) -> Execution | Unresolved:
        if isinstance(answer, Execution):
            self._known.pop(answer.order.client_order_id, None)
        return answer

    def _latest(self, known: _Known) -> _Known:
        """The same as it is known by now: somebody else may have asked meanwhile."""
        return self._known.get(known.order.client_order_id, known)

    def _remembered(self, known: _Known) -> _Known:
        if known.order.client_order_id in self._known:
            self._known[known.order.client_order_id] = known
        return known


def _excess(ticker: str, side: Side, size: Contracts, held: Holdings) -> str:
    """Why an exit of that size could open the other side; '' if it cannot."""
    if why := held.unreadable.why(ticker):
        return f"what is held cannot be read: {why}"
    there = held.sizes.get(ticker, ZERO)
    if -side.sign * there >= size:
        return ""
    held_there, wanted = (f"{amount.normalize():f}" for amount in (there, size))
    return f"the exchange holds {held_there}: an exit of {wanted} could open the other side"
