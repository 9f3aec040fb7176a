from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.core.market.orderbook import Books, Floats, Level, OrderBook
from bot.core.signals.feature_state import bbo, histories, history, mirrored
from bot.core.signals.features import FEATURE_NAMES, FEATURES, MAX_GAP, PARITY, Rows, blank, measure
from tests.support.strategies import books, two_sided_books

HISTORY = [feature.name for feature in FEATURES if feature.is_history]
#: Bids 45 c × 300, 44 c × 100; asks 47 c × 100, 50 c × 400: spread 2 c, mid 46 c.
PLAIN = ({45: 300, 44: 100}, {47: 100, 50: 400})

Story = Sequence[tuple[float, OrderBook]]


def book(bids: dict[int, int], asks: dict[int, int]) -> OrderBook:
    """A book from {price in cents: contracts}."""
    return OrderBook(
        tuple(_level(cents, bids[cents]) for cents in sorted(bids, reverse=True)),
        tuple(_level(cents, asks[cents]) for cents in sorted(asks)),
    )


def _level(cents: int, size: int) -> Level:
    return Level(Decimal(cents) / 100, Decimal(size))


def reported(story: Story, *, from_no: bool = False) -> tuple[Floats, Rows]:
    """The features of one market's last book, (1, F), and the row after it."""
    rows = blank()
    features = np.empty((1, 0))
    for at, one in story:
        seen = Books.of([("T", at, one)])
        features, rows = measure(seen.mirror() if from_no else seen, rows, np.array([600.0]))
    return features, rows


def seen(*moments: tuple[float, OrderBook]) -> dict[str, float]:
    return dict(zip(FEATURE_NAMES, reported(moments)[0][0].tolist(), strict=True))


stories = st.lists(
    st.tuples(st.sampled_from([0.0, 0.25, 1.0, 5.0, 60.0, 400.0]), books()), min_size=1, max_size=6
).map(lambda steps: [(sum(gap for gap, _ in steps[: i + 1]), b) for i, (_, b) in enumerate(steps)])


def test_a_book_is_measured_by_hand() -> None:
    measured = seen((0.0, book(*PLAIN)))

    assert measured == pytest.approx(
        {
            "imb1": 0.5,
            "imb5": -100 / 900,
            "imb5c": -100 / 900,
            "imb10c": -100 / 900,
            "near_imb": (380 - 260) / (380 + 260),
            "micro_off": 0.5,
            "touch_ratio": np.log(3),
            "depth_ratio": np.log(400 / 500),
            "slope": 1200 / 500 - 100 / 400,
            "step": 2.0,
            "max_level": np.log(300 / 400),
            "touch_share": 300 / 400 - 100 / 500,
            "spread": 2.0,
            "pq": 0.46 * 0.54,
            "log_ttc": np.log(600),
            "thickness": 3.0,
        }
        | dict.fromkeys(HISTORY, np.nan),
        nan_ok=True,
    )


def test_a_second_book_is_compared_with_the_first() -> None:
    after = seen((0.0, book(*PLAIN)), (10.0, book({46: 200}, {48: 100})))

    flow = 2 * (200 - -100) / 700
    assert after["gap"] == 10.0
    assert [after["mom2"], after["mom10"], after["mom60"]] == pytest.approx([1.0, 1.0, 1.0])
    assert after["ofi10"] == pytest.approx(flow)
    assert after["imb_change"] == pytest.approx(1 / 3 - 0.5)
    assert after["vol60"] == pytest.approx(np.sqrt(1 / 10))


def test_averages_forget_in_seconds_not_in_observations() -> None:
    low, high = book({45: 10}, {47: 10}), book({55: 10}, {57: 10})

    often = seen((0.0, low), *[(float(at), high) for at in range(1, 31)])
    seldom = seen((0.0, low), (1.0, high), (30.0, high))

    for name in ("mom2", "mom10", "mom60", "ofi2", "ofi10"):
        assert often[name] == pytest.approx(seldom[name])


@given(stories)
@settings(max_examples=60)
def test_the_mirror_turns_odd_features_and_leaves_even_ones_to_the_last_bit(story: Story) -> None:
    yes, rows = reported(story)
    no, other = reported(story, from_no=True)

    np.testing.assert_array_equal(no, yes * PARITY)
    for name in other.dtype.names or ():
        np.testing.assert_allclose(other[name], mirrored(rows)[name], rtol=0, atol=1e-12)


@given(stories)
@settings(max_examples=40)
def test_without_two_sides_nothing_is_known_but_the_time_to_close(story: Story) -> None:
    features = reported(story)[0][0]

    two_sided = story[-1][1].mid is not None
    known = [name for name, nan in zip(FEATURE_NAMES, np.isnan(features), strict=True) if not nan]
    assert (len(known) > 1) == two_sided
    assert "log_ttc" in known


@given(two_sided_books(), st.integers(1, 1000))
@settings(max_examples=40)
def test_the_scale_of_sizes_does_not_matter(one: OrderBook, factor: int) -> None:
    larger = OrderBook(
        tuple(Level(price, size * factor) for price, size in one.bids),
        tuple(Level(price, size * factor) for price, size in one.asks),
    )

    measured = seen((0.0, larger)), seen((0.0, one))
    free = [{**one, "thickness": 0.0} for one in measured]
    assert free[0] == pytest.approx(free[1], nan_ok=True, abs=1e-9)


@pytest.mark.parametrize(
    ("bid", "ask", "thickness"), [(1, 500, 1), (3, 3, 2), (7, 9, 3), (99, 50, 3)]
)
def test_thickness_tells_quotes_of_a_few_contracts_from_all_others(
    bid: int, ask: int, thickness: float
) -> None:
    assert seen((0.0, book({46: bid}, {48: ask})))["thickness"] == pytest.approx(thickness)


def test_penny_quotes_far_from_the_touch_count_for_nothing_but_the_rank() -> None:
    bids, asks = PLAIN
    crowded = seen((0.0, book(bids | {1: 75_000}, asks | {99: 90_000})))

    plain = seen((0.0, book(bids, asks)))
    assert {k: v for k, v in crowded.items() if k != "imb5"} == pytest.approx(
        {k: v for k, v in plain.items() if k != "imb5"}, nan_ok=True
    )


@pytest.mark.parametrize("gap", [MAX_GAP + 1, 10 * MAX_GAP])
def test_after_a_long_gap_history_starts_anew(gap: float) -> None:
    one = book(*PLAIN)

    assert np.isnan([seen((0.0, one), (gap, one))[name] for name in HISTORY]).all()
    again = seen((0.0, book({20: 5}, {30: 5})), (gap, one), (gap + 20, one))
    assert again["mom60"] == 0.0
    assert again["vol60"] == 0.0


def test_movement_is_not_known_before_ten_seconds_of_it() -> None:
    low, high = book({45: 10}, {47: 10}), book({55: 10}, {57: 10})

    assert np.isnan(seen((0.0, low), (9.9, high))["vol60"])
    assert seen((0.0, low), (10.0, high))["vol60"] == pytest.approx(np.sqrt(10**2 / 10))


def test_the_same_imbalance_says_less_where_prices_move_more() -> None:
    one, other = book(*PLAIN), book({55: 10}, {57: 10})
    calm, lively = seen((0.0, one), (60.0, one)), seen((0.0, other), (60.0, one))

    calmed = [name for name in FEATURE_NAMES if name.endswith("_calm")]
    assert len(calmed) == 9
    for name in calmed:
        assert calm[name] == pytest.approx(calm[name.removesuffix("_calm")] / 0.5)
        assert lively[name] == pytest.approx(lively[name.removesuffix("_calm")] / lively["vol60"])


def test_a_one_sided_book_leaves_the_memory_as_it_was() -> None:
    before = reported([(0.0, book(*PLAIN))])[1]
    after = reported([(0.0, book(*PLAIN)), (1.0, OrderBook(book(*PLAIN).bids, ()))])[1]

    assert before.tobytes() == after.tobytes()


def test_a_book_seen_twice_at_once_moves_no_average() -> None:
    one = book(*PLAIN)

    measured = seen((0.0, one), (50.0, one), (50.0, one))

    assert [measured[name] for name in ("mom2", "ofi2", "vol60", "gap")] == [0.0, 0.0, 0.0, 0.0]


def test_markets_in_one_batch_do_not_disturb_each_other() -> None:
    pair = [("A", 0.0, book(*PLAIN)), ("B", 3.0, book({20: 5}, {30: 7}))]
    together, rows = measure(Books.of(pair), np.repeat(blank(), 2), np.array([600.0, np.nan]))
    later = [("A", 1.0, book({46: 1}, {47: 1})), ("B", 9.0, book({21: 5}, {30: 7}))]
    together, _ = measure(Books.of(later), rows, np.array([599.0, np.nan]))

    alone = reported([(0.0, pair[0][2]), (1.0, later[0][2])])[0]
    np.testing.assert_allclose(together[0, :14], alone[0, :14])
    np.testing.assert_allclose(together[0, 15:], alone[0, 15:])
    assert together.shape == (2, len(FEATURES))
    assert np.isnan(together[1, FEATURE_NAMES.index("log_ttc")])


def test_no_books_have_no_features() -> None:
    features, rows = measure(Books.of([]), blank()[:0], np.empty(0))

    assert features.shape == (0, len(FEATURES))
    assert len(rows) == 0


def test_a_deeper_matrix_with_absent_levels_measures_the_same() -> None:
    narrow = Books.of([("T", 0.0, book(*PLAIN))])
    wide = replace(
        narrow,
        bid_price=np.pad(narrow.bid_price, ((0, 0), (0, 9)), constant_values=np.nan),
        bid_size=np.pad(narrow.bid_size, ((0, 0), (0, 9))),
    )

    features = [measure(b, blank(), np.array([5.0]))[0] for b in (narrow, wide)]
    np.testing.assert_allclose(features[0], features[1])


def test_every_feature_has_its_own_name_and_says_what_it_is() -> None:
    assert len(set(FEATURE_NAMES)) == len(FEATURES)
    assert all(feature.what for feature in FEATURES)


@settings(max_examples=60)
@given(st.lists(stories, min_size=1, max_size=3))
def test_a_whole_recording_is_measured_as_book_by_book(told: list[Story]) -> None:
    rows = sorted(
        ((at, market, one) for market, story in enumerate(told) for at, one in story),
        key=lambda row: row[0],
    )
    whole = Books.of([(str(market), at, one) for at, market, one in rows])
    markets = np.array([market for _, market, _ in rows])

    found, remembered = histories(bbo(whole), markets, np.repeat(blank(), len(told)))

    memory = np.repeat(blank(), len(told))
    for row, market in enumerate(markets.tolist()):
        moved, memory[[market]] = history(bbo(whole.take(np.array([row]))), memory[[market]])
        np.testing.assert_array_equal(found[row], moved[0])
    np.testing.assert_array_equal(remembered.view(float), memory.view(float))


@settings(max_examples=60)
@given(st.lists(stories, min_size=1, max_size=3), st.floats(0, 1))
def test_a_recording_in_two_parts_is_measured_as_one(told: list[Story], share: float) -> None:
    rows = sorted(
        ((at, market, one) for market, story in enumerate(told) for at, one in story),
        key=lambda row: row[0],
    )
    whole = Books.of([(str(market), at, one) for at, market, one in rows])
    markets = np.array([market for _, market, _ in rows])
    never, cut = np.repeat(blank(), len(told)), int(share * len(rows))
    first, last = slice(0, cut), slice(cut, len(rows))

    moved, remembered = histories(bbo(whole), markets, never)
    before, memory = histories(bbo(whole.take(first)), markets[first], never)
    after, memory = histories(bbo(whole.take(last)), markets[last], memory)

    np.testing.assert_array_equal(np.concatenate([before, after]), moved)
    np.testing.assert_array_equal(memory.view(float), remembered.view(float))
