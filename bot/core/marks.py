"""What closing now would fetch, and profit and loss from it.

A mark is a liquidation value: the depth that is shown, walked from the best price down. What is
larger than the book is worth nothing there. Fees of the closing are left out.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Self

from bot.core.matching import taken
from bot.core.money import ZERO, Contracts, Dollars
from bot.core.orderbook import Books, Level
from bot.core.portfolio import Portfolio, Position, own_price


@dataclass(frozen=True, slots=True)
class Mark:
    """Dollars that closing `size` contracts (signed) would fetch; `stale` if no book says so now.

    A stale mark is the last one, or, where that is of another size or missing, the cost.
    """

    size: Contracts
    value: Dollars
    stale: bool = False


def mark(position: Position, levels: Iterable[Level] | None, last: Mark | None = None) -> Mark:
    """The mark of a position against the levels that would close it; None where no book came."""
    if levels is not None:
        return Mark(position.size, _fetched(position, levels))
    if last is not None and last.size == position.size:
        return Mark(position.size, last.value, stale=True)
    return Mark(position.size, position.cost, stale=True)


def marks(
    positions: Mapping[str, Position], books: Books, last: Mapping[str, Mark]
) -> dict[str, Mark]:
    """The marks of all positions; one whose market is not among the books keeps its last."""
    if not positions:
        return {}
    rows = {ticker: row for row, ticker in enumerate(books.tickers) if ticker in positions}
    return {
        ticker: mark(position, _closing(position, books, rows.get(ticker)), last.get(ticker))
        for ticker, position in positions.items()
    }


def unrealised(position: Position, mark: Mark) -> Dollars:
    """What closing now would earn over the cost, before the fees of closing."""
    return mark.value - position.cost


def equity(portfolio: Portfolio, marks: Mapping[str, Mark]) -> Dollars:
    """Cash and what closing everything would fetch; every position needs its mark (KeyError)."""
    return portfolio.cash + sum((marks[ticker].value for ticker in portfolio.positions), ZERO)


@dataclass(frozen=True, slots=True)
class DayStart:
    """Equity when a UTC day began: what the profit and loss of that day is counted from."""

    day: date
    equity: Dollars

    @classmethod
    def of(cls, at: datetime, equity: Dollars) -> Self:
        """The day of this moment, counted from this equity."""
        return cls(at.astimezone(UTC).date(), equity)

    def rolled(self, at: datetime, equity: Dollars) -> Self:
        """The start of the day of `at`: this one, or a new one from `equity` if midnight is past.

        `equity` is the last one known before `at`: then no profit falls between two days.
        """
        day = self.of(at, equity)
        return day if day.day > self.day else self

    def pnl(self, equity: Dollars) -> Dollars:
        """Profit or loss of the day so far, fees included."""
        return equity - self.equity


def _closing(position: Position, books: Books, row: int | None) -> Iterable[Level] | None:
    return None if row is None else books.against(row, position.side.opposite)


def _fetched(position: Position, levels: Iterable[Level]) -> Dollars:
    side = position.side
    sold = taken(levels, abs(position.size))
    return sum((size * own_price(price, side) for price, size in sold), ZERO)
