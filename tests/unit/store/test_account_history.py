"""The past of an account agrees with its ledger to the last digit, page by page."""

import random
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import text

from bot.core.account.round_trips import ExitCause
from bot.core.account.trade_stats import GroupBy
from bot.core.events import EntriesStopped, Noted, NoteKind
from bot.core.market.market import Side
from bot.ports.account_history import CursorError, Wanted
from bot.ports.persistence import StoreError
from bot.store import account_history
from tests.support.booked import MINUTE, Booked, marked
from tests.support.store_tables import change
from tests.support.store_values import BOOK, order
from tests.support.strategies import NOON


@pytest.fixture
def booked(led):
    return Booked(led)


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_trades_and_what_is_open_add_up_to_the_ledger(booked, seed):
    dice = random.Random(seed)
    for _ in range(60):
        side, price = dice.choice(list(Side)), f"0.{dice.randint(5, 95):02}"
        await booked.trade(dice.choice("ABC"), side, dice.randint(1, 30), price)
        if booked.account.portfolio.size("C") and dice.random() < 0.2:
            await booked.settle("C", dice.choice("01"))

    trades = await booked.trades()
    ledger = (await booked.led.checkpoint()).portfolio
    still_open = ledger.positions.values()
    whole = (await booked.past.performance(GroupBy.MARKET, None, None)).stats

    assert len(trades) > 5
    gross, fees = sum(t.trip.gross for t in trades), sum(t.trip.fees for t in trades)
    assert gross + sum(one.realised for one in still_open) == ledger.realised
    assert fees + sum(one.fees for one in still_open) == ledger.fees
    assert (whole.total.gross, whole.total.fees) == (gross, fees)
    assert sum(one.net for one in whole.groups.values()) == gross - fees


async def test_a_trade_says_what_it_was_and_how_it_ended(booked):
    await booked.trade("A", Side.BUY, 10, "0.40")
    await booked.trade("A", Side.BUY, 10, "0.50")
    await booked.trade("A", Side.SELL, 20, "0.60", ExitCause.STOP_LOSS)
    await booked.trade("B", Side.SELL, 10, "0.30")
    await booked.settle("B", "0")

    settled, stopped = await booked.trades()

    assert (stopped.ticker, stopped.title) == ("A", "Will A happen?")
    assert (stopped.event_ticker, stopped.how) == ("E-A", "stop_loss")
    trip = stopped.trip
    assert (trip.side, trip.size) == (Side.BUY, 20)
    assert (trip.entry_price, trip.exit_price) == (Decimal("0.45"), Decimal("0.60"))
    assert (trip.gross, trip.fees) == (Decimal(3), Decimal("0.21"))
    assert (trip.opened_at, stopped.closed_at) == (NOON + MINUTE, NOON + 3 * MINUTE)
    assert (settled.how, settled.trip.exit_price) == ("settlement", Decimal(0))


async def test_an_exit_of_which_nobody_knows_why_it_was_sent_is_only_an_order(booked):
    await booked.trade("A", Side.BUY, 10, "0.40")
    await booked.trade("A", Side.SELL, 10, "0.50")

    assert [one.how for one in await booked.trades()] == ["order"]


async def test_pages_have_every_trade_once_and_filters_filter(booked):
    for ticker in "ABAB":
        await booked.trade(ticker, Side.BUY, 1, "0.40")
        await booked.trade(ticker, Side.SELL, 1, "0.50")
    everything = await booked.trades()

    paged, cursor = [], None
    for _ in range(4):
        page = await booked.past.trades(Wanted(1, cursor=cursor))
        paged += page.rows
        cursor = page.next

    assert cursor is None
    assert paged == list(everything)
    assert [one.ticker for one in await booked.trades(ticker="A")] == ["A", "A"]
    since = everything[1].closed_at
    assert await booked.trades(since=since) == list(everything[:2])
    assert await booked.trades(until=since) == list(everything[1:])
    assert await booked.trades(since=since, until=since) == [everything[1]]


async def test_figures_are_of_the_trades_between_two_moments(booked):
    for price in ("0.50", "0.60", "0.70"):
        await booked.trade("A", Side.BUY, 10, "0.40")
        await booked.trade("A", Side.SELL, 10, price)
    second = (await booked.trades())[1].closed_at

    def gross(since, until):
        return booked.past.performance(GroupBy.DAY, since, until)

    assert (await gross(None, second)).stats.total.gross == 3
    assert (await gross(second, second)).stats.total.gross == 2


async def test_a_curve_bears_the_starts_and_stops_of_its_time(booked):
    started = Noted(NOON, NoteKind.TERM_STARTED, "version 1 leads")
    jumped = Noted(NOON + MINUTE, NoteKind.CLOCK_JUMPED, "an hour")
    stopped = EntriesStopped(NOON + 2 * MINUTE, "the loss of the day", "daily_loss")
    killed = Noted(NOON + 3 * MINUTE, NoteKind.KILLED, "by hand")
    for event in (started, jumped, stopped, killed):
        await booked.led.commit(event)

    whole = await booked.past.equity(None, NOON + timedelta(hours=1), 60)
    part = await booked.past.equity(NOON + MINUTE, NOON + 2 * MINUTE, 60)

    assert [(one.at, one.kind) for one in whole.marks] == [
        (NOON, "TERM_STARTED"),
        (NOON + 2 * MINUTE, "ENTRIES_STOPPED"),
        (NOON + 3 * MINUTE, "KILLED"),
    ]
    assert [one.message for one in part.marks] == ["the loss of the day"]


async def test_orders_come_with_their_fills_and_without_a_fate_while_none_is_known(booked):
    await booked.led.store.intend(order(1))
    await booked.trade("A", Side.BUY, 10, "0.40")
    await booked.trade("A", Side.SELL, 10, "0.50")

    first = await booked.past.orders(Wanted(2))
    rest = await booked.past.orders(Wanted(2, cursor=first.next))

    assert [one.status for one in first.rows] == ["filled", "filled"]
    assert [[fill.price for fill in one.fills] for one in first.rows] == [
        [Decimal("0.50")],
        [Decimal("0.40")],
    ]
    (doubted,) = rest.rows
    assert (doubted.status, doubted.ended_at, doubted.fills) == (None, None, ())
    assert rest.next is None
    assert [one.price for one in await booked.past.fills(Wanted(1, "A"))] == [Decimal("0.50")]


@pytest.mark.parametrize(
    "cursor", ["", "1", "1-", "-1", "x-y", "1-2-3", "\u0661-1", "9" * 40 + "-1"]
)
async def test_a_cursor_that_nobody_gave_is_refused(booked, cursor):
    with pytest.raises(CursorError):
        await booked.past.trades(Wanted(1, cursor=cursor))
    with pytest.raises(CursorError):
        await booked.past.orders(Wanted(1, cursor=cursor))


async def test_of_each_minute_the_last_account_is_kept(led):
    past = led.database.account_history(BOOK)
    second = timedelta(seconds=1)
    await led.commit(marked(NOON, "100"), marked(NOON + second, "7", ticker="A"))
    await led.commit(marked(NOON + 59 * second, "90.123"))
    await led.commit(marked(NOON + 60 * second, "120"))
    await led.commit(marked(NOON + 120 * second, "1", assumed=True))

    curve = await past.equity(None, NOON + timedelta(hours=1), 60)

    assert [(one.minute, one.equity) for one in curve.points] == [
        (NOON, Decimal("90.123")),
        (NOON + MINUTE, Decimal(120)),
    ]
    (last,) = curve.points[1:]
    assert (last.cash, last.realised) == (Decimal(72), Decimal("0.25"))
    assert (last.fees, last.exposure) == (Decimal("0.07"), Decimal("49.5"))
    assert (curve.first, curve.step) == (NOON, 60)


async def test_a_longer_step_takes_the_last_minute_of_each_and_no_fall_is_lost(led):
    past = led.database.account_history(BOOK)
    worths = ("100", "120", "80", "110", "90", "130")
    await led.commit(*(marked(NOON + n * MINUTE, worth) for n, worth in enumerate(worths)))

    curve = await past.equity(NOON, NOON + timedelta(hours=1), 180)
    later = await past.equity(NOON + 3 * MINUTE, NOON + 4 * MINUTE, 60)
    none = await past.equity(NOON + timedelta(hours=2), NOON + timedelta(hours=3), 60)

    assert [one.equity for one in curve.points] == [Decimal(80), Decimal(130)]
    assert curve.max_drawdown == 40
    assert later.max_drawdown == 20
    assert (list(none.points), none.max_drawdown) == ([], None)


async def test_a_curve_has_no_more_points_than_a_page_can_draw(led):
    past = led.database.account_history(BOOK)
    days = 60
    await led.commit(
        *(marked(NOON + n * timedelta(hours=1), "100") for n in range(24 * days)),
    )

    curve = await past.equity(None, NOON + timedelta(days=days), 60)

    assert curve.step == 3_600
    assert len(curve.points) <= account_history.MOST_POINTS


async def test_figures_say_when_they_are_of_the_newest_only(booked, monkeypatch):
    for price in ("0.50", "0.60", "0.70"):
        await booked.trade("A", Side.BUY, 1, "0.40")
        await booked.trade("A", Side.SELL, 1, price)
    monkeypatch.setattr(account_history, "MOST_COUNTED", 2)

    found = await booked.past.performance(GroupBy.DAY, None, None)

    assert not found.is_complete
    assert found.stats.total.gross == Decimal("0.5")


async def test_what_is_old_goes_with_the_rest(booked):
    await booked.trade("A", Side.BUY, 1, "0.40")
    await booked.trade("A", Side.SELL, 1, "0.50")
    await booked.led.commit(marked(NOON, "100"))

    await booked.led.database.prune(booked.led.term, BOOK, NOON + timedelta(days=1))

    assert await booked.trades() == []
    curve = await booked.past.equity(None, NOON + timedelta(days=1), 60)
    assert (list(curve.points), curve.first) == ([], None)


async def test_a_row_that_cannot_be_read_is_named_and_no_figure_is_made_without_it(booked):
    await booked.trade("A", Side.BUY, 1, "0.40")
    await booked.trade("A", Side.SELL, 1, "0.50")
    if not booked.led.url.startswith("sqlite"):
        pytest.skip("PostgreSQL keeps no words in a column of numbers")
    change(booked.led.url, text("UPDATE round_trips SET gross = 'much'"))

    for question in (
        booked.past.trades(Wanted(1)),
        booked.past.performance(GroupBy.DAY, None, None),
    ):
        with pytest.raises(StoreError, match=r"of table round_trips cannot be read: gross"):
            await question
