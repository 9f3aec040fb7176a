"""`/trades`, `/orders`, `/equity`, `/stats`: real rows of a real database, to the cent."""

import csv
import io
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from bot.clock import RecordedClock
from bot.core.account.round_trips import ExitCause
from bot.core.events import Noted, NoteKind
from bot.core.market.market import Side
from bot.core.market.orders import Life
from bot.core.market.working import Resting, WorkingOrder
from bot.dashboard.queue_places import places_in_queue
from bot.ports.persistence import StoreError
from bot.store.database import opened as database_opened
from tests.support.api_world import opened
from tests.support.booked import Booked, marked
from tests.support.store_tables import Leading, begun
from tests.support.store_values import BOOK, CASH, order
from tests.support.strategies import NOON


@pytest.fixture
async def booked(tmp_path, world):
    """A service over a database with an account that is empty yet."""
    url = f"sqlite:///{tmp_path / 'book.db'}"
    async with database_opened(url) as database:
        term = await begun(database)
        booked = Booked(Leading(url, database, term, database.store(term, BOOK)))
        world.past = booked.past
        world.clock = RecordedClock(NOON + timedelta(days=1))
        yield booked


@pytest.fixture
async def asked(world, booked):
    async with opened(world.app()) as client:
        yield client


async def three_trades(booked):
    await booked.trade("A", Side.BUY, 10, "0.40")
    await booked.trade("A", Side.SELL, 10, "0.60", ExitCause.SIGNAL)
    await booked.trade("B", Side.SELL, 10, "0.30")
    await booked.trade("B", Side.BUY, 10, "0.35", ExitCause.STOP_LOSS)
    await booked.trade("A", Side.BUY, 10, "0.50")
    await booked.trade("A", Side.SELL, 10, "0.55", ExitCause.SIGNAL)


async def test_a_trade_is_a_round_trip_in_yes_prices_and_dollars(booked, asked):
    await three_trades(booked)

    found = (await asked.get("/trades?limit=2")).json()
    rest = (await asked.get(f"/trades?cursor={found['next_cursor']}")).json()

    assert found["count"] == 2
    short = found["trades"][1]
    assert (short["side"], short["size"]) == ("NO", 10.0)
    assert (short["entry_price"], short["exit_price"]) == (30.0, 35.0)
    assert (short["pnl_gross"], short["fees"], short["pnl"]) == (-0.5, 0.14, -0.64)
    assert (short["how"], short["held_seconds"]) == ("stop_loss", 60.0)
    assert short["closed_at"] == (NOON + timedelta(minutes=4)).isoformat()
    assert [one["ticker"] for one in rest["trades"]] == ["A"]
    assert rest["next_cursor"] is None


@pytest.mark.parametrize(
    ("path", "headers"), [("/trades.csv", {}), ("/trades", {"accept": "text/csv"})]
)
async def test_the_same_rows_as_csv(booked, asked, path, headers):
    await three_trades(booked)

    rows = (await asked.get("/trades")).json()["trades"]
    answer = await asked.get(path, headers=headers)
    found = list(csv.DictReader(io.StringIO(answer.text)))

    assert answer.headers["content-type"].startswith("text/csv")
    assert [row["ticker"] for row in found] == ["A", "B", "A"]
    assert [float(row["pnl"]) for row in found] == [row["pnl"] for row in rows]
    assert list(found[0]) == list(rows[0])


async def test_a_cell_is_never_a_formula(booked, asked):
    await booked.trade("=cmd()", Side.BUY, 10, "0.40")
    await booked.trade("=cmd()", Side.SELL, 10, "0.60")

    (row,) = csv.DictReader(io.StringIO((await asked.get("/trades.csv")).text))

    assert row["ticker"] == "'=cmd()"


async def test_the_sum_of_all_trades_is_what_the_ledger_earned(booked, asked):
    await three_trades(booked)
    ledger = (await booked.led.checkpoint()).portfolio

    total = (await asked.get("/stats?by=exit")).json()["total"]

    assert Decimal(str(total["pnl"])) == round(ledger.net, 2)
    assert Decimal(str(total["fees"])) == round(ledger.fees, 2)
    assert ledger.cash == CASH + ledger.net


async def test_figures_by_what_ended_the_trades(booked, asked):
    await three_trades(booked)

    found = (await asked.get("/stats?by=exit")).json()

    groups = {one["key"]: one for one in found["groups"]}
    assert list(groups) == ["signal", "stop_loss"]
    won, lost = groups["signal"], groups["stop_loss"]
    assert (won["trades"], won["win_rate"], won["average_win"]) == (2, 1.0, 1.11)
    assert (won["profit_factor"], won["average_loss"]) == (None, None)
    assert won["reason"] == "no trade lost"
    assert (lost["pnl"], lost["max_drawdown"], lost["average_win"]) == (-0.64, 0.64, None)
    assert found["total"]["profit_factor"] == round(2.22 / 0.64, 4)
    assert found["total"]["win_rate"] == round(2 / 3, 4)


@pytest.mark.parametrize(
    ("by", "keys"),
    [("market", ["A", "B"]), ("day", [f"{NOON:%Y-%m-%d}"]), ("hour", ["12"]), ("category", [None])],
)
async def test_figures_by_anything_else(booked, asked, by, keys):
    await three_trades(booked)

    found = (await asked.get(f"/stats?by={by}")).json()

    assert [one["key"] for one in found["groups"]] == keys
    assert sum(one["trades"] for one in found["groups"]) == 3


async def test_without_trades_nothing_is_known_and_nothing_is_a_win_rate_of_0(asked):
    found = (await asked.get("/stats")).json()

    assert found["total"]["win_rate"] is None
    assert found["total"]["reason"] == "no trade was closed"
    assert found["groups"] == []


async def test_orders_show_what_became_of_them(booked, asked):
    await three_trades(booked)

    found = (await asked.get("/orders?ticker=B")).json()["orders"]

    assert [one["side"] for one in found] == ["buy", "sell"]
    assert [(one["status"], one["filled"], one["average_price"]) for one in found] == [
        ("filled", 10.0, 35.0),
        ("filled", 10.0, 30.0),
    ]
    assert found[0]["fills"][0]["fee"] == 0.07


async def test_an_order_without_a_fate_is_in_doubt(booked, asked):
    await booked.led.store.intend(order(1))

    (found,) = (await asked.get("/orders")).json()["orders"]

    assert (found["status"], found["average_price"], found["fills"]) == ("in_doubt", None, [])


async def test_an_order_that_rests_can_still_trade_and_has_its_place(world, booked):
    resting = replace(order(1), life=Life.REST)
    await booked.led.store.intend(resting)
    said = Resting(resting, "x-1", 0.0, Decimal(30), is_best=True)
    told = replace(said, queue=Decimal(12))
    for one, queue in (
        (said, {"ahead": 30.0, "source": "books"}),
        (told, {"ahead": 12.0, "source": "exchange"}),
    ):
        world.queue = places_in_queue([WorkingOrder(one)])
        async with opened(world.app()) as client:
            (found,) = (await client.get("/orders")).json()["orders"]
        assert (found["status"], found["queue"]) == ("resting", queue)


async def test_of_what_rests_elsewhere_no_place_is_told(booked, asked):
    await booked.led.store.intend(replace(order(1), life=Life.REST))

    (found,) = (await asked.get("/orders")).json()["orders"]

    assert (found["life"], found["status"], found["queue"]) == ("rest", "resting", None)


async def test_the_curve_of_equity_has_a_point_a_minute(booked, asked):
    for minute, worth in enumerate(("100", "90.25", "110")):
        await booked.led.commit(marked(NOON + timedelta(minutes=minute), worth))

    found = (await asked.get("/equity")).json()
    after = (NOON + timedelta(minutes=2)).isoformat().replace("+", "%2B")
    later = (await asked.get(f"/equity?from={after}")).json()

    assert [one["equity"] for one in found["points"]] == [100.0, 90.25, 110.0]
    assert (found["step_seconds"], found["first_at"]) == (60, NOON.isoformat())
    assert found["max_drawdown"] == 9.75
    assert [one["equity"] for one in later["points"]] == [110.0]
    assert later["reason"] is None


async def test_trades_and_their_figures_end_where_they_are_asked_to(booked, asked):
    await three_trades(booked)
    first = (await asked.get("/trades")).json()["trades"][-1]
    until = first["closed_at"].replace("+", "%2B")

    for path in ("/trades", "/orders", "/stats"):
        found = (await asked.get(f"{path}?until={until}")).json()
        assert (path, len(found[path[1:]]) if path != "/stats" else found["total"]["trades"]) == (
            path,
            2 if path == "/orders" else 1,
        )
    rows = (await asked.get(f"/trades.csv?until={until}")).text.splitlines()
    assert len(rows) == 2


async def test_a_restart_is_marked_on_the_curve(booked, asked):
    await booked.led.commit(Noted(NOON, NoteKind.TERM_STARTED, "version 1 leads"))

    found = (await asked.get("/equity")).json()

    assert found["marks"] == [
        {"at": NOON.isoformat(), "kind": "TERM_STARTED", "message": "version 1 leads"}
    ]


async def test_a_time_without_a_point_says_so(asked):
    found = (await asked.get("/equity")).json()

    assert (found["points"], found["max_drawdown"]) == ([], None)
    assert found["reason"] == "no minute of that time is stored"


@pytest.mark.parametrize(
    "query",
    [
        "/trades?limit=501",
        "/trades?cursor=1",
        "/orders?cursor=nobody",
        "/trades?since=yesterday",
        "/trades?until=1700000000",
        "/stats?until=2026-01-18T00:00:00",
        "/trades?since=0001-01-01T00:00:00%2B23:59",
        "/trades?ticker=%00",
        "/equity?step=1",
        "/stats?by=luck",
        "/trades.csv?limit=10001",
    ],
)
async def test_what_cannot_be_meant_is_refused(asked, query):
    answer = await asked.get(query)

    assert answer.status_code == 422
    assert answer.json()["error"]["message"]


class Away:
    """The past while the database is away."""

    async def trades(self, wanted):
        raise StoreError("the disk is gone")


async def test_while_the_database_is_away_the_answer_says_so(world):
    world.past = Away()

    async with opened(world.app()) as client:
        answer = await client.get("/trades")

    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "store_unavailable"
