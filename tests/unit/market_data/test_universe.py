import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.clock import RecordedClock
from bot.core.market.fees import FeeKind, FeeSchedule
from bot.core.market.market import CENT_GRID, Market, MarketStatus
from bot.kalshi.wire.books import nothing
from bot.market_data.listing_check import BELIEVED_AFTER
from bot.market_data.universe import Universe
from bot.market_data.volume_ranking import Ranking
from bot.ports.exchange import BookAnswer, ExchangeError, Listed, Terms
from tests.support.strategies import NOON

FEES = FeeSchedule(FeeKind.QUADRATIC, Decimal(1))


def described(ticker: str, volume: int) -> Market:
    return Market(
        ticker=ticker,
        event_ticker=f"E-{ticker}",
        title=ticker,
        status=MarketStatus.ACTIVE,
        grid=CENT_GRID,
        open_time=NOON - timedelta(days=1),
        close_time=NOON + timedelta(days=1),
        volume_24h=Decimal(volume),
        open_interest=Decimal(0),
    )


def listed(markets: Sequence[Market]) -> Listed:
    volumes = np.array([float(one.volume_24h) for one in markets])
    return Listed(tuple(one.ticker for one in markets), volumes)


class FakeExchange:
    """Markets by ticker; `fails` has the methods that fail, `at_page` what happens before one."""

    def __init__(self, volumes: Mapping[str, int], pages: int = 1) -> None:
        self.described = {ticker: described(ticker, v) for ticker, v in volumes.items()}
        self.pages = pages
        self.cut_after = 0
        self.fails: set[str] = set()
        self.at_page: dict[int, Callable[[], None]] = {}
        self.asked: list[tuple[str, ...]] = []
        self.asked_terms: list[tuple[str, ...]] = []
        self.terms_unknown: set[str] = set()

    def change(self, ticker: str, **changes: object) -> None:
        self.described[ticker] = replace(self.described[ticker], **changes)  # type: ignore[arg-type]  # fields of Market

    async def books(self, tickers: Sequence[str]) -> BookAnswer:
        return nothing(tickers, "no books here")

    async def markets(self, tickers: Sequence[str]) -> Mapping[str, Market]:
        self.asked.append(tuple(tickers))
        self._may_fail("markets")
        return {t: self.described[t] for t in tickers if t in self.described}

    async def listing(self) -> AsyncIterator[Listed]:
        for number in range(self.cut_after or self.pages):
            self.at_page.get(number, lambda: None)()
            await asyncio.sleep(0)
            self._may_fail("listing")
            active = [m for m in self.described.values() if m.status is MarketStatus.ACTIVE]
            yield listed(active[number :: self.pages])

    async def terms(self, event_tickers: Sequence[str]) -> Mapping[str, Terms]:
        self.asked_terms.append(tuple(event_tickers))
        self._may_fail("terms")
        known = [event for event in event_tickers if event not in self.terms_unknown]
        return {event: Terms("KXSERIES", "Weather", FEES) for event in known}

    def _may_fail(self, what: str) -> None:
        if what in self.fails:
            raise ExchangeError(f"{what} is down")


@pytest.fixture
def clock() -> RecordedClock:
    return RecordedClock(NOON)


@pytest.fixture
def exchange() -> FakeExchange:
    return FakeExchange({"A": 50, "B": 40, "C": 30, "D": 20, "E": 10}, pages=2)


@pytest.fixture
def universe(exchange: FakeExchange, clock: RecordedClock) -> Universe:
    return Universe(exchange, clock, 2, patience=0.01)


async def until(condition: Callable[[], object]) -> None:
    """Let the other tasks work until it holds."""
    for _ in range(100_000):
        if condition():
            return
        await asyncio.sleep(0)
    pytest.fail("it never came to hold")


def watched(universe: Universe) -> list[str]:
    return list(universe.watched())


async def test_the_top_by_volume_is_watched_best_first(universe):
    await universe.scan()
    await universe.refresh()

    assert watched(universe) == ["A", "B"]


async def test_the_best_known_so_far_are_watched_while_a_pass_is_running(universe, exchange):
    seen: list[list[str]] = []

    async def look() -> None:
        await universe.refresh()
        seen.append(watched(universe))

    async with asyncio.TaskGroup() as group:
        exchange.at_page[1] = lambda: group.create_task(look())
        await universe.scan()
    await look()

    assert seen == [["A", "C"], ["A", "B"]]  # the first page has A, C and E


async def test_a_market_that_left_the_listing_is_dropped_after_a_full_pass_only(universe, exchange):
    await universe.scan()
    del exchange.described["A"]
    exchange.fails = {"listing"}
    with pytest.raises(ExchangeError):
        await universe.scan()
    assert universe._ranking.tickers()[0] == "A"

    exchange.fails = set()
    await universe.scan()
    assert universe._ranking.tickers()[0] == "B"


async def test_a_pass_that_broke_off_keeps_what_it_learnt(universe, exchange):
    exchange.at_page[1] = lambda: exchange.fails.add("listing")
    with pytest.raises(ExchangeError, match="listing is down"):
        await universe.scan()
    await universe.refresh()

    assert watched(universe) == ["A", "C"]
    assert universe.status.fault == "listing is down"
    assert (universe.status.scanned, universe.status.passes) == (3, 0)


async def test_the_status_tells_how_far_the_listing_was_read(universe, exchange, clock):
    assert (universe.status.scanned, universe.status.last_pass) == (0, None)
    await universe.scan()
    clock.move(NOON + timedelta(minutes=5))
    await universe.scan()

    reported = universe.status
    assert (reported.scanned, reported.passes, reported.last_pass) == (5, 2, clock.now())
    assert reported.fault is None


async def test_an_empty_listing_is_not_believed(universe, exchange):
    await universe.scan()
    await universe.refresh()
    checkpoint = exchange.described
    exchange.described = {}
    with pytest.raises(ExchangeError, match="no open market at all"):
        await universe.scan()
    exchange.described = checkpoint
    await universe.refresh()

    assert watched(universe) == ["A", "B"]


@pytest.mark.parametrize(
    "changes",
    [
        {"status": MarketStatus.CLOSED},
        {"status": MarketStatus.INACTIVE},
        {"status": MarketStatus.FINALIZED},
        {"status": MarketStatus.UNKNOWN},
        {"close_time": NOON},
        {"open_time": NOON + timedelta(seconds=1)},
        {"is_combo": True},
    ],
)
async def test_a_market_no_longer_open_makes_room_for_the_next(universe, exchange, changes):
    await universe.scan()
    await universe.refresh()
    exchange.change("A", **changes)
    await universe.refresh()

    assert watched(universe) == ["B", "C"]


async def test_a_market_the_exchange_no_longer_knows_makes_room_too(universe, exchange):
    await universe.scan()
    del exchange.described["A"]
    await universe.refresh()

    assert watched(universe) == ["B", "C"]


async def test_many_closing_at_once_are_replaced_in_one_refresh(clock):
    exchange = FakeExchange({f"T{n:02d}": 100 - n for n in range(40)})
    universe = Universe(exchange, clock, 10)
    await universe.scan()
    await universe.refresh()
    for number in range(10):
        exchange.change(f"T{number:02d}", status=MarketStatus.CLOSED)
    await universe.refresh()

    assert watched(universe) == [f"T{n:02d}" for n in range(10, 20)]


async def test_a_refresh_gives_up_replacing_after_a_few_requests(clock):
    exchange = FakeExchange({f"T{n:02d}": 100 - n for n in range(40)})
    universe = Universe(exchange, clock, 2)
    await universe.scan()
    for number in range(38):
        exchange.change(f"T{number:02d}", status=MarketStatus.CLOSED)
    await universe.refresh()

    assert len(exchange.asked) == 3
    assert watched(universe) == []


async def test_a_market_reopened_comes_back_with_the_next_refresh(universe, exchange):
    await universe.scan()
    exchange.change("A", status=MarketStatus.INACTIVE)
    await universe.refresh()
    exchange.change("A", status=MarketStatus.ACTIVE)
    await universe.refresh()

    assert watched(universe) == ["A", "B"]


@pytest.fixture
def many() -> FakeExchange:
    return FakeExchange({f"T{n:03d}": 1_000 - n for n in range(200)}, pages=2)


TOP = [f"T{n:03d}" for n in range(20)]


@pytest.fixture
async def wide(many: FakeExchange, clock: RecordedClock) -> Universe:
    universe = Universe(many, clock, 20, patience=0.01)
    await universe.scan()
    await universe.refresh()
    assert watched(universe) == TOP
    return universe


async def test_an_exchange_that_tells_of_no_market_for_a_while_costs_none(wide, many):
    checkpoint, many.described = many.described, {}
    wide.hold(["T150"])
    for _ in range(20):
        with pytest.raises(ExchangeError, match="23 of 23 listed markets"):
            await wide.refresh()
        with pytest.raises(ExchangeError, match="no open market at all"):
            await wide.scan()
    assert watched(wide) == TOP
    assert wide.status.fault is not None

    many.described = checkpoint
    await wide.refresh()
    await wide.scan()

    assert watched(wide) == [*TOP, "T150"]
    assert wide.status.fault is None


@pytest.mark.parametrize(
    "change",
    [
        {"status": MarketStatus.INACTIVE},
        {"status": MarketStatus.UNKNOWN},
        {"close_time": NOON - timedelta(hours=1)},
    ],
)
@pytest.mark.parametrize("held", [[], ["T150"]])
async def test_markets_that_all_pause_come_back_at_once_and_it_is_shown_meanwhile(
    wide, many, change, held
):
    wide.hold(held)
    checkpoint = dict(many.described)
    for ticker in checkpoint:
        many.change(ticker, **change)
    for _ in range(5):
        await wide.refresh()
    assert watched(wide) == held
    assert wide.status.fault == "watching 0 of 20 places"

    many.described = checkpoint
    await wide.refresh()

    assert len(watched(wide)) == 20 + len(held)
    assert wide.status.fault is None


async def test_a_listing_that_is_cut_off_in_the_middle_is_not_believed(wide, many):
    many.pages = 8
    many.cut_after = 5

    with pytest.raises(ExchangeError, match="6 of 20 watched markets are open and not listed"):
        await wide.scan()
    await wide.refresh()

    assert watched(wide) == TOP
    assert "not listed" in (wide.status.fault or "")


async def test_a_listing_that_shrinks_to_a_few_is_not_believed_unless_it_stays_so(wide, many):
    many.cut_after, many.pages = 1, 3
    wide._faults["refresh"] = "down"

    for _ in range(BELIEVED_AFTER):
        with pytest.raises(ExchangeError, match="shrank from 200 open markets to 67"):
            await wide.scan()
    await wide.scan()

    assert wide._ranking.tickers()[1] == "T003"


async def test_volumes_of_nothing_are_not_believed(wide, many):
    for ticker in many.described:
        many.change(ticker, volume_24h=Decimal(0))
    before = wide._ranking.tickers()

    with pytest.raises(ExchangeError, match="only 0 listed markets have a volume, 200 had one"):
        await wide.scan()

    assert wide._ranking.tickers() == before


async def test_an_exchange_with_few_markets_lacks_none(clock):
    universe = Universe(FakeExchange({"A": 1, "B": 2}), clock, 20)
    await universe.scan()
    await universe.refresh()

    assert universe.status.fault is None


async def test_with_most_places_empty_the_listing_is_read_again_soon(wide, many, monkeypatch):
    monkeypatch.setattr("bot.market_data.universe.LEAST_PAUSE", 0.0)
    monkeypatch.setattr("bot.market_data.universe.PAUSE_A_PAGE", 1e9)
    stopping = asyncio.Event()
    companion = asyncio.create_task(wide.run(stopping, pause=1e9))
    await until(lambda: wide.status.passes == 2)
    for ticker in list(many.described)[:150]:
        many.change(ticker, status=MarketStatus.FINALIZED)
    await wide.refresh()
    await until(lambda: "shrank" in (wide.status.fault or ""))
    stopping.set()
    await companion


async def test_a_short_listing_is_read_again_before_the_pause_is_over(universe, monkeypatch):
    monkeypatch.setattr("bot.market_data.universe.PAUSE_A_PAGE", 0.0)
    stopping = asyncio.Event()
    companion = asyncio.create_task(universe.run(stopping, pause=1e9))
    await until(lambda: universe.status.passes == 3)
    stopping.set()
    await companion


async def test_a_newer_volume_changes_the_rank_at_once(universe, exchange):
    await universe.scan()
    exchange.change("B", volume_24h=Decimal(99))
    await universe.refresh()

    assert watched(universe) == ["B", "A"]
    assert universe.watched()["B"].volume_24h == 99


async def test_a_failed_refresh_keeps_the_last_known_and_shows_the_fault(universe, exchange):
    await universe.scan()
    await universe.refresh()
    exchange.fails = {"markets"}
    with pytest.raises(ExchangeError, match="markets is down"):
        await universe.refresh()
    assert watched(universe) == ["A", "B"]
    assert universe.status.fault == "markets is down"

    exchange.fails = set()
    await universe.refresh()
    assert universe.status.fault is None


async def test_a_held_market_stays_watched_until_it_is_let_go(universe, exchange):
    await universe.scan()
    universe.hold(["E"])
    await universe.refresh()
    assert watched(universe) == ["A", "B", "E"]

    exchange.change("E", status=MarketStatus.FINALIZED, settlement_value=Decimal(1))
    await universe.refresh()
    assert watched(universe) == ["A", "B", "E"]
    assert universe.watched()["E"].payout == 1

    universe.hold([])
    await universe.refresh()
    assert watched(universe) == ["A", "B"]


async def test_what_is_held_has_its_fees_with_the_first_refresh(universe):
    await universe.scan()
    universe.hold(["E"])

    await universe.refresh()

    assert universe.watched()["E"].fees is not None
    assert universe.watched()["A"].fees is None


async def test_a_held_market_among_the_top_is_watched_once_and_takes_no_place(universe):
    await universe.scan()
    universe.hold(["B"])
    await universe.refresh()

    assert watched(universe) == ["A", "B"]


async def test_a_held_market_the_exchange_forgot_is_kept_as_last_seen_and_told(universe, exchange):
    await universe.scan()
    universe.hold(["E", "GONE"])
    await universe.refresh()
    checkpoint = universe.watched()["E"]
    exchange.described.pop("E")
    await universe.refresh()

    assert universe.watched()["E"] == checkpoint
    assert universe.status.fault == "held, but not known to the exchange: E, GONE"

    universe.hold([])
    await universe.refresh()
    assert universe.status.fault is None


async def test_a_held_market_that_is_final_and_pays_nobody_knows_what_is_told(universe, exchange):
    await universe.scan()
    universe.hold(["E"])
    final = {"status": MarketStatus.FINALIZED, "result": "void"}
    exchange.described["E"] = replace(exchange.described["E"], **final)
    await universe.refresh()

    assert universe.status.fault == (
        "held and final, but the exchange does not say what it pays: E (result 'void')"
    )

    paid = {**final, "settlement_value": Decimal("0.5")}
    exchange.described["E"] = replace(exchange.described["E"], **paid)
    await universe.refresh()
    assert universe.status.fault is None


async def test_held_markets_are_read_even_before_the_first_page(universe, exchange):
    universe.hold(["E"])
    await universe.refresh()

    assert watched(universe) == ["E"]
    assert exchange.asked == [("E",)]


async def test_the_first_refresh_waits_for_the_first_page(exchange, clock):
    universe = Universe(exchange, clock, 2, patience=60)
    async with asyncio.TaskGroup() as group:
        refresh = group.create_task(universe.refresh())
        await asyncio.sleep(0)
        assert not refresh.done()
        group.create_task(universe.scan())

    assert len(watched(universe)) == 2


async def test_without_a_page_a_refresh_says_so(universe):
    with pytest.raises(ExchangeError, match="no open market is known yet"):
        await universe.refresh()


async def test_if_the_first_page_fails_a_refresh_does_not_wait(exchange, clock):
    universe = Universe(exchange, clock, 2, patience=60)
    exchange.fails = {"listing"}
    with pytest.raises(ExchangeError):
        await universe.scan()

    with pytest.raises(ExchangeError, match="listing is down"):
        await universe.refresh()


async def test_terms_are_attached_as_they_become_known(universe, exchange):
    await universe.scan()
    await universe.refresh()
    assert universe.watched()["A"].fees is None

    exchange.terms_unknown = {"E-B"}
    await universe.learn()
    known, unknown = universe.watched()["A"], universe.watched()["B"]
    assert (known.series_ticker, known.category, known.fees) == ("KXSERIES", "Weather", FEES)
    assert unknown.fees is None

    await universe.refresh()
    assert universe.watched()["A"].fees == FEES


async def test_an_answer_that_leaves_some_fees_out_says_for_how_many_markets(
    universe, exchange, clock
):
    await universe.scan()
    await universe.refresh()
    assert universe.status.fault is None
    exchange.terms_unknown = {"E-B"}
    await universe.learn()
    assert universe.status.fault == (
        "the fees of 1 of 2 watched markets are unknown, so none of those is entered"
    )

    exchange.terms_unknown = set()
    clock.move(NOON + timedelta(minutes=1))
    await universe.learn()
    assert universe.status.fault is None


async def test_each_event_is_asked_about_once_a_minute(universe, exchange, clock):
    await universe.scan()
    await universe.refresh()
    await universe.learn()
    await universe.learn()
    assert exchange.asked_terms == [("E-A", "E-B")]

    clock.move(NOON + timedelta(minutes=1))
    await universe.learn()
    assert len(exchange.asked_terms) == 2


async def test_terms_that_cannot_be_read_are_a_fault_until_they_can(universe, exchange, clock):
    await universe.scan()
    await universe.refresh()
    exchange.fails = {"terms"}
    await universe.learn()
    assert universe.status.fault == (
        "the fees of 2 of 2 watched markets are unknown, so none of those is entered: terms is down"
    )

    exchange.fails = set()
    clock.move(NOON + timedelta(minutes=1))
    await universe.learn()
    assert universe.status.fault is None
    assert universe.watched()["A"].fees == FEES


async def test_terms_of_markets_no_longer_watched_are_forgotten(universe, exchange):
    await universe.scan()
    await universe.refresh()
    await universe.learn()
    exchange.change("A", status=MarketStatus.CLOSED)
    await universe.refresh()
    await universe.learn()

    assert set(universe._terms) == {"E-B", "E-C"}


async def test_what_was_watched_never_changes_under_its_reader(universe, exchange):
    await universe.scan()
    await universe.refresh()
    before = universe.watched()
    copy = dict(before)
    exchange.change("A", status=MarketStatus.CLOSED)
    await universe.refresh()
    await universe.learn()

    assert dict(before) == copy


async def test_the_companion_survives_the_exchange_and_stops_at_once(universe, exchange):
    exchange.fails = {"listing"}
    stopping = asyncio.Event()
    companion = asyncio.create_task(universe.run(stopping, pause=0))
    await until(lambda: universe.status.fault is not None)
    exchange.fails = set()
    await until(lambda: universe.status.passes == 2)
    stopping.set()
    await asyncio.wait_for(companion, 1)

    assert universe.status.fault is None


async def test_the_companion_learns_beside_its_scan(universe, exchange):
    await universe.scan()
    await universe.refresh()
    stopping = asyncio.Event()
    companion = asyncio.create_task(universe.run(stopping))
    await until(lambda: exchange.asked_terms)
    stopping.set()
    await companion

    assert universe.watched()["A"].fees == FEES


volumes = st.dictionaries(st.text("ABCDEF", min_size=1, max_size=3), st.integers(0, 9), min_size=1)


@given(volumes, volumes, st.integers(1, 6), st.integers(1, 4))
def test_after_a_full_pass_the_ranking_is_the_true_top(before, now, room, page_size):
    ranking = Ranking(room)
    for markets in (before, now):
        ranking.begin()
        items = list(markets.items())
        for start in range(0, len(items), page_size):
            ranking.add(listed([described(*item) for item in items[start : start + page_size]]))
        ranking.complete()

    truth = sorted(now, key=lambda ticker: (-now[ticker], ticker))
    assert list(ranking.tickers()) == truth[:room]
