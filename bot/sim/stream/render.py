"""The type and `msg` of each frame of the stream, as Kalshi writes them (AsyncAPI 2.0.0).

A content is the text `"type":…,"msg":{…}`, made once for each event and put into as many frames
as there are subscribers. Private contents are in `private`, the life cycle of
markets in `lifecycle`.
"""

from datetime import UTC, datetime
from typing import Any, Final, NamedTuple
from uuid import NAMESPACE_URL, uuid5

import orjson

from bot.core.market.market import Side
from bot.sim.engine.events import BookDelta, Traded
from bot.sim.engine.state import ExchangeState, MarketState
from bot.sim.engine.units import CONTRACT, PRICE_TEXT, size_text

Json = dict[str, Any]

_NO_PRICE_TEXT: Final = PRICE_TEXT[::-1]
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class DeltaContent(NamedTuple):
    """A change of a level, its price on the scale of its own side, and on that of YES."""

    own_price: str
    yes_price: str


class FrameTime(NamedTuple):
    """A time in the three formats of frames."""

    seconds: int
    milliseconds: int
    text: str


def content(kind: str, msg: Json) -> str:
    """The type and message of a frame."""
    return f'"type":"{kind}","msg":{orjson.dumps(msg).decode()}'


def milliseconds(at: datetime) -> int:
    """Whole milliseconds since 1970."""
    since = at - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000 + since.microseconds // 1_000


def frame_time(at: datetime) -> FrameTime:
    """A time in the formats of frames."""
    ms = milliseconds(at)
    return FrameTime(ms // 1_000, ms, f"{at:%Y-%m-%dT%H:%M:%S}.{ms % 1_000:03d}Z")


def market_id(ticker: str) -> str:
    """The UUID of a market: the same for the same ticker."""
    return str(uuid5(NAMESPACE_URL, ticker))


class Contents:
    """Makes the contents of public frames."""

    def __init__(self, state: ExchangeState) -> None:
        self._state = state
        self._names: dict[str, str] = {}
        self._at = _EPOCH
        self._when = ""
        self._tickers: dict[str, tuple[tuple[int, ...], str]] = {}

    def snapshot(self, ticker: str, *, yes_price: bool) -> str:
        """A whole book; an empty side is left out. An unknown market has an empty book."""
        market = self._state.markets.get(ticker)
        name = self._name(ticker)
        if market is None:
            return f'"type":"orderbook_snapshot","msg":{{{name}"clock":0}}'
        asks_text = PRICE_TEXT if yes_price else _NO_PRICE_TEXT
        bids = _ladder(market, Side.BUY, PRICE_TEXT)
        asks = _ladder(market, Side.SELL, asks_text)
        yes = f',"yes_dollars_fp":[{bids}]' if bids else ""
        no = f',"no_dollars_fp":[{asks}]' if asks else ""
        return f'"type":"orderbook_snapshot","msg":{{{name}"clock":{market.clock}{yes}{no}}}'

    def delta(self, event: BookDelta) -> DeltaContent:
        """A change of a level."""
        if event.at is not self._at:
            self._at = event.at
            when = frame_time(event.at)
            self._when = f'"ts":"{when.text}","ts_ms":{when.milliseconds}'
        name = self._names.get(event.ticker) or self._name(event.ticker)
        head = f'"type":"orderbook_delta","msg":{{{name}"clock":{event.clock},"price_dollars":"'
        tail = f'","delta_fp":"{size_text(event.change)}","side":"'
        price = event.price
        if event.side is Side.BUY:
            both = f'{head}{PRICE_TEXT[price]}{tail}yes",{self._when}}}'
            return DeltaContent(both, both)
        tail = f'{tail}no",{self._when}}}'
        return DeltaContent(
            f"{head}{_NO_PRICE_TEXT[price]}{tail}", f"{head}{PRICE_TEXT[price]}{tail}"
        )

    def trade(self, event: Traded) -> str:
        """A public trade."""
        when = frame_time(event.at)
        outcome = "yes" if event.taker_side is Side.BUY else "no"
        return content(
            "trade",
            {
                "trade_id": event.trade_id,
                "market_ticker": event.ticker,
                "yes_price_dollars": PRICE_TEXT[event.price],
                "no_price_dollars": _NO_PRICE_TEXT[event.price],
                "count_fp": size_text(event.size),
                "taker_side": outcome,
                "taker_outcome_side": outcome,
                "taker_book_side": "bid" if event.taker_side is Side.BUY else "ask",
                "is_block_trade": False,
                "ts": when.seconds,
                "ts_ms": when.milliseconds,
            },
        )

    def ticker(self, market: MarketState) -> tuple[tuple[int, ...], str]:
        """Quotes and trades of a market: the figures, to compare, and the content."""
        frame_content = _frame_content(market)
        ready = self._tickers.get(market.spec.ticker)
        if ready is None or ready[0] != frame_content:
            ready = (frame_content, content("ticker", self._ticker(market)))
            self._tickers[market.spec.ticker] = ready
        return ready

    def _ticker(self, market: MarketState) -> Json:
        when = frame_time(self._state.now)
        book = market.book
        return {
            "market_id": market_id(market.spec.ticker),
            "market_ticker": market.spec.ticker,
            "price_dollars": PRICE_TEXT[market.last_price],
            "yes_bid_dollars": PRICE_TEXT[book.best_bid],
            "yes_ask_dollars": PRICE_TEXT[book.best_ask],
            "yes_bid_size_fp": size_text(book.bid_size),
            "yes_ask_size_fp": size_text(book.ask_size),
            "last_trade_size_fp": size_text(market.trades[-1].size if market.trades else 0),
            "volume_fp": size_text(market.volume),
            "open_interest_fp": size_text(market.open_interest),
            # Kalshi's examples count half a dollar for each contract.
            "dollar_volume": market.volume // (2 * CONTRACT),
            "dollar_open_interest": market.open_interest // (2 * CONTRACT),
            "ts": when.seconds,
            "ts_ms": when.milliseconds,
            "time": when.text,
        }

    def _name(self, ticker: str) -> str:
        if ticker not in self._names:
            text = orjson.dumps({"market_ticker": ticker, "market_id": market_id(ticker)})
            self._names[ticker] = f"{text.decode()[1:-1]},"
        return self._names[ticker]


def _ladder(market: MarketState, side: Side, prices: tuple[str, ...]) -> str:
    levels = reversed(market.book.levels(side))
    return ",".join(f'["{prices[price]}","{size_text(size)}"]' for price, size in levels)


def _frame_content(market: MarketState) -> tuple[int, ...]:
    book = market.book
    quotes = (book.best_bid, book.bid_size, book.best_ask, book.ask_size)
    return (*quotes, market.last_price, market.volume, market.open_interest)
