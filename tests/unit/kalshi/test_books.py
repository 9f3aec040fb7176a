import json
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.core.market.orderbook import MAX_LEVELS, Level
from bot.kalshi.wire import books as module
from bot.kalshi.wire.books import TOO_FINE, book, books, joined, nothing
from bot.ports.exchange import NOT_ANSWERED, BookAnswer, ExchangeError
from tests.support.kalshi_bodies import T1, T2, T3, batch, dump, entry, sides

prices = st.integers(1, 499).map(lambda mills: f"0.{mills:03d}0")
sizes = st.integers(1, 10**8).map(lambda hundredths: f"{hundredths / 100:.2f}")
one_side = st.dictionaries(prices, sizes, max_size=80).map(lambda levels: list(levels.items()))
sound_books = st.builds(sides, one_side, one_side)

#: Each stands where a price or a size should be, and is refused.
NOT_PLAIN: list[object] = [
    *(0.5, 1, True, None, [], {}, ["0.5"]),
    *("", "nan", "NaN", "inf", "Infinity", "-0.5", "-0.0", "+0.5", "1e-1", "1E5", "0x1"),
    *(" 0.5", "0.5 ", ".5", "5.", "1_0", "0,5", "٠.٥", "½"),
    *("0." + "3" * 16, "1234567890.123456"),
]


def same(one: BookAnswer, other: BookAnswer) -> bool:
    return one.missing == other.missing and [
        one.books.book(row) for row in range(len(one.books))
    ] == [other.books.book(row) for row in range(len(other.books))]


def test_no_bids_become_yes_asks_and_everything_is_best_first():
    answer = books(batch(entry(T1)), [T1], 7.0)

    exact = answer.books.book(0)
    assert exact.bids == (
        Level(Decimal("0.35"), Decimal("120")),
        Level(Decimal("0.34"), Decimal("60.25")),
    )
    assert exact.asks == (
        Level(Decimal("0.37"), Decimal("45.5")),
        Level(Decimal("0.39"), Decimal("10")),
    )
    assert answer.books.seen_at.tolist() == [7.0]
    assert not answer.missing


@settings(max_examples=40)
@given(sound_books, st.randoms(use_true_random=False))
def test_the_order_in_which_levels_arrive_is_irrelevant(sound, random):
    shuffled = {side: random.sample(levels, len(levels)) for side, levels in sound.items()}

    one, other = (books(batch(entry(T1, b)), [T1], 0.0) for b in (sound, shuffled))

    assert same(one, other)
    assert not one.missing


@settings(max_examples=40)
@given(st.lists(sound_books, max_size=4))
def test_every_level_reaches_the_book_exactly_as_written(sound):
    tickers = [f"T{number}" for number in range(len(sound))]
    answer = books(batch(*map(entry, tickers, sound)), tickers, 0.0)

    assert answer.books.tickers == tuple(tickers)
    for row, written in enumerate(sound):
        exact = answer.books.book(row)
        bids = sorted(((Decimal(p), Decimal(s)) for p, s in written["yes_dollars"]), reverse=True)
        asks = sorted((1 - Decimal(p), Decimal(s)) for p, s in written["no_dollars"])
        assert list(exact.bids) == bids[:MAX_LEVELS]
        assert list(exact.asks) == asks[:MAX_LEVELS]


@settings(max_examples=40)
@given(st.lists(sound_books, min_size=1, max_size=3))
def test_the_careful_way_gives_the_same_as_the_fast_way(sound):
    entries = [entry(f"T{number}", b) for number, b in enumerate(sound)]
    tickers = [e["ticker"] for e in entries]
    spoilt = entry("NOT ASKED FOR", {})

    fast, careful = (books(batch(*list_), tickers, 0.0) for list_ in (entries, [*entries, spoilt]))

    assert same(fast, careful)


def test_a_sound_batch_never_pays_for_the_careful_way(monkeypatch):
    monkeypatch.setattr(module, "_careful", None)

    assert len(books(batch(entry(T1), entry(T2, sides((), ()))), [T1, T2], 0.0).books) == 2


def test_answers_are_matched_by_ticker_in_the_order_asked_for():
    other = sides([("0.1000", "1.00")], [])
    answer = books(batch(entry(T2, other), entry("KXOTHER"), entry(T1)), [T1, T2], 0.0)

    assert answer.books.tickers == (T1, T2)
    assert answer.books.best_bid.tolist() == [0.35, 0.1]
    assert not answer.missing


def test_a_ticker_asked_for_twice_has_one_row():
    assert books(batch(entry(T1)), [T1, T1], 0.0).books.tickers == (T1,)


def test_a_ticker_not_answered_is_missing_and_not_empty():
    answer = books(batch(entry(T1)), [T1, T2], 0.0)

    assert answer.books.tickers == (T1,)
    assert answer.missing == {T2: NOT_ANSWERED}


def test_a_ticker_answered_twice_is_missing_since_nobody_knows_which_is_right():
    answer = books(batch(entry(T1), entry(T2), entry(T1), entry(T1)), [T1, T2], 0.0)

    assert answer.books.tickers == (T2,)
    assert "twice" in answer.missing[T1]


def test_empty_and_one_sided_books_are_sound():
    answer = books(batch(entry(T1, sides((), ())), entry(T2, sides(no=()))), [T1, T2], 0.0)

    assert answer.books.tickers == (T1, T2)
    assert np.isnan(answer.books.best_bid[0])
    assert answer.books.best_bid[1] == 0.35
    assert np.isnan(answer.books.best_ask).all()


@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize("side", ["yes_dollars", "no_dollars"])
@pytest.mark.parametrize("bad", NOT_PLAIN, ids=repr)
def test_a_level_that_is_not_two_plain_decimal_strings_spoils_its_book_alone(bad, place, side):
    broken = sides()
    broken[side][0][place] = bad
    answer = books(batch(entry(T1), entry(T2, broken), entry(T3)), [T1, T2, T3], 0.0)

    assert answer.books.tickers == (T1, T3)
    assert list(answer.missing) == [T2]
    assert answer.missing[T2]


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ({}, "yes_dollars"),
        ({"yes_dollars": []}, "no_dollars"),
        ({"yes_dollars": None, "no_dollars": []}, "null"),
        ({"yes_dollars": [], "no_dollars": None}, "null"),
        ([], "object"),
        (None, "object"),
        (sides([("0.3400", "1.00", "2.00")]), "length 2"),
        (sides([("0.3400",)]), "length 2"),
        (sides([("0.0000", "1.00")]), "not inside (0, 1)"),
        (sides([("1.0000", "1.00")], ()), "not inside (0, 1)"),
        (sides([("0.3400", "1.00"), ("0.3400", "2.00")]), "twice"),
        (sides([("0.4000", "1.00")]), "crossed"),
        (sides([("0.3700", "1.00")]), "crossed"),
        (sides([("0.1234567", "1.00")]), TOO_FINE),
        (sides((), [("0.1234567", "1.00")]), TOO_FINE),
        (sides([(f"0.{n:05d}", "1.00") for n in range(1, 10_002)], ()), "10001 levels"),
    ],
)  # fmt: skip
def test_a_broken_book_is_named_with_its_fault_and_spoils_no_other(broken, reason):
    whole = dump({"orderbooks": [entry(T1), {"ticker": T2, "orderbook_fp": broken}, entry(T3)]})
    answer = books(whole, [T1, T2, T3], 0.0)

    assert answer.books.tickers == (T1, T3)
    assert reason in answer.missing[T2]


def test_a_level_of_size_zero_is_no_level():
    answer = books(batch(entry(T1, sides([("0.3400", "0.00")]))), [T1], 0.0)

    assert np.isnan(answer.books.best_bid[0])
    assert not answer.missing


def test_an_entry_without_a_ticker_leaves_its_market_unanswered():
    answer = books(dump({"orderbooks": [{"orderbook_fp": sides()}, 5, entry(T2)]}), [T1, T2], 0.0)

    assert answer.books.tickers == (T2,)
    assert answer.missing == {T1: NOT_ANSWERED}


def test_unknown_fields_are_ignored_wherever_they_stand():
    strange = {**entry(T1, {**sides(), "depth": [["1", "2"]]}), "sequence": 12345678901234567890}
    answer = books(dump({"orderbooks": [strange], "more": ["0.5", 0.5]}), [T1], 0.0)

    assert answer.books.best_bid.tolist() == [0.35]


@pytest.mark.parametrize("bad", ["nan", "inf", "-0.3400"])
@pytest.mark.parametrize("place", [0, 1])
def test_an_unknown_field_cannot_hide_a_broken_level(bad, place):
    level = ["0.2000", "1.00"]
    level[place] = bad
    hiding = {**sides([tuple(level)]), "other": [["0.1", "0.2"]]}
    answer = books(batch(entry(T1, hiding)), [T1], 0.0)

    assert len(answer.books) == 0
    assert T1 in answer.missing


def test_an_escaped_digit_is_a_digit():
    body = batch(entry(T1)).replace(b'"0.3500"', b'"\\u0030.3500"')

    assert books(body, [T1], 0.0).books.best_bid.tolist() == [0.35]


def test_fifteen_digits_are_kept_and_zeros_do_not_count():
    written = [("0.100000", "123456789012.345"), ("0.20000000000000000", "100000000000000000")]
    exact = books(batch(entry(T1, sides(written, ()))), [T1], 0.0).books.book(0)

    assert exact.bids == (
        Level(Decimal("0.2"), Decimal("100000000000000000")),
        Level(Decimal("0.1"), Decimal("123456789012.345")),
    )


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"[]", b"{}", b'{"orderbooks":{}}', b"<html>", b"\xff\xfe", b"[" * 9_999],
)
def test_a_body_that_is_no_batch_is_an_error_of_the_exchange(body):
    with pytest.raises(ExchangeError):
        books(body, [T1], 0.0)


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_any_bytes_give_books_or_an_error_of_the_exchange(body):
    for read in (lambda: books(body, [T1], 0.0), lambda: book(body, T1, 0.0)):
        with pytest.raises(ExchangeError):
            read()


words = st.sampled_from(
    ["orderbooks", "ticker", "orderbook_fp", "yes_dollars", "no_dollars", T1, "0.5", "0.4", "1.00"]
)
leaves = words | st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
documents = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=15,
)
nearly = st.builds(
    lambda t, b: {"orderbooks": [{"ticker": t, "orderbook_fp": b}]}, words, documents
)


@given(documents | nearly)
def test_any_json_gives_books_or_an_error_of_the_exchange(document):
    body = json.dumps(document).encode()
    try:
        answer = books(body, [T1], 0.0)
    except ExchangeError:
        return

    assert {*answer.books.tickers, *answer.missing} == {T1}


@given(st.data())
def test_a_damaged_batch_gives_sound_books_or_an_error_of_the_exchange(data):
    body = bytearray(batch(entry(T1), entry(T2)))
    for _ in range(data.draw(st.integers(1, 3))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    try:
        answer = books(bytes(body), [T1, T2], 0.0)
    except ExchangeError:
        return

    assert {*answer.books.tickers, *answer.missing} == {T1, T2}
    for row in range(len(answer.books)):
        answer.books.book(row)  # refuses to exist when broken


def test_the_single_route_gives_one_row():
    one = book(dump({"orderbook_fp": sides()}), T1, 3.0)

    assert (one.tickers, one.best_bid.tolist(), one.best_ask.tolist()) == ((T1,), [0.35], [0.37])


@pytest.mark.parametrize(
    "broken",
    [sides([("0.9", "1")]), sides([("0." + "3" * 16, "1")]), {}, None, sides([("nan", "1")])],
)
def test_the_single_route_names_the_market_whose_book_is_broken(broken):
    with pytest.raises(ExchangeError, match=T1):
        book(dump({"orderbook_fp": broken}), T1, 3.0)


def test_answers_of_different_width_join_into_one():
    wide = books(batch(entry(T1)), [T1], 1.0)
    narrow = books(batch(entry(T2, sides([("0.2000", "5.00")], ()))), [T2, "KXGONE"], 2.0)

    whole = joined([wide, narrow, nothing([T3], "it rained")])

    assert whole.books.tickers == (T1, T2)
    assert whole.books.seen_at.tolist() == [1.0, 2.0]
    assert whole.books.book(0) == wide.books.book(0)
    assert whole.books.book(1) == narrow.books.book(0)
    assert whole.missing == {"KXGONE": NOT_ANSWERED, T3: "it rained"}


def test_no_answers_join_into_no_books():
    whole = joined([])

    assert len(whole.books) == 0
    assert not whole.missing
