import re
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import httpx
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.sim.engine.exchange import Exchange, total_money
from bot.sim.engine.specs import EventSpec, SeriesSpec
from bot.sim.rest.orders import LEGACY_ROUTES
from bot.sim.rest.server import ROUTES
from tests.support.openapi import complaints, needs_spec
from tests.support.sim_exchanges import (
    CLOSE,
    MARKET,
    START,
    buy,
    exchange_with,
    market_spec,
    member,
    sell,
)
from tests.support.sim_served import client
from tests.support.sim_signing import signing

ORDERS = "/portfolio/events/orders"
SECONDS = int(START.timestamp())
ELSEWHERE = "KXBTC-ELSE"


def body(**changes: Any) -> dict[str, Any]:
    order = {
        "ticker": MARKET,
        "side": "bid",
        "count": "10.00",
        "price": "0.5000",
        "time_in_force": "good_till_canceled",
        "self_trade_prevention_type": "taker_at_cross",
    }
    return {name: value for name, value in (order | changes).items() if value is not ...}


class Desk:
    """One member's own line to an exchange; remembers what the official document objects to."""

    def __init__(self, http: httpx.AsyncClient, exchange: Exchange) -> None:
        self.http = http
        self.exchange = exchange
        self.ann = exchange.state.accounts["ann"]
        self.bob = exchange.state.accounts["bob"]

    async def create(self, **changes: Any) -> httpx.Response:
        return await self.http.post(ORDERS, json=body(**changes))

    async def order(self, order_id: str) -> dict[str, Any]:
        answer = await self.http.get(f"/portfolio/orders/{order_id}")
        order: dict[str, Any] = answer.json()["order"]
        return order


KEYS, SIGNER = signing("ann")


@asynccontextmanager
async def backend():
    """Ann signs; bob is there to trade with. A second market is on another shard."""
    exchange = exchange_with()
    exchange.add_series(SeriesSpec("KXBTC", "Bitcoin", "Crypto", exchange_index=2))
    exchange.add_event(EventSpec("KXBTC-1", "KXBTC", "Bitcoin"))
    exchange.add_market(replace(market_spec(ELSEWHERE), event_ticker="KXBTC-1"))
    member(exchange, "ann")
    member(exchange, "bob")
    async with client(exchange, keys=KEYS) as http:
        http.auth = SIGNER
        yield Desk(http, exchange)


def error(answer: httpx.Response) -> tuple[int, str, str]:
    said = answer.json()["error"]
    return answer.status_code, said["code"], said.get("details", "")


async def test_a_resting_order_is_created_as_documented():
    async with backend() as d:
        answer = await d.create(client_order_id="mine")

    assert answer.status_code == 201
    assert answer.json() == {
        "order_id": answer.json()["order_id"],
        "client_order_id": "mine",
        "fill_count": "0.00",
        "remaining_count": "10.00",
        "ts_ms": SECONDS * 1000,
    }


async def test_a_filled_order_says_its_average_price_and_fee_per_contract():
    async with backend() as d:
        sell(d.exchange, d.bob, 10, 37)
        said = (await d.create(price="0.4000")).json()

    assert (said["fill_count"], said["remaining_count"]) == ("10.00", "0.00")
    assert (said["average_fill_price"], said["average_fee_paid"]) == ("0.3700", "0.0163")


async def test_an_immediate_order_that_fills_nothing_is_201_with_nothing_left():
    async with backend() as d:
        answer = await d.create(time_in_force="immediate_or_cancel")

    assert answer.status_code == 201
    assert (answer.json()["fill_count"], answer.json()["remaining_count"]) == ("0.00", "0.00")
    assert "average_fill_price" not in answer.json()


@pytest.mark.parametrize(
    ("field", "kind", "value"),
    [
        ("count", "string", 10),
        ("price", "string", 0.5),
        ("ticker", "string", ["A"]),
        ("post_only", "bool", "yes"),
        ("expiration_time", "int64", "soon"),
        ("expiration_time", "int64", 2**70),
        ("subaccount", "int64", True),
    ],
)
async def test_a_value_of_the_wrong_kind_gets_the_flat_refusal(field, kind, value):
    async with backend() as d:
        answer = await d.create(**{field: value})

    assert answer.status_code == 400
    assert answer.json()["code"] == "bad_request"
    assert answer.json()["details"].endswith(
        f"into Go struct field CreateOrderV2Request.{field} of type {kind}"
    )


async def test_the_refusal_of_a_number_is_the_recorded_one():
    async with backend() as d:
        answer = await d.create(count=10)

    assert answer.json() == {
        "code": "bad_request",
        "message": "bad request",
        "details": "json: cannot unmarshal number into Go struct field "
        "CreateOrderV2Request.count of type string",
    }


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b'"x"', b"3", b"\xff"])
async def test_a_body_that_is_no_object_gets_the_flat_refusal(content):
    async with backend() as d:
        answer = await d.http.post(ORDERS, content=content)

    assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"price": "0.505"}, (400, "invalid_price")),
        ({"price": "0.50505"}, (400, "invalid_price")),
        ({"price": "1.0000"}, (400, "invalid_price")),
        ({"price": "0"}, (400, "invalid_price")),
        ({"price": "-0.5"}, (400, "invalid_price")),
        ({"price": "NaN"}, (400, "invalid_price")),
        ({"price": "1e-1"}, (400, "invalid_price")),
        ({"price": "٠.٥"}, (400, "invalid_price")),
        ({"count": "0.00"}, (400, "invalid_order_size")),
        ({"count": "0.005"}, (400, "invalid_order_size")),
        ({"count": "-1"}, (400, "invalid_order_size")),
        ({"count": "ten"}, (400, "invalid_order_size")),
        ({"count": "99999999999"}, (400, "invalid_order_size")),
        ({"count": "2100.00"}, (400, "insufficient_balance")),
        ({"side": "yes"}, (400, "invalid_parameters")),
        ({"time_in_force": "GTT"}, (400, "invalid_parameters")),
        ({"self_trade_prevention_type": "both"}, (400, "invalid_parameters")),
        ({"client_order_id": "a b"}, (400, "invalid_parameters")),
        ({"client_order_id": "x" * 65}, (400, "invalid_parameters")),
        ({"subaccount": 3}, (400, "invalid_parameters")),
        ({"self_trade_prevention_type": ...}, (400, "missing_parameters")),
        ({"price": ...}, (400, "missing_parameters")),
        ({"ticker": ""}, (400, "missing_parameters")),
        ({"count": None}, (400, "missing_parameters")),
        ({"ticker": "NONE"}, (404, "market_not_found")),
        ({"exchange_index": 2}, (404, "market_not_found")),
        ({"expiration_time": SECONDS}, (400, "invalid_order")),
        ({"expiration_time": -5}, (400, "invalid_order")),
        ({"expiration_time": 10**17}, (400, "invalid_order")),
        ({"reduce_only": True}, (400, "invalid_order")),
        ({"order_group_id": "none"}, (404, "not_found")),
        ({"ticker": ELSEWHERE}, (400, "insufficient_balance")),
    ],
)
async def test_an_order_that_cannot_be_gets_the_nested_refusal(changes, expected):
    async with backend() as d:
        answer = await d.create(**changes)

        assert error(answer)[:2] == expected
        assert d.ann.orders == {}


async def test_the_refusals_of_the_matching_are_the_recorded_ones():
    async with backend() as d:
        sell(d.exchange, d.bob, 1, 50)
        await d.create(count="1", price="0.3", client_order_id="mine")

        assert error(await d.create(post_only=True)) == (400, "invalid_order", "post only cross")
        assert error(await d.create(time_in_force="fill_or_kill")) == (
            409,
            "fill_or_kill_insufficient_resting_volume",
            "",
        )
        assert error(await d.create(client_order_id="mine")) == (409, "order_already_exists", "")
        d.exchange.pause_trading(True)
        assert error(await d.create()) == (409, "trading_is_paused", "")
        d.exchange.pause_exchange(True)
        assert error(await d.create()) == (409, "exchange_is_paused", "")


async def test_a_price_may_have_fewer_decimals_than_four():
    async with backend() as d:
        for price in ("0.5", ".5", "0.50", "0.500000"):
            assert (await d.create(price=price, count="1")).status_code == 201


async def test_auto_routing_takes_a_missing_or_a_negative_shard():
    async with backend() as d:
        d.exchange.deposit(d.ann, 2, 10_000_000)
        for shard in (..., None, -1, 2):
            answer = await d.create(ticker=ELSEWHERE, exchange_index=shard, count="1")
            assert answer.status_code == 201


async def test_a_cancel_needs_to_know_the_shard():
    async with backend() as d:
        d.exchange.deposit(d.ann, 2, 10_000_000)
        order_id = (await d.create(ticker=ELSEWHERE, count="1")).json()["order_id"]
        path = f"{ORDERS}/{order_id}"

        assert error(await d.http.delete(path))[:2] == (404, "not_found")
        wrong = await d.http.delete(path, params={"market_ticker": MARKET})
        assert error(wrong)[:2] == (404, "not_found")
        mixed = {"market_ticker": MARKET, "exchange_index": 2}
        assert error(await d.http.delete(path, params=mixed))[1] == "order_ticker_mismatch"
        unknown = await d.http.delete(path, params={"market_ticker": "NONE"})
        assert error(unknown)[:2] == (404, "market_not_found")
        right = await d.http.delete(path, params={"market_ticker": ELSEWHERE})
        assert right.json()["reduced_by"] == "1.00"
        again = await d.http.delete(path, params={"exchange_index": 2})
        assert error(again) == (404, "not_found", "")


async def test_cancel_all_leaves_nothing_and_says_nothing():
    async with backend() as d:
        await d.create(count="1")
        answer = await d.http.delete(ORDERS)

        assert (answer.status_code, answer.content) == (204, b"")
        assert d.ann.open_orders == {}


async def test_a_batch_of_orders_succeeds_and_fails_one_by_one():
    async with backend() as d:
        sell(d.exchange, d.bob, 1, 50)
        orders = [
            body(count="1", client_order_id="a"),
            body(post_only=True, client_order_id="b"),
            body(price="0.4000", count="2"),
        ]
        orders[1]["price"] = "0.5000"
        sell(d.exchange, d.bob, 1, 50)
        answer = await d.http.post(f"{ORDERS}/batched", json={"orders": orders})
        filled, refused, resting = answer.json()["orders"]

    assert answer.status_code == 201
    assert (filled["fill_count"], filled["average_fill_price"]) == ("1.00", "0.5000")
    assert refused == {
        "client_order_id": "b",
        "fill_count": None,
        "remaining_count": None,
        "average_fill_price": None,
        "average_fee_paid": None,
        "ts_ms": None,
        "error": {
            "code": "invalid_order",
            "message": "invalid order",
            "details": "post only cross",
        },
    }
    assert (resting["remaining_count"], resting["average_fill_price"]) == ("2.00", None)


async def test_a_batch_of_cancels_succeeds_and_fails_one_by_one():
    async with backend() as d:
        order_id = (await d.create(count="1", client_order_id="a")).json()["order_id"]
        orders = [{"order_id": order_id, "market_ticker": MARKET}, {"order_id": "x"}, {}]
        answer = await d.http.request("DELETE", f"{ORDERS}/batched", json={"orders": orders})
        gone, unknown, nameless = answer.json()["orders"]

    assert answer.status_code == 200
    assert (gone["client_order_id"], gone["reduced_by"]) == ("a", "1.00")
    assert unknown == {
        "order_id": "x",
        "client_order_id": None,
        "reduced_by": "0.00",
        "ts_ms": None,
        "error": {"code": "not_found", "message": "not found"},
    }
    assert nameless["error"]["code"] == "missing_parameters"


@pytest.mark.parametrize("method", ["POST", "DELETE"])
@pytest.mark.parametrize("content", [{}, {"orders": None}, {"orders": {}}, {"orders": [3]}])
async def test_a_batch_needs_a_list_of_orders(method, content):
    async with backend() as d:
        answer = await d.http.request(method, f"{ORDERS}/batched", json=content)

    assert answer.status_code == 400


async def test_an_amendment_says_what_is_filled_and_what_remains():
    async with backend() as d:
        made = (await d.create(client_order_id="old")).json()
        sell(d.exchange, d.bob, 4, 50)
        change = {"ticker": MARKET, "side": "bid", "price": "0.4900", "count": "8.00"}
        change |= {"client_order_id": "old", "updated_client_order_id": "new"}
        path = f"{ORDERS}/{made['order_id']}/amend"
        answer = await d.http.post(path, json=change | {"expiration_time": SECONDS + 60})
        order = await d.order(made["order_id"])
        await d.http.post(path, json=change | {"expiration_time": 0, "client_order_id": "new"})

    assert answer.status_code == 200
    assert answer.json() == {
        "order_id": made["order_id"],
        "client_order_id": "new",
        "fill_count": "4.00",
        "remaining_count": "4.00",
        "average_fill_price": "0.5000",
        "average_fee_paid": "0.0000",
        "ts_ms": SECONDS * 1000,
    }
    assert order["expiration_time"] == "2026-11-23T12:01:00Z"
    assert d.ann.orders[made["order_id"]].expiration is None


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"ticker": ELSEWHERE}, (400, "order_ticker_mismatch")),
        ({"side": "ask"}, (400, "order_side_mismatch")),
        ({"client_order_id": "other"}, (400, "order_id_and_client_order_id_mismatch")),
        ({"price": "0.001"}, (400, "invalid_price")),
        ({"count": "0"}, (400, "invalid_order_size")),
        ({"count": "99999"}, (400, "insufficient_balance")),
        ({"expiration_time": SECONDS - 1}, (400, "invalid_order")),
        ({"exchange_index": 1}, (404, "market_not_found")),
        ({"price": None}, (400, "missing_parameters")),
    ],
)
async def test_an_amendment_that_cannot_be_changes_nothing(changes, expected):
    async with backend() as d:
        made = (await d.create(client_order_id="old")).json()
        before = await d.order(made["order_id"])
        change = {"ticker": MARKET, "side": "bid", "price": "0.4900", "count": "8.00"}
        path = f"{ORDERS}/{made['order_id']}/amend"
        answer = await d.http.post(path, json=change | changes)

        assert error(answer)[:2] == expected
        assert await d.order(made["order_id"]) == before


async def test_amending_or_decreasing_what_does_not_rest_is_404():
    change = {"ticker": MARKET, "side": "bid", "price": "0.4900", "count": "8.00"}
    async with backend() as d:
        amend = await d.http.post(f"{ORDERS}/none/amend", json=change)
        decrease = await d.http.post(f"{ORDERS}/none/decrease", json={"reduce_by": "1"})

    assert error(amend) == error(decrease) == (404, "not_found", "")


async def test_a_decrease_goes_by_or_to():
    async with backend() as d:
        made = (await d.create(client_order_id="a")).json()
        path = f"{ORDERS}/{made['order_id']}/decrease"
        by = await d.http.post(path, json={"reduce_by": "2.50"})
        to = await d.http.post(path, json={"reduce_to": "3", "market_ticker": MARKET})
        both = await d.http.post(path, json={"reduce_to": "3", "reduce_by": "1"})
        neither = await d.http.post(path, json={})
        gone = await d.http.post(path, json={"reduce_to": "0"})

    assert by.json() == {
        "order_id": made["order_id"],
        "client_order_id": "a",
        "remaining_count": "7.50",
        "ts_ms": SECONDS * 1000,
    }
    assert to.json()["remaining_count"] == "3.00"
    assert error(both)[:2] == error(neither)[:2] == (400, "invalid_parameters")
    assert gone.json()["remaining_count"] == "0.00"
    assert d.ann.open_orders == {}


async def test_orders_are_listed_youngest_first_paged_and_filtered():
    async with backend() as d:
        ids = []
        for cents in (40, 41, 42):
            ids.append((await d.create(price=f"0.{cents}", count="1")).json()["order_id"])
            d.exchange.advance(d.exchange.now + timedelta(seconds=10))
        await d.http.delete(f"{ORDERS}/{ids[0]}")
        sell(d.exchange, d.bob, 1, 42)

        async def listed(**params: Any) -> list[str]:
            answer = await d.http.get("/portfolio/orders", params=params)
            return [order["order_id"] for order in answer.json()["orders"]]

        first = (await d.http.get("/portfolio/orders", params={"limit": 2})).json()

        assert await listed() == ids[::-1]
        assert [order["order_id"] for order in first["orders"]] == [ids[2], ids[1]]
        assert await listed(limit=2, cursor=first["cursor"]) == [ids[0]]
        assert await listed(status="canceled") == [ids[0]]
        assert await listed(status="resting") == [ids[1]]
        assert await listed(status="executed") == [ids[2]]
        assert await listed(ticker=ELSEWHERE) == []
        assert await listed(event_ticker="KXRAIN-26NOV23,X") == ids[::-1]
        assert await listed(exchange_index=2) == []
        assert await listed(min_ts=SECONDS + 10, max_ts=SECONDS + 10) == [ids[1]]


async def test_an_order_tells_its_life():
    async with backend() as d:
        sell(d.exchange, d.bob, 4, 37)
        group = await d.http.post(
            "/portfolio/order_groups/create", json={"contracts_limit_fp": "50.00"}
        )
        made = (
            await d.create(
                price="0.3700", order_group_id=group.json()["order_group_id"], client_order_id="a"
            )
        ).json()
        order = await d.order(made["order_id"])

    expected = {
        "client_order_id": "a",
        "status": "resting",
        "type": "limit",
        "side": "yes",
        "action": "buy",
        "outcome_side": "yes",
        "book_side": "bid",
        "yes_price_dollars": "0.3700",
        "no_price_dollars": "0.6300",
        "initial_count_fp": "10.00",
        "fill_count_fp": "4.00",
        "remaining_count_fp": "6.00",
        "taker_fill_cost_dollars": "1.480000",
        "taker_fees_dollars": "0.065300",
        "maker_fees_dollars": "0.000000",
        "order_group_id": group.json()["order_group_id"],
        "created_time": "2026-11-23T12:00:00Z",
    }
    assert {name: order[name] for name in expected} == expected


async def test_the_queue_is_what_must_trade_first():
    async with backend() as d:
        buy(d.exchange, d.bob, 3, 50)
        buy(d.exchange, d.bob, 2, 51)
        made = (await d.create()).json()
        one = await d.http.get(f"/portfolio/orders/{made['order_id']}/queue_position")
        every = await d.http.get("/portfolio/orders/queue_positions")
        none = await d.http.get(
            "/portfolio/orders/queue_positions", params={"market_tickers": ELSEWHERE}
        )
        await d.http.delete(ORDERS)
        gone = await d.http.get(f"/portfolio/orders/{made['order_id']}/queue_position")
        unknown = await d.http.get("/portfolio/orders/none/queue_position")

    assert one.json() == {"queue_position_fp": "5.00"}
    assert every.json()["queue_positions"][0]["queue_position_fp"] == "5.00"
    assert none.json() == {"queue_positions": []}
    assert gone.status_code == unknown.status_code == 404


async def test_a_round_trip_shows_in_fills_positions_and_balance():
    async with backend() as d:
        sell(d.exchange, d.bob, 10, 37)
        await d.create(price="0.3700")
        buy(d.exchange, d.bob, 4, 39)
        await d.create(price="0.3900", side="ask", count="4")
        fills = (await d.http.get("/portfolio/fills")).json()["fills"]
        positions = (await d.http.get("/portfolio/positions")).json()
        balance = (await d.http.get("/portfolio/balance")).json()

    assert [(f["book_side"], f["count_fp"], f["fee_cost"]) for f in fills] == [
        ("ask", "4.00", "0.066700"),
        ("bid", "10.00", "0.163200"),
    ]
    held = positions["market_positions"][0]
    assert held["position_fp"] == "6.00"
    assert held["market_exposure_dollars"] == "2.220000"
    assert held["realized_pnl_dollars"] == "0.080000"
    assert held["fees_paid_dollars"] == "0.229900"
    assert positions["event_positions"][0]["total_cost_shares_fp"] == "14.00"
    assert balance["balance_dollars"] == "997.6301"
    assert balance["balance"] == 99_763
    assert balance["portfolio_value"] == 234
    assert balance["balance_breakdown"] == [{"exchange_index": 0, "balance": "997.6301"}]


async def test_fills_are_filtered():
    async with backend() as d:
        sell(d.exchange, d.bob, 10, 37)
        made = (await d.create(price="0.3700", count="1")).json()
        await d.create(price="0.3700", count="2")

        async def counts(**params: Any) -> list[str]:
            answer = await d.http.get("/portfolio/fills", params=params)
            return [fill["count_fp"] for fill in answer.json()["fills"]]

        assert await counts() == ["2.00", "1.00"]
        assert await counts(order_id=made["order_id"]) == ["1.00"]
        assert await counts(ticker=f"{MARKET},X") == ["2.00", "1.00"]
        assert await counts(ticker="X") == []
        assert await counts(max_ts=SECONDS - 1) == []


async def test_a_no_position_is_negative_and_its_settlement_pays_the_other_side():
    async with backend() as d:
        buy(d.exchange, d.bob, 10, 40)
        await d.create(side="ask", price="0.4000")
        held = (await d.http.get("/portfolio/positions")).json()["market_positions"][0]
        d.exchange.advance(CLOSE)
        d.exchange.determine(MARKET, "no")
        d.exchange.advance(CLOSE + timedelta(minutes=2))
        settled = (await d.http.get("/portfolio/settlements")).json()["settlements"]

        async def positions(**params: Any) -> list[str]:
            answer = await d.http.get("/portfolio/positions", params=params)
            return [one["ticker"] for one in answer.json()["market_positions"]]

        assert held["position_fp"] == "-10.00"
        assert held["market_exposure_dollars"] == "6.000000"
        assert settled == [
            {
                "ticker": MARKET,
                "event_ticker": "KXRAIN-26NOV23",
                "exchange_index": 0,
                "market_result": "no",
                "yes_count_fp": "0.00",
                "yes_total_cost_dollars": "0.000000",
                "no_count_fp": "10.00",
                "no_total_cost_dollars": "6.000000",
                "revenue": 1000,
                "value": 0,
                "fee_cost": "0.168000",
                "settled_time": "2026-11-24T12:01:00Z",
            }
        ]
        assert await positions() == []
        assert await positions(settlement_status="settled") == [MARKET]
        assert await positions(settlement_status="all", ticker=MARKET) == [MARKET]
        assert await positions(settlement_status="all", count_filter="position") == []
        assert await positions(settlement_status="all", count_filter="total_traded") == [MARKET]
        assert await positions(settlement_status="all", event_ticker="X") == []
        wrong = {"settlement_status": "paid"}
        assert (await d.http.get("/portfolio/positions", params=wrong)).status_code == 400
        wrong = {"count_filter": "size"}
        assert (
            await d.http.get("/portfolio/positions", params=wrong | {"settlement_status": "all"})
        ).status_code == 400


async def test_settlements_are_filtered():
    async with backend() as d:
        buy(d.exchange, d.bob, 1, 40)
        await d.create(side="ask", price="0.4000", count="1")
        d.exchange.advance(CLOSE)
        d.exchange.determine(MARKET, "scalar", 2_550)
        d.exchange.advance(CLOSE + timedelta(minutes=2))

        async def listed(**params: Any) -> int:
            answer = await d.http.get("/portfolio/settlements", params=params)
            return len(answer.json()["settlements"])

        assert await listed() == await listed(ticker=MARKET) == 1
        assert await listed(ticker="X") == await listed(event_ticker="X") == 0
        assert await listed(max_ts=SECONDS) == 0


async def test_cash_moves_between_shards_and_no_further():
    move = {
        "source": "event_contract",
        "destination": "event_contract",
        "amount": 250_000,
        "source_exchange_shard": 0,
        "destination_exchange_shard": 2,
    }
    async with backend() as d:
        path = "/portfolio/intra_exchange_instance_transfer"
        good = await d.http.post(path, json=move)
        poor = await d.http.post(path, json=move | {"amount": 10**9})
        shard = await d.http.post(path, json=move | {"source_exchange_shard": 9})
        nothing = await d.http.post(path, json=move | {"amount": 0})
        margin = await d.http.post(path, json=move | {"source": "margined"})
        other = (await d.http.get("/portfolio/balance", params={"exchange_index": 2})).json()

    assert good.status_code == 200
    assert other["balance_dollars"] == "25.0000"
    assert d.ann.cash == {0: 975_000_000, 2: 25_000_000}
    assert error(poor)[1] == "insufficient_balance"
    for answer in (shard, nothing, margin):
        assert error(answer)[:2] == (400, "invalid_parameters")


async def test_an_order_group_is_made_read_limited_triggered_reset_and_deleted():
    groups = "/portfolio/order_groups"
    async with backend() as d:
        made = await d.http.post(f"{groups}/create", json={"contracts_limit": 5})
        group_id = made.json()["order_group_id"]
        path = f"{groups}/{group_id}"
        order = (await d.create(order_group_id=group_id, count="1")).json()
        one = (await d.http.get(path)).json()
        listed = (await d.http.get(groups)).json()
        limited = await d.http.put(f"{path}/limit", json={"contracts_limit_fp": "7.50"})
        again = (await d.http.get(path)).json()
        triggered = await d.http.put(f"{path}/trigger", json={})
        refused = await d.create(order_group_id=group_id, count="1")
        reset = await d.http.put(f"{path}/reset")
        taken = await d.create(order_group_id=group_id, count="1")
        deleted = await d.http.delete(path)
        gone = await d.http.get(path)

    assert (made.status_code, made.json()["exchange_index"]) == (201, 0)
    assert (one["orders"], one["contracts_limit_fp"]) == ([order["order_id"]], "5.00")
    assert [group["id"] for group in listed["order_groups"]] == [group_id]
    assert again["contracts_limit_fp"] == "7.50"
    for answer in (limited, triggered, reset, deleted):
        assert (answer.status_code, answer.json()) == (200, {})
    assert error(refused)[:2] == (409, "order_group_triggered")
    assert taken.status_code == 201
    assert d.ann.open_orders == {}
    assert gone.status_code == 404


@pytest.mark.parametrize(
    "limit",
    [
        {},
        {"contracts_limit": 0},
        {"contracts_limit": 5, "contracts_limit_fp": "6"},
        {"contracts_limit_fp": "x"},
        {"contracts_limit": 5, "exchange_index": 9},
        {"contracts_limit": 5, "subaccount": 1},  # nobody opened it
    ],
)
async def test_an_order_group_needs_one_limit(limit):
    async with backend() as d:
        answer = await d.http.post("/portfolio/order_groups/create", json=limit)

    assert answer.status_code == 400


@pytest.mark.parametrize("route", LEGACY_ROUTES)
async def test_the_old_order_entry_is_gone(route):
    async with backend() as d:
        answer = await d.http.request(route.method, route.path.format(order_id="x"), json={})

    assert answer.status_code == 410
    assert answer.json() == {
        "error": {
            "code": "deprecated_v1_order_endpoint",
            "message": "Please switch to the V2 endpoints",
        }
    }


async def test_the_account_limits_are_those_of_its_tier():
    async with backend() as d:
        limits = (await d.http.get("/account/limits")).json()

    assert limits == {
        "usage_tier": "basic",
        "read": {"refill_rate": 200, "bucket_capacity": 600},
        "write": {"refill_rate": 100, "bucket_capacity": 100},
        "grants": [],
    }


@needs_spec
async def test_every_private_answer_keeps_to_the_official_document():
    found: list[str] = []
    async with backend() as d:

        async def check(operation: str, status: int, answer: httpx.Response) -> Any:
            assert answer.status_code == status, answer.text
            found.extend(f"{operation}: {c}" for c in complaints(operation, status, answer.json()))
            return answer.json()

        sell(d.exchange, d.bob, 4, 50)
        group = await d.http.post("/portfolio/order_groups/create", json={"contracts_limit": 99})
        group_id = (await check("CreateOrderGroup", 201, group))["order_group_id"]
        terms = {"expiration_time": SECONDS + 600, "order_group_id": group_id}
        made = await check("CreateOrderV2", 201, await d.create(client_order_id="a", **terms))
        batch = {"orders": [body(count="1"), body(count="0")]}
        answer = await d.http.post(f"{ORDERS}/batched", json=batch)
        both = await check("BatchCreateOrdersV2", 201, answer)
        one = f"{ORDERS}/{made['order_id']}"
        change = {"ticker": MARKET, "side": "bid", "price": "0.4900", "count": "8.00"}
        await check("AmendOrderV2", 200, await d.http.post(f"{one}/amend", json=change))
        less = {"reduce_by": "1.00"}
        await check("DecreaseOrderV2", 200, await d.http.post(f"{one}/decrease", json=less))
        order_path = f"/portfolio/orders/{made['order_id']}"
        for operation, path in {
            "GetOrder": order_path,
            "GetOrderQueuePosition": f"{order_path}/queue_position",
            "GetOrderQueuePositions": "/portfolio/orders/queue_positions",
            "GetOrders": "/portfolio/orders",
            "GetFills": "/portfolio/fills",
            "GetPositions": "/portfolio/positions",
            "GetBalance": "/portfolio/balance",
            "GetHistoricalOrders": "/historical/orders",
            "GetHistoricalPositions": "/historical/positions",
            "GetSubaccountTransfers": "/portfolio/subaccounts/transfers",
            "GetFillsHistorical": "/historical/fills",
            "GetDeposits": "/portfolio/deposits",
            "GetWithdrawals": "/portfolio/withdrawals",
            "GetApiKeys": "/api_keys",
            "GetAccountApiLimits": "/account/limits",
            "GetOrderGroups": "/portfolio/order_groups",
            "GetOrderGroup": f"/portfolio/order_groups/{group_id}",
        }.items():
            await check(operation, 200, await d.http.get(path))
        await check("CancelOrderV2", 200, await d.http.delete(one))
        last = {"orders": [{"order_id": both["orders"][0]["order_id"]}, {"order_id": "x"}]}
        answer = await d.http.request("DELETE", f"{ORDERS}/batched", json=last)
        await check("BatchCancelOrdersV2", 200, answer)
        move = {"source": "event_contract", "destination": "event_contract", "amount": 1}
        answer = await d.http.post("/portfolio/intra_exchange_instance_transfer", json=move)
        await check("IntraExchangeInstanceTransfer", 200, answer)
        d.exchange.advance(CLOSE)
        d.exchange.determine(MARKET, "yes")
        d.exchange.advance(CLOSE + timedelta(minutes=2))
        await check("GetSettlements", 200, await d.http.get("/portfolio/settlements"))

    assert found == []


@needs_spec
async def test_refusals_keep_to_the_official_document_where_it_describes_them():
    async with backend() as d:
        flat = await d.create(count=3)

    assert complaints("CreateOrderV2", 400, flat.json()) == []


words = st.text(max_size=10) | st.sampled_from(
    [MARKET, "bid", "ask", "1", "0.50", "-1", "", "immediate_or_cancel", "maker", "event_contract"]
)
values = st.none() | st.booleans() | st.integers(-10, 2**80) | st.floats() | words
fields = st.sampled_from(sorted({*body(), "exchange_index", "reduce_by", "orders", "amount"}))
bodies = st.recursive(
    values,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(fields, inner, max_size=5)
        | st.builds(lambda more: body() | more, st.dictionaries(fields, values, max_size=2))
        | st.builds(lambda items: {"orders": items}, st.lists(inner, max_size=2))
    ),
    max_leaves=8,
)


@settings(max_examples=100, deadline=None)
@given(
    route=st.sampled_from([route for route in ROUTES if route.scope]),
    name=words,
    params=st.dictionaries(
        st.sampled_from(
            ["limit", "cursor", "status", "ticker", "min_ts", "subaccount", "market_ticker"]
        ),
        words,
        max_size=3,
    ),
    content=bodies,
)
async def test_anything_sent_to_the_portfolio_gets_an_answer_and_conserves_money(
    route, name, params, content
):
    path = re.sub(r"\{\w+\}", lambda _: quote(name or "x", safe=""), route.path)
    async with backend() as d:
        money = total_money(d.exchange)
        try:
            raw = orjson.dumps(content)
        except TypeError:
            raw = repr(content).encode()
        answer = await d.http.request(route.method, path, params=params, content=raw)

        assert answer.status_code in {200, 201, 204, 301, 400, 404, 405, 409, 410}
        assert total_money(d.exchange) == money


# Archive and subaccounts


async def test_a_settled_position_moves_to_the_archive_with_its_market():
    async with backend() as d:
        sell(d.exchange, d.bob, 4, 50)
        await d.create(count="4.00")
        d.exchange.advance(CLOSE)
        d.exchange.determine(MARKET, "yes")
        d.exchange.advance(CLOSE + timedelta(minutes=2))

        async def held(path: str, **params: str) -> list[str]:
            listed = (await d.http.get(path, params=params)).json()["market_positions"]
            return [one["ticker"] for one in listed]

        settled = {"settlement_status": "settled"}
        assert await held("/portfolio/positions", **settled) == [MARKET]
        assert await held("/historical/positions") == []

        d.exchange.advance(CLOSE + d.exchange.archive.after + timedelta(days=1))

        assert await held("/portfolio/positions", **settled) == []
        assert await held("/historical/positions") == [MARKET]
        assert await held("/historical/positions", ticker="another") == []


@needs_spec
async def test_subaccounts_are_opened_in_turn_and_cash_moves_between_them():
    async with backend() as d:
        numbers = [
            (await d.http.post("/portfolio/subaccounts", json={})).json()["subaccount_number"]
            for _ in range(2)
        ]
        move = {"client_transfer_id": "t", "from_subaccount": 0, "to_subaccount": 2}
        path = "/portfolio/subaccounts/transfer"
        done = await d.http.post(path, json={**move, "amount_cents": 500})
        too_much = await d.http.post(path, json={**move, "amount_cents": 10**9})
        nobody = await d.http.post(path, json={**move, "to_subaccount": 3, "amount_cents": 1})
        listed = (await d.http.get("/portfolio/subaccounts/transfers")).json()
        balance = await d.http.get("/portfolio/balance", params={"subaccount": "2"})

        assert numbers == [1, 2]
        assert (done.status_code, done.json()) == (200, {})
        assert complaints("ApplySubaccountTransfer", 200, done.json()) == []
        assert error(too_much)[1] == "insufficient_balance"
        assert error(nobody)[1] == "invalid_parameters"
        assert complaints("GetSubaccountTransfers", 200, listed) == []
        assert [one["amount_cents"] for one in listed["transfers"]] == [500]
        assert balance.json()["balance_dollars"] == "5.0000"
