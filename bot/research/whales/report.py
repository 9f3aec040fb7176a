"""`python -m bot whale-report`: how good the detectors are, on markets whose truth is known.

Simulates two sets of markets with seeds of their own. On the first, each simple detector gets the
threshold at which it raises as many false alarms as our rules do; on the second all are judged.
Beside that: markets in which nobody large acts, and how often each speaks on recorded books.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Self

from bot.core.whales.thresholds import WhaleRules
from bot.research.plots import drawn
from bot.research.whales.calibration import in_runs, seen
from bot.research.whales.detectors import ICEBERG, SIMPLE, SWEEP, TYPES, ours, simple, thresholds
from bot.research.whales.markets import KINDS, NULL, MarketKind, Scene, scene
from bot.research.whales.matching import QUESTIONS, Detection, Score, score, together
from bot.research.whales.score_summary import f1_excess, false_alarms_per_hour, summary
from bot.research.whales.tracks import Tracks, recorded, tracks
from bot.tape.reader import Tape, read

OURS: Final = "ours"
#: What books alone do not show.
_TRADED: Final = (SWEEP, ICEBERG)
#: Who is streamed sees all that a step of a simulated market does; the others look each so often.
STREAM: Final = 0.25
CADENCES: Final = (STREAM, 1.0, 5.0, 60.0)
#: What is added to the seeds of tuning for those of evaluation.
_APART: Final = 1_000
_DATA: Final = Path("../shared/data/btc15m-l2-1s.parquet")
LIMITS: Final = (
    "A poll every 60 s sees an order only if it stands at that moment: of the large orders here "
    "and above all of the spoofs, many come and go between two polls (compare `visible` with "
    "`truths`), and no rule can find them. It cannot tell whether an order left before or after "
    "the price came, what flickered, or whether a trade or a cancellation came first; suspicions "
    "from it are of low confidence. Icebergs are seen by who looks every two seconds at least.",
    "Simulated markets are calmer than real ones: precision on real books is lower. How often "
    "each detector speaks on recorded books stands beside its figures for that reason.",
)


@dataclass(frozen=True, slots=True)
class Judging:
    """The scenes for tuning and for evaluation, and one without large traders."""

    tuning: tuple[Scene, ...]
    results: tuple[Scene, ...]
    null: Scene
    tape: Tape | None


def main(argv: Sequence[str], kinds: Sequence[MarketKind] = KINDS, null: MarketKind = NULL) -> int:
    """Print the report on markets of these kinds, write what is asked for; 0 if all is there."""
    options = _parser().parse_args(argv)
    kinds = [each.times(options.scale) for each in kinds]
    judging = _judging(options, kinds, null.times(options.scale))
    rows = [row for cadence in options.cadence for row in judgements(judging, cadence)]
    _say(_table(rows))
    _say("\n".join(LIMITS))
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        document = _document(
            rows, [each.kind for each in (*judging.results, judging.null)], options
        )
        options.json.write_text(json.dumps(document, indent=1), encoding="utf-8")
    return 0 if not options.plots or drawn(lambda: _draw(options.plots, rows)) else 1


def _draw(folder: Path, rows: Sequence[Mapping[str, object]]) -> None:
    # Only who wants pictures needs the library for them.
    from bot.research.whales.plots import draw  # noqa: PLC0415

    draw(folder, rows)


def judgements(judging: Judging, cadence: float) -> Iterator[dict[str, object]]:
    """One row for each type and detector at that cadence, ours first."""
    said = ours([*judging.tuning, *judging.results, judging.null], cadence, WhaleRules())
    count = len(judging.tuning)
    tuning = _Set.of(judging.tuning, cadence)
    results = _Set.of(judging.results, cadence)
    null = _Set.of((judging.null,), cadence)
    # Recorded books are a second apart.
    real = None if judging.tape is None or cadence < 1.0 else _Real(judging.tape, cadence)
    for kind in QUESTIONS:
        best = results.score(kind, [one[kind] for one in said[count:-1]])
        yield {
            **results.row(kind, OURS, best),
            "null_flags_per_hour": null.rate([said[-1][kind]]),
            "real_flags_per_hour": None if real is None else real.ours(kind),
        }
        if kind in _TRADED:
            # Books, which are all that the simple detectors and the recordings know, show none.
            continue
        most = tuning.false_alarms(kind, [one[kind] for one in said[:count]])
        for measure in SIMPLE:
            least = tuning.tuned(kind, measure, most)
            found = results.score(kind, results.simple(kind, measure, least))
            yield {
                **results.row(kind, measure, found),
                **f1_excess(together(best), together(found)),
                "threshold": round(least, 4),
                "null_flags_per_hour": null.rate(null.simple(kind, measure, least)),
                "real_flags_per_hour": None if real is None else real.simple(kind, measure, least),
            }


@dataclass(frozen=True, slots=True)
class _Set:
    """Scenes and what simple detectors see of them at a cadence."""

    scenes: Sequence[Scene]
    tracks: Sequence[Tracks]
    cadence: float

    @classmethod
    def of(cls, scenes: Sequence[Scene], cadence: float) -> Self:
        """These scenes, looked at every so many seconds."""
        return cls(scenes, [tracks(each, cadence) for each in scenes], cadence)

    def simple(self, kind: str, measure: str, threshold: float) -> list[Detection]:
        """The detections of a simple detector by scene."""
        return [simple(each, kind, measure, threshold) for each in self.tracks]

    def score(self, kind: str, said: Sequence[Detection]) -> list[Score]:
        """The score of these detections."""
        asked = QUESTIONS[kind]
        pairs = zip(self.scenes, said, strict=True)
        return [score(scene, flags, asked, self.cadence) for scene, flags in pairs]

    def false_alarms(self, kind: str, said: Sequence[Detection]) -> float:
        """False alarms per market-hour."""
        return false_alarms_per_hour(together(self.score(kind, said)))

    def rate(self, said: Sequence[Detection]) -> float:
        """Detections per market-hour, right or wrong."""
        hours = sum(each.kind.hours for each in self.scenes)
        return round(sum(map(len, said)) / hours, 3)

    def tuned(self, kind: str, measure: str, most: float) -> float:
        """The threshold at which a simple detector raises at most so many false alarms here."""
        tried = {float(v) for each in self.tracks for v in thresholds(each, kind, measure)}

        def rate(threshold: float) -> float:
            return self.false_alarms(kind, self.simple(kind, measure, threshold))

        return tuned(sorted(tried), rate, most)

    def row(self, kind: str, detector: str, found: Sequence[Score]) -> dict[str, object]:
        """The figures of a detector, over all scenes and by kind of market."""
        by_kind = {
            each.kind.preset: {name: summary(one)[name] for name in ("precision", "recall", "f1")}
            for each, one in zip(self.scenes, found, strict=True)
        }
        head = {"cadence_s": self.cadence, "type": kind, "detector": detector}
        return {**head, **summary(together(found)), "by_kind": by_kind}


def tuned(tried: Sequence[float], rate: Callable[[float], float], most: float) -> float:
    """The lowest of these rising thresholds with at most so many false alarms per hour.

    `rate` is the false alarms an hour by threshold, taken to fall as that rises; `most` bounds it.
    """
    low, high = 0, len(tried) - 1
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if rate(tried[middle]) <= most else (middle + 1, high)
    return tried[low]


class _Real:
    """Detections per market-hour on a recording."""

    def __init__(self, tape: Tape, cadence: float) -> None:
        self._seen = seen(in_runs(tape), cadence, WhaleRules())
        self._tracks, self._hours = recorded(tape, cadence)

    def ours(self, kind: str) -> float | None:
        """Ours; None where a recording of books cannot show any."""
        if kind in _TRADED:
            return None
        names = {each.value for each, name in TYPES.items() if name == kind}
        count = sum(n for (_, what), n in self._seen.said.items() if what in names)
        return round(count / self._hours, 3)

    def simple(self, kind: str, measure: str, least: float) -> float:
        """The same of a simple detector."""
        return round(len(simple(self._tracks, kind, measure, least)) / self._hours, 3)


def _scenes(jobs: Sequence[tuple[MarketKind, int, float]], workers: int) -> list[Scene]:
    if workers <= 1:
        return [scene(*job) for job in jobs]
    # The longest first, so that no worker waits for another at the end.
    with ProcessPoolExecutor(workers) as pool:
        return list(pool.map(scene, *zip(*jobs, strict=True)))


def _judging(options: argparse.Namespace, kinds: Sequence[MarketKind], null: MarketKind) -> Judging:
    seeds = (options.seed, options.seed + _APART)
    step = min(1.0, *options.cadence)
    jobs = [*((kind, seed, step) for seed in seeds for kind in kinds), (null, seeds[1], step)]
    scenes = _scenes(jobs, options.jobs)
    tape = read(options.data) if options.data.exists() else None
    return Judging(tuple(scenes[: len(kinds)]), tuple(scenes[len(kinds) : -1]), scenes[-1], tape)


def _document(
    rows: Sequence[Mapping[str, object]], kinds: Sequence[MarketKind], options: argparse.Namespace
) -> dict[str, object]:
    return {
        "detection": list(rows),
        "rules": asdict(WhaleRules()),
        "kinds": [asdict(kind) for kind in kinds],
        "seeds": {"tuning": options.seed, "judging": options.seed + _APART},
        "limits": list(LIMITS),
    }


_SHOWN: Final = (
    *("cadence_s", "type", "detector", "precision", "recall", "f1", "f1_interval", "f1_lead"),
    *("f1_lead_interval", "false_alarms_per_hour", "delay_s", "truths", "visible"),
    *("null_flags_per_hour", "real_flags_per_hour", "threshold"),
)


def _table(rows: Sequence[Mapping[str, object]]) -> str:
    lines = [_SHOWN, ("---",) * len(_SHOWN)]
    lines += [tuple(_cell(row.get(name)) for name in _SHOWN) for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(value: object) -> str:
    match value:
        case None:
            return "–"
        case float():
            return f"{value:.4g}"
        case [low, high]:
            return f"[{low:.2f}, {high:.2f}]"
    return str(value)


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bot whale-report", description=__doc__)
    parser.add_argument("--json", type=Path, help="write all figures here")
    parser.add_argument("--plots", type=Path, help="draw into this folder (needs Matplotlib)")
    parser.add_argument(
        "--cadence",
        type=float,
        nargs="+",
        default=list(CADENCES),
        help=f"seconds between two looks; {STREAM:g} is a stream, for so often a market moves then",
    )
    parser.add_argument("--seed", type=int, default=1, help="of tuning; that of judging follows")
    parser.add_argument("--scale", type=float, default=1.0, help="times as many markets")
    parser.add_argument("--jobs", type=int, default=2, help="processes that simulate")
    parser.add_argument("--data", type=Path, default=_DATA, help="recorded books, if there are any")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
