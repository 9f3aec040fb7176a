"""From the strings of an order body to the integers of the exchange, or Kalshi's refusal."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final, TypeVar

from bot.core.market.market import Side
from bot.sim.engine import errors
from bot.sim.engine.orders import Amendment, LiveOrder, OrderRequest, SelfTrade, TimeInForce
from bot.sim.engine.state import ExchangeState, MarketState
from bot.sim.engine.units import CONTRACT, DOLLAR_TICKS, ticks, units
from bot.sim.rest.body import Fields, required

_DIGITS: Final = re.compile(r"\d{1,12}(\.\d{0,6})?|\.\d{1,6}", re.ASCII)
_CLIENT_ID: Final = re.compile(r"[-\w:+=/]{0,64}", re.ASCII)
_SIDES: Final = {"bid": Side.BUY, "ask": Side.SELL}
_LIVES: Final = {life.value: life for life in TimeInForce}
_GIVING_WAY: Final = {kind.value: kind for kind in SelfTrade}
#: The last second that is a date.
_LAST_SECOND: Final = 253_402_300_799
#: The largest order: a million contracts and more is nobody's.
MAX_UNITS: Final = 10_000_000 * CONTRACT

CREATE: Final[Fields] = {
    "ticker": "string",
    "client_order_id": "string",
    "side": "string",
    "count": "string",
    "price": "string",
    "expiration_time": "int",
    "time_in_force": "string",
    "post_only": "bool",
    "self_trade_prevention_type": "string",
    "cancel_order_on_pause": "bool",
    "reduce_only": "bool",
    "subaccount": "int",
    "order_group_id": "string",
    "exchange_index": "int",
}
AMEND: Final[Fields] = {
    "ticker": "string",
    "side": "string",
    "price": "string",
    "count": "string",
    "client_order_id": "string",
    "updated_client_order_id": "string",
    "expiration_time": "int",
    "exchange_index": "int",
}
DECREASE: Final[Fields] = {
    "reduce_by": "string",
    "reduce_to": "string",
    "exchange_index": "int",
    "market_ticker": "string",
}
CANCEL: Final[Fields] = {
    "order_id": "string",
    "subaccount": "int",
    "exchange_index": "int",
    "market_ticker": "string",
}

T = TypeVar("T")


def order_request(fields: dict[str, Any], state: ExchangeState) -> OrderRequest:
    """The order that a body asks for. Raises Rejected."""
    required(
        fields,
        "ticker",
        "side",
        "count",
        "price",
        "time_in_force",
        "self_trade_prevention_type",
    )
    refuse_wrong_shard(state.market(fields["ticker"]), fields.get("exchange_index"))
    return OrderRequest(
        ticker=fields["ticker"],
        side=one_of(_SIDES, fields, "side"),
        size=size_of(fields["count"]),
        price=price_of(fields["price"]),
        time_in_force=one_of(_LIVES, fields, "time_in_force"),
        self_trade=one_of(_GIVING_WAY, fields, "self_trade_prevention_type"),
        client_order_id=client_id(fields.get("client_order_id", "")),
        post_only=fields.get("post_only", False),
        reduce_only=fields.get("reduce_only", False),
        expiration=_expiration(fields.get("expiration_time")),
        cancel_on_pause=fields.get("cancel_order_on_pause", False),
        group_id=fields.get("order_group_id", ""),
    )


def amendment(fields: dict[str, Any], order: LiveOrder, now: datetime) -> Amendment:
    """The new terms that a body asks for. Raises Rejected, also if it means another order."""
    if fields["ticker"] != order.ticker:
        raise errors.ORDER_TICKER_MISMATCH()
    if one_of(_SIDES, fields, "side") is not order.side:
        raise errors.ORDER_SIDE_MISMATCH()
    if fields.get("client_order_id", order.client_order_id) != order.client_order_id:
        raise errors.ORDER_ID_MISMATCH()
    seconds = fields.get("expiration_time")
    expiration = _expiration(seconds) if seconds else None
    if expiration is not None and expiration <= now:
        raise errors.INVALID_ORDER("Expiration timestamp must be in the future")
    return Amendment(
        price=price_of(fields["price"]),
        size=size_of(fields["count"]),
        client_order_id=client_id(fields.get("updated_client_order_id", "")),
        expiration=expiration,
        clear_expiration=seconds == 0,
    )


def price_of(text: str) -> int:
    """A price in ticks. Raises Rejected for what is no price."""
    price = _number(text)
    try:
        found = -1 if price is None else ticks(price)
    except ValueError:
        found = -1
    if not 0 < found < DOLLAR_TICKS:
        raise errors.INVALID_PRICE(f"'{text[:40]}' is no price between 0 and 1")
    return found


def size_of(text: str) -> int:
    """A count in units, 0 allowed. Raises Rejected for what is no count."""
    count = _number(text)
    try:
        found = -1 if count is None else units(count)
    except ValueError:
        found = -1
    if not 0 <= found <= MAX_UNITS:
        raise errors.INVALID_SIZE(f"'{text[:40]}' is no count in steps of 0.01")
    return found


def client_id(text: str) -> str:
    """A client order id. Raises Rejected for one with other characters or too long."""
    if not _CLIENT_ID.fullmatch(text):
        raise errors.INVALID_PARAMETERS("client_order_id: at most 64 of letters, digits, -_:+=/")
    return text


def one_of(words: dict[str, T], fields: dict[str, Any], name: str) -> T:
    """The value of one of a few words. Raises Rejected for any other."""
    found = words.get(fields[name])
    if found is None:
        raise errors.INVALID_PARAMETERS(f"{name} must be one of {', '.join(words)}")
    return found


def refuse_wrong_shard(market: MarketState, shard: int | None) -> None:
    """A market is not found on a shard where it does not trade."""
    if shard not in {None, -1, market.shard}:
        raise errors.MARKET_NOT_FOUND(f"{market.spec.ticker} is on shard {market.shard}")


def _number(text: str) -> Decimal | None:
    return Decimal(text) if _DIGITS.fullmatch(text) else None


def _expiration(seconds: int | None) -> datetime | None:
    if seconds is None:
        return None
    if not 0 < seconds <= _LAST_SECOND:
        raise errors.INVALID_ORDER("Expiration timestamp must be in the future")
    return datetime.fromtimestamp(seconds, UTC)
