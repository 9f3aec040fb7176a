"""The shapes of orders over the wire: what is asked, what is answered, what is remembered.

Tables only, of the official specification (3.34.0), read with `shapes.decode`. Deprecated fields
are left out: they still arrive and may stop.
"""

from msgspec import Raw, Struct

from bot.kalshi.wire.shapes import Amount, At, Id, Ticker, Word


class CreateOrderRequest(Struct, frozen=True, omit_defaults=True):
    """POST /portfolio/events/orders: `side` is `bid` or `ask` of YES, amounts are strings.

    Without `exchange_index` the exchange finds the shard by the ticker.
    """

    ticker: Ticker
    side: str
    count: Amount
    price: Amount
    time_in_force: str
    self_trade_prevention_type: str
    client_order_id: str | None = None
    post_only: bool = False
    reduce_only: bool = False
    cancel_order_on_pause: bool = False
    expiration_time: int | None = None
    order_group_id: str | None = None
    exchange_index: int | None = None


class AmendRequest(Struct, frozen=True):
    """POST …/{id}/amend: `count` is the new total, filled and remaining together."""

    ticker: Ticker
    side: str
    price: Amount
    count: Amount
    client_order_id: str | None = None
    updated_client_order_id: str | None = None


class DecreaseRequest(Struct, frozen=True):
    """POST …/{id}/decrease: exactly one of `reduce_by` and `reduce_to`."""

    market_ticker: Ticker
    reduce_by: Amount | None = None
    reduce_to: Amount | None = None


class Created(Struct, frozen=True):
    """What became of a new order; the averages are there if anything filled."""

    order_id: Id
    fill_count: Amount
    remaining_count: Amount
    ts_ms: int
    client_order_id: str | None = None
    average_fill_price: Amount | None = None
    average_fee_paid: Amount | None = None


class Amended(Struct, frozen=True):
    """What became of an amended order."""

    order_id: Id
    ts_ms: int
    client_order_id: str | None = None
    fill_count: Amount | None = None
    remaining_count: Amount | None = None


class Decreased(Struct, frozen=True):
    """What is left of a decreased order."""

    order_id: Id
    remaining_count: Amount
    ts_ms: int
    client_order_id: str | None = None


class CancelledWire(Struct, frozen=True):
    """How much a cancellation took away."""

    order_id: Id
    reduced_by: Amount
    ts_ms: int
    client_order_id: str | None = None


class ErrorWire(Struct, frozen=True):
    """Why one order of a batch was refused."""

    code: str
    message: str = ""
    details: str = ""


class BatchCreated(Struct, frozen=True):
    """One order of a batch: an `error`, or the fields of `Created`."""

    client_order_id: str | None
    fill_count: Amount | None
    remaining_count: Amount | None
    ts_ms: int | None
    order_id: str | None = None
    error: ErrorWire | None = None


class BatchCancelled(Struct, frozen=True):
    """One cancellation of a batch; `error` says why nothing was cancelled."""

    order_id: Id
    reduced_by: Amount
    ts_ms: int | None = None
    error: ErrorWire | None = None


class BatchCreation(Struct, frozen=True):
    """POST /portfolio/events/orders/batched."""

    orders: list[BatchCreated]


class BatchCancellation(Struct, frozen=True):
    """DELETE /portfolio/events/orders/batched."""

    orders: list[BatchCancelled]


class OrderWire(Struct, frozen=True):
    """An order as the exchange remembers it; a cancelled one has nothing remaining."""

    order_id: Id
    client_order_id: str
    ticker: Ticker
    book_side: Word
    status: Word
    yes_price_dollars: Amount
    initial_count_fp: Amount
    fill_count_fp: Amount
    remaining_count_fp: Amount
    taker_fill_cost_dollars: Amount
    maker_fill_cost_dollars: Amount
    taker_fees_dollars: Amount
    maker_fees_dollars: Amount
    created_time: At | None = None


class SingleOrder(Struct, frozen=True):
    """GET /portfolio/orders/{order_id}."""

    order: OrderWire


class OrderPage(Struct, frozen=True):
    """GET /portfolio/orders."""

    orders: list[OrderWire] | None
    cursor: str


class ListedOrder(Struct, frozen=True):
    """An order reduced to what it takes to find one and to know how it ended.

    Orders that others made may stand beside ours: what is not needed of them is not asked for.
    """

    order_id: Id
    client_order_id: str
    ticker: Ticker
    book_side: Word
    status: Word
    initial_count_fp: Amount
    fill_count_fp: Amount


class OrderListing(Struct, frozen=True):
    """GET /portfolio/orders, of which only that is read."""

    orders: list[Raw] | None
    cursor: str


class OwnedOrder(Struct, frozen=True):
    """Whose an order is."""

    user_id: Id


class OwnedOrders(Struct, frozen=True):
    """GET /portfolio/orders, of which only that is read."""

    orders: list[OwnedOrder] | None


class NamedOrder(Struct, frozen=True):
    """All that has to be known of an order that is not ours."""

    client_order_id: str


class QueuePosition(Struct, frozen=True):
    """Contracts that stand before a resting order."""

    order_id: Id
    market_ticker: Ticker
    queue_position_fp: Amount


class QueuePositions(Struct, frozen=True):
    """GET /portfolio/orders/queue_positions."""

    queue_positions: list[QueuePosition] | None


class GroupRequest(Struct, frozen=True):
    """POST /portfolio/order_groups/create: contracts in 15 s after which the group stops."""

    contracts_limit_fp: Amount
    exchange_index: int


class ListedGroup(Struct, frozen=True):
    """An order group of the account, whoever made it."""

    id: Id
    contracts_limit_fp: Amount | None = None
    exchange_index: int = 0


class GroupListing(Struct, frozen=True):
    """GET /portfolio/order_groups."""

    order_groups: list[ListedGroup] | None


class GroupCreated(Struct, frozen=True):
    """The order group that was begun."""

    order_group_id: Id
