"""What an alert is, and which events are one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Any, Final

from bot.core.events import (
    EntriesResumed,
    EntriesStopped,
    Event,
    OrderEnded,
    OrderUnresolved,
    WhaleSeen,
)
from bot.core.market.money import Dollars, measured
from bot.core.market.orders import OrderStatus
from bot.core.risk.limits import Number

#: The rules whose stops are troubles of `alert_troubles`, which knows when they are over.
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
    RECOVERED = "recovered"
    HELD_BACK = "held_back"


@dataclass(frozen=True, slots=True)
class Alert:
    """Something that somebody wants to hear of at once.

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


@dataclass(frozen=True, slots=True)
class AlertRules:
    """From how many dollars up a whale is an alert."""

    whale_notional: Dollars


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


def _order_failed(event: OrderEnded, _: AlertRules) -> Alert | None:
    done = event.execution
    if done.status is not OrderStatus.ERROR:
        return None
    order = done.order
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
    OrderEnded: _order_failed,
}
