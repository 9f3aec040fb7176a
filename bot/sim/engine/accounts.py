"""Accounts of the simulated exchange: cash per shard, positions, and what trades do to both.

Money in micro-dollars, sizes in units, prices in ticks. A long contract has cost its price, a
short one (a NO contract) one dollar less the price; opposite positions net at once.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from bot.core.market.market import Side
from bot.sim.engine.events import Filled
from bot.sim.engine.orders import LiveOrder, OrderState
from bot.sim.engine.units import DOLLAR_TICKS

#: Orders, fills and settlements retained per member; memory would grow without bound.
MAX_RECORDS: Final = 10_000


@dataclass(slots=True, eq=False)
class MemberPosition:
    """One account's position in one market; `size` is + for YES, − for NO.

    `cost` is what the contracts now held have cost, fees left out; `traded` and `shares` are what
    was ever paid and traded.
    """

    ticker: str
    shard: int
    updated: datetime
    size: int = 0
    cost: int = 0
    realised: int = 0
    fees: int = 0
    traded: int = 0
    shares: int = 0
    is_settled: bool = False

    def trade(self, side: Side, size: int, price: int) -> int:
        """Book a trade; the change of cash, before fees."""
        closing = min(size, -self.size * side.sign) if self.size * side.sign < 0 else 0
        opening = size - closing
        # One of our contracts costs `own` dollars; closing gives back a dollar less the other's.
        own = price if side is Side.BUY else DOLLAR_TICKS - price
        spent, fetched = opening * own, closing * (DOLLAR_TICKS - own)
        if closing:
            freed = self.cost * closing // abs(self.size)
            self.cost -= freed
            self.realised += fetched - freed
        self.cost += spent
        self.traded += size * own
        self.shares += size
        self.size += side.sign * size
        return fetched - spent


@dataclass(frozen=True, slots=True)
class SettlementRecord:
    """What a market paid: the position, its cost, the revenue."""

    ticker: str
    event_ticker: str
    shard: int
    result: str
    value: int
    position: int
    cost: int
    fees: int
    revenue: int
    at: datetime


@dataclass(frozen=True, slots=True)
class MovementRecord:
    """A deposit in micro-dollars, below 0 for a withdrawal."""

    movement_id: str
    amount: int
    at: datetime


@dataclass(frozen=True, slots=True)
class TransferRecord:
    """Cents that a member moved from one account of theirs to another, on a shard."""

    transfer_id: str
    source: int
    to: int
    cents: int
    shard: int
    at: datetime


@dataclass(slots=True, eq=False)
class MemberAccount:
    """One participant. House accounts may owe cash and keep no history.

    `orders` are the newest of members, ended or not, `open_orders` those that rest; of fills and
    settlements the newest are kept, too. Only the exchange changes an account.
    """

    name: str
    user_id: str
    is_house: bool
    cash: dict[int, int]
    positions: dict[str, MemberPosition] = field(default_factory=dict)
    orders: dict[str, LiveOrder] = field(default_factory=dict)
    open_orders: dict[str, LiveOrder] = field(default_factory=dict)
    client_order_ids: set[str] = field(default_factory=set)
    fills: deque[Filled] = field(default_factory=lambda: deque(maxlen=MAX_RECORDS))
    settlements: deque[SettlementRecord] = field(default_factory=lambda: deque(maxlen=MAX_RECORDS))
    movements: deque[MovementRecord] = field(default_factory=lambda: deque(maxlen=MAX_RECORDS))
    transfers: deque[TransferRecord] = field(default_factory=lambda: deque(maxlen=MAX_RECORDS))
    #: Those of a primary account, by number.
    subaccounts: dict[int, "MemberAccount"] = field(default_factory=dict)
    number: int = 0

    def remember(self, order: LiveOrder) -> None:
        """Retain a new order; of more than `MAX_RECORDS` the oldest that has ended is forgotten."""
        self.orders[order.order_id] = order
        if len(self.orders) <= MAX_RECORDS:
            return
        ended = (each for each in self.orders.values() if each.state is not OrderState.RESTING)
        if (oldest := next(ended, None)) is not None:
            del self.orders[oldest.order_id]
            self.client_order_ids.discard(oldest.client_order_id)

    def position(self, ticker: str) -> int:
        """Units held: + YES, − NO."""
        held = self.positions.get(ticker)
        return held.size if held else 0

    def cash_change(self, ticker: str, side: Side, size: int, price: int) -> int:
        """The change of cash by a trade, before fees."""
        held = self.position(ticker)
        closing = min(size, -held * side.sign) if held * side.sign < 0 else 0
        own = price if side is Side.BUY else DOLLAR_TICKS - price
        return closing * DOLLAR_TICKS - size * own

    def can_pay(self, shard: int, change: int) -> bool:
        """Whether the cash of a shard covers this change; the house's always does."""
        return self.is_house or change >= 0 or self.cash.get(shard, 0) + change >= 0

    def held_in(self, ticker: str, shard: int, at: datetime) -> MemberPosition:
        """The position in a market, opened if there is none."""
        held = self.positions.get(ticker)
        if held is None:
            held = self.positions[ticker] = MemberPosition(ticker, shard, at)
        held.updated = at
        return held


#: Between the name of a member's primary account and the number of a subaccount.
SUBACCOUNT: Final = "#"
MOST_SUBACCOUNTS: Final = 63


def owner_of(name: str) -> str:
    """The primary account of the member whose account that is."""
    return name.partition(SUBACCOUNT)[0]


def opened(name: str, user_id: str, cash: Mapping[int, int], *, is_house: bool) -> MemberAccount:
    """A new account with so many micro-dollars on each shard."""
    return MemberAccount(name=name, user_id=user_id, is_house=is_house, cash=dict(cash))
