"""Trades on predictions: orders through risk and the gateway, and the resulting account.

Leaves out where books and scores come from, what the account is made of (`account`), what stops
entries (`entry_guard`) and how an order is sent (`order_gateway`).
"""

import asyncio
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Final

from bot.core.account.adoption import Adoption
from bot.core.account.portfolio import Portfolio
from bot.core.account.round_trips import FORCED
from bot.core.account.valuation import Mark
from bot.core.events import (
    Action,
    Event,
    OrderRefused,
    OrderRested,
    OrderSubmitted,
    OrderUnresolved,
    TwinCompared,
)
from bot.core.market.market import Market, Side
from bot.core.market.money import ZERO, Dollars, cents
from bot.core.market.orderbook import Books, OrderBook
from bot.core.market.orders import Aim, Execution, Life, Order, OrderStatus, Unresolved
from bot.core.market.twin import on_paper, traded
from bot.core.market.working import Step, WorkingOrder
from bot.core.risk import review
from bot.core.risk.checks import AccountRisk, Shown
from bot.core.risk.limit_use import LimitInputs, LimitUse, limit_uses
from bot.core.risk.limits import Stop
from bot.core.risk.review import Approved, Refused
from bot.core.signals import strategy
from bot.core.signals.expected_value import ExpectedValue
from bot.core.signals.strategy import Intent, Thresholds
from bot.ports.exchange import TradeTape, Venue
from bot.ports.persistence import Checkpoint, StateRecord
from bot.trading import side_by_side
from bot.trading.account import MARK, PLACE, TradingAccount, opens
from bot.trading.decision import ENTRIES, Decision, Scored, TradeRules, decided, signal
from bot.trading.entry_guard import BREAKERS, STOP, EntryGuard, Safety
from bot.trading.forced_exits import LEFT, ForcedExits
from bot.trading.order_gateway import OrderGateway, Sent, Written
from bot.trading.reconciliation.fees import FeeCheck
from bot.trading.resting_entries import RestingEntries
from bot.trading.resting_exits import RestingExits, RestPlan
from bot.trading.side_by_side import Turn
from bot.trading.working_orders import WorkingOrders

_KINDS: Final = (MARK, PLACE, BREAKERS, STOP, LEFT)


class Trader:
    """Turns signals into orders and keeps the account; `order_ids` names each order once.

    Events are returned by the method in which they happened; if that failed, by the next call.
    Without `safety` nothing blocks and nothing is stored: for replays and tests.
    """

    def __init__(
        self,
        venue: Venue,
        rules: TradeRules,
        cash: Dollars,
        order_ids: Iterator[str],
        safety: Safety | None = None,
    ) -> None:
        safety = safety or Safety()
        self._compares = safety.compares
        self._rules = rules
        self._order_ids = order_ids
        self._now = safety.now
        self._stopping = safety.stopping
        self._gateway = OrderGateway(venue, safety)
        self._permit = safety.permit
        self._resting = RestingExits(rules.patience if venue.resting else None)
        self._entries = RestingEntries(
            rests=rules.entries_rest and venue.resting is not None,
            before_close=rules.limits.min_seconds_to_close,
        )
        self._working_orders = WorkingOrders(
            self._gateway, self._resting, self._stepped, rules.limits.max_book_age
        )
        self._entry_guard = EntryGuard(rules.limits, safety, cash)
        self._forced = ForcedExits(rules.thresholds, rules.exits, safety.close_requests)
        self._holdings = TradingAccount(cash)
        self._fee_check = FeeCheck()
        self._in_doubt: set[str] = set()
        self._deciding = asyncio.Lock()
        self._payouts: dict[str, Dollars] = {}
        self._pending_events: list[Event] = []
        self._found = False
        self._recorded: dict[tuple[str, str], bytes] = {}

    @property
    def portfolio(self) -> Portfolio:
        """What is owned now."""
        return self._holdings.portfolio

    @property
    def marks(self) -> Mapping[str, Mark]:
        """What closing each position would fetch as last seen."""
        return self._holdings.marks

    @property
    def equity(self) -> Dollars:
        """Cash, and what closing everything would fetch as last seen."""
        return self._holdings.equity

    @property
    def daily_pnl(self) -> Dollars:
        """Profit or loss since 00:00 UTC, fees included; 0 before the first moment."""
        day = self._entry_guard.breakers.day
        return day.pnl(self.equity) if day else ZERO

    @property
    def fill_ids(self) -> frozenset[str]:
        """The fills booked last, written down or not."""
        return self._holdings.fill_ids

    @property
    def assumed(self) -> frozenset[str]:
        """What is held and counted at its cost, because no price of it was seen yet."""
        return self._holdings.assumed

    @property
    def drawdown(self) -> Dollars:
        """How far equity fell below its peak at most, since an operator resumed last or ever."""
        return self._entry_guard.breakers.drawdown

    @property
    def thresholds(self) -> Thresholds:
        """Which scores enter and exit."""
        return self._rules.thresholds

    @property
    def stop(self) -> Stop | None:
        """What stopped entries when that was looked at last; None if nothing did."""
        return self._entry_guard.stop

    @property
    def entries_stopped(self) -> str | None:
        """Why nothing is entered, in words."""
        return self.stop.reason if self.stop else None

    @property
    def unresolved(self) -> tuple[Order, ...]:
        """Orders in doubt: sent, or perhaps sent, without a known outcome."""
        return self._gateway.waiting

    @property
    def orders_in_doubt(self) -> str | None:
        """Which orders were sent without a known end, in words; None without any."""
        in_doubt = [o for o in self.unresolved if o.client_order_id in self._in_doubt]
        if not in_doubt:
            return None
        more = f" and {len(in_doubt) - 1} more" if len(in_doubt) > 1 else ""
        name = f"{in_doubt[0].client_order_id} of {in_doubt[0].ticker}"
        return f"what became of order {name}{more} is not known"

    @property
    def working(self) -> Mapping[str, WorkingOrder]:
        """The orders that rest, by ticker."""
        return self._gateway.working

    @property
    def waiting_exits(self) -> frozenset[str]:
        """The markets in which an exit rests, or rested and has not come to its end."""
        return frozenset(self.working.keys() | self._resting.waiting)

    @property
    def _open_orders(self) -> tuple[Order, ...]:
        """What may still trade: orders in doubt, and of those that rest what is left."""
        left = [replace(one.order, size=one.left) for one in self.working.values() if one.left]
        return (*self.unresolved, *left)

    @property
    def reserved(self) -> Dollars:
        """Dollars that what may still trade would cost: entries at rest, and orders in doubt."""
        return self.portfolio.cash - self._holdings.at_worst(self._open_orders).cash

    def held(self) -> tuple[str, ...]:
        """The markets with an open position."""
        return tuple(self.portfolio.positions)

    def limit_uses(self, at: datetime) -> tuple[LimitUse, ...]:
        """Each limit and what is used of it; orders in doubt, and at rest, count as filled."""
        portfolio = self._holdings.at_worst(self._open_orders)
        places, breakers = self._holdings.places, self._entry_guard.breakers
        return limit_uses(self._rules.limits, LimitInputs(portfolio, places, breakers, at))

    def to_close(self) -> tuple[str, ...]:
        """The markets with a position that an operator wants closed."""
        held = self.portfolio.positions.items()
        return tuple([ticker for ticker, position in held if self._forced.by_hand(position)])

    @property
    def unclosed(self) -> Mapping[str, str]:
        """Why each position is still open that an operator wants closed, by ticker."""
        return self._forced.unclosed(self.portfolio.positions)

    def missed(self, missing: Mapping[str, str]) -> None:
        """No sound book of these markets came, and why."""
        for ticker in self.to_close():
            if ticker in missing:
                self._forced.missed(ticker, missing[ticker])

    async def resolve_in_doubt(self, at: datetime) -> list[Event]:
        """Ask what became of the orders in doubt; what happened."""
        await self.poll_in_doubt(at)
        return self.take_pending(at)

    async def poll_in_doubt(self, at: datetime) -> bool:
        """Ask what became of the orders in doubt, and whether any had an end, or is new among them.

        It may be asked at any time, also amid a pass; what happened, the pass tells.
        """
        pending, before = self._pending_events, len(self._pending_events)
        try:
            await self._working_orders.poll(at, self._stop_resting())
            await self._gateway.resolve(partial(self._answered, at))
        finally:
            # What comes too late for a pass to take must not wait for a next one: there may be
            # none. If a pass took its events meanwhile, all that is here came after that.
            known = before if self._pending_events is pending else 0
            self._found = self._found or len(self._pending_events) > known
        return self._found

    def take_pending(self, at: datetime) -> list[Event]:
        """What happened and was not told yet; not amid a pass."""
        self._look(at)
        return self._take_pending()

    async def act(
        self,
        at: datetime,
        predictions: Scored,
        markets: Mapping[str, Market],
        *,
        by_hand: bool = False,
        trades: TradeTape | None = None,
    ) -> list[Event]:
        """Trade on these predictions; the events, each signal before its orders.

        `by_hand` leaves everything alone but the positions that operators want closed. Of orders
        that rest, `trades` tell what met them. Raises LeaseLostError if the order of one could not
        be written down for that.
        """
        self._look(at)
        self._working_orders.meet(at, predictions.books, trades)
        tickers = predictions.books.tickers
        wanted = self.to_close() if by_hand else tickers
        rows = [row for row, ticker in enumerate(tickers) if ticker in wanted]
        edges = self._rules.edges(predictions, markets)
        turns = partial(self._turns, at, predictions, markets, edges)
        await side_by_side.taken(self._gateway.at_once, *map(turns, self._waves(tickers, rows)))
        return self._take_pending()

    async def withdraw_unseen(
        self, at: datetime, missing: Mapping[str, str], markets: Mapping[str, Market]
    ) -> list[Event]:
        """Withdraw what rests in a market whose book did not come, for that; what happened."""
        await self._working_orders.withdraw_unseen(at, missing, markets)
        return self._take_pending()

    def settle(self, at: datetime, markets: Mapping[str, Market]) -> list[Event]:
        """Take what finalized markets pay for what is held of them."""
        self._look(at)
        self._pending_events += self._holdings.settle(at, markets, self._payouts)
        self._payouts.clear()
        return self._take_pending()

    def mark(
        self,
        at: datetime,
        books: Books,
        markets: Mapping[str, Market] | None = None,
        asked: Collection[str] | None = None,
    ) -> list[Event]:
        """What everything is worth against these books, as one profit and loss row.

        A market that is not open is worth what it was worth last, or what it is going to pay. So is
        one that is not among the `asked`, if those are named.
        """
        self._look(at)
        self._pending_events.append(self._holdings.mark(at, books, markets or {}, asked))
        self._holdings.forget(self._open_orders)
        self._forced.forget(at)
        self._resting.forget(self.portfolio.positions)
        self._look(at)
        return self._take_pending()

    def poll(self, at: datetime) -> None:
        """Check between two passes what stops entries; the next pass reports it."""
        self._look(at)

    def failed(self, at: datetime) -> None:
        """The exchange failed at something: too many of these in a minute pause entries."""
        self._entry_guard.failed(at)

    def fetched(self, at: datetime, asked: int, broken: int) -> None:
        """So many of the books asked for came broken; those that are only absent do not count."""
        self._entry_guard.fetched(at, asked, broken)

    def skewed(self, at: datetime, seconds: float) -> None:
        """The clock of the exchange differs by so much from ours."""
        self._entry_guard.skewed(at, seconds)

    def resume(self, at: datetime) -> None:
        """An operator resumed at that moment: a drawdown halt and a pause are over.

        Safe to repeat for the same time, also after a restart.
        """
        self._entry_guard.resume(at, self.equity)

    def paid(self, ticker: str, payout: Dollars) -> None:
        """The account was paid for what it held of a market: the next pass settles it."""
        self._payouts[ticker] = payout

    def move_cash(self, amount: Dollars) -> None:
        """Cash came from outside, or went if below 0, and that was booked."""
        self._holdings.move_cash(amount)
        self._entry_guard.move_cash(amount)

    def apply_adoption(self, at: datetime, found: Adoption) -> None:
        """Take over what the exchange holds: an operator wants it. The next pass tells it."""
        before = self.portfolio.start
        self._pending_events += self._holdings.apply_adoption(at, found)
        # What was taken over was neither won nor lost.
        self._entry_guard.move_cash(self.portfolio.start - before)

    def end_by_hand(self, at: datetime, client_order_id: str, why: str) -> bool:
        """An order in doubt has ended without a fill, for an operator says so; False if none is."""
        order = self._gateway.give_up(client_order_id)
        if order is not None:
            self._answered(at, Execution(order, "", OrderStatus.CANCELED, error=why))
        return order is not None

    def state_records(self) -> list[StateRecord]:
        """What changed since this was asked last, besides the portfolio and its orders."""
        now = self._holdings.bodies() | self._entry_guard.bodies() | self._forced.bodies()
        gone = [
            StateRecord(kind, key, None) for kind, key in self._recorded if (kind, key) not in now
        ]
        new = [
            StateRecord(*name, body)
            for name, body in now.items()
            if self._recorded.get(name) != body
        ]
        self._recorded = now
        return gone + new

    def restore(self, checkpoint: Checkpoint) -> None:
        """Restore the state of this checkpoint."""
        self._holdings.restore(checkpoint)
        self._forced.restore(checkpoint)
        self._gateway.restore(checkpoint)
        self._entry_guard.restore(checkpoint, self.equity)
        reported = (event for event in checkpoint.events if isinstance(event, OrderUnresolved))
        self._in_doubt = {event.order.client_order_id for event in reported}
        # Of an order that was in_doubt the pass was kept, with the entry that it was, or was not.
        fresh = (o for o in checkpoint.unresolved if o.client_order_id not in self._in_doubt)
        self._entry_guard.catch_up(o.at for o in fresh if opens(self.portfolio, o))
        state_records = {kind: checkpoint.state_records.get(kind, {}) for kind in _KINDS}
        self._recorded = {
            (kind, key): body for kind in state_records for key, body in state_records[kind].items()
        }

    def _waves(self, tickers: Sequence[str], rows: Sequence[int]) -> tuple[list[int], list[int]]:
        """The rows of what is held, then the others: no exit waits for an entry."""
        held = frozenset(self.portfolio.positions)
        exits = [row for row in rows if tickers[row] in held]
        return exits, [row for row in rows if tickers[row] not in held]

    def _take_pending(self) -> list[Event]:
        reported, self._pending_events, self._found = self._pending_events, [], False
        return reported

    def _look(self, at: datetime) -> None:
        self._pending_events += self._entry_guard.evaluate(at, self._holdings.sound_equity)

    def _turns(
        self,
        at: datetime,
        predictions: Scored,
        markets: Mapping[str, Market],
        edges: ExpectedValue | None,
        rows: Sequence[int],
    ) -> Iterator[Turn]:
        """What has to be done in these markets; where nothing has, that is said at once."""
        for row in rows:
            ticker = predictions.books.tickers[row]
            decision = self._decided(ticker, predictions, row)
            held = bool(decision.before) or ticker in self.working
            if held or decision.action is not Action.HOLD:
                shown = _shown(predictions.books, row, markets[ticker])
                decision = self._exited(at, decision, shown)
                decision = self._afforded(at, decision, shown, edges, row)
                yield partial(self._take_turn, at, predictions, row, decision, shown)
            else:
                made = signal(at, predictions, row, decision, decision.before)
                self._pending_events.append(made)

    def _decided(self, ticker: str, predictions: Scored, row: int) -> Decision:
        """What the score leads to, and what was begun, whatever it costs."""
        score, held = float(predictions.scores[row]), self.portfolio.size(ticker)
        self._forced.scored(ticker, score)
        thresholds = self._rules.thresholds.of(ticker)
        decision = decided(score, held, thresholds, predictions.reasons[row])
        decision = self._resting.pursued(ticker, decision, thresholds)
        return self._entries.pursued(decision, self.working.get(ticker), thresholds)

    async def _take_turn(
        self, at: datetime, predictions: Scored, row: int, decision: Decision, shown: Shown
    ) -> None:
        """Carry out a decision; its signal comes before its order, and says where that led to."""
        place = len(self._pending_events)
        decision, ordered_at = await self._carried_out(at, decision, shown)
        if self._gateway.at_once > 1:
            # What came in between is of other markets.
            place = ordered_at
        held = self.portfolio.size(shown.market.ticker)
        self._pending_events.insert(place, signal(at, predictions, row, decision, held))

    async def _carried_out(
        self, at: datetime, decision: Decision, shown: Shown
    ) -> tuple[Decision, int]:
        """The decision once its order was sent, if it needs one; says so where that rests.

        Beside it the place among the events where those of the order begin.
        """
        ticker = shown.market.ticker
        plan = self._plan(at, decision, shown)
        is_free = await self._working_orders.is_free(at, shown, plan)
        is_held, is_exit = ticker in self.portfolio.positions, decision.action is Action.EXIT
        # What an entry at rest traded already is not added to.
        is_due = is_exit if is_held else self._entries.sends(decision, plan)
        ordered_at = len(self._pending_events)
        if is_free and is_due:
            at_price = await self._where(ticker, plan) if is_exit else plan.price
            ordered_at = await self._order(at, decision, shown, at_price)
        return self._with_rest(ticker, decision), ordered_at

    def _with_rest(self, ticker: str, decision: Decision) -> Decision:
        """The decision; where an order of it rests, that is its reason."""
        working = self.working.get(ticker)
        if working is None:
            return decision
        if working.leaving:
            self._forced.missed(ticker, "the order that rests is being withdrawn")
            return decision
        price, ahead = cents(working.order.limit), working.ahead.normalize()
        what = "exit" if working.order.aim is Aim.LEAVE else "entry"
        where = f"the {what} rests at {price:g} c, {ahead:f} contracts ahead"
        return decision._replace(reason=where)

    def _plan(self, at: datetime, decision: Decision, shown: Shown) -> RestPlan:
        working = self.working.get(shown.market.ticker)
        rests = working is not None and working.order.aim is Aim.ENTER
        if decision.action in ENTRIES or (rests and decision.action is Action.HOLD):
            return self._entries.plan(at, decision, shown)
        return self._resting.plan(at, decision, shown, self.stop or self._is_ending())

    async def _where(self, ticker: str, plan: RestPlan) -> Dollars | None:
        """The price at which an exit rests; None if it takes, or the venue says that it must."""
        if plan.price is None:
            return None
        held = self.portfolio.size(ticker)
        side = Side.of(held).opposite
        block_reason = await self._gateway.rest_block_reason(ticker, side, abs(held))
        if block_reason:
            self._resting.bar(ticker, block_reason)
        return None if block_reason else plan.price

    def _is_ending(self) -> Stop | None:
        return Stop("stopped", "the bot is being stopped") if self._stopping() else None

    def _stop_resting(self) -> str:
        """Why nothing rests any more, whatever a pass would say; '' if it may."""
        stop = self._is_ending() or self._permit().stop
        return stop.reason if stop else ""

    def _stepped(self, at: datetime, step: Step, book: OrderBook | None) -> None:
        if step.order is not None and step.fills:
            self._pending_events += self._holdings.book_part(at, step.order, step.fills, book)
        if step.end is not None:
            self._booked(at, step.end, book)

    def _exited(self, at: datetime, decision: Decision, shown: Shown) -> Decision:
        """The same, or to exit and why if a rule, or an operator, ends what is held."""
        position = self.portfolio.positions.get(shown.market.ticker)
        if position is None:
            return decision
        due = self._forced.due(at, position, shown, self._rules.limits.max_book_age)
        if due is None:
            return decision
        return decision._replace(action=Action.EXIT, reason=due.reason, cause=due.cause)

    def _afforded(
        self,
        at: datetime,
        decision: Decision,
        shown: Shown,
        edges: ExpectedValue | None,
        row: int,
    ) -> Decision:
        """The same, or to hold and why if an entry is stopped, too short, or not to pay."""
        if decision.action not in ENTRIES:
            return decision
        rules = self._rules
        barred = (
            self.stop
            or self._gateway.halt(shown.market, Aim.ENTER)
            or self._forced.barred(shown.market.ticker)
        )
        stop = barred or rules.exits.too_short(at, shown) or rules.too_dear(edges, row)
        if stop is None:
            return decision
        return decision._replace(action=Action.HOLD, reason=stop.reason, stop=stop)

    async def _order(
        self, at: datetime, decision: Decision, shown: Shown, price: Dollars | None
    ) -> int:
        """Send the order of a decision: one that takes, or rests at a price.

        The place among the events where those of the order begin.
        """
        async with AsyncExitStack() as alone:
            # Who waited for the rows of others to be written would have decided on older books.
            await alone.enter_async_context(self._deciding)
            # Orders of a pass wait for each other: each is of its own moment.
            at = self._now() or at
            ordered_at = len(self._pending_events)
            verdict = self._approved(at, decision, shown, price)
            if verdict is None:
                return ordered_at
            # Nothing is awaited between the review and this, nor from the answer to its booking.
            sent = await self._sent(at, verdict, decision, alone.aclose)
            ordered_at = len(self._pending_events)
            self._ended(at, verdict, sent, decision)
            return ordered_at

    def _approved(
        self, at: datetime, decision: Decision, shown: Shown, price: Dollars | None
    ) -> Approved | None:
        """The order of a decision once it passed risk; None if none is sent."""
        if decision.action in ENTRIES and shown.market.ticker in self.portfolio.positions:
            # An order in doubt was found filled while this one waited: that is not added to.
            return None
        order = self._order_for(at, decision.action, shown, price)
        if order is None:
            self._forced.missed(shown.market.ticker, "there is nobody in the book to trade with")
            return None
        verdict = self._reviewed(at, order, shown)
        if isinstance(verdict, Refused):
            self._refused(at, verdict)
            return None
        is_entry = decision.action in ENTRIES
        self._holdings.belongs(shown.market, None if is_entry else decision.cause)
        return verdict

    async def _sent(
        self, at: datetime, verdict: Approved, decision: Decision, written: Written
    ) -> Sent:
        sent: Sent | None = None
        try:
            sent = await self._gateway.send(verdict, written)
        finally:
            if sent is None and decision.action in ENTRIES:
                # Cut off, it may have gone out: then it was an entry of this minute.
                self._entry_guard.entered(at)
        return sent

    def _ended(self, at: datetime, verdict: Approved, sent: Sent, decision: Decision) -> None:
        """Book what became of an order."""
        if sent.refused is not None:
            self._refused(at, sent.refused)
        else:
            self._pending_events.append(OrderSubmitted(at, verdict.order, decision.forced))
            if decision.action in ENTRIES and not _is_refusal(sent.answer):
                self._entry_guard.entered(at)
        if isinstance(sent.answer, WorkingOrder):
            self._rested(at, sent.answer)
        elif sent.answer is not None:
            self._answered(at, sent.answer, verdict.book)
        if isinstance(sent.answer, Execution):
            note = self._fee_check.differs(at, verdict.market, sent.answer)
            self._pending_events += [note] if note else []
            self._pending_events += self._twins(at, verdict, sent.answer)

    def _twins(self, at: datetime, sent: Approved, execution: Execution) -> list[Event]:
        """What an order that took came to, beside what it would have on paper."""
        order, category = sent.order, sent.market.category or ""
        if not self._compares or execution.code or order.life is not Life.TAKE:
            return []
        paper = on_paper(order, sent.book, sent.fees)
        return [TwinCompared(at, order, category, traded(execution), paper)]

    def _rested(self, at: datetime, working: WorkingOrder) -> None:
        if working.order.aim is Aim.LEAVE:
            self._resting.rested(at, working.order.ticker)
        ahead = working.last.front
        self._pending_events.append(OrderRested(at, working.order, working.order_id, ahead))

    def _order_for(
        self, at: datetime, action: Action, shown: Shown, price: Dollars | None
    ) -> Order | None:
        ticker = shown.market.ticker
        intent = Intent(action, ticker, self.portfolio.size(ticker), next(self._order_ids), at)
        if price is not None:
            return strategy.resting_order(intent, price, self._rules.sizing)
        return strategy.order_for(intent, shown.book, shown.market.grid, self._rules.sizing)

    def _reviewed(self, at: datetime, order: Order, shown: Shown) -> Approved | Refused:
        if stop := self._gateway.waits_for(order.ticker):
            return Refused.by(stop, order)
        account = AccountRisk(
            portfolio=self._holdings.at_worst(self._open_orders),
            places=self._holdings.places,
            stop=self._entry_guard.stop_now(at, self._holdings.sound_equity),
            entries=self._entry_guard.breakers.entered_lately(at) + self._gateway.entries_underway,
            halt=self._gateway.halt(shown.market, order.aim),
            purse=self._gateway.purse(shown.market.exchange_index),
        )
        return review.review(order, shown, account, self._rules.limits)

    def _refused(self, at: datetime, no: Refused) -> None:
        self._forced.missed(no.order.ticker, no.reason)
        self._pending_events.append(
            OrderRefused(at, no.order, no.reason, no.rule, no.value, no.limit)
        )

    def _answered(
        self, at: datetime, answer: Execution | Unresolved, book: OrderBook | None = None
    ) -> None:
        name = answer.order.client_order_id
        if isinstance(answer, Execution):
            self._in_doubt.discard(name)
            self._booked(at, answer, book)
            return
        self._forced.missed(answer.order.ticker, f"an order is on its way: {answer.reason}")
        if name not in self._in_doubt:
            self._entry_guard.failed(at)
            self._in_doubt.add(name)
            self._pending_events.append(OrderUnresolved(at, answer.order, answer.reason))

    def _booked(self, at: datetime, execution: Execution, book: OrderBook | None) -> None:
        order = execution.order
        position, cause = self.portfolio.positions.get(order.ticker), None
        if position is not None and order.side is not position.side:
            cause = self._holdings.exit_cause(order.ticker)
        self._pending_events += self._holdings.book(at, execution, book)
        if execution.fills and position is not None and cause in FORCED:
            self._forced.left(at, position, cause)
        if execution.error:
            self._forced.missed(order.ticker, execution.error)


def _is_refusal(answer: Execution | WorkingOrder | Unresolved | None) -> bool:
    """Whether the exchange did not even take the order: that is no entry."""
    return isinstance(answer, Execution) and bool(answer.code)


def _shown(books: Books, row: int, market: Market) -> Shown:
    return Shown(market, books.book(row), float(books.seen_at[row]))
