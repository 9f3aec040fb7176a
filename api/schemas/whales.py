"""Shape of `/whales`: the last detections, how orders ended, and what cannot be seen."""

from typing import Annotated

from msgspec import Meta, Struct

from bot.market_data.trade_feed import Coverage
from bot.ports.json_types import Count
from bot.whales.views import WhaleEnding, WhaleRecord


class WhaleHistory(Struct, frozen=True, kw_only=True):
    """The last detections and endings, newest first, and what cannot be seen."""

    whales: tuple[WhaleRecord, ...]
    endings: tuple[WhaleEnding, ...]
    count: Count
    limits: str
    trades: Annotated[
        Coverage | None, Meta(description="Null where another process looks, or nobody")
    ]
