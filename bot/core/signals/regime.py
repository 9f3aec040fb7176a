"""The regime of a market and of all markets together.

A market is chaotic while it moves far more than it lately did, trending while it moves one way,
calm otherwise. Measured on the logit of the mid, so that a cent near 0 or 1 weighs more than one
in the middle. Leaving a regime takes more than entering it, and regimes last a few books, so that
noise at a border is not a change. A market's state is a row; `classify` reads no clock.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bot.core.market.orderbook import Books, Floats

Rows = NDArray[np.void]
Codes = NDArray[np.int8]
Flags = NDArray[np.bool_]

#: Changes of the mid that a regime is read from, and volatilities it is compared with.
WINDOW: Final = 15
HISTORY: Final = 120


class RegimeName(StrEnum):
    """The only regimes the dashboard colours."""

    CALM = "calm"
    TRENDING = "trending"
    CHAOTIC = "chaotic"


#: Regimes by their id on the dashboard; `classify` answers with these ids.
REGIMES: Final = (RegimeName.CALM, RegimeName.TRENDING, RegimeName.CHAOTIC)
_CALM, _TRENDING, _CHAOTIC = range(3)


@dataclass(frozen=True, slots=True)
class RegimeRules:
    """Thresholds between regimes, each with one to enter and one to leave.

    `chaos`: volatility now over its median of late (which counts as at least `least_volatility`,
    in logits per book). `trend`: efficiency ratio, |sum of changes| / sum of |changes|; a random
    walk has 1/√15 ≈ 0.26 on average and 0.62 once in twenty. `trend_move`: dollars the mid must
    have gone. `dwell`: books that a regime lasts at least, except when chaos breaks out.
    `share`: of all markets' weight, for one regime to be that of all; `least_markets` must be
    known.
    """

    chaos_above: float = 2.5
    chaos_until: float = 1.8
    least_volatility: float = 0.02
    trend_above: float = 0.60
    trend_until: float = 0.40
    trend_move: float = 0.03
    dwell: int = 3
    share: float = 0.30
    least_markets: int = 3


RULES: Final = RegimeRules()

#: What is remembered of a market: its last mids, how much it moved lately, and its regime.
REGIME_ROW: Final = np.dtype(
    [
        ("mids", "f8", (WINDOW + 1,)),  # dollars, oldest first, NaN before the first
        ("volatilities", "f4", (HISTORY,)),
        ("filled", "i4"),  # volatilities noted so far
        ("code", "i1"),
        ("lasted", "i4"),  # books since the regime began
    ]
)


def blank_rows(count: int = 1) -> Rows:
    """The memory of `count` markets never seen: calm; shape (count,)."""
    rows = np.zeros(count, dtype=REGIME_ROW)
    rows["mids"] = np.nan
    rows["volatilities"] = np.nan
    return rows


def classify(books: Books, rows: Rows) -> tuple[Codes, Rows]:
    """The regime of each market, an index into `REGIMES`, shape (N,), and the rows after it.

    A book without two sides has no mid: it changes nothing, and the regime stays what it was.
    """
    known = np.flatnonzero(np.isfinite(books.mid))
    memory = rows[known]
    memory["mids"][:, :-1] = memory["mids"][:, 1:]
    memory["mids"][:, -1] = books.mid[known]
    memory["lasted"] += 1

    moves = np.diff(_logit(memory["mids"]), axis=1)
    ratio = _volatility_ratio(moves, memory)
    _change(memory, _regime_of(moves, ratio, memory))
    after = rows.copy()
    after[known] = memory
    return after["code"].astype(np.int8), after


def is_warm(rows: Rows) -> Flags:
    """Whether a market was seen often enough to have a regime, shape (N,)."""
    warm: Flags = rows["filled"] > 0
    return warm


def overall(codes: Codes, volume_24h: Floats, warm: Flags) -> RegimeName:
    """The regime of all markets, by root of the day's contracts (N,); calm if fewer than three."""
    if int(warm.sum()) < RULES.least_markets:
        return RegimeName.CALM
    # One contract more, so that markets without any trade today still have a say.
    weight = np.where(warm, np.sqrt(1 + volume_24h), 0.0)
    share = np.bincount(codes, weights=weight, minlength=len(REGIMES)) / weight.sum()
    ruling = (code for code in (_CHAOTIC, _TRENDING) if share[code] >= RULES.share)
    return REGIMES[next(ruling, _CALM)]


def _logit(price: Floats) -> Floats:
    logit: Floats = np.log(price / (1 - price))
    return logit


def _volatility_ratio(moves: Floats, memory: Rows) -> Floats:
    """Volatility now over what was usual before; NaN until the window is full."""
    volatility = np.sqrt(np.mean(moves**2, axis=1))
    usual = np.maximum(_median(memory), RULES.least_volatility)
    full = np.flatnonzero(np.isfinite(volatility))
    memory["volatilities"][full, memory["filled"][full] % HISTORY] = volatility[full]
    memory["filled"][full] += 1
    ratio: Floats = volatility / usual
    return ratio


def _median(memory: Rows) -> Floats:
    """The median volatility noted so far; 0 where there is none."""
    noted = np.minimum(memory["filled"], HISTORY)
    # NaN, where nothing was noted yet, sorts last.
    ranked = np.sort(memory["volatilities"], axis=1)
    middle = ranked[np.arange(len(memory)), np.minimum(noted // 2, HISTORY - 1)]
    return np.where(noted > 0, middle, 0.0).astype(np.float64)


def _regime_of(moves: Floats, ratio: Floats, memory: Rows) -> Codes:
    """What each market looks like now, given what it was."""
    was_chaotic, was_trending = memory["code"] == _CHAOTIC, memory["code"] == _TRENDING
    path = np.abs(moves).sum(axis=1)
    efficiency = np.abs(moves.sum(axis=1)) / np.where(path > 0, path, 1.0)
    moved = np.abs(memory["mids"][:, -1] - memory["mids"][:, 0]) >= RULES.trend_move - 1e-9

    chaotic = ratio >= np.where(was_chaotic, RULES.chaos_until, RULES.chaos_above)
    trending = np.where(
        was_trending,
        efficiency >= RULES.trend_until,
        (efficiency >= RULES.trend_above) & moved,
    )
    regime = np.where(chaotic, _CHAOTIC, np.where(trending, _TRENDING, _CALM))
    return regime.astype(np.int8)


def _change(memory: Rows, regime: Codes) -> None:
    """Give each market its regime, unless the one it has must last a little longer."""
    may = (memory["lasted"] >= RULES.dwell) | (regime == _CHAOTIC)
    changed = may & (regime != memory["code"])
    memory["code"][changed] = regime[changed]
    memory["lasted"][changed] = 0
