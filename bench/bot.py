"""The bot as it runs, joined by its own hands, on the exchange that answers from memory."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from bench.exchange import Canned
from bot import config
from bot.app.composition import first_snapshot, unkept
from bot.app.node_context import NodeContext
from bot.app.term.bot import Bot
from bot.clock import SystemClock, stopwatch
from bot.kalshi.client import KalshiClient, open_http
from bot.kalshi.limits import TokenBudget
from bot.model import scorer
from logging_utils import CsvJournal

#: Requests a second that nobody waits for.
NO_LIMIT = 1e9


@asynccontextmanager
async def joined(exchange: Canned, folder: Path) -> AsyncIterator[Bot]:
    """A bot watching all markets of the exchange, and knowing them; its logs go to `folder`."""
    settings = config.load(env_file=None, bot_markets=len(exchange.tickers), log_dir=folder)
    clock = SystemClock()
    async with open_http("http://bench.invalid/trade-api/v2", exchange) as http:
        data = KalshiClient(http, TokenBudget(stopwatch, NO_LIMIT), clock)
        with CsvJournal(folder) as journal:
            model = scorer.chosen(settings.model_path, settings.bot_interval)
            snapshot_holder = first_snapshot(settings, model, clock.now())
            bot = unkept(NodeContext(settings, model, data, journal, clock, snapshot_holder))
            await bot.universe.scan()
            await bot.cycle.run()
            await bot.universe.learn()
            yield bot
