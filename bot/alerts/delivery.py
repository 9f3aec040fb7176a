"""Delivers an alert: tries again while that may help, keeps silent when asked to, gives up in time.

One alert after the other, so that a target in trouble is not asked by many at once.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Final

from bot.alerts.alert import Alert
from bot.alerts.channel import AlertChannel, Attempt
from bot.ports.exchange import Clock

log = logging.getLogger("main")

#: Seconds that one attempt may take, and all attempts of one alert.
ATTEMPT: Final = 10.0
PATIENCE: Final = timedelta(minutes=5)
#: Seconds before the second attempt, doubled each time, and the most of it.
FIRST_WAIT: Final = 1.0
LONGEST_WAIT: Final = 60.0
#: Nobody may silence alerts for longer than these seconds.
LONGEST_SILENCE: Final = 3_600.0


class Post:
    """Delivers alerts one after the other, patiently, but not for ever."""

    def __init__(
        self,
        channel: AlertChannel,
        clock: Clock,
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._channel = channel
        self._clock = clock
        self._sleep = sleep
        self._silent_until: datetime | None = None

    async def deliver(self, alert: Alert) -> bool:
        """Whether it arrived; after five minutes of trying it is given up, and a line says so."""
        until, wait = self._clock.now() + PATIENCE, FIRST_WAIT
        reported = "it asked for silence"
        while await self._may_speak(until):
            answer = await self._attempt(alert)
            if answer.arrived:
                return True
            reported = answer.words
            if not answer.may_pass:
                break
            self._be_silent(wait if answer.wait is None else answer.wait)
            wait = min(2 * wait, LONGEST_WAIT)
        log.warning("An alert did not reach %s: %s", self._channel.name, reported)
        return False

    async def _may_speak(self, until: datetime) -> bool:
        """Wait for the silence to end; False at once if that takes too long."""
        silence = self._silent_until
        if silence is None or (left := (silence - self._clock.now()).total_seconds()) <= 0:
            return True
        if silence > until:
            return False
        await self._sleep(left)
        return True

    def _be_silent(self, seconds: float) -> None:
        most = min(seconds, LONGEST_SILENCE)
        self._silent_until = self._clock.now() + timedelta(seconds=most)

    async def _attempt(self, alert: Alert) -> Attempt:
        try:
            async with asyncio.timeout(ATTEMPT):
                return await self._channel.attempt(alert)
        except TimeoutError:
            return Attempt("no answer in time")
