"""Fees that change at a moment announced before: the exchange charges them, the bot knows them."""

from datetime import timedelta
from decimal import Decimal

from bot.core.market.fees import FeeKind
from bot.core.market.market import Side
from bot.kalshi.client import KalshiClient
from bot.market_data.universe import Universe
from bot.sim.engine.units import money_dollars
from tests.support.kalshi_stand import TICKER, stand
from tests.support.sim_exchanges import request

SOON = timedelta(minutes=3)


async def test_a_market_bears_its_new_fees_from_the_moment_the_exchange_charges_them():
    async with stand() as live:
        client = KalshiClient(live.calls._http, live.calls._budget, live.clock)
        universe = Universe(client, live.clock, 2)
        live.exchange.schedule_fees(
            "SA", live.clock.now() + SOON, FeeKind.WITH_MAKER_FEES, Decimal(2)
        )
        await universe.scan()
        await universe.refresh()
        await universe.learn()
        before = universe.watched()[TICKER].fees

        live.clock.pass_by(SOON.total_seconds())
        await universe.refresh()

        after = universe.watched()[TICKER].fees
        assert before is not None
        assert after is not None
        assert (before.multiplier, before.kind) == (Decimal(1), FeeKind.QUADRATIC)
        assert (after.multiplier, after.kind) == (Decimal(2), FeeKind.WITH_MAKER_FEES)
        live.exchange.advance(live.clock.now())
        live.exchange.place(live.ann, request(Side.BUY, 10, 50, ticker=TICKER))
        charged = sum(money_dollars(fill.fee) for fill in live.ann.fills)
        assert charged == Decimal("0.35"), "0.07 × 2 × 10 × 0.5 × 0.5"


async def test_an_override_of_an_event_is_announced_and_ends_again():
    async with stand() as live:
        client = KalshiClient(live.calls._http, live.calls._budget, live.clock)
        start = live.clock.now()
        live.exchange.schedule_fees("EA", start + SOON, None, Decimal(0))
        live.exchange.schedule_fees("EA", start + 2 * SOON, None, None)

        (terms,) = (await client.terms(["EA"])).values()

        at = [terms.fees_at(start + SOON * step).multiplier for step in range(3)]
        assert at == [1, 0, 1]
        live.clock.pass_by(SOON.total_seconds())
        live.exchange.advance(live.clock.now())
        assert live.exchange.market(TICKER).fees.multiplier == 0
