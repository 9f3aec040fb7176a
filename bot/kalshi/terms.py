"""What an event says of its markets, put together from the event and its series, and kept a while.

Fees change rarely and with notice: changes that are announced are read as well, so a change counts
from its moment on, not only once the event and its series, an hour old at most, are read again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Final, Generic, TypeVar

from bot.core.market.fees import FeeChange, FeeSchedule
from bot.kalshi.wire.fee_changes import AnyFeeChange, SeriesFeeChange
from bot.kalshi.wire.markets import EventTerms, SeriesTerms
from bot.ports.exchange import Clock, Terms

FRESH_FOR = timedelta(hours=1)
#: How often announced changes are read.
CHANGES_EVERY: Final = timedelta(minutes=10)
#: Events remembered, and series: several times what is watched. Those read longest ago go first,
#: for markets may be said to belong to another event every second.
MOST: Final = 5_000

KnownT = TypeVar("KnownT")


@dataclass(frozen=True, slots=True)
class _Read(Generic[KnownT]):
    """What was read, and when: later changes are not in it."""

    at: datetime
    known: KnownT


def terms_of(event: EventTerms, series: SeriesTerms, changes: Sequence[AnyFeeChange] = ()) -> Terms:
    """The terms in force: what the event overrides, and the rest from its series.

    `changes` are those that are not in what was read, earliest first.
    """
    category = series.category or event.category
    fees, later = _fees(event, series), []
    for change in changes:
        event, series = change.applied(event, series)
        later.append(FeeChange(change.at, _fees(event, series)))
    return Terms(event.series_ticker, category, fees, event.is_exclusive, tuple(later))


def _fees(event: EventTerms, series: SeriesTerms) -> FeeSchedule:
    multiplier = event.fee_multiplier
    return FeeSchedule(
        kind=event.fee_kind or series.fees.kind,
        # A multiplier of 0 is an override too: fees are waived.
        multiplier=series.fees.multiplier if multiplier is None else multiplier,
    )


class TermsCache:
    """Events and series by ticker, each until it is an hour old, and the changes of their fees."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._events: dict[str, _Read[EventTerms]] = {}
        self._series: dict[str, _Read[SeriesTerms]] = {}
        self._changes: tuple[AnyFeeChange, ...] = ()
        self._changes_read_at: datetime | None = None

    @property
    def announced(self) -> tuple[AnyFeeChange, ...]:
        """The changes that are known."""
        return self._changes

    @property
    def wants_changes(self) -> bool:
        """Whether announced changes have to be read again."""
        read_at = self._changes_read_at
        return read_at is None or self._clock.now() - read_at >= CHANGES_EVERY

    def split(self, events: Sequence[str]) -> tuple[dict[str, Terms], list[str]]:
        """The terms still fresh, and the events whose terms have to be read."""
        self._forget()
        found = {event: terms for event in events if (terms := self._terms(event)) is not None}
        return found, [event for event in events if event not in found]

    def store(self, event: EventTerms) -> Terms | None:
        """Remember it from now on; its terms, None if its series is not known."""
        self._events[event.ticker] = _Read(self._clock.now(), event)
        _bound(self._events)
        return self._terms(event.ticker)

    def series(self, ticker: str) -> SeriesTerms | None:
        """The series, if it was read within the hour."""
        read = self._series.get(ticker)
        return read.known if read else None

    def store_series(self, series: SeriesTerms) -> None:
        """Remember it from now on."""
        self._series[series.ticker] = _Read(self._clock.now(), series)
        _bound(self._series)

    def store_changes(self, changes: Sequence[AnyFeeChange]) -> None:
        """Remember what is announced from now on.

        What has come to count since is not announced any more: it stays until all that was read
        before it is too old.
        """
        now = self._clock.now()
        came = [one for one in self._changes if now - FRESH_FOR < one.at <= now]
        self._changes_read_at = now
        self._changes = tuple(sorted({*came, *changes}, key=lambda one: one.at))[-MOST:]

    def _terms(self, ticker: str) -> Terms | None:
        event = self._events.get(ticker)
        series = self._series.get(event.known.series_ticker) if event else None
        if event is None or series is None:
            return None
        changes = [one for one in self._changes if _concerns(one, event, series)]
        return terms_of(event.known, series.known, changes)

    def _forget(self) -> None:
        oldest = self._clock.now() - FRESH_FOR
        self._events = {name: read for name, read in self._events.items() if read.at > oldest}
        self._series = {name: read for name, read in self._series.items() if read.at > oldest}


def _concerns(change: AnyFeeChange, event: _Read[EventTerms], series: _Read[SeriesTerms]) -> bool:
    """Whether a change is one of these fees, and later than they were read."""
    if isinstance(change, SeriesFeeChange):
        return change.ticker == series.known.ticker and change.at > series.at
    return change.ticker == event.known.ticker and change.at > event.at


def _bound(known: dict[str, KnownT]) -> None:
    for oldest in list(islice(known, max(0, len(known) - MOST))):
        del known[oldest]
