"""Settings of risk: the limits that every order is reviewed against."""

from decimal import Decimal
from typing import Self

from pydantic import BaseModel, Field, model_validator

from bot.config.field_types import Amount, Price
from bot.core.risk.limits import RiskLimits


class RiskSettings(BaseModel):
    """The limits that every order is reviewed against."""

    risk_max_order_cost: Amount = Field(Decimal(100), description="Dollars one entry may cost")
    risk_max_market_exposure: Amount = Field(Decimal(200), description="Dollars at risk per market")
    risk_max_event_exposure: Amount = Field(Decimal(400), description="Dollars at risk per event")
    risk_max_total_exposure: Amount = Field(Decimal(2_500), description="Dollars at risk in all")
    risk_max_category_exposure: Amount = Field(
        Decimal(1_000), description="Dollars at risk per category"
    )
    risk_daily_loss_stop: Amount = Field(
        Decimal(200),
        description="Dollars lost since 00:00 UTC (or the account's first moment, if later) "
        "that stop entries until 00:00 UTC, whatever is won back; exits stay "
        "possible",
    )
    risk_drawdown_halt: Amount = Field(
        Decimal(1_000),
        description="Dollars lost from the highest equity that halt entries until `POST "
        "/bot/resume`",
    )
    risk_max_orders_per_minute: int = Field(
        10, ge=1, le=1_000, description="Entries in any 60 seconds at most"
    )
    risk_max_errors_per_minute: int = Field(
        5,
        ge=1,
        le=1_000,
        description="Failures of the exchange that pause entries, within 60 seconds or 5 "
        "intervals, whichever is longer",
    )
    risk_error_pause: float = Field(300.0, ge=0, le=86_400, description="Seconds of that pause")
    risk_max_positions: int = Field(20, ge=1, le=1_000, description="Open positions at most")
    risk_min_price: Price = Field(Decimal("0.05"), description="No entry below this price, dollars")
    risk_max_price: Price = Field(Decimal("0.95"), description="No entry above this price, dollars")
    risk_min_seconds_to_close: int = Field(
        60, ge=0, description="No entry in the last seconds before a market closes"
    )
    risk_max_book_age: float = Field(
        60.0,
        gt=0,
        le=3_600,
        description="No order, exits included, on a book older than this, seconds",
    )

    @model_validator(mode="after")
    def _prices_in_order(self) -> Self:
        if self.risk_min_price >= self.risk_max_price:
            raise ValueError(
                f"RISK_MIN_PRICE ({self.risk_min_price}) must be below "
                f"RISK_MAX_PRICE ({self.risk_max_price})"
            )
        return self

    def limits(self, error_window: float) -> RiskLimits:
        """What risk review allows, failures counted over that many seconds."""
        return RiskLimits(
            max_order_cost=self.risk_max_order_cost,
            max_market_exposure=self.risk_max_market_exposure,
            max_event_exposure=self.risk_max_event_exposure,
            max_total_exposure=self.risk_max_total_exposure,
            daily_loss_stop=self.risk_daily_loss_stop,
            max_positions=self.risk_max_positions,
            min_price=self.risk_min_price,
            max_price=self.risk_max_price,
            min_seconds_to_close=self.risk_min_seconds_to_close,
            max_book_age=self.risk_max_book_age,
            error_pause=self.risk_error_pause,
            max_category_exposure=self.risk_max_category_exposure,
            drawdown_halt=self.risk_drawdown_halt,
            max_orders_per_minute=self.risk_max_orders_per_minute,
            max_errors_per_minute=self.risk_max_errors_per_minute,
            error_window=error_window,
        )
