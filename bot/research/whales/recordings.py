"""`python -m bot.research.whales.recordings FOLDER`: how often the rules speak of real markets.

For recordings that tell more than books at intervals: raw streams (every change of a level), which
are looked at as a stream is scanned and as polls would see them, and books beside which trades are
known. Prints a Markdown table, detections a market-hour.
"""

import argparse
import gzip
import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow.parquet as pq

from bot.core.market.book_store import PRICE_UNITS, BookStore
from bot.core.market.market import Side
from bot.core.market.orderbook import Books
from bot.core.whales.detector import Source, TradesBetween, Whale, WhaleType, sight
from bot.core.whales.thresholds import WhaleRules, blank_rows
from bot.core.whales.trades import MarketTrades
from bot.journal.terminal import spell_out
from bot.kalshi.wire.frames import levels, price_units, size_units
from bot.tape.reader import read

_HOUR: Final = 3_600.0
#: As often as a stream is scanned.
_SCAN_EVERY: Final = 0.1
#: Looks farther apart than this are not watched time.
_UNBROKEN: Final = 180.0
_KINDS: Final = ("large", "imbalance", "spoof suspected", "sweep", "iceberg")
_HEAD: Final = ("recording", "every", "market-hours", *_KINDS)

#: A book and what traded since the one before.
Look = tuple[Books, TradesBetween]


class Rates(NamedTuple):
    """How often what was said in so many hours."""

    hours: float
    said: Counter[str]


def main(argv: Sequence[str]) -> int:
    """Print the table; 0."""
    parser = argparse.ArgumentParser(
        prog="python -m bot.research.whales.recordings", description=__doc__
    )
    parser.add_argument("folder", type=Path, help="where the recordings lie")
    folder = parser.parse_args(argv).folder
    spell_out()
    _row(_HEAD)
    _row(["---"] * len(_HEAD))
    for every in (_SCAN_EVERY, 1.0, 5.0, 60.0):
        runs = sorted((folder / "btc15m-ws").iterdir())
        _write("btc15m-ws", f"{every:g} s", rates(one for run in runs for one in raw(run, every)))
    _write("inx2023-l2-1s", "1 s", rates(bars(folder / "inx2023-l2-1s.parquet")))
    tennis = quotes(folder / "tennis-tob.parquet", folder / "trades.parquet")
    _write("tennis-tob", "change", rates(tennis))
    return 0


def rates(markets: Iterable[Iterable[Look]]) -> Rates:
    """What the rules say of markets, each looked at by itself."""
    hours, said, rules = 0.0, Counter[str](), WhaleRules()
    for looks in markets:
        rows, before = blank_rows(), np.nan
        for books, traded in looks:
            seen = sight(books, rows, rules, traded)
            rows = seen.rows
            said.update(_kind(whale) for _, whale in seen.whales)
            apart = float(books.seen_at[0]) - before
            hours += apart / _HOUR if apart <= _UNBROKEN else 0.0
            before = float(books.seen_at[0])
    return Rates(hours, said)


def raw(run: Path, every: float) -> Iterator[Iterator[Look]]:
    """The markets of a raw recording, each as it is seen every so many seconds.

    What traded is what the volume grew by, at prices and on sides that are not known.
    """
    frames = sorted(_frames(run), key=lambda frame: frame[:2])
    for ticker in dict.fromkeys(msg["market_ticker"] for _, _, _, msg in frames):
        yield _folded([one for one in frames if one[3]["market_ticker"] == ticker], ticker, every)


def _folded(
    frames: Sequence[tuple[int, int, str, dict[str, Any]]], ticker: str, every: float
) -> Iterator[Look]:
    store, due = BookStore(), 0.0
    volume, before = np.nan, np.nan
    for ns, _, kind, msg in frames:
        at = ns / 1e9
        if at >= due and store.fault(ticker) is None:
            due = at + every
            books = store.read((ticker,), np.array([at]))
            yield books, TradesBetween.anywhere(np.maximum([volume - before], 0.0))
            before = volume
        if kind == "ticker":
            volume = float(msg["volume_fp"])
        else:
            _apply(store, kind, msg)


def _frames(run: Path) -> Iterator[tuple[int, int, str, dict[str, Any]]]:
    for order, kind in enumerate(("orderbook_snapshot", "orderbook_delta", "ticker")):
        with gzip.open(run / f"{kind}.ndjson.gz") as lines:
            for line in map(json.loads, lines):
                yield line["local_recv_ns"], order, kind, line["payload_json"]


def _apply(store: BookStore, kind: str, msg: dict[str, Any]) -> None:
    if kind == "orderbook_snapshot":
        no = levels(msg.get("no_dollars_fp", []))
        asks = {PRICE_UNITS - price: size for price, size in no.items()}
        store.replace(msg["market_ticker"], levels(msg.get("yes_dollars_fp", [])), asks)
        return
    side = Side.BUY if msg["side"] == "yes" else Side.SELL
    price = price_units(msg["price_dollars"])
    price = price if side is Side.BUY else PRICE_UNITS - price
    store.change(msg["market_ticker"], side, price, size_units(msg["delta_fp"]))


def bars(path: Path) -> Iterator[Iterator[Look]]:
    """Books a second apart with what takers bought and sold in each: taken to be at the best."""
    tape = read(path)
    table = pq.read_table(path, columns=["ts_ms", "ticker", "buy_vol_in_bar", "sell_vol_in_bar"])
    taken = {(row["ticker"], row["ts_ms"] / 1e3): row for row in table.to_pylist()}
    for ticker in sorted(set(tape.books.tickers)):
        yield _barred(_of(tape.books, ticker), taken)


def _barred(books: Books, taken: dict[tuple[str, float], dict[str, Any]]) -> Iterator[Look]:
    for place, (ticker, at) in enumerate(zip(books.tickers, books.seen_at.tolist(), strict=True)):
        row = taken[ticker, at]
        before = max(place - 1, 0)
        trades = [
            (at, float(price[before]), row[name], buys)
            for name, price, buys in (
                ("buy_vol_in_bar", books.best_ask, True),
                ("sell_vol_in_bar", books.best_bid, False),
            )
            if row[name] and np.isfinite(price[before])
        ]
        yield books.take(slice(place, place + 1)), _traded(trades)


def quotes(path: Path, trades: Path) -> Iterator[Iterator[Look]]:
    """Best prices as they change, with the trades between two changes."""
    books = read(path).books
    for ticker in sorted(set(books.tickers)):
        table = pq.read_table(trades, filters=[("ticker", "==", ticker)]).sort_by("ts_ms")
        tape = [
            (row["ts_ms"] / 1e3, row["yes_px"], row["size"], row["taker_side"] == "yes")
            for row in table.to_pylist()
        ]
        yield _quoted(_of(books, ticker), tape)


def _quoted(books: Books, tape: Sequence[tuple[float, float, float, bool]]) -> Iterator[Look]:
    at = np.array([one[0] for one in tape])
    since = 0
    for place, now in enumerate(books.seen_at.tolist()):
        until = int(np.searchsorted(at, now, side="right"))
        yield books.take(slice(place, place + 1)), _traded(tape[since:until])
        since = until


def _of(books: Books, ticker: str) -> Books:
    rows = np.flatnonzero(np.array(books.tickers) == ticker)
    return books.take(rows[np.argsort(books.seen_at[rows], kind="stable")])


def _traded(trades: Sequence[tuple[float, float, float, bool]]) -> TradesBetween:
    at, price, size, buys = np.array(trades, dtype=np.float64).reshape(-1, 4).T
    row = np.zeros(len(at), dtype=np.intp)
    return TradesBetween.of(np.array([True]), MarketTrades(row, at, price, size, buys > 0))


def _kind(whale: Whale) -> str:
    if whale.source is not Source.BOOK:
        return {Source.TAPE: "sweep", Source.REFILLS: "iceberg"}[whale.source]
    names = {WhaleType.HIGH_IMBALANCE: "imbalance", WhaleType.SPOOF_SUSPECTED: "spoof suspected"}
    return names.get(whale.type, "large")


def _write(name: str, every: str, found: Rates) -> None:
    cells = (f"{found.said[kind] / found.hours:.2f}" for kind in _KINDS)
    _row([name, every, f"{found.hours:.1f}", *cells])


def _row(cells: Iterable[str]) -> None:
    print(f"| {' | '.join(cells)} |", flush=True)  # noqa: T201  # a command line's answer


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
