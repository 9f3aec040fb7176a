"""Kalshi's public REST API as `ports.MarketData`, on httpx.

Reads only, so every request may be repeated: what may pass by itself (429, 5xx, a broken
connection, a timeout) is tried again with jitter, a few times and not for long. Every failure
ends as ExchangeError. Requests go through one outbound budget; redirects are not followed.
"""

import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TypeVar
from urllib.parse import quote

import httpx

from bot.core.market.exchange_status import ExchangeStatus
from bot.core.market.market import Market
from bot.core.market.trading_schedule import TradingSchedule
from bot.kalshi.answers import ENCODING, no_cookies
from bot.kalshi.batches import BATCH, in_batches, together
from bot.kalshi.calls import Calls, Signature, if_there, parsed, refuse_long_page, refused_as
from bot.kalshi.limits import TokenBudget
from bot.kalshi.terms import TermsCache
from bot.kalshi.wire import books
from bot.kalshi.wire import markets as wire
from bot.kalshi.wire.fee_changes import FeeChangePage, event_fee_changes, series_fee_changes
from bot.kalshi.wire.oddities import Oddities
from bot.kalshi.wire.schedule import exchange_schedule
from bot.outbound import DIRECT, Outbound
from bot.ports.exchange import BookAnswer, Clock, ExchangeError, Listed, Terms

log = logging.getLogger("main")

DescribedT = TypeVar("DescribedT", Market, wire.EventTerms)

#: Markets on one page of the listing, and trades on one of theirs: the most there can be.
PAGE = 1_000
#: Four times the listing of 2026; one that is longer is running in circles.
MOST_PAGES = 500
#: Pages of announced fee changes.
MOST_CHANGES = 10
#: Markets that one question looks up in the archive, each with a request.
LOOKED_UP = 10

_LIMITS = httpx.Limits(max_connections=20, max_keepalive_connections=10, keepalive_expiry=30.0)


def open_http(
    base_url: str,
    transport: httpx.AsyncBaseTransport | None = None,
    outbound: Outbound = DIRECT,
) -> httpx.AsyncClient:
    """The HTTP client for an exchange at that address; close it when done.

    It goes through the transport, or without one the way out that is given.
    """
    return httpx.AsyncClient(
        base_url=base_url,
        transport=transport or outbound.transport(base_url, _LIMITS),
        # Without it the exchange may translate the titles of markets.
        headers={
            "Accept-Language": "en",
            "Accept": "application/json",
            "Accept-Encoding": ENCODING,
        },
        cookies=no_cookies(),
        timeout=httpx.Timeout(connect=5.0, read=10.0, write=5.0, pool=10.0),
        follow_redirects=False,
    )


class KalshiClient:
    """Market data from Kalshi, or from anything that speaks like it."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        budget: TokenBudget,
        clock: Clock,
        signature: Signature | None = None,
        on_skew: Callable[[float], None] | None = None,
    ) -> None:
        """With a `signature` the reads count for the account that signs, not for the address.

        `on_skew` hears by how many seconds the exchange's clock is ahead of ours.
        """
        self._calls = Calls(http, budget, signature)
        self._clock = clock
        self._on_skew = on_skew
        self._cache = TermsCache(clock)
        self._oddities = Oddities(clock)

    def odd_entries(self) -> str | None:
        """What of the exchange's answers could not be read of late; None if all could."""
        return self._oddities.summary()

    async def books(self, tickers: Sequence[str]) -> BookAnswer:
        """The order books of these markets, a hundred to a request.

        A request that failed makes its markets `missing` with the reason; only when every
        request failed is that an ExchangeError.
        """
        batches = list(in_batches(tickers))
        answers = await together(self._batch, batches)
        failed = [answer for answer in answers if isinstance(answer, ExchangeError)]
        if failed and len(failed) == len(answers):
            raise failed[0]
        joined = books.joined(
            [
                books.nothing(batch, str(answer)) if isinstance(answer, ExchangeError) else answer
                for batch, answer in zip(batches, answers, strict=True)
            ]
        )
        return replace(joined, skew=self._skew())

    def _skew(self) -> float | None:
        reported = self._calls.heard_at
        if reported is None:
            return None
        if self._on_skew is not None:
            # Whoever hears of it may put our clock right.
            self._on_skew(self._ahead(reported))
        return self._ahead(reported)

    def _ahead(self, reported: datetime) -> float:
        # It is told in whole seconds, cut off: half of one is the least wrong to add.
        return (reported - self._clock.now()).total_seconds() + 0.5

    async def markets(self, tickers: Sequence[str]) -> Mapping[str, Market]:
        """These markets as described now, if at all. ExchangeError if any request failed."""
        found: dict[str, Market] = {}
        for page in await together(self._markets, list(in_batches(tickers))):
            if isinstance(page, ExchangeError):
                # A market not asked about is not an absent one.
                raise page
            found |= self._once("GET /markets", page)
        return {ticker: found[ticker] for ticker in tickers if ticker in found}

    async def archived(self, tickers: Sequence[str]) -> Mapping[str, Market]:
        """These markets as archived, one request each. Raises ExchangeError if any failed."""
        found: dict[str, Market] = {}
        for market in await together(self._archived, [(ticker,) for ticker in tickers]):
            if isinstance(market, ExchangeError):
                raise market
            if market is not None:
                found[market.ticker] = market
        return found

    async def anywhere(self, tickers: Sequence[str]) -> Mapping[str, Market]:
        """The markets wherever they are by now; a few of those not listed are looked up at once."""
        live = await self.markets(tickers)
        gone = [ticker for ticker in tickers if ticker not in live]
        return {**live, **await self.archived(gone[:LOOKED_UP])}

    async def listing(self) -> AsyncIterator[Listed]:
        """All open markets but combos, page by page; raises ExchangeError if it runs in circles."""
        # Of tickers that may be long only the hashes: a listing may be one without an end.
        cursor, cursors, seen = "", {""}, set[int]()
        for number in range(1, MOST_PAGES + 1):
            page = await self._page(cursor)
            fresh = set(map(hash, page.tickers)) - seen
            # A cursor the exchange cannot read is silently page one, give or take a new market.
            if len(fresh) * 2 < len(page.tickers):
                raise ExchangeError(f"GET /markets: page {number} repeats an earlier one")
            seen |= fresh
            yield page.listed
            if not page.cursor:
                return
            if page.cursor in cursors:
                raise ExchangeError(
                    f"GET /markets: the cursor after page {number} was there before"
                )
            cursor = page.cursor
            cursors.add(cursor)
        raise ExchangeError(f"GET /markets: no end after {MOST_PAGES} pages")

    async def terms(self, event_tickers: Sequence[str]) -> Mapping[str, Terms]:
        """Series, category and fees by event, read at most once an hour.

        One request after the other, to leave room in the budget for what is urgent. An event
        that cannot be read is absent; ExchangeError only if nothing could be read at all.
        """
        failures: list[ExchangeError] = []
        await self._learn_changes()
        found, wanted = self._cache.split(event_tickers)
        for batch in in_batches(wanted):
            found |= await self._terms(batch, failures)
        if failures and not found:
            raise failures[0]
        if failures:
            log.warning("%d fees stay unknown for now: %s", len(failures), failures[0])
        return found

    async def trades(self, ticker: str, limit: int = 100) -> tuple[wire.PublicTrade, ...]:
        """The latest trades of a market, newest first; ExchangeError if one cannot be read."""
        params = [("ticker", ticker), ("limit", str(limit))]
        page = await self._calls.read("/markets/trades", params, wire.trades)
        refuse_long_page("GET /markets/trades", len(page.trades), limit)
        if page.broken:
            raise ExchangeError(f"GET /markets/trades: {page.broken[0]}")
        if strange := {trade.ticker for trade in page.trades} - {ticker}:
            raise ExchangeError(f"GET /markets/trades: {min(strange)} was not asked about")
        return page.trades

    async def recent_trades(
        self, since: datetime, pages: int
    ) -> tuple[tuple[wire.PublicTrade, ...], bool, frozenset[str]]:
        """The trades of all markets from `since` on, newest first, and whether those are all.

        They are not all if so many pages, one request each, do not reach back so far. Last the
        markets of trades that could not be read and were left out.
        """
        # Whole seconds, rounded down: a few trades too many are better than one too few.
        params = [("limit", str(PAGE)), ("min_ts", str(int(since.timestamp())))]
        found: dict[str, wire.PublicTrade] = {}
        doubtful: frozenset[str] = frozenset()
        cursor = ""
        for _ in range(pages):
            more = [("cursor", cursor)] if cursor else []
            page = await self._calls.read("/markets/trades", [*params, *more], wire.trades)
            refuse_long_page("GET /markets/trades", len(page.trades), PAGE)
            self._oddities.note("GET /markets/trades", page.broken)
            cursor, doubtful, known = page.cursor, doubtful | page.doubtful, len(found)
            found |= {trade.trade_id: trade for trade in page.trades}
            if not cursor or (page.trades and page.trades[-1].at < since):
                return tuple(found.values()), True, doubtful
            # A cursor the exchange cannot read is silently page one.
            if len(found) == known:
                break
        return tuple(found.values()), False, doubtful

    async def exchange_status(self) -> ExchangeStatus:
        """Whether the exchange is up; it says so with error statuses too."""
        path = "/exchange/status"
        response = await self._calls.get(path)
        try:
            return parsed(f"GET {path}", wire.exchange_status, response.content)
        except ExchangeError as error:
            if (refused := refused_as(f"GET {path}", response)) is not None:
                raise refused from error
            raise

    async def exchange_schedule(self) -> TradingSchedule:
        """When the exchange means to trade; asked once, for who asks comes again."""
        return await self._calls.read_once("/exchange/schedule", (), exchange_schedule)

    async def _batch(self, tickers: Sequence[str]) -> BookAnswer:
        def read(body: bytes) -> BookAnswer:
            return books.books(body, tickers, self._clock.now().timestamp())

        return await self._calls.read(
            "/markets/orderbooks", [("tickers", t) for t in tickers], read
        )

    async def _markets(self, tickers: Sequence[str]) -> tuple[Market, ...]:
        params = [("tickers", ",".join(tickers)), ("limit", str(BATCH))]
        found, broken = await self._calls.read("/markets", params, wire.markets)
        refuse_long_page("GET /markets", len(found), BATCH)
        self._oddities.note("GET /markets", broken)
        return found

    async def _archived(self, batch: Sequence[str]) -> Market | None:
        (ticker,) = batch
        path = f"/historical/markets/{quote(ticker, safe='')}"
        market = await if_there(self._calls.read(path, (), wire.market))
        if market is None:
            return None
        if market.ticker != ticker:
            raise ExchangeError(f"GET {path}: the answer is about {market.ticker}")
        return market

    def _once(self, asked: str, page: Sequence[DescribedT]) -> dict[str, DescribedT]:
        """Those of the page that are described in one way only, by ticker."""
        found: dict[str, DescribedT] = {}
        twice: set[str] = set()
        for one in page:
            if found.setdefault(one.ticker, one) != one:
                twice.add(one.ticker)
        self._oddities.note(asked, [f"{t} is described in two ways" for t in sorted(twice)])
        return {ticker: one for ticker, one in found.items() if ticker not in twice}

    async def _page(self, cursor: str) -> wire.ListingPage:
        params = [("limit", str(PAGE)), ("status", "open"), ("mve_filter", "exclude")]
        params += [("cursor", cursor)] if cursor else []
        page = await self._calls.read("/markets", params, wire.listing)
        refuse_long_page("GET /markets, the listing", len(page.tickers), PAGE)
        self._oddities.note("GET /markets, the listing", page.broken)
        return page

    async def _terms(self, batch: Sequence[str], failures: list[ExchangeError]) -> dict[str, Terms]:
        found: dict[str, Terms] = {}
        try:
            events = await self._events(batch)
        except ExchangeError as error:
            failures.append(error)
            return found
        for event in self._once("GET /events", events).values():
            try:
                await self._series(event.series_ticker)
            except ExchangeError as error:
                failures.append(error)
                continue
            if (terms := self._cache.store(event)) is not None:
                found[event.ticker] = terms
        return found

    async def _learn_changes(self) -> None:
        """Read which fees are going to change, if that is due; what cannot be read is logged."""
        if not self._cache.wants_changes:
            return
        try:
            pages = [await self._calls.read("/series/fee_changes", (), series_fee_changes)]
            pages += await self._event_changes()
        except ExchangeError as error:
            log.warning("Which fees change is not known, they may be an hour old: %s", error)
            self._cache.store_changes(self._cache.announced)
            return
        for page in pages:
            self._oddities.note("GET fee_changes", page.broken)
        self._cache.store_changes([change for page in pages for change in page.changes])

    async def _event_changes(self) -> list[FeeChangePage]:
        path, cursor, cursors = "/events/fee_changes", "", {""}
        pages: list[FeeChangePage] = []
        for _ in range(MOST_CHANGES):
            params = [("limit", str(PAGE)), *([("cursor", cursor)] if cursor else [])]
            pages.append(await self._calls.read(path, params, event_fee_changes))
            cursor = pages[-1].cursor
            if not cursor:
                return pages
            # A cursor the exchange cannot read is silently page one.
            if cursor in cursors:
                break
            cursors.add(cursor)
        raise ExchangeError(f"GET {path}: no end after {len(pages)} pages")

    async def _events(self, tickers: Sequence[str]) -> tuple[wire.EventTerms, ...]:
        params = [("tickers", ",".join(tickers)), ("limit", str(BATCH))]
        found, broken = await self._calls.read("/events", params, wire.events)
        refuse_long_page("GET /events", len(found), BATCH)
        self._oddities.note("GET /events", broken)
        return found

    async def _series(self, ticker: str) -> wire.SeriesTerms:
        known = self._cache.series(ticker)
        if known is None:
            path = f"/series/{quote(ticker, safe='')}"
            known = await self._calls.read(path, (), wire.series)
            if known.ticker != ticker:
                raise ExchangeError(f"GET {path}: the answer is about {known.ticker}")
            self._cache.store_series(known)
        return known
