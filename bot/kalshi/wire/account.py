"""The shapes of an account over the wire: fills, positions, money, limits.

Tables only, of the official specification (3.34.0), read with `shapes.decode`. Deprecated fields
are left out: they still arrive and may stop.
"""

from msgspec import Struct

from bot.kalshi.wire.shapes import Amount, At, Id, SignedAmount, Ticker, Word


class FillWire(Struct, frozen=True):
    """One fill; `fill_id` is the id of the trade, `fee_cost` is dollars."""

    fill_id: Id
    order_id: Id
    ticker: Ticker
    book_side: Word
    count_fp: Amount
    yes_price_dollars: Amount
    fee_cost: Amount
    is_taker: bool
    created_time: At | None = None


class FillPage(Struct, frozen=True):
    """GET /portfolio/fills."""

    fills: list[FillWire] | None
    cursor: str


class PositionWire(Struct, frozen=True):
    """A position, signed: YES above 0, NO below."""

    ticker: Ticker
    exchange_index: int
    position_fp: SignedAmount
    market_exposure_dollars: Amount
    realized_pnl_dollars: SignedAmount
    fees_paid_dollars: Amount


class PositionPage(Struct, frozen=True):
    """GET /portfolio/positions; the specification lets the cursor be left out."""

    market_positions: list[PositionWire] | None
    cursor: str | None = None


class Holding(Struct, frozen=True):
    """A position reduced to its size."""

    ticker: Ticker
    position_fp: SignedAmount


class HoldingPage(Struct, frozen=True):
    """GET /portfolio/positions, of which only that is read."""

    market_positions: list[Holding] | None
    cursor: str | None = None


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


class CaughtUp(Struct, frozen=True):
    """GET /exchange/user_data_timestamp: when orders, fills, positions and cash were true."""

    as_of_time: At


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


class TokenBucketWire(Struct, frozen=True):
    """A token bucket: tokens a second, and the most it holds."""

    refill_rate: int
    bucket_capacity: int


class AccountLimits(Struct, frozen=True):
    """GET /account/limits."""

    usage_tier: str
    read: TokenBucketWire
    write: TokenBucketWire


class EndpointCost(Struct, frozen=True):
    """Tokens one call takes."""

    method: str
    path: str
    cost: int


class EndpointCosts(Struct, frozen=True):
    """GET /account/endpoint_costs: the calls that do not cost `default_cost`."""

    default_cost: int
    endpoint_costs: list[EndpointCost] | None
