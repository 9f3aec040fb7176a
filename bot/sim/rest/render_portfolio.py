"""What an account sees of itself, as Kalshi writes it (OpenAPI 3.34.0).

Money on these objects has six decimals; `revenue` and `value` of a settlement, and the plain
`balance`, are whole cents.
"""

from collections.abc import Iterable
from typing import Any, Final

from bot.core.market.market import Side
from bot.sim.engine.accounts import (
    MemberAccount,
    MemberPosition,
    MovementRecord,
    SettlementRecord,
    TransferRecord,
)
from bot.sim.engine.events import Filled
from bot.sim.engine.orders import LiveOrder
from bot.sim.engine.state import ExchangeState
from bot.sim.engine.units import (
    CENT,
    CONTRACT,
    DOLLAR,
    DOLLAR_TICKS,
    PRICE_TEXT,
    balance_text,
    money_text,
    size_text,
)
from bot.sim.rest.render import iso_time

Json = dict[str, Any]

#: Micro-dollars in a cent.
_CENT_MICROS: Final = DOLLAR // 100


def sides(side: Side) -> Json:
    """The side in Kalshi's four notations; the first two are deprecated."""
    is_buy = side is Side.BUY
    return {
        "side": "yes",
        "action": "buy" if is_buy else "sell",
        "outcome_side": "yes" if is_buy else "no",
        "book_side": "bid" if is_buy else "ask",
    }


def prices(price: int) -> Json:
    """A price on both scales."""
    return {
        "yes_price_dollars": PRICE_TEXT[price],
        "no_price_dollars": PRICE_TEXT[DOLLAR_TICKS - price],
    }


def order_json(state: ExchangeState, order: LiveOrder) -> Json:
    """One order; what is not set is left out."""
    described = {
        "order_id": order.order_id,
        "user_id": state.accounts[order.account].user_id,
        "client_order_id": order.client_order_id,
        "ticker": order.ticker,
        **sides(order.side),
        "type": "limit",
        "status": order.state,
        **prices(order.price),
        "initial_count_fp": size_text(order.size),
        "fill_count_fp": size_text(order.filled),
        "remaining_count_fp": size_text(order.remaining),
        "taker_fill_cost_dollars": money_text(order.taker_cost),
        "maker_fill_cost_dollars": money_text(order.maker_cost),
        "taker_fees_dollars": money_text(order.taker_fees),
        "maker_fees_dollars": money_text(order.maker_fees),
        "created_time": iso_time(order.created),
        "last_update_time": iso_time(order.updated),
        "self_trade_prevention_type": order.request.self_trade,
        "cancel_order_on_pause": order.request.cancel_on_pause,
        "subaccount_number": state.accounts[order.account].number,
        "exchange_index": state.markets[order.ticker].shard,
    }
    if order.expiration is not None:
        described["expiration_time"] = iso_time(order.expiration)
    if order.request.group_id:
        described["order_group_id"] = order.request.group_id
    return described


def fill_json(state: ExchangeState, fill: Filled) -> Json:
    return {
        "fill_id": fill.trade_id,
        "trade_id": fill.trade_id,
        "order_id": fill.order_id,
        "ticker": fill.ticker,
        "market_ticker": fill.ticker,
        **sides(fill.side),
        **prices(fill.price),
        "count_fp": size_text(fill.size),
        "is_taker": fill.is_taker,
        "fee_cost": money_text(fill.fee),
        "created_time": iso_time(fill.at),
        "ts": int(fill.at.timestamp()),
        "subaccount_number": state.accounts[fill.account].number,
        "exchange_index": state.markets[fill.ticker].shard,
    }


def position_json(position: MemberPosition) -> Json:
    """One position in a market: + YES, − NO."""
    return {
        "ticker": position.ticker,
        "exchange_index": position.shard,
        "total_traded_dollars": money_text(position.traded),
        "position_fp": size_text(position.size),
        "market_exposure_dollars": money_text(position.cost),
        "realized_pnl_dollars": money_text(position.realised),
        "fees_paid_dollars": money_text(position.fees),
        "last_updated_ts": iso_time(position.updated),
    }


def event_positions(state: ExchangeState, positions: Iterable[MemberPosition]) -> list[Json]:
    """The positions of each event, added up."""
    events: dict[str, list[MemberPosition]] = {}
    for position in positions:
        event = state.markets[position.ticker].spec.event_ticker
        events.setdefault(event, []).append(position)
    return [_event_json(event, held) for event, held in events.items()]


def settlement_json(record: SettlementRecord) -> Json:
    """What a market paid."""
    is_long = record.position > 0
    size, cost = size_text(abs(record.position)), money_text(record.cost)
    nothing = (size_text(0), money_text(0))
    yes, no = ((size, cost), nothing) if is_long else (nothing, (size, cost))
    return {
        "ticker": record.ticker,
        "event_ticker": record.event_ticker,
        "exchange_index": record.shard,
        "market_result": record.result,
        "yes_count_fp": yes[0],
        "yes_total_cost_dollars": yes[1],
        "no_count_fp": no[0],
        "no_total_cost_dollars": no[1],
        "revenue": record.revenue // _CENT_MICROS,
        "value": record.value // CENT,
        "fee_cost": money_text(record.fees),
        "settled_time": iso_time(record.at),
    }


def movement_json(record: MovementRecord) -> Json:
    """A deposit or a withdrawal, which is in the balance at once here."""
    seconds = int(record.at.timestamp())
    return {
        "id": record.movement_id,
        "status": "applied",
        "type": "ach",
        "amount_cents": abs(record.amount) // _CENT_MICROS,
        "fee_cents": 0,
        "created_ts": seconds,
        "finalized_ts": seconds,
    }


def balance_json(state: ExchangeState, account: MemberAccount, shard: int | None) -> Json:
    """Cash, and what the positions are worth at the last price; of one shard or of all."""
    cash = {s: c for s, c in sorted(account.cash.items()) if shard in {None, s}}
    held = [p for p in account.positions.values() if shard in {None, p.shard}]
    worth = sum(_worth(state, position) for position in held)
    total = sum(cash.values())
    return {
        "balance": total // _CENT_MICROS,
        "balance_dollars": balance_text(total),
        "portfolio_value": worth // _CENT_MICROS,
        "updated_ts": int(state.now.timestamp()),
        "balance_breakdown": [
            {"exchange_index": index, "balance": balance_text(amount)}
            for index, amount in cash.items()
        ],
    }


def average_price(value: int, filled: int) -> str:
    """The mean price of so many units with this total value."""
    return PRICE_TEXT[round(value / filled)]


def average_fee(fees: int, filled: int) -> str:
    """The mean fee per contract."""
    return balance_text(round(fees * CONTRACT / filled / 100) * 100)


def _event_json(event: str, held: list[MemberPosition]) -> Json:
    return {
        "event_ticker": event,
        "total_cost_dollars": money_text(sum(p.traded for p in held)),
        "total_cost_shares_fp": size_text(sum(p.shares for p in held)),
        "event_exposure_dollars": money_text(sum(p.cost for p in held)),
        "realized_pnl_dollars": money_text(sum(p.realised for p in held)),
        "fees_paid_dollars": money_text(sum(p.fees for p in held)),
    }


def _worth(state: ExchangeState, position: MemberPosition) -> int:
    price = state.markets[position.ticker].last_price
    return abs(position.size) * (price if position.size > 0 else DOLLAR_TICKS - price)


def transfer_json(record: TransferRecord) -> Json:
    """Cash that went from one account of a member to another."""
    return {
        "transfer_id": record.transfer_id,
        "from_subaccount": record.source,
        "to_subaccount": record.to,
        "amount_cents": record.cents,
        "created_ts": int(record.at.timestamp()),
        "exchange_index": record.shard,
    }
