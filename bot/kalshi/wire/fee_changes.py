"""Fee changes that are announced: GET /series/fee_changes and GET /events/fee_changes.

Leaves out the fees of now (`markets`), and from when on a change counts (`kalshi.terms`).
"""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import TypeAlias

from msgspec import Raw, Struct

from bot.core.market.fees import FeeKind, FeeSchedule
from bot.kalshi.wire.markets import (
    EventTerms,
    SeriesTerms,
    isolated,
    multiplier_of,
    reasons,
    utc_time,
)
from bot.kalshi.wire.shapes import At, Cursor, Ticker, Word, outline


@dataclass(frozen=True, slots=True)
class SeriesFeeChange:
    """A series charges these fees from then on."""

    ticker: str
    at: datetime
    fees: FeeSchedule

    def applied(self, event: EventTerms, series: SeriesTerms) -> tuple[EventTerms, SeriesTerms]:
        """An event and its series once that counts."""
        return event, replace(series, fees=self.fees)


@dataclass(frozen=True, slots=True)
class EventFeeChange:
    """An event overrides its series from then on; None ends an override."""

    ticker: str
    at: datetime
    kind: FeeKind | None
    multiplier: Decimal | None

    def applied(self, event: EventTerms, series: SeriesTerms) -> tuple[EventTerms, SeriesTerms]:
        """An event and its series once that counts."""
        return replace(event, fee_kind=self.kind, fee_multiplier=self.multiplier), series


AnyFeeChange: TypeAlias = SeriesFeeChange | EventFeeChange


@dataclass(frozen=True, slots=True)
class FeeChangePage:
    """Changes, why each `broken` one cannot be read, and where the next page begins."""

    changes: tuple[AnyFeeChange, ...]
    broken: tuple[str, ...]
    cursor: str = ""


class SeriesFeeChangeWire(Struct, frozen=True):
    """A scheduled change of the fees of a series."""

    series_ticker: Ticker
    fee_type: Word
    fee_multiplier: Decimal
    scheduled_ts: At


class EventFeeChangeWire(Struct, frozen=True):
    """A scheduled override of an event; null ends it."""

    event_ticker: Ticker
    fee_type_override: Word | None
    fee_multiplier_override: Decimal | None
    scheduled_ts: At


class _SeriesPage(Struct, frozen=True):
    series_fee_change_arr: list[Raw] | None


class _EventPage(Struct, frozen=True):
    event_fee_changes: list[Raw] | None
    cursor: Cursor


def series_fee_changes(body: bytes) -> FeeChangePage:
    """GET /series/fee_changes: there are no pages."""
    raws = outline(_SeriesPage, body).series_fee_change_arr
    sound, broken = isolated(raws, SeriesFeeChangeWire, _of_series)
    return FeeChangePage(tuple(sound), reasons(broken))


def event_fee_changes(body: bytes) -> FeeChangePage:
    """A page of GET /events/fee_changes."""
    page = outline(_EventPage, body)
    sound, broken = isolated(page.event_fee_changes, EventFeeChangeWire, _of_event)
    return FeeChangePage(tuple(sound), reasons(broken), page.cursor)


def _of_series(shape: SeriesFeeChangeWire) -> SeriesFeeChange:
    multiplier = multiplier_of(shape.series_ticker, shape.fee_multiplier)
    fees = FeeSchedule(FeeKind(shape.fee_type), multiplier)
    return SeriesFeeChange(shape.series_ticker, utc_time(shape.scheduled_ts), fees)


def _of_event(shape: EventFeeChangeWire) -> EventFeeChange:
    kind, multiplier = shape.fee_type_override, shape.fee_multiplier_override
    return EventFeeChange(
        ticker=shape.event_ticker,
        at=utc_time(shape.scheduled_ts),
        kind=None if kind is None else FeeKind(kind),
        multiplier=None if multiplier is None else multiplier_of(shape.event_ticker, multiplier),
    )
