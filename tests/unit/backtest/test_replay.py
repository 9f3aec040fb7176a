"""A replay is the same cycle: the same books give the same decisions, and the accounts balance."""

import itertools
import os
import subprocess
import sys
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from bot.__main__ import main as cli
from bot.backtest.replay import Replay, observed
from bot.cli import replay
from bot.core.events import SignalMade
from bot.core.risk.exit_rules import ExitRules
from bot.core.risk.limits import RiskLimits
from bot.core.signals.strategy import Gates, Sizing, Thresholds
from bot.core.whales.thresholds import WhaleRules
from bot.model import scorer
from bot.signals.analyzer import Analyzer
from bot.tape import reader
from bot.tape.reader import Tape
from bot.tape.writer import Recorder
from bot.trading.decision import TradeRules
from bot.trading.paper_venue import PaperVenue
from bot.trading.trader import Trader
from tests.support.fakes import ListJournal
from tests.support.tapes import SizeScorer, made_up

ROOT = Path(__file__).parents[3]
SHARED = ROOT.parent / "shared" / "data"


def watch(markets=10):
    return Analyzer(SizeScorer(), Thresholds(), Gates(), WhaleRules(), markets)


def trader(exits=None):
    sizing = Sizing(Decimal(50), Decimal("0.01"))
    rules = TradeRules(Thresholds(), sizing, RiskLimits(), exits=exits or ExitRules())
    return Trader(PaperVenue(), rules, Decimal(10_000), (f"r{n}" for n in itertools.count()))


async def replayed(recording, every=1.0):
    journal = ListJournal()
    run = Replay(recording, watch(), trader(), journal)
    done = [count async for count in run.run(every)]
    return run.summary(), journal, done


async def test_the_same_tape_twice_gives_the_same_decisions():
    first, one, _ = await replayed(made_up())
    second, two, _ = await replayed(made_up())

    assert first == second
    # By their text: a feature that is not known is NaN, which equals nothing.
    assert list(map(repr, one.events)) == list(map(repr, two.events))
    assert sum(first.orders.values()) > 5


async def test_an_exit_at_a_loss_is_no_entry_that_was_held_back():
    journal = ListJournal()
    run = Replay(made_up(), watch(), trader(ExitRules(stop_loss=Decimal(2))), journal)
    async for _ in run.run(1.0):
        pass

    reasons = [
        e.reason for e in journal.events if isinstance(e, SignalMade) and e.score is not None
    ]
    assert any(reason.startswith("exit: stop loss") for reason in reasons)
    assert run.summary().held_back == sum(
        bool(reason) and not reason.startswith("exit: ") for reason in reasons
    )


async def test_another_tape_gives_other_decisions():
    first, _, _ = await replayed(made_up(seed=3))
    second, _, _ = await replayed(made_up(seed=4))

    assert first.decisions != second.decisions


async def test_every_book_is_gone_through_once_and_progress_says_so():
    recording = made_up(markets=3, seconds=40)

    summary, _, done = await replayed(recording)

    assert done == [3 * (number + 1) for number in range(40)]
    assert summary.cycles == 40
    assert (summary.books, summary.markets) == (120, 3)


async def test_longer_cycles_take_the_latest_book_of_each():
    summary, _, _ = await replayed(made_up(markets=2, seconds=60), every=10.0)

    assert summary.cycles == 6
    assert summary.books == 12


async def test_the_accounts_balance_to_the_last_digit():
    summary, _, _ = await replayed(made_up(markets=6, seconds=200))

    assert summary.balances
    assert not replace(summary, cash=summary.cash + Decimal("1e-9")).balances
    assert summary.fees > 0
    assert summary.equity == summary.cash + summary.cost + summary.unrealised


def test_measuring_all_markets_at_once_is_measuring_them_moment_by_moment():
    recording = made_up(markets=5, seconds=50)
    at_once = watch().predicted(observed(recording, watch()))

    by_moment = watch()
    for rows in reader.cycle_rows(recording.books, 1.0):
        predictions = by_moment.predict(
            recording.books.take(rows), recording.seconds_to_close[rows]
        )
        same = at_once.take(rows)
        np.testing.assert_array_equal(predictions.scores, same.scores)
        np.testing.assert_array_equal(predictions.seen.features, same.seen.features)
        np.testing.assert_array_equal(predictions.seen.regimes, same.seen.regimes)
        assert predictions.seen.whales == same.seen.whales
        assert predictions.seen.gated == same.seen.gated
        assert predictions.reasons == same.reasons
        assert predictions.seen.books.tickers == same.seen.books.tickers


async def test_cycles_of_no_length_are_refused():
    with pytest.raises(ValueError, match="cannot last 0"):
        await replayed(made_up(markets=1, seconds=3), every=0)


@pytest.fixture
def recording(tmp_path):
    path = tmp_path / "made-up.parquet"
    books = made_up(markets=2, seconds=30).books
    with Recorder(path, "segment") as recorder:
        recorder.record(books)
    return path


def test_the_command_prints_what_it_came_to_and_writes_the_logs(recording, tmp_path, capsys):
    out = tmp_path / "logs"

    code = cli(["replay", str(recording), "--out", str(out), "--min-edge=-100"])

    said = capsys.readouterr().out
    assert code == 0
    assert "cycles      30 over 60 books of 2 markets" in said
    assert "exact" in said
    assert "decisions   sha256" in said
    assert (out / "signals_log.csv").read_text().count("\n") == 61


def test_the_command_prints_what_it_came_to_where_letters_are_few(recording, tmp_path):
    reported = [
        sys.executable,
        "-m",
        "bot",
        "replay",
        str(recording),
        "--out",
        str(tmp_path / "logs"),
    ]
    few = os.environ | {"PYTHONIOENCODING": "cp1252"}

    ended = subprocess.run(reported, cwd=ROOT, env=few, capture_output=True, check=False)

    assert (ended.returncode, ended.stderr) == (0, b"")
    assert rb"realised 0 \u2212 fees 0: exact" in ended.stdout.replace(b"0.00", b"0")


def test_logs_of_an_earlier_replay_do_not_grow(recording, tmp_path):
    out = tmp_path / "logs"
    for _ in range(2):
        assert cli(["replay", str(recording), "--out", str(out)]) == 0

    assert (out / "signals_log.csv").read_text().count("\n") == 61


def test_a_folder_that_holds_other_things_is_not_emptied(recording, tmp_path, capsys):
    precious = tmp_path / "photos"
    precious.mkdir()
    (precious / "cat.jpg").write_text("meow")

    assert cli(["replay", str(recording), "--out", str(precious)]) == 1

    assert (precious / "cat.jpg").read_text() == "meow"
    assert "photos" in capsys.readouterr().err


def test_a_tape_that_is_none_is_told_in_a_line(tmp_path, capsys):
    (tmp_path / "no.parquet").write_text("no")

    assert cli(["replay", str(tmp_path / "no.parquet"), "--out", str(tmp_path / "x")]) == 1
    assert "no.parquet" in capsys.readouterr().err


@pytest.mark.skipif(not SHARED.is_dir(), reason="the recorded books are not beside the project")
@pytest.mark.parametrize("name", ["btc15m-l2-1s", "rest-books-hourly"])
async def test_recorded_books_go_through_the_cycle_and_balance(name):
    recording = reader.read(SHARED / f"{name}.parquet")
    first = recording.books.take(slice(0, 2_500))
    part = Tape(
        first,
        recording.seconds_to_close[:2_500],
        recording.volume[:2_500],
        recording.open_interest[:2_500],
        recording.segment[:2_500],
        {},
    )
    model = scorer.load(scorer.MODELS / scorer.DEFAULT)
    summaries = []
    for _ in range(2):
        looking = Analyzer(model, Thresholds(), Gates(), WhaleRules(), 10_000)
        run = Replay(part, looking, trader(), ListJournal())
        async for _ in run.run(1.0):
            continue
        summaries.append(run.summary())

    assert summaries[0] == summaries[1]
    assert summaries[0].balances
    assert summaries[0].books == 2_500
    assert list(replay.lines(summaries[0]))
