"""`python -m bot flat-model`: fitted estimators as plain arrays, proven to score the same."""

import argparse
import hashlib
import pickle
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier

from bot.core.market.orderbook import Floats
from bot.model.card import CardError, read_card
from bot.model.flat import (
    MOST_LEAVES,
    SUFFIX,
    FlatModel,
    LinearShape,
    Shape,
    TreeShape,
    TreesShape,
    estimator,
)
from bot.model.scorer import MODELS
from bot.research.card import put

#: By how much a probability may differ: the last bits of exp() in two libraries.
CLOSE: Final = 1e-12
#: Rows that both are asked about.
TRIED: Final = 5_000


def main(argv: Sequence[str]) -> int:
    """Write the arrays beside each model of a folder, and their fingerprints on the cards."""
    parser = argparse.ArgumentParser(prog="python -m bot flat-model", description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=MODELS)
    failed, folder = 0, parser.parse_args(argv).folder
    if not (models := sorted(folder.glob("*.pkl"))):
        sys.stderr.write(f"{folder}: there is no model (*.pkl) in it\n")
        return 1
    for path in models:
        try:
            size = beside(path)
        except (CardError, ValueError) as error:
            failed += 1
            sys.stderr.write(f"{path.name}: {error}\n")
        else:
            sys.stdout.write(f"{path.with_suffix(SUFFIX)}: {size:,} bytes\n")
    return 1 if failed else 0


def beside(path: Path) -> int:
    """Flatten the model at `path`, as far as its card vouches for it; the bytes written.

    Raises CardError for a model that is not the one on its card, ValueError for one that cannot be
    flattened. Nothing is written then.
    """
    content, card = path.read_bytes(), read_card(path.with_suffix(".json"))
    sha256 = hashlib.sha256(content).hexdigest()
    if sha256 != card.sha256:
        raise CardError("it is not the model on its card")
    bundle = pickle.loads(content)
    kinds = {name: (flattened(one), slope) for name, (one, slope) in bundle["kinds"].items()}
    general = flattened(bundle["general"][0]), bundle["general"][1]
    flat = FlatModel(sha256, bundle["uses"], general, kinds).encoded()
    path.with_suffix(SUFFIX).write_bytes(flat)
    put(
        path.with_suffix(".json"),
        {**card.whole, "flat_sha256": hashlib.sha256(flat).hexdigest()},
    )
    return len(flat)


def flattened(fitted: Any) -> Shape:  # noqa: ANN401  # scikit-learn has no types
    """The estimator as arrays. Raises ValueError if it is of another kind, or scores differ."""
    shape = _trees(fitted) if isinstance(fitted, HistGradientBoostingClassifier) else _line(fitted)
    rows = _rows(shape, fitted.n_features_in_)
    ours, theirs = estimator(shape).predict_proba(rows), fitted.predict_proba(rows)
    if not np.allclose(ours, theirs, rtol=0.0, atol=CLOSE):
        worst = float(np.abs(ours - theirs).max())
        raise ValueError(f"flattened it scores by up to {worst:.2g} otherwise")
    return shape


def _rows(shape: Shape, columns: int) -> Floats:
    """Rows at the thresholds, next to them, between them and beyond, shape (TRIED, columns)."""
    drawn = np.random.default_rng(7)
    return np.column_stack([drawn.choice(one, TRIED) for one in _values(shape, columns)])


def _values(shape: Shape, columns: int) -> list[list[float]]:
    if isinstance(shape, LinearShape):
        return [[m - 3 * s, m, m + 3 * s] for m, s in zip(shape.means, shape.scales, strict=True)]
    values: list[list[float]] = [[-1e6, -1.0, 0.0, 1.0, 1e6] for _ in range(columns)]
    for tree in shape.trees:
        for column, limit in zip(tree.features, tree.thresholds, strict=True):
            values[column] += [limit, float(np.nextafter(limit, np.inf)), limit - 1e-3]
    return values


def _trees(fitted: HistGradientBoostingClassifier) -> TreesShape:
    baseline = float(np.ravel(fitted._baseline_prediction)[0])
    return TreesShape(baseline, [_tree(one[0].nodes) for one in fitted._predictors])


def _tree(nodes: Any) -> TreeShape:  # noqa: ANN401  # a structured array
    if nodes["is_categorical"].any():
        raise ValueError("it splits by category, which is not flattened")
    splits: list[tuple[int, float, bool, int]] = []
    values: list[float] = []

    def walk(index: int) -> int:
        """The leaves of a subtree as bits; they are numbered as they are met, left first."""
        node = nodes[index]
        if node["is_leaf"]:
            values.append(float(node["value"]))
            return 1 << (len(values) - 1)
        place = len(splits)
        splits.append((0, 0.0, False, 0))
        left = walk(int(node["left"]))
        splits[place] = (
            int(node["feature_idx"]),
            float(node["num_threshold"]),
            bool(node["missing_go_to_left"]),
            (1 << MOST_LEAVES) - 1 & ~left,
        )
        return left | walk(int(node["right"]))

    walk(0)
    if len(values) > MOST_LEAVES:
        raise ValueError(f"a tree has {len(values)} leaves, and {MOST_LEAVES} fit")
    columns = [list(column) for column in zip(*splits, strict=True)] or [[], [], [], []]
    return TreeShape(columns[0], columns[1], columns[2], columns[3], values)


def _line(fitted: Any) -> LinearShape:  # noqa: ANN401
    try:
        scaler, line = (step for _, step in fitted.steps)
        means, scales = scaler.mean_.tolist(), scaler.scale_.tolist()
        return LinearShape(means, scales, line.coef_[0].tolist(), float(line.intercept_[0]))
    except (AttributeError, TypeError, ValueError) as error:
        raise ValueError(f"{type(fitted).__name__} is not flattened ({error})") from error
