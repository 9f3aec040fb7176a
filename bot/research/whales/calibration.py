"""`python -m bot.research.whales.calibration TAPE…`: how often the whale rules fire on real books.

Runs the rules with their committed thresholds over recordings, as somebody sees them who looks
every so many seconds, and prints a Markdown table: detections per market-hour by tape, cadence and
series, and how large orders ended. `--multiple` shows what another threshold would say.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bot.core.market.orderbook import Books, Floats, complement
from bot.core.whales.detector import TradesBetween, WhaleRules, WhaleType, measures, sight
from bot.core.whales.endings import EndingKind
from bot.core.whales.thresholds import LargeOrderRules, blank_rows
from bot.journal.terminal import spell_out
from bot.tape.reader import Rows, Tape, TapeError, cycle_rows, read, transposed

#: The threshold of the detectors that people use, for comparison.
ABSOLUTE: Final = 5_000.0
#: A market counts as watched between two books that are at most so many cadences apart.
_UNBROKEN: Final = 3
_HOUR: Final = 3_600.0
_ALL: Final = "all"
_BETWEEN: Final = "\x1f"
_HEAD: Final = (
    *("tape", "multiple", "cadence", "series", "runs", "market-hours"),
    *("large bid", "large ask", "large", "imbalance", "spoof suspected"),
    *("filled", "cancelled", "moved", "unknown", "level ≥ 5,000"),
)


@dataclass(frozen=True, slots=True)
class Seen:
    """What somebody saw who looked now and then, per unbroken recording of a market.

    `tickers` (runs,); `hours` (runs,) watched; `books` (runs,) how many, `crowded` (runs,) how
    many of them held a level of `ABSOLUTE` contracts near the touch. `said` counts per run and
    what was said: a type of whale, or the fate of an order that ended.
    """

    tickers: tuple[str, ...]
    hours: Floats
    books: Floats
    crowded: Floats
    said: Mapping[tuple[int, str], int]


def main(argv: Sequence[str]) -> int:
    """Print the table that the command line asks for; 0 if every tape could be read."""
    options = _parser().parse_args(argv)
    spell_out()
    print(_line(_HEAD))  # noqa: T201  # a command line's answer
    print(_line(["---"] * len(_HEAD)))  # noqa: T201
    for path in options.tapes:
        try:
            tape = read(path)
        except TapeError as error:
            sys.stderr.write(f"{error}\n")
            return 1
        for line in _lines(path.stem, tape if options.across else in_runs(tape), options):
            print(line)  # noqa: T201
    return 0


def seen(tape: Tape, cadence: float, rules: WhaleRules) -> Seen:
    """What the rules say of a tape, in runs, that is looked at every `cadence` seconds."""
    looked = np.concatenate(list(cycle_rows(tape.books, cadence)))
    names, run = np.unique(np.array(tape.books.tickers), return_inverse=True)
    # By run, then by time: rows that follow each other are what one market showed.
    looked = looked[np.argsort(run[looked], kind="stable")]
    books, shown = tape.books.take(looked), measures(tape.books.take(looked))
    crowded = np.maximum(shown.max_bid_size, shown.max_ask_size) >= ABSOLUTE
    return Seen(
        tickers=tuple([name.partition(_BETWEEN)[0] for name in names.tolist()]),
        hours=market_hours(books.seen_at, run[looked], cadence),
        books=_sums(run[looked], np.ones(len(looked)), len(names)),
        crowded=_sums(run[looked], crowded, len(names)),
        said=_said(books, run[looked], _traded(tape, run, looked), rules),
    )


def in_runs(tape: Tape) -> Tape:
    """The tape with every unbroken recording of a market as a market of its own."""
    pairs = zip(tape.books.tickers, tape.segment.tolist(), strict=True)
    runs = tuple([f"{ticker}{_BETWEEN}{segment}" for ticker, segment in pairs])
    return replace(tape, books=replace(tape.books, tickers=runs))


def market_hours(at: Floats, run: Rows, cadence: float) -> Floats:
    """Hours that each run was watched, shape (runs,), from looks ordered by run, then time."""
    apart = np.diff(at)
    whole = (np.diff(run) == 0) & (apart <= _UNBROKEN * cadence)
    return _sums(run[1:], np.where(whole, apart / _HOUR, 0.0), int(run.max()) + 1)


def _sums(run: Rows, amounts: NDArray[Any], runs: int) -> Floats:
    return np.bincount(run, weights=amounts, minlength=runs).astype(np.float64)


def _traded(tape: Tape, run: Rows, looked: Rows) -> TradesBetween:
    """Trades between the books that are looked at, as far as a tape of books shows them.

    How much is what the market's volume grew by, on either side; how far is the worst best price
    of all recorded books in between, also of those that are not looked at.
    """
    order = np.argsort(run, kind="stable")
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    place = place[looked]
    best = np.column_stack([tape.books.best_bid, complement(tape.books.best_ask)])[order]
    best = np.where(np.isnan(best), -np.inf, best)
    since = np.minimum.reduceat(best, place, axis=0)[:-1]
    volume = np.full(len(looked), np.nan)
    volume[1:] = np.where(np.diff(run[looked]) == 0, np.diff(tape.volume[looked]), np.nan)
    known = np.isfinite(volume[1:, None])
    reach = np.full((len(looked), 2), -np.inf)
    reach[1:] = np.where(known, np.minimum(since, best[place][1:]), -np.inf)
    # A volume that falls was corrected by the exchange; nothing was traded back.
    return TradesBetween(np.column_stack([np.maximum(volume, 0.0)] * 2), reach)


def _said(
    books: Books, run: Rows, traded: TradesBetween, rules: WhaleRules
) -> Mapping[tuple[int, str], int]:
    """How often each thing was said of each run, every run's k-th book at once."""
    rows = blank_rows(int(run.max()) + 1)
    said: Counter[tuple[int, str]] = Counter()
    for batch in transposed(books):
        which = run[batch]
        found = sight(books.take(batch), rows[which], rules, traded.take(batch))
        rows[which] = found.rows
        said.update((int(which[row]), whale.type.value) for row, whale in found.whales)
        said.update((int(which[row]), end.fate.value) for row, end in found.endings)
    return said


def _lines(name: str, tape: Tape, options: argparse.Namespace) -> Iterator[str]:
    for multiple in options.multiple:
        rules = WhaleRules(LargeOrderRules(multiple=multiple))
        for cadence in options.cadence:
            found = seen(tape, cadence, rules)
            for series in (_ALL, *_leading(found, options.series)):
                yield _line([name, f"{multiple:g}", f"{cadence:g} s", *_cells(found, series)])


def _series(ticker: str) -> str:
    return ticker.partition("-")[0]


def _leading(found: Seen, count: int) -> list[str]:
    """The series that were watched longest."""
    hours: Counter[str] = Counter()
    for ticker, watched in zip(found.tickers, found.hours.tolist(), strict=True):
        hours[_series(ticker)] += watched
    return [series for series, _ in hours.most_common(count)] if len(hours) > 1 else []


def _cells(found: Seen, series: str) -> list[str]:
    chosen = [run for run, t in enumerate(found.tickers) if series in (_ALL, _series(t))]
    hours = float(found.hours[chosen].sum())
    counts: Counter[str] = Counter()
    for (run, what), count in found.said.items():
        counts[what] += count * (series in (_ALL, _series(found.tickers[run])))
    large = counts[WhaleType.LARGE_BID] + counts[WhaleType.LARGE_ASK]
    rates = (counts[WhaleType.LARGE_BID], counts[WhaleType.LARGE_ASK], large)
    others = (counts[WhaleType.HIGH_IMBALANCE], counts[WhaleType.SPOOF_SUSPECTED])
    crowded = float(found.crowded[chosen].sum()) / max(float(found.books[chosen].sum()), 1.0)
    return [
        *(series, f"{len(chosen)}", f"{hours:.1f}"),
        *(f"{count / hours:.2f}" if hours else "–" for count in (*rates, *others)),
        *(f"{counts[fate]}" for fate in EndingKind),
        f"{crowded:.0%}",
    ]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bot.research.whales.calibration", description=__doc__
    )
    parser.add_argument("tapes", nargs="+", type=Path, help="recorded order books (Parquet)")
    parser.add_argument("--cadence", type=float, nargs="+", default=[1.0, 5.0, 60.0])
    parser.add_argument("--multiple", type=float, nargs="+", default=[LargeOrderRules().multiple])
    parser.add_argument(
        "--across",
        action="store_true",
        help="compare across recordings: for tapes in which every poll is a recording of its own",
    )
    parser.add_argument("--series", type=int, default=0, help="lines of their own for so many")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
