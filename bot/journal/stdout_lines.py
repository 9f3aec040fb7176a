"""Events as lines on stdout, in the words of the user's document.

Each event has one line, or none worth saying. A held signal is said at DEBUG only, with its
reason: at INFO a thousand markets would drown the trades.
"""

import logging
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from bot.core.account.round_trips import in_words
from bot.core.events import (
    Action,
    CycleFinished,
    CycleStarted,
    EntriesResumed,
    EntriesStopped,
    Event,
    FetchFailed,
    FillMarkedOut,
    MarketSettled,
    MarketsFetched,
    Noted,
    NoteKind,
    OrderEnded,
    OrderFilled,
    OrderRefused,
    OrderRested,
    OrderSubmitted,
    OrderUnresolved,
    PnlMarked,
    PositionAdjusted,
    PositionClosed,
    PositionOpened,
    PredictionGraded,
    RegimeChanged,
    SignalMade,
    TwinCompared,
    WhaleEnded,
    WhaleSeen,
)
from bot.core.market.money import ZERO
from bot.core.market.order_text import in_cents, order_text, plain_size, size_text, traded_text
from bot.core.market.orders import OrderStatus
from bot.core.market.twin import TwinFill
from bot.core.model.fill_markouts import HORIZONS
from bot.journal.json_fields import CycleFields
from bot.journal.repeats import Repeat, Repeats

_main = logging.getLogger("main")
_signals = logging.getLogger("signals")
_trades = logging.getLogger("trades")
_whales = logging.getLogger("whale")
_pnl = logging.getLogger("pnl")


def log_event(event: Event, cycles: CycleFields, repeats: Repeats) -> None:
    """Log an event's line, if it has one, with what makes its fields beside it.

    Repeats are folded into one later line; at DEBUG they are logged at once as well.
    """
    line = _LINES.get(type(event))
    if line is None:
        return
    logger, usual, words = line
    if repeats.holds(event):
        usual = logging.DEBUG
    level_of = _LEVELS.get(type(event))
    level = level_of(event) if level_of is not None else usual
    if logger.isEnabledFor(level):
        logger.log(level, words(event), extra={"told": (event, cycles)})


def say_repeat(repeat: Repeat, cycles: CycleFields) -> None:
    """Log the latest of several events as one line that counts them."""
    logger, level, words = _LINES[type(repeat.latest)]
    more = f"{repeat.more} more since {repeat.since:%H:%M:%S} UTC"
    logger.log(
        level, "%s | %s", words(repeat.latest), more, extra={"told": (repeat.latest, cycles)}
    )


def _started(event: CycleStarted) -> str:
    return f"--- Loop {event.number} starting ---"


def _fetched(event: MarketsFetched) -> str:
    return f"Fetched {event.markets} markets"


def _failed(event: FetchFailed) -> str:
    return f"FETCH FAILED | {event.what} | {event.reason}"


def _finished(event: CycleFinished) -> str:
    return (
        f"Loop {event.number} complete: {event.markets} markets, {event.whales} whales, "
        f"{event.positions} positions"
    )


def _signal(event: SignalMade) -> str:
    score = "none" if event.score is None else f"{event.score:.2f}"
    reason = f" | {event.reason}" if event.reason else ""
    return (
        f"SIGNAL | {event.ticker} | price={in_cents(event.price) or 'none'} | pred={score}"
        f" | action={event.action}"
        f" | pos: {float(event.position_before):.2f} -> {float(event.position_after):.2f}{reason}"
    )


def _submitted(event: OrderSubmitted) -> str:
    reason = f" | {event.reason}" if event.reason else ""
    return f"TRADE | SUBMITTED | {event.order.ticker} | {order_text(event.order)}{reason}"


def _refused(event: OrderRefused) -> str:
    return f"REFUSED | {event.order.ticker} | {order_text(event.order)} | {event.reason}"


def _stopped(event: EntriesStopped) -> str:
    return f"ENTRIES STOPPED | {event.reason}"


def _resumed(event: EntriesResumed) -> str:
    return f"ENTRIES RESUMED | {event.reason}"


def _noted(event: Noted) -> str:
    return f"{event.kind.replace('_', ' ')} | {event.message}"


def _unresolved(event: OrderUnresolved) -> str:
    order = event.order
    return f"TRADE | UNRESOLVED | {order.ticker} | {order_text(order)} | {event.reason}"


def _rested(event: OrderRested) -> str:
    order = order_text(event.order)
    return f"TRADE | RESTING | {event.order.ticker} | {order} | {size_text(event.ahead)} ahead"


def _filled(event: OrderFilled) -> str:
    order, size = event.order, sum((fill.size for fill in event.fills), ZERO)
    traded = traded_text(order.side, size, order.limit)
    status = OrderStatus.PARTIALLY_FILLED.upper()
    return f"TRADE | {status} | {order.ticker} | {traded} | {size_text(event.left)} rest on"


def _ended(event: OrderEnded) -> str:
    done = event.execution
    traded = order_text(done.order)
    if (price := done.average_price) is not None:
        traded = f"{done.order.side} {size_text(done.filled)} @ {in_cents(price)}"
    error = f" | {done.error}" if done.error else ""
    if done.expected is not None:
        error += f" | expected queue: {done.expected:g} of {plain_size(done.order.size)}"
    return f"TRADE | {done.status.upper()} | {done.order.ticker} | {traded}{error}"


def _twin(event: TwinCompared) -> str:
    live, paper = (_traded(one) for one in (event.live, event.paper))
    return f"TWIN | {event.order.ticker} | {event.order.side} | live {live} | paper {paper}"


def _traded(one: TwinFill) -> str:
    return f"{size_text(one.size)} @ {in_cents(one.price) or 'none'}, fees {one.fees:z.4f}"


def _opened(event: PositionOpened) -> str:
    return f"OPENED | {event.ticker} | {size_text(event.size)} @ {in_cents(event.price)}"


def _closed(event: PositionClosed) -> str:
    return f"CLOSED | {event.ticker} | realized={event.realised:z.2f} | {in_words(event.how)}"


def _settled(event: MarketSettled) -> str:
    return (
        f"SETTLED | {event.ticker} | {size_text(event.size)} contracts"
        f" paid {in_cents(event.payout)} | realized={event.realised:z.2f}"
    )


def _adjusted(event: PositionAdjusted) -> str:
    sizes = f"{size_text(event.before)} -> {size_text(event.size)} contracts"
    return f"ADJUSTED | {event.ticker} | {sizes} | cost={event.cost:z.2f}"


def _whale(event: WhaleSeen) -> str:
    whale = event.whale
    return (
        f"WHALE | {whale.type} | {whale.ticker} | size={size_text(whale.size)}"
        f" @ {in_cents(whale.price)} | imb={whale.imbalance_strength * 100:.1f}%"
    )


def _whale_ended(event: WhaleEnded) -> str:
    ending = event.ending
    return (
        f"WHALE ENDED | {ending.ticker} | {ending.side} | {size_text(ending.size)}"
        f" @ {in_cents(ending.price)} | {ending.fate} after {ending.lifetime:.0f} s"
    )


def _regime(event: RegimeChanged) -> str:
    return f"REGIME | {event.before} -> {event.after}"


def _marked(event: PnlMarked) -> str:
    return (
        f"PNL SNAPSHOT | {f'{event.ticker} | ' if event.ticker else ''}"
        f"cash={event.cash:z.2f} | open_pnl={event.unrealised:z.2f}"
        f" | realized={event.realised:z.2f} | exposure={event.exposure:z.2f}"
    )


def _graded(event: PredictionGraded) -> str:
    taker = "unknown" if event.taker is None else f"{event.taker:+.2f} c"
    return (
        f"GRADE | {event.ticker} | pred={event.score:.2f}"
        f" | {event.horizon:g} s later: {event.change:+.2f} c, taker {taker}"
    )


def _marked_out(event: FillMarkedOut) -> str:
    known = zip(HORIZONS, event.markouts, strict=True)
    after = [f"{s:g} s {'none' if move is None else f'{move:+.2f} c'}" for s, move in known]
    return f"MARKOUT | {event.ticker} | {event.kind} {size_text(event.size)} | {', '.join(after)}"


def _signal_level(event: SignalMade) -> int:
    return logging.DEBUG if event.action is Action.HOLD else logging.INFO


def _ended_level(event: OrderEnded) -> int:
    """An order that failed is an error for the operator."""
    return logging.ERROR if event.execution.status is OrderStatus.ERROR else logging.INFO


def _noted_level(event: Noted) -> int:
    return logging.INFO if event.kind is NoteKind.TERM_STARTED else logging.WARNING


_Line: TypeAlias = tuple[logging.Logger, int, Callable[[Any], str]]
#: One line for each event that is said: by whom, at which level, and its words.
_LINES: Final[Mapping[type[Event], _Line]] = {
    CycleStarted: (_main, logging.INFO, _started),
    MarketsFetched: (_main, logging.INFO, _fetched),
    FetchFailed: (_main, logging.WARNING, _failed),
    SignalMade: (_signals, logging.INFO, _signal),
    OrderSubmitted: (_trades, logging.INFO, _submitted),
    OrderRefused: (_trades, logging.INFO, _refused),
    EntriesStopped: (_trades, logging.WARNING, _stopped),
    EntriesResumed: (_trades, logging.INFO, _resumed),
    Noted: (_main, logging.WARNING, _noted),
    OrderUnresolved: (_trades, logging.WARNING, _unresolved),
    OrderRested: (_trades, logging.INFO, _rested),
    OrderFilled: (_trades, logging.INFO, _filled),
    OrderEnded: (_trades, logging.INFO, _ended),
    TwinCompared: (_trades, logging.DEBUG, _twin),
    PositionOpened: (_trades, logging.INFO, _opened),
    PositionClosed: (_trades, logging.INFO, _closed),
    MarketSettled: (_trades, logging.INFO, _settled),
    PositionAdjusted: (_trades, logging.WARNING, _adjusted),
    WhaleSeen: (_whales, logging.INFO, _whale),
    WhaleEnded: (_whales, logging.INFO, _whale_ended),
    RegimeChanged: (_main, logging.INFO, _regime),
    PnlMarked: (_pnl, logging.INFO, _marked),
    PredictionGraded: (_signals, logging.DEBUG, _graded),
    FillMarkedOut: (_trades, logging.DEBUG, _marked_out),
    CycleFinished: (_main, logging.INFO, _finished),
}
#: Levels that depend on more than the kind of the event.
_LEVELS: Final[Mapping[type[Event], Callable[[Any], int]]] = {
    SignalMade: _signal_level,
    OrderEnded: _ended_level,
    Noted: _noted_level,
}
