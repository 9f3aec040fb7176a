"""Large orders while they are followed: proven by resting, missed, ended.

A level is one order here: Kalshi's books do not tell orders apart. How an order comes to be
followed is in `arrivals`. Changes the rows it is given; `detector.detect` gives it a copy.
"""

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from bot.core.market.orderbook import Floats
from bot.core.whales.book_sides import Flags, Sides
from bot.core.whales.thresholds import Rows, WhaleRules
from bot.core.whales.trades import TradesBetween

Index = NDArray[np.intp]


class LargeOrderState(IntEnum):
    """Where a followed order is in its life."""

    FREE = 0
    WAITING = 1
    RESTING = 2
    ENDED = 3


def follow(sides: Sides, rows: Rows, traded: TradesBetween, rules: WhaleRules) -> None:
    """Bring the orders already known up to date with N books and the trades before them."""
    busy = np.flatnonzero(is_busy(rows))
    if not len(busy):
        return
    orders = rows["orders"][busy]
    at = np.broadcast_to(sides.at[busy, None, None], orders.shape)
    known = orders["price"] >= sides.floor[busy, :, None]
    now = sizes_at(sides, busy, orders["price"])
    held = known & (now >= _least_size(orders, rules))
    _free(orders, _has_grown(orders, held, now, rules))
    _trade(orders, traded.take(busy), at, rules)
    _see(orders, held, now, at)
    _miss(orders, known & ~held, at, rules)
    _approach(orders, sides.price[busy, :, :1], known, at)
    _step(orders, held, at, rules)
    _free(orders, ~known & (at - orders["seen_at"] >= rules.lifetime.forget_seconds))
    rows["orders"][busy] = orders


def is_busy(rows: Rows) -> Flags:
    """Whether an order of a market is followed, shape (N,)."""
    busy: Flags = (rows["orders"]["state"] != LargeOrderState.FREE).any(axis=(1, 2))
    return busy


def _has_grown(orders: Rows, held: Flags, now: Floats, rules: WhaleRules) -> Flags:
    """Whether so much came on top of an order that it is another, or a larger one."""
    grown = now - orders["largest"] >= rules.large.growth * orders["threshold"]
    again: Flags = held & grown & (orders["state"] == LargeOrderState.RESTING)
    return again


def _trade(orders: Rows, traded: TradesBetween, at: Floats, rules: WhaleRules) -> None:
    """Add what can have met each order until it was first missed.

    A trade may be told a moment after the change that it made.
    """
    stood = (orders["missing"] == 0) | (at - orders["left_at"] < rules.apart)
    # Between rare looks much can have happened to an order that its last price does not tell.
    closely = at - orders["seen_at"] < rules.large.sparse_seconds
    orders["traded"] += np.where(stood, traded.at(orders["price"], closely), 0.0)


def _see(orders: Rows, held: Flags, now: Floats, at: Floats) -> None:
    orders["size"] = np.where(held, now, orders["size"])
    orders["largest"] = np.maximum(orders["largest"], orders["size"])
    orders["seen_at"] = np.where(held, at, orders["seen_at"])
    orders["missing"] = np.where(held, 0, orders["missing"])


def _miss(orders: Rows, gone: Flags, at: Floats, rules: WhaleRules) -> None:
    first = gone & (orders["missing"] == 0)
    orders["left_at"] = np.where(first, at, orders["left_at"])
    # Books that follow one another closely count as one.
    again = gone & (at - orders["left_at"] >= orders["missing"] * rules.apart)
    orders["missing"] += first | again


def _approach(orders: Rows, best: Floats, known: Flags, at: Floats) -> None:
    """Note how near the best price came, up to the book in which the order was first missed."""
    watched = known & ((orders["missing"] == 0) | (orders["left_at"] == at))
    away = np.where(watched, best - orders["price"], np.inf)
    orders["nearest"] = np.fmin(orders["nearest"], away)


def _step(orders: Rows, held: Flags, at: Floats, rules: WhaleRules) -> None:
    """Move each order to its next state."""
    waiting, resting = (
        orders["state"] == LargeOrderState.WAITING,
        orders["state"] == LargeOrderState.RESTING,
    )
    least = np.where(orders["very_large"], rules.apart, rules.large.rest_seconds)
    proven = waiting & held & (at - orders["since"] >= least)
    over = resting & (orders["missing"] >= rules.lifetime.gone_after)
    fell = waiting & (orders["missing"] > 0) & (at - orders["seen_at"] >= rules.apart)
    free = (orders["state"] == LargeOrderState.ENDED) | fell

    orders["announced_at"][proven] = at[proven]
    orders["ended_at"][over] = at[over]
    orders["state"][proven] = LargeOrderState.RESTING
    orders["state"][over] = LargeOrderState.ENDED
    _free(orders, free)


def _free(orders: Rows, done: Flags) -> None:
    orders["state"][done] = LargeOrderState.FREE
    orders["price"][done] = np.nan


def _least_size(orders: Rows, rules: WhaleRules) -> Floats:
    """What the level must still hold: the full threshold until announced, then a remainder."""
    remainder = orders["base"] + (1 - rules.lifetime.lost) * (orders["largest"] - orders["base"])
    return np.where(orders["state"] == LargeOrderState.WAITING, orders["threshold"], remainder)


def sizes_at(sides: Sides, rows: Index, price: Floats) -> Floats:
    """Contracts now at these prices, shape (rows, 2, FOLLOWED), 0 where there is no level."""
    there = sides.price[rows][:, :, None, :] == price[..., None]
    sizes: Floats = np.einsum("rsol,rsl->rso", there, sides.size[rows])
    return sizes
