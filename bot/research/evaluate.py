"""`python -m bot evaluate MODEL TAPE…`: how good a model is on books it was not fitted to."""

import argparse
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from math import log2
from pathlib import Path
from typing import Any, Final

import numpy as np
import orjson

from bot.core.market.orderbook import Floats
from bot.core.model.drift import counted, psi
from bot.core.model.families import family_of
from bot.core.signals.features import FEATURE_NAMES
from bot.model.card import CardError
from bot.model.scorer import ModelScorer, load
from bot.research.dataset import (
    HIGHEST_MID,
    LOWEST_MID,
    Label,
    Samples,
    joined,
    observations,
    samples,
)
from bot.research.fit import SEED, column_numbers, straight
from bot.research.gain import gains
from bot.research.metrics import reliability
from bot.research.plots import draw, drawn, importance
from bot.research.report import compared, measures
from bot.research.runs import Runs, in_runs
from bot.tape.reader import Rows, TapeError, read

#: Baselines as weights: by kind of market, by name, by feature.
Lines = Mapping[str, Mapping[str, Mapping[str, float]]]
#: The kind whose lines serve all that have none of their own.
ANY: Final = "any"
#: Why a row is left out that could be scored.
TRAINED_ON: Final = "of a market it was trained on"
#: The feature `thickness` of a touch of two contracts, just about.
THIN: Final = log2(3) + 1e-9


def main(argv: Sequence[str]) -> int:
    """Evaluate and print the figures; 0 if all that was asked for is there."""
    options = _parser().parse_args(argv)
    try:
        scorer = _loaded(options.model)
        found = evaluated(
            scorer,
            options.tapes,
            with_trained=options.with_trained,
            cadence=options.cadence,
        )
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
    scorer: ModelScorer,
    tapes: Sequence[Path],
    *,
    with_trained: bool = False,
    cadence: float | None = None,
) -> dict[str, Any]:
    """The metrics of a model on tapes, with what the plain baselines of its card achieve there.

    Metrics are of the rows that the model predicts, and their number is given; where it predicts
    none the baselines are measured on every row they can score. Markets the model was trained on
    are left out unless `with_trained`. Raises TapeError.
    """
    whole = scorer.card.whole
    label = Label(scorer.card.horizon, float(whole["label"]["size_cents"]))
    runs = _runs(tapes, cadence)
    trained = frozenset() if with_trained else frozenset(whole["training"]["market_names"])
    tables = [observations(one) for one in runs]
    every = _unseen(_joined(runs, tables, label), trained)
    score = scorer.score(every.features, every.tickers)
    rows = np.flatnonzero(np.isfinite(score))
    return {
        "model": scorer.card.name,
        "version": scorer.version,
        "horizon_seconds": label.horizon,
        "kinds": {kind: _answered_by(scorer, kind) for kind in every.families},
        "coverage": coverage(scorer, runs, tables, trained),
        "rows_with_a_future": len(every),
        "rows_with_an_opinion": len(rows),
        "rows_left_out": every.dropped,
        **_measured(score[rows], whole["baselines"], every, rows, label.size),
        "parts": parts(score[rows], whole["baselines"], every.take(rows), label.size),
        "importance": _importance(scorer, every.take(rows).moved(label.size)),
        "drift": drifts(whole["drift"], every.features),
    }


def _runs(tapes: Sequence[Path], cadence: float | None) -> list[Runs]:
    runs = [in_runs(read(tape, sizes_required=False)) for tape in tapes]
    return runs if cadence is None else [one.thinned(cadence) for one in runs]


def _measured(
    score: Floats, lines: Lines, every: Samples, rows: Rows, size: float
) -> dict[str, Any]:
    found = tested(score, lines, every.take(rows), size)
    if not len(rows):
        found["baselines"] = baselines(lines, every.moved(size))
    return found


def _joined(runs: Sequence[Runs], tables: Sequence[Floats], label: Label) -> Samples:
    both = zip(runs, tables, strict=True)
    return joined([samples(one, label, table) for one, table in both])


def _why_no_row(dropped: Mapping[str, int]) -> str:
    """Why no row of the tapes can be scored, and what to do about it."""
    if dropped.get(TRAINED_ON):
        return "the model was trained on all markets there; --with-trained judges it on them too"
    said = ", ".join(f"{rows:,} × {reason}" for reason, rows in dropped.items() if rows)
    return (
        f"no row can be judged ({said or 'no rows'}); give a longer tape, or a model whose horizon "
        "is no shorter than the time between its books"
    )


def _importance(scorer: ModelScorer, moved: Samples) -> dict[str, float]:
    return importance(
        lambda features: scorer.predicted(features, moved.tickers),
        scorer.uses,
        moved.features,
        moved.change > 0,
    )


def _answered_by(scorer: ModelScorer, kind: str) -> dict[str, Any]:
    """Whether a kind has its own estimator, the slope of its log odds, which modes trade it."""
    own = scorer.models.kinds.get(kind)
    is_traded_live = own is not None or scorer.card.general_is_proven
    return {
        "trained_on": own is not None,
        "slope": (own or scorer.models.general).slope,
        "traded_live": is_traded_live,
    }


def coverage(
    scorer: ModelScorer,
    runs: Sequence[Runs],
    tables: Sequence[Floats],
    trained: AbstractSet[str],
) -> dict[str, dict[str, Any]]:
    """By kind of market: two-sided books between 10 and 90 c, and the share of them predicted.

    `tables` are the observations of the runs. Books of markets the model was trained on count only
    if `trained` does not name them.
    """
    found: dict[str, Counter[str]] = {}
    for one, features in zip(runs, tables, strict=True):
        rows = _predictable(one, trained)
        tickers = [one.markets[number] for number in one.market[rows].tolist()]
        reasons = scorer.predict(features[rows], tickers).reasons
        for ticker, reason in zip(tickers, reasons, strict=True):
            kind = found.setdefault(family_of(ticker), Counter())
            kind[(reason or "an opinion").partition(":")[0]] += 1
    return {kind: _shares(counts) for kind, counts in sorted(found.items())}


def _predictable(runs: Runs, trained: AbstractSet[str]) -> Rows:
    mid = runs.books.mid
    is_new = np.array([market not in trained for market in runs.markets])[runs.market]
    return np.flatnonzero((mid >= LOWEST_MID) & (mid <= HIGHEST_MID) & is_new)


def _shares(counts: Counter[str]) -> dict[str, Any]:
    books = counts.total()
    return {"books": books, **{reason: count / books for reason, count in sorted(counts.items())}}


def parts(score: Floats, lines: Lines, every: Samples, size: float) -> dict[str, dict[str, Any]]:
    """Metrics and gains over touch imbalance by kind of market, and of thin and thick touches."""
    thin = every.features[:, column_numbers(("thickness",))[0]] <= THIN
    sides = {"thin touches": thin, "thick touches": ~thin} | {
        name: every.family == number for number, name in enumerate(every.families)
    }
    found = {}
    for name, side in sides.items():
        rows = np.flatnonzero(side & (np.abs(every.change) >= size))
        part, own = every.take(rows), score[rows]
        other = _others(lines, part).get("touch_imbalance")
        found[name] = measures(own, part, SEED) | {
            "over_touch_imbalance": {} if other is None else compared(own, other, part, SEED)
        }
    return found


def _unseen(every: Samples, trained: AbstractSet[str]) -> Samples:
    """The samples of markets not trained on, the others counted. TapeError if none is left."""
    is_seen = np.array([market in trained for market in every.markets], dtype=bool)[every.market]
    dropped = {**every.dropped, TRAINED_ON: int(is_seen.sum())} if trained else every.dropped
    found = replace(every.take(np.flatnonzero(~is_seen)), dropped=dropped)
    if not len(found):
        raise TapeError(_why_no_row(dropped))
    return found


def tested(score: Floats, lines: Lines, samples: Samples, size: float) -> dict[str, Any]:
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


def baselines(lines: Lines, moved: Samples) -> dict[str, dict[str, Any]]:
    """The metrics of a coin and of linear baselines, if they can score every row."""
    return {name: measures(other, moved, SEED) for name, other in _others(lines, moved).items()}


def drifts(spread: Mapping[str, Mapping[str, Any]], features: Floats) -> dict[str, float]:
    """The population stability index of each feature against training."""
    names = [name for name in spread if name in FEATURE_NAMES]
    edges = np.array([spread[name]["edges"] for name in names])
    trained = np.array([spread[name]["counts"] for name in names])
    index = psi(trained, counted(features[:, column_numbers(names)], edges))
    return dict(zip(names, index.tolist(), strict=True))


def _others(lines: Lines, moved: Samples) -> dict[str, Floats]:
    """The scores of a coin and the baselines, by kind of market where it has its own."""
    scores = {"base_rate": np.full(len(moved), 0.5)}
    scores |= {name: _by_kind(name, lines, moved) for name in lines[ANY]}
    return {name: score for name, score in scores.items() if np.isfinite(score).all()}


def _by_kind(name: str, lines: Lines, moved: Samples) -> Floats:
    score = straight(lines[ANY][name], moved.features)
    for number, kind in enumerate(moved.families):
        if kind in lines:
            own = moved.family == number
            score[own] = straight(lines[kind][name], moved.features[own])
    return score


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
    parser.add_argument(
        "--cadence", type=float, help="look every so many seconds; default: as recorded"
    )
    parser.add_argument("--plots", type=Path, help="draw pictures into this folder")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    return parser
