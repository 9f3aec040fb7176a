from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bot.core.market.orderbook import Books, Floats
from bot.core.signals.features import FEATURE_NAMES, Rows, blank, measure
from bot.research.dataset import Label, joined, observations, samples
from bot.research.runs import Runs, event_of, in_runs
from bot.tape.errors import TapeError
from bot.tape.reader import Tape, read
from tests.support.research_tapes import LEVELS, made_tape

LABEL = Label(horizon=10.0)


@pytest.fixture
def tape(tmp_path: Path) -> Tape:
    return read(made_tape(tmp_path / "made.parquet", markets=3, seconds=40))


def reported(tape: Tape) -> Floats:
    """The features of a tape as the live cycle measures them: one book at a time, in time order."""
    memory: dict[tuple[str, int], Rows] = {}
    features = []
    for row in range(len(tape.books)):
        key = (tape.books.tickers[row], tape.segment[row])
        one = tape.books.take(np.array([row]))
        measured, memory[key] = measure(
            one, memory.get(key, blank()), tape.seconds_to_close[row : row + 1]
        )
        features.append(measured[0])
    return np.array(features)


def prices(*cents: float, seen_at: list[float] | None = None, tick: float = 1.0) -> Runs:
    """One run of one market with these bids, a cent of spread, a second apart."""
    bid = np.array(cents)[:, None] / 100
    size = np.ones_like(bid)
    at: Floats = np.array(seen_at or np.arange(len(cents)) * tick, dtype=np.float64)
    run = np.zeros(len(cents), dtype=np.intp)
    books = Books(("M",) * len(cents), at, bid, size, np.round(bid + 0.01, 4), size)
    return Runs(books, run, run, ("M",), 900.0 - at, 1, on_change=False)


def test_a_tape_is_measured_exactly_as_the_live_cycle_would(tape: Tape) -> None:
    runs = in_runs(tape)
    deep = FEATURE_NAMES.index("imb10c")

    live, learned = reported(tape), observations(runs)

    order = np.lexsort((tape.books.seen_at, np.array(tape.books.tickers)))
    live[:, deep] = np.nan
    np.testing.assert_allclose(learned, live[order], rtol=1e-12, atol=1e-12)


def test_what_a_shallow_tape_cannot_know_is_unknown(tape: Tape) -> None:
    features = observations(in_runs(tape))

    assert LEVELS < 10
    assert np.isnan(features[:, FEATURE_NAMES.index("imb10c")]).all()
    assert np.isfinite(features[:, FEATURE_NAMES.index("imb5c")]).all()


def test_the_future_is_the_first_book_at_the_horizon() -> None:
    found = samples(prices(40, 41, 42, 43, 50), Label(horizon=2.0))

    assert found.change.tolist() == [2.0, 2.0, 8.0]
    assert found.later_bid.tolist() == [0.42, 0.43, 0.50]


def test_no_feature_changes_when_the_future_does() -> None:
    story = [40, 41, 43, 42, 45, 44, 47]

    before = observations(prices(*story))
    after = observations(prices(*story[:4], 20, 70, 30))

    np.testing.assert_array_equal(before[:4], after[:4])


def test_rows_without_a_future_are_dropped_and_counted() -> None:
    found = samples(prices(40, 41, 42, 43), Label(horizon=2.0))

    assert len(found) == 2
    assert found.dropped["the recording ended before the horizon"] == 2


def test_a_hole_in_the_recording_is_no_future() -> None:
    found = samples(prices(40, 41, 42, 43, seen_at=[0.0, 1.0, 2.0, 30.0]), Label(horizon=2.0))

    assert found.at.tolist() == [0.0]
    assert found.dropped["no book near the horizon"] == 2


def test_books_too_far_apart_for_the_horizon_give_no_labels() -> None:
    found = samples(prices(40, 41, 42, 43, tick=20.0), Label(horizon=10.0))

    assert len(found) == 0
    assert found.dropped["no book near the horizon"] == 3


def test_between_changes_the_last_book_holds() -> None:
    runs = replace(prices(40, 41, 60, seen_at=[0.0, 1.0, 30.0]), on_change=True)

    found = samples(runs, Label(horizon=2.0))

    assert found.change.tolist() == [1.0, 0.0]


def test_nothing_is_compared_across_two_runs() -> None:
    runs = replace(prices(40, 41, 80, 81), run=np.array([0, 0, 1, 1]))

    found = samples(runs, Label(horizon=1.0))

    assert found.change.tolist() == [1.0, 1.0]
    assert np.isnan(observations(runs)[2, FEATURE_NAMES.index("mom10")])


def test_a_market_one_sided_on_the_way_has_no_label() -> None:
    runs = prices(40, 41, 42, 43)
    runs.books.bid_price[1] = np.nan

    found = samples(runs, Label(horizon=2.0))

    assert len(found) == 0
    assert found.dropped["one-sided before the horizon"] == 1


def test_a_market_that_closes_first_has_no_label() -> None:
    runs = replace(prices(40, 41, 42), seconds_to_close=np.array([5.0, 0.5, -0.5]))

    found = samples(runs, Label(horizon=1.0))

    assert found.at.tolist() == [0.0]


def test_prices_near_the_ends_are_left_alone() -> None:
    assert samples(prices(5, 6, 95, 96), Label(horizon=1.0)).change.size == 0


def test_looking_less_often_keeps_the_first_book_of_each_span() -> None:
    thin = prices(40, 41, 42, 43, 44, 45).thinned(2.0)

    assert thin.books.seen_at.tolist() == [0.0, 2.0, 4.0]


def test_a_market_in_two_tapes_is_one_market(tape: Tape) -> None:
    once = samples(in_runs(tape), LABEL)

    twice = joined([once, once])

    assert len(twice) == 2 * len(once)
    assert twice.markets == once.markets
    assert set(twice.market.tolist()) == set(once.market.tolist())


def test_markets_of_one_event_share_it() -> None:
    empty = samples(prices(40, 41), Label(horizon=1.0))

    both = replace(empty, market=np.array([0, 1, 2]), markets=("E-1-A", "E-1-B", "E-2-A"))

    assert both.event.tolist() == [0, 0, 1]
    assert event_of("ALONE") == "ALONE"


@pytest.mark.parametrize(
    ("gaps", "on_change"), [([1.0] * 20, False), ([0.1] * 15 + [9.0] * 5, True)]
)
def test_a_tape_of_changes_is_told_from_one_of_looks(gaps: list[float], on_change: bool) -> None:
    books = prices(*[40] * 21, seen_at=np.cumsum([0.0, *gaps]).tolist()).books
    nothing = np.zeros(21)

    tape = Tape(books, nothing, nothing, nothing, nothing.astype(np.intp), {})

    assert in_runs(tape).on_change is on_change


@pytest.mark.parametrize("cadence", [0.0, -1.0, float("nan")], ids=str)
def test_nobody_looks_without_time_passing(cadence):
    with pytest.raises(TapeError, match="give a cadence above 0"):
        prices(40, 41).thinned(cadence)
