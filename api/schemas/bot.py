"""Shapes of `/bot` and `/decisions`: what became of a switch, why there was a trade or none."""

from typing import Literal

from pydantic import Field

from api.schemas.common import Count, Number, Shape, Share, Ticker, Time


class Started(Shape):
    """What became of a start."""

    status: Literal["started", "already_running"]
    mode: Literal["paper", "live"]


class Stopped(Shape):
    """What became of a stop."""

    status: Literal["stopped", "not_running"]


class Killed(Shape):
    """What became of a kill, and the reason in force."""

    status: Literal["killed", "already_killed"]
    reason: str = Field(examples=["by hand"])


class Resumed(Shape):
    """What became of a resume; `still_killed` by another switch, which has to be lifted itself."""

    status: Literal["resumed", "not_killed", "still_killed"]
    reason: str | None = Field(None, examples=["the file KILL exists"])
    until: str | None = Field(None, examples=["the file KILL is removed"])


class Closing(Shape):
    """What became of a wish to close a position; `closing` goes on until it is closed."""

    status: Literal["closed", "closing"]
    ticker: Ticker
    position: Number = Field(description="Contracts when that was asked, negative if short")
    left: Number = Field(description="Contracts that are still open")
    detail: str = Field(examples=["closed by hand"])


class Flattening(Shape):
    """What became of a wish to be flat; `not_flat` if only closed markets are left."""

    status: Literal["flat", "flattening", "not_flat"]
    left: dict[Ticker, str] = Field(description="What is still open, and why")
    entries: str = Field(examples=["stopped until POST /bot/resume"])


class RefusalView(Shape):
    """The rule that barred an order, the number that broke it and the limit; null without one."""

    rule: str = Field(examples=["max_market_exposure"])
    value: Number | None
    limit: Number | None


class DecisionView(Shape):
    """What was thought of a market in one cycle, and what came of it."""

    timestamp: Time
    cycle: Count = Field(description="Its number in the log, which restarts with each process")
    ticker: Ticker
    score: Share | None = Field(description="Null without a prediction")
    direction: Literal["BUY", "SELL", "HOLD"]
    action: Literal["enter_long", "enter_short", "exit", "hold"]
    reason: str
    order: str | None = Field(examples=["buy 100 @ 52.50"])
    outcome: str | None = Field(description="Null without an order, or until it is known")
    refusal: RefusalView | None


class Decisions(Shape):
    """The last decisions, newest first."""

    decisions: list[DecisionView]
    count: Count
