"""What stops entries, when that is said, and that exits continue."""

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
from tests.support.strategies import ladder
from tests.support.trading import Desk, only

BUY, LEAVE = 0.8, 0.5
#: 100 contracts bought at 53 c are worth 2 c each.
CRASH = OrderBook(bids=ladder(("0.02", 300)), asks=ladder(("0.03", 300)))
DEAR = OrderBook(bids=ladder(("0.89", 300)), asks=ladder(("0.90", 300)))


def _told(events):
    """What was said about entries, as rules; one that ended with a minus."""
    said = [event for event in events if isinstance(event, EntriesStopped | EntriesResumed)]
    return [event.rule if isinstance(event, EntriesStopped) else f"-{event.rule}" for event in said]


async def test_once_killed_nothing_is_entered_and_exits_go_on():
    backend = Desk("A", "B")
    await backend.run({"A": BUY})
    backend.killed = "the file KILL exists"

    stopped = await backend.run({"A": BUY, "B": BUY})
    leaving = await backend.run({"A": LEAVE, "B": BUY})

    assert _told(stopped + leaving) == ["killed"]
    assert not only(stopped + leaving, OrderRefused)
    assert [order.ticker for order in backend.venue.sent] == ["A", "A"]
    assert backend.position("A") == backend.position("B") == 0
    held = [event for event in only(leaving, SignalMade) if event.ticker == "B"]
    assert held[0].reason == backend.trader.entries_stopped
    assert "the file KILL exists" in held[0].reason

    backend.killed = None
    assert _told(await backend.run({"B": BUY})) == ["-killed"]
    assert backend.position("B") == 100


async def test_a_kill_in_the_middle_of_a_pass_stops_the_very_next_entry():
    backend = Desk("A", "B")
    backend.venue.before = lambda _: setattr(backend, "killed", "somebody")

    events = await backend.run(BUY)

    (refused,) = only(events, OrderRefused)
    assert (refused.order.ticker, refused.rule) == ("B", "killed")
    assert _told(events) == ["killed"]


async def test_a_kill_while_an_entry_is_written_down_keeps_it_from_being_sent():
    backend = Desk("A", "B")
    await backend.run({"A": BUY})
    backend.store.meanwhile = lambda: setattr(backend, "killed", "somebody")

    (refused,) = only(await backend.act({"B": BUY}), OrderRefused)

    assert refused.rule == "killed"
    assert [order.ticker for order in backend.venue.sent] == ["A"]


async def test_a_kill_while_an_exit_is_written_down_lets_it_go():
    backend = Desk()
    await backend.run(BUY)
    backend.store.meanwhile = lambda: setattr(backend, "killed", "somebody")

    await backend.run(LEAVE)

    assert backend.position() == 0


async def test_the_loss_of_a_day_stops_entries_at_once_and_until_midnight():
    backend = Desk("A", "B", limits=RiskLimits(daily_loss_stop=Decimal(40)))
    await backend.run({"A": BUY})
    backend.books["A"] = CRASH

    assert _told(await backend.run()) == ["daily_loss_stop"]
    assert backend.trader.stop is not None
    assert backend.trader.stop.value == -backend.trader.daily_pnl
    assert _told(await backend.run({"B": BUY}, seconds=60)) == []
    assert backend.position("B") == 0

    events = await backend.run({"B": BUY}, seconds=12 * 3_600)
    assert _told(events) == ["-daily_loss_stop"]
    assert backend.position("B") == 100


async def test_the_loss_of_an_order_stops_the_next_one_of_the_same_pass():
    backend = Desk("A", "B", limits=RiskLimits(daily_loss_stop=Decimal("0.01")))

    events = await backend.run(BUY)

    (refused,) = only(events, OrderRefused)
    assert (refused.order.ticker, refused.rule) == ("B", "daily_loss_stop")
    assert _told(events) == ["daily_loss_stop"]


async def test_a_drawdown_halts_over_days_and_restarts_until_an_operator_resumes():
    limits = RiskLimits(drawdown_halt=Decimal(40))
    backend = Desk("A", "B", limits=limits)
    await backend.run({"A": BUY})
    whole, backend.books["A"] = backend.books["A"], CRASH

    assert _told(await backend.run()) == ["drawdown_halt"]
    backend.books["A"] = whole
    assert _told(await backend.run({"B": BUY}, seconds=86_400)) == []
    backend.restart()
    assert _told(await backend.run({"B": BUY})) == []
    assert backend.position("B") == 0

    resumed_at = backend.at
    backend.trader.resume(resumed_at)
    assert _told(await backend.run({"B": BUY})) == ["-drawdown_halt"]
    assert backend.position("B") == 100

    backend.books["A"] = backend.books["B"] = CRASH
    await backend.run()
    backend.restart()
    backend.trader.resume(resumed_at)
    assert _told(await backend.run()) == []
    assert backend.trader.stop is not None
    assert backend.trader.stop.rule == "drawdown_halt"


FRAGILE = RiskLimits(max_errors_per_minute=3, error_pause=120)


@pytest.mark.parametrize(
    "fails",
    [
        lambda backend: backend.trader.failed(backend.at),
        lambda backend: backend.trader.fetched(backend.at, 20, 11),
        lambda backend: backend.trader.skewed(backend.at, 2.5),
    ],
)
async def test_failures_of_the_exchange_pause_entries_and_the_pause_ends(fails):
    backend = Desk(limits=FRAGILE)
    for _ in range(3):
        assert _told(await backend.run()) == []
        fails(backend)

    assert _told(await backend.run(BUY)) == ["error_breaker"]
    assert backend.position() == 0
    assert _told(await backend.run(BUY, seconds=100)) == []
    assert _told(await backend.run(BUY)) == ["-error_breaker"]
    assert backend.position() == 100


async def test_each_order_of_unknown_fate_is_one_failure_of_the_exchange():
    backend = Desk("A", "B", "C", limits=FRAGILE)
    backend.venue.silent = dict.fromkeys("ABC", 9)
    await backend.run({"A": BUY, "B": BUY})
    for _ in range(3):
        assert _told(await backend.run()) == []

    assert _told(await backend.run({"C": BUY})) == ["error_breaker"]


async def test_a_fault_of_the_database_is_said_when_it_begins_and_when_it_ends():
    backend = Desk()
    backend.fault = "the disk is full: make room"
    stopped = await backend.run(BUY)
    still = await backend.run(BUY)
    backend.fault = None

    resumed = await backend.run(BUY)

    assert [_told(events) for events in (stopped, still, resumed)] == [
        ["database"],
        [],
        ["-database"],
    ]
    assert only(resumed, OrderSubmitted)


async def test_a_graver_stop_is_said_and_the_one_behind_it_when_that_ends():
    backend = Desk("A", limits=RiskLimits(daily_loss_stop=Decimal(40)))
    await backend.run(BUY)
    backend.books["A"] = CRASH
    reported = _told(await backend.run())
    backend.killed = "somebody"
    reported += _told(await backend.run())
    backend.killed = None
    reported += _told(await backend.run())

    assert reported == ["daily_loss_stop", "killed", "daily_loss_stop"]


async def test_what_is_said_of_a_stop_has_its_numbers():
    backend = Desk(limits=RiskLimits(daily_loss_stop=Decimal("0.01")))

    (stopped,) = only(await backend.run(BUY), EntriesStopped)

    assert (stopped.value, stopped.limit) == (-backend.trader.daily_pnl, Decimal("0.01"))
    assert stopped.reason == backend.trader.entries_stopped


async def test_midnight_between_two_parts_of_a_pass_moves_no_profit_to_another_day():
    backend = Desk()
    await backend.run(BUY)
    lost = backend.trader.daily_pnl
    backend.at += timedelta(hours=11, minutes=59)

    backend.trader.settle(backend.at, backend.markets)
    assert backend.trader.daily_pnl == lost
    backend.trader.settle(backend.at + timedelta(minutes=1), backend.markets)
    assert backend.trader.daily_pnl == 0


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
    assert "cannot be checked" in reason


def test_where_nobody_objects_everything_is_allowed():
    assert Safety().permit() == Permit()
    assert Permit().stop is None


def _near_certain(*tickers):
    """A desk that holds winners at 90 c of markets that are about to close."""
    backend = Desk(
        *tickers, limits=RiskLimits(daily_loss_stop=Decimal(200), drawdown_halt=Decimal(500))
    )
    backend.books = dict.fromkeys(backend.markets, DEAR)
    return backend


def _become(backend, **changes):
    """All markets of the desk are so now, and show no orders any more."""
    backend.markets = {t: replace(market, **changes) for t, market in backend.markets.items()}
    backend.books = dict.fromkeys(backend.markets, OrderBook((), ()))


@pytest.mark.parametrize("count", [3, 11])
async def test_winners_that_wait_for_their_payment_stop_nothing(count):
    backend = _near_certain(*[f"W{number}" for number in range(count)])
    await backend.run(BUY)
    before = backend.trader.equity

    _become(backend)
    reported = _told(await backend.run())
    for status in (MarketStatus.CLOSED, MarketStatus.DETERMINED):
        _become(backend, status=status, result="yes" if status is MarketStatus.DETERMINED else "")
        reported += _told(await backend.run())
        assert backend.trader.equity >= before
        assert all(
            made.stale is (status is MarketStatus.CLOSED) for made in backend.trader.marks.values()
        )
        backend.restart()
        assert backend.trader.equity >= before
    determined = backend.trader.equity
    _become(backend, status=MarketStatus.FINALIZED, result="yes")
    reported += _told(await backend.run())

    assert reported == []
    assert not backend.trader.held()
    assert backend.trader.equity == determined > before
    assert backend.trader.entries_stopped is None


async def test_a_loser_that_is_determined_stops_entries_before_it_is_paid():
    backend = _near_certain("A", "B", "C")
    await backend.run(BUY)

    _become(backend, status=MarketStatus.DETERMINED, result="no")

    assert _told(await backend.run()) == ["daily_loss_stop"]


async def test_bids_that_vanish_are_no_loss_but_an_offer_for_a_cent_is():
    backend = _near_certain("A", "B", "C")
    await backend.run(BUY)
    before = backend.trader.equity

    backend.books = dict.fromkeys(backend.markets, OrderBook((), DEAR.asks))
    assert _told(await backend.run()) == []
    assert backend.trader.equity == before

    backend.books = dict.fromkeys(backend.markets, OrderBook((), ladder(("0.01", 300))))
    assert _told(await backend.run()) == ["daily_loss_stop"]


async def test_a_position_at_cost_after_a_restart_moves_no_stop_until_a_price_is_seen():
    backend = Desk(limits=RiskLimits(drawdown_halt=Decimal(30)))
    await backend.run(BUY)
    backend.books["A"] = OrderBook(bids=ladder(("0.10", 300)), asks=ladder(("0.11", 300)))
    await backend.run()
    backend.trader.resume(backend.at)
    await backend.store.commit(CommitBatch((), backend.trader.state_records()))
    del backend.store.state_records["mark"]

    backend.restart()
    backend.trader.poll(backend.at)

    assert _told(await backend.run()) == ["-drawdown_halt"]
    assert backend.trader.entries_stopped is None


@pytest.mark.parametrize("shown", [None, OrderBook((), ())])
@pytest.mark.parametrize("status", [MarketStatus.ACTIVE, MarketStatus.CLOSED])
async def test_a_position_at_cost_moves_no_stop_however_long_no_price_comes(shown, status):
    backend = Desk(limits=RiskLimits(daily_loss_stop=Decimal(20), drawdown_halt=Decimal(30)))
    await backend.run(BUY)
    backend.books["A"] = DEAR
    await backend.run()
    peak = backend.trader.equity
    del backend.store.state_records["mark"]
    _become(backend, status=status)
    if shown is None:
        backend.books = {}

    reported = []
    for _ in range(3):
        backend.restart()
        reported += _told(await backend.run()) + _told(await backend.run())

    assert peak - backend.trader.equity > 30
    assert reported == []
    assert backend.trader.entries_stopped is None

    _become(backend, status=MarketStatus.DETERMINED, result="no")
    assert _told(await backend.run()) == ["drawdown_halt"]


async def test_the_stop_of_a_day_outlives_a_restart_and_what_is_won_back():
    backend = Desk(limits=RiskLimits(daily_loss_stop=Decimal(40)))
    await backend.run(BUY)
    backend.books["A"] = CRASH
    assert _told(await backend.run()) == ["daily_loss_stop"]
    backend.books["A"] = DEAR

    assert _told(await backend.run()) == []
    backend.restart()
    assert _told(await backend.run()) == []

    assert backend.trader.daily_pnl > 0
    assert "no entries until 00:00 UTC" in str(backend.trader.entries_stopped)
    assert _told(await backend.run(seconds=12 * 3_600)) == ["-daily_loss_stop"]
