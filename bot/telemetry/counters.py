"""What is counted of events: a table of counters, and a view of each event as counts.

Every label has a short list of values, all of them there from the start at 0; what is on no list
counts as "other". So nothing that comes from outside, a ticker least of all, can make more series.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any, Final, TypeAlias

from bot.core.account.round_trips import ExitCause
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
from bot.core.market.money import ZERO, measured
from bot.core.market.orders import Fill, OrderStatus
from bot.core.model.fill_markouts import FillKind
from bot.core.signals.regime import REGIMES
from bot.core.whales.detector import WhaleType
from bot.core.whales.endings import EndingKind

OTHER: Final = "other"


@dataclass(frozen=True, slots=True, eq=False)
class EventCounters:
    """A counter: its name without the prefix, what it counts, its labels with their values."""

    name: str
    help: str
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def all_values(self) -> Iterator[tuple[str, ...]]:
        """Every combination of label values there is."""
        return product(*self.labels.values())

    def bounded(self, values: tuple[str, ...]) -> tuple[str, ...]:
        """These label values, with "other" for what is on no list."""
        allowed = zip(values, self.labels.values(), strict=True)
        return tuple(value if value in known else OTHER for value, known in allowed)


Count: TypeAlias = tuple[EventCounters, tuple[str, ...], float]

#: What a failed fetch was for, in the words of `FetchFailed.what` with an underscore.
_ASKED: Final = ("markets", "order_books", OTHER)
#: How it failed, by the first pattern that its reason shows.
_KINDS: Final[Mapping[str, re.Pattern[str]]] = {
    "rate_limited": re.compile(r"HTTP 429"),
    "server_error": re.compile(r"HTTP 5\d\d"),
    "refused": re.compile(r"HTTP [34]\d\d"),
    "timeout": re.compile(r"Timeout"),
    "unreachable": re.compile(r"(Connect|Read|Write|Close|Network|Protocol|Proxy)Error"),
    "missing": re.compile(r"did not answer for this market"),
    "malformed": re.compile(
        r"not the expected JSON|crossed|outside|above 0|decimals|digits|levels on one side"
    ),
}
#: The rules that stop all entries for a while, and those that refuse an order.
_STOPS: Final = (
    *("killed", "lease", "database", "audit", "trading_pause", "stopped"),
    *("drawdown_halt", "daily_loss_stop", "error_breaker", OTHER),
)
_RULES: Final = (
    *("fees", "market_open", "price_grid", "order_size", "stale_book", "price_band"),
    *("min_seconds_to_close", "max_positions", "max_orders_per_minute", "max_order_cost"),
    *("market_exposure", "event_exposure", "category_exposure", "total_exposure", "cash"),
    *("unresolved", "resting", "refused", "stopped", "foreign", "pause", *_STOPS),
)

CYCLES_STARTED = EventCounters("cycles_started_total", "Cycles started")
CYCLES = EventCounters("cycles_total", "Cycles completed")
BOOKS = EventCounters("books_total", "Order books asked for", {"result": ("sound", "missing")})
FETCH_ERRORS = EventCounters(
    "fetch_errors_total",
    "Exchange failures by request and reason",
    {"what": _ASKED, "kind": (*_KINDS, OTHER)},
)
SIGNALS = EventCounters("signals_total", "Signals by action", {"action": tuple(Action)})
SUBMITTED = EventCounters("orders_submitted_total", "Orders that passed risk and went to the venue")
ENDED = EventCounters("orders_total", "Orders by final status", {"status": tuple(OrderStatus)})
UNRESOLVED = EventCounters("orders_unresolved_total", "Orders whose outcome was in doubt at first")
RESTED = EventCounters("orders_rested_total", "Orders that came to rest in the book")
REFUSED = EventCounters(
    "refusals_total", "Orders that were not sent, by the rule", {"rule": _RULES}
)
HELD = EventCounters(
    "entries_held_back_total",
    "Entries held back before they were orders, by the rule",
    {"rule": ("min_edge", "reentry", "exit_before_close", "stop_loss", *_STOPS)},
)
STOPS = EventCounters("entry_stops_total", "Times entries were stopped, by rule", {"rule": _STOPS})
RESUMED = EventCounters("entry_resumes_total", "Times entries resumed, by rule", {"rule": _STOPS})
NOTED = EventCounters(
    "notes_total",
    "What operators did, and jumps of the clock",
    {"kind": tuple(kind.value.lower() for kind in NoteKind)},
)
FILLS = EventCounters("fills_total", "Fills")
MARKED_OUT = EventCounters(
    "fills_marked_out_total", "Fills followed for a minute, by kind", {"kind": tuple(FillKind)}
)
CONTRACTS = EventCounters("filled_contracts_total", "Contracts that changed hands")
FEES = EventCounters("fees_dollars_total", "Fees of fills, dollars")
OPENED = EventCounters("positions_opened_total", "Positions opened")
CLOSED = EventCounters(
    "positions_closed_total",
    "Positions closed, by an order or by settlement",
    {"how": (*map(str, ExitCause), OTHER)},
)
SETTLED = EventCounters("settlements_total", "Held markets that were settled")
TWINS = EventCounters("twins_compared_total", "Live orders compared with their paper twin")
ADJUSTED = EventCounters("adjustments_total", "Positions adopted as the exchange holds them")
WHALES = EventCounters("whales_total", "Whales by type", {"type": tuple(WhaleType)})
WHALES_ENDED = EventCounters(
    "whales_ended_total", "Large orders that ended, by how", {"fate": tuple(EndingKind)}
)
REGIMES_CHANGED = EventCounters(
    "regime_changes_total", "Changes of the regime, by the new one", {"regime": tuple(REGIMES)}
)
GRADES = EventCounters(
    "grades_total",
    "Predictions whose horizon has passed, by whether the mid went their way",
    {"result": ("right", "wrong", "unmoved")},
)

COUNTERS: Final[tuple[EventCounters, ...]] = (
    *(CYCLES_STARTED, CYCLES, BOOKS, FETCH_ERRORS, SIGNALS, SUBMITTED, ENDED, UNRESOLVED, RESTED),
    *(
        REFUSED,
        HELD,
        STOPS,
        RESUMED,
        NOTED,
        FILLS,
        MARKED_OUT,
        CONTRACTS,
        FEES,
        OPENED,
        CLOSED,
        SETTLED,
        ADJUSTED,
        TWINS,
        WHALES,
        WHALES_ENDED,
    ),
    *(REGIMES_CHANGED, GRADES),
)


def counts(event: Event) -> Iterable[Count]:
    """What this event adds to which counter, label values bounded."""
    view = _VIEWS.get(type(event))
    return view(event) if view is not None else ()


def failure_kind(reason: str) -> str:
    """The reason of a failed fetch as one of a few words."""
    return next((kind for kind, sign in _KINDS.items() if sign.search(reason)), OTHER)


def _one(event_counters: EventCounters) -> Callable[[object], Iterable[Count]]:
    return lambda _: ((event_counters, (), 1.0),)


def _by(
    event_counters: EventCounters, value: Callable[[Any], str]
) -> Callable[[Any], Iterable[Count]]:
    # Made once: a cycle over a thousand markets asks a thousand times for one of four.
    known = {values[0]: ((event_counters, values, 1.0),) for values in event_counters.all_values()}
    other = ((event_counters, (OTHER,), 1.0),)
    return lambda event: known.get(value(event), other)


def _fetched(event: MarketsFetched) -> Iterable[Count]:
    yield BOOKS, ("sound",), event.markets
    yield BOOKS, ("missing",), max(event.watched - event.markets, 0)


def _failed(event: FetchFailed) -> Iterable[Count]:
    asked = event.what.replace(" ", "_")
    yield FETCH_ERRORS, FETCH_ERRORS.bounded((asked, failure_kind(event.reason))), 1.0


def _ended(event: OrderEnded) -> Iterable[Count]:
    done = event.execution
    yield ENDED, (done.status.value,), 1.0
    yield from _traded(done.fills)


def _filled(event: OrderFilled) -> Iterable[Count]:
    yield from _traded(event.fills)


def _traded(fills: Sequence[Fill]) -> Iterable[Count]:
    if fills:
        yield FILLS, (), len(fills)
        yield CONTRACTS, (), measured(sum((fill.size for fill in fills), ZERO))
        yield FEES, (), measured(sum((fill.fee for fill in fills), ZERO))


def _signal(event: SignalMade) -> Iterable[Count]:
    yield from _SIGNAL(event)
    if event.stop is not None:
        yield from _HELD(event)


def _result(event: PredictionGraded) -> str:
    if not event.change:
        return "unmoved"
    return "right" if (event.score > 0.5) == (event.change > 0) else "wrong"


_SIGNAL: Final = _by(SIGNALS, lambda event: event.action.value)
_HELD: Final = _by(HELD, lambda event: event.stop.rule)
_VIEWS: Final[Mapping[type[Event], Callable[[Any], Iterable[Count]]]] = {
    CycleStarted: _one(CYCLES_STARTED),
    CycleFinished: _one(CYCLES),
    MarketsFetched: _fetched,
    FetchFailed: _failed,
    SignalMade: _signal,
    OrderSubmitted: _one(SUBMITTED),
    OrderRested: _one(RESTED),
    OrderFilled: _filled,
    OrderEnded: _ended,
    OrderUnresolved: _one(UNRESOLVED),
    OrderRefused: _by(REFUSED, lambda event: event.rule),
    EntriesStopped: _by(STOPS, lambda event: event.rule),
    EntriesResumed: _by(RESUMED, lambda event: event.rule),
    Noted: _by(NOTED, lambda event: event.kind.value.lower()),
    PositionOpened: _one(OPENED),
    PositionClosed: _by(CLOSED, lambda event: event.how),
    MarketSettled: _one(SETTLED),
    PositionAdjusted: _one(ADJUSTED),
    TwinCompared: _one(TWINS),
    WhaleSeen: _by(WHALES, lambda event: event.whale.type.value),
    WhaleEnded: _by(WHALES_ENDED, lambda event: event.ending.fate.value),
    RegimeChanged: _by(REGIMES_CHANGED, lambda event: event.after.value),
    PredictionGraded: _by(GRADES, _result),
    FillMarkedOut: _by(MARKED_OUT, lambda event: event.kind.value),
}
