"""Shape of `/markets/{ticker}`. What is not known is null, with a reason beside it."""

from pydantic import Field

from api.schemas.account import PositionShape
from api.schemas.bot import DecisionView
from api.schemas.common import Cents, Number, Shape, Time
from api.schemas.history import FillShape
from api.schemas.state import MarketView
from api.schemas.whales import WhaleRecord


class LevelShape(Shape):
    """Contracts on offer at one price."""

    price: Cents
    size: Number


class BookShape(Shape):
    """Up to ten levels a side, best first, in YES prices."""

    bids: list[LevelShape]
    asks: list[LevelShape]
    seen_at: Time
    age_seconds: Number


class MidShape(Shape):
    """The mid at a moment."""

    at: Time
    mid: Cents


class MarketFill(FillShape):
    """A fill of ours in this market."""

    side: str = Field(examples=["buy"])


class MarketPage(Shape):
    """One market by itself."""

    market: MarketView
    position: PositionShape | None = Field(description="null: nothing is held")
    book: BookShape | None
    features: dict[str, Number | None] | None = Field(description="What the model sees of it")
    book_reason: str | None = Field(description="Why there is no book")
    path: list[MidShape] = Field(description="The last 30 minutes, as this process saw them")
    path_reason: str | None = Field(description="Why the path is empty, or begins later")
    decisions: list[DecisionView] = Field(description="Of the last 20 cycles, newest first")
    whales: list[WhaleRecord] = Field(description="Of the last 30 minutes, newest first")
    fills: list[MarketFill] | None = Field(description="Of the last 30 minutes, newest first")
    fills_reason: str | None = Field(description="Why fills are not known")
