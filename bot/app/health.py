"""What operators see: readiness, gauges and status.

Read from the open service on each request; stateless.
"""

from collections.abc import Mapping
from datetime import datetime
from statistics import median
from typing import Any, Protocol

from bot.alerts.conditions import NodeCondition
from bot.alerts.dispatcher import Alerts
from bot.app.term.bot import Bot
from bot.cluster.own_role import OwnRole
from bot.core.market.money import measured
from bot.core.model.drift import Drift
from bot.dashboard.health import readiness, seconds_since_cycle
from bot.dashboard.snapshot import SnapshotHolder
from bot.kalshi.limits import TokenBudget
from bot.ports.exchange import Clock
from bot.ports.views import Check, FeedView, Overview
from bot.telemetry.metrics import Gauges


class Open(Protocol):
    """The open service, as far as operators ask about it."""

    @property
    def bot(self) -> Bot:
        """The bot that is read from now."""
        ...

    @property
    def snapshot_holder(self) -> SnapshotHolder:
        """What is shown."""
        ...

    @property
    def clock(self) -> Clock:
        """What time it is."""
        ...

    @property
    def own_role(self) -> OwnRole:
        """The role of this process."""
        ...


class ReadinessChecks:
    """Whether requests may be sent here."""

    def __init__(self, service: Open, *, stream_required: bool = False) -> None:
        self._service = service
        self._required = stream_required

    def checks(self) -> Mapping[str, Check]:
        """What must hold, by name."""
        status, now = self._service.snapshot_holder.status, self._service.clock.now()
        return readiness(status, now, stream_required=self._required)


class MetricReadings:
    """The gauges of the open service, read at each scrape."""

    def __init__(self, service: Open, budget: TokenBudget, alerts: Alerts) -> None:
        self._service = service
        self._budget = budget
        self._alerts = alerts

    def read(self) -> Gauges:
        """How things stand now; what is not known is None."""
        service, now = self._service, self._service.clock.now()
        status = service.snapshot_holder.status
        known = status.last_update is not None
        return Gauges(
            cycle_age=seconds_since_cycle(status, now),
            markets_watched=status.watched_markets if known else None,
            markets_stale=status.stale_markets if known else None,
            requests=self._budget.taken,
            budget_used=self._budget.used,
            budget_rate=self._budget.rate,
            leader=status.leader,
            lease_epoch=status.epoch,
            store_fault=status.store_fault is not None,
            journal_fault=status.journal_fault is not None,
            model_fault=status.model_fault is not None,
            running=status.running,
            killed=status.killed is not None,
            entries_stopped=status.entries_stopped is not None,
            alerts_queued=self._alerts.queued,
            alerts=_alert_counts(self._alerts),
            **_shown_gauges(service, now if known else None),
            **_leader_gauges(service, is_known=known),
            **_feed_gauges(status.feed if known else None),
        )


def _shown_gauges(service: Open, now: datetime | None) -> dict[str, Any]:
    """What the snapshot says; None before the first cycle, as `now` then is."""
    ages = service.bot.publisher.ages(now) if now else []
    return {
        **_account_gauges(service.snapshot_holder.snapshot.state.overview if now else None),
        "book_age_max": max(ages, default=None),
        "book_age_median": median(ages) if ages else None,
    }


def _account_gauges(overview: Overview | None) -> dict[str, Any]:
    return {
        "equity": overview.equity if overview else None,
        "exposure": overview.total_exposure if overview else None,
        "daily_pnl": overview.daily_pnl if overview else None,
        "open_positions": overview.open_positions if overview else None,
    }


def _leader_gauges(service: Open, *, is_known: bool) -> dict[str, Any]:
    """What the leader alone knows."""
    leads = service.snapshot_holder.status.leader
    # A new leader has a bot before it has read the account.
    trader = service.bot.trader if leads and is_known else None
    commits = service.bot.commits
    return {
        "cash": measured(trader.portfolio.cash) if trader else None,
        "realised": measured(trader.portfolio.net) if trader else None,
        "orders_waiting": len(trader.unresolved) if trader else None,
        "lease_seconds_left": service.own_role.seconds_sure if leads else None,
        "features_drifted": len(_drifted(service.bot)) if leads else None,
        "events_pending": commits.waiting if leads else None,
        "events_dropped": commits.dropped if leads else None,
    }


def _alert_counts(alerts: Alerts) -> dict[str, int]:
    counts = alerts.counts
    return {
        "sent": counts.sent,
        "failed": counts.failed,
        "dropped": counts.dropped,
        "suppressed": counts.suppressed,
    }


def _feed_gauges(feed: FeedView | None) -> dict[str, Any]:
    if feed is None:
        return {}
    age = feed.age_ms_p99
    return {
        "feed_streamed": feed.source == "stream",
        "feed_subscriptions": feed.subscriptions,
        "feed_gaps": feed.gaps,
        "feed_resyncs": feed.resyncs,
        "feed_dropped": feed.dropped,
        "feed_age": None if age is None else age / 1_000,
    }


def role_status(service: Open) -> NodeCondition:
    """How the service stands, for alerts."""
    status = service.snapshot_holder.status
    return NodeCondition(
        leader=status.leader,
        running=status.running,
        leads=status.leads,
        loop_fault=status.loop_fault,
        killed=status.killed,
        store_fault=status.store_fault,
        journal_fault=status.journal_fault,
        model_fault=status.model_fault,
        error=status.error,
        cycle_age=seconds_since_cycle(status, service.clock.now()),
        interval=status.interval_seconds,
        drifted=_drifted(service.bot),
    )


def _drifted(bot: Bot) -> tuple[str, ...]:
    found = bot.model.drift().items()
    return tuple(name for name, drift in found if drift.verdict is Drift.DRIFTED)
