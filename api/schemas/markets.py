"""Shape of `/markets/{ticker}`. What is not known is null, with a reason beside it."""

from collections.abc import Mapping
from typing import Annotated

from msgspec import Meta, Struct

from api.schemas.account import PositionShape
from api.schemas.history import FillShape
from bot.ports.json_types import Cents, Time
from bot.ports.market_views import LevelView
from bot.ports.views import DecisionView, MarketView
from bot.whales.views import WhaleRecord


class BookShape(Struct, frozen=True, kw_only=True):
    """Up to ten levels a side, best first, in YES prices."""

    bids: tuple[LevelView, ...]
    asks: tuple[LevelView, ...]
    seen_at: Time
    age_seconds: float


class MidShape(Struct, frozen=True, kw_only=True):
    """The mid at a moment."""

    at: Time
    mid: Cents


class MarketFill(FillShape, frozen=True, kw_only=True):
    """A fill of ours in this market."""

    side: Annotated[str, Meta(examples=["buy"])]


class MarketPage(Struct, frozen=True, kw_only=True):
    """One market by itself."""

    market: MarketView
    position: Annotated[PositionShape | None, Meta(description="null: nothing is held")]
    book: BookShape | None
    features: Annotated[
        Mapping[str, float | None] | None, Meta(description="What the model sees of it")
    ]
    book_reason: Annotated[str | None, Meta(description="Why there is no book")]
    path: Annotated[
        tuple[MidShape, ...], Meta(description="The last 30 minutes, as this process saw them")
    ]
    path_reason: Annotated[str | None, Meta(description="Why the path is empty, or begins later")]
    decisions: Annotated[
        tuple[DecisionView, ...], Meta(description="Of the last 20 cycles, newest first")
    ]
    whales: Annotated[
        tuple[WhaleRecord, ...], Meta(description="Of the last 30 minutes, newest first")
    ]
    fills: Annotated[
        tuple[MarketFill, ...] | None, Meta(description="Of the last 30 minutes, newest first")
    ]
    fills_reason: Annotated[str | None, Meta(description="Why fills are not known")]
