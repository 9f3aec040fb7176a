"""Markouts of fills: where the mid was some seconds later, on the side of the position.

After an entry that is what was gained before any cost, or given to whoever was on the other side;
after an exit what staying would have gained. Cents a contract, before fees.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from math import isnan
from typing import Final

import numpy as np

from bot.core.market.market import Side
from bot.core.market.money import measured
from bot.core.market.orders import Aim, Fill, Life, Order
from bot.core.model.performance import Mean, weighted_mean

#: Seconds after a fill.
HORIZONS: Final = (1.0, 5.0, 10.0, 60.0)
_LEAST_LATE: Final = 1.0


class FillKind(StrEnum):
    """What a fill did to a position, and how."""

    ENTRY_LONG = "entry_long"
    ENTRY_SHORT = "entry_short"
    EXIT_TAKEN = "exit_taken"
    EXIT_RESTED = "exit_rested"

    @classmethod
    def of(cls, order: Order) -> "FillKind":
        """That of the fills of an order."""
        if order.aim is Aim.LEAVE:
            return cls.EXIT_RESTED if order.life is Life.REST else cls.EXIT_TAKEN
        return cls.ENTRY_LONG if order.side is Side.BUY else cls.ENTRY_SHORT

    @property
    def is_exit(self) -> bool:
        """Whether the order was on the other side than the position."""
        return self in {FillKind.EXIT_TAKEN, FillKind.EXIT_RESTED}


@dataclass(frozen=True, slots=True)
class OpenFill:
    """A fill and its `markouts` so far, in the order of `HORIZONS`; None: no book came in time.

    In time is at most half the horizon late, or a second.
    """

    fill: Fill
    kind: FillKind
    markouts: tuple[float | None, ...] = ()

    @property
    def is_over(self) -> bool:
        """Whether every horizon has passed."""
        return len(self.markouts) == len(HORIZONS)

    def after(self, mid: float, seen_at: float) -> "OpenFill":
        """The same once a book with this mid (dollars, NaN for none) was seen, seconds UTC."""
        found = list(self.markouts)
        for horizon in HORIZONS[len(found) :]:
            late = seen_at - self.fill.at.timestamp() - horizon
            is_late = late > max(horizon / 2, _LEAST_LATE)
            if late < 0 or (isnan(mid) and not is_late):
                break
            found.append(None if is_late else self._moved(mid))
        return replace(self, markouts=tuple(found))

    def _moved(self, mid: float) -> float:
        sign = self.fill.side.sign * (-1 if self.kind.is_exit else 1)
        return (mid - measured(self.fill.price)) * 100 * sign


@dataclass(frozen=True, slots=True)
class MarkedFill:
    """A fill whose horizons have passed, as the figures need it."""

    ticker: str
    category: str
    kind: FillKind
    size: float
    markouts: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class FillsMarked:
    """How many fills were followed, and their mean markout by seconds.

    A mean is over contracts; None where no fill has one.
    """

    fills: int
    contracts: float
    after: Mapping[str, Mean | None]


@dataclass(frozen=True, slots=True)
class FillGroup(FillsMarked):
    """Fills of a kind in a category."""

    category: str
    kind: FillKind


def grouped(fills: Iterable[MarkedFill]) -> tuple[FillGroup, ...]:
    """The figures of each kind and category, sorted by both."""
    parts: dict[tuple[str, FillKind], list[MarkedFill]] = {}
    for fill in fills:
        parts.setdefault((fill.category, fill.kind), []).append(fill)
    return tuple(FillGroup(*_figures(parts[name]), *name) for name in sorted(parts))


def of_entries(fills: Iterable[MarkedFill]) -> FillsMarked:
    """The figures of all entries together."""
    return FillsMarked(*_figures([fill for fill in fills if not fill.kind.is_exit]))


def _figures(fills: list[MarkedFill]) -> tuple[int, float, Mapping[str, Mean | None]]:
    after = {f"{seconds:g}": _mean(fills, place) for place, seconds in enumerate(HORIZONS)}
    return len(fills), sum(fill.size for fill in fills), after


def _mean(fills: list[MarkedFill], place: int) -> Mean | None:
    known = [(one, value) for one in fills if (value := one.markouts[place]) is not None]
    return weighted_mean(
        np.array([value for _, value in known]),
        np.array([one.size for one, _ in known]),
        [one.ticker for one, _ in known],
    )
