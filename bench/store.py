"""What keeping a cycle costs: `python -m bench.store [--rounds N] [--url URL]`.

One commit of 20 markets with all that it is made of, in milliseconds until it is on the disk, and
of the event loop's processor time. The floor next to it is Python's own sqlite3 in a thread,
which puts the same bytes into three plain tables, in one transaction that is as safe. `intend` is
what an order waits for before it is sent; its floor is one small row.
"""

import argparse
import asyncio
import sqlite3
import sys
import tempfile
import time
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from random import Random
from statistics import median
from typing import Final, TypeAlias

from bench.common import Round, machine, ratio, say
from bot.core.events import Event, OrderEnded, PositionOpened, PredictionGraded, WhaleSeen
from bot.core.market.market import Side
from bot.core.market.orders import Execution, Fill, Order, OrderStatus
from bot.core.whales.detector import Whale, WhaleType
from bot.ports.persistence import CommitBatch, StateRecord
from bot.store import rows
from bot.store.database import opened

MARKETS: Final = 20
#: Bytes that the whale rules, the features and the regime remember of a market.
PARTS: Final = {"whales": 2_745, "history": 617, "regimes": 104}
DECISIONS: Final = 6_000
PUBLISHED: Final = 30_000
WHALES: Final = 2
GRADES: Final = 5
WARM_UP: Final = 10
#: Milliseconds that a commit may take in the middle.
LIMIT: Final = 5.0
BOOK: Final = "paper:bench"
NOON: Final = datetime(2026, 11, 22, 12, tzinfo=UTC)
_TABLES: Final = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "CREATE TABLE events (number INTEGER PRIMARY KEY, body TEXT)",
    "CREATE TABLE memos (kind TEXT, key TEXT, body BLOB, PRIMARY KEY (kind, key))",
    "CREATE TABLE published (id INTEGER PRIMARY KEY, body BLOB)",
)


@dataclass(frozen=True, slots=True)
class Spent:
    """Milliseconds by the clock, and of the processor in the event loop's thread."""

    wall: float
    loop: float


Rounds: TypeAlias = Sequence[Round[Spent]]


class Floor:
    """The least that keeping the same bytes as safely takes."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        for statement in _TABLES:
            self._connection.execute(statement)

    async def commit(self, done: CommitBatch) -> None:
        """All of it, in a thread."""
        await asyncio.to_thread(self._commit, done)

    async def intend(self, order: Order) -> None:
        """A row with the name of the order, in a thread."""
        await asyncio.to_thread(self._write, [order.client_order_id], [], None)

    def close(self) -> None:
        """No more of it."""
        self._connection.close()

    def _commit(self, done: CommitBatch) -> None:
        bodies = [row["body"] for row in rows.rows(done.events).events]
        self._write(bodies, done.state_records, done.published)

    def _write(
        self, bodies: Sequence[str], state_records: Sequence[StateRecord], published: bytes | None
    ) -> None:
        run = self._connection
        run.execute("BEGIN IMMEDIATE")
        run.executemany("INSERT INTO events (body) VALUES (?)", [(body,) for body in bodies])
        named = [
            (state_record.kind, state_record.key, state_record.body)
            for state_record in state_records
        ]
        run.executemany("INSERT OR REPLACE INTO memos VALUES (?, ?, ?)", named)
        if published is not None:
            run.execute("INSERT OR REPLACE INTO published VALUES (1, ?)", (published,))
        run.execute("COMMIT")


def main(argv: list[str]) -> int:
    """Prints milliseconds a commit; 1 if they are above the limit."""
    options = _parser().parse_args(argv)
    say(f"Keeping a cycle of {MARKETS} markets ({machine()})")
    with tempfile.TemporaryDirectory() as folder:
        url = options.url or f"sqlite:///{folder}/ours.db"
        floor = Floor(Path(folder) / "floor.db")
        commits, intents = asyncio.run(_measured(url, floor, options.rounds))
        floor.close()
    _report("commit", commits)
    _report("intend", intents)
    return int(median(one.ours.wall for one in commits) > LIMIT)


async def _measured(url: str, floor: Floor, rounds: int) -> tuple[Rounds, Rounds]:
    commits, intents = [], []
    async with opened(url) as database:
        term = await database.take("bench", 3_600, BOOK)
        if term is None:
            raise SystemExit("bench.store: another process leads in that database; name a new one")
        await database.open_book(term, BOOK, Decimal(10_000), NOON)
        store = database.store(term, BOOK)
        for number in range(WARM_UP + rounds):
            order, done = _cycle(f"{term.epoch}-{number}", Random(number))
            both = (store, floor) if number % 2 else (floor, store)
            intends = {one: await _spent(one.intend(order)) for one in both}
            spent = {one: await _spent(one.commit(done)) for one in both}
            intents.append(Round(intends[store], intends[floor]))
            commits.append(Round(spent[store], spent[floor]))
    return commits[WARM_UP:], intents[WARM_UP:]


async def _spent(keeping: Awaitable[None]) -> Spent:
    # The loop has a thread to itself: what that thread uses, nothing else on the loop can.
    wall, loop = time.perf_counter(), time.thread_time()
    await keeping
    return Spent((time.perf_counter() - wall) * 1e3, (time.thread_time() - loop) * 1e3)


def _report(what: str, rounds: Rounds) -> None:
    ours = [one.ours.wall for one in rounds]
    floor = ratio([Round(one.ours.wall, one.theirs.wall) for one in rounds])
    loop = median(one.ours.loop for one in rounds)
    limit = f", limit {LIMIT:g}" if what == "commit" else ""
    say(
        f"{what}: {median(ours):5.2f} ms [{min(ours):.2f}, {max(ours):.2f}]{limit}; "
        f"{loop:.2f} ms of the event loop; {floor} x the same bytes through sqlite3"
    )


def _cycle(name: str, rng: Random) -> tuple[Order, CommitBatch]:
    """An order, and a cycle that filled it; every byte of every memo is new."""
    tickers = [f"KXMADEUP-26NOV22-{number}" for number in range(MARKETS)]
    order = Order(name, tickers[0], Side.BUY, Decimal(100), Decimal("0.41"), NOON)
    state_records = [
        StateRecord(kind, ticker, rng.randbytes(size))
        for ticker in tickers
        for kind, size in PARTS.items()
    ]
    decisions = StateRecord("decisions", "", rng.randbytes(DECISIONS))
    return order, CommitBatch(
        _events(order, tickers), [*state_records, decisions], rng.randbytes(PUBLISHED)
    )


def _events(order: Order, tickers: Sequence[str]) -> list[Event]:
    return [
        *(WhaleSeen(NOON, _whale(ticker)) for ticker in tickers[:WHALES]),
        *(_grade(ticker) for ticker in tickers[:GRADES]),
        OrderEnded(NOON, _filled(order)),
        PositionOpened(NOON, order.ticker, order.size, order.limit),
    ]


def _whale(ticker: str) -> Whale:
    return Whale(
        ticker=ticker,
        type=WhaleType.LARGE_BID,
        size=Decimal(12_000),
        price=Decimal("0.40"),
        notional=Decimal(4_800),
        depth_share=0.7,
        imbalance_strength=0.3,
        max_bid_size=12_000.0,
        max_ask_size=900.0,
        side_bias=None,
        why="12,000 contracts at one price, large here from 3,000; rested 65 s",
    )


def _grade(ticker: str) -> PredictionGraded:
    return PredictionGraded(
        at=NOON,
        exchange="production",
        ticker=ticker,
        group="KXMADEUP",
        model_version="1.0.0",
        made_at=NOON,
        score=0.61,
        horizon=300.0,
        change=1.5,
        taker=-2.4,
    )


def _filled(order: Order) -> Execution:
    fill = Fill(
        fill_id=f"{order.client_order_id}-1",
        client_order_id=order.client_order_id,
        ticker=order.ticker,
        side=order.side,
        size=order.size,
        price=Decimal("0.40"),
        fee=Decimal("1.68"),
        at=order.at,
    )
    return Execution(order, "bench", OrderStatus.FILLED, (fill,))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.store", description=__doc__)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--url", help="a database to use; if left out, a new SQLite file")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
