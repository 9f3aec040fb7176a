"""Icebergs: levels that takers empty and that stand again at once, time after time."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.market.orderbook import Books, Level, OrderBook
from bot.core.whales.detector import SideBias, Source, TradesBetween, Whale, WhaleType, sight
from bot.core.whales.thresholds import IcebergRules, LargeOrderRules, WhaleRules, blank_rows
from bot.core.whales.trades import MarketTrades

RULES = WhaleRules(LargeOrderRules(sample_seconds=0.0))
EVERY = 0.25
PRICE = 0.45
#: Between two looks: what was taken at the price, what stands there at the second.
Look = tuple[float, float]
START: Look = (0, 300)
#: Ten looks, and nothing happens.
PAST: list[Look] = [START] * 10
#: Emptied and refilled: it stands again at the look that tells of the trade, and at the next.
REFILL: list[Look] = [(300, 300), (0, 300)]
ICEBERG = [*PAST, *REFILL, *REFILL]


def book(size: float) -> OrderBook:
    levels = [Level(Decimal(44 - n) / 100, Decimal(300)) for n in range(4)]
    best = [Level(Decimal(45) / 100, Decimal(size))] if size else []
    asks = [Level(Decimal(47 + n) / 100, Decimal(300)) for n in range(4)]
    return OrderBook((*best, *levels), tuple(asks))


def mirrored(book: OrderBook) -> OrderBook:
    bids, asks = (
        tuple(Level(1 - level.price, level.size) for level in side)
        for side in (book.asks, book.bids)
    )
    return OrderBook(bids, asks)


def story(
    looks: Sequence[Look],
    rules: WhaleRules = RULES,
    every: float = EVERY,
    *,
    ask: bool = False,
    known: bool = True,
    price: float = PRICE,
    others: Sequence[float] = (),
    pause: tuple[int, float] = (0, 0.0),
    unknown: int = 0,
) -> list[tuple[int, Whale]]:
    """The icebergs that are said, each with the number of its look.

    At each of the `others`, prices, a contract trades whenever any does. Before the look of the
    number in `pause` nobody looks for its seconds more; at look `unknown` no trades are known.
    """
    rows, said = blank_rows(), []
    for number, (taken, stands) in enumerate(looks, 1):
        at = 1_000 + number * every + (pause[1] if number >= pause[0] else 0.0)
        shown = mirrored(book(stands)) if ask else book(stands)
        tape = [at - 0.1, 1 - price if ask else price, taken] if taken else []
        tape += [cell for paid in others if taken for cell in (at - 0.1, paid, 1.0)]
        columns = np.array(tape).reshape(-1, 3).T
        none = np.zeros(len(columns[0]))
        met, paid, size = columns
        trades = MarketTrades(none.astype(np.intp), met, paid, size, none > (-1 if ask else 0))
        traded = TradesBetween.of(np.array([known and number != unknown]), trades)
        seen = sight(Books.of([("T", at, shown)]), rows, rules, traded)
        rows = seen.rows
        said += [(number, whale) for _, whale in seen.whales if whale.source is Source.REFILLS]
    return said


@pytest.mark.parametrize(
    ("ask", "kind", "bias", "price"),
    [
        (False, WhaleType.LARGE_BID, SideBias.BUY, "0.45"),
        (True, WhaleType.LARGE_ASK, SideBias.SELL, "0.55"),
    ],
    ids=["bid", "ask"],
)
def test_a_level_that_is_refilled_each_time_is_said_once_with_what_it_took(
    ask: bool, kind: WhaleType, bias: SideBias, price: str
) -> None:
    ((number, whale),) = story([*ICEBERG, *REFILL, *REFILL], ask=ask)

    assert (number, whale.type, whale.side_bias) == (14, kind, bias)
    # Taken twice, and what stands there now.
    assert (whale.size, whale.price) == (Decimal(900), Decimal(price))
    assert whale.why == (
        "an iceberg: 600 contracts traded at one price that showed 300 at a time and was refilled "
        "2 times, each time at once, in 1 s"
    )


def test_it_is_scored_apart_from_what_rests_in_full_view() -> None:
    ((_, whale),) = story(ICEBERG)

    assert whale.scored_as == "iceberg"
    assert replace(whale, source=Source.BOOK).scored_as == "large_bid"


@pytest.mark.parametrize("others", [(0.44,), (0.44, 0.43, 0.42, 0.41)], ids=["one", "many"])
def test_trades_at_other_prices_do_not_hide_it(others: Sequence[float]) -> None:
    assert len(story([*ICEBERG, *REFILL], others=others)) == 1


LATE: list[Look] = [(300, 0), *[(0, 0)] * 8, (0, 300), (0, 300)]


@pytest.mark.parametrize(
    "looks",
    [
        pytest.param([*PAST, *REFILL], id="refilled once"),
        pytest.param([*PAST, *LATE, *LATE], id="not at once"),
        pytest.param(
            [*PAST, *[(300, 100), *[(0, 100)] * 9, START] * 4], id="a third of it came back"
        ),
        pytest.param([*PAST, *[(150, 300), (0, 300)] * 6], id="topped up, never emptied"),
        pytest.param([*PAST, *[(0, 0), (0, 300)] * 6], id="cancelled and quoted anew"),
        pytest.param([*PAST, *[(10, 0), (0, 0), (0, 0), (0, 300)] * 6], id="most was cancelled"),
        pytest.param([(0, 80)] * 10 + [(80, 80), (0, 80)] * 2, id="small"),
        pytest.param(
            [*PAST, *REFILL, *[START] * 2_400, *REFILL], id="ten minutes from one to the next"
        ),
    ],
)
def test_what_is_no_iceberg(looks: list[Look]) -> None:
    assert story(looks) == []


@pytest.mark.parametrize(
    "change",
    [
        {"known": False},
        {"every": 2.5},
        {"rules": replace(RULES, iceberg=IcebergRules(times=4.0))},
        {"price": 0.40},
    ],
    ids=["trades unknown", "polled", "below what is large here", "it traded elsewhere"],
)
def test_nothing_is_said_where_that_cannot_be_told(change: dict[str, object]) -> None:
    assert story(ICEBERG)
    assert story(ICEBERG, **change) == []  # type: ignore[arg-type]


@pytest.mark.parametrize("every", [0.1, EVERY, 1.0, 2.0])
def test_whoever_looks_within_two_seconds_sees_it(every: float) -> None:
    assert len(story(ICEBERG, every=every)) == 1


@pytest.mark.parametrize(
    "refill",
    [
        pytest.param([(0, 0), (300, 0), (0, 300)], id="the change first"),
        pytest.param([(300, 300), (0, 0), (0, 300)], id="the trade first"),
        pytest.param([(100, 200), (200, 0), (0, 300)], id="in two bites"),
        pytest.param([(100, 300), (200, 200), (0, 0), (0, 300)], id="two trades first"),
    ],
)
def test_the_order_in_which_change_and_trade_are_told_does_not_matter(refill: list[Look]) -> None:
    (said,) = story([*PAST, *refill, *[START] * 3, *refill, *[START] * 3])

    assert said[1].size == Decimal(900)


def test_an_ordinary_level_whose_trade_is_told_before_its_change_is_never_refilled() -> None:
    # It is quoted anew after three seconds, which is somebody else.
    taken: list[Look] = [(300, 300), (0, 300), *[(0, 0)] * 60, *[START] * 20]

    assert story([*PAST, *taken * 4], every=0.05) == []


def test_a_level_that_stands_until_its_change_is_told_was_not_refilled_for_that() -> None:
    # Somebody quotes it anew once: that is one refill, and the second time nobody does.
    told: list[Look] = [(300, 300), (0, 300)]
    once: list[Look] = [*told, *[(0, 0)] * 30, *[START] * 20]

    assert story([*PAST, *once, *told, *[(0, 0)] * 60], every=0.05) == []
    assert len(story([*PAST, *once, *once], every=0.05)) == 1


@pytest.mark.parametrize(
    "change", [{"pause": (13, 3.0)}, {"unknown": 13}], ids=["nobody looked", "trades unknown"]
)
def test_what_was_counted_before_a_gap_counts_no_more(change: dict[str, object]) -> None:
    looks = [*PAST, *REFILL, START, *REFILL]

    assert len(story(looks)) == 1
    assert story(looks, **change) == []  # type: ignore[arg-type]
    assert len(story([*looks, *REFILL], **change)) == 1  # type: ignore[arg-type]


def test_half_a_level_that_goes_before_its_trade_is_told_is_not_emptied() -> None:
    assert story([*PAST, *[(0, 150), (150, 150), (0, 150), START] * 6]) == []


def test_an_iceberg_that_was_eaten_up_is_said_again_if_it_returns() -> None:
    gone: list[Look] = [(300, 0), *[(0, 0)] * 12, *[START] * 4]

    assert len(story([*ICEBERG, *gone, *REFILL, *REFILL])) == 2


looks_ = st.lists(
    st.tuples(st.sampled_from([0, 40, 150, 300]), st.sampled_from([0, 120, 300])), max_size=40
)


@given(looks_)
def test_the_mirror_of_a_book_says_the_mirror(looks: list[Look]) -> None:
    bids, asks = story([*PAST, *looks]), story([*PAST, *looks], ask=True)

    assert [(n, w.size, w.price) for n, w in bids] == [(n, w.size, 1 - w.price) for n, w in asks]


@given(looks_)
def test_no_more_is_said_than_trades_allow(looks: list[Look]) -> None:
    said = story([*PAST, *looks])

    # Twice emptied is the least, and what is large is never less.
    assert 600 * len(said) <= sum(taken for taken, _ in looks)


@given(st.lists(st.sampled_from([120, 200, 300]), max_size=40), st.integers(0, 100))
def test_a_level_that_nobody_empties_is_no_iceberg(sizes: list[float], share: float) -> None:
    # More stays than what counts as nothing of the most that it ever showed.
    stays = 300 * IcebergRules().left + 1
    before, looks = 300.0, []
    for size in sizes:
        looks.append((min(int(before * share / 100), before - stays), size))
        before = size

    assert story([*PAST, *looks]) == []
