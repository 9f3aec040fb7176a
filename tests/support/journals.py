"""Events as journals get them, and a disk that fills up."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from bot.core.events import Action, OrderEnded, PnlMarked, SignalMade, WhaleSeen
from bot.core.market.market import Side
from bot.core.market.orders import Execution, Fill, Order, OrderStatus
from bot.core.whales.detector import SideBias
from tests.support import whale_events

NOW = datetime(2026, 1, 18, 22, 15, 2, tzinfo=UTC)
ORDER = Order("c-1", "KXINX-26JAN23", Side.BUY, Decimal(100), Decimal("0.525"), NOW)


def signal(**changes: Any) -> SignalMade:
    fields: dict[str, Any] = {
        "at": NOW,
        "ticker": "KXINX-26JAN23",
        "model_version": "gbm_v1",
        "price": 0.525,
        "score": 0.65,
        "feature_names": ("spread", "imbalance"),
        "features": (0.01, float("nan")),
        "action": Action.ENTER_LONG,
        "reason": "",
        "position_before": Decimal(0),
        "position_after": Decimal(100),
    }
    return SignalMade(**{**fields, **changes})


def fill(size: str, price: str) -> Fill:
    return Fill(
        price, "c-1", ORDER.ticker, Side.BUY, Decimal(size), Decimal(price), Decimal("0.5"), NOW
    )


ENDING = replace(whale_events.ENDING, ticker="KX", price=Decimal("0.48"), size=Decimal(6500))


def whale(side_bias: SideBias | None = SideBias.BUY) -> WhaleSeen:
    seen = replace(
        whale_events.whale("AAPL-YES", side_bias),
        size=Decimal(6500),
        price=Decimal("0.48"),
        notional=Decimal(3120),
        depth_share=0.125,
        imbalance_strength=0.325,
        max_bid_size=6500.0,
        why="6,500 contracts at one price",
    )
    return WhaleSeen(NOW, seen)


def pnl(ticker: str | None = None) -> PnlMarked:
    return PnlMarked(
        NOW, ticker, Decimal(0), Decimal("-0.001"), Decimal(9900), Decimal(1), Decimal(100)
    )


def ended(status: OrderStatus, *fills: Fill, error: str = "") -> OrderEnded:
    return OrderEnded(NOW, Execution(ORDER, "o-1", status, fills, error))


class FillingUp:
    """A file on a disk that takes only the first bytes of a write."""

    def __init__(self, path: Path, room: int) -> None:
        self.file = path.open("r+b", buffering=0)
        self.room = room

    def write(self, rows: bytes) -> int:
        return self.file.write(rows[: self.room])

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)
