"""What the whale rules cost a market: `python -m bench.whales [--markets N] [--looks N]`.

Books of made-up markets, each a little other than the one before, with a large order now and
then; all that is remembered is recalled and kept as in the service.
"""

import argparse
import sys
import time
from statistics import median
from typing import Final

import numpy as np

from bench.common import machine, say
from bot.core.market.orderbook import Books
from bot.core.whales.detector import TradesBetween, recent, sight
from bot.core.whales.thresholds import WhaleRules, blank_rows
from bot.core.whales.trades import MarketTrades
from bot.signals.ticker_state import TickerState

LEVELS: Final = 32
EVERY: Final = 5.0
#: Microseconds a market that the rules may cost at a thousand markets.
LIMIT: Final = 20.0


def main(argv: list[str]) -> int:
    """Prints microseconds per market; 1 if they are above the limit."""
    options = _parser().parse_args(argv)
    tickers = tuple([f"KXMADEUP-{number}" for number in range(options.markets)])
    memory, rng = TickerState(blank_rows(), options.markets), np.random.default_rng(7)
    spent, said = [], 0
    for look in range(options.looks):
        shown = books(tickers, look * EVERY, rng)
        started = time.process_time()
        rows = memory.recall(tickers)
        seen = sight(shown, rows, WhaleRules(), trades(len(tickers), look * EVERY, rng))
        memory.store(tickers, seen.rows)
        recent(seen.rows, shown.seen_at)
        spent.append((time.process_time() - started) / len(tickers) * 1e6)
        said += len(seen.whales)
    say(f"Whale rules ({machine()})")
    say(
        f"{options.markets:,} markets, {options.looks} looks, {said} detections: "
        f"{median(spent):.1f} us a market (at most {max(spent):.1f}; limit {LIMIT:g})"
    )
    return int(median(spent) > LIMIT)


def books(tickers: tuple[str, ...], at: float, rng: np.random.Generator) -> Books:
    """One book a market; about one in a hundred has a level twenty times the usual."""
    count = len(tickers)
    bid = 0.45 + 0.01 * rng.integers(-2, 3, (count, 1)).astype(np.float64)
    steps = 0.01 * np.arange(LEVELS, dtype=np.float64)
    sizes = np.round(rng.lognormal(5.0, 0.3, (2, count, LEVELS)))
    large = rng.random(count) < 0.01
    sizes[0, large, 3] *= 20.0
    return Books(
        tickers=tickers,
        seen_at=np.full(count, at),
        bid_price=np.round(bid - steps, 6),
        bid_size=sizes[0],
        ask_price=np.round(bid + 0.01 + steps, 6),
        ask_size=sizes[1],
    )


def trades(count: int, at: float, rng: np.random.Generator) -> TradesBetween:
    """Two trades a market, all of them known."""
    row = np.repeat(np.arange(count), 2)
    price = 0.45 + 0.01 * rng.integers(0, 2, len(row)).astype(np.float64)
    size = np.round(rng.lognormal(3.0, 1.5, len(row)))
    tape = MarketTrades(row, np.full(len(row), at), price, size, rng.random(len(row)) < 0.5)
    return TradesBetween.of(np.ones(count, dtype=np.bool_), tape)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.whales", description=__doc__)
    parser.add_argument("--markets", type=int, default=1_000)
    parser.add_argument("--looks", type=int, default=100)
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
