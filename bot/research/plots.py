"""Pictures of an evaluation: reliability, gain and importance, as PNG files.

Needs Matplotlib, which is a tool for people and no part of the service: it is imported only here,
when a picture is asked for.
"""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from bot.core.market.orderbook import Floats
from bot.core.signals.features import FEATURE_NAMES
from bot.research.metrics import Bools, auc

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_INSTALL: Final = "install it with `pip install -r requirements-dev.txt`"
_SIZE: Final = (6.0, 4.5)
_WAYS: Final = {
    "move": "mid move in the predicted direction",
    "taker_marked_at_mid": "taken, then worth the mid",
    "taker_round_trip": "taken both ways",
    "resting_filled_if_passed": "rested, filled when passed",
}


def importance(
    score: Callable[[Floats], Floats], uses: tuple[str, ...], features: Floats, up: Bools
) -> dict[str, float]:
    """Permutation importance: by feature, the AUC lost when its column is shuffled."""
    dealt = np.random.default_rng(0).permutation(len(features))
    if not len(features):
        return {}
    whole = auc(score(features), up)
    lost = {}
    for name in uses:
        column = FEATURE_NAMES.index(name)
        shuffled = features.copy()
        shuffled[:, column] = features[dealt, column]
        lost[name] = whole - auc(score(shuffled), up)
    return dict(sorted(lost.items(), key=lambda item: -item[1]))


def drawn(paint: Callable[[], object]) -> bool:
    """Draw, or say which library is missing; whether that worked."""
    try:
        paint()
    except ModuleNotFoundError as error:
        sys.stderr.write(f"no plots: {error.name} is missing; {_INSTALL}\n")
        return False
    return True


def draw(found: Mapping[str, Any], folder: Path) -> list[Path]:
    """The pictures of an evaluation, as files in a folder, which is made if missing."""
    # A canvas without a screen: no window is ever opened.
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415  # see above
    from matplotlib.figure import Figure  # noqa: PLC0415  # see above

    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, paint in _PICTURES.items():
        figure = Figure(figsize=_SIZE, layout="constrained")
        FigureCanvasAgg(figure)
        paint(figure.add_subplot(), found)
        paths.append(folder / f"{name}.png")
        figure.savefig(paths[-1], dpi=120)
    return paths


def draw_card(content: Mapping[str, Any], path: Path) -> None:
    """Reliability diagrams: of the test day, and of each kind of market left out."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415  # see above
    from matplotlib.figure import Figure  # noqa: PLC0415  # see above

    path.parent.mkdir(parents=True, exist_ok=True)
    figure = Figure(figsize=_SIZE, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    curves = {"test day": content["test"]["reliability"]} | {
        f"{kind}, never seen": one["reliability"] for kind, one in content["never_seen"].items()
    }
    for name, bins in curves.items():
        axes.plot([b["score"] for b in bins], [b["up"] for b in bins], marker="o", label=name)
    axes.plot([0, 1], [0, 1], color="grey", linewidth=0.8)
    axes.set(xlabel="score", ylabel="share that rose", xlim=(0, 1), ylim=(0, 1))
    axes.set_title(f"{content['name']}: said against happened")
    axes.legend(fontsize="small")
    figure.savefig(path, dpi=80)


def _reliability(axes: "Axes", found: Mapping[str, Any]) -> None:
    bins = found["reliability"]
    said, happened = ([part[name] for part in bins] for name in ("score", "up"))
    axes.plot([0, 1], [0, 1], color="grey", linewidth=0.8)
    axes.plot(said, happened, marker="o")
    axes.set(xlabel="score", ylabel="share that rose", xlim=(0, 1), ylim=(0, 1))
    axes.set_title("Reliability, ten bins of equal mass")


def _gain(axes: "Axes", found: Mapping[str, Any]) -> None:
    tops = found["gain_cents"]
    for way, label in _WAYS.items():
        points = [(top, part[way]) for top, part in tops.items() if part[way]]
        names = [top for top, _ in points]
        low, high = (
            zip(*(part["interval"] for _, part in points), strict=True) if points else ((), ())
        )
        (line,) = axes.plot(names, [part["cents"] for _, part in points], marker="o", label=label)
        # Of few markets the interval need not hold the mean: no bar from one to the other.
        axes.vlines(names, low, high, colors=line.get_color())
    axes.axhline(0, color="grey", linewidth=0.8)
    axes.set(ylabel="cents a contract", title="The most decided signals, after spread and fees")
    axes.legend(fontsize="small")


def _importance(axes: "Axes", found: Mapping[str, Any]) -> None:
    lost = found["importance"]
    axes.barh(list(lost)[::-1], list(lost.values())[::-1])
    axes.set(xlabel="AUC lost when dealt out anew", title="Importance")
    axes.tick_params(labelsize="small")


_PICTURES: Final[Mapping[str, Callable[["Axes", Mapping[str, Any]], None]]] = {
    "reliability": _reliability,
    "gain": _gain,
    "importance": _importance,
}
