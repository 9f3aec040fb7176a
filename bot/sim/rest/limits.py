"""Kalshi's rate limits: token buckets for reads and writes, sized by tier.

Time comes from the caller, in seconds; tokens are whole numbers of Kalshi's accounting.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Tier:
    """Tokens per second, and the seconds' worth that a full bucket holds."""

    read: int
    write: int
    read_burst: int = 1
    write_burst: int = 1
    balance_per_second: int = 5


#: As documented in November 2026; the bursts of Basic and Advanced reads as observed.
TIERS: Final = {
    "basic": Tier(200, 100, read_burst=3, balance_per_second=1),
    "advanced": Tier(300, 300, read_burst=3, write_burst=3, balance_per_second=1),
    "expert": Tier(600, 600),
    "premier": Tier(1_200, 1_200),
    "paragon": Tier(2_400, 2_400),
    "prime": Tier(4_800, 4_800),
    "prestige": Tier(12_000, 9_600),
}
READ: Final = "read"
WRITE: Final = "write"
#: Shards told apart: whoever names others makes no new buckets.
MOST_SHARDS: Final = 99
#: `GET /portfolio/balance` has a bucket of its own, in calls.
BALANCE: Final = "balance"


def write_bucket(shard: int) -> str:
    """The bucket of writes that name a shard: the first one's is that of those that name none."""
    return f"{WRITE} {min(shard, MOST_SHARDS)}" if shard else WRITE


class TooManyRequestsError(Exception):
    """A bucket is empty."""


@dataclass(slots=True)
class TokenBucket:
    """Tokens that flow in at a constant rate up to a capacity."""

    rate: float
    capacity: float
    tokens: float
    at: float

    def take(self, cost: float, now: float) -> bool:
        """Take so many tokens, if they are there."""
        self.tokens = min(self.capacity, self.tokens + (now - self.at) * self.rate)
        self.at = now
        if self.tokens < cost:
            return False
        self.tokens -= cost
        return True


class RateLimiter:
    """The buckets of everybody who calls. A tier of None limits nobody."""

    def __init__(
        self, tier: str | None = None, *, public: bool = False, body: str = "nested"
    ) -> None:
        """`public` limits unsigned reads too; `body` is that of a refusal: nested or plain.

        Kalshi's documents show the plain one, its servers were seen to send the nested one.
        Raises KeyError for an unknown tier.
        """
        self.tier_name = tier or "basic"
        self.tier = TIERS[self.tier_name]
        self._is_on = tier is not None
        self.body = body
        self._limits_public = public
        self._buckets: dict[tuple[str, str], TokenBucket] = {}

    def charge(self, who: str, kind: str, cost: int, now: float) -> None:
        """Take tokens of a caller, or of the public if empty. Raises TooManyRequestsError."""
        if not self._is_on or (not who and not self._limits_public):
            return
        bucket = self._buckets.get((who, kind))
        if bucket is None:
            bucket = self._buckets[who, kind] = self._full(kind, now)
        if not bucket.take(1 if kind == BALANCE else cost, now):
            raise TooManyRequestsError

    def _full(self, kind: str, now: float) -> TokenBucket:
        tier = self.tier
        rate, burst = {
            READ: (tier.read, tier.read_burst),
            BALANCE: (tier.balance_per_second, 1),
        }.get(kind, (tier.write, tier.write_burst))
        return TokenBucket(rate, rate * burst, rate * burst, now)
