"""What stops entries, when that is said, and that exits go on."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from bot.core.events import (
    EntriesResumed,
    EntriesStopped,
    OrderRefused,
    OrderSubmitted,
    SignalMade,
)
from bot.core.market.market import MarketStatus
from bot.core.market.orderbook import OrderBook
from bot.core.risk.circuit_breakers import Permit
from bot.core.risk.limits import RiskLimits
from bot.ports.persistence import CommitBatch
from bot.trading.entry_guard import KillFile, Safety
from tests.strategies import ladder
from tests.trading import Desk, only

BUY, LEAVE = 0.8, 0.5
#: 100 contracts bought at 53 c are worth 2 c each.
CRASH = OrderBook(bids=ladder(("0.02", 300)), asks=ladder(("0.03", 300)))
DEAR = OrderBook(bids=ladder(("0.89", 300)), asks=ladder(("0.90", 300)))


def _told(events):
    """What was said about entries, as rules; one that ended with a minus."""
    said = [event for event in events if isinstance(event, EntriesStopped | EntriesResumed)]
    return [event.rule if isinstance(event, EntriesStopped) else f"-{event.rule}" for event in said]


async def test_once_killed_nothing_is_entered_and_exits_go_on():
    desk = Desk("A", "B")
    await desk.run({"A": BUY})
    desk.killed = "the file KILL exists"

    stopped = await desk.run({"A": BUY, "B": BUY})
    leaving = await desk.run({"A": LEAVE, "B": BUY})

    assert _told(stopped + leaving) == ["killed"]
    assert not only(stopped + leaving, OrderRefused)
    assert [order.ticker for order in desk.venue.sent] == ["A", "A"]
    assert desk.position("A") == desk.position("B") == 0
    held = [event for event in only(leaving, SignalMade) if event.ticker == "B"]
    assert held[0].reason == desk.trader.entries_stopped
    assert "the file KILL exists" in held[0].reason

    desk.killed = None
    assert _told(await desk.run({"B": BUY})) == ["-killed"]
    assert desk.position("B") == 100


async def test_a_kill_in_the_middle_of_a_pass_stops_the_very_next_entry():
    desk = Desk("A", "B")
    desk.venue.before = lambda _: setattr(desk, "killed", "somebody")

    events = await desk.run(BUY)

    (refused,) = only(events, OrderRefused)
    assert (refused.order.ticker, refused.rule) == ("B", "killed")
    assert _told(events) == ["killed"]


async def test_a_kill_while_an_entry_is_written_down_keeps_it_from_being_sent():
    desk = Desk("A", "B")
    await desk.run({"A": BUY})
    desk.store.meanwhile = lambda: setattr(desk, "killed", "somebody")

    (refused,) = only(await desk.act({"B": BUY}), OrderRefused)

    assert refused.rule == "killed"
    assert [order.ticker for order in desk.venue.sent] == ["A"]


async def test_a_kill_while_an_exit_is_written_down_lets_it_go():
    desk = Desk()
    await desk.run(BUY)
    desk.store.meanwhile = lambda: setattr(desk, "killed", "somebody")

    await desk.run(LEAVE)

    assert desk.position() == 0


async def test_the_loss_of_a_day_stops_entries_at_once_and_until_midnight():
    desk = Desk("A", "B", limits=RiskLimits(daily_loss_stop=Decimal(40)))
    await desk.run({"A": BUY})
    desk.books["A"] = CRASH

    assert _told(await desk.run()) == ["daily_loss_stop"]
    assert desk.trader.stop is not None
    assert desk.trader.stop.value == -desk.trader.daily_pnl
    assert _told(await desk.run({"B": BUY}, seconds=60)) == []
    assert desk.position("B") == 0

    events = await desk.run({"B": BUY}, seconds=12 * 3_600)
    assert _told(events) == ["-daily_loss_stop"]
    assert desk.position("B") == 100


async def test_the_loss_of_an_order_stops_the_next_one_of_the_same_pass():
    desk = Desk("A", "B", limits=RiskLimits(daily_loss_stop=Decimal("0.01")))

    events = await desk.run(BUY)

    (refused,) = only(events, OrderRefused)
    assert (refused.order.ticker, refused.rule) == ("B", "daily_loss_stop")
    assert _told(events) == ["daily_loss_stop"]


async def test_a_drawdown_halts_over_days_and_restarts_until_an_operator_resumes():
    limits = RiskLimits(drawdown_halt=Decimal(40))
    desk = Desk("A", "B", limits=limits)
    await desk.run({"A": BUY})
    whole, desk.books["A"] = desk.books["A"], CRASH

    assert _told(await desk.run()) == ["drawdown_halt"]
    desk.books["A"] = whole
    assert _told(await desk.run({"B": BUY}, seconds=86_400)) == []
    desk.restart()
    assert _told(await desk.run({"B": BUY})) == []
    assert desk.position("B") == 0

    resumed_at = desk.at
    desk.trader.resume(resumed_at)
    assert _told(await desk.run({"B": BUY})) == ["-drawdown_halt"]
    assert desk.position("B") == 100

    desk.books["A"] = desk.books["B"] = CRASH
    await desk.run()
    desk.restart()
    desk.trader.resume(resumed_at)
    assert _told(await desk.run()) == []
    assert desk.trader.stop is not None
    assert desk.trader.stop.rule == "drawdown_halt"


FRAGILE = RiskLimits(max_errors_per_minute=3, error_pause=120)


@pytest.mark.parametrize(
    "fails",
    [
        lambda desk: desk.trader.failed(desk.at),
        lambda desk: desk.trader.fetched(desk.at, 20, 11),
        lambda desk: desk.trader.skewed(desk.at, 2.5),
    ],
)
async def test_failures_of_the_exchange_pause_entries_and_the_pause_ends(fails):
    desk = Desk(limits=FRAGILE)
    for _ in range(3):
        assert _told(await desk.run()) == []
        fails(desk)

    assert _told(await desk.run(BUY)) == ["error_breaker"]
    assert desk.position() == 0
    assert _told(await desk.run(BUY, seconds=100)) == []
    assert _told(await desk.run(BUY)) == ["-error_breaker"]
    assert desk.position() == 100


async def test_an_order_of_unknown_fate_is_a_failure_of_the_exchange_each_time():
    desk = Desk("A", "B", limits=FRAGILE)
    desk.venue.silent["A"] = 9
    await desk.run({"A": BUY})
    await desk.run()

    assert _told(await desk.run()) == ["error_breaker"]


async def test_a_fault_of_the_database_is_said_when_it_begins_and_when_it_ends():
    desk = Desk()
    desk.fault = "the disk is full: make room"
    stopped = await desk.run(BUY)
    still = await desk.run(BUY)
    desk.fault = None

    resumed = await desk.run(BUY)

    assert [_told(events) for events in (stopped, still, resumed)] == [
        ["database"],
        [],
        ["-database"],
    ]
    assert only(resumed, OrderSubmitted)


async def test_a_graver_stop_is_said_and_the_one_behind_it_when_that_ends():
    desk = Desk("A", limits=RiskLimits(daily_loss_stop=Decimal(40)))
    await desk.run(BUY)
    desk.books["A"] = CRASH
    told = _told(await desk.run())
    desk.killed = "somebody"
    told += _told(await desk.run())
    desk.killed = None
    told += _told(await desk.run())

    assert told == ["daily_loss_stop", "killed", "daily_loss_stop"]


async def test_what_is_said_of_a_stop_has_its_numbers():
    desk = Desk(limits=RiskLimits(daily_loss_stop=Decimal("0.01")))

    (stopped,) = only(await desk.run(BUY), EntriesStopped)

    assert (stopped.value, stopped.limit) == (-desk.trader.daily_pnl, Decimal("0.01"))
    assert stopped.reason == desk.trader.entries_stopped


async def test_midnight_between_two_parts_of_a_pass_moves_no_profit_to_another_day():
    desk = Desk()
    await desk.run(BUY)
    lost = desk.trader.daily_pnl
    desk.at += timedelta(hours=11, minutes=59)

    desk.trader.settle(desk.at, desk.markets)
    assert desk.trader.daily_pnl == lost
    desk.trader.settle(desk.at + timedelta(minutes=1), desk.markets)
    assert desk.trader.daily_pnl == 0


def test_a_kill_file_stops_by_being_there(tmp_path):
    file = KillFile(tmp_path / "KILL")
    assert file.reason() is None

    (tmp_path / "KILL").touch()

    assert file.reason() == f"the file {tmp_path / 'KILL'} exists"


def test_a_kill_file_that_leads_nowhere_is_there_as_well(tmp_path):
    (tmp_path / "KILL").symlink_to(tmp_path / "nothing")

    assert KillFile(tmp_path / "KILL").reason() is not None


def test_a_kill_file_that_cannot_be_looked_for_counts_as_there(tmp_path):
    (tmp_path / "folder").touch()

    reason = KillFile(tmp_path / "folder" / "KILL").reason()

    assert reason is not None
    assert "cannot be looked for" in reason


def test_where_nobody_objects_everything_is_allowed():
    assert Safety().permit() == Permit()
    assert Permit().stop is None


def _near_certain(*tickers):
    """A desk that holds winners at 90 c of markets that are about to close."""
    desk = Desk(
        *tickers, limits=RiskLimits(daily_loss_stop=Decimal(200), drawdown_halt=Decimal(500))
    )
    desk.books = dict.fromkeys(desk.markets, DEAR)
    return desk


def _become(desk, **changes):
    """All markets of the desk are so now, and show no orders any more."""
    desk.markets = {t: replace(market, **changes) for t, market in desk.markets.items()}
    desk.books = dict.fromkeys(desk.markets, OrderBook((), ()))


@pytest.mark.parametrize("count", [3, 11])
async def test_winners_that_wait_for_their_payment_stop_nothing(count):
    desk = _near_certain(*[f"W{number}" for number in range(count)])
    await desk.run(BUY)
    before = desk.trader.equity

    _become(desk)
    told = _told(await desk.run())
    for status in (MarketStatus.CLOSED, MarketStatus.DETERMINED):
        _become(desk, status=status, result="yes" if status is MarketStatus.DETERMINED else "")
        told += _told(await desk.run())
        assert desk.trader.equity >= before
        assert all(
            made.stale is (status is MarketStatus.CLOSED) for made in desk.trader.marks.values()
        )
        desk.restart()
        assert desk.trader.equity >= before
    determined = desk.trader.equity
    _become(desk, status=MarketStatus.FINALIZED, result="yes")
    told += _told(await desk.run())

    assert told == []
    assert not desk.trader.held()
    assert desk.trader.equity == determined > before
    assert desk.trader.entries_stopped is None


async def test_a_loser_that_is_determined_stops_entries_before_it_is_paid():
    desk = _near_certain("A", "B", "C")
    await desk.run(BUY)

    _become(desk, status=MarketStatus.DETERMINED, result="no")

    assert _told(await desk.run()) == ["daily_loss_stop"]


async def test_bids_that_vanish_are_no_loss_but_an_offer_for_a_cent_is():
    desk = _near_certain("A", "B", "C")
    await desk.run(BUY)
    before = desk.trader.equity

    desk.books = dict.fromkeys(desk.markets, OrderBook((), DEAR.asks))
    assert _told(await desk.run()) == []
    assert desk.trader.equity == before

    desk.books = dict.fromkeys(desk.markets, OrderBook((), ladder(("0.01", 300))))
    assert _told(await desk.run()) == ["daily_loss_stop"]


async def test_a_position_at_cost_after_a_restart_moves_no_stop_until_a_price_is_seen():
    desk = Desk(limits=RiskLimits(drawdown_halt=Decimal(30)))
    await desk.run(BUY)
    desk.books["A"] = OrderBook(bids=ladder(("0.10", 300)), asks=ladder(("0.11", 300)))
    await desk.run()
    desk.trader.resume(desk.at)
    await desk.store.commit(CommitBatch((), desk.trader.memos()))
    del desk.store.memos["mark"]

    desk.restart()
    desk.trader.look(desk.at)

    assert _told(await desk.run()) == ["-drawdown_halt"]
    assert desk.trader.entries_stopped is None
