"""`python -m bot replay FILE`: the command around a replay."""

import argparse
import asyncio
import itertools
import logging
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from tqdm import tqdm

from bot.app.trading_rules import trade_rules, watch_over
from bot.backtest.replay import Replay, Summary
from bot.backtest.tape_source import NextBooks
from bot.cli import arguments
from bot.cli.backtest import settings_for
from bot.journal.csv_rows import LOGS
from bot.model import scorer
from bot.tape import reader
from bot.tape.reader import TapeError
from bot.trading.paper_venue import PaperVenue
from bot.trading.trader import Trader
from logging_utils import CsvJournal, configure


def main(argv: list[str]) -> int:
    """Replay a tape, write its CSV logs, print what it came to; 1 if the accounts are off."""
    options = _parser().parse_args(argv)
    changes = {} if options.min_edge is None else {"bot_min_edge": options.min_edge}
    settings = settings_for(options.every, changes)
    configure(settings.log_level if options.verbose else "WARNING")
    logging.getLogger("main").debug("replaying %s", options.tape)
    recording = reader.read(options.tape)
    _empty(options.out)
    model = scorer.chosen(settings.model_path, options.every)
    watch = watch_over(model, settings, capacity=len(set(recording.books.tickers)))
    ids = (f"replay-{number:08d}" for number in itertools.count(1))
    rules = trade_rules(settings, model).on_tape()
    next_books = NextBooks(recording.books, recording.trades)
    venue = PaperVenue(next_books, next_books.update)
    trader = Trader(venue, rules, settings.paper_cash, ids)
    with CsvJournal(options.out, max_total=sys.maxsize, every_signal=True) as journal:
        replay = Replay(recording, watch, trader, journal)
        asyncio.run(_through(replay, options.every, len(recording.books)))
        summary = replay.summary()
    _print([*_tape_lines(recording), f"model       {model.fault or model.version}"])
    _print([*lines(summary), f"logs        {options.out}"])
    return 0 if summary.balances else 1


def lines(summary: Summary) -> Iterator[str]:
    """The summary for people."""
    s = summary
    yield f"cycles      {s.cycles:,} over {s.books:,} books of {s.markets:,} markets"
    yield f"signals     {_counts(s.signals)}"
    yield f"whales      {_counts(s.whales)}"
    yield f"orders      {_counts(s.orders)}; {s.refusals:,} refused by risk"
    yield f"held back   {s.held_back:,} entries that were expected to cost more than they earn"
    yield f"fees        ${s.fees:,.4f}"
    yield f"realised    ${s.realised - s.fees:,.4f} after fees"
    yield f"open        ${s.unrealised:,.4f} in {s.open_positions} positions, if closed now"
    yield f"equity      ${s.equity:,.4f}, started with ${s.start:,.2f}"
    yield (
        f"balance     cash {s.cash} + cost {s.cost} = start {s.start} + realised {s.realised} "
        f"− fees {s.fees}: {'exact' if s.balances else 'BROKEN'}"
    )
    yield f"decisions   sha256 {s.decisions}"
    yield f"trades      sha256 {s.trades}"


async def _through(replay: Replay, every: float, books: int) -> None:
    with tqdm(total=books, unit=" books", smoothing=0, disable=None) as bar:
        async for done in replay.run(every):
            bar.update(done - bar.n)


def _tape_lines(recording: reader.Tape) -> Iterator[str]:
    for reason, rows in recording.skipped.items():
        yield f"left out    {rows:,} rows: {reason}"


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in sorted(counts.items())) or "none"


def _empty(folder: Path) -> None:
    """Take away the logs of an earlier replay; raises TapeError if there is anything else."""
    ours = {one.file for one in LOGS.values()}
    found = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    if other := [name for name in found if name not in ours]:
        raise TapeError(
            f"{folder} holds other files ({other[0]}); give --out a folder of the replay's own"
        )
    for name in found:
        (folder / name).unlink()
    folder.mkdir(parents=True, exist_ok=True)


def _print(text: list[str]) -> None:
    sys.stdout.write("\n".join(text) + "\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bot replay",
        description="Run the bot over a tape of order books, on recorded time.",
    )
    parser.add_argument("tape", type=Path, help="a Parquet file of order books")
    parser.add_argument(
        "--every",
        type=arguments.seconds,
        default=1.0,
        help="seconds of recorded time per cycle (1)",
    )
    parser.add_argument(
        "--out", type=Path, default=Path("logs/replay"), help="folder of the CSV logs (emptied)"
    )
    parser.add_argument(
        "--min-edge", type=float, help="BOT_MIN_EDGE of this replay; -100 trades on every signal"
    )
    parser.add_argument("--verbose", action="store_true", help="the bot's own lines, too")
    return parser
