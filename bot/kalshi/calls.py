"""Requests to Kalshi's REST API, within a budget, signed if need be; failures are ExchangeErrors.

What may pass by itself (429, 5xx, a broken connection, a timeout) is tried again for reads, with
jitter, a few times and not for long. A write is sent once and never repeated; one that certainly
never left carries the code NOT_SENT. Redirects are not followed: a signature covers its path.
Answers are bounded in size, depth and count (`answers`, `documents`).
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Final, TypeVar

import httpx
import stamina

from bot.core.text import LONGEST
from bot.kalshi.answers import whole
from bot.kalshi.limits import TokenBudget
from bot.kalshi.wire.documents import refuse_excess
from bot.kalshi.wire.refusals import NOT_SENT
from bot.kalshi.wire.refusals import error as refusal
from bot.ports.exchange import ExchangeError

#: Seconds: one attempt in all, and all attempts of one request.
ATTEMPT_PATIENCE: Final = 15.0
TOTAL_PATIENCE: Final = 30.0

#: What the exchange answers about what it does not know.
NOT_FOUND: Final = 404

#: Addresses kept: each cycle asks the same, and httpx takes 10 µs a ticker to write one.
ADDRESSES: Final = 512

#: Failures before the first byte of a request was sent.
_UNSENT: Final = (
    *(httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout),
    *(httpx.UnsupportedProtocol, httpx.InvalidURL),
)

ValueT = TypeVar("ValueT")
Params = Sequence[tuple[str, str]]
#: The headers that sign a method and a whole path, as of now.
Signature = Callable[[str, str], Mapping[str, str]]

_retrying = stamina.AsyncRetryingCaller(
    attempts=4, timeout=TOTAL_PATIENCE, wait_initial=0.25, wait_max=4.0, wait_jitter=1.0
)


def _nothing() -> None:
    """No last check."""


@dataclass(frozen=True, slots=True)
class Write:
    """A request that changes something; `body` is JSON.

    `check` is called when nothing but the sending is left, and may raise ExchangeError. An answer
    is waited for `patience` seconds, for ATTEMPT_PATIENCE if None. `cost` is that of so many usual
    requests; one that is `urgent` waits for no other. One that names a `shard` beyond the first
    draws on that shard's own bucket.
    """

    method: str
    path: str
    body: bytes = b""
    params: Params = ()
    check: Callable[[], None] = _nothing
    patience: float | None = None
    cost: float = 1.0
    urgent: bool = False
    shard: int | None = None


async def if_there(reading: Awaitable[ValueT]) -> ValueT | None:
    """What is read; None if the exchange knows nothing of it. Raises ExchangeError."""
    try:
        return await reading
    except ExchangeError as error:
        if error.status == NOT_FOUND:
            return None
        raise


class Calls:
    """Requests to one exchange through one budget."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        budget: TokenBudget,
        signature: Signature | None = None,
        on_time: Callable[[datetime], None] | None = None,
    ) -> None:
        """`on_time` hears the exchange's own time with each answer that tells it."""
        self._http = http
        self._budget = budget
        self._of_shards: dict[int, TokenBudget] = {}
        self._signature = signature
        self._on_time = on_time
        self._address = lru_cache(ADDRESSES)(self._absolute)
        self._reading = asyncio.Lock()
        self._heard_at: datetime | None = None

    @property
    def heard_at(self) -> datetime | None:
        """The exchange's own time when it made its last answer, to the second; None if untold."""
        return self._heard_at

    def resize(self, rate: float, capacity: float) -> None:
        """Send so many requests a second from now on, and so many at once; on each shard."""
        for budget in (self._budget, *self._of_shards.values()):
            budget.resize(rate, capacity)

    def _of_shard(self, shard: int | None) -> TokenBudget:
        if not shard:
            return self._budget
        if shard not in self._of_shards:
            self._of_shards[shard] = self._budget.apart()
        return self._of_shards[shard]

    async def read(self, path: str, params: Params, parse: Callable[[bytes], ValueT]) -> ValueT:
        """The parsed body of a GET; repeated while the failure may pass by itself."""
        response = await _retrying.on(_may_pass)(self._success, path, params)
        # Answers that come together are parsed one by one, with a yield to the event loop between.
        async with self._reading:
            await asyncio.sleep(0)
            return parsed(f"GET {path}", parse, response.content)

    async def read_once(
        self, path: str, params: Params, parse: Callable[[bytes], ValueT]
    ) -> ValueT:
        """The parsed body of a GET that is not repeated: for callers who ask again themselves."""
        response = await self._success(path, params)
        return parsed(f"GET {path}", parse, response.content)

    async def get(self, path: str, params: Params = ()) -> httpx.Response:
        """The answer of one GET, whatever it is."""
        await self._budget.take()
        return await self._answer("GET", path, params)

    async def write(self, write: Write, parse: Callable[[bytes], ValueT]) -> ValueT:
        """The parsed body of a success. Sent once at most.

        Raises ExchangeError; whether the request was done is then known only of a refusal (4xx)
        and of what carries NOT_SENT.
        """
        await self._of_shard(write.shard).take(write.cost, urgent=write.urgent)
        write.check()
        asked = write.method, write.path
        response = await self._answer(*asked, write.params, write.body, write.patience)
        what = " ".join(asked)
        if (refused := refused_as(what, response)) is not None:
            raise refused
        return parsed(what, parse, response.content)

    async def _success(self, path: str, params: Params) -> httpx.Response:
        response = await self.get(path, params)
        if (refused := refused_as(f"GET {path}", response)) is not None:
            raise refused
        return response

    async def _answer(
        self,
        method: str,
        path: str,
        params: Params,
        body: bytes = b"",
        patience: float | None = None,
    ) -> httpx.Response:
        try:
            request = self._request(method, self._address(path, tuple(params)), body)
            async with asyncio.timeout(patience or ATTEMPT_PATIENCE):
                response = await whole(await self._http.send(request, stream=True))
                self._heard_at = _time_of(response.headers)
                if self._on_time is not None and self._heard_at is not None:
                    self._on_time(self._heard_at)
                return response
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            reason = f"{type(error).__name__}: {error}".removesuffix(": ")
            code = NOT_SENT if isinstance(error, _UNSENT) else ""
            raise ExchangeError(f"{method} {path}: {reason}", code=code) from error
        except ExchangeError as error:
            # Answered it was: of a write this says that it may have been done.
            reported = f"{method} {path}: {error}"
            raise ExchangeError(reported, status=httpx.codes.OK) from error

    def _request(self, method: str, url: httpx.URL, body: bytes) -> httpx.Request:
        request = self._http.build_request(method, url, content=body or None)
        if body:
            request.headers["content-type"] = "application/json"
        if self._signature is not None:
            path = url.raw_path.decode("ascii").partition("?")[0]
            request.headers.update(self._signature(method, path))
        return request

    def _absolute(self, path: str, params: tuple[tuple[str, str], ...]) -> httpx.URL:
        return self._http.build_request("GET", path, params=list(params)).url


def _time_of(headers: httpx.Headers) -> datetime | None:
    # What was kept at the edge for a while bears the time at which it was made.
    if "age" in headers or "date" not in headers:
        return None
    try:
        reported = parsedate_to_datetime(headers["date"])
    except ValueError:
        return None
    return reported if reported.utcoffset() is not None else None


def refused_as(asked: str, response: httpx.Response) -> ExchangeError | None:
    """The refusal that a response is; None for a success."""
    if response.is_success:
        return None
    if response.has_redirect_location:
        return ExchangeError(_pointing(asked, response), status=response.status_code)
    return refusal(asked, response.status_code, response.content)


def _pointing(asked: str, response: httpx.Response) -> str:
    """Where the exchange says to go instead. Nothing of ours goes there, a signature least."""
    reported = response.headers["location"]
    # Of an address, what may hold a secret is left out: who, and everything asked.
    where = re.sub(r"//[^/?#]*@", "//", reported[:LONGEST]).partition("?")[0].partition("#")[0]
    return (
        f"{asked}: HTTP {response.status_code}, it points to {where or 'nowhere'}, which is not "
        "followed: if that is the exchange, set KALSHI_BASE_URL to it"
    )


def refuse_long_page(asked: str, count: int, most: int) -> None:
    """Raise ExchangeError for a page with more entries than were asked for: its end is unknown."""
    if count > most:
        raise ExchangeError(f"{asked}: {count} entries on a page of {most}", status=httpx.codes.OK)


def parsed(asked: str, parse: Callable[[bytes], ValueT], body: bytes) -> ValueT:
    """The body of a success as a value; raises ExchangeError naming what was asked."""
    try:
        refuse_excess(body)
        return parse(body)
    except ExchangeError as error:
        raise ExchangeError(f"{asked}: {error}", status=httpx.codes.OK) from error


def _may_pass(error: Exception) -> bool:
    """Whether the same request may succeed a moment later."""
    if not isinstance(error, ExchangeError):
        return False
    if error.status is None:
        return isinstance(error.__cause__, httpx.TransportError | TimeoutError)
    return error.status == httpx.codes.TOO_MANY_REQUESTS or error.status >= 500
