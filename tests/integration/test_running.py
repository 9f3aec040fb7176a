"""The service in one piece: who leads trades, who stands by shows it, nothing is ever forgotten."""

import asyncio
import os
import signal
import time
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from decimal import Decimal
from functools import partial

import pytest

from api.app import create_app
from api.deps import facts_of
from bot import config
from bot.app import bootstrap
from bot.app import node as service_module
from bot.app.bootstrap import running
from bot.core.market.market import Side
from bot.dashboard import publisher as publish
from bot.dashboard.publisher import Publisher
from bot.kalshi.client import KalshiClient
from bot.ports.persistence import FLEETING, CommitBatch, StateRecord, StoreError, Term
from bot.sim.engine.units import size_contracts
from bot.store.account_store import AccountStore
from bot.store.database import Database, opened
from bot.trading.reconciliation import positions as reconciliation
from tests.support.api_world import opened as asked
from tests.support.services import (
    CHEAPER,
    DEPOSIT,
    TICKERS,
    account,
    held,
    in_lead,
    passes,
    place,
    read,
    remember,
    shown,
    stopped_by,
    terms,
    until,
)
from tests.support.sim_exchanges import request
from tests.support.strategies import NOON

ALL_LONG = dict.fromkeys(TICKERS, Decimal(10))


@pytest.fixture
async def here(tmp_path, monkeypatch):
    async with place(tmp_path, monkeypatch) as ready:
        yield ready


async def trade(here, leader):
    """Win and lose a little, end with three positions and no opinion on any."""
    here.scorer.opinion = 0.9
    await until(lambda: held(leader) == ALL_LONG)
    here.scorer.opinion = 0.5
    await until(lambda: not held(leader))
    here.put(CHEAPER)
    here.scorer.opinion = 0.1
    await until(lambda: held(leader) == {ticker: -size for ticker, size in ALL_LONG.items()})
    here.scorer.opinion = None
    await passes(leader, 1)


async def enter(here, leader):
    """Open three positions, and have no opinion any more."""
    here.scorer.opinion = 0.9
    await until(lambda: held(leader) == ALL_LONG)
    here.scorer.opinion = None
    await passes(leader, 1)


async def still(*services):
    """Stop the loop, and wait until every service shows what the first one does."""
    await services[0].control.stop()
    for service in services[1:]:
        await until(partial(same, services[0], service))


def same(one, other):
    return shown(one) == shown(other) and read(one) == read(other)


# Two services


async def test_a_second_service_stands_by_and_shows_what_the_leader_shows(here):
    settings = here.settings()
    await remember(settings, f"paper:{settings.exchange_name}")
    async with running(settings) as a, running(settings) as b:
        await in_lead(a)
        await trade(here, a)
        await still(a, b)
        await until(lambda: not b.snapshot_holder.status.running)

        assert len(read(b)["whales"]) == 2
        assert read(b)["scoreboard"].count == 2
        assert len(read(b)["timeline"]) == 11
        assert {one.ticker for one in read(b)["decisions"]} == set(TICKERS)
        status = b.snapshot_holder.status
        assert (status.leader, status.leads) == (False, a.snapshot_holder.status.leads)
        assert (status.running, status.epoch) == (False, a.snapshot_holder.status.epoch)


async def test_while_the_loop_runs_the_other_follows(here):
    async with running(here.settings()) as a, running(here.settings()) as b:
        await in_lead(a)
        here.scorer.opinion = 0.9

        await until(lambda: held(a) == ALL_LONG)
        await until(lambda: b.snapshot_holder.status.positions_count == 3)
        last = shown(a)["timeline"]
        await until(lambda: shown(b)["timeline"] == last)

        assert held(b) == {}
        assert b.service.bot.trader.portfolio.cash == Decimal(10_000)
        await until(lambda: "enter_long" in {one.action for one in b.decisions.of(None, 100)})


async def test_when_the_first_ends_the_second_goes_on_with_the_very_same_account(here):
    settings = here.settings(lease_seconds=20)
    await remember(settings, f"paper:{settings.exchange_name}")
    async with AsyncExitStack() as first, running(settings) as b:
        # Whoever comes first leads: `b` has to give way before `a` can.
        await in_lead(b)
        await trade(here, b)
        a = await first.enter_async_context(running(settings))
        await still(b, a)
        before, seen, page, standby = account(b), read(b), shown(b), a.service.bot
        b.leadership.end()
        began = time.monotonic()

        await until(lambda: a.service.bot is not standby)

        assert time.monotonic() - began < 15, "less than a lease: nobody had to wait for its end"
        assert account(a) == before
        assert read(a) == seen
        assert shown(a) == page
        assert a.service.own_role.role.epoch == 3
        assert [message.split(", in ")[1] for message in terms(a)] == [
            "term 3 of this database",
            "term 2 of this database",
        ]
        here.scorer.opinion = 0.5
        await a.control.start()
        await until(lambda: not held(a))
        done = account(a)["portfolio"]
        assert (done.cash, done.fees) != (before["portfolio"].cash, before["portfolio"].fees)
        assert done.cash == settings.paper_cash + done.net


async def test_start_and_stop_through_the_one_that_stands_by_reach_the_leader(here):
    async with running(here.settings()) as a, running(here.settings()) as b:
        await in_lead(a)

        assert await b.control.stop()
        assert not a.service.bot.control.beat.running
        assert not await b.control.stop()
        assert not b.snapshot_holder.status.running
        assert await b.control.start()
        assert a.service.bot.control.beat.running
        assert not await b.control.start()
        await passes(a, 1)


def noted(service):
    """What operators did, oldest first, as it is shown."""
    kinds = [notice["kind"] for notice in shown(service)["notices"]]
    return [k for k in reversed(kinds) if k in {"STARTED", "STOPPED", "KILLED", "RESUMED"}]


async def test_what_operators_did_is_a_notice_at_once_everywhere_and_after_a_restart(here):
    async with running(here.settings()) as a, running(here.settings()) as b:
        await in_lead(a)
        await passes(a, 1)
        assert noted(a) == []

        await a.control.stop()
        await a.control.start()
        await a.control.start()
        await a.kill.kill("odd prices")
        await a.kill.resume()

        done = ["STOPPED", "STARTED", "KILLED", "RESUMED"]
        assert noted(a) == done
        await until(lambda: noted(b) == done)
        await passes(a, 2)
        assert noted(a) == done

        await b.control.stop()
        await until(lambda: noted(a) == [*done, "STOPPED"])

    async with running(here.settings()) as after:
        await until(lambda: noted(after) == [*done, "STOPPED"])

        killed = [n for n in shown(after)["notices"] if n["kind"] == "KILLED"]
        assert "odd prices" in killed[0]["message"]


async def test_resume_says_which_switch_still_stands_and_what_lifts_it(here):
    settings = here.settings()
    async with running(settings) as service:
        await in_lead(service)
        settings.kill_file.touch()
        await service.kill.kill("by hand")
        both = f"the file {settings.kill_file} is removed and POST /bot/resume"
        await until(lambda: service.snapshot_holder.status.killed_until == both)

        assert await service.kill.resume()

        status = service.snapshot_holder.status
        assert status.killed == f"the file {settings.kill_file} exists"
        assert status.killed_until == f"the file {settings.kill_file} is removed"
        await until(
            lambda: (
                "is removed, exits continue" in str(service.snapshot_holder.status.entries_stopped)
            )
        )
        assert "until resumed" not in str(service.snapshot_holder.status.entries_stopped)


async def test_kill_and_resume_through_the_one_that_stands_by_reach_the_leader(here):
    async with running(here.settings()) as a, running(here.settings()) as b:
        await in_lead(a)
        here.scorer.opinion = 0.9
        await until(lambda: held(a) == ALL_LONG)

        assert await b.kill.kill("odd prices")
        await until(lambda: b.snapshot_holder.status.killed == "odd prices")
        await until(lambda: a.snapshot_holder.status.killed == "odd prices")
        here.scorer.opinion = 0.5
        await until(lambda: not held(a))
        here.scorer.opinion = 0.9
        await passes(a, 3)
        assert held(a) == {}
        await until(lambda: "odd prices" in str(a.snapshot_holder.status.entries_stopped))
        assert await b.kill.resume()
        await until(lambda: held(a) == ALL_LONG)
        assert {one.snapshot_holder.status.killed for one in (a, b)} == {None}


# Restarts


async def test_a_restart_over_the_same_file_brings_everything_back(here):
    settings = here.settings()
    await remember(settings, f"paper:{settings.exchange_name}")
    async with running(settings) as before:
        await in_lead(before)
        await trade(here, before)
        await before.control.stop()
        was, seen, page = account(before), read(before), shown(before)
        epoch = before.service.own_role.role.epoch or 0

    async with running(settings) as after:
        assert account(after) == was
        assert read(after) == seen
        assert shown(after) == page
        assert after.service.own_role.role.epoch == epoch + 1
        assert not after.snapshot_holder.status.running, "a stop outlives the process"


async def test_a_service_without_a_model_says_so_at_the_start_and_trades_nothing(here, caplog):
    here.scorer.fault, here.scorer.opinion = "there is no model", None
    async with running(here.settings()) as service:
        await in_lead(service)

        assert "every signal is HOLD: there is no model" in caplog.text
        assert service.snapshot_holder.status.model_fault == "there is no model"


async def test_a_running_loop_goes_on_by_itself_after_a_restart(here):
    async with running(here.settings()) as before:
        await in_lead(before)
        await enter(here, before)
    was = account(before)["portfolio"]

    async with running(here.settings()) as after:
        await in_lead(after)

        assert account(after)["portfolio"] == was
        types = [entry["type"] for entry in shown(after)["timeline"]]
        assert types == ["OPEN"] * 3


async def test_what_was_killed_stays_killed_after_a_restart(here):
    here.scorer.opinion = 0.9
    async with running(here.settings(bot_enabled=False)) as before:
        await before.kill.kill("by hand")

    async with running(here.settings()) as after:
        await in_lead(after)
        await passes(after, 3)

        assert after.snapshot_holder.status.killed == "by hand"
        assert held(after) == {}


async def test_an_account_is_found_under_the_name_it_had_before(here, monkeypatch):
    async with running(here.settings()) as before:
        await in_lead(before)
        await enter(here, before)
        await before.kill.kill("by hand")
        old = before.service.book
    monkeypatch.setattr(bootstrap, "book_of", lambda *_: "paper:production")
    monkeypatch.setattr(bootstrap, "earlier_book_of", lambda _: old)

    async with running(here.settings()) as after:
        await in_lead(after)

        assert held(after) == ALL_LONG
        assert after.service.book == "paper:production"
        await until(lambda: after.snapshot_holder.status.killed == "by hand")


async def test_two_accounts_in_one_file_know_nothing_of_each_other(here):
    other = here.settings(
        kalshi_base_url=here.settings().base_url.replace("127.0.0.1", "localhost")
    )
    async with running(here.settings()) as before:
        await in_lead(before)
        await enter(here, before)

    async with running(other) as after:
        await in_lead(after)

        assert held(after) == {}
        assert after.service.bot.trader.portfolio.cash == 10_000
        assert shown(after)["timeline"] == []


async def test_the_account_of_an_embedded_exchange_ends_with_it(tmp_path, monkeypatch):
    # A failure in here must not end the process that runs the tests.
    monkeypatch.setattr(signal, "raise_signal", lambda number: None)
    settings = config.load(None, kalshi_env="sim", log_dir=tmp_path, bot_interval=1, bot_markets=5)
    async with running(settings) as service:
        await in_lead(service)

        assert len(shown(service)["markets"]) == 5
        assert service.service.book.startswith(f"paper:sim{FLEETING}")


# Brakes


async def test_while_the_kill_file_is_there_nothing_is_entered_and_it_is_said(here):
    settings = here.settings()
    async with running(settings) as service:
        await in_lead(service)
        settings.kill_file.touch()
        await until(
            lambda: service.snapshot_holder.status.killed == f"the file {settings.kill_file} exists"
        )
        here.scorer.opinion = 0.9
        await passes(service, 4)
        assert held(service) == {}

        settings.kill_file.unlink()

        await until(lambda: held(service) == ALL_LONG)
        await until(lambda: service.snapshot_holder.status.killed is None)


async def test_with_the_kill_file_there_positions_can_still_be_closed(here):
    settings = here.settings()
    async with running(settings) as service:
        await in_lead(service)
        here.scorer.opinion = 0.9
        await until(lambda: held(service) == ALL_LONG)

        settings.kill_file.touch()
        here.scorer.opinion = 0.5

        await until(lambda: not held(service))


async def test_resume_lifts_the_halt_after_a_drawdown_and_nothing_else_does(here):
    # Three positions at once cost their spread: more than may be lost.
    settings = here.settings(risk_drawdown_halt="0.50")
    async with running(settings) as service:
        await in_lead(service)
        here.scorer.opinion = 0.9
        await until(lambda: stopped_by(service) == "drawdown_halt")
        here.scorer.opinion = None
        await passes(service, 2)
        await until(lambda: stopped_by(service) == "drawdown_halt")

        assert not await service.kill.resume(), "nobody had killed anything"

        await until(lambda: service.snapshot_holder.status.entries_stopped is None)
        await passes(service, 2)
        assert stopped_by(service) != "drawdown_halt"


async def test_sigusr1_kills(here):
    before = signal.getsignal(signal.SIGUSR1)
    async with running(here.settings()) as service:
        assert signal.getsignal(signal.SIGUSR1) is not before
        os.kill(os.getpid(), signal.SIGUSR1)

        await until(lambda: service.snapshot_holder.status.killed == "SIGUSR1 was sent")
    assert signal.getsignal(signal.SIGUSR1) == before


# Faults of the database


async def test_a_term_that_cannot_read_its_book_is_tried_again(here, monkeypatch):
    read_whole, failures = Database.checkpoint, [StoreError("the book is torn")] * 2

    async def checkpoint(database, book):
        if failures:
            raise failures.pop()
        return await read_whole(database, book)

    monkeypatch.setattr(Database, "checkpoint", checkpoint)
    async with running(here.settings()) as service:
        await in_lead(service)

        assert failures == []
        assert service.service.own_role.role.epoch == 3


async def test_what_could_not_be_read_of_the_exchange_is_in_the_status(here, monkeypatch):
    monkeypatch.setattr(KalshiClient, "odd_entries", lambda _: "GET /events: 1 entry")
    async with running(here.settings()) as service:
        await until(lambda: service.snapshot_holder.status.odd_entries == "GET /events: 1 entry")


async def test_while_nothing_can_be_kept_no_order_is_sent_and_it_is_said(here, monkeypatch):
    commit = AccountStore.commit
    fault: list[str] = []

    async def broken(store, done):
        if fault:
            raise StoreError(fault[0])
        await commit(store, done)

    monkeypatch.setattr(AccountStore, "commit", broken)
    async with running(here.settings()) as service:
        await in_lead(service)
        fault.append("the disk is full")
        await until(lambda: service.snapshot_holder.status.store_fault == "the disk is full")
        here.scorer.opinion = 0.9
        await passes(service, 4)
        assert held(service) == {}
        assert service.readiness.checks()["database"].detail == "the disk is full"

        fault.clear()

        await until(lambda: held(service) == ALL_LONG)
        await until(lambda: service.snapshot_holder.status.store_fault is None)


async def test_a_database_that_fails_at_the_end_keeps_nobody_from_leaving(here, monkeypatch):
    async with running(here.settings()) as service:
        await in_lead(service)
        await enter(here, service)
        was = account(service)["portfolio"]

        async def broken(store, done):
            raise StoreError("the disk is full")

        monkeypatch.setattr(AccountStore, "commit", broken)
    monkeypatch.undo()

    settings = here.settings(kalshi_max_reads_per_second=1_000)
    async with running(settings) as again:
        assert account(again)["portfolio"] == was


async def test_a_term_that_is_lost_while_it_runs_shows_nothing_of_its_own(here):
    async with running(here.settings(lease_seconds=2)) as service:
        await in_lead(service)
        async with opened(here.settings().database) as database:
            leader = await database.leader()
            await database.release(Term(str(leader.holder), leader.epoch))
            taken = await database.take("another", 60, service.service.book)
            assert taken is not None
            here.scorer.opinion = 0.9

            await until(lambda: service.snapshot_holder.status.leads == "another")

            checkpoint = await database.checkpoint(service.service.book)
            await database.release(taken)
        assert (held(service), dict(checkpoint.portfolio.positions)) == ({}, {})
        await until(lambda: held(service) == ALL_LONG)
        assert service.service.own_role.role.epoch == taken.epoch + 1


async def test_a_database_that_opens_slowly_keeps_nobody_from_serving_or_leaving(here, monkeypatch):
    let_go = asyncio.Event()

    @asynccontextmanager
    async def slowly(url, **how):
        await let_go.wait()
        async with opened(url, **how) as database:
            yield database

    monkeypatch.setattr(service_module, "opened", slowly)
    monkeypatch.setattr(bootstrap, "SETTLED_WITHIN", 0.05)
    async with asyncio.timeout(5):
        async with running(here.settings()) as service:
            assert service.snapshot_holder.status.leads is None
            assert not service.readiness.checks()["lease"].ok
            let_go.set()
            await in_lead(service)


async def test_without_a_database_sigusr1_is_answered_in_the_log(here, monkeypatch, caplog):
    @asynccontextmanager
    async def away(url, **how):
        raise StoreError("no route to host")
        yield

    monkeypatch.setattr(service_module, "opened", away)
    async with running(here.settings()) as service:
        assert service.snapshot_holder.status.store_fault == "no route to host"
        os.kill(os.getpid(), signal.SIGUSR1)

        await until(lambda: "SIGUSR1 could not be obeyed" in caplog.text)
        assert service.snapshot_holder.status.killed, "before anything is known nothing is entered"


async def test_what_another_version_kept_ends_the_term_and_not_the_process(here):
    settings = here.settings()
    await remember(settings, f"paper:{settings.exchange_name}", StateRecord("brakes", "", b"[1]"))
    async with running(settings) as service:
        fault = await until(lambda: service.snapshot_holder.status.store_fault)

        assert "Run the version that wrote it" in fault
        assert not service.readiness.checks()["database"].ok
        assert not service.snapshot_holder.status.running


async def test_a_leader_of_another_version_is_led_by_and_its_page_is_not_shown(here, caplog):
    settings = here.settings(lease_seconds=2)
    book = f"paper:{settings.exchange_name}"
    async with opened(settings.database) as database:
        term = await database.take("newer", 60, book)
        assert term is not None
        await database.open_book(term, book, settings.paper_cash, NOON)
        store = database.store(term, book)
        await store.commit(CommitBatch(published=b'{"shape": "of another version"}'))
        async with running(settings) as service:
            await until(lambda: service.snapshot_holder.status.leads == "newer")
            assert "The leader runs another version" in caplog.text
            assert shown(service)["markets"] == []

            await database.release(term)

            await in_lead(service)
            assert len(shown(service)["markets"]) == len(TICKERS)


async def test_a_defect_beside_the_loop_ends_the_process(here, monkeypatch):
    def broken(publisher, at):
        raise ZeroDivisionError

    async def serve():
        async with running(here.settings()):
            await asyncio.Event().wait()

    monkeypatch.setattr(bootstrap, "AGEING", 0.05)
    monkeypatch.setattr(Publisher, "age", broken)
    async with asyncio.timeout(5):
        with pytest.raises(ExceptionGroup):
            await serve()

    assert here.signals == [signal.SIGTERM]


# What people ask


def stands(holder):
    """Whether the loop shown there has stopped."""
    return not holder.status.running


async def test_two_services_answer_as_one_over_their_own_routes(here):
    settings = here.settings()
    apps = [create_app(lambda: running(settings), facts_of(settings)) for _ in range(2)]
    async with AsyncExitStack() as stack:
        leader, other = [await stack.enter_async_context(asked(app)) for app in apps]
        await until(lambda: apps[0].state.services.snapshot_holder.status.last_update)
        await until(lambda: apps[1].state.services.snapshot_holder.status.last_update)

        assert [(await one.get("/ready")).status_code for one in (leader, other)] == [200, 200]
        figures = [(await one.get("/metrics")).text for one in (leader, other)]
        assert ["kalshiproto_leader 1.0" in text for text in figures] == [True, False]
        whales = [(await one.get("/whales")).json() for one in (leader, other)]
        assert [one["trades"] is None for one in whales] == [False, True]
        killed = await other.post("/bot/kill", params={"reason": "odd prices"})
        assert killed.json() == {"status": "killed", "reason": "odd prices"}
        await until(lambda: apps[0].state.services.snapshot_holder.status.killed == "odd prices")
        assert (await other.post("/bot/stop")).json() == {"status": "stopped"}
        for one, app in zip((leader, other), apps, strict=True):
            await until(partial(stands, app.state.services.snapshot_holder))
            status = (await one.get("/bot/status")).json()
            assert (status["running"], status["killed"]) == (False, "odd prices")
        assert (await leader.post("/bot/resume")).json() == {"status": "resumed"}


LIVE = {
    "BOT_MODE": "live",
    "API_TOKEN": "the-token-of-the-owner",
    "LIVE_CONFIRM": "real money at external-api.kalshi.com",
    "LIVE_ALLOW": "local-database",
}


@pytest.mark.parametrize("secret", ["hunter2", "-----BEGIN KEY-----hunter2-----END KEY-----"])
@pytest.mark.parametrize("needs_key", [LIVE, {"FEED": "stream"}], ids=["live", "FEED=stream"])
def test_a_secret_that_cannot_sign_stops_the_start_by_name_and_is_not_shown(
    needs_key, secret, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    for name, value in {**needs_key, "KALSHI_API_KEY": "key", "KALSHI_SECRET": secret}.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(SystemExit) as stopped:
        bootstrap.settings()

    assert "KALSHI_SECRET" in str(stopped.value)
    assert "hunter2" not in str(stopped.value)


# Some senders that it loads use what Python is going to drop.
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_an_address_of_alerts_that_means_nobody_stops_the_start_by_name(tmp_path, monkeypatch):
    pytest.importorskip("apprise")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ALERT_URLS", "tgram://hunter2hunter2/123")

    with pytest.raises(SystemExit) as stopped:
        bootstrap.settings()

    said = str(stopped.value).splitlines()
    assert said[0] == "The service cannot start:"
    assert said[1].startswith("ALERT_URLS: the address tgram://")
    assert "hunter2" not in str(stopped.value)


def test_on_paper_a_secret_that_cannot_sign_stops_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(bootstrap, "configure", lambda *_: None)
    monkeypatch.setenv("KALSHI_API_KEY", "key")
    monkeypatch.setenv("KALSHI_SECRET", "no PEM")

    assert bootstrap.settings().feed == "auto"


def test_the_settings_of_a_sound_environment_are_taken_and_odd_names_told(
    tmp_path, monkeypatch, caplog
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(bootstrap, "configure", lambda *_: None)
    monkeypatch.setenv("BOT_INTERVAL", "30")
    monkeypatch.setenv("BOT_INTERVALL", "5")

    assert bootstrap.settings().bot_interval == 30
    assert "BOT_INTERVALL is not a setting" in caplog.text


# Live


async def test_a_live_account_is_traded_and_held_against_the_exchange(here, monkeypatch):
    monkeypatch.setattr(reconciliation, "EVERY", timedelta(seconds=0.2))
    async with running(here.live()) as service:
        await in_lead(service)
        assert service.service.book == f"live:{here.settings().exchange_name}"
        assert service.service.bot.trader.portfolio.cash == DEPOSIT
        await until(lambda: service.snapshot_holder.status.entries_stopped is None)
        here.scorer.opinion = 0.9
        await until(lambda: held(service) == ALL_LONG)
        here.scorer.opinion = None
        there = {ticker: size_contracts(p.size) for ticker, p in here.ann.positions.items()}
        assert there == ALL_LONG

        here.exchange.place(here.ann, request(Side.BUY, 7, 50, ticker="KXB"))

        stopped = await until(lambda: service.snapshot_holder.status.entries_stopped)
        assert "KXB: 10 contracts booked, 17 at the exchange" in stopped
        here.exchange.place(here.ann, request(Side.SELL, 7, 48, ticker="KXB"))
        await until(lambda: service.snapshot_holder.status.entries_stopped is None)


async def test_each_live_term_shuts_out_the_one_before(here):
    settings = here.live()
    for term in range(3):
        async with running(settings) as service:
            await in_lead(service)
            groups = here.exchange.groups.of(here.ann)
            in_force = [group for group in groups if not group.is_triggered]
            # One group a shard for entries, and one for exits.
            of_a_term = 2 * len(here.exchange.state.shards)
            assert len(in_force) == of_a_term
            assert len(groups) == of_a_term * min(term + 1, 2)


# Ages


async def test_a_book_is_as_old_as_the_time_since_it_was_seen_wherever_one_looks(here, monkeypatch):
    monkeypatch.setattr(publish, "fresh_for", lambda interval: 2.0 * interval)
    monkeypatch.setattr(bootstrap, "AGEING", 0.05)
    settings = here.settings()

    def age(service):
        return service.snapshot_holder.snapshot.state.markets[0].age_seconds

    async with running(settings) as a, running(settings) as b:
        await in_lead(a)
        await until(lambda: all(one.snapshot_holder.snapshot.state.markets for one in (a, b)))
        await a.control.stop()
        seen = a.snapshot_holder.status.last_update or a.clock.now()
        ages = []

        def is_old():
            ages.append((age(a), age(b)))
            return age(a) >= 4

        await until(is_old)
        # Coarse: other tests run beside this one.
        assert max(theirs - mine for mine, theirs in ages) < 2
        figures = dict(line.split() for line in _figures(a))
        reported = [
            float(figures[f"kalshiproto_{name}_age{'' if name == 'cycle' else '_max'}_seconds"])
            for name in ("cycle", "book")
        ]
        assert reported[1] == pytest.approx(reported[0], abs=2)

    async with running(settings) as again:
        await until(lambda: again.snapshot_holder.snapshot.state.markets)
        started = again.clock.now()
        await until(lambda: age(again) > 0 and again.clock.now() - started > timedelta(seconds=0.3))
        passed = (again.clock.now() - seen).total_seconds()
        assert age(again) == pytest.approx(passed, abs=2)


def _figures(service):
    lines = service.metrics.render()[0].decode().splitlines()
    return [line for line in lines if line.startswith("kalshiproto_") and "{" not in line]
