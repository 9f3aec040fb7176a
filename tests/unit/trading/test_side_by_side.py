"""Orders of a pass side by side: no limit is passed and nothing lost, whoever is answered first."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.core.account.portfolio import Portfolio
from bot.core.events import Action, Event, OrderEnded, OrderRefused, OrderSubmitted, SignalMade
from bot.core.market.market import Market
from bot.core.market.money import ZERO
from bot.core.market.orders import Aim, Execution, Fill, Order, OrderStatus, Unresolved
from bot.core.risk.limits import RiskLimits
from bot.core.risk.review import Approved
from bot.ports.persistence import CommitBatch, LeaseLostError
from bot.trading import side_by_side
from bot.trading.entry_guard import Safety
from bot.trading.side_by_side import EXIT_WAIT
from tests.support.strategies import NOON, open_market
from tests.support.trading import CASH, Desk, only
from tests.support.virtual_time import LoopClock, run_virtually

AT_ONCE = 5
#: Seconds from an order to its answer on a quiet day.
QUIET = 0.3
#: Seconds until an order without an answer is in doubt.
HANGS = 2.0
TICKERS = tuple("ABCDEFGH")
#: Where each market trades.
SHARDS = {ticker: number % 2 for number, ticker in enumerate(TICKERS)}


@dataclass(frozen=True)
class Fate:
    """What becomes of an order: after how long, whether it is done, and whether that is told.

    If it is not, looking it up takes so many seconds.
    """

    seconds: float = QUIET
    fills: bool = True
    code: str = ""
    heard: bool = True
    lookup: float = 0.0


@dataclass
class Busy:
    """A venue of several orders at once, that fills each at its limit as `fates` have it."""

    fates: Mapping[str, Fate] = field(default_factory=dict)
    at_once: int = AT_ONCE
    resting: None = None
    sent: list[Order] = field(default_factory=list)
    times: dict[str, float] = field(default_factory=dict)
    truth: list[Fill] = field(default_factory=list)
    ended: set[str] = field(default_factory=set)
    at_sent: Callable[[Order], None] = lambda _: None
    at_answer: Callable[[Order], None] = lambda _: None

    async def submit(self, approved: Approved) -> Execution | Unresolved:
        order, fate = approved.order, self.fates.get(approved.order.ticker, Fate())
        self.sent.append(order)
        self.times[order.ticker] = asyncio.get_running_loop().time()
        self.at_sent(order)
        if fate.fills:
            self.truth.append(_whole(order))
        await asyncio.sleep(fate.seconds)
        self.at_answer(order)
        if not fate.heard:
            return Unresolved(order, "no answer")
        if fate.code:
            self.ended.add(order.client_order_id)
            return Execution(order, "", OrderStatus.ERROR, error="refused", code=fate.code)
        return self._end(order)

    async def resolve(self, order: Order) -> Execution | Unresolved:
        if lookup := self.fates.get(order.ticker, Fate()).lookup:
            await asyncio.sleep(lookup)
        return self._end(order)

    def _end(self, order: Order) -> Execution:
        self.ended.add(order.client_order_id)
        fills = tuple(f for f in self.truth if f.client_order_id == order.client_order_id)
        status = OrderStatus.FILLED if fills else OrderStatus.CANCELED
        return Execution(order, "", status, fills)


def _whole(order: Order) -> Fill:
    name = order.client_order_id
    return Fill(
        f"f-{name}", name, order.ticker, order.side, order.size, order.limit, ZERO, order.at
    )


class Together(Desk):
    """A desk whose orders go side by side, on the time of a loop."""

    def __init__(self, clock: LoopClock, *tickers: str, **terms: Any) -> None:
        self.clock = clock
        self.purses: dict[int, Decimal] = {}
        super().__init__(*(tickers or TICKERS), **terms)
        self.markets = {t: _market(t) for t in self.markets}
        self.busy = Busy()
        self.venue = self.busy  # type: ignore[assignment]
        self.trader = self._hired()

    def _safety(self) -> Safety:
        return replace(super()._safety(), now=self.clock.now, purse=self._purse)

    def _purse(self, shard: int) -> Decimal | None:
        """As reconciliation has it: what was told, less what was spent and what may be."""
        if shard not in self.purses:
            return None
        spent = max(CASH - self.trader.portfolio.cash, ZERO)
        return self.purses[shard] - spent - self.trader.reserved

    async def passes(self, scores: Mapping[str, float]) -> list[Event]:
        """A pass on books of this moment; kept at its end."""
        self.at = self.clock.now()
        self.close_in(86_400)
        events = await self.act(scores)
        events += self.trader.mark(self.at, self.predictions(scores).seen.books, self.markets)
        await self.store.commit(CommitBatch(events, self.trader.state_records()))
        return events

    async def settled(self) -> None:
        """Ask until nothing is in doubt."""
        while self.trader.unresolved:
            events = await self.trader.resolve_in_doubt(self.clock.now())
            await self.store.commit(CommitBatch(events))
            await asyncio.sleep(0.5)


def _market(ticker: str) -> Market:
    return open_market(ticker, event_ticker=f"E{ticker}", exchange_index=SHARDS[ticker])


def _with(work: Callable[[Together], Awaitable[None]], *tickers: str, **terms: Any) -> None:
    async def worked(clock: LoopClock) -> None:
        await work(Together(clock, *tickers, **terms))

    run_virtually(worked)


BUY = dict.fromkeys(TICKERS, 0.9)
#: Without opinions but for these, of what is held.
OUT = 0.5


# What takes how long


def test_an_order_that_hangs_delays_no_other_of_its_wave():
    async def pass_of(desk: Together) -> None:
        desk.busy.fates = {"A": Fate(HANGS, heard=False)}

        await desk.passes(BUY)

        # Eight on five places: three wait for the first answers, and not for the one that hangs.
        others = [desk.busy.times[t] for t in TICKERS[1:]]
        assert others == pytest.approx([0.0] * 4 + [QUIET] * 3)
        assert desk.position("A") == 0
        assert all(desk.position(t) == 100 for t in TICKERS[1:])
        assert desk.clock.passed == pytest.approx(HANGS)
        await desk.settled()
        assert desk.position("A") == 100

    _with(pass_of)


def test_an_exit_that_hangs_delays_entries_by_less_than_a_quiet_order_takes():
    async def pass_of(desk: Together) -> None:
        await desk.passes({"A": 0.9, "B": 0.9})
        began = desk.clock.passed
        desk.busy.fates = {"A": Fate(HANGS, heard=False)}

        await desk.passes({**dict.fromkeys("AB", OUT), "C": 0.9})

        assert desk.busy.times["B"] - began == pytest.approx(0.0)
        assert desk.busy.times["C"] - began == pytest.approx(EXIT_WAIT)
        assert desk.busy.times["C"] - began < QUIET

    _with(pass_of)


def test_entries_have_what_exits_made_free_once_those_are_answered():
    async def pass_of(desk: Together) -> None:
        await desk.passes({"A": 0.9})
        desk.busy.fates = {"A": Fate(EXIT_WAIT / 2)}

        await desk.passes({"A": OUT, "B": 0.9})

        assert [desk.position(t) for t in "AB"] == [0, 100]

    _with(pass_of, limits=RiskLimits(max_positions=1))


def test_no_more_than_so_many_are_under_way():
    async def pass_of(desk: Together) -> None:
        under_way = most = 0

        def sent(_order: Order) -> None:
            nonlocal under_way, most
            under_way += 1
            most = max(most, under_way)

        def answered(_order: Order) -> None:
            nonlocal under_way
            under_way -= 1

        desk.busy.at_sent, desk.busy.at_answer = sent, answered
        await desk.passes(BUY)
        assert most == AT_ONCE

    _with(pass_of)


def test_each_is_decided_on_when_its_row_can_be_written():
    """Whoever waits for the rows of others decides later, not on what was seen before."""

    async def pass_of(desk: Together) -> None:
        intend = desk.store.intend
        row = 0.01

        async def slow(order: Order) -> None:
            # One row after another, as a database has it.
            async with writing:
                await asyncio.sleep(row)
                await intend(order)

        writing = asyncio.Lock()
        desk.store.intend = slow  # type: ignore[method-assign]

        await desk.passes(BUY)

        for order in desk.busy.sent:
            decided = (order.at - NOON).total_seconds()
            assert desk.busy.times[order.ticker] - decided == pytest.approx(row)

    _with(pass_of)


# What stops a pass


def test_a_lost_lease_cuts_off_no_order_on_its_way_and_lets_no_other_go():
    async def pass_of(desk: Together) -> None:
        written = 0

        def intended() -> None:
            nonlocal written
            written += 1
            desk.store.lost = written == 2

        desk.store.meanwhile = intended

        with pytest.raises(LeaseLostError):
            await desk.passes(BUY)

        assert [order.ticker for order in desk.busy.sent] == ["A", "B"]
        assert desk.busy.ended == {order.client_order_id for order in desk.busy.sent}
        assert desk.position("A") == desk.position("B") == 100

    _with(pass_of)


@pytest.mark.parametrize(("stop", "rule"), [("killed", "killed"), ("stopping", "stopped")])
def test_what_stops_entries_amid_a_pass_lets_those_end_that_are_on_their_way(stop, rule):
    async def pass_of(desk: Together) -> None:
        desk.busy.fates = {"A": Fate(0.1)}
        desk.busy.at_answer = lambda _: setattr(desk, stop, "by hand")

        events = await desk.passes(BUY)

        assert [order.ticker for order in desk.busy.sent] == list(TICKERS[:AT_ONCE])
        assert all(desk.position(t) == 100 for t in TICKERS[:AT_ONCE])
        assert {no.rule for no in only(events, OrderRefused)} == {rule}

    _with(pass_of)


def test_a_failure_of_one_turn_is_raised_once_the_others_came_to_their_end():
    ended: list[str] = []

    async def fails() -> None:
        raise ValueError("broken")

    async def ends() -> None:
        await asyncio.sleep(1)
        ended.append("a")

    async def work(_clock: LoopClock) -> None:
        await side_by_side.taken(2, [ends, fails, ends], [ends])

    with pytest.raises(ValueError, match="broken"):
        run_virtually(work)
    assert ended == ["a"]


def test_what_cuts_a_pass_off_leaves_its_orders_in_doubt_and_loses_nothing():
    async def pass_of(desk: Together) -> None:
        desk.busy.fates = {"A": Fate(0.1)}
        going = asyncio.create_task(desk.passes(BUY))
        await asyncio.sleep(0.2)

        going.cancel()
        with pytest.raises(asyncio.CancelledError):
            await going

        sent = {order.ticker for order in desk.busy.sent}
        assert desk.position("A") == 100
        assert {order.ticker for order in desk.trader.unresolved} == sent - {"A"}
        entered = desk.trader._entry_guard.breakers.entered_lately(desk.clock.now())
        assert entered == len(sent), "each counts among the entries of the minute"
        await desk.settled()
        assert all(desk.position(t) == 100 for t in sent)
        assert desk.store.portfolio == desk.trader.portfolio

    _with(pass_of, limits=RiskLimits(max_orders_per_minute=20))


def test_an_order_on_its_way_is_not_asked_about_and_one_that_is_answered_is_told_once():
    async def pass_of(desk: Together) -> None:
        asked: list[bool] = []
        desk.busy.fates = {"A": Fate(1.0), "B": Fate(0.1)}

        async def asks() -> None:
            await asyncio.sleep(0.5)
            asked.append(await desk.trader.poll_in_doubt(desk.clock.now()))
            assert {order.ticker for order in desk.trader.unresolved} == {"A"}

        asking = asyncio.create_task(asks())
        events = await desk.passes({"A": 0.9, "B": 0.9})
        await asking

        assert asked == [False], "what the pass found, the pass tells"
        assert [one.execution.order.ticker for one in only(events, OrderEnded)] == ["B", "A"]

    _with(pass_of)


def test_an_end_that_was_looked_up_is_booked_whatever_becomes_of_the_other_lookups():
    async def pass_of(desk: Together) -> None:
        hangs = Fate(HANGS, heard=False)
        desk.busy.fates = {"A": hangs, "B": replace(hangs, lookup=10.0)}
        await desk.passes({"A": 0.9, "B": 0.9})

        asking = asyncio.create_task(desk.trader.resolve_in_doubt(desk.clock.now()))
        await asyncio.sleep(1)
        assert {order.ticker for order in desk.trader.unresolved} == {"B"}
        await desk.passes({"A": 0.9, "B": 0.9})
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking

        assert [order.ticker for order in desk.busy.sent] == ["A", "B"]
        assert [desk.position(t) for t in "AB"] == [100, 0]
        await desk.settled()
        assert [desk.position(t) for t in "AB"] == [100, 100]
        assert desk.store.portfolio == desk.trader.portfolio

    _with(pass_of)


def test_an_entry_found_while_another_row_is_written_is_not_added_to():
    async def pass_of(desk: Together) -> None:
        desk.busy.fates = {"B": Fate(HANGS, heard=False, lookup=0.5)}
        await desk.passes({"B": 0.9})
        intend = desk.store.intend

        async def slow(order: Order) -> None:
            await asyncio.sleep(1)
            await intend(order)

        desk.store.intend = slow  # type: ignore[method-assign]
        settling = asyncio.create_task(desk.settled())
        await desk.passes({"A": 0.9, "B": 0.9})
        await settling

        assert [desk.position(t) for t in "AB"] == [100, 100]

    _with(pass_of)


def test_each_signal_comes_right_before_its_order_and_knows_where_that_led_to():
    async def pass_of(desk: Together) -> None:
        desk.busy.fates = {"A": Fate(1.0), "B": Fate(0.1), "C": Fate(code="MARKET_NOT_ACTIVE")}

        events = await desk.passes(dict.fromkeys("ABCD", 0.9))

        for place, signal in enumerate(events):
            if isinstance(signal, SignalMade) and signal.action is not Action.HOLD:
                submitted = events[place + 1]
                assert isinstance(submitted, OrderSubmitted)
                assert submitted.order.ticker == signal.ticker
                assert signal.position_after == desk.position(signal.ticker)
        assert len(only(events, SignalMade)) == len(TICKERS)

    _with(pass_of)


# Whatever the order of answers

_FATES = st.builds(
    Fate,
    seconds=st.sampled_from([0.0, 0.1, 0.2, 0.5, HANGS]),
    fills=st.booleans(),
    heard=st.booleans(),
) | st.builds(
    Fate,
    seconds=st.sampled_from([0.0, 0.1, 0.5]),
    fills=st.just(False),
    code=st.sampled_from(["MARKET_NOT_ACTIVE", "insufficient_balance"]),
)
_PASSES = st.lists(
    st.tuples(
        st.fixed_dictionaries({t: st.sampled_from([0.9, 0.1, OUT]) for t in TICKERS}),
        st.dictionaries(st.sampled_from(TICKERS), _FATES),
    ),
    min_size=1,
    max_size=4,
)
_LIMITS = st.builds(
    RiskLimits,
    max_total_exposure=st.sampled_from([Decimal(110), Decimal(230), Decimal(2_500)]),
    max_positions=st.sampled_from([2, 5, 20]),
    max_orders_per_minute=st.sampled_from([3, 6, 20]),
)
_PURSES = st.fixed_dictionaries(
    {shard: st.sampled_from([Decimal(60), Decimal(170), Decimal(10_000)]) for shard in (0, 1)}
)


@dataclass
class Watch:
    """Holds what the exchange knows against the limits whenever an order arrives."""

    desk: Together
    limits: RiskLimits
    entered: list[datetime] = field(default_factory=list)

    def sent(self, order: Order) -> None:
        """If everything on its way traded, nothing may be beyond its limit."""
        desk, limits = self.desk, self.limits
        if order.aim is Aim.LEAVE:
            return
        if self.desk.busy.fates.get(order.ticker, Fate()).code == "":
            self.entered.append(order.at)
        minute = timedelta(seconds=60)
        assert sum(order.at - at < minute for at in self.entered) <= (
            limits.max_orders_per_minute or 0
        )
        worst = self.worst()
        assert worst.exposure <= limits.max_total_exposure
        assert len(worst.positions) <= limits.max_positions
        for shard, purse in desk.purses.items():
            of = [t for t in worst.positions if SHARDS[t] == shard]
            assert worst.cost(of) <= purse

    def worst(self) -> Portfolio:
        """What is held if all that was sent traded, but what is known not to have."""
        busy, portfolio = self.desk.busy, Portfolio.of_cash(CASH)
        known = {fill.client_order_id for fill in busy.truth}
        for order in busy.sent:
            name = order.client_order_id
            may = order.aim is Aim.ENTER and name not in busy.ended
            if name in known or may:
                portfolio = portfolio.after(_whole(order))
        return portfolio


def test_what_is_under_way_is_counted_by_the_review_of_the_next():
    """In one example what holds of all: each of the limits lets two of four orders go."""
    for limits in (
        RiskLimits(max_total_exposure=Decimal(110)),
        RiskLimits(max_positions=2),
        RiskLimits(max_orders_per_minute=2),
    ):

        async def pass_of(desk: Together) -> None:
            await desk.passes(dict.fromkeys("ABCD", 0.9))
            assert len(desk.busy.sent) == 2

        _with(pass_of, "A", "B", "C", "D", limits=limits)


def test_the_cash_of_a_shard_is_not_spent_twice_by_orders_under_way():
    async def pass_of(desk: Together) -> None:
        desk.purses = {0: Decimal(60), 1: Decimal(10_000)}
        await desk.passes(dict.fromkeys("ACE", 0.9))
        assert [order.ticker for order in desk.busy.sent] == ["A"]

    _with(pass_of, "A", "C", "E")


def test_one_that_was_never_taken_gives_back_what_it_had_reserved():
    async def pass_of(desk: Together) -> None:
        desk.busy.fates = {"A": Fate(fills=False, code="MARKET_NOT_ACTIVE")}
        await desk.passes({"A": 0.9})
        await desk.passes({"B": 0.9})
        assert desk.position("B") == 100
        assert desk.trader.reserved == 0

    _with(pass_of, limits=RiskLimits(max_positions=1, max_orders_per_minute=1))


def test_without_a_venue_of_several_at_once_they_go_one_after_another():
    async def pass_of(desk: Together) -> None:
        desk.busy.at_once = 1

        await desk.passes(BUY)

        assert list(desk.busy.times.values()) == pytest.approx(
            [QUIET * number for number in range(len(TICKERS))]
        )

    _with(pass_of)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(passes=_PASSES, limits=_LIMITS, purses=_PURSES)
def test_no_limit_is_passed_and_every_fill_booked_once_whoever_is_answered_first(
    passes, limits, purses
):
    async def played(desk: Together) -> None:
        desk.purses = purses
        watch = Watch(desk, limits)
        desk.busy.at_sent = watch.sent
        for scores, fates in passes:
            desk.busy.fates = fates
            before, held = len(desk.busy.sent), set(desk.trader.portfolio.positions)
            await desk.passes(scores)
            aims = [order.aim is Aim.ENTER for order in desk.busy.sent[before:]]
            assert aims == sorted(aims), "no exit waits behind an entry"
            assert all(o.ticker in held for o in desk.busy.sent[before:] if o.aim is Aim.LEAVE)
            await asyncio.sleep(5)
            await desk.settled()

        names = [order.client_order_id for order in desk.busy.sent]
        assert len(names) == len(set(names)), "nothing is sent twice"
        truth = Portfolio.of_cash(CASH)
        for fill in desk.busy.truth:
            truth = truth.after(fill)
        assert desk.trader.portfolio == truth
        assert desk.store.portfolio == truth
        assert not desk.trader.unresolved

    _with(played, limits=limits)
