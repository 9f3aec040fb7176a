from collections.abc import Sequence
from itertools import pairwise
from math import isnan

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.core.market.orderbook import Books
from bot.core.signals.regime import (
    REGIMES,
    WINDOW,
    RegimeName,
    blank_rows,
    classify,
    is_warm,
    overall,
)

CALM, TRENDING, CHAOTIC = 0, 1, 2


def _books(mids: Sequence[float], at: float = 0.0) -> Books:
    """One book a mid, a cent wide, in tenths of a cent; NaN is a book without asks."""
    mid = np.array(mids, dtype=float)[:, None]
    bid = np.where(np.isnan(mid), 0.5, np.round(mid - 0.005, 6))
    size = np.full_like(bid, 10.0)
    tickers = tuple(f"T{i}" for i in range(len(mids)))
    seen_at = np.full(len(mids), at)
    return Books(tickers, seen_at, bid, size, np.round(mid + 0.005, 6), size)


def _moods(mids: Sequence[float]) -> list[int]:
    """The mood of one market after each book."""
    rows, market_regimes = blank_rows(), []
    for at, mid in enumerate(mids):
        codes, rows = classify(_books([mid], float(at)), rows)
        market_regimes.append(int(codes[0]))
    return market_regimes


def _chop(count: int, step: float = 0.005, mid: float = 0.5) -> list[float]:
    return [mid + step * (i % 2) for i in range(count)]


def test_the_ids_are_those_of_the_dashboard() -> None:
    assert REGIMES == (RegimeName.CALM, RegimeName.TRENDING, RegimeName.CHAOTIC)


def test_a_market_is_calm_until_it_was_seen_often_enough() -> None:
    rising = [0.3 + 0.01 * i for i in range(WINDOW + 5)]

    market_regimes = _moods(rising)

    assert set(market_regimes[:WINDOW]) == {CALM}
    assert market_regimes[WINDOW] == TRENDING


def test_a_market_that_goes_nowhere_is_calm() -> None:
    assert set(_moods(_chop(200))) == {CALM}
    assert set(_moods([0.5] * 200)) == {CALM}


def test_a_small_steady_move_is_no_trend() -> None:
    assert set(_moods([0.5 + 0.0015 * i for i in range(20)])) == {CALM}


def test_a_sudden_jump_is_chaos_at_once() -> None:
    market_regimes = _moods([*_chop(40), 0.75])

    assert market_regimes[-2:] == [CALM, CHAOTIC]


def test_chaos_ends_when_the_market_settles() -> None:
    market_regimes = _moods([*_chop(40), 0.75, *_chop(30, mid=0.75)])

    assert market_regimes[40] == CHAOTIC
    assert market_regimes[-1] == CALM


def test_leaving_a_mood_takes_more_than_entering_it() -> None:
    rising = [*_chop(20), *[0.5 + 0.01 * i for i in range(20)]]
    slowing = [0.69 - 0.01 * (i % 2) for i in range(1, 9)]

    market_regimes = _moods([*rising, *slowing, *_chop(10, mid=0.69)])

    assert market_regimes[len(rising) - 1] == TRENDING
    # The same efficiency that would not start a trend (below 0.60) carries it on (above 0.40).
    assert market_regimes[len(rising) + 7] == TRENDING
    assert market_regimes[-1] == CALM


def test_a_mood_lasts_a_few_books() -> None:
    rng = np.random.default_rng(5)
    mids = np.clip(0.5 + np.cumsum(rng.normal(0, 0.01, 600)), 0.1, 0.9)

    market_regimes = np.array(_moods(mids.round(3).tolist()))

    starts = np.flatnonzero(np.diff(market_regimes) != 0) + 1
    hasty = [b for a, b in pairwise(starts) if b - a < 3]
    assert len(starts) > 4
    assert all(market_regimes[start] == CHAOTIC for start in hasty)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.one_of(st.integers(200, 800).map(lambda mid: mid / 1000), st.just(float("nan"))),
        min_size=30,
        max_size=60,
    )
)
def test_one_sided_books_change_nothing(mids: list[float]) -> None:
    known = [mid for mid in mids if not isnan(mid)]

    market_regimes = _moods(mids)

    assert [
        market_regime
        for market_regime, mid in zip(market_regimes, mids, strict=True)
        if not isnan(mid)
    ] == _moods(known)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.lists(st.integers(200, 800), min_size=3, max_size=3), min_size=20, max_size=50))
def test_a_market_has_the_same_mood_alone_and_among_others(steps: list[list[int]]) -> None:
    rows = blank_rows(3)
    for at, step in enumerate(steps):
        before = rows.tobytes()
        codes, after = classify(_books([mid / 1000 for mid in step], float(at)), rows)
        assert rows.tobytes() == before
        rows = after

    assert codes.tolist() == [_moods([step[i] / 1000 for step in steps])[-1] for i in range(3)]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(200, 800), min_size=20, max_size=50))
def test_the_mood_is_the_same_seen_from_the_no_side(mids: list[int]) -> None:
    assert _moods([m / 1000 for m in mids]) == _moods([1 - m / 1000 for m in mids])


def test_a_market_is_warm_once_its_window_is_full() -> None:
    rows = blank_rows()
    for at in range(WINDOW):
        _, rows = classify(_books([0.5], float(at)), rows)
    assert not is_warm(rows)[0]

    _, rows = classify(_books([0.5], 99.0), rows)

    assert is_warm(rows)[0]


@pytest.mark.parametrize(
    ("codes", "volumes", "market_regime"),
    [
        ([0, 0, 0, 0], [1, 1, 1, 1], RegimeName.CALM),
        ([2, 2, 0, 0], [1, 1, 1, 1], RegimeName.CHAOTIC),
        ([1, 1, 0, 0], [1, 1, 1, 1], RegimeName.TRENDING),
        ([2, 2, 1, 1], [1, 1, 1, 1], RegimeName.CHAOTIC),
        ([2, 0, 0, 0], [1, 1, 1, 1], RegimeName.CALM),
        ([2, 0, 0, 0], [1_000_000, 1, 1, 1], RegimeName.CHAOTIC),
        ([2, 0, 0, 0], [4, 4, 4, 1_000_000], RegimeName.CALM),
        ([1, 1, 1, 1], [0, 0, 0, 0], RegimeName.TRENDING),
    ],
)
def test_the_mood_of_all_is_the_one_with_enough_weight(
    codes: list[int], volumes: list[float], market_regime: RegimeName
) -> None:
    warm = np.ones(4, dtype=bool)

    assert (
        overall(np.array(codes, dtype=np.int8), np.array(volumes, dtype=float), warm)
        is market_regime
    )


def test_all_are_calm_while_fewer_than_three_markets_are_known() -> None:
    codes, volumes = np.full(4, CHAOTIC, dtype=np.int8), np.full(4, 100.0)

    assert overall(codes, volumes, np.array([True, True, False, False])) is RegimeName.CALM
    assert overall(codes, volumes, np.array([True, True, True, False])) is RegimeName.CHAOTIC
    assert overall(codes[:0], volumes[:0], np.zeros(0, dtype=bool)) is RegimeName.CALM
