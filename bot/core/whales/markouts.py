"""What detections were worth: how the price moved after them, net of what acting on them costs.

A sample is a detection, or for comparison one without, that is followed for a while and to
settlement. Net is the move of the mid in the whale's direction less half the spread and one taker
fee, all in cents a contract. What could not be seen is counted as missing, never as zero.

Pure: a tally holds sums, so its room does not grow. Detections in one market hang together, so
intervals are over markets (a cluster-robust standard error).
"""

from dataclasses import dataclass, replace
from math import isnan, nan, sqrt
from typing import Final, NamedTuple

from bot.core.market.fees import FeeSchedule
from bot.core.market.money import ONE, exact, measured

#: Seconds after the detection at which the price is sampled.
HORIZONS: Final = (60.0, 300.0, 3_600.0)
#: How late a look may come, as a share of the horizon, and at least in seconds.
LATE_SHARE: Final = 0.2
LATE_SECONDS: Final = 30.0
#: Fewer markets than this say nothing about how sure a mean is.
LEAST_MARKETS: Final = 10
_BANDS: Final = ((0.1, "0-10"), (0.3, "10-30"), (0.7, "30-70"), (0.9, "70-90"), (1.0, "90-100"))
_SURE: Final = 1.96


class BestQuotes(NamedTuple):
    """The best prices of a market at a time: seconds UTC, dollars, NaN for an empty side."""

    at: float
    bid: float
    ask: float

    @property
    def mid(self) -> float:
        """Half way between; NaN unless both sides are there."""
        return (self.bid + self.ask) / 2


class Group(NamedTuple):
    """What samples are compared within."""

    type: str
    band: str
    category: str


#: Stands for every band, and every category.
ALL: Final = "all"


@dataclass(frozen=True, slots=True)
class MarkoutSample:
    """A sample that is followed: `way` +1 where the whale wants YES up, −1 down.

    `cost` is what acting on it would have cost at once, in cents a contract. `step` counts the
    horizons that are over. Without a whale it is a match for one.
    """

    ticker: str
    group: Group
    way: int
    start: BestQuotes
    cost: float
    is_whale: bool
    step: int = 0

    @property
    def due(self) -> float:
        """When the next horizon is reached; infinite once all are over."""
        return self.start.at + HORIZONS[self.step] if self.step < len(HORIZONS) else float("inf")

    @property
    def too_late(self) -> float:
        """From when on the next horizon is missed."""
        if self.step >= len(HORIZONS):
            return float("inf")
        return self.due + max(LATE_SECONDS, LATE_SHARE * HORIZONS[self.step])

    def net(self, price: float) -> float:
        """What it came to in cents, given the price (dollars) later."""
        return 100.0 * self.way * (price - self.start.mid) - self.cost


@dataclass(frozen=True, slots=True)
class MarkoutSums:
    """Sums of samples, in cents.

    By market m with n samples that sum to s: `markets` counts them, `squares` is Σ s²,
    `products` Σ s·n, `counts` Σ n².
    """

    count: int = 0
    total: float = 0.0
    missing: int = 0
    markets: int = 0
    squares: float = 0.0
    products: float = 0.0
    counts: float = 0.0

    def plus(self, net: float, before: tuple[int, float] = (0, 0.0)) -> "MarkoutSums":
        """With one more sample of a market that had `before`: so many, and their sum."""
        n, s = before
        return MarkoutSums(
            count=self.count + 1,
            total=self.total + net,
            missing=self.missing,
            markets=self.markets + (n == 0),
            squares=self.squares + (s + net) ** 2 - s**2,
            products=self.products + (s + net) * (n + 1) - s * n,
            counts=self.counts + (n + 1) ** 2 - n**2,
        )

    def missed(self) -> "MarkoutSums":
        """With one more sample that could not be observed."""
        return replace(self, missing=self.missing + 1)

    @property
    def mean(self) -> float:
        """Cents a sample; NaN without any."""
        return self.total / self.count if self.count else nan

    @property
    def interval(self) -> tuple[float, float] | None:
        """Where the mean lies with 95 % confidence; None with too few markets to say."""
        error = self.error
        return None if isnan(error) else (self.mean - _SURE * error, self.mean + _SURE * error)

    @property
    def error(self) -> float:
        """The standard error of the mean, over markets; NaN with too few of them."""
        if self.markets < LEAST_MARKETS:
            return nan
        mean = self.mean
        spread = self.squares - 2.0 * mean * self.products + mean**2 * self.counts
        enlarged = spread * self.markets / (self.markets - 1)
        # Sums of equal numbers may differ by less than nothing.
        return sqrt(max(enlarged, 0.0)) / self.count


def excess(whales: MarkoutSums, controls: MarkoutSums) -> tuple[float, tuple[float, float] | None]:
    """How much more than their matches the whales came to, in cents, with its interval.

    The two are taken as independent, which makes the interval rather too wide than too narrow.
    """
    ahead = whales.mean - controls.mean
    error = sqrt(whales.error**2 + controls.error**2)
    return ahead, None if isnan(error) else (ahead - _SURE * error, ahead + _SURE * error)


def verdict(interval: tuple[float, float] | None) -> str:
    """In a word what an interval of cents says: gains, loses, open, or too few markets to say."""
    if interval is None:
        return "too_few"
    if interval[1] < 0:
        return "loses"
    return "gains" if interval[0] > 0 else "open"


def band(mid: float) -> str:
    """The price band of a mid in (0, 1), in cents.

    >>> band(0.52)
    '30-70'
    """
    return next(name for least, name in _BANDS if mid <= least)


def cost(best_quotes: BestQuotes, way: int, fees: FeeSchedule | None) -> float:
    """Half the spread and the taker fee of one contract, in cents; NaN if either is not known.

    The fee is that of the exchange before rounding: M · 0.07 · P · (1 − P) at the price paid.
    """
    if fees is None or not fees.is_known or isnan(best_quotes.mid):
        return nan
    price = exact(best_quotes.ask if way > 0 else best_quotes.bid)
    fee = measured(fees.model_fee(ONE, price, is_taker=True))
    return 50.0 * (best_quotes.ask - best_quotes.bid) + 100.0 * fee
