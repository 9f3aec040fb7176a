"""The client at the transport seam: every answer, and every way not to answer."""

import gc
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta
from decimal import Decimal
from email.utils import format_datetime

import httpx
import pytest
import respx
import stamina

from bot.clock import RecordedClock
from bot.core.market.fees import FeeKind, FeeSchedule
from bot.kalshi.batches import ADDRESS_ROOM, BATCH
from bot.kalshi.client import KalshiClient, open_http
from bot.kalshi.limits import TokenBudget
from bot.ports.exchange import NOT_ANSWERED, ExchangeError, Listed, Terms
from tests.support.kalshi_bodies import (
    T1,
    T2,
    T3,
    Json,
    batch,
    dump,
    entry,
    event,
    events,
    listed,
    market,
    page,
    series,
)
from tests.support.strategies import NOON

BASE = "https://exchange.invalid/trade-api/v2"


@pytest.fixture(autouse=True)
def _retries_do_not_wait() -> Iterator[None]:
    with stamina.set_testing(True, attempts=3):
        yield


@pytest.fixture
def clock() -> RecordedClock:
    return RecordedClock(NOON)


@pytest.fixture
def exchange() -> Iterator[respx.Router]:
    with respx.mock(base_url=BASE, assert_all_called=False) as router:
        router.get("/series/fee_changes").respond(json={"series_fee_change_arr": []})
        router.get("/events/fee_changes").respond(json={"event_fee_changes": [], "cursor": ""})
        yield router


@pytest.fixture
async def client(clock: RecordedClock, exchange: respx.Router) -> AsyncIterator[KalshiClient]:
    async with open_http(BASE) as http:
        yield KalshiClient(http, TokenBudget(lambda: 0.0, capacity=1_000.0), clock)


def asked(route: respx.Route, name: str) -> list[list[str]]:
    """The values of that query key in each call of the route."""
    return [call.request.url.params.get_list(name) for call in route.calls]


def answer_books(request: httpx.Request) -> httpx.Response:
    return httpx.Response(200, content=batch(*map(entry, request.url.params.get_list("tickers"))))


def many(count: int) -> list[str]:
    return [f"KXRAIN-{number:04d}" for number in range(count)]


async def pages(client: KalshiClient) -> list[Listed]:
    return [one async for one in client.listing()]


async def test_books_come_a_hundred_to_a_request_with_a_repeated_key(client, exchange):
    route = exchange.get("/markets/orderbooks").mock(side_effect=answer_books)
    answer = await client.books(many(250))

    assert [len(tickers) for tickers in asked(route, "tickers")] == [100, 100, 50]
    assert answer.books.tickers == tuple(many(250))
    assert set(answer.books.seen_at) == {NOON.timestamp()}
    assert not answer.missing


async def test_no_tickers_are_no_request_and_no_books(client, exchange):
    answer = await client.books([])

    assert len(answer.books) == 0
    assert not exchange.calls


async def test_long_tickers_go_in_shorter_batches(client, exchange):
    route = exchange.get("/markets/orderbooks").mock(side_effect=answer_books)
    answer = await client.books([f"{number:0200d}" for number in range(BATCH)])

    assert len(answer.books) == BATCH
    assert max(sum(map(len, tickers)) for tickers in asked(route, "tickers")) <= ADDRESS_ROOM


async def test_given_one_failed_batch_the_other_markets_have_their_books(client, exchange):
    def answer(request: httpx.Request) -> httpx.Response:
        if "KXRAIN-0000" in request.url.params.get_list("tickers"):
            return httpx.Response(503)
        return answer_books(request)

    exchange.get("/markets/orderbooks").mock(side_effect=answer)
    got = await client.books(many(150))

    assert got.books.tickers == tuple(many(150)[100:])
    assert set(got.missing) == set(many(100))
    assert "HTTP 503" in got.missing["KXRAIN-0000"]


async def test_if_every_batch_fails_there_is_no_answer(client, exchange):
    exchange.get("/markets/orderbooks").respond(503)

    with pytest.raises(ExchangeError, match="HTTP 503") as caught:
        await client.books(many(150))
    assert caught.value.status == 503


@pytest.mark.parametrize(
    ("headers", "skew"),
    [
        ({"date": format_datetime(NOON, usegmt=True)}, 0.5),
        ({"date": format_datetime(NOON - timedelta(seconds=90), usegmt=True)}, -89.5),
        ({"date": format_datetime(NOON - timedelta(seconds=9), usegmt=True), "age": "9"}, None),
        ({"date": "yesterday"}, None),
        ({"date": "Sun, 22 Nov 2026 12:00:00 -0000"}, None),
        ({}, None),
    ],
)
async def test_how_far_the_clocks_are_apart_is_told_if_the_answer_is_fresh(
    client, exchange, headers, skew
):
    exchange.get("/markets/orderbooks").respond(content=batch(entry(T1)), headers=headers)

    assert (await client.books([T1])).skew == skew


async def test_a_market_the_exchange_left_out_is_missing(client, exchange):
    exchange.get("/markets/orderbooks").respond(content=batch(entry(T2)))
    answer = await client.books([T1, T2])

    assert answer.books.tickers == (T2,)
    assert answer.missing == {T1: NOT_ANSWERED}


@pytest.mark.parametrize(
    "passing",
    [
        httpx.Response(429, json={"error": "too many requests"}),
        httpx.Response(429, json={"error": {"code": "too_many_requests"}}),
        httpx.Response(500),
        httpx.Response(502, html="<html>Bad gateway</html>"),
        httpx.Response(503, json={"error": {"code": "service_unavailable"}}),
        httpx.Response(504, content=b"\xff"),
        httpx.ConnectError("refused"),
        httpx.ConnectTimeout("slow"),
        httpx.ReadTimeout("slow"),
        httpx.ReadError("reset"),
        httpx.RemoteProtocolError("closed without an answer"),
        TimeoutError(),
    ],
    ids=repr,
)
async def test_what_may_pass_by_itself_is_tried_again(client, exchange, passing):
    sound = httpx.Response(200, content=batch(entry(T1)))
    route = exchange.get("/markets/orderbooks").mock(side_effect=[passing, passing, sound])
    answer = await client.books([T1])

    assert answer.books.tickers == (T1,)
    assert route.call_count == 3


async def test_tries_end(client, exchange):
    route = exchange.get("/markets/orderbooks").mock(side_effect=httpx.ConnectError("refused"))

    with pytest.raises(ExchangeError, match="GET /markets/orderbooks: ConnectError: refused"):
        await client.books([T1])
    assert route.call_count == 3


@pytest.mark.parametrize(
    ("final", "reported"),
    [
        (httpx.Response(400, json={"msg": "Parameter validation failed"}), "HTTP 400, Parameter"),
        (httpx.Response(401, json={"error": {"code": "authentication_error"}}), "HTTP 401"),
        (httpx.Response(403), "HTTP 403, no reason given"),
        (httpx.Response(404, json={"error": {"code": "not_found"}}), "HTTP 404, not_found"),
        (httpx.Response(301, headers={"Location": f"{BASE}/elsewhere"}), "HTTP 301"),
        (httpx.Response(200, html="<html>"), "not the expected JSON"),
        (httpx.Response(200), "not the expected JSON"),
        (httpx.DecodingError("not gzip"), "DecodingError: not gzip"),
    ],
    ids=str,
)
async def test_what_will_not_pass_is_tried_once_and_says_why(client, exchange, final, reported):
    route = exchange.get("/markets/orderbooks").mock(side_effect=[final])

    with pytest.raises(ExchangeError, match=f"GET /markets/orderbooks: .*{reported}"):
        await client.books([T1])
    assert route.call_count == 1


async def test_the_error_has_the_status_and_the_code_of_the_exchange(client, exchange):
    exchange.get("/markets").respond(404, json={"error": {"code": "not_found", "message": "gone"}})

    with pytest.raises(ExchangeError) as caught:
        await client.markets([T1])
    assert (caught.value.status, caught.value.code) == (404, "not_found")


async def test_titles_are_asked_for_in_english(client, exchange):
    route = exchange.get("/markets").respond(content=page(market()))
    await client.markets([T1])

    assert route.calls.last.request.headers["Accept-Language"] == "en"


async def test_every_attempt_takes_from_the_budget(clock, exchange):
    slept: list[float] = []
    now = 0.0

    async def sleep(seconds: float) -> None:
        nonlocal now
        slept.append(seconds)
        now += seconds

    exchange.get("/markets").mock(
        side_effect=[httpx.Response(429), httpx.Response(429), httpx.Response(200, content=page())]
    )
    async with open_http(BASE) as http:
        budget = TokenBudget(lambda: now, rate=1.0, sleep=sleep)
        await KalshiClient(http, budget, clock).markets([T1])

    assert slept == pytest.approx([1.0, 1.0])


async def test_markets_are_asked_for_by_a_comma_list_and_matched_by_ticker(client, exchange):
    route = exchange.get("/markets").respond(content=page(market(T2), market(T3), market(T1)))
    found = await client.markets([T1, T2, "KXGONE", T1])

    assert asked(route, "tickers") == [[f"{T1},{T2},KXGONE"]]
    assert list(found) == [T1, T2]
    assert found[T2].ticker == T2


async def test_a_market_described_badly_is_absent_and_the_log_says_why(client, exchange, caplog):
    exchange.get("/markets").respond(content=page(market(T1), market(T2, volume_24h_fp=5)))

    assert list(await client.markets([T1, T2])) == [T1]
    assert "volume_24h_fp" in caplog.text


async def test_a_market_that_could_not_be_asked_about_is_not_absent(client, exchange):
    def answer(request: httpx.Request) -> httpx.Response:
        if "KXRAIN-0000" in request.url.params["tickers"]:
            return httpx.Response(500)
        return httpx.Response(200, content=page())

    exchange.get("/markets").mock(side_effect=answer)

    with pytest.raises(ExchangeError, match="HTTP 500"):
        await client.markets(many(150))


async def test_the_listing_goes_on_to_the_empty_cursor(client, exchange):
    route = exchange.get("/markets").mock(
        side_effect=[
            httpx.Response(200, content=page(listed(T1), listed(T2), cursor="two")),
            httpx.Response(200, content=page(cursor="three")),
            httpx.Response(200, content=page(listed(T3))),
        ]
    )

    assert [one.tickers for one in await pages(client)] == [(T1, T2), (), (T3,)]
    assert asked(route, "cursor") == [[], ["two"], ["three"]]
    for name, value in {"limit": "1000", "status": "open", "mve_filter": "exclude"}.items():
        assert asked(route, name) == [[value]] * 3


@pytest.mark.parametrize(
    "answers",
    [
        [page(listed(T1), cursor="two"), page(listed(T2), cursor="two")],
        [page(listed(T1), listed(T2), cursor="two"), page(listed(T1), listed(T2), cursor="three")],
        [page(listed(T1), listed(T2), cursor="2"), page(listed(T3), listed(T1), listed(T2))],
    ],
    ids=["the same cursor again", "the same page again", "page one, and a market new since then"],
)
async def test_a_listing_that_runs_in_circles_is_an_error(client, exchange, answers):
    exchange.get("/markets").mock(side_effect=[httpx.Response(200, content=a) for a in answers])

    with pytest.raises(ExchangeError, match=r"repeats|was there before"):
        await pages(client)


async def test_a_listing_without_an_end_is_an_error(client, exchange, monkeypatch):
    monkeypatch.setattr("bot.kalshi.client.MOST_PAGES", 5)
    answers = (page(listed(f"T{n}"), cursor=str(n)) for n in range(9))
    route = exchange.get("/markets").mock(
        side_effect=lambda _: httpx.Response(200, content=next(answers))
    )

    with pytest.raises(ExchangeError, match="no end after 5 pages"):
        await pages(client)
    assert route.call_count == 5


LONG = [market(f"KXRAIN-{number}") for number in range(1_001)]


@pytest.mark.parametrize(
    ("path", "body", "ask"),
    [
        ("/markets", page(*(listed(one["ticker"]) for one in LONG)), pages),
        ("/markets", page(*LONG[:101]), lambda client: client.markets(many(1))),
        (
            "/events",
            events(*(event(f"KXRAIN-{number}") for number in range(101))),
            lambda client: client.terms(["KXRAIN-0"]),
        ),
    ],
    ids=["the listing", "markets", "events"],
)
async def test_a_page_longer_than_was_asked_for_is_refused(client, exchange, path, body, ask):
    exchange.get(path).respond(content=body)

    with pytest.raises(ExchangeError, match="entries on a page of"):
        await ask(client)


async def test_more_trades_on_a_page_than_were_asked_for_are_refused(client, exchange):
    trades = [sold(number, 1) for number in range(1_001)]
    exchange.get("/markets/trades").respond(json={"trades": trades, "cursor": ""})

    for ask in (client.trades(T1), client.recent_trades(NOON, 5)):
        with pytest.raises(ExchangeError, match="entries on a page of"):
            await ask


async def test_a_cursor_that_fits_no_address_is_refused(client, exchange):
    route = exchange.get("/markets").respond(content=page(listed(T1), cursor="x" * 2_001))

    with pytest.raises(ExchangeError, match="cursor"):
        await pages(client)
    assert route.call_count == 1


async def test_a_broken_entry_of_the_listing_is_left_out_and_the_log_says_why(
    client, exchange, caplog
):
    exchange.get("/markets").respond(content=page(listed(T1, volume=None), listed(T2)))

    assert [one.tickers for one in await pages(client)] == [(T2,)]
    assert "volume_24h_fp" in caplog.text


async def test_a_market_listed_many_times_counts_once_and_the_others_stay(client, exchange, caplog):
    often = [listed(T1), *[listed(T1, volume="9.00")] * 4]
    exchange.get("/markets").respond(content=page(*often, listed(T2)))

    (first,) = await pages(client)

    assert first.tickers == (T1, T2)
    assert first.volume_24h.tolist() == [10.0, 10.0]
    assert f"{T1} is listed 5 times" in caplog.text


def serve_terms(exchange: respx.Router, *entries: Json) -> tuple[respx.Route, respx.Route]:
    by_event = exchange.get("/events").respond(content=events(*entries))
    by_series = exchange.get("/series/KXRAIN").respond(content=series(multiplier=0.5))
    return by_event, by_series


async def test_terms_are_those_of_the_series_unless_the_event_overrides_them(client, exchange):
    flat = event("E-2", fee_type_override="flat")
    waived = event("E-3", fee_multiplier_override=0)
    by_event, by_series = serve_terms(exchange, event("E-1"), flat, waived)
    found = await client.terms(["E-1", "E-2", "E-3", "E-4"])

    half = Decimal("0.5")
    assert found == {
        "E-1": Terms("KXRAIN", "Weather", FeeSchedule(FeeKind.QUADRATIC, half)),
        "E-2": Terms("KXRAIN", "Weather", FeeSchedule(FeeKind.FLAT, half)),
        "E-3": Terms("KXRAIN", "Weather", FeeSchedule(FeeKind.QUADRATIC, Decimal(0))),
    }
    assert asked(by_event, "tickers") == [["E-1,E-2,E-3,E-4"]]
    assert by_series.call_count == 1


async def test_terms_are_read_once_an_hour(client, exchange, clock):
    by_event, by_series = serve_terms(exchange, event("E-1"))
    first = await client.terms(["E-1"])
    clock.move(NOON + timedelta(minutes=59))
    assert await client.terms(["E-1"]) == first
    assert (by_event.call_count, by_series.call_count) == (1, 1)

    clock.move(NOON + timedelta(minutes=61))
    assert await client.terms(["E-1"]) == first
    assert (by_event.call_count, by_series.call_count) == (2, 2)


def series_change(minutes: float, multiplier: float, ticker: str = "KXRAIN") -> Json:
    at = (NOON + timedelta(minutes=minutes)).isoformat()
    return {
        "id": f"s-{minutes}",
        "series_ticker": ticker,
        "fee_type": "quadratic",
        "fee_multiplier": multiplier,
        "scheduled_ts": at,
    }


def event_change(minutes: float, multiplier: float | None, kind: str | None = None) -> Json:
    return {
        "id": f"e-{minutes}",
        "event_ticker": "E-1",
        "series_ticker": "KXRAIN",
        "fee_type_override": kind,
        "fee_multiplier_override": multiplier,
        "scheduled_ts": (NOON + timedelta(minutes=minutes)).isoformat(),
    }


async def test_a_change_of_fees_counts_from_its_moment_though_nothing_is_read_again(
    client, exchange, clock
):
    by_event, by_series = serve_terms(exchange, event("E-1"))
    exchange.get("/series/fee_changes").respond(
        json={"series_fee_change_arr": [series_change(30, 2), series_change(5, 9, "KXSNOW")]}
    )
    exchange.get("/events/fee_changes").respond(
        json={"event_fee_changes": [event_change(40, 0), event_change(50, None)], "cursor": ""}
    )

    (terms,) = (await client.terms(["E-1"])).values()

    at = [NOON + timedelta(minutes=minutes) for minutes in (29, 30, 40, 50)]
    multipliers = [terms.fees_at(moment).multiplier for moment in at]
    assert multipliers == [Decimal("0.5"), 2, 0, 2]
    assert (by_event.call_count, by_series.call_count) == (1, 1)


async def test_a_change_that_came_and_is_not_announced_any_more_still_counts(
    client, exchange, clock
):
    serve_terms(exchange, event("E-1"))
    announced = exchange.get("/series/fee_changes")
    announced.respond(json={"series_fee_change_arr": [series_change(5, 2), series_change(50, 9)]})
    await client.terms(["E-1"])
    announced.respond(json={"series_fee_change_arr": []})

    clock.move(NOON + timedelta(minutes=11))
    (terms,) = (await client.terms(["E-1"])).values()

    assert terms.fees_at(clock.now()).multiplier == 2
    assert len(terms.changes) == 1, "what was called off is forgotten"


async def test_where_changes_cannot_be_read_terms_are_those_of_the_hour_and_the_log_says_so(
    client, exchange, caplog
):
    serve_terms(exchange, event("E-1"))
    exchange.get("/events/fee_changes").respond(404)

    assert list(await client.terms(["E-1"])) == ["E-1"]
    assert "they may be an hour old: GET /events/fee_changes" in caplog.text


async def test_a_change_that_cannot_be_read_is_left_out_alone(client, exchange, caplog):
    serve_terms(exchange, event("E-1"))
    odd = series_change(10, -1)
    exchange.get("/series/fee_changes").respond(
        json={"series_fee_change_arr": [odd, series_change(20, 3)]}
    )

    (terms,) = (await client.terms(["E-1"])).values()

    assert [change.fees.multiplier for change in terms.changes] == [3]
    assert "no fee multiplier" in caplog.text


@pytest.mark.parametrize("cursor", ["same", ""])
async def test_fee_changes_without_an_end_are_not_believed(client, exchange, caplog, cursor):
    serve_terms(exchange, event("E-1"))
    page_of = {"event_fee_changes": [event_change(10, 3)], "cursor": cursor}
    exchange.get("/events/fee_changes").respond(json=page_of)

    (terms,) = (await client.terms(["E-1"])).values()

    assert len(terms.changes) == (0 if cursor else 1)
    assert ("no end after" in caplog.text) is bool(cursor)


async def test_of_events_that_never_end_the_latest_are_remembered(client, exchange, monkeypatch):
    monkeypatch.setattr("bot.kalshi.terms.MOST", 3)
    named = [f"KXRAIN-{number}" for number in range(5)]

    def answer(request: httpx.Request) -> httpx.Response:
        tickers = request.url.params["tickers"].split(",")
        return httpx.Response(200, content=events(*(event(ticker) for ticker in tickers)))

    route = exchange.get("/events").mock(side_effect=answer)
    exchange.get("/series/KXRAIN").respond(content=series())

    for ticker in [*named, *reversed(named)]:
        assert ticker in await client.terms([ticker])

    assert asked(route, "tickers") == [[ticker] for ticker in [*named, named[1], named[0]]]


async def test_an_event_whose_series_cannot_be_read_is_absent(client, exchange, caplog):
    exchange.get("/events").respond(content=events(event("E-1"), event("E-2", "KX/SNOW")))
    exchange.get("/series/KXRAIN").respond(content=series(category=None))
    gone = exchange.get(url__regex=r".*/series/KX%2FSNOW$").respond(404)

    assert list(await client.terms(["E-1", "E-2"])) == ["E-1"]
    assert gone.called
    assert "1 fees stay unknown" in caplog.text


async def test_if_no_terms_can_be_read_it_says_why(client, exchange):
    exchange.get("/events").respond(500)

    with pytest.raises(ExchangeError, match="GET /events: HTTP 500"):
        await client.terms(["E-1"])


async def test_a_broken_event_is_absent_and_the_others_stay(client, exchange):
    serve_terms(exchange, event("E-1"), {"event_ticker": "E-2"})

    assert list(await client.terms(["E-1", "E-2"])) == ["E-1"]


async def test_the_latest_trades_of_a_market_can_be_read(client, exchange):
    route = exchange.get("/markets/trades").respond(content=dump({"trades": [], "cursor": ""}))

    assert await client.trades(T1) == ()
    assert (asked(route, "ticker"), asked(route, "limit")) == ([[T1]], [["100"]])


def sold(number: int, seconds_ago: float) -> Json:
    """A trade so long before noon."""
    at = (NOON - timedelta(seconds=seconds_ago)).isoformat()
    return {
        **{"trade_id": f"t-{number}", "ticker": T1, "count_fp": "2.00", "created_time": at},
        **{"yes_price_dollars": "0.3700", "taker_book_side": "bid", "is_block_trade": False},
    }


def in_pages(*trades: Json, size: int) -> Callable[[httpx.Request], httpx.Response]:
    """Answers with so many trades a page; the cursor is the number of the first."""

    def answer(request: httpx.Request) -> httpx.Response:
        first = int(request.url.params.get("cursor", "0"))
        past = first + size
        cursor = str(past) if past < len(trades) else ""
        return httpx.Response(200, json={"trades": trades[first:past], "cursor": cursor})

    return answer


@pytest.mark.parametrize(("pages", "count", "whole"), [(1, 2, False), (2, 4, False), (3, 5, True)])
async def test_the_trades_of_all_markets_come_in_so_many_pages_at_most(
    client, exchange, pages, count, whole
):
    trades = [sold(number, number) for number in range(5)]
    route = exchange.get("/markets/trades").mock(side_effect=in_pages(*trades, size=2))
    since = NOON - timedelta(seconds=59.5)

    found, are_all, _ = await client.recent_trades(since, pages)

    assert [trade.trade_id for trade in found] == [f"t-{n}" for n in range(count)]
    assert are_all is whole
    assert set(map(tuple, asked(route, "min_ts"))) == {(str(int(since.timestamp())),)}


async def test_trades_are_all_there_once_one_of_them_is_older_than_asked(client, exchange):
    trades = [sold(1, 10), sold(2, 70), sold(3, 80)]
    route = exchange.get("/markets/trades").mock(side_effect=in_pages(*trades, size=2))

    found, are_all, _ = await client.recent_trades(NOON - timedelta(seconds=60), 5)

    assert (len(found), are_all, route.call_count) == (2, True, 1)


@pytest.mark.parametrize(("trades", "calls"), [([sold(1, 10)], 2), ([], 1)])
async def test_given_a_cursor_that_leads_nowhere_new_trades_count_once_and_are_not_all(
    client, exchange, trades, calls
):
    route = exchange.get("/markets/trades").respond(json={"trades": trades, "cursor": "lost"})

    found, are_all, _ = await client.recent_trades(NOON - timedelta(seconds=60), 5)

    assert (len(found), are_all, route.call_count) == (len(trades), False, calls)


@pytest.mark.parametrize("status", [200, 500, 503, 504])
async def test_the_exchange_says_that_it_is_down_with_an_error_status_too(client, exchange, status):
    body = {"exchange_active": False, "trading_active": False}
    route = exchange.get("/exchange/status").respond(status, json=body)

    assert (await client.exchange_status()).pause(0) == "the exchange is paused on shard 0"
    assert route.call_count == 1


@pytest.mark.parametrize(
    ("status", "reported"), [(503, "HTTP 503"), (200, "not the expected JSON")]
)
async def test_a_status_that_is_none_is_an_error(client, exchange, status, reported):
    exchange.get("/exchange/status").respond(status, html="<html>")

    with pytest.raises(ExchangeError, match=reported):
        await client.exchange_status()


async def test_the_http_client_has_timeouts_and_limits_and_follows_no_redirect():
    async with open_http(BASE) as http:
        timeouts = http.timeout.as_dict()

        assert all(seconds for seconds in timeouts.values())
        assert not http.follow_redirects


async def test_an_abandoned_listing_leaves_nothing_behind(client, exchange):
    exchange.get("/markets").respond(content=page(listed(T1), cursor="two"))
    listing = client.listing()
    await anext(listing)
    await listing.aclose()

    gc.collect()  # an unclosed generator would warn, and a warning is an error here


async def test_a_broken_promise_of_ours_is_no_failure_of_the_exchange(client, exchange):
    route = exchange.get("/markets/trades").mock(side_effect=KeyError("ours"))

    with pytest.raises(KeyError):
        await client.trades(T1)
    assert route.call_count == 1


async def test_an_odd_trade_is_left_out_and_said_once(client, exchange, clock, caplog):
    odd = {**sold(2, 3), "ticker": T2, "taker_book_side": ""}
    body = dump({"trades": [sold(1, 2), odd, sold(3, 4)], "cursor": ""})
    exchange.get("/markets/trades").respond(content=body)

    for _ in range(3):
        found, are_all, doubtful = await client.recent_trades(NOON, 5)

    assert ([trade.trade_id for trade in found], are_all) == (["t-1", "t-3"], True)
    assert doubtful == {T2}
    assert [line.count(T2) for line in caplog.messages] == [1]

    clock.move(NOON + timedelta(minutes=11))
    await client.recent_trades(NOON, 5)

    assert "3 entries could not be read; the latest" in caplog.messages[-1]


async def test_odd_entries_are_summed_up_until_there_were_none_for_a_while(client, exchange, clock):
    odd = {**sold(2, 3), "ticker": T2, "taker_book_side": ""}
    exchange.get("/markets/trades").respond(content=dump({"trades": [odd], "cursor": ""}))
    assert client.odd_entries() is None

    await client.recent_trades(NOON, 5)
    once = client.odd_entries()
    clock.move(NOON + timedelta(minutes=9))
    await client.recent_trades(NOON, 5)
    clock.move(NOON + timedelta(minutes=18))
    twice = client.odd_entries()
    clock.move(NOON + timedelta(minutes=20))

    assert "GET /markets/trades: 1 entry could not be read" in once
    assert "2 entries" in twice
    assert T2 in twice
    assert client.odd_entries() is None


async def test_an_odd_trade_of_the_one_market_asked_about_leaves_its_trades_unknown(
    client, exchange
):
    odd = {**sold(2, 3), "taker_book_side": ""}
    strange = {**sold(2, 3), "ticker": T2}
    for one, why in ((odd, "is no side of a book"), (strange, "was not asked about")):
        exchange.get("/markets/trades").respond(content=dump({"trades": [one], "cursor": ""}))
        with pytest.raises(ExchangeError, match=why):
            await client.trades(T1)


async def test_a_market_described_in_two_ways_is_absent(client, exchange):
    twice = page(market(T1), market(T2), market(T1, status="closed"), market(T2))
    exchange.get("/markets").respond(content=twice)

    assert list(await client.markets([T1, T2])) == [T2]


async def test_the_fees_of_another_series_are_not_taken(client, exchange):
    exchange.get("/events").respond(content=events(event()))
    exchange.get("/series/KXRAIN").respond(content=series("KXSNOW"))

    with pytest.raises(ExchangeError, match="the answer is about KXSNOW"):
        await client.terms(["KXRAIN-26NOV23"])
