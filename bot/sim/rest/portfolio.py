"""What an account reads of itself: orders, fills, positions, settlements."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final, TypeVar

from bot.sim.engine import errors
from bot.sim.engine.accounts import MemberPosition, SettlementRecord
from bot.sim.engine.events import Filled
from bot.sim.engine.orders import LiveOrder, OrderState
from bot.sim.engine.units import size_text
from bot.sim.rest.auth import READ
from bot.sim.rest.exchange_status import orders_archived_before
from bot.sim.rest.listing import is_between
from bot.sim.rest.paging import Key, page
from bot.sim.rest.render_portfolio import (
    event_positions,
    fill_json,
    order_json,
    position_json,
    settlement_json,
)
from bot.sim.rest.service import Answer, Call, Route, answer

T = TypeVar("T")

_STATES: Final = tuple(OrderState)


def orders(call: Call) -> Answer:
    """A page of orders, newest first."""
    return _orders(call, archived=False)


def archived_orders(call: Call) -> Answer:
    """A page of archived orders."""
    return _orders(call, archived=True)


def _orders(call: Call, *, archived: bool) -> Answer:
    query = call.query
    state, ticker = query.choice("status", _STATES), query.text("ticker")
    events = query.listed("event_ticker", 100)
    picks = _picks(call)
    found = [
        order
        for account in call.accounts
        for order in account.orders.values()
        if _is_archived(call, order) is archived
        and (not state or order.state == state)
        and ticker in {"", order.ticker}
        and (not events or _event_of(call, order.ticker) in events)
        and picks(order.ticker, order.created)
    ]
    shown, cursor = _paged(call, found, _order_key)
    return answer({"orders": [order_json(call.state, o) for o in shown], "cursor": cursor})


def order_one(call: Call) -> Answer:
    """One order, resting or not."""
    return answer({"order": order_json(call.state, _order(call))})


def queue_position(call: Call) -> Answer:
    """How many contracts must trade before a resting order does."""
    order = _order(call)
    if order.state is not OrderState.RESTING:
        raise errors.NOT_FOUND()
    return answer({"queue_position_fp": _ahead(call, order)})


def queue_positions(call: Call) -> Answer:
    """The same for all resting orders."""
    query = call.query
    tickers, event = query.listed("market_tickers", 1_000), query.text("event_ticker")
    found = [
        order
        for order in call.account.open_orders.values()
        if (not tickers or order.ticker in tickers) and event in {"", _event_of(call, order.ticker)}
    ]
    shown = [
        {
            "order_id": order.order_id,
            "market_ticker": order.ticker,
            "queue_position_fp": _ahead(call, order),
        }
        for order in found
    ]
    return answer({"queue_positions": shown})


def fills(call: Call) -> Answer:
    """A page of fills, newest first."""
    return _fills(call, archived=False)


def archived_fills(call: Call) -> Answer:
    """A page of archived fills."""
    return _fills(call, archived=True)


def _fills(call: Call, *, archived: bool) -> Answer:
    query, cutoff = call.query, orders_archived_before(call.exchange.now)
    tickers, order_id = query.listed("ticker", 100), query.text("order_id")
    picks = _picks(call)
    found = [
        fill
        for account in call.accounts
        for fill in account.fills
        if (fill.at < cutoff) is archived
        and (not tickers or fill.ticker in tickers)
        and order_id in {"", fill.order_id}
        and picks(fill.ticker, fill.at)
    ]
    shown, cursor = _paged(call, found, _fill_key)
    return answer({"fills": [fill_json(call.state, f) for f in shown], "cursor": cursor})


def positions(call: Call) -> Answer:
    """A page of positions; those of settled markets only when asked for."""
    return _positions(call, lambda held: not _has_moved(call, held) and _holds(call, held))


def archived_positions(call: Call) -> Answer:
    """A page of archived positions."""
    ticker, event = call.query.text("ticker"), call.query.text("event_ticker")

    def picks(held: MemberPosition) -> bool:
        is_asked = ticker in {"", held.ticker} and event in {"", _event_of(call, held.ticker)}
        return _has_moved(call, held) and is_asked

    return _positions(call, picks)


def _has_moved(call: Call, held: MemberPosition) -> bool:
    """Whether it is read under /historical, as its market is."""
    return held.is_settled and held.updated < call.exchange.now - call.exchange.archive.after


def _positions(call: Call, picks: Callable[[MemberPosition], bool]) -> Answer:
    found = [held for held in call.account.positions.values() if picks(held)]
    found.sort(key=_position_key)
    shown, cursor = _paged(call, found, _position_key)
    body = {
        "market_positions": [position_json(held) for held in shown],
        "event_positions": event_positions(call.state, shown),
        "cursor": cursor,
    }
    return answer(body)


def settlements(call: Call) -> Answer:
    """A page of what markets have paid, newest first."""
    query = call.query
    ticker, event = query.text("ticker"), query.text("event_ticker")
    least, most = query.seconds("min_ts"), query.seconds("max_ts")
    found = [
        record
        for account in call.accounts
        for record in account.settlements
        if ticker in {"", record.ticker}
        and event in {"", record.event_ticker}
        and is_between(record.at, least, most)
    ]
    found.sort(key=_settlement_key)
    shown, cursor = _paged(call, found, _settlement_key)
    return answer({"settlements": [settlement_json(s) for s in shown], "cursor": cursor})


def _is_archived(call: Call, order: LiveOrder) -> bool:
    has_ended = order.state is not OrderState.RESTING
    return has_ended and order.updated < orders_archived_before(call.exchange.now)


def _picks(call: Call) -> Callable[[str, datetime], bool]:
    """The filters on time, shard and subaccount, as a predicate of ticker and time."""
    query = call.query
    least, most = query.seconds("min_ts"), query.seconds("max_ts")
    shard = query.integer("exchange_index", 0, 100)
    markets = call.state.markets
    return lambda ticker, at: is_between(at, least, most) and shard in {None, markets[ticker].shard}


def _holds(call: Call, held: MemberPosition) -> bool:
    query = call.query
    wanted = query.choice("settlement_status", ("unsettled", "settled", "all")) or "unsettled"
    counts = query.listed("count_filter", 10)
    if any(count not in {"position", "total_traded"} for count in counts):
        raise query.refuse("count_filter", "oneof")
    values = {"position": held.size, "total_traded": held.traded}
    shard = query.integer("exchange_index", 0, 100)
    return (
        (wanted == "all" or held.is_settled is (wanted == "settled"))
        and (not counts or any(values[count] for count in counts))
        and query.text("ticker") in {"", held.ticker}
        and query.text("event_ticker") in {"", _event_of(call, held.ticker)}
        and shard in {None, held.shard}
    )


def _paged(call: Call, found: Sequence[T], key: Callable[[T], Key]) -> tuple[list[T], str]:
    return page(found, key, call.query.text("cursor"), call.query.limit(1_000, 100))


def _order(call: Call) -> LiveOrder:
    for account in call.accounts:
        if (order := account.orders.get(call.path["order_id"])) is not None:
            return order
    raise errors.NOT_FOUND()


def _ahead(call: Call, order: LiveOrder) -> str:
    return size_text(call.state.markets[order.ticker].book.ahead(order))


def _event_of(call: Call, ticker: str) -> str:
    return call.state.markets[ticker].spec.event_ticker


def _order_key(order: LiveOrder) -> Key:
    return (order.order_id,)


def _fill_key(fill: Filled) -> Key:
    return (fill.trade_id,)


def _position_key(held: MemberPosition) -> Key:
    return (held.ticker,)


def _settlement_key(record: SettlementRecord) -> Key:
    return (record.at.timestamp(), record.ticker)


_ONE: Final = "/portfolio/orders/{order_id}"
_QUEUE: Final = "/portfolio/orders/queue_positions"

ROUTES: Final = (
    Route("GET", "/portfolio/orders", "GetOrders", orders, READ),
    Route("GET", _QUEUE, "GetOrderQueuePositions", queue_positions, READ),
    Route("GET", _ONE, "GetOrder", order_one, READ, cost=2),
    Route("GET", f"{_ONE}/queue_position", "GetOrderQueuePosition", queue_position, READ),
    Route("GET", "/portfolio/fills", "GetFills", fills, READ),
    Route("GET", "/historical/orders", "GetHistoricalOrders", archived_orders, READ),
    Route("GET", "/historical/fills", "GetFillsHistorical", archived_fills, READ),
    Route("GET", "/historical/positions", "GetHistoricalPositions", archived_positions, READ),
    Route("GET", "/portfolio/positions", "GetPositions", positions, READ),
    Route("GET", "/portfolio/settlements", "GetSettlements", settlements, READ),
)
