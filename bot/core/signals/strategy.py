"""From one score to one action: direction, entries and exits, and the order that carries it out.

The score is the probability that YES goes up; everything follows from it and from the position.
A missing prediction is never a reason to trade: it holds. What a row needs for one is in
`gates`. Leaves out how much may be risked (`risk`).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from math import isnan
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bot.core.events import Action
from bot.core.market.market import PriceGrid, Side
from bot.core.market.money import ONE, Contracts, Dollars, cents
from bot.core.market.orderbook import Books, Floats, OrderBook
from bot.core.market.orders import Aim, Life, Order
from bot.core.model.families import coded, family_of

Flags = NDArray[np.bool_]

#: Differences of float prices are this close to the decimal that is meant.
_ROUNDING: Final = 1e-9
#: Prices of orders lie at least this far inside (0, 1); the finest step the wire can carry.
_EDGE: Final = Decimal("0.000001")


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Scores at which positions begin and end.

    Flat: long from `enter_above`, short down from `enter_below`. Long ends at or below
    `exit_high`, short at or above `exit_low`. Raises ValueError unless
    0 ≤ enter_below < exit_low ≤ exit_high < enter_above ≤ 1: otherwise the score that opens a
    position could close it again at once. `kinds` of markets with entries of their own have
    (enter above, enter below), in the same order of bands.
    """

    enter_above: float = 0.60
    enter_below: float = 0.40
    exit_low: float = 0.45
    exit_high: float = 0.55
    kinds: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    def of(self, ticker: str) -> "Thresholds":
        """The thresholds of one market."""
        own = self.kinds.get(family_of(ticker))
        if own is None:
            return self
        return replace(self, enter_above=own[0], enter_below=own[1], kinds={})

    def entries(self, tickers: Sequence[str]) -> tuple[Floats, Floats]:
        """The scores that enter each market, long from the first up, short from the second down."""
        pairs = np.array([*self.kinds.values(), (self.enter_above, self.enter_below)])
        above, below = pairs[coded(tickers, self.kinds)].T
        return above, below

    def __post_init__(self) -> None:
        for above, below in self.kinds.values():
            Thresholds(above, below, self.exit_low, self.exit_high)
        outer = 0 <= self.enter_below < self.exit_low
        if not (outer and self.exit_low <= self.exit_high < self.enter_above <= 1):
            raise ValueError(
                "thresholds must rise: 0 ≤ enter below < exit band from ≤ to < enter above ≤ 1; "
                f"they are {self.enter_below}, {self.exit_low}, {self.exit_high}, "
                f"{self.enter_above}"
            )


@dataclass(frozen=True, slots=True)
class Gates:
    """What a market must offer for a prediction: prices in dollars, times in seconds."""

    lowest_price: float = 0.03
    highest_price: float = 0.97
    widest_spread: float = 0.10
    fewest_observations: int = 3
    least_seconds_to_close: float = 60.0
    oldest_book: float = 180.0


@dataclass(frozen=True, slots=True)
class Intent:
    """An action to be carried out in one market; `position` is what is held there now."""

    action: Action
    ticker: str
    position: Contracts
    client_order_id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Sizing:
    """Contracts of an entry, and how far past the best price a limit may go, in dollars."""

    size: Contracts
    max_slippage: Dollars


def direction(scores: Floats, thresholds: Thresholds, tickers: Sequence[str]) -> NDArray[np.int8]:
    """+1 buy, −1 sell, 0 hold (also for NaN), shape (N,). Raises ValueError outside [0, 1]."""
    # Written so that NaN passes: it is no prediction, not a wrong one.
    if np.any((scores < 0) | (scores > 1)):
        raise ValueError(
            f"scores must lie in [0, 1]; they reach {np.nanmin(scores)} to "
            f"{np.nanmax(scores)}: the scorer is broken"
        )
    above, below = thresholds.entries(tickers)
    return (scores >= above).astype(np.int8) - (scores <= below).astype(np.int8)


def zones(scores: Floats, thresholds: Thresholds, tickers: Sequence[str]) -> NDArray[np.int8]:
    """How many of their thresholds these scores reach, 0 to 4, −1 for NaN; shape (N,).

    While a score stays in its zone, the same position gets the same answer.
    """
    above, below = thresholds.entries(tickers)
    reached = (scores > below).astype(np.int8) + (scores >= thresholds.exit_low)
    reached += (scores > thresholds.exit_high).astype(np.int8) + (scores >= above)
    return np.where(np.isnan(scores), np.int8(-1), reached)


def action(score: float | None, position: Contracts, thresholds: Thresholds) -> Action:
    """What to do with a position, given the score; without a score always HOLD.

    A position is never turned round in one step. Raises ValueError for a score outside [0, 1].
    """
    if score is None or isnan(score):
        return Action.HOLD
    if not 0 <= score <= 1:
        raise ValueError(f"a score must lie in [0, 1], not {score}: the scorer is broken")
    if position > 0:
        return Action.EXIT if score <= thresholds.exit_high else Action.HOLD
    if position < 0:
        return Action.EXIT if score >= thresholds.exit_low else Action.HOLD
    if score >= thresholds.enter_above:
        return Action.ENTER_LONG
    return Action.ENTER_SHORT if score <= thresholds.enter_below else Action.HOLD


def gates(
    books: Books, seconds_to_close: Floats, observations: Floats, age: Floats, limits: Gates
) -> list[str | None]:
    """Why there is no prediction for each book; None where there may be one.

    Shapes (N,): seconds to close and age of the book in seconds, NaN if unknown; `observations`
    is how many books of this market were seen. The first reason that applies is given.
    """
    reasons = _reasons(books, seconds_to_close, observations, age, limits)
    answers = np.full(len(books), None, dtype=object)
    for shut, why in reversed(list(reasons)):
        answers[shut] = why
    reported: list[str | None] = answers.tolist()
    return reported


def order_for(intent: Intent, book: OrderBook, grid: PriceGrid, sizing: Sizing) -> Order | None:
    """The order that carries out an action on this book; None if there is nothing to trade with.

    The limit is the best price it meets, worse by `max_slippage` at most, on the grid and inside
    (0, 1). An exit is as large as the position.
    """
    side = _side(intent)
    if side is None:
        return None
    bbo = book.best_ask if side is Side.BUY else book.best_bid
    if bbo is None:
        return None
    furthest = bbo + side.sign * sizing.max_slippage
    limit = grid.to_tick(min(max(furthest, _EDGE), ONE - _EDGE), side)
    if limit is None:
        return None
    size, aim = _size(intent, sizing)
    return Order(intent.client_order_id, intent.ticker, side, size, limit, intent.at, aim)


def resting_order(intent: Intent, price: Dollars, sizing: Sizing) -> Order | None:
    """The order that waits at a price for somebody to carry an action out; None without one."""
    side = _side(intent)
    if side is None:
        return None
    size, aim = _size(intent, sizing)
    order = (intent.client_order_id, intent.ticker, side, size, price, intent.at)
    return Order(*order, aim, Life.REST)


def _size(intent: Intent, sizing: Sizing) -> tuple[Contracts, Aim]:
    leaves = intent.action is Action.EXIT
    return (abs(intent.position), Aim.LEAVE) if leaves else (sizing.size, Aim.ENTER)


def _side(intent: Intent) -> Side | None:
    """Which way an action trades; None if it does not."""
    match intent.action:
        case Action.ENTER_LONG:
            return Side.BUY
        case Action.ENTER_SHORT:
            return Side.SELL
        case Action.EXIT if intent.position != 0:
            return Side.of(intent.position).opposite
        case _:
            return None


def _reasons(
    books: Books, seconds_to_close: Floats, observations: Floats, age: Floats, limits: Gates
) -> Iterator[tuple[Flags, str]]:
    """Each reason with the rows it applies to, the gravest first."""
    no_bid, no_ask, mid = np.isnan(books.best_bid), np.isnan(books.best_ask), books.mid
    spread = books.best_ask - books.best_bid
    yield no_bid & no_ask, "the book is empty"
    yield no_bid | no_ask, "the book has one side only"
    # Written as "not within": an unknown age or closing time shuts the gate, too.
    yield ~(age <= limits.oldest_book), f"the book is older than {limits.oldest_book:g} s"
    yield (
        ~(seconds_to_close >= limits.least_seconds_to_close),
        f"the market closes within {limits.least_seconds_to_close:g} s, or no one knows when",
    )
    yield mid < limits.lowest_price - _ROUNDING, f"the price is below {_c(limits.lowest_price)}"
    yield mid > limits.highest_price + _ROUNDING, f"the price is above {_c(limits.highest_price)}"
    yield (
        spread > limits.widest_spread + _ROUNDING,
        f"the spread is wider than {_c(limits.widest_spread)}",
    )
    yield (
        observations < limits.fewest_observations,
        f"fewer than {limits.fewest_observations} books seen so far",
    )


def _c(price: float) -> str:
    return f"{cents(price):g} c"
