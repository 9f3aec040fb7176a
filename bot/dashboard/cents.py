"""Prices of books as the dashboard shows them."""

from math import isnan
from typing import Final

from bot.core.market.money import cents
from bot.core.market.orderbook import Floats

#: What Kalshi itself quotes where a side is empty, in cents.
NO_BID: Final = 0.0
NO_ASK: Final = 100.0


def cents_or(price: Floats, empty: float) -> list[float]:
    """Prices in cents, `empty` where there is none."""
    return [empty if isnan(p) else cents(p) for p in price.tolist()]
