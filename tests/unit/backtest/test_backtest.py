"""A backtest trades what the cycle trades, to the same hash, and says what that is worth."""

import itertools
import json
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.__main__ import main as cli
from bot.backtest import report
from bot.backtest.arms import arms, difference
from bot.backtest.baselines import flipped, lagged, permuted
from bot.backtest.examination import FEWEST_TRIPS, Plan, examined, expected_best, runs_of, verdict
from bot.backtest.pieces import Scoring, pieces_of, scored_windows
from bot.backtest.precomputed.liquidation import liquidation_values
from bot.backtest.precomputed.scores import scored
from bot.backtest.replay import Replay, observed
from bot.backtest.run import ScoredTape, run, run_over
from bot.backtest.tape_source import NextBooks, markets_of
from bot.cli import backtest
from bot.core.account.portfolio import Position
from bot.core.account.valuation import mark
from bot.core.market.fees import FeeKind, FeeSchedule
from bot.core.market.money import ZERO
from bot.core.risk.exit_rules import ExitRules
from bot.core.risk.limits import RiskLimits
from bot.core.signals.strategy import Gates, Sizing, Thresholds
from bot.core.whales.thresholds import WhaleRules
from bot.signals.analyzer import Analyzer
from bot.tape import reader
from bot.tape.errors import TapeError
from bot.tape.writer import Recorder
from bot.trading.decision import TradeRules, Worth
from bot.trading.paper_venue import PaperVenue
from bot.trading.trader import Trader
from tests.support.fakes import ListJournal
from tests.support.strategies import NOON
from tests.support.tapes import START, SizeScorer, made_up, traded, uneven

CASH = Decimal(10_000)
#: Three minutes before midnight: a day ends on a tape that begins here.
LATE = 1_789_948_800.0 - 100
ROOT = Path(__file__).parents[3]
BTC = Path(__file__).parents[4] / "shared" / "data" / "btc15m-l2-1s.parquet"


def rules(
    exits=None, worth=None, min_edge=0.0, size=50, patience=None, *, entries_rest=False, **limits
):
    sizing, out = Sizing(Decimal(size), Decimal("0.01")), exits or ExitRules()
    limit = RiskLimits(**limits)
    return TradeRules(Thresholds(), sizing, limit, min_edge, worth, out, patience, entries_rest)


def prepared(tape, every=1.0):
    return ScoredTape.of(tape, SizeScorer(), Thresholds(), Gates(), every)


async def cycled(tape, trade_rules, every=1.0):
    watch = Analyzer(SizeScorer(), Thresholds(), Gates(), WhaleRules(), 500)
    ids = (f"replay-{number:08d}" for number in itertools.count(1))
    next_books = NextBooks(tape.books, tape.trades)
    trader = Trader(PaperVenue(next_books, next_books.update), trade_rules, CASH, ids)
    replay = Replay(tape, watch, trader, ListJournal())
    async for _ in replay.run(every):
        pass
    return replay.summary()


def test_the_scores_are_those_of_the_cycle_bit_for_bit():
    tape = uneven()
    watch = Analyzer(SizeScorer(), Thresholds(), Gates(), WhaleRules(), 10)

    ours, theirs = (
        scored(tape, SizeScorer(), Thresholds(), Gates()),
        watch.predicted(observed(tape, watch)),
    )

    np.testing.assert_array_equal(ours.features, theirs.features)
    np.testing.assert_array_equal(ours.scores, theirs.scores)
    np.testing.assert_array_equal(ours.directions, theirs.directions)
    assert ours.reasons == theirs.reasons
    assert len(set(ours.reasons)) > 3


CASES = {
    "plain": rules(),
    "a stop of the day near": rules(daily_loss_stop=Decimal(30)),
    "few positions": rules(max_positions=2, max_total_exposure=Decimal(60)),
    "a stop loss": rules(ExitRules(stop_loss=Decimal(3))),
    "out before the close": rules(ExitRules(before_close=30.0)),
    "exits rest, out before the close": rules(ExitRules(before_close=30.0), patience=20.0),
    "entries have to pay": rules(worth=Worth(1.0, 10.0), min_edge=-2.0),
    "exits rest": rules(patience=10.0),
    "exits rest, with a stop of the day near": rules(patience=20.0, daily_loss_stop=Decimal(30)),
    "exits rest, with a stop loss": rules(ExitRules(stop_loss=Decimal(3)), patience=5.0),
    "entries and exits rest": rules(patience=10.0, entries_rest=True),
    "entries rest, with a stop of the day near": rules(
        entries_rest=True, daily_loss_stop=Decimal(30)
    ),
    "entries rest and have to pay": rules(worth=Worth(1.0, 10.0), min_edge=-4.0, entries_rest=True),
    "large orders": rules(size=400, max_order_cost=Decimal(900), max_market_exposure=Decimal(900)),
}


# By day with a cycle each second, over midnight with one in seven.
@pytest.mark.parametrize(("start", "every"), [(START, 1.0), (LATE, 7.0)], ids=["day", "midnight"])
@pytest.mark.parametrize("case", CASES)
async def test_a_backtest_trades_what_the_cycle_trades(case, start, every):
    tape = traded(uneven(start=start))

    theirs = await cycled(tape, CASES[case], every)
    ours = run(prepared(tape, every), CASES[case], CASH)

    assert ours.trades == theirs.trades
    assert sum(theirs.orders.values()) >= 4
    assert (ours.portfolio.cash, ours.end_equity) == (theirs.cash, theirs.equity)
    assert sum(ours.refusals.values()) == theirs.refusals


def cut(tape, every, seconds):
    """The tape in windows of so many seconds, none of which cuts a cycle."""
    window = tape.books.seen_at // every // max(1, seconds // every)
    for number in np.unique(window):
        yield reader.taken(tape, np.flatnonzero(window == number).tolist())


def in_pieces(tape, every, seconds):
    scoring = Scoring(SizeScorer(), Thresholds(), Gates())
    windows = scored_windows(cut(tape, every, seconds), scoring)
    return pieces_of(windows, markets_of(tape), every)


@pytest.mark.parametrize(("start", "every"), [(START, 1.0), (LATE, 7.0)], ids=["day", "midnight"])
@pytest.mark.parametrize("case", CASES)
def test_in_pieces_a_tape_is_traded_as_in_one(case, start, every):
    tape = traded(uneven(start=start))

    whole = run(prepared(tape, every), CASES[case], CASH)

    for seconds in (65, 91):
        ours = run_over(in_pieces(tape, every, seconds), CASES[case], CASH)
        assert ours.trades == whole.trades
        assert ours.trips == whole.trips
        assert (ours.portfolio, ours.end_equity) == (whole.portfolio, whole.end_equity)
        assert (ours.refusals, ours.stops) == (whole.refusals, whole.stops)
        np.testing.assert_array_equal(ours.at, whole.at)
        np.testing.assert_allclose(ours.equity, whole.equity)
        np.testing.assert_allclose(ours.exposure, whole.exposure)


def test_in_pieces_a_tape_is_examined_as_in_one():
    tape, plan = traded(uneven(seconds=300)), Plan(nulls=2)

    _, whole = examined([prepared(tape)], rules(), CASH, plan)
    _, ours = examined(in_pieces(tape, 1.0, 65), rules(), CASH, plan)

    # What is dealt out anew is dealt within a piece.
    del whole["nulls"]["permuted"], ours["nulls"]["permuted"]
    for name in whole.keys() - {"account"}:
        assert ours[name] == whole[name]
    assert ours["account"] == pytest.approx(whole["account"])


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 10_000), st.integers(10, 60))
async def test_whatever_the_tape_a_stop_of_the_day_falls_where_it_does_in_the_cycle(seed, stop):
    tape, limited = uneven(seed, start=LATE), rules(daily_loss_stop=Decimal(stop))

    theirs = await cycled(tape, limited)
    ours = run(prepared(tape), limited, CASH)

    assert ours.trades == theirs.trades


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10_000), st.integers(60, 240))
async def test_wherever_a_tape_ends_the_account_is_worth_what_it_is_in_the_cycle(seed, books):
    """What a book of one side is worth depends on the books before it, whether one acts or not."""
    tape, rare = reader.taken(uneven(seed, seconds=60), range(books)), rules(size=1)
    opinions = Thresholds(0.9, 0.1, 0.15, 0.85)

    theirs = await cycled(tape, replace(rare, thresholds=opinions))
    ours = run(prepared(tape).under(opinions), replace(rare, thresholds=opinions), CASH)

    assert (ours.trades, ours.end_equity) == (theirs.trades, theirs.equity)


@pytest.mark.skipif(not BTC.exists(), reason="needs the recorded books beside the repository")
async def test_recorded_books_are_traded_as_the_cycle_trades_them():
    whole = reader.read(BTC)
    tape = reader.taken(whole, range(4_000))

    theirs = await cycled(tape, rules())
    ours = run(prepared(tape), rules(), CASH)

    assert ours.trades == theirs.trades
    assert sum(theirs.orders.values()) > 50


def test_exits_that_rest_trade_at_rest_and_where_they_cannot_they_take():
    resting = rules(patience=10.0)

    outcome = run(prepared(traded(uneven())), resting, CASH)

    found = outcome.exit_fills
    assert found.rested > 4
    assert found.at_rest > 0
    assert found.taken > 0
    left = sum(float(fill.size) for fill in outcome.exits)
    assert found.at_rest + found.taken == pytest.approx(left)


def test_entries_at_rest_are_no_exits():
    outcome = run(prepared(traded(uneven())), rules(entries_rest=True), CASH)

    found = outcome.exit_fills
    assert outcome.entries
    assert (found.rested, found.at_rest, found.expected) == (0, 0, 0)
    assert found.taken == pytest.approx(sum(float(fill.size) for fill in outcome.exits))


def test_the_arms_are_compared_over_the_same_events():
    tape = prepared(traded(made_up(seconds=300)))

    found = arms([tape], rules(entries_rest=True), CASH, 5.0)

    assert found["take"]["exits"]["rested"] == 0
    assert found["rest"]["exits"]["rested"] > 0
    assert found["markets_with_known_trades"] == 4
    gain = found["difference"]
    expected = found["rest"]["cents_a_contract"] - found["take"]["cents_a_contract"]
    assert gain["cents_a_contract"] == pytest.approx(expected)
    assert gain["interval"][0] < gain["cents_a_contract"] < gain["interval"][1]
    assert (gain["over"], gain["count"]) == ("half hours", 4)
    both = run(tape, rules(patience=5.0, entries_rest=True), CASH)
    assert found["take"] != found["rest"] != found["rest_both"]
    assert found["rest_both"]["count"] == len(both.trips) > 0
    more = found["rest_both"]["cents_a_contract"] - found["take"]["cents_a_contract"]
    assert found["difference_both"]["cents_a_contract"] == pytest.approx(more)


@pytest.mark.parametrize("left", [0, FEWEST_TRIPS - 1])
def test_with_few_trips_in_an_arm_nothing_is_said_of_a_difference(left):
    trips = run(prepared(made_up(seconds=300)), rules(), CASH).trips
    assert len(trips) >= FEWEST_TRIPS

    assert difference(trips, trips[:FEWEST_TRIPS])["count"]
    assert difference(trips, trips[:left]) == {
        "cents_a_contract": None,
        "interval": None,
        "over": None,
        "count": 0,
    }


def test_the_curve_ends_at_the_equity_and_the_trips_are_the_account():
    outcome = run(prepared(made_up(seconds=300)), rules(), CASH)

    assert outcome.equity[0] == pytest.approx(float(CASH), abs=5)
    assert outcome.equity[-1] == pytest.approx(float(outcome.end_equity), abs=1e-6)
    closed = sum((trip.net for trip in outcome.trips), ZERO)
    still_open = sum((position.net for position in outcome.portfolio.positions.values()), ZERO)
    assert closed + still_open == outcome.portfolio.net
    assert outcome.exposure[-1] == pytest.approx(float(outcome.portfolio.exposure))


@pytest.mark.parametrize("size", ["7", "-7", "5000", "-5000", "0.5"])
def test_what_closing_fetches_is_that_of_the_account(size):
    books = made_up(2, 30).books
    rows = np.arange(len(books))

    values = liquidation_values(books, rows, float(size))

    position = Position("M0", Decimal(size), Decimal(1), ZERO, ZERO, NOON)
    for row in rows.tolist():
        exact = mark(position, books.against(row, position.side.opposite))
        assert values[row] == pytest.approx(float(exact.value), abs=1e-6)


def test_nulls_keep_what_they_promise():
    scores = prepared(uneven()).scores
    rng = np.random.default_rng(1)
    known = np.isfinite(scores.scores)

    dealt, turned = permuted(scores, rng), flipped(scores, rng)

    tickers = np.array(scores.books.tickers)
    for ticker in set(scores.books.tickers):
        mine = tickers == ticker
        np.testing.assert_array_equal(
            np.sort(dealt[mine & known]), np.sort(scores.scores[mine & known])
        )
    np.testing.assert_array_equal(np.isfinite(dealt), known)
    assert not np.array_equal(dealt, scores.scores, equal_nan=True)
    np.testing.assert_allclose(np.abs(turned[known] - 0.5), np.abs(scores.scores[known] - 0.5))
    assert 0.3 < (turned[known] == scores.scores[known]).mean() < 0.7


def test_late_scores_are_those_of_the_book_before():
    scores = prepared(made_up(1, 10)).scores

    late = lagged(scores)

    both = np.isfinite(late)
    np.testing.assert_array_equal(late[both], scores.scores[np.flatnonzero(both) - 1])
    assert both.any()


def prophetic(tape):
    """Scores that know where the mid of the next books goes."""
    whole = prepared(tape)
    ahead = np.full(len(tape.books), np.nan)
    last: dict[str, list[float]] = {}
    mids = tape.books.mid
    for row in reversed(range(len(tape.books))):
        ticker = tape.books.tickers[row]
        later = last.setdefault(ticker, [])
        if len(later) >= 12 and np.isfinite(mids[row]):
            ahead[row] = np.clip(0.5 + 20 * (np.mean(later[-12:]) - mids[row]), 0, 1)
        later.append(mids[row]) if np.isfinite(mids[row]) else None
    return whole.with_scores(ahead, Thresholds())


def test_scores_that_know_the_future_are_told_as_such_or_by_the_nulls():
    _, figures = examined([prophetic(made_up(8, 400))], rules(size=1), CASH, Plan(nulls=3))

    assert figures["trades"]["count"] > 30
    assert figures["nulls"]["permuted"]["share_below"] == 1.0
    assert figures["trades"]["cents_a_contract"] > figures["nulls"]["flipped"]["highest"]


def test_scores_that_gain_by_coming_late_are_not_trusted():
    """Each buys one book before a dip of its price, and sells when the price stands high."""
    whole = made_up(8, 400)
    phase = np.repeat(np.arange(400) % 20, 8)
    mid = np.select([phase == 1, phase >= 10], [508, 700], 500).reshape(-1, 1)
    steps = np.arange(5) * 10
    books = replace(
        whole.books, bid_price=(mid - 5 - steps) / 1000, ask_price=(mid + 5 + steps) / 1000
    )
    scores = np.select([phase == 0, phase == 9], [0.95, 0.05], 0.58)
    tape = prepared(replace(whole, books=books)).with_scores(scores, Thresholds())

    _, told = examined([tape], rules(size=1), CASH, Plan(nulls=0))

    ahead = told["look_ahead"]
    assert ahead["one_book_late"] > ahead["cents_a_contract"] > 0
    assert told["verdict"].startswith("do not trust this")


def test_the_same_run_is_believed_less_the_more_settings_were_tried():
    tape = prophetic(made_up(8, 400))

    once, often = (
        examined([tape], rules(size=1), CASH, Plan(nulls=0, trials=trials))[1]
        for trials in (1, 10**9)
    )

    assert once["trials"]["z"] == often["trials"]["z"]
    assert once["trials"]["expected_best_by_chance"] == 0
    assert often["trials"]["expected_best_by_chance"] > 5.5


def test_every_run_over_the_tape_is_counted():
    done = []
    examined([prepared(uneven())], rules(), CASH, Plan(nulls=2), lambda: done.append(1))

    assert len(done) == runs_of(Plan(nulls=2)) == 6


GOOD: dict[str, Any] = {
    "trades": {"count": 90, "events": 12, "cents_a_contract": 1.0, "interval": (0.4, 1.6)},
    "look_ahead": {"is_suspect": False},
    "leak": {"compared": 500, "changed": ""},
    "nulls": {"permuted": {"runs": 20, "share_below": 1.0}},
    "trials": {"z": 3.0, "expected_best_by_chance": 0.0},
}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, "earned more than chance explains, on this tape: +1.00 c a contract [+0.40, +1.60]"),
        ({"trades": {**GOOD["trades"], "interval": (-0.1, 2)}}, "not told from chance"),
        ({"trades": {**GOOD["trades"], "interval": (-2, -0.1)}}, "loses"),
        ({"trades": {"count": 3, "events": 2, "interval": (1, 2)}}, "too few to tell: 3 round"),
        ({"trades": {"count": 0}}, "too few to tell: 0 round trips, 0 events"),
        ({"trades": {**GOOD["trades"], "interval": None}}, "too few to tell"),
        ({"look_ahead": {"is_suspect": True}}, "do not trust this"),
        ({"leak": {"compared": 9, "changed": "the score of M1"}}, "do not trust this: the score"),
        ({"leak": None}, "earned more than chance explains"),
        ({"nulls": {"flipped": {"runs": 20, "share_below": 0.9}}}, "scores that know nothing"),
        ({"trials": {"z": 2.0, "expected_best_by_chance": 2.5}}, "best of so many trials"),
    ],
)
def test_a_verdict_says_no_more_than_the_figures(change, words):
    assert words in verdict({**GOOD, **change})


def test_the_best_of_many_trials_is_expected_to_look_good():
    assert expected_best(1) == 0.0
    draws = np.random.default_rng(0).standard_normal((4_000, 100)).max(axis=1)
    assert expected_best(100) == pytest.approx(draws.mean(), abs=0.05)


@pytest.mark.parametrize(
    ("ticker", "day", "multiplier"),
    [
        ("INXD-23APR10-B4087", "2023-04-10", "0.5"),
        ("KXINX-26JUL02-B6000", "2026-07-02", "0.5"),
        ("KXINX-26JUL03-B6000", "2026-07-03", "1"),
        ("KXNASDAQ100-26JAN05-T1", "2026-01-05", "0.5"),
        ("KXBTC15M-26MAY110200-00", "2026-05-11", "1"),
    ],
)
def test_fees_are_those_of_the_day_of_the_tape(ticker, day, multiplier):
    whole = made_up(1, 5)
    start = datetime.fromisoformat(f"{day}T12:00:00+00:00").timestamp()
    seen_at = whole.books.seen_at - START + start
    books = replace(whole.books, tickers=(ticker,) * 5, seen_at=seen_at)

    market = markets_of(replace(whole, books=books))[ticker]

    assert market.fees == FeeSchedule(FeeKind.QUADRATIC, Decimal(multiplier))


@pytest.fixture
def recording(tmp_path):
    path = tmp_path / "made-up.parquet"
    with Recorder(path, "segment") as recorder:
        recorder.record(made_up(3, 60).books)
    return path


def test_the_command_prints_a_verdict_and_writes_report_and_figures(recording, tmp_path, capsys):
    figures, folder = tmp_path / "figures.json", tmp_path / "report"
    markdown = tmp_path / "docs" / "tapes.md"
    options = ["--nulls", "1", "--report", str(folder), "--json", str(figures)]
    options += ["--markdown", str(markdown)]

    code = cli(["backtest", str(recording), "--set", "BOT_MIN_EDGE=-100", *options])

    said = capsys.readouterr().out
    assert code == 0
    assert "tape        180 books of 3 markets, 60 cycles" in said
    assert "verdict     " in said
    assert "leaks       none: " in said
    found = json.loads(figures.read_text())["made-up.parquet"]
    assert found["changed"] == {"bot_min_edge": "-100"}
    assert found["tape"]["cycles"] == 60
    page = (folder / "made-up.html").read_text()
    assert "<h2>Against chance</h2>" in page
    assert "http" not in page
    assert (folder / "made-up.png").read_bytes().startswith(b"\x89PNG")
    told = markdown.read_text()
    assert (
        f"| [made-up.parquet](#made-upparquet) | 180 | 3 | 0 | {found['trades']['count']} |" in told
    )
    assert ("![" in told) == bool(found["trades"]["count"])
    assert found["verdict"] in told


def test_a_tape_is_run_day_by_day_with_an_account_for_each(tmp_path, capsys):
    path, figures = tmp_path / "long.parquet", tmp_path / "figures.json"
    with Recorder(path, "segment") as recorder:
        for day in (0, 1):
            books = made_up(2, 30).books
            recorder.record(replace(books, seen_at=books.seen_at + day * 86_400))

    assert cli(["backtest", str(path), "--by-day", "--nulls", "0", "--json", str(figures)]) == 0

    found = json.loads(figures.read_text())
    assert list(found) == ["long-2026-09-21.parquet", "long-2026-09-22.parquet"]
    assert [one["tape"]["books"] for one in found.values()] == [60, 60]
    usual = "the market closes within 60 s, or no one knows when"
    assert {one["tape"]["unscored"] for one in found.values()} == {usual}
    assert {one["account"]["start"] for one in found.values()} == {10_000.0}


@pytest.mark.parametrize(
    ("pair", "words"),
    [
        ("BOT_ENTER_ABOVE", "write it as NAME=VALUE"),
        ("BOT_ENTRE_ABOVE=0.7", "there is no setting BOT_ENTRE_ABOVE"),
        ("BOT_ENTER_ABOVE=high", "BOT_ENTER_ABOVE"),
    ],
)
def test_a_wrong_setting_is_named(recording, pair, words, capsys):
    assert cli(["backtest", str(recording), "--set", pair]) == 1
    assert words in capsys.readouterr().err


@pytest.mark.parametrize("command", ["backtest", "replay", "sweep"])
@pytest.mark.parametrize(
    "option",
    [("--every", "0"), ("--every", "nan"), ("--nulls", "-3"), ("--trials", "0")],
    ids=" ".join,
)
def test_an_odd_number_is_refused_before_anything_is_read(command, option, capsys):
    with pytest.raises(SystemExit, match="2"):
        cli([command, "no-such.parquet", *option])

    assert command in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--report", "--json", "--markdown"])
def test_a_report_that_cannot_be_written_is_named_before_the_work(option, tmp_path, capsys):
    (tmp_path / "file").touch()
    place = tmp_path / "file" / ("x" if option == "--report" else "x/x")

    assert cli(["backtest", "no-such.parquet", option, str(place)]) == 1

    said = capsys.readouterr().err
    assert f"{tmp_path}/file/x: nothing can be written there" in said
    assert said.count("\n") == 1


@pytest.mark.parametrize("command", ["backtest", "replay"])
def test_a_tape_without_a_row_is_named(command, recording, tmp_path, capsys):
    empty = tmp_path / "empty.parquet"
    pq.write_table(pq.read_table(recording).slice(0, 0), empty)

    assert cli([command, str(empty)]) == 1
    assert "empty.parquet: no sound order book in it: it has no rows" in capsys.readouterr().err


def test_rows_in_any_order_are_the_same_tape(recording, tmp_path):
    mixed = tmp_path / "mixed.parquet"
    rows = pq.read_table(recording)
    # Books of one moment are of different markets: their order is that of the file.
    order = np.lexsort((np.arange(rows.num_rows), -rows["ts_ms"].to_numpy()))
    pq.write_table(rows.take(order), mixed)

    sorted_tape, mixed_tape = reader.read(recording), reader.read(mixed)

    assert run(prepared(sorted_tape), rules(), CASH).trades == (
        run(prepared(mixed_tape), rules(), CASH).trades
    )


@pytest.mark.skipif(not BTC.exists(), reason="needs the recorded books beside the repository")
def test_markets_a_model_was_trained_on_are_left_out_unless_told(capsys):
    assert cli(["backtest", str(BTC), "--nulls", "0"]) == 0
    assert "0 markets left out" not in capsys.readouterr().out


def test_a_tape_that_a_model_was_trained_on_is_refused(recording):
    def found(trained, *, reported=False):
        return set(backtest.recording([recording], 1.0, trained, reported=reported).seen)

    with pytest.raises(TapeError, match="trained on every market of this tape"):
        found(["M0", "M1", "M2"])
    assert found(["M0", "M1", "M2"], reported=True) == {"M0", "M1", "M2"}
    assert found(["M1"]) == {"M0", "M2"}


def test_a_page_escapes_what_it_is_given(tmp_path):
    outcome, figures = examined([prepared(made_up(2, 60))], rules(), CASH, Plan(nulls=0))
    trips = tuple(trip._replace(ticker="<script>") for trip in outcome.trips)
    tape = {
        "books": 1,
        "markets": 1,
        "cycles": 1,
        "seconds_a_cycle": 1.0,
        "model": "m",
        "markets_left_out_as_trained_on": 0,
    }

    path = report.write(
        "x", {"tape": tape, "changed": {}, **figures}, replace(outcome, trips=trips), tmp_path
    )

    assert "<script>" not in path.read_text()
    assert "&lt;script&gt;" in path.read_text()


def test_a_page_says_what_stopped_entries_and_how_each_trip_ended(tmp_path):
    stopped = rules(ExitRules(stop_loss=Decimal(3)), daily_loss_stop=Decimal(30))
    outcome, figures = examined([prepared(uneven())], stopped, CASH, Plan(nulls=0))
    counts = ("books", "markets", "cycles", "seconds_a_cycle", "markets_left_out_as_trained_on")
    tape = {"model": "m", **dict.fromkeys(counts, 1)}
    told = {"tape": tape, "changed": {"bot_stop_loss": "3"}, **figures}

    page = report.write("x", told, outcome, tmp_path).read_text()

    assert "<code>daily_loss_stop</code> stopped entries 1 time<" in page
    assert page.count("<td>stop loss</td>") == sum(
        trip.how == "stop_loss" for trip in outcome.trips
    )
    assert "BOT_STOP_LOSS=3" in page
    assert f"<td>filled</td><td>{outcome.orders['filled']}</td>" in page


def test_the_sample_tape_is_small_and_loses_as_its_page_says(capsys):
    sample = ROOT / "docs" / "samples" / "simulated.parquet"
    assert sample.stat().st_size < 300_000

    assert cli(["backtest", str(sample), "--set", "BOT_MIN_EDGE=-100", "--nulls", "0"]) == 0

    said = capsys.readouterr().out
    assert "8,330 books of 26 markets" in said
    assert "verdict     loses" in said
