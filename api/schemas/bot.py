"""Shapes of `/bot` and `/decisions`: what became of a switch, why there was a trade or none."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from bot.ports.json_types import Count, Ticker
from bot.ports.views import DecisionView


class Started(Struct, frozen=True, kw_only=True):
    """What became of a start."""

    status: Literal["started", "already_running"]
    mode: Literal["paper", "live"]


class Stopped(Struct, frozen=True, kw_only=True):
    """What became of a stop."""

    status: Literal["stopped", "not_running"]


class Killed(Struct, frozen=True, kw_only=True):
    """What became of a kill, and the reason in force."""

    status: Literal["killed", "already_killed"]
    reason: Annotated[str, Meta(examples=["by hand"])]


class Resumed(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of a resume; `still_killed` by another switch, which has to be lifted itself."""

    status: Literal["resumed", "not_killed", "still_killed"]
    reason: Annotated[str | None, Meta(examples=["the file KILL exists"])] = None
    until: Annotated[str | None, Meta(examples=["the file KILL is removed"])] = None


class Closing(Struct, frozen=True, kw_only=True):
    """What became of a request to close a position; `closing` goes on until it is closed."""

    status: Literal["closed", "closing"]
    ticker: Ticker
    position: Annotated[float, Meta(description="Contracts when that was asked, negative if short")]
    left: Annotated[float, Meta(description="Contracts that are still open")]
    detail: Annotated[str, Meta(examples=["closed by hand"])]


class Flattening(Struct, frozen=True, kw_only=True):
    """What became of a request to be flat; `not_flat` if only closed markets are left."""

    status: Literal["flat", "flattening", "not_flat"]
    left: Annotated[dict[Ticker, str], Meta(description="What is still open, and why")]
    entries: Annotated[str, Meta(examples=["stopped until POST /bot/resume"])]


class Decisions(Struct, frozen=True, kw_only=True):
    """The last decisions, newest first."""

    decisions: tuple[DecisionView, ...]
    count: Count
