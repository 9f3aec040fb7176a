"""Seeded random numbers: one independent stream per name, so that adding a market changes no other.

Draws come from buffered blocks: a scalar draw from NumPy costs a microsecond, a popped one a
twentieth of that, and a market-second needs dozens.
"""

from hashlib import blake2b
from math import exp, log

import numpy as np

_BLOCK = 512


def stream(seed: int, *names: str) -> np.random.Generator:
    """The random stream of that name in that world."""
    digest = blake2b("/".join(names).encode(), digest_size=16).digest()
    words = np.frombuffer(digest, dtype=np.uint32).tolist()
    return np.random.default_rng(np.random.SeedSequence([seed, *words]))


class RngStream:
    """Draws of one stream, in the order they are asked for."""

    __slots__ = ("_generator", "_normals", "_uniforms")

    def __init__(self, seed: int, *names: str) -> None:
        self._generator = stream(seed, *names)
        self._uniforms: list[float] = []
        self._normals: list[float] = []

    def uniform(self) -> float:
        """A number in [0, 1)."""
        if not self._uniforms:
            self._uniforms = self._generator.random(_BLOCK).tolist()
        return self._uniforms.pop()

    def normal(self) -> float:
        """A standard normal number."""
        if not self._normals:
            self._normals = self._generator.standard_normal(_BLOCK).tolist()
        return self._normals.pop()

    def chance(self, probability: float) -> bool:
        """True with that probability."""
        return self.uniform() < probability

    def between(self, low: float, high: float) -> float:
        """A number uniform on [low, high)."""
        return low + (high - low) * self.uniform()

    def exponential(self, mean: float) -> float:
        """A waiting time of that mean."""
        return -mean * log(1.0 - self.uniform())

    def lognormal(self, median: float, sigma: float) -> float:
        """A size whose logarithm is normal with that median and spread."""
        return median * exp(sigma * self.normal())

    def geometric(self, probability: float) -> int:
        """Failures before the first success."""
        return int(log(1.0 - self.uniform()) / log(1.0 - probability))

    def count(self, mean: float) -> int:
        """A Poisson count; `mean` is small."""
        product, count, floor = self.uniform(), 0, exp(-mean)
        while product > floor:
            product *= self.uniform()
            count += 1
        return count


class RngDrift:
    """A mean-reverting number around 0 with a given spread and half-life in seconds."""

    __slots__ = ("_half_life", "_rng", "_spread", "value")

    def __init__(self, rng: RngStream, spread: float, half_life: float) -> None:
        self._rng = rng
        self._spread = spread
        self._half_life = half_life
        self.value = spread * rng.normal() if spread else 0.0

    def step(self, seconds: float) -> float:
        """The number after so many seconds: exact for steps of any length."""
        if self._spread:
            decay = 0.5 ** (seconds / self._half_life)
            noise = self._spread * (1.0 - decay * decay) ** 0.5
            self.value = decay * self.value + noise * self._rng.normal()
        return self.value
