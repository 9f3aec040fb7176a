"""The plots of the simulator's report. The only module that needs matplotlib."""

from collections.abc import Mapping
from pathlib import Path

import matplotlib as mpl
import numpy as np

mpl.use("Agg")

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from bot.sim.world.experiment import DEPTH, Frames
from bot.sim.world.statistics import central, imbalance, mid, moves, signal

_HORIZONS = (1, 2, 5, 10, 20, 30, 60, 120)
_WIDTH = (7.0, 4.0)


def draw(out: Path, seen: Mapping[str, Frames]) -> None:
    """All plots of these books, by name, into a folder."""
    _sizes(out / "level-sizes.png", seen)
    _leaning(out / "imbalance.png", seen)
    _signals(out / "signal.png", seen)
    _moves(out / "moves.png", seen)
    _paths(out / "paths.png", seen)


def _sizes(path: Path, seen: Mapping[str, Frames]) -> None:
    """Quartiles of the sizes by level."""
    figure, axes = plt.subplots(figsize=_WIDTH)
    levels = np.arange(1, DEPTH + 1)
    for name, books in seen.items():
        sizes = np.concatenate([books.bid_size[central(books)], books.ask_size[central(books)]])
        known = np.where(sizes > 0, sizes, np.nan)[:, (sizes > 0).any(axis=0)]
        low, middle, high = np.nanpercentile(known, (25, 50, 75), axis=0)
        axes.plot(levels[: len(middle)], middle, marker="o", label=name)
        axes.fill_between(levels[: len(middle)], low, high, alpha=0.2)
    axes.set(yscale="log", xlabel="level", ylabel="contracts (median, quartiles)")
    _save(figure, path)


def _leaning(path: Path, seen: Mapping[str, Frames]) -> None:
    """How the imbalance of the best prices is spread."""
    figure, axes = plt.subplots(figsize=_WIDTH)
    for name, books in seen.items():
        leaning = imbalance(books, 1)[central(books)]
        axes.hist(leaning, bins=41, range=(-1, 1), density=True, histtype="step", label=name)
    axes.set(xlabel="imbalance of the best prices", ylabel="density")
    _save(figure, path)


def _signals(path: Path, seen: Mapping[str, Frames]) -> None:
    """AUC by horizon."""
    figure, axes = plt.subplots(figsize=_WIDTH)
    for name, books in seen.items():
        values = [signal(books, horizon) for horizon in _HORIZONS]
        axes.plot(_HORIZONS, values, marker="o", label=name)
    axes.axhline(0.5, color="grey", linewidth=0.8)
    axes.set(xscale="log", xlabel="horizon, seconds", ylabel="AUC of the imbalance, if it moves")
    _save(figure, path)


def _moves(path: Path, seen: Mapping[str, Frames]) -> None:
    """Share of no moves and sd of the mid by horizon."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(9.0, 4.0))
    for name, books in seen.items():
        changes = {horizon: moves(books, horizon) for horizon in _HORIZONS}
        known = {h: change[np.isfinite(change)] for h, change in changes.items()}
        known = {h: change for h, change in known.items() if len(change)}
        still = [(np.abs(change) < 1e-9).mean() for change in known.values()]
        left.plot(list(known), still, marker="o", label=name)
        spreads = [change.std() * 100 for change in known.values()]
        right.plot(list(known), spreads, marker="o", label=name)
    left.set(xscale="log", xlabel="horizon, seconds", ylabel="share of no moves")
    right.set(xscale="log", yscale="log", xlabel="horizon, seconds", ylabel="sd of the mid, cents")
    _save(figure, path)


def _paths(path: Path, seen: Mapping[str, Frames]) -> None:
    """The mids of one market of each."""
    figure, axes = plt.subplots(figsize=_WIDTH)
    for name, books in seen.items():
        markets, counts = np.unique(books.market, return_counts=True)
        rows = books.market == markets[counts.argmax()]
        at = books.at[rows] - books.at[rows][0]
        axes.plot(at[at < 900], mid(books)[rows][at < 900] * 100, linewidth=0.9, label=name)
    axes.set(xlabel="seconds", ylabel="mid of one market, cents")
    _save(figure, path)


def _save(figure: Figure, path: Path) -> None:
    figure.axes[0].legend()
    figure.tight_layout()
    figure.savefig(path, dpi=80, metadata={"Software": None})
    plt.close(figure)
