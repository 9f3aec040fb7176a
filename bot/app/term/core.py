"""What fetches, scores and trades in a term, and where it waits to be committed."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from bot.app.node_context import NodeContext, TermResources
from bot.app.trading_rules import trade_rules, watch_over
from bot.clock import stopwatch
from bot.config import Settings
from bot.core.market.market import Market
from bot.core.market.orders import Aim
from bot.core.risk.limits import Stop
from bot.engine.commit_queue import CommitQueue
from bot.engine.ports import BookSource
from bot.kalshi.trading.order_lookup import SEND_WITHIN
from bot.market_data.trade_feed import TradeFeed
from bot.market_data.universe import Universe
from bot.ports.view_faults import ViewFaults
from bot.signals.analyzer import Analyzer
from bot.telemetry.folded_lines import Folded
from bot.trading.entry_guard import Safety
from bot.trading.planned_pauses import PlannedPauses
from bot.trading.trader import Trader
from bot.trading.trading_halts import TradingHalts

#: Markets remembered beyond those watched now: held ones, and some that may come back.
SPARE_MEMORY: Final = 200


@dataclass(frozen=True, slots=True)
class TradingCore:
    """What fetches, scores, trades and commits."""

    universe: Universe
    watch: Analyzer
    feed: BookSource
    trade_feed: TradeFeed
    commits: CommitQueue
    halts: TradingHalts
    trader: Trader
    faults: ViewFaults


def trading_core(world: NodeContext, resources: TermResources) -> TradingCore:
    data, settings = world.data, world.settings
    watch = watch_over(world.model, settings, settings.bot_markets + SPARE_MEMORY)
    feed = world.feed or data
    commits = CommitQueue(resources.store, Folded(stopwatch).log)
    pauses = PlannedPauses(data, world.clock, _reach(settings))
    halts = TradingHalts(data, world.clock, pauses)
    return TradingCore(
        universe=Universe(data, world.clock, settings.bot_markets, archive=data.archived),
        watch=watch,
        feed=feed,
        trade_feed=TradeFeed(feed, watch.follows),
        commits=commits,
        halts=halts,
        trader=_trader(world, resources, commits, halts),
        faults=ViewFaults(),
    )


def _trader(
    world: NodeContext, resources: TermResources, commits: CommitQueue, halts: TradingHalts
) -> Trader:
    role_status = world.role_status
    safety = Safety(
        store=commits,
        killed=role_status.killed,
        killed_until=role_status.killed_until,
        sure=role_status.sure,
        fault=lambda: commits.fault,
        mismatch=resources.block_reason,
        halt=_halt(halts, resources.unknown, resources.foreign),
        ended=halts.ended,
        now=world.clock.now,
        stopping=role_status.stopping,
        close_requests=role_status.close_requests,
        purse=resources.purse,
        compares=world.settings.bot_mode == "live",
    )
    rules = trade_rules(world.settings, world.model)
    return Trader(
        resources.venue,
        rules,
        world.settings.paper_cash,
        resources.order_ids,
        safety,
    )


def _reach(settings: Settings) -> timedelta:
    """What an entry needs before a pause: to arrive, the next look, and to be left in patience."""
    rests = "rest" in {settings.bot_entry, settings.bot_exit}
    patience = settings.bot_exit_patience if rests else 0.0
    return SEND_WITHIN + timedelta(seconds=settings.bot_interval + patience)


def _halt(
    halts: TradingHalts,
    unknown: Callable[[str], str | None],
    foreign: Callable[[str], str | None],
) -> Callable[[Market, Aim], Stop | None]:
    """Why no order may go to a market.

    None enters while what is held of it is not known, or while other hands are at it.
    """

    def barred(ticker: str) -> Stop | None:
        if why := unknown(ticker):
            return Stop("audit", f"what is held of {ticker} is not known: {why}")
        theirs = foreign(ticker)
        return Stop("foreign", f"{theirs}: their market is left to them") if theirs else None

    def halt(market: Market, aim: Aim) -> Stop | None:
        stop = barred(market.ticker) if aim is Aim.ENTER else None
        return stop or halts.halt(market, aim)

    return halt
