import math
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.core.market.orderbook import Books, Level, OrderBook
from bot.core.whales.detector import RULES, SideBias, Whale, WhaleRules, WhaleType, detect, recent
from bot.core.whales.thresholds import (
    FLAGS,
    FOLLOWED,
    ImbalanceRules,
    LargeOrderRules,
    LifetimeRules,
    SweepRules,
    blank_rows,
)
from bot.signals.ticker_state import TickerState

QUICK = WhaleRules(LargeOrderRules(multiple=3.0, cap=1.0, often=1.0, sample_seconds=0.0))
#: Nothing is so large, and no look so rare, that an order need not rest first.
EAGER = WhaleRules(replace(QUICK.large, at_once=math.inf, sparse_seconds=math.inf))
EMPTY = OrderBook((), ())
Sizes = dict[int, float]


def large(rules: WhaleRules, **changes: float) -> WhaleRules:
    return replace(rules, large=replace(rules.large, **changes))  # type: ignore[arg-type]


def book(bids: Sizes, asks: Sizes) -> OrderBook:
    """A book from {price in cents: contracts}."""
    return OrderBook(
        bids=tuple(_level(cents, bids[cents]) for cents in sorted(bids, reverse=True)),
        asks=tuple(_level(cents, asks[cents]) for cents in sorted(asks)),
    )


def _level(cents: int, size: float) -> Level:
    return Level(Decimal(cents) / 100, Decimal(str(size)))


LADDER = {45: 300.0, 44: 280.0, 43: 310.0, 42: 290.0, 41: 300.0, 40: 250.0}
MIRROR = {47: 300.0, 48: 280.0, 49: 310.0, 50: 290.0, 51: 300.0, 52: 250.0}
MIRROR_HIGH = {62 + n: 300.0 for n in range(6)}
USUAL = book(LADDER, MIRROR)
BIG_BID = book(LADDER | {43: 3_000.0}, MIRROR)
BIG_ASK = book(LADDER, MIRROR | {49: 3_000.0})
LEANING = book(LADDER | {45: 9_000.0}, MIRROR)


def watch(
    *seen: OrderBook, every: float = 10.0, rules: WhaleRules = EAGER, start: float = 0.0
) -> list[Whale]:
    """What is said of one market whose book is read at even times."""
    return [
        whale for _, whale in story([(start + i * every, b) for i, b in enumerate(seen)], rules)
    ]


def story(seen: Sequence[tuple[float, OrderBook]], rules: WhaleRules) -> list[tuple[float, Whale]]:
    rows, said = blank_rows(), []
    for at, one in seen:
        found, rows = detect(Books.of([("T", at, one)]), rows, rules)
        said += [(at, whale) for _, whale in found]
    return said


def test_an_order_large_for_its_market_is_announced_once_it_rested() -> None:
    said = story([(i * 5.0, USUAL if i < 6 else BIG_BID) for i in range(40)], EAGER)

    assert [(at, whale.type) for at, whale in said] == [(40.0, WhaleType.LARGE_BID)]


def test_an_order_twice_as_large_as_it_takes_is_announced_at_once() -> None:
    seen = [(i * 5.0, USUAL if i < 6 else BIG_BID) for i in range(12)]

    assert [at for at, _ in story(seen, QUICK)] == [30.0]


def test_what_a_rare_look_finds_is_announced_at_once() -> None:
    large = book(LADDER | {40: 1_000.0}, MIRROR)

    for every, said_at in ((5.0, 40.0), (60.0, 360.0)):
        seen = [(i * every, USUAL if i < 6 else large) for i in range(12)]
        assert [at for at, _ in story(seen, QUICK)] == [said_at]


def test_at_slow_polling_one_more_book_is_proof_enough() -> None:
    said = story([(i * 60.0, USUAL if i < 6 else BIG_BID) for i in range(12)], EAGER)

    assert [at for at, _ in said] == [420.0]


def test_a_whale_carries_the_level_s_own_price_size_and_share() -> None:
    (whale,) = watch(*[USUAL] * 6, *[BIG_ASK] * 3)

    assert (whale.type, whale.side_bias) == (WhaleType.LARGE_ASK, SideBias.SELL)
    assert (whale.size, whale.price) == (Decimal(3_000), Decimal("0.49"))
    assert whale.notional == Decimal(1_470)
    assert whale.depth_share == pytest.approx(3_000 / 4_420)
    assert (whale.max_bid_size, whale.max_ask_size) == (310.0, 3_000.0)
    assert whale.imbalance_strength == pytest.approx(0.5 - 1_480 / (1_480 + 4_170))


def test_a_whale_says_why_with_its_numbers() -> None:
    (whale,) = watch(*[USUAL] * 6, *[BIG_BID] * 3)

    assert whale.why == (
        "3,000 contracts at one price, large here from 930; the usual largest level is 310; "
        "grew by 2,690 and rested 10 s"
    )


def test_a_resting_order_is_not_announced_again() -> None:
    assert len(watch(*[USUAL] * 6, *[BIG_BID] * 60)) == 1


def test_an_order_that_went_and_came_back_is_announced_again() -> None:
    seen = [*[USUAL] * 6, *[BIG_BID] * 3, *[USUAL] * 3, *[BIG_BID] * 3]

    assert [whale.type for whale in watch(*seen)].count(WhaleType.LARGE_BID) == 2


def test_an_order_that_is_missed_in_one_book_is_still_the_same_order() -> None:
    seen = [*[USUAL] * 6, *[BIG_BID] * 3, USUAL, *[BIG_BID] * 5]

    assert len(watch(*seen)) == 1


def test_an_order_that_moves_to_a_price_close_by_is_still_the_same_order() -> None:
    moved = book(LADDER | {44: 3_100.0}, MIRROR)

    assert len(watch(*[USUAL] * 6, *[BIG_BID] * 3, *[moved] * 5)) == 1


def test_a_second_large_order_on_the_same_side_is_announced_too() -> None:
    both = book(LADDER | {43: 3_000.0, 41: 4_000.0}, MIRROR)

    said = watch(*[USUAL] * 6, *[BIG_BID] * 3, *[both] * 3)

    assert [whale.price for whale in said] == [Decimal("0.43"), Decimal("0.41")]


def test_no_more_orders_are_followed_than_there_is_room_for() -> None:
    rules = large(EAGER, flags_an_hour=100)
    agents = list(LADDER)
    seen = [USUAL] * 12
    for count in range(1, len(agents) + 1):
        seen += [book(LADDER | dict.fromkeys(agents[:count], 9_000.0), MIRROR)] * 2

    said = [whale for whale in watch(*seen, rules=rules) if whale.type == WhaleType.LARGE_BID]

    assert len(said) == FOLLOWED


def test_flags_make_the_next_one_harder() -> None:
    rules = large(EAGER, flags_an_hour=1)
    seen = [
        *[USUAL] * 12,
        *[BIG_BID] * 2,
        *[book(LADDER | {43: 3_000.0}, MIRROR | {49: 1_200.0})] * 3,
    ]

    assert len(watch(*seen, rules=EAGER)) == 2
    assert len(watch(*seen, rules=rules)) == 1


def test_an_order_that_leaves_before_it_is_proven_is_not_announced() -> None:
    assert watch(*[USUAL] * 6, *[BIG_BID] * 5, *[USUAL] * 6, every=1.0) == []


def test_a_wall_that_was_always_there_is_no_event() -> None:
    assert watch(*[BIG_BID] * 30) == []


def test_a_wall_that_grows_slowly_is_no_event() -> None:
    growing = [book(LADDER | {43: 300.0 + 200 * step}, MIRROR) for step in range(15)]

    assert watch(*[USUAL] * 6, *growing) == []


def test_a_level_that_was_outside_the_view_did_not_grow() -> None:
    shown = {price: LADDER[price] for price in (45, 44, 43)}
    deeper = {price: LADDER[price] for price in (44, 43)} | {42: 3_000.0}
    top = {price: MIRROR[price] for price in (47, 48, 49)}

    assert watch(*[book(shown, top)] * 6, *[book(deeper, top)] * 5) == []


def test_a_one_contract_one_sided_book_says_nothing() -> None:
    assert watch(*[EMPTY] * 3, *[book({50: 1.0}, {})] * 60) == []


@pytest.mark.parametrize(
    "seen", [book(LADDER | {1: 100_000.0}, MIRROR), book(LADDER, MIRROR | {99: 100_000.0})]
)
def test_a_penny_wall_far_from_the_touch_says_nothing(seen: OrderBook) -> None:
    assert watch(*[USUAL] * 6, *[seen] * 20) == []


@pytest.mark.parametrize(
    ("usual", "wall"),
    [
        (book({1: 300.0}, {3: 300.0}), book({1: 100_000.0}, {3: 300.0})),
        (book({97: 300.0}, {99: 300.0}), book({97: 300.0}, {99: 100_000.0})),
        (book({97: 300.0, 96: 100.0}, {99: 300.0}), book({98: 100_000.0}, {99: 300.0})),
    ],
)
def test_a_penny_wall_at_the_touch_is_no_large_order(usual: OrderBook, wall: OrderBook) -> None:
    said = watch(*[usual] * 6, *[wall] * 20)

    assert [whale for whale in said if whale.type != WhaleType.HIGH_IMBALANCE] == []


def test_a_large_count_for_few_dollars_is_no_large_order() -> None:
    usual, wall = book({5: 50.0}, {7: 50.0}), book({5: 900.0}, {7: 50.0})

    assert watch(*[usual] * 6, *[wall] * 20) == []


def test_a_ladder_hung_anew_each_second_says_nothing() -> None:
    low = book({44 - i: 2_000.0 for i in range(5)}, {47 + i: 2_000.0 for i in range(5)})
    high = book({45 - i: 2_000.0 for i in range(5)}, {48 + i: 2_000.0 for i in range(5)})
    pulled = book({44: 20.0}, {47: 20.0})

    seen = [[low, high, low, pulled][second % 4] for second in range(600)]

    assert watch(*seen, every=1.0, rules=WhaleRules()) == []


def test_a_book_missing_for_one_poll_says_nothing_new() -> None:
    times = [(i * 60.0, USUAL if i < 6 else BIG_BID) for i in range(20)]
    without = [(at, one) for at, one in times if at not in (360.0, 600.0)]

    assert len(story(times, EAGER)) == len(story(without, EAGER)) == 1


@pytest.mark.parametrize(
    "hole", [EMPTY, book(LADDER, {}), book({}, MIRROR)], ids=["empty", "no asks", "no bids"]
)
@pytest.mark.parametrize("large", [BIG_BID, BIG_ASK])
def test_a_book_or_side_empty_for_one_poll_says_nothing_new(
    hole: OrderBook, large: OrderBook
) -> None:
    seen = [*[USUAL] * 6, *[large] * 3, hole, *[large] * 4, hole, *[large] * 4]

    assert len(watch(*seen)) == 1
    assert watch(*[large] * 6, hole, *[large] * 6) == []


def test_the_same_book_read_twice_says_nothing_twice() -> None:
    times = [(i * 10.0, USUAL if i < 6 else BIG_BID) for i in range(12)]
    twice = [pair for pair in times for _ in range(2)]

    assert len(story(twice, EAGER)) == 1


def test_nothing_is_large_before_the_market_is_known() -> None:
    assert watch(USUAL, *[BIG_BID] * 6) == []


def test_a_book_that_leans_unusually_far_is_said_once_while_it_does() -> None:
    said = watch(*[USUAL] * 40, *[LEANING] * 20, rules=large(EAGER, multiple=1e9))

    assert [whale.type for whale in said] == [WhaleType.HIGH_IMBALANCE]
    assert (said[0].side_bias, said[0].price) == (SideBias.BUY, Decimal("0.45"))
    assert said[0].imbalance_strength == pytest.approx(10_180 / (10_180 + 1_480) - 0.5)
    assert said[0].why == (
        "87% of the contracts of the best five levels are on one side, unusual here from 80%, "
        "for 10 s"
    )


IMBALANCE_ONLY = replace(
    large(EAGER, multiple=1e9), imbalance=ImbalanceRules(0.2, strength_quantile=0.5)
)


def test_a_lean_is_said_again_only_after_it_faded_and_quiet_passed() -> None:
    first = [*[USUAL] * 40, *[LEANING] * 4]

    assert len(watch(*first, *[USUAL] * 4, *[LEANING] * 4, rules=IMBALANCE_ONLY)) == 1
    assert len(watch(*first, *[USUAL] * 60, *[LEANING] * 4, rules=IMBALANCE_ONLY)) == 2


def test_a_lean_that_wavers_has_not_faded() -> None:
    rules = replace(IMBALANCE_ONLY, imbalance=replace(IMBALANCE_ONLY.imbalance, quiet_seconds=0.0))
    wavering = book(LADDER | {45: 1_965.0}, MIRROR)

    def said(between: OrderBook) -> int:
        return len(watch(*[USUAL] * 40, *[LEANING, LEANING, between] * 5, rules=rules))

    assert (said(wavering), said(USUAL)) == (1, 5)


def test_a_lean_of_one_book_says_nothing() -> None:
    assert watch(*[USUAL] * 40, LEANING, *[USUAL] * 9, rules=IMBALANCE_ONLY) == []


def test_a_market_that_always_leans_says_nothing() -> None:
    assert watch(*[LEANING] * 200, rules=IMBALANCE_ONLY) == []


def test_a_shallow_book_that_leans_says_nothing() -> None:
    usual, thin = book({45: 20.0}, {47: 20.0}), book({45: 60.0}, {47: 10.0})

    assert watch(*[usual] * 40, *[thin] * 9, rules=IMBALANCE_ONLY) == []


def test_whales_on_both_sides_of_one_book_have_no_bias() -> None:
    both = book(LADDER | {43: 3_000.0}, MIRROR | {49: 3_000.0})

    said = watch(*[USUAL] * 6, *[both] * 2)

    assert [whale.type for whale in said] == [WhaleType.LARGE_BID, WhaleType.LARGE_ASK]
    assert [whale.side_bias for whale in said] == [None, None]


def test_recent_whales_are_those_of_the_last_fifteen_minutes() -> None:
    rows = blank_rows(2)
    for i in range(9):
        seen = [("A", i * 10.0, USUAL if i < 6 else BIG_BID), ("B", i * 10.0, USUAL)]
        _, rows = detect(Books.of(seen), rows, EAGER)

    now = recent(rows, np.array([100.0, 100.0]))
    later = recent(rows, np.array([970.0, 970.0]))

    assert (now.count.tolist(), now.max_size.tolist()) == ([1, 0], [3_000.0, 0.0])
    assert now.take(slice(1, 2)).count.tolist() == [0]
    assert (later.count.tolist(), later.max_size.tolist()) == ([0, 0], [0.0, 0.0])


def test_only_so_many_whales_are_remembered() -> None:
    rules = replace(large(EAGER, flags_an_hour=10_000), lifetime=LifetimeRules(gone_after=1))
    seen = [*[USUAL] * 12, *[*[BIG_BID] * 2, *[USUAL] * 3] * (FLAGS + 3)]
    rows = blank_rows()
    for i, one in enumerate(seen):
        _, rows = detect(Books.of([("T", float(i * 10), one)]), rows, rules)

    assert recent(rows, np.array([1e9])).count.tolist() == [0]
    assert np.isfinite(rows["flag_at"]).all()
    assert rows["flag_at"].min() > 10.0 * (12 + 3)


def test_no_books_say_nothing() -> None:
    found, rows = detect(Books.of([]), blank_rows(0), EAGER)

    assert (found, len(rows)) == ([], 0)


def test_every_type_that_is_promised_has_its_rule() -> None:
    assert set(RULES) >= {WhaleType.LARGE_BID, WhaleType.LARGE_ASK, WhaleType.HIGH_IMBALANCE}


sizes = st.sampled_from([1.0, 50.0, 300.0, 310.0, 2_000.0, 9_000.0])


@st.composite
def order_books(draw: st.DrawFn) -> OrderBook:
    touch = draw(st.integers(49, 51))
    bids = {touch - i: draw(sizes) for i in range(draw(st.integers(0, 4)))}
    asks = {touch + 2 + i: draw(sizes) for i in range(draw(st.integers(0, 4)))}
    return book(bids, asks)


KEEN = replace(
    large(EAGER, multiple=1.2, least_samples=2, flags_an_hour=100),
    sweep=SweepRules(least_history=4.0),
    imbalance=ImbalanceRules(least_history=4.0),
)
BOOKS = 16


@st.composite
def stories(draw: st.DrawFn) -> list[list[OrderBook]]:
    """The books of three markets, time after time; a book stays for one to four of them."""
    markets = []
    for _ in range(3):
        books = draw(st.lists(order_books(), min_size=5, max_size=8))
        seen = [one for one in books for _ in range(draw(st.integers(1, 4)))]
        markets.append((seen * BOOKS)[:BOOKS])
    return [list(batch) for batch in zip(*markets, strict=True)]


def _padded(at: float, seen: Sequence[OrderBook]) -> Books:
    # The same width for one and for many: how far a book is shown is part of what is known.
    floor = OrderBook(tuple(_level(9 - i, 1.0) for i in range(6)), ())
    batch = Books.of([*[(f"T{i}", at, one) for i, one in enumerate(seen)], ("floor", at, floor)])
    return batch.take(np.arange(len(seen)))


@settings(max_examples=15, deadline=None)
@given(stories())
def test_a_market_says_the_same_alone_and_among_others(seen: list[list[OrderBook]]) -> None:
    together, alone = blank_rows(3), [blank_rows() for _ in range(3)]
    for i, batch in enumerate(seen):
        found, together = detect(_padded(i * 10.0, batch), together, KEEN)
        for row in range(3):
            one = _padded(i * 10.0, batch).take(np.array([row]))
            apart, alone[row] = detect(one, alone[row], KEEN)
            assert [whale for at, whale in found if at == row] == [whale for _, whale in apart]


OTHER = {
    WhaleType.LARGE_BID: WhaleType.LARGE_ASK,
    WhaleType.LARGE_ASK: WhaleType.LARGE_BID,
    WhaleType.HIGH_IMBALANCE: WhaleType.HIGH_IMBALANCE,
    WhaleType.SPOOF_SUSPECTED: WhaleType.SPOOF_SUSPECTED,
}
TURNED = {SideBias.BUY: SideBias.SELL, SideBias.SELL: SideBias.BUY, None: None}


@settings(max_examples=15, deadline=None)
@given(stories())
def test_seen_from_the_no_side_every_whale_is_turned_round(seen: list[list[OrderBook]]) -> None:
    ours, theirs = blank_rows(3), blank_rows(3)
    for i, batch in enumerate(seen):
        books = _padded(i * 10.0, batch)
        found, ours = detect(books, ours, KEEN)
        mirrored, theirs = detect(books.mirror(), theirs, KEEN)
        here = {(row, w.type, w.size, w.price, w.side_bias) for row, w in found}
        there = {
            (row, OTHER[w.type], w.size, 1 - w.price, TURNED[w.side_bias]) for row, w in mirrored
        }
        assert here == there


@settings(max_examples=15, deadline=None)
@given(stories())
def test_detection_leaves_the_rows_it_was_given_alone(seen: list[list[OrderBook]]) -> None:
    rows = blank_rows(3)
    for i, batch in enumerate(seen):
        before = rows.tobytes()
        _, after = detect(_padded(i * 10.0, batch), rows, KEEN)
        assert rows.tobytes() == before
        rows = after


def test_rows_live_in_the_bot_s_memory_between_cycles() -> None:
    memory, said = TickerState(blank_rows()), []
    for i in range(9):
        books = Books.of([("A", i * 10.0, USUAL), ("B", i * 10.0, USUAL if i < 6 else BIG_BID)])
        found, rows = detect(books, memory.recall(books.tickers), EAGER)
        memory.store(books.tickers, rows)
        said += [whale.ticker for _, whale in found]

    assert said == ["B"]


def test_each_side_is_measured_against_its_own_past() -> None:
    thin = {cents: size / 10 for cents, size in MIRROR.items()}
    asks = [book(LADDER, thin)] * 6 + [book(LADDER, thin | {49: 900.0})] * 3
    bids = [book(LADDER, thin)] * 6 + [book(LADDER | {43: 900.0}, thin)] * 3

    assert [whale.type for whale in watch(*asks)] == [WhaleType.LARGE_ASK]
    assert watch(*bids) == []


def test_a_book_that_has_become_thin_shows_a_large_order_sooner() -> None:
    thin = [{cents: size / 30 for cents, size in side.items()} for side in (LADDER, MIRROR)]
    large = 800.0

    assert watch(*[USUAL] * 6, *[book(LADDER | {43: large}, MIRROR)] * 3) == []
    assert watch(*[USUAL] * 6, *[book(thin[0] | {43: large}, thin[1])] * 3) != []


def test_a_second_order_on_top_of_a_resting_one_is_announced() -> None:
    twice = book(LADDER | {43: 6_000.0}, MIRROR)
    said = watch(*[USUAL] * 6, *[BIG_BID] * 4, *[twice] * 6)

    assert [whale.size for whale in said] == [Decimal(3_000), Decimal(6_000)]


def test_a_resting_order_that_flickers_is_the_same_order() -> None:
    assert len(watch(*[USUAL] * 6, *[BIG_BID] * 3, *[USUAL, BIG_BID] * 6)) == 1


def test_two_orders_that_come_at_once_on_one_side_are_both_announced() -> None:
    both = book(LADDER | {43: 3_000.0, 41: 4_000.0}, MIRROR)
    said = watch(*[USUAL] * 6, *[both] * 3)

    assert sorted(whale.price for whale in said) == [Decimal("0.41"), Decimal("0.43")]


def test_a_ladder_that_comes_at_once_is_two_orders_at_most() -> None:
    ladder = book(dict.fromkeys(LADDER, 3000.0), MIRROR)

    assert len(watch(*[USUAL] * 6, *[ladder] * 3)) == 2


def test_for_who_looks_often_an_order_must_be_larger() -> None:
    rules = large(EAGER, often=1.5)
    seen = [USUAL] * 6 + [book(LADDER | {43: 1_350.0}, MIRROR)] * 3

    assert watch(*seen, rules=rules) == []
    assert watch(*seen, rules=EAGER) != []


def test_a_level_deeper_than_what_is_remembered_is_not_new_when_it_comes_into_view() -> None:
    deep = {60 - n: 300.0 for n in range(59)} | {8: 3_000.0}
    near = {cents: size for cents, size in deep.items() if cents <= 15}

    assert watch(*[book(deep, MIRROR_HIGH)] * 6, *[book(near, MIRROR_HIGH)] * 3) == []


def test_a_level_that_is_remembered_as_absent_is_new() -> None:
    plain = {60 - n: 300.0 for n in range(59)}
    grown = plain | {55: 3_000.0}

    assert len(watch(*[book(plain, MIRROR_HIGH)] * 6, *[book(grown, MIRROR_HIGH)] * 3)) == 1
