"""Which markets are worth watching: the top by 24-hour volume of all that are open.

The exchange cannot sort, so its whole listing is read in the background, page by page; the best
known so far are watched meanwhile. Each cycle re-reads the watched markets themselves and
replaces those that closed. Nothing here decides what to trade.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, TypeAlias

import numpy as np

from bot.core.market.market import OVER, Market, MarketStatus
from bot.core.market.money import measured
from bot.core.market.orderbook import Books, Floats
from bot.market_data.listing_check import BELIEVED_AFTER, Census
from bot.market_data.volume_ranking import Ranking
from bot.ports.exchange import Clock, ExchangeError, MarketData, Terms

log = logging.getLogger("main")

#: Seconds between two passes over the listing at most, and for each of its pages: what was listed
#: lately has little volume yet, and a short listing is soon read again to find it grown.
PAUSE = 300.0
PAUSE_A_PAGE = 10.0
#: Seconds after a failed pass, and between checks for terms.
PAUSE_AFTER_FAULT = 30.0
TERMS_PAUSE = 1.0
#: How often the terms of an event are asked for again; the adapter may answer from memory.
TERMS_AGE = timedelta(minutes=1)
#: Events asked about at once: few, so that the first markets have their fees soon.
TERMS_BATCH = 20
#: Seconds between two passes while most places are empty, doubled each time.
LEAST_PAUSE = 5.0
#: So many listed markets may be unknown to the exchange without a doubt.
LEAST_SILENCE = 4
#: A refresh replaces closed markets by the next in rank, and those again, so many times.
ROUNDS = 3

#: How often the archive is asked about the same held markets, and about how many at once.
ARCHIVE_AGE: Final = timedelta(minutes=1)
ARCHIVE_BATCH: Final = 20

#: Where markets are looked up that have left the listing. May raise ExchangeError.
Archive: TypeAlias = Callable[[Sequence[str]], Awaitable[Mapping[str, Market]]]


@dataclass(frozen=True, slots=True)
class UniverseStatus:
    """How far the listing was read: open markets seen by the running or last pass, full passes.

    `fault` says why the list may be old; None if all is well.
    """

    scanned: int
    passes: int
    last_pass: datetime | None
    fault: str | None


class Universe:
    """The watched markets, kept up to date."""

    def __init__(
        self,
        data: MarketData,
        clock: Clock,
        size: int,
        *,
        patience: float = 15.0,
        archive: Archive | None = None,
    ) -> None:
        """Watch the top `size`; the first refresh waits `patience` seconds for a first page.

        Held markets that are listed no more are looked up in the `archive`.
        """
        self._data = data
        self._archive = archive
        self._clock = clock
        self._size = size
        self._patience = patience
        # Reserves stand in for markets that close between two passes.
        self._ranking = Ranking(size + max(100, size // 2))
        self._watched: dict[str, Market] = {}
        self._held: tuple[str, ...] = ()
        self._terms: dict[str, Terms] = {}
        self._asked_at: dict[str, datetime] = {}
        self._archive_asked: tuple[tuple[str, ...], datetime] | None = None
        self._heard = asyncio.Event()
        self._short = asyncio.Event()
        self._census = Census()
        self._rejected_scans = 0
        #: Not open at the moment, but not over either: asked about again with each refresh.
        self._paused: tuple[str, ...] = ()
        self._status = UniverseStatus(scanned=0, passes=0, last_pass=None, fault=None)
        self._faults: dict[str, str] = {}
        #: Events that were asked about and whose terms are not known all the same.
        self._unknown_terms: frozenset[str] = frozenset()
        self._terms_error = ""

    @property
    def status(self) -> UniverseStatus:
        """How well the markets are known, now."""
        faults = [*self._faults.values(), *self._unknown_fees()]
        return replace(self._status, fault="; ".join(faults) or None)

    def watched(self) -> Mapping[str, Market]:
        """The markets to look at, best first, then those held beyond them; never changed later.

        Held markets are here whatever their status; look at it before trading.
        """
        return self._watched

    def hold(self, tickers: Sequence[str]) -> None:
        """Keep these watched, for as long as they are named here: there are positions in them."""
        self._held = tuple(tickers)

    async def refresh(self) -> None:
        """Read the watched markets, replace closed ones. On ExchangeError the last known stay."""
        try:
            await self._first_page()
            await self._reread()
            await self._learn_held()
        except ExchangeError as error:
            self._faults["refresh"] = str(error)
            raise
        self._faults.pop("refresh", None)

    async def reread_held(self) -> None:
        """Read the held markets again, whether or not anything else is known yet.

        Raises ExchangeError; then they stay as they were known last.
        """
        known = dict(await self._data.markets(self._held)) if self._held else {}
        known |= await self._put_away(known)
        self._watched = self._with_terms({**self._watched, **self._last_known(known)})

    async def scan(self) -> None:
        """One pass over the whole listing.

        Raises ExchangeError if it broke off; what it learnt until then counts, and nothing that
        it did not see is dropped. Also raises it for a pass that cannot be true, of which nothing
        counts.
        """
        known = frozenset(self._ranking.tickers())
        self._ranking.begin()
        self._status = replace(self._status, scanned=0)
        try:
            self._believe(await self._read_listing(known), known)
        except ExchangeError as error:
            self._faults["scan"] = str(error)
            raise
        finally:
            self._heard.set()
        self._ranking.complete()
        self._faults.pop("scan", None)
        passes = self._status.passes + 1
        self._status = replace(self._status, passes=passes, last_pass=self._clock.now())

    async def learn(self) -> None:
        """Read series, category and fees of watched markets; what fails is tried again later."""
        events = list(dict.fromkeys(market.event_ticker for market in self._watched.values()))
        self._terms = {event: self._terms[event] for event in events if event in self._terms}
        self._asked_at = {e: at for e, at in self._asked_at.items() if e in set(events)}
        self._unknown_terms = self._unknown_terms.intersection(events)
        oldest = self._clock.now() - TERMS_AGE
        due = [e for e in events if e not in self._asked_at or self._asked_at[e] <= oldest]
        for start in range(0, len(due), TERMS_BATCH):
            await self._learn_about(due[start : start + TERMS_BATCH])

    async def run(self, stopping: asyncio.Event, pause: float = PAUSE) -> None:
        """Scan and learn until the event is set; what the exchange fails at becomes a fault."""
        async with asyncio.TaskGroup() as group:
            tasks = (
                group.create_task(self._rescan(pause), name="universe scan"),
                group.create_task(self._refresh_terms(), name="universe terms"),
            )
            await stopping.wait()
            # They only read: there is nothing to finish, and a stop must not wait for a page.
            for task in tasks:
                task.cancel()

    async def _read_listing(self, known: Collection[str]) -> Census:
        census = Census()
        async for page in self._data.listing():
            self._ranking.add(page)
            census = census.after(page, known)
            self._status = replace(self._status, scanned=census.open)
            self._heard.set()
        return census

    def _believe(self, census: Census, known: Collection[str]) -> None:
        """Use this pass from now on. Raises ExchangeError if it cannot be true."""
        why = census.implausibility(self._census, self._open_among(known))
        # What stays so for long is no accident; only an exchange without a market never is true.
        if why and (not census.open or self._rejected_scans < BELIEVED_AFTER):
            self._rejected_scans += 1
            self._ranking.reject()
            raise ExchangeError(f"GET /markets: {why}; the previous ranking stays in use")
        self._rejected_scans, self._census = 0, census

    def _open_among(self, known: Collection[str]) -> list[str]:
        """The watched ones among these that are certainly open."""
        if "refresh" in self._faults:
            return []
        now = self._clock.now()
        return [t for t, market in self._watched.items() if t in known and market.is_open(now)]

    async def _first_page(self) -> None:
        """Wait until there is something to ask about; ExchangeError if there is no market."""
        if not self._ranking.tickers() and not self._paused:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._patience):
                    await self._heard.wait()
        if not (self._ranking.tickers() or self._held or self._paused):
            self._short.set()
            raise ExchangeError(self._faults.get("scan", "no open market is known yet"))

    async def _reread(self) -> None:
        known: dict[str, Market] = {}
        asked: set[str] = set()
        apart = [*self._held, *self._paused]
        for _ in range(ROUNDS):
            chosen = self._chosen(known, asked)
            wanted = list(dict.fromkeys([*apart, *chosen]))
            if not wanted:
                break
            found = await self._data.markets(wanted)
            _refuse_silence(chosen, found)
            asked.update(wanted)
            known |= self._sorted(wanted, found)
            apart = []
        ranked = [t for t in self._ranking.tickers() if t in known][: self._size]
        known |= await self._put_away(known)
        held = self._last_known(known)
        self._note_places(len(ranked))
        self._watched = self._with_terms({t: known[t] for t in ranked} | held)

    def _sorted(self, wanted: Sequence[str], found: Mapping[str, Market]) -> dict[str, Market]:
        """Of the markets asked about those that are watched on; the ranking learns of all."""
        now = self._clock.now()
        volumes = {t: _volume(found.get(t), now) for t in wanted}
        is_open = {t: volume for t, volume in volumes.items() if volume is not None}
        paused = [t for t, m in found.items() if t not in is_open and _may_open(m)]
        others = [t for t in self._paused if t not in volumes]
        back = {t: is_open[t] for t in self._paused if t in is_open}
        self._paused = tuple([*others, *paused][-self._size :])
        self._ranking.correct(volumes)
        self._ranking.open_again(back)
        return {t: m for t, m in found.items() if t in is_open or t in self._held}

    def _chosen(self, known: Mapping[str, Market], asked: set[str]) -> list[str]:
        """As many of the best as there are places, and a few; none twice."""
        ranked = self._ranking.tickers()
        places = self._size - sum(ticker in known for ticker in ranked)
        best = [ticker for ticker in ranked if ticker not in asked]
        return best[: places + 2 + self._size // 20] if places > 0 else []

    def _note_places(self, filled: int) -> None:
        """Log it, and scan sooner, while fewer than half the places are filled that could be."""
        if 2 * filled >= min(self._size, self._census.open):
            self._short.clear()
            self._faults.pop("places", None)
            return
        self._short.set()
        self._faults["places"] = f"watching {filled} of {self._size} places"

    async def _put_away(self, known: Mapping[str, Market]) -> Mapping[str, Market]:
        """The held markets that are not listed any more but archived: they have paid."""
        lost = [ticker for ticker in self._held if ticker not in known]
        if not lost or self._archive is None or not self._is_due(lost):
            return {}
        try:
            return await self._archive(lost[:ARCHIVE_BATCH])
        except ExchangeError as error:
            log.warning("The archive could not be asked for %s: %s", ", ".join(lost), error)
            return {}

    def _is_due(self, lost: Sequence[str]) -> bool:
        """Whether the archive was not asked about these lately."""
        now, asked = self._clock.now(), self._archive_asked
        if asked and asked[0] == tuple(lost) and abs(now - asked[1]) < ARCHIVE_AGE:
            return False
        self._archive_asked = tuple(lost), now
        return True

    def _last_known(self, known: dict[str, Market]) -> dict[str, Market]:
        """The held markets, as of now or as last seen."""
        latest = self._watched | known
        lost = [ticker for ticker in self._held if ticker not in known]
        self._note("held", "held, but not known to the exchange", lost)
        held = {ticker: latest[ticker] for ticker in self._held if ticker in latest}
        self._note_unpaid(held)
        return held

    def _note_unpaid(self, held: Mapping[str, Market]) -> None:
        """Say so of what is final and cannot be booked: it would be held for ever, in silence."""
        unpaid = [
            f"{ticker} (result '{market.result}')"
            for ticker, market in held.items()
            if market.status is MarketStatus.FINALIZED and market.payout is None
        ]
        self._note("payout", "held and final, but the exchange does not say what it pays", unpaid)

    def _note(self, name: str, what: str, markets: Sequence[str]) -> None:
        """Have a fault of this name as long as there are such markets."""
        if markets:
            self._faults[name] = f"{what}: {', '.join(markets)}"
        else:
            self._faults.pop(name, None)

    async def _learn_held(self) -> None:
        """What is held may have to be sold at once, also by a process that has just begun."""
        held = (self._watched[t].event_ticker for t in self._held if t in self._watched)
        events = dict.fromkeys(held)
        unknown = [e for e in events if e not in self._terms and e not in self._asked_at]
        if unknown:
            await self._learn_about(unknown[:TERMS_BATCH])

    async def _learn_about(self, events: Sequence[str]) -> None:
        self._asked_at |= dict.fromkeys(events, self._clock.now())
        try:
            self._terms |= await self._data.terms(events)
            self._terms_error = ""
        except ExchangeError as error:
            self._terms_error = f": {error}"
        # An answer may leave some out: those are as unknown as if there had been none.
        self._unknown_terms = frozenset([*self._unknown_terms, *events]).difference(self._terms)
        self._watched = self._with_terms(self._watched)

    def _unknown_fees(self) -> list[str]:
        """For how many watched markets the fees could not be learnt, if for any."""
        events = [market.event_ticker for market in self._watched.values()]
        if not (count := sum(event in self._unknown_terms for event in events)):
            return []
        what = f"the fees of {count} of {len(events)} watched markets are unknown"
        return [f"{what}, so none of those is entered{self._terms_error}"]

    def _with_terms(self, markets: Mapping[str, Market]) -> dict[str, Market]:
        now, terms = self._clock.now(), self._terms
        return {t: _described(m, terms.get(m.event_ticker), now) for t, m in markets.items()}

    async def _rescan(self, pause: float) -> None:
        hurry = LEAST_PAUSE
        while True:
            try:
                await self.scan()
                rest = min(pause, PAUSE_A_PAGE * self._census.pages)
            except ExchangeError as error:
                log.warning("The listing was not read to its end: %s", error)
                rest = min(pause, PAUSE_AFTER_FAULT)
            least = min(rest, hurry)
            await asyncio.sleep(least)
            if self._short.is_set():
                # Ever less often: the exchange may have no more for hours.
                hurry = min(2 * hurry, PAUSE)
                continue
            hurry = LEAST_PAUSE
            with suppress(TimeoutError):
                async with asyncio.timeout(rest - least):
                    await self._short.wait()

    async def _refresh_terms(self) -> None:
        while True:
            await self.learn()
            await asyncio.sleep(TERMS_PAUSE)


def seconds_to_close(books: Books, markets: Mapping[str, Market]) -> Floats:
    """How long the market of each book stays open after it was seen, shape (N,), seconds."""
    closes = [markets[ticker].close_time.timestamp() for ticker in books.tickers]
    seconds: Floats = np.array(closes, dtype=np.float64) - books.seen_at
    return seconds


def _refuse_silence(asked: Sequence[str], found: Mapping[str, Market]) -> None:
    """Raise ExchangeError if most of these are said not to exist: a moment ago they were listed."""
    absent = sum(ticker not in found for ticker in asked)
    if absent >= LEAST_SILENCE and 2 * absent > len(asked):
        raise ExchangeError(
            f"GET /markets: {absent} of {len(asked)} listed markets are missing from the answer"
        )


def _may_open(market: Market) -> bool:
    """Whether a market that is not open may be again."""
    return not market.is_combo and market.status not in OVER


def _volume(market: Market | None, now: datetime) -> float | None:
    """The day's volume of a market that can be traded, in contracts; None of any other."""
    if market is None or market.is_combo or not market.is_open(now):
        return None
    return measured(market.volume_24h)


def _described(market: Market, terms: Terms | None, now: datetime) -> Market:
    if terms is None:
        return market
    fees, exclusive = terms.fees_at(now), terms.is_exclusive
    return market.under(terms.series_ticker, terms.category, fees, is_exclusive=exclusive)
