"""What closed trades came to: how many won, how much, and how deep it went in between.

Wins and losses are after fees. Sums are exact; a ratio that has nothing to stand on is None.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final, NamedTuple

from bot.core.market.money import ZERO, Dollars, measured


class Trade(NamedTuple):
    """A closed trade, as far as it is counted."""

    closed_at: datetime
    opened_at: datetime
    ticker: str
    category: str | None
    how: str
    gross: Dollars
    fees: Dollars


class GroupBy(StrEnum):
    """What trades are told apart by; days and hours are those of their end, UTC."""

    DAY = "day"
    HOUR = "hour"
    CATEGORY = "category"
    MARKET = "market"
    EXIT = "exit"


@dataclass(slots=True)
class TradeStats:
    """Figures of some trades, added in the order in which they were closed.

    `lost` is 0 or below. `max_drawdown` is the deepest fall of what these trades had earned
    together, in dollars.
    """

    trades: int = 0
    wins: int = 0
    losses: int = 0
    gross: Dollars = ZERO
    fees: Dollars = ZERO
    won: Dollars = ZERO
    lost: Dollars = ZERO
    best: Dollars | None = None
    worst: Dollars | None = None
    max_drawdown: Dollars = ZERO
    held_seconds: float = 0.0
    _peak: Dollars = ZERO

    def add(self, trade: Trade) -> None:
        """Count one more."""
        net = trade.gross - trade.fees
        self.trades += 1
        self.wins += net > 0
        self.losses += net < 0
        self.gross += trade.gross
        self.fees += trade.fees
        self.won += max(net, ZERO)
        self.lost += min(net, ZERO)
        self.best = net if self.best is None else max(self.best, net)
        self.worst = net if self.worst is None else min(self.worst, net)
        self.held_seconds += (trade.closed_at - trade.opened_at).total_seconds()
        self._peak = max(self._peak, self.net)
        self.max_drawdown = max(self.max_drawdown, self._peak - self.net)

    @property
    def net(self) -> Dollars:
        """What they earned after fees."""
        return self.gross - self.fees

    @property
    def win_rate(self) -> float | None:
        """The share that won."""
        return self.wins / self.trades if self.trades else None

    @property
    def profit_factor(self) -> float | None:
        """Dollars won for each one lost; None while none was lost."""
        return measured(self.won / -self.lost) if self.lost else None

    @property
    def average_win(self) -> Dollars | None:
        """Of those that won."""
        return self.won / self.wins if self.wins else None

    @property
    def average_loss(self) -> Dollars | None:
        """Of those that lost, below 0."""
        return self.lost / self.losses if self.losses else None

    @property
    def average_held(self) -> float | None:
        """Seconds from opening to end."""
        return self.held_seconds / self.trades if self.trades else None


@dataclass(frozen=True, slots=True)
class GroupedStats:
    """The figures of all trades, and of each group by its name (None: not known)."""

    total: TradeStats
    groups: Mapping[str | None, TradeStats]


def grouped(trades: Iterable[Trade], by: GroupBy) -> GroupedStats:
    """The figures of these trades, the one that closed first first."""
    total, groups = TradeStats(), dict[str | None, TradeStats]()
    name = _NAMES[by]
    for trade in trades:
        total.add(trade)
        groups.setdefault(name(trade), TradeStats()).add(trade)
    return GroupedStats(total, groups)


_NAMES: Final[Mapping[GroupBy, Callable[[Trade], str | None]]] = {
    GroupBy.DAY: lambda trade: trade.closed_at.astimezone(UTC).date().isoformat(),
    GroupBy.HOUR: lambda trade: f"{trade.closed_at.astimezone(UTC).hour:02}",
    GroupBy.CATEGORY: lambda trade: trade.category,
    GroupBy.MARKET: lambda trade: trade.ticker,
    GroupBy.EXIT: lambda trade: trade.how,
}
