"""The order in which series, events and markets are listed, and what the filters pick."""

from collections.abc import Sequence
from datetime import datetime
from itertools import count
from typing import Final

from bot.core.market.market import MarketStatus
from bot.sim.engine.specs import EventSpec
from bot.sim.engine.state import ExchangeState, MarketState
from bot.sim.rest.paging import Key

#: The words of the `status` filter, which are not those of a market's `status`.
STATUS_FILTERS: Final = {
    "unopened": frozenset({MarketStatus.INITIALIZED}),
    "open": frozenset({MarketStatus.ACTIVE}),
    "paused": frozenset({MarketStatus.INACTIVE}),
    "closed": frozenset(
        {
            MarketStatus.CLOSED,
            MarketStatus.DETERMINED,
            MarketStatus.DISPUTED,
            MarketStatus.AMENDED,
        }
    ),
    "settled": frozenset({MarketStatus.FINALIZED}),
}


def by_age(market: MarketState) -> Key:
    """The key of the usual order: when it was created, then its ticker."""
    return (market.created.timestamp(), market.spec.ticker)


def by_close(market: MarketState) -> Key:
    """The key of the order among closed markets."""
    return (market.close_time.timestamp(), market.spec.ticker)


class ListingOrder:
    """The markets and events of the exchange in the order of their age, oldest first."""

    def __init__(self, state: ExchangeState) -> None:
        self._state = state
        self._seen = -1
        self._markets: list[MarketState] = []
        self._events: list[tuple[int, EventSpec]] = []
        self._numbers: dict[str, int] = {}
        self._count = count(1)

    def markets(self) -> Sequence[MarketState]:
        """All markets."""
        self._refresh()
        return self._markets

    def events(self) -> Sequence[tuple[int, EventSpec]]:
        """All events, numbered in the order they were added."""
        self._refresh()
        return self._events

    def _refresh(self) -> None:
        if self._seen == self._state.listed:
            return
        self._seen = self._state.listed
        self._markets = sorted(self._state.markets.values(), key=by_age)
        # An event keeps its number when others go: cursors hold it.
        self._numbers = {
            event: self._numbers.get(event) or next(self._count) for event in self._state.events
        }
        self._events = [(self._numbers[e], spec) for e, spec in self._state.events.items()]

    def of_event(self, event_ticker: str) -> list[MarketState]:
        """The markets of one event; none for an unknown one."""
        tickers = self._state.event_markets.get(event_ticker, ())
        return [self._state.markets[ticker] for ticker in tickers]

    def named(self, tickers: Sequence[str]) -> list[MarketState]:
        """The markets with these tickers, unknown ones left out, in the order of age."""
        known = self._state.markets
        found = {ticker: known[ticker] for ticker in tickers if ticker in known}
        return sorted(found.values(), key=by_age)

    def is_combo(self, event_ticker: str) -> bool:
        """Whether an event is multivariate: made of combos."""
        markets = self.of_event(event_ticker)
        return bool(markets) and all(market.spec.is_combo for market in markets)


def is_between(at: datetime | None, least: int | None, most: int | None) -> bool:
    """Whether a time is within these bounds (seconds, inclusive; None is open)."""
    if least is None and most is None:
        return True
    if at is None:
        return False
    seconds = at.timestamp()
    return (least is None or seconds >= least) and (most is None or seconds <= most)
