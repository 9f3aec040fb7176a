from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.market.fees import FeeKind, FeeSchedule
from bot.core.market.market import CENT_GRID, MarketStatus, PriceGrid, PriceRange, Side
from tests.support.strategies import (
    FINE_GRID,
    NOON,
    TAPERED_GRID,
    grids,
    open_market,
    prices,
    scaled,
    sides,
)

CENT = Decimal("0.01")
ALL_PRICES = [Decimal(units).scaleb(-4) for units in range(10_001)]
#: A grid whose last step does not end at 1, and one with a gap: both legal, neither seen so far.
ODD_GRIDS = [
    PriceGrid((PriceRange(Decimal(0), Decimal(1), Decimal("0.03")),)),
    PriceGrid(
        (
            PriceRange(Decimal("0.1"), Decimal("0.2"), CENT),
            PriceRange(Decimal("0.7"), Decimal("0.8"), Decimal("0.05")),
        )
    ),
]


def test_selling_is_the_opposite_of_buying():
    assert [side.sign for side in Side] == [1, -1]
    assert Side.BUY.opposite is Side.SELL
    assert Side.SELL.opposite is Side.BUY


def test_a_status_not_heard_of_yet_reads_as_unknown():
    assert MarketStatus("hibernating") is MarketStatus.UNKNOWN


@pytest.mark.parametrize(
    ("grid", "price", "allowed"),
    [
        (CENT_GRID, "0.01", True),
        (CENT_GRID, "0.99", True),
        (CENT_GRID, "0.505", False),
        (CENT_GRID, "0", False),
        (CENT_GRID, "1", False),
        (CENT_GRID, "NaN", False),
        (CENT_GRID, "Infinity", False),
        (TAPERED_GRID, "0.005", True),
        (TAPERED_GRID, "0.1", True),
        (TAPERED_GRID, "0.105", False),
        (TAPERED_GRID, "0.9", True),
        (TAPERED_GRID, "0.995", True),
        (ODD_GRIDS[1], "0.5", False),
    ],
)
def test_a_grid_allows_its_own_prices_only(grid, price, allowed):
    assert grid.allows(Decimal(price)) is allowed


@pytest.mark.parametrize(
    ("start", "end", "step"),
    [
        ("0", "1", "0"),
        ("0", "1", "-0.01"),
        ("0.5", "0.5", "0.01"),
        ("0.9", "0.1", "0.01"),
        ("-0.1", "1", "0.01"),
        ("0", "1.1", "0.01"),
        ("0", "1", "NaN"),
        ("NaN", "1", "0.01"),
    ],
)
def test_a_range_without_prices_is_refused(start, end, step):
    with pytest.raises(ValueError, match="no prices from"):
        PriceRange(Decimal(start), Decimal(end), Decimal(step))


@given(grids | st.sampled_from(ODD_GRIDS), scaled(-100, 10_100, 4), sides)
def test_the_tick_chosen_is_the_nearest_price_that_is_no_worse_for_us(grid, price, side):
    tick = grid.to_tick(price, side)

    fair = [p for p in _prices_of(grid) if (price - p) * side.sign >= 0]
    assert tick == min(fair, key=lambda p: abs(price - p), default=None)


def test_a_price_worse_than_all_has_no_tick():
    assert CENT_GRID.to_tick(Decimal("0.005"), Side.BUY) is None
    assert CENT_GRID.to_tick(Decimal("0.995"), Side.SELL) is None


@given(prices, sides)
def test_a_price_on_the_grid_is_its_own_tick(price, side):
    assert FINE_GRID.to_tick(price, side) == price


def test_an_open_market_is_active_and_within_its_hours():
    market = open_market()

    assert market.is_open(NOON)
    assert market.is_open(market.open_time)
    assert not market.is_open(market.close_time)
    assert not market.is_open(market.open_time - timedelta(microseconds=1))


@pytest.mark.parametrize("status", [s for s in MarketStatus if s is not MarketStatus.ACTIVE])
def test_only_an_active_market_is_open(status):
    assert not open_market(status=status).is_open(NOON)


@pytest.mark.parametrize("status", MarketStatus)
def test_a_result_pays_only_once_it_is_final(status):
    market = open_market(status=status, settlement_value=Decimal(1))

    assert market.payout == (1 if status is MarketStatus.FINALIZED else None)


_KNOWN: dict[PriceGrid, list[Decimal]] = {}


def _prices_of(grid) -> list[Decimal]:
    if grid not in _KNOWN:
        _KNOWN[grid] = [price for price in ALL_PRICES if grid.allows(price)]
    return _KNOWN[grid]


def test_a_market_under_its_terms_differs_in_nothing_else():
    market = open_market("A", result="yes", settlement_value=Decimal(1), exchange_index=2)
    fees = FeeSchedule(FeeKind.WITH_MAKER_FEES, Decimal(2))

    described = market.under("KXS", "Sports", fees)

    expected = replace(market, series_ticker="KXS", category="Sports", fees=fees)
    assert described == expected


@pytest.mark.parametrize("value", ["0", "0.37"])
def test_a_value_without_a_result_counts_once_it_is_final(value):
    final = open_market(status=MarketStatus.FINALIZED, settlement_value=Decimal(value))

    assert final.payout == Decimal(value)
    # Before that it may be the default of a field: marked at 0 it would raise the stops.
    for status in (MarketStatus.DETERMINED, MarketStatus.AMENDED):
        assert replace(final, status=status).outcome is None


@pytest.mark.parametrize(
    ("result", "value", "pays"),
    [
        ("yes", None, 1),
        ("no", None, 0),
        ("scalar", None, None),
        ("", None, None),
        ("yes", "1", 1),
        ("scalar", "0.37", "0.37"),
        ("void", "0.50", "0.50"),
        ("void", None, None),
        # And one that contradicts its result is nobody's word.
        ("yes", "0", None),
        ("no", "1", None),
        ("yes", "0.37", None),
        ("a new word", None, None),
    ],
)
def test_a_result_pays_as_soon_as_it_cannot_change(result, value, pays):
    reported = {"result": result, "settlement_value": None if value is None else Decimal(value)}
    pays = None if pays is None else Decimal(pays)

    assert open_market(status=MarketStatus.FINALIZED, **reported).payout == pays
    for status in (MarketStatus.DETERMINED, MarketStatus.AMENDED):
        market = open_market(status=status, **reported)
        assert (market.outcome, market.payout) == (pays, None)
    for status in (MarketStatus.CLOSED, MarketStatus.DISPUTED, MarketStatus.ACTIVE):
        assert open_market(status=status, **reported).outcome is None
