"""`python -m bot train TAPE… --out models/`: a model and its card from recorded books.

Markets of the last day (or of `--test-day` and later) are never trained on. What is shipped is
chosen on the days before alone, by walking forward; the last day only says how good it was.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np

from bot import config
from bot.core.market.orderbook import Floats
from bot.model.by_kind import ByKind, Calibrated, calibrated
from bot.model.scorer import ModelScorer, load
from bot.research import card, flatten
from bot.research.card import TrainingPlan
from bot.research.dataset import LEAST_EVENTS, Label, Samples, joined, samples
from bot.research.evaluate import ANY, tested
from bot.research.fit import (
    BASELINES,
    CANDIDATES,
    SEED,
    KindModels,
    Recipe,
    known,
    learned,
    weights,
)
from bot.research.gain import gains
from bot.research.metrics import reliability
from bot.research.plots import draw_card, drawn
from bot.research.report import compared, measures
from bot.research.runs import in_runs
from bot.research.walk import (
    MOST_OFF,
    Slopes,
    Trial,
    calibrated_scores,
    calibration,
    chosen,
    expected_factor,
    general_slope,
    left_out,
    slope_afterwards,
    strongest,
    trial,
)
from bot.tape.reader import TapeError, read
from bot.tape.stream_rows import is_stream

#: Where `record` writes its tapes by default.
RECORDINGS: Final = Path("recordings")
_DAY: Final = 86_400.0


class TooLittleError(Exception):
    """There is not enough to train on; the message says what is missing."""


def main(argv: Sequence[str]) -> int:
    """Train as the command line says; 0 if a model and its card were written."""
    options = _parser().parse_args(argv)
    folders = looked_in(options.from_recordings)
    plan = _plan(options, folders)
    try:
        _refuse_no_tape(plan, folders)
        model, content, after = trained(plan)
    except (TapeError, TooLittleError) as error:
        sys.stderr.write(f"not trained: {error}\n")
        return 1
    there = options.out / f"{plan.name}.pkl"
    if not options.replace and (why := better(there, model, after, plan.label)):
        sys.stderr.write(f"not replaced: {why}; --replace writes the new one all the same\n")
        return 1
    card.write(options.out, plan.name, model.pickled(), content)
    flatten.beside(options.out / f"{plan.name}.pkl")
    said = "; ".join(content["in_words"])
    sys.stdout.write(f"{options.out / plan.name}.pkl ({model.recipe}) {said}\n")
    if options.plots is None:
        return 0
    picture = options.plots / f"calibration-{plan.name}.png"
    return 0 if drawn(lambda: draw_card(content, picture)) else 1


def _plan(options: argparse.Namespace, folders: Sequence[Path]) -> TrainingPlan:
    nearby = tuple(options.nearby or _around(options.horizon))
    return TrainingPlan(
        tapes=(*options.tapes, *first_recorded(folders)),
        label=Label(options.horizon, options.size, nearby),
        cadences=tuple(options.cadence),
        test_day=options.test_day,
        name=options.name,
        note=options.note,
    )


def _around(horizon: float) -> tuple[float, float]:
    return horizon / 2, horizon * 2


def looked_in(named: Path | bool | None) -> tuple[Path, ...]:
    """Where to look for recordings: the folder given, or the default ones (True)."""
    if named is None:
        return ()
    return (config.load().record_dir, RECORDINGS) if isinstance(named, bool) else (named,)


def first_recorded(folders: Sequence[Path]) -> list[Path]:
    """The tapes of the first folder that has any: several may have recorded the same hours."""
    return next((found for folder in folders if (found := recorded(folder))), [])


def _refuse_no_tape(plan: TrainingPlan, folders: Sequence[Path]) -> None:
    if not plan.tapes:
        there = f" in {' or '.join(map(str, folders))}" if folders else ""
        raise TooLittleError(
            f"there is no tape{there}; name some, record with `python -m bot record`, or let the "
            "service record (RECORD=true)"
        )


def recorded(folder: Path) -> list[Path]:
    """The tapes in a folder, unfinished ones too; a recording of the service is one tape."""
    if not folder.is_dir():
        return []
    if is_stream(folder):
        return [folder]
    whole = set(folder.glob("*.parquet"))
    parts = {tape.with_suffix("") for tape in folder.glob("*.parquet.parts")}
    return sorted(whole | parts)


def trained(plan: TrainingPlan) -> tuple[KindModels, dict[str, Any], Samples]:
    """The model, its card, and what it was tested on. Raises TapeError and TooLittleError."""
    every = known(joined([_samples_of(tape, plan) for tape in plan.tapes]))
    before, after = _split(every, plan.test_day)
    trials = [trial(recipe, before, plan.label) for recipe in CANDIDATES]
    best, choice = chosen(trials, before)
    others = left_out(best.recipe, before, plan.label)
    unseen = never_seen(others, before, plan.label) if others else {}
    slopes = calibration(best, others, before)
    model = shipped(best.recipe, slopes, before, plan.label)
    score = calibrated_scores(best, slopes, before)
    content = card.content(plan, model, before)
    content["calibration"] |= proof(unseen)
    content["expected_move"] = {
        "what": "cents = factor × (2 × score − 1) × vol60 × √horizon",
        "factor": expected_factor(score, before, plan.label.horizon),
    }
    content["entry"] = entries(score, others, slopes, before)
    content["drift"] = card.spread_of(model, before)
    content["chosen"] = choice | {"walked": [_by_kind(found, before) for found in trials]}
    content["never_seen"] = unseen
    content["baselines"] = lines(before, plan.label)
    scored = model.score(after.features, after.tickers)
    content["test"] = tested(scored, content["baselines"], after, plan.label.size)
    content["in_words"] = card.in_words(content["test"])
    return model, content, after


def better(path: Path, model: KindModels, after: Samples, label: Label) -> str | None:
    """Why the model in a file must not be replaced by a new one; None if it may.

    It must not where an interval over events of the test day shows the new one worse, on markets
    that neither was trained on. What is no model that can be loaded always may.
    """
    there = load(path, folder=path.resolve().parent)
    if not isinstance(there, ModelScorer):
        return None
    if there.card.horizon != label.horizon:
        return f"{path} looks {there.card.horizon:g} s ahead, not {label.horizon:g}: use --name"
    both, score = _scored_by(there, after.moved(label.size))
    if not len(both):
        return None
    found = compared(model.score(both.features, both.tickers), score, both, SEED)["log_loss"]
    low, high = found["interval"]
    if high >= 0:
        return None
    return f"{path} is better by {-found['gain']:.4f} nats (95 %: {-high:.4f} to {-low:.4f})"


def _scored_by(there: ModelScorer, moved: Samples) -> tuple[Samples, Floats]:
    """The rows of markets that a model was not trained on and predicts, with its scores."""
    trained = set(there.card.whole["training"]["market_names"])
    is_new = np.array([market not in trained for market in moved.markets])[moved.market]
    score = there.score(moved.features, moved.tickers)
    rows = np.flatnonzero(is_new & np.isfinite(score))
    return moved.take(rows), score[rows]


def entries(score: Floats, others: Trial | None, slopes: Slopes, before: Samples) -> dict[str, Any]:
    """The scores that enter, kind by kind, and those for kinds that were never seen."""
    kinds = {
        name: strongest(np.where(before.family == number, score, np.nan), before, card.ENTERING)
        for number, name in enumerate(before.families)
        if name in slopes.kinds
    }
    unseen = score if others is None else calibrated(others.score, slopes.general)
    return card.entry(strongest(unseen, before, card.ENTERING), kinds)


def shipped(recipe: Recipe, slopes: Slopes, before: Samples, label: Label) -> KindModels:
    """The estimators that go into the file: one per kind with its own slope, and a general one."""
    general = learned(recipe, before, label)
    kinds = {
        name: Calibrated(learned(recipe, before, label, name).estimator, slope)
        for name, slope in slopes.kinds.items()
    }
    models = ByKind(Calibrated(general.estimator, slopes.general), kinds)
    return KindModels(general.recipe, general.uses, models)


def lines(before: Samples, label: Label) -> dict[str, dict[str, dict[str, float]]]:
    """The linear baselines: one per kind of market, and one for any other."""
    moved = before.moved(label.size)
    both = [
        name
        for number, name in enumerate(moved.families)
        if len(np.unique(moved.change[moved.family == number] > 0)) > 1
    ]
    return {
        kind or ANY: {
            name: weights(learned(recipe, before, label, kind))
            for name, recipe in BASELINES.items()
        }
        for kind in (None, *both)
    }


def proof(unseen: Mapping[str, Any]) -> dict[str, Any]:
    """Whether scores of kinds never seen are calibrated enough to be traded live, and why."""
    if not unseen:
        why = "one kind alone says nothing of others"
        return {"general_is_proven": False, "general_because": why}
    kinds = unseen.values()
    off = np.mean([one["calibration_error"] for one in kinds])
    chance = np.mean([one["calibration_noise"]["mean"] for one in kinds])
    least = np.mean([one["slope_afterwards"]["calibration_error"] for one in kinds])
    is_proven = bool(off <= MOST_OFF)
    verdict = "no more" if is_proven else "more"
    why = (
        f"off by {off:.3f} on average on kinds left out, {verdict} than {MOST_OFF}; a model "
        f"without error would seem off by {chance:.3f}, the slope that each kind asked for, seen "
        f"afterwards, leaves {least:.3f}"
    )
    return {"general_is_proven": is_proven, "general_because": why}


def never_seen(others: Trial, before: Samples, label: Label) -> dict[str, Any]:
    """Leave one kind of market out: how a fit on the others does on it.

    Its slope comes from the others alone: fits that leave out one of them, too. Beside it what the
    best slope, and a score of .5, would do there.
    """
    plain = left_out(CANDIDATES[0], before, label)
    rows, found = others.scorable, {}
    for number, name in enumerate(before.families):
        own = before.family[rows] == number
        part, rest = before.take(rows[own]), before.take(np.flatnonzero(before.family != number))
        if plain is None or not len(rest) or not len(part):
            continue
        raw = others.score[rows[own]]
        slope = general_slope(left_out(others.recipe, rest, label), rest)
        score = calibrated(raw, slope)
        found[name] = {
            "slope": slope,
            "slope_afterwards": slope_afterwards(raw, part),
            **measures(score, part, SEED),
            "over_touch_imbalance": compared(score, plain.score[rows[own]], part, SEED)["log_loss"],
            "over_even": compared(score, even := np.full(len(part), 0.5), part, SEED)["log_loss"],
            "even": measures(even, part, SEED),
            "taken": _taken(calibrated(others.score, slope), before, number),
            "reliability": reliability(score, part.change > 0),
        }
    return found


def _taken(score: Floats, before: Samples, kind: int) -> dict[str, Any]:
    """What the strongest tenth of scores earned on a kind, taken both ways, in cents."""
    rows = np.flatnonzero(before.family == kind)
    found: dict[str, Any] = gains(score[rows], before.take(rows), SEED)["top 10%"]
    return found["taker_round_trip"]  # type: ignore[no-any-return]


def _samples_of(path: Path, plan: TrainingPlan) -> Samples:
    runs = in_runs(read(path))
    return joined([samples(runs.thinned(cadence), plan.label) for cadence in plan.cadences])


def _split(every: Samples, test_day: str | None) -> tuple[Samples, Samples]:
    """The rows before the test day, and those of it: by market, by its last row."""
    if not len(every):
        raise TooLittleError("no moment on the tapes can be judged; record for longer")
    last = np.full(len(every.markets), -np.inf)
    np.maximum.at(last, every.market, every.at)
    start = every.at.max() // _DAY * _DAY if test_day is None else _start_of_test(test_day)
    is_test = last[every.market] >= start
    before, after = every.take(np.flatnonzero(~is_test)), every.take(np.flatnonzero(is_test))
    events = [len(np.unique(part.event)) for part in (before, after)]
    if events[0] < LEAST_EVENTS or not events[1]:
        raise TooLittleError(
            f"{events[0]} events to train on and {events[1]} to test on are too few: "
            f"{LEAST_EVENTS} and 1 are needed; give more tapes or another --test-day, "
            "which may be a moment of a day (2026-05-15T12:00)"
        )
    return before, after


def _start_of_test(test_day: str) -> float:
    try:
        return datetime.fromisoformat(test_day).replace(tzinfo=UTC).timestamp()
    except ValueError as error:
        raise TooLittleError(f"--test-day {test_day} is no day such as 2026-05-15") from error


def _by_kind(found: Trial, samples: Samples) -> dict[str, Any]:
    kinds = {
        name: measures(found.score[rows], samples.take(rows), SEED)
        for name, rows in found.by_kind(samples).items()
    }
    return {"recipe": found.recipe.name, "kinds": kinds}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bot train", description=__doc__)
    parser.add_argument("tapes", nargs="*", type=Path, help="recorded order books (Parquet)")
    parser.add_argument(
        "--from-recordings",
        nargs="?",
        const=True,
        type=Path,
        metavar="FOLDER",
        help="also every tape in this folder, or what the service recorded in it, such as "
        f"logs/stream (if none is named: what RECORD=true recorded, else {RECORDINGS}/)",
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for the model and its card")
    parser.add_argument("--name", default="gbm_label_up", help="file name of the model")
    parser.add_argument("--plots", type=Path, help="draw how calibrated it is into this folder")
    parser.add_argument(
        "--replace", action="store_true", help="write the model even if a better one is there"
    )
    parser.add_argument("--note", default="", help="a remark for the readers of the card")
    parser.add_argument("--horizon", type=float, default=10.0, help="seconds looked ahead")
    parser.add_argument(
        "--nearby",
        type=float,
        nargs="+",
        help="horizons that boosting learns from besides; default: half and twice the horizon",
    )
    parser.add_argument("--size", type=float, default=1.0, help="cents that count as a move")
    parser.add_argument("--cadence", type=float, nargs="+", default=[1.0, 2.0, 5.0], help="seconds")
    parser.add_argument(
        "--test-day",
        help="first day held out (YYYY-MM-DD, or a moment, YYYY-MM-DDTHH:MM); default: the last",
    )
    return parser
