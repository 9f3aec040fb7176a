"""The shapes of Kalshi's public market data as they come over the wire, and the one door in.

A shape is a table of the fields this client reads: names and types of the official
specification (3.34.0). A field without a default is required; unknown fields are ignored; words
of growing lists stay text. Amounts are plain decimal strings: a JSON number, an exponent, a
sign or "NaN" in their place is refused. Making values of shapes is `wire`'s work.
"""

from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Annotated, Any, Generic, TypeAlias, TypeVar

import msgspec
from msgspec import Meta, Raw, Struct

from bot.kalshi.wire.documents import refuse_repetition, refuse_repetition_outside, whole_characters
from bot.ports.exchange import ExchangeError

#: Dollars or contracts, never negative; and the same where a sign is meant.
Amount: TypeAlias = Annotated[str, Meta(pattern=r"\A[0-9]{1,15}(\.[0-9]{1,15})?\Z")]
SignedAmount: TypeAlias = Annotated[str, Meta(pattern=r"\A-?[0-9]{1,15}(\.[0-9]{1,15})?\Z")]
#: A name that can stand in an address, in a comma list and in a line of a log.
Ticker: TypeAlias = Annotated[str, Meta(pattern=r"\A[!-+\--~]{1,200}\Z")]
#: What the exchange calls an order, a fill, a trade: it may stand in a line of a log.
Id: TypeAlias = Annotated[str, Meta(pattern=r"\A[!-~]{1,200}\Z")]
#: A word of a list that may grow.
Word: TypeAlias = Annotated[str, Meta(max_length=100)]
#: Where a listing goes on. It goes back in an address, so it cannot be just anything.
Cursor: TypeAlias = Annotated[str, Meta(max_length=2_000)]
#: A moment; one without its offset is refused.
At: TypeAlias = Annotated[datetime, Meta(tz=True)]

#: What a body that is not the expected JSON makes msgspec raise.
MALFORMED = (ValueError, RecursionError)

ShapeT = TypeVar("ShapeT")


def decode(shape: type[ShapeT], body: bytes | Raw) -> ShapeT:
    """The body as that shape; raises ExchangeError naming the field that is wrong or missing.

    No object in it may have a name twice.
    """
    value = _decoded(shape, body)
    refuse_repetition(memoryview(body))
    return value


def outline(shape: type[ShapeT], body: bytes | Raw) -> ShapeT:
    """The same for a shape with raw parts: what is within those is looked at when they are read."""
    value = _decoded(shape, body)
    refuse_repetition_outside(memoryview(body))
    return value


def _decoded(shape: type[ShapeT], body: bytes | Raw) -> ShapeT:
    kind: Any = shape
    decoder = _decoder(kind)
    try:
        try:
            value: ShapeT = decoder.decode(body)
        except MALFORMED:
            # Half a character in one title must not cost a page of a thousand markets.
            if (mended := whole_characters(bytes(body))) == body:
                raise
            value = decoder.decode(mended)
    except MALFORMED as error:
        raise ExchangeError(f"not the expected JSON: {error}") from error
    return value


@cache
def _decoder(shape: Any) -> msgspec.json.Decoder[Any]:  # noqa: ANN401  # types are no Hashable to mypy
    return msgspec.json.Decoder(shape)


class PriceStep(Struct, frozen=True):
    """Prices from `start` to `end` move by `step`, dollars."""

    start: Amount
    end: Amount
    step: Amount


#: The markets of one grid share it in memory: one that may hold anything would stay there.
PriceSteps: TypeAlias = Annotated[tuple[PriceStep, ...], Meta(max_length=100)]


class ListedMarket(Struct, frozen=True):
    """A market reduced to what a ranking needs."""

    ticker: Ticker
    status: Word
    volume_24h_fp: Amount
    mve_collection_ticker: str | None = None
    mve_selected_legs: list[Raw] | None = None


class MarketWire(Struct, frozen=True):
    """A market. Its quotes are not read: they are up to 15 s old, and books are not."""

    ticker: Ticker
    event_ticker: Ticker
    status: Word
    open_time: At
    close_time: At
    volume_24h_fp: Amount
    open_interest_fp: Amount
    result: Word
    price_ranges: PriceSteps | None
    title: str | None = None
    yes_sub_title: str | None = None
    settlement_value_dollars: Amount | None = None
    exchange_index: int | None = None
    mve_collection_ticker: str | None = None
    mve_selected_legs: list[Raw] | None = None


class MarketPage(Struct, Generic[ShapeT], frozen=True):
    """GET /markets; an empty cursor ends the listing."""

    markets: list[ShapeT] | None
    cursor: Cursor


class SingleMarket(Struct, frozen=True):
    """GET /markets/{ticker}."""

    market: MarketWire


class EventWire(Struct, frozen=True):
    """What groups markets; the overrides beat the fees of its series."""

    event_ticker: Ticker
    series_ticker: Ticker
    title: str
    category: str | None = None
    fee_type_override: Word | None = None
    fee_multiplier_override: Decimal | None = None
    mutually_exclusive: bool | None = None


class EventPage(Struct, Generic[ShapeT], frozen=True):
    """GET /events."""

    events: list[ShapeT] | None
    cursor: Cursor


class SeriesWire(Struct, frozen=True):
    """A template of events, and what they charge."""

    ticker: Ticker
    title: str
    category: str | None
    fee_type: Word
    fee_multiplier: Decimal


class SingleSeries(Struct, frozen=True):
    """GET /series/{series_ticker}."""

    series: SeriesWire


class TradeWire(Struct, frozen=True):
    """Contracts that changed hands; the taker bought YES if it took as `bid`."""

    trade_id: Id
    ticker: Ticker
    count_fp: Amount
    yes_price_dollars: Amount
    taker_book_side: Word
    created_time: At
    is_block_trade: bool


class TradePageWire(Struct, Generic[ShapeT], frozen=True):
    """GET /markets/trades, newest first."""

    trades: list[ShapeT] | None
    cursor: Cursor


class Named(Struct, frozen=True):
    """All that has to be known of an entry that is broken otherwise."""

    ticker: Ticker


class ShardStatusWire(Struct, frozen=True):
    """Whether one shard of the exchange is up."""

    exchange_index: int
    exchange_active: bool
    trading_active: bool


class ExchangeStatusWire(Struct, frozen=True):
    """GET /exchange/status; the top level speaks for shard 0."""

    exchange_active: bool
    trading_active: bool
    exchange_estimated_resume_time: Raw = Raw(b"null")
    exchange_index_statuses: list[Raw] | None = None
