"""What clients rely on in each object, said here for where the official document is not at hand."""

import re
from datetime import timedelta
from typing import Any

import pytest

from tests.support.sim_exchanges import CLOSE, MARKET, buy, exchange_with, member, sell
from tests.support.sim_served import BUSY, client, exchange_with_a_past
from tests.support.sim_signing import signing

KINDS = {
    "price": r"[01]\.\d{4}",
    "size": r"-?\d+\.\d\d",
    "money": r"-?\d+\.\d{4,6}",
    "time": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?Z",
    "id": r"[0-9a-f]{8}-[0-9a-f]{4}-4000-8000-[0-9a-f]{12}",
    "text": r".+",
    "any": r".*",
    "side": r"bid|ask",
    "outcome": r"yes|no",
}
TYPES: dict[str, Any] = {"int": int, "bool": bool, "number": float, "list": list, "object": dict}

MARKET_FIELDS = """
    ticker:text event_ticker:text market_type:text yes_sub_title:any no_sub_title:any
    created_time:time updated_time:time open_time:time close_time:time
    latest_expiration_time:time settlement_timer_seconds:int status:text
    notional_value_dollars:price yes_bid_dollars:price yes_ask_dollars:price no_bid_dollars:price
    no_ask_dollars:price yes_bid_size_fp:size yes_ask_size_fp:size last_price_dollars:price
    previous_yes_bid_dollars:price previous_yes_ask_dollars:price previous_price_dollars:price
    volume_fp:size volume_24h_fp:size open_interest_fp:size result:any can_close_early:bool
    expiration_value:any rules_primary:any rules_secondary:any price_level_structure:text
    price_ranges:list settlement_bounds_type:text exchange_index:int"""
ORDER_FIELDS = """
    order_id:id user_id:id client_order_id:any ticker:text outcome_side:outcome book_side:side
    type:text status:text yes_price_dollars:price no_price_dollars:price fill_count_fp:size
    remaining_count_fp:size initial_count_fp:size taker_fees_dollars:money maker_fees_dollars:money
    taker_fill_cost_dollars:money maker_fill_cost_dollars:money created_time:time
    last_update_time:time exchange_index:int"""
FILL_FIELDS = """
    fill_id:id exchange_index:int trade_id:id order_id:id ticker:text market_ticker:text
    outcome_side:outcome book_side:side count_fp:size yes_price_dollars:price
    no_price_dollars:price is_taker:bool fee_cost:money created_time:time ts:int"""

PUBLIC = {
    "/markets": ("markets", MARKET_FIELDS),
    f"/markets/{BUSY}": ("market", MARKET_FIELDS),
    "/events": (
        "events",
        "event_ticker:text series_ticker:text sub_title:any title:text collateral_return_type:any "
        "mutually_exclusive:bool settlement_sources:null last_updated_ts:time",
    ),
    "/series/KXBTC": (
        "series",
        "ticker:text frequency:text title:text category:text categories:list tags:list "
        "settlement_sources:null contract_url:any contract_terms_url:any fee_type:text "
        "fee_multiplier:number additional_prohibitions:null",
    ),
    "/markets/trades": (
        "trades",
        "trade_id:id ticker:text count_fp:size yes_price_dollars:price no_price_dollars:price "
        "taker_outcome_side:outcome taker_book_side:side created_time:time is_block_trade:bool",
    ),
    f"/series/KXRAIN/markets/{BUSY}/candlesticks?start_ts=1&end_ts=9999999999&period_interval=60": (
        "candlesticks",
        "end_period_ts:int yes_bid:object yes_ask:object price:object volume_fp:size "
        "open_interest_fp:size",
    ),
    "/exchange/status": ("", "exchange_active:bool trading_active:bool"),
    "/historical/cutoff": (
        "",
        "market_settled_ts:time trades_created_ts:time orders_updated_ts:time "
        "market_positions_last_updated_ts:time",
    ),
}
PRIVATE = {
    "/portfolio/orders": ("orders", ORDER_FIELDS),
    "/portfolio/fills": ("fills", FILL_FIELDS),
    "/portfolio/positions?settlement_status=all": (
        "market_positions",
        "ticker:text exchange_index:int total_traded_dollars:money position_fp:size "
        "market_exposure_dollars:money realized_pnl_dollars:money fees_paid_dollars:money "
        "last_updated_ts:time",
    ),
    "/portfolio/settlements": (
        "settlements",
        "ticker:text exchange_index:int event_ticker:text market_result:text yes_count_fp:size "
        "yes_total_cost_dollars:money no_count_fp:size no_total_cost_dollars:money revenue:int "
        "value:int settled_time:time fee_cost:money",
    ),
    "/portfolio/balance": (
        "",
        "balance:int balance_dollars:money portfolio_value:int updated_ts:int",
    ),
    "/account/limits": ("", "usage_tier:text read:object write:object grants:list"),
}


def unkept(described: dict[str, Any], promise: str) -> list[str]:
    """The fields of a promise that an object does not keep."""
    fields = [field.split(":") for field in promise.split()]
    return [
        name for name, kind in fields if name not in described or not fits(described[name], kind)
    ]


def fits(value: Any, kind: str) -> bool:
    if kind == "null":
        return value is None
    if kind in TYPES:
        return type(value) is TYPES[kind]
    return isinstance(value, str) and re.fullmatch(KINDS[kind], value) is not None


def objects(body: dict[str, Any], name: str) -> list[dict[str, Any]]:
    found = body[name] if name else body
    return found if isinstance(found, list) else [found]


@pytest.mark.parametrize("path", PUBLIC)
async def test_public_objects_hold_what_clients_rely_on(path):
    name, promise = PUBLIC[path]
    async with client(exchange_with_a_past()) as http:
        found = objects((await http.get(path)).json(), name)

    assert found
    assert [unkept(one, promise) for one in found] == [[]] * len(found)


@pytest.mark.parametrize("path", PRIVATE)
async def test_private_objects_hold_what_clients_rely_on(path):
    exchange = exchange_with()
    ann, bob = member(exchange, "ann"), member(exchange, "bob")
    sell(exchange, bob, 5, 40)
    buy(exchange, ann, 3, 40)
    exchange.advance(CLOSE)
    exchange.determine(MARKET, "yes")
    exchange.advance(CLOSE + timedelta(minutes=2))
    keys, signer = signing("ann")
    async with client(exchange, keys=keys) as http:
        found = objects((await http.get(path, auth=signer)).json(), PRIVATE[path][0])

    assert found
    assert [unkept(one, PRIVATE[path][1]) for one in found] == [[]] * len(found)


@pytest.mark.parametrize(
    ("value", "kind"),
    [(0.37, "price"), ("0.37", "price"), ("1", "size"), (1, "bool"), (True, "int"), ("", "null")],
)
def test_a_value_of_another_kind_is_noticed(value, kind):
    assert unkept({"field": value}, f"field:{kind} other:text") == ["field", "other"]


async def test_every_answer_is_json_and_says_so():
    async with client(exchange_with()) as http:
        for path in ("/markets", "/nowhere", "/markets?limit=x", "/portfolio/balance"):
            answer = await http.get(path)
            assert answer.headers["content-type"] == "application/json"
            assert answer.json()
