"""Large orders while they are followed: proven by resting, missed, ended.

A level is one order here: Kalshi's books do not tell orders apart. How an order comes to be
followed is in `whale_arrivals`. Changes the rows it is given; `whales.detect` gives it a copy.
"""

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from bot.core.orderbook import Floats
from bot.core.whale_rules import Rows, WhaleRules
from bot.core.whale_sides import Flags, Sides

Index = NDArray[np.intp]


class State(IntEnum):
    """Where a followed order is in its life."""

    FREE = 0
    WAITING = 1
    RESTING = 2
    ENDED = 3


def follow(sides: Sides, rows: Rows, rules: WhaleRules) -> None:
    """Bring the orders already known up to date with N books."""
    busy = np.flatnonzero((rows["orders"]["state"] != State.FREE).any(axis=(1, 2)))
    if not len(busy):
        return
    orders = rows["orders"][busy]
    at = np.broadcast_to(sides.at[busy, None, None], orders.shape)
    known = orders["price"] >= sides.floor[busy, :, None]
    now = _sizes_at(sides, busy, orders["price"])
    held = known & (now >= _least_size(orders, rules))
    gone = known & ~held

    orders["size"] = np.where(held, now, orders["size"])
    orders["largest"] = np.maximum(orders["largest"], orders["size"])
    orders["missing"] = np.where(held, 0, orders["missing"] + gone)
    _step(orders, held, at, rules)
    rows["orders"][busy] = orders


def _step(orders: Rows, held: Flags, at: Floats, rules: WhaleRules) -> None:
    """Move each order to its next state."""
    waiting, resting = orders["state"] == State.WAITING, orders["state"] == State.RESTING
    proven = waiting & held & (at - orders["since"] >= rules.rest_seconds)
    over = resting & (orders["missing"] >= rules.gone_after)
    free = (orders["state"] == State.ENDED) | (waiting & (orders["missing"] > 0))

    orders["announced_at"][proven] = at[proven]
    orders["ended_at"][over] = at[over]
    orders["price"][free] = np.nan
    for state, where in ((State.RESTING, proven), (State.ENDED, over), (State.FREE, free)):
        orders["state"][where] = state


def _least_size(orders: Rows, rules: WhaleRules) -> Floats:
    """What the level must still hold: the full threshold until announced, then a remainder."""
    remainder = orders["base"] + (1 - rules.lost) * (orders["largest"] - orders["base"])
    return np.where(orders["state"] == State.WAITING, orders["threshold"], remainder)


def _sizes_at(sides: Sides, rows: Index, price: Floats) -> Floats:
    """Contracts now at these prices, shape (rows, 2, FOLLOWED), 0 where there is no level."""
    there = sides.price[rows][:, :, None, :] == price[..., None]
    sizes: Floats = np.einsum("rsol,rsl->rso", there, sides.size[rows])
    return sizes
