"""Operations on the exchange itself: status, schedule, cutoffs, costs."""

from datetime import datetime, time, timedelta
from typing import Any, Final

from bot.sim.engine.week import hours
from bot.sim.rest.render import iso_time
from bot.sim.rest.service import Answer, Call, Route, answer

#: How long a member's orders and fills stay in the live data.
ORDER_ARCHIVE_AGE: Final = timedelta(days=14)
_PREFIX: Final = "/trade-api/v2"


def status(call: Call) -> Answer:
    """Whether the exchange and trading are on, by shard and overall (as the first shard is)."""
    shards = [
        {
            "exchange_index": index,
            "description": shard.description,
            "exchange_active": shard.exchange_active,
            "trading_active": shard.trading_active and shard.exchange_active,
            "intra_exchange_transfers_active": shard.exchange_active,
        }
        for index, shard in enumerate(call.state.shards)
    ]
    words = ("exchange_active", "trading_active", "intra_exchange_transfers_active")
    first = {word: shards[0][word] for word in words}
    return answer({**first, "exchange_index_statuses": shards})


def schedule(call: Call) -> Answer:
    """The trading week in New York time, as this exchange observes it."""
    week = hours(paused=call.state.has_weekly_pause)
    planned = [
        {"start_datetime": iso_time(start), "end_datetime": iso_time(end)}
        for start, end in call.state.maintenance
        if end > call.exchange.now
    ]
    return answer({"schedule": {"standard_hours": [week], "maintenance_windows": planned}})


def user_data_timestamp(call: Call) -> Answer:
    """How far the portfolio reads have caught up: here always to the present."""
    return answer({"as_of_time": iso_time(call.exchange.now)})


def historical_cutoff(call: Call) -> Answer:
    """Where the archive begins, for each kind of data."""
    old = iso_time(call.exchange.now - call.exchange.archive.after)
    return answer(
        {
            "market_settled_ts": old,
            "trades_created_ts": old,
            "market_positions_last_updated_ts": old,
            "orders_updated_ts": iso_time(orders_archived_before(call.exchange.now)),
        }
    )


def orders_archived_before(now: datetime) -> datetime:
    """What ended before that, of orders and their fills, is read under /historical."""
    return _midnight(now - ORDER_ARCHIVE_AGE)


def endpoint_costs(_call: Call) -> Answer:
    """The operations that do not cost the default."""
    return answer({"default_cost": 10, "endpoint_costs": list(_COSTS)})


def fee_changes(call: Call) -> Answer:
    """Changes of series fees that are scheduled, or with `show_historical` all there ever were."""
    series, everything = call.query.text("series_ticker"), call.query.flag("show_historical")
    found = [
        {
            "id": one.change_id,
            "series_ticker": one.series_ticker,
            "fee_type": one.kind,
            "fee_multiplier": float(one.multiplier or 0),
            "scheduled_ts": iso_time(one.at),
        }
        for one in call.state.fee_changes
        if not one.event_ticker
        and series in {"", one.series_ticker}
        and (everything or one.at > call.exchange.now)
    ]
    return answer({"series_fee_change_arr": found})


def event_fee_changes(call: Call) -> Answer:
    """Fee overrides of events that are scheduled, all on one page."""
    event = call.query.text("event_ticker")
    found = [
        {
            "id": one.change_id,
            "event_ticker": one.event_ticker,
            "series_ticker": one.series_ticker,
            "fee_type_override": one.kind,
            "fee_multiplier_override": None if one.multiplier is None else float(one.multiplier),
            "scheduled_ts": iso_time(one.at),
        }
        for one in call.state.fee_changes
        if one.event_ticker and event in {"", one.event_ticker} and one.at > call.exchange.now
    ]
    return answer({"event_fee_changes": found, "cursor": ""})


def _midnight(at: datetime) -> datetime:
    return datetime.combine(at.date(), time(), at.tzinfo)


def _cost(method: str, path: str, cost: int) -> dict[str, Any]:
    return {"method": method, "path": f"{_PREFIX}{path}", "cost": cost}


_COSTS: Final = (
    _cost("DELETE", "/portfolio/events/orders", 2),
    _cost("DELETE", "/portfolio/events/orders/:order_id", 2),
    _cost("DELETE", "/portfolio/events/orders/batched", 2),
    _cost("GET", "/portfolio/orders/:order_id", 2),
)

ROUTES: Final = (
    Route("GET", "/exchange/status", "GetExchangeStatus", status),
    Route("GET", "/exchange/schedule", "GetExchangeSchedule", schedule),
    Route("GET", "/exchange/user_data_timestamp", "GetUserDataTimestamp", user_data_timestamp),
    Route("GET", "/historical/cutoff", "GetHistoricalCutoff", historical_cutoff),
    Route("GET", "/account/endpoint_costs", "GetAccountEndpointCosts", endpoint_costs),
    Route("GET", "/series/fee_changes", "GetSeriesFeeChanges", fee_changes),
    Route("GET", "/events/fee_changes", "GetEventFeeChanges", event_fee_changes),
)
