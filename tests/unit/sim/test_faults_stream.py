"""What can go wrong on the stream."""

from datetime import timedelta
from typing import Any

import orjson
import pytest

from bot.sim.engine.accounts import MemberAccount
from bot.sim.faults.active import ActiveFault
from bot.sim.faults.kinds import fault_spec
from tests.support.sim_exchanges import MARKET, buy, exchange_with, member, sell
from tests.support.sim_streaming import Json, Peer, Streamed, peer


def place() -> Streamed:
    exchange = exchange_with()
    member(exchange, "ann"), member(exchange, "bob")
    return Streamed(exchange)


def owner(where: Streamed, name: str = "ann") -> MemberAccount:
    return where.exchange.state.accounts[name]


def put(where: Streamed, **asked: Any) -> ActiveFault:
    added: ActiveFault = where.faults.add(fault_spec(asked))
    return added


async def subscribe(client: Peer, *channels: str) -> list[Json]:
    await client.say("subscribe", channels=list(channels), market_tickers=[MARKET])
    return await client.rest()


def trade(where: Streamed) -> None:
    sell(where.exchange, owner(where, "bob"), 5, 40)
    buy(where.exchange, owner(where), 5, 40)


async def test_a_gap_uses_a_number_and_sends_nothing():
    where = place()
    async with peer(where) as client:
        await subscribe(client, "orderbook_delta", "ticker")
        fault = put(where, kind="sequence_gap", count=1)
        for cents in (30, 31):
            buy(where.exchange, owner(where), 1, cents)
        reported = await client.rest()

    assert [frame.get("seq") for frame in reported if frame["sid"] == 1] == [3]
    assert fault.fired == 1


async def test_a_fill_is_told_twice():
    where = place()
    async with peer(where) as client:
        await subscribe(client, "fill", "trade")
        put(where, kind="duplicate_fill")
        trade(where)
        reported = await client.rest()

    fills = [frame for frame in reported if frame["type"] == "fill"]
    assert len(fills) == 2
    assert fills[0] == fills[1]
    assert [frame["type"] for frame in reported].count("trade") == 1


async def test_a_fill_is_told_late_and_perhaps_twice():
    where = place()
    async with peer(where) as client:
        await subscribe(client, "fill", "trade")
        put(where, kind="late_fill", delay=0.02)
        put(where, kind="duplicate_fill")
        trade(where)
        at_once = await client.rest()
        late = [await client.until("fill") for _ in range(2)]

    assert [frame["type"] for frame in at_once] == ["trade"]
    assert late[0]["msg"] == late[1]["msg"]


@pytest.mark.parametrize(
    ("terms", "holds"),
    [
        ({"kind": "missing_field", "field": "side"}, lambda f: "side" not in f["msg"]),
        (
            {"kind": "unknown_enum", "field": "side", "value": "maybe"},
            lambda f: f["msg"]["side"] == "maybe",
        ),
        ({"kind": "extra_field", "field": "more"}, lambda f: "more" in f["msg"]),
    ],
)
async def test_frames_that_break_careless_clients(terms, holds):
    where = place()
    async with peer(where) as client:
        await subscribe(client, "orderbook_delta")
        put(where, **terms)
        buy(where.exchange, owner(where), 1, 30)
        (delta,) = await client.rest()

    assert holds(delta)
    assert delta["seq"] == 2


async def test_a_snapshot_may_have_null_for_its_levels():
    where = place()
    buy(where.exchange, owner(where), 1, 30)
    put(where, kind="null_list")
    async with peer(where) as client:
        _, snapshot = await subscribe(client, "orderbook_delta")

    assert snapshot["msg"]["yes_dollars_fp"] is None


@pytest.mark.parametrize("body", ["html", "truncated", "empty", "binary"])
async def test_a_frame_may_be_no_json(body):
    where = place()
    async with peer(where) as client:
        await subscribe(client, "orderbook_delta")
        put(where, kind="garbage", body=body)
        buy(where.exchange, owner(where), 1, 30)
        text = await client.raw()

    with pytest.raises(orjson.JSONDecodeError):
        orjson.loads(text)


@pytest.mark.parametrize("kind", ["missing_field", "unknown_enum", "extra_field", "null_list"])
@pytest.mark.parametrize("body", ["html", "truncated", "empty", "binary"])
async def test_a_frame_that_is_no_json_any_more_passes_later_faults_unchanged(body, kind):
    where = place()
    async with peer(where) as client:
        await subscribe(client, "ticker")
        put(where, kind="garbage", body=body)
        buy(where.exchange, owner(where), 1, 30)
        alone = await client.raw()
        put(where, kind=kind)
        buy(where.exchange, owner(where), 1, 31)
        both = await client.raw()

    with pytest.raises(orjson.JSONDecodeError):
        orjson.loads(both)
    assert both[:20] == alone[:20]


async def test_a_channel_reports_an_error_in_place_of_a_frame():
    where = place()
    async with peer(where) as client:
        await subscribe(client, "orderbook_delta")
        put(where, kind="channel_error", code=18, count=1)
        buy(where.exchange, owner(where), 1, 30)
        (error,) = await client.rest()

    assert (error["type"], error["sid"], error["seq"]) == ("error", 1, 2)
    assert error["msg"] == {"code": 18, "msg": "Command timeout"}


@pytest.mark.parametrize("code", [10, 25])
async def test_a_terminal_error_ends_the_subscription(code):
    where = place()
    async with peer(where) as client:
        await subscribe(client, "orderbook_delta")
        put(where, kind="channel_error", code=code, count=1)
        for cents in (30, 31):
            buy(where.exchange, owner(where), 1, cents)
        reported = await client.rest()
        listed = await client.ask("list_subscriptions")

    assert [frame["type"] for frame in reported] == ["error"]
    assert listed["msg"] == []


async def test_a_subscription_that_ended_among_its_snapshots_shows_no_more():
    where = place()
    put(where, kind="channel_error", code=10, count=1)
    async with peer(where) as client:
        await client.say("subscribe", channels=["orderbook_delta"], market_tickers=["A", "B"])
        reported = await client.rest()

    assert [frame["type"] for frame in reported] == ["subscribed", "error"]


async def test_a_command_is_answered_with_an_error():
    where = place()
    fault = put(where, kind="command_error", code=18, count=1)
    async with peer(where) as client:
        error = await client.ask("subscribe", channels=["trade"])
        listed = await client.ask("list_subscriptions")

    assert error["msg"]["code"] == 18
    assert listed["msg"] == []
    assert fault.fired == 1


async def test_the_line_is_cut_in_place_of_a_frame():
    where = place()
    async with peer(where) as client:
        await subscribe(client, "orderbook_delta")
        buy(where.exchange, owner(where), 1, 30)
        put(where, kind="disconnect")
        buy(where.exchange, owner(where), 1, 31)
        last = await client.frame()
        with pytest.raises(EOFError):
            await client.frame()

    assert last["msg"]["price_dollars"] == "0.3000"


@pytest.mark.parametrize("kind", ["cut", "hang"])
async def test_a_handshake_may_come_to_nothing(kind):
    where = place()
    terms = {"delay": 0.01} if kind == "hang" else {}
    put(where, kind=kind, route="WS handshake", **terms)

    with pytest.raises(EOFError):
        async with peer(where):
            pass


async def test_faults_of_requests_leave_the_stream_alone():
    where = place()
    put(where, kind="error", route="GET /*")
    async with peer(where) as client:
        await subscribe(client, "orderbook_delta")
        buy(where.exchange, owner(where), 1, 30)
        (delta,) = await client.rest()

    assert delta["type"] == "orderbook_delta"


async def test_a_pause_that_ends_is_undone_while_a_client_only_listens():
    where = place()
    put(where, kind="trading_pause", duration=5)
    async with peer(where) as client:
        where.clock.at += timedelta(seconds=5)
        await client.ask("list_subscriptions")

    assert where.exchange.state.shards[0].trading_active


async def spoiled(seed: int) -> list[Json]:
    """What a client hears of forty orders while half of what it hears is spoiled."""
    exchange = exchange_with(seed=seed)
    member(exchange, "ann")
    where = Streamed(exchange)
    put(where, kind="sequence_gap", probability=0.3)
    put(where, kind="missing_field", probability=0.3)
    async with peer(where) as client:
        await subscribe(client, "orderbook_delta", "user_orders")
        for number in range(40):
            buy(exchange, owner(where), 1, 10 + number)
        reported = await client.rest()
    for frame in reported:
        for name in ("order_id", "user_id"):
            frame["msg"].pop(name, None)
    return reported


async def test_the_same_seed_spoils_the_same_frames():
    first, again, other = await spoiled(1), await spoiled(1), await spoiled(2)

    assert first == again
    assert first != other
    assert 40 < len(first) < 80
