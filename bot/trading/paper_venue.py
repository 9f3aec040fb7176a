"""The paper venue: pretend orders on real books.

What is assumed: an order trades against the next book of its market, never the one that was
scored, at the prices shown there, and the rest of it is cancelled; what it took is gone until a
newer book of that market comes; nobody reacts; whoever takes pays the taker fee in full.

An order that rests joins the queue of its price in the next book, and trades as the conservative
reading of that queue says, for the maker fee. It is withdrawn with its process: none is inherited.
An order that nobody lived to book has never traded.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Generic, TypeAlias, TypeVar

from bot.core.market.fees import FeeSchedule, OrderFees
from bot.core.market.market import Side
from bot.core.market.matching import walk, without
from bot.core.market.money import ZERO, Contracts, cents
from bot.core.market.orderbook import Level, OrderBook
from bot.core.market.orders import Execution, Fill, Life, Order, OrderStatus
from bot.core.market.queue import MarketUpdate
from bot.core.market.queued_order import QueuedOrder, queued
from bot.core.market.working import Answer, Resting, WorkingOrder
from bot.core.risk.review import Approved
from bot.ports.exchange import ExchangeError, RestingVenue

REMEMBERED_ORDERS: Final = 2_000
REMEMBERED_BOOKS: Final = 2_000

_NEVER_TRADED: Final = "the paper order never traded: the service ended first"
_WITHDRAWN: Final = "withdrawn: the service ended while it rested; what it had traded is booked"

T = TypeVar("T")


class _Recent(Generic[T]):
    """Values by name; beyond `room`, those put in longest ago are forgotten."""

    def __init__(self, room: int) -> None:
        self._room = room
        self._values: dict[str, T] = {}

    def __getitem__(self, name: str) -> T | None:
        return self._values.get(name)

    def __setitem__(self, name: str, value: T) -> None:
        self._values.pop(name, None)
        self._values[name] = value
        if len(self._values) > self._room:
            del self._values[next(iter(self._values))]


@dataclass(frozen=True, slots=True)
class SeenBook:
    """A book and when it was seen, seconds UTC."""

    seen_at: float
    book: OrderBook


#: The next book of the market of an order. Raises ExchangeError if none comes.
NextBook: TypeAlias = Callable[[Approved], Awaitable[SeenBook]]


#: The next book of a market after a time (seconds UTC), with what traded in between. Raises
#: ExchangeError if none comes.
NextUpdate: TypeAlias = Callable[[str, float], Awaitable[MarketUpdate]]


async def scored_book(approved: Approved) -> SeenBook:
    """The book an order was decided on: where there is no other, as in a test of one book."""
    return SeenBook(approved.book_seen_at, approved.book)


async def no_update(ticker: str, since: float) -> MarketUpdate:  # noqa: ARG001  # as asked
    """No other book: where there is none, an order is withdrawn when the cycle sees one."""
    raise ExchangeError("no other book is asked for")


class PaperVenue:
    """Fills approved orders from the books that `next_book` gives; times are those of orders."""

    def __init__(
        self,
        next_book: NextBook = scored_book,
        next_update: NextUpdate = no_update,
        remembered_orders: int = REMEMBERED_ORDERS,
        remembered_books: int = REMEMBERED_BOOKS,
    ) -> None:
        self._next_book = next_book
        self._next_update = next_update
        self._ended: _Recent[Execution] = _Recent(remembered_orders)
        self._left: _Recent[SeenBook] = _Recent(remembered_books)
        self._queued: dict[str, QueuedOrder] = {}

    @property
    def at_once(self) -> int:
        """One: what an order meets does not depend on who answered first."""
        return 1

    @property
    def resting(self) -> RestingVenue:
        """Orders can rest here."""
        return self

    async def submit(self, approved: Approved) -> Execution:
        """Trade at once what the book shows within the limit, and cancel the rest."""
        there = await self._opposite(approved)
        return there if isinstance(there, Execution) else self._taken(approved, there)

    async def rest_block_reason(self, ticker: str, side: Side, size: Contracts) -> str:  # noqa: ARG002
        """Nobody else trades a pretend account."""
        return ""

    async def rest(self, approved: Approved) -> Resting | Execution:
        """Join the queue of its price in the next book, behind all that this shows."""
        there = await self._opposite(approved)
        if isinstance(there, Execution):
            return there
        order, update = approved.order, MarketUpdate(there.book, there.seen_at)
        answer = queued(order, _order_id(order), approved.fees, update)
        if isinstance(answer, Execution):
            self._ended[order.client_order_id] = answer
            return answer
        self._queued[order.client_order_id] = answer
        return answer.resting

    def met(self, working: WorkingOrder, update: MarketUpdate, at: datetime) -> Answer:
        """What a newer book makes of an order: one that is being withdrawn ends with it."""
        known = self._queued.get(working.order.client_order_id)
        if known is None or update.seen_at <= known.place.since:
            return known.resting if known else working.last
        after = known.after(update, at)
        if working.leaving or not after.place.left:
            return self._taken_out(after, working.leaving)
        self._queued[working.order.client_order_id] = after
        return after.resting

    async def news(self, working: Sequence[WorkingOrder]) -> Sequence[Answer]:  # noqa: ARG002
        """None: only books tell."""
        return ()

    async def prolong(self, working: WorkingOrder) -> Answer:
        """It rests as long as this process does."""
        return working.last

    async def _opposite(self, approved: Approved) -> SeenBook | Execution:
        """The book that an order meets, or its end if there is none or the order is an old one."""
        order = approved.order
        if self._ended[order.client_order_id] is not None:
            again = f"client order id {order.client_order_id} was used before: nothing traded"
            return Execution(order, _order_id(order), OrderStatus.ERROR, error=again)
        try:
            return self._unless_taken(order, await self._next_book(approved))
        except ExchangeError as error:
            return self._without_book(order, error)

    async def withdraw(self, working: WorkingOrder, at: datetime, *, is_over: bool) -> Answer:
        """Take an order out: it ends with the next book, and its fills are of `at`.

        Without one it stays on its way out; where its market is over, none comes.
        """
        known = self._queued.get(working.order.client_order_id)
        if known is None:
            return working.last
        if is_over:
            return self._taken_out(known, working.leaving)
        try:
            update = await self._next_update(working.order.ticker, known.place.since)
        except ExchangeError:
            return known.resting
        return self.met(working, update, at)

    def _taken_out(self, order: QueuedOrder, why: str) -> Execution:
        self._queued.pop(order.order.client_order_id, None)
        return order.ended(why)

    def _taken(self, approved: Approved, there: SeenBook) -> Execution:
        order = approved.order
        took = walk(there.book, order.side, order.size, order.limit)
        self._left[order.ticker] = replace(there, book=without(there.book, order.side, took))
        execution = _execution(order, _fills(order, took, approved.fees), there.book)
        self._ended[order.client_order_id] = execution
        return execution

    async def resolve(self, order: Order) -> Execution:
        """What became of an order; one that is not known never traded, and never will."""
        ended = self._ended[order.client_order_id]
        if ended is None:
            lost = _WITHDRAWN if order.life is Life.REST else _NEVER_TRADED
            ended = Execution(order, _order_id(order), OrderStatus.CANCELED, error=lost)
            self._ended[order.client_order_id] = ended
        return ended

    def _unless_taken(self, order: Order, book: SeenBook) -> SeenBook:
        """The book, or what our own orders left of it."""
        left = self._left[order.ticker]
        return book if left is None or left.seen_at < book.seen_at else left

    def _without_book(self, order: Order, error: ExchangeError) -> Execution:
        why = f"no book came after the decision: {error}"
        execution = Execution(order, _order_id(order), OrderStatus.CANCELED, error=why)
        self._ended[order.client_order_id] = execution
        return execution


def _fills(order: Order, took: tuple[Level, ...], schedule: FeeSchedule) -> tuple[Fill, ...]:
    fees, fills = OrderFees(schedule), []
    for number, (price, size) in enumerate(took, start=1):
        is_buy = order.side is Side.BUY
        fee, fees = fees.charge(size, price, is_taker=True, is_buy=is_buy)
        fills.append(
            Fill(
                fill_id=f"{_order_id(order)}-{number}",
                client_order_id=order.client_order_id,
                ticker=order.ticker,
                side=order.side,
                size=size,
                price=price,
                fee=fee,
                at=order.at,
            )
        )
    return tuple(fills)


def _execution(order: Order, fills: tuple[Fill, ...], book: OrderBook) -> Execution:
    filled = sum((fill.size for fill in fills), ZERO)
    if filled == order.size:
        return Execution(order, _order_id(order), OrderStatus.FILLED, fills)
    status = OrderStatus.PARTIALLY_FILLED if fills else OrderStatus.CANCELED
    return Execution(order, _order_id(order), status, fills, _scarcity(order, book))


def _scarcity(order: Order, book: OrderBook) -> str:
    levels = book.against(order.side)
    wanted = "asks" if order.side is Side.BUY else "bids"
    if not levels:
        return f"the book has no {wanted}"
    begin, limit = cents(levels[0].price), cents(order.limit)
    return f"no more {wanted} within {limit:g} c (they begin at {begin:g} c)"


def _order_id(order: Order) -> str:
    return f"paper-{order.client_order_id}"
