"""Detections matched to the truth one to one, counted by market.

A detection is right if it names the market, the side and, but for imbalance, the very price of a
large order while that order stands (or has just left, for a suspected spoof). Each order is found
once: saying it again is a false alarm. Intervals are a bootstrap over markets, for what happens in
one market hangs together.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bot.core.market.market import Side
from bot.core.market.orderbook import Floats
from bot.research.whales.markets import Scene
from bot.sim.world.truth import ActionKind, TraderAction

#: Seconds of warm-up: the detectors have to see first what is usual.
WARM_UP: Final = 300.0
_HOUR: Final = 3600.0
#: Prices at which a market is as good as decided are nobody's task, in dollars from 0 and 1.
DECIDED: Final = 0.03
#: Looks after the end of an order, and seconds, within which its leaving may still be said.
_LATE_LOOKS: Final = 3.0
_LATE_SECONDS: Final = 3.0


@dataclass(frozen=True, slots=True)
class Detection:
    """Detections of one type in one scene: market, second, side (0 bid, 1 ask) and YES price."""

    market: NDArray[np.intp]
    at: Floats
    side: NDArray[np.intp]
    price: Floats

    def __len__(self) -> int:
        return len(self.at)


@dataclass(frozen=True, slots=True)
class Question:
    """What a type of detection claims: an action of these kinds is under way, or has just ended.

    A detection of an action that is `open` to it is neither right nor wrong: an iceberg is large,
    but no book shows it.
    """

    kinds: frozenset[ActionKind]
    open: frozenset[ActionKind] = frozenset()
    by_price: bool = True
    when_gone: bool = False
    once: bool = True
    #: Only deeds of which so many times what they showed was filled: nothing shows the others.
    times_shown: float = 0.0


QUESTIONS: Final[Mapping[str, Question]] = MappingProxyType(
    {
        "large": Question(
            frozenset({ActionKind.WHALE, ActionKind.SPOOF}), frozenset({ActionKind.ICEBERG})
        ),
        "high_imbalance": Question(
            frozenset({ActionKind.WHALE, ActionKind.SPOOF}),
            frozenset({ActionKind.ICEBERG}),
            by_price=False,
            once=False,
        ),
        "spoof_suspected": Question(frozenset({ActionKind.SPOOF}), when_gone=True),
        "sweep": Question(frozenset({ActionKind.SWEEP}), by_price=False, when_gone=True),
        "iceberg": Question(frozenset({ActionKind.ICEBERG}), times_shown=3.0),
    }
)


@dataclass(frozen=True, slots=True)
class Score:
    """Counts by market, shape (markets,), and the delay of each right detection in seconds.

    `visible` counts the actions that rested at one look at least: no detector can find the others.
    """

    right: Floats
    wrong: Floats
    missed: Floats
    visible: Floats
    hours: Floats
    delay_market: NDArray[np.intp]
    delay: Floats


def score(scene: Scene, said: Detection, question: Question, cadence: float) -> Score:
    """Score these detections of a scene."""
    markets = len(scene.tickers)
    right, wrong, missed, visible = (np.zeros(markets) for _ in range(4))
    delays: list[tuple[int, float]] = []
    start = scene.at[0] + WARM_UP
    looks = scene.at[scene.looks(cadence)]
    for market in range(markets):
        actions = [d for d in scene.actions[market] if d.kind in question.kinds | question.open]
        found, wrong[market] = _matched(
            actions, said, _rows(said, market, start), question, cadence
        )
        asked = [n for n, action in enumerate(actions) if _counts(action, question, start)]
        for number in asked:
            action = actions[number]
            visible[market] += _was_visible(action, looks)
            if number in found:
                right[market] += 1
                began = action.t0.timestamp() if not question.when_gone else _end(action)
                delays.append((market, found[number] - began))
            else:
                missed[market] += 1
    return Score(
        right=right,
        wrong=wrong,
        missed=missed,
        visible=visible,
        hours=np.full(markets, (scene.at[-1] - start) / _HOUR),
        delay_market=np.array([market for market, _ in delays], dtype=np.intp),
        delay=np.array([delay for _, delay in delays]),
    )


def together(scores: Sequence[Score]) -> Score:
    """Scores of several scenes as one."""
    firsts = np.cumsum([0, *(len(each.hours) for each in scores)])
    columns = ("right", "wrong", "missed", "visible", "hours", "delay")
    return Score(
        **{name: np.concatenate([getattr(each, name) for each in scores]) for name in columns},
        delay_market=np.concatenate(
            [each.delay_market + first for each, first in zip(scores, firsts, strict=False)]
        ),
    )


def _rows(said: Detection, market: int, start: float) -> list[int]:
    """The detections of a market from `start` on, by time, unless its price is decided."""
    # A price that is not given (NaN) is not a decided one.
    decided = (said.price < DECIDED) | (said.price > 1 - DECIDED)
    chosen = np.flatnonzero((said.market == market) & (said.at >= start) & ~decided)
    rows: list[int] = chosen[np.argsort(said.at[chosen], kind="stable")].tolist()
    return rows


def _matched(
    actions: Sequence[TraderAction],
    said: Detection,
    rows: Sequence[int],
    question: Question,
    cadence: float,
) -> tuple[dict[int, float], int]:
    """When each action was detected first, by its number; how many detections meant none."""
    found: dict[int, float] = {}
    wrong = 0
    for row in rows:
        number = _meant(actions, said, row, question, cadence)
        if number is None or (question.once and number in found):
            wrong += 1
        else:
            found.setdefault(number, float(said.at[row]))
    return found, wrong


def _meant(
    actions: Sequence[TraderAction], said: Detection, row: int, q: Question, cadence: float
) -> int | None:
    """The number of the action that a detection means, the latest if there are several."""
    late = max(_LATE_LOOKS * cadence, _LATE_SECONDS) if q.when_gone else 0.0
    at, side, price = float(said.at[row]), int(said.side[row]), float(said.price[row])
    for number in range(len(actions) - 1, -1, -1):
        action = actions[number]
        here = side == (0 if action.side is Side.BUY else 1)
        here &= not q.by_price or abs(action.price - price) < 1e-6
        if here and action.t0.timestamp() <= at <= _end(action) + late:
            return number
    return None


def _counts(action: TraderAction, question: Question, start: float) -> bool:
    undecided = DECIDED <= action.price <= 1 - DECIDED
    shows = action.filled >= question.times_shown * action.shown
    known = action.kind in question.kinds and undecided and shows
    return known and action.t0.timestamp() >= start


def _was_visible(action: TraderAction, looks: Floats) -> bool:
    return bool(np.any((looks >= action.t0.timestamp()) & (looks < _end(action))))


def _end(action: TraderAction) -> float:
    return inf if action.t1 is None else action.t1.timestamp()
