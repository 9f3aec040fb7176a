"""What can go wrong with requests, and the route and the scripts by which it is made to."""

from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.core.market.market import MarketStatus
from bot.sim.cli import parsed, simulated
from bot.sim.engine.accounts import MemberAccount
from bot.sim.faults.active import ActiveFault
from bot.sim.faults.answers import REMEMBERED
from bot.sim.faults.install import install
from bot.sim.faults.kinds import KINDS, BadFaultError, FaultSpec, described, fault_spec
from bot.sim.faults.schedule import FaultSchedule, ScheduleError, load_schedule
from bot.sim.rest.server import create_exchange_app
from bot.sim.stream.channels import CHANNELS
from bot.sim.world.demo import demo_exchange
from tests.support.sim_exchanges import MARKET, START, buy, exchange_with, member, sell
from tests.support.sim_served import FixedClock
from tests.support.sim_streaming import Json, Streamed

ORDER = {
    "ticker": MARKET,
    "side": "bid",
    "count": "5.00",
    "price": "0.4000",
    "time_in_force": "good_till_canceled",
    "self_trade_prevention_type": "maker",
}
ORDERS = "/portfolio/events/orders"
STATUS = "/exchange/status"


def place(**options: Any) -> Streamed:
    exchange = exchange_with()
    member(exchange, "ann"), member(exchange, "bob")
    return Streamed(exchange, others=("bob",), **options)


def owner(where: Streamed, name: str = "ann") -> MemberAccount:
    return where.exchange.state.accounts[name]


def put(where: Streamed, **asked: Any) -> ActiveFault:
    added: ActiveFault = where.faults.add(fault_spec(asked))
    return added


def control(where: Streamed, host: str = "127.0.0.1") -> httpx.AsyncClient:
    transport = httpx.ASGITransport(where.app, client=(host, 1))
    return httpx.AsyncClient(transport=transport, base_url="http://sim/control")


def later(where: Streamed, seconds: float) -> None:
    where.clock.at += timedelta(seconds=seconds)


# The control route


async def test_faults_are_added_listed_with_how_often_they_struck_and_cleared():
    where = place()
    async with control(where) as route, where.http() as http:
        added = await route.post("/faults", json={"kind": "error", "count": 2, "status": 500})
        codes = [(await http.get(STATUS)).status_code for _ in range(3)]
        listed = (await route.get("/faults")).json()
        cleared = await route.delete("/faults")
        after = (await route.get("/faults")).json()

    assert added.status_code == 201
    assert codes == [500, 500, 200]
    (fault,) = listed["faults"]
    assert fault["id"] == added.json()["faults"][0]["id"]
    assert (fault["kind"], fault["fired"], fault["active"]) == ("error", 2, False)
    assert fault["status"] == 500
    assert listed["kinds"].keys() == KINDS.keys()
    assert cleared.json() == {"cleared": 1}
    assert after["faults"] == []


async def test_one_fault_of_several_can_be_taken_out():
    where = place()
    async with control(where) as route, where.http() as http:
        both = [{"kind": "error"}, {"kind": "slow", "delay": 0}]
        added = (await route.post("/faults", json=both)).json()["faults"]
        gone = await route.delete(f"/faults/{added[0]['id']}")
        again = await route.delete(f"/faults/{added[0]['id']}")
        left = (await route.get("/faults")).json()["faults"]

        assert (await http.get(STATUS)).status_code == 200
    assert (gone.status_code, again.status_code) == (200, 404)
    assert [fault["kind"] for fault in left] == ["slow"]


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"{", "unexpected end"),
        (b"1", "object"),
        (b"{}", "unknown kind None; there are rate_limited"),
        (b'{"kind": "flood"}', "unknown kind 'flood'"),
        (b'{"kind": "error", "delay": 1}', "error has no 'delay'"),
        (b'{"kind": "error", "status": 200}', "status 200 is not from 400 to 599"),
        (b'{"kind": "error", "status": 500.5}', "status 500.5 is not an integer"),
        (b'{"kind": "slow", "delay": "1"}', "delay '1' is not a number"),
        (b'{"kind": "slow", "delay": true}', "delay True is not a number"),
        (b'{"kind": "error", "probability": 2}', "probability 2 is not from 0 to 1"),
        (b'{"kind": "error", "count": 0}', "count 0 is not from 1"),
        (b'{"kind": "error", "duration": -1}', "duration -1 is not from 0"),
        (b'{"kind": "error", "route": 1}', "route 1 is not a text"),
        (b'{"kind": "rate_limited", "body": "long"}', "body 'long' is not one of nested, plain"),
        (b'{"kind": "channel_error", "code": 6}', "code 6 is not one of Kalshi's"),
        (b'[{"kind": "error"}, {"kind": "flood"}]', "unknown kind 'flood'"),
    ],
)
async def test_a_fault_that_makes_no_sense_is_refused_and_none_is_added(body, why):
    where = place()
    async with control(where) as route:
        refused = await route.post("/faults", content=body)
        listed = (await route.get("/faults")).json()

    assert refused.status_code == 400
    assert why in refused.json()["error"]["message"]
    assert listed["faults"] == []


@pytest.mark.parametrize("host", ["10.1.2.3", "example.com"])
async def test_the_control_route_answers_this_machine_only(host):
    async with control(place(), host) as route:
        answers = [
            await route.get("/faults"),
            await route.post("/faults", json={"kind": "error"}),
            await route.delete("/faults/x"),
        ]

    assert {answer.status_code for answer in answers} == {403}


async def test_the_control_route_itself_never_fails():
    where = place()
    put(where, kind="error")
    async with control(where) as route:
        assert (await route.get("/faults")).status_code == 200


async def test_a_caller_over_a_socket_file_is_of_this_machine():
    transport = httpx.ASGITransport(place().app, client=None)  # type: ignore[arg-type] # as ASGI
    async with httpx.AsyncClient(transport=transport, base_url="http://sim/control") as route:
        assert (await route.get("/faults")).status_code == 200


# Faults of requests


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("nested", {"error": {"code": "too_many_requests", "message": "too many requests"}}),
        ("plain", {"error": "too many requests"}),
    ],
)
async def test_429_comes_with_either_body(body, said):
    where = place()
    put(where, kind="rate_limited", body=body)
    async with where.http() as http:
        answer = await http.get("/markets")

    assert (answer.status_code, answer.json()) == (429, said)


@pytest.mark.parametrize(
    ("kind", "orders"), [("error", 0), ("error_after", 1), ("cut", 0), ("cut_after", 1)]
)
async def test_an_order_may_or_may_not_have_gone_in_when_its_answer_is_lost(kind, orders):
    where = place()
    put(where, kind=kind, route="POST /portfolio/*")
    async with where.http() as http:
        try:
            answer = await http.post(ORDERS, json=ORDER)
            assert answer.status_code == 503
        except httpx.ReadError:
            assert kind.startswith("cut")

    assert len(owner(where).open_orders) == orders


async def test_what_arrives_late_is_done_before_whatever_comes_next():
    clock = FixedClock(START)
    where = place(clock=clock)
    put(where, kind="arrives_late", route="POST /portfolio/*", delay=5, count=1)
    async with where.http() as http:
        with pytest.raises(httpx.ReadError):
            await http.post(ORDERS, json=ORDER)
        clock.at += timedelta(seconds=4)
        await http.get(STATUS)
        assert not owner(where).open_orders

        clock.at += timedelta(seconds=1)
        listed = (await http.get("/portfolio/orders")).json()["orders"]

    assert [order["initial_count_fp"] for order in listed] == ["5.00"]


async def test_what_is_done_and_answered_late_is_done_first():
    where = place()
    there: list[int] = []

    async def sleep(_seconds: float) -> None:
        there.append(len(owner(where).open_orders))

    where.faults.sleep = sleep
    put(where, kind="late_after", route="POST /portfolio/*")
    async with where.http() as http:
        answer = await http.post(ORDERS, json=ORDER)

    assert (there, answer.status_code) == ([1], 201)


async def test_reads_that_lag_know_less_and_say_so_and_never_go_back():
    clock = FixedClock(START)
    where = place(clock=clock)

    def later(seconds: float) -> datetime:
        now: datetime = clock.at + timedelta(seconds=seconds)
        clock.at = now
        where.exchange.advance(now)
        return now

    async with where.http() as http:
        await http.post(ORDERS, json=ORDER)
        begun = later(3)
        put(where, kind="lagging_reads", age=10)
        # The lag grows no faster than time goes by: what was known before still is.
        assert await _known(http) == (1, begun)

        there = later(2)
        await http.post(ORDERS, json=ORDER)
        later(9)
        assert await _known(http) == (1, begun + timedelta(seconds=1))
        later(1)
        assert await _known(http) == (2, there)


async def _known(http: httpx.AsyncClient) -> tuple[int, datetime]:
    """How many orders are listed, and up to when that is all."""
    as_of = (await http.get("/exchange/user_data_timestamp")).json()["as_of_time"]
    orders = (await http.get("/portfolio/orders")).json()["orders"]
    return len(orders), datetime.fromisoformat(as_of)


async def test_a_slow_answer_is_late_and_otherwise_as_ever():
    where = place()
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    where.faults.sleep = sleep
    put(where, kind="slow", delay=2.5)
    async with where.http() as http:
        answer = await http.get(STATUS)

    assert slept == [2.5]
    assert answer.status_code == 200


async def test_an_answer_that_hangs_is_cut_in_the_end():
    where = place()
    put(where, kind="hang", delay=0.01)
    async with where.http() as http:
        with pytest.raises(httpx.ReadError):
            await http.get(STATUS)


async def test_a_fault_keeps_to_its_route():
    where = place()
    put(where, kind="error", route="GET /markets*")
    async with where.http() as http:
        codes = [
            (await http.get(path)).status_code
            for path in ("/markets", f"/markets/{MARKET}/orderbook", STATUS)
        ]

    assert codes == [503, 503, 200]


async def test_a_fault_ends_with_its_time():
    where = place()
    put(where, kind="error", duration=10)
    async with where.http() as http:
        first = (await http.get(STATUS)).status_code
        later(where, 10)
        second = (await http.get(STATUS)).status_code

    assert (first, second) == (503, 200)
    assert where.faults.listing()[0]["active"] is False


BROKEN: dict[str, Any] = {
    "html": b"<html>",
    "truncated": b'{"exch',
    "empty": b"",
    "binary": b"\xd1",
}


@pytest.mark.parametrize("body", BROKEN)
async def test_garbage_is_no_json(body):
    where = place()
    put(where, kind="garbage", body=body)
    async with where.http() as http:
        answer = await http.get(STATUS)

    assert answer.status_code == 200
    assert answer.content.startswith(BROKEN[body])
    assert int(answer.headers["content-length"]) == len(answer.content)
    with pytest.raises(ValueError, match=r"Expecting|decode|Extra|Unterminated"):
        answer.json()


def market(body: Json) -> Json:
    only: Json = body["markets"][0]
    return only


@pytest.mark.parametrize(
    ("terms", "holds"),
    [
        ({"kind": "missing_field", "field": "ticker"}, lambda b: "ticker" not in market(b)),
        ({"kind": "unknown_enum"}, lambda b: market(b)["status"] == "unheard_of"),
        (
            {"kind": "unknown_enum", "field": "market_type", "value": "ternary"},
            lambda b: market(b)["market_type"] == "ternary",
        ),
        (
            {"kind": "extra_field", "field": "more"},
            lambda b: (
                "more" in b and "more" in market(b) and "more" in market(b)["price_ranges"][0]
            ),
        ),
        ({"kind": "null_list"}, lambda b: b["markets"] is None),
        (
            {"kind": "null_list", "field": "price_ranges"},
            lambda b: market(b)["price_ranges"] is None,
        ),
    ],
)
async def test_answers_that_break_careless_clients(terms, holds):
    where = place()
    fault = put(where, **terms)
    async with where.http() as http:
        body = (await http.get("/markets")).json()

    assert holds(body)
    assert fault.fired == 1


async def test_a_missing_field_without_a_name_is_picked_by_the_dice():
    where = place()
    put(where, kind="missing_field")
    async with where.http() as http:
        bodies = [(await http.get(STATUS)).json() for _ in range(20)]

    whole = max(map(len, map(str, bodies)))
    assert len({str(body) for body in bodies}) > 3
    assert whole < 700


async def test_a_fault_that_finds_nothing_to_change_has_not_struck():
    where = place()
    buy(where.exchange, owner(where), 5, 40)
    missing = put(where, kind="missing_field", field="no_such_field")
    double = put(where, kind="duplicate_fill", count=1)
    late = put(where, kind="late_fill")
    async with where.http() as http:
        whole = (await http.get("/portfolio/fills")).json()
        emptied = await http.delete(ORDERS)

    assert whole == {"fills": [], "cursor": ""}
    assert emptied.status_code == 204
    assert (missing.fired, double.fired, late.fired) == (0, 0, 0)


async def test_fills_are_told_twice_and_late():
    where = place()
    sell(where.exchange, owner(where, "bob"), 5, 40)
    buy(where.exchange, owner(where), 5, 40)
    late = put(where, kind="late_fill", delay=3)
    async with where.http() as http:
        early = (await http.get("/portfolio/fills")).json()["fills"]
        later(where, 3)
        put(where, kind="duplicate_fill")
        twice = (await http.get("/portfolio/fills")).json()["fills"]

    assert early == []
    assert late.fired == 1
    assert len(twice) == 2
    assert twice[0] == twice[1]


async def test_markets_are_as_they_were_a_while_ago():
    where = place()
    fault = put(where, kind="stale_markets", age=15)
    async with where.http() as http:
        first = (await http.get("/markets")).json()
        buy(where.exchange, owner(where), 5, 40)
        later(where, 14)
        stale = (await http.get("/markets")).json()
        other = (await http.get("/markets", params={"limit": 5})).json()
        later(where, 1)
        fresh = (await http.get("/markets")).json()
        refused = await http.get("/markets", params={"limit": 5_000})

    assert stale == first
    assert market(other)["yes_bid_dollars"] == market(fresh)["yes_bid_dollars"] == "0.4000"
    assert refused.status_code == 400
    assert fault.fired == 1


async def test_a_cancelled_order_still_rests_for_a_moment():
    where = place()
    checkpoint = buy(where.exchange, owner(where), 1, 30).order_id
    put(where, kind="stale_orders", age=0.3)
    order_id = buy(where.exchange, owner(where), 5, 40).order_id
    one = f"/portfolio/orders/{order_id}"
    async with where.http() as http:
        await http.delete(f"{ORDERS}/{order_id}", params={"market_ticker": MARKET})
        stale = {name: await orders(http, status=name) for name in ("", "resting", "canceled")}
        elsewhere = await orders(http, status="resting", ticker="KXNONE")
        single = (await http.get(one)).json()["order"]
        unknown = await http.get("/portfolio/orders/none")
        later(where, 0.3)
        fresh = {name: await orders(http, status=name) for name in ("", "resting", "canceled")}
        after = (await http.get(one)).json()["order"]

    assert stale[""] == {order_id: "resting", checkpoint: "resting"}
    assert stale["resting"].keys() == {order_id, checkpoint}
    assert stale["canceled"] == {}
    assert elsewhere == {}
    assert (single["status"], single["remaining_count_fp"]) == ("resting", "5.00")
    assert unknown.status_code == 404
    assert fresh["resting"].keys() == {checkpoint}
    assert (after["status"], after["remaining_count_fp"]) == ("canceled", "0.00")


async def orders(http: httpx.AsyncClient, **params: str) -> dict[str, str]:
    reported = (await http.get("/portfolio/orders", params=params)).json()["orders"]
    return {order["order_id"]: order["status"] for order in reported}


async def test_only_so_many_fills_and_cancels_are_remembered():
    where = place()
    buyer = owner(where)
    first = buy(where.exchange, buyer, 1, 40).order_id
    where.exchange.cancel(buyer, first)
    for _ in range(REMEMBERED):
        where.exchange.cancel(buyer, buy(where.exchange, buyer, 1, 40).order_id)
    put(where, kind="stale_orders", age=60)
    async with where.http() as http:
        order = (await http.get(f"/portfolio/orders/{first}")).json()["order"]

    assert order["status"] == "canceled"


# Several faults of one answer

NO_JSON = [{"kind": "garbage", "body": body} for body in BROKEN]
SPOILING: list[Json] = [
    *NO_JSON,
    {"kind": "error_after"},
    {"kind": "missing_field"},
    {"kind": "missing_field", "field": "trade_id"},
    {"kind": "missing_field", "field": "order_id"},
    {"kind": "unknown_enum"},
    {"kind": "unknown_enum", "field": "fills"},
    {"kind": "unknown_enum", "field": "order"},
    {"kind": "extra_field"},
    {"kind": "extra_field", "field": "trade_id"},
    {"kind": "extra_field", "field": "orders"},
    {"kind": "null_list"},
]
LATER = [
    *({"kind": kind} for kind in ("missing_field", "unknown_enum", "extra_field", "null_list")),
    *({"kind": kind} for kind in ("duplicate_fill", "late_fill")),
    {"kind": "stale_orders", "age": 60},
]
#: Where there is something for each of them to change.
PORTFOLIO = ["/portfolio/fills", "/portfolio/orders", "/portfolio/orders/{order_id}"]


async def traded(where: Streamed, http: httpx.AsyncClient) -> str:
    """After a trade and a cancel, both just now; the order that is cancelled."""
    sell(where.exchange, owner(where, "bob"), 5, 40)
    buy(where.exchange, owner(where), 5, 40)
    cancelled = buy(where.exchange, owner(where), 1, 30).order_id
    await http.delete(f"{ORDERS}/{cancelled}", params={"market_ticker": MARKET})
    return cancelled


@pytest.mark.parametrize("path", PORTFOLIO)
@pytest.mark.parametrize("then", LATER, ids=lambda terms: terms["kind"])
@pytest.mark.parametrize("first", NO_JSON, ids=lambda terms: terms["body"])
async def test_what_is_no_json_any_more_passes_later_faults_unchanged(first, then, path):
    where = place()
    async with where.http() as http:
        asked = path.format(order_id=await traded(where, http))
        put(where, **first)
        alone = (await http.get(asked)).content
        late = put(where, **then)
        both = (await http.get(asked)).content

    assert both == alone
    assert late.fired == 0


@pytest.mark.parametrize(
    ("first", "then", "path"),
    [
        ({"kind": "null_list"}, {"kind": "duplicate_fill"}, "/portfolio/fills"),
        ({"kind": "null_list"}, {"kind": "late_fill"}, "/portfolio/fills"),
        ({"kind": "null_list"}, {"kind": "stale_orders"}, "/portfolio/orders?status=resting"),
        (
            {"kind": "unknown_enum", "field": "order"},
            {"kind": "stale_orders"},
            "/portfolio/orders/{order_id}",
        ),
    ],
)
async def test_where_a_list_or_an_order_was_spoilt_later_faults_find_none(first, then, path):
    where = place()
    async with where.http() as http:
        asked = path.format(order_id=await traded(where, http))
        put(where, **first)
        alone = (await http.get(asked)).content
        late = put(where, **then)
        both = (await http.get(asked)).content

    assert both == alone
    assert late.fired == 0


@settings(max_examples=40, deadline=None)
@given(stacked=st.lists(st.sampled_from(SPOILING + LATER), min_size=2, max_size=4))
async def test_whatever_is_stacked_there_is_an_answer(stacked):
    where = place()
    async with where.http() as http:
        order_id = await traded(where, http)
        for terms in stacked:
            put(where, **terms)

        for path in PORTFOLIO:
            answer = await http.get(path.format(order_id=order_id))
            assert answer.status_code in {200, 503}


# Faults of the exchange


@pytest.mark.parametrize(
    ("kind", "code", "cancel"),
    [("trading_pause", "trading_is_paused", 200), ("exchange_pause", "exchange_is_paused", 409)],
)
async def test_a_pause_refuses_orders_until_it_ends(kind, code, cancel):
    where = place()
    resting = buy(where.exchange, owner(where), 1, 30).order_id
    put(where, kind=kind, duration=20)
    async with where.http() as http:
        paused = await http.post(ORDERS, json=ORDER)
        cancelled = await http.delete(f"{ORDERS}/{resting}", params={"market_ticker": MARKET})
        later(where, 20)
        after = await http.post(ORDERS, json=ORDER)

    assert (paused.status_code, paused.json()["error"]["code"]) == (409, code)
    assert cancelled.status_code == cancel
    assert after.status_code == 201


async def test_of_two_pauses_the_longer_holds():
    where = place()
    put(where, kind="trading_pause", duration=20)
    put(where, kind="trading_pause", duration=10, shard=0)
    put(where, kind="trading_pause", probability=0)
    codes = []
    async with where.http() as http:
        for _ in range(3):
            codes.append((await http.post(ORDERS, json=ORDER)).status_code)
            later(where, 10)

    assert codes == [409, 409, 201]


async def test_a_pause_may_be_of_one_shard():
    where = place()
    put(where, kind="trading_pause", shard=2)
    async with where.http() as http:
        assert (await http.post(ORDERS, json=ORDER)).status_code == 201


async def test_a_clock_that_is_wrong_refuses_what_was_signed_in_time():
    where = place()
    fault = put(where, kind="clock_skew", seconds=-90)
    async with where.http() as http:
        refused = await http.get("/portfolio/balance")
        where.faults.remove(fault.fault_id)
        accepted = await http.get("/portfolio/balance")

    assert refused.json()["error"]["code"] == "header_timestamp_expired"
    assert accepted.status_code == 200


async def test_a_halted_market_resumes_with_its_orders_cancelled():
    where = place()
    buy(where.exchange, owner(where), 5, 40)
    put(where, kind="market_deactivated", ticker="KXRAIN-*")
    halted = where.exchange.market(MARKET).status
    where.faults.clear()

    assert halted is MarketStatus.INACTIVE
    assert where.exchange.market(MARKET).is_open
    assert owner(where).open_orders == {}


async def test_a_market_that_closed_while_it_was_halted_stays_closed():
    where = place()
    put(where, kind="market_deactivated")
    where.exchange.set_close_time(MARKET, where.exchange.now)
    where.faults.clear()

    assert where.exchange.market(MARKET).status is MarketStatus.CLOSED


async def test_the_living_world_bears_halts_pauses_and_early_closes():
    clock = FixedClock(START)
    exchange, driver = demo_exchange(clock, seed=7)
    app = create_exchange_app(exchange, driver, clock)
    halt = fault_spec({"kind": "market_deactivated", "duration": 260})
    app.state.faults.add(halt)
    pause = fault_spec({"kind": "trading_pause", "duration": 300})
    close = fault_spec({"kind": "market_closed"})
    codes = set()
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://sim/trade-api/v2") as http:
        for second in range(0, 720, 10):
            clock.at = START + timedelta(seconds=second)
            if second in {300, 650}:
                app.state.faults.add(pause if second == 300 else close)
            codes.add((await http.get(STATUS)).status_code)

    assert codes == {200}
    assert [fault["fired"] for fault in app.state.faults.listing()] == [1, 1, 1]


async def test_a_market_closes_early_and_for_good():
    where = place()
    fault = put(where, kind="market_closed", ticker=MARKET)
    other = put(where, kind="market_closed", ticker="KXNONE", probability=0)

    assert where.exchange.market(MARKET).status is MarketStatus.CLOSED
    assert (fault.fired, other.fired) == (1, 0)


async def test_a_close_can_be_moved_closer():
    where = place()
    put(where, kind="market_closed", seconds=30)
    before = where.exchange.market(MARKET).status
    where.exchange.advance(START + timedelta(seconds=30))

    assert before is MarketStatus.ACTIVE
    assert where.exchange.market(MARKET).status is MarketStatus.CLOSED


# Determinism


async def struck(seed: int, count: int = 60) -> list[int]:
    exchange = exchange_with(seed=seed)
    member(exchange)
    where = Streamed(exchange)
    for status in (500, 502):
        put(where, kind="error", probability=0.3, status=status)
    put(where, kind="error_after", probability=0.3, route="GET /markets", status=504)
    async with where.http() as http:
        paths = [STATUS, "/markets"] * (count // 2)
        return [(await http.get(path)).status_code for path in paths]


async def test_the_same_seed_and_requests_give_the_same_failures():
    first, again, other = await struck(1), await struck(1), await struck(2)

    assert first == again
    assert first != other
    assert set(first) == {200, 500, 502, 504}


@settings(max_examples=60)
@given(
    kind=st.sampled_from(sorted(KINDS)),
    route=st.text(max_size=5),
    probability=st.floats(0, 1),
    count=st.none() | st.integers(1, 9),
    duration=st.none() | st.floats(0, 9),
)
def test_a_fault_described_is_that_fault(kind, route, probability, count, duration):
    limits = {"probability": probability, "count": count, "duration": duration}
    spec = fault_spec({"kind": kind, "route": route, **limits})

    assert fault_spec(described(spec)) == spec


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@settings(max_examples=100)
@given(
    asked=JSON
    | st.dictionaries(
        st.sampled_from(["kind", "route", "probability", "count", "delay", "status"]),
        JSON | st.sampled_from(sorted(KINDS)),
    )
)
def test_anything_is_a_fault_or_refused(asked):
    try:
        spec = fault_spec(asked)
    except BadFaultError:
        return

    assert isinstance(spec, FaultSpec)


# Scripts

LINES = """
# an outage after ten seconds
{"at": 10, "until": 20, "kind": "error"}

{"at": 15, "kind": "rate_limited", "count": 1}
"""
TOML = """
[[fault]]
at = 10
until = 20
kind = "error"

[[fault]]
at = 15
kind = "rate_limited"
count = 1
"""


@pytest.mark.parametrize(("name", "text"), [("script.jsonl", LINES), ("script.toml", TOML)])
async def test_a_script_is_followed(tmp_path, name, text):
    path = tmp_path / name
    path.write_text(text)
    where = place()
    install(where.app, load_schedule(path))
    codes = {}
    async with where.http() as http, control(where) as route:
        waiting = (await route.get("/faults")).json()["waiting"]
        for second in (0, 10, 19, 20, 21):
            where.clock.at = START + timedelta(seconds=second)
            codes[second] = (await http.get("/exchange/schedule")).status_code

    assert waiting == 2
    assert codes == {0: 200, 10: 503, 19: 503, 20: 429, 21: 200}


async def test_clearing_forgets_what_was_still_to_come(tmp_path):
    path = tmp_path / "script.jsonl"
    path.write_text(LINES)
    where = place()
    install(where.app, load_schedule(path))

    assert where.faults.clear() == 2
    later(where, 15)
    async with where.http() as http:
        assert (await http.get(STATUS)).status_code == 200


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("a.jsonl", "{", "line 1"),
        ("a.jsonl", "\n[]", "line 2: an entry is an object"),
        ("a.jsonl", '{"kind": "error"}', "at None is not a number"),
        ("a.jsonl", '{"at": -1, "kind": "error"}', "at -1 is not from 0"),
        ("a.jsonl", '{"at": 2, "until": 1, "kind": "error"}', "until 1 is not after at 2"),
        (
            "a.jsonl",
            '{"at": 0, "until": 1, "duration": 1, "kind": "error"}',
            "until excludes duration",
        ),
        ("a.jsonl", '{"at": 0, "kind": "flood"}', "line 1: unknown kind 'flood'"),
        ("a.toml", "x", "a.toml"),
        ("a.toml", "[other]", "tables [[fault]] and nothing else"),
        ("a.toml", "[fault]\nat = 1", "tables [[fault]] and nothing else"),
        ("a.toml", "[[fault]]\nat = 0", "fault 1: unknown kind None"),
    ],
)
def test_a_script_that_makes_no_sense_says_where(tmp_path, name, text, why):
    path = tmp_path / name
    path.write_text(text)

    with pytest.raises(ScheduleError) as wrong:
        load_schedule(path)

    assert why in str(wrong.value)


def test_a_script_that_is_not_there_or_no_text_says_so(tmp_path):
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    for name in ("none", "binary"):
        with pytest.raises(ScheduleError, match=name):
            load_schedule(tmp_path / name)


def test_an_empty_script_does_nothing(tmp_path):
    (tmp_path / "empty.toml").write_text("")

    assert load_schedule(tmp_path / "empty.toml") == FaultSchedule()


async def test_the_command_line_takes_a_script(tmp_path):
    path = tmp_path / "script.jsonl"
    path.write_text('{"at": 0, "kind": "error"}')
    app = simulated(parsed(["--faults", str(path)]), FixedClock())
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://sim/trade-api/v2") as http:
        assert (await http.get(STATUS)).status_code == 503


def test_the_command_line_refuses_a_script_that_makes_no_sense(tmp_path, capsys):
    with pytest.raises(SystemExit):
        parsed(["--faults", str(tmp_path / "none")])

    assert "none" in capsys.readouterr().err


@pytest.mark.parametrize("channel", sorted(CHANNELS))
def test_frames_of_every_channel_can_be_spoiled_and_other_places_cannot(channel):
    frames = ("garbage", "disconnect", "channel_error")
    elsewhere = ("WS handshake", "WS command", "WS ping")

    assert all(KINDS[kind].strikes(f"WS {channel}") for kind in frames)
    assert not any(KINDS[kind].strikes(place) for kind in frames for place in elsewhere)
    assert not any(KINDS[kind].strikes(f"WS {channel}") for kind in ("error", "slow", "cut_after"))
