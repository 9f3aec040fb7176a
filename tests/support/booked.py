"""An account with a past in a database."""

import itertools
from datetime import timedelta
from decimal import Decimal

from bot.core.events import PnlMarked
from bot.core.market.market import MarketStatus
from bot.core.market.orders import Execution, Fill, Order, OrderStatus
from bot.ports.account_history import Wanted
from bot.trading.account import TradingAccount
from tests.support.store_values import BOOK, CASH
from tests.support.strategies import NOON, open_market

MINUTE = timedelta(minutes=1)


def executed(number, ticker, side, size, price):
    """An order that was filled at once, a minute after the one before."""
    at = NOON + number * MINUTE
    name = f"c-{number:03}"
    wish = Order(name, ticker, side, Decimal(size), Decimal(price), at)
    fee = Decimal("0.07")
    fill = Fill(f"f-{name}", name, ticker, side, wish.size, wish.limit, fee, at)
    return Execution(wish, f"o-{number}", OrderStatus.FILLED, (fill,))


class Booked:
    """An account of which every pass is kept, a minute apart."""

    def __init__(self, led):
        self.led = led
        self.account = TradingAccount(CASH)
        self.numbers = itertools.count(1)
        self.past = led.database.account_history(BOOK)

    async def trade(self, ticker, side, size, price, cause=None):
        done = executed(next(self.numbers), ticker, side, size, price)
        self.account.belongs(open_market(ticker, event_ticker=f"E-{ticker}"), cause)
        await self.led.store.intend(done.order)
        await self.led.commit(*self.account.book(done.order.at, done, None))

    async def settle(self, ticker, payout):
        market = open_market(ticker, event_ticker=f"E-{ticker}", **PAID[payout])
        at = NOON + next(self.numbers) * MINUTE
        await self.led.commit(*self.account.settle(at, {ticker: market}))

    async def trades(self, limit=500, **wanted):
        return (await self.past.trades(Wanted(limit, **wanted))).rows


PAID = {
    payout: {
        "status": MarketStatus.FINALIZED,
        "result": result,
        "settlement_value": Decimal(payout),
    }
    for payout, result in (("0", "no"), ("1", "yes"))
}


def marked(at, equity, *, ticker=None, assumed=False):
    return PnlMarked(
        at=at,
        ticker=ticker,
        unrealised=Decimal("-1.5"),
        realised=Decimal("0.25"),
        cash=Decimal(equity) - 48,
        position=Decimal(1),
        exposure=Decimal("49.5"),
        fees=Decimal("0.07"),
        assumed=assumed,
    )
