"""An account in which something of each kind has happened, for pages that show it."""

from datetime import datetime, timedelta
from decimal import Decimal

from bot.core.account.round_trips import RoundTrip
from bot.core.account.trade_stats import GroupedStats, Trade, TradeStats
from bot.core.market.market import Side
from bot.core.market.orders import Aim, Life
from bot.ports.account_history import ClosedTrade, OrderRecord, Page, Performance
from bot.ports.account_views import AccountTotals, AccountView, LimitView, PositionView
from tests.support.api_world import NOW, NoPast

TOTALS = AccountTotals(
    equity=10_012.5,
    cash=9_900.0,
    exposure=110.25,
    unrealized=2.5,
    realized=-11.26,
    fees=1.25,
    daily_pnl=-3.5,
    drawdown=4.0,
)


def position(ticker: str, mark: float | None) -> PositionView:
    """Ten contracts at 42 c; without a mark nothing is known of their worth."""
    worth = None if mark is None else mark / 10
    gain = None if worth is None else round(worth - 4.2, 2)
    return PositionView(
        ticker=ticker,
        title="Rain tomorrow?",
        event_ticker="KXRAIN",
        category="Weather",
        side="YES",
        size=10.0,
        entry_price=42.0,
        cost=4.2,
        mark_price=mark,
        value=worth,
        stale=mark is None,
        stale_reason=None if mark else "no book",
        pnl_unrealized=gain,
        fees=0.2,
        pnl=None if gain is None else round(gain - 0.2, 2),
        opened_at=(NOW - timedelta(minutes=5)).isoformat(),
        closes_at=None,
        status="active",
        score=0.61,
        hold_reason="score 0.61, a long ends at 0.55 or below",
    )


_LIMITS = (
    LimitView(
        rule="daily_loss_stop",
        setting="RISK_DAILY_LOSS_STOP",
        unit="dollars",
        limit=200.0,
        value=3.5,
        use=0.0175,
        of=None,
        reason=None,
    ),
)

ACCOUNT = AccountView(
    at=NOW.isoformat(),
    totals=TOTALS,
    positions=(position("KXRAIN-26JAN19", 45.0), position("KXSNOW-26JAN19", None)),
    limits=_LIMITS,
    entries_stopped=None,
)


def settled(ticker: str, at: datetime, gross: Decimal = Decimal(6)) -> ClosedTrade:
    """A round trip of a minute that ended by settlement."""
    trip = RoundTrip(
        side=Side.BUY,
        opened_at=at - timedelta(minutes=1),
        size=Decimal(10),
        entry_price=Decimal("0.40"),
        exit_price=Decimal("0.40") + gross / 10,
        gross=gross,
        fees=Decimal("0.17"),
    )
    return ClosedTrade(ticker, f"{ticker}?", None, None, trip, at, "settlement")


def trade(number: int) -> ClosedTrade:
    """A round trip that won or lost, by turns."""
    gross = Decimal(6) if number % 2 else Decimal("-4.5")
    return settled(f"KX{number}", NOW - timedelta(minutes=number), gross)


def _counted(one: ClosedTrade) -> Trade:
    trip = one.trip
    return Trade(
        closed_at=one.closed_at,
        opened_at=trip.opened_at,
        ticker=one.ticker,
        category=one.category,
        how=one.how,
        gross=trip.gross,
        fees=trip.fees,
    )


def order(number: int, status: str, error: str | None = None) -> OrderRecord:
    """An exit that rests, or what became of it."""
    return OrderRecord(
        client_order_id=f"o{number}",
        order_id=None,
        ticker=f"KX{number}",
        side=Side.SELL,
        aim=Aim.LEAVE,
        life=Life.REST,
        size=Decimal(10),
        limit=Decimal("0.41"),
        at=NOW,
        ended_at=None,
        status=status,
        error=error,
        fills=(),
    )


TRADES = tuple(trade(number) for number in range(3))


class HeldPast(NoPast):
    """Three trades, and two orders: one that rests, one that the exchange refused."""

    async def trades(self, wanted):
        return Page(TRADES, None)

    async def orders(self, wanted):
        return Page((order(1, "resting"), order(2, "error", "insufficient balance")), None)

    async def performance(self, by, since, until):
        total = TradeStats()
        for one in TRADES:
            total.add(_counted(one))
        return Performance(GroupedStats(total, {}), is_complete=True)
