"""The paper twin of a live order: what the same order would have traded on paper, and the gap.

Paper walks the book that the order was decided on, with the series' formula for the fee. Pure, and
no part of the account: it says how far paper results can be trusted.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bot.core.market.fees import FeeSchedule, OrderFees
from bot.core.market.market import Side
from bot.core.market.matching import walk
from bot.core.market.money import ZERO, Contracts, Dollars, cents, measured
from bot.core.market.orderbook import Level, OrderBook
from bot.core.market.orders import Execution, Order


@dataclass(frozen=True, slots=True)
class TwinFill:
    """Contracts that traded, their mean YES price and all their fees; no price without any."""

    size: Contracts
    price: Dollars | None = None
    fees: Dollars = ZERO


@dataclass(frozen=True, slots=True)
class TwinGroup:
    """Some compared orders together.

    Fill rates are contracts traded of contracts sent, in [0, 1]. Gaps are cents a contract, by the
    smaller size of each pair: what live paid more than paper, in price and in fees; None where no
    order traded on both.
    """

    orders: int
    contracts: float
    live_fill_rate: float
    paper_fill_rate: float
    price_gap: float | None
    fee_gap: float | None


@dataclass(frozen=True, slots=True)
class Pair:
    """What an order of a side and size came to, live and on paper."""

    side: Side
    size: Contracts
    live: TwinFill
    paper: TwinFill


def on_paper(order: Order, book: OrderBook, fees: FeeSchedule) -> TwinFill:
    """What an order that takes would have traded in this book."""
    took = walk(book, order.side, order.size, order.limit)
    return _sum(took, _fees(took, order.side, fees))


def traded(execution: Execution) -> TwinFill:
    """What an order did trade."""
    return TwinFill(execution.filled, execution.average_price, execution.fees)


def grouped(pairs: Sequence[Pair]) -> TwinGroup:
    """The figures of some orders; there has to be one at least."""
    sent = sum((pair.size for pair in pairs), ZERO)
    both = [pair for pair in pairs if pair.live.size and pair.paper.size]
    weight = sum((_common(pair) for pair in both), ZERO)
    return TwinGroup(
        orders=len(pairs),
        contracts=measured(sent),
        live_fill_rate=measured(sum((pair.live.size for pair in pairs), ZERO) / sent),
        paper_fill_rate=measured(sum((pair.paper.size for pair in pairs), ZERO) / sent),
        price_gap=_mean(((_common(pair), _price_gap(pair)) for pair in both), weight),
        fee_gap=_mean(((_common(pair), _fee_gap(pair)) for pair in both), weight),
    )


def _sum(took: Sequence[Level], fees: Dollars) -> TwinFill:
    size = sum((level.size for level in took), ZERO)
    value = sum((level.size * level.price for level in took), ZERO)
    return TwinFill(size, value / size if size else None, fees)


def _fees(took: Sequence[Level], side: Side, schedule: FeeSchedule) -> Dollars:
    fees, total = OrderFees(schedule), ZERO
    for price, size in took:
        fee, fees = fees.charge(size, price, is_taker=True, is_buy=side is Side.BUY)
        total += fee
    return total


def _common(pair: Pair) -> Contracts:
    return min(pair.live.size, pair.paper.size)


def _price_gap(pair: Pair) -> Dollars:
    """What live paid more a contract, or got less."""
    if pair.live.price is None or pair.paper.price is None:
        return ZERO
    return (pair.live.price - pair.paper.price) * pair.side.sign


def _fee_gap(pair: Pair) -> Dollars:
    return pair.live.fees / pair.live.size - pair.paper.fees / pair.paper.size


def _mean(weighted: Iterable[tuple[Contracts, Dollars]], weight: Contracts) -> float | None:
    if not weight:
        return None
    return cents(sum((size * gap for size, gap in weighted), ZERO) / weight)
