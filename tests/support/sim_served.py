"""An exchange with a past, served in-process."""

from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import httpx

from bot.sim.engine.exchange import Exchange
from bot.sim.engine.specs import ComboLeg, EventSpec, SeriesSpec, grid_of
from bot.sim.rest.server import PREFIX, create_exchange_app
from tests.support.sim_exchanges import CLOSE, START, buy, exchange_with, market_spec, member, sell

SETTLED, CLOSED, HALTED, UNOPENED = "KXRAIN-OLD", "KXRAIN-CLOSED", "KXRAIN-HALT", "KXRAIN-NEW"
BUSY, COMBO, FINE = "KXRAIN-BUSY", "KXMVE-COMBO", "KXBTC-FINE"
TAPERED = grid_of(("0", "0.1", "0.001"), ("0.1", "0.9", "0.01"), ("0.9", "1", "0.001"))


class StillDriver:
    """Lets nothing happen; counts how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0

    def catch_up(self) -> None:
        self.asked += 1


@dataclass
class FixedClock:
    """A clock that stands where it is put."""

    at: Any = START

    def now(self):
        return self.at


def exchange_with_a_past() -> Exchange:
    """Markets in every state; a busy one with trades over two days and orders on both sides."""
    exchange = exchange_with(BUSY, HALTED)
    exchange.add_market(
        market_spec(UNOPENED, open_time=CLOSE, close_time=CLOSE + timedelta(days=2))
    )
    for ticker, hours in ((SETTLED, 1), (CLOSED, 2)):
        exchange.add_market(market_spec(ticker, close_time=START + timedelta(hours=hours)))
    _add_elsewhere(exchange)
    ann, bob = member(exchange, "ann"), member(exchange, "bob")
    for ticker in (SETTLED, CLOSED, BUSY):
        sell(exchange, ann, 20, 60, ticker=ticker)
        buy(exchange, bob, 5, 60, ticker=ticker)
    exchange.advance(START + timedelta(hours=1, minutes=10))
    exchange.determine(SETTLED, "yes")
    exchange.advance(START + timedelta(hours=3))
    exchange.deactivate(HALTED)
    for minute, cents in enumerate((61, 62, 60)):
        exchange.advance(START + timedelta(hours=3, minutes=minute))
        buy(exchange, bob, 1.25, cents, ticker=BUSY)
    buy(exchange, bob, 10, 40, ticker=BUSY)
    buy(exchange, bob, 10.5, 41, ticker=BUSY)
    return exchange


def _add_elsewhere(exchange: Exchange) -> None:
    exchange.add_series(SeriesSpec("KXMVE", "Combos", "Sports", exchange_index=1))
    exchange.add_event(EventSpec("KXMVE-1", "KXMVE", "A combo"))
    leg = ComboLeg("KXRAIN-26NOV23", BUSY, "yes")
    combo = market_spec(COMBO, mve_collection_ticker="KXMVE-C", mve_legs=(leg,))
    exchange.add_market(replace(combo, event_ticker="KXMVE-1"))
    exchange.add_series(SeriesSpec("KXBTC", "Bitcoin", "Crypto", tags=("BTC",), exchange_index=2))
    exchange.add_event(
        EventSpec(
            "KXBTC-1",
            "KXBTC",
            "Bitcoin at noon",
            mutually_exclusive=True,
            strike_date=CLOSE,
            fee_multiplier_override=Decimal("0.5"),
        )
    )
    fine = market_spec(
        FINE,
        grid=TAPERED,
        price_level_structure="tapered_deci_cent",
        strike_type="greater",
        floor_strike=100_000.5,
        occurrence_time=CLOSE,
        expected_expiration_time=CLOSE,
    )
    exchange.add_market(replace(fine, event_ticker="KXBTC-1"))


def client(exchange: Exchange, driver: StillDriver | None = None, **options) -> httpx.AsyncClient:
    """A client of the exchange; paths are below the prefix."""
    clock = options.pop("clock", FixedClock())
    app = create_exchange_app(exchange, driver or StillDriver(), clock, **options)
    transport = httpx.ASGITransport(app, raise_app_exceptions=True)
    return httpx.AsyncClient(transport=transport, base_url=f"http://sim{PREFIX}")
