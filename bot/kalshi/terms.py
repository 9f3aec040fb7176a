"""What an event says of its markets, put together from the event and its series, and kept a while.

Fees change rarely and with notice; an hour is as old as they get here.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Final, TypeVar

from bot.core.market.fees import FeeSchedule
from bot.kalshi.wire.markets import EventTerms, SeriesTerms
from bot.ports.exchange import Clock, Terms

FRESH_FOR = timedelta(hours=1)
#: Events remembered, and series: several times what is watched. Those read longest ago go first,
#: for markets may be said to belong to another event every second.
MOST: Final = 5_000

KnownT = TypeVar("KnownT")


def terms_of(event: EventTerms, series: SeriesTerms) -> Terms:
    """The terms in force: what the event overrides, and the rest from its series."""
    multiplier = event.fee_multiplier
    fees = FeeSchedule(
        kind=event.fee_kind or series.fees.kind,
        # A multiplier of 0 is an override too: fees are waived.
        multiplier=series.fees.multiplier if multiplier is None else multiplier,
    )
    category = series.category or event.category
    return Terms(event.series_ticker, category, fees, event.is_exclusive)


class TermsCache:
    """Terms by event and series by ticker, each until it is an hour old."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._terms: dict[str, tuple[datetime, Terms]] = {}
        self._series: dict[str, tuple[datetime, SeriesTerms]] = {}

    def split(self, events: Sequence[str]) -> tuple[dict[str, Terms], list[str]]:
        """The terms still fresh, and the events whose terms have to be read."""
        self._forget()
        known = {event: self._terms[event][1] for event in events if event in self._terms}
        return known, [event for event in events if event not in known]

    def store(self, terms: Mapping[str, Terms]) -> None:
        """Remember these from now on."""
        now = self._clock.now()
        self._terms |= {event: (now, known) for event, known in terms.items()}
        _bound(self._terms)

    def series(self, ticker: str) -> SeriesTerms | None:
        """The series, if it was read within the hour."""
        known = self._series.get(ticker)
        return known[1] if known else None

    def store_series(self, series: SeriesTerms) -> None:
        """Remember it from now on."""
        self._series[series.ticker] = (self._clock.now(), series)
        _bound(self._series)

    def _forget(self) -> None:
        oldest = self._clock.now() - FRESH_FOR
        self._terms = {event: known for event, known in self._terms.items() if known[0] > oldest}
        self._series = {name: known for name, known in self._series.items() if known[0] > oldest}


def _bound(known: dict[str, KnownT]) -> None:
    for oldest in list(islice(known, max(0, len(known) - MOST))):
        del known[oldest]
