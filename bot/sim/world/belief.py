"""What is believed of an event: a martingale that ends at 0 or 1, exactly.

A latent number z gathers variance as news arrives until none is left (v falls from 1 to 0); a
market that pays when z ends in an interval is worth the probability of that, so every price is a
martingale, all markets of an event move together, and those of a partition sum to one. The clock
of news is random (quiet seconds, busy spells, jumps) but independent of the direction, which
keeps the martingale. Source: the bounded martingale of the Paradigm challenge engine.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import erfc, exp, inf, isinf, sqrt
from typing import Protocol

from bot.sim.world.rng_stream import RngDrift, RngStream

_SQRT_HALF = sqrt(0.5)


@dataclass(frozen=True, slots=True)
class NewsProcess:
    """How news arrives, in seconds.

    `quiet` is the share of seconds without any; `burst` the spread of the log of its pace, which
    halves every `burst_half_life` seconds; `jumps` in a life each use up `jump` squared of the
    variance that is left.
    """

    quiet: float = 0.0
    burst: float = 0.0
    burst_half_life: float = 30.0
    jumps: float = 3.0
    jump: float = 0.3


@dataclass(frozen=True, slots=True)
class Interval:
    """Where the latent number has to end for YES: above `low`, up to `high`."""

    low: float = -inf
    high: float = inf


class Belief(Protocol):
    """What the participants believe; `values` is P(YES) of each market of the event."""

    @property
    def values(self) -> Sequence[float]:
        """P(YES) by market, in the order of the intervals; exactly 0 or 1 at the end."""
        ...

    def step(self, seconds: float) -> None:
        """Let time pass; past the end nothing more changes."""
        ...


def normal_share(x: float) -> float:
    """The share of a standard normal below `x`."""
    return 0.5 * erfc(-x * _SQRT_HALF)


def worth(interval: Interval, latent: float, variance: float) -> float:
    """P(the latent number ends in the interval) with `variance` still to come."""
    if variance <= 0.0:
        return 1.0 if interval.low < latent <= interval.high else 0.0
    scale = 1.0 / sqrt(variance)
    above = 1.0 if isinf(interval.high) else normal_share((interval.high - latent) * scale)
    below = 0.0 if isinf(interval.low) else normal_share((interval.low - latent) * scale)
    return above - below


class Latent:
    """One event's latent number on its way through a life of `life` seconds.

    `elapsed` seconds of it have already passed: the number starts where chance would have
    brought it by then.
    """

    def __init__(
        self,
        rng: RngStream,
        news: NewsProcess,
        intervals: Sequence[Interval],
        life: float,
        elapsed: float = 0.0,
    ) -> None:
        self._rng = rng
        self._news = news
        self._pace = RngDrift(rng, news.burst, news.burst_half_life)
        self._intervals = tuple(intervals)
        self._life = life
        self._left = life - elapsed
        self._variance = max(self._left / life, 0.0)
        self._latent = sqrt(1.0 - self._variance) * rng.normal()
        self.values: Sequence[float] = self._worths()

    def step(self, seconds: float) -> None:
        """Let time pass; the last step takes all the variance that is left."""
        if self._variance == 0.0:
            return
        share = 1.0 if seconds >= self._left else min(self._news_in(seconds) / self._left, 1.0)
        self._left -= seconds
        self._consume(share * self._variance)
        if self._variance and self._rng.chance(self._news.jumps * seconds / self._life):
            self._consume(self._news.jump**2 * self._variance)
        self.values = self._worths()

    def _news_in(self, seconds: float) -> float:
        """News in that time, in seconds' worth; its mean is `seconds`."""
        pace = self._pace.step(seconds)
        busy = seconds * _lognormal_mean_one(pace, self._news.burst)
        # Over longer steps quiet seconds and loud ones even out.
        if seconds > 2.0 or not self._news.quiet:
            return busy
        if self._rng.chance(self._news.quiet):
            return 0.0
        return busy * self._rng.exponential(1.0) / (1.0 - self._news.quiet)

    def _consume(self, variance: float) -> None:
        self._latent += sqrt(variance) * self._rng.normal()
        self._variance = max(self._variance - variance, 0.0)

    def _worths(self) -> tuple[float, ...]:
        return tuple([worth(each, self._latent, self._variance) for each in self._intervals])


class Coin:
    """An unpredictable belief: a random walk in whole cents.

    The price is on the grid, so no rounding gives away its next move. The settlement
    is drawn with the last price as its probability.
    """

    def __init__(self, rng: RngStream, life: float, moves: float, start: float = 0.5) -> None:
        """`moves` is how often a second the price may move by a cent."""
        self._rng = rng
        self._moves = moves
        self._left = life
        self.values: Sequence[float] = (round(start, 3),)

    def step(self, seconds: float) -> None:
        """Let time pass; at the end one draw settles it."""
        if self._left <= 0.0:
            return
        self._left -= seconds
        price = self.values[0]
        if self._left <= 0.0:
            self.values = (1.0 if self._rng.chance(price) else 0.0,)
            return
        for _ in range(self._rng.count(self._moves * seconds)):
            # Two cents from the ends the price stays: a move has to be fair both ways.
            if 0.025 < price < 0.975:
                price = round(price + (0.01 if self._rng.chance(0.5) else -0.01), 3)
        self.values = (price,)


def _lognormal_mean_one(log_pace: float, spread: float) -> float:
    return exp(log_pace - spread * spread / 2.0)
