"""What a cycle costs: processor time per market, from the bytes of the exchange to the snapshot.

`python -m bench.cycle [--rounds N]`

Everything the live cycle does is in it: reading the markets again, books, features, whale rules,
the model, paper orders, CSV rows, the snapshot and its compression. The network is not. The
floor next to it is `orjson.loads` of the very bytes that the cycle read.
"""

import argparse
import asyncio
import gc
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Final

import orjson

from bench.bot import joined
from bench.common import Round, machine, quiet, ratio, say
from bench.exchange import Canned
from bot.engine.cycle import Cycle

SIZES: Final = (20, 200, 1_000)
WARM_UP: Final = 3


def main(argv: list[str]) -> int:
    """Prints microseconds of processor time per market."""
    parser = argparse.ArgumentParser(prog="python -m bench.cycle", description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    wanted = parser.parse_args(argv)
    quiet()
    say(f"One cycle, bytes to snapshot ({machine()})")
    for size in SIZES:
        asyncio.run(_measured(size, wanted.rounds))
    return 0


async def _measured(size: int, rounds: int) -> None:
    exchange = Canned(size)
    with tempfile.TemporaryDirectory() as folder:
        async with joined(exchange, Path(folder)) as bot:
            for _ in range(WARM_UP):
                await _seconds(bot.cycle)
            measured = [await _round(bot.cycle, exchange) for _ in range(rounds)]
            shown = len(bot.snapshot_holder.snapshot.state.markets)
            fault = bot.snapshot_holder.status.model_fault
    say(_line(size, shown, measured))
    if fault:
        say(f"              without a model: {fault}")


async def _round(cycle: Cycle, exchange: Canned) -> Round[float]:
    """Processor seconds of a cycle, and of decoding what it read."""
    exchange.given.clear()
    ours = await _seconds(cycle)
    # The floor must not pay for the memory of the bot beside it.
    gc.disable()
    started = time.process_time()
    for body in exchange.given:
        orjson.loads(body)
    decoding = time.process_time() - started
    gc.enable()
    return Round(ours, decoding)


async def _seconds(cycle: Cycle) -> float:
    started = time.process_time()
    fault = await cycle.run()
    elapsed = time.process_time() - started
    if fault:
        raise SystemExit(f"bench.cycle: {fault}")
    return elapsed


def _line(size: int, shown: int, rounds: Sequence[Round[float]]) -> str:
    costs = [one.ours / size * 1e6 for one in rounds]
    return (
        f"{size:5,} markets ({shown:,} shown): {median(costs):6.1f} us per market "
        f"[{min(costs):.1f}, {max(costs):.1f}], {ratio(rounds)} x decoding the bytes"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
