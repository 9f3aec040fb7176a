"""The routes of the contract: shapes, bounds, and that they only look."""

import csv
from dataclasses import replace
from datetime import timedelta

import pytest

from api.deps import facts_of
from bot import config
from tests.support.api_world import NOW, STATUS, World, full_state, market


def rows(world: World, name: str) -> list[dict[str, str]]:
    with (world.folder / name).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


async def test_the_root_says_what_this_is(client):
    assert (await client.get("/")).json() == {
        "name": "KalshiProto",
        "version": "1.0.0",
        "model_version": "none",
        "bot_mode": "paper",
        "bot_running": True,
        "docs": "/docs",
        "health": "/health",
    }


async def test_before_the_first_cycle_the_account_is_its_cash(client):
    full = (await client.get("/state/full")).json()

    assert full["overview"] == {
        "mode": "PAPER",
        "equity": 10_000.0,
        "daily_pnl": 0.0,
        "total_exposure": 0.0,
        "open_positions": 0,
    }
    assert (full["markets"], full["whales"], full["timeline"]) == ([], [], [])


@pytest.mark.parametrize(
    ("path", "key", "count"),
    [
        ("/state/markets", "markets", 2),
        ("/state/whales", "whales", 50),
        ("/state/whales?limit=500", "whales", 200),
        ("/state/timeline", "timeline", 100),
        ("/state/timeline?limit=1", "timeline", 1),
        ("/state/notices", "notices", 1),
    ],
)
async def test_lists_come_with_their_count_and_no_longer_than_asked(
    world, client, path, key, count
):
    world.show(full_state())

    answer = (await client.get(path)).json()

    assert set(answer) == {key, "count"}
    assert (len(answer[key]), answer["count"]) == (count, count)


async def test_the_overview_is_that_of_the_snapshot(world, client):
    world.show(full_state())

    answer = (await client.get("/state/overview")).json()

    assert answer == (await client.get("/state/full")).json()["overview"]


async def test_no_market_has_a_missing_or_null_number(world, client):
    world.show(full_state(markets=(market(),)))

    shown = (await client.get("/state/full")).json()["markets"][0]

    assert "category" not in shown
    assert all(value is not None for value in shown.values())


@pytest.mark.parametrize("limit", ["0", "-1", "501", "many", "1e2", ""])
async def test_a_limit_outside_its_bounds_is_refused_by_name(client, limit):
    answer = await client.get("/state/whales", params={"limit": limit})

    assert answer.status_code == 422
    error = answer.json()["error"]
    assert error["code"] == "invalid_request"
    assert error["details"][0]["where"] == "query.limit"
    assert "query.limit" in error["message"]


async def test_the_status_has_all_fields_of_the_contract(world, client):
    world.snapshot_holder.status = replace(
        STATUS, loop_count=3, last_loop_start=NOW, error="books: timeout"
    )

    answer = (await client.get("/bot/status")).json()

    assert (answer["loop_count"], answer["error"]) == (3, "books: timeout")
    assert answer["last_loop_start"] == "2026-01-18T22:15:00+00:00"
    assert answer["last_update"] is None
    contract = {"running", "bot_enabled", "mode", "interval_seconds", "loop_count", "error"}
    contract |= {"last_loop_start", "last_loop_finish", "last_update", "model_version"}
    assert contract | {"positions_count", "total_exposure"} <= set(answer)


async def test_the_switch_is_idempotent(client):
    said = [
        (await client.post(f"/bot/{verb}")).json() for verb in ("start", "stop", "stop", "start")
    ]

    assert said == [
        {"status": "already_running", "mode": "paper"},
        {"status": "stopped"},
        {"status": "not_running"},
        {"status": "started", "mode": "paper"},
    ]


async def test_all_is_well_is_said_without_reasons(client):
    answer = await client.get("/health")

    assert answer.json() == {
        "status": "ok",
        "timestamp": "2026-01-18T22:15:00+00:00",
        "version": "1.0.0",
        "environment": "test",
        "reasons": [],
    }


@pytest.mark.parametrize(
    "fault",
    [
        {"model_fault": "no file models/gbm.pkl"},
        {"journal_fault": "disk full"},
        {"universe_fault": "the listing is 2 h old"},
        {"loop_fault": "the loop died"},
        {"error": "ExchangeError: 503"},
        {"store_fault": "the database cannot be reached"},
        {"entries_stopped": "the daily loss is $201 of $200"},
        {"killed": "lunch"},
        {"orders_in_doubt": "what became of order 7 of A is not known"},
        {"disk_low": "the disk of logs has 420 MB left: free some space"},
        {"odd_entries": "GET /events: 3 entries could not be read; the latest: no title"},
        {"trading_halted": "trading is paused on shard 2", "running": True},
        {"watched_markets": 20, "stale_markets": 11},
    ],
)
async def test_any_fault_degrades_health_and_is_named_but_the_answer_is_200(world, client, fault):
    world.snapshot_holder.status = replace(STATUS, **fault)

    answer = await client.get("/health")

    assert answer.status_code == 200
    assert answer.json()["status"] == "degraded"
    assert len(answer.json()["reasons"]) == 1
    assert all(str(v) in answer.json()["reasons"][0] for v in fault.values() if v is not True)


@pytest.mark.parametrize(
    ("fault", "reasons"),
    [(None, ["No leader: nothing trades"]), ("no database", ["no database"])],
)
async def test_that_nobody_leads_is_said_unless_it_is_not_known(world, client, fault, reasons):
    world.snapshot_holder.status = replace(STATUS, leader=False, leads=None, store_fault=fault)

    assert (await client.get("/health")).json()["reasons"] == reasons


@pytest.mark.parametrize(
    "fault",
    [
        {"killed": "lunch", "entries_stopped": "killed (lunch): no entries until resumed"},
        {"store_fault": "disk full", "error": "StoreError: disk full"},
        {"store_fault": "disk full", "entries_stopped": "nothing is kept: disk full"},
        {"universe_fault": "503", "error": "ExchangeError: 503"},
        {"killed": "disk full", "disk_low": "disk full", "entries_stopped": "killed (disk full)"},
    ],
)
async def test_what_two_faults_say_alike_is_said_once(world, client, fault):
    world.snapshot_holder.status = replace(STATUS, **fault)

    assert (await client.get("/health")).json()["reasons"] == [list(fault.values())[-1]]


async def test_a_running_bot_without_news_is_degraded_and_recovers_with_the_next(world, client):
    world.clock.move(NOW + timedelta(seconds=181))
    assert (await client.get("/health")).json()["reasons"] == [
        "The state is 181 s old; the loop may hang"
    ]

    world.snapshot_holder.status = replace(STATUS, last_update=NOW + timedelta(seconds=180))
    assert (await client.get("/health")).json()["status"] == "ok"


async def test_a_stopped_bot_grows_old_without_alarm(world, client):
    world.snapshot_holder.status = replace(
        STATUS, running=False, stale_markets=3, watched_markets=3
    )
    world.clock.move(NOW + timedelta(days=1))

    assert (await client.get("/health")).json()["status"] == "ok"


async def test_log_stats_count_what_is_in_the_files(world, client):
    before = (await client.get("/logs/stats")).json()
    await client.post("/demo/pnl")
    after = (await client.get("/logs/stats")).json()

    assert set(before) == {"signals", "trades", "pnl", "whale", "grades"}
    assert before["pnl"]["path"] == "logs/pnl_log.csv"
    assert (before["pnl"]["line_count"], after["pnl"]["line_count"]) == (1, 2)
    assert after["pnl"]["size_bytes"] == (world.folder / "pnl_log.csv").stat().st_size


@pytest.mark.parametrize(
    ("prediction", "action"),
    [(0.65, "enter_long"), (0.6, "enter_long"), (0.5, "hold"), (0.4, "enter_short")],
)
async def test_a_demo_signal_is_judged_and_logged(world, client, prediction, action):
    answer = await client.post(
        "/demo/signal", params={"ticker": "DEMO-1", "prediction": prediction, "price": 52.5}
    )

    assert answer.json() == {"ticker": "DEMO-1", "action": action, "prediction": prediction}
    (row,) = rows(world, "signals_log.csv")
    assert (row["market_ticker"], row["decision_price"]) == ("DEMO-1", "52.50")
    assert (row["action"], row["model_version"]) == (action, "demo")
    assert float(row["prediction"]) == prediction


@pytest.mark.parametrize(
    ("bid", "ask", "reported"),
    [
        (6000, 2000, ("large_bid", "BUY_BIAS")),
        (1, 2, ("large_ask", "SELL_BIAS")),
        (5, 5, ("large_bid", "")),
    ],
)
async def test_a_demo_whale_leans_to_its_larger_side(world, client, bid, ask, reported):
    sizes = {"ticker": "", "max_bid_size": bid, "max_ask_size": ask, "imbalance_strength": 0.3}

    answer = await client.post("/demo/whale", params=sizes)

    assert answer.json() == {"ticker": "DEMO-MARKET", "logged": True}
    (row,) = rows(world, "whale_log.csv")
    assert (row["event_type"], row["side_bias"]) == reported


async def test_demo_events_touch_no_state(world, client):
    before = (world.snapshot_holder.snapshot, world.snapshot_holder.status)

    for path in ("signal", "whale", "pnl"):
        assert (await client.post(f"/demo/{path}")).status_code == 200

    assert (world.snapshot_holder.snapshot, world.snapshot_holder.status) == before
    assert (await client.post("/demo/pnl")).json() == {"logged": True}
    assert {row["market_ticker"] for row in rows(world, "pnl_log.csv")} == {"DEMO-MARKET"}


@pytest.mark.parametrize(
    "query",
    [
        "/demo/signal?prediction=1.1",
        "/demo/signal?prediction=nan",
        "/demo/signal?price=100.5",
        "/demo/signal?price=-inf",
        "/demo/signal?ticker==cmd()",
        "/demo/signal?ticker=a%0Ab",
        "/demo/signal?ticker=" + "A" * 65,
        "/demo/whale?max_bid_size=-1",
        "/demo/whale?max_ask_size=inf",
        "/demo/whale?imbalance_strength=0.6",
    ],
)
async def test_a_demo_out_of_bounds_is_refused_and_logs_nothing(world, client, query):
    assert (await client.post(query)).status_code == 422
    assert rows(world, "signals_log.csv") == rows(world, "whale_log.csv") == []


def test_the_facts_are_those_of_the_settings():
    settings = config.load(
        None, environment="staging", cors_origins="https://a.example", bot_enter_above=0.7
    )

    facts = facts_of(settings)

    assert (facts.environment, facts.mode, facts.version) == ("staging", "paper", config.VERSION)
    assert (facts.cors_origins, facts.enter_above) == (("https://a.example",), 0.7)
