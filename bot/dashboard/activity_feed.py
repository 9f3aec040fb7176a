"""The newest events, as the service shows them: bounded lists, newest first."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from bot.core.account.round_trips import in_words
from bot.core.events import (
    EntriesResumed,
    EntriesStopped,
    Event,
    FetchFailed,
    MarketSettled,
    Noted,
    OrderEnded,
    OrderRefused,
    OrderUnresolved,
    PositionAdjusted,
    PositionClosed,
    PositionOpened,
    RegimeChanged,
    WhaleSeen,
)
from bot.core.folding import about
from bot.core.market.money import cents, measured, whole_cents
from bot.core.market.order_text import order_notice, outcome_notice, refusal_notice, size_notice
from bot.core.market.orders import OrderStatus
from bot.dashboard.notices import NoticeBuffer
from bot.dashboard.timeline import TimelineBuffer
from bot.ports.persistence import Checkpoint, CommittedChanges
from bot.ports.view_faults import ViewFaults
from bot.ports.views import NoticeKind, NoticeView, TimelineView, WhaleView

WHALES: Final = 200
TIMELINE: Final = 500
NOTICES: Final = 200


class ActivityFeed:
    """Recent activity. Takes every event; those without a view are dropped."""

    def __init__(self, faults: ViewFaults | None = None) -> None:
        self._faults = faults or ViewFaults()
        self._whales: deque[WhaleView] = deque(maxlen=WHALES)
        self._timeline = TimelineBuffer(TIMELINE)
        self._notices = NoticeBuffer(NOTICES)

    def on_events(self, events: Sequence[Event]) -> None:
        """Take these events; one that cannot be shown becomes a fault, the others are shown."""
        self._faults.each("the timeline", self.add, events)

    def add(self, event: Event) -> None:
        """Remember an event; older ones go if room runs out."""
        view_of = _VIEWS.get(type(event))
        if view_of is None:
            return
        match view_of(event):
            case TimelineView() as entry:
                self._timeline.add(entry)
            case NoticeView() as notice:
                self._notices.add(notice, event.at, about(event))
        if isinstance(event, WhaleSeen):
            self._whales.appendleft(_whale(event))

    def restore(self, checkpoint: Checkpoint) -> None:
        """Restore from the checkpoint: everything shown comes from events."""
        self._whales.clear()
        self._timeline.clear()
        self._notices.clear()
        self.on_events(checkpoint.events)

    def catch_up(self, news: CommittedChanges) -> None:
        """Apply what the leader committed since."""
        self.on_events(news.events)

    @property
    def whales(self) -> tuple[WhaleView, ...]:
        """The newest whales, newest first."""
        return tuple(self._whales)

    @property
    def timeline(self) -> tuple[TimelineView, ...]:
        """The newest of opened, closed, whales, regime changes; newest first."""
        return self._timeline.listed()

    @property
    def notices(self) -> tuple[NoticeView, ...]:
        """The newest of everything else that people should know, newest first."""
        return self._notices.listed()


def _whale(event: WhaleSeen) -> WhaleView:
    whale = event.whale
    return WhaleView(
        timestamp=event.at.isoformat(),
        ticker=whale.ticker,
        side_bias=whale.side_bias.value if whale.side_bias else None,
        imbalance_strength=whale.imbalance_strength,
        max_bid_size=whale.max_bid_size,
        max_ask_size=whale.max_ask_size,
        type=whale.type.value,
        size=measured(whale.size),
        price=cents(whale.price),
        notional=whole_cents(whale.notional),
        why=whale.why,
        confidence=whale.confidence.value if whale.confidence else None,
        source=whale.source.value,
    )


def _whale_entry(event: WhaleSeen) -> TimelineView:
    whale = event.whale
    details = f"{whale.type} {whale.size:,.0f} @ {cents(whale.price):g}c"
    return TimelineView(
        timestamp=event.at.isoformat(), type="WHALE", ticker=whale.ticker, details=details
    )


def _opened(event: PositionOpened) -> TimelineView:
    held = "long" if event.size > 0 else "short"
    details = f"{held} {size_notice(abs(event.size))} @ {cents(event.price):g}c"
    return TimelineView(
        timestamp=event.at.isoformat(), type="OPEN", ticker=event.ticker, details=details
    )


def _closed(event: PositionClosed) -> TimelineView:
    details = f"{in_words(event.how)}, realised {event.realised:+z.2f} dollars"
    return TimelineView(
        timestamp=event.at.isoformat(), type="CLOSE", ticker=event.ticker, details=details
    )


def _regime(event: RegimeChanged) -> TimelineView:
    details = f"{event.before} to {event.after}"
    return TimelineView(timestamp=event.at.isoformat(), type="REGIME_CHANGE", details=details)


def _refused(event: OrderRefused) -> NoticeView:
    message = refusal_notice(event.order, event.reason)
    return _notice(event.at, "REFUSED", message, event.order.ticker)


def _stopped(event: EntriesStopped) -> NoticeView:
    return _notice(event.at, "ENTRIES_STOPPED", event.reason)


def _resumed(event: EntriesResumed) -> NoticeView:
    return _notice(event.at, "ENTRIES_RESUMED", event.reason)


def noted(event: Noted) -> NoticeView:
    """The notice of what operators did, or of a jump of the clock."""
    return _notice(event.at, event.kind.value, event.message)


def _unresolved(event: OrderUnresolved) -> NoticeView:
    message = f"{order_notice(event.order)} may have traded: {event.reason}"
    return _notice(event.at, "ORDER_UNRESOLVED", message, event.order.ticker)


def _failed(event: FetchFailed) -> NoticeView:
    return _notice(event.at, "FETCH_FAILED", f"{event.what}: {event.reason}")


def _settled(event: MarketSettled) -> NoticeView:
    message = (
        f"{size_notice(event.size)} contracts paid {event.payout:f} dollars each, "
        f"realised {event.realised:+z.2f} dollars"
    )
    return _notice(event.at, "SETTLED", message, event.ticker)


def _adjusted(event: PositionAdjusted) -> NoticeView:
    message = (
        f"an operator adopted {size_notice(event.size)} contracts that cost {event.cost:z.2f} "
        f"dollars; {size_notice(event.before)} were booked"
    )
    return _notice(event.at, "ADOPTED", message, event.ticker)


def _ended(event: OrderEnded) -> NoticeView | None:
    done = event.execution
    if done.status is OrderStatus.FILLED:
        return None
    kind: NoticeKind = "PARTLY_FILLED" if done.fills else "ORDER_FAILED"
    return _notice(event.at, kind, outcome_notice(done), done.order.ticker)


def _notice(at: datetime, kind: NoticeKind, message: str, ticker: str | None = None) -> NoticeView:
    when = at.isoformat()
    return NoticeView(
        timestamp=when,
        kind=kind,
        ticker=ticker,
        message=message,
        count=1,
        first_timestamp=when,
    )


#: One line for each event that people are shown; the function makes its view, or none.
_VIEWS: Final[Mapping[type[Event], Callable[[Any], TimelineView | NoticeView | None]]] = {
    PositionOpened: _opened,
    PositionClosed: _closed,
    WhaleSeen: _whale_entry,
    RegimeChanged: _regime,
    OrderRefused: _refused,
    EntriesStopped: _stopped,
    EntriesResumed: _resumed,
    Noted: noted,
    OrderUnresolved: _unresolved,
    OrderEnded: _ended,
    FetchFailed: _failed,
    MarketSettled: _settled,
    PositionAdjusted: _adjusted,
}
