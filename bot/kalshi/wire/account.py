"""The shapes of an account over the wire: fills, positions, money, archive.

Tables only, of the official specification (3.34.0), read with `shapes.decode`. Deprecated fields
are left out: they still arrive and may stop.
"""

from typing import Annotated, Literal

from msgspec import Meta, Raw, Struct

from bot.kalshi.wire.shapes import Amount, At, Cursor, Id, SignedAmount, Ticker, Word


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


class DatedFill(FillWire, frozen=True, kw_only=True):
    """One that can be booked for itself, without the order it is of."""

    book_side: Literal["bid", "ask"]
    created_time: At


class NamedFill(Struct, frozen=True):
    """All that has to be known of a fill of another order."""

    order_id: Id


class RawFillPage(Struct, frozen=True):
    """GET /portfolio/fills and /historical/fills; each is a `FillWire`."""

    fills: list[Raw] | None
    cursor: Cursor


class FillPage(Struct, frozen=True):
    """GET /portfolio/fills."""

    fills: list[FillWire] | None
    cursor: Cursor


class Holding(Struct, frozen=True):
    """A position reduced to its size, and what it cost in dollars."""

    ticker: Ticker
    position_fp: SignedAmount
    market_exposure_dollars: Amount | None = None


class HoldingPage(Struct, frozen=True):
    """GET /portfolio/positions, of which only that is read; each is a `Holding`."""

    market_positions: list[Raw] | None
    cursor: Cursor | None = None


class ShardBalance(Struct, frozen=True):
    """Cash on one shard, dollars; it backs orders on no other."""

    exchange_index: int
    balance: SignedAmount


class Balance(Struct, frozen=True):
    """GET /portfolio/balance; each part of the breakdown is a `ShardBalance`."""

    balance_dollars: SignedAmount
    balance_breakdown: list[Raw] | None = None


class SettlementWire(Struct, frozen=True):
    """What a market paid the account, in whole cents.

    `value` is that of a YES contract, and may be null; `revenue` of all that was held.
    """

    ticker: Ticker
    market_result: Word
    yes_count_fp: Amount
    no_count_fp: Amount
    value: int | None = None
    revenue: int | None = None


class SettledPosition(Struct, frozen=True):
    """An archived position: what it came to, in dollars."""

    ticker: Ticker
    realized_pnl_dollars: SignedAmount


class SettlementPage(Struct, frozen=True):
    """GET /portfolio/settlements."""

    settlements: list[SettlementWire] | None
    cursor: Cursor = ""


class MovementWire(Struct, frozen=True):
    """A deposit or a withdrawal; times are seconds, and only one that is `applied` is in cash."""

    id: Id
    status: Word
    amount_cents: int
    created_ts: int
    finalized_ts: int | None = None


class NamedMovement(Struct, frozen=True):
    """All that has to be known of a movement that is in nobody's cash yet."""

    status: Word


class DepositPage(Struct, frozen=True):
    """GET /portfolio/deposits."""

    deposits: list[Raw] | None
    cursor: Cursor = ""


class WithdrawalPage(Struct, frozen=True):
    """GET /portfolio/withdrawals."""

    withdrawals: list[Raw] | None
    cursor: Cursor = ""


class TransferWire(Struct, frozen=True):
    """Cash moved between two accounts of the member, by their numbers."""

    transfer_id: Id
    from_subaccount: int
    to_subaccount: int
    amount_cents: int
    created_ts: int


class TransferPage(Struct, frozen=True):
    """GET /portfolio/subaccounts/transfers; each is a `TransferWire`."""

    transfers: list[Raw] | None
    cursor: str = ""


class CaughtUp(Struct, frozen=True):
    """GET /exchange/user_data_timestamp: when orders, fills, positions and cash were true."""

    as_of_time: At


class ArchiveCutoff(Struct, frozen=True):
    """GET /historical/cutoff: what is older lives under /historical."""

    market_settled_ts: At
    trades_created_ts: At
    orders_updated_ts: At


class BucketLimit(Struct, frozen=True):
    """A token bucket: tokens a second, and at once."""

    refill_rate: Annotated[int, Meta(gt=0)]
    bucket_capacity: Annotated[int, Meta(gt=0)]


class ApiLimits(Struct, frozen=True):
    """GET /account/limits."""

    read: BucketLimit
    write: BucketLimit


class ApiKeyWire(Struct, frozen=True):
    """A key of the member; `subaccount` is the only one it may trade, None for any."""

    api_key_id: Id
    scopes: list[Word]
    subaccount: int | None = None


class NamedKey(Struct, frozen=True):
    """All that has to be known of a key that does not sign."""

    api_key_id: str


class ApiKeyListing(Struct, frozen=True):
    """GET /api_keys; the timestamp is in seconds, left out where no location was ever attested."""

    api_keys: list[Raw] | None
    api_key_region_expiration_ts: int | None = None
