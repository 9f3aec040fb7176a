"""The shapes of orders over the wire: what is asked, what is answered, what is remembered.

Tables only, of the official specification (3.34.0), read with `shapes.decode`. Deprecated fields
are left out: they still arrive and may stop.
"""

from msgspec import Raw, Struct

from bot.kalshi.wire.shapes import Amount, Cursor, Id, Ticker, Word


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
    subaccount: int | None = None


class Created(Struct, frozen=True):
    """What became of a new order; the averages are there if anything filled."""

    order_id: Id
    fill_count: Amount
    remaining_count: Amount
    ts_ms: int
    client_order_id: str | None = None
    average_fill_price: Amount | None = None
    average_fee_paid: Amount | None = None


class Canceled(Struct, frozen=True):
    """DELETE of an order: how much of it was still resting, and is gone now."""

    order_id: Id
    reduced_by: Amount


class AmendRequest(Struct, frozen=True, omit_defaults=True):
    """POST …/amend with another end alone; `count` is all of the order, what traded included."""

    ticker: Ticker
    side: str
    price: Amount
    count: Amount
    expiration_time: int
    exchange_index: int | None = None


class Amended(Struct, frozen=True):
    """What an order is after that."""

    order_id: Id


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


class OneOrder(Struct, frozen=True):
    """GET /portfolio/orders/{order_id}."""

    order: ListedOrder


class OrderListing(Struct, frozen=True):
    """GET /portfolio/orders, of which only that is read."""

    orders: list[Raw] | None
    cursor: Cursor


class OwnedOrder(Struct, frozen=True):
    """Whose an order is."""

    user_id: Id


class OwnedOrders(Struct, frozen=True):
    """GET /portfolio/orders, of which only that is read."""

    orders: list[OwnedOrder] | None


class QueuePosition(Struct, frozen=True):
    """How many contracts trade before an order that rests."""

    order_id: Id
    queue_position_fp: Amount


class QueuePositions(Struct, frozen=True):
    """GET /portfolio/orders/queue_positions."""

    queue_positions: list[Raw] | None


class NamedOrder(Struct, frozen=True):
    """All that has to be known of an order that is not ours."""

    client_order_id: str


class NamedById(Struct, frozen=True):
    """The two names of an order: the exchange's, and that of who sent it."""

    order_id: Id
    client_order_id: str


class WaitingOrder(Struct, frozen=True):
    """What is left of an order that waits in a book, and at what price."""

    ticker: Ticker
    book_side: Word
    yes_price_dollars: Amount
    remaining_count_fp: Amount


class OneRawOrder(Struct, frozen=True):
    """GET /portfolio/orders/{order_id}, whoever sent it."""

    order: Raw


class GroupRequest(Struct, frozen=True, omit_defaults=True):
    """POST /portfolio/order_groups/create: contracts in 15 s after which the group stops."""

    contracts_limit_fp: Amount
    exchange_index: int
    subaccount: int | None = None


class ListedGroup(Struct, frozen=True):
    """An order group of the account, whoever made it."""

    id: Id
    contracts_limit_fp: Amount | None = None
    exchange_index: int = 0


class NamedGroup(Struct, frozen=True):
    """All that has to be known of a group that is not ours."""

    contracts_limit_fp: str | None = None


class GroupListing(Struct, frozen=True):
    """GET /portfolio/order_groups."""

    order_groups: list[Raw] | None


class GroupCreated(Struct, frozen=True):
    """The order group that was begun."""

    order_group_id: Id
