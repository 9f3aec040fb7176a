"""Delivers an alert: tries again while that may help, keeps silent when asked to, gives up in time.

One alert after the other, so that a webhook in trouble is not asked by many at once.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import isfinite
from typing import Final

import httpx

from bot.alerts.alert import Alert
from bot.alerts.webhook import Webhook
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
_MAY_PASS: Final = (408, 425, 429)


@dataclass(frozen=True, slots=True)
class _Answer:
    """What an attempt came to: `status` None without an answer, `wait` seconds as asked for."""

    reported: str
    status: int | None = None
    wait: float | None = None

    @property
    def arrived(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def may_pass(self) -> bool:
        return self.status is None or self.status in _MAY_PASS or self.status >= 500


class Post:
    """Delivers alerts one after the other, patiently, but not for ever."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        webhook: Webhook,
        clock: Clock,
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._http = http
        self._webhook = webhook
        self._clock = clock
        self._sleep = sleep
        self._silent_until: datetime | None = None

    async def deliver(self, alert: Alert) -> bool:
        """Whether it arrived; after five minutes of trying it is given up, and a line says so."""
        body = self._webhook.body(alert)
        until, wait = self._clock.now() + PATIENCE, FIRST_WAIT
        reported = "it asked for silence"
        while await self._may_speak(until):
            answer = await self._attempt(body)
            if answer.arrived:
                return True
            reported = answer.reported
            if not answer.may_pass:
                break
            self._be_silent(wait if answer.wait is None else answer.wait)
            wait = min(2 * wait, LONGEST_WAIT)
        log.warning("An alert did not reach %s: %s", self._webhook.host, reported)
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

    async def _attempt(self, body: bytes) -> _Answer:
        try:
            # What it says is not read: the status is all that counts, and bodies may be endless.
            async with (
                asyncio.timeout(ATTEMPT),
                self._http.stream("POST", "/", content=body) as response,
            ):
                status = response.status_code
                wait = _wait(response.headers.get("Retry-After"))
                return _Answer(f"HTTP {status}{_pointing(response)}", status, wait)
        except (httpx.HTTPError, TimeoutError) as error:
            return _Answer(type(error).__name__)


def _pointing(response: httpx.Response) -> str:
    """Where a redirect points: the host alone, for an address of a webhook is a secret."""
    if not response.has_redirect_location:
        return ""
    try:
        host = httpx.URL(response.headers["location"]).host
    except (httpx.InvalidURL, ValueError):
        host = ""
    return f", it points to {host[:253].encode('ascii', 'replace').decode() or 'nowhere'}"


def _wait(seconds: str | None) -> float | None:
    """The seconds of a Retry-After header; None without one, and for what is no number."""
    try:
        wait = float(seconds or "")
    except ValueError:
        return None
    return wait if isfinite(wait) and wait >= 0 else None
