"""The shapes of WebSocket frames, told apart by their `type`.

Tables of the official specification (AsyncAPI 2.0.0); sequence numbers and what to do about a
gap belong to a stream, not here.
"""

from typing import Any, TypeAlias

from msgspec import Raw, Struct

from bot.kalshi.wire.books import Plain
from bot.kalshi.wire.shapes import Amount, SignedAmount, Ticker, decode


class BookSnapshot(Struct, frozen=True):
    """A whole book; an empty side is a missing key, unlike over REST."""

    market_ticker: Ticker
    yes_dollars_fp: list[tuple[Plain, Plain]] = []
    no_dollars_fp: list[tuple[Plain, Plain]] = []


class DeltaFrame(Struct, frozen=True):
    """Contracts added or taken at one price of one side, in that side's own price."""

    market_ticker: Ticker
    price_dollars: Amount
    delta_fp: SignedAmount
    side: str
    ts_ms: int


class TradeFrame(Struct, frozen=True):
    """Contracts that changed hands."""

    trade_id: str
    market_ticker: Ticker
    yes_price_dollars: Amount
    count_fp: Amount
    taker_book_side: str
    ts_ms: int


class Tick(Struct, frozen=True):
    """Best prices and volumes; a side exists if its size is above 0."""

    market_ticker: Ticker
    yes_bid_dollars: Amount
    yes_bid_size_fp: Amount
    yes_ask_dollars: Amount
    yes_ask_size_fp: Amount
    ts_ms: int


class FillFrame(Struct, frozen=True):
    """A fill of ours."""

    trade_id: str
    order_id: str
    market_ticker: Ticker
    book_side: str
    yes_price_dollars: Amount
    count_fp: Amount
    fee_cost: Amount
    is_taker: bool
    client_order_id: str | None = None


class UserOrder(Struct, frozen=True):
    """An order of ours that changed."""

    order_id: str
    ticker: Ticker
    status: str
    book_side: str
    yes_price_dollars: Amount
    fill_count_fp: Amount
    remaining_count_fp: Amount


class MarketPosition(Struct, frozen=True):
    """A position of ours that changed, signed."""

    market_ticker: Ticker
    position_fp: SignedAmount
    realized_pnl_dollars: SignedAmount
    fees_paid_dollars: Amount


class LifecycleFrame(Struct, frozen=True):
    """Something in the life of a market; the times are seconds UTC."""

    market_ticker: Ticker
    event_type: str
    close_ts: int | None = None
    result: str | None = None
    settlement_value: Amount | None = None
    is_deactivated: bool | None = None


class EventFeeUpdate(Struct, frozen=True):
    """An event charges otherwise from now on."""

    event_ticker: Ticker
    fee_type_override: str | None
    fee_multiplier_override: float | None


class Subscribed(Struct, frozen=True):
    """A channel is live under this subscription id."""

    channel: str
    sid: int


class ErrorFrame(Struct, frozen=True):
    """The server's error; codes 10 and 25 end the subscription."""

    code: int
    msg: str


class Envelope(Struct, frozen=True):
    """What every frame has around its message."""

    type: str
    id: int | None = None
    sid: int | None = None
    seq: int | None = None
    msg: Raw = Raw(b"null")


Message: TypeAlias = Struct | None

_MESSAGES: dict[str, Any] = {
    "orderbook_snapshot": BookSnapshot,
    "orderbook_delta": DeltaFrame,
    "trade": TradeFrame,
    "ticker": Tick,
    "fill": FillFrame,
    "user_order": UserOrder,
    "market_position": MarketPosition,
    "market_lifecycle_v2": LifecycleFrame,
    "event_fee_update": EventFeeUpdate,
    "subscribed": Subscribed,
    "error": ErrorFrame,
}


def frame(text: bytes) -> tuple[Envelope, Message]:
    """A server frame and its message; a type this client does not read has the message None.

    Raises ExchangeError for anything that is no frame, and for a known type without its message.
    """
    envelope = decode(Envelope, text)
    shape = _MESSAGES.get(envelope.type)
    if shape is None:
        return envelope, None
    message: Message = decode(shape, envelope.msg)
    return envelope, message
