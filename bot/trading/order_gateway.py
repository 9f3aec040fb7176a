"""The one way to the venue: allowed, written down, sent, in this order or not at all.

It fails closed: an order that cannot be written down is not sent, nor one that anybody objects
to. An order that was sent stays here until it is known what became of it, whatever happens in
between; so does one that an earlier process wrote down and did not live to see the end of. One that
rests stays here as well, and its market gets no other.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, TypeAlias

from bot.core.market.market import Market, Side
from bot.core.market.money import Contracts, Dollars, cents
from bot.core.market.orders import Aim, Execution, Life, Order, OrderStatus, Unresolved
from bot.core.market.queue import MarketUpdate
from bot.core.market.working import Answer, Resting, Step, WorkingOrder, unbooked
from bot.core.risk.circuit_breakers import Permit
from bot.core.risk.limits import Stop
from bot.core.risk.review import Approved, Refused
from bot.ports.exchange import RestingVenue, Venue
from bot.ports.persistence import Checkpoint, StoreError
from bot.trading.entry_guard import Safety

_STOPPED: Final = Stop("stopped", "the bot is being stopped: no entries, exits continue")
#: Orders in doubt that are asked about at the same time.
LOOKUPS: Final = 4
#: Hears that an order was written down, or could not be.
Written: TypeAlias = Callable[[], Awaitable[None]]


async def _unheard() -> None:
    """Nobody waits for that."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of an order; `refused` if it was not sent.

    An order that may have been written down and was not sent has both: why, and the end that it
    needs.
    """

    refused: Refused | None = None
    answer: Execution | WorkingOrder | Unresolved | None = None


class OrderGateway:
    """Sends approved orders, looks after those that rest, and resolves those in doubt."""

    def __init__(self, venue: Venue, safety: Safety) -> None:
        self._venue = venue
        self._working: dict[str, WorkingOrder] = {}
        self._safety = safety
        self._waiting: dict[str, Order] = {}
        self._booked: dict[str, frozenset[str]] = {}
        self._sending: set[str] = set()
        self._lookups = asyncio.Semaphore(LOOKUPS)

    @property
    def waiting(self) -> tuple[Order, ...]:
        """Orders in doubt: they may have traded."""
        return tuple(self._waiting.values())

    @property
    def at_once(self) -> int:
        """How many orders of a pass may be under way together."""
        return self._venue.at_once

    @property
    def entries_underway(self) -> int:
        """Entries that were approved, and whose answer is not there yet."""
        return sum(self._waiting[name].aim is Aim.ENTER for name in self._sending)

    @property
    def working(self) -> Mapping[str, WorkingOrder]:
        """The orders that rest, by ticker."""
        return self._working

    def halt(self, market: Market, aim: Aim) -> Stop | None:
        """Why no order of that aim is sent to a market now; None if one is."""
        return self._safety.halt(market, aim)

    def purse(self, shard: int) -> Dollars | None:
        """The cash on a shard; None if it is not kept apart."""
        return self._safety.purse(shard)

    def waits_for(self, ticker: str) -> Stop | None:
        """Why nothing else is sent for a market now; None if it is."""
        if (resting := self._working.get(ticker)) is not None:
            price = cents(resting.order.limit)
            return Stop("resting", f"an order of it rests at {price:g} c: no other is sent")
        for order in self._waiting.values():
            if order.ticker == ticker:
                name = order.client_order_id
                reason = f"what became of order {name} is not known: no other is sent until it is"
                return Stop("unresolved", reason)
        return None

    async def send(self, approved: Approved, written: Written = _unheard) -> Sent:
        """Send an order, unless anything objects; `written` is called once its row is there.

        Raises LeaseLostError.
        """
        order = approved.order
        if stop := self._block_reason(approved):
            return Sent(Refused.by(stop, order))
        # It may be written down although the answer was lost, and the process may have been
        # paused while it waited for the disk: from here on the order needs an end, also if
        # the caller no longer waits.
        self._waiting[order.client_order_id] = order
        self._sending.add(order.client_order_id)
        try:
            return await self._sent(approved, written)
        finally:
            self._sending.discard(order.client_order_id)

    async def resolve(self, book: Callable[[Execution | Unresolved], None]) -> None:
        """Ask again what became of each order that is not being sent and has no known end.

        Each answer is booked at once: its order is not in doubt any more, and others may take long.
        """
        asked = [o for name, o in self._waiting.items() if name not in self._sending]
        async with asyncio.TaskGroup() as group:
            for order in asked:
                group.create_task(self._resolve(order, book), name=f"order {order.ticker}")

    async def rest_block_reason(self, ticker: str, side: Side, size: Contracts) -> str:
        """Why an exit of that size must not rest there now; '' if it may."""
        venue = self._venue.resting
        return await venue.rest_block_reason(ticker, side, size) if venue else "nothing rests here"

    def met(self, ticker: str, update: MarketUpdate, at: datetime) -> Step:
        """What a newer book makes of the order that rests in its market."""
        working, venue = self._working[ticker], self._venue.resting
        return self._stepped(venue.met(working, update, at)) if venue else Step(working)

    async def news(self) -> list[Step]:
        """What became of all that rests since this was asked last."""
        venue = self._venue.resting
        if venue is None or not self._working:
            return []
        return [self._stepped(answer) for answer in await venue.news(tuple(self._working.values()))]

    async def prolong(self, ticker: str) -> Step:
        """Let the order of a market rest on, if this process leads and can write that down."""
        working, venue = self._working[ticker], self._venue.resting
        if venue is None or not self.may_rest:
            return Step(working)
        return self._stepped(await venue.prolong(working))

    async def withdraw(self, ticker: str, why: str, at: datetime, *, is_over: bool) -> Step:
        """Take the order that rests in a market out of the book, as far as that can be done now.

        Nobody has to lead for that, and nothing is written down before.
        """
        leaving = self._working[ticker] = self._working[ticker].withdrawn(why)
        venue = self._venue.resting
        if venue is None:
            return Step(leaving)
        return self._stepped(await venue.withdraw(leaving, at, is_over=is_over))

    @property
    def may_rest(self) -> bool:
        """Whether this process leads for certain and can write down what happens."""
        return self._safety.sure() and self._safety.fault() is None

    def _stepped(self, answer: Answer) -> Step:
        """What an answer makes of the order it is about, unless that has ended meanwhile."""
        working = self._working.get(answer.order.ticker)
        if working is None or working.order != answer.order:
            return Step(working)
        step = working.after(answer)
        if step.order is None:
            del self._working[answer.order.ticker]
        else:
            self._working[answer.order.ticker] = step.order
        return step

    def give_up(self, client_order_id: str) -> Order | None:
        """The order in doubt of that name, about which nobody is asked any more; None if none."""
        if client_order_id in self._sending:
            return None
        return self._waiting.pop(client_order_id, None)

    async def _resolve(self, order: Order, book: Callable[[Execution | Unresolved], None]) -> None:
        async with self._lookups:
            answer = await self._venue.resolve(order)
        # What came to its end meanwhile, somebody else has told.
        if order.client_order_id in self._waiting:
            book(self._noted(order, answer))

    async def _sent(self, approved: Approved, written: Written) -> Sent:
        order = approved.order
        if stop := await self._unwritten(order, written) or self._block_reason(approved):
            del self._waiting[order.client_order_id]
            return Sent(Refused.by(stop, order), _never_sent(order, stop))
        if order.life is Life.REST and self._venue.resting is not None:
            return await self._rested(approved, self._venue.resting)
        return self._answered(
            approved.market, self._noted(order, await self._venue.submit(approved))
        )

    def _answered(self, market: Market, answer: Execution | Unresolved) -> Sent:
        if isinstance(answer, Execution):
            self._safety.ended(market, answer)
        return Sent(answer=answer)

    async def _rested(self, approved: Approved, venue: RestingVenue) -> Sent:
        order, answer = approved.order, await venue.rest(approved)
        if isinstance(answer, Resting):
            del self._waiting[order.client_order_id]
            working = self._working[order.ticker] = WorkingOrder(answer)
            return Sent(answer=working)
        return self._answered(approved.market, self._noted(order, answer))

    def restore(self, checkpoint: Checkpoint) -> None:
        """Begin with the orders in doubt, some fills of which may be booked."""
        self._waiting = {order.client_order_id: order for order in checkpoint.unresolved}
        self._booked = dict(checkpoint.booked)

    def _block_reason(self, approved: Approved) -> Stop | None:
        safety, aim = self._safety, approved.order.aim
        leaves = aim is Aim.LEAVE
        permit = Permit(sure=safety.sure(), fault=safety.fault()) if leaves else safety.permit()
        ends = None if leaves or not safety.stopping() else _STOPPED
        return permit.stop or ends or safety.halt(approved.market, aim)

    async def _unwritten(self, order: Order, written: Written) -> Stop | None:
        try:
            await self._safety.store.intend(order)
        except StoreError as error:
            return Permit(fault=str(error)).stop
        finally:
            await written()
        return None

    def _noted(self, order: Order, answer: Execution | Unresolved) -> Execution | Unresolved:
        if not isinstance(answer, Execution):
            return answer
        self._waiting.pop(order.client_order_id, None)
        # Of one that rested in an earlier term, some may have been booked then.
        booked = self._booked.pop(order.client_order_id, frozenset())
        return replace(answer, fills=unbooked(answer.fills, booked))


def _never_sent(order: Order, stop: Stop) -> Execution:
    return Execution(order, "", OrderStatus.CANCELED, error=f"never sent: {stop.reason}")
