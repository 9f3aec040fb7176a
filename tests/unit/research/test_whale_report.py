"""Detectors are judged fairly: matched one to one, tuned elsewhere, the same for all."""

import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from bot.core.market.market import Side
from bot.core.whales.thresholds import WhaleRules
from bot.research.whales.detectors import ours, simple, thresholds
from bot.research.whales.markets import MarketKind, Scene, SimulatedTrades, scene
from bot.research.whales.matching import QUESTIONS, WARM_UP, Detection, Score, score, together
from bot.research.whales.report import LIMITS, main, tuned
from bot.research.whales.score_summary import f1_excess, summary
from bot.research.whales.tracks import tracks
from bot.sim.world import truth
from bot.sim.world.truth import How, TraderAction
from tests.support.whale_tapes import CALM
from tests.support.whale_tapes import WHALE as BRIEF_WHALE
from tests.support.whale_tapes import whale_tape as tape_of

START = datetime(2026, 6, 1, tzinfo=UTC)
SECONDS = 900
NO_PRINTS = SimulatedTrades(*(np.zeros(0) for _ in range(5)))


def action(since: float, until: float, *, kind: str = "whale", price: float = 0.42) -> TraderAction:
    return TraderAction(
        ticker="A",
        kind=truth.ActionKind(kind),
        side=Side.BUY,
        price=price,
        size=5_000.0,
        shown=5_000.0,
        reference=300.0,
        ticks=3,
        t0=START + timedelta(seconds=since),
        t1=START + timedelta(seconds=until),
        how=How.CANCELLED,
    )


def stage(*actions: TraderAction) -> Scene:
    """One market whose bids show exactly these deeds, every second."""
    prices = np.zeros((2, SECONDS, 1, 6), dtype=np.uint16)
    sizes = np.full(prices.shape, 300.0, dtype=np.float32)
    prices[0], prices[1] = 4_500 - 100 * np.arange(6), 4_700 + 100 * np.arange(6)
    at = START.timestamp() + np.arange(SECONDS, dtype=np.float64)
    for each in actions:
        assert each.t1 is not None
        there = (at >= each.t0.timestamp()) & (at < each.t1.timestamp())
        sizes[0, there, 0, round(100 * (0.45 - each.price))] += each.shown
    kind = MarketKind("made", 1, SECONDS)
    return Scene(kind, ("A",), at, prices, sizes, NO_PRINTS, (actions,))


def said(*found: tuple[float, float], side: int = 0) -> Detection:
    """Detections at these seconds and prices."""
    at, price = np.array(found, dtype=np.float64).reshape(-1, 2).T
    none = np.zeros(len(at), dtype=np.intp)
    return Detection(none, at + START.timestamp(), none + side, price)


def predictions(flags: Detection, *actions: TraderAction, kind: str = "large") -> Score:
    return score(stage(*actions), flags, QUESTIONS[kind], 1.0)


def counts(found: Score) -> tuple[int, int, int]:
    return int(found.right.sum()), int(found.wrong.sum()), int(found.missed.sum())


WHALE = action(400, 500)


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (said((410, 0.42)), (1, 0, 0)),
        (said((410, 0.43)), (0, 1, 1)),
        (said((410, 0.42), side=1), (0, 1, 1)),
        (said((399, 0.42)), (0, 1, 1)),
        (said((501, 0.42)), (0, 1, 1)),
        (said((410, 0.42), (420, 0.42)), (1, 1, 0)),
        (said((WARM_UP - 1, 0.42)), (0, 0, 1)),
        (said((410, 0.98)), (0, 0, 1)),
    ],
)
def test_a_detection_is_right_once_at_the_price_side_and_time_of_a_deed(
    flags: Detection, expected: tuple[int, int, int]
) -> None:
    assert counts(predictions(flags, WHALE)) == expected


def test_an_iceberg_is_not_the_task_of_who_looks_for_large_orders() -> None:
    assert counts(predictions(said((410, 0.42)), action(400, 500, kind="iceberg"))) == (0, 0, 0)


@pytest.mark.parametrize(
    ("filled", "expected"), [(3_000.0, (1, 0, 0)), (2_999.0, (0, 0, 0))], ids=["thrice", "less"]
)
def test_an_iceberg_counts_once_three_times_what_it_showed_was_filled(
    filled: float, expected: tuple[int, int, int]
) -> None:
    iceberg = replace(action(400, 500, kind="iceberg"), shown=1_000.0, filled=filled)

    assert counts(predictions(said((410, 0.42)), iceberg, kind="iceberg")) == expected
    assert counts(predictions(said(), iceberg, kind="iceberg")) == (0, 0, expected[0])
    assert counts(predictions(said((410, 0.42)), WHALE, kind="iceberg")) == (0, 1, 0)


def test_a_suspected_spoof_may_be_said_just_after_it_left_and_a_whale_is_none() -> None:
    spoof = action(400, 430, kind="spoof")

    assert counts(predictions(said((432, 0.42)), spoof, kind="spoof_suspected")) == (1, 0, 0)
    assert counts(predictions(said((440, 0.42)), spoof, kind="spoof_suspected")) == (0, 1, 1)
    assert counts(predictions(said((501, 0.42)), WHALE, kind="spoof_suspected")) == (0, 1, 0)


def test_what_stood_at_no_look_is_not_visible_and_still_missed() -> None:
    brief = action(421, 430)

    found = score(stage(brief), said(), QUESTIONS["large"], 60.0)

    assert (int(found.visible.sum()), counts(found)) == (0, (0, 0, 1))


def test_all_detectors_find_a_plain_whale_and_say_it_once() -> None:
    made = stage(WHALE)
    seen = tracks(made, 1.0)

    (found,) = ours([made], 1.0, WhaleRules())
    assert counts(score(made, found["large"], QUESTIONS["large"], 1.0)) == (1, 0, 0)
    for measure, threshold in (("absolute", 1_000.0), ("ratio", 5.0), ("robust_z", 5.0)):
        flags = simple(seen, "large", measure, threshold)
        assert counts(score(made, flags, QUESTIONS["large"], 1.0)) == (1, 0, 0)
        assert thresholds(seen, "large", measure).max() >= threshold
        assert len(simple(seen, "large", measure, 1e9)) == 0
        assert len(simple(seen, "spoof_suspected", measure, 1e9)) == 0


def test_a_simple_detector_suspects_what_has_gone() -> None:
    made = stage(action(400, 430, kind="spoof"))

    flags = simple(tracks(made, 1.0), "spoof_suspected", "absolute", 1_000.0)

    kind = "spoof_suspected"
    assert counts(score(made, flags, QUESTIONS[kind], 1.0)) == (1, 0, 0)


def test_a_threshold_is_the_lowest_with_no_more_false_alarms() -> None:
    tried = [1.0, 2.0, 3.0, 4.0]

    assert tuned(tried, lambda threshold: 5.0 - threshold, 2.0) == 3.0
    assert tuned(tried, lambda _: 9.0, 2.0) == 4.0


def _score(right: Sequence[float], wrong: Sequence[float]) -> Score:
    markets = len(right)
    missed = 2.0 - np.array(right)
    where = np.repeat(np.arange(markets), np.array(right, dtype=np.intp))
    return Score(
        right=np.array(right),
        wrong=np.array(wrong),
        missed=missed,
        visible=np.full(markets, 2.0),
        hours=np.ones(markets),
        delay_market=where,
        delay=np.full(len(where), 3.0),
    )


def test_figures_are_those_of_the_counts_with_intervals_around_them() -> None:
    found = together([_score([2, 1, 0], [0, 1, 1]), _score([2, 2], [0, 0])])

    shown = summary(found)

    assert (shown["precision"], shown["recall"]) == (0.7778, 0.7)
    assert shown["f1"] == round(14 / 19, 4)
    assert (shown["false_alarms_per_hour"], shown["delay_s"]) == (0.4, 3.0)
    low, high = np.array(shown["f1_interval"])
    assert low < 14 / 19 < high


def test_who_is_right_more_often_leads_and_nothing_found_is_no_number() -> None:
    good, bad = _score([2, 2, 2], [0, 0, 0]), _score([0, 0, 0], [0, 0, 0])

    assert f1_excess(good, bad)["f1_lead"] == 1.0
    shown = summary(bad)
    assert (shown["precision"], shown["delay_s"], shown["precision_interval"]) == (None, None, None)


def test_the_same_kind_and_seed_give_the_same_scene() -> None:
    kind = MarketKind("fast15m", 2, 30)

    one, again, other = scene(kind, 3), scene(kind, 3), scene(kind, 4)

    assert all(
        np.array_equal(getattr(one, name), getattr(again, name)) for name in ("prices", "sizes")
    )
    assert not np.array_equal(one.sizes, other.sizes)


def test_a_kind_that_looks_longer_than_its_markets_live_is_refused() -> None:
    with pytest.raises(ValueError, match="closed while it was looked at"):
        scene(MarketKind("fast15m", 1, 1_000), 1)


def test_the_command_writes_every_detector_at_every_cadence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib", reason="pictures need it")
    out, plots = tmp_path / "report.json", tmp_path / "plots"
    where = ["--json", str(out), "--plots", str(plots), "--data", str(tmp_path / "none")]

    code = main(
        [*where, "--cadence", "5", "--jobs", "1"],
        kinds=[MarketKind("fast15m", 2, 600)],
        null=MarketKind("null", 1, 400),
    )

    rows = json.loads(out.read_text(encoding="utf-8"))["detection"]
    assert code == 0
    assert len(rows) == 3 * 4 + 2
    assert sorted(each.stem for each in plots.iterdir()) == sorted(QUESTIONS)
    assert {row["detector"] for row in rows} == {"ours", "absolute", "ratio", "robust_z"}
    assert {row["real_flags_per_hour"] for row in rows} == {None}
    assert LIMITS[0] in capsys.readouterr().out


def test_every_detector_is_counted_on_recorded_books_too(tmp_path: Path) -> None:
    tape = tape_of(tmp_path / "books.parquet", [BRIEF_WHALE, CALM])
    out = tmp_path / "report.json"
    asked = ["--json", str(out), "--cadence", "10", "--jobs", "1", "--data", str(tape)]

    main(asked, kinds=[MarketKind("fast15m", 1, 400)], null=MarketKind("null", 1, 400))

    rows = json.loads(out.read_text(encoding="utf-8"))["detection"]
    large = next(row for row in rows if (row["type"], row["detector"]) == ("large", "ours"))
    hours = 2 * 190 / 3_600
    assert large["real_flags_per_hour"] == pytest.approx(1 / hours, abs=0.01)
    reported = {row["type"]: row["real_flags_per_hour"] is not None for row in rows}
    assert not reported.pop("sweep")
    assert not reported.pop("iceberg")
    assert all(reported.values())


def test_without_the_library_for_pictures_the_report_is_written_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delitem(sys.modules, "bot.research.whales.plots", raising=False)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    out = tmp_path / "report.json"
    where = ["--json", str(out), "--plots", str(tmp_path), "--data", str(tmp_path / "none")]

    code = main(
        [*where, "--cadence", "5", "--jobs", "1"],
        kinds=[MarketKind("fast15m", 1, 300)],
        null=MarketKind("null", 1, 300),
    )

    said = capsys.readouterr()
    assert code == 1, "pictures were asked for"
    assert json.loads(out.read_text(encoding="utf-8"))["detection"]
    assert LIMITS[0] in said.out
    assert said.err.startswith("no plots: matplotlib is missing")
