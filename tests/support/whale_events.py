"""Whales as they are detected."""

from decimal import Decimal

from bot.core.market.market import Side
from bot.core.whales.detector import SideBias, Whale, WhaleType
from bot.core.whales.endings import Ending, EndingKind


def whale(ticker="A", bias=SideBias.BUY, kind=WhaleType.LARGE_BID):
    return Whale(
        ticker=ticker,
        type=kind,
        size=Decimal(3_000),
        price=Decimal("0.40"),
        notional=Decimal(1_200),
        depth_share=0.5,
        imbalance_strength=0.2,
        max_bid_size=3_000.0,
        max_ask_size=10.0,
        side_bias=bias,
        why="large",
    )


ENDING = Ending(
    ticker="A",
    side=Side.BUY,
    price=Decimal("0.40"),
    size=Decimal(3_000),
    since=0.0,
    left_at=30.0,
    interval=5.0,
    traded=0.0,
    fate=EndingKind.CANCELLED,
)
