import hashlib
import json
import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sklearn
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_info, threadpool_limits

from bot.core.market.orderbook import Floats
from bot.core.signals.features import FEATURE_NAMES, PARITY
from bot.model.by_kind import ByKind, Calibrated, calibrated
from bot.model.card import Card, read_card, suited, too_slow
from bot.model.flat import SUFFIX, FlatModel, Linear, LinearShape
from bot.model.pickled import Pickled
from bot.model.scorer import MODELS, ModelScorer, NoScorer, chosen, load
from bot.ports.exchange import ModelOutput, Scorer
from bot.research.flatten import beside

USES = ("imb1", "spread")
RANGES = {"imb1": [-1.0, 1.0], "spread": [1.0, 4.0], "vol60": [0.2, 5.0]}


class Lopsided:
    """An estimator that leans to YES: its mirror must correct it."""

    def predict_proba(self, features: Floats) -> Floats:
        up = 0.6 + 0.3 * features[:, 0]
        return np.column_stack([1 - up, up])


class Broken:
    def predict_proba(self, features: Floats) -> Floats:
        return np.full((len(features), 2), np.nan)


def bundle(estimator: object, slope: float = 1.0, **kinds: Any) -> dict[str, Any]:
    return {"uses": list(USES), "general": (estimator, slope), "kinds": kinds}


def card(content: bytes, **changes: Any) -> dict[str, Any]:
    return {
        "name": "small",
        "version": "abc",
        "sha256": hashlib.sha256(content).hexdigest(),
        "libraries": {"scikit-learn": sklearn.__version__},
        "features": list(FEATURE_NAMES),
        "ranges": RANGES,
        "label": {"horizon_seconds": 10.0, "size_cents": 1.0},
        "expected_move": {"factor": 0.1},
        "drift": {"imb1": {"edges": [0.0], "counts": [1, 1]}},
        "training": {"cadences_seconds": [1.0]},
        "entry": {
            "general": {"above": 0.7, "below": 0.3},
            "kinds": {"15-minute price": {"above": 0.8, "below": 0.2}},
        },
    } | changes


def saved(folder: Path, holds: object = None, **changes: Any) -> Path:
    """A model file with its card beside it."""
    content = pickle.dumps(bundle(Lopsided()) if holds is None else holds)
    path = folder / "small.pkl"
    path.write_bytes(content)
    path.with_suffix(".json").write_text(json.dumps(card(content, **changes)))
    return path


def rows(**columns: float | list[float]) -> Floats:
    """Feature rows inside the domain but for the columns named."""
    known = {"imb1": 0.5, "spread": 2.0, "vol60": 1.0} | columns
    table = np.full((np.broadcast(*known.values()).size, len(FEATURE_NAMES)), np.nan)
    for name, values in known.items():
        table[:, FEATURE_NAMES.index(name)] = values
    return table


def scored(scorer: Scorer, table: Floats, kind: str = "MADE") -> Floats:
    return scorer.score(table, [f"{kind}-{row}-0" for row in range(len(table))])


def predicted_by(scorer: Scorer, table: Floats) -> ModelOutput:
    return scorer.predict(table, ["MADE-1-0"] * len(table))


def loaded(folder: Path, *args: Any, **changes: Any) -> Scorer:
    return load(saved(folder, *args, **changes), folder=folder)


def test_a_model_that_is_what_its_card_says_scores(tmp_path: Path) -> None:
    scorer = loaded(tmp_path)

    assert scorer.fault is None
    assert scorer.version == "abc"
    assert scored(scorer, rows(imb1=[0.5, 0.0, -0.5])) == pytest.approx([0.65, 0.5, 0.35])


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=8), st.floats(0.2, 1.5))
@settings(max_examples=40)
def test_a_book_and_its_mirror_have_scores_that_sum_to_one(imb: list[float], slope: float) -> None:
    scorer = ModelScorer(ByKind(Calibrated(Lopsided(), slope)), USES, Card.of(card(b"")))
    table = rows(imb1=imb)

    scores, mirror = scored(scorer, table), scored(scorer, table * PARITY)

    np.testing.assert_allclose(scores + mirror, 1.0, atol=1e-12)
    assert ((scores >= 0) & (scores <= 1)).all()


class Steady:
    """The same score for every book; module level, so that it can be pickled."""

    def __init__(self, up: float) -> None:
        self._up = up

    def predict_proba(self, features: Floats) -> Floats:
        up = 0.5 + self._up * features[:, 0]
        return np.column_stack([1 - up, up])


def test_each_kind_of_market_is_scored_by_its_own_estimator_and_others_by_the_general_one(
    tmp_path: Path,
) -> None:
    own: dict[str, Any] = {
        "15-minute price": (Steady(0.4), 1.0),
        "KXHIGHNY": (Steady(0.2), 1.0),
    }
    scorer = loaded(tmp_path, bundle(Steady(0.1), **own))
    tickers = ["KXHIGHNY-25DEC15-B30.5", "KXBTC15M-26MAY11-15", "KXELSE-1", "KXETH15M-26MAY11-15"]

    scores = scorer.score(rows(imb1=[1.0] * 4), tickers)

    assert scores == pytest.approx([0.7, 0.9, 0.6, 0.9])
    assert scorer.predict(rows(imb1=[1.0] * 4), tickers).score == pytest.approx(scores)


def test_the_slope_of_a_kind_shrinks_its_scores_alone(tmp_path: Path) -> None:
    scorer = loaded(tmp_path, bundle(Steady(0.3), 0.5, KXOWN=(Steady(0.3), 1.0)))

    own, general = (scored(scorer, rows(imb1=1.0), kind)[0] for kind in ("KXOWN", "KXELSE"))

    assert own == pytest.approx(0.8)
    assert general == pytest.approx(2 / 3)


def test_a_batch_is_scored_on_one_thread() -> None:
    def threads() -> set[int]:
        openmp = [one for one in threadpool_info() if one["user_api"] == "openmp"]
        return {one["num_threads"] for one in openmp}

    seen: list[set[int]] = []

    class Watching(Steady):
        def predict_proba(self, features: Floats) -> Floats:
            seen.append(threads())
            return super().predict_proba(features)

    with threadpool_limits(limits=2, user_api="openmp"):
        before = threads()
        Pickled(Watching(0.1)).predict_proba(rows())
        after = threads()

    assert before == after == {2}, "scikit-learn brings OpenMP along"
    assert seen == [{1}]


def test_a_row_of_which_too_little_is_known_has_no_score_and_a_reason(tmp_path: Path) -> None:
    predicted = predicted_by(loaded(tmp_path), rows(imb1=[0.5, np.nan], vol60=[np.nan, 1.0]))

    assert np.isnan(predicted.score).all()
    assert predicted.reasons == ("not enough known: vol60", "not enough known: imb1")


def test_what_the_model_reads_must_be_known_even_without_a_range(tmp_path: Path) -> None:
    scorer = loaded(tmp_path, ranges={"vol60": [0.2, 5.0]})

    predicted = predicted_by(scorer, rows(imb1=[0.5, np.nan, 0.5], vol60=[1.0, 1.0, 9.0]))

    assert np.isfinite(predicted.score).tolist() == [True, False, False]
    assert predicted.reasons[1] == "not enough known: imb1"


def test_a_row_outside_the_domain_has_no_score_and_a_reason(tmp_path: Path) -> None:
    predicted = predicted_by(loaded(tmp_path), rows(spread=[2.0, 40.0], vol60=[1.0, 0.01]))

    assert predicted.score[0] == pytest.approx(0.65)
    assert np.isnan(predicted.score[1])
    assert predicted.reasons == (None, "out of domain: spread 40 not in 1 … 4")


def test_no_rows_have_no_scores(tmp_path: Path) -> None:
    predicted = predicted_by(loaded(tmp_path), rows()[:0])

    assert predicted.score.shape == (0,)
    assert predicted.reasons == ()


def test_one_row_scores_as_it_does_among_others(tmp_path: Path) -> None:
    scorer, table = loaded(tmp_path), rows(imb1=np.linspace(-1, 1, 7).tolist())

    alone = [scored(scorer, table[[row]])[0] for row in range(7)]

    np.testing.assert_array_equal(alone, scored(scorer, table))


def test_a_calibrated_score_keeps_its_side_and_moves_towards_even() -> None:
    scores = np.array([0.0, 0.2, 0.5, 0.9, 1.0])

    shrunk = calibrated(scores, 0.5)

    assert (np.abs(shrunk - 0.5) <= np.abs(scores - 0.5)).all()
    assert shrunk[2] == 0.5
    np.testing.assert_allclose(calibrated(scores, 1.0), scores, atol=1e-5)


class Trap:
    """Unpickling this would create a file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self._path,))


def test_a_model_that_is_not_the_one_on_the_card_is_never_opened(tmp_path: Path) -> None:
    path, sprung = saved(tmp_path), tmp_path / "sprung"
    path.write_bytes(pickle.dumps(Trap(sprung)))

    scorer = load(path, folder=tmp_path)

    assert "its card says" in str(scorer.fault)
    assert not sprung.exists()


FAULTY_CARDS: dict[str, dict[str, Any]] = {
    "trained with scikit-learn 0.1": {"libraries": {"scikit-learn": "0.1"}},
    "expects other features (another order)": {"features": list(FEATURE_NAMES[::-1])},
    "expects other features (imb1)": {"features": list(FEATURE_NAMES[1:])},
    "gives ranges of mood": {"ranges": RANGES | {"mood": [0, 1]}},
    "is broken": {"ranges": {"imb1": ["low", "high"]}},
    "has no 'horizon_seconds'": {"label": {}},
    "1 edges and 3 counts of imb1 do not fit": {
        "drift": {"imb1": {"edges": [0.0], "counts": [1, 1, 1]}}
    },
}


@pytest.mark.parametrize("problem", FAULTY_CARDS)
def test_a_card_at_odds_with_the_service_is_refused_in_a_sentence(
    tmp_path: Path, problem: str
) -> None:
    path = saved(tmp_path, **FAULTY_CARDS[problem])

    fault = str(load(path, folder=tmp_path).fault)

    assert problem in fault
    assert "small" in fault
    assert "python -m bot train" in fault


NAN, INFINITE = float("nan"), float("inf")
FAULTY_VALUES: list[tuple[str, dict[str, Any]]] = [
    ("horizon_seconds", {"label": {"horizon_seconds": 0, "size_cents": 1.0}}),
    ("horizon_seconds", {"label": {"horizon_seconds": -10.0, "size_cents": 1.0}}),
    ("horizon_seconds", {"label": {"horizon_seconds": "10", "size_cents": 1.0}}),
    ("horizon_seconds", {"label": {"horizon_seconds": True, "size_cents": 1.0}}),
    ("horizon_seconds", {"label": {"horizon_seconds": None, "size_cents": 1.0}}),
    ("size_cents", {"label": {"horizon_seconds": 10.0, "size_cents": -1}}),
    ("factor", {"expected_move": {"factor": -0.9}}),
    ("factor", {"expected_move": {"factor": 0.0}}),
    ("imb1", {"ranges": RANGES | {"imb1": [1.0, -1.0]}}),
    ("imb1", {"ranges": RANGES | {"imb1": [1.0]}}),
    ("imb1", {"ranges": RANGES | {"imb1": "12"}}),
    ("imb1", {"ranges": RANGES | {"imb1": [None, 1.0]}}),
    ("cadences_seconds", {"training": {"cadences_seconds": [0]}}),
    ("cadences_seconds", {"training": {"cadences_seconds": []}}),
    ("cadences_seconds", {"training": {"cadences_seconds": 1.0}}),
    ("imb1", {"drift": {"imb1": {"edges": [1.0, 0.0], "counts": [1, 1, 1]}}}),
    ("imb1", {"drift": {"imb1": {"edges": [0.0], "counts": [-1, 1]}}}),
    ("imb1", {"drift": {"imb1": {"edges": [0.0], "counts": [0.5, 1]}}}),
    ("version", {"version": 1}),
    ("name", {"name": " "}),
    ("sha256", {"sha256": None}),
    ("features", {"features": "imb1"}),
    ("features", {"features": [1]}),
    ("scikit-learn", {"libraries": {"scikit-learn": 1.9}}),
    ("broken", {"ranges": []}),
    ("broken", {"label": []}),
    ("broken", {"entry": None}),
    ("thresholds must rise", {"entry": {"general": {"above": 0.4, "below": 0.3}, "kinds": {}}}),
    ("an entry", {"entry": {"general": {"above": "0.7", "below": 0.3}, "kinds": {}}}),
    ("larger than", {"note": "x" * 600_000}),
]


@pytest.mark.parametrize(("named", "changes"), FAULTY_VALUES)
def test_a_card_with_an_impossible_value_is_refused_by_its_name(
    tmp_path: Path, named: str, changes: dict[str, Any]
) -> None:
    fault = str(load(saved(tmp_path, **changes), folder=tmp_path).fault)

    assert "small.json" in fault
    assert named in fault
    assert "python -m bot train" in fault


@pytest.mark.parametrize("number", [NAN, INFINITE, -INFINITE])
@pytest.mark.parametrize("place", ["label", "expected_move", "ranges", "training", "drift"])
def test_what_is_no_number_is_refused_wherever_it_stands(
    tmp_path: Path, place: str, number: float
) -> None:
    whole: dict[str, Any] = {
        "label": {"horizon_seconds": number, "size_cents": 1.0},
        "expected_move": {"factor": number},
        "ranges": RANGES | {"spread": [0.0, number]},
        "training": {"cadences_seconds": [number]},
        "drift": {"imb1": {"edges": [number], "counts": [1, 1]}},
    }
    assert load(saved(tmp_path, **{place: whole[place]}), folder=tmp_path).fault is not None
    with pytest.raises(ValueError, match="no number"):
        Card.of(card(b"", **{place: whole[place]}))


@pytest.mark.parametrize("slope", [NAN, INFINITE, 0.0, -1.0])
def test_a_slope_that_is_none_is_refused(tmp_path: Path, slope: float) -> None:
    assert "its slope is" in str(loaded(tmp_path, bundle(Lopsided(), slope)).fault)


def test_coefficients_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    model = LogisticRegression().fit(np.array([[0.0, 0.0], [1.0, 1.0]]), [0, 1])
    model.coef_ = model.coef_ * NAN

    assert loaded(tmp_path, bundle(model)).fault is not None


def test_a_model_cut_short_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path)
    short = path.read_bytes()[:-20]
    path.write_bytes(short)
    path.with_suffix(".json").write_text(json.dumps(card(short)))

    assert "does not hold a model" in str(load(path, folder=tmp_path).fault)


def _two_models(folder: Path) -> None:
    for name, horizon in (("ten", 10.0), ("sixty", 60.0)):
        label = {"horizon_seconds": horizon, "size_cents": 1.0}
        saved(folder, label=label, name=name)
        for ending in (".pkl", ".json"):
            (folder / f"small{ending}").rename(folder / f"{name}{ending}")


@pytest.mark.parametrize("broken", ["", "{", "[]", "\ufeff{}", "[" * 100_000, None])
def test_no_other_model_takes_the_place_of_one_whose_card_is_broken(
    tmp_path: Path, broken: str | None
) -> None:
    _two_models(tmp_path)
    assert chosen(None, 5.0, tmp_path).version == "abc"
    if broken is None:
        (tmp_path / "ten.json").unlink()
    else:
        (tmp_path / "ten.json").write_text(broken)

    found = chosen(None, 5.0, tmp_path)

    assert "ten.json" in str(found.fault)
    assert "MODEL_PATH" in str(found.fault)
    assert chosen(tmp_path / "sixty.pkl", 5.0, tmp_path).fault is None


@pytest.mark.parametrize("holds", [b"text", {"estimator": Lopsided()}, {"uses": 1}, [1]])
def test_a_file_that_holds_no_model_is_refused(tmp_path: Path, holds: object) -> None:
    assert "does not hold a model" in str(loaded(tmp_path, holds).fault)


@pytest.mark.parametrize("uses", [[], [USES[0], *USES]], ids=["none", "one twice"])
def test_a_model_that_reads_no_column_or_one_twice_is_refused(
    tmp_path: Path, uses: list[str]
) -> None:
    holds = {**bundle(Lopsided()), "uses": uses}

    assert "does not hold a model" in str(loaded(tmp_path, holds).fault)
    assert "train again" in str(loaded(tmp_path, holds).fault)


def test_a_model_without_a_sensible_score_is_refused(tmp_path: Path) -> None:
    assert "no score to an ordinary book" in str(loaded(tmp_path, bundle(Broken())).fault)


def test_a_model_that_cannot_take_its_columns_is_refused(tmp_path: Path) -> None:
    one_column = LogisticRegression().fit(np.array([[0.0], [1.0]]), [0, 1])

    assert "cannot score" in str(loaded(tmp_path, bundle(one_column)).fault)


@pytest.mark.parametrize("gone", [".pkl", ".json"])
def test_a_missing_file_is_named(tmp_path: Path, gone: str) -> None:
    path = saved(tmp_path)
    path.with_suffix(gone).unlink()

    fault = str(load(path, folder=tmp_path).fault)

    assert f"small{gone} cannot be read" in fault


def test_a_model_outside_the_folder_for_models_is_refused(tmp_path: Path) -> None:
    assert "not inside" in str(load(saved(tmp_path)).fault)


def test_columns_the_service_would_not_send_are_refused(tmp_path: Path) -> None:
    path = saved(tmp_path)

    assert "expects other features" in str(load(path, FEATURE_NAMES[:3], tmp_path).fault)


def test_without_a_model_there_are_no_opinions_and_everybody_is_told_why() -> None:
    predicted = predicted_by(NoScorer("x.pkl is gone; train again"), rows(imb1=[0.1, 0.2]))

    assert np.isnan(predicted.score).all()
    assert predicted.reasons == ("no model: x.pkl is gone; train again",) * 2
    assert np.isnan(scored(NoScorer("gone"), rows())).all()


def test_a_score_older_than_its_horizon_is_said_to_be_stale() -> None:
    ten = Card.of(card(b""))

    assert too_slow(ten, 10.0) is None
    assert "every 60 s but small looks 10 s ahead" in str(too_slow(ten, 60.0))


def test_the_interval_chooses_the_model_that_looks_just_far_enough(tmp_path: Path) -> None:
    for name, horizon in (("five", 5.0), ("ten", 10.0), ("sixty", 60.0)):
        found = card(b"", label={"horizon_seconds": horizon, "size_cents": 1.0})
        (tmp_path / f"{name}.json").write_text(json.dumps(found))
    (tmp_path / "broken.json").write_text("{")

    assert suited(tmp_path, 2.0) == tmp_path / "five.pkl"
    assert suited(tmp_path, 10.0) == tmp_path / "ten.pkl"
    assert suited(tmp_path, 11.0) == tmp_path / "sixty.pkl"
    assert suited(tmp_path, 61.0) is None


def test_the_entries_of_a_card_are_those_of_its_kinds_of_markets() -> None:
    thresholds = Card.of(card(b"")).thresholds

    assert thresholds.of("KXBTC15M-26MAY11-15").enter_above == 0.8
    assert thresholds.of("KXELSE-1").enter_below == 0.3
    assert thresholds.exit_low == thresholds.exit_high == 0.5


@pytest.mark.parametrize("said", [{}, {"general_is_proven": False}])
def test_live_entries_of_kinds_never_seen_have_to_be_proven(said: dict[str, bool]) -> None:
    unproven = Card.of(card(b"", calibration=said))
    proven = Card.of(card(b"", calibration={"general_is_proven": True}))

    never, own = (unproven.live_thresholds.of(one) for one in ("KXRAINNYC-1", "KXBTC15M-1"))

    assert (never.enter_above, never.enter_below) == (1.0, 0.0)
    assert (never.exit_low, never.exit_high) == (0.5, 0.5), "what is held can be left"
    assert (own.enter_above, own.enter_below) == (0.8, 0.2)
    assert proven.live_thresholds == proven.thresholds == unproven.thresholds


def test_the_shipped_model_loads_and_has_an_opinion() -> None:
    scorer = load(MODELS / "gbm_label_up.pkl")
    assert isinstance(scorer, ModelScorer), scorer.fault
    ordinary = np.zeros((1, len(FEATURE_NAMES)))
    for name, (low, high) in scorer.card.ranges.items():
        ordinary[0, FEATURE_NAMES.index(name)] = (low + high) / 2

    assert 0 <= scored(scorer, ordinary)[0] <= 1


def test_the_pin_and_the_cards_agree_on_scikit_learn() -> None:
    pins = (MODELS.parent / "requirements.txt").read_text().splitlines()

    cards = [read_card(path) for path in MODELS.glob("*.json")]

    assert cards
    assert all(f"scikit-learn=={card.scikit_learn}" in pins for card in cards)


def flat_model(folder: Path, **changes: Any) -> tuple[Path, FlatModel]:
    """A model of a line with its arrays beside it, as training leaves them."""
    table = np.random.default_rng(1).normal(size=(200, len(USES)))
    line = make_pipeline(StandardScaler(), LogisticRegression()).fit(table, table[:, 0] > 0)
    path = saved(folder, bundle(line), **changes)
    beside(path)
    return path, FlatModel.of(
        path.with_suffix(SUFFIX).read_bytes(), hashlib.sha256(path.read_bytes()).hexdigest()
    )


def rewritten(path: Path, content: bytes) -> None:
    """Other arrays beside a model, which its card knows of."""
    path.with_suffix(SUFFIX).write_bytes(content)
    whole = json.loads(path.with_suffix(".json").read_text())
    whole["flat_sha256"] = hashlib.sha256(content).hexdigest()
    path.with_suffix(".json").write_text(json.dumps(whole))


def test_arrays_beside_a_model_score_what_the_model_scores(tmp_path: Path) -> None:
    path, _ = flat_model(tmp_path)
    table = rows(imb1=[0.9, 0.3, 0.0, -0.7])

    flat = load(path, folder=tmp_path)
    path.with_suffix(SUFFIX).unlink()
    pickled = load(path, folder=tmp_path)

    assert isinstance(flat, ModelScorer)
    assert isinstance(flat.models.general.estimator, Linear)
    assert isinstance(pickled, ModelScorer)
    assert isinstance(pickled.models.general.estimator, Pickled)
    np.testing.assert_allclose(scored(flat, table), scored(pickled, table), rtol=0, atol=1e-12)


def test_arrays_that_were_changed_are_refused(tmp_path: Path) -> None:
    path, found = flat_model(tmp_path)
    shape = replace(found.general[0], intercept=9.0)
    path.with_suffix(SUFFIX).write_bytes(replace(found, general=(shape, 1.0)).encoded())

    assert "small.flat has sha256" in str(load(path, folder=tmp_path).fault)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"sha256": "0" * 64}, "it was made of another one, 000000000000"),
        ({"uses": []}, "its columns are none"),
        ({"general": (LinearShape([0.0], [1.0], [1.0], 0.0), 0.0)}, "its slope is 0.0"),
    ],
    ids=["another", "no columns", "no slope"],
)
def test_arrays_of_no_use_are_refused(tmp_path: Path, change: dict[str, Any], why: str) -> None:
    path, found = flat_model(tmp_path)
    rewritten(path, replace(found, **change).encoded())

    fault = str(load(path, folder=tmp_path).fault)

    assert why in fault
    assert "small.flat" in fault
    assert "python -m bot flat-model" in fault


def test_what_is_no_file_of_arrays_is_refused(tmp_path: Path) -> None:
    path, _ = flat_model(tmp_path)
    rewritten(path, b"no arrays")

    assert "small.flat is not the model" in str(load(path, folder=tmp_path).fault)


@pytest.mark.parametrize("path", sorted(MODELS.glob("*.pkl")), ids=lambda path: path.name)
def test_the_shipped_arrays_score_what_the_shipped_models_score(path: Path, tmp_path: Path) -> None:
    for suffix in (".pkl", ".json"):
        shutil.copy(path.with_suffix(suffix), tmp_path)
    flat, pickled = load(path), load(tmp_path / path.name, folder=tmp_path)
    assert isinstance(flat, ModelScorer)
    assert isinstance(pickled, ModelScorer)
    table = np.random.default_rng(5).normal(size=(4_000, len(flat.uses))) * 3

    assert not isinstance(flat.models.general.estimator, Pickled)
    assert flat.models.kinds.keys() == pickled.models.kinds.keys()
    for kind in [*flat.models.kinds, ""]:
        ours = flat.models.kinds.get(kind, flat.models.general)
        theirs = pickled.models.kinds.get(kind, pickled.models.general)
        signs = np.ones(len(flat.uses))
        assert np.abs(ours.score(table, signs) - theirs.score(table, signs)).max() < 1e-12
