"""What an alert is, and which events are one."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum
from typing import Any, Final

from bot.core.events import (
    EntriesResumed,
    EntriesStopped,
    Event,
    OrderEnded,
    OrderFilled,
    OrderUnresolved,
    PositionClosed,
    WhaleSeen,
)
from bot.core.market.market import Side
from bot.core.market.money import ZERO, Dollars, cents, measured
from bot.core.market.orders import Fill, Order, OrderStatus
from bot.core.risk.limits import Number

#: The rules whose stops are troubles of `conditions`, which knows when they are over.
_LASTING: Final = ("killed", "lease", "database")


class Severity(IntEnum):
    """How urgent: to know, to look at soon, to act on now."""

    INFO = 0
    WARNING = 1
    CRITICAL = 2


class AlertKind(StrEnum):
    """What it is about."""

    STARTED = "started"
    STOPPED = "stopped"
    TRADING_STOPPED = "trading_stopped"
    KILLED = "killed"
    ENTRIES_STOPPED = "entries_stopped"
    ENTRIES_RESUMED = "entries_resumed"
    LEASE_LOST = "lease_lost"
    NO_LEADER = "no_leader"
    ERRORS = "errors"
    LATE = "late"
    DRIFT = "drift"
    MODEL = "model"
    DATABASE = "database"
    LOGS = "logs"
    ORDER_FAILED = "order_failed"
    ORDER_UNRESOLVED = "order_unresolved"
    WHALE = "whale"
    FILL = "fill"
    TRADE = "trade"
    DAILY = "daily"
    TEST = "test"
    RECOVERED = "recovered"
    HELD_BACK = "held_back"


@dataclass(frozen=True, slots=True)
class Alert:
    """Something that somebody has to know at once.

    `value` and `limit` are in the unit that the message names. Alerts with the same `about` are
    news of one thing, of which the latest counts; None is about nothing else.
    """

    kind: AlertKind
    severity: Severity
    message: str
    at: datetime
    ticker: str | None = None
    value: float | None = None
    limit: float | None = None
    about: str | None = None


class Topic(StrEnum):
    """The topics that one can subscribe to."""

    TROUBLES = "troubles"
    WHALES = "whales"
    FILLS = "fills"
    TRADES = "trades"
    DAILY = "daily"


#: All that is not named here is about troubles.
_TOPICS: Final[Mapping[AlertKind, Topic]] = {
    AlertKind.WHALE: Topic.WHALES,
    AlertKind.FILL: Topic.FILLS,
    AlertKind.TRADE: Topic.TRADES,
    AlertKind.DAILY: Topic.DAILY,
}


@dataclass(frozen=True, slots=True)
class AlertRules:
    """From how many dollars up a whale is an alert, and what is wanted at all."""

    whale_notional: Dollars
    topics: frozenset[Topic] = frozenset({Topic.TROUBLES, Topic.WHALES})

    def wants(self, alert: Alert) -> bool:
        """Whether this is among what is wanted; that too much was held back always is."""
        wanted = _TOPICS.get(alert.kind, Topic.TROUBLES)
        return alert.kind in {AlertKind.HELD_BACK, AlertKind.TEST} or wanted in self.topics


def alert_of(event: Event, rules: AlertRules) -> Alert | None:
    """The alert that this event is, if it is one."""
    view = _VIEWS.get(type(event))
    return view(event, rules) if view is not None else None


def _whale(event: WhaleSeen, rules: AlertRules) -> Alert | None:
    whale, limit = event.whale, rules.whale_notional
    if whale.notional < limit:
        return None
    return Alert(
        AlertKind.WHALE,
        Severity.INFO,
        f"{whale.type} of ${whale.notional:,.0f} in {whale.ticker}: {whale.why}",
        event.at,
        ticker=whale.ticker,
        value=measured(whale.notional),
        limit=measured(limit),
        about=f"whale {whale.ticker}",
    )


def _entries_stopped(event: EntriesStopped, _: AlertRules) -> Alert | None:
    if event.rule in _LASTING:
        return None
    return Alert(
        AlertKind.ENTRIES_STOPPED,
        Severity.CRITICAL,
        f"Entries stopped: {event.reason}",
        event.at,
        value=_number(event.value),
        limit=_number(event.limit),
        about=f"entries {event.rule}",
    )


def _entries_resumed(event: EntriesResumed, _: AlertRules) -> Alert | None:
    if event.rule in _LASTING:
        return None
    message = f"Entries resumed: {event.reason}"
    kind, about = AlertKind.ENTRIES_RESUMED, f"entries {event.rule}"
    return Alert(kind, Severity.INFO, message, event.at, about=about)


def _order_unresolved(event: OrderUnresolved, _: AlertRules) -> Alert:
    name, ticker = event.order.client_order_id, event.order.ticker
    return Alert(
        AlertKind.ORDER_UNRESOLVED,
        Severity.CRITICAL,
        f"Order {name} in {ticker} may have traded, its status is unknown: {event.reason}",
        event.at,
        ticker=ticker,
        about=f"order {name}",
    )


def _order_ended(event: OrderEnded, _: AlertRules) -> Alert | None:
    done = event.execution
    if done.status is OrderStatus.ERROR:
        return _order_failed(event)
    return _traded(done.order, done.fills, event.at) if done.fills else None


def _order_filled(event: OrderFilled, _: AlertRules) -> Alert:
    return _traded(event.order, event.fills, event.at)


def _traded(order: Order, fills: Sequence[Fill], at: datetime) -> Alert:
    size = sum((fill.size for fill in fills), ZERO)
    price = sum((fill.size * fill.price for fill in fills), ZERO) / size
    fees = sum((fill.fee for fill in fills), ZERO)
    verb = "Bought" if order.side is Side.BUY else "Sold"
    part = "" if size == order.size else f" of {order.size:f}"
    cost = f"{_in_cents(price)} c, fees ${fees:.2f}"
    message = f"{verb} {size:f}{part} YES of {order.ticker} at {cost}"
    return Alert(AlertKind.FILL, Severity.INFO, message, at, ticker=order.ticker)


def _closed(event: PositionClosed, _: AlertRules) -> Alert:
    trip, name = event.trip, event.title or event.ticker
    how = event.how.replace("_", " ")
    message = f"Closed {event.ticker} by {how}: {signed(event.realised)} after fees"
    if trip is not None:
        held = spoken(event.at - trip.opened_at)
        side = "YES" if trip.side is Side.BUY else "NO"
        size = "" if trip.size is None else f"{trip.size:f} "
        prices = f"{_in_cents(trip.entry_price)} to {_in_cents(trip.exit_price)} c"
        message += f" (${trip.fees:.2f}); {size}{side}, {prices}, held {held}"
    if name != event.ticker:
        message += f": {name}"
    value = measured(event.realised)
    return Alert(
        AlertKind.TRADE, Severity.INFO, message, event.at, ticker=event.ticker, value=value
    )


def _in_cents(price: Dollars | None) -> str:
    return "?" if price is None else f"{cents(price):.2f}"


def signed(amount: Dollars) -> str:
    """Dollars won or lost.

    >>> signed(Dollars("-3.125"))
    '-$3.12'
    """
    return f"{'-' if amount < 0 else '+'}${abs(amount):,.2f}"


def spoken(duration: timedelta) -> str:
    """How long, in words."""
    seconds = int(duration.total_seconds())
    return f"{seconds} s" if seconds < 120 else f"{seconds // 60} min"


def _order_failed(event: OrderEnded) -> Alert:
    done, order = event.execution, event.execution.order
    return Alert(
        AlertKind.ORDER_FAILED,
        Severity.WARNING,
        f"Order {order.client_order_id} in {order.ticker} failed: {done.error}",
        event.at,
        ticker=order.ticker,
        about=f"order failed {order.ticker}",
    )


def _number(value: Number | None) -> float | None:
    return None if value is None else float(value)


_VIEWS: Final[Mapping[type[Event], Callable[[Any, AlertRules], Alert | None]]] = {
    WhaleSeen: _whale,
    EntriesStopped: _entries_stopped,
    EntriesResumed: _entries_resumed,
    OrderUnresolved: _order_unresolved,
    OrderEnded: _order_ended,
    OrderFilled: _order_filled,
    PositionClosed: _closed,
}
