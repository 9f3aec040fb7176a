"""Accounts and books for reviews of risk."""

from decimal import Decimal

from bot.core.account.portfolio import Portfolio
from bot.core.market.orderbook import OrderBook
from bot.core.risk.checks import AccountRisk, Place, Shown
from tests.support.strategies import (
    SEEN_AT,
    ladder,
    open_market,
)

BOOK = OrderBook(bids=ladder(("0.48", 50), ("0.47", 500)), asks=ladder(("0.50", 50), ("0.51", 500)))


def shown_book(book=BOOK, seen_at=SEEN_AT, **terms) -> Shown:
    return Shown(open_market(**terms), book, seen_at)


def risk_account(*fills, cash=10_000, events=None, **more) -> AccountRisk:
    portfolio = Portfolio.of_cash(Decimal(cash))
    for trade in fills:
        portfolio = portfolio.after(trade)
    return AccountRisk(portfolio, _places(**(events or {})), **more)


def _places(**events) -> dict[str, Place]:
    return {ticker: Place(event, None) for ticker, event in events.items()}
