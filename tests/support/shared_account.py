"""A bot that respects other hands on its account, and both on a simulated exchange."""

import json
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

import httpx

from bot.core.account.portfolio import Portfolio
from bot.core.account.reconcile import CashAcceptance, CashMovement
from bot.core.events import OrderEnded
from bot.core.market.market import Side
from bot.core.market.orderbook import OrderBook
from bot.core.market.orders import Aim, Fill
from bot.core.risk.limits import Stop
from bot.kalshi.trading.account_record import AccountRecords
from bot.kalshi.trading.order_lookup import CERTAIN_AFTER
from bot.ports.persistence import CommitBatch
from bot.sim.engine.accounts import MemberAccount
from bot.sim.engine.events import Filled
from bot.sim.engine.orders import TimeInForce
from bot.sim.engine.units import (
    DOLLAR,
    DOLLAR_TICKS,
    money_dollars,
    price_dollars,
    size_contracts,
    ticks,
)
from bot.trading.entry_guard import Safety
from bot.trading.reconciliation.adoption import QUIET, AdoptionPlanner
from bot.trading.reconciliation.cash import CashReconciliation
from bot.trading.reconciliation.foreign import ForeignPositions
from bot.trading.reconciliation.order_owners import OrderOwners
from bot.trading.reconciliation.positions import EVERY, Beside, Reconciliation
from tests.support.kalshi_stand import SHARDS, Stand, stand
from tests.support.sim_exchanges import request
from tests.support.strategies import ladder
from tests.support.trading import Desk, only

#: What a YES contract pays by result.
PAYS = {"yes": Decimal(1), "no": Decimal(0), "scalar": Decimal("0.37")}
CREATE = "POST /portfolio/events/orders"
ORDERS = "GET /portfolio/orders"
DEEP = OrderBook(bids=ladder(("0.52", 9_000)), asks=ladder(("0.53", 9_000)))


class SetsAside(httpx.AsyncBaseTransport):
    """An exchange that tells a balance less all that orders at rest would cost."""

    def __init__(self) -> None:
        self.account: MemberAccount | None = None

    def to(self, good: httpx.AsyncBaseTransport) -> "SetsAside":
        self._good = good
        return self

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self._good.handle_async_request(request)
        if self.account is None or not request.url.path.endswith("/portfolio/balance"):
            return response
        told = json.loads(await response.aread())
        told["balance_dollars"] = str(Decimal(told["balance_dollars"]) - self.aside(self.account))
        return httpx.Response(response.status_code, json=told)

    def aside(self, account: MemberAccount) -> Decimal:
        """Dollars; what closes a position costs nothing, the oldest order first."""
        held = {ticker: one.size for ticker, one in account.positions.items()}
        cost = 0
        for order in account.open_orders.values():
            closing = min(max(-order.side.sign * held.get(order.ticker, 0), 0), order.remaining)
            held[order.ticker] = held.get(order.ticker, 0) + order.side.sign * closing
            own = order.price if order.side is Side.BUY else DOLLAR_TICKS - order.price
            cost += (order.remaining - closing) * own
        return money_dollars(cost)


@asynccontextmanager
async def shared_account(*, sets_aside: bool = False) -> AsyncIterator["SharedAccount"]:
    """Both of them, after the bot's first look."""
    bank = SetsAside()
    async with stand(wrap=bank.to) as live:
        bank.account = live.ann if sets_aside else None
        shared = SharedAccount(live)
        await shared.look()
        yield shared


@dataclass(frozen=True)
class NoLedger:
    """Nobody may move cash after this moment."""

    began: datetime

    async def move(self, movement: CashMovement) -> bool:
        assert movement.at <= self.began
        return False

    async def accept(self, accepted: CashAcceptance) -> Decimal:
        raise AssertionError(f"nothing of {accepted} was asked for")


class SharedAccount:
    """A bot that respects a stranger on its account; `theirs` is what the stranger traded.

    `own` is what the bot's orders came to by the exchange's own record.
    """

    def __init__(self, live: Stand) -> None:
        self.live = live
        self.desk = Desk(*SHARDS)
        self.desk.venue = live.venue  # type: ignore[assignment]  # the real one
        self.began = live.clock.now() - timedelta(hours=1)
        self.theirs: dict[str, Decimal] = defaultdict(Decimal)
        self.settled: set[str] = set()
        live.exchange.subscribe(self._on_event)
        self.begin_now()

    @property
    def cash(self) -> Decimal:
        return sum((money_dollars(c) for c in self.live.ann.cash.values()), Decimal(0))

    def begin_now(self) -> None:
        """The book begins with the cash that is there now."""
        self.own = self.desk.store.portfolio = Portfolio.of_cash(self.cash)
        self.hire()

    def hire(self) -> None:
        """Whoever comes next knows what was committed, and nothing else."""
        self.desk.restart()
        trader = self.desk.trader
        records = AccountRecords(self.live.trading)
        owners = OrderOwners(records, self.ours)
        self.foreign = ForeignPositions(records, trader, self.booked, owners, self.desk.store.keep)
        self.planner = AdoptionPlanner(records, trader, self.booked, self.live.clock, owners)
        self.foreign.restore(self.desk.store.checkpoint())
        trading, foreign = self.live.trading, self.foreign
        ledger = NoLedger(self.live.clock.now())
        self.money = CashReconciliation(trading, trader, ledger, foreign.expected)
        beside = Beside(self.money, settlements=trading, foreign=foreign)
        self.audit = Reconciliation(self.live.venue, trader, self.live.clock, EVERY, beside)
        trader._gateway._safety = Safety(self.desk.store, halt=self.halt)

    def halt(self, market, aim: Aim) -> Stop | None:
        why = self.audit.foreign(market.ticker) if aim is Aim.ENTER else None
        return Stop("foreign", why) if why else None

    async def booked(self, after=None):
        ended = only(self.desk.store.events, OrderEnded)
        ids = [fill.fill_id for one in ended for fill in one.execution.fills]
        return after or self.began, frozenset(ids)

    async def ours(self, names):
        return names & self.desk.store.intended.keys()

    async def step(self, kind: str, value: float, ticker: str) -> None:
        """One thing that happens, and what the bot sees of it."""
        self.live.clock.pass_by(EVERY.total_seconds())
        self.desk.at = self.live.clock.now()
        match kind:
            case "restart":
                self.hire()
            case "withdrawn":
                self.live.exchange.cancel_all(self.live.ann)
            case _ if ticker not in self.settled:
                await self._in_market(kind, value, ticker)
            case _:
                pass
        await self.look()

    async def _in_market(self, kind: str, value: float, ticker: str) -> None:
        match kind:
            case "bot":
                await self.act(value, ticker)
            case "stranger":
                self.strange(int(value), ticker)
            case "closes":
                self.close_theirs(ticker)
            case "rests":
                self.rest(int(value), ticker)
            case "met":
                self.meet(int(value), ticker)
            case "doubt":
                await self.doubt(value, ticker)
            case "lost":
                await self.lose(value, ticker)
                await self.look()
                await self.adopt()
            case _:
                await self.settle(ticker, kind, is_told=bool(value))

    async def look(self) -> None:
        self.live.clock.pass_by(EVERY.total_seconds())
        await self.audit.poll()

    async def cut(self, score: float, ticker: str) -> None:
        """An order whose answer is lost, and of which nothing is listed."""
        self.live.fail(kind="cut_after", route=CREATE, count=1)
        self.live.fail(kind="error", route=ORDERS)
        await self.act(score, ticker)
        self.live.faults.clear()

    async def lose(self, score: float, ticker: str) -> None:
        """It ends by an operator's word that was wrong."""
        await self.cut(score, ticker)
        for order in self.desk.trader.unresolved:
            self.desk.trader.end_by_hand(self.desk.at, order.client_order_id, "never traded")
        await self.commit()

    async def doubt(self, score: float, ticker: str) -> None:
        """It is in doubt for two looks, and over the bot's end, until it is listed."""
        await self.cut(score, ticker)
        await self.look()
        self.hire()
        await self.look()
        assert self.audit.block_reason is None or "not been reconciled" in self.audit.block_reason
        self.live.clock.pass_by(CERTAIN_AFTER.total_seconds() + 1)
        await self.desk.trader.poll_in_doubt(self.desk.at)
        assert not self.desk.trader.unresolved
        await self.commit()

    async def settle(self, ticker: str, result: str, *, is_told: bool) -> None:
        """The market closes and pays; of what it paid only itself tells if nothing else is told."""
        self.settled.add(ticker)
        pay(self.live, ticker, result)
        if self.own.size(ticker):
            self.own = self.own.settle(ticker, PAYS[result])
        self.theirs[ticker] = Decimal(0)
        if not is_told:
            self.live.ann.settlements.clear()
        for _ in range(2):
            await self.look()
        events = self.desk.trader.settle(self.live.clock.now(), {})
        await self.desk.store.commit(CommitBatch(events, self.desk.trader.state_records()))
        await self.look()

    async def commit(self) -> None:
        events = self.desk.trader.take_pending(self.desk.at)
        await self.desk.store.commit(CommitBatch(events, self.desk.trader.state_records()))

    async def adopt(self) -> None:
        """As `reconcile --apply` does once nothing traded for a while."""
        self.planner.not_yet()
        self.live.clock.pass_by(QUIET.total_seconds() + 1)
        assert self.planner.not_yet() is None
        explained = await self.planner.explained()
        assert self.planner.apply_adoption(explained, self.desk.at)
        await self.commit()

    def strange(self, size: int, ticker: str) -> None:
        self.live.exchange.advance(self.live.clock.now())
        self.live.put(DEEP, ticker)
        self._trade(self.live.ann, size, ticker)

    async def act(self, score: float, ticker: str) -> None:
        before, theirs = self.desk.position(ticker), self.theirs[ticker]
        self.live.put(DEEP, ticker)
        self.desk.books[ticker] = DEEP
        events = await self.desk.run({ticker: score}, seconds=0)
        if theirs:
            assert abs(self.desk.position(ticker)) <= abs(before), "entered a market of others"
        assert {one.execution.order.ticker for one in only(events, OrderEnded)} <= {ticker}

    def rest(self, size: int, ticker: str) -> None:
        """An order of other hands that waits, far from what others pay."""
        self.live.exchange.advance(self.live.clock.now())
        self.live.put(DEEP, ticker)
        side, price = (Side.BUY, 40) if size > 0 else (Side.SELL, 60)
        terms = {"ticker": ticker, "time_in_force": TimeInForce.GTC}
        self.live.exchange.place(self.live.ann, request(side, abs(size), price, **terms))

    def meet(self, size: int, ticker: str) -> None:
        """Somebody trades with what rests."""
        self.live.exchange.advance(self.live.clock.now())
        self.live.exchange.cancel_all(self.live.maker, ticker)
        self._trade(self.live.maker, size, ticker)

    def _trade(self, account: MemberAccount, size: int, ticker: str) -> None:
        """An order of that account takes all it meets; what it moved of the bot's is theirs."""
        before = self.live.ann.position(ticker)
        side, price = (Side.BUY, 60) if size > 0 else (Side.SELL, 40)
        self.live.exchange.place(account, request(side, abs(size), price, ticker=ticker))
        self.theirs[ticker] += size_contracts(self.live.ann.position(ticker) - before)

    def close_theirs(self, ticker: str) -> None:
        """What is theirs goes to nothing again."""
        if self.theirs[ticker]:
            self.strange(-int(self.theirs[ticker]), ticker)

    async def check_gap(self) -> None:
        """Cash that is gone for no reason is never taken for anything else."""
        self.live.ann.cash[0] -= 400 * DOLLAR
        for _ in range(3):
            await self.look()
        assert "cash differs" in str(self.money.block_reason)
        self.live.ann.cash[0] += 400 * DOLLAR
        for _ in range(2):
            await self.look()
        self.check()

    def check(self) -> None:
        """Each has what each traded, and both together are what the exchange has, to the cent."""
        assert (self.audit.block_reason, self.money.block_reason) == (None, None)
        sizes = {t: self.foreign.portfolio.size(t) for t in SHARDS}
        assert sizes == {t: self.theirs[t] for t in SHARDS}
        assert self.foreign.expected().cash == self.cash
        booked = self.desk.trader.portfolio
        assert (booked.cash, booked.positions) == (self.own.cash, self.own.positions)
        assert self.desk.store.portfolio == booked

    async def leave(self) -> None:
        """All that is ours is sold, but what the exchange paired with theirs; nothing of theirs."""
        for ticker in SHARDS.keys() - self.settled:
            ours, there = self.own.size(ticker), self.own.size(ticker) + self.theirs[ticker]
            left = max(abs(ours) - max(there * Side.of(ours).sign, Decimal(0)), Decimal(0))
            await self.step("bot", 0.5, ticker)
            self.check()
            assert abs(self.own.size(ticker)) == left

    def _on_event(self, event: object) -> None:
        """What the exchange says that an order of the bot traded."""
        if isinstance(event, Filled) and event.client_order_id in self.desk.store.intended:
            self.own = self.own.after(
                Fill(
                    fill_id=event.trade_id,
                    client_order_id=event.client_order_id,
                    ticker=event.ticker,
                    side=event.side,
                    size=size_contracts(event.size),
                    price=price_dollars(event.price),
                    fee=money_dollars(event.fee),
                    at=event.at,
                )
            )


def pay(live: Stand, ticker: str, result: str = "yes") -> None:
    """The market closes, and all of it is paid."""
    live.exchange.set_close_time(ticker, live.clock.now() + timedelta(seconds=1))
    live.clock.pass_by(2)
    live.exchange.advance(live.clock.now())
    live.exchange.determine(ticker, result, ticks(PAYS[result]) if result == "scalar" else None)
    live.clock.pass_by(7 * 86_400)
    live.exchange.advance(live.clock.now())
