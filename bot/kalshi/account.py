"""The shapes of an account over the wire: fills, positions, money, limits.

Tables only, of the official specification (3.34.0), read with `shapes.decode`; what live
trading will build on. Deprecated fields are left out: they still arrive and may stop.
"""

from msgspec import Struct

from bot.kalshi.shapes import Amount, At, SignedAmount, Ticker


class Fill(Struct, frozen=True):
    """One fill; `fill_id` is the id of the trade, `fee_cost` is dollars."""

    fill_id: str
    order_id: str
    ticker: Ticker
    book_side: str
    count_fp: Amount
    yes_price_dollars: Amount
    fee_cost: Amount
    is_taker: bool
    created_time: At | None = None


class FillPage(Struct, frozen=True):
    """GET /portfolio/fills."""

    fills: list[Fill] | None
    cursor: str


class Position(Struct, frozen=True):
    """A position, signed: YES above 0, NO below."""

    ticker: Ticker
    exchange_index: int
    position_fp: SignedAmount
    market_exposure_dollars: Amount
    realized_pnl_dollars: SignedAmount
    fees_paid_dollars: Amount


class PositionPage(Struct, frozen=True):
    """GET /portfolio/positions."""

    market_positions: list[Position] | None
    cursor: str = ""


class ShardBalance(Struct, frozen=True):
    """Cash on one shard, dollars; it backs orders on no other."""

    exchange_index: int
    balance: SignedAmount


class Balance(Struct, frozen=True):
    """GET /portfolio/balance; `portfolio_value` is whole cents."""

    balance_dollars: SignedAmount
    portfolio_value: int
    updated_ts: int
    balance_breakdown: list[ShardBalance] | None = None


class Settlement(Struct, frozen=True):
    """A settled position; `revenue` and `value` are whole cents, `fee_cost` is dollars."""

    ticker: Ticker
    market_result: str
    yes_count_fp: Amount
    no_count_fp: Amount
    revenue: int
    fee_cost: Amount
    settled_time: At
    value: int | None = None


class SettlementPage(Struct, frozen=True):
    """GET /portfolio/settlements."""

    settlements: list[Settlement] | None
    cursor: str = ""


class Bucket(Struct, frozen=True):
    """A token bucket: tokens a second, and the most it holds."""

    refill_rate: int
    bucket_capacity: int


class AccountLimits(Struct, frozen=True):
    """GET /account/limits."""

    usage_tier: str
    read: Bucket
    write: Bucket


class EndpointCost(Struct, frozen=True):
    """Tokens one call takes."""

    method: str
    path: str
    cost: int


class EndpointCosts(Struct, frozen=True):
    """GET /account/endpoint_costs: the calls that do not cost `default_cost`."""

    default_cost: int
    endpoint_costs: list[EndpointCost] | None
