"""One market by itself: its last book, what was measured of it, and where its mid has been.

Nothing of this is stored: books are the leader's alone, and a path is what this process has seen
since it began, in its own books or in the states that a leader published.
"""

from array import array
from collections.abc import Mapping, Sequence
from datetime import datetime
from math import isfinite
from typing import Final

from bot.core.events import Event
from bot.core.market.money import cents, measured
from bot.core.market.orderbook import Level
from bot.core.signals.features import FEATURE_NAMES
from bot.ports.cycle_result import CycleResult
from bot.ports.market_views import BookView, LevelView, MarketDetail, MidPoint
from bot.ports.views import BotState
from bot.signals.observations import Predictions

#: Levels a side that are shown.
LEVELS: Final = 10
#: Seconds that a path reaches back, and between two points of it at least.
PATH: Final = 1_800.0
SPACING: Final = 5.0
_NO_BOOK: Final = "no sound book of it came in the last cycle"
_ELSEWHERE: Final = "books are with the process that trades, and this one stands by"


class MarketPanel:
    """The books of the last pass, and the mid paths of the watched markets."""

    def __init__(self) -> None:
        self._looked: list[Predictions] = []
        self._rows: dict[str, tuple[Predictions, int]] = {}
        #: Times and mids in turn, oldest first.
        self._paths: dict[str, array[float]] = {}
        self._reason = _NO_BOOK

    def on_events(self, events: Sequence[Event]) -> None:
        """Nothing of a market is known from events that its book does not say."""

    def on_predictions(self, predictions: Predictions) -> None:
        self._looked.append(predictions)

    async def on_cycle_end(self, result: CycleResult) -> None:
        """Show the books of this pass instead of the earlier ones."""
        looked, self._looked = self._looked, []
        self._reason = _NO_BOOK
        self._rows = {
            ticker: (part, row) for part in looked for row, ticker in enumerate(part.books.tickers)
        }
        for part in looked:
            self._note_mids(part)
        self._forget(result.markets)

    def _note_mids(self, part: Predictions) -> None:
        seen, mids = part.books.seen_at.tolist(), part.mids.tolist()
        for ticker, then, mid in zip(part.books.tickers, seen, mids, strict=True):
            if isfinite(mid):
                self._add(ticker, then, cents(mid))

    def apply(self, state: BotState, at: datetime) -> None:
        """Apply a leader's state: mids, without books."""
        self._rows, self._reason = {}, _ELSEWHERE
        for view in state.markets:
            if not view.stale:
                self._add(view.ticker, at.timestamp(), (view.yes_bid + view.yes_ask) / 2)
        self._forget({view.ticker: view for view in state.markets})

    def of(self, ticker: str) -> MarketDetail:
        """What is known of a market here."""
        found = self._rows.get(ticker)
        return MarketDetail(
            book=None if found is None else _book(*found),
            features=None if found is None else _features(*found),
            path=self._path(ticker),
            reason=self._reason if found is None else None,
        )

    def _add(self, ticker: str, at: float, mid: float) -> None:
        path = self._paths.setdefault(ticker, array("d"))
        if path and not at - path[-2] >= SPACING:
            return
        path.extend((at, mid))
        old = next(i for i in range(0, len(path), 2) if path[i] >= at - PATH)
        del path[:old]

    def _forget(self, watched: Mapping[str, object]) -> None:
        for gone in self._paths.keys() - watched.keys():
            del self._paths[gone]

    def _path(self, ticker: str) -> tuple[MidPoint, ...]:
        path = self._paths.get(ticker, array("d"))
        return tuple([MidPoint(path[i], path[i + 1]) for i in range(0, len(path), 2)])


def _book(part: Predictions, row: int) -> BookView:
    book = part.books.book(row)
    return BookView(
        bids=_levels(book.bids), asks=_levels(book.asks), seen_at=float(part.books.seen_at[row])
    )


def _levels(side: Sequence[Level]) -> tuple[LevelView, ...]:
    return tuple([LevelView(cents(price), measured(size)) for price, size in side[:LEVELS]])


def _features(part: Predictions, row: int) -> dict[str, float | None]:
    values = part.features[row].tolist()
    return {
        name: value if isfinite(value) else None
        for name, value in zip(FEATURE_NAMES, values, strict=True)
    }
