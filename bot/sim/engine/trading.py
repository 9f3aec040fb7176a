"""Placing, cancelling, amending orders: what is refused, what matches, what rests."""

from dataclasses import dataclass, replace
from datetime import datetime

from bot.core.market.fees import OrderFees
from bot.sim.engine import errors
from bot.sim.engine.accounts import MemberAccount
from bot.sim.engine.admission import Admission
from bot.sim.engine.clearing import ORDER_IDS, Clearing
from bot.sim.engine.orders import Amendment, LiveOrder, OrderRequest, Reason, TimeInForce
from bot.sim.engine.state import ExchangeState, MarketState
from bot.sim.engine.timers import Due


@dataclass(frozen=True, slots=True)
class Placed:
    """What an order did at once: `value` is Σ size × YES price of its fills so far."""

    order_id: str
    client_order_id: str
    filled: int
    remaining: int
    value: int
    fees: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Cancellation:
    """An order that is gone, and how much of it was still resting."""

    order_id: str
    client_order_id: str
    reduced_by: int
    at: datetime


class Trading:
    """The order entry of the exchange. Every method may raise `Rejected`; then nothing changed."""

    def __init__(self, state: ExchangeState, clearing: Clearing) -> None:
        self._state = state
        self._clearing = clearing
        self._admission = Admission(state)

    def place(self, account: MemberAccount, request: OrderRequest) -> Placed:
        """Match an order and let the rest of it wait, if it may."""
        market = self._state.market(request.ticker)
        self._state.refuse_unless_trading(market)
        request = self._admission.checked(account, market, request)
        order = self._born(account, market, request)
        if request.client_order_id and not account.is_house:
            account.client_order_ids.add(request.client_order_id)
        self._run(account, market, order)
        return self._placed(order)

    def cancel(self, account: MemberAccount, order_id: str, reason: Reason) -> Cancellation:
        """Take a resting order out of its book."""
        order = self.resting(account, order_id)
        self._state.refuse_unless_cancelling(self._state.market(order.ticker))
        return self.withdraw(order, reason)

    def withdraw(self, order: LiveOrder, reason: Reason) -> Cancellation:
        """Take a resting order out, whatever the state of its market."""
        gone = order.remaining
        self._state.markets[order.ticker].book.remove(order)
        self._clearing.end(order, reason)
        return Cancellation(order.order_id, order.client_order_id, gone, self._state.now)

    def amend(self, account: MemberAccount, order_id: str, terms: Amendment) -> Placed:
        """Change price, total size or expiry of a resting order.

        A smaller size or another expiry keeps its place in the queue; anything else goes to the
        back, and may match at once.
        """
        order = self.resting(account, order_id)
        market = self._state.market(order.ticker)
        self._state.refuse_unless_trading(market)
        remaining = terms.size - order.filled
        if remaining <= 0:
            raise errors.INVALID_SIZE("count must exceed what is already filled")
        wanted = replace(order.request, price=terms.price, size=remaining, client_order_id="")
        self._admission.checked(account, market, replace(wanted, expiration=terms.expiration))
        if terms.client_order_id and terms.client_order_id != order.client_order_id:
            _rename(account, order, terms.client_order_id)
        self._retime(order, terms)
        self._resize(account, market, order, terms, remaining)
        return self._placed(order)

    def decrease(self, account: MemberAccount, order_id: str, remaining: int) -> int:
        """Make a resting order smaller in its place; 0 cancels it. What then remains."""
        order = self.resting(account, order_id)
        self._state.refuse_unless_cancelling(self._state.market(order.ticker))
        if remaining > order.remaining or remaining < 0:
            raise errors.INVALID_SIZE("an order can only be decreased, and not below zero")
        if remaining == 0:
            self.withdraw(order, Reason.DECREASE)
        elif remaining < order.remaining:
            order.size -= order.remaining - remaining
            self._state.markets[order.ticker].book.shrink(order, remaining)
            self._clearing.notify(order, Reason.DECREASE)
        return remaining

    def resting(self, account: MemberAccount, order_id: str) -> LiveOrder:
        """An account's resting order. Raises Rejected (404) if there is none of that name."""
        order = account.open_orders.get(order_id)
        if order is None:
            raise errors.NOT_FOUND()
        return order

    def _born(
        self, account: MemberAccount, market: MarketState, request: OrderRequest
    ) -> LiveOrder:
        now = self._state.now
        order = LiveOrder(
            order_id=self._state.ids.next(ORDER_IDS),
            account=account.name,
            ticker=request.ticker,
            side=request.side,
            price=request.price,
            size=request.size,
            remaining=request.size,
            request=request,
            fees=OrderFees(market.fees),
            created=now,
            updated=now,
            client_order_id=request.client_order_id,
            expiration=request.expiration,
        )
        self._register(account, order, request.group_id)
        return order

    def _register(self, account: MemberAccount, order: LiveOrder, group_id: str) -> None:
        if not account.is_house:
            account.remember(order)
            self._clearing.notify(order, Reason.PLACED)
        if group_id:
            self._state.groups[group_id].order_ids[order.order_id] = None

    def _rest(self, account: MemberAccount, market: MarketState, order: LiveOrder) -> None:
        account.open_orders[order.order_id] = order
        market.book.rest(order)
        if order.expiration is not None:
            self._state.agenda.add(order.expiration, Due.EXPIRE, order.order_id, account.name)

    def _run(self, account: MemberAccount, market: MarketState, order: LiveOrder) -> None:
        stopped = market.book.match(order)
        may_rest = stopped is None and order.request.time_in_force is TimeInForce.GTC
        if order.remaining and may_rest:
            self._rest(account, market, order)
        elif order.remaining:
            self._clearing.end(order, stopped or Reason.USER_CANCEL)
        self._stop_groups()

    def _retime(self, order: LiveOrder, terms: Amendment) -> None:
        if terms.clear_expiration:
            order.expiration = None
        elif terms.expiration is not None:
            order.expiration = terms.expiration
            self._state.agenda.add(terms.expiration, Due.EXPIRE, order.order_id, order.account)

    def _resize(
        self,
        account: MemberAccount,
        market: MarketState,
        order: LiveOrder,
        terms: Amendment,
        to: int,
    ) -> None:
        if terms.price == order.price and to <= order.remaining:
            if to < order.remaining:
                market.book.shrink(order, to)
            order.size = terms.size
            self._clearing.notify(order, Reason.AMEND)
            return
        market.book.remove(order)
        del account.open_orders[order.order_id]
        order.price, order.size, order.remaining = terms.price, terms.size, to
        self._clearing.notify(order, Reason.AMEND)
        self._run(account, market, order)

    def _placed(self, order: LiveOrder) -> Placed:
        return Placed(
            order_id=order.order_id,
            client_order_id=order.client_order_id,
            filled=order.filled,
            remaining=order.remaining,
            value=order.traded_value,
            fees=order.fees_paid,
            at=self._state.now,
        )

    def _stop_groups(self) -> None:
        triggered, self._clearing.triggered = self._clearing.triggered, []
        for group_id in triggered:
            self.stop_group(group_id)

    def stop_group(self, group_id: str) -> None:
        """Trigger an order group: its resting orders go, and new ones are refused."""
        group = self._state.groups[group_id]
        group.is_triggered = True
        open_orders = self._state.accounts[group.account].open_orders
        for order_id in tuple(group.order_ids):
            if order_id in open_orders:
                self.withdraw(open_orders[order_id], Reason.USER_CANCEL)
        group.order_ids.clear()


def _rename(account: MemberAccount, order: LiveOrder, client_order_id: str) -> None:
    if client_order_id in account.client_order_ids:
        raise errors.ORDER_EXISTS()
    account.client_order_ids.add(client_order_id)
    order.client_order_id = client_order_id
