"""Follows every fill for a minute, and remembers where the mid went after those of late.

What has been measured comes back from its events; a restart forgets fills that are still followed.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from datetime import datetime
from math import isnan, nan
from typing import Final

from bot.core.events import Event, FillMarkedOut, OrderEnded, OrderFilled
from bot.core.market.market import Market
from bot.core.market.orders import Fill, Order, is_foreign
from bot.core.model.fill_markouts import (
    FillGroup,
    FillKind,
    FillsMarked,
    MarkedFill,
    OpenFill,
    grouped,
    of_entries,
)
from bot.ports.persistence import Checkpoint, CommittedChanges
from bot.signals.observations import Predictions

#: Fills that the figures are over: the newest. And fills followed at a time at most.
REMEMBERED: Final = 5_000
CAPACITY: Final = 2_000
UNKNOWN: Final = "unknown"


class FillMarkouts:
    """Fed with events and books; says what fills were worth."""

    def __init__(self) -> None:
        self._open: deque[OpenFill] = deque(maxlen=CAPACITY)
        self._marked: deque[MarkedFill] = deque(maxlen=REMEMBERED)
        self._known: tuple[tuple[FillGroup, ...], FillsMarked] | None = None

    def on_events(self, events: Sequence[Event]) -> None:
        """Take these events: their fills are followed from now on."""
        for event in events:
            match event:
                case OrderEnded(execution=done):
                    self._follow(done.order, done.fills)
                case OrderFilled(order=order, fills=fills):
                    self._follow(order, fills)

    def on_predictions(self, predictions: Predictions) -> None:
        """Books are needed once all of a pass are there: see `measured`."""

    async def on_cycle_end(self, *_: object) -> None:
        """Nothing: markouts are read on request."""

    def measured(
        self, at: datetime, predictions: Sequence[Predictions], markets: Mapping[str, Market]
    ) -> list[FillMarkedOut]:
        """What these books say of the fills that are followed."""
        if not self._open:
            return []
        mids = _mids(predictions, {one.fill.ticker for one in self._open})
        now = at.timestamp()
        moved = [one.after(*mids.get(one.fill.ticker, (nan, now))) for one in self._open]
        self._open = deque((one for one in moved if not one.is_over), maxlen=CAPACITY)
        events = [_event(at, one, markets) for one in moved if one.is_over]
        for event in events:
            self._remember(event)
        return events

    def groups(self) -> tuple[FillGroup, ...]:
        """The figures by category and kind; cheap while nothing new was measured."""
        return self._figures()[0]

    def entries(self) -> FillsMarked:
        """The figures of all entries; as cheap."""
        return self._figures()[1]

    def _figures(self) -> tuple[tuple[FillGroup, ...], FillsMarked]:
        if self._known is None:
            self._known = grouped(self._marked), of_entries(self._marked)
        return self._known

    def restore(self, checkpoint: Checkpoint) -> None:
        """Restore what was measured; no fill is followed."""
        self._open.clear()
        self._marked.clear()
        self._known = None
        self._learn(checkpoint.events)

    def catch_up(self, news: CommittedChanges) -> None:
        """Apply what the leader committed since."""
        self._learn(news.events)

    def _learn(self, events: Sequence[Event]) -> None:
        for event in events:
            if isinstance(event, FillMarkedOut):
                self._remember(event)

    def _remember(self, event: FillMarkedOut) -> None:
        size = float(event.size)
        one = MarkedFill(event.ticker, event.category, event.kind, size, event.markouts)
        self._marked.append(one)
        self._known = None

    def _follow(self, order: Order, fills: Sequence[Fill]) -> None:
        # What other hands traded, and when, says nothing about how our orders fill.
        if not is_foreign(order.client_order_id):
            self._open.extend(OpenFill(fill, FillKind.of(order)) for fill in fills)


def _mids(predictions: Sequence[Predictions], tickers: set[str]) -> dict[str, tuple[float, float]]:
    """Of these markets those with a two-sided book: its mid and when it was seen."""
    found = {}
    for part in predictions:
        books, mids = part.seen.books, part.seen.books.mid
        for row, ticker in enumerate(books.tickers):
            if ticker in tickers and not isnan(mids[row]):
                found[ticker] = float(mids[row]), float(books.seen_at[row])
    return found


def _event(at: datetime, one: OpenFill, markets: Mapping[str, Market]) -> FillMarkedOut:
    fill, market = one.fill, markets.get(one.fill.ticker)
    return FillMarkedOut(
        at=at,
        fill_id=fill.fill_id,
        ticker=fill.ticker,
        category=(market.category if market else None) or UNKNOWN,
        kind=one.kind,
        size=fill.size,
        filled_at=fill.at,
        markouts=one.markouts,
    )
