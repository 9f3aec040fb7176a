"""Shapes of `/`, `/health`, `/ready`, `/logs` and `/demo`: how the service is doing."""

from typing import Literal

from pydantic import Field, JsonValue

from api.schemas.common import Count, Number, Shape, Share, Time


class RootView(Shape):
    """What this is."""

    name: str = Field(examples=["KalshiProto"])
    version: str = Field(examples=["1.0.0"])
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


class LogTail(Shape):
    """The last lines on stdout of the process that answers, oldest first."""

    lines: list[str] = Field(
        examples=[["2026-01-18 22:15:00 | INFO | main | --- Loop 1 starting ---"]]
    )
    count: Count
    reason: str | None = Field(description="Why there is no line")


class SettingShape(Shape):
    """A setting in force. The value of a secret is only whether it is set."""

    name: str = Field(examples=["BOT_INTERVAL"])
    value: JsonValue = Field(description="null: not set; a secret that is set: `set`")
    default: JsonValue
    differs: bool = Field(description="From the default")
    secret: bool
    description: str


class EffectiveShape(Shape):
    """What follows from several settings."""

    exchange: str = Field(examples=["production"])
    base_url: str
    is_embedded: bool = Field(description="The exchange is inside this process")
    reads_per_second: Number
    model_version: str


class ConfigView(Shape):
    """All settings of the process that answers, in the order of the documentation."""

    version: str
    settings: list[SettingShape]
    count: Count
    effective: EffectiveShape


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
