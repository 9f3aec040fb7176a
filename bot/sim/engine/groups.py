"""Order groups: a member's own circuit breaker, which cancels its orders once too much matched."""

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

#: The rolling window over which matched contracts are counted.
WINDOW: Final = timedelta(seconds=15)


@dataclass(slots=True, eq=False)
class OrderGroup:
    """Orders that are cancelled together once more than `limit` units match within 15 seconds.

    A triggered group refuses new orders until it is reset.
    """

    group_id: str
    account: str
    shard: int
    limit: int
    is_triggered: bool = False
    order_ids: dict[str, None] = field(default_factory=dict)
    matched: deque[tuple[datetime, int]] = field(default_factory=deque)

    def match(self, at: datetime, size: int) -> bool:
        """Count a match; True if that triggers the group."""
        self.matched.append((at, size))
        return self.is_over(at)

    def is_over(self, at: datetime) -> bool:
        """Whether what matched in the window exceeds the limit."""
        while self.matched and self.matched[0][0] <= at - WINDOW:
            self.matched.popleft()
        return sum(size for _, size in self.matched) > self.limit

    def reset(self) -> None:
        """Reset the count and accept orders again."""
        self.is_triggered = False
        self.matched.clear()
