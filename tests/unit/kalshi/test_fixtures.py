"""Every kind of body the exchange sends, by the collection of examples beside the project."""

import json
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.core.market.market import Market
from bot.core.market.orderbook import Books
from bot.kalshi.wire import account, books, markets, orders
from bot.kalshi.wire.frames import BookSnapshot, DeltaFrame, frame
from bot.kalshi.wire.shapes import decode, outline
from bot.ports.exchange import BookAnswer, ExchangeError
from tests.support.kalshi_bodies import FIXTURES, T1, dump

pytestmark = pytest.mark.skipif(
    not FIXTURES.is_dir(), reason="the shared folder with examples of bodies is not here"
)


def single_book(body: bytes) -> Books:
    return books.book(body, T1, 0.0)


def batch_of_books(body: bytes) -> BookAnswer:
    tickers = ["KXHIGHNY-26NOV23-B48.5", "KXHIGHNY-26NOV23-T48"]
    answer = books.books(body, tickers, 0.0)
    assert answer.books.tickers == tuple(tickers)
    return answer


def states(body: bytes) -> list[Market]:
    """A collection of markets by state: each as the single route would send it."""
    return [markets.market(dump({"market": m})) for m in json.loads(body).values()]


def all_markets(body: bytes) -> tuple[Market, ...]:
    found, broken = markets.markets(body)
    assert found
    assert not broken
    assert markets.listing(body).tickers == tuple(one.ticker for one in found)
    return found


def shape(kind: type[Any]) -> Callable[[bytes], Any]:
    return partial(decode, kind)


def order_listing(body: bytes) -> list[orders.ListedOrder]:
    return [
        decode(orders.ListedOrder, raw) for raw in outline(orders.OrderListing, body).orders or ()
    ]


READERS: dict[str, Callable[[bytes], object]] = {
    "balance.json": shape(account.Balance),
    "events_page.json": markets.events,
    "events_page_nested.json": markets.events,
    "exchange_status.json": markets.exchange_status,
    "exchange_status_exchange_pause.json": markets.exchange_status,
    "exchange_status_trading_pause.json": markets.exchange_status,
    "fills.json": shape(account.FillPage),
    "historical_cutoff.json": shape(account.ArchiveCutoff),
    "market_mve.json": markets.market,
    "market_single.json": markets.market,
    "market_states.json": states,
    "market_subpenny.json": markets.market,
    "markets_lastpage.json": all_markets,
    "markets_page.json": all_markets,
    "order_create_request.json": shape(orders.CreateOrderRequest),
    "order_create_response_filled.json": shape(orders.Created),
    "order_create_response_ioc_nofill.json": shape(orders.Created),
    "order_create_response_resting.json": shape(orders.Created),
    "orderbook.json": single_book,
    "orderbook_depth2.json": single_book,
    "orderbook_empty.json": single_book,
    "orderbook_onesided.json": single_book,
    "orderbooks_batch.json": batch_of_books,
    "orders_list.json": order_listing,
    "positions.json": shape(account.HoldingPage),
    "series_single.json": markets.series,
    "trades.json": markets.trades,
    "trades_empty.json": markets.trades,
}
#: Read by tests of their own: refusals, frames, and fees computed by the documented rule.
ELSEWHERE = {"errors.json", "fee_vectors.json", "ws_session.jsonl", "README.md"}
#: Of routes that are not called.
NOT_CALLED = {
    *("account_limits.json", "endpoint_costs.json", "exchange_schedule.json", "settlements.json"),
    *("candlesticks.json", "candlesticks_batch.json", "candlesticks_historical.json"),
    *("event_fee_changes.json", "event_single.json", "series_fee_changes.json", "series_list.json"),
    *("order_amend_request.json", "order_amend_response.json", "order_cancel_response.json"),
    *("order_decrease_request.json", "order_decrease_response.json", "order_single.json"),
    *("orders_batch_cancel_response.json", "orders_batch_create_response.json"),
    "queue_positions.json",
}
#: Their readers check more than that the body can be read.
CHECKED = {
    "market_states.json",
    "orderbooks_batch.json",
    "markets_page.json",
    "markets_lastpage.json",
}
BODY = {name: (FIXTURES / name).read_bytes() for name in READERS if (FIXTURES / name).exists()}
#: One body may stand for another where its fields are all there.
FAMILIES = [
    {name for name in READERS if name.startswith(prefix)}
    for prefix in ("events_page", "exchange_status", "trades", "order_create_response")
] + [
    {"market_single.json", "market_subpenny.json", "market_mve.json"},
    {"markets_page.json", "markets_lastpage.json"},
    {n for n in READERS if n.startswith("orderbook") and n != "orderbooks_batch.json"},
]


def test_no_example_is_left_unread():
    assert {path.name for path in FIXTURES.iterdir()} == {*READERS, *ELSEWHERE, *NOT_CALLED}


@pytest.mark.parametrize("name", READERS)
def test_every_example_is_read(name):
    assert READERS[name](BODY[name]) is not None


@pytest.mark.parametrize("name", READERS)
def test_another_body_in_its_place_is_an_error_of_the_exchange(name):
    alike = set().union(*(family for family in FAMILIES if name in family), {name})
    strangers = [BODY[other] for other in READERS if other not in alike]

    for body in [*strangers, b"", b"{}", b"[]", b"null", b"3", b'"x"', b"<html>", b"\xff"]:
        if name == "market_states.json":
            continue  # the only one that is a collection of bodies and no body
        with pytest.raises(ExchangeError):
            READERS[name](body)


@settings(max_examples=300)
@given(data=st.data())
def test_a_damaged_example_is_read_or_is_an_error_of_the_exchange(data):
    name = data.draw(st.sampled_from(sorted({*READERS} - CHECKED)))
    body = bytearray(BODY[name])
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    with suppress(ExchangeError):
        assert READERS[name](bytes(body)) is not None


def test_every_frame_of_the_recorded_session_is_read():
    lines = (FIXTURES / "ws_session.jsonl").read_bytes().splitlines()
    frames = [dump(line["frame"]) for line in map(json.loads, lines) if line["dir"] == "server"]
    read = [frame(text) for text in frames]

    unread = {envelope.type for envelope, message in read if message is None}
    assert len(read) == 27
    not_subscribed = {"fill", "user_order", "market_position", "event_fee_update"}
    assert unread <= {"ok", "unsubscribed"} | not_subscribed
    assert [e.seq for e, m in read if isinstance(m, BookSnapshot | DeltaFrame)] == [1, 2, 3, 5, 6]


def test_an_empty_side_of_a_snapshot_is_a_missing_key():
    _, message = frame(
        dump({"type": "orderbook_snapshot", "sid": 1, "seq": 1, "msg": {"market_ticker": T1}})
    )

    assert message == BookSnapshot(T1, [], [])


@pytest.mark.parametrize(
    "text",
    [
        b"heartbeat",
        b"{}",
        dump({"type": "trade"}),
        dump({"type": "trade", "msg": None}),
        dump({"type": "trade", "msg": {"trade_id": "x"}}),
        dump({"type": "orderbook_delta", "msg": {"market_ticker": T1, "delta_fp": 5}}),
        dump({"type": 5}),
    ],
)
def test_what_is_no_frame_is_an_error_of_the_exchange(text):
    with pytest.raises(ExchangeError):
        frame(text)
