"""Telegram, mail, Matrix and what else the package apprise knows, each by an address of its own.

The package is optional and imported only where such addresses are set: it takes 0.25 s of a
processor and 27 MB. It goes its own way out (HTTP_PROXY and the like of the environment).
"""

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Final

import httpx

from bot.alerts.alert import Alert, Severity
from bot.alerts.channel import Attempt
from bot.alerts.webhook import sentence
from bot.scrub import Scrubber

#: How the package names what is urgent.
_TYPES: Final = {Severity.INFO: "info", Severity.WARNING: "warning", Severity.CRITICAL: "failure"}
_LOGGER: Final = "apprise"
#: What makes a name a call, or a word a tag.
_CALLS: Final = re.compile("[@<]")


@dataclass(frozen=True, slots=True)
class Notifier:
    """One of its services; the address is a secret, `scheme` is all that may be said of it."""

    scheme: str
    service: Any = field(repr=False)
    environment: str
    scrubber: Scrubber = field(repr=False)
    turn: Lock = field(repr=False)

    @property
    def name(self) -> str:
        """Who that is, without a secret."""
        return f"{self.scheme}://"

    @asynccontextmanager
    async def opened(
        self,
        transport: httpx.AsyncBaseTransport | None = None,  # noqa: ARG002  # it has its own
    ) -> AsyncIterator["Notifier"]:
        """Itself: it connects for each alert."""
        yield self

    async def attempt(self, alert: Alert) -> Attempt:
        """Send this once, in a thread: the package blocks, for some seconds at most."""
        return await asyncio.to_thread(self._sent, alert)

    def _sent(self, alert: Alert) -> Attempt:
        text = sentence(alert, "kalshiproto", self.environment)
        # A market's title may say @everyone or <b>: nobody is called, and nothing is a tag that
        # never ends, for which Telegram refuses the whole message.
        body = _CALLS.sub("\\g<0>\N{ZERO WIDTH SPACE}", self.scrubber.text(text))
        # What it says of a failure goes to the one logger of the package: one speaks at a time.
        with self.turn:
            overheard = _Overheard()
            arrived = self.service.notify(
                body=body, title="", notify_type=_TYPES[alert.severity], body_format="text"
            )
            words = overheard.end()
        if arrived:
            return Attempt("accepted", accepted=True)
        return Attempt(self.scrubber.text(words) or "refused, without a word")


class _Overheard(logging.Handler):
    """Keeps the last warning of the package, and keeps it from the log: it may quote secrets."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._last = ""
        self._logger = logging.getLogger(_LOGGER)
        self._logger.addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        self._last = record.getMessage()

    def end(self) -> str:
        """Stop listening; returns the last warning."""
        self._logger.removeHandler(self)
        return self._last


def notifiers(addresses: Sequence[str], environment: str, scrubber: Scrubber) -> Sequence[Notifier]:
    """Those behind the addresses. Raises ValueError, which names the scheme alone."""
    if not addresses:
        return ()
    from apprise import Apprise  # noqa: PLC0415

    # What it says of an attempt is in the line about that attempt.
    logging.getLogger(_LOGGER).propagate = False
    turn, made = Lock(), []
    for address in addresses:
        scheme = address.partition("://")[0]
        service = Apprise.instantiate(address, suppress_exceptions=True)
        if service is None:
            raise ValueError(
                f"ALERT_URLS: the address {scheme}://… is none that apprise can read: "
                "see https://appriseit.com/services/"
            )
        made.append(Notifier(scheme, service, environment, scrubber, turn))
    return made
