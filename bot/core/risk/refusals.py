"""What a refusal of the exchange leads to: what is not sent any more, where, and for how long."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from bot.core.market.orders import Aim, Execution

#: A refusal that comes again after its pause doubles it, so many times at most.
DOUBLINGS: Final = 5


class Scope(StrEnum):
    """How far a refusal reaches."""

    ALL = "all"
    SHARD = "shard"
    MARKET = "market"


@dataclass(frozen=True, slots=True)
class Consequence:
    """Nothing is sent in this scope for so many seconds; with `aim`, nothing of that kind."""

    scope: Scope
    seconds: float
    aim: Aim | None = None


#: The key, the clock or the location: no order of ours passes, so one a minute is tried.
_NOBODY: Final = Consequence(Scope.ALL, 60.0)
_MARKET: Final = Consequence(Scope.MARKET, 30.0)
_POOR: Final = Consequence(Scope.SHARD, 60.0, Aim.ENTER)
#: What has no line in the table: enough for the next order not to be the same one.
OTHER: Final = Consequence(Scope.MARKET, 10.0)
TABLE: Final[Mapping[str, Consequence]] = {
    "unauthorized": _NOBODY,
    "forbidden": _NOBODY,
    "too_many_requests": Consequence(Scope.ALL, 2.0),
    "exchange_is_paused": Consequence(Scope.SHARD, 10.0),
    # Also said of one market alone: whether the shard is paused, its status says.
    "trading_is_paused": _MARKET,
    "MARKET_NOT_ACTIVE": _MARKET,
    "market_not_found": _MARKET,
    "insufficient_balance": _POOR,
    "available_balance_too_low": _POOR,
    "order_group_triggered": Consequence(Scope.SHARD, 300.0, Aim.ENTER),
}
#: After these the status of the exchange is asked again.
PAUSES: Final = frozenset({"exchange_is_paused", "trading_is_paused"})


def consequence(refused: Execution) -> Consequence:
    """What follows from a refusal."""
    found = TABLE.get(refused.code, OTHER)
    # What bars entries and yet met an exit is about that exit's market.
    return OTHER if found.aim not in {None, refused.order.aim} else found
