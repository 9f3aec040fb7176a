"""Stdout lines and CSV rows: the seed's words, safe cells, files that survive."""

import csv
import errno
import io
import json
import logging
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import logging_utils
from bot.core.events import (
    Action,
    CycleFinished,
    CycleStarted,
    EntriesResumed,
    EntriesStopped,
    Event,
    FetchFailed,
    FillMarkedOut,
    MarketSettled,
    MarketsFetched,
    Noted,
    NoteKind,
    OrderEnded,
    OrderFilled,
    OrderRefused,
    OrderRested,
    OrderSubmitted,
    OrderUnresolved,
    PositionAdjusted,
    PositionClosed,
    PositionOpened,
    PredictionGraded,
    RegimeChanged,
    TwinCompared,
    WhaleEnded,
)
from bot.core.market.market import Side
from bot.core.market.order_text import in_cents
from bot.core.market.orders import Order, OrderStatus
from bot.core.market.twin import TwinFill
from bot.core.model.fill_markouts import FillKind
from bot.core.signals.regime import RegimeName
from bot.journal import stdout_lines
from bot.journal.csv_rotation import Part, RotatedParts
from bot.journal.csv_rows import LOGS, cell, plain
from logging_utils import CsvJournal, LogStats
from tests.support.journals import (
    ENDING,
    NOW,
    ORDER,
    FillingUp,
    ended,
    fill,
    pnl,
    signal,
    whale,
)

SEED_COLUMNS = {
    "signals_log.csv": "timestamp,model_version,market_ticker,decision_price,features_json,"
    "prediction,action,position_before,position_after",
    "trades_log.csv": "timestamp,market_ticker,order_id,side,size,limit_price,status,error_message",
    "pnl_log.csv": "timestamp,market_ticker,open_pnl,realized_pnl,cash,position_size,"
    "gross_exposure",
    "whale_log.csv": "timestamp,market_ticker,event_type,size,price_level,notional,depth_pct,"
    "imbalance_strength,side_bias",
    "grades_log.csv": "timestamp,exchange,model_version,market_ticker,market_group,predicted_at,"
    "prediction,horizon_seconds,change_cents,taker_cents",
}


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[CsvJournal]:
    with CsvJournal(tmp_path / "logs") as journal:
        yield journal


def rows(folder: Path, log: str) -> list[dict[str, str]]:
    with (folder / LOGS[log].file).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file, strict=True))


LINES: list[tuple[Event, str, str]] = [
    (
        EntriesStopped(NOW, "$201 lost since 00:00 UTC"),
        "WARNING | trades",
        "ENTRIES STOPPED | $201 lost since 00:00 UTC",
    ),
    (
        PredictionGraded(
            NOW, "sim", "KXINX-26JAN23", "KXINX", "gbm_v1", NOW, 0.65, 10.0, 1.5, -2.0
        ),
        "DEBUG | signals",
        "GRADE | KXINX-26JAN23 | pred=0.65 | 10 s later: +1.50 c, taker -2.00 c",
    ),
    (
        PredictionGraded(
            NOW, "sim", "KXINX-26JAN23", "KXINX", "gbm_v1", NOW, 0.65, 10.0, 0.0, None
        ),
        "DEBUG | signals",
        "GRADE | KXINX-26JAN23 | pred=0.65 | 10 s later: +0.00 c, taker unknown",
    ),
    (CycleStarted(NOW, 1), "INFO | main", "--- Loop 1 starting ---"),
    (MarketsFetched(NOW, 20, 20), "INFO | main", "Fetched 20 markets"),
    (
        signal(),
        "INFO | signals",
        "SIGNAL | KXINX-26JAN23 | price=52.50 | pred=0.65 | action=enter_long"
        " | pos: 0.00 -> 100.00",
    ),
    (
        signal(action=Action.HOLD, price=None, score=None, reason="no bids"),
        "DEBUG | signals",
        "SIGNAL | KXINX-26JAN23 | price=none | pred=none | action=hold"
        " | pos: 0.00 -> 100.00 | no bids",
    ),
    (
        signal(action=Action.EXIT, score=None, reason="exit: the market closes in 40 s"),
        "INFO | signals",
        "SIGNAL | KXINX-26JAN23 | price=52.50 | pred=none | action=exit"
        " | pos: 0.00 -> 100.00 | exit: the market closes in 40 s",
    ),
    (
        OrderSubmitted(NOW, ORDER),
        "INFO | trades",
        "TRADE | SUBMITTED | KXINX-26JAN23 | buy 100 @ 52.50",
    ),
    (
        ended(OrderStatus.FILLED, fill("100", "0.525")),
        "INFO | trades",
        "TRADE | FILLED | KXINX-26JAN23 | buy 100 @ 52.50",
    ),
    (
        ended(OrderStatus.ERROR, error="no book"),
        "ERROR | trades",
        "TRADE | ERROR | KXINX-26JAN23 | buy 100 @ 52.50 | no book",
    ),
    (
        OrderRefused(NOW, ORDER, "exposure 210 of 200"),
        "INFO | trades",
        "REFUSED | KXINX-26JAN23 | buy 100 @ 52.50 | exposure 210 of 200",
    ),
    (
        EntriesResumed(NOW, "a new day", "daily_loss"),
        "INFO | trades",
        "ENTRIES RESUMED | a new day",
    ),
    (
        Noted(NOW, NoteKind.CLOCK_JUMPED, "an hour ahead"),
        "WARNING | main",
        "CLOCK JUMPED | an hour ahead",
    ),
    (
        OrderUnresolved(NOW, ORDER, "no answer within 10 s"),
        "WARNING | trades",
        "TRADE | UNRESOLVED | KXINX-26JAN23 | buy 100 @ 52.50 | no answer within 10 s",
    ),
    (
        OrderRested(NOW, ORDER, "o-1", Decimal(1_200)),
        "INFO | trades",
        "TRADE | RESTING | KXINX-26JAN23 | buy 100 @ 52.50 | 1,200 ahead",
    ),
    (
        OrderFilled(NOW, ORDER, "o-1", (fill("40", "0.525"),), Decimal(60)),
        "INFO | trades",
        "TRADE | PARTIALLY_FILLED | KXINX-26JAN23 | buy 40 @ 52.50 | 60 rest on",
    ),
    (
        FillMarkedOut(
            NOW, "f", "KX", "Crypto", FillKind.ENTRY_LONG, Decimal(40), NOW, (1.0, None, -2.5, 0.0)
        ),
        "DEBUG | trades",
        "MARKOUT | KX | entry_long 40 | 1 s +1.00 c, 5 s none, 10 s -2.50 c, 60 s +0.00 c",
    ),
    (
        PositionOpened(NOW, "KX", Decimal("-12.5"), Decimal("0.005")),
        "INFO | trades",
        "OPENED | KX | -12.50 @ 0.50",
    ),
    (
        PositionClosed(NOW, "KX", Decimal("1.234"), "exit"),
        "INFO | trades",
        "CLOSED | KX | realized=1.23 | exit",
    ),
    (
        MarketSettled(NOW, "KX", Decimal(1), Decimal(5), Decimal(2)),
        "INFO | trades",
        "SETTLED | KX | 5 contracts paid 100.00 | realized=2.00",
    ),
    (
        TwinCompared(
            NOW,
            Order("c-1", "KX", Side.BUY, Decimal(5), Decimal("0.42"), NOW),
            "Crypto",
            TwinFill(Decimal(5), Decimal("0.41"), Decimal("0.1")),
            TwinFill(Decimal(0)),
        ),
        "DEBUG | trades",
        "TWIN | KX | buy | live 5 @ 41.00, fees 0.1000 | paper 0 @ none, fees 0.0000",
    ),
    (
        PositionAdjusted(NOW, "KX", Decimal(10), Decimal(-4), Decimal("1.2")),
        "WARNING | trades",
        "ADJUSTED | KX | 10 -> -4 contracts | cost=1.20",
    ),
    (
        whale(),
        "INFO | whale",
        "WHALE | large_bid | AAPL-YES | size=6,500 @ 48.00 | imb=32.5%",
    ),
    (
        WhaleEnded(NOW, ENDING),
        "INFO | whale",
        "WHALE ENDED | KX | buy | 6,500 @ 48.00 | cancelled after 30 s",
    ),
    (
        RegimeChanged(NOW, RegimeName.CALM, RegimeName.CHAOTIC),
        "INFO | main",
        "REGIME | calm -> chaotic",
    ),
    (
        pnl(),
        "INFO | pnl",
        "PNL SNAPSHOT | cash=9900.00 | open_pnl=0.00 | realized=0.00 | exposure=100.00",
    ),
    (
        pnl("KX"),
        "INFO | pnl",
        "PNL SNAPSHOT | KX | cash=9900.00 | open_pnl=0.00 | realized=0.00 | exposure=100.00",
    ),
    (FetchFailed(NOW, "books", "timeout"), "WARNING | main", "FETCH FAILED | books | timeout"),
    (
        CycleFinished(NOW, 1, 10, 2, 1),
        "INFO | main",
        "Loop 1 complete: 10 markets, 2 whales, 1 positions",
    ),
]


@pytest.mark.parametrize(("event", "source", "message"), LINES)
def test_an_event_is_a_line_in_the_words_of_the_users_document(
    event, source, message, journal, capsys
):
    logging_utils.configure("DEBUG")

    journal.record([event])

    (line,) = capsys.readouterr().out.splitlines()
    stamp, _, rest = line.partition(" | ")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", stamp)
    assert rest == f"{source} | {message}"


def test_without_a_stdout_lines_are_remembered_and_nothing_is_said_elsewhere(monkeypatch, capsys):
    monkeypatch.setattr("sys.stdout", None)
    logging_utils.configure("INFO")

    logging.getLogger("main").info("nobody reads this")

    assert logging_utils.last_lines(1)[0].endswith("nobody reads this")
    assert capsys.readouterr().err == ""


class FullDisk(io.StringIO):
    """A stdout in a file on a disk without room."""

    def write(self, text):
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_stdout_that_cannot_be_written_is_told_once(monkeypatch, capsys):
    monkeypatch.setattr("sys.stdout", FullDisk())
    logging_utils.configure("INFO")

    for number in range(3):
        logging.getLogger("main").info("line %d", number)

    said = "lines on stdout are lost: [Errno 28] No space left on device\n"
    assert capsys.readouterr().err == said
    assert len(logging_utils.last_lines(3)) == 3


def test_every_line_there_is_has_its_example():
    assert {type(event) for event, *_ in LINES} | {OrderEnded} == set(stdout_lines._LINES)


@dataclass(frozen=True)
class Unheard:
    """An event that nobody has words for yet."""

    at: datetime


def test_an_event_without_words_or_cells_is_passed_over(journal, tmp_path, capsys):
    logging_utils.configure("DEBUG")

    journal.record([Unheard(NOW), pnl()])
    journal.flush()

    assert capsys.readouterr().out.count("\n") == 1
    assert len(rows(tmp_path / "logs", "pnl")) == 1


def refusals(minute: int, count: int) -> list[Event]:
    at = NOW + timedelta(minutes=minute)
    refused = [OrderRefused(at, ORDER, f"{n} of 100", "orders_per_minute") for n in range(count)]
    failed = [FetchFailed(at, "order books", "timeout")] * count
    return [CycleStarted(at, minute), *refused, *failed]


def test_a_flood_is_a_line_at_once_and_one_a_minute_with_its_count(journal, capsys):
    logging_utils.configure("INFO")

    for minute, count in enumerate((83, 2, 0, 0, 1)):
        journal.record(refusals(minute, count))

    written = [line.split(" | ", 3)[3] for line in capsys.readouterr().out.splitlines()]
    refused, failed = "REFUSED | KXINX-26JAN23 | buy 100 @ 52.50 |", "FETCH FAILED | order books |"
    assert [line for line in written if not line.startswith("---")] == [
        *(f"{refused} 0 of 100", f"{failed} timeout"),
        f"{refused} 82 of 100 | 82 more since 22:15:02 UTC",
        f"{failed} timeout | 82 more since 22:15:02 UTC",
        f"{refused} 1 of 100 | 2 more since 22:16:02 UTC",
        f"{failed} timeout | 2 more since 22:16:02 UTC",
        *(f"{refused} 0 of 100", f"{failed} timeout"),
    ]


def test_at_debug_every_refusal_has_its_line_at_once(journal, capsys):
    logging_utils.configure("DEBUG")

    journal.record(refusals(0, 9))

    assert capsys.readouterr().out.count("REFUSED | ") == 9


def test_a_held_signal_is_silent_at_info_but_has_its_row(journal, tmp_path, capsys):
    logging_utils.configure("INFO")

    journal.record([signal(action=Action.HOLD)])
    journal.flush()

    assert capsys.readouterr() == ("", "")
    assert len(rows(tmp_path / "logs", "signals")) == 1


def test_the_stamp_is_utc(capsys):
    logging_utils.configure()
    record = logging.makeLogRecord({"created": 0.0, "msg": "hi", "levelno": logging.INFO})

    logging.getLogger().handle(record)

    assert capsys.readouterr().out.startswith("1970-01-01 00:00:00 | ")


def test_a_trace_follows_indented(capsys):
    logging_utils.configure()
    try:
        int("a\n2026-01-01 00:00:00 | INFO | main | forged")
    except ValueError:
        logging.getLogger("main").exception("The cycle broke off")

    first, *trace = capsys.readouterr().out.splitlines()
    assert first.endswith("| ERROR | main | The cycle broke off")
    assert len(trace) > 2
    assert all(line.startswith("    ") for line in trace)


def test_configured_twice_a_line_is_said_once(capsys):
    logging_utils.configure("INFO")
    logging_utils.configure("INFO")

    logging.getLogger("main").info("once")

    assert capsys.readouterr().out.count("once") == 1


def test_the_servers_lines_look_alike_and_successful_polls_are_left_out(capsys):
    access = logging.getLogger("uvicorn.access")
    access.addHandler(logging.StreamHandler())
    logging_utils.configure("INFO")

    for path, status in (("/state/full?x=1", 304), ("/state/full", 500), ("/bot/start", 200)):
        access.info('%s - "%s %s HTTP/%s" %d', "1.2.3.4:5", "GET", path, "1.1", status)
    logging.getLogger("uvicorn.error").info("Started")
    access.info("no request")

    written = capsys.readouterr()
    assert [line.partition(" | ")[2] for line in written.out.splitlines()] == [
        'INFO | uvicorn.access | 1.2.3.4:5 - "GET /state/full HTTP/1.1" 500',
        'INFO | uvicorn.access | 1.2.3.4:5 - "GET /bot/start HTTP/1.1" 200',
        "INFO | uvicorn.error | Started",
        "INFO | uvicorn.access | no request",
    ]
    assert written.err == ""


def test_the_columns_are_those_of_the_users_document(journal, tmp_path):
    for name, header in SEED_COLUMNS.items():
        assert (tmp_path / "logs" / name).read_bytes() == header.encode() + b"\r\n"


def test_a_signal_is_a_row(journal, tmp_path):
    journal.record([signal(), signal(price=None, score=None, action=Action.HOLD)])
    journal.flush()

    row, blank = rows(tmp_path / "logs", "signals")
    assert json.loads(row.pop("features_json")) == {"spread": 0.01, "imbalance": None}
    assert row == {
        "timestamp": "2026-01-18T22:15:02+00:00",
        "model_version": "gbm_v1",
        "market_ticker": "KXINX-26JAN23",
        "decision_price": "52.50",
        "prediction": "0.65",
        "action": "enter_long",
        "position_before": "0.00",
        "position_after": "100.00",
    }
    assert (blank["decision_price"], blank["prediction"]) == ("", "")


def test_an_orders_life_is_two_rows(journal, tmp_path):
    partly = ended(
        OrderStatus.PARTIALLY_FILLED, fill("10", "0.51"), fill("30", "0.52"), error="no more"
    )
    journal.record([OrderSubmitted(NOW, ORDER), partly, ended(OrderStatus.CANCELED, error="+")])
    journal.flush()

    submitted, done, canceled = rows(tmp_path / "logs", "trades")
    assert (submitted["status"], submitted["order_id"]) == ("submitted", "")
    assert (submitted["size"], submitted["limit_price"]) == ("100.00", "52.50")
    assert (done["size"], done["limit_price"]) == ("40.00", "51.75")
    assert (done["order_id"], done["error_message"]) == ("o-1", "no more")
    assert (canceled["size"], canceled["limit_price"]) == ("100.00", "52.50")
    assert (canceled["status"], canceled["error_message"]) == ("canceled", "'+")


def test_profit_and_loss_of_all_is_called_all(journal, tmp_path):
    journal.record([pnl(), pnl("KX")])
    journal.flush()

    everything, one = rows(tmp_path / "logs", "pnl")
    assert everything == {
        "timestamp": "2026-01-18T22:15:02+00:00",
        "market_ticker": "ALL",
        "open_pnl": "0.0000",
        "realized_pnl": "-0.0010",
        "cash": "9900.0000",
        "position_size": "1",
        "gross_exposure": "100.0000",
    }
    assert (one["market_ticker"], one["position_size"]) == ("KX", "1.00")


def test_a_whale_is_a_row(journal, tmp_path):
    journal.record([whale(), whale(None)])
    journal.flush()

    row, unbiased = rows(tmp_path / "logs", "whale")
    assert row == {
        "timestamp": "2026-01-18T22:15:02+00:00",
        "market_ticker": "AAPL-YES",
        "event_type": "large_bid",
        "size": "6500.00",
        "price_level": "48.00",
        "notional": "3120.0000",
        "depth_pct": "12.50",
        "imbalance_strength": "0.3250",
        "side_bias": "BUY_BIAS",
    }
    assert unbiased["side_bias"] == ""


@pytest.mark.parametrize(
    ("price", "text"),
    [(None, ""), (0.5, "50.00"), (Decimal("0.005"), "0.50"), (0.00025, "0.0250"), (0.0005, "0.05")],
)
def test_prices_are_cents_with_the_digits_they_need(price, text):
    assert in_cents(price) == text


@given(st.text())
def test_no_cell_is_a_formula_or_breaks_the_row(text):
    safe = cell(text)

    assert not safe.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
    assert safe.isprintable()
    assert plain(safe) == safe


def test_a_restart_appends_under_one_header(tmp_path):
    for _ in range(2):
        with CsvJournal(tmp_path) as journal:
            journal.record([pnl()])

    lines = (tmp_path / "pnl_log.csv").read_text().splitlines()
    assert [line.partition(",")[0] for line in lines] == ["timestamp", *[NOW.isoformat()] * 2]


def test_a_torn_last_row_does_not_spoil_the_next(tmp_path):
    with CsvJournal(tmp_path):
        pass
    with (tmp_path / "pnl_log.csv").open("ab") as file:
        file.write(b"2026-01-18T22:1")
    with CsvJournal(tmp_path) as journal:
        journal.record([pnl()])

    torn, whole = rows(tmp_path, "pnl")
    assert torn["timestamp"] == "2026-01-18T22:1"
    assert whole["cash"] == "9900.0000"


def test_a_file_with_other_columns_is_kept_aside(tmp_path, caplog):
    path = tmp_path / "pnl_log.csv"
    for number in (1, 2):
        path.write_text(f"other,columns\n{number},2\n")
        with CsvJournal(tmp_path) as journal:
            journal.record([pnl()])

        assert (tmp_path / f"pnl_log.{number}.csv").read_text() == f"other,columns\n{number},2\n"
        assert len(rows(tmp_path, "pnl")) == 1
    assert "pnl_log.csv has other columns and was renamed to pnl_log.2.csv" in caplog.messages


def test_a_header_with_a_byte_order_mark_is_ours(tmp_path):
    header = "\ufeff" + SEED_COLUMNS["pnl_log.csv"] + "\n"
    (tmp_path / "pnl_log.csv").write_text(header, encoding="utf-8")

    with CsvJournal(tmp_path) as journal:
        journal.record([pnl()])

    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(SEED_COLUMNS)


@pytest.mark.skipif(os.name == "nt", reason="an open file cannot be deleted there")
def test_a_deleted_file_comes_back_with_its_header(journal, tmp_path):
    path = tmp_path / "logs" / "pnl_log.csv"
    path.unlink()
    journal.record([pnl()])
    journal.flush()
    assert len(rows(tmp_path / "logs", "pnl")) == 1

    path.unlink()
    path.parent.joinpath("pnl_log.csv").write_bytes(b"")
    journal.record([pnl()])
    journal.flush()
    assert len(rows(tmp_path / "logs", "pnl")) == 1


def test_a_folder_that_cannot_be_written_is_a_fault_until_it_can(tmp_path, caplog):
    folder = tmp_path / "logs"
    folder.write_text("in the way")
    caplog.set_level(logging.WARNING, "main")

    with CsvJournal(folder) as journal:
        for _ in range(3):
            journal.record([pnl()])
            journal.flush()
        assert journal.fault is not None
        assert "pnl_log.csv" in journal.fault
        assert len(caplog.messages) == 1

        folder.unlink()
        journal.record([pnl(), pnl()])
        journal.flush()
        assert journal.fault is None

    assert caplog.messages[1:] == ["CSV rows are written again; 3 were lost"]
    assert len(rows(folder, "pnl")) == 2


def test_a_full_disk_is_named_and_costs_only_the_rows_of_its_file(journal, tmp_path):
    full = FillingUp(tmp_path / "logs" / "pnl_log.csv", room=0)
    journal._files["pnl"].close()
    journal._files["pnl"]._file = full  # a file in all it is asked

    journal.record([pnl(), whale()])
    journal.flush()

    assert journal.fault is not None
    assert "pnl_log.csv: No space left on device" in journal.fault
    assert len(rows(tmp_path / "logs", "whale")) == 1


def test_many_rows_reach_the_file_before_the_cycle_ends(journal, tmp_path):
    journal.record([signal(ticker="K" * 60_000)] * 20)

    assert (tmp_path / "logs" / "signals_log.csv").stat().st_size > 1_000_000


def lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


def test_each_day_has_its_files_and_old_ones_go(tmp_path):
    other = tmp_path / "pnl_log.2025-01-01.txt"
    other.write_text("")
    with CsvJournal(tmp_path, keep_days=2) as journal:
        for day in range(5):
            journal.record([replace(pnl(), at=NOW + timedelta(days=day))])
            journal.flush()

    checkpoint = sorted(tmp_path.glob("pnl_log*"))
    assert [path.name for path in checkpoint] == [
        "pnl_log.2025-01-01.txt",
        "pnl_log.2026-01-20.csv",
        "pnl_log.2026-01-21.csv",
        "pnl_log.csv",
    ]
    for path in checkpoint[1:]:
        assert lines(path)[0] == SEED_COLUMNS["pnl_log.csv"]
        assert len(lines(path)) == 2


def test_old_parts_go_also_where_no_row_comes(tmp_path):
    old = tmp_path / "trades_log.2026-01-10.csv"
    old.write_text("")
    with CsvJournal(tmp_path, keep_days=7) as journal:
        journal.record([pnl()])

    assert not old.exists()


def test_a_file_is_begun_anew_before_it_is_too_large(tmp_path):
    with CsvJournal(tmp_path, max_bytes=400) as journal:
        journal.record([pnl()] * 20)

    files = sorted(tmp_path.glob("pnl_log*"))
    assert len(files) > 2
    assert all(path.stat().st_size <= 400 for path in files)
    assert sum(len(lines(path)) - 1 for path in files) == 20


class Refusing:
    """Takes no file until it is told to."""

    def __init__(self, parts: RotatedParts) -> None:
        self.parts = parts
        self.refuses = True

    def put_away(self, day: date) -> None:
        if self.refuses:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        self.parts.put_away(day)

    def listed(self) -> list[Part]:
        return self.parts.listed()

    def expire(self, day: date, keep_days: int) -> None:
        self.parts.expire(day, keep_days)


def test_a_file_that_may_not_be_renamed_grows_on_and_says_so(tmp_path, caplog):
    with CsvJournal(tmp_path, max_bytes=400) as journal:
        parts = Refusing(journal._files["pnl"].parts)
        journal._files["pnl"].parts = parts  # type: ignore[assignment]  # parts in all they do
        for _ in range(2):
            journal.record([pnl()] * 10)
            journal.flush()

        assert len(rows(tmp_path, "pnl")) == 20
        assert journal.fault == (
            "CSV logs cannot be rotated: pnl_log.csv: Permission denied. "
            "Free the disk or make the log folder writable"
        )
        assert caplog.messages == ["pnl_log.csv cannot be rotated: Permission denied"]

        parts.refuses = False
        journal.record([pnl()])
        journal.flush()
        assert journal.fault is None

    assert len(rows(tmp_path, "pnl")) == 1
    assert len(lines(tmp_path / "pnl_log.2026-01-18.csv")) == 21


def test_figures_follow_the_files(tmp_path):
    stats = LogStats(tmp_path / "logs")
    assert not stats.read()["pnl"].exists

    with CsvJournal(tmp_path / "logs") as journal:
        for written in range(3):
            figures = stats.read()["pnl"]
            assert (figures.exists, figures.line_count) == (True, 1 + written)
            assert figures.path == "logs/pnl_log.csv"
            assert figures.size_bytes == (tmp_path / "logs" / "pnl_log.csv").stat().st_size
            journal.record([pnl()])
            journal.flush()


def test_figures_are_those_of_the_file_that_grows_now(tmp_path):
    stats = LogStats(tmp_path)
    with CsvJournal(tmp_path, max_bytes=1000) as journal:
        for _ in range(40):
            journal.record([pnl()])
            journal.flush()
            figures = stats.read()["pnl"]
            growing = tmp_path / "pnl_log.csv"
            assert figures.line_count == len(lines(growing))
            assert figures.size_bytes == growing.stat().st_size <= 1000


@pytest.mark.parametrize("later", ["", "x\n", "other\n" * 1000])
def test_figures_of_a_replaced_file_start_anew(tmp_path, later):
    path = tmp_path / "pnl_log.csv"
    stats = LogStats(tmp_path)
    path.write_text("row\n" * 10)
    assert stats.read()["pnl"].line_count == 10

    path.write_text(later)

    figures = stats.read()["pnl"]
    assert (figures.line_count, figures.size_bytes) == (later.count("\n"), len(later))
