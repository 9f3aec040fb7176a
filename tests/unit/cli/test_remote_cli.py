"""The commands around a running bot, asked over a real port: what is printed, what scripts get."""

import csv
import json
import os
import socket
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.routing import Route

from api.routes import exits, reconcile
from api.schemas.history import EquityShape, FillShape, OrderShape, TradeShape
from bot import config
from bot.__main__ import main
from bot.cli.remote import export, pages
from bot.core.account.round_trips import RoundTrip
from bot.core.market.market import Side
from bot.core.market.orders import Aim, Fill, Life
from bot.ports.account_history import (
    ClosedTrade,
    EquityCurve,
    EquityPoint,
    OrderRecord,
    Page,
    Wanted,
)
from bot.ports.account_views import (
    AccountTotals,
    AccountView,
    AuditRow,
    AuditView,
    PositionView,
)
from bot.ports.persistence import StoreError
from bot.ports.views import Check, Overview
from tests.support.api_world import (
    NOW,
    READ_TOKEN,
    STATUS,
    TOKEN,
    TOKENS,
    NoPast,
    World,
    full_state,
    market,
)
from tests.support.serving import served

ROOT = Path(__file__).parents[3]
TOTALS = AccountTotals(
    equity=10_012.5,
    cash=9_900.0,
    exposure=110.0,
    unrealized=2.5,
    realized=10.0,
    fees=1.25,
    daily_pnl=-3.5,
    drawdown=4.0,
)
HELD = PositionView(
    ticker="KXRAIN-26JAN19",
    title="Rain \x1b[31mtomorrow?",
    event_ticker="KXRAIN",
    category="Weather",
    side="NO",
    size=10.5,
    entry_price=42.0,
    cost=58.0,
    mark_price=None,
    value=None,
    stale=True,
    stale_reason="no book",
    pnl_unrealized=None,
    fees=0.2,
    pnl=None,
    opened_at=(NOW - timedelta(minutes=5)).isoformat(),
    closes_at=None,
    status="active",
    score=None,
    hold_reason="no [bold]prediction[/bold]\x1b[2J",
)
ACCOUNT = AccountView(
    at=NOW.isoformat(), totals=TOTALS, positions=(HELD,), limits=(), entries_stopped=None
)


def trade(number: int) -> ClosedTrade:
    trip = RoundTrip(
        side=Side.BUY,
        opened_at=NOW,
        size=Decimal(10),
        entry_price=Decimal("0.40"),
        exit_price=Decimal("0.45"),
        gross=Decimal("0.50"),
        fees=Decimal("0.30"),
    )
    return ClosedTrade(
        f"KX{number}", "A title", None, None, trip, NOW + timedelta(seconds=1), "signal"
    )


def an_order(number: int) -> OrderRecord:
    fill = Fill(
        fill_id=f"f{number}",
        client_order_id=f"o{number}",
        ticker="=KXA",
        side=Side.BUY,
        size=Decimal(4),
        price=Decimal("0.40"),
        fee=Decimal("0.07"),
        at=NOW,
    )
    return OrderRecord(
        client_order_id=f"o{number}",
        order_id=None,
        ticker="=KXA",
        side=Side.BUY,
        aim=Aim.ENTER,
        life=Life.TAKE,
        size=Decimal(10),
        limit=Decimal("0.41"),
        at=NOW,
        ended_at=None,
        status=None,
        error=None,
        fills=(fill, fill),
    )


class Past(NoPast):
    """Some trades and orders in pages, and two days of equity."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.minutes = [NOW - timedelta(hours=40), NOW - timedelta(hours=1)]

    async def trades(self, wanted: Wanted) -> Page[ClosedTrade]:
        first = int(wanted.cursor or 0)
        last = min(first + wanted.limit, self.count)
        found = tuple(trade(number) for number in range(first, last))
        return Page(found, str(last) if last < self.count else None)

    async def orders(self, wanted: Wanted) -> Page[OrderRecord]:
        return Page((an_order(1),), None)

    async def equity(self, start: Any, end: Any, step: int) -> EquityCurve:
        chosen = [one for one in self.minutes if (start is None or start <= one) and one <= end]
        whole = chosen[-1:] if start is None else chosen
        points = tuple(
            EquityPoint(
                minute=one,
                equity=Decimal("10.01"),
                cash=Decimal(10),
                realised=Decimal(0),
                fees=Decimal(0),
                exposure=Decimal("0.01"),
            )
            for one in whole
        )
        return EquityCurve(points, step, self.minutes[0], None)


@pytest.fixture
def world(tmp_path, monkeypatch):
    """A bot that is well, asked without any settings of this machine."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(exits, "DONE_WITHIN", 0.01)
    for name in ("API_TOKEN", "API_READ_TOKEN", "BOT_URL"):
        monkeypatch.delenv(name, raising=False)
    one = World(tmp_path / "logs")
    one.account, one.past = ACCOUNT, Past(count=10)
    one.audit = AuditView(reason="paper: there is no account")
    one.settings = config.load(None, bot_interval=2, api_token=TOKEN)
    one.snapshot_holder.status = replace(STATUS, last_update=NOW, loop_count=7)
    return one


@pytest.fixture
def locked(world, request):
    """The same, of a bot that wants tokens."""
    world.with_facts(**TOKENS)
    return request.getfixturevalue("bot")


@pytest.fixture
def bot(world, monkeypatch, capsys):
    """Runs a command against that bot; exit code, stdout, stderr."""
    with served(world.app()) as address:
        monkeypatch.setenv("BOT_URL", address)

        def run(*argv: str) -> tuple[int, str, str]:
            code = main(argv)
            said = capsys.readouterr()
            return code, said.out, said.err

        yield run


def test_the_status_says_what_it_is_and_what_it_is_worth(bot):
    code, out, err = bot("status")

    assert (code, err) == (0, "")
    assert "PAPER · http://127.0.0.1" in out
    for words in ("RUNNING", "10,012.50 (today -3.50)", "+2.50", "110.00 in positions: 1"):
        assert words in out


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"loop_fault": "the loop died: ValueError"}, "LOOP DEAD: the loop died: ValueError"),
        ({"store_fault": "no connection"}, "DATABASE AWAY: no connection"),
        ({"leads": None, "leader": False}, "NOBODY LEADS"),
        ({"killed": "too hot", "killed_until": "a resume"}, "KILLED: too hot; exits continue"),
        (
            {"killed": "too hot", "killed_until": "POST /bot/resume"},
            "exits continue; until `python -m bot resume`",
        ),
        ({"running": False}, "STOPPED"),
        ({"error": "GET /markets: timeout"}, "EXCHANGE AWAY: GET /markets: timeout"),
        ({"entries_stopped": "daily_loss_stop: 210 of 200"}, "ENTRIES STOPPED: daily_loss_stop"),
        ({"leads": "other-1", "leader": False}, "STANDING BY: other-1 leads"),
        ({"mode": "live"}, "LIVE: REAL MONEY"),
        ({"model_fault": "no card"}, "Model fault  no card"),
    ],
)
def test_the_status_says_the_worst_in_a_word(bot, world, changes, said):
    world.snapshot_holder.status = replace(world.snapshot_holder.status, **changes)

    assert said in bot("status")[1]


def test_a_bot_that_is_not_ready_fails_a_script(bot, world):
    world.readiness.found = {"data": Check(False, "the state is 90 s old")}

    code, out, _ = bot("status")

    assert code == 1
    assert "Not ready: data  the state is 90 s old" in out


def test_what_is_not_known_is_a_dash_and_words_of_others_are_only_words(bot):
    _, out, _ = bot("positions")

    (row,) = [line for line in out.splitlines() if "KXRAIN" in line]
    assert "10.50" in row
    assert "– stale" in row
    assert "no [bold]prediction[/bold]\\x1b[2J" in row
    assert "\x1b" not in out


def test_json_is_what_the_api_says(bot):
    code, out, _ = bot("positions", "--json")

    assert code == 0
    found = json.loads(out)
    assert found["positions"][0]["mark_price"] is None
    assert found["account"]["equity"] == TOTALS.equity


def test_trades_are_read_page_by_page_up_to_the_limit(bot, monkeypatch):
    monkeypatch.setattr(pages, "A_PAGE", 3)
    found = json.loads(bot("trades", "--json", "--limit", "7")[1])
    table = bot("trades", "--limit", "2")[1]

    assert [one["ticker"] for one in found["trades"]] == [f"KX{number}" for number in range(7)]
    assert "2 trades" in table
    assert "2026-01-18 22:15:01" in table
    assert "+0.20" in table
    assert bot("trades", "--limit", "1")[1].startswith("1 trade\n")


def test_orders_show_what_is_in_doubt(bot, world):
    world.past.count = 0

    out = bot("orders")[1]

    assert "in_doubt" in out
    assert bot("trades")[1] == "0 trades\n"


def test_config_shows_what_differs_and_no_secret(bot):
    short, whole = bot("config")[1], bot("config", "--all")[1]

    assert "BOT_INTERVAL" in short
    assert "PORT" not in short
    assert "PORT" in whole
    assert TOKEN not in short + whole + bot("config", "--json")[1]


def test_switches_do_what_they_say_and_twice_is_no_failure(bot, world):
    assert bot("stop")[:2] == (0, "stopped\n")
    assert bot("stop")[:2] == (0, "not running\n")
    assert bot("start")[:2] == (0, "started, mode paper\n")
    assert bot("kill", "too hot")[:2] == (0, "killed, reason too hot\n")
    assert world.kill.reason == "too hot"
    assert bot("resume", "--json")[:2] == (0, '{\n  "status": "resumed"\n}\n')


def test_a_switch_that_stands_fails_the_resume(bot, world):
    world.snapshot_holder.status = replace(
        STATUS, killed="the file KILL exists", killed_until="the file KILL is removed"
    )

    code, out, _ = bot("resume")

    assert code == 1
    assert "still killed, reason the file KILL exists, until the file KILL is removed" in out


def holding(world, *tickers):
    markets = tuple(market(ticker, position=10.0) for ticker in tickers)
    overview = Overview(
        mode="PAPER", equity=1.0, daily_pnl=0.0, total_exposure=0.0, open_positions=len(markets)
    )
    world.show(full_state(markets=markets, overview=overview))


def test_close_and_flatten_tell_done_from_not_yet(bot, world):
    holding(world, "KXA")

    pending = bot("close", "KXA")
    flattening = bot("flatten", "--yes")
    world.exits.obeyed = lambda: holding(world)
    done = bot("close", "KXA")

    assert pending[0] == 6
    assert "closing, ticker KXA" in pending[1]
    assert (flattening[0], flattening[1].splitlines()[1][:6]) == (6, "  KXA:")
    assert (done[0], world.exits.asked) == (0, ["KXA", "all", "KXA"])
    assert bot("flatten")[:2] == (0, "flat, entries stopped until `python -m bot resume`\n")


@pytest.mark.parametrize("name", ["", " ", "\t"], ids=["empty", "blank", "tab"])
def test_no_market_named_is_not_all_of_them(bot, world, name):
    holding(world, "KXA")

    # What a shell makes of "$TICKER" where that is not set.
    with pytest.raises(SystemExit) as ended:
        bot("close", "--yes", name)

    assert ended.value.code == 2
    assert world.exits.asked == []


def test_an_empty_address_is_not_the_bot_of_this_machine(bot, world):
    with pytest.raises(SystemExit) as ended:
        bot("stop", "--url", "")

    assert ended.value.code == 2


@pytest.mark.parametrize(("answer", "sent"), [("y\n", ["KXA"]), ("\n", []), ("no\n", [])])
def test_a_terminal_is_asked_first_and_told_whose_money_it_is(
    bot, world, monkeypatch, answer, sent
):
    holding(world, "KXA")
    monkeypatch.setattr(sys, "stdin", Terminal(answer))

    code, _, err = bot("close", "KXA")

    assert "Close KXA, at http://127.0.0.1" in err
    assert "(paper)" in err
    assert world.exits.asked == sent
    assert code == (6 if sent else 1)


class Terminal:
    """Somebody who types one line."""

    def __init__(self, line):
        self.line = line

    def isatty(self):
        return True

    def readline(self):
        return self.line


DIFFERS = AuditView(
    compared_at=NOW.isoformat(),
    agrees=False,
    positions=(
        AuditRow(ticker="KXA", booked=10.0, exchange=17.0),
        AuditRow(ticker="KXB", booked=5.0, exchange=5.0),
    ),
    cash_booked=1_000.0,
    cash_exchange=996.5,
    differences=("KXA: 10 contracts booked, 17 at the exchange",),
    entries_stopped="positions differ",
    explanations=("KXA: order o-9, which this bot did not book, bought 7 YES",),
)


@pytest.fixture
def live(world, request):
    """A bot that trades real money, and differs from its account."""
    world.audit = DIFFERS
    exchange = {
        "kalshi_api_key": "k",
        "kalshi_secret": "s",
        "kalshi_base_url": "http://127.0.0.1:1",
    }
    world.settings = config.load(None, bot_mode="live", api_token=TOKEN, **exchange)
    return request.getfixturevalue("bot")


def test_reconcile_shows_what_differs_and_what_explains_it_and_fails_a_script(live):
    code, out, _ = live("reconcile")

    assert code == 1
    for words in ("1 positions differ", "KXA", "17", "1,000.00", "996.50", "bought 7 YES"):
        assert words in out
    assert "KXB" not in out
    assert json.loads(live("reconcile", "--json")[1])["agrees"] is False


def test_adopting_tells_done_from_not_yet(live, world, monkeypatch):
    monkeypatch.setattr(reconcile, "DONE_WITHIN", 0.01)

    code, out, _ = live("reconcile", "--apply")

    assert (code, world.account_control.asked) == (6, [("adopt", True)])
    assert "waiting: whoever leads does it within seconds" in out


@pytest.mark.parametrize(("word", "traded"), [("--traded", True), ("--never-traded", False)])
def test_a_lost_order_is_resolved_by_one_word_of_two(live, world, monkeypatch, word, traded):
    monkeypatch.setattr(reconcile, "DONE_WITHIN", 0.01)

    assert live("resolve", "c-1", word)[0] == 6
    assert world.account_control.asked == [("c-1", traded)]
    with pytest.raises(SystemExit):
        live("resolve", "c-1")


def test_on_paper_there_is_nothing_to_reconcile(bot, world):
    code, _, err = bot("reconcile")

    assert code == 1
    assert "paper" in err


def test_what_the_bot_refuses_is_said_in_its_words(bot):
    code, _, err = bot("close", "KX?&")

    assert code == 1
    assert err == "close: No position in KX?& is held: see /positions\n"


@pytest.mark.parametrize(
    ("settings", "code", "said"),
    [
        ({}, 4, "wants a token: set API_TOKEN"),
        ({"API_TOKEN": "another token altogether"}, 4, "refused the token: set API_TOKEN"),
        ({"API_TOKEN": "töken-with-an-umlaut"}, 4, "refused the token: set API_TOKEN"),
        ({"API_READ_TOKEN": READ_TOKEN}, 4, "This token may read only"),
        ({"API_TOKEN": TOKEN}, 0, ""),
    ],
)
def test_tokens_come_from_the_settings(locked, monkeypatch, settings, code, said):
    for name, value in settings.items():
        monkeypatch.setenv(name, value)

    found, _, err = locked("stop")

    assert found == code
    assert said in err
    assert not any(value in err for value in settings.values())


def test_a_service_that_is_away_is_named_with_what_to_do(world, monkeypatch, capsys):
    # Bound and not listening: nobody else can take the port meanwhile.
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"

        assert main(["status", "--url", address]) == 3
    err = capsys.readouterr().err
    assert err.startswith(f"status: no bot answers at {address} (")
    assert "make run" in err


@pytest.mark.usefixtures("bot")
def test_a_reader_that_goes_away_is_no_defect():
    reading, writing = os.pipe()
    os.close(reading)
    try:
        command = [sys.executable, "-m", "bot", "positions"]
        done = subprocess.run(
            command, cwd=ROOT, stdout=writing, stderr=subprocess.PIPE, check=False
        )
    finally:
        os.close(writing)

    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.usefixtures("bot")
@pytest.mark.parametrize("argv", [["positions"], ["status", "--json"]], ids=["table", "json"])
def test_an_answer_that_cannot_be_written_is_no_defect(argv):
    command = [sys.executable, "-m", "bot", *argv]
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(command, cwd=ROOT, stdout=full, stderr=subprocess.PIPE, check=False)

    assert done.returncode == 1
    assert done.stderr.decode() == f"{argv[0]}: No space left on device\n"


@pytest.mark.usefixtures("bot")
def test_a_command_may_have_no_stdout_at_all():
    command = f"{sys.executable} -m bot positions >&-"
    done = subprocess.run(command, shell=True, cwd=ROOT, stderr=subprocess.PIPE, check=False)

    assert (done.returncode, done.stderr) == (0, b"")


def test_a_database_that_is_away_is_unavailable(bot, world):
    world.control.fault = StoreError("the database cannot be reached")

    code, _, err = bot("stop")

    assert code == 5
    assert "the database cannot be reached; try again" in err


def test_what_is_no_bot_is_told_apart_and_no_redirect_gets_the_token(monkeypatch, capsys, world):
    asked: list[str] = []

    async def hello(request):
        asked.append(request.url.path)
        return PlainTextResponse("hello")

    async def away(_):
        return RedirectResponse("/elsewhere")

    routes = [Route("/positions", hello), Route("/config", away), Route("/elsewhere", hello)]
    with served(Starlette(routes=routes)) as address:
        monkeypatch.setenv("BOT_URL", address)
        assert main(["positions"]) == 3
        assert "is no KalshiProto" in capsys.readouterr().err
        assert main(["config"]) == 3
        assert "answered with status 307" in capsys.readouterr().err
        assert main(["orders"]) == 3
        assert "answered with status 404" in capsys.readouterr().err

    assert asked == ["/positions"]


@pytest.mark.parametrize(
    "url", ["ftp://x", "http://u:p@x", "http://x?a", "https://x/r/the-token-of-a-reader"]
)
def test_an_address_that_is_none_or_holds_a_secret_is_refused(world, capsys, url):
    assert main(["status", "--url", url]) == 1

    assert "BOT_URL" in capsys.readouterr().err


@pytest.fixture
def exported(bot, tmp_path, monkeypatch):
    monkeypatch.setattr(pages, "A_PAGE", 3)
    return bot, tmp_path / "history"


def test_an_export_holds_all_rows_with_their_types(exported):
    bot, folder = exported

    code, out, _ = bot("export", "--out", str(folder), "--parquet")

    assert code == 0
    tables = {name: pq.read_table(folder / f"{name}.parquet") for name in export.COLUMNS}
    assert {n: t.num_rows for n, t in tables.items()} == {
        "trades": 10,
        "orders": 1,
        "fills": 2,
        "equity": 2,
    }
    assert tables["trades"].column("pnl").to_pylist() == [0.2] * 10
    assert tables["trades"].column("opened_at").to_pylist()[0] == NOW
    assert tables["orders"].column("ended_at").to_pylist() == [None]
    assert "equity.parquet: 2 rows" in out


def test_the_columns_are_those_of_the_api():
    assert export.COLUMNS["trades"] == tuple(TradeShape.__struct_fields__)
    assert export.COLUMNS["equity"] == tuple(EquityShape.__struct_fields__)
    assert {*export.COLUMNS["orders"], "fills"} == set(OrderShape.__struct_fields__)
    assert set(FillShape.__struct_fields__) < set(export.COLUMNS["fills"])


def test_an_export_as_csv_runs_no_formula_and_keeps_what_is_there(exported):
    bot, folder = exported

    bot("export", "--out", str(folder), "--csv")
    code, _, err = bot("export", "--out", str(folder), "--csv")
    again = bot("export", "--out", str(folder), "--csv", "--overwrite", "--json")

    assert code == 1
    assert "trades.csv exists" in err
    assert json.loads(again[1])["trades"]["rows"] == 10
    with (folder / "orders.csv").open() as stream:
        (row,) = csv.DictReader(stream)
    assert (row["ticker"], row["status"], row["ended_at"]) == ("'=KXA", "in_doubt", "")


@pytest.mark.parametrize(
    ("since", "said"), [("yesterday", "is no time"), ("2026-01-18T00:00:00", "has no offset")]
)
def test_an_export_since_what_is_no_time_says_how_to_write_it(capsys, since, said):
    with pytest.raises(SystemExit) as ended:
        main(["export", "--out", "x", "--csv", "--since", since])

    assert ended.value.code == 2
    assert f"{since} {said}: 2026-01-18T00:00:00Z" in capsys.readouterr().err


def test_an_export_since_a_time_begins_there(exported):
    bot, folder = exported

    since = (NOW - timedelta(hours=2)).isoformat()
    bot("export", "--out", str(folder), "--parquet", "--since", since)

    assert pq.read_table(folder / "equity.parquet").num_rows == 1
