"""Kalshi's market data as the core's values: bytes in, values out, no I/O.

Whatever is wrong with a body becomes ExchangeError. In a page of markets one broken entry is
left out and named, and the others stay. Order books have a module of their own (`books`).
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Final, TypeAlias, TypeVar

import msgspec
import numpy as np
from msgspec import Raw

from bot.core.market.exchange_status import ExchangeStatus, ShardStatus
from bot.core.market.fees import FeeKind, FeeSchedule
from bot.core.market.market import Market, MarketStatus, PriceGrid, PriceRange, Side, titled
from bot.core.market.money import Contracts, Dollars
from bot.core.text import one_line
from bot.kalshi.wire import shapes
from bot.kalshi.wire.shapes import MALFORMED, MarketPage, decode, outline
from bot.ports.exchange import ExchangeError, Listed

ShapeT = TypeVar("ShapeT")
ValueT = TypeVar("ValueT")
#: An entry that cannot be read: its market, empty if not even that can be read, and why.
Broken: TypeAlias = tuple[str, str]

#: Broken entries of a page that are told with their reason.
MOST_REASONS: Final = 10
#: Years that a market or a trade can be of: arithmetic with others may leave the calendar.
YEARS: Final = range(2000, 3000)
#: Digits of a fee multiplier, whole ones and those after the point.
MULTIPLIER_DIGITS: Final = 12


@dataclass(frozen=True, slots=True)
class ListingPage:
    """One page of the listing: what is worth ranking, every ticker it held, and where to go on.

    An empty `cursor` is the end. `broken` has one reason for each entry that was left out.
    """

    listed: Listed
    tickers: tuple[str, ...]
    cursor: str
    broken: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EventTerms:
    """What an event says of its markets; None where its series decides."""

    ticker: str
    series_ticker: str
    category: str | None
    fee_kind: FeeKind | None
    fee_multiplier: Decimal | None
    is_exclusive: bool = False


@dataclass(frozen=True, slots=True)
class SeriesTerms:
    """What a series charges and what it is about."""

    ticker: str
    category: str | None
    fees: FeeSchedule


@dataclass(frozen=True, slots=True)
class PublicTrade:
    """Contracts that changed hands at a YES price; `taker` is the side that crossed the spread."""

    trade_id: str
    ticker: str
    at: datetime
    taker: Side
    price: Dollars
    count: Contracts
    is_block: bool


@dataclass(frozen=True, slots=True)
class TradePage:
    """Trades, newest first, and the cursor of the next page; an empty one is the end.

    `broken` has one reason for each trade that was left out, `doubtful` their markets, as far as
    those can be read: of these not all trades are known.
    """

    trades: tuple[PublicTrade, ...]
    cursor: str
    doubtful: frozenset[str] = frozenset()
    broken: tuple[str, ...] = ()


def listing(body: bytes) -> ListingPage:
    """A page of GET /markets as a ranking needs it."""
    read, broken, cursor = _entries(body, shapes.ListedMarket, lambda entry: entry)
    entries, twice = _each_once(read)
    active = [e for e in entries if e.status == MarketStatus.ACTIVE and not _is_combo(e)]
    volume = np.array([float(entry.volume_24h_fp) for entry in active], dtype=np.float64)
    listed = Listed(tuple([entry.ticker for entry in active]), volume)
    tickers = tuple([entry.ticker for entry in entries])
    return ListingPage(listed, tickers, cursor, (*broken, *twice))


def _each_once(
    read: Sequence[shapes.ListedMarket],
) -> tuple[Sequence[shapes.ListedMarket], list[str]]:
    """The first entry of each market, and one reason for each market that has another one."""
    first: dict[str, shapes.ListedMarket] = {}
    for entry in read:
        first.setdefault(entry.ticker, entry)
    if len(first) == len(read):
        return read, []
    counts = Counter(entry.ticker for entry in read)
    return list(first.values()), [f"{t} is listed {n} times" for t, n in counts.items() if n > 1]


def markets(body: bytes) -> tuple[tuple[Market, ...], tuple[str, ...]]:
    """A page of GET /markets in full, and one reason for each entry that could not be read."""
    found, broken, _ = _entries(body, shapes.MarketWire, _market)
    return tuple(found), broken


def market(body: bytes) -> Market:
    """The one market of GET /markets/{ticker}."""
    return _converted(_market, decode(shapes.SingleMarket, body).market)


def events(body: bytes) -> tuple[tuple[EventTerms, ...], tuple[str, ...]]:
    """A page of GET /events, and one reason for each entry that could not be read."""
    found, broken = isolated(outline(shapes.EventPage[Raw], body).events, shapes.EventWire, _event)
    return tuple(found), reasons(broken)


def series(body: bytes) -> SeriesTerms:
    """The one series of GET /series/{ticker}."""
    return _converted(_series, decode(shapes.SingleSeries, body).series)


def trades(body: bytes) -> TradePage:
    """A page of GET /markets/trades."""
    try:
        page = decode(shapes.TradePageWire[shapes.TradeWire], body)
        found = tuple([_converted(_trade, trade) for trade in page.trades or ()])
        return TradePage(found, page.cursor)
    except ExchangeError:
        raws = outline(shapes.TradePageWire[Raw], body)
        sound, broken = isolated(raws.trades, shapes.TradeWire, _trade)
        return TradePage(tuple(sound), raws.cursor, _named(broken), reasons(broken))


def exchange_status(body: bytes) -> ExchangeStatus:
    """GET /exchange/status, which has this body whatever its HTTP status is.

    Of a shard that cannot be read it is not known whether it trades.
    """
    status = decode(shapes.ExchangeStatusWire, body)
    readable, _ = isolated(status.exchange_index_statuses, shapes.ShardStatusWire, lambda one: one)
    if status.exchange_index_statuses and not readable:
        raise ExchangeError("no shard of the exchange can be read")
    # The top level speaks for the first shard alone: of the others nothing is known by it.
    shards = (
        {}
        if readable and 0 not in {one.exchange_index for one in readable}
        else {0: _shard(status)}
    )
    for one in readable:
        # Of two words on a shard the pause counts.
        last = shards.get(one.exchange_index)
        shards[one.exchange_index] = last if last and last.pause else _shard(one)
    return ExchangeStatus(shards, _resume_time(status.exchange_estimated_resume_time))


def _shard(status: shapes.ExchangeStatusWire | shapes.ShardStatusWire) -> ShardStatus:
    return ShardStatus(status.exchange_active, status.trading_active)


def _resume_time(raw: Raw) -> datetime | None:
    """A time that is only shown; None for what is none."""
    try:
        at = msgspec.json.decode(raw, type=datetime)
    except MALFORMED:
        return None
    return at if at.tzinfo else None


def _entries(
    body: bytes, shape: type[ShapeT], value: Callable[[ShapeT], ValueT]
) -> tuple[list[ValueT], tuple[str, ...], str]:
    """The entries of a page as values, why others are not among them, and the cursor."""
    whole: type[MarketPage[ShapeT]] = MarketPage[shape]  # type: ignore[valid-type]  # a type at run time
    try:
        page = decode(whole, body)
        return [_converted(value, entry) for entry in page.markets or ()], (), page.cursor
    except ExchangeError:
        # Once more, entry by entry: only a page that is broken somewhere pays for this.
        raws = outline(MarketPage[Raw], body)
        sound, broken = isolated(raws.markets, shape, value)
        return sound, reasons(broken), raws.cursor


def isolated(
    raws: list[Raw] | None, shape: type[ShapeT], value: Callable[[ShapeT], ValueT]
) -> tuple[list[ValueT], list[Broken]]:
    """The entries as values, and those that cannot be read."""
    sound: list[ValueT] = []
    broken: list[Broken] = []
    for number, raw in enumerate(raws or ()):
        try:
            sound.append(_converted(value, decode(shape, raw)))
        except ExchangeError as error:
            ticker = _ticker(raw)
            reason = f"entry {number}: {ticker and f'{ticker}: '}{error}"
            # A page of nothing but broken entries must not become a book of reasons.
            broken.append((ticker, reason if len(broken) < MOST_REASONS else ""))
    return sound, broken


def _ticker(raw: Raw) -> str:
    """The market an entry is of; empty if even that cannot be read."""
    try:
        return decode(shapes.Named, raw).ticker
    except ExchangeError:
        return ""


def _named(broken: Sequence[Broken]) -> frozenset[str]:
    return frozenset(ticker for ticker, _ in broken if ticker)


def reasons(broken: Sequence[Broken]) -> tuple[str, ...]:
    """Why each cannot be read."""
    return tuple([reason for _, reason in broken])


def _converted(value: Callable[[ShapeT], ValueT], shape: ShapeT) -> ValueT:
    try:
        return value(shape)
    except (ValueError, OverflowError) as error:
        raise ExchangeError(str(error)) from error


def _is_combo(shape: shapes.ListedMarket | shapes.MarketWire) -> bool:
    return bool(shape.mve_collection_ticker or shape.mve_selected_legs)


def _market(shape: shapes.MarketWire) -> Market:
    value = shape.settlement_value_dollars
    return Market(
        ticker=shape.ticker,
        event_ticker=shape.event_ticker,
        title=titled(one_line(shape.title or ""), one_line(shape.yes_sub_title or ""))
        or shape.ticker,
        status=MarketStatus(shape.status),
        grid=_grid(shape.price_ranges or ()),
        open_time=utc_time(shape.open_time),
        close_time=utc_time(shape.close_time),
        volume_24h=Decimal(shape.volume_24h_fp),
        open_interest=Decimal(shape.open_interest_fp),
        result=shape.result,
        settlement_value=None if value is None else _payout(shape.ticker, value),
        is_combo=_is_combo(shape),
        exchange_index=shape.exchange_index or 0,
    )


@lru_cache(maxsize=256)
def _grid(ranges: tuple[shapes.PriceStep, ...]) -> PriceGrid:
    # Nearly all markets share a few grids.
    return PriceGrid(tuple(_range(shape) for shape in ranges))


def _range(shape: shapes.PriceStep) -> PriceRange:
    band = PriceRange(Decimal(shape.start), Decimal(shape.end), Decimal(shape.step))
    if not (0 <= band.start < band.end <= 1 and band.step > 0):
        raise ValueError(f"{shape.start} to {shape.end} by {shape.step} is no price range")
    return band


def _payout(ticker: str, value: str) -> Dollars:
    if 0 <= (payout := Decimal(value)) <= 1:
        return payout
    raise ValueError(f"{ticker}: a settlement value of {value} is outside 0 to 1")


def _event(shape: shapes.EventWire) -> EventTerms:
    kind, multiplier = shape.fee_type_override, shape.fee_multiplier_override
    return EventTerms(
        ticker=shape.event_ticker,
        series_ticker=shape.series_ticker,
        category=_category(shape.category),
        fee_kind=None if kind is None else FeeKind(kind),
        fee_multiplier=None
        if multiplier is None
        else multiplier_of(shape.event_ticker, multiplier),
        is_exclusive=shape.mutually_exclusive is True,
    )


def _series(shape: shapes.SeriesWire) -> SeriesTerms:
    multiplier = multiplier_of(shape.ticker, shape.fee_multiplier)
    category = _category(shape.category)
    return SeriesTerms(shape.ticker, category, FeeSchedule(FeeKind(shape.fee_type), multiplier))


def _category(reported: str | None) -> str | None:
    return None if reported is None else one_line(reported)


def multiplier_of(ticker: str, multiplier: Decimal) -> Decimal:
    """A fee multiplier, as it is. Raises ValueError for a number that is none."""
    _, digits, exponent = multiplier.as_tuple()
    is_short = len(digits) <= MULTIPLIER_DIGITS
    # 1e-999999 is small enough, and written out it is a million characters.
    if not (is_short and exponent in range(-MULTIPLIER_DIGITS, 4) and 0 <= multiplier < 1_000):
        reported = f"{multiplier:.9g}" if is_short else f"a number of {len(digits)} digits"
        raise ValueError(f"{ticker}: {reported} is no fee multiplier")
    return multiplier


def utc_time(reported: datetime) -> datetime:
    """The same moment in UTC. Raises ValueError for one that is none of our time."""
    if reported.year not in YEARS:
        raise ValueError(f"a time in the year {reported.year}")
    return reported.astimezone(UTC)


_TAKER: Mapping[str, Side] = {"bid": Side.BUY, "ask": Side.SELL}


def _trade(shape: shapes.TradeWire) -> PublicTrade:
    if shape.taker_book_side not in _TAKER:
        raise ValueError(f"trade {shape.trade_id}: '{shape.taker_book_side}' is no side of a book")
    if not 0 < (price := Decimal(shape.yes_price_dollars)) < 1:
        raise ValueError(f"trade {shape.trade_id}: a price of {price} is outside 0 to 1")
    return PublicTrade(
        trade_id=shape.trade_id,
        ticker=shape.ticker,
        at=utc_time(shape.created_time),
        taker=_TAKER[shape.taker_book_side],
        price=price,
        count=Decimal(shape.count_fp),
        is_block=shape.is_block_trade,
    )
