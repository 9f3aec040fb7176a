"""Compares the fees that were charged with those that were reckoned with before the order.

What is booked is what was charged. A formula that changed would make every expected gain a little
wrong, and nobody would notice: so the first difference in a series is a notice.
"""

from datetime import datetime

from bot.core.events import Noted, NoteKind
from bot.core.market.fees import DIRECT_PRECISION, FeeSchedule, OrderFees
from bot.core.market.market import Market, Side
from bot.core.market.money import ZERO, Dollars
from bot.core.market.orders import Execution


class FeeCheck:
    """Remembers in which series a difference was noted."""

    def __init__(self) -> None:
        self._noted: set[str] = set()

    def differs(self, at: datetime, market: Market, execution: Execution) -> Noted | None:
        """A notice if an order that took was charged otherwise; once for a series."""
        series, fees = market.series_ticker or market.event_ticker, market.fees
        if not execution.fills or fees is None or not fees.is_known or series in self._noted:
            return None
        charged = sum((fill.fee for fill in execution.fills), ZERO)
        expected = taker_fees(fees, execution)
        # The exchange may have booked the fills in another order: that moves a rounding or two.
        if abs(charged - expected) <= DIRECT_PRECISION * len(execution.fills):
            return None
        self._noted.add(series)
        message = (
            f"{series} charges other fees than reckoned with: ${charged.normalize():f} for "
            f"{execution.filled.normalize():f} of {market.ticker}, ${expected.normalize():f} by "
            "its formula. What was charged is booked; expected gains are wrong by the difference"
        )
        return Noted(at, NoteKind.FEE_DIFFERED, message)


def taker_fees(schedule: FeeSchedule, execution: Execution) -> Dollars:
    """What the fills of an order that took should cost, in dollars."""
    fees, total = OrderFees(schedule), ZERO
    is_buy = execution.order.side is Side.BUY
    for fill in execution.fills:
        fee, fees = fees.charge(fill.size, fill.price, is_taker=True, is_buy=is_buy)
        total += fee
    return total
