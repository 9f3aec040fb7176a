"""Every value comes back as it went in: its type, its last digit, its microsecond."""

import json
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.core.events import MarketSettled, OrderEnded, OrderFilled, PositionAdjusted
from bot.core.market.market import Side
from bot.core.market.orders import Execution, Order, OrderStatus
from bot.ports.persistence import CommitBatch, StoreError
from bot.store import rows
from tests.support.store_values import CASH, amounts, kept_events, moments, order
from tests.support.strategies import NOON

SECOND = timedelta(seconds=1)

_ORDER = (
    '{"client_order_id":"c-1","ticker":"A","side":"buy","size":"10","limit":"0.41",'
    '"at":"2026-11-22T12:00:00Z"}'
)
_FILL = (
    '{"fill_id":"f-1","client_order_id":"c-1","ticker":"A","side":"buy","size":"10",'
    '"price":"0.40","fee":"0.17","at":"2026-11-22T12:00:00Z"}'
)
_AT = '"at":"2026-11-22T12:00:00Z"'
#: One event of each kind as the first version wrote it. These are in people's databases: what
#: cannot be read any more, a revision of the tables must rewrite.
WRITTEN = {
    "WhaleSeen": f"""{{{_AT},"whale":{{"ticker":"A","type":"spoof_suspected","size":"5000",
        "price":"0.42","notional":"2100.00","depth_share":0.4,"imbalance_strength":0.25,
        "max_bid_size":5000.0,"max_ask_size":100.0,"side_bias":"SELL_BIAS","why":"so",
        "confidence":"low"}}}}""",
    "WhaleEnded": f"""{{{_AT},"ending":{{"ticker":"A","side":"sell","price":"0.42",
        "size":"5000","since":1.5,"left_at":9.25,"interval":5.0,"traded":null,
        "fate":"unknown"}}}}""",
    "PredictionGraded": f"""{{{_AT},"exchange":"production","ticker":"A","group":"KXA",
        "model_version":"1.0.0","made_at":"2026-11-22T12:00:00Z","score":0.61,"horizon":60.0,
        "change":1.5,"taker":null}}""",
    "FillMarkedOut": f"""{{{_AT},"fill_id":"f-1","ticker":"A","category":"Crypto",
        "kind":"exit_rested","size":"10","filled_at":"2026-11-22T12:00:00Z",
        "markouts":[1.5,null,-2.0,0.0]}}""",
    "PositionOpened": f'{{{_AT},"ticker":"A","size":"-10","price":"0.4"}}',
    "PositionClosed": f'{{{_AT},"ticker":"A","realised":"1.20","how":"order"}}',
    "RegimeChanged": f'{{{_AT},"before":"calm","after":"chaotic"}}',
    "EntriesStopped": f'{{{_AT},"reason":"so"}}',
    "EntriesResumed": f'{{{_AT},"reason":"so","rule":"daily_loss_stop"}}',
    "Noted": f'{{{_AT},"kind":"STOPPED","message":"so"}}',
    "OrderUnresolved": f'{{{_AT},"order":{_ORDER},"reason":"so"}}',
    "OrderRefused": f'{{{_AT},"order":{_ORDER},"reason":"so"}}',
    "OrderFilled": f"""{{{_AT},"order":{_ORDER},"order_id":"o-1","fills":[{_FILL}],
        "left":"5"}}""",
    "OrderEnded": f"""{{{_AT},"execution":{{"order":{_ORDER},"order_id":"o-1",
        "status":"filled","fills":[{_FILL}],"error":""}}}}""",
    "FetchFailed": f'{{{_AT},"what":"books","reason":"so"}}',
    "MarketSettled": f'{{{_AT},"ticker":"A","payout":"1","size":"10","realised":"5.83"}}',
    "TwinCompared": f"""{{{_AT},"order":{_ORDER},"category":"Crypto",
        "live":{{"size":"5","price":"0.41","fees":"0.10"}},
        "paper":{{"size":"0","price":null,"fees":"0"}}}}""",
    "PositionAdjusted": f'{{{_AT},"ticker":"A","before":"0","size":"-10","cost":"4.20"}}',
}


def moves_no_cash(event):
    return not isinstance(event, OrderEnded | OrderFilled | MarketSettled | PositionAdjusted)


@settings(max_examples=60)
@given(kept_events)
def test_every_kind_of_event_comes_back_as_the_same_value(event):
    (row,) = rows.rows([event]).events

    (again,) = rows.event_list([(1, 0, row["kind"], row["body"])])

    assert type(again) is type(event)
    assert repr(again) == repr(event)


def test_every_kind_that_is_kept_has_been_written_down_here():
    assert set(WRITTEN) == set(rows.NEWEST)


@pytest.mark.parametrize("kind", WRITTEN)
def test_what_an_earlier_version_wrote_is_read_with_nothing_lost(kind):
    (event,) = rows.event_list([(1, 0, kind, WRITTEN[kind])])

    (row,) = rows.rows([event]).events

    assert row["kind"] == kind
    assert_within(json.loads(WRITTEN[kind]), json.loads(row["body"]))


def assert_within(earlier, later):
    """All of the earlier is in the later, which may say more."""
    if isinstance(earlier, dict):
        for name, value in earlier.items():
            assert_within(value, later[name])
    elif isinstance(earlier, list):
        for one, other in zip(earlier, later, strict=True):
            assert_within(one, other)
    else:
        assert earlier == later


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(happened=st.lists(kept_events.filter(moves_no_cash), min_size=1, max_size=10))
async def test_every_kind_of_event_goes_through_the_database(led, numbers, happened):
    book = f"paper:{next(numbers)}"
    await led.database.open_book(led.term, book, CASH, NOON)

    await led.database.store(led.term, book).commit(CommitBatch(happened))

    assert repr((await led.database.checkpoint(book)).events) == repr(tuple(happened))
    assert repr((await led.database.news(book, 0)).events) == repr(tuple(happened))


numbers_of_any_kind = st.lists(st.tuples(amounts, amounts, moments), min_size=1, max_size=10)


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(reported=numbers_of_any_kind)
async def test_amounts_and_times_lie_in_the_tables_exactly(led, numbers, reported):
    names = [f"c-{next(numbers)}" for _ in reported]
    wishes = [
        Order(name, "A", Side.BUY, size, limit, at)
        for name, (size, limit, at) in zip(names, reported, strict=True)
    ]
    await led.commit(
        *(OrderEnded(o.at, Execution(o, "", OrderStatus.CANCELED)) for o in wishes),
        *(
            MarketSettled(at, name, one, two, one)
            for name, (one, two, at) in zip(names, reported, strict=True)
        ),
    )

    there = led.rows()
    orders = {row.client_order_id: row for row in there["orders"]}
    settled = {row.ticker: row for row in there["settlements"]}
    for name, (one, two, at) in zip(names, reported, strict=True):
        assert (orders[name].size, orders[name].limit) == (one, two)
        assert (orders[name].at, orders[name].ended_at) == (at, at)
        assert (settled[name].payout, settled[name].size, settled[name].at) == (one, two, at)
        assert orders[name].at.utcoffset().total_seconds() == 0


def test_a_kind_that_this_version_does_not_know_is_left_out():
    assert rows.event_list([(1, 0, "ComingLater", "{}")]) == []


@pytest.mark.parametrize("amount", ["NaN", "Infinity", "-Infinity"])
async def test_what_is_no_amount_is_not_written(led, amount):
    with pytest.raises(StoreError, match="is not an amount"):
        await led.database.move_cash(led.term, "paper:test", Decimal(amount), "odd", NOON + SECOND)


async def test_a_time_without_its_zone_is_not_written(led):
    with pytest.raises(StoreError, match="has no time zone"):
        await led.store.intend(order(at=NOON.replace(tzinfo=None)))
