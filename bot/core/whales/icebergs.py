"""Icebergs: a level that takers empty and that stands again at once, time after time at one price.

What stood at a price, less what traded there, is what should be left; if that is next to nothing
and the level stands all the same, somebody has refilled it. A trade may be told a moment before or
after the change that it made, so a refill counts only once it has stood. Only whoever looks at
least every `IcebergRules.within` seconds can tell, and only where all trades are known with their
prices; elsewhere what was counted is forgotten. Changes the rows it is given; `detector.sight`
gives it a copy.
"""

import numpy as np

from bot.core.market.orderbook import Floats
from bot.core.whales.book_sides import Flags, Sides
from bot.core.whales.large_orders import sizes_at
from bot.core.whales.messages import Finding, Found, Source
from bot.core.whales.thresholds import PRICE_UNITS, IcebergRules, Rows, WhaleRules, no_level, units
from bot.core.whales.trades import Met, TradesBetween


def refill(sides: Sides, rows: Rows, traded: TradesBetween, rules: WhaleRules) -> None:
    """Bring the levels that trades met up to date with N books and the trades before them."""
    watched = sides.at - rows["seen_at"] <= rules.iceberg.within
    watched &= ~np.isnan(traded.volume).any(axis=1) & (traded.met is not None)
    rows["levels"][~watched] = no_level()
    if traded.met is None:
        return
    _admit(sides, rows, traded.met, watched)
    some = np.flatnonzero((rows["levels"]["price"] > 0).any(axis=(1, 2)))
    if len(some):
        levels = rows["levels"][some]
        now = sizes_at(sides, some, np.where(levels["price"] > 0, levels["price"], np.nan))
        ate = traded.take(some).at(levels["price"], np.ones(levels.shape, dtype=np.bool_))
        at = np.broadcast_to(sides.at[some, None, None], levels.shape)
        _reload(levels, now, ate, at, rules)
        _say(levels, rows["usual"][some, :, None], at, rules)
        _forget(levels, at, rules.iceberg)
        rows["levels"][some] = levels


def icebergs(both: Sides, rows: Rows) -> Found:
    """Levels that were emptied and refilled so often, and of so much, that more stands there."""
    found = []
    for row, side, slot in np.argwhere(
        rows["levels"]["said_at"] == both.at[:, None, None]
    ).tolist():
        level = rows["levels"][row, side, slot]
        executed, displayed = float(level["executed"]), float(level["displayed"])
        why = (
            f"an iceberg: {executed:,.0f} contracts traded at one price that showed "
            f"{level['full']:,.0f} at a time and was refilled {level['refills']} times, each time "
            f"at once, in {both.at[row] - level['since']:.0f} s"
        )
        size = executed + displayed
        found.append(
            Finding(row, side, float(level["price"]), size, side, why, source=Source.REFILLS)
        )
    return found


def _admit(sides: Sides, rows: Rows, met: Met, watched: Flags) -> None:
    """Begin to follow the levels that trades met and that are not followed yet."""
    price = units(met.price)
    followed = units(rows["levels"]["price"])[met.row, met.side]
    new = np.flatnonzero(watched[met.row] & ~(followed == price[:, None]).any(axis=1))
    places = np.unique(np.column_stack([met.row, met.side, price])[new], axis=0)
    for row, side, paid in places.tolist():
        levels = rows["levels"][row, side]
        before = rows["before_size"][row, side][rows["before_price"][row, side] == paid].sum()
        level = no_level()
        level["price"], level["displayed"] = paid / PRICE_UNITS, before
        level["since"] = level["traded_at"] = sides.at[row]
        # If none is free, the one of the fewest refills that traded longest ago makes room.
        worth = (levels["traded_at"], levels["refills"], levels["price"] > 0)
        levels[np.lexsort(worth)[0]] = level


def _reload(levels: Rows, now: Floats, ate: Floats, at: Floats, rules: WhaleRules) -> None:
    """Count what was emptied by trades and stands again."""
    iceberg, was_empty = rules.iceberg, ~np.isnan(levels["emptied_at"])
    stood = levels["displayed"] + levels["gone"]
    full = np.where(was_empty, levels["full"], np.maximum(levels["full"], np.maximum(stood, ate)))
    _sum_lately(levels, ate, at, rules)
    least = iceberg.left * full
    emptied = (ate > 0) & (stood - ate <= least)
    # All of them may be told before the level shows any.
    emptied |= (now <= least) & (levels["lately"] >= full / 2)
    emptied &= ~was_empty
    since = at - levels["emptied_at"]
    again = was_empty & (since >= iceberg.settled) & (since <= iceberg.within)
    again &= now + ate >= iceberg.restored * full
    levels["full"] = np.where(again, now, full)
    levels["refills"] += again
    levels["executed"] += ate
    levels["emptied_at"] = np.where(emptied, at, np.where(again, np.nan, levels["emptied_at"]))
    levels["traded_at"] = np.where(ate > 0, at, levels["traded_at"])
    _miss(levels, np.where(was_empty | emptied, 0.0, stood - ate - now), at, rules)
    levels["displayed"] = now


def _sum_lately(levels: Rows, ate: Floats, at: Floats, rules: WhaleRules) -> None:
    """Add up what is taken within a moment."""
    goes_on = at - levels["lately_at"] < rules.apart
    levels["lately"] = np.where(goes_on, levels["lately"], 0.0) + ate
    begun = np.where(ate > 0, at, np.nan)
    levels["lately_at"] = np.where(goes_on, levels["lately_at"], begun)


def _miss(levels: Rows, gone: Floats, at: Floats, rules: WhaleRules) -> None:
    """Note what left without a trade so far: it is cancelled unless one is told in a moment."""
    first = (gone > 0) & (levels["gone"] <= 0)
    levels["gone_at"] = np.where(first, at, levels["gone_at"])
    lately = at - levels["gone_at"] < rules.apart
    levels["gone"] = np.where(lately, np.maximum(gone, 0.0), 0.0)


def _say(levels: Rows, usual: Floats, at: Floats, rules: WhaleRules) -> None:
    iceberg, large = rules.iceberg, rules.large
    price = levels["price"]
    said = np.isnan(levels["said_at"]) & (levels["refills"] >= iceberg.refills)
    said &= levels["executed"] >= np.maximum(iceberg.times * usual, large.least_contracts)
    said &= levels["executed"] * price >= large.least_dollars
    said &= (price >= large.least_price) & (price <= 1 - large.least_price)
    levels["said_at"] = np.where(said, at, levels["said_at"])


def _forget(levels: Rows, at: Floats, iceberg: IcebergRules) -> None:
    """Forget what was emptied and did not come back, and what took too long."""
    over = at - levels["emptied_at"] > iceberg.within
    since = np.where(np.isnan(levels["said_at"]), levels["since"], levels["traded_at"])
    levels[(levels["price"] > 0) & (over | (at - since > iceberg.seconds))] = no_level()
