"""`python -m trials.soak`: the service for many minutes, on an exchange that fails on a schedule.

Prints resident memory, open files and queue lengths at the start and at the end, and holds what
came in against what became of it: every book asked for was sound or missing, every sound book was
judged, every wish was submitted or refused, every order ended or is waited for. Fails if a sum
does not come out or if memory grows by more than is allowed.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final

from bot.journal.terminal import spell_out
from trials.kills import EAGER
from trials.processes import Nursery, Started, TrialFailed, exchange

#: Seconds between two looks, and between the same faults again.
LOOK: Final = 5.0
PERIOD: Final = 60.0
#: Seconds before memory is looked at: caches fill and histories grow to their bounds.
WARM_UP: Final = 60.0
#: Megabytes by which resident memory may grow however long it takes: histories fill to their
#: bounds, 50,000 grades alone to some 25 MB. More would be a leak.
ALLOWED: Final = 60.0
_FILLED: Final = ("filled", "partially_filled")
_UNFILLED: Final = ("canceled", "error")
#: Every minute, each of these for some seconds: (second, until, fault).
FAULTS: Final[tuple[tuple[float, float, Mapping[str, Any]], ...]] = (
    (2, 6, {"kind": "error", "route": "GET /markets*", "status": 503}),
    (10, 14, {"kind": "rate_limited", "route": "GET /markets*", "probability": 0.5}),
    (18, 22, {"kind": "garbage", "route": "GET /markets*", "probability": 0.5}),
    (26, 30, {"kind": "cut", "route": "GET /markets*", "probability": 0.5}),
    (34, 40, {"kind": "slow", "route": "GET /markets*", "delay": 1.5, "probability": 0.3}),
    (44, 48, {"kind": "error_after", "route": "POST *", "status": 500, "probability": 0.5}),
    (50, 54, {"kind": "cut_after", "route": "POST *", "probability": 0.5}),
)


@dataclass(frozen=True, slots=True)
class Look:
    """What the metrics said: resident bytes, open files, and all figures by name."""

    at: float
    figures: Mapping[str, float]

    @property
    def resident(self) -> float:
        """Megabytes."""
        return self.figures["process_resident_memory_bytes"] / 1e6

    def total(self, name: str, **labels: str) -> float:
        """The sum over all series of a metric with these labels."""
        wanted = [f'{key}="{value}"' for key, value in labels.items()]
        return sum(
            figure
            for series, figure in self.figures.items()
            if series.partition("{")[0] == f"kalshiproto_{name}"
            and all(one in series for one in wanted)
        )


def schedule(minutes: float) -> Iterator[str]:
    """The faults of every minute, a line each."""
    for period in range(int(minutes * 60 / PERIOD) + 1):
        for at, until, fault in FAULTS:
            start = period * PERIOD
            yield json.dumps({"at": start + at, "until": start + until, **fault})


def looked(service: Started) -> Look:
    """The metrics of now."""
    lines = [line for line in service.text("/metrics").splitlines() if not line.startswith("#")]
    pairs = (line.rpartition(" ") for line in lines)
    return Look(time.monotonic(), {name: float(figure) for name, _, figure in pairs})


def gaps(look: Look) -> list[str]:
    """Sums that do not come out, at a moment between two passes."""
    total = look.total
    pairs = {
        "sound books and judged ones": (
            total("books_total", result="sound"),
            total("signals_total"),
        ),
        "orders submitted and ended": (
            total("orders_submitted_total"),
            total("orders_total") + look.figures.get("kalshiproto_orders_waiting", 0.0),
        ),
    }
    return [f"{what}: {one:.0f} and {two:.0f}" for what, (one, two) in pairs.items() if one != two]


def soaked(minutes: float, folder: Path) -> Iterator[str]:
    """What it came to, a line each. Raises TrialFailed."""
    script = folder / "faults.jsonl"
    script.write_text("\n".join(schedule(minutes)))
    arguments = ("--seed", "5", "--cash", "100000", "--faults", str(script))
    with exchange(folder, *arguments) as market:
        settings = {
            **EAGER,
            **market.keys,
            "BOT_MODE": "live",
            "KALSHI_ENV": "sim",
            "KALSHI_BASE_URL": market.address,
            "LOG_DIR": str(folder / "logs"),
            "LOG_MAX_MB": "1",
        }
        with Nursery().running(folder, settings) as service:
            service.wait_for(lambda s: s["running"] and s["loop_count"] >= 2, "the loop runs")
            looks = list(_looks(service, minutes))
            service.post("/bot/stop")
            looks.append(looked(service))
    yield from _summary(looks, service)


def _looks(service: Started, minutes: float) -> Iterator[Look]:
    time.sleep(min(WARM_UP, minutes * 60 / 5))
    end = time.monotonic() + minutes * 60
    while time.monotonic() < end:
        yield looked(service)
        time.sleep(LOOK)


def _summary(looks: Sequence[Look], service: Started) -> Iterator[str]:
    first, last = looks[0], looks[-1]
    resident = [f"{megabytes:.1f}" for megabytes in _fifths(looks)]
    minutes = (last.at - first.at) / 60
    yield f"{last.total('cycles_total'):.0f} cycles in {minutes:.0f} minutes"
    yield f"resident memory, median of each fifth: {', '.join(resident)} MB"
    for name in ("process_open_fds", "kalshiproto_events_pending", "kalshiproto_alerts_queued"):
        yield f"{name} {first.figures[name]:.0f} to {last.figures[name]:.0f}"
    total = last.total
    yield (
        f"books: {total('books_total'):.0f} came = {total('books_total', result='sound'):.0f} "
        f"judged + {total('books_total', result='missing'):.0f} missing; "
        f"{total('fetch_errors_total'):.0f} failed fetches"
    )
    fates = {name: total("orders_total", status=name) for name in _FILLED + _UNFILLED}
    filled, unfilled = (sum(fates[name] for name in part) for part in (_FILLED, _UNFILLED))
    refused = total("refusals_total")
    yield (
        f"orders: {total('orders_submitted_total') + refused:.0f} wished = {filled:.0f} filled + "
        f"{unfilled:.0f} ended without a fill + {refused:.0f} refused"
    )
    yield f"{total('events_dropped_total'):.0f} events dropped"
    if found := gaps(last):
        raise TrialFailed("; ".join(found))
    if "Traceback" in service.words:
        raise TrialFailed(f"something broke:\n{service.words[-3_000:]}")
    if last.resident - first.resident > ALLOWED:
        raise TrialFailed(f"memory grew from {first.resident:.1f} to {last.resident:.1f} MB")


def _fifths(looks: Sequence[Look]) -> Iterator[float]:
    """Megabytes resident in the middle of each fifth of the time."""
    size = max(len(looks) // 5, 1)
    for start in range(0, 5 * size, size):
        yield median(one.resident for one in looks[start : start + size] or looks[-1:])


def main(argv: Sequence[str]) -> int:
    """Soak for so many minutes; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m trials.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    spell_out()
    wanted = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        try:
            for line in soaked(wanted.minutes, Path(folder)):
                sys.stdout.write(f"{line}\n")
        except TrialFailed as failure:
            sys.stdout.write(f"FAILED {failure}\n")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
