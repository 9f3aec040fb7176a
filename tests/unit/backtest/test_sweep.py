"""A sweep comes out the same wherever its trials run, and judges only on what was held out."""

import json
import subprocess
import sys
import tempfile
from decimal import Decimal
from math import nan
from pathlib import Path

import numpy as np
import psycopg
import pytest
from distributed import LocalCluster

from bot import config
from bot.__main__ import main as cli
from bot.app.trading_rules import trade_rules
from bot.backtest.pieces import Recording, Scoring
from bot.backtest.run import run_over
from bot.backtest.statistics import event_of
from bot.backtest.stored_folds import store, stored
from bot.backtest.sweep import FOLDS, Dimension, Task, parts
from bot.cli import sweep
from bot.cli.sweep import SweepSource, loaded, prepared, space, tried
from bot.core.signals.strategy import Gates, Thresholds
from bot.model.scorer import NoScorer
from bot.tape import reader
from bot.tape.errors import TapeError
from bot.tape.windows import RecordedMarket, planned
from bot.tape.writer import Recorder
from tests.support import store_postgres
from tests.support.tapes import SizeScorer, made_up

ROOT = Path(__file__).parents[3]
SPACE = """
[BOT_ENTER_ABOVE]
low = 0.56
high = 0.8
mirror = "BOT_ENTER_BELOW"

[BOT_ORDER_SIZE]
values = [1, 5]
"""


CASH = Decimal(10_000)
MODEL = NoScorer("not needed")
SCORING = Scoring(SizeScorer(), Thresholds(), Gates())


@pytest.fixture
def tape(tmp_path):
    path = tmp_path / "tape.parquet"
    with Recorder(path, "segment") as recorder:
        tape = made_up(10, 90)
        recorder.record(tape.books, seconds_to_close=tape.seconds_to_close)
    return path


def whole_of(paths, rows=10**6):
    tapes = planned(paths, 1.0, rows)
    return Recording(tapes, [tape.contents() for tape in tapes], frozenset(), 1.0)


@pytest.fixture
def space_file(tmp_path):
    path = tmp_path / "space.toml"
    path.write_text(SPACE)
    return path


def swept(tape, space_file, out, *options):
    arguments = [str(tape), "--space", str(space_file), "--trials", "12", "--nulls", "0"]
    assert cli(["sweep", *arguments, "--json", str(out), *options]) == 0
    return json.loads(out.read_text())


def test_processes_and_a_cluster_find_what_one_process_finds(tape, space_file, tmp_path, capsys):
    few = ("--trials", "6")
    alone = swept(tape, space_file, tmp_path / "1.json", *few)
    two = swept(tape, space_file, tmp_path / "2.json", "--workers", "2", *few)
    with LocalCluster(
        n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None
    ) as cluster:
        dask = swept(
            tape, space_file, tmp_path / "3.json", "--dask", cluster.scheduler_address, *few
        )

    assert alone == two == dask
    assert alone["trials"] == 6


def resumed(tape, space_file, storage, *options):
    """A sweep in a process of its own: Optuna leaves connections to the garbage collector."""
    command = [sys.executable, "-m", "bot", "sweep", str(tape), "--space", str(space_file)]
    chosen = ["--nulls", "0", "--storage", storage, *options]
    return subprocess.run(
        [*command, *chosen], check=False, cwd=ROOT, capture_output=True, text=True
    )


def continued(tape, space_file, storage, out):
    """How many trials are known after three were asked for, and then five."""
    for trials in ("3", "5"):
        done = resumed(tape, space_file, storage, "--json", str(out), "--trials", trials)
        assert done.returncode == 0, done.stderr
        yield json.loads(out.read_text())["trials"]


def test_a_study_that_is_kept_goes_on_where_it_was(tape, space_file, tmp_path):
    storage = f"sqlite:///{tmp_path}/study.db"

    assert list(continued(tape, space_file, storage, tmp_path / "out.json")) == [3, 5]

    space_file.write_text("[BOT_ORDER_SIZE]\nvalues = [2, 3]\n")
    again = resumed(tape, space_file, storage, "--trials", "6")
    assert again.returncode == 1
    assert again.stderr.startswith("sweep: --storage: the study there is of another space")


def test_a_study_is_kept_by_a_server(tape, space_file, tmp_path):
    if store_postgres.programs() is None:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    with tempfile.TemporaryDirectory() as folder, store_postgres.running(Path(folder)) as server:
        storage = server.create("study")
        assert list(continued(tape, space_file, storage, tmp_path / "out.json")) == [3, 5]
        with psycopg.connect(storage) as connection:
            assert connection.execute("SELECT count(*) FROM trials").fetchone() == (5,)


def test_events_that_choose_come_before_those_held_out(tape, tmp_path):
    recording = whole_of([tape])

    folds, held = store(recording, SCORING, tmp_path)

    names = [{event_of(t) for piece in fold for t in piece.tape.books.tickers} for fold in folds]
    (last,) = held
    held_names = {event_of(ticker) for ticker in last.tape.books.tickers}
    assert len(folds) == FOLDS
    assert set().union(*names) | held_names == {f"M{number}" for number in range(10)}
    assert sum(map(len, names)) + len(held_names) == 10
    assert len(held_names) == 3
    (whole,) = recording.pieces(SCORING)
    np.testing.assert_array_equal(
        last.scores.scores, whole.scores.scores[np.isin(whole.tape.books.tickers, list(held_names))]
    )


def test_folds_of_a_tape_in_windows_trade_as_those_of_a_whole_one(tape, tmp_path):
    rules = trade_rules(config.load(env_file=None, bot_min_edge=-100), MODEL).on_tape()
    found = []
    for name, rows in (("whole", 10**6), ("cut", 500)):
        (tmp_path / name).mkdir()
        folds, held = store(whole_of([tape], rows), SCORING, tmp_path / name)
        assert stored(tmp_path / name) == (folds, held)
        parts = (*folds, held)
        found.append(
            (
                [len(one.files) for one in parts],
                [run_over(one.under(rules.thresholds), rules, CASH).trades for one in parts],
            )
        )

    (pieces, whole), (more, cut) = found
    assert pieces == [1] * 5
    assert min(more) > 1
    assert cut == whole
    assert len(set(whole)) == 5


def test_what_is_not_kept_whole_is_not_taken(tmp_path):
    (tmp_path / "0").mkdir()

    assert stored(tmp_path) is None


def test_too_few_events_are_refused():
    with pytest.raises(TapeError, match="4 events are too few"):
        parts({f"M{number}": RecordedMarket(0.0, 1.0, nan, nan) for number in range(4)})


def test_a_trial_below_its_floor_ends_there(tape):
    source = SweepSource((tape,), 1.0, trained_on=False)
    floors = (1e9, 1e9, 1e9, 1e9)

    assert len(tried(source, Task({})).nets) == FOLDS
    assert len(tried(source, Task({}, floors)).nets) == 1
    assert loaded(source) is loaded(source)


def test_workers_read_what_one_process_kept(tape, tmp_path):
    folder = tmp_path / "kept"
    folder.mkdir()
    source = SweepSource((tape,), 1.0, trained_on=False, folder=folder)
    there = prepared(source, folder)
    tape.unlink()

    assert loaded(source) == there
    assert len(tried(source, Task({})).nets) == FOLDS


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no setting in it"),
        ("[BOT_ENTER_ABOVE", "write a table"),
        ("[BOT_ENTRE]\nlow = 1\nhigh = 2", "there is no setting BOT_ENTRE"),
        ("[BOT_ORDER_SIZE]\nlow = 2\nhigh = 1", "needs low < high"),
        ("[BOT_ORDER_SIZE]\nvalues = [1]\nlow = 1\nhigh = 2", "needs low < high, or values"),
        ("[BOT_ORDER_SIZE]\nvalues = [1]\nstep = 2", "at most mirror"),
        ("[BOT_ORDER_SIZE]\nlow = 'few'\nhigh = 2", "needs low < high"),
        ("[BOT_ORDER_SIZE]\nvalues = 3", "needs low < high, or values"),
        ("BOT_ORDER_SIZE = 3", "no setting in it"),
        ("[BOT_ORDER_SIZE]\nvalues = ['many']", "BOT_ORDER_SIZE=.*: must be a number"),
        ("[BOT_ENTER_ABOVE]\nlow = 0.6\nhigh = 5", "BOT_ENTER_ABOVE='5.0': must be"),
        ("[BOT_ENTER_ABOVE]\nlow = 0.6\nhigh = 1\nmirror = 'BOT_X'", "there is no setting BOT_X"),
    ],
)
def test_a_space_that_is_none_is_refused(tmp_path, text, words):
    path = tmp_path / "space.toml"
    path.write_text(text)

    with pytest.raises(TapeError, match=words):
        space(path)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--storage", "nonsense"), "write it like sqlite:///study.db"),
        (("--storage", "sqlite:////no/such/folder/x.db"), "the database cannot be opened"),
        (("--storage", "postgres://me:hush@127.0.0.1:9/x"), "the database cannot be opened"),
        (("--dask", "nowhere"), "--dask nowhere: no scheduler answers there"),
        (("--json", "/proc/x/y.json"), "/proc/x: nothing can be written there"),
    ],
    ids=["address", "file", "server", "dask", "json"],
)
def test_what_a_sweep_cannot_reach_is_named_in_a_line(options, words, tape, space_file, capsys):
    assert cli(["sweep", str(tape), "--space", str(space_file), "--trials", "1", *options]) == 1

    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1
    assert "hush" not in said


def test_the_best_settings_are_told_with_what_was_held_out(tape, space_file, tmp_path, capsys):
    swept(tape, space_file, tmp_path / "1.json")

    said = capsys.readouterr().out
    assert "trials      12" in said
    assert "held out    " in said


def test_without_one_whole_trial_nothing_is_judged():
    found = {"trials": 3, "cut_short": 3, "best": [], "held_out": None}

    assert list(sweep.lines(found))[-1].startswith("held out    no trial made 30 round trips")


def test_a_dimension_is_a_range_or_a_choice():
    assert Dimension.of("A", {"low": 1, "high": 2}).values == ()
    assert Dimension.of("A", {"values": [1, 2]}).values == (1, 2)


def test_tapes_are_joined_in_time_with_their_segments_apart():
    one, two = made_up(2, 10, seed=1), made_up(3, 10, seed=2)

    whole = reader.joined([one, two])

    assert len(whole.books) == len(one.books) + len(two.books)
    assert (np.diff(whole.books.seen_at) >= 0).all()
    assert set(whole.segment.tolist()) == {0, 1}
    assert reader.joined([one]) is one
