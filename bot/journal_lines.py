"""Events as lines on stdout, in the words of the user's document.

Each event has one line, or none worth saying. A held signal is said at DEBUG only, with its
reason: at INFO a thousand markets would drown the trades.
"""

import logging
from collections.abc import Callable, Mapping
from typing import Any, Final

from bot.core.events import (
    Action,
    CycleFinished,
    CycleStarted,
    EntriesStopped,
    Event,
    FetchFailed,
    MarketSettled,
    MarketsFetched,
    OrderEnded,
    OrderRefused,
    OrderSubmitted,
    PnlMarked,
    PositionClosed,
    PositionOpened,
    PredictionGraded,
    RegimeChanged,
    SignalMade,
    WhaleEnded,
    WhaleSeen,
)
from bot.core.money import Contracts
from bot.core.orders import Order, OrderStatus
from bot.journal_rows import in_cents

_main = logging.getLogger("main")
_signals = logging.getLogger("signals")
_trades = logging.getLogger("trades")
_whales = logging.getLogger("whale")
_pnl = logging.getLogger("pnl")

#: Orders that ended otherwise than wished are worth an operator's look.
_ENDED_LEVELS: Final = {
    OrderStatus.ERROR: logging.ERROR,
}


def say(event: Event) -> None:
    """Log an event's line, if it has one."""
    line = _LINES.get(type(event))
    if line is not None:
        line(event)


def _started(event: CycleStarted) -> None:
    _main.info("--- Loop %d starting ---", event.number)


def _fetched(event: MarketsFetched) -> None:
    _main.info("Fetched %d markets", event.markets)


def _failed(event: FetchFailed) -> None:
    _main.warning("FETCH FAILED | %s | %s", event.what, event.reason)


def _finished(event: CycleFinished) -> None:
    _main.info(
        "Loop %d complete: %d markets, %d whales, %d positions",
        event.number,
        event.markets,
        event.whales,
        event.positions,
    )


def _signal(event: SignalMade) -> None:
    level = logging.DEBUG if event.action is Action.HOLD else logging.INFO
    if not _signals.isEnabledFor(level):
        return
    _signals.log(
        level,
        "SIGNAL | %s | price=%s | pred=%s | action=%s | pos: %.2f -> %.2f%s",
        event.ticker,
        in_cents(event.price) or "none",
        "none" if event.score is None else f"{event.score:.2f}",
        event.action,
        event.position_before,
        event.position_after,
        f" | {event.reason}" if event.action is Action.HOLD and event.reason else "",
    )


def _submitted(event: OrderSubmitted) -> None:
    _trades.info("TRADE | SUBMITTED | %s | %s", event.order.ticker, _wish(event.order))


def _refused(event: OrderRefused) -> None:
    order = event.order
    _trades.info("REFUSED | %s | %s | %s", order.ticker, _wish(order), event.reason)


def _stopped(event: EntriesStopped) -> None:
    _trades.warning("ENTRIES STOPPED | %s", event.reason)


def _ended(event: OrderEnded) -> None:
    done = event.execution
    price = done.average_price
    traded = (
        _wish(done.order)
        if price is None
        else f"{done.order.side} {_size(done.filled)} @ {in_cents(price)}"
    )
    _trades.log(
        _ENDED_LEVELS.get(done.status, logging.INFO),
        "TRADE | %s | %s | %s%s",
        done.status.upper(),
        done.order.ticker,
        traded,
        f" | {done.error}" if done.error else "",
    )


def _opened(event: PositionOpened) -> None:
    _trades.info("OPENED | %s | %s @ %s", event.ticker, _size(event.size), in_cents(event.price))


def _closed(event: PositionClosed) -> None:
    _trades.info(
        "CLOSED | %s | realized=%s | %s", event.ticker, f"{event.realised:z.2f}", event.how
    )


def _settled(event: MarketSettled) -> None:
    _trades.info(
        "SETTLED | %s | %s contracts paid %s | realized=%s",
        event.ticker,
        _size(event.size),
        in_cents(event.payout),
        f"{event.realised:z.2f}",
    )


def _whale(event: WhaleSeen) -> None:
    whale = event.whale
    _whales.info(
        "WHALE | %s | %s | size=%s @ %s | imb=%.1f%%",
        whale.type,
        whale.ticker,
        _size(whale.size),
        in_cents(whale.price),
        whale.imbalance_strength * 100,
    )


def _whale_ended(event: WhaleEnded) -> None:
    ending = event.ending
    _whales.info(
        "WHALE ENDED | %s | %s | %s @ %s | %s after %.0f s",
        ending.ticker,
        ending.side,
        _size(ending.size),
        in_cents(ending.price),
        ending.fate,
        ending.lifetime,
    )


def _regime(event: RegimeChanged) -> None:
    _main.info("REGIME | %s -> %s", event.before, event.after)


def _marked(event: PnlMarked) -> None:
    _pnl.info(
        "PNL SNAPSHOT | %scash=%s | open_pnl=%s | realized=%s | exposure=%s",
        f"{event.ticker} | " if event.ticker else "",
        f"{event.cash:z.2f}",
        f"{event.unrealised:z.2f}",
        f"{event.realised:z.2f}",
        f"{event.exposure:z.2f}",
    )


def _graded(event: PredictionGraded) -> None:
    _signals.debug(
        "GRADE | %s | pred=%.2f | %g s later: %+.2f c, taker %s",
        event.ticker,
        event.score,
        event.horizon,
        event.change,
        "unknown" if event.taker is None else f"{event.taker:+.2f} c",
    )


def _wish(order: Order) -> str:
    return f"{order.side} {_plain_size(order.size)} @ {in_cents(order.limit)}"


def _size(contracts: Contracts) -> str:
    return f"{contracts:z,.2f}".removesuffix(".00")


def _plain_size(contracts: Contracts) -> str:
    return _size(contracts).replace(",", "")


_LINES: Final[Mapping[type[Event], Callable[[Any], None]]] = {
    CycleStarted: _started,
    MarketsFetched: _fetched,
    FetchFailed: _failed,
    SignalMade: _signal,
    OrderSubmitted: _submitted,
    OrderRefused: _refused,
    EntriesStopped: _stopped,
    OrderEnded: _ended,
    PositionOpened: _opened,
    PositionClosed: _closed,
    MarketSettled: _settled,
    WhaleSeen: _whale,
    WhaleEnded: _whale_ended,
    RegimeChanged: _regime,
    PnlMarked: _marked,
    PredictionGraded: _graded,
    CycleFinished: _finished,
}
