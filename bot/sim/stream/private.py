"""The private messages of the stream: fills, orders, positions (AsyncAPI 2.0.0)."""

from typing import Any, Final

import orjson

from bot.core.market.market import Side
from bot.sim.engine.events import Filled, OrderChanged
from bot.sim.engine.orders import LiveOrder, Reason
from bot.sim.engine.state import ExchangeState
from bot.sim.engine.units import PRICE_TEXT, money_text, size_text
from bot.sim.stream.render import content, frame_time

Json = dict[str, Any]

#: Kalshi's word for each reason. It has none for a new order, and its examples call a cancel by
#: the user a decrease.
REASONS: Final[dict[Reason, str]] = {
    Reason.USER_CANCEL: "Decrease",
    **{
        reason: str(reason)
        for reason in Reason
        if reason not in {Reason.PLACED, Reason.USER_CANCEL}
    },
}


def fill(state: ExchangeState, event: Filled) -> str:
    """One account's half of a trade."""
    when = frame_time(event.at)
    is_buy = event.side is Side.BUY
    outcome = "yes" if is_buy else "no"
    msg: Json = {
        "trade_id": event.trade_id,
        "order_id": event.order_id,
        "market_ticker": event.ticker,
        "exchange_index": state.markets[event.ticker].shard,
        "is_taker": event.is_taker,
        "side": "yes",
        "action": "buy" if is_buy else "sell",
        "purchased_side": outcome,
        "outcome_side": outcome,
        "book_side": "bid" if is_buy else "ask",
        "yes_price_dollars": PRICE_TEXT[event.price],
        "count_fp": size_text(event.size),
        "fee_cost": money_text(event.fee),
        "post_position_fp": size_text(event.position),
        "ts": when.seconds,
        "ts_ms": when.milliseconds,
        "subaccount": state.accounts[event.account].number,
    }
    if event.client_order_id:
        msg["client_order_id"] = event.client_order_id
    return content("fill", msg)


def user_order(state: ExchangeState, event: OrderChanged) -> str:
    """An order after a change."""
    account = state.accounts[event.account]
    order = account.orders[event.order_id]
    is_buy = event.side is Side.BUY
    outcome = "yes" if is_buy else "no"
    msg = {
        "order_id": event.order_id,
        "user_id": account.user_id,
        "ticker": event.ticker,
        "exchange_index": state.markets[event.ticker].shard,
        "status": event.state,
        "side": outcome,
        "is_yes": is_buy,
        "outcome_side": outcome,
        "book_side": "bid" if is_buy else "ask",
        "yes_price_dollars": PRICE_TEXT[event.price],
        "fill_count_fp": size_text(event.filled),
        "remaining_count_fp": size_text(event.remaining),
        "initial_count_fp": size_text(event.size),
        "taker_fill_cost_dollars": money_text(event.taker_cost),
        "maker_fill_cost_dollars": money_text(event.maker_cost),
        "taker_fees_dollars": money_text(event.taker_fees),
        "maker_fees_dollars": money_text(event.maker_fees),
        "client_order_id": event.client_order_id,
        "self_trade_prevention_type": order.request.self_trade,
        "subaccount_number": account.number,
    }
    return content("user_order", msg | _times(event, order))


def position(state: ExchangeState, account: str, ticker: str) -> str:
    """What an account holds in a market."""
    owner = state.accounts[account]
    held = owner.positions[ticker]
    return content(
        "market_position",
        {
            "user_id": owner.user_id,
            "market_ticker": ticker,
            "position_fp": size_text(held.size),
            "position_cost_dollars": money_text(held.cost),
            "realized_pnl_dollars": money_text(held.realised),
            "fees_paid_dollars": money_text(held.fees),
            "position_fee_cost_dollars": money_text(held.fees),
            "volume_fp": size_text(held.shares),
            "subaccount": owner.number,
        },
    )


def owned(delta: str, client_order_id: str, subaccount: int) -> str:
    """A book change as sent to the account whose order it was."""
    name = f',"client_order_id":{orjson.dumps(client_order_id).decode()}' if client_order_id else ""
    return f'{delta[:-1]}{name},"subaccount":{subaccount}}}'


def _times(event: OrderChanged, order: LiveOrder) -> Json:
    created, updated = frame_time(order.created), frame_time(event.at)
    times: Json = {
        "created_time": created.text,
        "created_ts_ms": created.milliseconds,
        "last_update_time": updated.text,
        "last_updated_ts_ms": updated.milliseconds,
    }
    if event.reason in REASONS:
        times["last_update_reason"] = REASONS[event.reason]
    if order.request.group_id:
        times["order_group_id"] = order.request.group_id
    if order.expiration is not None:
        expires = frame_time(order.expiration)
        times |= {"expiration_time": expires.text, "expiration_ts_ms": expires.milliseconds}
    return times
