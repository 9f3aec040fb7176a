"""Every frame of the stream, in a session that provokes all of them."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.sim.stream.channels import CHANNELS
from bot.sim.stream.terms import StreamLimits, StreamTerms
from tests.support.asyncapi import PAYLOADS, complaints, needs_spec
from tests.support.sim_exchanges import buy, sell
from tests.support.sim_served import BUSY, COMBO, FINE, HALTED, UNOPENED, exchange_with_a_past
from tests.support.sim_streaming import Streamed, peer

Json = dict[str, Any]


async def session() -> list[Json]:
    """All kinds of frames, as one account hears them."""
    place = Streamed(exchange_with_a_past(), "bob")
    place.app.state.stream.terms = StreamTerms(StreamLimits(buffer=60))
    exchange = place.exchange
    ann, bob = (exchange.state.accounts[name] for name in ("ann", "bob"))
    async with peer(place) as client:
        every = [BUSY, FINE, HALTED, UNOPENED, "KXNONE"]
        await client.say("subscribe", channels=[*CHANNELS], market_tickers=every)
        await client.say(
            "subscribe", channels=["ticker"], market_tickers=[COMBO], send_initial_snapshot=True
        )
        await client.say("update_subscription", sid=1, action="get_snapshot", market_ticker=BUSY)
        await client.say("update_subscription", sid=1, action="delete_markets", market_ticker=FINE)
        await client.say("nope")
        await client.say("update_subscription", sid=1, action="dance")
        await client.rest()
        expiration = exchange.now + timedelta(hours=1)
        order = buy(exchange, bob, 3, 45, ticker=BUSY, client_order_id="é", expiration=expiration)
        exchange.cancel(bob, order.order_id)
        sell(exchange, ann, 3.5, 41, ticker=BUSY)
        exchange.activate(HALTED)
        exchange.set_close_time(BUSY, exchange.now)
        exchange.determine(BUSY, "scalar", 3_700)
        exchange.advance(exchange.now + timedelta(minutes=5))
        exchange.add_event(exchange.state.events["KXBTC-1"])
        exchange.set_close_time(COMBO, exchange.now)
        for ticker in (COMBO, FINE):
            exchange.add_market(replace(exchange.market(ticker).spec, ticker=f"{ticker}-NEXT"))
        await client.rest()
        for cents in range(1, 99):
            exchange.cancel(bob, buy(exchange, bob, 1, cents, ticker=HALTED).order_id)
        await client.rest()
        await client.say("list_subscriptions")
        await client.say("unsubscribe", sids=[2, 3])
        await client.rest()
        return client.seen


@needs_spec
async def test_every_frame_is_as_the_official_document_has_it():
    frames = await session()

    assert {frame["type"] for frame in frames} == PAYLOADS.keys()
    assert [why for frame in frames for why in complaints(frame)] == []


@needs_spec
@pytest.mark.parametrize(
    "spoiled",
    [
        {"type": "trade", "sid": 1, "seq": 1, "msg": {}},
        {"type": "ok", "id": 1, "sid": 0},
        {"type": "subscribed", "msg": {"channel": "trade", "sid": 1}, "more": 1},
    ],
)
def test_the_comparison_with_the_document_finds_fault(spoiled):
    assert complaints(spoiled)


#: What a client may count on in each type of frame, and in its message.
CONTRACT = {
    "subscribed": ({"id", "msg"}, {"channel", "sid"}),
    "unsubscribed": ({"id", "sid", "seq"}, set()),
    "ok": ({"id"}, set()),
    "error": ({"msg"}, {"code", "msg"}),
    "orderbook_snapshot": ({"sid", "seq"}, {"market_ticker", "market_id", "clock"}),
    "orderbook_delta": (
        {"sid", "seq"},
        {"market_ticker", "market_id", "clock", "price_dollars", "delta_fp", "side", "ts_ms"},
    ),
    "trade": (
        {"sid", "seq"},
        {"trade_id", "market_ticker", "yes_price_dollars", "count_fp", "taker_book_side", "ts_ms"},
    ),
    "ticker": (
        {"sid"},
        {"market_ticker", "price_dollars", "yes_bid_dollars", "yes_ask_dollars", "ts_ms"},
    ),
    "fill": (
        {"sid"},
        {"trade_id", "order_id", "market_ticker", "book_side", "count_fp", "fee_cost", "ts_ms"},
    ),
    "user_order": (
        {"sid"},
        {"order_id", "ticker", "status", "book_side", "remaining_count_fp", "created_ts_ms"},
    ),
    "market_position": ({"sid"}, {"market_ticker", "position_fp", "fees_paid_dollars"}),
    "market_lifecycle_v2": ({"sid", "seq"}, {"market_ticker", "event_type"}),
    "multivariate_market_lifecycle": ({"sid", "seq"}, {"market_ticker", "event_type"}),
    "event_lifecycle": ({"sid", "seq"}, {"event_ticker", "series_ticker"}),
}
UNSEQUENCED = {"ticker", "fill", "user_order", "market_position", "subscribed"}


async def test_every_frame_has_what_a_client_counts_on():
    frames = await session()

    assert {frame["type"] for frame in frames} == CONTRACT.keys()
    for frame in frames:
        outside, inside = CONTRACT[frame["type"]]
        assert outside | {"sending_ts_ms"} <= frame.keys(), frame
        assert inside <= (frame["msg"].keys() if inside else set()), frame
        assert ("seq" in frame) <= (frame["type"] not in UNSEQUENCED), frame


async def test_prices_and_counts_are_text_and_times_are_numbers():
    for frame in await session():
        message = frame.get("msg", {})
        for name in message if isinstance(message, dict) else ():
            if name.endswith(("_dollars", "_fp", "fee_cost")):
                assert isinstance(message[name], str | list), frame
            elif name.endswith(("_ts", "ts_ms")):
                assert isinstance(message[name], int), frame
