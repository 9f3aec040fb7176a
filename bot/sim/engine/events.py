"""What happens on the simulated exchange, as values: the stream that everything else is a view of.

The deterministic log, the WebSocket and the participants read these. Prices in ticks of YES,
sizes in units, money in micro-dollars. NamedTuples, since thousands are made a second.
"""

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, TypeAlias

from bot.core.market.market import Side
from bot.sim.engine.orders import OrderState, Reason


class BookDelta(NamedTuple):
    """The level at one price changed. `clock` rises with each change in its market."""

    at: datetime
    ticker: str
    side: Side
    price: int
    change: int
    clock: int
    order_id: str
    account: str


class Traded(NamedTuple):
    """Two orders matched at the maker's price. `taker_side` is BUY when YES was bought."""

    at: datetime
    ticker: str
    trade_id: str
    price: int
    size: int
    taker_side: Side
    taker: str
    maker: str
    taker_order_id: str
    maker_order_id: str


class Filled(NamedTuple):
    """One account's half of a trade; not emitted for house accounts, who read `Traded`."""

    at: datetime
    account: str
    trade_id: str
    order_id: str
    client_order_id: str
    ticker: str
    side: Side
    price: int
    size: int
    is_taker: bool
    fee: int
    position: int


class OrderChanged(NamedTuple):
    """An account's order after a change; not emitted for house accounts."""

    at: datetime
    account: str
    order_id: str
    client_order_id: str
    ticker: str
    side: Side
    price: int
    state: OrderState
    size: int
    filled: int
    remaining: int
    taker_cost: int
    maker_cost: int
    taker_fees: int
    maker_fees: int
    reason: Reason


class MarketChange(StrEnum):
    """What happened to a market. Kalshi announces all but OPENED and CLOSED."""

    CREATED = "created"
    OPENED = "opened"
    ACTIVATED = "activated"
    DEACTIVATED = "deactivated"
    CLOSE_DATE_UPDATED = "close_date_updated"
    CLOSED = "closed"
    DETERMINED = "determined"
    SETTLED = "settled"
    GRID_UPDATED = "price_level_structure_updated"


class MarketChanged(NamedTuple):
    """A market changed its state. `value` is ticks paid per YES contract, once determined."""

    at: datetime
    ticker: str
    kind: MarketChange
    close_time: datetime
    result: str = ""
    value: int | None = None


class EventCreated(NamedTuple):
    """A new event was listed."""

    at: datetime
    event_ticker: str


class Settled(NamedTuple):
    """A market paid an account: `revenue` in micro-dollars for its net position."""

    at: datetime
    account: str
    ticker: str
    position: int
    revenue: int
    residual: int


class CashMoved(NamedTuple):
    """Cash came in from outside (+) or left (−) on one shard."""

    at: datetime
    account: str
    shard: int
    amount: int


class PauseChanged(NamedTuple):
    """Trading, or the whole exchange, stopped or resumed, on one shard."""

    at: datetime
    shard: int
    trading_active: bool
    exchange_active: bool


SimEvent: TypeAlias = (
    BookDelta
    | Traded
    | Filled
    | OrderChanged
    | MarketChanged
    | EventCreated
    | Settled
    | CashMoved
    | PauseChanged
)
