"""Who leads, with a database that exists only in memory and clocks moved by hand."""

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.cluster import leader_election, operator_commands
from bot.cluster.held_lease import HeldLease
from bot.cluster.leader_election import LeaderElection
from bot.cluster.operator_commands import OperatorCommands
from bot.cluster.operator_flags import OperatorFlags
from bot.cluster.own_role import OwnRole
from bot.cluster.ports import Candidate, NodeFactories
from bot.ports.exchange import ExchangeError
from bot.ports.persistence import (
    StoreError,
    StoreLostError,
)
from tests.support.elections import BOOK, FakeElection, Shared
from tests.support.fakes import HandClock

#: Seconds of a lease: a hundredth of the real time.
SECONDS = 0.05


class FakeControl:
    def __init__(self):
        self.running = False

    async def start(self):
        was, self.running = self.running, True
        return not was

    async def stop(self):
        was, self.running = self.running, False
        return was


class FakeEngine:
    def __init__(self, process):
        self.control = FakeControl()
        self._process = process

    async def beat(self):
        if self._process.shared.fails:
            raise self._process.shared.fails
        self._process.shared.published = b"on" if self.control.running else b"off"
        self._process.shared.commit += 1


class FakeOnlooker:
    def __init__(self, process):
        self.body = None

    @property
    def is_running(self):
        return self.body == b"on"

    def begin(self, checkpoint):
        self.body = checkpoint.published

    def apply(self, news):
        self.body = news.published


class Process:
    """One process that takes part; it waits a hundredth of the real time."""

    def __init__(self, shared, name, starts=True):
        self.shared = shared
        self.time = 0.0
        self.engine = None
        self.lose = None
        self.opens = None
        self.refuses = None
        self.opening = None
        self.opened = 0
        self.roles = []
        self.flags = switches = OperatorFlags(starts, HandClock(datetime(2026, 11, 22, tzinfo=UTC)))
        self.own = OwnRole(HeldLease(SECONDS, lambda: self.time), switches)
        self.part = LeaderElection(
            Candidate(name, SECONDS, BOOK),
            switches,
            self.own,
            self.factories(),
            lambda: self.time,
        )
        self.command = OperatorCommands(self.part, switches)

    def factories(self):
        return NodeFactories(
            database=self._database,
            engine=self._engine,
            standby=lambda: FakeOnlooker(self),
            on_role=lambda: self.roles.append(self.own.role),
        )

    @asynccontextmanager
    async def _database(self):
        if self.opens:
            raise self.opens
        yield FakeElection(self.shared)

    @asynccontextmanager
    async def _engine(self, term, lose):
        if self.refuses:
            raise self.refuses
        if self.opening:
            await self.opening.wait()
        self.opened += 1
        self.engine, self.lose = FakeEngine(self), lose
        try:
            yield self.engine
        finally:
            await self.engine.control.stop()

    @asynccontextmanager
    async def taking_part(self):
        async with asyncio.TaskGroup() as group:
            task = group.create_task(self.part.run())
            await self.part.settled.wait()
            try:
                yield self
            finally:
                self.part.end()
                await asyncio.wait({task})


@pytest.fixture
def shared():
    return Shared()


@pytest.fixture(autouse=True)
def _hurried(monkeypatch):
    monkeypatch.setattr(leader_election, "RETRY", 0.01)
    monkeypatch.setattr(operator_commands, "OBEY_WITHIN", 1.0)


async def until(condition):
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110  # what other tasks do sets no event
            await asyncio.sleep(0.001)


async def test_alone_it_leads_and_starts_the_loop(shared):
    async with Process(shared, "a").taking_part() as a:
        assert a.own.role.leader
        assert a.own.role.leads == "a"
        assert a.engine.control.running
        assert a.own.sure()
    assert shared.holder is None
    assert not a.engine.control.running


async def test_of_two_one_leads_and_the_other_knows_who(shared):
    async with Process(shared, "a").taking_part() as a, Process(shared, "b").taking_part() as b:
        assert a.own.role.leader
        assert (b.own.role.leader, b.own.role.leads) == (False, "a")
        assert b.engine is None
        assert not b.own.sure()


async def test_a_clean_end_lets_the_other_lead_at_once(shared):
    async with Process(shared, "b").taking_part() as waiting:
        pass
    async with Process(shared, "a").taking_part(), Process(shared, "b").taking_part() as b:
        assert not b.own.role.leader
        shared.holder = None  # as a's release does
        await until(lambda: b.own.role.leader)
    assert waiting.opened == 1


async def test_the_term_of_each_leader_has_a_number_of_its_own(shared):
    async with Process(shared, "a").taking_part() as a:
        first = a.own.role.epoch
    async with Process(shared, "b").taking_part() as b:
        assert b.own.role.epoch == first + 1


async def test_who_finds_another_leading_forgets_everything_and_looks_on(shared):
    async with Process(shared, "a").taking_part() as a:
        shared.holder, shared.epoch, shared.until = "b", shared.epoch + 1, 1e9

        await until(lambda: a.own.role.leads == "b")

        assert not a.own.role.leader
        assert not a.engine.control.running


async def test_a_write_that_finds_another_leading_ends_the_term(shared):
    async with Process(shared, "a").taking_part() as a:
        shared.holder, shared.epoch, shared.until = "b", shared.epoch + 1, 1e9

        a.lose()

        assert not a.own.sure()
        await until(lambda: a.own.role.leads == "b")


async def test_a_process_that_was_paused_is_not_sure_when_it_wakes(shared):
    async with Process(shared, "a").taking_part() as a:
        assert a.own.sure()

        a.time += 1.0  # longer than its lease, in one step

        assert not a.own.sure()
        assert a.own.seconds_sure == 0.0
        await until(a.own.sure)  # nobody took over: the next renewal says so


async def test_a_leader_is_sure_for_less_time_than_its_lease_has(shared):
    async with Process(shared, "a").taking_part() as a:
        a.time += SECONDS * 0.79
        assert a.own.sure()
        a.time += SECONDS * 0.02

        assert not a.own.sure(), "another may soon lead, and clocks differ"
        assert a.own.seconds_sure == 0.0


@pytest.mark.parametrize("asked", ["take", "renew"])
async def test_a_lease_is_as_old_as_the_question_for_it_not_as_the_answer(shared, asked):
    a = Process(shared, "a")

    def slow(what):
        if what == asked:
            a.time += SECONDS / 2

    shared.on_answer = slow
    async with a.taking_part():
        await until(lambda: asked == "take" or a.time)

        assert a.own.seconds_sure <= SECONDS * 0.3 + 1e-9


@given(st.lists(st.floats(0, 2), min_size=1, max_size=8))
def test_nobody_is_sure_of_a_lease_that_others_may_take(steps):
    async def story():
        shared = Shared()
        a = Process(shared, "a")
        async with a.taking_part():
            for step in steps:
                a.time += step * SECONDS
                shared.now = a.time
                assert not a.own.sure() or shared.now < shared.until
                await asyncio.sleep(0)

    asyncio.run(story())


async def test_while_the_database_is_away_it_is_shown_and_recovery_is_automatic(shared):
    async with Process(shared, "a").taking_part() as a:
        shared.fails = StoreError("connection refused")
        await until(lambda: a.own.role.store_fault == "connection refused")
        assert a.engine.control.running

        shared.fails = None

        await until(lambda: a.own.role.store_fault is None)
        assert a.own.role.leader


async def test_a_database_that_is_away_at_the_start_is_waited_for(shared):
    a = Process(shared, "a")
    a.opens = StoreError("no route to host")
    async with a.taking_part():
        assert a.own.role.store_fault == "no route to host"
        assert a.flags.killed
        with pytest.raises(StoreError):
            await a.command.start()

        a.opens = None

        await until(lambda: a.own.role.leader)


async def test_a_term_that_cannot_begin_says_so_and_is_tried_again(shared):
    a = Process(shared, "a")
    a.refuses = ExchangeError("GET /portfolio: 503")
    async with a.taking_part():
        await until(lambda: "503" in (a.own.role.store_fault or ""))
        await until(lambda: shared.epoch > 3)
        assert any("503" in (role.store_fault or "") for role in a.roles if role.leader)

        a.refuses = None

        await until(lambda: a.engine is not None and a.engine.control.running)
        assert a.own.role.store_fault is None


async def test_an_end_does_not_wait_for_a_term_that_does_not_begin(shared):
    a = Process(shared, "a")
    a.opening = asyncio.Event()
    async with asyncio.TaskGroup() as group, asyncio.timeout(5):
        task = group.create_task(a.part.run())
        await until(lambda: a.own.role.leader)
        await asyncio.sleep(0.01)

        a.part.end()

        await task
    assert shared.holder is None
    assert a.part.settled.is_set()


async def test_stop_and_start_are_obeyed_at_once_by_the_leader(shared):
    async with Process(shared, "a").taking_part() as a:
        assert await a.command.stop()
        assert not a.engine.control.running
        assert not await a.command.stop()
        assert await a.command.start()
        assert a.engine.control.running
        assert not await a.command.start()


async def test_stop_and_start_reach_the_leader_through_any_process(shared):
    async with Process(shared, "a").taking_part() as a, Process(shared, "b").taking_part() as b:
        assert await b.command.stop()
        assert not a.engine.control.running
        assert not await b.command.stop()
        assert await b.command.start()
        assert a.engine.control.running


async def test_a_leader_that_does_not_obey_is_told_of(shared, monkeypatch):
    monkeypatch.setattr(operator_commands, "OBEY_WITHIN", 0.05)
    shared.holder, shared.epoch, shared.until, shared.published = "dead", 1, 1e9, b"on"
    async with Process(shared, "b").taking_part() as b:
        with pytest.raises(StoreError, match="dead leads and has not acted"):
            await b.command.stop()
    assert shared.wanted == {"running": "off"}


async def test_a_stop_outlives_the_process(shared):
    async with Process(shared, "a").taking_part() as a:
        await a.command.stop()
    async with Process(shared, "a").taking_part() as again:
        assert not again.engine.control.running
        assert await again.command.start()


async def test_without_auto_start_the_loop_waits(shared):
    async with Process(shared, "a", starts=False).taking_part() as a:
        assert not a.engine.control.running
        assert await a.command.start()
        await asyncio.sleep(0.05)
        assert a.engine.control.running


async def test_a_stop_holds_even_if_it_cannot_be_written_down(shared):
    async with Process(shared, "a").taking_part() as a:
        shared.fails = StoreError("away")

        assert await a.command.stop()

        await until(lambda: a.own.role.store_fault)
        assert not a.engine.control.running
        shared.fails = None
        await until(lambda: shared.wanted.get("running") == "off")
        assert not a.engine.control.running


async def test_a_database_that_is_lost_ends_the_term_and_is_opened_anew(shared):
    async with Process(shared, "a").taking_part() as a:
        first = a.engine
        a.opens = StoreError("the file book.db is missing: put it back")
        shared.fails = StoreLostError("the file book.db was deleted")

        await until(lambda: a.own.role.store_fault == str(a.opens))

        assert not a.own.sure()
        assert a.part.engine is None
        assert not first.control.running
        assert "the file book.db was deleted" in [role.store_fault for role in a.roles]
        shared.holder = a.opens = shared.fails = None
        await until(lambda: a.own.sure() and a.own.role.store_fault is None)
        await until(lambda: a.opened == 2)


async def test_a_kill_holds_for_all_and_outlives_the_process(shared):
    async with Process(shared, "a").taking_part() as a, Process(shared, "b").taking_part() as b:
        assert await b.command.kill("odd prices")
        await until(lambda: a.flags.killed == "odd prices")
        assert a.own.role.killed == "odd prices" or a.roles[-1].killed == "odd prices"
        assert not await a.command.kill("again")
    async with Process(shared, "c").taking_part() as c:
        assert c.flags.killed == "again"
        assert await c.command.resume()
        assert c.flags.killed is None
        assert not await c.command.resume()


async def test_a_kill_holds_even_if_it_cannot_be_written_down(shared):
    async with Process(shared, "a").taking_part() as a:
        shared.fails = StoreError("away")

        await a.command.kill("now")

        assert a.flags.killed == "now"


async def test_before_anything_is_known_nothing_may_be_entered():
    assert Process(Shared(), "a").flags.killed
    assert not Process(Shared(), "a").own.sure()
