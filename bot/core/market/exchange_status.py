"""Whether the exchange trades, as it says itself; what it does not say is not taken for open."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True)
class ShardStatus:
    """Whether a shard is up, and whether orders are matched on it."""

    exchange_active: bool
    trading_active: bool

    @property
    def pause(self) -> str | None:
        """What of it is paused; None if it trades."""
        if not self.exchange_active:
            return "the exchange"
        return None if self.trading_active else "trading"


@dataclass(frozen=True, slots=True)
class ExchangeStatus:
    """The shards by number, as far as they are known, and when a pause is meant to end."""

    shards: Mapping[int, ShardStatus]
    resumes_at: datetime | None = None

    @property
    def paused_shards(self) -> tuple[int, ...]:
        """Those where nothing trades now."""
        return tuple(number for number, shard in self.shards.items() if shard.pause)

    def pause(self, number: int) -> str | None:
        """Why nothing trades on a shard, in words; None if it does."""
        shard = self.shards.get(number)
        if shard is None:
            return f"the exchange does not say whether shard {number} trades"
        if shard.pause is None:
            return None
        ends = self.resumes_at
        until = f" until {ends.astimezone(UTC):%H:%M} UTC, as it says" if ends else ""
        return f"{shard.pause} is paused on shard {number}{until}"
