"""What is known of the loop itself: pushed by it, shown by the dashboard."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class LoopStatus:
    """What is known of the loop itself.

    `error` is that of the last cycle, None once one works again; `fault` is why a loop that
    should be running is not.
    """

    running: bool = False
    count: int = 0
    last_start: datetime | None = None
    last_finish: datetime | None = None
    error: str | None = None
    fault: str | None = None
