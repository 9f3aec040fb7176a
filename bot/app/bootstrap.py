"""The only place that chooses adapters and opens them: the service, as the settings describe it."""

import asyncio
import logging
import os
import secrets
import shutil
import signal
import socket
import sys
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import httpx

from bot import config
from bot.alerts.alert import AlertKind, Severity
from bot.alerts.dispatcher import Alerts
from bot.app.account_identity import book_of, earlier_book_of
from bot.app.alerting import alerts_of, targets
from bot.app.composition import first_snapshot
from bot.app.disk_space import DiskWatch, data_folders
from bot.app.ephemeral import report_kill_file, warn_of_the_disk
from bot.app.execution_backends import key_holder
from bot.app.feeds import FeedParts, embedded, feed_of, needs_key
from bot.app.health import MetricReadings, ReadinessChecks, role_status
from bot.app.node import Node
from bot.app.node_context import ExchangeAccess, Model, NodeContext, RoleStatus
from bot.clock import SteadyClock, SystemClock, stopwatch
from bot.cluster.held_lease import HeldLease
from bot.cluster.leader_election import LeaderElection
from bot.cluster.operator_commands import OperatorCommands
from bot.cluster.operator_flags import OperatorFlags
from bot.cluster.own_role import OwnRole
from bot.cluster.ports import Candidate
from bot.cluster.role import Role
from bot.config import Settings, SettingsError
from bot.dashboard.decision_log import DecisionLog
from bot.dashboard.queue_places import places_in_queue
from bot.dashboard.snapshot import SnapshotHolder
from bot.engine.journals import Journals
from bot.kalshi.client import KalshiClient, open_http
from bot.kalshi.feed import PolledFeed, StreamedFeed
from bot.kalshi.limits import TokenBudget
from bot.market_data.trade_feed import Coverage
from bot.model import scorer
from bot.model.monitor import ModelMonitor
from bot.ports.account_history import AccountHistory
from bot.ports.account_views import AccountView, AuditView, QueueView
from bot.ports.exchange import Clock
from bot.ports.market_views import MarketDetail
from bot.ports.persistence import StoreError
from bot.ports.twin_views import TwinView
from bot.scrub import Scrubber
from bot.telemetry.metrics import LoopLag, Metrics
from bot.trading.entry_guard import KillFile
from bot.whales.markout_tracker import MarkoutTracker
from logging_utils import CsvJournal, LogStats, configure

log = logging.getLogger("main")

MEGABYTE = 1_000_000
#: What runs beside until the event is set.
Companion = Callable[[asyncio.Event], Coroutine[None, None, None]]
#: Seconds between two looks at how old what is shown has become.
AGEING = 2.0
#: Seconds that a start waits to know who leads.
SETTLED_WITHIN = 5.0


def settings() -> Settings:
    """The settings of the environment; a wrong one ends the process, saying why."""
    try:
        found = config.load()
        if needs_key(found):
            key_holder(found, SystemClock())
        targets(found)
    except SettingsError as error:
        sys.exit("\n".join(["The service cannot start:", *error.problems]))
    except ValueError as error:
        sys.exit(f"The service cannot start:\n{error}")
    configure(found.log_level, found.log_format, Scrubber(found.secrets()))
    for warning in config.misspelt():
        log.warning("%s", warning)
    return found


@dataclass(frozen=True, slots=True)
class Running:
    """The open service with all that the API needs of it, whichever process leads."""

    settings: Settings
    service: Node
    leadership: LeaderElection
    command: OperatorCommands
    journal: CsvJournal
    metrics: Metrics
    readiness: ReadinessChecks
    log_stats: LogStats
    log_folder: Path

    @property
    def snapshot_holder(self) -> SnapshotHolder:
        return self.service.snapshot_holder

    @property
    def clock(self) -> Clock:
        return self.service.clock

    @property
    def control(self) -> OperatorCommands:
        """The loop's switch."""
        return self.command

    @property
    def kill(self) -> OperatorCommands:
        """The switch that stops entries."""
        return self.command

    @property
    def exits(self) -> OperatorCommands:
        """Who closes positions by hand."""
        return self.command

    @property
    def account_control(self) -> OperatorCommands:
        """Who takes an operator's word on the account."""
        return self.command

    @property
    def whales(self) -> MarkoutTracker:
        """The detections of late, and what detections came to."""
        return self.service.bot.whales

    @property
    def coverage(self) -> Coverage | None:
        """How completely trades are known; None unless this process polls them."""
        return self.service.bot.trade_feed.coverage if self.snapshot_holder.status.leader else None

    @property
    def model(self) -> ModelMonitor:
        """The model's card, drift and track record."""
        return self.service.bot.model

    @property
    def decisions(self) -> DecisionLog:
        """Why there was a trade, or none."""
        return self.service.bot.decisions

    def market_detail(self, ticker: str) -> MarketDetail:
        """What this process knows of one market."""
        return self.service.bot.markets.of(ticker)

    @property
    def past(self) -> AccountHistory:
        """The past of the account, as the database has it. Raises StoreError."""
        return self.service.past

    @property
    def audit(self) -> AuditView:
        """Our account against the exchange's, as compared last."""
        return self.service.bot.audit.view

    @property
    def queue(self) -> Mapping[str, QueueView]:
        """The places of the orders that rest, by client order id."""
        return places_in_queue(self.service.bot.trader.working.values())

    @property
    def twin(self) -> TwinView:
        """How live orders compare with their paper twins."""
        return self.service.bot.twin.view

    @property
    def account(self) -> AccountView:
        """The account as it was once the last cycle was over."""
        return self.service.bot.account.view


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Running]:
    """The service of these settings, taking part in the election while this is open."""
    clock = SteadyClock()
    budget = TokenBudget(stopwatch, settings.reads_per_second)
    async with linked(settings, clock, budget, clock.compare) as (data, parts):
        with csv_journal(settings) as journal:
            model = scorer.chosen(settings.model_path, settings.bot_interval)
            journals = Journals(journal)
            adapters = _Adapters(data, parts, model, journals, clock)
            flags = OperatorFlags(settings.bot_enabled, clock)
            service = _node(settings, adapters, flags)
            leadership = _leadership(settings, service, flags)
            command = OperatorCommands(leadership, flags)
            alerts = _alerts(settings, service)
            lag = LoopLag(stopwatch)
            metrics = Metrics(MetricReadings(service, budget, alerts).read, lag)
            journals.subscribe(metrics, alerts)
            _greet(settings, model, parts.feed)
            beside = (alerts.run, lag.watch, service.resolve_orders, *_companions(parts))
            async with (
                _taking_part(service, leadership, beside),
                _announced(settings, alerts),
                _killed_by_signal(command),
            ):
                yield Running(
                    settings=settings,
                    service=service,
                    leadership=leadership,
                    command=command,
                    journal=journal,
                    metrics=metrics,
                    readiness=ReadinessChecks(service, stream_required=settings.feed == "stream"),
                    log_stats=LogStats(settings.log_dir),
                    log_folder=settings.log_dir,
                )


@asynccontextmanager
async def exchange(
    settings: Settings,
    clock: Clock,
    budget: TokenBudget | None = None,
    on_skew: Callable[[float], None] | None = None,
) -> AsyncIterator[ExchangeAccess]:
    """Market data of the settings' exchange; `on_skew` hears by how many seconds it is ahead."""
    async with linked(settings, clock, budget, on_skew) as (data, _):
        yield data


@asynccontextmanager
async def linked(
    settings: Settings,
    clock: Clock,
    budget: TokenBudget | None = None,
    on_skew: Callable[[float], None] | None = None,
) -> AsyncIterator[tuple[KalshiClient, FeedParts]]:
    """The same, and the feed of its order books, which is to be run."""
    inside = embedded(settings, clock) if settings.is_embedded else None
    transport = httpx.ASGITransport(inside.app) if inside else None
    budget = budget or TokenBudget(stopwatch, settings.reads_per_second)
    async with open_http(settings.base_url, transport, settings.outbound) as http:
        rest = KalshiClient(http, budget, clock, on_skew=on_skew)
        yield rest, feed_of(settings, rest, clock, inside)


@dataclass(frozen=True, slots=True)
class _Adapters:
    """What this process has opened."""

    data: KalshiClient
    parts: FeedParts
    model: Model
    journals: Journals
    clock: SteadyClock


def _node(settings: Settings, adapters: _Adapters, flags: OperatorFlags) -> Node:
    model, clock, parts = adapters.model, adapters.clock, adapters.parts
    own_role = OwnRole(HeldLease(settings.lease_seconds, stopwatch), flags)
    world = NodeContext(
        settings=settings,
        model=model,
        data=adapters.data,
        journal=adapters.journals,
        clock=clock,
        snapshot_holder=first_snapshot(settings, model, clock.now()),
        role_status=_role_status(settings, own_role, flags, clock, adapters.data.odd_entries),
        feed=parts.feed,
        recorder=parts.recorder,
        hints=parts.hints,
    )
    return Node(world, book_of(settings, clock), own_role, earlier_book_of(settings))


def _companions(parts: FeedParts) -> list[Companion]:
    return [parts.feed.run, *([parts.recorder.run] if parts.recorder else [])]


@asynccontextmanager
async def _taking_part(
    service: Node, leadership: LeaderElection, companions: Sequence[Companion]
) -> AsyncIterator[None]:
    stopping = asyncio.Event()
    async with _or_the_process_ends(), asyncio.TaskGroup() as group:
        part = group.create_task(leadership.run(), name="leadership")
        ageing = group.create_task(_ageing(service), name="ageing")
        for companion in companions:
            group.create_task(companion(stopping), name=companion.__qualname__)
        # Whoever asks should hear how this process stands; but not wait long for it.
        settled = group.create_task(leadership.settled.wait(), name="settled")
        await asyncio.wait({settled}, timeout=SETTLED_WITHIN)
        try:
            yield
        finally:
            leadership.end()
            # A second Ctrl-C must not leave the loop behind.
            await asyncio.shield(asyncio.wait({part}))
            stopping.set()
            settled.cancel()
            ageing.cancel()


@asynccontextmanager
async def _or_the_process_ends() -> AsyncIterator[None]:
    """End the process if a background task fails: a server alone would only seem to work."""
    has_ended = False
    try:
        yield
        has_ended = True
    finally:
        if not has_ended:
            log.critical("The service broke off: this process ends")
            signal.raise_signal(signal.SIGTERM)


async def _ageing(service: Node) -> None:
    """Age what is shown, whatever the loop does."""
    while True:
        await asyncio.sleep(AGEING)
        service.bot.publisher.age(service.clock.now())


@asynccontextmanager
async def _killed_by_signal(command: OperatorCommands) -> AsyncIterator[None]:
    """SIGUSR1 is the kill switch, where a process can be sent one."""
    # Only the main thread receives signals; a test client runs elsewhere.
    hears = hasattr(signal, "SIGUSR1") and threading.current_thread() is threading.main_thread()
    if not hears:
        yield
        return
    loop = asyncio.get_running_loop()
    async with asyncio.TaskGroup() as group:
        loop.add_signal_handler(signal.SIGUSR1, lambda: group.create_task(_kill(command)))
        try:
            yield
        finally:
            loop.remove_signal_handler(signal.SIGUSR1)


async def _kill(command: OperatorCommands) -> None:
    try:
        await command.kill("SIGUSR1 was sent")
    except StoreError as error:
        log.error("SIGUSR1 could not be obeyed: %s", error)  # noqa: TRY400


@asynccontextmanager
async def _announced(settings: Settings, alerts: Alerts) -> AsyncIterator[None]:
    """Whoever gets alerts hears that this process begins and ends."""
    what = f"{settings.bot_mode} mode on {settings.exchange_name}"
    alerts.notify(AlertKind.STARTED, Severity.INFO, f"The service has started: {what}")
    try:
        yield
    finally:
        alerts.notify(AlertKind.STOPPED, Severity.INFO, f"The service ends: {what}")


def csv_journal(settings: Settings) -> CsvJournal:
    """The CSV logs, as the settings want them."""
    return CsvJournal(
        settings.log_dir,
        max_bytes=int(settings.log_max_mb * MEGABYTE),
        keep_days=settings.log_keep_days,
        max_total=int(settings.log_max_total_mb * MEGABYTE),
        scrubber=Scrubber(settings.secrets()),
    )


def _alerts(settings: Settings, service: Node) -> Alerts:
    return alerts_of(settings, lambda: role_status(service), lambda: service.past, service.clock)


def _leadership(settings: Settings, service: Node, flags: OperatorFlags) -> LeaderElection:
    # Of one machine, two processes may have had the same number, one after the other.
    holder = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
    candidate = Candidate(holder, settings.lease_seconds, service.book)
    return LeaderElection(candidate, flags, service.own_role, service.factories(), stopwatch)


def _kill_switches(
    settings: Settings, flags: OperatorFlags, disk: DiskWatch
) -> Callable[[], list[tuple[str, str]]]:
    """The kill switches that are on, the one shown first, and what lifts each."""
    file = KillFile(settings.kill_file)

    def switches() -> list[tuple[str, str]]:
        found = (
            (file.reason(), f"the file {settings.kill_file} is removed"),
            (disk.reason(), "there is room again"),
            (flags.killed, "POST /bot/resume"),
        )
        return [(reason, until) for reason, until in found if reason is not None]

    return switches


def _role_status(
    settings: Settings,
    own: OwnRole,
    flags: OperatorFlags,
    clock: SteadyClock,
    odd_entries: Callable[[], str | None],
) -> RoleStatus:
    disk = DiskWatch(data_folders(settings), lambda path: shutil.disk_usage(path).free, stopwatch)
    switches = _kill_switches(settings, flags, disk)

    def killed() -> str | None:
        return next((reason for reason, _ in switches()), None)

    def killed_until() -> str | None:
        return " and ".join(until for _, until in switches()) or None

    def role() -> Role:
        return replace(
            own.role,
            killed=killed(),
            killed_until=killed_until(),
            disk_low=disk.warning(),
            odd_entries=odd_entries(),
        )

    return RoleStatus(
        role=role,
        sure=own.sure,
        killed=killed,
        resumed=lambda: flags.resumed,
        killed_until=killed_until,
        wanted=lambda: flags.wanted,
        jumps=clock.jumps,
        stopping=lambda: own.stopping,
        close_requests=lambda: flags.close_requests,
        closed=flags.closed,
        account_requests=lambda: flags.account_requests,
        account_done=flags.account_done,
    )


def _greet(settings: Settings, model: Model, feed: PolledFeed | StreamedFeed) -> None:
    where = settings.kalshi_base_url or f"the {settings.kalshi_env} exchange"
    log.info("%s mode on %s", settings.bot_mode, where)
    reason = feed.reason if isinstance(feed, PolledFeed) else None
    level = logging.WARNING if feed.status().fault else logging.INFO
    log.log(level, "Order books are %s", f"polled: {reason}" if reason else "streamed")
    if model.fault:
        log.warning("No predictions, every signal is HOLD: %s", model.fault)
    else:
        log.info("Model %s", model.version)
    if warning := settings.resting_warning:
        log.warning("%s", warning)
    warn_of_the_disk(settings)
    report_kill_file(settings)
