"""What operators want closed: single positions, or all of them.

Leaves out who keeps that (`cluster.operator_flags`) and how an exit is sent (`trading`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from bot.core.account.portfolio import Position


@dataclass(frozen=True, slots=True)
class CloseRequests:
    """When operators asked for the positions of these `markets` to be closed, and for all of them.

    A request for one market is about the position that was open then, not about a later one. One
    to `flatten` is about everything, also what an order on its way opens afterwards.
    """

    markets: Mapping[str, datetime] = field(default_factory=dict)
    flatten: datetime | None = None

    def __bool__(self) -> bool:
        return bool(self.markets) or self.flatten is not None

    def covers(self, position: Position) -> bool:
        """Whether this position is to be closed."""
        asked = self.markets.get(position.ticker)
        return self.flatten is not None or (asked is not None and position.opened_at <= asked)


#: Nobody wants anything closed.
NOTHING = CloseRequests()


def nothing() -> CloseRequests:
    """What nobody who is asked ever wants."""
    return NOTHING
