"""Kalshi's trading fees, exactly.

Formula and rounding as in force since September 2026 (docs.kalshi.com, fee rounding): the model
fee is rounded up to a millionth of a dollar; the change of the balance is rounded down to the
member's precision; what that takes accumulates per order and is rebated step by step.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final

from bot.core.market.money import ONE, ZERO, Contracts, Dollars, ceil_to, floor_to


class FeeKind(StrEnum):
    """How a series is charged. A word Kalshi has not used yet reads as UNKNOWN."""

    QUADRATIC = "quadratic"
    WITH_MAKER_FEES = "quadratic_with_maker_fees"
    WITH_COMBO_MAKER_FEES = "quadratic_with_combo_maker_fees"
    FLAT = "flat"
    UNKNOWN = "unknown"

    @classmethod
    def _missing_(cls, value: object) -> "FeeKind":
        return cls.UNKNOWN


TAKER_RATE: Final = Decimal("0.07")
#: Beyond this a fee could exceed the price itself: a fault of the message, not a fee.
MAX_MULTIPLIER: Final = Decimal(10)
_MAKER_RATES: Final = {
    FeeKind.QUADRATIC: ZERO,
    FeeKind.WITH_MAKER_FEES: Decimal("0.0175"),
    FeeKind.WITH_COMBO_MAKER_FEES: Decimal("0.035"),
}
_TRADE_FEE_STEP: Final = Decimal("0.000001")
#: What a balance is rounded to: for members who trade directly, and for customers of a broker.
DIRECT_PRECISION: Final = Decimal("0.0001")
BROKER_PRECISION: Final = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class FeeSchedule:
    """What a market charges: the kind of its series and the multiplier in force."""

    kind: FeeKind
    multiplier: Decimal

    @property
    def is_known(self) -> bool:
        """Whether formula and multiplier make sense; where they do not, nothing is traded."""
        sane = self.multiplier.is_finite() and 0 <= self.multiplier <= MAX_MULTIPLIER
        return sane and self.kind in _MAKER_RATES

    @property
    def bound(self) -> "FeeSchedule":
        """These fees; where they are not known, what takers pay by the usual formula."""
        return self if self.is_known else USUAL

    def model_fee(self, count: Contracts, price: Dollars, *, is_taker: bool) -> Dollars:
        """The fee before rounding: M · rate · C · P · (1 − P). Raises ValueError if unknown."""
        if not self.is_known:
            raise ValueError(f"the fee '{self.kind}' times {self.multiplier} is not known")
        rate = TAKER_RATE if is_taker else _MAKER_RATES[self.kind]
        return self.multiplier * rate * count * price * (ONE - price)

    def most(
        self, count: Contracts, price: Dollars, fills: int, *, is_taker: bool = True
    ) -> Dollars:
        """A bound of what `count` contracts at `price` in so many fills are charged."""
        per_fill = DIRECT_PRECISION + _TRADE_FEE_STEP
        return self.model_fee(count, price, is_taker=is_taker) + fills * per_fill


#: What nearly every series charges its takers.
USUAL: Final = FeeSchedule(FeeKind.QUADRATIC, ONE)


@dataclass(frozen=True, slots=True)
class FeeChange:
    """What is charged from a moment on."""

    at: datetime
    fees: FeeSchedule


@dataclass(frozen=True, slots=True)
class OrderFees:
    """The fees of one order so far; `accumulated` is the rounding not yet given back."""

    schedule: FeeSchedule
    precision: Dollars = DIRECT_PRECISION
    accumulated: Dollars = ZERO

    def charge(
        self, count: Contracts, price: Dollars, *, is_taker: bool, is_buy: bool
    ) -> tuple[Dollars, "OrderFees"]:
        """The fee of the order's next fill, and the fees after it.

        The fee is what the fill costs beyond count × price: never negative, and such that the
        balance stays on the member's precision.
        """
        trade_fee = ceil_to(
            self.schedule.model_fee(count, price, is_taker=is_taker), _TRADE_FEE_STEP
        )
        # Selling YES opens NO at 1 - p: that differs by $1 a contract, so by whole cents, never
        # by a remainder.
        change = (-count if is_buy else count) * price - trade_fee
        rounding = change - floor_to(change, self.precision)
        accumulated = self.accumulated + rounding
        gross = trade_fee + rounding
        rebate = min(floor_to(accumulated, self.precision), floor_to(gross, self.precision))
        return gross - rebate, replace(self, accumulated=accumulated - rebate)
