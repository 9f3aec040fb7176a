import json
import pickle
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier

from bot.core.market.orderbook import Floats
from bot.core.signals.expected_value import expected_move
from bot.core.signals.features import FEATURE_NAMES, PARITY
from bot.model.by_kind import calibrated
from bot.model.card import read_card
from bot.model.scorer import ModelScorer, load
from bot.research import card, evaluate, fit, train
from bot.research.dataset import Label, Samples, joined, samples
from bot.research.fit import (
    BASELINES,
    BOOSTING,
    CANDIDATES,
    column_numbers,
    evenly,
    fitted,
    known,
    learned,
    straight,
    weights,
)
from bot.research.metrics import auc
from bot.research.plots import _WAYS, draw
from bot.research.runs import in_runs
from bot.research.walk import (
    Trial,
    calibrating_slope,
    chosen,
    expected_factor,
    folds,
    left_out,
    trial,
)
from bot.tape.reader import read
from tests.support.research_tapes import made_tape

HORIZON = 5.0
LABEL = Label(HORIZON)


@pytest.fixture(scope="module", autouse=True)
def few_bins() -> Iterator[None]:
    """The boosting with coarse bins: to place fine ones takes nine tenths of a small training."""
    coarse = partial(HistGradientBoostingClassifier, max_bins=16)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fit, "HistGradientBoostingClassifier", coarse)
        yield


@pytest.fixture(scope="module")
def tape(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_tape(tmp_path_factory.mktemp("tape") / "made.parquet")


@pytest.fixture(scope="module")
def moments(tape: Path) -> Samples:
    return known(samples(in_runs(read(tape)), LABEL))


@pytest.fixture(scope="module")
def models(tape: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    assert train.main([str(tape), "--out", str(folder), "--horizon", "5"]) == 0
    return folder


def written(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "gbm_label_up.json").read_bytes())
    return found


def test_training_again_from_the_folder_of_recordings_gives_the_same_file(
    models: Path, tape: Path, tmp_path: Path
) -> None:
    reported = ["--from-recordings", str(tape.parent), "--out", str(tmp_path), "--horizon", "5"]

    assert train.main([*reported, "--plots", str(tmp_path / "plots")]) == 0
    assert (tmp_path / "plots" / "calibration-gbm_label_up.png").stat().st_size > 1_000
    assert written(models) == written(tmp_path)
    files = [folder / "gbm_label_up.pkl" for folder in (models, tmp_path)]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_what_was_trained_loads_and_scores_what_it_saw(models: Path, moments: Samples) -> None:
    scorer = load(models / "gbm_label_up.pkl", folder=models)

    assert isinstance(scorer, ModelScorer), scorer.fault
    score = scorer.score(moments.features, moments.tickers)
    predictions = np.isfinite(score)
    assert predictions.mean() > 0.8
    assert auc(score[predictions], (moments.change > 0)[predictions]) > 0.55


def test_the_card_says_what_the_model_is(models: Path) -> None:
    found = written(models)

    assert found["label"]["horizon_seconds"] == HORIZON
    assert found["features"] == list(FEATURE_NAMES)
    assert found["training"]["markets"] == 8
    assert found["test"]["metrics"]["markets"] == 4
    assert set(found["test"]["baselines"]) == {"base_rate", *BASELINES}
    assert len(found["chosen"]["walked"]) == len(CANDIDATES)
    for one in (found["entry"]["general"], found["entry"]["kinds"]["MADE"]):
        assert 0 <= one["below"] < 0.5 < one["above"] <= 1
    assert found["calibration"]["general"] <= 0.5, "one kind says nothing of others"
    assert found["calibration"]["general_is_proven"] is False
    assert found["calibration"]["general_because"] == "one kind alone says nothing of others"
    assert 0 < found["expected_move"]["factor"] < 10
    assert set(found["drift"]) == {*found["ranges"], *found["uses"], "score"}
    low, high = found["test"]["metrics"]["intervals"]["auc"]
    assert low <= found["test"]["metrics"]["auc"] <= high


def test_the_card_says_in_words_what_the_figures_say(models: Path) -> None:
    def test_of(low: float, high: float) -> dict[str, Any]:
        loss = {"log_loss": {"gain": (low + high) / 2, "interval": [low, high]}}
        cents = {"cents": -2.5, "interval": [-3.0, -2.0]}
        ways = ("taker_round_trip", "taker_marked_at_mid", "resting_always_filled")
        return {
            "better_than": {"base_rate": loss, "touch_imbalance": loss},
            "gain_cents": {"top 5%": dict.fromkeys(ways, cents)},
        }

    said = {
        card.in_words(test_of(low, high))[0].partition(" a coin")[0]
        for low, high in ((0.01, 0.02), (-0.01, 0.02), (-0.02, -0.01))
    }

    assert said == {"beats", "cannot be told from", "loses to"}
    assert len(written(models)["in_words"]) == 5
    assert "left -2.50 c a contract (95 %: -3.00 to -2.00)" in card.in_words(test_of(0.0, 0.1))[2]


def test_evaluation_repeats_the_test_of_the_card(
    models: Path, tape: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = tmp_path / "answer.json"

    reported = [str(models / "gbm_label_up.pkl"), str(tape)]
    code = evaluate.main([*reported, "--json", str(answer), "--plots", str(tmp_path / "plots")])

    found = json.loads(answer.read_bytes())
    assert code == 0
    assert json.loads(capsys.readouterr().out) == found
    assert found["metrics"].keys() >= {"rows", "markets", "auc", "log_loss", "brier"}
    assert found["kinds"] == {"MADE": {"trained_on": True, "slope": ANY, "traded_live": True}}
    books = found["coverage"]["MADE"]
    assert books["books"] == 4 * 80
    assert sum(share for name, share in books.items() if name != "books") == pytest.approx(1.0)
    assert books["an opinion"] > 0.6
    assert set(found["parts"]) == {"thin touches", "thick touches", "MADE"}
    assert found["parts"]["MADE"]["rows"] == found["metrics"]["rows"]
    assert found["parts"]["thin touches"]["rows"] == 0
    assert all(found["metrics"].keys() >= other.keys() for other in found["baselines"].values())
    assert set(found["drift"]) == set(written(models)["drift"]) - {"score"}
    assert found["metrics"]["markets"] == 4
    assert found["rows_left_out"]["of a market it was trained on"] > 0
    assert written(models)["test"]["metrics"]["rows"] >= found["metrics"]["rows"]
    pictures = sorted(path.name for path in (tmp_path / "plots").iterdir())
    assert pictures == ["gain.png", "importance.png", "reliability.png"]


def test_an_interval_beside_its_mean_is_drawn(tmp_path: Path) -> None:
    beside = {"cents": 1.0, "interval": [1.5, 2.0]}
    found = {
        "reliability": [],
        "importance": {},
        "gain_cents": {"top 5%": dict.fromkeys(_WAYS, beside)},
    }

    assert all(path.stat().st_size for path in draw(found, tmp_path))


def test_a_tape_of_markets_never_trained_on_is_answered_by_the_general_estimator(
    models: Path, tmp_path: Path
) -> None:
    other, answer = made_tape(tmp_path / "other.parquet", series="OTHER"), tmp_path / "answer.json"
    reported = [str(models / "gbm_label_up.pkl"), str(other), "--json", str(answer)]

    assert evaluate.main([*reported, "--cadence", "2"]) == 0

    found = json.loads(answer.read_bytes())
    general = written(models)["calibration"]["general"]
    unproven = {"trained_on": False, "slope": general, "traded_live": False}
    assert found["kinds"] == {"OTHER": unproven}
    assert found["coverage"]["OTHER"]["books"] == 12 * 40
    assert found["metrics"]["markets"] == 12
    noise = found["metrics"]["calibration_noise"]
    assert 0 < noise["mean"] < noise["most"]
    assert found["baselines"]["base_rate"]["calibration_error"] < noise["most"]


def several_kinds(folder: Path) -> list[str]:
    """Tapes of three kinds in which the same thing happens."""
    return [str(made_tape(folder / f"{name}.parquet", series=name, seconds=160)) for name in "ABC"]


def test_scores_of_kinds_never_seen_are_proven_by_kinds_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train, "CANDIDATES", (CANDIDATES[0], CANDIDATES[0]))  # the quickest
    asked = [*several_kinds(tmp_path), "--out", str(tmp_path), "--horizon", "5", "--replace"]
    found = {}
    for most in (0.0, 1.0):
        monkeypatch.setattr(train, "MOST_OFF", most)
        assert train.main(asked) == 0
        found[most] = written(tmp_path)
        assert read_card(tmp_path / "gbm_label_up.json").general_is_proven is (most == 1.0)

    for most, verdict in ((0.0, "more than 0.0; a model"), (1.0, "no more than 1.0; a model")):
        assert f"left out, {verdict}" in found[most]["calibration"]["general_because"]
    assert found[0.0]["never_seen"] == found[1.0]["never_seen"]
    for one in found[0.0]["never_seen"].values():
        assert one["calibration_noise"]["mean"] < one["calibration_noise"]["most"]
        low, high = one["slope_afterwards"]["interval"]
        assert low <= one["slope_afterwards"]["slope"] <= high
        assert one["even"]["auc"] == 0.5
        assert one["over_even"]["gain"] > 0, "what an even score would cost"
        assert one["taken"]["cents"] < 0


def test_a_tape_without_a_row_to_judge_says_why(
    models: Path, tape: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    early = pq.read_table(tape)
    seen = early.filter(pc.equal(early["ticker"], "MADE-0-0"))
    pq.write_table(seen, tmp_path / "seen.parquet")
    few = pa.table({name: early[name].slice(0, 3) for name in early.column_names})
    renamed = few.set_column(1, "ticker", pa.array(["OTHER-1-0"] * 3))
    pq.write_table(renamed, tmp_path / "few.parquet")

    for name in ("seen", "few"):
        tapes = [str(tmp_path / f"{name}.parquet")]
        assert evaluate.main([str(models / "gbm_label_up.pkl"), *tapes]) == 1

    said = capsys.readouterr().err.splitlines()
    assert said[0].endswith("--with-trained judges it on them too")
    assert "3 × the recording ended before the horizon" in said[1]


def test_without_the_library_for_pictures_the_figures_are_written_all_the_same(
    models: Path,
    tape: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    answer = tmp_path / "a folder" / "answer.json"
    reported = [str(models / "gbm_label_up.pkl"), str(tape), "--json", str(answer)]

    code = evaluate.main([*reported, "--plots", str(tmp_path / "plots")])

    said = capsys.readouterr()
    assert code == 1, "a picture was asked for"
    assert json.loads(answer.read_bytes()) == json.loads(said.out)
    assert said.err.startswith("no plots: matplotlib.figure is missing")


def test_markets_trained_on_are_judged_only_when_asked_for(
    models: Path, tape: Path, tmp_path: Path
) -> None:
    answer = tmp_path / "answer.json"
    reported = [str(models / "gbm_label_up.pkl"), str(tape), "--json", str(answer)]

    evaluate.main([*reported, "--with-trained"])

    found = json.loads(answer.read_bytes())
    assert found["metrics"]["markets"] == 12
    assert "of a market it was trained on" not in found["rows_left_out"]


def test_a_tape_that_is_none_is_an_answer_not_a_trace(
    models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = str(tmp_path / "gone.parquet")

    assert train.main([gone, "--out", str(tmp_path)]) == 1
    assert evaluate.main([str(models / "gbm_label_up.pkl"), gone]) == 1
    assert capsys.readouterr().err.count("gone.parquet: no such tape") == 2


def test_a_model_that_cannot_be_trusted_is_not_evaluated(
    tape: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate.main([str(tmp_path / "gone.pkl"), str(tape)]) == 1
    assert "gone.json cannot be read" in capsys.readouterr().err


def test_a_tape_on_which_the_model_has_no_opinion_still_judges_the_baselines(
    models: Path, tape: Path, tmp_path: Path
) -> None:
    table = pq.read_table(tape)
    bare, answer = tmp_path / "bare.parquet", tmp_path / "answer.json"
    pq.write_table(table.drop([name for name in table.column_names if "_sz" in name]), bare)
    reported = [str(models / "gbm_label_up.pkl"), str(bare), "--json", str(answer)]

    code = evaluate.main([*reported, "--plots", str(tmp_path)])

    found = json.loads(answer.read_bytes())
    assert code == 0
    assert found["rows_with_an_opinion"] == found["metrics"]["rows"] == 0
    assert found["metrics"]["auc"] is None
    assert found["baselines"].keys() == {"base_rate"}
    assert found["baselines"]["base_rate"]["rows"] > 0


def test_a_recording_cut_off_is_a_tape_too(tmp_path: Path) -> None:
    (tmp_path / "whole.parquet").touch()
    (tmp_path / "cut.parquet.parts").mkdir()
    (tmp_path / "whole.parquet.parts").mkdir()

    found = train.recorded(tmp_path)

    assert found == [tmp_path / "cut.parquet", tmp_path / "whole.parquet"]


def test_what_the_service_recorded_is_one_tape(tmp_path: Path) -> None:
    day = tmp_path / "2026-05-15"
    day.mkdir()
    pq.write_table(pa.table({"kind": ["snapshot"], "at_us": [1]}), day / "000001.parquet")

    assert train.recorded(tmp_path) == [tmp_path]
    assert train.recorded(day) == [day]


def test_without_a_tape_there_is_nothing_to_train(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = str(tmp_path / "gone")

    assert train.main(["--from-recordings", gone, "--out", str(tmp_path)]) == 1
    assert f"there is no tape in {gone}; " in capsys.readouterr().err
    assert train.main(["--out", str(tmp_path)]) == 1
    assert "there is no tape; " in capsys.readouterr().err


def test_without_a_folder_what_the_service_recorded_is_found_and_else_where_it_was_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LOG_DIR", "kept")

    assert train.main(["--out", "models", "--from-recordings"]) == 1
    assert "there is no tape in kept/stream or recordings; " in capsys.readouterr().err

    folders = train.looked_in(True)  # as the command line gives it
    Path("recordings").mkdir()
    tape = Path("recordings/today.parquet")
    tape.touch()
    assert train.first_recorded(folders) == [tape]

    day = Path("kept/stream/2026-11-20")
    day.mkdir(parents=True)
    pq.write_table(pa.table({"kind": ["snapshot"], "at_us": [1]}), day / "000001.parquet")
    assert train.first_recorded(folders) == [Path("kept/stream")]


@pytest.mark.parametrize("day", ["2026-05-01", "2026-06-01"])
def test_a_test_day_that_leaves_nothing_on_one_side_is_an_answer(
    tape: Path, tmp_path: Path, day: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train.main([str(tape), "--out", str(tmp_path), "--test-day", day]) == 1
    assert "give more tapes or another --test-day" in capsys.readouterr().err


def test_a_test_day_that_is_none_is_an_answer(
    tape: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train.main([str(tape), "--out", str(tmp_path), "--test-day", "May"]) == 1
    assert "--test-day May is no day such as 2026-05-15" in capsys.readouterr().err


def trained_on_the_wrong_side(tape: Path, folder: Path) -> Path:
    """The same tape, but before its last day sizes stand on the other side of the book."""
    table = pq.read_table(tape)
    last = pc.max(table["ts_ms"]).as_py() // 86_400_000 * 86_400_000
    early = table.filter(pc.less(table["ts_ms"], last))
    names = [name.replace("yes", "other").replace("no_", "yes_") for name in early.column_names]
    sizes = {
        old: new.replace("other", "no") for old, new in zip(table.column_names, names, strict=True)
    }
    swapped = [early[sizes[name] if "_sz" in name else name] for name in table.column_names]
    late = table.filter(pc.greater_equal(table["ts_ms"], last))
    turned = pa.table(dict(zip(table.column_names, swapped, strict=True)))
    path = folder / "turned.parquet"
    pq.write_table(pa.concat_tables([turned, late]), path)
    return path


def test_a_better_model_is_not_replaced_unless_that_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(train, "CANDIDATES", (CANDIDATES[0], CANDIDATES[0]))  # the quickest
    tape, folder = made_tape(tmp_path / "long.parquet", seconds=200), tmp_path / "models"
    assert train.main([str(tape), "--out", str(folder), "--horizon", "5"]) == 0
    before = (folder / "gbm_label_up.pkl").read_bytes()
    worse = [str(trained_on_the_wrong_side(tape, tmp_path)), "--out", str(folder)]

    assert train.main([*worse, "--horizon", "5"]) == 1
    assert "gbm_label_up.pkl is better by" in capsys.readouterr().err
    assert (folder / "gbm_label_up.pkl").read_bytes() == before
    assert train.main([*worse, "--horizon", "4"]) == 1
    assert "looks 5 s ahead, not 4: use --name" in capsys.readouterr().err
    assert train.main([*worse, "--horizon", "5", "--replace"]) == 0
    assert (folder / "gbm_label_up.pkl").read_bytes() != before
    assert train.main([str(tape), "--out", str(folder), "--horizon", "5"]) == 0
    assert (folder / "gbm_label_up.pkl").read_bytes() == before


def test_walking_forward_never_scores_an_event_it_was_fitted_to(moments: Samples) -> None:
    for past, scored in folds(moments, HORIZON):
        assert not set(moments.event[past]) & set(moments.event[scored])
        assert moments.at[past].max() + 2 * HORIZON < moments.at[scored].min()


def test_every_later_event_is_scored_once(moments: Samples) -> None:
    scored = np.concatenate([rows for _, rows in folds(moments, HORIZON)])

    assert len(set(scored.tolist())) == len(scored)
    assert len(scored) > len(moments) / 2


def test_a_fit_scores_a_book_and_its_mirror_to_one(moments: Samples) -> None:
    for recipe in CANDIDATES:
        model = fitted(recipe, moments.features, moments.change > 0)

        mirror = model.score(moments.features * PARITY)

        np.testing.assert_allclose(model.score(moments.features) + mirror, 1.0, atol=1e-9)


def test_a_straight_line_is_known_by_its_weights(moments: Samples) -> None:
    for recipe in BASELINES.values():
        line = fitted(recipe, moments.features, moments.change > 0)

        scores = straight(weights(line), moments.features)

        np.testing.assert_allclose(scores, line.score(moments.features), atol=1e-9)


def test_scores_too_sure_of_themselves_are_brought_back(moments: Samples) -> None:
    plain = trial(BASELINES["touch_imbalance"], moments, LABEL)
    rows = plain.scorable
    scorable = moments.take(rows)

    bold, shy = calibrated(plain.score[rows], 3.0), calibrated(plain.score[rows], 0.1)

    assert calibrating_slope(bold, scorable) < calibrating_slope(plain.score[rows], scorable) + 1e-9
    assert calibrating_slope(shy, scorable) == 1.0
    assert len(rows) > 0


def test_the_expected_move_is_what_followed_on_average(moments: Samples) -> None:
    plain = trial(BASELINES["touch_imbalance"], moments, LABEL)
    factor = expected_factor(plain.score, moments, HORIZON)

    rows = np.flatnonzero(np.isfinite(plain.score))
    volatility = moments.features[rows, FEATURE_NAMES.index("vol60")]
    said = expected_move(plain.score[rows], volatility, HORIZON, factor)
    assert said @ moments.change[rows] == pytest.approx(said @ said)
    assert factor > 0


def test_boosting_ships_unless_it_is_shown_worse(moments: Samples) -> None:
    plain = trial(BASELINES["touch_imbalance"], moments, LABEL)
    up = moments.change > 0

    def boosting(score: Floats) -> Trial:
        return Trial(BOOSTING, score, plain.folds)

    for no_worse in (plain.score, np.where(up, 0.9, 0.1)):
        best, choice = chosen([plain, boosting(no_worse)], moments)
        assert best.recipe is BOOSTING
        assert choice["held"]["MADE"]["against"] == plain.recipe.name
        assert choice["held"]["MADE"]["events"] >= 8 or "all" in choice["held"]

    best, choice = chosen([plain, boosting(np.where(up, 0.1, 0.9))], moments)
    assert best is plain
    assert choice["why"] == "boosting is worse than it on MADE"


def test_a_kind_with_few_events_is_judged_on_each_of_them_left_out(tmp_path: Path) -> None:
    few = made_tape(tmp_path / "few.parquet", markets=3, series="FEW")
    both = joined([samples(in_runs(read(one)), LABEL) for one in (few, made_tape(tmp_path / "t"))])
    kind = both.families.index("FEW")

    parts = [part for part in folds(both, HORIZON) if (both.family[part[1]] == kind).any()]

    assert len(parts) == 3
    for past, scored in parts:
        assert not set(both.event[past]) & set(both.event[scored])
        assert set(both.event[past][both.family[past] == kind]), "the other events of its kind"


def test_a_kind_left_out_is_scored_by_a_fit_on_the_others(tmp_path: Path, moments: Samples) -> None:
    other = samples(in_runs(read(made_tape(tmp_path / "t", markets=4, series="OTHER"))), LABEL)
    both = known(joined([moments, other]))

    found = left_out(BASELINES["touch_imbalance"], both, LABEL)

    assert found is not None
    assert np.isfinite(found.score).all()
    one = both.take(np.flatnonzero(both.family == both.families.index("OTHER")))
    rest = both.take(np.flatnonzero(both.family != both.families.index("OTHER")))
    expected = learned(BASELINES["touch_imbalance"], rest, LABEL).score(one.features)
    rows = both.family == both.families.index("OTHER")
    np.testing.assert_allclose(found.score[rows], expected)
    assert left_out(BASELINES["touch_imbalance"], moments, LABEL) is None


def test_what_happened_on_a_kind_left_out_has_no_say_in_its_slope(tmp_path: Path) -> None:
    tapes = [made_tape(tmp_path / name, markets=4, series=name) for name in "ABC"]
    every = known(joined([samples(in_runs(read(tape)), LABEL) for tape in tapes]))
    odd = np.random.default_rng(1).random(len(every)) < 0.2
    # What happens on B is partly chance: fits on A alone are too sure of themselves there.
    every = replace(every, change=every.change * np.where(odd & (every.family == 1), -1.0, 1.0))
    other_way = np.where(odd & (every.family == every.families.index("C")), -1.0, 1.0)
    found = []
    for one in (every, replace(every, change=every.change * other_way)):
        others = left_out(BASELINES["touch_imbalance"], one, LABEL)
        assert others is not None
        found.append(train.never_seen(others, one, LABEL))

    before, after = found
    assert 0.1 < before["C"]["slope"] == after["C"]["slope"] < 1
    assert before["A"]["slope"] != after["A"]["slope"], "those of which it is one of the others"


def test_kinds_and_events_weigh_by_the_root_of_their_rows(tmp_path: Path) -> None:
    both = joined(
        [
            samples(in_runs(read(made_tape(tmp_path / name, seconds=n, series=name))), LABEL)
            for name, n in (("A", 40), ("B", 160))
        ]
    )

    weight = evenly(both)

    sums = np.bincount(both.family, weights=weight)
    rows = np.bincount(both.family)
    assert weight.mean() == pytest.approx(1.0)
    assert sums / np.sqrt(rows) == pytest.approx((sums / np.sqrt(rows))[0])


def test_the_boosting_learns_from_nearby_horizons_and_twice_the_same(tmp_path: Path) -> None:
    tape = made_tape(tmp_path / "long.parquet", seconds=800)
    label = Label(HORIZON, nearby=(10.0,))
    found = known(samples(in_runs(read(tape)), label))

    first, again = (learned(BOOSTING, found, label, "MADE") for _ in range(2))
    alone = learned(BOOSTING, replace(found, nearby=np.empty((len(found), 0))), LABEL, "MADE")

    score = first.score(found.features)
    assert auc(score, found.change > 0) > 0.6
    np.testing.assert_array_equal(score, again.score(found.features))
    assert pickle.dumps(first.estimator) == pickle.dumps(again.estimator)
    assert not np.array_equal(score, alone.score(found.features))


def test_a_heavier_bid_never_makes_a_rise_less_likely(tmp_path: Path) -> None:
    tape = made_tape(tmp_path / "long.parquet", seconds=800)
    found = known(samples(in_runs(read(tape)), LABEL))
    model = learned(BOOSTING, found, LABEL)

    heavier = found.features.copy()
    heavier[:, column_numbers(("imb1", "imb1_calm", "touch_ratio", "near_imb"))] += 0.3

    assert (model.score(heavier) >= model.score(found.features) - 1e-12).all()
