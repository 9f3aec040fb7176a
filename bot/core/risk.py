"""The gate before a venue: only `review` makes an `Approved`.

Every order needs a market that is open, with known fees, a price on its grid and a fresh book.
What opens or enlarges a position must also keep within the limits, at its worst: all of it
filled, at the limit price. What only reduces a position passes those, so exits stay possible.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import InitVar, dataclass
from decimal import Decimal
from typing import Final

from bot.core.fees import FeeSchedule
from bot.core.market import Market
from bot.core.money import CONTRACT_STEP, ZERO, Contracts, Dollars
from bot.core.orderbook import OrderBook
from bot.core.orders import Order
from bot.core.portfolio import Portfolio, own_price, split

_SEAL: Final = object()


@dataclass(frozen=True, slots=True)
class Approved:
    """An order that passed risk, with the book it was judged on and the fees it will pay.

    `book_seen_at` (seconds UTC) tells a venue whether it has seen this very book before. The
    seal is `review`'s own: nobody else can make one of these (TypeError).
    """

    order: Order
    book: OrderBook
    fees: FeeSchedule
    book_seen_at: float
    seal: InitVar[object]

    def __post_init__(self, seal: object) -> None:
        if seal is not _SEAL:
            raise TypeError("only risk.review approves an order: ask it")


@dataclass(frozen=True, slots=True)
class Refused:
    """An order that did not pass, and why, with the numbers."""

    order: Order
    reason: str


@dataclass(frozen=True, slots=True)
class RiskLimits:
    """What may be risked, in dollars; prices and times are for what opens or enlarges.

    `max_order_cost` is before fees; `max_book_age`, in seconds, holds for every order.
    """

    max_order_cost: Dollars = Decimal(100)
    max_market_exposure: Dollars = Decimal(200)
    max_event_exposure: Dollars = Decimal(400)
    max_total_exposure: Dollars = Decimal(2500)
    daily_loss_stop: Dollars = Decimal(200)
    max_positions: int = 20
    min_price: Dollars = Decimal("0.05")
    max_price: Dollars = Decimal("0.95")
    min_seconds_to_close: int = 60
    max_book_age: float = 60.0


@dataclass(frozen=True, slots=True)
class Shown:
    """What an order would trade in: the market, and its book as seen at `seen_at` (seconds UTC)."""

    market: Market
    book: OrderBook
    seen_at: float


@dataclass(frozen=True, slots=True)
class Account:
    """Whose order it is: portfolio, profit or loss of the day, events by ticker of market.

    A market of an unknown event counts as one of the order's event: ignorance widens no limit.
    """

    portfolio: Portfolio
    daily_pnl: Dollars
    events: Mapping[str, str]


def review(order: Order, shown: Shown, account: Account, limits: RiskLimits) -> Approved | Refused:
    """The order with its passage, or the first reason why it has none.

    Raises ValueError if the order is for another market than the one shown.
    """
    if order.ticker != shown.market.ticker:
        raise ValueError(f"an order for {order.ticker} was shown {shown.market.ticker}")
    fees = shown.market.fees
    if fees is None or not fees.is_known:
        charged = "not told yet" if fees is None else f"'{fees.kind}' times {fees.multiplier}"
        return Refused(order, f"the fees of {order.ticker} are not known: {charged}")
    case = _Case(order, shown, account, limits, fees)
    # An odd size has to be refused before anything is counted with it.
    reason = _first(_FOR_ALL, case) or (_first(_FOR_ENTRIES, case) if case.opened else None)
    if reason:
        return Refused(order, reason)
    return Approved(order, shown.book, fees, shown.seen_at, _SEAL)


@dataclass(frozen=True, slots=True)
class _Case:
    order: Order
    shown: Shown
    account: Account
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


def _first(checks: Iterable["_Check"], case: _Case) -> str | None:
    return next(filter(None, (check(case) for check in checks)), None)


def _not_open(case: _Case) -> str | None:
    market, at = case.shown.market, case.order.at
    if market.is_open(at):
        return None
    return (
        f"{market.ticker} is not open at {at:%Y-%m-%d %H:%M:%S}: {market.status}, "
        f"trading {market.open_time:%Y-%m-%d %H:%M} to {market.close_time:%Y-%m-%d %H:%M}"
    )


def _off_grid(case: _Case) -> str | None:
    if case.shown.market.grid.allows(case.order.limit):
        return None
    return f"{case.order.limit} is not a price that {case.order.ticker} trades at"


def _odd_size(case: _Case) -> str | None:
    size = case.order.size
    if size.is_finite() and size > 0 and size % CONTRACT_STEP == 0:
        return None
    return f"a size of {size} is not a positive multiple of {CONTRACT_STEP} contracts"


def _old_book(case: _Case) -> str | None:
    age = case.order.at.timestamp() - case.shown.seen_at
    if age <= case.limits.max_book_age:
        return None
    return f"the book is {age:.0f} s old, more than {case.limits.max_book_age:.0f} s"


def _losing_day(case: _Case) -> str | None:
    lost, stop = -case.account.daily_pnl, case.limits.daily_loss_stop
    if lost < stop:
        return None
    return f"{_dollars(lost)} lost since 00:00 UTC; entries stop at {_dollars(stop)}"


def _closing_soon(case: _Case) -> str | None:
    left = (case.shown.market.close_time - case.order.at).total_seconds()
    if left >= case.limits.min_seconds_to_close:
        return None
    return f"closes in {left:.0f} s, less than {case.limits.min_seconds_to_close} s"


def _extreme_price(case: _Case) -> str | None:
    # An order can trade anywhere between the best price it meets and its limit.
    low, high = case.limits.min_price, case.limits.max_price
    best = [level.price for level in case.shown.book.against(case.order.side)[:1]]
    outside = [price for price in (case.order.limit, *best) if not low <= price <= high]
    return f"could trade at {outside[0]}, outside {low} to {high}" if outside else None


def _too_many(case: _Case) -> str | None:
    held = case.account.portfolio.positions
    if case.order.ticker in held or len(held) < case.limits.max_positions:
        return None
    return f"{len(held)} positions are open, {case.limits.max_positions} are allowed"


def _costly(case: _Case) -> str | None:
    return _above("the order can cost", case.cost, case.limits.max_order_cost)


def _market_exposure(case: _Case) -> str | None:
    limit = case.limits.max_market_exposure
    return _above("exposure to the market would be", case.market_exposure, limit)


def _event_exposure(case: _Case) -> str | None:
    event, events = case.shown.market.event_ticker, case.account.events
    positions = case.account.portfolio.positions
    exposure = case.exposure_with(t for t in positions if events.get(t, event) == event)
    return _above(f"exposure to {event} would be", exposure, case.limits.max_event_exposure)


def _total_exposure(case: _Case) -> str | None:
    exposure = case.exposure_with(case.account.portfolio.positions)
    return _above("exposure in all would be", exposure, case.limits.max_total_exposure)


def _too_poor(case: _Case) -> str | None:
    # What an order closes pays its own fee; what it opens is paid from the cash there is.
    fills = len(case.shown.book.against(case.order.side))
    fee = case.fees.most(case.opened, case.order.limit, fills)
    return _above("cost with fees can be", case.cost + fee, case.account.portfolio.cash, "cash")


def _above(what: str, amount: Dollars, limit: Dollars, name: str = "limit") -> str | None:
    return f"{what} {_dollars(amount)}, {name} {_dollars(limit)}" if amount > limit else None


def _dollars(amount: Dollars) -> str:
    return f"${amount.normalize():f}"


_Check = Callable[[_Case], str | None]
_FOR_ALL: Final[tuple[_Check, ...]] = (_not_open, _off_grid, _odd_size, _old_book)
_FOR_ENTRIES: Final[tuple[_Check, ...]] = (
    *(_losing_day, _closing_soon, _extreme_price, _too_many, _costly),
    *(_market_exposure, _event_exposure, _total_exposure, _too_poor),
)
