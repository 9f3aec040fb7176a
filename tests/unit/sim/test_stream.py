import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.core.market.market import Side
from bot.sim.engine.accounts import MemberAccount
from bot.sim.engine.units import DOLLAR
from bot.sim.stream.channels import CHANNELS, ERRORS
from bot.sim.stream.terms import PingSchedule, StreamLimits, StreamTerms
from tests.support.sim_exchanges import (
    MARKET,
    START,
    buy,
    exchange_with,
    market_spec,
    member,
    request,
    sell,
)
from tests.support.sim_served import COMBO, FixedClock, exchange_with_a_past
from tests.support.sim_streaming import Json, Peer, Rebuilt, RefusedError, Streamed, peer, rest_book

OTHER = "KXRAIN-26NOV23-BOS"


def streamed(**options) -> Streamed:
    exchange = exchange_with(MARKET, OTHER)
    member(exchange, "ann", 100_000), member(exchange, "bob", 100_000)
    return Streamed(exchange, others=("bob",), **options)


def account(place: Streamed, name: str) -> MemberAccount:
    return place.exchange.state.accounts[name]


async def subscribed(
    client: Peer, *channels: str, tickers: Sequence[str] = (MARKET,), **params: Any
) -> list[Json]:
    """Subscribe, and the frames that came of it."""
    if tickers:
        params["market_tickers"] = list(tickers)
    await client.say("subscribe", channels=list(channels), **params)
    return await client.rest()


# The handshake


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"KEY": None, "SIGNATURE": None, "TIMESTAMP": None}, "token_authentication_failure"),
        ({"SIGNATURE": None}, "signature_is_missing_from_headers"),
        ({"TIMESTAMP": "1"}, "header_timestamp_expired"),
        ({"KEY": "nobody"}, "authentication_error"),
        ({"SIGNATURE": "AAAA"}, "authentication_error"),
    ],
)
async def test_a_handshake_that_is_not_signed_gets_the_flat_401(change, code):
    place = streamed()

    with pytest.raises(RefusedError) as refused:
        async with peer(place, headers=place.headers(**change)):
            pass

    assert refused.value.status == 401
    assert refused.value.body["code"] == code
    assert "error" not in refused.value.body


async def test_a_skewed_exchange_refuses_a_handshake_that_was_fresh():
    place = streamed()
    place.app.state.service.skew.by = timedelta(minutes=2)

    with pytest.raises(RefusedError) as refused:
        async with peer(place):
            pass

    assert refused.value.body["code"] == "header_timestamp_expired"


async def test_connections_are_limited():
    place = streamed()
    place.app.state.stream.terms = StreamTerms(StreamLimits(connections=1))

    async with peer(place):
        with pytest.raises(RefusedError) as refused:
            async with peer(place):
                pass
    async with peer(place) as after:
        await after.ask("list_subscriptions")

    assert refused.value.status == 429


# Subscriptions


async def test_each_channel_is_acknowledged_with_a_sid_of_its_own():
    async with peer(streamed()) as client:
        frames = await subscribed(client, *CHANNELS)

    acks = [frame for frame in frames if frame["type"] == "subscribed"]
    assert [frame["msg"]["channel"] for frame in acks] == list(CHANNELS)
    assert [frame["msg"]["sid"] for frame in acks] == list(range(1, len(CHANNELS) + 1))
    assert {frame["id"] for frame in acks} == {1}


async def test_a_book_comes_as_a_snapshot_and_then_as_deltas():
    place = streamed()
    buy(place.exchange, account(place, "ann"), 10.5, 40)
    async with peer(place, "bob") as client:
        _, snapshot = await subscribed(client, "orderbook_delta")
        sell(place.exchange, account(place, "ann"), 5, 61)
        (delta,) = await client.rest()

    assert snapshot["msg"]["yes_dollars_fp"] == [["0.4000", "10.50"]]
    assert "no_dollars_fp" not in snapshot["msg"]
    assert (delta["msg"]["side"], delta["msg"]["price_dollars"]) == ("no", "0.3900")
    assert delta["msg"]["delta_fp"] == "5.00"
    assert delta["msg"]["clock"] > snapshot["msg"]["clock"]
    assert "client_order_id" not in delta["msg"]


async def test_no_levels_come_in_yes_prices_when_asked_for():
    place = streamed()
    sell(place.exchange, account(place, "ann"), 5, 61)
    async with peer(place, "bob") as client:
        _, snapshot = await subscribed(client, "orderbook_delta", use_yes_price=True)
        sell(place.exchange, account(place, "ann"), 5, 62)
        (delta,) = await client.rest()

    assert snapshot["msg"]["no_dollars_fp"] == [["0.6100", "5.00"]]
    assert (delta["msg"]["side"], delta["msg"]["price_dollars"]) == ("no", "0.6200")


async def test_subscribing_again_adds_markets_to_the_same_sid():
    async with peer(streamed()) as client:
        await subscribed(client, "orderbook_delta")
        ok, snapshot = await subscribed(client, "orderbook_delta", tickers=(MARKET, OTHER))
        listed = await client.ask("list_subscriptions")

    assert (ok["type"], ok["sid"], ok["seq"]) == ("ok", 1, 2)
    assert ok["msg"] == {"market_tickers": [MARKET, OTHER]}
    assert (snapshot["msg"]["market_ticker"], snapshot["seq"]) == (OTHER, 3)
    assert listed["msg"] == [{"channel": "orderbook_delta", "sid": 1}]


async def test_markets_are_added_shown_again_and_taken_away():
    place = streamed()
    async with peer(place) as client:
        await subscribed(client, "orderbook_delta")
        await client.say("update_subscription", sid=1, action="add_markets", market_ticker=OTHER)
        ok, snapshot = await client.rest()
        again_id = await client.say(
            "update_subscription", sids=[1], action="get_snapshot", market_tickers=[MARKET]
        )
        again = await client.frame()
        gone = await client.ask(
            "update_subscription", sid=1, action="delete_markets", market_tickers=[MARKET]
        )
        buy(place.exchange, account(place, "bob"), 1, 40)
        buy(place.exchange, account(place, "bob"), 1, 40, ticker=OTHER)
        (delta,) = await client.rest()

    assert [frame["seq"] for frame in (ok, snapshot, again, gone, delta)] == [2, 3, 4, 5, 6]
    assert (again["type"], again["id"]) == ("orderbook_snapshot", again_id)
    assert gone["msg"] == {"market_tickers": [OTHER]}
    assert delta["msg"]["market_ticker"] == OTHER


async def test_an_unknown_market_has_an_empty_book():
    async with peer(streamed()) as client:
        _, snapshot = await subscribed(client, "orderbook_delta", tickers=("KXNONE",))

    assert snapshot["msg"].keys() == {"market_ticker", "market_id", "clock"}
    assert snapshot["msg"]["clock"] == 0


async def test_an_unknown_market_has_no_ticker():
    async with peer(streamed()) as client:
        reported = await subscribed(
            client, "ticker", tickers=("KXNONE",), send_initial_snapshot=True
        )

    assert [frame["type"] for frame in reported] == ["subscribed"]


async def test_after_unsubscribing_nothing_more_comes():
    place = streamed()
    async with peer(place) as client:
        await subscribed(client, "orderbook_delta", "trade")
        ended = await client.ask("unsubscribe", sids=[1])
        buy(place.exchange, account(place, "bob"), 1, 40)

        assert await client.rest() == []
        assert (ended["type"], ended["sid"], ended["seq"]) == ("unsubscribed", 1, 2)


async def test_the_list_of_markets_can_be_left_out_of_answers():
    async with peer(streamed()) as client:
        await subscribed(client, "trade", skip_ticker_ack=True)
        ok = await client.ask(
            "update_subscription", sid=1, action="add_markets", market_ticker=OTHER
        )

    assert ok["msg"] == {}


async def test_numbers_count_from_one_on_each_sid_over_all_its_markets():
    place = streamed()
    async with peer(place) as client:
        await subscribed(client, "orderbook_delta", "trade", tickers=(MARKET, OTHER))
        for ticker in (MARKET, OTHER, MARKET):
            sell(place.exchange, account(place, "ann"), 1, 60, ticker=ticker)
            buy(place.exchange, account(place, "bob"), 1, 60, ticker=ticker)
        await client.rest()
        numbers: dict[int, list[int]] = {}
        for frame in client.seen:
            if "seq" in frame:
                numbers.setdefault(frame["sid"], []).append(frame["seq"])

    assert numbers == {1: list(range(1, 9)), 2: [1, 2, 3]}


# What is refused

SUBSCRIBE = {"id": 1, "cmd": "subscribe"}
UPDATE = {"id": 1, "cmd": "update_subscription"}


def params(base: Json, **given: Any) -> Json:
    return {**base, "params": given}


BOOK = {"channels": ["orderbook_delta"]}
TRADES = {"channels": ["trade"]}


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ("not json", 1),
        ([1], 1),
        ({"id": "x", "cmd": "list_subscriptions"}, 1),
        ({**SUBSCRIBE, "params": [1]}, 1),
        (SUBSCRIBE, 2),
        ({"id": 1, "cmd": "unsubscribe"}, 2),
        (params(SUBSCRIBE), 3),
        (params(SUBSCRIBE, channels=[]), 3),
        (params({"id": 1, "cmd": "unsubscribe"}), 4),
        ({"id": 1}, 5),
        ({"id": 1, "cmd": "nope"}, 5),
        ({"id": 1, "cmd": ["subscribe"]}, 5),
        (params({"id": 1, "cmd": "unsubscribe"}, sids=[7]), 7),
        (params(UPDATE, sid=7, action="add_markets", market_ticker=MARKET), 7),
        (params(SUBSCRIBE, channels=["nope"]), 8),
        (params(SUBSCRIBE, channels=[{}]), 8),
        (params(SUBSCRIBE, channels=["communications"]), 10),
        (params(SUBSCRIBE, channels="trade"), 11),
        (params(SUBSCRIBE, **TRADES, market_ticker=MARKET, market_tickers=[OTHER]), 11),
        (params(SUBSCRIBE, **TRADES, market_tickers=[]), 11),
        (params(SUBSCRIBE, **TRADES, market_tickers=[1]), 11),
        (params(SUBSCRIBE, **TRADES, market_id="x"), 11),
        (params(SUBSCRIBE, channels=["ticker"], market_ids=["x"]), 11),
        (params(SUBSCRIBE, **TRADES, use_yes_price="yes"), 11),
        (params({"id": 1, "cmd": "unsubscribe"}, sids=["x"]), 11),
        (params(UPDATE, sid="x", action="add_markets", market_ticker=MARKET), 11),
        (params(UPDATE, sids="x", action="add_markets", market_ticker=MARKET), 11),
        (params(UPDATE, action="add_markets", market_ticker=MARKET), 12),
        (params(UPDATE, sids=[1, 2], action="add_markets", market_ticker=MARKET), 12),
        (params(UPDATE, sid=9, action="dance", market_ticker=MARKET), 13),
        (params(SUBSCRIBE, **BOOK), 14),
        (params(UPDATE, sid=9, action="add_markets"), 14),
        (params(UPDATE, sid=9, market_ticker=MARKET), 15),
        (params(SUBSCRIBE, **TRADES, shard_factor=0), 19),
        (params(SUBSCRIBE, **TRADES, shard_key=1), 20),
        (params(SUBSCRIBE, **TRADES, shard_factor=2, shard_key=2), 21),
        (params(SUBSCRIBE, **TRADES, shard_factor=101), 22),
    ],
)
async def test_what_makes_no_sense_is_refused_with_its_code(frame, code):
    async with peer(streamed()) as client:
        await client.text(frame if isinstance(frame, str) else orjson.dumps(frame).decode())
        error = await client.frame()
        listed = await client.ask("list_subscriptions")

    assert (error["type"], error["msg"]["code"]) == ("error", code)
    assert error["msg"]["msg"].startswith(ERRORS[code])
    assert listed["msg"] == []


@pytest.mark.parametrize(
    ("channel", "action", "code"),
    [("trade", "get_snapshot", 13), ("market_lifecycle_v2", "add_markets", 13)],
)
async def test_an_action_that_a_channel_has_not_is_refused_on_its_sid(channel, action, code):
    async with peer(streamed()) as client:
        await subscribed(client, channel)
        error = await client.ask(
            "update_subscription", sid=1, action=action, market_tickers=[MARKET]
        )

    assert (error["msg"]["code"], error["sid"], error["seq"]) == (code, 1, 1)


async def test_one_bad_channel_subscribes_to_none():
    async with peer(streamed()) as client:
        (error,) = await subscribed(client, "trade", "nope")
        listed = await client.ask("list_subscriptions")

    assert error["msg"]["code"] == 8
    assert listed["msg"] == []


async def test_a_key_that_may_not_read_has_no_private_channels():
    async with peer(streamed(scopes=frozenset({"write"}))) as client:
        (error,) = await subscribed(client, "trade", "fill")
        frames = await subscribed(client, "trade")

    assert error["msg"]["code"] == 9
    assert [frame["type"] for frame in frames] == ["subscribed"]


async def test_markets_and_commands_are_limited():
    place = streamed()
    limits = StreamLimits(markets=1, commands_per_second=4)
    place.app.state.stream.terms = StreamTerms(limits)
    async with peer(place) as client:
        await client.say("subscribe", channels=["trade"], market_tickers=[MARKET, OTHER])
        await client.say("subscribe", channels=["trade"], market_tickers=[MARKET])
        await client.say("subscribe", channels=["trade"], market_tickers=[OTHER])
        await client.say("update_subscription", sid=1, action="add_markets", market_tickers=[OTHER])
        await client.say("list_subscriptions")
        frames = await client.frames(5)

    codes = [frame["msg"].get("code") for frame in frames]
    assert codes == [26, None, 26, 26, 27]


async def test_who_reads_too_slowly_loses_the_subscription_and_may_subscribe_again():
    place = streamed()
    place.app.state.stream.terms = StreamTerms(StreamLimits(buffer=3))
    async with peer(place) as client:
        await subscribed(client, "orderbook_delta", "trade")
        # Nothing is sent while the exchange is busy: the buffer fills.
        for cents in range(10, 20):
            buy(place.exchange, account(place, "bob"), 1, cents)
        frames = await client.rest()
        listed = await client.ask("list_subscriptions")
        again = await subscribed(client, "orderbook_delta")

    *deltas, error = frames
    assert [frame["seq"] for frame in deltas] == [2, 3, 4]
    assert (error["msg"]["code"], error["sid"], error["seq"]) == (25, 1, 5)
    assert listed["msg"] == [{"channel": "trade", "sid": 2}]
    assert again[0]["msg"]["sid"] == 3
    assert len(again[1]["msg"]["yes_dollars_fp"]) == 10


async def test_who_asks_without_reading_is_cut_off():
    place = streamed()
    place.app.state.stream.terms = StreamTerms(StreamLimits(answers=3))
    async with peer(place) as client:
        for _ in range(5):
            await client.say("list_subscriptions")
        with pytest.raises(EOFError):
            await client.frames(6)


async def test_a_command_that_came_with_the_handshake_is_answered():
    async with peer(streamed(), first='{"id": 1, "cmd": "list_subscriptions"}') as client:
        assert (await client.frame())["id"] == 1


async def test_books_that_were_asked_for_do_not_fill_the_buffer():
    place = streamed()
    place.app.state.stream.terms = StreamTerms(StreamLimits(buffer=2))
    tickers = [f"KXRAIN-{number}" for number in range(9)]
    async with peer(place) as client:
        reported = await subscribed(client, "orderbook_delta", tickers=tickers)

    assert [frame["type"] for frame in reported] == ["subscribed"] + ["orderbook_snapshot"] * 9


# What the channels tell


async def test_a_trade_is_told_to_everybody_and_a_fill_to_its_owner():
    place = streamed()
    async with peer(place, "ann") as ann, peer(place, "bob") as bob, peer(place, "bob") as twin:
        for client in (ann, bob, twin):
            await subscribed(client, "trade", "fill", "user_orders", "market_positions")
        sell(place.exchange, account(place, "ann"), 5, 60, client_order_id="of-ann")
        buy(place.exchange, account(place, "bob"), 5, 60, client_order_id="of-bob")
        told_ann, told_bob, told_twin = [await client.rest() for client in (ann, bob, twin)]

    trades = [
        [f["msg"] for f in reported if f["type"] == "trade"] for reported in (told_ann, told_bob)
    ]
    assert trades[0] == trades[1]
    assert trades[0][0]["count_fp"] == "5.00"
    assert told_bob == told_twin
    for reported, own, other in ((told_ann, "of-ann", "of-bob"), (told_bob, "of-bob", "of-ann")):
        text = orjson.dumps(reported).decode()
        assert own in text
        assert other not in text
        fill = next(frame["msg"] for frame in reported if frame["type"] == "fill")
        position = next(frame["msg"] for frame in reported if frame["type"] == "market_position")
        assert fill["post_position_fp"] == position["position_fp"]
        assert fill["client_order_id"] == own


async def test_a_change_of_the_book_names_the_order_to_its_owner_only():
    place = streamed()
    async with peer(place, "ann") as ann, peer(place, "bob") as bob:
        for client in (ann, bob):
            await subscribed(client, "orderbook_delta")
        buy(place.exchange, account(place, "ann"), 5, 40, client_order_id="mine")
        (own,), (other,) = await ann.rest(), await bob.rest()

    assert own["msg"].pop("client_order_id") == "mine"
    assert own["msg"].pop("subaccount") == 0
    assert own["msg"] == other["msg"]


async def test_private_channels_can_be_narrowed_to_markets():
    place = streamed()
    async with peer(place) as client:
        await subscribed(client, "user_orders", tickers=(OTHER,))
        buy(place.exchange, account(place, "ann"), 1, 40)
        buy(place.exchange, account(place, "ann"), 1, 40, ticker=OTHER)
        (order,) = await client.rest()

    assert order["msg"]["ticker"] == OTHER


@pytest.mark.parametrize(
    ("act", "status", "reason"),
    [
        (lambda e, a, o: e.cancel(a, o), "canceled", "Decrease"),
        (lambda e, a, o: e.decrease(a, o, to=100), "resting", "Decrease"),
        (lambda e, a, o: e.advance(START + timedelta(hours=1)), "canceled", "ExpiryCancel"),
        (lambda e, a, o: e.set_close_time(MARKET, e.now), "canceled", "CloseCancel"),
    ],
)
async def test_an_order_says_why_it_changed(act, status, reason):
    place = streamed()
    ann = account(place, "ann")
    expiration = START + timedelta(hours=1)
    async with peer(place) as client:
        await subscribed(client, "user_orders", tickers=())
        placed = buy(place.exchange, ann, 5, 40, expiration=expiration)
        act(place.exchange, ann, placed.order_id)
        born, changed = await client.rest()

    assert "last_update_reason" not in born["msg"]
    assert changed["msg"]["last_update_reason"] == reason
    assert changed["msg"]["status"] == status
    assert changed["msg"]["expiration_ts_ms"] == int(expiration.timestamp() * 1000)


async def test_an_order_names_its_group():
    place = streamed()
    ann = account(place, "ann")
    async with place.http() as http, peer(place) as client:
        limit = {"contracts_limit_fp": "100.00"}
        group = (await http.post("/portfolio/order_groups/create", json=limit)).json()
        await subscribed(client, "user_orders", tickers=())
        buy(place.exchange, ann, 5, 40, group_id=group["order_group_id"])
        (order,) = await client.rest()

    assert order["msg"]["order_group_id"] == group["order_group_id"]


async def test_a_ticker_is_told_when_it_changes_and_only_then():
    place = streamed()
    async with peer(place) as client:
        _, first = await subscribed(client, "ticker", send_initial_snapshot=True)
        buy(place.exchange, account(place, "bob"), 5, 40)
        (best,) = await client.rest()
        buy(place.exchange, account(place, "bob"), 5, 30)
        deeper = await client.rest()
        sell(place.exchange, account(place, "ann"), 2, 40)
        (traded,) = await client.rest()

    assert first["msg"]["yes_bid_dollars"] == "0.0000"
    assert (best["msg"]["yes_bid_dollars"], best["msg"]["yes_bid_size_fp"]) == ("0.4000", "5.00")
    assert deeper == []
    assert (traded["msg"]["price_dollars"], traded["msg"]["last_trade_size_fp"]) == (
        "0.4000",
        "2.00",
    )
    assert "seq" not in traded


async def test_a_ticker_can_be_asked_for_by_the_id_of_its_market():
    place = streamed()
    async with peer(place) as client:
        _, first = await subscribed(client, "ticker", send_initial_snapshot=True)
        name = first["msg"]["market_id"]
        await client.ask("unsubscribe", sids=[1])
        _, second = await subscribed(
            client, "ticker", tickers=(), market_id=name, send_initial_snapshot=True
        )
        await subscribed(client, "trade", tickers=())
        error = await client.ask("update_subscription", sid=3, action="add_markets", market_id=name)

    assert second["msg"]["market_ticker"] == MARKET
    assert error["msg"]["code"] == 11


async def test_a_subscription_without_markets_hears_of_all():
    place = streamed()
    async with peer(place) as client:
        await subscribed(client, "trade", tickers=())
        for ticker in (MARKET, OTHER):
            sell(place.exchange, account(place, "ann"), 1, 60, ticker=ticker)
            buy(place.exchange, account(place, "bob"), 1, 60, ticker=ticker)
        reported = await client.rest()
        ok = await client.ask(
            "update_subscription", sid=1, action="add_markets", market_tickers=[OTHER]
        )

    assert [frame["msg"]["market_ticker"] for frame in reported] == [MARKET, OTHER]
    assert ok["msg"] == {}


async def test_the_life_of_a_market_is_told_but_not_its_timed_opening_and_close():
    place = streamed()
    exchange = place.exchange
    async with peer(place) as client:
        await subscribed(client, "market_lifecycle_v2", "market_positions", tickers=())
        buy(exchange, account(place, "ann"), 5, 60, ticker=OTHER)
        sell(exchange, account(place, "bob"), 5, 60, ticker=OTHER)
        exchange.add_market(market_spec("KXRAIN-LATE"))
        exchange.deactivate(OTHER)
        exchange.activate(OTHER)
        exchange.set_close_time(OTHER, exchange.now + timedelta(minutes=1))
        exchange.advance(exchange.now + timedelta(minutes=2))
        exchange.determine(OTHER, "yes")
        exchange.advance(exchange.now + timedelta(minutes=2))
        reported = await client.rest()

    steps = [frame["msg"] for frame in reported if frame["type"] == "market_lifecycle_v2"]
    assert [step["event_type"] for step in steps] == [
        "created",
        "deactivated",
        "activated",
        "close_date_updated",
        "determined",
        "settled",
    ]
    assert steps[0]["price_level_structure"] == "linear_cent"
    assert [step.get("is_deactivated") for step in steps[1:3]] == [True, False]
    assert (steps[4]["result"], steps[4]["settlement_value"]) == ("yes", "1.0000")
    positions = [frame["msg"] for frame in reported if frame["type"] == "market_position"]
    assert [one["position_fp"] for one in positions] == ["5.00", "0.00"]


async def test_combos_have_a_lifecycle_channel_of_their_own_and_events_are_told():
    place = Streamed(exchange_with_a_past())
    spec = place.exchange.market(COMBO).spec
    async with peer(place) as client:
        await subscribed(client, "market_lifecycle_v2", "multivariate_market_lifecycle", tickers=())
        event = place.exchange.state.events["KXBTC-1"]
        timed = replace(event, event_ticker="KXBTC-2", strike_period="hourly")
        place.exchange.add_event(timed)
        place.exchange.add_market(replace(spec, ticker="KXMVE-NEXT"))
        reported = await client.rest()

    assert [(frame["type"], frame["sid"]) for frame in reported] == [
        ("event_lifecycle", 1),
        ("multivariate_market_lifecycle", 2),
    ]
    assert reported[0]["msg"]["strike_period"] == "hourly"


async def test_the_world_moves_on_while_a_client_only_listens():
    place = streamed()
    place.app.state.stream.terms = StreamTerms(beat=PingSchedule(world=0.001))
    bob = account(place, "bob")
    moved = asyncio.Event()

    def catch_up():
        if place.exchange.now == START:
            place.exchange.advance(START + timedelta(seconds=1))
            buy(place.exchange, bob, 1, 40)
            moved.set()

    async with peer(place) as client:
        await client.say("subscribe", channels=["orderbook_delta"], market_ticker=MARKET)
        await client.until("orderbook_snapshot")
        place.driver.catch_up = catch_up  # type: ignore[method-assign]
        delta = await client.until("orderbook_delta")

    assert moved.is_set()
    assert delta["msg"]["delta_fp"] == "1.00"


async def test_frames_carry_the_time_at_which_they_are_sent():
    at = START + timedelta(milliseconds=5)
    async with peer(streamed(clock=FixedClock(at))) as client:
        frame = await client.ask("list_subscriptions")

    assert frame["sending_ts_ms"] == int(START.timestamp() * 1000) + 5


ORDERS = st.lists(
    st.tuples(
        st.sampled_from((MARKET, OTHER)),
        st.sampled_from(Side),
        st.integers(30, 70),
        st.integers(1, 500),
        st.booleans(),
    ),
    max_size=40,
)


@settings(max_examples=25, deadline=None)
@given(before=ORDERS, after=ORDERS, yes_price=st.booleans())
def test_a_book_rebuilt_from_the_stream_is_the_book(before, after, yes_price):
    asyncio.run(_rebuild(before, after, yes_price))


async def _rebuild(before: Any, after: Any, yes_price: bool) -> None:
    place = streamed()
    trade(place, before)
    rebuilt = Rebuilt()
    async with peer(place) as client:
        reported = await subscribed(
            client, "orderbook_delta", tickers=(MARKET, OTHER), use_yes_price=yes_price
        )
        trade(place, after)
        reported += await client.rest()
    clocks: dict[str, list[int]] = {MARKET: [], OTHER: []}
    for frame in reported[1:]:
        rebuilt.take(frame)
        clocks[frame["msg"]["market_ticker"]].append(frame["msg"]["clock"])

    assert rebuilt.gaps == 0
    assert all(rising == sorted(set(rising)) for rising in clocks.values())
    for ticker in (MARKET, OTHER):
        expected = rest_book(place.exchange, ticker)
        if yes_price:
            mirrored = [[f"{1 - float(p):.4f}", s] for p, s in expected["no_dollars"]]
            expected["no_dollars"] = sorted(mirrored)
        assert rebuilt.rest_json(ticker) == expected


def trade(place: Streamed, orders: Any) -> None:
    accounts = [account(place, "ann"), account(place, "bob")]
    for number, (ticker, side, cents, size, cancels) in enumerate(orders):
        owner = accounts[number % 2]
        if cancels and owner.open_orders:
            place.exchange.cancel(owner, next(iter(owner.open_orders)))
        else:
            place.exchange.deposit(owner, 0, 1_000 * DOLLAR)
            place.exchange.place(owner, request(side, size / 100, cents, ticker=ticker))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 9) | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=4,
)
WORDS = st.sampled_from([*CHANNELS, "add_markets", "get_snapshot", MARKET, "nope"])
ANY = JSON | WORDS | st.lists(WORDS, max_size=3)
PARAMETERS = st.dictionaries(
    st.sampled_from(
        (
            *("channels", "market_ticker", "market_tickers", "market_ids", "sid", "sids"),
            *("action", "shard_factor", "shard_key", "use_yes_price", "send_initial_snapshot"),
        )
    ),
    ANY,
)
COMMANDS = st.fixed_dictionaries(
    {},
    optional={
        "id": ANY,
        "cmd": st.sampled_from(
            ["subscribe", "unsubscribe", "update_subscription", "list_subscriptions"]
        )
        | JSON,
        "params": PARAMETERS | JSON,
    },
)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        COMMANDS.map(lambda one: orjson.dumps(one, option=orjson.OPT_NON_STR_KEYS).decode())
        | st.text(max_size=9),
        max_size=15,
    )
)
def test_whatever_a_client_says_it_is_answered_and_the_line_stays_up(texts):
    asyncio.run(_babble(texts))


async def _babble(texts: list[str]) -> None:
    async with peer(streamed()) as client:
        for text in texts:
            await client.text(text)
            await client.frame()
        await client.say("subscribe", channels=["trade"])
        while (await client.frame())["type"] not in {"subscribed", "ok"}:
            pass
