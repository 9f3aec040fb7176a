"""What closing now would fetch, and profit and loss from it.

A mark is a liquidation value: the depth that is shown, walked from the best price down; what is
larger than the book counts at the last price shown. A side that nobody shows is no price of 0:
there the last mark stands, unless the other side offers the same for less. Fees of the closing
are left out.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Final, Self

from bot.core.account.portfolio import Portfolio, Position, own_price, paid
from bot.core.market.matching import taken
from bot.core.market.money import ZERO, Contracts, Dollars, floor_to
from bot.core.market.orderbook import Books, Level

#: Finer than any price times any size: shares of a value are cut to this.
_VALUE_STEP: Final = Decimal("0.00000001")


@dataclass(frozen=True, slots=True)
class Mark:
    """Dollars that closing `size` contracts (signed) would fetch; `stale` if no book says so now.

    A stale mark is the last one, or, where that is of another size or missing, the cost.
    """

    size: Contracts
    value: Dollars
    stale: bool = False

    def resized(self, size: Contracts) -> Self | None:
        """What the same price makes of another size of the same side; None for the other side."""
        if size == self.size:
            return self
        if size * self.size <= 0:
            return None
        return replace(self, size=size, value=floor_to(self.value * size / self.size, _VALUE_STEP))


def mark(
    position: Position,
    levels: Iterable[Level] | None,
    last: Mark | None = None,
    rivals: Iterable[Level] = (),
) -> Mark:
    """The mark of a position against the levels that would close it; None where no book came.

    `rivals` are the levels of the other side, where the same is offered.
    """
    shown = () if levels is None else taken(levels, abs(position.size))
    if shown:
        return Mark(position.size, _fetched(position, shown))
    value = last.value if last is not None and last.size == position.size else position.cost
    for price, _ in rivals:
        # Nobody pays more for it than it is offered for.
        value = min(value, abs(position.size) * own_price(price, position.side))
        break
    return Mark(position.size, value, stale=True)


def marks(
    positions: Mapping[str, Position],
    books: Books,
    last: Mapping[str, Mark],
    closed: Mapping[str, Dollars | None] | None = None,
) -> dict[str, Mark]:
    """The marks of all positions; one whose market is not among the books keeps its last.

    So does one whose market is `closed`, whatever its book: until it is known what that pays.
    """
    if not positions:
        return {}
    closed = closed or {}
    rows = {ticker: row for row, ticker in enumerate(books.tickers) if ticker in positions}
    rows = {ticker: row for ticker, row in rows.items() if ticker not in closed}
    found = {}
    for ticker, position in positions.items():
        payout = closed.get(ticker)
        if payout is not None:
            found[ticker] = Mark(position.size, paid(position, payout))
        elif ticker in rows:
            row, side = rows[ticker], position.side
            closing, rivals = books.against(row, side.opposite), books.against(row, side)
            found[ticker] = mark(position, closing, last.get(ticker), rivals)
        else:
            found[ticker] = mark(position, None, last.get(ticker))
    return found


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
        # Asked with every look at the account: nothing is made where the day goes on.
        return self.of(at, equity) if at.astimezone(UTC).date() > self.day else self

    def pnl(self, equity: Dollars) -> Dollars:
        """Profit or loss of the day so far, fees included."""
        return equity - self.equity


def _fetched(position: Position, sold: tuple[Level, ...]) -> Dollars:
    side = position.side
    left = abs(position.size) - sum((size for _, size in sold), ZERO)
    fetched = sum((size * own_price(price, side) for price, size in sold), ZERO)
    return fetched + left * own_price(sold[-1].price, side)
