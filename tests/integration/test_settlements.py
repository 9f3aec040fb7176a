"""What a market paid, from whatever the exchange still has of it, to the last digit."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from bot.core.account.portfolio import Portfolio
from bot.core.account.reconcile import Settlement
from bot.ports.exchange import ExchangeError
from bot.sim.engine.units import money_dollars, ticks
from tests.support.kalshi_stand import TICKER, Stand, buying, stand

SIZE = "5.03"


async def held(live: Stand) -> Portfolio:
    """An account that bought some, all of it known."""
    cash = money_dollars(sum(live.ann.cash.values()))
    execution = await live.trade(buying(SIZE))
    portfolio = Portfolio.of_cash(cash)
    for fill in execution.fills:
        portfolio = portfolio.after(fill)
    return portfolio


def settle(live: Stand, result: str, value: int | None = None, *, days: float = 0.1) -> None:
    live.exchange.set_close_time(TICKER, live.clock.now() + timedelta(seconds=1))
    live.clock.pass_by(2)
    live.exchange.advance(live.clock.now())
    live.exchange.determine(TICKER, result, value)
    live.clock.pass_by(days * 86_400)
    live.exchange.advance(live.clock.now())


async def test_a_scalar_market_pays_to_the_last_digit():
    async with stand() as live:
        portfolio = await held(live)
        settle(live, "scalar", ticks(Decimal("0.3333")))

        paid = await live.trading.settlement(TICKER)

        assert paid == Settlement(Decimal(SIZE), Decimal("0.3333"))
        cash = money_dollars(sum(live.ann.cash.values()))
        assert portfolio.settle(TICKER, paid.payout).cash == cash


@pytest.mark.parametrize(("result", "payout"), [("yes", 1), ("no", 0)])
async def test_what_only_archived_positions_know_is_paid(result, payout):
    async with stand() as live:
        portfolio = await held(live)
        settle(live, result, days=30)
        live.ann.settlements.clear()

        assert await live.trading.settlement(TICKER) is None
        found = await live.trading.archived_payout(portfolio.positions[TICKER])

        assert found == payout


async def test_an_archived_position_that_no_result_explains_pays_nothing():
    async with stand() as live:
        portfolio = await held(live)
        settle(live, "yes", days=30)
        live.ann.positions[TICKER].realised += 1_000_000

        with pytest.raises(ExchangeError, match="which no result explains"):
            await live.trading.archived_payout(portfolio.positions[TICKER])


async def test_a_position_that_is_not_archived_tells_nothing():
    async with stand() as live:
        portfolio = await held(live)

        assert await live.trading.archived_payout(portfolio.positions[TICKER]) is None


async def test_a_settlement_that_paid_something_else_is_not_believed():
    async with stand() as live:
        await held(live)
        settle(live, "yes")
        live.ann.settlements[-1] = replace(live.ann.settlements[-1], revenue=3_000_000)

        with pytest.raises(ExchangeError, match="says 300 cents, and at"):
            await live.trading.settlement(TICKER)
