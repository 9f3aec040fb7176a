"""Money and its one door to floats.

Money (prices, cash, fees, P&L) and contracts that change hands are `Decimal`; analytics are
floats. This module is the only place where one becomes the other.
"""

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from functools import lru_cache
from math import isfinite
from typing import TypeAlias

Dollars: TypeAlias = Decimal
Contracts: TypeAlias = Decimal

ZERO = Decimal(0)
ONE = Decimal(1)
CENT = Decimal("0.01")
#: The smallest step of a contract count that Kalshi trades.
CONTRACT_STEP = Decimal("0.01")


# Prices repeat without end and sizes often: remembering them halves the cost of an exact book.
@lru_cache(maxsize=1 << 14)
def exact(measured: float) -> Decimal:
    """The decimal that the wire meant by a float.

    A float read from a decimal string of at most 15 significant digits prints as that same
    decimal again, so nothing is lost on the way through NumPy. Raises ValueError for NaN and
    infinity: absence has no decimal.

    >>> exact(0.37)
    Decimal('0.37')
    """
    if not isfinite(measured):
        raise ValueError(f"{measured} is not an amount; leave absent values out before this")
    return Decimal(repr(float(measured)))


def measured(amount: Decimal) -> float:
    """An amount as a measurement: for JSON, CSV and features, never for accounts."""
    return float(amount)


def whole_cents(amount: Decimal) -> float:
    """An amount in dollars to the cent, as people are shown it; a half goes to the even cent.

    >>> whole_cents(Decimal("9873.984999")), whole_cents(Decimal("-0.004"))
    (9873.98, 0.0)
    """
    return float(round(amount, 2)) + 0.0  # no minus before nothing


def cents(price: Decimal | float) -> float:
    """A price in cents, as the dashboard and the CSV files show it.

    >>> cents(Decimal("0.525"))
    52.5
    """
    scaled = (price if isinstance(price, Decimal) else exact(price)) * 100
    return float(scaled)


def floor_to(amount: Decimal, step: Decimal) -> Decimal:
    """The multiple of `step` at or below `amount`."""
    return (amount / step).to_integral_value(ROUND_FLOOR) * step


def ceil_to(amount: Decimal, step: Decimal) -> Decimal:
    """The multiple of `step` at or above `amount`."""
    return (amount / step).to_integral_value(ROUND_CEILING) * step
