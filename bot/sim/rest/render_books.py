"""Order books, trades and candlesticks as Kalshi writes them (OpenAPI 3.34.0)."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from weakref import WeakKeyDictionary
from zoneinfo import ZoneInfo

import orjson

from bot.core.market.market import Side
from bot.sim.engine.events import Traded
from bot.sim.engine.history import Bar, Range, merged
from bot.sim.engine.state import MarketState
from bot.sim.engine.units import DOLLAR_TICKS, PRICE_TEXT, size_text
from bot.sim.rest.render import iso_time

Json = dict[str, Any]

#: What `GET /markets/…/orderbook` says of a market without orders, or of none at all.
EMPTY_BOOK: Final = b'{"yes_dollars":[],"no_dollars":[]}'
#: The NO price of each YES price.
_NO_PRICE_TEXT: Final = PRICE_TEXT[::-1]
#: Kalshi's days end at midnight in New York.
_EASTERN: Final = ZoneInfo("America/New_York")


#: Level texts by price: the size they were made for, and the text.
_Texts = dict[int, tuple[int, str]]


class BookRenderer:
    """Order books as bytes, each cached until its market changes.

    Levels are cached too: few change between two reads of a busy book.
    """

    def __init__(self) -> None:
        self._ready: WeakKeyDictionary[MarketState, tuple[int, orjson.Fragment]]
        self._ready = WeakKeyDictionary()
        self._levels: WeakKeyDictionary[MarketState, tuple[_Texts, _Texts]] = WeakKeyDictionary()

    def whole(self, market: MarketState) -> orjson.Fragment:
        """The whole book of a market, without its envelope."""
        ready = self._ready.get(market)
        if ready is not None and ready[0] == market.clock:
            return ready[1]
        text = orjson.Fragment(self.best(market, 0))
        self._ready[market] = (market.clock, text)
        return text

    def best(self, market: MarketState, depth: int) -> bytes:
        """The best `depth` levels a side (0: all): two ladders of bids, rising, the best last."""
        yes, no = self._levels.setdefault(market, ({}, {}))
        bids = _ladder(market.book.levels(Side.BUY, depth), yes, PRICE_TEXT)
        asks = _ladder(market.book.levels(Side.SELL, depth), no, _NO_PRICE_TEXT)
        return f'{{"yes_dollars":[{bids}],"no_dollars":[{asks}]}}'.encode()


def _ladder(levels: list[tuple[int, int]], texts: _Texts, prices: Sequence[str]) -> str:
    if not levels:
        # An empty side is mostly one of a closed market: its texts will not be asked for again.
        texts.clear()
    parts = []
    for price, size in reversed(levels):
        known = texts.get(price)
        if known is None or known[0] != size:
            known = texts[price] = (size, f'["{prices[price]}","{size_text(size)}"]')
        parts.append(known[1])
    return ",".join(parts)


def trade_json(trade: Traded) -> Json:
    """One public trade."""
    outcome = "yes" if trade.taker_side is Side.BUY else "no"
    return {
        "trade_id": trade.trade_id,
        "ticker": trade.ticker,
        "count_fp": size_text(trade.size),
        "yes_price_dollars": PRICE_TEXT[trade.price],
        "no_price_dollars": PRICE_TEXT[DOLLAR_TICKS - trade.price],
        "taker_side": outcome,
        "taker_outcome_side": outcome,
        "taker_book_side": "bid" if trade.taker_side is Side.BUY else "ask",
        "created_time": iso_time(trade.at),
        "is_block_trade": False,
    }


def candles(
    market: MarketState, period: int, start: int, end: int, *, with_previous: bool
) -> list[Json]:
    """The candlesticks of `period` minutes (1, 60, 1440) that end from `start` to `end`.

    Both in seconds since 1970. With `with_previous`, the last one before comes first, carried
    forward to the first boundary after `start`, without prices.
    """
    bars = _bars(market, period)
    shown: list[Json] = []
    previous: Range | None = None
    last: Bar | None = None
    for bar in bars:
        ends = period_end(bar.minute, period)
        if start <= ends <= end:
            shown.append(_candle(bar, ends, previous))
        elif ends < start:
            last = bar
        previous = bar.price or previous
    if with_previous and last is not None:
        carried = _carried(last, start, period, _last_price(bars, last))
        shown.insert(0, carried)
    return shown


def period_end(minute: int, period: int) -> int:
    """When the period of a minute ends, in seconds since 1970."""
    if period < 1_440:
        return (minute // period + 1) * period * 60
    local = datetime.fromtimestamp(minute * 60, UTC).astimezone(_EASTERN)
    midnight = datetime(local.year, local.month, local.day, tzinfo=_EASTERN) + timedelta(days=1)
    return int(midnight.timestamp())


def _bars(market: MarketState, period: int) -> Sequence[Bar]:
    if period == 1:
        return market.history.minutes
    hours = market.history.all_hours()
    if period == 60:
        return hours
    days: dict[int, list[Bar]] = {}
    for hour in hours:
        days.setdefault(period_end(hour.minute, period), []).append(hour)
    return [bar for group in days.values() if (bar := merged(group, group[0].minute)) is not None]


def _last_price(bars: Iterable[Bar], until: Bar) -> Range | None:
    found = [bar.price for bar in bars if bar.price is not None and bar.minute <= until.minute]
    return found[-1] if found else None


def _candle(bar: Bar, ends: int, previous: Range | None) -> Json:
    price: Json = {}
    if bar.price is not None:
        price = _range(bar.price)
        price["mean_dollars"] = PRICE_TEXT[round(bar.value / bar.volume)]
    if previous is not None:
        price["previous_dollars"] = PRICE_TEXT[previous.close]
    return {
        "end_period_ts": ends,
        "yes_bid": _range(bar.bid),
        "yes_ask": _range(bar.ask),
        "price": price,
        "volume_fp": size_text(bar.volume),
        "open_interest_fp": size_text(bar.open_interest),
    }


def _carried(bar: Bar, start: int, period: int, price: Range | None) -> Json:
    bid, ask = bar.bid.close, bar.ask.close
    still = Bar(
        minute=start // 60,
        bid=Range(bid, bid, bid, bid),
        ask=Range(ask, ask, ask, ask),
        price=None,
        volume=0,
        value=0,
        open_interest=bar.open_interest,
    )
    return _candle(still, period_end(still.minute, period), price)


def _range(values: Range) -> Json:
    return {
        "open_dollars": PRICE_TEXT[values.open],
        "low_dollars": PRICE_TEXT[values.low],
        "high_dollars": PRICE_TEXT[values.high],
        "close_dollars": PRICE_TEXT[values.close],
    }
