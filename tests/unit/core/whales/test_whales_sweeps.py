"""Sweeps: what takers take at once, from the tape of trades."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.market.orderbook import Books, Level, OrderBook
from bot.core.whales.detector import (
    SideBias,
    Source,
    TradesBetween,
    Whale,
    WhaleRules,
    WhaleType,
    recent,
    sight,
)
from bot.core.whales.thresholds import LargeOrderRules, blank_rows
from bot.core.whales.trades import Bursts, MarketTrades

#: second, YES price, contracts, whether the taker bought YES
Trade = tuple[float, float, float, bool]
RULES = WhaleRules(LargeOrderRules(sample_seconds=0.0))
BOOK = OrderBook(
    tuple(Level(Decimal(45 - n) / 100, Decimal(300)) for n in range(6)),
    tuple(Level(Decimal(47 + n) / 100, Decimal(300)) for n in range(6)),
)
EVERY = 60.0
#: At the tenth look there is a past, and this happens before it.
NOW = 9 * EVERY
BUY: list[Trade] = [(NOW - 20, 0.47, 300, True), (NOW - 20, 0.48, 300, True)]
SELL: list[Trade] = [(NOW - 20, 0.45, 300, False), (NOW - 20, 0.44, 300, False)]


def tape(trades: Sequence[Trade], row: int = 0) -> MarketTrades:
    at, price, size, buys = np.array(trades, dtype=np.float64).reshape(-1, 4).T
    return MarketTrades(np.full(len(at), row), at, price, size, buys > 0)


def met(trades: Sequence[Trade], since: float, until: float) -> TradesBetween:
    some = [trade for trade in trades if since < trade[0] <= until]
    return TradesBetween.of(np.array([True]), tape(some))


def story(
    trades: Sequence[Trade], rules: WhaleRules = RULES, looks: int = 12, book: OrderBook = BOOK
) -> list[tuple[float, Whale]]:
    """What is said of one market whose book never changes, with these trades."""
    rows, said = blank_rows(), []
    for look in range(looks):
        at = look * EVERY
        seen = sight(Books.of([("T", at, book)]), rows, rules, met(trades, at - EVERY, at))
        rows = seen.rows
        said += [(at, whale) for _, whale in seen.whales]
    return said


def small(count: int, size: float = 5.0) -> list[Trade]:
    """So many trades of an ordinary size, before anything happens."""
    return [(1.0 + n, 0.45, size, False) for n in range(count)]


@pytest.mark.parametrize(
    ("trades", "kind", "bias", "price"),
    [
        (BUY, WhaleType.LARGE_BID, SideBias.BUY, "0.48"),
        (SELL, WhaleType.LARGE_ASK, SideBias.SELL, "0.44"),
    ],
)
def test_who_takes_much_through_several_prices_is_said_once_with_the_last_of_them(
    trades: list[Trade], kind: WhaleType, bias: SideBias, price: str
) -> None:
    ((at, whale),) = story(trades)

    assert (at, whale.type, whale.side_bias, whale.source) == (NOW, kind, bias, Source.TAPE)
    assert (whale.size, whale.price) == (Decimal(600), Decimal(price))
    assert whale.notional == Decimal(600) * Decimal(price)
    assert whale.depth_share == pytest.approx(600 / (600 + 1_800))


def test_a_sweep_says_why_with_its_numbers() -> None:
    ((_, whale),) = story(BUY)

    assert whale.why == (
        "600 contracts bought at once by takers through 2 prices, at 47.5 c of their own on "
        "average; large here from 600; the usual largest level they met is 300"
    )


@pytest.mark.parametrize(
    ("trades", "why"),
    [
        ([(NOW - 20, 0.47, 600.0, True)], "at one price, less than three times the best"),
        ([(NOW - 20, 0.47, 299.0, True), (NOW - 20, 0.48, 300.0, True)], "too small"),
        ([(NOW - 20, 0.47, 300.0, True), (NOW - 10, 0.48, 300.0, True)], "two takers, at leisure"),
        ([(NOW - 20, 0.47, 300.0, True), (NOW - 20, 0.45, 300.0, False)], "two takers, opposed"),
        ([(NOW - 20, 0.97, 300.0, True), (NOW - 20, 0.98, 300.0, True)], "as good as decided"),
        ([(NOW - 20, 0.03, 300.0, True), (NOW - 20, 0.04, 300.0, True)], "too little money"),
        ([(30.0, 0.47, 300.0, True), (30.0, 0.48, 300.0, True)], "no past to be measured against"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_sweep(trades: list[Trade], why: str) -> None:
    assert why
    assert story(trades) == []


def test_who_takes_three_times_the_best_at_one_price_sweeps_too() -> None:
    ((_, whale),) = story([(NOW - 20, 0.47, 900.0, True)])

    assert "through 1 price," in whale.why


def test_a_market_used_to_such_bursts_hears_of_none() -> None:
    busy = [(1.0 + 2 * n, price, 300.0, True) for n in range(40) for price in (0.47, 0.48)]
    early = [(at, price, size, side) for at, price, size, side in busy if at < 240]

    assert story([*small(40), *BUY]) != []
    assert story([*early, *BUY]) == []


def test_a_sweep_that_goes_on_is_the_same_one() -> None:
    later = [(at + 25, price, size, side) for at, price, size, side in BUY]
    much_later = [(at + 50, price, size, side) for at, price, size, side in BUY]

    assert len(story([*BUY, *later])) == 1
    assert len(story([*BUY, *much_later])) == 2


def test_of_several_sweeps_between_two_books_the_largest_of_each_side_is_said() -> None:
    larger = [(at - 5, price, 2 * size, side) for at, price, size, side in BUY]
    said = [whale for _, whale in story([*BUY, *larger, *SELL])]

    assert sorted((whale.type.value, whale.size) for whale in said) == [
        ("large_ask", Decimal(600)),
        ("large_bid", Decimal(1_200)),
    ]
    assert {whale.side_bias for whale in said} == {None}


def test_sweeps_are_recent_but_do_not_raise_what_makes_an_order_large() -> None:
    rows = blank_rows()
    for look in range(10):
        at = look * EVERY
        traded = met(BUY, at - EVERY, at)
        rows = sight(Books.of([("T", at, BOOK)]), rows, RULES, traded).rows

    assert recent(rows, np.array([NOW])).count.tolist() == [1]
    assert not rows["flag_large"].any()


def test_where_trades_are_not_known_nothing_is_said_or_learnt() -> None:
    rows = blank_rows()
    for look in range(10):
        books = Books.of([("T", look * EVERY, BOOK)])
        seen = sight(books, rows, RULES, TradesBetween.unknown(1))
        rows = seen.rows

        assert not seen.whales
    assert rows["bursts"].sum() == 0


def test_one_sided_books_are_swept_by_the_size_alone_that_they_are_used_to() -> None:
    bare = replace(BOOK, asks=())

    assert story(BUY, book=bare) == []
    assert len(story(SELL, book=bare)) == 1


def test_trades_of_one_side_close_together_are_one_burst() -> None:
    found = Bursts.of(
        tape(
            [(1.0, 0.48, 3, True), (1.0, 0.47, 2, True), (1.4, 0.48, 5, True), (2.0, 0.4, 7, False)]
        )
    )

    assert found.size.tolist() == [10.0, 7.0]
    assert found.paid.tolist() == pytest.approx([0.48 * 8 + 0.47 * 2, 0.6 * 7])
    assert found.worst.tolist() == [0.48, 0.6]
    assert found.levels.tolist() == [2, 1]
    assert found.at.tolist() == [1.4, 2.0]


trade = st.tuples(
    st.floats(0, 100),
    st.integers(1, 99).map(lambda cents: cents / 100),
    st.integers(1, 10_000).map(float),
    st.booleans(),
)


@given(st.lists(trade, max_size=30), st.randoms())
def test_bursts_keep_every_contract_and_do_not_depend_on_the_order_of_trades(trades, rng) -> None:
    found = Bursts.of(tape(trades))
    shuffled = list(trades)
    rng.shuffle(shuffled)

    assert found.size.sum() == sum(size for _, _, size, _ in trades)
    assert (found.levels >= 1).all()
    assert np.array_equal(np.sort(Bursts.of(tape(shuffled)).size), np.sort(found.size))


@given(st.lists(st.integers(0, 3), max_size=12), st.permutations(range(4)), st.integers(0, 4))
def test_the_trades_of_some_markets_are_theirs_alone(rows, order, count) -> None:
    some = np.array(order[:count], dtype=np.intp)
    at = np.arange(len(rows), dtype=np.float64)
    all_ = MarketTrades(np.array(rows, dtype=np.intp), at, 0 * at + 0.5, at + 1, at >= 0)
    traded = TradesBetween.of(np.ones(4, dtype=np.bool_), all_)
    taken = traded.take(some)

    assert np.array_equal(taken.volume, traded.volume[some])
    by_row = np.bincount(taken.bursts.row, weights=taken.bursts.size, minlength=count)
    assert by_row.tolist() == traded.volume[some].sum(axis=1).tolist()


def test_sets_of_markets_are_joined_in_order() -> None:
    first, second = (
        TradesBetween.of(np.array([True]), tape(BUY)),
        TradesBetween.of(np.array([True]), tape(SELL)),
    )
    both = TradesBetween.joined([first, TradesBetween.unknown(1), second])

    assert both.volume[:, 0].tolist()[::2] == [0.0, 600.0]
    assert both.bursts.row.tolist() == [0, 2]
    assert len(both.take(slice(0, 2)).bursts) == 1
