"""The gate before a venue: only `review` makes an `Approved`.

Every order needs a market that is open, a price on its grid and a fresh book. What opens or
enlarges a position also needs known fees and must keep within the limits, at its worst: all of it
filled, at the limit price. What only reduces a position passes those, so exits stay possible.

The checks themselves are in `checks`.
"""

from dataclasses import InitVar, dataclass
from typing import Final, Self

from bot.core.market.fees import USUAL, FeeSchedule
from bot.core.market.market import Market
from bot.core.market.orderbook import OrderBook
from bot.core.market.orders import Order
from bot.core.risk.checks import FOR_ALL, FOR_ENTRIES, AccountRisk, Case, Shown, first
from bot.core.risk.limits import Number, RiskLimits, Stop

_SEAL: Final = object()


@dataclass(frozen=True, slots=True)
class Approved:
    """An order that passed risk, with its market, the book it was judged on and its fees.

    The fees of an exit are the usual ones where nobody knows them: what is charged in the end, the
    fills say.

    `book_seen_at` (seconds UTC) tells a venue whether it has seen this very book before. The
    seal is `review`'s own: nobody else can make one of these (TypeError).
    """

    order: Order
    market: Market
    book: OrderBook
    fees: FeeSchedule
    book_seen_at: float
    seal: InitVar[object]

    def __post_init__(self, seal: object) -> None:
        if seal is not _SEAL:
            raise TypeError("only risk.review approves an order: ask it")


@dataclass(frozen=True, slots=True)
class Refused:
    """An order that did not pass, and why: in words, by rule, and in numbers if there are any."""

    order: Order
    reason: str
    rule: str
    value: Number | None = None
    limit: Number | None = None

    @classmethod
    def by(cls, stop: Stop, order: Order) -> Self:
        """An order that this keeps from passing."""
        return cls(order, stop.reason, stop.rule, stop.value, stop.limit)


def review(
    order: Order, shown: Shown, account: AccountRisk, limits: RiskLimits
) -> Approved | Refused:
    """The order with its passage, or the first reason why it has none.

    Raises ValueError if the order is for another market than the one shown.
    """
    if order.ticker != shown.market.ticker:
        raise ValueError(f"an order for {order.ticker} was shown {shown.market.ticker}")
    fees = USUAL if shown.market.fees is None else shown.market.fees.bound
    case = Case(order, shown, account, limits, fees)
    # An odd size has to be refused before anything is counted with it.
    stop = first(FOR_ALL, case) or (first(FOR_ENTRIES, case) if case.opened else None)
    if stop:
        return Refused.by(stop, order)
    return Approved(order, shown.market, shown.book, fees, shown.seen_at, _SEAL)
