"""What a run over a tape came to: its round trips, and equity cycle by cycle.

The account is exact. The curve is a measurement, for plots and drawdowns: positions are worth what
closing them would fetch on the latest book that shows a price, as floats.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

import numpy as np

from bot.backtest.digest import TradeDigest
from bot.backtest.precomputed.cycles import Cycles
from bot.backtest.precomputed.liquidation import liquidation_values
from bot.core.account.portfolio import Portfolio
from bot.core.events import (
    EntriesStopped,
    Event,
    OrderEnded,
    OrderFilled,
    OrderRefused,
    OrderRested,
    PositionClosed,
)
from bot.core.market.market import Side
from bot.core.market.money import ZERO, Contracts, Dollars, measured
from bot.core.market.orderbook import Books, Floats
from bot.core.market.orders import Aim, Execution, Fill, Life, Order
from bot.tape.reader import Rows, Tape

#: The events that figures are made of: so many as there are orders, whatever the tape.
_REPORTED: Final = (
    OrderRested,
    OrderFilled,
    OrderEnded,
    OrderRefused,
    EntriesStopped,
    PositionClosed,
)


class ClosedTrip(NamedTuple):
    """A round trip with what it does not say itself; `size` in contracts, prices in YES dollars."""

    ticker: str
    side: Side
    opened_at: datetime
    closed_at: datetime
    size: Contracts
    entry_price: Dollars
    exit_price: Dollars
    fees: Dollars
    net: Dollars
    how: str


@dataclass(frozen=True, slots=True)
class ExitFills:
    """How positions were left: orders that rested, contracts that traded at rest, and those taken.

    `expected` is how many would have traded at rest by the expected reading of the queues, order
    by order.
    """

    rested: int = 0
    at_rest: float = 0.0
    expected: float = 0.0
    taken: float = 0.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """A run that is over. `equity` and `exposure` (dollars) have one value a cycle, as `at` has.

    `trips` are in the order they closed; `fills` in the order they were booked; `entries` are
    those of them that opened or enlarged a position, `exits` the others.
    """

    portfolio: Portfolio
    end_equity: Dollars
    trips: tuple[ClosedTrip, ...]
    fills: tuple[Fill, ...]
    entries: tuple[Fill, ...]
    exits: tuple[Fill, ...]
    exit_fills: ExitFills
    orders: Mapping[str, int]
    refusals: Mapping[str, int]
    stops: Mapping[str, int]
    at: Floats
    equity: Floats
    exposure: Floats
    trades: str


class Record:
    """What happens in a run, from one piece of its tape to the next."""

    def __init__(self, start: Portfolio) -> None:
        """For an account that begins like that."""
        self._account = _Account(start)
        self._digest = TradeDigest()
        self._reported: list[Event] = []
        self._curves: list[tuple[Floats, Floats, Floats]] = []

    @property
    def entries(self) -> Sequence[Fill]:
        """The fills so far that opened or enlarged a position."""
        return self._account.entries

    @property
    def exits(self) -> Sequence[Fill]:
        """The other fills so far."""
        return self._account.exits

    @property
    def trips(self) -> tuple[ClosedTrip, ...]:
        """The round trips so far, in the order they closed."""
        return tuple(trip for event in self._reported if (trip := _closed(event)))

    def add(self, events: Sequence[Event], tape: Tape, cycles: Cycles) -> None:
        """These happened over this piece of the tape."""
        self._digest.add(events)
        account = self._account
        account.begin(cycles)
        for event in events:
            if isinstance(event, OrderEnded):
                account.book(event.execution.fills)
            elif isinstance(event, OrderFilled):
                account.book(event.fills)
        self._reported += [event for event in events if isinstance(event, _REPORTED)]
        worth = _worth(account.sizes, tape, cycles)
        self._curves.append((cycles.at, account.cash_curve() + worth, account.exposure_curve()))

    def outcome(self, end_equity: Dollars) -> Outcome:
        """What it all came to."""
        events, account = self._reported, self._account
        ended = [event.execution.status.value for event in events if isinstance(event, OrderEnded)]
        at, equity, exposure = map(np.concatenate, zip(*self._curves, strict=True))
        return Outcome(
            portfolio=account.portfolio,
            end_equity=end_equity,
            trips=self.trips,
            fills=tuple(account.fills),
            entries=tuple(account.entries),
            exits=tuple(account.exits),
            exit_fills=exit_fills(events),
            orders=Counter(ended),
            refusals=Counter(event.rule for event in events if isinstance(event, OrderRefused)),
            stops=Counter(event.rule for event in events if isinstance(event, EntriesStopped)),
            at=at,
            equity=equity,
            exposure=exposure,
            trades=self._digest.hex(),
        )


def exit_fills(events: Sequence[Event]) -> ExitFills:
    """How positions were left, by these events."""
    at_rest = taken = ZERO
    rested, expected = 0, 0.0
    for event in events:
        match event:
            case OrderRested(order=Order(aim=Aim.LEAVE)):
                rested += 1
            case OrderFilled(order=Order(aim=Aim.LEAVE), fills=fills):
                at_rest += sum((fill.size for fill in fills), ZERO)
            case OrderEnded(execution=Execution(order=Order(aim=Aim.LEAVE, life=Life.REST)) as end):
                at_rest += end.filled
                expected += end.expected or 0.0
            case OrderEnded(execution=Execution(order=Order(aim=Aim.LEAVE)) as end):
                taken += end.filled
    return ExitFills(rested, measured(at_rest), expected, measured(taken))


class _Account:
    """Books fills and remembers what was held from which cycle on."""

    def __init__(self, start: Portfolio) -> None:
        self.portfolio = start
        self.fills: list[Fill] = []
        self.entries: list[Fill] = []
        self.exits: list[Fill] = []
        self.sizes: dict[str, list[tuple[int, float]]] = {}

    def begin(self, cycles: Cycles) -> None:
        """These cycles follow; what is held now is held when they begin."""
        self._cycles = cycles
        self._cash = [(0, measured(self.portfolio.cash))]
        self._cost = [(0, measured(self.portfolio.exposure))]
        held = self.portfolio.positions.items()
        self.sizes = defaultdict(list)
        self.sizes |= {ticker: [(0, measured(one.size))] for ticker, one in held}

    def book(self, fills: Sequence[Fill]) -> None:
        for fill in fills:
            before = abs(self.portfolio.size(fill.ticker))
            self.portfolio = portfolio = self.portfolio.after(fill)
            self.fills.append(fill)
            is_entry = abs(portfolio.size(fill.ticker)) > before
            (self.entries if is_entry else self.exits).append(fill)
            cycle = int(np.searchsorted(self._cycles.at, fill.at.timestamp()))
            self._cash.append((cycle, measured(portfolio.cash)))
            self._cost.append((cycle, measured(portfolio.exposure)))
            self.sizes[fill.ticker].append((cycle, measured(portfolio.size(fill.ticker))))

    def cash_curve(self) -> Floats:
        return _steps(self._cash, len(self._cycles.at))

    def exposure_curve(self) -> Floats:
        return _steps(self._cost, len(self._cycles.at))


def _closed(event: Event) -> ClosedTrip | None:
    if not isinstance(event, PositionClosed) or event.trip is None:
        return None
    trip = event.trip
    if trip.size is None or trip.entry_price is None or trip.exit_price is None:
        return None
    prices = trip.entry_price, trip.exit_price
    times = trip.opened_at, event.at
    return ClosedTrip(
        event.ticker, trip.side, *times, trip.size, *prices, trip.fees, trip.net, event.how
    )


def _steps(changes: Sequence[tuple[int, float]], length: int) -> Floats:
    """A value that holds from its cycle until the next; of several in one cycle the last."""
    latest = dict(changes)
    cycles = sorted(latest)
    values = np.array([latest[cycle] for cycle in cycles])
    curve: Floats = np.repeat(values, np.diff([*cycles, length]))
    return curve


def _worth(sizes: Mapping[str, list[tuple[int, float]]], tape: Tape, cycles: Cycles) -> Floats:
    """What all positions would fetch, cycle by cycle; shape (cycles,)."""
    total = np.zeros(len(cycles.at))
    for ticker, changes in sizes.items():
        latest, rows = dict(changes), cycles.by_market[ticker]
        rows = rows[~(tape.seconds_to_close[rows] <= 0)]
        known = [
            rows[np.isfinite(best[rows])] for best in (tape.books.best_bid, tape.books.best_ask)
        ]
        seen = [cycles.of_row[rows] for rows in known]
        starts = sorted(latest)
        for begin, end in zip(starts, [*starts[1:], len(total)], strict=True):
            size = latest[begin]
            rows, at = known[size < 0], seen[size < 0]
            if size and len(rows):
                place = np.searchsorted(at, np.arange(begin, end), side="right")
                total[begin:end] += _liquidated(tape.books, rows, np.maximum(place - 1, 0), size)
    return total


def _liquidated(books: Books, rows: Rows, place: Rows, size: float) -> Floats:
    """What closing would fetch at these rising places of rows; only what lies between is read."""
    values = liquidation_values(books, rows[place[0] : place[-1] + 1], size)
    fetched: Floats = values[place - place[0]]
    return fetched
