"""Faults of the exchange itself: pauses, a wrong clock, markets that halt or close.

Each begins at once and answers what undoes it, or None for what cannot be undone.
"""

from collections.abc import Callable, Mapping
from datetime import timedelta
from fnmatch import fnmatchcase
from typing import Any, Final, TypeAlias

from bot.core.market.market import MarketStatus
from bot.sim.engine.exchange import Exchange
from bot.sim.rest.service import RestContext

Undo: TypeAlias = Callable[[], None]
Parameters: TypeAlias = Mapping[str, Any]


def _trading_pause(service: RestContext, terms: Parameters) -> Undo:
    shard = _shard(terms)
    service.exchange.pause_trading(True, shard)
    return lambda: service.exchange.pause_trading(False, shard)


def _exchange_pause(service: RestContext, terms: Parameters) -> Undo:
    shard = _shard(terms)
    service.exchange.pause_exchange(True, shard)
    return lambda: service.exchange.pause_exchange(False, shard)


def _clock_skew(service: RestContext, terms: Parameters) -> Undo:
    by = timedelta(seconds=terms["seconds"])
    service.skew.by += by

    def undo() -> None:
        service.skew.by -= by

    return undo


def _deactivated(service: RestContext, terms: Parameters) -> Undo:
    exchange = service.exchange
    halted = _tickers(exchange, terms["ticker"])
    for ticker in halted:
        exchange.deactivate(ticker)

    def undo() -> None:
        for ticker in halted:
            if exchange.market(ticker).status is MarketStatus.INACTIVE:
                exchange.activate(ticker)

    return undo


def _closed(service: RestContext, terms: Parameters) -> None:
    exchange = service.exchange
    close = exchange.now + timedelta(seconds=terms["seconds"])
    for ticker in _tickers(exchange, terms["ticker"]):
        exchange.set_close_time(ticker, close)


WORLD: Final[Mapping[str, Callable[[RestContext, Parameters], Undo | None]]] = {
    "trading_pause": _trading_pause,
    "exchange_pause": _exchange_pause,
    "clock_skew": _clock_skew,
    "market_deactivated": _deactivated,
    "market_closed": _closed,
}

#: What holds as long as one fault of the kind is in force.
PAUSES: Final = ("trading_pause", "exchange_pause")


def _shard(terms: Parameters) -> int | None:
    shard: int = terms["shard"]
    return None if shard < 0 else shard


def _tickers(exchange: Exchange, pattern: str) -> list[str]:
    markets = exchange.state.markets.values()
    return [
        market.spec.ticker
        for market in markets
        if market.is_open and fnmatchcase(market.spec.ticker, pattern)
    ]
