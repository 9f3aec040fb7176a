"""A view that cannot be made is named, and stops neither a pass nor a restart."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from bot.app.bootstrap import running
from bot.core.account.portfolio import Portfolio
from bot.core.events import CycleFinished, FetchFailed, PositionClosed
from bot.dashboard import activity_feed, decision_log
from bot.dashboard import publisher as publish
from bot.dashboard.activity_feed import ActivityFeed
from bot.engine.journals import Journals
from bot.engine.observers import Observers
from bot.journal import csv_rows, stdout_lines
from bot.model.monitor import ModelMonitor
from bot.ports.persistence import Checkpoint, CommitBatch, LeaseLostError
from bot.ports.view_faults import ViewFaults
from bot.store.database import opened
from bot.telemetry import metrics
from bot.whales import markout_tracker
from logging_utils import CsvJournal
from tests.support.cycle_bench import Bench
from tests.support.fakes import ListJournal
from tests.support.services import TICKERS, account, held, in_lead, passes, place, remember, until

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
CLOSED = PositionClosed(NOON, "KX", Decimal("1.5"), "exit")
FAILED = FetchFailed(NOON, "markets", "timed out")


def odd(*_, **__):
    raise ValueError("an odd one")


async def odd_too(*_, **__):
    odd()


def test_a_fault_is_named_with_its_view_and_event_and_told_once(caplog):
    faults = ViewFaults()
    for _ in range(2):
        faults.each("the timeline", odd, [CLOSED])
        said = faults.taken()

        assert said == (
            "cannot be shown: the timeline, PositionClosed of 2026-11-22 12:00:00: "
            "ValueError: an odd one"
        )
    assert len(caplog.records) == 1
    assert faults.taken() is None


def test_many_faults_are_counted():
    faults = ViewFaults()
    for number in range(5):
        with faults.within(f"view {number}"):
            odd()

    assert str(faults.taken()).endswith("view 2: ValueError: an odd one, and 2 more")


def test_who_lost_the_lease_hears_of_it_whatever_was_to_be_shown():
    with pytest.raises(LeaseLostError), ViewFaults().within("the state"):
        raise LeaseLostError("another leads")


def test_of_what_is_restored_only_what_cannot_be_shown_is_missing(monkeypatch):
    monkeypatch.setitem(activity_feed._VIEWS, PositionClosed, odd)
    faults = ViewFaults()
    lately = ActivityFeed(faults)

    lately.restore(Checkpoint(1, Portfolio.of_cash(Decimal(1)), events=(FAILED, CLOSED, FAILED)))

    assert lately.timeline == ()
    assert [(notice.kind, notice.count) for notice in lately.notices] == [("FETCH_FAILED", 2)]
    assert "PositionClosed of 2026-11-22 12:00:00" in str(faults.taken())


@pytest.mark.parametrize("what", ["on_events", "on_predictions", "on_cycle_end"])
async def test_an_audience_that_breaks_stops_no_accounting(what, monkeypatch):
    bench = Bench("A")
    monkeypatch.setattr(bench.cycle, "_audience", one_of(what, bench.cycle._faults))

    fault = await bench.run(0.9)

    assert bench.position() == 100
    assert bench.journal.of(CycleFinished)
    assert "an odd one" in fault


async def test_grades_that_break_stop_no_accounting(monkeypatch):
    bench = Bench("A")
    monkeypatch.setattr(bench.examiner, "grade", odd)

    fault = await bench.run(0.9)

    assert bench.position() == 100
    assert fault == "cannot be shown: the grades: ValueError: an odd one"


def test_a_row_that_cannot_be_written_costs_no_other(tmp_path, monkeypatch):
    with CsvJournal(tmp_path) as journal:
        monkeypatch.setattr(stdout_lines, "log_event", odd)
        journal.record([CLOSED])
        journal.flush()

        assert "a line, PositionClosed" in str(journal.fault)

        monkeypatch.undo()
        journal.record([CLOSED])
        journal.flush()

        assert journal.fault is None


def test_a_teller_that_breaks_keeps_the_others_from_nothing():
    class Ear:
        def __init__(self):
            self.heard = []

        def on_events(self, events):
            self.heard += events

    class Deaf:
        on_events = staticmethod(odd)

    ear, journals = Ear(), Journals(ListJournal())
    journals.subscribe(Deaf(), ear)

    journals.record([CLOSED])
    journals.flush()

    assert ear.heard == [CLOSED]
    assert journals.fault == "cannot be shown: deaf: ValueError: an odd one"


#: Everything that makes something to look at, of what happened.
VIEWS = {
    "timeline": lambda patch: [
        patch.setitem(activity_feed._VIEWS, kind, odd) for kind in activity_feed._VIEWS
    ],
    "whales": lambda patch: patch.setattr(markout_tracker, "record", odd),
    "moments": lambda patch: patch.setattr(markout_tracker.MarkoutTracker, "on_cycle_end", odd_too),
    "follower": lambda patch: patch.setattr(markout_tracker.MarkoutTracker, "restore", odd),
    "decisions": lambda patch: patch.setattr(decision_log, "outcome_text", odd),
    "passes": lambda patch: patch.setattr(decision_log.DecisionLog, "restore", odd),
    "memos": lambda patch: patch.setattr(decision_log.DecisionLog, "state_records", odd),
    "grades": lambda patch: patch.setattr(ModelMonitor, "restore", odd),
    "grading": lambda patch: patch.setattr(ModelMonitor, "grade", odd),
    "state": lambda patch: patch.setattr(publish, "snapshot", odd),
    "published": lambda patch: patch.setattr(publish.Publisher, "show_restored", odd),
    "lines": lambda patch: patch.setattr(stdout_lines, "log_event", odd),
    "rows": lambda patch: [
        patch.setitem(csv_rows.ROWS, kind, (name, odd)) for kind, (name, _) in csv_rows.ROWS.items()
    ],
    "counts": lambda patch: patch.setattr(metrics, "counts", odd),
}


@pytest.mark.parametrize("view", VIEWS)
async def test_whatever_cannot_be_shown_the_account_comes_back_and_is_traded(
    view, tmp_path, monkeypatch
):
    async with place(tmp_path, monkeypatch) as here:
        settings = here.settings()
        await remember(settings, f"paper:{settings.exchange_name}")
        here.scorer.opinion = 0.9
        async with running(settings) as service:
            await until(lambda: len(held(service)) == len(TICKERS))
            await passes(service, 1)
            here.scorer.opinion = None
            await passes(service, 1)
            before = account(service)["portfolio"]

        VIEWS[view](monkeypatch)

        async with running(settings) as service:
            await in_lead(service)
            assert account(service)["portfolio"] == before
            here.scorer.opinion = 0.5
            await until(lambda: not held(service))
            await passes(service, 1)
            faults = (
                service.snapshot_holder.status.last_error,
                service.snapshot_holder.status.journal_fault,
            )
            journal = service.journal.fault, service.service._world.journal.fault
            assert "an odd one" in str((*faults, *journal))
        async with opened(settings.database) as database:
            checkpoint = await database.checkpoint(f"paper:{settings.exchange_name}")
            assert not checkpoint.portfolio.positions
            assert checkpoint.portfolio.fees > before.fees


async def test_a_published_state_that_is_cut_off_keeps_nobody_from_leading(tmp_path, monkeypatch):
    async with place(tmp_path, monkeypatch) as here:
        settings = here.settings()
        book = f"paper:{settings.exchange_name}"
        await remember(settings, book)
        async with opened(settings.database) as database:
            term = await database.take("an earlier process", 60, book)
            assert term is not None
            await database.store(term, book).commit(CommitBatch(published=b'{"overview": {"mo'))
            await database.release(term)

        async with running(settings) as service:
            await in_lead(service)


def one_of(what, faults):
    """An audience that breaks there."""

    class Breaking:
        def on_events(self, events):
            if what == "on_events":
                odd()

        def on_predictions(self, predictions):
            if what == "on_predictions":
                odd()

        async def on_cycle_end(self, *_):
            if what == "on_cycle_end":
                odd()

    return Observers(faults, {"one": Breaking()})
