"""A public client of the real exchange, written by others, against the simulated one over TCP."""

import asyncio
import socket
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
import uvicorn

from bot.clock import SystemClock
from bot.sim.rest.auth import KeyRing
from bot.sim.rest.keys import made_key
from bot.sim.rest.server import PREFIX, create_exchange_app
from tests.support.sim_exchanges import CLOSE, MARKET, exchange_with, member, sell
from tests.support.sim_served import StillDriver

pykalshi: Any = pytest.importorskip("pykalshi", reason="the public client is not installed")


@asynccontextmanager
async def served(exchange, keys):
    app = create_exchange_app(exchange, StillDriver(), SystemClock(), keys)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
        async with asyncio.TaskGroup() as group:
            group.create_task(server.serve([listening]), name="simulated exchange")
            yield f"http://127.0.0.1:{listening.getsockname()[1]}{PREFIX}"
            server.should_exit = True


async def test_a_public_client_lists_trades_amends_cancels_and_is_paid(tmp_path):
    exchange = exchange_with()
    bob = member(exchange, "bob")
    member(exchange, "ann")
    sell(exchange, bob, 4, 37)
    key, pem = made_key("ann")
    (tmp_path / "key.pem").write_text(pem)

    async with served(exchange, KeyRing({key.key_id: key})) as url:
        client = pykalshi.KalshiClient(
            key.key_id, str(tmp_path / "key.pem"), api_base=url, max_retries=0
        )
        ask = asyncio.to_thread
        portfolio = client.portfolio

        (market,) = await ask(client.get_markets, fetch_all=True)
        book = await ask(market.get_orderbook)
        order = await ask(
            portfolio.place_order,
            MARKET,
            book_side="bid",
            price_dollars="0.37",
            count_fp="10.00",
            client_order_id="first",
        )
        amended = await ask(portfolio.amend_order, order.order_id, count_fp="8.00")
        decreased = await ask(portfolio.decrease_order, order.order_id, "1.00")
        cancelled = await ask(portfolio.cancel_order, order.order_id)
        with pytest.raises(pykalshi.ResourceNotFoundError):
            await ask(portfolio.cancel_order, order.order_id)
        (fill,) = await ask(portfolio.get_fills)
        exchange.advance(CLOSE)
        exchange.determine(MARKET, "yes")
        exchange.advance(CLOSE + timedelta(minutes=2))
        (settlement,) = await ask(portfolio.get_settlements)
        balance = await ask(portfolio.get_balance)
        client.close()

    assert market.yes_ask_dollars == "0.3700"
    assert book.orderbook.no_dollars == [("0.6300", "4.00")]
    assert (order.fill_count_fp, order.remaining_count_fp) == ("4.00", "6.00")
    assert (amended.remaining_count_fp, decreased.remaining_count_fp) == ("4.00", "3.00")
    assert cancelled.order_id == order.order_id
    assert (fill.count_fp, fill.yes_price_dollars) == ("4.00", "0.3700")
    assert settlement.revenue == 400
    assert balance.balance == 100_245
