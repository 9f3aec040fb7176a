"""`python -m bot record --out FILE`: the command around a recording."""

import argparse
import asyncio
import signal
import sys
from contextlib import suppress
from pathlib import Path

from bot import config
from bot.app.bootstrap import exchange
from bot.clock import SystemClock
from bot.config import Settings
from bot.market_data.universe import Universe
from bot.scrub import Scrubber
from bot.tape.errors import TapeError
from bot.tape.recording import Recorded, record
from bot.tape.writer import Recorder
from logging_utils import configure


def main(argv: list[str]) -> int:
    """Record until told to stop; 1 if the exchange never showed a book."""
    options = _parser().parse_args(argv)
    settings = config.load()
    configure(settings.log_level, scrubber=Scrubber(settings.secrets()))
    recorded = asyncio.run(_recorded(options, settings))
    sys.stdout.write(
        f"{recorded.books:,} books in {recorded.looks:,} looks, {recorded.failures:,} of them "
        f"failed; {options.out if recorded.books else 'no tape was written'}\n"
    )
    return 0 if recorded.books else 1


async def _recorded(options: argparse.Namespace, settings: Settings) -> Recorded:
    stopping = _stop_requested(options.seconds)
    clock = SystemClock()
    with Recorder(options.out, f"{clock.now():%Y%m%dT%H%M%S}") as recorder:
        async with exchange(settings, clock) as data:
            universe = Universe(data, clock, options.markets or settings.bot_markets)
            every = options.every or settings.bot_interval
            failure: Exception | None = None
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(universe.run(stopping), name="universe")
                    looking = group.create_task(
                        record(data, universe, recorder, every, stopping), name="record"
                    )
            except* TapeError as errors:
                # The group wraps what it raises; the command line tells a plain error.
                failure = errors.exceptions[0]
            if failure:
                raise failure
            return looking.result()


def _stop_requested(seconds: float | None) -> asyncio.Event:
    """An event that Ctrl-C, the host, or the end of the time sets."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()

    def stop(request: int) -> None:
        stopping.set()
        # The read under way may wait long for a dead network: a second Ctrl-C interrupts it.
        loop.remove_signal_handler(request)

    for request in (signal.SIGINT, signal.SIGTERM):
        # Windows has no such handlers: there Ctrl-C interrupts, and the recorder still closes.
        with suppress(NotImplementedError):
            loop.add_signal_handler(request, stop, request)
    if seconds is not None:
        loop.call_later(seconds, stopping.set)
    return stopping


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bot record",
        description="Write the order books of the watched markets to a tape.",
    )
    parser.add_argument("--out", type=Path, required=True, help="the tape: a new parquet file")
    parser.add_argument("--every", type=_above_zero, help="seconds between looks (BOT_INTERVAL)")
    parser.add_argument("--seconds", type=_above_zero, help="stop after so long (Ctrl-C)")
    parser.add_argument("--markets", type=_some, help="how many, by volume (BOT_MARKETS)")
    return parser


def _above_zero(text: str) -> float:
    number = float(text)
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a number above 0")
    return number


def _some(text: str) -> int:
    number = int(text)
    if not 1 <= number <= 1_000:
        raise argparse.ArgumentTypeError(f"{text} is not a number from 1 to 1000")
    return number
