"""A small exchange to play with: one series, one event, some markets open for a day."""

from datetime import UTC, datetime, timedelta
from typing import Any

from bot.core.market.market import Side
from bot.sim.engine.accounts import MemberAccount
from bot.sim.engine.events import SimEvent
from bot.sim.engine.exchange import Exchange
from bot.sim.engine.orders import OrderRequest
from bot.sim.engine.specs import EventSpec, MarketSpec, SeriesSpec
from bot.sim.engine.trading import Placed
from bot.sim.engine.units import CENT, CONTRACT, DOLLAR

START = datetime(2026, 11, 23, 12, tzinfo=UTC)
CLOSE = START + timedelta(days=1)
MARKET = "KXRAIN-26NOV23-NYC"


def exchange_with(*tickers, seed=1, **series) -> Exchange:
    exchange = Exchange(seed, START)
    exchange.add_series(SeriesSpec("KXRAIN", "Rain", "Climate", **series))
    exchange.add_event(EventSpec("KXRAIN-26NOV23", "KXRAIN", "Rain on Nov 23"))
    for ticker in tickers or (MARKET,):
        exchange.add_market(market_spec(ticker))
    return exchange


def market_spec(ticker=MARKET, **changes) -> MarketSpec:
    terms = {"open_time": START, "close_time": CLOSE, "settlement_timer_seconds": 60}
    return MarketSpec(ticker, "KXRAIN-26NOV23", "Will it rain?", **{**terms, **changes})


def member(
    exchange: Exchange, name: str = "ann", dollars: int = 1_000, shard: int = 0
) -> MemberAccount:
    return exchange.open_account(name, {shard: dollars * DOLLAR})


def request(side=Side.BUY, contracts=10, cents=50, **terms) -> OrderRequest:
    terms = {"ticker": MARKET, **terms}
    return OrderRequest(
        side=side, size=round(contracts * CONTRACT), price=round(cents * CENT), **terms
    )


def buy(
    exchange: Exchange, account: MemberAccount, contracts: float, cents: float, **terms: Any
) -> Placed:
    return exchange.place(account, request(Side.BUY, contracts, cents, **terms))


def sell(
    exchange: Exchange, account: MemberAccount, contracts: float, cents: float, **terms: Any
) -> Placed:
    return exchange.place(account, request(Side.SELL, contracts, cents, **terms))


def recorded(exchange) -> list[SimEvent]:
    events: list[SimEvent] = []
    exchange.subscribe(events.append)
    return events
