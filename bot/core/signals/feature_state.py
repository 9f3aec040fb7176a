"""What is remembered of a market's earlier books, and the features that come of it.

Rows of `FEATURE_ROW`, one per market, kept by the caller between observations; `blank` is a market
never seen. Past prices are kept as averages that decay in seconds, so one function serves any
cadence. Levels below the best leave no trace here. `history` goes on from rows, one book of each
market at a time; `histories` is the same for all books of a recording, to the last bit.
"""

from collections.abc import Sequence
from itertools import pairwise
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
_AVERAGES = ("mid2", "mid10", "mid60", "flow2", "flow10", "imb10", "variance")
_FIELDS = (*_BBO, "since", *_AVERAGES)

#: Seconds of history before its movement says how lively a market is.
WARM_UP: Final = 10.0

#: What is remembered of a market: when it was last seen with two sides and since when without a
#: gap, its best bid and offer then (dollars, contracts), and decayed averages, of mids in cents
#: from 50 c.
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
    """The best bid and offer of each book: all that history is made of."""
    sizes = books.bid_size[:, 0], books.ask_size[:, 0]
    return BboHistory(books.seen_at, books.best_bid, books.best_ask, *sizes)


def history(now: BboHistory, rows: Rows) -> tuple[Floats, Rows]:
    """The features that compare with earlier books, shape (N, 8), and the rows to remember."""
    last = BboHistory(*(rows[name] for name in _BBO))
    gap = _gap(now, last)
    known = np.isfinite(now.bid + now.ask) & (gap <= MAX_GAP)
    after = _brought_forward([rows[name] for name in _AVERAGES], _inputs(now, last, gap))
    moved = _compared(now, after, now.seen_at - rows["since"], gap)
    moved[~known] = np.nan
    return moved, _remembered(now, rows, after, known)


def histories(now: BboHistory, markets: NDArray[np.intp], before: Rows) -> tuple[Floats, Rows]:
    """The features that compare with earlier books, shape (N, 8), of books in time order.

    `markets` (N,) numbers the market of each, `before` has the row of each market; the answer has
    the rows to remember, too.
    """
    moved = np.full((len(markets), HISTORY_COLUMNS), np.nan)
    two_sided = np.flatnonzero(np.isfinite(now.bid + now.ask))
    order = two_sided[np.argsort(markets[two_sided], kind="stable")]
    now, market = BboHistory(*(column[order] for column in now)), markets[order]
    first = np.flatnonzero(np.diff(market, prepend=-1))
    rows = before[market[first]]
    last = BboHistory(*(_previous(getattr(now, name), first, rows[name]) for name in _BBO))
    gap = _gap(now, last)
    known = gap <= MAX_GAP
    inputs = _inputs(now, last, gap)
    starts = _starts_after(now, inputs, _Earlier(first, rows, known[first]))
    after = _averages(starts, inputs, np.union1d(np.flatnonzero(~known), first))
    since = np.where(known, np.nan, now.seen_at)
    since[first] = np.where(known[first], rows["since"], now.seen_at[first])
    since = since[np.maximum.accumulate(np.where(np.isnan(since), 0, np.arange(len(since))))]
    found = _compared(now, after, now.seen_at - since, gap)
    found[~known] = np.nan
    moved[order] = found
    remembered = before.copy()
    remembered[market[first]] = _rows_of(now, since, after, np.append(first, len(market))[1:] - 1)
    return moved, remembered


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


class _Inputs(NamedTuple):
    """What the averages take in: what was last seen, what came since, and how they decay by now.

    `mid` in cents from 50 c, `jump` its squared change per second, each (N,).
    """

    mid: Floats
    imb1: Floats
    flow: Floats
    jump: Floats
    by2: Floats
    by10: Floats
    by60: Floats


def _inputs(now: BboHistory, last: BboHistory, gap: Floats) -> _Inputs:
    by2, by10, by60 = (np.exp(-gap / seconds) for seconds in (2.0, 10.0, 60.0))
    with np.errstate(divide="ignore", invalid="ignore"):
        # Squared change per second, weighted as the time it took; 1/60 is the limit at no time.
        per_second = np.where(gap > 0, (1 - by60) / gap, 1 / 60.0)
    before = _centred(last.bid, last.ask)
    change = _centred(now.bid, now.ask) - before
    imb1 = imbalance(last.bid_size, last.ask_size)
    return _Inputs(before, imb1, _order_flow(now, last), per_second * change**2, by2, by10, by60)


def _gap(now: BboHistory, last: BboHistory) -> Floats:
    return np.maximum(now.seen_at - last.seen_at, 0.0)


def _previous(column: Floats, first: NDArray[np.intp], earlier: Floats) -> Floats:
    """Each value's predecessor; for the first ones what was `earlier`."""
    before = np.empty_like(column)
    before[1:] = column[:-1]
    before[first] = earlier
    return before


class _Earlier(NamedTuple):
    """The first books of each market (places), their rows, and whether those still count."""

    first: NDArray[np.intp]
    rows: Rows
    goes_on: NDArray[np.bool_]


def _starts_after(now: BboHistory, inputs: _Inputs, earlier: _Earlier) -> Sequence[Floats]:
    """The averages of each book if they begin with it; of first books, as their rows go on."""
    first, goes_on = earlier.first, earlier.goes_on
    averages = [earlier.rows[name] for name in _AVERAGES]
    forward = _brought_forward(averages, [column[first] for column in inputs])
    starts = [start.copy() for start in _starts(now)]
    for start, value in zip(starts, forward, strict=True):
        start[first] = np.where(goes_on, value, start[first])
    return starts


def _averages(
    starts: Sequence[Floats], inputs: _Inputs, begin: NDArray[np.intp]
) -> Sequence[Floats]:
    """The averages after each book of markets one after the other; as `starts` where they begin."""
    begins = [*begin.tolist(), len(inputs.mid)]
    mid2, mid10, mid60, flow2, flow10, imb10, variance = starts
    mid, imb1, flow, jump, by2, by10, by60 = (column.tolist() for column in inputs)
    return (
        _drifting(mid2, mid, by2, begins),
        _drifting(mid10, mid, by10, begins),
        _drifting(mid60, mid, by60, begins),
        _fading(flow2, flow, by2, begins),
        _fading(flow10, flow, by10, begins),
        _drifting(imb10, imb1, by10, begins),
        _fading(variance, jump, by60, begins),
    )


# Each value needs the one before: in plain floats a step costs less than NumPy's call of it. The
# formulas are those of `_brought_forward`, to the last bit.
def _drifting(
    start: Floats, held: Sequence[float], decay: Sequence[float], begins: Sequence[int]
) -> Floats:
    """An average that moves towards what was held; where it begins anew it is `start`."""
    found: list[float] = []
    for begin, end in pairwise(begins):
        value = float(start[begin])
        found.append(value)
        steps = zip(held[begin + 1 : end], decay[begin + 1 : end], strict=True)
        found += [value := to + by * (value - to) for to, by in steps]
    return np.array(found)


def _fading(
    start: Floats, added: Sequence[float], decay: Sequence[float], begins: Sequence[int]
) -> Floats:
    """A sum that decays; where it begins anew it is `start`."""
    found: list[float] = []
    for begin, end in pairwise(begins):
        value = float(start[begin])
        found.append(value)
        steps = zip(added[begin + 1 : end], decay[begin + 1 : end], strict=True)
        found += [value := by * value + more for more, by in steps]
    return np.array(found)


def _brought_forward(averages: Sequence[Floats], inputs: Sequence[Floats]) -> tuple[Floats, ...]:
    """The averages until now: what was last seen held."""
    mid2, mid10, mid60, flow2, flow10, imb10, variance = averages
    mid, imb1, flow, jump, by2, by10, by60 = inputs
    return (
        mid + by2 * (mid2 - mid),
        mid + by10 * (mid10 - mid),
        mid + by60 * (mid60 - mid),
        by2 * flow2 + flow,
        by10 * flow10 + flow,
        imb1 + by10 * (imb10 - imb1),
        by60 * variance + jump,
    )


def _compared(now: BboHistory, after: Sequence[Floats], elapsed: Floats, gap: Floats) -> Floats:
    """The features, (N, 8), from the averages; `elapsed` are seconds without a gap."""
    mid2, mid10, mid60, flow2, flow10, imb10, variance = after
    mid, imb1 = _centred(now.bid, now.ask), imbalance(now.bid_size, now.ask_size)
    elapsed[~(elapsed >= WARM_UP)] = np.nan
    volatility = np.sqrt(variance / -np.expm1(-elapsed / 60.0))
    momenta = mid - mid2, mid - mid10, mid - mid60
    return np.column_stack([*momenta, flow2, flow10, imb1 - imb10, volatility, gap])


def _starts(now: BboHistory) -> Sequence[Floats]:
    """The averages of a market seen for the first time, or after a gap."""
    mid, imb1 = _centred(now.bid, now.ask), imbalance(now.bid_size, now.ask_size)
    nothing = np.zeros(len(mid))
    return mid, mid, mid, nothing, nothing, imb1, nothing


def _order_flow(now: BboHistory, last: BboHistory) -> Floats:
    """Order flow imbalance of Cont, Kukanov and Stoikov (2014), over the mean best size."""
    came = _arrived(np.rint((now.bid - last.bid) * UNITS_PER_DOLLAR), now.bid_size, last.bid_size)
    left = _arrived(np.rint((last.ask - now.ask) * UNITS_PER_DOLLAR), now.ask_size, last.ask_size)
    size = (now.bid_size + now.ask_size) + (last.bid_size + last.ask_size)
    with np.errstate(divide="ignore", invalid="ignore"):
        flow: Floats = 2 * (came - left) / size
    return flow


def _arrived(improved: Floats, size: Floats, size_before: Floats) -> Floats:
    """Contracts that came to one side's best price, by how far its price moved inwards."""
    held: Floats = np.where(improved > 0, size, size - size_before)
    return np.where(improved < 0, -size_before, held)


def _rows_of(
    now: BboHistory, since: Floats, after: Sequence[Floats], places: NDArray[np.intp]
) -> Rows:
    """What to remember of the books at these places."""
    columns = dict(zip(_FIELDS, (*now, since, *after), strict=True))
    state = np.empty(len(places), FEATURE_ROW)
    for name, values in columns.items():
        state[name] = values[places]
    return state


def _remembered(
    now: BboHistory, rows: Rows, after: Sequence[Floats], known: NDArray[np.bool_]
) -> Rows:
    state = np.empty(len(known), FEATURE_ROW)
    for name, value in zip(now._fields, now, strict=True):
        state[name] = value
    state["since"] = np.where(known, rows["since"], now.seen_at)
    for name, value, start in zip(_AVERAGES, after, _starts(now), strict=True):
        state[name] = np.where(known, value, start)
    one_sided = ~np.isfinite(now.bid + now.ask)
    state[one_sided] = rows[one_sided]
    return state
