"""What explains that an account at the exchange differs from what was booked of it. Pure.

First the trades that were not booked, then what markets paid, both exact; what is left of a
position has no known cause and can only be taken over as it is, and so with the cash.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from bot.core.account.portfolio import Portfolio
from bot.core.account.reconcile import (
    CASH_TOLERANCE,
    AccountNow,
    Settlement,
    comparable,
    unreserved,
    vanished,
)
from bot.core.market.money import ZERO, Contracts, Dollars
from bot.core.market.orders import FOREIGN, Execution, Fill, Order, OrderStatus


@dataclass(frozen=True, slots=True)
class ListedFill:
    """A trade of the account, and the exchange's id of its order; `fill` names no order of ours."""

    order_id: str
    fill: Fill


@dataclass(frozen=True, slots=True)
class AccountRecord:
    """What the exchange tells of an account: now, and of late.

    `costs` are dollars by ticker of what is held; `fills` all trades since the book was begun,
    or as far back as ours are kept; `settlements` of markets of which nothing is held any more.
    `now.unreadable` is what is not known of a market, its trades and settlement included.
    """

    now: AccountNow
    costs: Mapping[str, Dollars] = field(default_factory=dict)
    fills: Sequence[ListedFill] = ()
    settlements: Mapping[str, Settlement] = field(default_factory=dict)

    def cost(self, ticker: str, size: Contracts) -> Dollars:
        """What a position of that size cost: a dollar a contract at most, whatever the fees."""
        return min(self.costs[ticker], abs(size)) if size else ZERO


@dataclass(frozen=True, slots=True)
class Owned:
    """The exchange's ids of orders that are ours, and of those that are not."""

    ours: frozenset[str] = frozenset()
    theirs: frozenset[str] = frozenset()

    def __contains__(self, order_id: str) -> bool:
        """Whether it is known whose an order is."""
        return order_id in self.ours or order_id in self.theirs


@dataclass(frozen=True, slots=True)
class Adjustment:
    """The position of a market as the exchange has it: signed contracts, and their cost."""

    ticker: str
    size: Contracts
    cost: Dollars


@dataclass(frozen=True, slots=True)
class Adoption:
    """What makes the booked account that of the exchange, in the order in which it is booked.

    `payouts` are dollars a YES contract by ticker; `cash` is what is left, in dollars, and
    `is_cash_whole` whether all of the exchange's cash is booked with that. `left_out` says of
    which markets too little is known to take anything over.
    """

    executions: tuple[Execution, ...] = ()
    payouts: Mapping[str, Dollars] = field(default_factory=dict)
    adjustments: tuple[Adjustment, ...] = ()
    cash: Dollars = ZERO
    left_out: tuple[str, ...] = ()
    is_cash_whole: bool = False

    def __bool__(self) -> bool:
        return bool(self.executions or self.payouts or self.adjustments or self.cash)


def unbooked(fills: Iterable[ListedFill], booked: frozenset[str]) -> tuple[ListedFill, ...]:
    """The trades that are not among the booked fill ids, each once, oldest first."""
    by_id = {one.fill.fill_id: one for one in fills if one.fill.fill_id not in booked}
    return tuple(sorted(by_id.values(), key=lambda one: (one.fill.at, one.fill.fill_id)))


def adoption(portfolio: Portfolio, booked: frozenset[str], record: AccountRecord) -> Adoption:
    """What explains the difference between a portfolio and the account at the exchange.

    A market of which something cannot be read is left as it was booked, and so is the cash then:
    nobody can say how much of it those markets moved.
    """
    executions = tuple(_executions(_known(unbooked(record.fills, booked), record)))
    for execution in executions:
        for fill in execution.fills:
            portfolio = portfolio.after(fill)
    payouts = dict(_payouts(portfolio, record))
    for ticker, payout in payouts.items():
        portfolio = portfolio.settle(ticker, payout)
    adjustments = tuple(_adjustments(portfolio, record))
    left = unreserved(portfolio, record.now).cash - portfolio.cash
    # The exchange writes a balance cut off to some digits.
    cash = left if abs(left) > CASH_TOLERANCE and not record.now.unreadable else ZERO
    left_out = tuple(record.now.unreadable.sentences())
    is_whole = not record.now.unreadable
    return Adoption(executions, payouts, adjustments, cash, left_out, is_whole)


def adoption_of_ours(fresh: Sequence[ListedFill], owned: Owned, record: AccountRecord) -> Adoption:
    """The trades of our own orders among those that were not booked, and nothing else."""
    readable = _known(fresh, record)
    executions = _executions([one for one in readable if one.order_id in owned.ours])
    nobodys = {one.order_id: one for one in readable if one.order_id not in owned}
    left_out = [
        f"{one.fill.ticker}: whose order {order_id} is cannot be read: set FOREIGN=stop to take "
        "over what it traded"
        for order_id, one in nobodys.items()
    ]
    return Adoption(tuple(executions), left_out=(*record.now.unreadable.sentences(), *left_out))


def unsettled(
    portfolio: Portfolio, record: AccountRecord, booked: frozenset[str]
) -> tuple[str, ...]:
    """Markets of which only the exchange holds nothing: they were settled, perhaps."""
    for one in _known(unbooked(record.fills, booked), record):
        portfolio = portfolio.after(one.fill)
    return vanished(portfolio, record.now)


def in_words(found: Adoption) -> list[str]:
    """What explains the difference, a sentence each."""
    traded = [_trade(execution) for execution in found.executions]
    paid = [
        f"{ticker}: settled at ${payout.normalize():f} a YES contract"
        for ticker, payout in found.payouts.items()
    ]
    left = [
        f"{one.ticker}: no trade explains it; the exchange holds {one.size.normalize():f} "
        f"contracts that cost ${one.cost.normalize():f}"
        for one in found.adjustments
    ]
    cash = [f"cash: nothing explains ${found.cash.normalize():+f}"] if found.cash else []
    return [*traded, *paid, *left, *cash, *found.left_out]


def _known(fills: Iterable[ListedFill], record: AccountRecord) -> list[ListedFill]:
    return [one for one in fills if record.now.unreadable.why(one.fill.ticker) is None]


def _trade(execution: Execution) -> str:
    order, price = execution.order, execution.average_price or ZERO
    return (
        f"{order.ticker}: order {execution.order_id}, which this bot did not book, "
        f"{'bought' if order.side.sign > 0 else 'sold'} {execution.filled.normalize():f} YES at "
        f"${round(price, 4).normalize():f}, fees ${execution.fees.normalize():f}"
    )


def _executions(found: Sequence[ListedFill]) -> Iterator[Execution]:
    """One for each run of fills of the same order: the order of all fills stays as it was."""
    sizes: dict[str, Contracts] = defaultdict(Contracts)
    for one in found:
        sizes[one.order_id] += one.fill.size
    for order_id, run in groupby(found, key=lambda one: one.order_id):
        yield _execution(order_id, sizes[order_id], tuple([one.fill for one in run]))


def _execution(order_id: str, size: Contracts, fills: tuple[Fill, ...]) -> Execution:
    first, last = fills[0], fills[-1]
    order = Order(
        client_order_id=f"{FOREIGN}{order_id}",
        ticker=first.ticker,
        side=first.side,
        size=size,
        limit=last.price,
        at=first.at,
    )
    return Execution(order, order_id, OrderStatus.FILLED, fills)


def _payouts(portfolio: Portfolio, record: AccountRecord) -> Iterator[tuple[str, Dollars]]:
    for ticker, paid in record.settlements.items():
        is_gone = ticker not in record.now.positions and record.now.unreadable.why(ticker) is None
        if is_gone and portfolio.size(ticker) and portfolio.size(ticker) == paid.size:
            yield ticker, paid.payout


def _adjustments(portfolio: Portfolio, record: AccountRecord) -> Iterator[Adjustment]:
    reported = record.now.positions
    for ticker in comparable(portfolio, record.now):
        size = reported.get(ticker, ZERO)
        if size != portfolio.size(ticker):
            yield Adjustment(ticker, size, record.cost(ticker, size))
