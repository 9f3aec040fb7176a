"""The life-cycle messages of markets and events (AsyncAPI 2.0.0).

The timed opening and close of a market are not announced, as on Kalshi.
"""

from datetime import datetime
from typing import Any, Final

from bot.sim.engine.events import EventCreated, MarketChange, MarketChanged
from bot.sim.engine.specs import MarketSpec
from bot.sim.engine.state import ExchangeState, MarketState
from bot.sim.engine.units import DOLLAR_TICKS, PRICE_TEXT
from bot.sim.stream.channels import COMBO_LIFECYCLE
from bot.sim.stream.render import content

Json = dict[str, Any]


def market_step(state: ExchangeState, event: MarketChanged, kind: str) -> str | None:
    """A step in the life of a market; None for one that Kalshi does not announce."""
    reported = _CHANNEL_EVENTS.get(event.kind)
    if reported is None:
        return None
    msg = {"market_ticker": event.ticker, "event_type": str(event.kind)}
    more = reported(event, state.markets[event.ticker])
    if kind == COMBO_LIFECYCLE:
        # Kalshi sends price bands for plain markets only.
        more.pop("price_ranges", None)
    return content(kind, {**msg, **more})


def new_event(state: ExchangeState, event: EventCreated) -> str:
    spec = state.events[event.event_ticker]
    reported: Json = {
        "event_ticker": spec.event_ticker,
        "exchange_index": state.series[spec.series_ticker].exchange_index,
        "title": spec.title,
        "subtitle": spec.sub_title,
        "collateral_return_type": "MECNET" if spec.mutually_exclusive else "",
        "series_ticker": spec.series_ticker,
    }
    if spec.strike_date is not None:
        reported["strike_date"] = _seconds(spec.strike_date)
    if spec.strike_period is not None:
        reported["strike_period"] = spec.strike_period
    return content("event_lifecycle", reported)


def _seconds(at: datetime) -> int:
    return int(at.timestamp())


def _created(event: MarketChanged, market: MarketState) -> Json:
    spec = market.spec
    return {
        "exchange_index": market.shard,
        "open_ts": _seconds(spec.open_time),
        "close_ts": _seconds(event.close_time),
        "additional_metadata": _metadata(spec),
        **_grid(event, market),
    }


def _metadata(spec: MarketSpec) -> Json:
    reported = {
        "name": spec.title,
        "title": spec.title,
        "yes_sub_title": spec.yes_sub_title,
        "no_sub_title": spec.no_sub_title or spec.yes_sub_title,
        "rules_primary": spec.rules_primary,
        "rules_secondary": spec.rules_secondary,
        "can_close_early": spec.can_close_early,
        "event_ticker": spec.event_ticker,
        "expected_expiration_ts": _seconds(spec.expected_expiration_time or spec.close_time),
        "strike_type": spec.strike_type,
        "floor_strike": spec.floor_strike,
        "cap_strike": spec.cap_strike,
        "custom_strike": spec.custom_strike,
    }
    return {key: value for key, value in reported.items() if value is not None}


def _grid(_event: MarketChanged, market: MarketState) -> Json:
    spec = market.spec
    return {
        "price_level_structure": spec.price_level_structure,
        "price_ranges": [
            {"start": f"{b.start:.4f}", "end": f"{b.end:.4f}", "step": f"{b.step:.4f}"}
            for b in spec.grid.ranges
        ],
    }


def _determined(event: MarketChanged, _market: MarketState) -> Json:
    value = DOLLAR_TICKS if event.value is None else event.value
    return {
        "determination_ts": _seconds(event.at),
        "result": event.result,
        "settlement_value": PRICE_TEXT[value],
    }


#: The fields of each step; the scheduled opening and close are not announced.
_CHANNEL_EVENTS: Final = {
    MarketChange.CREATED: _created,
    MarketChange.ACTIVATED: lambda _event, _market: {"is_deactivated": False},
    MarketChange.DEACTIVATED: lambda _event, _market: {"is_deactivated": True},
    MarketChange.CLOSE_DATE_UPDATED: lambda event, _market: {
        "close_ts": _seconds(event.close_time)
    },
    MarketChange.DETERMINED: _determined,
    MarketChange.SETTLED: lambda event, _market: {"settled_ts": _seconds(event.at)},
    MarketChange.GRID_UPDATED: _grid,
}
