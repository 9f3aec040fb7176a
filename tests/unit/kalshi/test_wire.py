import json
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.core.market.fees import FeeKind, FeeSchedule
from bot.core.market.market import CENT_GRID, Market, MarketStatus, Side
from bot.kalshi.wire import markets
from bot.ports.exchange import ExchangeError
from tests.support.kalshi_bodies import (
    T1,
    T2,
    T3,
    Json,
    dump,
    event,
    events,
    listed,
    market,
    page,
    series,
)

READERS: list[Callable[[bytes], object]] = [
    markets.listing,
    markets.markets,
    markets.market,
    markets.events,
    markets.series,
    markets.trades,
    markets.exchange_status,
]
TRADE = {
    "trade_id": "t-1",
    "ticker": T1,
    "count_fp": "12.50",
    "yes_price_dollars": "0.3700",
    "taker_book_side": "bid",
    "created_time": "2026-11-22T20:03:12.447123Z",
    "is_block_trade": False,
}
STATUS = {"exchange_active": True, "trading_active": True}


def one_market(**changes: object) -> Market:
    return markets.market(dump({"market": market(**changes)}))


def without(document: Json, field: str) -> Json:
    return {name: value for name, value in document.items() if name != field}


def test_a_market_reads_as_the_exchange_wrote_it():
    read = one_market()

    assert (read.ticker, read.event_ticker, read.title) == (
        T1,
        "KXRAIN-26NOV23",
        "Rain in New York?",
    )
    assert read.status is MarketStatus.ACTIVE
    assert read.grid == CENT_GRID
    assert read.open_time == datetime(2026, 11, 22, 15, tzinfo=UTC)
    assert (read.volume_24h, read.open_interest) == (Decimal("912.5"), Decimal(1840))
    assert (read.settlement_value, read.payout, read.is_combo, read.fees) == (
        None,
        None,
        False,
        None,
    )


def test_a_word_the_exchange_has_not_used_yet_is_no_error():
    assert one_market(status="hibernating").status is MarketStatus.UNKNOWN
    assert markets.series(series(fee_type="by_the_moon")).fees.kind is FeeKind.UNKNOWN


def test_absent_and_null_optional_fields_read_alike():
    nulls = dict.fromkeys(
        ["settlement_value_dollars", "mve_selected_legs", "mve_collection_ticker", "exchange_index"]
    )

    assert one_market(**nulls) == one_market()


def test_a_null_list_is_an_empty_list():
    assert one_market(price_ranges=None).grid.ranges == ()
    assert markets.markets(dump({"markets": None, "cursor": ""})) == ((), ())
    assert markets.listing(dump({"markets": None, "cursor": ""})).tickers == ()
    assert markets.events(dump({"events": None, "cursor": ""})) == ((), ())
    assert markets.trades(dump({"trades": None, "cursor": ""})) == markets.TradePage((), "")
    assert (
        markets.exchange_status(dump({**STATUS, "exchange_index_statuses": None})).paused_shards
        == ()
    )


@pytest.mark.parametrize(
    ("question", "answer", "title"),
    [
        (None, "Rain", "Rain"),
        ("", "Rain", "Rain"),
        ("Rain in New York?", None, "Rain in New York?"),
        ("Rain in New York?", " ", "Rain in New York?"),
        ("Rain in New York?", "Yes", "Rain in New York?"),
        ("Rain in New York?", "rain", "Rain in New York?"),
        ("Rain in New York?", "Rain in New York?", "Rain in New York?"),
        (
            "Bitcoin price on Aug 23, 2026?",
            "$86,750 or above",
            "$86,750 or above · Bitcoin price on Aug 23, 2026?",
        ),
        ("Will it be $5,500 or less?", "$5", "$5 · Will it be $5,500 or less?"),
        ("Who wins in November?", "No", "No · Who wins in November?"),
        ("High in New York?", "51° to 52°", "51° to 52° · High in New York?"),
        (None, None, T1),
        (" ", "", T1),
    ],
)
def test_a_market_is_called_by_its_answer_then_its_question(question, answer, title):
    assert one_market(title=question, yes_sub_title=answer).title == title


def test_a_market_that_names_no_answer_is_called_by_its_question():
    read = markets.market(dump({"market": without(market(), "yes_sub_title")}))

    assert read.title == "Rain in New York?"


@pytest.mark.parametrize(
    "marker", [{"mve_collection_ticker": "KXMVE"}, {"mve_selected_legs": [{}]}]
)
def test_a_combo_is_known_by_its_collection_or_its_legs(marker):
    assert one_market(**marker).is_combo
    assert markets.listing(page(listed(T1, **marker), listed(T2))).listed.tickers == (T2,)


@pytest.mark.parametrize(
    "field",
    [
        *("ticker", "event_ticker", "status", "open_time", "close_time", "volume_24h_fp"),
        *("open_interest_fp", "result", "price_ranges"),
    ],
)
def test_an_absent_required_field_is_named_and_never_assumed(field):
    with pytest.raises(ExchangeError, match=field):
        markets.market(dump({"market": without(market(), field)}))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("volume_24h_fp", 912.5),
        ("volume_24h_fp", "NaN"),
        ("volume_24h_fp", "-1.00"),
        ("volume_24h_fp", "1e3"),
        ("open_interest_fp", ""),
        ("open_interest_fp", "1.0\n"),
        ("ticker", "A,B"),
        ("ticker", "A B"),
        ("ticker", "=CMD()\n"),
        ("ticker", ""),
        ("close_time", "2026-11-24T04:59:00"),
        ("close_time", "tomorrow"),
        ("close_time", 1795377812),
        ("close_time", "0001-01-01T00:00:00+05:00"),
        ("settlement_value_dollars", "1.0001"),
        ("settlement_value_dollars", 1),
        ("price_ranges", [{"start": "0.0000", "end": "1.0000", "step": "0.0000"}]),
        ("price_ranges", [{"start": "0.5000", "end": "0.4000", "step": "0.0100"}]),
        ("price_ranges", [{"start": "0.0000", "end": "2.0000", "step": "0.0100"}]),
        ("price_ranges", [{"start": "0.0000", "end": "1.0000"}]),
    ],
)
def test_a_market_with_a_broken_field_is_left_out_of_its_page_and_the_others_stay(field, value):
    read, broken = markets.markets(page(market(T1), market(T2, **{field: value}), market(T3)))

    assert [one.ticker for one in read] == [T1, T3]
    assert len(broken) == 1
    assert broken[0].startswith("entry 1: ")
    with pytest.raises(ExchangeError):
        one_market(**{field: value})


def test_a_price_grid_may_have_so_many_steps():
    step = {"start": "0.0000", "end": "1.0000", "step": "0.0100"}
    body = page(market(T1, price_ranges=[step] * 101), market(T2, price_ranges=[step] * 100))

    found, (reason,) = markets.markets(body)

    assert [one.ticker for one in found] == [T2]
    assert "price_ranges" in reason


def test_only_a_finalized_market_has_a_payout():
    reported = {"settlement_value_dollars": "0.3700", "result": "scalar"}

    assert one_market(status="determined", **reported).payout is None
    assert one_market(status="finalized", **reported).payout == Decimal("0.37")


def test_a_page_of_the_listing_keeps_what_is_active_and_no_combo():
    read = markets.listing(
        page(
            listed(T1, "12.50"),
            listed(T2, status="inactive"),
            listed(T3, "3.00"),
            listed("KXMVE-1", mve_collection_ticker="KXMVE"),
            cursor="next",
        )
    )

    assert read.listed.tickers == (T1, T3)
    assert read.listed.volume_24h.tolist() == [12.5, 3.0]
    assert read.tickers == (T1, T2, T3, "KXMVE-1")
    assert (read.cursor, read.broken) == ("next", ())


def test_a_broken_entry_of_the_listing_is_left_out_and_named():
    read = markets.listing(page(listed(T1, 12.5), listed(T2), 7, cursor="next"))

    assert read.listed.tickers == (T2,)
    assert [reason.partition(":")[0] for reason in read.broken] == ["entry 0", "entry 2"]
    assert read.cursor == "next"


@pytest.mark.parametrize("reader", [markets.listing, markets.markets])
def test_a_page_without_a_cursor_is_not_the_last_page(reader):
    with pytest.raises(ExchangeError, match="cursor"):
        reader(dump({"markets": []}))


def test_an_event_overrides_what_it_says_and_leaves_the_rest_to_its_series():
    body = events(
        event(),
        event("KXMLB-1", "KXMLB", fee_type_override="flat", fee_multiplier_override=0.5),
        event("KXMLB-2", "KXMLB", fee_type_override=None, fee_multiplier_override=0),
    )
    (plain, both, waived), broken = markets.events(body)

    assert (plain.fee_kind, plain.fee_multiplier, plain.category) == (None, None, None)
    assert (both.fee_kind, both.fee_multiplier) == (FeeKind.FLAT, Decimal("0.5"))
    assert (waived.fee_kind, waived.fee_multiplier) == (None, Decimal(0))
    assert broken == ()


@pytest.mark.parametrize("multiplier", [-1, 1e300, "NaN", "Infinity", True, 1000])
def test_a_fee_multiplier_that_cannot_be_is_refused(multiplier):
    found, broken = markets.events(
        events(event(), event("E-2", fee_multiplier_override=multiplier))
    )

    assert [one.ticker for one in found] == ["KXRAIN-26NOV23"]
    assert len(broken) == 1
    with pytest.raises(ExchangeError):
        markets.series(series(multiplier=multiplier))


def test_a_series_tells_fees_and_category():
    read = markets.series(series(fee_type="quadratic_with_maker_fees", multiplier=0.5))

    assert (read.ticker, read.category) == ("KXRAIN", "Weather")
    assert read.fees == FeeSchedule(FeeKind.WITH_MAKER_FEES, Decimal("0.5"))


def test_trades_have_the_side_of_the_taker_at_a_yes_price():
    sold = {**TRADE, "trade_id": "t-2", "taker_book_side": "ask", "is_block_trade": True}
    read = markets.trades(dump({"trades": [TRADE, sold], "cursor": "older"}))
    first, second = read.trades

    assert (first.taker, first.price, first.count) == (Side.BUY, Decimal("0.37"), Decimal("12.5"))
    assert first.at == datetime(2026, 11, 22, 20, 3, 12, 447123, tzinfo=UTC)
    assert (second.taker, second.is_block, read.cursor) == (Side.SELL, True, "older")


@pytest.mark.parametrize(
    "changes",
    [
        {"taker_book_side": "north"},
        {"yes_price_dollars": "1.0000"},
        {"yes_price_dollars": "0.0000"},
        {"count_fp": 3},
        {"taker_book_side": ""},
        {"taker_book_side": None},
        {"taker_book_side": "n" * 1_000_000},
        {"trade_id": ""},
        {"trade_id": "t\n2"},
        {"created_time": "9999-12-31T23:59:59-23:59"},
        {"created_time": "2026-11-22"},
        {"is_block_trade": "no"},
    ],
)
def test_a_trade_that_cannot_be_is_left_out_and_named(changes):
    odd = {**TRADE, "ticker": T2, **changes}
    read = markets.trades(dump({"trades": [TRADE, odd], "cursor": "older"}))

    assert ([trade.ticker for trade in read.trades], read.cursor) == ([T1], "older")
    assert read.doubtful == {T2}
    assert read.broken[0].startswith(f"entry 1: {T2}: ")
    assert len(read.broken[0]) < 1_100


def test_a_trade_of_no_market_costs_no_market():
    read = markets.trades(dump({"trades": [TRADE, {**TRADE, "ticker": ""}, 7], "cursor": ""}))

    assert (len(read.trades), len(read.broken), read.doubtful) == (1, 2, frozenset())


@pytest.mark.parametrize(
    "reported", ["1e-999999", "0e-999999", "1" * 100_000, "0." + "1" * 100_000]
)
def test_a_multiplier_with_more_digits_than_a_line_has_is_refused_in_a_short_sentence(reported):
    with pytest.raises(ExchangeError, match="is no fee multiplier") as raised:
        markets.series(series(multiplier=reported))

    assert len(str(raised.value)) < 200


def test_words_of_the_exchange_are_one_bounded_line():
    hidden = "Rain\u202e in\u0000 New\nYork\u200b?"
    first, second = markets.markets(page(market(title=hidden), market(T2, title="x" * 1_000_000)))[
        0
    ]

    assert "Rain in New York ?" in first.title
    assert len(second.title) < 700
    assert markets.series(series(category="a\rb" + "x" * 1_000)).category == "a b" + "x" * 297 + "…"


@pytest.mark.parametrize(
    "odd",
    [
        '{"ticker":"X","status":"active","status":"closed","volume_24h_fp":"1.00"}',
        '{"ticker":"\\ud800","status":"active","volume_24h_fp":"1.00"}',
        '{"ticker":"X","status":"active","volume_24h_fp":"1.00","deep":{"a":1,"a":2}}',
        '{"ticker":"X","status":"active","volume_24h_fp":' + "9" * 5_000 + "}",
        "null",
    ],
)
def test_an_odd_entry_costs_itself_alone(odd):
    sound = dump(listed(T1)).decode()
    read = markets.listing(f'{{"markets":[{odd},{sound}],"cursor":"c"}}'.encode())

    assert (read.listed.tickers, read.cursor, len(read.broken)) == ((T1,), "c", 1)


def test_half_a_character_is_replaced_and_costs_nothing():
    odd = r'"a\ud800b\\ud800\udc00c\ud83d\ude00"'
    read, broken = markets.markets(page(market(title="HERE")).replace(b'"HERE"', odd.encode()))

    assert not broken
    assert "a\ufffdb\\ud800\ufffdc\U0001f600" in read[0].title


def test_a_page_that_says_two_things_of_itself_is_refused():
    for body in (
        b'{"markets":[],"cursor":"","cursor":"c"}',
        b'{"markets":[],"markets":null,"cursor":""}',
    ):
        with pytest.raises(ExchangeError, match="is there twice"):
            markets.listing(body)


def test_the_status_names_the_shards_that_are_paused():
    shards = [
        {**STATUS, "exchange_index": 0},
        {**STATUS, "exchange_index": 2, "trading_active": False},
    ]
    resumes = "2026-11-26T05:00:00-05:00"
    read = markets.exchange_status(
        dump(
            {**STATUS, "exchange_estimated_resume_time": resumes, "exchange_index_statuses": shards}
        )
    )

    assert read.paused_shards == (2,)
    assert read.pause(0) is None
    assert read.pause(2) == ("trading is paused on shard 2 until 10:00 UTC, as it says")
    assert read.resumes_at == datetime(2026, 11, 26, 10, tzinfo=UTC)


@pytest.mark.parametrize("trading", [True, False])
def test_where_the_exchange_is_paused_nothing_trades_whatever_else_it_says(trading):
    shard = {"exchange_active": False, "trading_active": trading, "exchange_index": 1}

    read = markets.exchange_status(dump({**STATUS, "exchange_index_statuses": [shard]}))

    assert read.paused_shards == (1,)
    assert read.pause(1) == "the exchange is paused on shard 1"


@pytest.mark.parametrize(
    "odd",
    [
        {**STATUS, "exchange_index": 1, "trading_active": None},
        {"exchange_index": 1},
        {**STATUS, "exchange_index": "one"},
        "shard 1",
        None,
    ],
    ids=range(5),
)
def test_one_shard_that_cannot_be_read_costs_that_shard(odd):
    shards = [{**STATUS, "exchange_index": 0}, odd, {**STATUS, "exchange_index": 2}]
    read = markets.exchange_status(dump({**STATUS, "exchange_index_statuses": shards}))

    assert (read.pause(0), read.pause(2)) == (None, None)
    assert read.pause(1) == "the exchange does not say whether shard 1 trades"


@pytest.mark.parametrize("resumes", ["", "soon", "2026-11-26T05:00:00", 5])
def test_a_time_of_resumption_that_is_none_is_left_out(resumes):
    read = markets.exchange_status(
        dump({**STATUS, "trading_active": False, "exchange_estimated_resume_time": resumes})
    )

    assert read.pause(0) == "trading is paused on shard 0"


def test_of_two_words_on_a_shard_the_pause_counts():
    paused = {**STATUS, "exchange_index": 0, "trading_active": False}
    twice = [paused, {**STATUS, "exchange_index": 0}]
    whole = {"exchange_active": False, "trading_active": False}
    both = [{**STATUS, "exchange_index": 0}, {**STATUS, "exchange_index": 1}]

    assert markets.exchange_status(
        dump({**STATUS, "exchange_index_statuses": twice})
    ).paused_shards == (0,)
    assert markets.exchange_status(
        dump({**whole, "exchange_index_statuses": both})
    ).paused_shards == (0,)


@pytest.mark.parametrize("shards", [None, []])
def test_without_its_shards_the_status_speaks_for_the_first_one_alone(shards):
    read = markets.exchange_status(dump({**STATUS, "exchange_index_statuses": shards}))

    assert read.pause(0) is None
    assert read.pause(2) == "the exchange does not say whether shard 2 trades"


SOUND: dict[Callable[[bytes], object], bytes] = {
    markets.listing: page(listed(T1), cursor="c"),
    markets.markets: page(market()),
    markets.market: dump({"market": market()}),
    markets.events: events(event()),
    markets.series: series(),
    markets.trades: dump({"trades": [TRADE], "cursor": ""}),
    markets.exchange_status: dump(STATUS),
}
names = st.sampled_from(
    ["markets", "cursor", "market", "event", "events", "series", "trades", "ticker", "status"]
)
documents = st.recursive(
    names | st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=12,
)


@pytest.mark.parametrize("reader", READERS)
def test_each_reader_reads_its_own_body(reader):
    assert reader(SOUND[reader])


@pytest.mark.parametrize("reader", READERS)
@settings(max_examples=50)
@given(body=documents.map(json.dumps).map(str.encode) | st.binary(max_size=40))
def test_anything_gives_a_value_or_an_error_of_the_exchange(reader, body):
    with suppress(ExchangeError):
        assert reader(body) is not None


@pytest.mark.parametrize("reader", READERS)
@settings(max_examples=50)
@given(data=st.data())
def test_a_damaged_body_gives_a_value_or_an_error_of_the_exchange(reader, data):
    body = bytearray(SOUND[reader])
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    with suppress(ExchangeError):
        assert reader(bytes(body)) is not None
