from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.market.market import Side
from bot.core.market.orders import Execution, OrderStatus
from tests.support.strategies import fill, fills, order


def test_buying_adds_contracts_and_selling_takes_them_away():
    assert fill(Side.BUY, 3, "0.4").signed_size == 3
    assert fill(Side.SELL, 3, "0.4").signed_size == -3


@pytest.mark.parametrize(
    ("size", "price", "fee"),
    [
        ("0", "0.5", "0"),
        ("-1", "0.5", "0"),
        ("1", "0", "0"),
        ("1", "1", "0"),
        ("1", "0.5", "-0.01"),
        ("NaN", "0.5", "0"),
        ("Infinity", "0.5", "0"),
        ("1", "NaN", "0"),
        ("1", "0.5", "NaN"),
    ],
)
def test_an_impossible_fill_is_refused_with_its_numbers(size, price, fee):
    with pytest.raises(ValueError, match=f"f-1 of A is impossible: {size} @ {price}"):
        fill(Side.BUY, size, price, fee=fee)


def test_an_execution_without_fills_has_no_price():
    nothing = Execution(order(Side.BUY, 5, "0.4"), "o-1", OrderStatus.CANCELED)

    assert nothing.filled == nothing.fees == 0
    assert nothing.average_price is None


@given(st.lists(fills(), min_size=1, max_size=6))
def test_the_average_price_lies_between_the_prices_of_the_fills(parts):
    execution = Execution(order(Side.BUY, 5, "0.4"), "o-1", OrderStatus.FILLED, tuple(parts))

    assert execution.average_price is not None
    # The mean is rounded to 28 digits, so it may lie that much outside.
    dust = Decimal("1e-20")
    assert min(f.price for f in parts) - dust <= execution.average_price
    assert execution.average_price <= max(f.price for f in parts) + dust
    assert execution.filled == sum(f.size for f in parts)
    assert execution.fees == sum(f.fee for f in parts)
