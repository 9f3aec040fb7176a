"""Public reads of what is traded: order books, trades, candlesticks."""

from typing import Any, Final

import orjson

from bot.sim.engine import errors
from bot.sim.engine.events import Traded
from bot.sim.engine.state import MarketState
from bot.sim.rest.listing import is_between
from bot.sim.rest.paging import Key, page
from bot.sim.rest.query import Query
from bot.sim.rest.render_books import EMPTY_BOOK, candles, trade_json
from bot.sim.rest.service import Answer, Call, Route, answer

_PERIODS: Final = ("1", "60", "1440")
MAX_BOOKS: Final = 100
MAX_TICKER: Final = 200
MAX_CANDLES: Final = 10_000
_EMPTY: Final = orjson.Fragment(EMPTY_BOOK)


def orderbook(call: Call) -> Answer:
    """One book; 404 for an unknown market."""
    depth = call.query.integer("depth", -1_000_000, 100) or 0
    market = _market(call)
    if depth <= 0:
        return answer({"orderbook_fp": call.service.books.whole(market)})
    return Answer(200, b'{"orderbook_fp":%b}' % call.service.books.best(market, depth))


def _tickers(query: Query) -> list[str]:
    tickers = [ticker for ticker in query.repeated("tickers") if ticker]
    if not tickers:
        raise query.refuse("tickers", "required")
    if len(tickers) > MAX_BOOKS or any(len(ticker) > MAX_TICKER for ticker in tickers):
        raise query.refuse("tickers", "max")
    return tickers


def orderbooks(call: Call) -> Answer:
    """Many books; an unknown ticker has an empty one, also a list joined by commas."""
    tickers = _tickers(call.query)
    markets, whole = call.state.markets, call.service.books.whole
    books = [
        {"ticker": t, "orderbook_fp": whole(markets[t]) if t in markets else _EMPTY}
        for t in tickers
    ]
    return answer({"orderbooks": books})


def trades(call: Call) -> Answer:
    """A page of public trades, the newest first."""
    query = call.query
    limit = query.limit(1_000, 100, least=0)
    least, most = query.seconds("min_ts"), query.seconds("max_ts")
    ticker, blocks = query.text("ticker"), query.flag("is_block_trade")
    market = call.state.markets.get(ticker)
    known = (market.trades if market else ()) if ticker else call.state.trades
    found = [] if blocks else list(known)
    if least is not None or most is not None:
        found = [trade for trade in found if is_between(trade.at, least, most)]
    shown, cursor = page(found, _trade_key, query.text("cursor"), limit)
    return answer({"trades": [trade_json(trade) for trade in shown], "cursor": cursor})


def candlesticks(call: Call) -> Answer:
    """The candlesticks of one market."""
    span = _span(call)
    market = _market(call)
    if market.series_ticker != call.path["series_ticker"]:
        raise errors.NOT_FOUND()
    return answer({"ticker": market.spec.ticker, "candlesticks": _candles(market, span)})


def candlesticks_batch(call: Call) -> Answer:
    """The candlesticks of many markets, named in a list joined by commas."""
    span = _span(call)
    tickers = call.query.listed("market_tickers", 100)
    if not tickers:
        raise call.query.refuse("market_tickers", "required")
    markets = call.state.markets
    shown = [
        {"market_ticker": ticker, "candlesticks": _candles(markets[ticker], span)}
        for ticker in tickers
        if ticker in markets
    ]
    if sum(len(one["candlesticks"]) for one in shown) > MAX_CANDLES:
        raise call.query.refuse("period_interval", "max_candlesticks")
    return answer({"markets": shown})


def candlesticks_event(call: Call) -> Answer:
    """The candlesticks of all markets of an event."""
    span = _span(call)
    event = call.state.events.get(call.path["ticker"])
    if event is None or event.series_ticker != call.path["series_ticker"]:
        raise errors.NOT_FOUND()
    markets = call.service.listing.of_event(event.event_ticker)
    return answer(
        {
            "market_tickers": [market.spec.ticker for market in markets],
            "market_candlesticks": [_candles(market, span) for market in markets],
            "adjusted_end_ts": span["end"],
        }
    )


def _market(call: Call) -> MarketState:
    market = call.state.markets.get(call.path["ticker"])
    if market is None:
        raise errors.NOT_FOUND()
    return market


def _trade_key(trade: Traded) -> Key:
    return (trade.trade_id,)


def _span(call: Call) -> dict[str, Any]:
    query = call.query
    period = query.choice("period_interval", _PERIODS)
    if not period:
        raise query.refuse("period_interval", "required")
    return {
        "period": int(period),
        "start": query.needed_seconds("start_ts"),
        "end": query.needed_seconds("end_ts"),
        "with_previous": query.flag("include_latest_before_start"),
    }


def _candles(market: MarketState, span: dict[str, Any]) -> list[dict[str, Any]]:
    return candles(market, **span)


_MARKET: Final = "/series/{series_ticker}/markets/{ticker}/candlesticks"
_EVENT: Final = "/series/{series_ticker}/events/{ticker}/candlesticks"

ROUTES: Final = (
    Route("GET", "/markets/orderbooks", "GetMarketOrderbooks", orderbooks),
    Route("GET", "/markets/trades", "GetTrades", trades),
    Route("GET", "/markets/candlesticks", "BatchGetMarketCandlesticks", candlesticks_batch),
    Route("GET", "/markets/{ticker}/orderbook", "GetMarketOrderbook", orderbook),
    Route("GET", _MARKET, "GetMarketCandlesticks", candlesticks),
    Route("GET", _EVENT, "GetMarketCandlesticksByEvent", candlesticks_event),
)
