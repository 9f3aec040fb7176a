"""Public reads of the archive: markets that have left the live listing."""

from typing import Final

from bot.sim.engine import errors
from bot.sim.rest.listing import by_age
from bot.sim.rest.paging import page
from bot.sim.rest.service import Answer, Call, Route, answer


def archived_list(call: Call) -> Answer:
    """A page of archived markets, newest first. One filter at a time."""
    query = call.query
    limit = query.limit(1_000, 100, least=0)
    tickers, event = query.listed("tickers", 1_000), query.text("event_ticker")
    series = query.text("series_ticker")
    excludes_combos = bool(query.choice("mve_filter", ("exclude",)))
    if sum(map(bool, (tickers, event, series))) > 1:
        raise query.refuse("tickers", "excluded_with")
    found = [
        market
        for market in call.state.archive.values()
        if (not tickers or market.spec.ticker in tickers)
        and event in {"", market.spec.event_ticker}
        and series in {"", market.series_ticker}
        and not (excludes_combos and market.spec.is_combo)
    ]
    found.sort(key=by_age)
    shown, cursor = page(found, by_age, query.text("cursor"), limit)
    markets = [call.service.renderer.market(market) for market in shown]
    return answer({"markets": markets, "cursor": cursor})


def archived_one(call: Call) -> Answer:
    """One archived market."""
    market = call.state.archive.get(call.path["ticker"])
    if market is None:
        raise errors.NOT_FOUND()
    return answer({"market": call.service.renderer.market(market)})


ROUTES: Final = (
    Route("GET", "/historical/markets", "GetHistoricalMarkets", archived_list),
    Route("GET", "/historical/markets/{ticker}", "GetHistoricalMarket", archived_one),
)
