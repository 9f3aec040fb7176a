"""Sweeps: somebody in a hurry takes more at once than this market is used to, through the book.

Learned from the tape of trades; changes the rows it is given, `whales.sight` gives it a copy.
"""

from typing import Final

import numpy as np

from bot.core.market.orderbook import Floats
from bot.core.whales.book_sides import Flags, Sides
from bot.core.whales.messages import ASK, Finding, Found, Source
from bot.core.whales.thresholds import BURST_BINS, Rows, WhaleRules
from bot.core.whales.trades import Bursts

#: Classes of burst size a doubling of it.
_FINENESS: Final = 1.5


def sweep(sides: Sides, rows: Rows, bursts: Bursts, rules: WhaleRules) -> Found:
    """The sweeps among these bursts, the largest of each side and market; then learns from all."""
    found = [] if not len(bursts) else _sweeps(rows, bursts, rules)
    _learn(sides, rows, bursts, rules)
    return found


def _sweeps(rows: Rows, bursts: Bursts, rules: WhaleRules) -> Found:
    met, row = ASK - bursts.side, bursts.row
    unusual = _unusual(rows, rules)[row]
    usual = rows["usual"][row, met]
    least = np.maximum(rules.sweep.least_contracts, np.maximum(unusual, rules.sweep.levels * usual))
    bbo = np.where(rows["before_price"][row, met, 0] > 0, rows["before_size"][row, met, 0], np.inf)
    through = (bursts.levels >= 2) | (bursts.size >= rules.sweep.at_best * bbo)
    # What is usual here is not known before there is a past: NaN is not above anything.
    swept = through & (bursts.size >= least) & (rows["samples"][row] >= rules.large.least_samples)
    swept &= bursts.paid >= rules.sweep.least_dollars
    swept &= (bursts.worst >= rules.sweep.least_price) & (
        bursts.worst <= 1 - rules.sweep.least_price
    )
    swept &= ~(bursts.at - rows["swept_at"][row, bursts.side] < rules.sweep.quiet_seconds)
    some = np.flatnonzero(swept)
    some = some[_largest(bursts.take(some))]
    rows["swept_at"][row[some], bursts.side[some]] = bursts.at[some]
    return [
        _finding(bursts, number, float(least[number]), float(usual[number]))
        for number in some.tolist()
    ]


def _largest(bursts: Bursts) -> Flags:
    """Which of these is the largest of its market and side."""
    order = np.lexsort((-bursts.size, bursts.side, bursts.row))
    first = np.ones(len(order), dtype=np.bool_)
    first[1:] = (np.diff(bursts.row[order]) != 0) | (np.diff(bursts.side[order]) != 0)
    largest = np.zeros(len(order), dtype=np.bool_)
    largest[order[first]] = True
    return largest


def _finding(bursts: Bursts, number: int, least: float, usual: float) -> Finding:
    size, worst = float(bursts.size[number]), float(bursts.worst[number])
    side, levels = int(bursts.side[number]), int(bursts.levels[number])
    mean = 100 * bursts.paid[number] / size
    why = (
        f"{size:,.0f} contracts {'sold' if side == ASK else 'bought'} at once by takers through "
        f"{levels} price{'s' if levels > 1 else ''}, at {mean:.1f} c of their own on average; "
        f"large here from {least:,.0f}; the usual largest level they met is {usual:,.0f}"
    )
    return Finding(int(bursts.row[number]), side, worst, size, side, why, source=Source.TAPE)


def _unusual(rows: Rows, rules: WhaleRules) -> Floats:
    """Contracts that few bursts of each market reach; 0 where too few are known to tell."""
    running = np.cumsum(rows["bursts"], axis=1)
    place = (running >= rules.sweep.quantile * running[:, -1:]).argmax(axis=1)
    known = running[:, -1] >= rules.sweep.least_history
    return np.where(known, np.exp2((place + 1) / _FINENESS), 0.0)


def _learn(sides: Sides, rows: Rows, bursts: Bursts, rules: WhaleRules) -> None:
    elapsed = np.nan_to_num(sides.at - rows["seen_at"])
    rows["bursts"] *= np.exp2(-elapsed / rules.sweep.half_life_seconds)[:, None]
    place = np.log2(np.maximum(bursts.size, 1.0)) * _FINENESS
    where = (bursts.row, np.minimum(place, BURST_BINS - 1).astype(np.intp))
    np.add.at(rows["bursts"], where, 1.0)
