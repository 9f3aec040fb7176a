"""Shapes of `/`, `/health`, `/ready`, `/config`, `/logs` and `/demo`: how the service is doing."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeAlias

from msgspec import Meta, Struct

from bot.ports.json_types import Count, Share, Time
from bot.ports.views import Check

#: Whatever JSON can hold.
Json: TypeAlias = Any


class RootView(Struct, frozen=True, kw_only=True):
    """What this is."""

    name: Annotated[str, Meta(examples=["KalshiProto"])]
    version: Annotated[str, Meta(examples=["1.0.0"])]
    model_version: Annotated[str, Meta(examples=["gbm_v1"])]
    bot_mode: Literal["paper", "live"]
    bot_running: bool
    docs: Annotated[str, Meta(examples=["/docs"])]
    health: Annotated[str, Meta(examples=["/health"])]


class HealthView(Struct, frozen=True, kw_only=True):
    """How the service is doing; `reasons` says what is wrong when `status` is degraded."""

    status: Literal["ok", "degraded"]
    timestamp: Time
    version: str
    environment: str
    reasons: Annotated[tuple[str, ...], Meta(examples=[[]])]


class ReadyView(Struct, frozen=True, kw_only=True):
    """Whether requests may be sent here: whether all checks hold."""

    ready: bool
    checks: Mapping[str, Check]


class LogFile(Struct, frozen=True, kw_only=True):
    """One CSV log; `line_count` includes the header."""

    exists: bool
    path: Annotated[str, Meta(examples=["logs/signals_log.csv"])]
    size_bytes: Count
    line_count: Count
    parts: Annotated[
        tuple[str, ...],
        Meta(
            description="Older parts, not counted, oldest first: for `part` of `/logs/{name}.csv`",
            examples=[["signals_log.2026-01-17.csv"]],
        ),
    ]


class LogsView(Struct, frozen=True, kw_only=True):
    """The CSV logs."""

    signals: LogFile
    trades: LogFile
    pnl: LogFile
    whale: LogFile
    grades: LogFile


class LogTail(Struct, frozen=True, kw_only=True):
    """The last lines on stdout of the process that answers, oldest first."""

    lines: Annotated[
        tuple[str, ...],
        Meta(examples=[["2026-01-18 22:15:00 | INFO | main | --- Loop 1 starting ---"]]),
    ]
    count: Count
    reason: Annotated[str | None, Meta(description="Why there is no line")]


class SettingShape(Struct, frozen=True, kw_only=True):
    """A setting in force. The value of a secret is only whether it is set."""

    name: Annotated[str, Meta(examples=["BOT_INTERVAL"])]
    value: Annotated[Json, Meta(description="null: not set; a secret that is set: `set`")]
    default: Json
    differs: Annotated[bool, Meta(description="From the default")]
    secret: bool
    description: str


class EffectiveShape(Struct, frozen=True, kw_only=True):
    """What follows from several settings."""

    exchange: Annotated[str, Meta(examples=["production"])]
    base_url: str
    is_embedded: Annotated[bool, Meta(description="The exchange is inside this process")]
    reads_per_second: float
    model_version: str


class ConfigView(Struct, frozen=True, kw_only=True):
    """All settings of the process that answers, in the order of the documentation."""

    version: str
    settings: tuple[SettingShape, ...]
    count: Count
    effective: EffectiveShape


class DemoSignal(Struct, frozen=True, kw_only=True):
    """The signal that was logged."""

    ticker: Annotated[str, Meta(examples=["DEMO-MARKET"])]
    action: Literal["enter_long", "enter_short", "exit", "hold"]
    prediction: Share


class DemoWhale(Struct, frozen=True, kw_only=True):
    """Whether the whale was logged."""

    ticker: Annotated[str, Meta(examples=["DEMO-MARKET"])]
    logged: bool


class DemoPnl(Struct, frozen=True, kw_only=True):
    """Whether the row was logged."""

    logged: bool
