"""A state as the dashboard gets it after a busy hour: made up, always the same."""

from datetime import UTC, datetime, timedelta

import numpy as np

from bot.dashboard.snapshot import BotStatus, SnapshotHolder, first_state, packed, snapshot
from bot.ports.views import BotState, MarketView, TimelineView, WhaleView

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
MARKETS = 20
WHALES = 24
ENTRIES = 60


def snapshot_holder() -> SnapshotHolder:
    """A board with that state, serialised and compressed like a cycle leaves it."""
    status = BotStatus(
        running=True, bot_enabled=True, mode="paper", interval_seconds=60.0, loop_count=60
    )
    first = first_state(10_000.0, status)
    rng = np.random.default_rng(7)
    state = BotState(
        overview=first.overview,
        regime=first.regime,
        markets=tuple(_market(number, rng) for number in range(MARKETS)),
        whales=tuple(_whale(number, rng) for number in range(WHALES)),
        timeline=tuple(_entry(number) for number in range(ENTRIES)),
        notices=(),
        bot=first.bot,
    )
    return SnapshotHolder(packed(snapshot(state, NOON)), status)


def _ticker(number: int) -> str:
    return f"KXSAMPLE-26NOV0212-B{number % MARKETS:02d}"


def _market(number: int, rng: np.random.Generator) -> MarketView:
    bid, ratio = int(rng.integers(5, 90)), float(rng.random())
    return MarketView(
        ticker=_ticker(number),
        title=f"Will sample number {number} settle above its strike at noon?",
        category="Crypto",
        yes_bid=float(bid),
        yes_ask=float(bid + 1),
        spread=1.0,
        volume_24h=float(rng.integers(10_000, 1_000_000)),
        open_interest=float(rng.integers(1_000, 100_000)),
        bid_ratio=ratio,
        imbalance_strength=abs(ratio - 0.5),
        recent_whale_count=int(rng.integers(0, 5)),
        recent_whale_max_size=float(rng.integers(0, 20_000)),
        signal_direction="HOLD",
        signal_score=float(rng.random()),
        position_notional=0.0,
        pnl_unrealized=0.0,
        position=0.0,
        regime="calm",
        status="active",
        stale=False,
        age_seconds=0.0,
        reason="",
    )


def _whale(number: int, rng: np.random.Generator) -> WhaleView:
    size = float(rng.integers(5_000, 50_000))
    return WhaleView(
        timestamp=(NOON - timedelta(seconds=37 * number)).isoformat(),
        ticker=_ticker(number),
        side_bias="BUY_BIAS",
        imbalance_strength=float(rng.random()) / 2,
        max_bid_size=size,
        max_ask_size=float(rng.integers(10, 5_000)),
        type="large_bid",
        size=size,
        price=42.0,
        notional=size * 0.42,
        why=f"{size:g} contracts bid at 42 cents are 12 times the usual level here",
    )


def _entry(number: int) -> TimelineView:
    return TimelineView(
        timestamp=(NOON - timedelta(seconds=19 * number)).isoformat(),
        type="WHALE",
        ticker=_ticker(number),
        details="large bid of 12,345 contracts at 42c",
    )
