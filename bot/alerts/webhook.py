"""Where alerts go: Discord, Slack, or anything that takes JSON.

The address of a webhook is a secret, for whoever knows it can post. The HTTP client never learns
it: it sends to the bare host, and a transport below it puts the address in, so no log line, trace
or error of any library can show more than the host. Leaves out when to send, and how often.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from http.cookiejar import CookieJar, DefaultCookiePolicy
from math import isfinite
from typing import Final, Literal, Self

import httpx
import msgspec

from bot.alerts.alert import Alert
from bot.alerts.channel import Attempt
from bot.outbound import DIRECT, Outbound
from bot.scrub import NOTHING, Scrubber

Shape = Literal["discord", "slack", "json"]
#: Whose webhooks have a shape of their own: a host, and all that are below it.
_HOSTS: Final[Mapping[str, Shape]] = {
    "discord.com": "discord",
    "discordapp.com": "discord",
    "slack.com": "slack",
    "slack-gov.com": "slack",
}
#: Characters of a message: doubled by escapes they still fit into the 2,000 of Discord.
LONGEST: Final = 950
#: Discord: no previews of links that the exchange's words may hold.
_SUPPRESS_EMBEDS: Final = 4
_PASSWORD: Final = re.compile(r"://[^/\s@]*@")
_MARKUP: Final = re.compile(r"([\\*_~`|\[\]()<>#])")
_SLACK: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


@dataclass(frozen=True, slots=True)
class Webhook:
    """An address, the shape it wants, and who speaks. The address is a secret and never shown."""

    address: str = field(repr=False)
    shape: Shape
    environment: str
    service: str = "kalshiproto"
    outbound: Outbound = DIRECT
    scrubber: Scrubber = field(default=NOTHING, repr=False)

    @classmethod
    def of(
        cls,
        address: str,
        shape: Literal["auto", "discord", "slack", "json"],
        environment: str,
        outbound: Outbound = DIRECT,
    ) -> Self:
        """The webhook at an address; "auto" goes by the host.

        Raises ValueError, without the address in it, for what is no web address.
        """
        try:
            url = httpx.URL(address)
        except (httpx.InvalidURL, UnicodeError):
            url = httpx.URL("")
        if url.scheme not in {"http", "https"} or not url.host:
            raise ValueError("ALERT_WEBHOOK_URL must be an http:// or https:// address")
        meant = _shape(url.host) if shape == "auto" else shape
        return cls(address, meant, environment, outbound=outbound)

    @property
    def host(self) -> str:
        """All that may be said of the address."""
        return httpx.URL(self.address).host

    def body(self, alert: Alert) -> bytes:
        """The alert as JSON of the wanted shape."""
        clean = replace(alert, message=self.scrubber.text(alert.message))
        return msgspec.json.encode(_SHAPES[self.shape](clean, self))

    @asynccontextmanager
    async def opened(
        self, transport: httpx.AsyncBaseTransport | None = None
    ) -> AsyncIterator["WebhookChannel"]:
        """A channel whose client posts there, whatever it is told to: it knows the host alone."""
        url = httpx.URL(self.address)
        auth = httpx.BasicAuth(url.username, url.password) if url.userinfo else None
        if transport is None:
            # Reading the certificates keeps a processor busy for a tenth of a second.
            transport = await asyncio.to_thread(self.outbound.transport, self.address)
        below = _Addressed(transport, url)
        bare = url.copy_with(userinfo=b"", path="/", query=None, fragment=None)
        headers = {"Content-Type": "application/json"}
        # Whoever answers must not make us keep what it likes and send it back.
        none = CookieJar(DefaultCookiePolicy(allowed_domains=()))
        async with httpx.AsyncClient(
            transport=below, base_url=bare, auth=auth, headers=headers, cookies=none
        ) as http:
            yield WebhookChannel(http, self)


@dataclass(frozen=True, slots=True)
class WebhookChannel:
    """Posts to a webhook."""

    http: httpx.AsyncClient
    webhook: Webhook

    @property
    def name(self) -> str:
        """The host alone."""
        return self.webhook.host

    async def attempt(self, alert: Alert) -> Attempt:
        body = self.webhook.body(alert)
        try:
            # What it says is not read: the status is all that counts, and bodies may be endless.
            async with self.http.stream("POST", "/", content=body) as response:
                status = response.status_code
                wait = _wait(response.headers.get("Retry-After"))
                return Attempt(f"HTTP {status}{_pointing(response)}", status, wait)
        except httpx.HTTPError as error:
            return Attempt(type(error).__name__)


class _Addressed(httpx.AsyncBaseTransport):
    """Sends every request to one address."""

    def __init__(self, below: httpx.AsyncBaseTransport, url: httpx.URL) -> None:
        self._below = below
        self._url = url

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The answer of the address."""
        sent = httpx.Request(
            request.method,
            self._url,
            headers=request.headers,
            stream=request.stream,
            extensions=request.extensions,
        )
        return await self._below.handle_async_request(sent)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._below.aclose()


def _shape(host: str) -> Shape:
    names = host.split(".")
    ends = (".".join(names[start:]) for start in range(len(names)))
    return next((_HOSTS[end] for end in ends if end in _HOSTS), "json")


def _plain(text: str) -> str:
    """One line of bounded length, without control characters and without passwords."""
    one_line = "".join(c if c.isprintable() else " " for c in _PASSWORD.sub("://***@", text))
    return one_line if len(one_line) <= LONGEST else one_line[: LONGEST - 1] + "…"


def sentence(alert: Alert, service: str, environment: str) -> str:
    """The alert as one line of bounded length."""
    return _plain(f"{alert.severity.name} {service} ({environment}): {alert.message}")


def _text(alert: Alert, who: Webhook) -> str:
    return sentence(alert, who.service, who.environment)


def _discord(alert: Alert, who: Webhook) -> dict[str, object]:
    content = _MARKUP.sub(r"\\\1", _text(alert, who))
    # A market's title may say @everyone: nobody is called.
    return {"content": content, "allowed_mentions": {"parse": []}, "flags": _SUPPRESS_EMBEDS}


def _slack(alert: Alert, who: Webhook) -> dict[str, object]:
    return {"text": _text(alert, who).translate(_SLACK)}


def _json(alert: Alert, who: Webhook) -> dict[str, object]:
    optional = {"ticker": alert.ticker, "value": alert.value, "limit": alert.limit}
    return {
        "kind": alert.kind.value,
        "severity": alert.severity.name.lower(),
        "message": _plain(alert.message),
        "at": alert.at.isoformat(),
        **{name: value for name, value in optional.items() if value is not None},
        "service": who.service,
        "environment": who.environment,
    }


_SHAPES: Final[Mapping[Shape, Callable[[Alert, Webhook], dict[str, object]]]] = {
    "discord": _discord,
    "slack": _slack,
    "json": _json,
}


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
