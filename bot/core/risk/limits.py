"""What may be risked, in numbers, and the form in which a limit says no."""

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Self, TypeAlias

from bot.core.market.money import Dollars

Number: TypeAlias = Decimal | float


@dataclass(frozen=True, slots=True)
class Stop:
    """Why something may not be done now: the rule by name, a sentence, the numbers if any."""

    rule: str
    reason: str
    value: Number | None = None
    limit: Number | None = None


@dataclass(frozen=True, slots=True)
class RiskLimits:
    """What may be risked, in dollars; prices and times are for what opens or enlarges.

    `max_order_cost` is before fees; `max_book_age`, in seconds, holds for every order.
    `error_pause` is seconds without entries once there were `max_errors_per_minute` failures of
    the exchange within `error_window` seconds: that of more than a minute where cycles are rare.
    What is None is not asked.
    """

    max_order_cost: Dollars = Decimal(100)
    max_market_exposure: Dollars = Decimal(200)
    max_event_exposure: Dollars = Decimal(400)
    max_total_exposure: Dollars = Decimal(2500)
    daily_loss_stop: Dollars = Decimal(200)
    max_positions: int = 20
    min_price: Dollars = Decimal("0.05")
    max_price: Dollars = Decimal("0.95")
    min_seconds_to_close: int = 60
    max_book_age: float = 60.0
    error_pause: float = 300.0
    max_category_exposure: Dollars | None = None
    drawdown_halt: Dollars | None = None
    max_orders_per_minute: int | None = None
    max_errors_per_minute: int | None = None
    error_window: float = 60.0

    def on_tape(self) -> Self:
        """The limits that make sense on a tape: no categories, no live clock, no operator."""
        return replace(
            self,
            max_category_exposure=None,
            drawdown_halt=None,
            max_orders_per_minute=None,
            max_errors_per_minute=None,
        )


def in_dollars(amount: Dollars) -> str:
    """An amount as sentences have it.

    >>> in_dollars(Decimal("52.7500"))
    '$52.75'
    """
    return f"${amount.normalize():f}"
