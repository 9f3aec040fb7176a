"""Pictures of the whale report: how good each detector is at each cadence, as PNG files.

The only part of the report that needs Matplotlib.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt

_PANELS: Final = {
    "f1": "F1",
    "precision": "precision",
    "recall": "recall",
    "false_alarms_per_hour": "false alarms a market-hour",
    "real_flags_per_hour": "said a market-hour on recorded books",
}


def draw(out: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """One picture a type of detection into a folder, which is made."""
    out.mkdir(parents=True, exist_ok=True)
    for kind in dict.fromkeys(row["type"] for row in rows):
        figure, panels = plt.subplots(1, len(_PANELS), figsize=(4.0 * len(_PANELS), 3.6))
        for axes, (name, title) in zip(panels, _PANELS.items(), strict=True):
            _panel(axes, [row for row in rows if row["type"] == kind], name)
            axes.set(title=title, xlabel="seconds between looks", xscale="log")
        # Of false alarms there is a figure for every detector.
        panels[3].legend(fontsize=8)
        figure.suptitle(kind)
        figure.tight_layout()
        figure.savefig(out / f"{kind}.png", dpi=110)
        plt.close(figure)


def _panel(axes: Any, rows: Sequence[Mapping[str, Any]], name: str) -> None:  # noqa: ANN401  # untyped
    for detector in dict.fromkeys(row["detector"] for row in rows):
        shown = [row for row in rows if row["detector"] == detector and row[name] is not None]
        if not shown:
            continue
        at, middle = [row["cadence_s"] for row in shown], [row[name] for row in shown]
        (line,) = axes.plot(at, middle, marker="o", label=detector)
        spans = [row.get(f"{name}_interval") for row in shown]
        if all(spans):
            low, high = zip(*spans, strict=True)
            axes.fill_between(at, low, high, alpha=0.12, color=line.get_color())
    axes.set_ylim(bottom=0)
