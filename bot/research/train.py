"""`python -m bot train TAPE… --out models/`: a model and its card from recorded books.

Markets of the last day (or of `--test-day` and later) are never trained on. What is shipped is
chosen on the days before alone, by walking forward; the last day only says how good it was.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np

from bot.research import card
from bot.research.card import TrainingPlan
from bot.research.dataset import Label, Samples, joined, samples
from bot.research.evaluate import tested
from bot.research.fit import BASELINES, CANDIDATES, SEED, Fitted, fitted, known, weights
from bot.research.report import measures
from bot.research.runs import in_runs
from bot.research.walk import Trial, calibrating_slope, chosen, expected_factor, trial
from bot.tape.reader import TapeError, read

#: Events before the test day without which nothing can be chosen by walking forward.
LEAST_EVENTS: Final = 8
#: Where recordings are kept unless another folder is named.
RECORDINGS: Final = Path("recordings")
_DAY: Final = 86_400.0


class TooLittleError(Exception):
    """There is not enough to train on; the message says what is missing."""


def main(argv: Sequence[str]) -> int:
    """Train as the command line says; 0 if a model and its card were written."""
    options = _parser().parse_args(argv)
    plan = TrainingPlan(
        (*options.tapes, *recorded(options.from_recordings)),
        Label(options.horizon, options.size),
        tuple(options.cadence),
        options.test_day,
        options.name,
        options.note,
    )
    try:
        model, content = trained(plan)
    except (TapeError, TooLittleError) as error:
        sys.stderr.write(f"not trained: {error}\n")
        return 1
    card.write(options.out, plan.name, model.pickled(), content)
    said = "; ".join(content["in_words"])
    sys.stdout.write(f"{options.out / plan.name}.pkl ({model.recipe}) {said}\n")
    return 0


def recorded(folder: Path | None) -> list[Path]:
    """The tapes in a folder, also one whose recording was cut off; none without a folder."""
    if folder is None or not folder.is_dir():
        return []
    whole = set(folder.glob("*.parquet"))
    parts = {tape.with_suffix("") for tape in folder.glob("*.parquet.parts")}
    return sorted(whole | parts)


def trained(plan: TrainingPlan) -> tuple[Fitted, dict[str, Any]]:
    """The model and what its card says. Raises TapeError and TooLittleError."""
    if not plan.tapes:
        raise TooLittleError("there is no tape; name some or record with `python -m bot record`")
    every = known(joined([_samples_of(tape, plan) for tape in plan.tapes]))
    before, after = _split(every, plan.test_day)
    trials = [trial(recipe, before, plan.label) for recipe in CANDIDATES]
    best, why = chosen(trials, before)
    slope = calibrating_slope(best, before)
    moved = before.moved(plan.label.size)
    model = replace(fitted(best.recipe, moved.features, moved.change > 0), slope=slope)
    baselines = {
        name: weights(fitted(recipe, moved.features, moved.change > 0))
        for name, recipe in BASELINES.items()
    }
    content = card.content(plan, model, moved)
    content["expected_move"] = {
        "what": "cents = factor × (2 × score − 1) × vol60 × √horizon",
        "factor": expected_factor(best, slope, before, plan.label.horizon),
    }
    content["drift"] = card.spread_of(model, before.features)
    content["chosen"] = {"why": why, "walked": [_walked(found, before) for found in trials]}
    content["baselines"] = baselines
    content["test"] = tested(model.score(after.features), baselines, after, plan.label.size)
    content["in_words"] = card.in_words(content["test"])
    return model, content


def _samples_of(path: Path, plan: TrainingPlan) -> Samples:
    runs = in_runs(read(path))
    return joined([samples(runs.thinned(cadence), plan.label) for cadence in plan.cadences])


def _split(every: Samples, test_day: str | None) -> tuple[Samples, Samples]:
    """What came before the test day, and it: by market, by the last moment each was seen."""
    if not len(every):
        raise TooLittleError("no moment on the tapes can be judged; record for longer")
    last = np.full(len(every.markets), -np.inf)
    np.maximum.at(last, every.market, every.at)
    day = datetime.fromisoformat(test_day).replace(tzinfo=UTC).timestamp() if test_day else None
    start = every.at.max() // _DAY * _DAY if day is None else day
    is_test = last[every.market] >= start
    before, after = every.take(np.flatnonzero(~is_test)), every.take(np.flatnonzero(is_test))
    events = [len(np.unique(part.event)) for part in (before, after)]
    if events[0] < LEAST_EVENTS or not events[1]:
        raise TooLittleError(
            f"{events[0]} events to train on and {events[1]} to test on are too few; "
            "give more tapes or another --test-day"
        )
    return before, after


def _walked(found: Trial, samples: Samples) -> dict[str, Any]:
    folds = [measures(found.score[rows], samples.take(rows), SEED) for rows in found.folds]
    rows = np.concatenate(found.folds)
    pooled = measures(found.score[rows], samples.take(rows), SEED)
    return {"recipe": found.recipe.name, "pooled": pooled, "folds": folds}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bot train", description=__doc__)
    parser.add_argument("tapes", nargs="*", type=Path, help="recorded order books (Parquet)")
    parser.add_argument(
        "--from-recordings",
        nargs="?",
        const=RECORDINGS,
        type=Path,
        metavar="FOLDER",
        help=f"also every tape in this folder ({RECORDINGS}/ if none is named)",
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for the model and its card")
    parser.add_argument("--name", default="gbm_label_up", help="file name of the model")
    parser.add_argument("--note", default="", help="a remark for the readers of the card")
    parser.add_argument("--horizon", type=float, default=10.0, help="seconds looked ahead")
    parser.add_argument("--size", type=float, default=1.0, help="cents that count as a move")
    parser.add_argument("--cadence", type=float, nargs="+", default=[1.0, 2.0, 5.0], help="seconds")
    parser.add_argument("--test-day", help="first day held out (YYYY-MM-DD); default: the last")
    return parser
