"""Shapes of `/`, `/health`, `/ready`, `/logs` and `/demo`: how the service is doing."""

from typing import Literal

from pydantic import Field

from api.schemas.common import Count, Shape, Share, Time


class RootView(Shape):
    """What this is."""

    name: str = Field(examples=["KalshiProto"])
    version: str = Field(examples=["0.1.0"])
    model_version: str = Field(examples=["gbm_v1"])
    bot_mode: Literal["paper", "live"]
    bot_running: bool
    docs: str = Field(examples=["/docs"])
    health: str = Field(examples=["/health"])


class HealthView(Shape):
    """How the service is doing; `reasons` says what is wrong when `status` is degraded."""

    status: Literal["ok", "degraded"]
    timestamp: Time
    version: str
    environment: str
    reasons: list[str] = Field(examples=[[]])


class CheckView(Shape):
    """Whether something holds, and how it is."""

    ok: bool
    detail: str = Field(examples=["The state is 12 s old"])


class ReadyView(Shape):
    """Whether requests may be sent here: whether all checks hold."""

    ready: bool
    checks: dict[str, CheckView]


class LogFile(Shape):
    """One CSV log; `line_count` includes the header."""

    exists: bool
    path: str = Field(examples=["logs/signals_log.csv"])
    size_bytes: Count
    line_count: Count
    parts: list[str] = Field(
        description="Older parts, not counted, oldest first: for `part` of `/logs/{name}.csv`",
        examples=[["signals_log.2026-01-17.csv"]],
    )


class LogsView(Shape):
    """The CSV logs."""

    signals: LogFile
    trades: LogFile
    pnl: LogFile
    whale: LogFile
    grades: LogFile


class DemoSignal(Shape):
    """The signal that was logged."""

    ticker: str = Field(examples=["DEMO-MARKET"])
    action: Literal["enter_long", "enter_short", "exit", "hold"]
    prediction: Share


class DemoWhale(Shape):
    """Whether the whale was logged."""

    ticker: str = Field(examples=["DEMO-MARKET"])
    logged: bool


class DemoPnl(Shape):
    """Whether the row was logged."""

    logged: bool
