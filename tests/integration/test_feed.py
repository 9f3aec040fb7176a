"""A whole service whose books are streamed: by the embedded exchange, and over TCP with a key."""

from datetime import timedelta

import pytest

from bot import config
from bot.app.bootstrap import running
from bot.dashboard.health import reasons
from bot.sim.faults.kinds import fault_spec
from bot.trading.reconciliation import positions as reconciliation
from tests.support import services
from tests.support.services import BOOK, CHEAPER, KEY, PEM, TICKERS, held, passes, until
from tests.support.sim_exchanges import request

#: No reads of books over REST are left, but those of markets are.
BOOKS = "GET /markets/orderbooks"
#: Seconds of a lease that stays certain however busy the machine is: an uncertain one is a notice.
LONG = 20.0


@pytest.fixture
async def here(tmp_path, monkeypatch):
    async with services.place(tmp_path, monkeypatch) as ready:
        yield ready


def keyed(here, **changes):
    return here.settings(kalshi_api_key=KEY.key_id, kalshi_secret=PEM, **changes)


def feed(service):
    return service.snapshot_holder.status.feed


def health_reasons(service):
    holder = service.snapshot_holder
    return reasons(holder.status, service.clock.now(), holder.snapshot.at)


def quotes(service):
    markets = service.snapshot_holder.snapshot.state.markets
    return [(market.yes_bid, market.yes_ask, market.stale) for market in markets]


async def streamed(service):
    await until(lambda: feed(service) and feed(service).source == "stream")


async def test_with_a_key_the_books_are_streamed_and_traded_on(here):
    async with running(keyed(here)) as service:
        await streamed(service)
        assert feed(service).subscriptions == len(TICKERS)

        here.put(CHEAPER)
        await until(lambda: quotes(service) == [(44.0, 46.0, False)] * len(TICKERS))
        here.scorer.opinion = 0.9
        await until(lambda: len(held(service)) == len(TICKERS))

        assert service.readiness.checks()["feed"].detail == "3 order books are streamed"


async def test_while_books_are_streamed_none_is_asked_for(here):
    async with running(keyed(here)) as service:
        await streamed(service)
        await passes(service, 1)
        refused = here.faults.add(fault_spec({"kind": "error", "route": BOOKS}))
        await passes(service, 5)

        assert refused.fired == 0
        assert service.snapshot_holder.status.error is None


def told(service):
    """What notices say of where order books come from, the newest first."""
    notices = service.snapshot_holder.snapshot.state.notices
    return [one.message for one in notices if one.kind == "FEED_CHANGED"]


async def test_without_a_key_they_are_polled_and_that_is_said(here):
    async with running(here.settings(lease_seconds=LONG)) as service:
        await passes(service, 2)

        assert feed(service).source == "poll"
        assert "KALSHI_API_KEY" in feed(service).reason
        assert feed(service).age_ms_p50 is not None
        assert feed(service).fault is None
        assert told(service) == []


async def test_with_a_key_that_cannot_sign_paper_polls_and_that_is_told_everywhere(here, caplog):
    secret = "-----BEGIN KEY-----hunter2-----END KEY-----"
    keys = {"kalshi_api_key": "key", "kalshi_secret": secret}
    async with running(here.settings(lease_seconds=LONG, **keys)) as service:
        await passes(service, 2)
        assert feed(service).source == "poll"
        assert "KALSHI_SECRET" in feed(service).reason
        assert feed(service).reason == feed(service).fault
        assert told(service) == [f"Order books are polled: {feed(service).reason}"]
        assert feed(service).reason in health_reasons(service)
        assert "hunter2" not in caplog.text + feed(service).reason


async def test_a_stream_that_cannot_be_opened_is_polled(here):
    here.faults.add(fault_spec({"kind": "error", "route": "WS handshake"}))
    async with running(keyed(here, feed="stream")) as service:
        await passes(service, 2)

        assert (feed(service).source, feed(service).connected) == ("poll", False)
        assert "handshake" in feed(service).reason
        assert service.snapshot_holder.status.stale_markets == 0
        assert not service.readiness.checks()["feed"].ok


async def test_a_cut_costs_no_book_and_is_a_notice(here):
    async with running(keyed(here)) as service:
        await streamed(service)
        here.faults.add(
            fault_spec({"kind": "disconnect", "route": "WS orderbook_delta", "count": 1})
        )
        here.put(BOOK, TICKERS[0])
        await until(lambda: feed(service).source == "poll")
        assert service.snapshot_holder.status.stale_markets == 0

        await streamed(service)
        assert "polled from now on" in told(service)[1]
        assert told(service)[0] == "Order books are streamed from now on"


async def test_the_embedded_exchange_is_streamed(tmp_path, monkeypatch):
    monkeypatch.setattr("signal.raise_signal", lambda _number: None)
    found = config.load(
        None, kalshi_env="sim", log_dir=tmp_path, kill_file=tmp_path / "KILL", bot_markets=5
    ).model_copy(update=services.HURRY)
    async with running(found) as service:
        await streamed(service)
        await until(lambda: feed(service).subscriptions == 5)


async def test_live_a_hint_wakes_reconciliation_long_before_it_is_due(here, monkeypatch):
    monkeypatch.setattr(reconciliation, "EVERY", timedelta(hours=1))
    monkeypatch.setattr(reconciliation, "RECHECK", timedelta(seconds=0.1))
    monkeypatch.setattr(reconciliation, "OPEN_MARKET", timedelta(seconds=0.1))
    async with running(here.live()) as service:
        await streamed(service)
        await until(lambda: service.snapshot_holder.status.entries_stopped is None)

        here.exchange.place(here.ann, request(cents=90, ticker=TICKERS[0]))

        stopped = await until(lambda: service.snapshot_holder.status.entries_stopped)
        assert TICKERS[0] in stopped
        # What the stream told of it is not booked.
        assert held(service) == {}


async def test_on_paper_nobody_hears_of_the_account(here):
    async with running(keyed(here)) as service:
        await streamed(service)
        hints = service.service._world.hints
        here.exchange.place(here.ann, request(ticker=TICKERS[0]))
        await passes(service, 2)

        assert hints.count == 0
