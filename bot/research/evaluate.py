"""`python -m bot evaluate MODEL TAPE…`: how good a model is on books it was not fitted to."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from bot.core.market.orderbook import Floats
from bot.core.model.drift import counted, psi
from bot.core.signals.features import FEATURE_NAMES
from bot.model.card import CardError
from bot.model.scorer import ModelScorer, load
from bot.research.dataset import Label, Samples, joined, samples
from bot.research.fit import SEED, column_numbers, straight
from bot.research.gain import gains
from bot.research.metrics import reliability
from bot.research.plots import draw, drawn, importance
from bot.research.report import compared, measures
from bot.research.runs import in_runs
from bot.tape.reader import TapeError, read


def main(argv: Sequence[str]) -> int:
    """Evaluate as told and print the figures; 0 if all that was asked for is there."""
    options = _parser().parse_args(argv)
    try:
        scorer = _loaded(options.model)
        found = evaluated(scorer, options.tapes, with_trained=options.with_trained)
    except (CardError, TapeError) as error:
        sys.stderr.write(f"not evaluated: {error}\n")
        return 1
    text = orjson.dumps(found, option=orjson.OPT_INDENT_2).decode()
    # The figures first: nothing that goes wrong with a picture may cost them.
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(text + "\n", encoding="utf-8")
    sys.stdout.write(text + "\n")
    return 0 if not options.plots or drawn(lambda: draw(found, options.plots)) else 1


def evaluated(
    scorer: ModelScorer, tapes: Sequence[Path], *, with_trained: bool = False
) -> dict[str, Any]:
    """The metrics of a model on tapes, with what the plain baselines of its card achieve there.

    Only rows the model has an opinion on are judged, and how many those are is said; where it has
    none at all the baselines are judged on every row they can score. Markets the model was
    trained on are left out unless `with_trained`. Raises TapeError.
    """
    whole = scorer.card.whole
    label = Label(scorer.card.horizon, float(whole["label"]["size_cents"]))
    every = joined([samples(in_runs(read(tape, sizes_required=False)), label) for tape in tapes])
    if not with_trained:
        every = _unseen(every, set(whole["training"]["market_names"]))
    score = scorer.score(every.features)
    rows = np.flatnonzero(np.isfinite(score))
    found = tested(score[rows], whole["baselines"], every.take(rows), label.size)
    if not len(rows):
        found["baselines"] = baselines(whole["baselines"], every.moved(label.size))
    moved = every.take(rows).moved(label.size)
    rose = moved.change > 0
    return {
        "model": scorer.card.name,
        "version": scorer.version,
        "horizon_seconds": label.horizon,
        "rows_with_a_future": len(every),
        "rows_with_an_opinion": len(rows),
        "rows_left_out": every.dropped,
        **found,
        "importance": importance(scorer.predicted, scorer.uses, moved.features, rose),
        "drift": drifts(whole["drift"], every.features),
    }


def _unseen(every: Samples, trained: set[str]) -> Samples:
    """The moments of markets that were not trained on; the others are counted as dropped."""
    is_seen = np.array([market in trained for market in every.markets])[every.market]
    dropped = {**every.dropped, "of a market it was trained on": int(is_seen.sum())}
    return replace(every.take(np.flatnonzero(~is_seen)), dropped=dropped)


def tested(
    score: Floats, lines: Mapping[str, Mapping[str, float]], samples: Samples, size: float
) -> dict[str, Any]:
    """Metrics where the mid moved, baselines and how far they are beaten, gains on every row."""
    has_moved = np.flatnonzero(np.abs(samples.change) >= size)
    moved, own = samples.take(has_moved), score[has_moved]
    others = _others(lines, moved)
    return {
        "metrics": measures(own, moved, SEED) | {"moved": len(moved) / max(len(samples), 1)},
        "baselines": baselines(lines, moved),
        "better_than": {name: compared(own, other, moved, SEED) for name, other in others.items()},
        "reliability": reliability(own, moved.change > 0),
        "gain_cents": gains(score, samples, SEED),
    }


def baselines(
    lines: Mapping[str, Mapping[str, float]], moved: Samples
) -> dict[str, dict[str, Any]]:
    """The metrics of a coin and of straight lines, of those that can score every row."""
    return {name: measures(other, moved, SEED) for name, other in _others(lines, moved).items()}


def drifts(spread: Mapping[str, Mapping[str, Any]], features: Floats) -> dict[str, float]:
    """How far each feature is from where it was in training: the stability index."""
    names = [name for name in spread if name in FEATURE_NAMES]
    edges = np.array([spread[name]["edges"] for name in names])
    trained = np.array([spread[name]["counts"] for name in names])
    index = psi(trained, counted(features[:, column_numbers(names)], edges))
    return dict(zip(names, index.tolist(), strict=True))


def _others(lines: Mapping[str, Mapping[str, float]], moved: Samples) -> dict[str, Floats]:
    scores = {"base_rate": np.full(len(moved), 0.5)} | {
        name: straight(per_unit, moved.features) for name, per_unit in lines.items()
    }
    return {name: score for name, score in scores.items() if np.isfinite(score).all()}


def _loaded(path: Path) -> ModelScorer:
    scorer = load(path, folder=path.resolve().parent)
    if not isinstance(scorer, ModelScorer):
        raise CardError(str(scorer.fault))
    return scorer


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bot evaluate", description=__doc__)
    parser.add_argument("model", type=Path, help="a model file with its card beside it")
    parser.add_argument("tapes", nargs="+", type=Path, help="recorded order books (Parquet)")
    parser.add_argument(
        "--with-trained", action="store_true", help="also evaluate markets it was trained on"
    )
    parser.add_argument("--plots", type=Path, help="draw pictures into this folder")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    return parser
