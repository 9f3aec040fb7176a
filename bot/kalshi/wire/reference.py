"""The shapes of Kalshi's slow-moving public data: candles, opening hours, fee changes, archive.

Tables only, read with `shapes.decode`.
"""

from decimal import Decimal

from msgspec import Struct

from bot.kalshi.wire.shapes import Amount, At, Ticker


class Quotes(Struct, frozen=True):
    """Prices of one side over a period, dollars; historical candles leave out the suffix."""

    open_dollars: Amount | None = None
    high_dollars: Amount | None = None
    low_dollars: Amount | None = None
    close_dollars: Amount | None = None


class Candle(Struct, frozen=True):
    """One period; without a trade `price` is empty or knows only what was before."""

    end_period_ts: int
    yes_bid: Quotes
    yes_ask: Quotes
    price: Quotes


class Candles(Struct, frozen=True):
    """GET /series/{s}/markets/{t}/candlesticks, current and historical."""

    ticker: Ticker
    candlesticks: list[Candle] | None


class MarketCandles(Struct, frozen=True):
    """The candles of one market of a batch."""

    market_ticker: Ticker
    candlesticks: list[Candle] | None


class CandleBatch(Struct, frozen=True):
    """GET /markets/candlesticks."""

    markets: list[MarketCandles] | None


class TradingHoursWire(Struct, frozen=True):
    """Hours of one day, `HH:MM` in New York; 00:00 to 00:00 is the whole day."""

    open_time: str
    close_time: str


class Week(Struct, frozen=True):
    """Opening hours by day; Thursday has a gap."""

    start_time: At
    end_time: At
    monday: list[TradingHoursWire]
    tuesday: list[TradingHoursWire]
    wednesday: list[TradingHoursWire]
    thursday: list[TradingHoursWire]
    friday: list[TradingHoursWire]
    saturday: list[TradingHoursWire]
    sunday: list[TradingHoursWire]


class Maintenance(Struct, frozen=True):
    """A time when the exchange is down."""

    start_datetime: At
    end_datetime: At


class Hours(Struct, frozen=True):
    """All opening hours."""

    standard_hours: list[Week]
    maintenance_windows: list[Maintenance] | None


class ScheduleWire(Struct, frozen=True):
    """GET /exchange/schedule."""

    schedule: Hours


class SeriesFeeChange(Struct, frozen=True):
    """When a series will charge otherwise."""

    series_ticker: Ticker
    fee_type: str
    fee_multiplier: Decimal
    scheduled_ts: At


class SeriesFeeChanges(Struct, frozen=True):
    """GET /series/fee_changes."""

    series_fee_change_arr: list[SeriesFeeChange] | None


class EventFeeChange(Struct, frozen=True):
    """When an event will charge otherwise; nulls give its series the word again."""

    event_ticker: Ticker
    fee_type_override: str | None
    fee_multiplier_override: Decimal | None
    scheduled_ts: At


class EventFeeChanges(Struct, frozen=True):
    """GET /events/fee_changes."""

    event_fee_changes: list[EventFeeChange] | None
    cursor: str


class ArchiveCutoff(Struct, frozen=True):
    """GET /historical/cutoff: what is older lives under /historical."""

    market_settled_ts: At
    trades_created_ts: At
    orders_updated_ts: At
