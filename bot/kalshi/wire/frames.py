"""The shapes of WebSocket frames, told apart by their `type`.

Tables of the official specification (AsyncAPI 2.0.0); sequence numbers and what to do about a
gap belong to a stream, not here. Changes of books are nearly all there is on a stream: `delta`
reads one of the usual form in about a microsecond and leaves whatever is unusual to `frame`.
"""

import re
from functools import lru_cache
from typing import Any, Final, Literal, NamedTuple, TypeAlias

import msgspec
from msgspec import Raw, Struct

from bot.core.market.book_store import MOST_LEVELS, PRICE_UNITS, SIZE_UNITS, Levels
from bot.core.market.market import Side
from bot.core.market.orderbook import PRICE_DIGITS
from bot.kalshi.wire.books import Plain
from bot.kalshi.wire.documents import refuse_excess
from bot.kalshi.wire.shapes import MALFORMED, Amount, Id, SignedAmount, Ticker, Word, decode
from bot.ports.exchange import ExchangeError


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
    side: Literal["yes", "no"]
    ts_ms: int


class TradeFrame(Struct, frozen=True):
    """Contracts that changed hands."""

    trade_id: Id
    market_ticker: Ticker
    yes_price_dollars: Amount
    count_fp: Amount
    taker_book_side: Literal["bid", "ask"]
    ts_ms: int
    is_block_trade: bool = False


class Tick(Struct, frozen=True):
    """Best prices and volumes; a side exists if its size is above 0."""

    market_ticker: Ticker
    yes_bid_dollars: Amount
    yes_bid_size_fp: Amount
    yes_ask_dollars: Amount
    yes_ask_size_fp: Amount
    ts_ms: int


class LifecycleFrame(Struct, frozen=True):
    """Something in the life of a market; the times are seconds UTC."""

    market_ticker: Ticker
    event_type: Word
    close_ts: int | None = None
    result: str | None = None
    settlement_value: Amount | None = None
    is_deactivated: bool | None = None


class AccountFrame(Struct, frozen=True):
    """Something happened to the account. What exactly is asked for, and not read here."""


class Subscribed(Struct, frozen=True):
    """A channel is live under this subscription id."""

    channel: Word
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
    sending_ts_ms: int | None = None


Message: TypeAlias = Struct | None

_MESSAGES: dict[str, Any] = {
    "orderbook_snapshot": BookSnapshot,
    "orderbook_delta": DeltaFrame,
    "trade": TradeFrame,
    "ticker": Tick,
    "market_lifecycle_v2": LifecycleFrame,
    "fill": AccountFrame,
    "user_order": AccountFrame,
    "market_position": AccountFrame,
    "subscribed": Subscribed,
    "error": ErrorFrame,
}


class Delta(NamedTuple):
    """A change of one level, in units of the book store; `side` is that of the level.

    The price is as it was sent: for asks that is the price of NO unless YES prices were asked for.
    `ts_ms` is when it happened, `sent_ms` when it was sent, if that was said; exchange's clock.
    """

    sid: int
    seq: int
    ticker: str
    side: Side
    price: int
    by: int
    ts_ms: int
    sent_ms: int | None


def frame(text: bytes) -> tuple[Envelope, Message]:
    """A server frame and its message (None for other types). ExchangeError for what is no frame."""
    refuse_excess(text)
    envelope = decode(Envelope, text)
    shape = _MESSAGES.get(envelope.type)
    if shape is None:
        return envelope, None
    message: Message = decode(shape, envelope.msg)
    return envelope, message


def delta(text: bytes) -> Delta | None:
    """A change of a book; None if the frame is anything else, or is unusual in any way.

    Raises ExchangeError for a price or a size that no book can have.
    """
    try:
        outer = _ANY.decode(text)
        if outer["type"] != "orderbook_delta":
            return None
        msg = outer["msg"]
        sid, seq, ticker, side = (
            outer["sid"],
            outer["seq"],
            msg["market_ticker"],
            _SIDES[msg["side"]],
        )
        price, by, ts_ms = msg["price_dollars"], msg["delta_fp"], msg["ts_ms"]
        names = len(outer) + len(msg)
    except (*MALFORMED, KeyError, TypeError):
        return None
    is_usual = (
        # As many names as there are fields: none is there twice.
        text.count(_NAME_END) == names
        and type(sid) is type(seq) is type(ts_ms) is int
        and type(ticker) is type(price) is type(by) is str
    )
    if not is_usual:
        return None
    sent = outer.get("sending_ts_ms")
    sent_ms = sent if type(sent) is int else None
    return Delta(sid, seq, ticker, side, price_units(price), size_units(by), ts_ms, sent_ms)


def exact_delta(envelope: Envelope, message: DeltaFrame) -> Delta:
    """The same of a frame that was read the careful way. Raises ExchangeError."""
    if envelope.sid is None or envelope.seq is None:
        raise ExchangeError("orderbook_delta: without the number of its subscription or its own")
    return Delta(
        envelope.sid,
        envelope.seq,
        message.market_ticker,
        _SIDES[message.side],
        price_units(message.price_dollars),
        size_units(message.delta_fp),
        message.ts_ms,
        envelope.sending_ts_ms,
    )


def levels(side: list[tuple[str, str]]) -> Levels:
    """One side of a snapshot in units of the book store. Raises ExchangeError for a broken one."""
    if len(side) > MOST_LEVELS:
        raise ExchangeError(f"{len(side)} levels on one side; {MOST_LEVELS} is the most")
    found = {price_units(price): size_units(size) for price, size in side}
    if len(found) != len(side):
        raise ExchangeError("a price stands twice on one side")
    return found


@lru_cache(maxsize=20_000)
def price_units(text: str) -> int:
    """Dollars as units; raises ExchangeError for what is no price or is too fine."""
    return _units(text, _PRICE, PRICE_UNITS)


def size_units(text: str) -> int:
    """Contracts, signed, as units; raises ExchangeError for what is no size or is too fine."""
    # Two decimals are the rule: then the digits are the units.
    digits = (text[:-3] + text[-2:]).removeprefix("-") if text[-3:-2] == "." else ""
    if 2 < len(digits) <= _MOST_DIGITS and digits.isdecimal() and digits.isascii():
        return -int(digits) if text[0] == "-" else int(digits)
    return _units(text, _SIZE, SIZE_UNITS)


def _units(text: str, pattern: re.Pattern[str], units: int) -> int:
    found = pattern.fullmatch(text)
    if found is None:
        raise ExchangeError(f"'{text[:40]}' is no number of at most {len(str(units)) - 1} decimals")
    sign, whole, part = found["sign"], found["whole"], found["part"] or ""
    value = int(whole) * units + int(part.ljust(len(str(units)) - 1, "0") or 0)
    return -value if sign else value


_ANY: Final = msgspec.json.Decoder()
_NAME_END: Final = b'":'
_SIDES: Final = {"yes": Side.BUY, "no": Side.SELL}
_MOST_DIGITS: Final = 15
_PRICE: Final = re.compile(
    rf"(?P<sign>)(?P<whole>[0-9]{{1,9}})(\.(?P<part>[0-9]{{1,{PRICE_DIGITS}}})0*)?"
)
_SIZE: Final = re.compile(r"(?P<sign>-?)(?P<whole>[0-9]{1,13})(\.(?P<part>[0-9]{1,2})0*)?")
