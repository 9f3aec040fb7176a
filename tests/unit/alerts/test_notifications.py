"""Fills, closed trades and days as alerts, and several targets, up to a real receiver."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from bot.alerts.alert import AlertKind, AlertRules, Severity, Topic, alert_of
from bot.alerts.channel import Attempt
from bot.alerts.conditions import NodeCondition
from bot.alerts.daily import DailySummary
from bot.alerts.dispatcher import AlertCounts, Alerts, AlertSources
from bot.alerts.outbox import Means
from bot.app.alerting import day_in_words
from bot.core.account.round_trips import RoundTrip
from bot.core.account.trade_stats import GroupBy, GroupedStats, TradeStats
from bot.core.events import OrderEnded, OrderFilled, PositionClosed, WhaleSeen
from bot.core.market.market import Side
from bot.core.market.orders import Execution, Fill, Order, OrderStatus
from bot.ports.account_history import EquityCurve, EquityPoint, Performance
from bot.ports.persistence import StoreError
from tests.support.api_world import NoPast
from tests.support.fakes import HandClock
from tests.support.strategies import NOON
from tests.support.whale_events import whale

ALL = AlertRules(Decimal(0), frozenset(Topic))
ORDER = Order("id-1", "KXA", Side.SELL, Decimal(10), Decimal("0.40"), NOON)
TOKEN = "s3cr3t-t0ken-of-a-chat"  # nobody's


def fill(size, price):
    return Fill(
        fill_id=f"f{size}",
        client_order_id="id-1",
        ticker="KXA",
        side=Side.SELL,
        size=Decimal(size),
        price=Decimal(price),
        fee=Decimal("0.05"),
        at=NOON,
    )


FILLS = (fill(1, "0.42"), fill(3, "0.40"))


@pytest.mark.parametrize(
    "event",
    [
        OrderEnded(NOON, Execution(ORDER, "", OrderStatus.PARTIALLY_FILLED, FILLS)),
        OrderFilled(NOON, ORDER, "", FILLS, Decimal(6)),
    ],
    ids=["ended", "rests on"],
)
def test_the_fills_of_an_order_are_one_alert(event):
    found = alert_of(event, ALL)

    assert found is not None
    assert found.message == "Sold 4 of 10 YES of KXA at 40.50 c, fees $0.10"
    assert (found.kind, found.severity, found.ticker) == (AlertKind.FILL, Severity.INFO, "KXA")


TRIP = RoundTrip(
    side=Side.SELL,
    opened_at=NOON - timedelta(minutes=5),
    size=Decimal(10),
    entry_price=Decimal("0.30"),
    exit_price=Decimal("0.35"),
    gross=Decimal("-0.50"),
    fees=Decimal("0.14"),
)


@pytest.mark.parametrize(
    ("trip", "said"),
    [
        (
            TRIP,
            "Closed KXA by stop loss: -$0.64 after fees ($0.14); 10 NO, 30.00 to 35.00 c, "
            "held 5 min: Rain?",
        ),
        (None, "Closed KXA by stop loss: -$0.64 after fees: Rain?"),
    ],
    ids=["counted", "of an older version"],
)
def test_a_closed_trade_says_what_it_earned_and_how(trip, said):
    event = PositionClosed(NOON, "KXA", Decimal("-0.64"), "stop_loss", trip, "Rain?")

    found = alert_of(event, ALL)

    assert found is not None
    assert found.message == said
    assert (found.kind, found.value) == (AlertKind.TRADE, -0.64)


# --- what is wanted ---


class Deaf:
    """A target that takes everything."""

    name = "deaf"

    def __init__(self):
        self.heard = []

    @asynccontextmanager
    async def opened(self, transport=None):
        yield self

    async def attempt(self, alert):
        self.heard.append(alert)
        return Attempt("accepted", accepted=True)


def stands(leader=True):
    return NodeCondition(leader=leader, running=True, leads="a", cycle_age=3.0)


@pytest.mark.parametrize(
    ("topics", "kinds"),
    [
        ({"troubles", "whales"}, ["started", "whale"]),
        ({"fills"}, ["fill"]),
        ({"trades"}, ["trade"]),
        (set(), []),
    ],
    ids=["as before", "fills", "trades", "none"],
)
async def test_only_what_is_wanted_is_sent(topics, kinds):
    target, stopping = Deaf(), asyncio.Event()
    rules = AlertRules(Decimal(0), frozenset(map(Topic, topics)))
    alerts = Alerts([target], rules, AlertSources(stands), HandClock())

    alerts.notify(AlertKind.STARTED, Severity.INFO, "started")
    done = Execution(ORDER, "", OrderStatus.FILLED, (fill(10, "0.40"),))
    closed = PositionClosed(NOON, "KXA", Decimal(1), "signal", TRIP)
    alerts.on_events([WhaleSeen(NOON, whale("KXA")), OrderEnded(NOON, done), closed])
    stopping.set()
    await alerts.run(stopping)

    assert [one.kind.value for one in target.heard] == kinds


async def test_a_target_that_hangs_delays_no_other():
    class Hanging(Deaf):
        async def attempt(self, alert):
            await asyncio.Event().wait()

    well, stopping = Deaf(), asyncio.Event()
    alerts = Alerts([Hanging(), well], ALL, AlertSources(stands), HandClock(), Means(farewell=0.01))
    alerts.notify(AlertKind.STARTED, Severity.INFO, "one")
    alerts.notify(AlertKind.STARTED, Severity.INFO, "two")
    stopping.set()
    await alerts.run(stopping)

    assert [one.message for one in well.heard] == ["one", "two"]
    assert alerts.counts == AlertCounts(sent=2, dropped=2)


# --- days ---


@dataclass
class Told:
    """Summaries that are made; `fault` is raised instead."""

    days: list[date] = field(default_factory=list)
    fault: Exception | None = None

    async def __call__(self, day):
        if self.fault:
            raise self.fault
        self.days.append(day)
        return f"the {day}"


LATE = datetime(2026, 1, 18, 23, 59, 58, tzinfo=UTC)


async def looked(summary, *looks):
    return [await summary.due(leads, LATE + timedelta(seconds=s)) for leads, s in looks]


async def test_a_day_is_summed_up_once_it_is_over_and_once():
    told = Told()

    found = await looked(DailySummary(told), (True, 0), (True, 5), (True, 10), (True, 86_405))

    assert [one and one.message for one in found] == [
        *(None, "the 2026-01-18", None, "the 2026-01-19")
    ]
    assert found[1].kind is AlertKind.DAILY


@pytest.mark.parametrize(
    "looks",
    [[(False, 0), (False, 5)], [(False, 0), (True, 5)], [(True, 5)], [(True, 0), (False, 5)]],
    ids=["follows", "takes over later", "starts later", "lost the lease"],
)
async def test_only_who_leads_and_led_before_midnight_speaks(looks):
    assert await looked(DailySummary(Told()), *looks) == [None] * len(looks)


async def test_while_the_database_is_away_a_summary_stays_due():
    told = Told(fault=StoreError("gone"))
    summary = DailySummary(told)
    await looked(summary, (True, 0))
    with pytest.raises(StoreError):
        await looked(summary, (True, 5))

    told.fault = None
    (found,) = await looked(summary, (True, 10))

    assert found.message == "the 2026-01-18"


async def test_the_dispatcher_sends_it_and_survives_a_database_that_is_away():
    target, clock, stopping = Deaf(), HandClock(), asyncio.Event()
    told = Told(fault=StoreError("gone"))
    looks = 0

    async def sleep(_):
        nonlocal looks
        looks += 1
        clock.pass_by(43_200)
        if looks == 3:
            told.fault = None
        if looks == 4:
            stopping.set()
        await asyncio.sleep(0)

    sources = AlertSources(stands, DailySummary(told))
    alerts = Alerts([target], ALL, sources, clock, Means(sleep=sleep))
    await alerts.run(stopping)

    assert [one.message for one in target.heard] == ["the 2026-11-22"]


class Past(NoPast):
    """A day with two trades, and the minutes that are stored."""

    def __init__(self, *minutes):
        self.minutes = minutes

    async def performance(self, by, since, until):
        assert (by, since) == (GroupBy.DAY, datetime(2026, 1, 18, tzinfo=UTC))
        stats = TradeStats(trades=2, wins=1, gross=Decimal("3.00"), fees=Decimal("4.50"))
        groups: dict[str | None, TradeStats] = {
            "2026-01-18": stats,
            "2026-01-19": TradeStats(trades=9),
        }
        return Performance(GroupedStats(TradeStats(), groups), is_complete=True)

    async def equity(self, start, end, step):
        points = [
            EquityPoint(
                minute=datetime(2026, 1, day, 23, 59, tzinfo=UTC),
                equity=Decimal(worth),
                **dict.fromkeys(("cash", "realised", "fees", "exposure"), Decimal(0)),
            )
            for day, worth in self.minutes
        ]
        return EquityCurve([one for one in points if start <= one.minute <= end], step, None, None)


@pytest.mark.parametrize(
    ("minutes", "worth"),
    [
        ([(17, 10_000), (18, "9998.50"), (19, 1)], "equity $9,998.50, -$1.50 on the day"),
        ([(18, 9_998)], "equity $9,998.00, the day before is not stored"),
        ([(17, 10_000)], "equity not known, no minute of it is stored"),
    ],
    ids=["two days", "the first day", "no minute"],
)
async def test_a_day_in_words(minutes, worth):
    said = await day_in_words(Past(*minutes), date(2026, 1, 18))

    assert said == (
        f"2026-01-18 UTC: {worth}; 2 trades closed, 1 of them won, -$1.50 after fees of $4.50"
    )
