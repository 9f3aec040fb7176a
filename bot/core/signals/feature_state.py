"""What is remembered of a market's earlier books, and the features that come of it.

Rows of `FEATURE_ROW`, one per market, kept by the caller between observations; `blank` is a market
never seen. Past prices are kept as averages that decay in seconds, so one function serves any
cadence. Levels below the touch leave no trace here.
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bot.core.market.orderbook import Books, Floats

Rows = NDArray[np.void]

#: Columns that `history` gives: three momenta, two order flows, imbalance, movement, gap.
HISTORY_COLUMNS: Final = 8

#: Seconds after which an earlier book says nothing about this one: three cycles by default.
MAX_GAP: Final = 180.0

_BBO = ("seen_at", "bid", "ask", "bid_size", "ask_size")
_FIELDS = (*_BBO, "since", "mid2", "mid10", "mid60", "flow2", "flow10", "imb10", "variance")

#: Seconds of history before its movement says how lively a market is.
WARM_UP: Final = 10.0

#: What is remembered of a market: when it was last seen with two sides and since when without a
#: gap, its touch then (dollars, contracts), and decayed averages, of mids in cents from 50 c.
FEATURE_ROW: Final = np.dtype([(name, np.float64) for name in _FIELDS])

# Prices as whole millionths of a dollar: differences of those are exact in floats, so a book
# and its mirror measure the same to the last bit.
UNITS_PER_DOLLAR = 1e6
UNITS_PER_CENT = UNITS_PER_DOLLAR / 100


def blank() -> Rows:
    """The row of a market never seen, shape (1,)."""
    row: Rows = np.full(len(_FIELDS), np.nan).view(FEATURE_ROW)
    return row


class BboHistory(NamedTuple):
    """The best prices (dollars) and sizes of N books and when they were seen, each (N,)."""

    seen_at: Floats
    bid: Floats
    ask: Floats
    bid_size: Floats
    ask_size: Floats


def bbo(books: Books) -> BboHistory:
    """The touch of each book: all that history is made of."""
    sizes = books.bid_size[:, 0], books.ask_size[:, 0]
    return BboHistory(books.seen_at, books.best_bid, books.best_ask, *sizes)


def history(now: BboHistory, rows: Rows) -> tuple[Floats, Rows]:
    """The features that compare with earlier books, shape (N, 8), and the rows to remember."""
    gap = np.maximum(now.seen_at - rows["seen_at"], 0.0)
    known = np.isfinite(now.bid + now.ask) & (gap <= MAX_GAP)
    mid, before = _centred(now.bid, now.ask), _centred(rows["bid"], rows["ask"])
    imb1 = imbalance(now.bid_size, now.ask_size)
    after = _decayed(now, rows, gap, mid - before)
    elapsed = now.seen_at - rows["since"]
    elapsed[~(elapsed >= WARM_UP)] = np.nan
    volatility = np.sqrt(after["variance"] / -np.expm1(-elapsed / 60.0))
    moved = np.column_stack(
        [mid - after[name] for name in ("mid2", "mid10", "mid60")]
        + [after["flow2"], after["flow10"], imb1 - after["imb10"], volatility, gap]
    )
    moved[~known] = np.nan
    return moved, _remembered(now, rows, after, known)


def mirrored(rows: Rows) -> Rows:
    """What would be remembered had every book been seen from the NO side."""
    other = rows.copy()
    other["bid"], other["ask"] = 1.0 - rows["ask"], 1.0 - rows["bid"]
    other["bid_size"], other["ask_size"] = rows["ask_size"], rows["bid_size"]
    for name in ("mid2", "mid10", "mid60", "flow2", "flow10", "imb10"):
        other[name] = -rows[name]
    return other


def imbalance(bid: Floats, ask: Floats) -> Floats:
    """(bid − ask) / (bid + ask), in [−1, 1]; NaN where there is neither."""
    both = bid + ask
    # Told where to divide, NumPy needs no errstate, which costs more than the division.
    share: Floats = np.divide(bid - ask, both, out=np.full_like(both, np.nan), where=both != 0)
    return share


def _centred(bid: Floats, ask: Floats) -> Floats:
    """The mid in cents from 50 c: its mirror is its negative, exactly."""
    centred: Floats = (
        np.rint(bid * UNITS_PER_DOLLAR) + np.rint(ask * UNITS_PER_DOLLAR) - UNITS_PER_DOLLAR
    ) / (2 * UNITS_PER_CENT)
    return centred


def _decayed(now: BboHistory, rows: Rows, gap: Floats, change: Floats) -> dict[str, Floats]:
    """The averages brought forward to now: until now, what was last seen held."""
    before = _centred(rows["bid"], rows["ask"])
    flow = _order_flow(now, rows)
    decay_by = {seconds: np.exp(-gap / seconds) for seconds in (2.0, 10.0, 60.0)}
    with np.errstate(divide="ignore", invalid="ignore"):
        # Squared change per second, weighted as the time it took; 1/60 is the limit at no time.
        per_second = np.where(gap > 0, (1 - decay_by[60.0]) / gap, 1 / 60.0)
    last_imb1 = imbalance(rows["bid_size"], rows["ask_size"])
    return {
        "mid2": before + decay_by[2.0] * (rows["mid2"] - before),
        "mid10": before + decay_by[10.0] * (rows["mid10"] - before),
        "mid60": before + decay_by[60.0] * (rows["mid60"] - before),
        "flow2": decay_by[2.0] * rows["flow2"] + flow,
        "flow10": decay_by[10.0] * rows["flow10"] + flow,
        "imb10": last_imb1 + decay_by[10.0] * (rows["imb10"] - last_imb1),
        "variance": decay_by[60.0] * rows["variance"] + per_second * change**2,
    }


def _order_flow(now: BboHistory, rows: Rows) -> Floats:
    """Order flow imbalance of Cont, Kukanov and Stoikov (2014), over the touch's mean size."""
    came = _arrived(
        np.rint((now.bid - rows["bid"]) * UNITS_PER_DOLLAR), now.bid_size, rows["bid_size"]
    )
    left = _arrived(
        np.rint((rows["ask"] - now.ask) * UNITS_PER_DOLLAR), now.ask_size, rows["ask_size"]
    )
    size = (now.bid_size + now.ask_size) + (rows["bid_size"] + rows["ask_size"])
    with np.errstate(divide="ignore", invalid="ignore"):
        flow: Floats = 2 * (came - left) / size
    return flow


def _arrived(improved: Floats, size: Floats, size_before: Floats) -> Floats:
    """Contracts that came to one side's touch, by how far its price moved inwards."""
    held: Floats = np.where(improved > 0, size, size - size_before)
    return np.where(improved < 0, -size_before, held)


def _remembered(
    now: BboHistory, rows: Rows, after: dict[str, Floats], known: NDArray[np.bool_]
) -> Rows:
    mid = _centred(now.bid, now.ask)
    imb1 = imbalance(now.bid_size, now.ask_size)
    starts = {"mid2": mid, "mid10": mid, "mid60": mid, "imb10": imb1}
    state = np.empty(len(mid), FEATURE_ROW)
    for name, value in zip(now._fields, now, strict=True):
        state[name] = value
    state["since"] = np.where(known, rows["since"], now.seen_at)
    for name, value in after.items():
        state[name] = np.where(known, value, starts.get(name, 0.0))
    one_sided = ~np.isfinite(mid)
    state[one_sided] = rows[one_sided]
    return state
