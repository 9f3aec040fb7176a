"""A tape in pieces: what each needs of those before and after it, so that none is noticed.

Scores go on from the piece before. Each begins with what its markets showed last and ends with a
look at the books that follow, which its last orders meet. A run over the pieces trades what it
would over the whole tape; what is held at once is two windows of it and a few rows a market.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, pairwise

import numpy as np

from bot.backtest.precomputed.cycles import Cycles
from bot.backtest.precomputed.scores import ScoreMemory, Scores, scored
from bot.backtest.run import ScoredTape
from bot.backtest.tape_source import NextBooks, markets_seen
from bot.core.market.market import Market
from bot.core.market.orderbook import Books, Floats
from bot.core.signals.strategy import Gates, Thresholds
from bot.ports.exchange import Scorer
from bot.tape.reader import Tape, joined, taken
from bot.tape.trades import NO_TRADES, TapeTrades
from bot.tape.windows import (
    SHORTEST,
    RecordedMarket,
    TapeContents,
    WindowedTape,
    merged,
    windows_of,
)

#: A window of a tape with its scores.
ScoredWindow = tuple[Tape, Scores]


@dataclass(frozen=True, slots=True)
class Scoring:
    """What scores books: a model, its thresholds, and the gates before it."""

    scorer: Scorer
    thresholds: Thresholds
    gates: Gates

    def scores(self, tape: Tape) -> Floats:
        """Those of a tape (N,) by itself, without anything before it."""
        return scored(tape, self.scorer, self.thresholds, self.gates).scores


@dataclass(frozen=True, slots=True)
class Recording:
    """Tapes as one, without the markets `left_out`, read in windows anew each time."""

    tapes: Sequence[WindowedTape]
    contents: Sequence[TapeContents]
    left_out: frozenset[str]
    every: float

    @property
    def seen(self) -> dict[str, RecordedMarket]:
        """What is known of its markets."""
        return merged([one.markets for one in self.contents], self.left_out)

    @property
    def windows(self) -> int:
        """How many pieces it has at most."""
        return max(1, *(len(tape.windows) for tape in self.tapes))

    def scored_windows(self, scoring: Scoring) -> Iterator[ScoredWindow]:
        """Its windows with their scores. Raises TapeError."""
        windows = windows_of(self.tapes, self.contents, self.left_out)
        return scored_windows(windows, scoring)

    def pieces(self, scoring: Scoring) -> Iterator[ScoredTape]:
        """Its pieces, scored as they are asked for. Raises TapeError."""
        return pieces_of(self.scored_windows(scoring), markets_seen(self.seen), self.every)


def scored_windows(windows: Iterable[Tape], scoring: Scoring) -> Iterator[ScoredWindow]:
    """Each window scored with the memory of those before."""
    memory = ScoreMemory()
    for tape in windows:
        yield tape, scored(tape, scoring.scorer, scoring.thresholds, scoring.gates, memory)


def pieces_of(
    windows: Iterable[ScoredWindow], markets: Mapping[str, Market], every: float
) -> Iterator[ScoredTape]:
    """The windows as pieces in cycles of `every` seconds."""
    latest: ScoredWindow | None = None
    for window, after in pairwise(chain(windows, [None])):
        if window is None:
            return
        piece = _piece(latest, window, after and after[0], markets, every)
        yield piece
        latest = _latest(piece)
        # The next window is read before these names would let go of it.
        del piece, window


def _piece(
    latest: ScoredWindow | None,
    window: ScoredWindow,
    after: Tape | None,
    markets: Mapping[str, Market],
    every: float,
) -> ScoredTape:
    tape, scores = window
    if latest:
        trades = tape.trades
        tape = replace(joined([latest[0], tape]), trades=trades, skipped=tape.skipped)
        scores = latest[1].followed_by(scores)
    cycles = Cycles.of(tape.books, every, len(latest[0].books) if latest else 0)
    books, trades = _with_following(tape, after)
    next_books = NextBooks(books, trades)
    return ScoredTape(tape, scores, cycles, markets, next_books, books)


def _with_following(tape: Tape, after: Tape | None) -> tuple[Books, TapeTrades]:
    """The books and trades with those that come soon after."""
    if after is None:
        return tape.books, tape.trades
    until = tape.books.seen_at[-1] + SHORTEST
    soon = after.books.take(slice(0, int(np.searchsorted(after.books.seen_at, until, "right"))))
    return Books.joined([tape.books, soon]), TapeTrades.joined([tape.trades, after.trades])


def _latest(piece: ScoredTape) -> ScoredWindow:
    """Of each market the last row of a cycle, and the last open ones with a bid and with an ask."""
    tape, books = piece.tape, piece.tape.books
    is_open = ~(tape.seconds_to_close <= 0)
    has_bid, has_ask = (is_open & np.isfinite(best) for best in (books.best_bid, books.best_ask))
    last = [
        part[-1:]
        for shown in piece.cycles.by_market.values()
        for part in (shown, shown[has_bid[shown]], shown[has_ask[shown]])
    ]
    rows = np.unique(np.concatenate(last))
    latest = replace(taken(tape, rows.tolist()), trades=NO_TRADES, skipped={})
    return latest, piece.scores.take(rows)
