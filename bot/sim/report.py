"""`python -m bot.sim.report --out DIR`: simulated books beside recorded ones.

Writes `report.md`, tables of the figures of `bot.sim.world.statistics` for each preset and for
the recordings it should resemble, and plots of the 15-minute books as PNG. Needs matplotlib and
the recordings; nothing of a recording but these figures goes into the report.
"""

import argparse
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby
from pathlib import Path

import numpy as np

from bot.core.market.orderbook import Books, Floats
from bot.core.signals.features import FEATURES, book_features
from bot.sim.engine.events import BookDelta, SimEvent, Traded
from bot.sim.world.experiment import Experiment, Frames
from bot.sim.world.plots import draw
from bot.sim.world.recordings import (
    feed_rates,
    recorded,
    snapshots,
    volume_rate,
    weather,
)
from bot.sim.world.statistics import WorldStatistics, central, summary

DATA = Path("../shared/data")
_HEAD = """# Simulated books beside recorded ones

Written by `make sim-report`. Recorded: 15-minute Bitcoin markets of May 2026 (ten levels a side,
once a second; quiet hours over-represented), hourly snapshots of many markets of July 2026, best
prices of weather markets of December 2025. Prices in cents, sizes in contracts, mids between 10
and 90 cents only. AUC: the chance that the imbalance of the best (or best five) levels is higher
before a move up of a cent or more than before a move down. Several numbers in one cell are
quantiles: 5, 25, 50, 75 and 95 %; two are 50 and 90 %.
"""
_PLOTS = """
![Sizes by level](level-sizes.png)
![Imbalance of the best prices](imbalance.png)
![AUC of the imbalance by horizon](signal.png)
![Moves by horizon](moves.png)
![One market of each](paths.png)
"""
_DOMAIN = """
## What the model sees

The share of simulated 15-minute books whose feature lies between the 1 % and 99 % quantiles of
the recorded ones; 0.98 would be perfect.

"""
_LIMITS = """
## What could not be matched

- **Update rate and volume.** The real feed changes a level a hundred times a second, mostly one
  maker moving the same order to and fro, and trades ten times as much. Participants here act once
  a second, with fewer and larger trades: what is left in the book after a second is alike, what
  happens within it is not.
- **Sizes.** The median size at the best price is smaller here, those of the second to fifth level
  are larger, and one side of five levels outweighs the other more often.
- **How long the signal lasts.** Up to 5 seconds it is as strong as in real books, at 10 seconds a
  little weaker, and after half a minute hardly anything is left of it, where real books still say
  a little (an AUC of about .55 at a minute, which is within its error of .52).
- **The last minute.** Simulated markets are watched to their very end, most recordings are not:
  hence fewer books with both sides.
- **Near the ends** makers here quote every half cent, real ones every tenth of a cent.
- `slow_day`, `game` and `illiquid` have no second-by-second recording to be fitted to: spreads and
  sizes are set beside hourly snapshots, moves beside the best prices of weather markets.
"""


@dataclass(frozen=True, slots=True)
class Run:
    """So many markets of a preset for so many seconds, seen every `cadence` seconds."""

    preset: str
    markets: int
    seconds: int
    cadence: int


RUNS = (
    Run("fast15m", 40, 860, 1),
    Run("null", 24, 1800, 1),
    Run("slow_day", 24, 5400, 5),
    Run("game", 16, 5400, 5),
    Run("illiquid", 24, 5400, 5),
)


def simulated(run: Run, seed: int) -> tuple[Frames, WorldStatistics]:
    """The frames of a run, and its figures, rates a market and second among them."""
    experiment = Experiment(run.preset, run.markets, seed)
    counts: Counter[type] = Counter()

    def count(event: SimEvent) -> None:
        counts[type(event)] += 1

    experiment.exchange.subscribe(count)
    seen = experiment.run(timedelta(seconds=run.seconds), run.cadence)
    lived = run.markets * run.seconds
    volume = float(seen.volume[np.append(np.diff(seen.market) != 0, True)].sum())
    return seen, {
        "level changes a second": counts[BookDelta] / lived,
        "trades a second": counts[Traded] / lived,
        "contracts a minute": volume / lived * 60,
        **summary(seen),
    }


def domain(real: Frames, imitation: Frames) -> WorldStatistics:
    """The share of simulated rows inside the recorded 1–99 % range, by feature of a lone book."""
    ranges = np.nanpercentile(_features(real), (1, 99), axis=0)
    rows = _features(imitation)
    inside = ((rows >= ranges[0]) & (rows <= ranges[1])).mean(axis=0)
    names = [feature.name for feature in FEATURES[: rows.shape[1]]]
    return {name: float(share) for name, share in zip(names, inside, strict=True)}


def table(columns: Mapping[str, WorldStatistics]) -> str:
    """A Markdown table of figures; a dash where a column does not have one."""
    names = list(dict.fromkeys(name for one in columns.values() for name in one))
    lines = [f"| | {' | '.join(columns)} |", "|---|" + "---:|" * len(columns)]
    for title, group in groupby(names, key=lambda name: name.split(", p")[0]):
        ranks = list(group)
        cells = (" / ".join(_cell(f.get(name)) for name in ranks) for f in columns.values())
        # Five dashes say no more than one.
        short = ("–" if set(cell) <= set("–/ ") else cell for cell in cells)
        lines.append(f"| {title} | {' | '.join(short)} |")
    return "\n".join(lines) + "\n"


def write(out: Path, data: Path, seed: int, runs: Sequence[Run] = RUNS) -> None:
    """The whole report into a folder; `runs` are of the five presets compared."""
    out.mkdir(parents=True, exist_ok=True)
    done = {run.preset: simulated(run, seed) for run in runs}
    seen = {preset: books for preset, (books, _) in done.items()}
    measured = {preset: statistics for preset, (_, statistics) in done.items()}
    real = recorded(data / "btc15m-l2-1s.parquet")
    fast = {
        "recorded": {**feed_rates(_feed(data)), **volume_rate(real), **summary(real)},
        "`fast15m`": measured["fast15m"],
        "`null`": measured["null"],
    }
    draw(out, {"recorded": real, "simulated": seen["fast15m"], "null": seen["null"]})
    parts = [f"{_HEAD}\n## 15-minute markets\n\n{table(fast)}{_PLOTS}", _DOMAIN]
    parts.append(table({"inside": domain(real, seen["fast15m"])}))
    parts.append(f"\n## Slow markets\n\n{table(_slow(measured, data))}{_LIMITS}")
    (out / "report.md").write_text("".join(parts), encoding="utf-8")


def _slow(measured: Mapping[str, WorldStatistics], data: Path) -> dict[str, WorldStatistics]:
    breadth = data / "rest-books-hourly.parquet"
    return {
        "`slow_day`": measured["slow_day"],
        "`game`": measured["game"],
        "recorded, spread ≤ 3": snapshots(breadth, 3.0) | weather(data / "weather-tob.parquet"),
        "`illiquid`": measured["illiquid"],
        "recorded, spread 4 to 50": snapshots(breadth, 50.0, 4.0),
    }


def _feed(data: Path) -> Path:
    """One recorded feed among several: the last but one, which is long."""
    return sorted(data.glob("btc15m-ws/*/orderbook_delta.ndjson.gz"))[-2:][0]


def _features(seen: Frames) -> Floats:
    rows = np.flatnonzero(central(seen))
    books = Books(
        tickers=("",) * len(rows),
        seen_at=seen.at[rows],
        bid_price=seen.bid_price[rows],
        bid_size=seen.bid_size[rows],
        ask_price=seen.ask_price[rows],
        ask_size=seen.ask_size[rows],
    )
    # The last column is the time to the close, which says nothing of a book.
    measured: Floats = book_features(books, np.ones(len(rows)))[:, :-1]
    return measured


def _cell(value: float | None) -> str:
    if value is None or not np.isfinite(value):
        return "–"
    return f"{value:,.0f}" if abs(value) >= 20 else f"{value:.3g}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line and write the report."""
    parser = argparse.ArgumentParser(prog="python -m bot.sim.report", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder to write to")
    parser.add_argument("--data", type=Path, default=DATA, help="folder of the recordings")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    if not options.data.is_dir():
        parser.error(f"no recordings in {options.data}; say where they are with --data")
    write(options.out, options.data, options.seed)


if __name__ == "__main__":
    main()
