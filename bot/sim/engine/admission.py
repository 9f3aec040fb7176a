"""Whether an order may enter: its terms, its owner's cash, its order group."""

from dataclasses import replace
from datetime import datetime

from bot.sim.engine import errors
from bot.sim.engine.accounts import MemberAccount
from bot.sim.engine.orders import OrderRequest, TimeInForce
from bot.sim.engine.state import ExchangeState, MarketState
from bot.sim.engine.units import BALANCE_STEP, DOLLAR, DOLLAR_TICKS, price_dollars, size_contracts


class Admission:
    """Refuses orders, with `Rejected`, before anything has changed."""

    def __init__(self, state: ExchangeState) -> None:
        self._state = state

    def checked(
        self, account: MemberAccount, market: MarketState, request: OrderRequest
    ) -> OrderRequest:
        """The request, its size capped if it may only reduce. Raises Rejected."""
        _refuse_bad_terms(market, request, self._state.now)
        if request.client_order_id in account.client_order_ids:
            raise errors.ORDER_EXISTS()
        self._refuse_bad_group(account, request)
        if request.reduce_only:
            request = _reduced(account, request)
        if request.post_only and market.book.crosses(request.side, request.price):
            raise errors.INVALID_ORDER("post only cross")
        if not account.is_house:
            self._refuse_unpayable(account, market, request)
        if request.time_in_force is TimeInForce.FOK:
            self._refuse_unfillable(account, market, request)
        return request

    def _refuse_bad_group(self, account: MemberAccount, request: OrderRequest) -> None:
        if not request.group_id:
            return
        group = self._state.groups.get(request.group_id)
        if group is None or group.account != account.name:
            raise errors.NOT_FOUND(f"no order group {request.group_id}")
        if group.is_triggered:
            raise errors.GROUP_TRIGGERED()

    def _refuse_unpayable(
        self, account: MemberAccount, market: MarketState, request: OrderRequest
    ) -> None:
        # The limit is the worst price; a fill may round its fee up by one balance step more.
        model = market.fees.model_fee(
            size_contracts(request.size), price_dollars(request.price), is_taker=True
        )
        change = account.cash_change(request.ticker, request.side, request.size, request.price)
        if not account.can_pay(market.shard, change - int(model * DOLLAR) - BALANCE_STEP):
            raise errors.INSUFFICIENT_BALANCE()

    def _refuse_unfillable(
        self, account: MemberAccount, market: MarketState, request: OrderRequest
    ) -> None:
        # A fill-or-kill order that would meet our own is taken as immediate-or-cancel.
        book, side, price = market.book, request.side, request.price
        if any(order.account == account.name for order in book.reach(side, price)):
            return
        if self._payable(market, request) < request.size:
            raise errors.FOK_UNFILLED()

    def _payable(self, market: MarketState, request: OrderRequest) -> int:
        """Units within reach whose makers can certainly pay for all of theirs."""
        sizes: dict[str, int] = {}
        needs: dict[str, int] = {}
        for order in market.book.reach(request.side, request.price):
            sizes[order.account] = sizes.get(order.account, 0) + order.remaining
            worst = order.remaining * DOLLAR_TICKS + BALANCE_STEP
            needs[order.account] = needs.get(order.account, 0) + worst
        accounts = self._state.accounts
        return sum(
            size
            for name, size in sizes.items()
            if accounts[name].can_pay(market.shard, -needs[name])
        )


def _refuse_bad_terms(market: MarketState, request: OrderRequest, now: datetime) -> None:
    if request.price not in market.allowed:
        raise errors.INVALID_PRICE(f"{request.price / 10_000:.4f} is not on the grid")
    if request.size <= 0:
        raise errors.INVALID_SIZE("count must be above 0")
    waits = request.time_in_force is TimeInForce.GTC
    if request.expiration is not None and not waits:
        raise errors.INVALID_ORDER("expiration_time requires good_till_canceled")
    if request.expiration is not None and request.expiration <= now:
        raise errors.INVALID_ORDER("Expiration timestamp must be in the future")
    if request.post_only and not waits:
        raise errors.INVALID_ORDER("post_only requires good_till_canceled")
    if request.reduce_only and request.time_in_force is not TimeInForce.IOC:
        raise errors.INVALID_ORDER("reduce_only requires immediate_or_cancel")


def _reduced(account: MemberAccount, request: OrderRequest) -> OrderRequest:
    closable = -account.position(request.ticker) * request.side.sign
    if closable <= 0:
        raise errors.INVALID_ORDER("reduce only: no position to reduce")
    return replace(request, size=min(request.size, closable))
