"""From a prediction to an action: trading rules, the value of an entry, and the signal.

Leaves out what the score alone leads to (`core.strategy`) and what may be risked (`core.risk`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from math import isnan
from typing import Final, NamedTuple, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from bot.core.account.round_trips import FORCED, ExitCause, in_words
from bot.core.events import Action, SignalMade
from bot.core.market.market import Market
from bot.core.market.money import Contracts
from bot.core.market.orderbook import Books, Floats
from bot.core.risk.exit_rules import ExitRules
from bot.core.risk.limits import RiskLimits, Stop
from bot.core.signals import strategy
from bot.core.signals.expected_value import ExpectedValue, edge, expected_move, taker_rate
from bot.core.signals.features import FEATURE_NAMES
from bot.core.signals.strategy import Sizing, Thresholds

ENTRIES: Final = (Action.ENTER_LONG, Action.ENTER_SHORT)
_VOLATILITY: Final = FEATURE_NAMES.index("vol60")


class Scored(Protocol):
    """N books and what the model says of each: all that trading reads of predictions.

    `scores` (N,) are NaN for no prediction, with `reasons` why; `directions` (N,) are +1 buy, −1
    sell, 0 hold; `mids` (N,) in dollars, NaN for none; `features` (N, F).
    """

    @property
    def books(self) -> Books:
        """What was scored."""
        ...

    @property
    def mids(self) -> Floats:
        """Dollars, (N,)."""
        ...

    @property
    def features(self) -> Floats:
        """By `FEATURE_NAMES`, (N, F)."""
        ...

    @property
    def scores(self) -> Floats:
        """In [0, 1], (N,)."""
        ...

    @property
    def directions(self) -> NDArray[np.int8]:
        """Signs, (N,)."""
        ...

    @property
    def reasons(self) -> tuple[str | None, ...]:
        """N of them."""
        ...

    @property
    def model_version(self) -> str:
        """The version of the model file."""
        ...


@dataclass(frozen=True, slots=True)
class Worth:
    """What the model says of its own scores: see `core.edge.expected_move`."""

    factor: float
    horizon: float


@dataclass(frozen=True, slots=True)
class TradeRules:
    """What decides about an order besides the score.

    An entry must be expected to earn `min_edge` cents a contract after crossing the spread and
    paying the fee both ways, as `worth` tells from the score; without both that is not asked.
    `exits` end a position whatever the score says of it. With `patience` (seconds) an exit that a
    score asks for rests at the other side of the spread, and takes once that has passed;
    `entries_rest` has entries wait at their own side of it.
    """

    thresholds: Thresholds
    sizing: Sizing
    limits: RiskLimits
    min_edge: float | None = 0.0
    worth: Worth | None = None
    exits: ExitRules = field(default_factory=ExitRules)
    patience: float | None = None
    entries_rest: bool = False

    def on_tape(self) -> Self:
        """These rules with the limits that make sense on recorded books."""
        return replace(self, limits=self.limits.on_tape())

    def edges(self, predictions: Scored, markets: Mapping[str, Market]) -> ExpectedValue | None:
        """What each score is worth after costs; None if nobody asks, or the model does not say."""
        worth = self.worth
        if worth is None or self.min_edge is None or not predictions.directions.any():
            return None
        tickers = predictions.books.tickers
        known = {ticker: taker_rate(markets[ticker].fees) for ticker in dict.fromkeys(tickers)}
        rates = np.fromiter(map(known.__getitem__, tickers), np.float64, len(tickers))
        volatility = predictions.features[:, _VOLATILITY]
        move = expected_move(predictions.scores, volatility, worth.horizon, worth.factor)
        return edge(predictions.books, move, rates)

    def too_dear(self, edges: ExpectedValue | None, row: int) -> Stop | None:
        """Why an entry is not expected to pay; None if it is, or if that is unknown."""
        if edges is None or self.min_edge is None:
            return None
        gain = float(edges.round_trip[row])
        if isnan(gain) or gain >= self.min_edge:
            # Where the fees are not known, risk review refuses and says so.
            return None
        move = abs(float(edges.move[row]))
        reason = (
            f"expected to earn {gain:.2f} c a contract ({move:.2f} c move less "
            f"{move - gain:.2f} c spread and fees), below BOT_MIN_EDGE {self.min_edge:g} c"
        )
        return Stop("min_edge", reason, gain, self.min_edge)


class Decision(NamedTuple):
    """What a prediction leads to, from which position.

    `reason` is why to nothing (`stop` too), or why to an exit that no score asked for; `cause` is
    the rule that did.
    """

    score: float | None
    action: Action
    before: Contracts
    reason: str
    stop: Stop | None = None
    cause: ExitCause = ExitCause.SIGNAL

    @property
    def forced(self) -> str:
        """What made an exit that no score asked for, in words; '' for anything else."""
        return in_words(self.cause) if self.cause in FORCED else ""


def decided(score: float, held: Contracts, thresholds: Thresholds, reason: str | None) -> Decision:
    """What a score (NaN for no prediction, with the reason) leads to, whatever it costs."""
    if isnan(score):
        return Decision(None, Action.HOLD, held, _unjudged(held, reason or ""))
    return Decision(score, strategy.action(score, held, thresholds), held, reason or "")


def signal(
    at: datetime, predictions: Scored, row: int, decision: Decision, after: Contracts
) -> SignalMade:
    """The signal event of one prediction; `after` is the position it actually led to."""
    mid = float(predictions.mids[row])
    return SignalMade(
        at=at,
        ticker=predictions.books.tickers[row],
        model_version=predictions.model_version,
        price=None if isnan(mid) else mid,
        score=decision.score,
        feature_names=FEATURE_NAMES,
        features=tuple(predictions.features[row].tolist()),
        action=decision.action,
        reason=decision.reason,
        position_before=decision.before,
        position_after=after,
        stop=decision.stop,
    )


def _unjudged(held: Contracts, reason: str) -> str:
    return f"held without a prediction: {reason}" if held else reason
