"""The detectors that are compared: our rules, and three simple ones with one threshold each.

A simple detector flags every level near the best price (or every book, for imbalance) whose
measure reaches its threshold, once while that lasts: absolute size, ratio to the median level
size of the market's last looks, robust z of its logarithm. It suspects a spoof where such a level
has gone after five minutes at most. They see the same books at the same looks as our rules.
"""

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bot.core.market.orderbook import Books, Floats
from bot.core.whales.detector import SideBias, Source, TradesBetween, Whale, WhaleType, sight
from bot.core.whales.thresholds import WhaleRules, blank_rows
from bot.research.whales.markets import Scene
from bot.research.whales.matching import Detection
from bot.research.whales.tracks import Track, Tracks

#: The types of the comparison by the types of the rules.
TYPES: Final[Mapping[WhaleType, str]] = MappingProxyType(
    {
        WhaleType.LARGE_BID: "large",
        WhaleType.LARGE_ASK: "large",
        WhaleType.HIGH_IMBALANCE: "high_imbalance",
        WhaleType.SPOOF_SUSPECTED: "spoof_suspected",
    }
)
SPOOF: Final = "spoof_suspected"
#: Large takers, seen in the tape of trades; simple detectors of books have no say in it.
SWEEP: Final = "sweep"
#: Levels refilled after trades; nor have they in this.
ICEBERG: Final = "iceberg"
#: What a detection is about that books alone do not show.
_BY_SOURCE: Final = {Source.TAPE: SWEEP, Source.REFILLS: ICEBERG}
#: The measures of the simple detectors.
SIMPLE: Final = ("absolute", "ratio", "robust_z")
#: A level that is missed in fewer looks than this, and for less than so many seconds, has not gone.
_GONE_AFTER: Final = 2
_GONE_SECONDS: Final = 2.0
_BRIEF: Final = 300.0


#: Market, second, side, price.
Spoken = tuple[float, float, float, float]


def ours(scenes: Sequence[Scene], cadence: float, rules: WhaleRules) -> list[dict[str, Detection]]:
    """What our rules say of each scene, by type."""
    # Side by side: a pass over all markets costs little more than one over a few.
    firsts = np.cumsum([0, *(len(scene.tickers) for scene in scenes)])
    rows = blank_rows(int(firsts[-1]))
    found: list[dict[str, list[Spoken]]] = [
        {name: [] for name in (*TYPES.values(), *_BY_SOURCE.values())} for _ in scenes
    ]
    for turn in zip_longest(*(scene.passes(cadence) for scene in scenes)):
        there = [number for number, one in enumerate(turn) if one is not None]
        places = np.concatenate([np.arange(firsts[n], firsts[n + 1]) for n in there])
        books, traded = _joined([one for one in turn if one is not None])
        seen = sight(books, rows[places], rules, traded)
        rows[places] = seen.rows
        for row, whale in seen.whales:
            scene = int(np.searchsorted(firsts, places[row], side="right")) - 1
            market = int(places[row] - firsts[scene])
            one = (market, float(books.seen_at[row]), _side(whale, books, row), float(whale.price))
            found[scene][_kind(whale)].append(one)
    return [{name: _said(each) for name, each in of_scene.items()} for of_scene in found]


def simple(seen: Tracks, kind: str, measure: str, threshold: float) -> Detection:
    """What a simple detector with that threshold says of that type."""
    track = seen.of(kind)
    rows = np.flatnonzero(track.measures[measure] >= threshold)
    key, look = track.key[rows], track.look[rows]
    first = np.ones(len(rows), dtype=np.bool_)
    gone_after = max(_GONE_AFTER, round(_GONE_SECONDS / (seen.at[1] - seen.at[0])))
    first[1:] = (np.diff(key) != 0) | (np.diff(look) > gone_after)
    if kind != SPOOF:
        return _picked(track, rows[first], seen.at[look[first]])
    if not len(rows):
        return _picked(track, rows, seen.at[:0])
    last = np.append(first[1:], True)
    began, ended = seen.at[look[first]], look[last]
    final = len(seen.at) - 1
    gone = ended + gone_after <= final
    gone &= seen.at[np.minimum(ended + 1, final)] - began <= _BRIEF
    return _picked(track, rows[last][gone], seen.at[ended[gone] + gone_after])


def thresholds(seen: Tracks, kind: str, measure: str) -> Floats:
    """Thresholds worth trying, rising: from what a twentieth reaches to what almost none does."""
    values = seen.of(kind).measures[measure]
    shares = 1 - np.geomspace(0.05, 1e-6, 80)
    return np.unique(np.quantile(values, shares))


def _joined(turn: Sequence[tuple[Books, TradesBetween]]) -> tuple[Books, TradesBetween]:
    """The passes of several scenes as one."""
    many = [books for books, _ in turn]
    levels = ("seen_at", "bid_price", "bid_size", "ask_price", "ask_size")
    books = Books(
        tuple([ticker for each in many for ticker in each.tickers]),
        *(np.concatenate([getattr(each, name) for each in many]) for name in levels),
    )
    return books, TradesBetween.joined([traded for _, traded in turn])


def _kind(whale: Whale) -> str:
    return _BY_SOURCE.get(whale.source) or TYPES[whale.type]


def _side(whale: Whale, books: Books, row: int) -> int:
    """On which side of the book the order is or was: 0 bid, 1 ask."""
    match whale.type, whale.side_bias:
        case WhaleType.LARGE_BID, _:
            return 0
        case WhaleType.LARGE_ASK, _:
            return 1
        case WhaleType.SPOOF_SUSPECTED, SideBias():
            return int(whale.side_bias is SideBias.BUY)
    return int(float(whale.price) > books.mid[row])


def _said(found: Sequence[Spoken]) -> Detection:
    market, at, side, price = np.array(found, dtype=np.float64).reshape(-1, 4).T
    return Detection(market.astype(np.intp), at, side.astype(np.intp), price)


def _picked(track: Track, rows: NDArray[np.intp], at: Floats) -> Detection:
    return Detection(track.market[rows], at, track.side[rows], track.price[rows])
