"""Pauses of the exchange that are known beforehand: nothing is entered that would reach into one.

Leaves out the pause itself: whether the exchange trades it says again and again (`trading_halts`).
"""

import logging
from datetime import datetime, timedelta
from typing import Final, Protocol

from bot.core.market.trading_schedule import TradingSchedule, Window
from bot.core.risk.limits import Stop
from bot.ports.exchange import Clock, ExchangeError, answered

log = logging.getLogger("main")

#: How often the schedule is read, and after a failure.
READ_AGAIN: Final = timedelta(hours=1)
RETRY: Final = timedelta(minutes=1)
#: Seconds to wait for it: a pass, exits included, waits as long.
ANSWER: Final = 2.0


class ScheduleSource(Protocol):
    """Says when the exchange means to pause."""

    async def exchange_schedule(self) -> TradingSchedule:
        """What is planned. Raises ExchangeError."""
        ...


class PlannedPauses:
    """The next pause; an order and what follows from it need `reach` before it."""

    def __init__(self, source: ScheduleSource, clock: Clock, reach: timedelta) -> None:
        self._source = source
        self._clock = clock
        self._reach = reach
        self._schedule: TradingSchedule | None = None
        self._fault = "the schedule has not been read yet"
        self._due: datetime | None = None

    @property
    def note(self) -> str:
        """When it is, in words; that none is planned, or why nobody knows."""
        pause = self._next()
        if pause is not None:
            return str(pause)
        return f"not known: {self._fault}" if self._fault else "none within 8 days"

    async def refresh(self) -> None:
        """Read the schedule, if that is due; one that cannot be read any more is not forgotten."""
        now = self._clock.now()
        if self._due is not None and now < self._due:
            return
        try:
            schedule = await answered(self._source.exchange_schedule(), ANSWER)
            self._schedule, self._fault = schedule, ""
        except ExchangeError as error:
            self._failed(str(error))
        self._due = now + (RETRY if self._fault else READ_AGAIN)

    def _failed(self, why: str) -> None:
        log.warning("When the exchange pauses cannot be read: %s", why)
        self._fault = why

    def stop(self) -> Stop | None:
        """Why nothing is entered now; None if no pause is near."""
        pause = self._next()
        if pause is None or self._clock.now() + self._reach < pause.start:
            return None
        reach = self._reach.total_seconds()
        return Stop("pause", f"trading pauses {pause}: no entry in the {reach:g} s before it")

    def _next(self) -> Window | None:
        return self._schedule.next_pause(self._clock.now()) if self._schedule else None
