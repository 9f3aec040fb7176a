import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.sim.engine import archive
from bot.sim.engine.exchange import Exchange
from bot.sim.rest.orders import LEGACY_ROUTES
from bot.sim.rest.server import ROUTES, create_exchange_app
from tests.support.openapi import complaints, needs_spec, operations
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
from tests.support.sim_served import (
    BUSY,
    CLOSED,
    COMBO,
    FINE,
    HALTED,
    SETTLED,
    TAPERED,
    UNOPENED,
    FixedClock,
    StillDriver,
    client,
    exchange_with_a_past,
)

SECONDS = int(START.timestamp())


@pytest.fixture(scope="module")
def past():
    return exchange_with_a_past()


async def fetch(exchange: Exchange, path: str, params: Any = None) -> httpx.Response:
    async with client(exchange) as http:
        return await http.get(path, params=params)


async def tickers_of(exchange: Exchange, **params: Any) -> list[str]:
    answer = await fetch(exchange, "/markets", params)
    return [market["ticker"] for market in answer.json()["markets"]]


READS = [
    ("GetExchangeStatus", "/exchange/status", {}),
    ("GetExchangeSchedule", "/exchange/schedule", {}),
    ("GetUserDataTimestamp", "/exchange/user_data_timestamp", {}),
    ("GetHistoricalCutoff", "/historical/cutoff", {}),
    ("GetHistoricalMarkets", "/historical/markets", {}),
    ("GetAccountEndpointCosts", "/account/endpoint_costs", {}),
    ("GetSeriesFeeChanges", "/series/fee_changes", {}),
    ("GetEventFeeChanges", "/events/fee_changes", {}),
    ("GetSeriesList", "/series", {"include_volume": "true"}),
    ("GetSeries", "/series/KXRAIN", {"include_volume": "true"}),
    ("GetMarkets", "/markets", {}),
    ("GetMarkets", "/markets", {"limit": "2"}),
    *(("GetMarket", f"/markets/{t}", {}) for t in (BUSY, SETTLED, CLOSED, HALTED, UNOPENED)),
    *(("GetMarket", f"/markets/{t}", {}) for t in (COMBO, FINE)),
    ("GetEvents", "/events", {}),
    ("GetEvents", "/events", {"with_nested_markets": "true"}),
    ("GetMultivariateEvents", "/events/multivariate", {"with_nested_markets": "true"}),
    ("GetEvent", "/events/KXBTC-1", {}),
    ("GetEvent", "/events/KXRAIN-26NOV23", {"with_nested_markets": "true"}),
    ("GetMarketOrderbook", f"/markets/{BUSY}/orderbook", {}),
    ("GetMarketOrderbook", f"/markets/{BUSY}/orderbook", {"depth": "1"}),
    ("GetMarketOrderbooks", "/markets/orderbooks", {"tickers": [BUSY, COMBO, "NONE"]}),
    ("GetTrades", "/markets/trades", {}),
    *(
        (
            "GetMarketCandlesticks",
            f"/series/KXRAIN/markets/{BUSY}/candlesticks",
            {
                "start_ts": SECONDS + 7_200,
                "end_ts": SECONDS + 90_000,
                "period_interval": period,
                "include_latest_before_start": "true",
            },
        )
        for period in (1, 60, 1440)
    ),
    (
        "BatchGetMarketCandlesticks",
        "/markets/candlesticks",
        {
            "market_tickers": f"{BUSY},{SETTLED},NONE",
            "start_ts": SECONDS,
            "end_ts": SECONDS + 90_000,
            "period_interval": 60,
        },
    ),
    (
        "GetMarketCandlesticksByEvent",
        "/series/KXRAIN/events/KXRAIN-26NOV23/candlesticks",
        {"start_ts": SECONDS, "end_ts": SECONDS + 90_000, "period_interval": 60},
    ),
]


@needs_spec
@pytest.mark.parametrize(("operation", "path", "params"), READS)
async def test_every_public_answer_keeps_to_the_official_document(past, operation, path, params):
    answer = await fetch(past, path, params)

    assert answer.status_code == 200
    assert complaints(operation, 200, answer.json()) == []


@needs_spec
def test_every_operation_is_one_of_the_official_document():
    known = {name: (method, path) for name, (method, path, _) in operations().items()}

    routes = [route for route in ROUTES if route not in LEGACY_ROUTES]
    assert {r.operation: (r.method, r.path) for r in routes} == {
        r.operation: known[r.operation] for r in routes
    }


@needs_spec
def test_the_official_document_would_find_a_price_sent_as_a_number(past):
    body = {"orderbooks": [{"ticker": "A", "orderbook_fp": {"yes_dollars": [[0.5, "1.00"]]}}]}

    assert complaints("GetMarketOrderbooks", 200, body)


@pytest.mark.parametrize(("operation", "path", "params"), READS)
async def test_prices_have_four_decimals_and_counts_two(past, operation, path, params):
    body = (await fetch(past, path, params)).json()

    for name, value in leaves(body):
        if name.endswith("_dollars") and value is not None:
            assert re.fullmatch(r"\d\.\d{4}", value), name
        if name.endswith("_fp") and value is not None:
            assert re.fullmatch(r"\d+\.\d\d", value), name


def leaves(node: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(node, dict):
        for key, value in node.items():
            yield from leaves(value, key)
    elif isinstance(node, list) and name not in {"yes_dollars", "no_dollars"}:
        for value in node:
            yield from leaves(value, name)
    elif not isinstance(node, list):
        yield name, node


async def test_a_market_says_what_contract_and_bots_need(past):
    market = (await fetch(past, f"/markets/{BUSY}")).json()["market"]

    expected = {
        "ticker": BUSY,
        "event_ticker": "KXRAIN-26NOV23",
        "status": "active",
        "yes_bid_dollars": "0.4100",
        "yes_bid_size_fp": "10.50",
        "no_ask_dollars": "0.5900",
        "yes_ask_dollars": "0.6000",
        "volume_fp": "8.75",
        "volume_24h_fp": "8.75",
        "open_interest_fp": "8.75",
        "market_type": "binary",
        "result": "",
        "price_ranges": [{"start": "0.0000", "end": "1.0000", "step": "0.0100"}],
    }
    assert {name: market[name] for name in expected} == expected
    assert "settlement_value_dollars" not in market
    assert "occurrence_datetime" not in market


async def test_a_new_grid_shows_in_the_description_at_once():
    exchange = exchange_with()
    async with client(exchange) as http:
        await http.get(f"/markets/{MARKET}")
        exchange.set_grid(MARKET, TAPERED, "tapered_deci_cent")
        market = (await http.get(f"/markets/{MARKET}")).json()["market"]

    assert market["price_level_structure"] == "tapered_deci_cent"
    assert [band["step"] for band in market["price_ranges"]] == ["0.0010", "0.0100", "0.0010"]


async def test_an_empty_side_reads_as_0_and_1_with_no_size(past):
    market = (await fetch(past, f"/markets/{FINE}")).json()["market"]

    assert (market["yes_bid_dollars"], market["yes_bid_size_fp"]) == ("0.0000", "0.00")
    assert (market["yes_ask_dollars"], market["yes_ask_size_fp"]) == ("1.0000", "0.00")


async def test_a_market_description_follows_the_next_order():
    exchange = exchange_with()
    ann = member(exchange)
    before = (await fetch(exchange, f"/markets/{MARKET}")).json()["market"]
    async with client(exchange) as http:
        first = (await http.get(f"/markets/{MARKET}")).json()["market"]
        again = (await http.get(f"/markets/{MARKET}")).json()["market"]
        buy(exchange, ann, 1, 30)
        after = (await http.get(f"/markets/{MARKET}")).json()["market"]

    assert first == again == before
    assert after["yes_bid_dollars"] == "0.3000"


async def test_settlement_shows_once_the_market_has_paid(past):
    market = (await fetch(past, f"/markets/{SETTLED}")).json()["market"]

    assert market["status"] == "finalized"
    assert market["result"] == "yes"
    assert market["settlement_value_dollars"] == "1.0000"
    assert market["settlement_ts"].endswith("Z")


async def test_markets_come_youngest_first_and_pages_join_without_loss():
    exchange = exchange_with(*(f"M{n}" for n in range(7)))
    seen, cursor, pages = [], "", 0
    async with client(exchange) as http:
        while cursor or not pages:
            page = await http.get("/markets", params={"limit": 3, "cursor": cursor})
            body = page.json()
            seen += [market["ticker"] for market in body["markets"]]
            cursor, pages = body["cursor"], pages + 1
            exchange.add_market(market_spec(f"ZZ{pages}", created_time=CLOSE))

    assert seen == [f"M{n}" for n in reversed(range(7))]
    assert pages == 3


@pytest.mark.parametrize("cursor", ["rubbish", "%%%", "WyJhIl0", "bnVsbA", "W10", "W3t9XQ"])
async def test_a_cursor_that_cannot_be_decoded_is_the_first_page(past, cursor):
    first = (await fetch(past, "/markets", {"limit": 2})).json()

    assert (await fetch(past, "/markets", {"limit": 2, "cursor": cursor})).json() == first


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("unopened", {UNOPENED}),
        ("open", {BUSY, COMBO, FINE}),
        ("paused", {HALTED}),
        ("closed", {CLOSED}),
        ("settled", {SETTLED}),
    ],
)
async def test_the_status_filter_has_words_of_its_own(past, status, expected):
    assert set(await tickers_of(past, status=status)) == expected


async def test_the_other_filters_pick_what_they_say(past):
    everything = set(await tickers_of(past))

    assert set(await tickers_of(past, mve_filter="only")) == {COMBO}
    assert set(await tickers_of(past, mve_filter="exclude")) == everything - {COMBO}
    assert set(await tickers_of(past, series_ticker="KXBTC")) == {FINE}
    assert set(await tickers_of(past, event_ticker="KXMVE-1")) == {COMBO}
    assert set(await tickers_of(past, tickers=f"{BUSY}, {FINE},NONE")) == {BUSY, FINE}
    assert await tickers_of(past, min_created_ts=SECONDS + 1) == []
    assert set(await tickers_of(past, max_created_ts=SECONDS, status="open")) == {
        BUSY,
        COMBO,
        FINE,
    }
    assert await tickers_of(past, max_close_ts=SECONDS + 7_200) == [SETTLED, CLOSED]
    assert await tickers_of(past, min_settled_ts=SECONDS) == [SETTLED]
    assert set(await tickers_of(past, min_updated_ts=SECONDS + 1)) == {HALTED, CLOSED, SETTLED}


@pytest.mark.parametrize(
    "params",
    [
        {"limit": 1001},
        {"limit": -1},
        {"limit": "ten"},
        {"limit": "²"},
        {"limit": "+-1"},
        {"status": "active"},
        {"status": "open,closed"},
        {"mve_filter": "all"},
        {"min_close_ts": 1, "status": "open"},
        {"min_close_ts": 1, "min_created_ts": 1},
        {"min_settled_ts": 1, "status": "closed"},
        {"min_updated_ts": 1, "series_ticker": "KXRAIN"},
        {"min_updated_ts": 1, "mve_filter": "only"},
        {"min_updated_ts": 1, "tickers": "A"},
        {"max_close_ts": 10**18},
    ],
)
async def test_a_bad_query_gets_the_bare_complaint(past, params):
    answer = await fetch(past, "/markets", params)

    assert answer.status_code == 400
    assert list(answer.json()) == ["msg"]
    assert answer.json()["msg"].startswith("Parameter validation failed for GetMarkets")


async def test_the_complaint_about_a_limit_is_the_recorded_one(past):
    assert (await fetch(past, "/markets", {"limit": 1001})).json() == {
        "msg": "Parameter validation failed for GetMarkets: Key: 'GetMarketsParams.Limit' "
        "Error:Field validation for 'Limit' failed on the 'lte' tag"
    }


async def test_an_orderbook_holds_two_rising_ladders_of_bids():
    exchange = exchange_with()
    ann = member(exchange)
    for cents in (30, 35, 1):
        buy(exchange, ann, 2, cents)
    for cents in (37, 39, 99):
        sell(exchange, ann, 0.5, cents)
    path = f"/markets/{MARKET}/orderbook"

    whole = (await fetch(exchange, path)).json()["orderbook_fp"]
    best = (await fetch(exchange, path, {"depth": 2})).json()["orderbook_fp"]

    assert whole["yes_dollars"] == [["0.0100", "2.00"], ["0.3000", "2.00"], ["0.3500", "2.00"]]
    assert whole["no_dollars"] == [["0.0100", "0.50"], ["0.6100", "0.50"], ["0.6300", "0.50"]]
    assert best["yes_dollars"] == whole["yes_dollars"][1:]
    assert best["no_dollars"] == whole["no_dollars"][1:]
    assert (await fetch(exchange, path, {"depth": -5})).json()["orderbook_fp"] == whole


async def test_many_books_need_their_tickers_repeated_not_joined(past):
    params = {"tickers": [BUSY, f"{BUSY},{FINE}"]}

    books = (await fetch(past, "/markets/orderbooks", params)).json()["orderbooks"]

    assert [book["ticker"] for book in books] == [BUSY, f"{BUSY},{FINE}"]
    assert books[0]["orderbook_fp"]["yes_dollars"] != []
    assert books[1]["orderbook_fp"] == {"yes_dollars": [], "no_dollars": []}


@pytest.mark.parametrize("tickers", [[], [""], ["A"] * 101, ["A" * 201]])
async def test_a_wrong_number_of_books_is_refused(past, tickers):
    answer = await fetch(past, "/markets/orderbooks", {"tickers": tickers})

    assert (answer.status_code, list(answer.json())) == (400, ["msg"])


@pytest.mark.parametrize(
    "path",
    [
        "/markets/NONE",
        "/markets/NONE/orderbook",
        "/events/NONE",
        "/series/NONE",
        "/nowhere",
        f"/series/KXBTC/markets/{BUSY}/candlesticks?start_ts=1&end_ts=2&period_interval=1",
        "/series/KXBTC/events/NONE/candlesticks?start_ts=1&end_ts=2&period_interval=1",
    ],
)
async def test_what_is_not_there_is_404_in_the_nested_shape(past, path):
    answer = await fetch(past, path)

    assert answer.status_code == 404
    assert answer.json() == {"error": {"code": "not_found", "message": "not found"}}


async def test_the_wrong_method_and_a_trailing_slash_get_an_answer_too(past):
    async with client(past) as http:
        wrong = await http.post("/markets")
        slash = await http.get("/markets/", follow_redirects=False)

    assert (wrong.status_code, wrong.json()["error"]["code"]) == (405, "method_not_allowed")
    assert (slash.status_code, slash.headers["location"]) == (301, "/trade-api/v2/markets")


async def test_trades_come_newest_first_and_say_who_took(past):
    trades = (await fetch(past, "/markets/trades", {"ticker": BUSY})).json()["trades"]

    assert [t["created_time"] for t in trades] == sorted(
        (t["created_time"] for t in trades), reverse=True
    )
    assert trades[-1] | {"trade_id": ""} == {
        "trade_id": "",
        "ticker": BUSY,
        "count_fp": "5.00",
        "yes_price_dollars": "0.6000",
        "no_price_dollars": "0.4000",
        "taker_side": "yes",
        "taker_outcome_side": "yes",
        "taker_book_side": "bid",
        "created_time": "2026-11-23T12:00:00Z",
        "is_block_trade": False,
    }


async def test_trades_are_paged_and_filtered(past):
    async with client(past) as http:

        async def trades(**params: Any) -> tuple[list[str], str]:
            body = (await http.get("/markets/trades", params=params)).json()
            return [trade["trade_id"] for trade in body["trades"]], body["cursor"]

        everything, end = await trades()
        first, cursor = await trades(limit=2)
        second, _ = await trades(limit=1000, cursor=cursor)

        assert first + second == everything
        assert end == ""
        assert await trades(is_block_trade="true") == ([], "")
        assert await trades(ticker="NONE") == ([], "")
        assert (await trades(min_ts=SECONDS + 1))[0] + (await trades(max_ts=SECONDS))[0] == (
            everything
        )


async def test_candles_are_sparse_and_carry_the_last_price(past):
    span = {"start_ts": SECONDS, "end_ts": SECONDS + 90_000, "period_interval": 1}
    path = f"/series/KXRAIN/markets/{BUSY}/candlesticks"

    candles = (await fetch(past, path, span)).json()["candlesticks"]

    first, second = candles[0], candles[1]
    assert first["end_period_ts"] == SECONDS + 60
    assert first["price"]["mean_dollars"] == "0.6000"
    assert first["volume_fp"] == "5.00"
    assert second["end_period_ts"] == SECONDS + 3 * 3600 + 60
    assert second["price"]["previous_dollars"] == "0.6000"


async def test_the_hours_of_a_market_add_up_to_its_volume():
    exchange = exchange_with()
    ann, bob = member(exchange, "ann"), member(exchange, "bob")
    sell(exchange, ann, 100, 50)
    for minutes in (0, 5, 59, 60, 61, 200):
        exchange.advance(START + timedelta(minutes=minutes))
        buy(exchange, bob, 2, 50)
    span = {"start_ts": 0, "end_ts": SECONDS + 90_000}
    path = f"/series/KXRAIN/markets/{MARKET}/candlesticks"

    def volumes(answer: httpx.Response) -> list[str]:
        return [candle["volume_fp"] for candle in answer.json()["candlesticks"]]

    hours = await fetch(exchange, path, {**span, "period_interval": 60})
    days = await fetch(exchange, path, {**span, "period_interval": 1440})

    assert volumes(hours) == ["6.00", "4.00", "2.00"]
    assert volumes(days) == ["12.00"]
    # The day ends at midnight in New York: five hours after that of Greenwich in November.
    assert days.json()["candlesticks"][0]["end_period_ts"] == SECONDS + (12 + 5) * 3600


async def test_the_candle_before_the_start_is_carried_forward_without_prices(past):
    start = SECONDS + 2 * 3600
    span = {"start_ts": start, "end_ts": start + 60, "period_interval": 60}
    path = f"/series/KXRAIN/markets/{BUSY}/candlesticks"

    with_lead = await fetch(past, path, {**span, "include_latest_before_start": "true"})
    without = await fetch(past, path, span)

    lead = with_lead.json()["candlesticks"][0]
    assert lead["price"] == {"previous_dollars": "0.6000"}
    assert lead["volume_fp"] == "0.00"
    assert lead["end_period_ts"] == start + 3600
    assert without.json()["candlesticks"] == []


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"start_ts": 1, "end_ts": 2, "period_interval": 5},
        {"start_ts": 1, "period_interval": 1},
        {"end_ts": 1, "period_interval": 1},
        {"start_ts": "x", "end_ts": 2, "period_interval": 1},
    ],
)
async def test_candles_need_their_span(past, params):
    answer = await fetch(past, "/markets/candlesticks", {**params, "market_tickers": BUSY})

    assert (answer.status_code, list(answer.json())) == (400, ["msg"])


async def test_candles_need_their_tickers(past):
    span = {"start_ts": 1, "end_ts": 2, "period_interval": 1}

    assert (await fetch(past, "/markets/candlesticks", span)).status_code == 400


async def test_combos_are_listed_apart_from_the_other_events(past):
    events = (await fetch(past, "/events")).json()["events"]
    combos = (await fetch(past, "/events/multivariate")).json()["events"]

    assert {event["event_ticker"] for event in events} == {"KXRAIN-26NOV23", "KXBTC-1"}
    assert [event["event_ticker"] for event in combos] == ["KXMVE-1"]


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"status": "settled"}, {"KXRAIN-26NOV23"}),
        ({"status": "open"}, {"KXRAIN-26NOV23", "KXBTC-1"}),
        ({"series_ticker": "KXBTC"}, {"KXBTC-1"}),
        ({"tickers": "KXBTC-1,NONE"}, {"KXBTC-1"}),
        ({"min_close_ts": int(CLOSE.timestamp()) + 1}, {"KXRAIN-26NOV23"}),
        ({"min_updated_ts": SECONDS + 1}, set()),
    ],
)
async def test_events_are_filtered(past, params, expected):
    events = (await fetch(past, "/events", params)).json()["events"]

    assert {event["event_ticker"] for event in events} == expected


async def test_an_event_has_its_markets_inside_or_beside_or_not_at_all(past):
    path = "/events/KXBTC-1"
    beside = (await fetch(past, path)).json()
    inside = (await fetch(past, path, {"with_nested_markets": "true"})).json()
    without = (await fetch(past, path, {"exclude_markets": "true"})).json()
    both = {"with_nested_markets": "true", "exclude_markets": "true"}

    assert [m["ticker"] for m in beside["markets"]] == [FINE]
    assert "markets" not in beside["event"]
    assert [m["ticker"] for m in inside["event"]["markets"]] == [FINE]
    assert without["markets"] == []
    assert (await fetch(past, path, both)).status_code == 400


async def test_series_are_filtered_by_category_and_tags(past):
    async def tickers(**params: Any) -> set[str]:
        body = (await fetch(past, "/series", params)).json()
        return {series["ticker"] for series in body["series"]}

    assert await tickers(category="Crypto") == {"KXBTC"}
    assert await tickers(category="crypto") == set()
    assert await tickers(tags="BTC,ETH") == {"KXBTC"}
    assert await tickers() == {"KXRAIN", "KXMVE", "KXBTC"}


async def test_the_schedule_says_whether_the_weekly_pause_is_kept():
    exchange = exchange_with()

    async def thursday() -> list[dict[str, str]]:
        schedule = (await fetch(exchange, "/exchange/schedule")).json()["schedule"]
        hours: list[dict[str, str]] = schedule["standard_hours"][0]["thursday"]
        return hours

    assert await thursday() == [{"open_time": "00:00", "close_time": "00:00"}]
    exchange.schedule_weekly_pause()
    assert await thursday() == [
        {"open_time": "00:00", "close_time": "03:00"},
        {"open_time": "05:00", "close_time": "00:00"},
    ]


async def test_a_pause_shows_in_the_status_of_its_shard():
    exchange = exchange_with()
    exchange.pause_trading(True, shard=2)
    exchange.pause_exchange(True, shard=0)

    body = (await fetch(exchange, "/exchange/status")).json()

    assert (body["exchange_active"], body["trading_active"]) == (False, False)
    shards = [(s["exchange_active"], s["trading_active"]) for s in body["exchange_index_statuses"]]
    assert shards == [(False, False), (True, True), (True, False), (True, True)]


async def test_the_driver_is_asked_before_every_answer():
    driver, exchange = StillDriver(), exchange_with()
    async with client(exchange, driver) as http:
        for _ in range(3):
            await http.get("/markets")

    assert driver.asked == 3


async def test_a_market_that_has_paid_goes_to_the_archive_unless_a_member_held_it():
    exchange = exchange_with("HELD", "ORDERED", "UNTOUCHED", "YOUNG")
    exchange.set_close_time("YOUNG", CLOSE + timedelta(days=9))
    ann, bob = member(exchange, "ann"), exchange.open_account("bob", house=True)
    buy(exchange, ann, 1, 30, ticker="ORDERED")
    for ticker in ("HELD", "UNTOUCHED"):
        other = ann if ticker == "HELD" else exchange.open_account("cat", house=True)
        for cents in range(30, 91):
            sell(exchange, bob, 1, cents, ticker=ticker)
            buy(exchange, other, 1, cents, ticker=ticker)
    async with client(exchange) as http:

        async def seen(path: str) -> list[str]:
            markets = (await http.get(path)).json()["markets"]
            return sorted(market["ticker"] for market in markets)

        before = await seen("/markets")
        exchange.advance(CLOSE)
        for ticker in ("HELD", "ORDERED", "UNTOUCHED"):
            exchange.determine(ticker, "yes")
        exchange.advance(CLOSE + timedelta(minutes=2))
        paid = await seen("/markets")
        trades = (await http.get("/markets/trades?ticker=HELD")).json()["trades"]
        exchange.advance(CLOSE + timedelta(days=1, minutes=2))
        archived = (await http.get("/historical/markets/UNTOUCHED")).json()["market"]

        assert before == paid == ["HELD", "ORDERED", "UNTOUCHED", "YOUNG"]
        assert len(trades) == 20
        assert await seen("/markets") == ["HELD", "ORDERED", "YOUNG"]
        assert await seen("/historical/markets?mve_filter=exclude") == ["UNTOUCHED"]
        assert await seen("/historical/markets?series_ticker=X") == []
        assert (await http.get("/markets/UNTOUCHED")).status_code == 404
        assert (await http.get("/historical/markets/HELD")).status_code == 404
        both = "/historical/markets?series_ticker=X&event_ticker=Y"
        assert (await http.get(both)).status_code == 400
        assert (archived["status"], archived["volume_fp"]) == ("finalized", "61.00")
    with pytest.raises(ValueError, match="listed already"):
        exchange.add_market(market_spec("UNTOUCHED"))


async def test_an_event_goes_with_its_last_market_and_cursors_go_on_counting():
    exchange = exchange_with(MARKET)
    spec = exchange.state.events["KXRAIN-26NOV23"]
    for number in range(3):
        name = f"KXRAIN-E{number}"
        exchange.add_event(replace(spec, event_ticker=name))
        exchange.add_market(replace(market_spec(f"M{number}"), event_ticker=name))
    exchange.set_close_time("M2", START + timedelta(hours=1))
    async with client(exchange) as http:

        async def page(cursor: str = "") -> Any:
            return (await http.get("/events", params={"limit": 1, "cursor": cursor})).json()

        first = await page()
        exchange.advance(START + timedelta(hours=1))
        exchange.determine("M2", "no")
        exchange.advance(START + timedelta(hours=30))
        exchange.add_event(replace(spec, event_ticker="KXRAIN-E9"))
        second = await page(first["cursor"])
        newest = await page()

    assert first["events"][0]["event_ticker"] == "KXRAIN-E2"
    assert second["events"][0]["event_ticker"] == "KXRAIN-E1"
    assert newest["events"][0]["event_ticker"] == "KXRAIN-E9"
    assert "KXRAIN-E2" not in exchange.state.events


def test_the_archive_forgets_the_oldest(monkeypatch):
    monkeypatch.setattr(archive, "ARCHIVED_MARKETS", 2)
    exchange = exchange_with("A", "B", "C")
    exchange.advance(CLOSE)
    for ticker in ("A", "B", "C"):
        exchange.determine(ticker, "no")
    exchange.advance(CLOSE + timedelta(days=2))

    assert list(exchange.state.archive) == ["B", "C"]


class BrokenDriver:
    def catch_up(self):
        raise RuntimeError("the world fell apart")


async def test_a_fault_of_our_own_is_500_in_json_and_never_a_traceback():
    app = create_exchange_app(exchange_with(), BrokenDriver(), FixedClock())
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://sim") as http:
        answer = await http.get("/trade-api/v2/markets")

    assert answer.status_code == 500
    assert answer.json() == {
        "error": {"code": "internal_server_error", "message": "internal server error"}
    }


async def test_the_24_hour_figures_forget_and_the_earlier_ones_remember():
    exchange = exchange_with()
    exchange.set_close_time(MARKET, CLOSE + timedelta(days=5))
    ann, bob = member(exchange, "ann"), member(exchange, "bob")
    for hours, cents in ((0, 40), (30, 45), (31, 46)):
        exchange.advance(START + timedelta(hours=hours))
        sell(exchange, ann, 1, cents)
        buy(exchange, bob, 1, cents)
    buy(exchange, bob, 1, 30)
    first = (await fetch(exchange, f"/markets/{MARKET}")).json()["market"]
    exchange.advance(START + timedelta(hours=55, minutes=30))
    second = (await fetch(exchange, f"/markets/{MARKET}")).json()["market"]

    assert (first["volume_fp"], first["volume_24h_fp"]) == ("3.00", "2.00")
    assert first["previous_price_dollars"] == "0.4000"
    assert (second["volume_fp"], second["volume_24h_fp"]) == ("3.00", "0.00")
    assert second["previous_price_dollars"] == "0.4500"


texts = st.text(max_size=12) | st.sampled_from(
    ["-1", "0", "1", "1001", "true", "open", "9" * 30, BUSY, "null", "%00", "a,b", "1e5"]
)


@settings(max_examples=150, deadline=None)
@given(
    route=st.sampled_from([route for route in ROUTES if not route.scope]),
    name=texts,
    params=st.dictionaries(
        st.sampled_from(
            [
                *("limit", "cursor", "status", "tickers", "ticker", "depth", "start_ts", "end_ts"),
                *("period_interval", "market_tickers", "min_close_ts", "max_ts", "mve_filter"),
                *("with_nested_markets", "min_updated_ts", "series_ticker", "category"),
            ]
        ),
        texts | st.lists(texts, max_size=3),
        max_size=4,
    ),
)
async def test_any_query_gets_an_answer_and_never_a_traceback(route, name, params):
    path = re.sub(r"\{\w+\}", lambda _: quote(name or "x", safe=""), route.path)

    answer = await fetch(PAST, path, params)

    assert answer.status_code in {200, 301, 400, 404, 405}
    if answer.status_code != 301:
        assert isinstance(answer.json(), dict)


PAST = exchange_with_a_past()
