"""A running bot, asked over HTTP; what it refuses is an error that names the remedy.

One token serves reading and acting: API_TOKEN, or API_READ_TOKEN where only that is set. It goes
into a header, never into an address, and redirects are not followed: it reaches this bot alone.
"""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from bot.cli.errors import CommandError, ExitCode
from bot.config import Settings
from bot.journal.csv_rows import plain
from bot.outbound import DIRECT
from bot.settings_text import is_loopback

#: Seconds. A position that is closed by hand is waited for by the service, 5 s at most.
CONNECT_WITHIN: Final = 5.0
ANSWER_WITHIN: Final = 30.0
Answer = Mapping[str, Any]
Parameters = Mapping[str, str | int]
_CODES: Final = {
    401: ExitCode.UNAUTHORIZED,
    403: ExitCode.UNAUTHORIZED,
    429: ExitCode.UNAUTHORIZED,
    503: ExitCode.UNAVAILABLE,
}
_REMEDIES: Final = {503: "try again in a moment, `python -m bot status` says what is wrong"}


@dataclass(frozen=True, slots=True)
class BotClient:
    """The bot at an address."""

    http: httpx.AsyncClient
    url: str
    has_token: bool

    async def get(self, path: str, parameters: Parameters | None = None) -> Answer:
        """The answer of a GET. Raises CommandError."""
        return await self._asked("GET", path, parameters)

    async def readiness(self) -> Answer:
        """The answer of `/ready`, also when it is 503."""
        return await self._asked("GET", "/ready", None, also=503)

    async def post(self, path: str, parameters: Parameters | None = None) -> Answer:
        """The answer of a POST. Sent once: if it is lost, `status` shows whether it was done."""
        return await self._asked("POST", path, parameters)

    async def _asked(
        self, method: str, path: str, parameters: Parameters | None, also: int = 200
    ) -> Answer:
        try:
            answer = await self.http.request(method, self.url + path, params=parameters)
        except httpx.HTTPError as error:
            raise CommandError(self._silent(error), ExitCode.UNREACHABLE) from None
        body = _body(answer)
        if answer.status_code not in {200, also}:
            raise self._refusal(answer.status_code, body)
        if body is None:
            raise CommandError(
                f"{self.url}{path} answers, but is no KalshiProto: correct --url or BOT_URL",
                ExitCode.UNREACHABLE,
            )
        return body

    def _silent(self, error: httpx.HTTPError) -> str:
        if isinstance(error, httpx.ReadTimeout):
            return f"{self.url} took the request and has not answered for {ANSWER_WITHIN:g} s"
        reason = plain(str(error)) or type(error).__name__
        return (
            f"no bot answers at {self.url} ({reason}): "
            "start it with `make run`, or name another with --url or BOT_URL"
        )

    def _refusal(self, status: int, body: Answer | None) -> CommandError:
        if status == 401:
            return CommandError(self._locked(), ExitCode.UNAUTHORIZED)
        said = (body or {}).get("error")
        if not isinstance(said, dict) or "message" not in said:
            # Not in our words: a proxy before a bot that is away, or another service.
            words = f"answered with status {status}: is --url or BOT_URL that of the bot?"
            return CommandError(f"{self.url} {words}", _CODES.get(status, ExitCode.UNREACHABLE))
        remedy = f"; {_REMEDIES[status]}" if status in _REMEDIES else ""
        code = _CODES.get(status, ExitCode.REFUSED)
        return CommandError(plain(str(said["message"])) + remedy, code)

    def _locked(self) -> str:
        if not self.has_token:
            return f"{self.url} wants a token: set API_TOKEN, or API_READ_TOKEN to read"
        return f"{self.url} refused the token: set API_TOKEN to the one the bot was started with"


def _body(answer: httpx.Response) -> Answer | None:
    try:
        body = answer.json()
    except (json.JSONDecodeError, UnicodeDecodeError):
        return None
    return body if isinstance(body, dict) else None


@asynccontextmanager
async def connected(settings: Settings) -> AsyncIterator[BotClient]:
    """The bot that these settings mean."""
    url = settings.service_url
    token = settings.api_token or settings.api_read_token
    brought = f"Bearer {token.get_secret_value().strip()}".encode() if token else b""
    headers = {b"Authorization": brought} if token else {}
    # No proxy knows the way back to this machine.
    way = DIRECT if is_loopback(urlsplit(url).hostname or "") else settings.outbound
    async with httpx.AsyncClient(
        transport=way.transport(url),
        headers=headers,
        timeout=httpx.Timeout(ANSWER_WITHIN, connect=CONNECT_WITHIN),
    ) as http:
        yield BotClient(http, url, token is not None)
