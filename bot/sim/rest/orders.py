"""Order entry: the V2 operations under /portfolio/events/orders, and the legacy ones, gone."""

from typing import Any, Final

from bot.sim.engine import errors
from bot.sim.engine.accounts import MemberAccount
from bot.sim.engine.errors import Rejected
from bot.sim.engine.exchange import Placed
from bot.sim.engine.orders import LiveOrder
from bot.sim.engine.units import size_text
from bot.sim.rest.auth import TRADE
from bot.sim.rest.body import Fields, checked, required
from bot.sim.rest.order_body import (
    AMEND,
    CANCEL,
    CREATE,
    DECREASE,
    amendment,
    order_request,
    refuse_wrong_shard,
    size_of,
)
from bot.sim.rest.render_portfolio import average_fee, average_price
from bot.sim.rest.service import Answer, Call, Route, answer

_BATCH: Final[Fields] = {"orders": "array"}


def create(call: Call) -> Answer:
    """Enter one order."""
    fields = call.fields("CreateOrderV2Request", CREATE)
    placed = _place(call, fields)
    body = _placed_json(placed)
    if placed.filled:
        body |= _averages(placed)
    return answer(body, 201)


def create_batch(call: Call) -> Answer:
    """Enter many orders, one after the other; each succeeds or fails alone."""
    items = call.fields("BatchCreateOrdersV2Request", _BATCH)
    required(items, "orders")
    said = [_create_item(call, item) for item in _checked_items(items, CREATE)]
    return answer({"orders": said}, 201)


def cancel(call: Call) -> Answer:
    """Cancel one order."""
    query = call.query
    fields = {
        "order_id": call.path["order_id"],
        "market_ticker": query.text("market_ticker"),
        "exchange_index": query.integer("exchange_index", -1, 100),
    }
    return answer(_cancel(call, fields, call.account))


def cancel_batch(call: Call) -> Answer:
    """Cancel many orders; each succeeds or fails alone."""
    items = call.fields("BatchCancelOrdersV2Request", _BATCH)
    required(items, "orders")
    said = [_cancel_item(call, item) for item in _checked_items(items, CANCEL)]
    return answer({"orders": said})


def cancel_all(call: Call) -> Answer:
    """Cancel all resting orders, on all shards."""
    call.exchange.cancel_all(call.account)
    return Answer(204, b"")


def amend(call: Call) -> Answer:
    """Change the price, the total count or the expiry of a resting order."""
    fields = call.fields("AmendOrderV2Request", AMEND)
    required(fields, "ticker", "side", "price", "count")
    market = call.state.market(fields["ticker"])
    refuse_wrong_shard(market, fields.get("exchange_index"))
    order = _resting(call)
    terms = amendment(fields, order, call.exchange.now)
    placed = call.exchange.amend(call.account, order.order_id, terms)
    body = _placed_json(placed)
    if placed.filled:
        body |= _averages(placed)
    return answer(body)


def decrease(call: Call) -> Answer:
    """Make a resting order smaller, in its place."""
    fields = call.fields("DecreaseOrderV2Request", DECREASE)
    if ("reduce_by" in fields) is ("reduce_to" in fields):
        raise errors.INVALID_PARAMETERS("exactly one of reduce_by and reduce_to is needed")
    order = _routed(call, call.account, call.path["order_id"], fields)
    by, to = fields.get("reduce_by"), fields.get("reduce_to")
    remaining = call.exchange.decrease(
        call.account,
        order.order_id,
        by=None if by is None else size_of(by),
        to=None if to is None else size_of(to),
    )
    body = {"order_id": order.order_id, "client_order_id": order.client_order_id}
    return answer({**body, "remaining_count": size_text(remaining), "ts_ms": _now_ms(call)})


def legacy(_call: Call) -> Answer:
    """Order entry of version 1, which was withdrawn."""
    raise errors.LEGACY_GONE()


def _place(call: Call, fields: dict[str, Any]) -> Placed:
    request = order_request(fields, call.state)
    return call.exchange.place(call.of_number(fields.get("subaccount")), request)


_NOTHING_PLACED: Final = dict.fromkeys(
    ("fill_count", "remaining_count", "average_fill_price", "average_fee_paid", "ts_ms")
)


def _create_item(call: Call, fields: dict[str, Any]) -> dict[str, Any]:
    try:
        placed = _place(call, fields)
    except Rejected as refusal:
        name = {"client_order_id": fields.get("client_order_id", "")}
        return name | _NOTHING_PLACED | {"error": _flat(refusal)}
    empty = {"average_fill_price": None, "average_fee_paid": None}
    return _placed_json(placed) | (_averages(placed) if placed.filled else empty)


def _cancel(call: Call, fields: dict[str, Any], account: MemberAccount) -> dict[str, Any]:
    order = _routed(call, account, fields["order_id"], fields)
    gone = call.exchange.cancel(account, order.order_id)
    return {
        "order_id": gone.order_id,
        "client_order_id": gone.client_order_id,
        "reduced_by": size_text(gone.reduced_by),
        "ts_ms": _now_ms(call),
    }


def _cancel_item(call: Call, fields: dict[str, Any]) -> dict[str, Any]:
    try:
        required(fields, "order_id")
        return _cancel(call, fields, call.of_number(fields.get("subaccount")))
    except Rejected as refusal:
        return {
            "order_id": fields.get("order_id", ""),
            "client_order_id": None,
            "reduced_by": size_text(0),
            "ts_ms": None,
            "error": _flat(refusal),
        }


def _checked_items(items: dict[str, Any], fields: Fields) -> list[dict[str, Any]]:
    # One item of the wrong kind spoils the whole body, as a decoder would have it.
    name = "CreateOrderV2Request" if fields is CREATE else "BatchCancelOrdersV2RequestOrder"
    return [checked(item, name, fields) for item in items["orders"]]


def _resting(call: Call) -> LiveOrder:
    order = call.account.open_orders.get(call.path["order_id"])
    if order is None:
        raise errors.NOT_FOUND()
    return order


def _routed(call: Call, account: MemberAccount, order_id: str, fields: dict[str, Any]) -> LiveOrder:
    """A resting order, looked for on one shard: its market's if that is named, else the first."""
    order = account.open_orders.get(order_id)
    shard, ticker = fields.get("exchange_index"), fields.get("market_ticker")
    if shard in {None, -1}:
        shard = call.state.market(ticker).shard if ticker else 0
    if order is None or call.state.markets[order.ticker].shard != shard:
        raise errors.NOT_FOUND()
    if ticker and ticker != order.ticker:
        raise errors.ORDER_TICKER_MISMATCH()
    return order


def _placed_json(placed: Placed) -> dict[str, Any]:
    body: dict[str, Any] = {
        "order_id": placed.order_id,
        "client_order_id": placed.client_order_id,
        "fill_count": size_text(placed.filled),
        "remaining_count": size_text(placed.remaining),
        "ts_ms": int(placed.at.timestamp() * 1000),
    }
    return body


def _averages(placed: Placed) -> dict[str, str]:
    return {
        "average_fill_price": average_price(placed.value, placed.filled),
        "average_fee_paid": average_fee(placed.fees, placed.filled),
    }


def _flat(refusal: Rejected) -> dict[str, str]:
    error = {"code": refusal.code, "message": refusal.message}
    return error | ({"details": refusal.details} if refusal.details else {})


def _now_ms(call: Call) -> int:
    return int(call.exchange.now.timestamp() * 1000)


_ORDERS: Final = "/portfolio/events/orders"
_BATCHED: Final = f"{_ORDERS}/batched"
_ONE: Final = f"{_ORDERS}/{{order_id}}"
_OLD: Final = "/portfolio/orders"
_OLD_ONE: Final = f"{_OLD}/{{order_id}}"

ROUTES: Final = (
    Route("POST", _ORDERS, "CreateOrderV2", create, TRADE),
    Route("DELETE", _ORDERS, "CancelAllOrders", cancel_all, TRADE, cost=2),
    Route("POST", _BATCHED, "BatchCreateOrdersV2", create_batch, TRADE, per_order=True),
    Route("DELETE", _BATCHED, "BatchCancelOrdersV2", cancel_batch, TRADE, 2, per_order=True),
    Route("DELETE", _ONE, "CancelOrderV2", cancel, TRADE, cost=2),
    Route("POST", f"{_ONE}/amend", "AmendOrderV2", amend, TRADE),
    Route("POST", f"{_ONE}/decrease", "DecreaseOrderV2", decrease, TRADE),
)
LEGACY_ROUTES: Final = (
    Route("POST", _OLD, "CreateOrder", legacy, TRADE),
    Route("POST", f"{_OLD}/batched", "BatchCreateOrders", legacy, TRADE),
    Route("DELETE", f"{_OLD}/batched", "BatchCancelOrders", legacy, TRADE),
    Route("DELETE", _OLD_ONE, "CancelOrder", legacy, TRADE),
    Route("POST", f"{_OLD_ONE}/amend", "AmendOrder", legacy, TRADE),
    Route("POST", f"{_OLD_ONE}/decrease", "DecreaseOrder", legacy, TRADE),
)
