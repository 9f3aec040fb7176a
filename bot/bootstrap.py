"""The only place that chooses adapters and joins the parts."""

import asyncio
import itertools
import logging
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import httpx

from bot import config, scorer
from bot.audiences import Audiences
from bot.card import Card
from bot.clock import SystemClock, stopwatch
from bot.config import Settings, SettingsError
from bot.core.money import measured
from bot.core.strategy import Gates, Sizing
from bot.core.whale_rules import WhaleRules
from bot.cycle import Cycle
from bot.follow import Follower
from bot.grade import Grader, GradeRules
from bot.journal_grades import earlier
from bot.kalshi.client import KalshiClient, open_http
from bot.kalshi.limits import TokenBudget
from bot.model_watch import ModelWatch
from bot.paper import PaperVenue
from bot.parts import Parts
from bot.ports import Clock, MarketData, Scorer
from bot.prints import Prints, TradeSource
from bot.publish import Publisher, Sources
from bot.runner import Runner
from bot.sim.server import create_exchange_app
from bot.sim.world.demo import demo_exchange
from bot.state import Board, BotStatus, first_state, packed, snapshot
from bot.trade import Trader, TradeRules, Worth
from bot.universe import Universe
from bot.watch import Watch
from logging_utils import CsvJournal, LogStats, configure

log = logging.getLogger("main")

#: Markets remembered beyond those watched now: held ones, and some that may come back.
SPARE_MEMORY = 200
#: Seconds between two looks at how old what is shown has become.
AGEING = 2.0
#: Intervals after its horizon in which a prediction can still be graded.
GRADE_PATIENCE = 1.5


class Model(Scorer, Protocol):
    """A scorer that may have a card."""

    @property
    def card(self) -> Card | None:
        """What was promised of the model; None without one."""
        ...


class Exchange(MarketData, TradeSource, Protocol):
    """All that is read of the exchange."""


def settings() -> Settings:
    """The settings of the environment; a wrong one ends the process, saying why."""
    try:
        found = config.load()
    except SettingsError as error:
        sys.exit("\n".join(["The service cannot start:", *error.problems]))
    configure(found.log_level)
    for warning in config.misspelt():
        log.warning("%s", warning)
    return found


@dataclass(frozen=True, slots=True)
class Bot:
    """The joined parts. The API needs the first six; `control` starts and stops the rest."""

    board: Board
    control: Runner
    journal: CsvJournal
    log_stats: LogStats
    clock: Clock
    model: ModelWatch
    whales: Follower
    universe: Universe
    trader: Trader
    publisher: Publisher
    cycle: Cycle


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Bot]:
    """The bot these settings describe, started if they say so, for as long as this is open."""
    clock = SystemClock()
    async with exchange(settings, clock) as data:
        with CsvJournal(settings.log_dir) as journal:
            model = scorer.chosen(settings.model_path, settings.bot_interval)
            bot = assembled(settings, model, data, journal, clock)
            async with _started(bot, settings):
                yield bot


@asynccontextmanager
async def exchange(settings: Settings, clock: Clock) -> AsyncIterator[Exchange]:
    """Market data from the exchange that the settings name; for `sim`, one inside this process."""
    transport = None
    if settings.kalshi_env == "sim" and settings.kalshi_base_url is None:
        place, driver = demo_exchange(clock, settings.sim_seed, settings.sim_speed)
        transport = httpx.ASGITransport(create_exchange_app(place, driver, clock))
    budget = TokenBudget(stopwatch, settings.reads_per_second)
    async with open_http(settings.base_url, transport) as http:
        yield KalshiClient(http, budget, clock)


def assembled(
    settings: Settings, model: Model, data: Exchange, journal: CsvJournal, clock: Clock
) -> Bot:
    """All parts of the bot, joined; nothing runs yet."""
    universe = Universe(data, clock, settings.bot_markets)
    ids = order_ids(clock.now())
    trader = Trader(PaperVenue(), trade_rules(settings, model), settings.paper_cash, ids)
    examiner = model_watch(model, settings)
    board = _board(settings, model, clock.now())
    sources = Sources(trader, model, journal, lambda: universe.status.fault)
    publisher = Publisher(board, sources)
    follower = Follower(data.markets)
    watch = watch_over(model, settings, settings.bot_markets + SPARE_MEMORY)
    parts = Parts(
        data=data,
        watchlist=universe,
        judge=watch,
        trader=trader,
        examiner=examiner,
        journal=journal,
        clock=clock,
        audience=Audiences(publisher, follower),
        prints=Prints(data, watch.follows),
    )
    cycle = Cycle(parts)
    runner = Runner(cycle.run, universe.keep_fresh, clock, settings.bot_interval, publisher.on_beat)
    log_stats = LogStats(settings.log_dir)
    return Bot(
        board=board,
        control=runner,
        journal=journal,
        log_stats=log_stats,
        clock=clock,
        model=examiner,
        whales=follower,
        universe=universe,
        trader=trader,
        publisher=publisher,
        cycle=cycle,
    )


@asynccontextmanager
async def _started(bot: Bot, settings: Settings) -> AsyncIterator[None]:
    """The loop running, if the settings say so, for as long as this is open."""
    where = settings.kalshi_base_url or f"the {settings.kalshi_env} exchange"
    log.info("%s mode on %s", settings.bot_mode, where)
    if fault := bot.board.status.model_fault:
        log.warning("No opinions, every signal holds: %s", fault)
    else:
        log.info("Model %s", bot.board.status.model_version)
    if settings.bot_enabled:
        await bot.control.start()
    else:
        log.info("BOT_ENABLED is false: start the bot with POST /bot/start")
    try:
        async with asyncio.TaskGroup() as group:
            ageing = group.create_task(_ageing(bot), name="ageing")
            yield
            ageing.cancel()
    finally:
        # A second Ctrl-C must not leave the loop behind.
        await asyncio.shield(bot.control.stop())


async def _ageing(bot: Bot) -> None:
    """Whatever the loop does, what is shown grows old."""
    while True:
        await asyncio.sleep(AGEING)
        bot.publisher.age(bot.clock.now())


def watch_over(model: Model, settings: Settings, capacity: int) -> Watch:
    """The rules that look at books, as the settings want them."""
    horizon = model.card.horizon if model.card else 0.0
    gates = Gates(least_seconds_to_close=max(Gates().least_seconds_to_close, horizon))
    return Watch(model, settings.thresholds, gates, WhaleRules(), capacity)


def trade_rules(settings: Settings, model: Model) -> TradeRules:
    """What decides about an order, as the settings and the model's card have it."""
    card = model.card
    worth = Worth(card.factor, card.horizon) if card else None
    return TradeRules(
        settings.thresholds,
        Sizing(settings.bot_order_size, settings.bot_max_slippage),
        settings.risk_limits,
        settings.bot_min_edge,
        worth,
    )


def model_watch(model: Model, settings: Settings) -> ModelWatch:
    """What grades the model; grades of before a restart come back from their log."""
    card = model.card
    if card is None:
        return ModelWatch(None, {}, Grader(GradeRules(0.0, 0.0, 0.0, settings.thresholds)))
    exchange = settings.exchange_name
    patience = GRADE_PATIENCE * settings.bot_interval
    rules = GradeRules(card.horizon, card.size, patience, settings.thresholds, exchange)
    grader = Grader(rules, earlier(settings.log_dir, exchange, card.version))
    return ModelWatch(card.whole, card.drift, grader)


def order_ids(started_at: datetime) -> Iterator[str]:
    """A name for each order, unlike those of any earlier start."""
    prefix = f"{started_at:%Y%m%dT%H%M%S%f}"
    return (f"{prefix}-{number:06d}" for number in itertools.count(1))


def _board(settings: Settings, model: Model, at: datetime) -> Board:
    status = BotStatus(
        running=False,
        bot_enabled=settings.bot_enabled,
        mode=settings.bot_mode,
        interval_seconds=settings.bot_interval,
        model_version=model.version,
        model_fault=model.fault,
    )
    state = first_state(measured(settings.paper_cash), status)
    return Board(packed(snapshot(state, at)), status)
