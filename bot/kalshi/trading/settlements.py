"""What markets paid an account, from its settlements. Pure."""

from decimal import Decimal
from typing import Final

from bot.core.market.money import ONE, ZERO, Dollars
from bot.kalshi.wire import account
from bot.ports.exchange import ExchangeError

PAID: Final = {"yes": ONE, "no": ZERO}


def payout_of(reported: account.SettlementWire) -> Dollars:
    if reported.market_result in PAID:
        return PAID[reported.market_result]
    if reported.value is None or not 0 <= reported.value <= 100:
        raise ExchangeError(
            f"the settlement of {reported.ticker} says '{reported.market_result}' and "
            f"{reported.value} cents"
        )
    return Decimal(reported.value) / 100


def check_revenue(reported: account.SettlementWire, payout: Dollars) -> None:
    """Raises ExchangeError if what the account was paid is not what a payout comes to."""
    if reported.revenue is None:
        return
    yes, no = Decimal(reported.yes_count_fp), Decimal(reported.no_count_fp)
    expected = 100 * (yes * payout + no * (ONE - payout))
    # It is cut off to whole cents, and perhaps rounded.
    if abs(expected - reported.revenue) > ONE:
        raise ExchangeError(
            f"the settlement of {reported.ticker} says {reported.revenue} cents, and at "
            f"${payout} a YES contract it would be {expected.normalize():f}"
        )
