"""Hypothesis strategies and plain examples shared by all tests.

Prices are YES dollars on the finest grid Kalshi has (0.0001), sizes are multiples of 0.01.
"""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from bot.core.account.portfolio import Portfolio
from bot.core.market.fees import FeeKind, FeeSchedule
from bot.core.market.market import CENT_GRID, Market, MarketStatus, PriceGrid, PriceRange, Side
from bot.core.market.orderbook import Level, OrderBook
from bot.core.market.orders import Aim, Fill, Order
from bot.core.risk.checks import AccountRisk, Shown
from bot.core.risk.limits import RiskLimits
from bot.core.risk.review import Approved, review

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
SEEN_AT = NOON.timestamp()
TAKER = FeeSchedule(FeeKind.QUADRATIC, Decimal(1))
#: So wide that only the rules for every order are left.
NO_LIMITS = RiskLimits(
    max_order_cost=Decimal(10**9),
    max_market_exposure=Decimal(10**9),
    max_event_exposure=Decimal(10**9),
    max_total_exposure=Decimal(10**9),
    daily_loss_stop=Decimal(10**9),
    max_positions=10**9,
    min_price=Decimal(0),
    max_price=Decimal(1),
    min_seconds_to_close=0,
)
#: Every price of four digits, and 0.1 c steps outside 10 to 90 c as Kalshi's tapered markets.
FINE_GRID = PriceGrid((PriceRange(Decimal(0), Decimal(1), Decimal("0.0001")),))
TAPERED_GRID = PriceGrid(
    (
        PriceRange(Decimal(0), Decimal("0.1"), Decimal("0.001")),
        PriceRange(Decimal("0.1"), Decimal("0.9"), Decimal("0.01")),
        PriceRange(Decimal("0.9"), Decimal(1), Decimal("0.001")),
    )
)


def scaled(low: int, high: int, digits: int) -> st.SearchStrategy[Decimal]:
    """Decimals with so many digits behind the point, from low to high in their last digit."""
    return st.integers(low, high).map(lambda units: Decimal(units).scaleb(-digits))


prices = scaled(1, 9_999, 4)
cent_prices = scaled(1, 99, 2)
sizes = scaled(1, 5_000_000, 2)
whole_sizes = st.integers(1, 5_000).map(Decimal)
payouts = st.sampled_from([Decimal(0), Decimal(1)]) | scaled(0, 10_000, 4)
sides = st.sampled_from(Side)
one_ticker = st.just("A")
paid_fees = scaled(0, 50_000, 4)
grids = st.sampled_from([CENT_GRID, FINE_GRID, TAPERED_GRID])
schedules = st.builds(
    FeeSchedule,
    st.sampled_from([kind for kind in FeeKind if kind not in {FeeKind.FLAT, FeeKind.UNKNOWN}]),
    st.sampled_from([Decimal(0), Decimal("0.5"), Decimal(1), Decimal(2)]),
)


@st.composite
def books(
    draw: st.DrawFn,
    *,
    price: st.SearchStrategy[Decimal] = prices,
    size: st.SearchStrategy[Decimal] = sizes,
    max_levels: int = 12,
) -> OrderBook:
    """Sound books of any shape: two-sided, one-sided, empty."""
    ladder = sorted(draw(st.lists(price, unique=True, max_size=max_levels)))
    levels = [Level(p, draw(size)) for p in ladder]
    cut = draw(st.integers(0, len(levels)))
    return OrderBook(tuple(reversed(levels[:cut])), tuple(levels[cut:]))


def two_sided_books(**kinds: Any) -> st.SearchStrategy[OrderBook]:
    """Sound books with at least one bid and one ask."""
    return books(**kinds).filter(lambda book: bool(book.bids and book.asks))


@st.composite
def fills(
    draw: st.DrawFn,
    *,
    tickers: st.SearchStrategy[str] = one_ticker,
    size: st.SearchStrategy[Decimal] = sizes,
    fee: st.SearchStrategy[Decimal] = paid_fees,
) -> Fill:
    """Trades of any side, price, size and fee."""
    return fill(draw(sides), draw(size), draw(prices), fee=draw(fee), ticker=draw(tickers))


def trades(max_size: int = 12) -> st.SearchStrategy[list[Fill]]:
    """Fills of a few markets, small enough in size to close and turn each other often."""
    few = scaled(1, 400, 2)
    return st.lists(fills(tickers=st.sampled_from("ABC"), size=few), max_size=max_size)


def fill(
    side: Side,
    size: Decimal | str | int,
    price: Decimal | str,
    *,
    fee: Decimal | str | int = 0,
    ticker: str = "A",
    at: datetime = NOON,
) -> Fill:
    """One trade."""
    return Fill(
        fill_id="f-1",
        client_order_id="c-1",
        ticker=ticker,
        side=side,
        size=Decimal(size),
        price=Decimal(price),
        fee=Decimal(fee),
        at=at,
    )


def order(
    side: Side,
    size: Decimal | str | int,
    limit: Decimal | str,
    *,
    name: str = "c-1",
    ticker: str = "A",
    at: datetime = NOON,
    aim: Aim = Aim.ENTER,
) -> Order:
    """One wish to trade."""
    return Order(
        client_order_id=name,
        ticker=ticker,
        side=side,
        size=Decimal(size),
        limit=Decimal(limit),
        at=at,
        aim=aim,
    )


def ladder(*levels: tuple[str, int | str]) -> tuple[Level, ...]:
    """One side of a book from (price, size) pairs, best first."""
    return tuple(Level(Decimal(price), Decimal(size)) for price, size in levels)


def open_market(ticker: str = "A", **changes: Any) -> Market:
    """A market that trades from an hour before NOON to a day after, on the finest grid."""
    terms: dict[str, Any] = {
        "event_ticker": f"EVENT-{ticker}",
        "title": f"Will {ticker} happen?",
        "status": MarketStatus.ACTIVE,
        "grid": FINE_GRID,
        "open_time": NOON - timedelta(hours=1),
        "close_time": NOON + timedelta(days=1),
        "volume_24h": Decimal(1000),
        "open_interest": Decimal(100),
        "fees": TAKER,
    }
    return Market(ticker=ticker, **(terms | changes))


def rich_account(portfolio: Portfolio | None = None) -> AccountRisk:
    """An account that can pay for anything."""
    held = portfolio or Portfolio.of_cash(Decimal(10**9))
    return AccountRisk(held)


def approved(
    wish: Order,
    book: OrderBook,
    *,
    fees: FeeSchedule = TAKER,
    seen_at: float = SEEN_AT,
    portfolio: Portfolio | None = None,
) -> Approved:
    """The wish after a review that refuses only what is no order at all (an assertion then)."""
    shown = Shown(open_market(wish.ticker, fees=fees), book, seen_at)
    verdict = review(wish, shown, rich_account(portfolio), NO_LIMITS)
    assert isinstance(verdict, Approved), verdict
    return verdict
