"""What fills were worth: on the position's side, only by books that came in time."""

from datetime import timedelta
from decimal import Decimal
from math import nan
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.account.portfolio import Portfolio
from bot.core.events import FillMarkedOut, OrderEnded, OrderFilled
from bot.core.market.market import Side
from bot.core.market.orders import Aim, Execution, Fill, Life, Order, OrderStatus
from bot.core.model.fill_markouts import HORIZONS, FillKind, MarkedFill, OpenFill, grouped
from bot.core.model.performance import LEAST_MARKETS, weighted_mean
from bot.model.fill_markouts import FillMarkouts
from bot.ports.persistence import Checkpoint, CommittedChanges
from tests.support.strategies import NOON
from tests.support.trading import CASH, Desk

BUY, LEAVE = 0.8, 0.5
KINDS = [
    (Side.BUY, Aim.ENTER, Life.TAKE, FillKind.ENTRY_LONG, 1),
    (Side.SELL, Aim.ENTER, Life.TAKE, FillKind.ENTRY_SHORT, -1),
    (Side.SELL, Aim.LEAVE, Life.TAKE, FillKind.EXIT_TAKEN, 1),
    (Side.BUY, Aim.LEAVE, Life.REST, FillKind.EXIT_RESTED, -1),
]


def _order(side=Side.BUY, aim=Aim.ENTER, life=Life.TAKE):
    return Order("o", "A", side, Decimal(10), Decimal("0.50"), NOON, aim, life)


def _fill(side=Side.BUY, number=1):
    price, fee = Decimal("0.50"), Decimal("0.17")
    return Fill(f"f-{number}", "o", "A", side, Decimal(10), price, fee, NOON)


def _open(kind=FillKind.ENTRY_LONG, side=Side.BUY):
    return OpenFill(_fill(side), kind)


def _groups(fills: FillMarkouts) -> Any:
    return fills.groups()


def _at(seconds):
    return NOON.timestamp() + seconds


@pytest.mark.parametrize(("side", "aim", "life", "kind", "sign"), KINDS)
def test_a_rise_is_good_for_whoever_is_long_and_missed_by_who_left(side, aim, life, kind, sign):
    assert FillKind.of(_order(side, aim, life)) is kind

    one = OpenFill(_fill(side), kind).after(0.53, _at(1))

    assert list(one.markouts) == pytest.approx([3.0 * sign])


def test_each_horizon_is_measured_by_the_first_book_after_it():
    one = _open()
    for seconds, mid in ((0.5, 0.9), (1.2, 0.51), (6, 0.52), (10, 0.53), (59, 0.9), (61, 0.54)):
        one = one.after(mid, _at(seconds))

    assert one.is_over
    assert one.markouts == tuple(pytest.approx(value) for value in (1.0, 2.0, 3.0, 4.0))


def test_a_book_that_comes_too_late_measures_nothing():
    one = _open().after(0.55, _at(61))

    assert one.markouts[:3] == (None, None, None)
    assert one.markouts[3] == pytest.approx(5.0)


def test_a_book_of_one_side_is_waited_out():
    one = _open().after(nan, _at(1.5))
    assert one.markouts == ()
    assert one.after(0.51, _at(1.9)).markouts == (pytest.approx(1.0),)
    assert one.after(nan, _at(91)).markouts == (None, None, None, None)


@given(st.lists(st.tuples(st.floats(0, 200), st.just(nan) | st.floats(0.01, 0.99)), max_size=20))
def test_what_is_measured_never_changes_and_no_horizon_is_measured_before_its_time(seen):
    one = _open()
    for seconds, mid in sorted(seen, key=lambda look: look[0]):
        before, one = one, one.after(mid, _at(seconds))
        assert one.markouts[: len(before.markouts)] == before.markouts
        assert all(horizon <= seconds + 1e-6 for horizon in HORIZONS[: len(one.markouts)])


def test_figures_are_by_category_and_kind_over_contracts():
    def marked(size, value, kind=FillKind.ENTRY_LONG, ticker="A"):
        return MarkedFill(ticker, "Crypto", kind, size, (value, None, value, value))

    entries: Any
    exits: Any
    entries, exits = grouped([marked(10, 1.0), marked(30, 2.0), marked(5, 9, FillKind.EXIT_TAKEN)])

    assert (entries.kind, entries.fills, entries.contracts) == (FillKind.ENTRY_LONG, 2, 40)
    assert entries.after["1"].value == pytest.approx(1.75)
    assert entries.after["5"] is None
    assert exits.after["60"].rows == 1


def test_the_interval_of_a_weighted_mean_is_over_markets():
    values, weights = np.array([1.0, 3.0] * LEAST_MARKETS), np.array([3.0, 1.0] * LEAST_MARKETS)

    alike: Any = weighted_mean(values, weights, [str(n // 2) for n in range(len(values))])
    one: Any = weighted_mean(values, weights, ["A"] * len(values))

    assert alike.value == one.value == pytest.approx(1.5)
    assert alike.interval == (pytest.approx(1.5), pytest.approx(1.5)), "each market has that mean"
    assert one.interval is None


async def _followed(backend):
    """A desk whose fills are followed: an entry, and a part of an exit that rests."""
    fills = FillMarkouts()
    fills.on_events(await backend.run(BUY, seconds=1))
    return fills


async def test_a_fill_is_told_once_a_minute_has_passed():
    backend = Desk()
    fills = await _followed(backend)
    told: list[FillMarkedOut] = []
    for _ in range(7):
        backend.pass_by(10)
        told += fills.measured(backend.at, [backend.predictions({})], backend.markets)

    (event,) = told
    assert (event.ticker, event.kind, float(event.size)) == ("A", FillKind.ENTRY_LONG, 100.0)
    assert event.category == "unknown"
    # Bought at 53 c, the mid is 52.5 c ever since; nobody looked in the first seconds.
    assert event.markouts[:2] == (None, None)
    assert list(event.markouts[2:]) == pytest.approx([-0.5, -0.5])
    assert _groups(fills)[0].after["10"].value == pytest.approx(-0.5)
    assert fills.measured(backend.at, [backend.predictions({})], backend.markets) == []


async def test_a_market_that_is_looked_at_no_more_measures_nothing():
    backend = Desk()
    fills = await _followed(backend)
    backend.pass_by(200)

    (event,) = fills.measured(backend.at, [], {})

    assert event.markouts == (None,) * 4


def test_every_fill_of_an_order_that_rests_is_followed():
    order, fills = _order(Side.SELL, Aim.LEAVE, Life.REST), FillMarkouts()
    done = Execution(order, "p", OrderStatus.FILLED, (_fill(Side.SELL, 2),))
    fills.on_events(
        [OrderFilled(NOON, order, "p", (_fill(Side.SELL),), Decimal(5)), OrderEnded(NOON, done)]
    )

    told = fills.measured(NOON + timedelta(seconds=200), [], {})

    assert [(one.fill_id, one.kind) for one in told] == [
        ("f-1", FillKind.EXIT_RESTED),
        ("f-2", FillKind.EXIT_RESTED),
    ]


def test_what_was_measured_outlives_a_restart_and_reaches_a_standby():
    event = FillMarkedOut(
        NOON, "f", "A", "Crypto", FillKind.ENTRY_SHORT, Decimal(10), NOON, (1.0, None, 2.0, 3.0)
    )
    again, standby = FillMarkouts(), FillMarkouts()
    again.restore(Checkpoint(1, Portfolio.of_cash(CASH), events=(event,)))
    standby.catch_up(CommittedChanges(2, (event,)))

    assert again.groups() == standby.groups()
    assert _groups(again)[0].after["60"].value == 3.0
