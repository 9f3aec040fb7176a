"""What operators are told: when requests may come, and figures that never make up a zero."""

from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal

import pytest

from bot import config
from bot.alerts.alert import AlertRules
from bot.alerts.dispatcher import Alerts, AlertSources
from bot.alerts.webhook import Webhook
from bot.app.composition import first_snapshot, unkept
from bot.app.health import MetricReadings, ReadinessChecks, role_status
from bot.app.node_context import NodeContext
from bot.cluster.held_lease import HeldLease
from bot.cluster.operator_flags import OperatorFlags
from bot.cluster.own_role import OwnRole
from bot.core.model.drift import Drift
from bot.core.staleness import fresh_for
from bot.dashboard.snapshot import bot_view
from bot.kalshi.client import KalshiClient, open_http
from bot.kalshi.limits import TokenBudget
from bot.model.monitor import FeatureDrift
from bot.ports.persistence import Checkpoint
from bot.ports.views import FeedView
from bot.telemetry.gauges import READINGS
from tests.support.api_world import full_state, market
from tests.support.fakes import FakeScorer, HandClock, ListJournal
from tests.support.store_values import CASH, filled, order

STREAMED = FeedView(source="stream", subscriptions=2, age_ms_p50=80.0, age_ms_p99=900.0)
POLLED = FeedView(source="poll", reason="no key")
RUNNING = {"running": True, "leader": True, "leads": "web-1", "epoch": 7}


class Open:
    """A service whose status, state and clock a test sets."""

    def __init__(self, **settings):
        self.clock = HandClock()
        found = config.load(None, kalshi_env="sim", bot_interval=4, **settings)
        model = FakeScorer()
        self.snapshot_holder = first_snapshot(found, model, self.clock.now())
        self.seconds = 0.0
        self.budget = TokenBudget(lambda: self.seconds, rate=5.0)
        exchange = KalshiClient(open_http("http://exchange.example"), self.budget, self.clock)
        self.bot = unkept(
            NodeContext(found, model, exchange, ListJournal(), self.clock, self.snapshot_holder)
        )
        lease = HeldLease(10.0, lambda: self.seconds)
        self.own_role = OwnRole(lease, OperatorFlags(True, self.clock))
        self.alerts = Alerts(
            [Webhook.of("http://alerts.example/hook", "json", "test")],
            AlertRules(Decimal(10_000)),
            AlertSources(lambda: role_status(self)),
            self.clock,
        )

    def now(self, **status):
        self.snapshot_holder.status = replace(self.snapshot_holder.status, **status)

    def ran(self, ago=0.0, **state):
        """A pass that ended so many seconds ago, and what it showed."""
        at = self.clock.now() - timedelta(seconds=ago)
        self.now(last_update=at, watched_markets=2, **RUNNING)
        shown = full_state(bot=bot_view(self.snapshot_holder.status), **state)
        self.bot.publisher.show_restored(shown, at)

    def check(self, name):
        return ReadinessChecks(self).checks()[name]

    def figures(self):
        return MetricReadings(self, self.budget, self.alerts).read()


@pytest.fixture
def service():
    return Open()


# Readiness


@dataclass(frozen=True)
class Case:
    """A status, whether the check of a name holds in it, and a word of what it says."""

    name: str
    status: dict[str, object]
    ok: bool
    says: str


CASES = (
    Case("data", {}, False, "no cycle has ended yet"),
    Case("data", {"leads": "web-2"}, True, "the bot is stopped"),
    Case("data", {"leads": "web-2", "loop_fault": "the loop ended"}, False, "the loop ended"),
    Case("data", RUNNING, False, "no cycle has ended yet"),
    Case("database", {}, True, "all writes succeed"),
    Case("database", {"store_fault": "the disk is full"}, False, "the disk is full"),
    Case("feed", {}, True, "no order book has been asked for yet"),
    Case("feed", {"feed": STREAMED}, True, "2 order books are streamed"),
    Case("feed", {"feed": POLLED}, True, "order books are polled: no key"),
    Case("lease", {}, False, "no leader"),
    Case("lease", RUNNING, True, "this process leads, term 7"),
    Case("lease", {"leads": "web-2", "epoch": 3}, True, "web-2 leads, term 3"),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_check_says_whether_and_why(service, case):
    service.now(**case.status)

    check = service.check(case.name)

    assert (check.ok, check.detail) == (case.ok, case.says)


@pytest.mark.parametrize(
    ("interval", "ago", "ok"),
    [(1, 10.0, True), (1, 10.1, False), (60, 120.0, True), (60, 120.1, False), (1, 0.0, True)],
)
def test_what_is_shown_is_fresh_for_two_intervals_and_ten_seconds_at_least(
    service, interval, ago, ok
):
    service.ran(ago)
    service.now(interval_seconds=interval)

    check = service.check("data")

    assert (check.ok, check.detail) == (ok, f"the state is {ago:.1f} s old")


def test_the_state_of_a_leader_that_died_grows_old_though_it_says_that_it_runs(service):
    service.ran(fresh_for(4) + 1)
    service.now(leader=False, leads=None)

    assert not service.check("data").ok
    assert not service.check("lease").ok


def test_all_checks_are_there(service):
    assert set(ReadinessChecks(service).checks()) == {"data", "database", "lease", "feed"}


# Figures


def test_before_anything_is_known_no_figure_of_the_account_or_the_markets_is_there(service):
    figures = service.figures()

    unknown = (
        *(figures.equity, figures.exposure, figures.daily_pnl, figures.open_positions),
        *(figures.cash, figures.realised, figures.cycle_age, figures.book_age_max),
        *(figures.book_age_median, figures.markets_watched, figures.markets_stale),
        *(figures.lease_epoch, figures.lease_seconds_left, figures.features_drifted),
        *(figures.events_pending, figures.events_dropped, figures.orders_waiting),
    )
    assert unknown == (None,) * len(unknown)
    assert (figures.leader, figures.running, figures.killed) == (False, False, False)


def test_who_takes_over_tells_no_figure_of_an_account_that_it_has_not_read(service):
    service.now(**RUNNING)

    figures = service.figures()

    assert (figures.cash, figures.realised, figures.equity) == (None, None, None)
    assert figures.leader


def test_who_stands_by_tells_what_is_shown_and_nothing_of_an_account_of_its_own(service):
    service.ran()
    service.now(leader=False, leads="web-2")

    figures = service.figures()

    assert (figures.equity, figures.open_positions, figures.leader) == (10_000.0, 0, False)
    assert (figures.cash, figures.realised, figures.lease_seconds_left) == (None, None, None)
    assert (figures.events_pending, figures.events_dropped) == (None, None)
    assert figures.features_drifted is None


def test_who_leads_tells_the_account_to_the_cent(service):
    bought = filled(order()).execution
    portfolio = service.bot.trader.portfolio.of_cash(CASH).after(*bought.fills)
    service.bot.restore(Checkpoint(1, portfolio))
    service.ran()

    figures = service.figures()

    assert figures.cash == float(CASH - 10 * Decimal("0.40") - bought.fees)
    assert figures.realised == float(-bought.fees)
    assert (figures.events_pending, figures.events_dropped, figures.features_drifted) == (0, 0, 0)
    assert (figures.lease_epoch, figures.lease_seconds_left) == (7, 0.0)


def test_ages_are_since_a_book_was_seen_not_since_it_was_shown(service):
    service.ran(ago=3.0, markets=(market("A", age_seconds=0.0), market("B", age_seconds=7.0)))
    service.now(stale_markets=1)

    figures = service.figures()

    assert (figures.cycle_age, figures.book_age_max, figures.book_age_median) == (3.0, 10.0, 6.5)
    assert (figures.markets_watched, figures.markets_stale) == (2, 1)


def test_without_a_book_there_is_no_age(service):
    service.ran(markets=())

    figures = service.figures()

    assert (figures.book_age_max, figures.book_age_median) == (None, None)


@pytest.mark.parametrize("name", ["store_fault", "journal_fault", "model_fault"])
def test_each_fault_is_a_figure_of_its_own(service, name):
    service.now(**{name: "why"})

    faults = {
        one: getattr(service.figures(), one)
        for one in ("store_fault", "journal_fault", "model_fault")
    }

    assert faults == {one: one == name for one in faults}


@pytest.mark.parametrize(
    ("name", "value"),
    [("killed", "by hand"), ("entries_stopped", "a loss"), ("running", True), ("leader", True)],
)
def test_what_stops_entries_is_a_figure(service, name, value):
    assert getattr(service.figures(), name) is False

    service.now(**{name: value})

    assert getattr(service.figures(), name) is True


async def test_the_budget_tells_what_passed_and_what_is_spent(service):
    await service.budget.take()

    figures = service.figures()

    assert (figures.requests, figures.budget_rate) == (1, 5.0)
    assert figures.budget_used == pytest.approx(0.2)


def test_alerts_that_wait_are_counted(service):
    service.alerts.notify("late", 1, "the cycle is late")

    figures = service.figures()

    assert figures.alerts_queued == 1
    assert figures.alerts == {"sent": 0, "failed": 0, "dropped": 0, "suppressed": 0}


def test_a_leader_that_knows_everything_exposes_every_figure(service):
    service.ran()
    service.now(feed=STREAMED)

    figures = service.figures()

    assert [one.name for one in READINGS if one.read(figures) is None] == []


def test_the_feed_is_exposed_as_figures(service):
    service.ran()
    service.now(feed=STREAMED)

    figures = service.figures()

    assert (figures.feed_streamed, figures.feed_subscriptions) == (True, 2)
    assert figures.feed_age == 0.9


def test_where_a_stream_is_required_a_service_that_polls_is_not_ready(service):
    checks = ReadinessChecks(service, stream_required=True)
    service.now(feed=POLLED)
    assert not checks.checks()["feed"].ok

    service.now(feed=STREAMED)
    assert checks.checks()["feed"].ok


# For alerts


def test_alerts_hear_how_the_service_stands_in_every_respect(service):
    service.ran(ago=2.5)
    faults = {
        name: f"{name} of now"
        for name in ("loop_fault", "killed", "store_fault", "journal_fault", "model_fault", "error")
    }
    service.now(**faults)

    reported = role_status(service)

    assert {name: getattr(reported, name) for name in faults} == faults
    assert (reported.leader, reported.running, reported.leads) == (True, True, "web-1")
    assert (reported.cycle_age, reported.interval, reported.drifted) == (2.5, 4.0, ())


def test_before_the_first_cycle_its_age_is_not_known(service):
    assert role_status(service).cycle_age is None


def test_only_features_that_drifted_are_named(service, monkeypatch):
    found = {
        "spread": FeatureDrift(0.9, Drift.DRIFTED, 1_000),
        "depth": FeatureDrift(0.15, Drift.WATCH, 1_000),
        "age": FeatureDrift(None, Drift.UNKNOWN, 3),
    }
    monkeypatch.setattr(service.bot.model, "drift", lambda: found)
    service.ran()

    assert role_status(service).drifted == ("spread",)
    assert service.figures().features_drifted == 1
