import asyncio
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from bot.core.events import CycleStarted, FetchFailed, MarketSettled
from bot.core.market.market import Side
from bot.core.market.orders import Order
from bot.engine import commit_queue
from bot.engine.commit_queue import CommitQueue
from bot.engine.unit_of_work import PassState, UnitOfWork
from bot.ports.persistence import LeaseLostError, StateRecord, StoreError

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


class FakeStore:
    """Keeps in memory; fails on demand, before or after it has kept."""

    def __init__(self):
        self.done = []
        self.intended = []
        self.fails = None
        self.fails_after = None

    async def intend(self, order):
        self._fail(self.fails)
        self.intended.append(order)

    async def commit(self, done):
        self._fail(self.fails)
        if done not in self.done:
            self.done.append(done)
        self._fail(self.fails_after)

    @staticmethod
    def _fail(error):
        if error:
            raise error


class FakeJournal:
    fault = None

    def __init__(self, store):
        self.events = []
        self._store = store

    def record(self, events):
        self.events += events

    def turn_to(self, account):
        pass

    def flush(self):
        pass


class FakeStage:
    def __init__(self, store):
        self.body = self.seen = b"{}"
        self.roles = 0
        self.passes = []
        self._store = store

    def prepared(self):
        return self.body

    def shown(self):
        return self.seen

    def show(self):
        self.passes.append(len(self._store.done))

    def show_role(self):
        self.roles += 1


class Remembers:
    def __init__(self):
        self.next = []

    def state_records(self):
        given, self.next = self.next, []
        return given


@pytest.fixture
def store():
    return FakeStore()


@pytest.fixture
def journal(store):
    return FakeJournal(store)


@pytest.fixture
def stage(store):
    return FakeStage(store)


@pytest.fixture
def memory():
    return Remembers()


@pytest.fixture
def commits(store):
    return CommitQueue(store)


@pytest.fixture
def unit(commits, journal, stage, memory):
    return UnitOfWork(commits, journal, PassState(stage, (memory,)))


def failed(number):
    return FetchFailed(NOW, "markets", f"reason {number}")


def settled(ticker):
    return MarketSettled(NOW, ticker, Decimal(1), Decimal(3), Decimal(2))


def order():
    return Order("1-1", "T", Side.BUY, Decimal(1), Decimal("0.5"), NOW)


async def test_a_pass_is_kept_in_one_piece(unit, store, memory):
    memory.next = [StateRecord("mood", "", b"calm")]

    await unit.commit_pass([failed(1), settled("A")])

    (done,) = store.done
    assert list(done.events) == [failed(1), settled("A")]
    assert list(done.state_records) == [StateRecord("mood", "", b"calm")]
    assert done.published == b"{}"


async def test_nothing_is_shown_or_written_down_before_it_is_kept(unit, store, journal, stage):
    await unit.commit_pass([failed(1)])

    assert stage.passes == [1]
    assert journal.events == [failed(1)]


async def test_what_could_not_be_kept_is_held_back_and_kept_later(
    commits, unit, store, journal, stage
):
    store.fails = StoreError("the database is away")
    await unit.commit_pass([failed(1)])
    assert (commits.fault, journal.events, commits.waiting) == ("the database is away", [], 1)
    assert stage.passes == [0]

    store.fails = None
    await unit.commit_pass([failed(2)])

    assert commits.fault is None
    assert [event for done in store.done for event in done.events] == [failed(1), failed(2)]
    assert journal.events == [failed(1), failed(2)]
    assert commits.waiting == 0


async def test_a_lost_answer_does_not_keep_anything_twice(unit, store, journal):
    store.fails_after = StoreError("the connection broke")
    await unit.commit_pass([settled("A")])

    store.fails_after = None
    await unit.commit_pass([settled("B")])

    assert [event.ticker for done in store.done for event in done.events] == ["A", "B"]
    assert journal.events == [settled("A"), settled("B")]


async def test_the_latest_memo_of_a_name_is_kept(unit, store, memory):
    store.fails = StoreError("away")
    for body in (b"1", b"2", b"3"):
        memory.next = [StateRecord("k", "x", body)]
        await unit.commit_pass([])
    store.fails = None

    await unit.commit_pass([])

    checkpoint = {(m.kind, m.key): m.body for done in store.done for m in done.state_records}
    assert checkpoint == {("k", "x"): b"3"}


async def test_while_it_is_away_no_order_is_written_and_each_is_told_why(commits, unit, store):
    store.fails = StoreError("away")
    await unit.commit_pass([])
    store.fails = None

    with pytest.raises(StoreError, match="away"):
        await commits.intend(order())

    assert store.intended == []


async def test_one_failed_order_is_enough_for_a_pass(commits, unit, store):
    store.fails = StoreError("away")
    with pytest.raises(StoreError):
        await commits.intend(order())
    store.fails = None
    with pytest.raises(StoreError):
        await commits.intend(order())

    await unit.commit_pass([])
    await commits.intend(order())

    assert store.intended == [order()]


async def test_an_order_is_written_down(commits, store):
    await commits.intend(order())

    assert store.intended == [order()]


async def test_what_a_lost_lease_left_is_neither_shown_nor_written(unit, store, journal, stage):
    store.fails = LeaseLostError("another leads")

    with pytest.raises(LeaseLostError):
        await unit.commit_pass([settled("A")])

    assert (journal.events, stage.passes, store.done) == ([], [], [])


async def test_room_is_bounded_but_money_is_never_given_up(commits, unit, store, monkeypatch):
    monkeypatch.setattr(commit_queue, "MOST", 5)
    store.fails = StoreError("away")
    await unit.commit_pass([])  # what is tried now stays as it is
    await unit.commit_pass([settled("A"), *map(failed, range(10)), settled("B")])

    store.fails = None
    await unit.commit_pass([])

    checkpoint = [event for done in store.done for event in done.events]
    assert [e for e in checkpoint if isinstance(e, MarketSettled)] == [settled("A"), settled("B")]
    assert failed(9) in checkpoint
    assert failed(0) not in checkpoint
    assert commits.dropped == 6


async def test_between_passes_a_state_is_published_only_if_it_changed(unit, store, stage):
    await unit.commit_pass([])
    await unit.publish()
    assert len(store.done) == 1

    stage.seen = b'{"running": false}'
    await unit.publish()

    assert store.done[-1].published == b'{"running": false}'


async def test_a_state_never_follows_a_newer_one(unit, store, stage):
    """A pass that was committed meanwhile shows more than what was to be published."""
    stage.seen = b'{"pass": 1}'
    async with unit._lock:
        publishing = asyncio.create_task(unit.publish())
        await asyncio.sleep(0)
        stage.seen = b'{"pass": 2}'
    await publishing

    assert [done.published for done in store.done] == [b'{"pass": 2}']


async def test_a_note_is_committed_with_the_state_that_shows_it(unit, store, stage):
    stage.seen = b'{"notices": 1}'

    await unit.note([failed(1)], [])

    (done,) = store.done
    assert (done.events, done.published) == ((failed(1),), b'{"notices": 1}')


async def test_between_passes_the_database_may_come_back(commits, unit, store, journal):
    store.fails = StoreError("away")
    await unit.commit_pass([failed(1)])
    store.fails = None

    await unit.publish()

    assert commits.fault is None
    assert journal.events == [failed(1)]


async def test_what_is_said_at_once_is_not_kept(unit, store, journal):
    unit.announce([CycleStarted(NOW, 1)])

    assert journal.events == [CycleStarted(NOW, 1)]
    assert store.done == []


async def test_money_that_is_not_kept_is_not_shown(unit, store, stage):
    store.fails = StoreError("away")
    await unit.commit_pass([settled("A")])
    assert (stage.passes, stage.roles) == ([], 1)

    store.fails = None
    await unit.commit_pass([])

    assert stage.passes == [2]


async def test_what_was_kept_is_written_down_though_somebody_gave_up_waiting(unit, journal):
    record = journal.record
    tasks: list[asyncio.Task[None]] = []

    def interrupted(events):
        record(events)
        tasks[0].cancel()

    journal.record = interrupted
    tasks.append(asyncio.create_task(unit.commit_pass([failed(n) for n in range(250)])))
    with pytest.raises(asyncio.CancelledError):
        await tasks[0]
    journal.record = record
    assert 0 < len(journal.events) < 250

    await unit.commit_pass([])

    assert journal.events == [failed(n) for n in range(250)]
