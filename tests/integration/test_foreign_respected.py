"""Other hands trade on the account and are respected: theirs stays theirs, ours stays ours."""

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

import httpx
import pytest
import stamina
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bot.core.account.reconcile import CashAcceptance, CashMovement
from bot.core.events import OrderEnded
from bot.core.market.market import Side
from bot.core.market.orderbook import OrderBook
from bot.core.market.orders import Aim
from bot.core.risk.limits import Stop
from bot.kalshi.trading.account_record import AccountRecords
from bot.ports.persistence import CommitBatch, StateRecord
from bot.sim.engine.accounts import MemberAccount
from bot.sim.engine.orders import TimeInForce
from bot.sim.engine.units import DOLLAR, DOLLAR_TICKS, money_dollars, size_contracts
from bot.trading.entry_guard import Safety
from bot.trading.reconciliation.adoption import QUIET, AdoptionPlanner
from bot.trading.reconciliation.cash import CashReconciliation
from bot.trading.reconciliation.foreign import ForeignPositions, forget_foreign
from bot.trading.reconciliation.order_owners import OrderOwners
from bot.trading.reconciliation.positions import EVERY, Beside, Reconciliation
from tests.support.kalshi_stand import FAR, SHARDS, TICKER, Stand, stand
from tests.support.sim_exchanges import request
from tests.support.strategies import ladder
from tests.support.trading import Desk, only

CREATE = "POST /portfolio/events/orders"
DEEP = OrderBook(bids=ladder(("0.52", 9_000)), asks=ladder(("0.53", 9_000)))
_MARKETS = st.sampled_from(tuple(SHARDS))
_STEPS = st.one_of(
    st.tuples(st.just("bot"), st.sampled_from((0.95, 0.05, 0.5)), _MARKETS),
    st.tuples(st.just("stranger"), st.integers(-250, 250).filter(bool), _MARKETS),
    st.tuples(st.just("restart"), st.just(0), _MARKETS),
    st.tuples(st.just("closes"), st.just(0), _MARKETS),
)


class SetsAside(httpx.AsyncBaseTransport):
    """An exchange that tells a balance less all that orders at rest would cost."""

    def __init__(self, good: httpx.AsyncBaseTransport) -> None:
        self.good = good
        self.account: MemberAccount | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self.good.handle_async_request(request)
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
async def shared_account(*, sets_aside: bool = False) -> AsyncIterator["Shared"]:
    banks = list[SetsAside]()

    def wrap(good: httpx.AsyncBaseTransport) -> httpx.AsyncBaseTransport:
        banks.append(SetsAside(good))
        return banks[0]

    async with stand(wrap=wrap) as live:
        banks[0].account = live.ann if sets_aside else None
        shared = Shared(live)
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


class Shared:
    """A bot that respects a stranger on its account; `theirs` is what the stranger traded."""

    def __init__(self, live: Stand) -> None:
        self.live = live
        self.desk = Desk(*SHARDS)
        self.desk.venue = live.venue  # type: ignore[assignment]  # the real one
        self.desk.store.portfolio = type(self.desk.store.portfolio).of_cash(self.cash)
        self.began = live.clock.now() - timedelta(hours=1)
        self.theirs: dict[str, Decimal] = defaultdict(Decimal)
        self.hire()

    @property
    def cash(self) -> Decimal:
        return sum((money_dollars(c) for c in self.live.ann.cash.values()), Decimal(0))

    def hire(self) -> None:
        """Whoever comes next knows what was committed, and nothing else."""
        self.desk.restart()
        trader = self.desk.trader
        records = AccountRecords(self.live.trading)
        owners = OrderOwners(records, self.ours)
        self.foreign = ForeignPositions(records, trader, self.booked, owners, self.retain)
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

    def retain(self, record) -> None:
        bodies = self.desk.store.state_records.setdefault(record.kind, {})
        bodies.pop(record.key, None)
        if record.body is not None:
            bodies[record.key] = record.body

    async def step(self, kind: str, value: float, ticker: str) -> None:
        self.live.clock.pass_by(EVERY.total_seconds())
        self.desk.at = self.live.clock.now()
        match kind:
            case "bot":
                await self.act(value, ticker)
            case "stranger":
                self.strange(int(value), ticker)
            case "restart":
                self.hire()
            case "closes":
                self.close_theirs(ticker)
        await self.look()

    async def look(self) -> None:
        self.live.clock.pass_by(EVERY.total_seconds())
        await self.audit.poll()

    async def lose(self, score: float, ticker: str) -> None:
        """An order whose end nobody hears of ends by an operator's word that was wrong."""
        self.live.fail(kind="cut_after", route=CREATE, count=1)
        self.live.fail(kind="error", route="GET /portfolio/orders")
        await self.act(score, ticker)
        for order in self.desk.trader.unresolved:
            self.desk.trader.end_by_hand(self.desk.at, order.client_order_id, "never traded")
        self.live.faults.clear()
        await self.commit()

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
        before = self.live.ann.position(ticker)
        side, price = (Side.BUY, 60) if size > 0 else (Side.SELL, 40)
        self.live.exchange.advance(self.live.clock.now())
        self.live.put(DEEP, ticker)
        self.live.exchange.place(self.live.ann, request(side, abs(size), price, ticker=ticker))
        self.theirs[ticker] += size_contracts(self.live.ann.position(ticker) - before)

    async def act(self, score: float, ticker: str) -> None:
        before, theirs = self.desk.position(ticker), self.theirs[ticker]
        self.live.put(DEEP, ticker)
        self.desk.books[ticker] = DEEP
        events = await self.desk.run({ticker: score}, seconds=0)
        if theirs:
            assert abs(self.desk.position(ticker)) <= abs(before), "entered a market of others"
        assert {one.execution.order.ticker for one in only(events, OrderEnded)} <= {ticker}

    def rest(self, side: Side, size: int, ticker: str) -> None:
        """An order of other hands that waits, far from what others pay."""
        price = 40 if side is Side.BUY else 60
        self.live.exchange.advance(self.live.clock.now())
        terms = {"ticker": ticker, "time_in_force": TimeInForce.GTC}
        self.live.exchange.place(self.live.ann, request(side, size, price, **terms))

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


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@example([("bot", 0.95, TICKER), ("stranger", -40, TICKER), ("bot", 0.5, TICKER)])
@example([("bot", 0.95, TICKER), ("stranger", -250, TICKER), ("restart", 0, TICKER)])
@given(st.lists(_STEPS, min_size=2, max_size=8))
def test_ours_and_theirs_are_the_account_whatever_a_stranger_trades(steps):
    async def played() -> None:
        async with stand() as live:
            shared = Shared(live)
            await shared.look()
            for step in steps:
                await shared.step(*step)
                shared.check()

    with stamina.set_testing(True, attempts=2):
        asyncio.run(played())


def settle(live: Stand, ticker: str) -> None:
    """The market closes, YES wins, and all of it is paid."""
    live.exchange.set_close_time(ticker, live.clock.now() + timedelta(seconds=1))
    live.clock.pass_by(2)
    live.exchange.advance(live.clock.now())
    live.exchange.determine(ticker, "yes")
    live.clock.pass_by(7 * 86_400)
    live.exchange.advance(live.clock.now())


async def test_what_was_there_before_is_theirs_and_a_resting_order_bars_its_market():
    async with stand() as live:
        shared = Shared(live)
        shared.strange(30, TICKER)
        shared.desk.trader.move_cash(shared.cash - shared.desk.trader.portfolio.cash)
        shared.began = live.clock.now() + timedelta(seconds=1)
        live.put(DEEP, FAR)
        rests = request(Side.BUY, 7, 40, ticker=FAR, time_in_force=TimeInForce.GTC)
        live.exchange.place(live.ann, rests)
        live.clock.pass_by(2)

        await shared.look()
        await shared.act(0.95, TICKER)
        await shared.act(0.95, FAR)

        assert shared.audit.foreign(TICKER) == "other hands hold 30 contracts of A"
        assert "an order of other hands rests there: bid 7.00 B" in str(shared.audit.foreign(FAR))
        assert "other hands hold 30 A" in str(shared.audit.note)
        assert not shared.desk.trader.portfolio.positions


@pytest.mark.parametrize("sold", [-30, -12, -50, 25], ids=["all", "some", "more", "added"])
async def test_what_was_there_before_and_was_traded_before_the_first_look_moved_its_own_cash(sold):
    async with stand() as live:
        shared = Shared(live)
        shared.strange(30, TICKER)
        shared.desk.trader.move_cash(shared.cash - shared.desk.trader.portfolio.cash)
        live.clock.pass_by(2)
        shared.began = live.clock.now()
        live.clock.pass_by(2)
        shared.strange(sold, TICKER)

        await shared.look()

        shared.check()


@pytest.mark.parametrize(
    ("score", "theirs"),
    [(0.5, 20), (0.95, 40), (0.95, -40), (0.95, -100), (0.95, -250)],
    ids=["alone", "with", "less", "pairs", "more"],
)
@pytest.mark.parametrize("is_told", [True, False], ids=["told", "untold"])
async def test_what_settles_is_paid_to_each_by_what_the_account_was(score, theirs, is_told):
    async with stand() as live:
        shared = Shared(live)
        await shared.look()
        await shared.step("bot", score, TICKER)
        await shared.step("stranger", theirs, TICKER)
        settle(live, TICKER)
        if not is_told:
            live.ann.settlements.clear()

        await shared.look()
        await shared.look()
        shared.desk.trader.settle(live.clock.now(), {})
        assert not shared.desk.position(TICKER)
        await shared.look()

        shared.theirs[TICKER] = Decimal(0)
        shared.check()


async def test_an_exit_takes_ours_alone_and_leaves_theirs():
    async with stand() as live:
        shared = Shared(live)
        await shared.look()
        await shared.step("bot", 0.95, TICKER)
        await shared.step("stranger", 40, TICKER)

        await shared.step("bot", 0.5, TICKER)

        assert shared.desk.position(TICKER) == 0
        assert size_contracts(live.ann.position(TICKER)) == 40
        shared.check()


async def test_a_trade_of_ours_that_is_not_booked_is_never_theirs():
    async with stand() as live:
        shared = Shared(live)
        await shared.look()
        await shared.step("bot", 0.95, TICKER)
        shared.desk.trader._holdings.portfolio = shared.desk.trader._holdings.portfolio.adjusted(
            TICKER, Decimal(60), Decimal(1), live.clock.now()
        )

        for _ in range(3):
            await shared.look()

        assert "60 contracts booked, 100 at the exchange" in str(shared.audit.block_reason)
        assert not shared.foreign.portfolio.positions


async def test_who_is_not_respected_any_more_is_forgotten():
    async with stand() as live:
        shared = Shared(live)
        await shared.look()
        await shared.step("stranger", 40, TICKER)
        kept: list[StateRecord] = []

        forget_foreign(shared.desk.store.checkpoint(), kept.append)

        assert [(one.kind, one.body) for one in kept] == [("foreign", None)]


async def test_a_round_trip_of_ours_that_is_not_written_down_yet_is_not_theirs():
    async with stand() as live:
        shared = Shared(live)
        await shared.look()

        async def nothing(after=None):
            return after or shared.began, frozenset()

        shared.foreign._booked = nothing
        await shared.step("bot", 0.95, TICKER)
        await shared.step("bot", 0.5, TICKER)

        await shared.step("stranger", 40, FAR)

        shared.check()


async def test_an_order_of_ours_that_ended_by_word_is_never_theirs_and_is_ours_once_adopted():
    async with stand() as live:
        shared = Shared(live)
        await shared.look()
        await shared.step("stranger", 30, FAR)
        await shared.lose(0.95, TICKER)

        for _ in range(3):
            await shared.look()

        assert "A: 0 contracts booked, 100 at the exchange" in str(shared.audit.block_reason)
        assert shared.foreign.portfolio.size(TICKER) == 0

        await shared.adopt()

        assert shared.desk.position(TICKER) == 100
        await shared.look()
        shared.check()
        await shared.step("bot", 0.5, TICKER)
        assert shared.desk.position(TICKER) == 0
        shared.check()


async def test_an_order_that_ended_by_word_before_the_first_look_is_not_theirs_either():
    async with stand() as live:
        shared = Shared(live)
        await shared.lose(0.95, TICKER)

        await shared.look()

        assert "A: 0 contracts booked, 100 at the exchange" in str(shared.audit.block_reason)
        await shared.adopt()
        await shared.look()
        shared.check()


async def test_before_it_is_known_what_was_there_nothing_is_entered():
    async with stand() as live:
        shared = Shared(live)
        live.fail(kind="error", route="GET /portfolio/fills")

        await shared.look()
        assert "have not been reconciled" in str(shared.audit.block_reason)

        live.faults.clear()
        await shared.look()
        shared.check()


async def test_what_an_order_traded_that_cannot_be_read_is_nobodys(monkeypatch):
    async with stand() as live:
        shared = Shared(live)
        await shared.look()

        async def none(*_):
            return {}

        monkeypatch.setattr(live.trading, "order_names", none)
        await shared.step("stranger", 20, TICKER)
        await shared.look()

        assert "A: 0 contracts booked, 20 at the exchange" in str(shared.audit.block_reason)
        found = (await shared.planner.explained()).adoption
        assert not found
        (sentence,) = found.left_out
        assert "cannot be read: set FOREIGN=stop" in sentence
        monkeypatch.undo()
        await shared.look()
        shared.check()


@pytest.mark.parametrize("sets_aside", [False, True])
@pytest.mark.parametrize(
    ("sizes", "held"),
    [((50,), 0), ((50, -70, 30), 0), ((-50,), 50), ((-50, -60), 80), ((60,), -20)],
    ids=["one", "both sides", "closes", "closes in part", "closes NO"],
)
async def test_an_order_of_other_hands_at_rest_stops_nothing_and_hides_nothing(
    sets_aside, sizes, held
):
    async with shared_account(sets_aside=sets_aside) as shared:
        if held:
            await shared.step("stranger", held, TICKER)
        for size in sizes:
            shared.rest(Side.of(Decimal(size)), abs(size), TICKER)
        for _ in range(3):
            await shared.look()
            shared.check()

        await shared.check_gap()

        shared.live.exchange.cancel_all(shared.live.ann)
        await shared.look()
        await shared.look()
        shared.check()
