"""The report of a backtest as one HTML file and its picture, and of several as Markdown.

Needs Matplotlib and Jinja2, which are tools for people and no part of the service: they are
imported when a report is asked for.
"""

import base64
import io
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from bot.backtest.outcome import ClosedTrip, Outcome
from bot.core.account.round_trips import in_words
from bot.core.market.market import Side
from bot.core.market.money import cents as in_cents

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_TEMPLATES: Final = Path(__file__).parent / "templates"
#: Trades listed in the page.
_LISTED: Final = 500
#: Dots per inch of a picture on a page of the documentation.
_SMALL: Final = 60
_NULL_WORDS: Final = {
    "permuted": "each market's scores dealt out anew",
    "flipped": "random entries: each opinion by a coin",
}
#: Amounts as people write them, the sign before the dollar.
_DOLLARS: Final = "dollars"
_ACCOUNT: Final = {
    "start": ("Equity at the start", _DOLLARS),
    "end": ("Equity at the end", _DOLLARS),
    "net_of_closed": ("Net of closed trips", _DOLLARS),
    "fees": ("Fees", _DOLLARS),
    "max_drawdown": ("Largest drawdown", _DOLLARS),
    "max_exposure": ("Largest exposure", _DOLLARS),
    "time_in_market": ("Share of cycles with a position", "{:.1%}"),
    "turnover": ("Turnover", _DOLLARS),
    "open_positions": ("Positions open at the end", "{:,}"),
}
_TRADES: Final = {
    "count": ("Round trips", "{:,}"),
    "events": ("Events", "{:,}"),
    "contracts": ("Contracts", "{:,.0f}"),
    "win_rate": ("Won", "{:.1%}"),
    "profit_factor": ("Profit factor", "{:.2f}"),
    "cents_a_contract": ("Cents a contract, after fees", "{:+.2f}"),
    "average_win": ("Average win", _DOLLARS),
    "average_loss": ("Average loss", _DOLLARS),
    "best": ("Best", _DOLLARS),
    "worst": ("Worst", _DOLLARS),
    "median_seconds_held": ("Held, median", "{:,.0f} s"),
}


def write(name: str, figures: Mapping[str, Any], outcome: Outcome, folder: Path) -> Path:
    """The page and the picture, as files in a folder, which is made if need be; the page's path."""
    import jinja2  # noqa: PLC0415  # see the module

    folder.mkdir(parents=True, exist_ok=True)
    stem = Path(name).stem
    picture = _png(_curves(outcome))
    (folder / f"{stem}.png").write_bytes(picture)
    loader = jinja2.FileSystemLoader(_TEMPLATES)
    pages = jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined)
    page = pages.get_template("report.html").render(
        name=name,
        **figures,
        account_rows=_rows(figures["account"], _ACCOUNT),
        trade_rows=_rows(figures["trades"], _TRADES),
        trips=[_listed(trip) for trip in outcome.trips[:_LISTED]],
        trips_left_out=max(len(outcome.trips) - _LISTED, 0),
        words=_NULL_WORDS,
        equity_png=base64.b64encode(picture).decode(),
        cents=_cents,
        bounds=_bounds,
    )
    path = folder / f"{stem}.html"
    path.write_text(page, encoding="utf-8")
    return path


def write_markdown(found: Mapping[str, tuple[Mapping[str, Any], Outcome]], path: Path) -> None:
    """A page of Markdown about tapes by name, and their pictures in the folder beside it."""
    import jinja2  # noqa: PLC0415  # see the module

    folder = path.with_suffix("")
    folder.mkdir(parents=True, exist_ok=True)
    pictures = {}
    for name, (_, outcome) in found.items():
        if outcome.trips:
            pictures[name] = f"{folder.name}/{Path(name).stem}.png"
            (path.parent / pictures[name]).write_bytes(_png(_curves(outcome), _SMALL))
    pages = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=False,  # Markdown of our own figures
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    whole = {name: figures for name, (figures, _) in found.items()}
    first = next(iter(whole.values()))["tape"]
    page = pages.get_template("report.md").render(
        found=whole,
        model=first["model"],
        seconds=f"{first['seconds_a_cycle']:g}",
        pictures=pictures,
        words=_NULL_WORDS,
        anchor=_anchor,
        cents=_cents,
        bounds=_bounds,
        dollars=lambda value: _shown(value, _DOLLARS),
    )
    path.write_text(page.rstrip("\n") + "\n", encoding="utf-8")


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w-]", "", heading.lower())


def _curves(outcome: Outcome) -> "Figure":
    """Equity above, what it has fallen from its peak below."""
    # A canvas without a screen: no window is ever opened.
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415  # see the module
    from matplotlib.figure import Figure  # noqa: PLC0415  # see the module

    figure = Figure(figsize=(9.0, 4.8), layout="constrained")
    FigureCanvasAgg(figure)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    # Against cycles, not hours: a tape has gaps, and a line across them would be no equity.
    cycles = np.arange(len(outcome.at))
    above.plot(cycles, outcome.equity, linewidth=0.9)
    above.axhline(outcome.equity[0], color="grey", linewidth=0.6)
    above.set(ylabel="equity, $")
    fall = outcome.equity - np.maximum.accumulate(outcome.equity)
    below.fill_between(cycles, fall, 0, color="tab:red", alpha=0.5, linewidth=0)
    below.set(ylabel="drawdown, $", xlabel=_span(outcome))
    return figure


def _span(outcome: Outcome) -> str:
    first, last = (datetime.fromtimestamp(outcome.at[row], UTC) for row in (0, -1))
    return f"cycle, from {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC"


def _png(figure: "Figure", dots: int = 110) -> bytes:
    drawn = io.BytesIO()
    # Without the version of Matplotlib in it, the same figures give the same file.
    figure.savefig(drawn, format="png", dpi=dots, metadata={"Software": None})
    return drawn.getvalue()


def _rows(
    figures: Mapping[str, Any], labels: Mapping[str, tuple[str, str]]
) -> Sequence[tuple[str, str]]:
    known = ((name, figures[name]) for name in labels if figures.get(name) is not None)
    return [(labels[name][0], _shown(value, labels[name][1])) for name, value in known]


def _shown(value: float, layout: str) -> str:
    if layout == _DOLLARS:
        return f"{'−' if value < 0 else ''}${abs(value):,.2f}"
    return layout.format(value)


def _listed(trip: ClosedTrip) -> dict[str, str]:
    return {
        "ticker": trip.ticker,
        "side": "YES" if trip.side is Side.BUY else "NO",
        "opened": f"{trip.opened_at:%Y-%m-%d %H:%M:%S}",
        "held": f"{(trip.closed_at - trip.opened_at).total_seconds():,.0f}",
        "contracts": f"{trip.size.normalize():f}",
        "entry": f"{in_cents(trip.entry_price):.2f}",
        "exit": f"{in_cents(trip.exit_price):.2f}",
        "fees": f"{trip.fees:.2f}",
        "net": f"{trip.net:+.2f}",
        "how": in_words(trip.how).replace("_", " "),
    }


def _cents(value: float | None) -> str:
    return "–" if value is None else f"{value:+.2f}"


def _bounds(interval: tuple[float, float] | None) -> str:
    return "one event only" if interval is None else "{:+.2f} to {:+.2f}".format(*interval)
