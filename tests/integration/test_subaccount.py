"""A bot on a subaccount, and others on the accounts beside it: each sees its own."""

import json
from decimal import Decimal

import pytest

from bot.core.market.market import Side
from bot.core.market.orders import Execution
from bot.core.risk.review import Approved
from bot.kalshi.trading.account_record import AccountRecords
from bot.kalshi.trading.requests import KalshiTrading
from bot.ports.exchange import ExchangeError
from bot.sim.engine.units import DOLLAR
from tests.support.kalshi_stand import BOOK, TICKER, Stand, buying, stand, venue_on
from tests.support.sim_exchanges import request
from tests.support.strategies import NOON, approved


def opened_beside(live: Stand) -> KalshiTrading:
    """The first subaccount of the member, with 200 dollars of the primary one."""
    beside = live.exchange.open_subaccount(live.ann)
    live.exchange.move(live.ann, beside, 0, 200 * DOLLAR)
    return KalshiTrading(live.calls, live.calls, beside.number)


def wish(name: str) -> Approved:
    return approved(buying(name=name), BOOK)


async def test_orders_positions_cash_and_groups_are_those_of_the_subaccount_alone():
    async with stand() as live:
        trading = opened_beside(live)
        venue = venue_on(trading, live.clock)
        await venue.open_term(None)
        # The other hand on the primary account: neither its order nor its position is seen.
        live.exchange.place(live.ann, request(Side.BUY, 7, 50, ticker=TICKER))

        sent = await venue.submit(wish("c-sub"))
        account = await venue.account()

        assert isinstance(sent, Execution)
        assert sent.filled == 20
        assert account.positions == {TICKER: Decimal(20)}
        spent = sum(fill.size * fill.price + fill.fee for fill in sent.fills)
        assert account.cash == 200 - spent
        assert account.rivals == ()
        beside = live.ann.subaccounts[1]
        assert {group.account for group in live.exchange.groups.of(beside)} == {beside.name}
        assert len(live.exchange.groups.of(live.ann)) == len(live.exchange.groups.of(beside))
        assert live.ann.position(TICKER) == 700


async def test_the_primary_account_does_not_take_the_fills_of_a_subaccount_for_its_own():
    async with stand() as live:
        trading = opened_beside(live)
        venue = venue_on(trading, live.clock)
        await venue.open_term(None)
        await venue.submit(wish("c-sub"))

        primary = await AccountRecords(live.trading).record(NOON)
        beside = await AccountRecords(trading).record(NOON)

        assert primary.fills == []
        assert primary.now.positions == {}
        assert {one.fill.ticker for one in beside.fills} == {TICKER}
        assert sum(one.fill.size for one in beside.fills) == 20


async def test_an_order_in_doubt_is_found_on_its_subaccount():
    async with stand() as live:
        trading = opened_beside(live)
        venue = venue_on(trading, live.clock)
        await venue.open_term(None)
        live.fail(kind="cut_after", route="POST /portfolio/events/orders", count=1)

        found = await venue.submit(wish("c-sub"))

        assert isinstance(found, Execution)
        assert found.filled == 20


async def test_cash_moved_between_accounts_is_known_to_both():
    async with stand() as live:
        live.exchange.open_subaccount(live.ann)
        body = {"client_transfer_id": "t-1", "from_subaccount": 0, "to_subaccount": 1}
        sent = await live.calls._answer(
            "POST",
            "/portfolio/subaccounts/transfer",
            (),
            json.dumps({**body, "amount_cents": 2_550}).encode(),
        )

        assert sent.status_code == 200, sent.text
        beside = KalshiTrading(live.calls, live.calls, 1)
        here = (await live.trading.movements()).movements
        ours = [one.amount for one in here if "transfer" in one.name]
        theirs = [one.amount for one in (await beside.movements()).movements]
        assert (ours, theirs) == ([Decimal("-25.50")], [Decimal("25.50")])
        assert await beside.cash() == Decimal("25.50")


async def test_a_subaccount_that_nobody_opened_begins_no_term():
    async with stand(opened=False) as live:
        venue = venue_on(KalshiTrading(live.calls, live.calls, 9), live.clock)

        with pytest.raises(ExchangeError, match="subaccount 9 does not exist"):
            await venue.open_term(None)
