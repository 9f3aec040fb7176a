"""Other hands trade on the account and are respected: theirs stays theirs, ours stays ours."""

import asyncio
from datetime import timedelta
from decimal import Decimal

import pytest
import stamina
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bot.core.market.market import Side
from bot.ports.persistence import StateRecord
from bot.sim.engine.orders import TimeInForce
from bot.sim.engine.units import size_contracts
from bot.trading.reconciliation.foreign import forget_foreign
from tests.support.kalshi_stand import FAR, SHARDS, TICKER, stand
from tests.support.shared_account import DEEP, PAYS, SharedAccount, shared_account
from tests.support.sim_exchanges import request

_MARKETS = st.sampled_from(tuple(SHARDS))
_SCORES = st.sampled_from((0.95, 0.05, 0.5))
_SIZES = st.integers(-250, 250).filter(bool)
_STEPS = st.one_of(
    *[st.tuples(st.just(kind), _SCORES, _MARKETS) for kind in ("bot", "doubt", "lost")],
    *[st.tuples(st.just(kind), _SIZES, _MARKETS) for kind in ("stranger", "rests", "met")],
    *[
        st.tuples(st.just(kind), st.just(0), _MARKETS)
        for kind in ("restart", "closes", "withdrawn")
    ],
    st.tuples(st.sampled_from(tuple(PAYS)), st.booleans(), _MARKETS),
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@example(False, [("bot", 0.95, TICKER), ("stranger", -40, TICKER), ("bot", 0.5, TICKER)])
@example(True, [("bot", 0.95, TICKER), ("stranger", -250, TICKER), ("restart", 0, TICKER)])
@example(True, [("lost", 0.95, TICKER), ("rests", -40, TICKER), ("lost", 0.5, TICKER)])
@example(True, [("rests", 90, TICKER), ("met", -50, TICKER), ("scalar", False, TICKER)])
@given(st.booleans(), st.lists(_STEPS, min_size=2, max_size=8))
def test_ours_and_theirs_are_the_account_whatever_happens(sets_aside, steps):
    async def played() -> None:
        async with shared_account(sets_aside=sets_aside) as shared:
            for step in steps:
                await shared.step(*step)
                shared.check()
            await shared.check_gap()
            await shared.leave()

    with stamina.set_testing(True, attempts=2):
        asyncio.run(played())


async def test_what_was_there_before_is_theirs_and_a_resting_order_bars_its_market():
    async with stand() as live:
        shared = SharedAccount(live)
        shared.strange(30, TICKER)
        shared.begin_now()
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
        shared = SharedAccount(live)
        shared.strange(30, TICKER)
        shared.begin_now()
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
    async with shared_account() as shared:
        await shared.step("bot", score, TICKER)
        await shared.step("stranger", theirs, TICKER)

        await shared.step("yes", is_told, TICKER)

        assert not shared.desk.position(TICKER)
        shared.check()


async def test_an_exit_takes_ours_alone_and_leaves_theirs():
    async with shared_account() as shared:
        await shared.step("bot", 0.95, TICKER)
        await shared.step("stranger", 40, TICKER)

        await shared.step("bot", 0.5, TICKER)

        assert shared.desk.position(TICKER) == 0
        assert size_contracts(shared.live.ann.position(TICKER)) == 40
        shared.check()


async def test_a_trade_of_ours_that_is_not_booked_is_never_theirs():
    async with shared_account() as shared:
        await shared.step("bot", 0.95, TICKER)
        shared.desk.trader._holdings.portfolio = shared.desk.trader._holdings.portfolio.adjusted(
            TICKER, Decimal(60), Decimal(1), shared.live.clock.now()
        )

        for _ in range(3):
            await shared.look()

        assert "60 contracts booked, 100 at the exchange" in str(shared.audit.block_reason)
        assert not shared.foreign.portfolio.positions


async def test_who_is_not_respected_any_more_is_forgotten():
    async with shared_account() as shared:
        await shared.step("stranger", 40, TICKER)
        kept: list[StateRecord] = []

        forget_foreign(shared.desk.store.checkpoint(), kept.append)

        assert [(one.kind, one.body) for one in kept] == [("foreign", None)]


async def test_a_round_trip_of_ours_that_is_not_written_down_yet_is_not_theirs():
    async with shared_account() as shared:

        async def nothing(after=None):
            return after or shared.began, frozenset()

        shared.foreign._booked = nothing
        await shared.step("bot", 0.95, TICKER)
        await shared.step("bot", 0.5, TICKER)

        await shared.step("stranger", 40, FAR)

        shared.check()


async def test_an_order_of_ours_that_ended_by_word_is_never_theirs_and_is_ours_once_adopted():
    async with shared_account() as shared:
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
        shared = SharedAccount(live)
        await shared.lose(0.95, TICKER)

        await shared.look()

        assert "A: 0 contracts booked, 100 at the exchange" in str(shared.audit.block_reason)
        await shared.adopt()
        await shared.look()
        shared.check()


async def test_before_it_is_known_what_was_there_nothing_is_entered():
    async with stand() as live:
        shared = SharedAccount(live)
        live.fail(kind="error", route="GET /portfolio/fills")

        with stamina.set_testing(True, attempts=1):
            await shared.look()
        assert "have not been reconciled" in str(shared.audit.block_reason)

        live.faults.clear()
        await shared.look()
        shared.check()


async def test_what_an_order_traded_that_cannot_be_read_is_nobodys(monkeypatch):
    async with shared_account() as shared:

        async def none(*_):
            return {}

        monkeypatch.setattr(shared.live.trading, "order_names", none)
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
            shared.rest(size, TICKER)
        for _ in range(3):
            await shared.look()
            shared.check()

        await shared.check_gap()

        shared.live.exchange.cancel_all(shared.live.ann)
        await shared.look()
        await shared.look()
        shared.check()


async def test_what_cannot_be_read_for_a_while_costs_no_entries_and_is_read_again():
    async with shared_account() as shared:
        shared.live.fail(kind="error", route="GET /portfolio/fills")
        shared.strange(30, TICKER)
        shared.strange(-30, TICKER)

        with stamina.set_testing(True, attempts=1):
            for _ in range(3):
                await shared.look()
        assert (shared.audit.block_reason, shared.money.block_reason) == (None, None)
        assert "cannot be read" in str(shared.audit.note)

        shared.live.faults.clear()
        await shared.look()
        assert "cannot be read" not in str(shared.audit.note)
        shared.check()


async def test_a_trade_that_is_listed_late_is_counted_though_nothing_changes_meanwhile(monkeypatch):
    async with shared_account() as shared:

        async def none(since):
            return [], {}

        monkeypatch.setattr(shared.live.trading, "fills_since", none)
        shared.strange(30, TICKER)
        shared.strange(-30, TICKER)
        await shared.look()
        await shared.look()

        monkeypatch.undo()
        await shared.look()
        await shared.look()

        shared.check()
