"""Public reads of what is listed: series, events, markets."""

from collections.abc import Callable, Iterable
from typing import Any, Final

from bot.sim.engine import errors
from bot.sim.engine.specs import EventSpec
from bot.sim.engine.state import MarketState
from bot.sim.rest import archived
from bot.sim.rest.listing import STATUS_FILTERS, by_age, by_close, is_between
from bot.sim.rest.paging import page
from bot.sim.rest.query import Query
from bot.sim.rest.service import Answer, Call, Route, answer

#: The time filters of `GET /markets`, with the status filters that each goes with.
_TIMES: Final[dict[str, tuple[frozenset[str], Callable[[MarketState], Any]]]] = {
    "created": (frozenset({"", "unopened", "open"}), lambda market: market.created),
    "close": (frozenset({"", "closed"}), lambda market: market.close_time),
    "settled": (frozenset({"", "settled"}), lambda market: market.settled_at),
    "updated": (frozenset({""}), lambda market: market.updated),
}
_EVENT_STATUSES: Final = ("unopened", "open", "closed", "settled")


def series_list(call: Call) -> Answer:
    """All series at once: there are no pages here."""
    query = call.query
    category, tags = query.text("category"), set(query.listed("tags", 100))
    with_volume = query.flag("include_volume")
    query.flag("include_product_metadata")
    query.seconds("min_updated_ts")
    shown = [
        call.service.renderer.series(spec, with_volume=with_volume)
        for spec in call.state.series.values()
        if category in {"", spec.category} and (not tags or tags & set(spec.tags))
    ]
    return answer({"series": shown})


def series_one(call: Call) -> Answer:
    spec = call.state.series.get(call.path["series_ticker"])
    if spec is None:
        raise errors.NOT_FOUND()
    with_volume = call.query.flag("include_volume")
    return answer({"series": call.service.renderer.series(spec, with_volume=with_volume)})


def markets_list(call: Call) -> Answer:
    """A page of markets: newest first, closed ones by their close."""
    query = call.query
    limit = query.limit(1_000, 100, least=0)
    status = query.choice("status", STATUS_FILTERS)
    times = _times(query, status)
    is_closed = status == "closed"
    found = [market for market in _candidates(call) if _passes(market, status, times)]
    if is_closed:
        found.sort(key=by_close)
    key = by_close if is_closed else by_age
    shown, cursor = page(found, key, query.text("cursor"), limit)
    market = call.service.renderer.market
    return answer({"markets": [market(one) for one in shown], "cursor": cursor})


def market_one(call: Call) -> Answer:
    market = call.state.markets.get(call.path["ticker"])
    if market is None:
        raise errors.NOT_FOUND()
    return answer({"market": call.service.renderer.market(market)})


def events_list(call: Call) -> Answer:
    """A page of events that are no combos, newest first."""
    return answer(_events(call, are_combos=False))


def combo_events(call: Call) -> Answer:
    """A page of multivariate events, newest first."""
    return answer(_events(call, are_combos=True))


def event_one(call: Call) -> Answer:
    """One event with its markets, inside it or beside it."""
    spec = call.state.events.get(call.path["event_ticker"])
    nested, without = call.query.flag("with_nested_markets"), call.query.flag("exclude_markets")
    if nested and without:
        raise call.query.refuse("exclude_markets", "excluded_with")
    if spec is None:
        raise errors.NOT_FOUND()
    event = call.service.renderer.event(spec)
    render = call.service.renderer.market
    markets = [] if without else [render(m) for m in _of_event(call, spec)]
    if nested:
        event["markets"] = markets
    return answer({"event": event, "markets": markets})


def _events(call: Call, *, are_combos: bool) -> dict[str, Any]:
    query = call.query
    limit = query.limit(200, 200)
    nested = query.flag("with_nested_markets")
    query.flag("with_milestones")
    passes, is_combo = _event_filter(call), call.service.listing.is_combo
    found = [
        item
        for item in call.service.listing.events()
        if passes(item[1]) and is_combo(item[1].event_ticker) is are_combos
    ]
    shown, cursor = page(found, lambda item: (item[0],), query.text("cursor"), limit)
    events = [_with_markets(call, spec, nested=nested) for _, spec in shown]
    return {"events": events, "milestones": [], "cursor": cursor}


def _with_markets(call: Call, spec: EventSpec, *, nested: bool) -> dict[str, Any]:
    event = call.service.renderer.event(spec)
    if nested:
        event["markets"] = [call.service.renderer.market(m) for m in _of_event(call, spec)]
    return event


def _of_event(call: Call, spec: EventSpec) -> list[MarketState]:
    return call.service.listing.of_event(spec.event_ticker)


def _event_filter(call: Call) -> Callable[[EventSpec], bool]:
    query = call.query
    status, series = query.choice("status", _EVENT_STATUSES), query.text("series_ticker")
    tickers = query.listed("tickers", 200)
    min_close, min_updated = query.seconds("min_close_ts"), query.seconds("min_updated_ts")
    updated = call.state.event_updated

    def has_market(spec: EventSpec) -> bool:
        return any(
            (not status or market.status in STATUS_FILTERS[status])
            and is_between(market.close_time, min_close, None)
            for market in _of_event(call, spec)
        )

    def passes(spec: EventSpec) -> bool:
        return (
            series in {"", spec.series_ticker}
            and (not tickers or spec.event_ticker in tickers)
            and is_between(updated[spec.event_ticker], min_updated, None)
            and ((not status and min_close is None) or has_market(spec))
        )

    return passes


def _candidates(call: Call) -> Iterable[MarketState]:
    """The markets that the filters on names and kinds leave."""
    query, listing = call.query, call.service.listing
    tickers, event = query.listed("tickers", 1_000), query.text("event_ticker")
    series, combos = query.text("series_ticker"), query.choice("mve_filter", ("only", "exclude"))
    found: Iterable[MarketState] = listing.named(tickers) if tickers else listing.markets()
    if event:
        found = (market for market in found if market.spec.event_ticker == event)
    if series:
        found = (market for market in found if market.series_ticker == series)
    if combos:
        found = (market for market in found if market.spec.is_combo is (combos == "only"))
    return found


_Times = dict[str, tuple[int | None, int | None]]


def _times(query: Query, status: str) -> _Times:
    """The time filters in force. Raises BadQueryError for those that exclude each other."""
    times: _Times = {}
    for name, (statuses, _) in _TIMES.items():
        least, most = query.seconds(f"min_{name}_ts"), query.seconds(f"max_{name}_ts")
        if least is None and most is None:
            continue
        if status not in statuses:
            raise query.refuse("status", "excluded_with")
        times[name] = (least, most)
    if len(times) > 1:
        raise query.refuse(f"min_{min(times)}_ts", "excluded_with")
    if "updated" in times:
        _refuse_more_than_updated(query)
    return times


def _refuse_more_than_updated(query: Query) -> None:
    excludes_combos = query.text("mve_filter") == "exclude"
    if query.has("mve_filter") and not excludes_combos:
        raise query.refuse("mve_filter", "excluded_with")
    if query.has("series_ticker") and not excludes_combos:
        raise query.refuse("mve_filter", "required_with")
    for other in ("event_ticker", "tickers"):
        if query.has(other):
            raise query.refuse(other, "excluded_with")


def _passes(market: MarketState, status: str, times: _Times) -> bool:
    if status and market.status not in STATUS_FILTERS[status]:
        return False
    return all(is_between(_TIMES[name][1](market), *ends) for name, ends in times.items())


ROUTES: Final = (
    Route("GET", "/series", "GetSeriesList", series_list),
    Route("GET", "/series/{series_ticker}", "GetSeries", series_one),
    Route("GET", "/markets", "GetMarkets", markets_list),
    Route("GET", "/markets/{ticker}", "GetMarket", market_one),
    Route("GET", "/events", "GetEvents", events_list),
    Route("GET", "/events/multivariate", "GetMultivariateEvents", combo_events),
    Route("GET", "/events/{event_ticker}", "GetEvent", event_one),
    *archived.ROUTES,
)
