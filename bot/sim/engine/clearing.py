"""What a match does: moves money and positions, charges fees, emits events.

The `Referee` of every book of the exchange. Fees are those of `bot.core.market.fees`, exactly.
"""

from dataclasses import dataclass

from bot.core.market.fees import OrderFees
from bot.core.market.market import Side
from bot.sim.engine.accounts import MemberAccount
from bot.sim.engine.book import Verdict
from bot.sim.engine.events import BookDelta, Filled, OrderChanged, Traded
from bot.sim.engine.orders import LiveOrder, OrderState, Reason
from bot.sim.engine.state import ExchangeState, MarketState
from bot.sim.engine.units import DOLLAR, price_dollars, size_contracts

ORDER_IDS = "0001"
TRADE_IDS = "0002"


@dataclass(frozen=True, slots=True)
class _Half:
    """One order's part in a match: its fee, and the change of cash."""

    account: MemberAccount
    order: LiveOrder
    price: int
    size: int
    is_taker: bool
    fee: int
    fees_after: OrderFees
    change: int


class Clearing:
    """Settles matches between accounts; implements the `Referee` of the books."""

    def __init__(self, state: ExchangeState) -> None:
        self._state = state
        #: Groups that a match has just triggered; whoever started the match cancels their orders.
        self.triggered: list[str] = []

    def match(self, taker: LiveOrder, maker: LiveOrder, size: int) -> Verdict:
        """Settle one match at the maker's price, unless one of the two cannot pay."""
        market = self._state.markets[taker.ticker]
        ours = self._half(taker, maker.price, size, is_taker=True)
        theirs = self._half(maker, maker.price, size, is_taker=False)
        if not theirs.account.can_pay(market.shard, theirs.change):
            return Verdict.MAKER_SHORT
        if not ours.account.can_pay(market.shard, ours.change):
            return Verdict.TAKER_SHORT
        trade_id = self._record(market, taker, maker, size)
        for half in (ours, theirs):
            self._settle(market, half, trade_id)
        market.history.traded(self._state.minute, maker.price, size, market.open_interest)
        return Verdict.TRADED

    def level(self, order: LiveOrder, change: int) -> None:
        """A level of a book changed."""
        state = self._state
        market = state.markets[order.ticker]
        market.clock += 1
        state.feed.emit(
            BookDelta(
                state.now,
                order.ticker,
                order.side,
                order.price,
                change,
                market.clock,
                order.order_id,
                order.account,
            )
        )
        market.history.quoted(state.minute, market.book.best_bid, market.book.best_ask)

    def end(self, order: LiveOrder, reason: Reason) -> None:
        """Close an order that left the book: cancelled, or executed if nothing remains."""
        account = self._state.accounts[order.account]
        order.state = OrderState.CANCELED if order.remaining else OrderState.EXECUTED
        order.remaining = 0
        account.open_orders.pop(order.order_id, None)
        self.notify(order, reason)

    def notify(self, order: LiveOrder, reason: Reason) -> None:
        """Announce the current state of a member's order."""
        order.updated = self._state.now
        if self._state.accounts[order.account].is_house:
            return
        self._state.feed.emit(
            OrderChanged(
                at=self._state.now,
                account=order.account,
                order_id=order.order_id,
                client_order_id=order.client_order_id,
                ticker=order.ticker,
                side=order.side,
                price=order.price,
                state=order.state,
                size=order.size,
                filled=order.filled,
                remaining=order.remaining,
                taker_cost=order.taker_cost,
                maker_cost=order.maker_cost,
                taker_fees=order.taker_fees,
                maker_fees=order.maker_fees,
                reason=reason,
            )
        )

    def _half(self, order: LiveOrder, price: int, size: int, *, is_taker: bool) -> _Half:
        account = self._state.accounts[order.account]
        contracts, paid = size_contracts(size), price_dollars(price)
        is_buy = order.side is Side.BUY
        exact_fee, after = order.fees.charge(contracts, paid, is_taker=is_taker, is_buy=is_buy)
        fee = int(exact_fee * DOLLAR)
        change = account.cash_change(order.ticker, order.side, size, price) - fee
        return _Half(account, order, price, size, is_taker, fee, after, change)

    def _record(self, market: MarketState, taker: LiveOrder, maker: LiveOrder, size: int) -> str:
        state = self._state
        trade = Traded(
            at=state.now,
            ticker=market.spec.ticker,
            trade_id=state.ids.next(TRADE_IDS),
            price=maker.price,
            size=size,
            taker_side=taker.side,
            taker=taker.account,
            maker=maker.account,
            taker_order_id=taker.order_id,
            maker_order_id=maker.order_id,
        )
        market.last_price = maker.price
        market.volume += size
        state.trades.append(trade)
        market.trades.append(trade)
        state.feed.emit(trade)
        return trade.trade_id

    def _settle(self, market: MarketState, half: _Half, trade_id: str) -> None:
        account, order = half.account, half.order
        held = account.held_in(order.ticker, market.shard, self._state.now)
        long_before = max(held.size, 0)
        held.trade(order.side, half.size, half.price)
        held.fees += half.fee
        market.open_interest += max(held.size, 0) - long_before
        account.cash[market.shard] = account.cash.get(market.shard, 0) + half.change
        self._state.fee_pot += half.fee
        _count_fill(half)
        self._count_group(order, half.size)
        if order.remaining:
            self.notify(order, Reason.TRADE)
        else:
            self.end(order, Reason.TRADE)
        if not account.is_house:
            self._emit_fill(half, trade_id, held.size)

    def _emit_fill(self, half: _Half, trade_id: str, position: int) -> None:
        fill = Filled(
            at=self._state.now,
            account=half.account.name,
            trade_id=trade_id,
            order_id=half.order.order_id,
            client_order_id=half.order.client_order_id,
            ticker=half.order.ticker,
            side=half.order.side,
            price=half.price,
            size=half.size,
            is_taker=half.is_taker,
            fee=half.fee,
            position=position,
        )
        half.account.fills.append(fill)
        self._state.feed.emit(fill)

    def _count_group(self, order: LiveOrder, size: int) -> None:
        group = self._state.groups.get(order.request.group_id)
        if group is not None and group.match(self._state.now, size):
            self.triggered.append(group.group_id)


def _count_fill(half: _Half) -> None:
    order, value = half.order, half.size * half.price
    order.fees = half.fees_after
    order.remaining -= half.size
    order.filled += half.size
    if half.is_taker:
        order.taker_cost += value
        order.taker_fees += half.fee
    else:
        order.maker_cost += value
        order.maker_fees += half.fee
