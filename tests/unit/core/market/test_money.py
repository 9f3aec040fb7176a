from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.market.money import CENT, ceil_to, cents, exact, floor_to, measured
from tests.support.strategies import scaled

amounts = scaled(-(10**14), 10**14, 6)
steps = st.sampled_from([CENT, Decimal("0.0001"), Decimal("0.001"), Decimal("0.03"), Decimal(5)])


@given(scaled(0, 10**9, 4))
def test_a_decimal_of_the_wire_survives_the_way_through_floats(amount):
    assert exact(measured(amount)) == amount


@given(scaled(0, 10**9, 4))
def test_a_numpy_float_is_as_exact_as_a_python_one(amount):
    assert exact(np.float64(measured(amount))) == amount


@pytest.mark.parametrize("absent", [float("nan"), float("inf"), float("-inf")])
def test_what_is_no_number_has_no_exact_amount(absent):
    with pytest.raises(ValueError, match="is not an amount"):
        exact(absent)


@pytest.mark.parametrize(
    ("price", "shown"),
    [(Decimal("0.525"), 52.5), (0.525, 52.5), (0.29, 29.0), (Decimal("0.29"), 29.0), (0.001, 0.1)],
)
def test_cents_are_free_of_binary_dust(price, shown):
    assert cents(price) == shown


@given(amounts, steps)
def test_rounding_down_gives_the_last_multiple_not_above(amount, step):
    down = floor_to(amount, step)

    assert down % step == 0
    assert down <= amount < down + step


@given(amounts, steps)
def test_rounding_up_mirrors_rounding_down(amount, step):
    assert ceil_to(amount, step) == -floor_to(-amount, step)
