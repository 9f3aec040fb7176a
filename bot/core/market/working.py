"""The life of an order that rests, made of what its venue says of it.

Answers may come twice, late, out of order, and from two who asked at the same time: each tells all
fills that are known by then, so every fill is in exactly one `Step`, and what ended stays ended.
"""

from collections.abc import Container
from dataclasses import dataclass, replace
from typing import NamedTuple, Self, TypeAlias

from bot.core.market.money import ZERO, Contracts
from bot.core.market.orders import Execution, Fill, Order, OrderStatus, Unresolved


@dataclass(frozen=True, slots=True)
class Resting:
    """An order that is in the book, or may be, with every fill of it that is known by now.

    So many contracts of others stand in `front` of it, as far as books and trades tell up to
    `seen_at` (seconds UTC); `is_best` is whether nobody showed a better price then.
    `block_reason` is why it must not rest on, '' for nothing. `queue` is how many contracts trade
    before it as the exchange itself says, a while ago; None if it did not.
    """

    order: Order
    order_id: str
    seen_at: float
    front: Contracts
    is_best: bool
    fills: tuple[Fill, ...] = ()
    block_reason: str = ""
    queue: Contracts | None = None


#: What a venue says of an order. Unresolved is that nobody could say anything.
Answer: TypeAlias = Resting | Execution | Unresolved


class Step(NamedTuple):
    """What an answer made of an order: it rests on with new fills, or it ended."""

    order: "WorkingOrder | None"
    fills: tuple[Fill, ...] = ()
    end: Execution | None = None


@dataclass(frozen=True, slots=True)
class WorkingOrder:
    """An order that rests, as last told; `booked` are the ids of the fills that a `Step` had.

    `leaving` is why it is being withdrawn, '' while it is not.
    """

    last: Resting
    booked: frozenset[str] = frozenset()
    filled: Contracts = ZERO
    leaving: str = ""

    @property
    def order(self) -> Order:
        """What was sent."""
        return self.last.order

    @property
    def order_id(self) -> str:
        """Its name at the venue."""
        return self.last.order_id

    @property
    def ahead(self) -> Contracts:
        """Contracts that trade before it: as the exchange says, or else by books and trades."""
        return self.last.front if self.last.queue is None else self.last.queue

    @property
    def left(self) -> Contracts:
        """Contracts that have not traded, as far as is known."""
        return self.order.size - self.filled

    def after(self, answer: Answer) -> Step:
        """What becomes of it by this answer."""
        match answer:
            case Unresolved():
                return Step(self)
            case Execution():
                return Step(None, end=self._ended(answer))
            case Resting():
                fresh = unbooked(answer.fills, self.booked)
                return Step(self._with(answer, fresh), fresh)

    def withdrawn(self, why: str) -> Self:
        """The same, on its way out; the first reason stands."""
        return replace(self, leaving=self.leaving or why)

    def _with(self, answer: Resting, fresh: tuple[Fill, ...]) -> "WorkingOrder":
        booked = self.booked | {fill.fill_id for fill in fresh}
        return replace(self, last=answer, booked=booked, filled=self.filled + _total(fresh))

    def _ended(self, answer: Execution) -> Execution:
        fresh = unbooked(answer.fills, self.booked)
        filled, size = self.filled + _total(fresh), self.order.size
        if filled == size:
            return replace(answer, status=OrderStatus.FILLED, fills=fresh, error="")
        why = f"withdrawn: {self.leaving}" if self.leaving else answer.error
        done = f"; {filled.normalize():f} of {size.normalize():f} filled" if filled else ""
        status = OrderStatus.PARTIALLY_FILLED if fresh else OrderStatus.CANCELED
        return replace(answer, status=status, fills=fresh, error=f"{why}{done}")


def unbooked(fills: tuple[Fill, ...], booked: Container[str]) -> tuple[Fill, ...]:
    """Those that are not booked, each once."""
    distinct = {fill.fill_id: fill for fill in fills if fill.fill_id not in booked}
    return tuple(distinct.values())


def _total(fills: tuple[Fill, ...]) -> Contracts:
    return sum((fill.size for fill in fills), ZERO)
