"""`python -m trials.memory`: the bot on the simulated exchange, simulated days in minutes.

Runs whole cycles with a database, one after the other, on a clock that is put forward by hand, and
prints resident memory by simulated time. Fails if it grows by more than is allowed once caches are
warm. `--lines` says which lines of code hold what was added (slower by half). Leaves out the API.
"""

import argparse
import asyncio
import gc
import logging
import sys
import tempfile
import tracemalloc
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import httpx

from bot import config
from bot.app.composition import Bot, assembled, first_snapshot, order_ids
from bot.app.node_context import NodeContext, TermResources
from bot.clock import RecordedClock, stopwatch
from bot.journal.terminal import spell_out
from bot.kalshi.client import KalshiClient, open_http
from bot.kalshi.limits import TokenBudget
from bot.model import scorer
from bot.sim.rest.server import create_exchange_app
from bot.sim.world.demo import demo_exchange
from bot.store.database import opened
from bot.trading.paper_venue import PaperVenue
from logging_utils import CsvJournal
from trials.processes import TrialFailed

#: Megabytes by which resident memory may grow in 10,000 cycles, after the warm-up.
ALLOWED: Final = 1.0
#: Cycles until histories are full: the exchange keeps ten hours of candles by the minute.
WARM_UP: Final = 20_000
#: Seconds of simulated time between two cycles, two scans of the listing.
INTERVAL: Final = 2
SCAN: Final = 60
_BOOK: Final = "paper:trial"
_START: Final = datetime(2026, 11, 27, tzinfo=UTC)
#: Lines of code named by `--lines`.
_NAMED: Final = 15


@dataclass(frozen=True, slots=True)
class Stage:
    """The bot at work, and what moves it."""

    bot: Bot
    clock: RecordedClock

    async def run(self, cycles: int) -> None:
        """So many cycles, with all that happens now and then between them."""
        for _ in range(cycles):
            self.clock.move(self.clock.now() + timedelta(seconds=INTERVAL))
            second = int(self.clock.now().timestamp())
            if second % SCAN == 0:
                await self.bot.universe.scan()
                await self.bot.universe.learn()
            await self.bot.cycle.run()


@asynccontextmanager
async def staged(folder: Path) -> AsyncIterator[Stage]:
    """A bot that leads, on an exchange inside this process."""
    settings = config.load(
        None, kalshi_env="sim", bot_interval=INTERVAL, bot_min_edge=-100, log_dir=folder
    )
    clock = RecordedClock(_START)
    exchange, driver = demo_exchange(clock, settings.sim_seed)
    transport = httpx.ASGITransport(create_exchange_app(exchange, driver, clock))
    async with open_http(settings.base_url, transport) as http, opened(settings.database) as base:
        data = KalshiClient(http, TokenBudget(stopwatch, 1e9), clock)
        model = scorer.chosen(settings.model_path, settings.bot_interval)
        term = await base.take("trial", 1e9, _BOOK)
        if term is None:
            raise TrialFailed("the new database has a leader already")
        await base.open_book(term, _BOOK, settings.paper_cash, clock.now())
        with CsvJournal(folder) as journal:
            world = NodeContext(
                settings, model, data, journal, clock, first_snapshot(settings, model, clock.now())
            )
            ids = order_ids(term, clock.now())
            bot = assembled(world, TermResources(base.store(term, _BOOK), PaperVenue(), ids))
            await bot.universe.scan()
            await bot.universe.learn()
            yield Stage(bot, clock)


def resident() -> float:
    """Megabytes of this process that are in memory; Linux only."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6


async def trial(cycles: int, warm_up: int, looks: int, *, lines: bool) -> float:
    """Megabytes of growth per 10,000 cycles after the warm-up."""
    with tempfile.TemporaryDirectory() as folder:
        async with staged(Path(folder)) as stage:
            await stage.run(warm_up)
            if lines:
                tracemalloc.start()
            before = tracemalloc.take_snapshot() if lines else None
            sizes = [resident()]
            _say(warm_up, sizes)
            for look in range(1, looks + 1):
                await stage.run(cycles // looks)
                sizes.append(resident())
                _say(warm_up + look * cycles // looks, sizes)
            if before:
                _say_lines(before)
    return (sizes[-1] - sizes[0]) / cycles * 10_000


def _say(cycle: int, sizes: Sequence[float]) -> None:
    hours = cycle * INTERVAL / 3_600
    sys.stdout.write(f"cycle {cycle:6,}, {hours:5.1f} simulated hours: {sizes[-1]:6.1f} MB\n")
    sys.stdout.flush()


def _say_lines(before: tracemalloc.Snapshot) -> None:
    for found in tracemalloc.take_snapshot().compare_to(before, "lineno")[:_NAMED]:
        sys.stdout.write(f"{found}\n")


def main(argv: Sequence[str]) -> int:
    """0 if memory stays within what is allowed."""
    spell_out()
    parser = argparse.ArgumentParser(prog="python -m trials.memory", description=__doc__)
    parser.add_argument("--cycles", type=int, default=10_000, help="after the warm-up")
    parser.add_argument("--warm-up", type=int, default=WARM_UP, help="cycles before the first look")
    parser.add_argument("--looks", type=int, default=10)
    parser.add_argument("--lines", action="store_true", help="which lines hold what was added")
    asked = parser.parse_args(argv)
    logging.getLogger().addHandler(logging.NullHandler())
    growth = asyncio.run(trial(asked.cycles, asked.warm_up, asked.looks, lines=asked.lines))
    sys.stdout.write(f"growth per 10,000 cycles: {growth:+.2f} MB (allowed: {ALLOWED:g})\n")
    return 0 if growth <= ALLOWED else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
