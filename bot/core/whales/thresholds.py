"""The thresholds of the whale rules, and what they remember of a market between two books.

Thresholds are relative to the market's own recent past; absolute numbers are floors only.
"""

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.void]

#: Large orders followed at the same time, a side.
FOLLOWED: Final = 4
#: Levels that trades meet, followed at the same time, a side.
REFILLED: Final = 3
#: Levels of the previous book that are remembered, a side.
REMEMBERED: Final = 48
#: Samples of the largest level size near the best price.
SAMPLES: Final = 60
#: Detections remembered; older ones no longer count as recent.
FLAGS: Final = 16
#: Classes of imbalance strength (0 to 0.5) and of depth (powers of two) in a market's history.
STRENGTH_BINS: Final = 25
DEPTH_BINS: Final = 28
#: Classes of burst size, in `sweeps`.
BURST_BINS: Final = 24


@dataclass(frozen=True, slots=True)
class LargeOrderRules:
    """When a level of the book holds a large order.

    It holds at least `multiple` times what is usual, `least_contracts`, and `least_dollars` at
    risk, at a price not closer than `least_price` to 0 or 1; since the previous book it grew by
    `growth` of that threshold; it then rests for `rest_seconds`, unless it grew by `at_once` times
    the threshold, or the book before is `sparse_seconds` old: what a rare poll finds seldom
    flickers. With books closer together the threshold is `often` times as high. `multiple` rises
    by one for each flag of the last hour from the `flags_an_hour`-th on.

    What is usual is that of the past, weighed (as powers) 1 − `now` to `now` against `typical`
    times the typical level of the present book, and at most `cap` times the past: a book that has
    become thin shows a large order sooner. The past is the largest level of that side (the median
    of the last samples, one every `sample_seconds`, at least `least_samples`, without what was
    announced in the last `new_seconds`), and at least `other_side` times that of the other side.
    """

    multiple: float = 3.5
    now: float = 0.4
    often: float = 1.3
    typical: float = 10.0
    cap: float = 1.25
    other_side: float = 0.3
    least_contracts: float = 200.0
    least_dollars: float = 50.0
    least_price: float = 0.03
    growth: float = 0.8
    rest_seconds: float = 10.0
    at_once: float = 2.0
    sparse_seconds: float = 30.0
    sample_seconds: float = 10.0
    least_samples: int = 5
    new_seconds: float = 1_800.0
    flags_an_hour: int = 4


@dataclass(frozen=True, slots=True)
class SweepRules:
    """When a burst of trades by takers is a sweep.

    It takes at least `levels` times the usual largest level of the side it meets,
    `least_contracts`, and more than a share `quantile` of this market's bursts (where
    `least_history` are known; they fade with a half-life of `half_life_seconds`); it pays
    `least_dollars`, at prices not closer than `least_price` to 0 or 1; and it walks through two
    prices or takes `at_best` times what stood at the best one. Within `quiet_seconds` it is the
    same sweep.
    """

    levels: float = 2.0
    at_best: float = 3.0
    quantile: float = 0.97
    least_contracts: float = 200.0
    least_dollars: float = 50.0
    least_price: float = 0.03
    least_history: float = 30.0
    half_life_seconds: float = 86_400.0
    quiet_seconds: float = 30.0


@dataclass(frozen=True, slots=True)
class LifetimeRules:
    """When a followed order has ended, and when it is still the same one.

    It is gone once a share `lost` of what was added is missing in `gone_after` books running. One
    that leaves a price and comes back within `moved_within` dollars is the same order. One that
    could not be seen for `forget_seconds` is forgotten.
    """

    lost: float = 0.7
    gone_after: int = 2
    moved_within: float = 0.05
    forget_seconds: float = 3_600.0


@dataclass(frozen=True, slots=True)
class SpoofRules:
    """When an announced order that left untraded is suspected to be a spoof.

    It was put at least `away` dollars from the best price, which was within `near` of it at some
    time, and left within `seconds` while less than a share `traded` of it can have traded; no level
    close by took up a share `requoted` of it in the same book.
    """

    away: float = 0.02
    near: float = 0.05
    seconds: float = 180.0
    traded: float = 0.25
    requoted: float = 0.5


@dataclass(frozen=True, slots=True)
class IcebergRules:
    """When a level that trades meet is an iceberg.

    Trades leave at most a share `left` of what stood there, and within `within` seconds a share
    `restored` of it stands again, for `settled` seconds at least after it was emptied. That
    happens `refills` times within `seconds`, and takers take `times` the usual largest level of
    that side. It has the floors of `LargeOrderRules`. An announced iceberg is said again only
    after `seconds` without a trade, or once it did not come back.
    """

    left: float = 0.05
    within: float = 2.0
    restored: float = 0.4
    settled: float = 0.1
    refills: int = 2
    times: float = 2.0
    seconds: float = 600.0


@dataclass(frozen=True, slots=True)
class ImbalanceRules:
    """When a book leans unusually far.

    The strength of the best five levels is at least `least_strength` and the market's own
    `strength_quantile`; the depth at least `least_depth` contracts and its own `depth_quantile`;
    `least_history` books are known; it holds for `rest_seconds`. It is reported again only after it
    fell below `fade` of the threshold and `quiet_seconds` have passed. History fades with a
    half-life of `half_life_seconds`.
    """

    least_strength: float = 0.3
    strength_quantile: float = 0.95
    least_depth: float = 200.0
    depth_quantile: float = 0.25
    least_history: float = 30.0
    rest_seconds: float = 10.0
    fade: float = 0.8
    quiet_seconds: float = 300.0
    half_life_seconds: float = 86_400.0


@dataclass(frozen=True, slots=True)
class WhaleRules:
    """All thresholds, one group for each question that the detector asks.

    Books of a market less than `apart` seconds apart count as one: whoever is told of every change
    then compares, counts and learns as somebody who looks each second does, and misses nothing.
    """

    large: LargeOrderRules = field(default_factory=LargeOrderRules)
    sweep: SweepRules = field(default_factory=SweepRules)
    spoof: SpoofRules = field(default_factory=SpoofRules)
    imbalance: ImbalanceRules = field(default_factory=ImbalanceRules)
    lifetime: LifetimeRules = field(default_factory=LifetimeRules)
    iceberg: IcebergRules = field(default_factory=IcebergRules)
    apart: float = 0.75


#: One large order that is followed. Prices are the owner's: YES for a bid, NO for an ask.
ORDER: Final = np.dtype(
    [
        ("state", "i1"),
        ("missing", "i1"),  # books running in which it was not seen
        ("price", "f8"),
        ("size", "f8"),  # contracts of its level when last seen
        ("base", "f8"),  # contracts of its level before it came
        ("largest", "f8"),
        ("threshold", "f8"),  # what made it large
        ("usual", "f8"),  # the usual largest level then
        ("since", "f8"),
        ("announced_at", "f8"),
        ("seen_at", "f8"),  # when it was last there
        ("left_at", "f8"),  # when it was first missed
        ("ended_at", "f8"),
        ("born_away", "f8"),  # dollars from its side's best price when it came
        ("nearest", "f8"),  # and at the least since; below 0 if the best price went past it
        ("traded", "f8"),  # contracts that can have met it, at most; NaN if that is not known
        ("very_large", "?"),  # so large that it need not rest for long
        ("requoted", "?"),  # whether a level close by took it up when it left
        ("suspected", "?"),
    ]
)

#: Units of a dollar in which prices are compared: the finest there are.
PRICE_UNITS: Final = 10_000

#: One level that trades met, in its owners' price.
LEVEL: Final = np.dtype(
    [
        ("price", "f8"),  # 0 for none
        ("displayed", "f4"),  # contracts when last seen
        ("gone", "f4"),  # contracts that left lately without a trade that was told
        ("lately", "f4"),  # contracts taken within a moment
        ("full", "f4"),  # contracts, the most that stood since the last refill
        ("executed", "f4"),  # contracts taken in all
        ("refills", "i4"),
        ("since", "f8"),
        ("gone_at", "f8"),
        ("lately_at", "f8"),
        ("traded_at", "f8"),
        ("emptied_at", "f8"),
        ("said_at", "f8"),
    ]
)

#: All that is remembered of a market; axis 0 of the pairs is bid, ask.
WHALE_ROW: Final = np.dtype(
    [
        ("seen_at", "f8"),
        ("counted_at", "f8"),  # when the last book was seen that counts: see `WhaleRules.apart`
        ("before_price", "u2", (2, REMEMBERED)),  # in `units`, 0 for no level
        ("before_size", "f4", (2, REMEMBERED)),
        ("before_floor", "f8", (2,)),  # below this price the book before is not known
        ("peaks", "f4", (2, SAMPLES)),
        ("samples", "i4"),
        ("sampled_at", "f8"),
        ("usual", "f8", (2,)),
        ("orders", ORDER, (2, FOLLOWED)),
        ("levels", LEVEL, (2, REFILLED)),
        ("strengths", "f4", (STRENGTH_BINS,)),
        ("depths", "f4", (DEPTH_BINS,)),
        ("lean", "i1"),  # which way the book leans now: +1, −1 or 0
        ("lean_since", "f8"),
        ("lean_said_at", "f8"),
        ("lean_least", "f8"),  # the strength that made it unusual when it was said
        ("bursts", "f4", (BURST_BINS,)),
        ("swept_at", "f8", (2,)),  # when takers who bought, who sold YES last swept
        ("flag_at", "f8", (FLAGS,)),
        ("flag_size", "f8", (FLAGS,)),
        ("flag_large", "?", (FLAGS,)),
    ]
)

# NumPy copies a nested structure field by field; as plain bytes it takes a twentieth of the time.
_BYTES: Final = np.dtype((np.void, WHALE_ROW.itemsize))


def units(prices: NDArray[np.float64]) -> NDArray[np.uint16]:
    """Prices in hundredths of a cent, the finest there are; 0 for none (NaN)."""
    return np.rint(np.nan_to_num(prices) * PRICE_UNITS).astype(np.uint16)


def picked(rows: Rows, index: NDArray[np.intp]) -> Rows:
    """A copy of some rows, in that order."""
    copy: Rows = rows.view(_BYTES)[index].view(WHALE_ROW)
    return copy


def replaced(rows: Rows, index: NDArray[np.intp], some: Rows) -> Rows:
    """A copy of all rows, with others in some places."""
    copy = rows.view(_BYTES).copy()
    copy[index] = some.view(_BYTES)
    after: Rows = copy.view(WHALE_ROW)
    return after


def no_level() -> Rows:
    """A place where no level is followed; shape ()."""
    level = np.zeros((), dtype=LEVEL)
    for name in ("since", "gone_at", "lately_at", "traded_at", "emptied_at", "said_at"):
        level[name] = np.nan
    return level


def blank_rows(count: int = 1) -> Rows:
    """The memory of `count` markets never seen; shape (count,)."""
    rows = np.zeros(count, dtype=WHALE_ROW)
    times = ("seen_at", "counted_at", "sampled_at", "lean_since", "lean_said_at", "swept_at")
    for name in (*times, "usual"):
        rows[name] = np.nan
    for name in ("peaks", "flag_at"):
        rows[name] = np.nan
    rows["before_floor"] = np.inf
    rows["levels"] = no_level()
    orders = rows["orders"]
    for name in ("price", "since", "announced_at", "seen_at", "left_at", "ended_at"):
        orders[name] = np.nan
    return rows
