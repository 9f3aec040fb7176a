"""The checks of an order before it may pass: one function each, in two tables.

The exposure of an event is the sum over its markets; where only one of them can pay, it is what the
worst outcome loses.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from bot.core.account.portfolio import Portfolio, own_price, split
from bot.core.market.fees import FeeSchedule
from bot.core.market.market import Market
from bot.core.market.money import CONTRACT_STEP, ZERO, Contracts, Dollars
from bot.core.market.orderbook import OrderBook
from bot.core.market.orders import Order
from bot.core.risk.exclusive import Stake, worst_loss
from bot.core.risk.limits import RiskLimits, Stop, in_dollars


@dataclass(frozen=True, slots=True)
class Shown:
    """What an order would trade in: the market, and its book as seen at `seen_at` (seconds UTC)."""

    market: Market
    book: OrderBook
    seen_at: float


@dataclass(frozen=True, slots=True)
class Place:
    """Where a market belongs; a category of None is not known.

    `title` is for people; `exit` is why an order was sent last to end its position, '' for none.
    `is_exclusive` is whether at most one market of its event pays, `fees` what is charged there,
    None if that is not known.
    """

    event_ticker: str
    category: str | None
    title: str = ""
    exit: str = ""
    is_exclusive: bool = False
    fees: FeeSchedule | None = None


@dataclass(frozen=True, slots=True)
class AccountRisk:
    """Whose order it is: the portfolio, what stops entries, how many came in the last minute.

    `halt` is why nothing at all may be traded in its market now, `purse` the cash on the shard of
    that market where the exchange keeps it apart.

    `places` are by ticker of market. One that is not known counts as that of the order, and an
    order of an unknown category as one of every category: ignorance widens no limit.
    """

    portfolio: Portfolio
    places: Mapping[str, Place] = field(default_factory=dict)
    stop: Stop | None = None
    entries: int = 0
    halt: Stop | None = None
    purse: Dollars | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """All that the checks of one order look at; `fees` are a bound where they are not known."""

    order: Order
    shown: Shown
    account: AccountRisk
    limits: RiskLimits
    fees: FeeSchedule

    @property
    def opened(self) -> Contracts:
        """Contracts that would open or enlarge a position."""
        held = self.account.portfolio.size(self.order.ticker)
        return split(held, self.order.side, self.order.size)[1]

    @property
    def cost(self) -> Dollars:
        """The most that the opening part can cost, before fees."""
        return self.opened * own_price(self.order.limit, self.order.side)

    @property
    def market_exposure(self) -> Dollars:
        """The exposure of the market once all is filled."""
        portfolio = self.account.portfolio
        adds = portfolio.size(self.order.ticker) * self.order.side.sign > 0
        return (portfolio.cost([self.order.ticker]) if adds else ZERO) + self.cost

    def exposure_with(self, others: Iterable[str]) -> Dollars:
        """The exposure of the market and of these others once all is filled."""
        apart = [ticker for ticker in others if ticker != self.order.ticker]
        return self.account.portfolio.cost(apart) + self.market_exposure

    def worst_with(self, others: Iterable[str]) -> Dollars:
        """The same where at most one of these markets pays: what the worst outcome loses."""
        held, order = self.account.portfolio.positions, self.order
        stakes = [Stake(held[t].size, held[t].cost) for t in others if t != order.ticker]
        size = self.account.portfolio.size(order.ticker)
        adds = size * order.side.sign > 0
        filled = (size if adds else ZERO) + self.opened * order.side.sign
        return worst_loss([*stakes, Stake(filled, self.market_exposure)])


def first(checks: Iterable["_Check"], case: Case) -> Stop | None:
    """What the first check that objects says, None if none does."""
    return next(filter(None, (check(case) for check in checks)), None)


def _not_open(case: Case) -> Stop | None:
    market, at = case.shown.market, case.order.at
    if market.is_open(at):
        return None
    reason = (
        f"{market.ticker} is not open at {at:%Y-%m-%d %H:%M:%S}: {market.status}, "
        f"trading {market.open_time:%Y-%m-%d %H:%M} to {market.close_time:%Y-%m-%d %H:%M}"
    )
    return Stop("market_open", reason)


def _halted(case: Case) -> Stop | None:
    return case.account.halt


def _off_grid(case: Case) -> Stop | None:
    price = case.order.limit
    if case.shown.market.grid.allows(price):
        return None
    return Stop("price_grid", f"{price} is not a price that {case.order.ticker} trades at", price)


def _odd_size(case: Case) -> Stop | None:
    size = case.order.size
    if size.is_finite() and size > 0 and size % CONTRACT_STEP == 0:
        return None
    reason = f"a size of {size} is not a positive multiple of {CONTRACT_STEP} contracts"
    return Stop("order_size", reason, size, CONTRACT_STEP)


def _old_book(case: Case) -> Stop | None:
    age, limit = case.order.at.timestamp() - case.shown.seen_at, case.limits.max_book_age
    if age <= limit:
        return None
    return Stop("stale_book", f"the book is {age:.0f} s old, more than {limit:.0f} s", age, limit)


def _unknown_fees(case: Case) -> Stop | None:
    fees, ticker = case.shown.market.fees, case.order.ticker
    if fees is not None and fees.is_known:
        return None
    charged = "not told yet" if fees is None else f"'{fees.kind}' times {fees.multiplier}"
    return Stop("fees", f"the fees of {ticker} are not known: {charged}")


def _stopped(case: Case) -> Stop | None:
    return case.account.stop


def _hurried(case: Case) -> Stop | None:
    count, limit = case.account.entries, case.limits.max_orders_per_minute
    if limit is None or count < limit:
        return None
    reason = f"{count} entries were sent within 60 s, {limit} are allowed"
    return Stop("max_orders_per_minute", reason, count, limit)


def _closing_soon(case: Case) -> Stop | None:
    left = (case.shown.market.close_time - case.order.at).total_seconds()
    limit = case.limits.min_seconds_to_close
    if left >= limit:
        return None
    reason = f"closes in {left:.0f} s, less than {limit} s"
    return Stop("min_seconds_to_close", reason, left, limit)


def _extreme_price(case: Case) -> Stop | None:
    # An order can trade anywhere between the best price it meets and its limit.
    low, high = case.limits.min_price, case.limits.max_price
    best = [level.price for level in case.shown.book.against(case.order.side)[:1]]
    outside = [price for price in (case.order.limit, *best) if not low <= price <= high]
    if not outside:
        return None
    price, limit = outside[0], low if outside[0] < low else high
    reason = f"could trade at {price}, outside {low} to {high}"
    return Stop("price_band", reason, price, limit)


def _too_many(case: Case) -> Stop | None:
    held, limit = case.account.portfolio.positions, case.limits.max_positions
    if case.order.ticker in held or len(held) < limit:
        return None
    reason = f"{len(held)} positions are open, {limit} are allowed"
    return Stop("max_positions", reason, len(held), limit)


def _costly(case: Case) -> Stop | None:
    limit = case.limits.max_order_cost
    return _above("max_order_cost", "the order can cost", case.cost, limit)


def _market_exposure(case: Case) -> Stop | None:
    limit = case.limits.max_market_exposure
    what = "exposure to the market would be"
    return _above("market_exposure", what, case.market_exposure, limit)


def _event_exposure(case: Case) -> Stop | None:
    event, account = case.shown.market.event_ticker, case.account
    own = Place(event, None)
    tickers = [
        ticker
        for ticker in account.portfolio.positions
        if account.places.get(ticker, own).event_ticker == event
    ]
    # Where one is not known to be of such an event, everything can be lost together.
    known = [account.places.get(ticker, own).is_exclusive for ticker in tickers]
    is_exclusive = case.shown.market.is_exclusive and all(known)
    exposure = case.worst_with(tickers) if is_exclusive else case.exposure_with(tickers)
    what, limit = f"exposure to {event} would be", case.limits.max_event_exposure
    return _above("event_exposure", what, exposure, limit)


def _category_exposure(case: Case) -> Stop | None:
    category, limit = case.shown.market.category, case.limits.max_category_exposure
    if limit is None:
        return None
    what = f"exposure to the category {category or 'that is not known'} would be"
    exposure = case.exposure_with(_held_in(case.account, category))
    return _above("category_exposure", what, exposure, limit)


def _held_in(account: AccountRisk, category: str | None) -> list[str]:
    """What is held in a category; a market or category that is not known belongs to each."""
    known = {ticker: place.category for ticker, place in account.places.items()}
    return [
        ticker
        for ticker in account.portfolio.positions
        if category is None or known.get(ticker) in {category, None}
    ]


def _total_exposure(case: Case) -> Stop | None:
    exposure = case.exposure_with(case.account.portfolio.positions)
    what, limit = "exposure in all would be", case.limits.max_total_exposure
    return _above("total_exposure", what, exposure, limit)


def _too_poor(case: Case) -> Stop | None:
    # What an order closes pays its own fee; what it opens is paid from the cash there is.
    fills = len(case.shown.book.against(case.order.side))
    cost = case.cost + case.fees.most(case.opened, case.order.limit, fills)
    cash, purse = case.account.portfolio.cash, case.account.purse
    if purse is not None and purse < cash:
        shard = case.shown.market.exchange_index
        return _above("cash", "cost with fees can be", cost, purse, f"cash on shard {shard}")
    return _above("cash", "cost with fees can be", cost, cash, "cash")


def _above(
    rule: str, what: str, amount: Dollars, limit: Dollars, name: str = "limit"
) -> Stop | None:
    if amount <= limit:
        return None
    reason = f"{what} {in_dollars(amount)}, {name} {in_dollars(limit)}"
    return Stop(rule, reason, amount, limit)


_Check = Callable[[Case], Stop | None]
FOR_ALL: Final[tuple[_Check, ...]] = (_not_open, _halted, _off_grid, _odd_size, _old_book)
FOR_ENTRIES: Final[tuple[_Check, ...]] = (
    *(_unknown_fees, _stopped, _hurried, _closing_soon, _extreme_price, _too_many, _costly),
    *(_market_exposure, _event_exposure, _category_exposure, _total_exposure, _too_poor),
)
