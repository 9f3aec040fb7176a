"""`python -m trials.stream`: an hour on a line that fails; no wrong book is ever shown as fresh.

The demo exchange, our client of its stream, and between them a line with faults: frames lost and
repeated, cuts, a client too slow to read, frames that come late, a line that falls silent, clocks
that jump. At each beat every book that is shown is compared with what the exchange's own book
was at some moment of the seconds for which a line may be late. A client that believes whatever it
reads is fed the same frames: how often that one is wrong is what the proofs are worth.
"""

import argparse
import sys
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Final

from bot.core.market.book_store import BookStore, Levels
from bot.core.market.market import MarketStatus, Side
from bot.kalshi.stream.protocol import StreamProtocol
from bot.kalshi.wire.frames import (
    BookSnapshot,
    delta,
    frame,
    levels,
    price_units,
)
from bot.ports.exchange import ExchangeError
from bot.sim.engine.events import BookDelta, SimEvent
from bot.sim.engine.exchange import Exchange
from bot.sim.engine.units import PRICE_TEXT
from bot.sim.stream.answers import answer
from bot.sim.stream.hub import Hub
from bot.sim.stream.session import StreamSession
from bot.sim.stream.terms import StreamLimits
from bot.sim.world.demo import HISTORY, demo_world

#: When the trial begins, and how finely time moves, seconds.
START: Final = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
STEP: Final = 0.1
BEAT: Final = 1.0
#: Markets watched, and seconds between two looks at which those are.
WATCHED: Final = 20
RELIST: Final = 60.0
#: Frames that the exchange keeps for a client that does not read.
BUFFER: Final = 400
#: Seconds of latency, and how long a client waits before it connects again.
LATENCY: Final = (0.02, 0.15)
RECONNECT: Final = 1.5
#: Mean seconds between two faults of a kind, and how long those last that last.
EVERY: Final = 45.0
LASTING: Final = (2.0, 12.0)
#: Faults that are over at once, and those that last.
STRIKES: Final = ("lost", "repeated", "cut", "garbage")
SPELLS: Final = ("silent", "late", "slow", "our clock", "exchange's clock")


class Unspoiled:
    """The exchange itself has no faults here."""

    spoils_frames = False

    def error(self, _channel: str) -> int:
        """Never asked."""
        return 0

    def frames(self, _channel: str, _frame: str) -> None:
        """Never asked."""


@dataclass
class Faults:
    """What is wrong with the line now; drawn from the seed."""

    chance: Random
    every: float = EVERY
    kinds: Sequence[str] = (*STRIKES, *SPELLS)
    struck: Counter[str] = field(default_factory=Counter)
    _due: dict[str, float] = field(default_factory=dict)
    _until: dict[str, float] = field(default_factory=dict)
    _pending: set[str] = field(default_factory=set)

    def move(self, now: float) -> None:
        """Let faults begin."""
        for kind in self.kinds:
            due = self._due.setdefault(kind, now + self.chance.expovariate(1 / self.every))
            if now >= due:
                self._due[kind] = now + self.chance.expovariate(1 / self.every)
                self.struck[kind] += 1
                self._pending.add(kind)
                self._until[kind] = now + self.chance.uniform(*LASTING)

    def strikes(self, kind: str) -> bool:
        """Whether one of those that are over at once strikes now."""
        if kind in self._pending:
            self._pending.discard(kind)
            return True
        return False

    def lasts(self, kind: str, now: float) -> bool:
        """Whether one of those that last is in force."""
        return now < self._until.get(kind, 0.0)


class Truth:
    """What the exchange's books were, by a sum over their levels, for as long as matters."""

    def __init__(self, exchange: Exchange, keeps: float) -> None:
        self._sums: dict[str, int] = {}
        self._levels: dict[tuple[str, Side, int], int] = {}
        self._past: dict[str, deque[tuple[float, int]]] = {}
        self._keeps = keeps
        self.now = 0.0
        for ticker, market in exchange.state.markets.items():
            for side in Side:
                for price, size in market.book.levels(side):
                    self._change(ticker, side, price_units(PRICE_TEXT[price]), size)
        exchange.subscribe(self._on_event)

    def _on_event(self, event: SimEvent) -> None:
        if isinstance(event, BookDelta):
            price = price_units(PRICE_TEXT[event.price])
            self._change(event.ticker, event.side, price, event.change)

    def _change(self, ticker: str, side: Side, price: int, by: int) -> None:
        key = (ticker, side, price)
        before = self._levels.pop(key, 0)
        if before + by:
            self._levels[key] = before + by
        total = self._sums.get(ticker, 0)
        past = self._past.setdefault(ticker, deque())
        past.append((self.now, total))
        # What was true until now ended now.
        total += _worth(side, price, before + by) - _worth(side, price, before)
        self._sums[ticker] = total
        while past[0][0] < self.now - 2 * self._keeps:
            past.popleft()

    def held(self, ticker: str, books: tuple[Levels, Levels]) -> float | None:
        """Seconds since this was the exchange's book; None if it was not within what is kept."""
        shown = total(books)
        if shown == self._sums.get(ticker, 0):
            return 0.0
        ages = (self.now - until for until, one in self._past.get(ticker, ()) if one == shown)
        return min(ages, default=None)


def _worth(side: Side, price: int, size: int) -> int:
    return hash((side is Side.BUY, price, size)) if size else 0


def total(books: tuple[Levels, Levels]) -> int:
    """The sum over the levels of a book."""
    sides = zip((Side.BUY, Side.SELL), books, strict=True)
    return sum(_worth(side, price, size) for side, one in sides for price, size in one.items())


class Credulous:
    """A client that keeps books and believes whatever it reads."""

    def __init__(self) -> None:
        self.store = BookStore()

    def receive(self, text: bytes) -> None:
        """Fold a frame, whatever its number."""
        try:
            change = delta(text)
            if change is not None:
                self.store.change(change.ticker, change.side, change.price, change.by)
                return
            _, message = frame(text)
            if isinstance(message, BookSnapshot):
                bids, asks = levels(message.yes_dollars_fp), levels(message.no_dollars_fp)
                self.store.replace(message.market_ticker, bids, asks)
        except ExchangeError:
            return


@dataclass
class Outcome:
    """What was seen at all beats together."""

    beats: int = 0
    shown: int = 0
    withheld: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    ages: list[float] = field(default_factory=list)
    credulous_shown: int = 0
    credulous_wrong: int = 0


class Trial:
    """One exchange, one line, two clients."""

    def __init__(
        self, seed: int, every: float = EVERY, kinds: Sequence[str] = (*STRIKES, *SPELLS)
    ) -> None:
        self.exchange = Exchange(seed, START - HISTORY)
        self.world = demo_world(self.exchange, seed)
        self.hub = Hub(self.exchange)
        self.protocol = StreamProtocol(BookStore())
        self.credulous = Credulous()
        self.truth = Truth(self.exchange, self.protocol.rules.stale_after)
        self.faults = Faults(Random(seed), every, kinds)
        self.outcome = Outcome()
        self.chance = Random(seed + 1)
        self.now = START.timestamp()
        self._session: StreamSession | None = None
        self._line: deque[tuple[float, bytes]] = deque()
        self._connect_at = self.now
        self._watched: tuple[str, ...] = ()

    @property
    def ours(self) -> float:
        """Our clock."""
        return self.now + (8.0 if self.faults.lasts("our clock", self.now) else 0.0)

    @property
    def theirs(self) -> float:
        """The clock that the exchange writes on its frames."""
        return self.now + (-8.0 if self.faults.lasts("exchange's clock", self.now) else 0.0)

    def run(self, seconds: float, report: Callable[[Outcome], None] | None = None) -> Outcome:
        """Let so many simulated seconds pass."""
        steps, beat = round(seconds / STEP), round(BEAT / STEP)
        for step in range(steps):
            if step % round(RELIST / STEP) == 0:
                self._relist()
            self._move()
            if step % beat == 0:
                self._beat()
            if report is not None and step and step % round(600 / STEP) == 0:
                report(self.outcome)
        return self.outcome

    def _move(self) -> None:
        self.now += STEP
        self.truth.now = self.now
        self.faults.move(self.now)
        to = datetime.fromtimestamp(int(self.now), UTC)
        if to > self.world.now:
            self.world.advance(to)
        self._line_moves()
        if self._session is not None:
            if (reason := self.protocol.tick(self.ours)) is not None:
                self._cut(reason)
            self._talk()

    def _line_moves(self) -> None:
        if self._session is None:
            if self.now >= self._connect_at:
                self._connect()
            return
        if self.faults.strikes("cut"):
            self._cut("it was cut")
            return
        if not self.faults.lasts("slow", self.now):
            self._send(self._session.take(int(self.theirs * 1000)))
        if not self.faults.lasts("silent", self.now):
            self._arrive()

    def _connect(self) -> None:
        self._session = StreamSession(
            self.hub,
            "reader",
            may_read=True,
            limits=StreamLimits(buffer=BUFFER),
            spoiler=Unspoiled(),
        )
        self._line.clear()
        self.protocol.connected(self.ours)

    def _cut(self, reason: str) -> None:
        if self._session is not None:
            self._session.close()
        self._session = None
        self._connect_at = self.now + RECONNECT
        self.protocol.lost(reason, self.ours)

    def _talk(self) -> None:
        for text in self.protocol.outgoing():
            if self._session is not None:
                answer(self._session, text)

    def _send(self, frames: Sequence[str]) -> None:
        for text in frames:
            late = 6.0 if self.faults.lasts("late", self.now) else 0.0
            at = self.now + late + self.chance.uniform(*LATENCY)
            # A line keeps its order.
            at = max(at, self._line[-1][0]) if self._line else at
            for one in self._spoiled(text):
                self._line.append((at, one.encode()))

    def _spoiled(self, text: str) -> Iterator[str]:
        if '"orderbook_' not in text:
            yield text
        elif self.faults.strikes("lost"):
            return
        elif self.faults.strikes("garbage"):
            yield text[: len(text) // 2]
        else:
            yield text
            if self.faults.strikes("repeated"):
                yield text

    def _arrive(self) -> None:
        while self._line and self._line[0][0] <= self.now:
            _, text = self._line.popleft()
            self.protocol.receive(text, self.ours)
            self.credulous.receive(text)
        self.protocol.problems()

    def _relist(self) -> None:
        open_now = [
            ticker
            for ticker, market in self.exchange.state.markets.items()
            if market.status is MarketStatus.ACTIVE
        ]
        self._watched = tuple(open_now[-WATCHED:])
        self.protocol.watch(self._watched, self.ours)
        self.credulous.store.drop(set(self.credulous.store.tickers) - set(self._watched))

    def _beat(self) -> None:
        found = self.protocol.books(self._watched, self.ours)
        self.outcome.beats += 1
        self.outcome.withheld.update(_kind(reason) for reason in found.missing.values())
        patience = self.protocol.rules.stale_after + 2 * STEP
        for ticker in found.books.tickers:
            self.outcome.shown += 1
            age = self.truth.held(ticker, self.protocol.store.levels(ticker))
            if age is None or age > patience:
                at = self.now - START.timestamp()
                spells = [kind for kind in SPELLS if self.faults.lasts(kind, self.now)]
                held = "never" if age is None else f"{age:.1f} s ago"
                self.outcome.wrong.append(f"{ticker} at {at:.1f} s, right {held}, {spells}")
            else:
                self.outcome.ages.append(age)
        self._count_credulous(patience)

    def _count_credulous(self, patience: float) -> None:
        store = self.credulous.store
        for ticker in store.tickers:
            if store.fault(ticker) is None:
                self.outcome.credulous_shown += 1
                age = self.truth.held(ticker, store.levels(ticker))
                self.outcome.credulous_wrong += age is None or age > patience


def _kind(reason: str) -> str:
    return reason.partition(":")[0].rstrip("0123456789. s") if "late" not in reason else "late"


def _report(trial: Trial) -> Iterator[str]:
    outcome, counts = trial.outcome, trial.protocol.counts
    struck = ", ".join(f"{kind} {count}" for kind, count in sorted(trial.faults.struck.items()))
    yield f"faults: {struck}"
    yield f"found: {', '.join(f'{kind} {n}' for kind, n in sorted(counts.items()))}"
    asked = outcome.shown + outcome.withheld.total()
    yield (
        f"{outcome.beats} beats, {asked} books asked for: {outcome.shown} shown, of which "
        f"{len(outcome.wrong)} wrong; {outcome.withheld.total()} withheld"
    )
    for reason, count in outcome.withheld.most_common(8):
        yield f"  withheld {count}: {reason}"
    ages = sorted(outcome.ages) or [0.0]
    yield f"age of the books shown: p50 {_at(ages, 0.5):.1f} s, p99 {_at(ages, 0.99):.1f} s"
    yield (
        f"without proofs: {outcome.credulous_shown} shown, of which {outcome.credulous_wrong} wrong"
    )
    yield from outcome.wrong[:10]


def _at(ages: Sequence[float], share: float) -> float:
    return ages[min(int(len(ages) * share), len(ages) - 1)]


def main() -> None:
    """Run it; exit status 1 if a wrong book was shown."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--minutes", type=float, default=60.0, help="simulated ones")
    arguments.add_argument("--seed", type=int, default=1)
    chosen = arguments.parse_args()
    trial = Trial(chosen.seed)

    def say(outcome: Outcome) -> None:
        sys.stdout.write(f"… {outcome.beats} beats, {len(outcome.wrong)} wrong\n")
        sys.stdout.flush()

    trial.run(chosen.minutes * 60, say)
    sys.stdout.write("\n".join(_report(trial)) + "\n")
    sys.exit(1 if trial.outcome.wrong or not trial.outcome.shown else 0)


if __name__ == "__main__":
    main()
