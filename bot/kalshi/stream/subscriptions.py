"""What a connection is subscribed to and the numbers its frames bear. No I/O.

Sequence numbers count per subscription over all its markets and begin at 1. One that jumps tells
that a frame was missed; one that was there before tells of a frame that came twice.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum


class Numbered(Enum):
    """How a frame's number follows the one before."""

    NEXT = "next"
    GAP = "gap"
    REPEATED = "repeated"


@dataclass(slots=True)
class Subscription:
    """One channel. `asked` are its markets as far as the exchange was told of them."""

    channel: str
    sid: int | None = None
    seq: int = 0
    asked: set[str] = field(default_factory=set)
    #: Not to be asked for before, and how long to wait after another failure.
    retry_at: float = 0.0
    wait: float = 0.0

    def follows(self, seq: int) -> Numbered:
        """How this number follows; one that is ahead is the new beginning."""
        if seq == self.seq + 1:
            self.seq = seq
            return Numbered.NEXT
        if seq <= self.seq:
            return Numbered.REPEATED
        self.seq = seq
        return Numbered.GAP

    def opened(self, sid: int) -> None:
        """It is live under this number."""
        self.sid, self.seq, self.wait = sid, 0, 0.0

    def ended(self, at: float, longest: float) -> None:
        """It is over, or was refused: it is asked for again, each time later."""
        self.sid, self.seq = None, 0
        self.asked.clear()
        self.delay(at, longest)

    def delay(self, at: float, longest: float) -> None:
        """Wait before asking again, each time twice as long."""
        self.wait = min(max(self.wait * 2, 1.0), longest)
        self.retry_at = at + self.wait


class Subscriptions:
    """All of a connection, by channel and by number."""

    def __init__(self, channels: Iterable[str]) -> None:
        self.by_channel = {channel: Subscription(channel) for channel in channels}
        self.by_sid: dict[int, Subscription] = {}

    def opened(self, channel: str, sid: int) -> Subscription | None:
        """A channel is live; None for one that nobody asked for."""
        subscription = self.by_channel.get(channel)
        if subscription is not None:
            subscription.opened(sid)
            self.by_sid[sid] = subscription
        return subscription

    def ended(self, subscription: Subscription, at: float, longest: float) -> None:
        """A channel is over."""
        if subscription.sid is not None:
            self.by_sid.pop(subscription.sid, None)
        subscription.ended(at, longest)

    def __len__(self) -> int:
        return len(self.by_sid)
