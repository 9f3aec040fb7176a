"""What the strongest signals would have earned, in cents a contract, after spread and fees.

Every row counts here, also those after which nothing moved. Fees are Kalshi's, exactly, for an
order of `LOT` contracts. Three ways to trade the same signal: cross the spread now and back at the
horizon; cross it now and be worth the mid then; rest at the touch. A resting order is filled
between two bounds: always (the best case), or only if the other side then stood at our price or
beyond (the worst case: filled when wrong).
"""

from decimal import Decimal
from typing import Any, Final

import numpy as np

from bot.core.market.fees import FeeKind, FeeSchedule, OrderFees
from bot.core.market.money import exact, measured
from bot.core.market.orderbook import Floats
from bot.research.dataset import Samples
from bot.research.metrics import Redraws, interval

LOT: Final = Decimal(100)
SHARES: Final = (0.01, 0.05, 0.10, 0.20)
_SCHEDULE: Final = FeeSchedule(FeeKind.QUADRATIC, Decimal(1))


def gains(score: Floats, samples: Samples, seed: int) -> dict[str, dict[str, Any]]:
    """By share of rows (most decided first): counts and mean cents per contract, with intervals.

    An even score has no side and is no signal.
    """
    sided = np.flatnonzero(score != 0.5)
    order = sided[np.argsort(-np.abs(score[sided] - 0.5), kind="stable")]
    result: dict[str, dict[str, Any]] = {}
    if not len(order):
        return result
    for share in SHARES:
        rows = order[: max(1, int(share * len(order)))]
        result[f"top {share:.0%}"] = _gain(score[rows], samples.take(rows), seed)
    return result


def taker_fee(price: Floats) -> Floats:
    """Cents per contract to take `LOT` contracts at these prices (dollars), shape as given."""
    prices, where = np.unique(np.round(price, 6), return_inverse=True)
    fees = [
        OrderFees(_SCHEDULE).charge(LOT, exact(p), is_taker=True, is_buy=True)[0] for p in prices
    ]
    cents = np.array([measured(fee / LOT) * 100 for fee in fees])
    return np.asarray(cents[where].reshape(price.shape), dtype=np.float64)


def outcomes(score: Floats, samples: Samples) -> dict[str, Floats]:
    """Cents per contract of each row by way of trading, (N,); NaN where no order was filled."""
    is_long = score > 0.5
    # Seen from our side: what we pay to enter at once, what we get back at once, and by waiting.
    pay: Floats = np.where(is_long, samples.ask, 1 - samples.bid)
    rest: Floats = np.where(is_long, samples.bid, 1 - samples.ask)
    back: Floats = np.where(is_long, samples.later_bid, 1 - samples.later_ask)
    offer: Floats = np.where(is_long, samples.later_ask, 1 - samples.later_bid)
    worth = (back + offer) / 2
    entry = taker_fee(pay)
    return {
        "move": np.where(is_long, 1, -1) * samples.change,
        "half_spread_and_fee": (samples.ask - samples.bid) * 50 + entry,
        "taker_round_trip": (back - pay) * 100 - entry - taker_fee(back),
        "taker_marked_at_mid": (worth - pay) * 100 - entry,
        "resting_always_filled": (worth - rest) * 100,
        "resting_filled_if_passed": np.where(offer <= rest + 1e-9, (worth - rest) * 100, np.nan),
    }


def _gain(score: Floats, samples: Samples, seed: int) -> dict[str, Any]:
    drawn = Redraws.of(samples.unit, seed)
    result: dict[str, Any] = {
        "rows": len(samples),
        "markets": len(np.unique(samples.market)),
        "least_decided": float(np.abs(score - 0.5).min() + 0.5),
    }
    for name, cents in outcomes(score, samples).items():
        known = np.isfinite(cents)
        value = cents[known]
        if not len(value):
            result[name] = None
            continue
        with np.errstate(invalid="ignore"):
            means = drawn.sums(np.where(known, cents, 0.0)) / drawn.sums(known.astype(np.float64))
        low, high = interval(means)
        result[name] = {"cents": float(value.mean()), "interval": [low, high], "rows": len(value)}
    return result
