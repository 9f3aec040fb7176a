"""`python -m bot.research.whales.bursts TRADES`: the size of takers' bursts in recorded trades.

Prints a Markdown table by series: bursts, how many prices they walk through, their sizes, and how
many a market-hour pass what the sweep rule asks of the tape alone. Recorded trades come without
books, so what the rule asks of the book besides is left out: sweeps are rarer than that.
"""

import argparse
import sys
from bisect import insort
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow.parquet as pq

from bot.core.whales.thresholds import WhaleRules
from bot.core.whales.trades import Bursts, MarketTrades
from bot.journal.terminal import spell_out

_HEAD: Final = (
    *("series", "markets", "market-hours", "bursts", "one price", "three or more"),
    *("contracts p50", "p90", "p99", "sweep-like an hour"),
)
#: Series with fewer bursts have no line of their own.
_LEAST: Final = 100
_HOUR: Final = 3_600.0
_COLUMNS: Final = ["ts_ms", "ticker", "yes_px", "size", "taker_side"]


def main(argv: Sequence[str]) -> int:
    """Print the table; 0."""
    spell_out()
    parser = argparse.ArgumentParser(prog="python -m bot.research.whales.bursts")
    parser.add_argument("trades", type=Path, help="recorded trades (Parquet)")
    tickers, found = read(parser.parse_args(argv).trades)
    series = np.array([ticker.partition("-")[0] for ticker in tickers])
    for line in (_HEAD, ["---"] * len(_HEAD)):
        _say(line)
    for name in np.unique(series).tolist():
        some = found.take(series[found.row] == name)
        if len(some) >= _LEAST:
            _say([name, *_cells(some)])
    return 0


def read(path: Path) -> tuple[list[str], Bursts]:
    """The markets of a recording of trades and the bursts in it, by market and time."""
    table = pq.read_table(path, columns=_COLUMNS)
    ts, ticker, price, size, side = (table[name].to_numpy() for name in _COLUMNS)
    tickers, row = np.unique(ticker.astype(str), return_inverse=True)
    found = Bursts.of(
        MarketTrades(row.astype(np.intp), ts / 1e3, price, size.astype(np.float64), side == "yes")
    )
    return tickers.tolist(), found.take(np.lexsort((found.at, found.row)))


def unusual(found: Bursts, rules: WhaleRules) -> int:
    """How many of these bursts are as large as a sweep must be, by the tape alone."""
    count = 0
    for row in np.unique(found.row).tolist():
        mine = found.take(found.row == row)
        past: list[float] = []
        said = np.full(2, -np.inf)
        for number, size in enumerate(mine.size.tolist()):
            side, at = mine.side[number], mine.at[number]
            known = len(past) >= rules.sweep.least_history
            large = known and size > past[int(rules.sweep.quantile * len(past))]
            large &= size >= rules.sweep.least_contracts
            large &= mine.paid[number] >= rules.sweep.least_dollars
            large &= mine.levels[number] >= 2 and at - said[side] >= rules.sweep.quiet_seconds
            if large:
                count, said[side] = count + 1, at
            insort(past, size)
    return count


def _cells(found: Bursts) -> list[str]:
    markets = np.unique(found.row)
    ends = [found.at[found.row == row] for row in markets.tolist()]
    hours = sum(float(at[-1] - at[0]) for at in ends) / _HOUR
    quantiles = np.quantile(found.size, (0.5, 0.9, 0.99))
    return [
        *(f"{len(markets)}", f"{hours:,.1f}", f"{len(found):,}"),
        *(f"{np.mean(found.levels == 1):.0%}", f"{np.mean(found.levels >= 3):.1%}"),
        *(f"{size:,.0f}" for size in quantiles),
        f"{unusual(found, WhaleRules()) / hours:.2f}",
    ]


def _say(cells: Sequence[str]) -> None:
    sys.stdout.write(f"| {' | '.join(cells)} |\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
