"""What listed fills say together: of two that have one id, which is right? Pure."""

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from bot.kalshi.wire.account import DatedFill


class _Booked(NamedTuple):
    """What of a fill is booked: an archive may write the same numbers with other digits."""

    ticker: str
    order_id: str
    side: str
    size: Decimal
    price: Decimal
    fee: Decimal


def conflicting_fills(fills: Sequence[DatedFill]) -> dict[str, str]:
    """Why fills of a market are not known, by ticker: one id, and two things that it says."""
    first: dict[str, _Booked] = {}
    odd: dict[str, str] = {}
    for fill in fills:
        booked = _booked(fill)
        if (known := first.setdefault(fill.fill_id, booked)) != booked:
            why = f"fill {fill.fill_id} is listed in two ways"
            odd |= dict.fromkeys((known.ticker, booked.ticker), why)
    return odd


def _booked(fill: DatedFill) -> _Booked:
    amounts = (fill.count_fp, fill.yes_price_dollars, fill.fee_cost)
    return _Booked(fill.ticker, fill.order_id, fill.book_side, *map(Decimal, amounts))
