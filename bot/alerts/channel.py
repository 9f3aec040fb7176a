"""Where alerts go: a target that is configured, and a channel to it while it is open."""

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Final, Protocol

import httpx

from bot.alerts.alert import Alert

_MAY_PASS: Final = (408, 425, 429)


@dataclass(frozen=True, slots=True)
class Attempt:
    """What an attempt came to, and in words; `wait` are the seconds that were asked for.

    `status` is that of HTTP: None without an answer, and where another protocol was spoken.
    """

    words: str
    status: int | None = None
    wait: float | None = None
    accepted: bool = False

    @property
    def arrived(self) -> bool:
        """Whether the alert was taken."""
        return self.accepted or (self.status is not None and 200 <= self.status < 300)

    @property
    def may_pass(self) -> bool:
        """Whether another attempt may do better."""
        return self.status is None or self.status in _MAY_PASS or self.status >= 500


class AlertChannel(Protocol):
    """A way to whoever gets alerts. `name` is all that may be said of its address."""

    @property
    def name(self) -> str:
        """Who that is, without a secret."""
        ...

    async def attempt(self, alert: Alert) -> Attempt:
        """Try once to send this; never raises for what happens on the way."""
        ...


class AlertTarget(Protocol):
    """Somebody who wants alerts."""

    def opened(
        self, transport: httpx.AsyncBaseTransport | None = None
    ) -> AbstractAsyncContextManager[AlertChannel]:
        """A channel to there; over HTTP it may be another transport."""
        ...
