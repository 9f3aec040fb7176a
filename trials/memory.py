"""`python -m trials.memory`: the bot on the simulated exchange, simulated days in minutes.

Runs whole cycles with a database, one after the other, on a clock that is put forward by hand, and
prints by simulated time how much memory is resident, and what of it the bot and the exchange hold:
the exchange is in this process, too. Fails if the bot grows by more than is allowed once caches are
warm. `--few` has the exchange list few markets, which is several times as fast; `--lines` says
which lines of code hold what was added (slower by half). Leaves out the API.
"""

import argparse
import asyncio
import gc
import logging
import sys
import tempfile
import tracemalloc
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import httpx

from bot import config
from bot.app.composition import assembled, first_snapshot, order_ids
from bot.app.node_context import NodeContext, TermResources
from bot.app.term.bot import Bot
from bot.clock import Clock, RecordedClock, stopwatch
from bot.journal.terminal import spell_out
from bot.kalshi.client import KalshiClient, open_http
from bot.kalshi.limits import TokenBudget
from bot.model import scorer
from bot.ports.exchange import ExchangeError
from bot.sim.engine.exchange import Exchange
from bot.sim.rest.server import create_exchange_app
from bot.sim.world.demo import HISTORY, PAID_LISTED, demo_exchange, demo_world
from bot.sim.world.demo_events import PERPETUAL, ROLLING
from bot.sim.world.driver import WorldDriver
from bot.sim.world.listings import Rolling
from bot.store.database import opened
from bot.trading.paper_venue import PaperVenue
from logging_utils import CsvJournal
from trials.census import census_apart, grown
from trials.processes import TrialFailed

#: Megabytes by which what the bot holds may grow in 10,000 cycles, after the warm-up.
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
    exchange: Exchange

    async def run(self, cycles: int) -> None:
        """So many cycles, with all that happens now and then between them."""
        for _ in range(cycles):
            self.clock.move(self.clock.now() + timedelta(seconds=INTERVAL))
            second = int(self.clock.now().timestamp())
            if second % SCAN == 0:
                # A listing that cannot be true is refused, and read again later.
                with suppress(ExchangeError):
                    await self.bot.universe.scan()
                await self.bot.universe.learn()
            await self.bot.cycle.run()


@dataclass(frozen=True, slots=True)
class Look:
    """Megabytes after so many cycles: resident, and what bot and exchange hold, by attribute."""

    cycle: int
    resident: float
    bot: Mapping[str, int]
    exchange: Mapping[str, int]

    @property
    def held(self) -> float:
        """By the bot."""
        return sum(self.bot.values()) / 1e6

    def line(self) -> str:
        """For people."""
        hours = self.cycle * INTERVAL / 3_600
        return (
            f"cycle {self.cycle:6,}, {hours:5.1f} simulated hours: {self.resident:6.1f} MB, "
            f"the bot {self.held:5.2f}, the exchange {sum(self.exchange.values()) / 1e6:5.2f}"
        )


@asynccontextmanager
async def staged(folder: Path, *, few: bool = False) -> AsyncIterator[Stage]:
    """A bot that leads, on an exchange inside this process."""
    settings = config.load(
        None, kalshi_env="sim", bot_interval=INTERVAL, bot_min_edge=-100, log_dir=folder
    )
    clock = RecordedClock(_START)
    exchange, driver = (_few if few else demo_exchange)(clock, settings.sim_seed)
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
            yield Stage(bot, clock, exchange)


def _few(clock: Clock, seed: int) -> tuple[Exchange, WorldDriver]:
    """An exchange whose markets roll as fast as the demo's, ten of them at a time."""
    exchange = Exchange(seed, clock.now() - HISTORY, PAID_LISTED)
    world = demo_world(exchange, seed, [each for each in ROLLING if _is_fast(each)], PERPETUAL[:1])
    return exchange, WorldDriver(world, clock)


def _is_fast(rolling: Rolling) -> bool:
    return rolling.series.ticker in {"KXBTC15M", "KXDOGE15M", "KXSILVER15M", "KXQUICKSETTLE"}


def resident() -> float:
    """Megabytes of this process that are in memory; Linux only."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6


def look(stage: Stage, cycle: int) -> Look:
    """What is held now."""
    bot, exchange = census_apart(stage.bot), census_apart(stage.exchange)
    return Look(cycle, resident(), bot, exchange)


async def trial(asked: argparse.Namespace) -> float:
    """Megabytes by which the bot holds more per 10,000 cycles, after the warm-up."""
    with tempfile.TemporaryDirectory() as folder:
        async with staged(Path(folder), few=asked.few) as stage:
            looks = [await _looked(stage, asked.warm_up, 0)]
            if asked.lines:
                tracemalloc.start()
            before = tracemalloc.take_snapshot() if asked.lines else None
            for _ in range(asked.looks):
                looks.append(await _looked(stage, asked.cycles // asked.looks, looks[-1].cycle))
            if before:
                _say_lines(before)
    _say_grown(looks[0], looks[-1])
    return (looks[-1].held - looks[0].held) / int(asked.cycles) * 10_000


async def _looked(stage: Stage, cycles: int, before: int) -> Look:
    """So many cycles more, and what is held then."""
    await stage.run(cycles)
    found = look(stage, before + cycles)
    sys.stdout.write(f"{found.line()}\n")
    sys.stdout.flush()
    return found


def _say_grown(first: Look, last: Look) -> None:
    for more, name, count in grown(first.bot, last.bot)[:_NAMED]:
        sys.stdout.write(f"{more / 1e3:+8.1f} kB, {count / 1e3:8.1f} kB now: {name}\n")


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
    parser.add_argument("--few", action="store_true", help="an exchange with few markets")
    asked = parser.parse_args(argv)
    logging.getLogger().addHandler(logging.NullHandler())
    growth = asyncio.run(trial(asked))
    sys.stdout.write(f"the bot grew per 10,000 cycles by {growth:+.2f} MB (allowed: {ALLOWED:g})\n")
    return 0 if growth <= ALLOWED else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
