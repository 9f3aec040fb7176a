"""The real client and universe against the simulated exchange, in-process."""

from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal

import httpx
import pytest

from bot.clock import RecordedClock
from bot.core.market.fees import FeeKind
from bot.kalshi.client import KalshiClient, open_http
from bot.kalshi.limits import TokenBudget
from bot.market_data.universe import Universe
from bot.sim.rest.server import create_exchange_app
from bot.sim.world.demo import demo_exchange
from tests.support.strategies import NOON


@pytest.fixture(scope="module")
def transport() -> httpx.ASGITransport:
    clock = RecordedClock(NOON)
    exchange, driver = demo_exchange(clock, seed=7)
    return httpx.ASGITransport(create_exchange_app(exchange, driver, clock))


@pytest.fixture
async def client(transport: httpx.ASGITransport) -> AsyncIterator[KalshiClient]:
    async with open_http("http://sim.invalid/trade-api/v2", transport) as http:
        yield KalshiClient(http, TokenBudget(lambda: 0.0, capacity=1_000.0), RecordedClock(NOON))


async def listed(client: KalshiClient) -> dict[str, float]:
    return {
        ticker: volume
        async for page in client.listing()
        for ticker, volume in zip(page.tickers, page.volume_24h.tolist(), strict=True)
    }


async def test_the_listing_has_open_markets_and_no_combos(client):
    volumes = await listed(client)
    markets = await client.markets(list(volumes))

    assert len(volumes) > 20
    assert set(markets) == set(volumes)
    assert all(market.is_open(NOON) and not market.is_combo for market in markets.values())
    assert {t: float(m.volume_24h) for t, m in markets.items()} == volumes


async def test_every_open_market_has_a_sound_book(client):
    tickers = list(await listed(client))
    answer = await client.books(tickers)

    assert not answer.missing
    assert answer.books.tickers == tuple(tickers)
    assert (answer.books.best_bid > 0).any()


async def test_a_market_that_does_not_exist_is_unknown(client):
    assert await client.markets(["KXNOTHING-1"]) == {}


async def test_the_terms_of_every_event_are_known(client):
    markets = await client.markets(list(await listed(client)))
    events = {market.event_ticker for market in markets.values()}
    terms = await client.terms(sorted(events))

    assert set(terms) == events
    assert all(each.fees.is_known and each.category for each in terms.values())
    assert FeeKind.QUADRATIC in {each.fees.kind for each in terms.values()}


async def test_the_latest_trades_are_newest_first_inside_the_prices(client):
    volumes = await listed(client)
    busiest = max(volumes, key=lambda ticker: volumes[ticker])
    trades = await client.trades(busiest)

    assert trades
    assert {trade.ticker for trade in trades} == {busiest}
    assert [t.at for t in trades] == sorted((t.at for t in trades), reverse=True)
    assert all(Decimal(0) < trade.price < 1 for trade in trades)


async def test_the_trades_of_all_markets_reach_back_to_the_moment_that_was_asked_for(client):
    since = NOON - timedelta(minutes=30)
    trades, are_all, _ = await client.recent_trades(since, pages=20)

    assert are_all
    assert len({trade.ticker for trade in trades}) > 5
    assert [t.at for t in trades] == sorted((t.at for t in trades), reverse=True)
    assert all(trade.at >= since for trade in trades)


async def test_the_exchange_says_that_it_is_up(client):
    assert (await client.exchange_status()).paused_shards == ()


async def test_the_universe_is_the_true_top_by_volume_with_its_fees(client):
    universe = Universe(client, RecordedClock(NOON), 10)
    await universe.scan()
    await universe.refresh()
    await universe.learn()

    volumes = await listed(client)
    top = sorted(volumes, key=lambda ticker: (-volumes[ticker], ticker))[:10]
    assert list(universe.watched()) == top
    assert all(market.fees is not None for market in universe.watched().values())
    assert universe.status.fault is None
