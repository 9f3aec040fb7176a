"""`python -m bot backtest TAPE…`: tapes through the rules, with figures that can be defended."""

import argparse
import json
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from tqdm import tqdm

from bot import config
from bot.app.node_context import Model
from bot.app.trading_rules import trade_rules
from bot.backtest import report
from bot.backtest.arms import arms
from bot.backtest.examination import Plan, examined, runs_of
from bot.backtest.outcome import Outcome
from bot.backtest.pieces import Recording, Scoring
from bot.backtest.run import ScoredTape
from bot.backtest.tape_source import utc_time
from bot.cli import arguments
from bot.config import Settings
from bot.core.signals.strategy import Gates
from bot.model import scorer
from bot.tape import reader
from bot.tape.reader import TapeError
from bot.tape.windows import planned
from logging_utils import configure

_ARMS: Final = {"take": "exits take", "rest": "exits rest", "rest_both": "both rest"}


class TrainedOnError(TapeError):
    """A tape holds nothing but markets that the model was trained on."""


def main(argv: list[str]) -> int:
    """Run each tape, print its result, write report and JSON where asked for."""
    options = _parser().parse_args(argv)
    configure("WARNING")
    arguments.prepare_folders([options.report, _parent(options.json), _parent(options.markdown)])
    changes = settings_of(options.set)
    settings = settings_for(options.every, changes)
    found, pages = {}, {}
    for piece in _pieces(options.tape, by_day=options.by_day):
        figures, outcome = _backtested(piece, settings, options)
        figures["changed"] = changes
        found[piece.name] = figures
        _say(lines(piece.name, figures))
        if options.report:
            _say([f"report      {report.write(piece.name, figures, outcome, options.report)}"])
        if options.markdown:
            pages[piece.name] = figures, outcome
            report.write_markdown(pages, options.markdown)
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")
    return 0


def _parent(path: Path | None) -> Path | None:
    return path and path.parent


def settings_for(every: float, changes: Mapping[str, Any], **options: None) -> Settings:
    """The settings of cycles of `every` seconds with these changes. Raises SettingsError."""
    return config.load(**options, **{"bot_interval": max(round(every), 1), **changes})


def settings_of(pairs: Sequence[str]) -> dict[str, Any]:
    """`NAME=VALUE` as settings to change. Raises TapeError for anything else."""
    changes: dict[str, Any] = {}
    for pair in pairs:
        name, sign, value = pair.partition("=")
        if not sign or not name:
            raise TapeError(f"--set {pair}: write it as NAME=VALUE, such as BOT_ENTER_ABOVE=0.7")
        if name.lower() not in Settings.model_fields:
            raise TapeError(f"--set {pair}: there is no setting {name}; see docs/configuration.md")
        changes[name.lower()] = value
    return changes


def recording(
    paths: Sequence[Path],
    every: float,
    trained: Sequence[str],
    day: int | None = None,
    *,
    reported: bool,
) -> Recording:
    """These tapes without the markets a model was trained on, unless the caller takes all.

    Raises TapeError for a tape that cannot be read, or holds no others.
    """
    tapes = planned(paths, every, day=day)
    contents = [tape.contents() for tape in tapes]
    if reported:
        return Recording(tapes, contents, frozenset(), every)
    for path, one in zip(paths, contents, strict=True):
        if one.markets.keys() <= set(trained):
            raise TrainedOnError(
                f"{path}: the model was trained on every market of this tape, so a backtest over "
                "it tells nothing; take another tape, or say --trained-on to see it anyway"
            )
    return Recording(tapes, contents, frozenset(trained), every)


def sound_model(path: Path | None, every: float) -> Model:
    """The model for cycles of `every` seconds. Raises TapeError where there is none to trust."""
    model = scorer.chosen(path, every)
    if model.fault:
        raise TapeError(f"no model to backtest with: {model.fault}")
    return model


def trained_markets(model: Model) -> Sequence[str]:
    """The markets a model was trained on, as its card names them."""
    return model.card.whole["training"]["market_names"] if model.card else ()


class _Piece(NamedTuple):
    """A tape, or one UTC day of it, counted from 1970."""

    path: Path
    day: int | None = None

    @property
    def name(self) -> str:
        """What the report calls it."""
        if self.day is None:
            return self.path.name
        date = utc_time(self.day * 86_400).date()
        return f"{self.path.stem}-{date}{self.path.suffix}"


def _pieces(paths: Sequence[Path], *, by_day: bool) -> Iterator[_Piece]:
    for path in paths:
        yield from ([_Piece(path, day) for day in reader.days(path)] if by_day else [_Piece(path)])


def _backtested(
    piece: _Piece, settings: Settings, options: argparse.Namespace
) -> tuple[dict[str, Any], Outcome]:
    model = sound_model(settings.model_path, options.every)
    trained = trained_markets(model)
    source = _source(piece, trained, options)
    rules = trade_rules(settings, model).on_tape()
    scoring = Scoring(model, rules.thresholds, Gates())
    plan = Plan(options.nulls, options.trials, scoring.scores)
    counted = _Counted()
    total = runs_of(plan) * source.windows
    with tqdm(total=total, unit=" runs", desc=piece.name, disable=None) as bar:
        pieces = counted.through(source.pieces(scoring))
        outcome, figures = examined(pieces, rules, settings.paper_cash, plan, bar.update)
    if options.arms or options.markdown:
        figures["arms"] = arms(
            source.pieces(scoring), rules, settings.paper_cash, settings.bot_exit_patience
        )
    described = {
        "model": model.version,
        "seconds_a_cycle": options.every,
        "cycles": len(outcome.at),
        **counted.figures(),
        **_markets(source, trained),
    }
    return {"tape": described, **figures}, outcome


def _source(piece: _Piece, trained: Sequence[str], options: argparse.Namespace) -> Recording:
    """The tape of a report; in one about all tapes, one of trained markets alone is kept."""
    paths, every = [piece.path], options.every
    try:
        return recording(paths, every, trained, piece.day, reported=options.trained_on)
    except TrainedOnError:
        if not options.markdown:
            raise
        return recording(paths, every, trained, piece.day, reported=True)


class _Counted:
    """Books and what has no score, of the pieces that went through."""

    def __init__(self) -> None:
        self._books = 0
        self._reasons = Counter[str]()

    def through(self, pieces: Iterable[ScoredTape]) -> Iterator[ScoredTape]:
        """The pieces themselves."""
        return map(self._counted, pieces)

    def _counted(self, piece: ScoredTape) -> ScoredTape:
        own = piece.scores.reasons[piece.cycles.earlier :]
        self._books += len(own)
        self._reasons.update(filter(None, own))
        return piece

    def figures(self) -> dict[str, Any]:
        """How many of how many books have a score, and what the usual reason is for none."""
        reasons = self._reasons
        return {
            "books": self._books,
            "scored": self._books - reasons.total(),
            "unscored": _usual(reasons) if reasons else None,
        }


def _markets(source: Recording, trained: Sequence[str]) -> dict[str, int]:
    (contents,) = source.contents
    markets = source.seen.keys()
    return {
        "markets": len(markets),
        "markets_left_out_as_trained_on": len(contents.markets.keys() - markets),
        "markets_trained_on": len(markets & set(trained)),
        "skipped": sum(contents.skipped.values()),
    }


def _usual(reasons: Mapping[str, int]) -> str:
    """What keeps most books from a score; without its figures where they differ.

    >>> _usual({"the market closes within 60 s": 3, "the book is empty": 2})
    'the market closes within 60 s'
    >>> _usual({"gap 12.5 not in 1": 2, "gap 13 not in 1": 2, "the book is empty": 3})
    'gap … not in …'
    """
    kinds = Counter[str]()
    for reason, count in reasons.items():
        kinds[_kind_of(reason)] += count
    usual = kinds.most_common(1)[0][0]
    said = [reason for reason in reasons if _kind_of(reason) == usual]
    return said[0] if len(said) == 1 else usual


def _kind_of(reason: str) -> str:
    """A reason without its figures: what many books have in common.

    >>> _kind_of("out of domain: gap 12.5 not in 0.1 … 10")
    'out of domain: gap … not in … … …'
    """
    return re.sub(r"-?\d[\d.,]*", "…", reason)


def lines(name: str, figures: Mapping[str, Any]) -> list[str]:
    """The figures for people."""
    tape, account, trades = figures["tape"], figures["account"], figures["trades"]
    text = [
        f"{name}",
        f"tape        {tape['books']:,} books of {tape['markets']:,} markets, {tape['cycles']:,} "
        f"cycles; {tape['markets_left_out_as_trained_on']:,} markets left out: trained on",
        f"account     ${account['start']:,.2f} → ${account['end']:,.2f}; fees "
        f"${account['fees']:,.2f}, largest drawdown ${account['max_drawdown']:,.2f}",
        f"verdict     {figures['verdict']}",
    ]
    if trades["count"]:
        text.insert(
            3,
            f"trades      {trades['count']:,} round trips in {trades['events']:,} events, "
            f"{trades['win_rate']:.0%} won, profit factor {_number(trades['profit_factor'])}",
        )
    for word, kind in (("markout", "markouts"), ("left", "exit_markouts")):
        for seconds, part in figures[kind].items():
            text.append(f"{word:11} {part['cents']:+.2f} c after {seconds} s{_range(part)}")
    exits = figures["exits"]
    if exits["rested"]:
        text.append(_exits(exits))
    if "arms" in figures:
        text += _arms(figures["arms"])
    for null, part in figures["nulls"].items():
        if part["runs"]:
            text.append(
                f"{null:11} {part['cents_a_contract']:+.2f} c a contract "
                f"[{part['lowest']:+.2f}, {part['highest']:+.2f}] in {part['runs']} runs"
            )
    ahead = figures["look_ahead"]
    if ahead["one_book_late"] is not None and ahead["cents_a_contract"] is not None:
        text.append(
            f"late        {ahead['cents_a_contract']:+.2f} c on time, "
            f"{ahead['one_book_late']:+.2f} c acting one book later"
        )
    if (leak := figures["leak"]) is not None:
        text.append(f"leaks       {_leak(leak)}")
    return [*text, f"trades      sha256 {figures['digest']}"]


def _leak(leak: Mapping[str, Any]) -> str:
    if leak["changed"]:
        return f"{leak['changed']} is another one without the books after it"
    return f"none: no score changed in {leak['compared']:,} comparisons with the tape cut short"


def _exits(exits: Mapping[str, Any]) -> str:
    return (
        f"exits       {exits['rested']:,} orders rested: {exits['at_rest']:,.0f} contracts traded "
        f"at rest ({exits['expected']:,.0f} by the expected queue), {exits['taken']:,.0f} taken"
    )


def _arms(found: Mapping[str, Any]) -> list[str]:
    text = [
        f"{words:11} {found[name]['cents_a_contract']:+.2f} c a contract{_range(found[name])}, "
        f"{found[name]['count']:,} round trips, {found[name]['open_positions']} left open"
        for name, words in _ARMS.items()
        if found[name]["count"]
    ]
    gains = {"resting": found["difference"], "both resting": found["difference_both"]}
    text += [
        f"{words:11} {gain['cents_a_contract']:+.2f} c a contract{_range(gain)} "
        f"over {gain['count']:,} {gain['over']}"
        for words, gain in gains.items()
        if gain["cents_a_contract"] is not None
    ]
    return [*text, _exits(found["rest"]["exits"])]


def _range(part: Mapping[str, Any]) -> str:
    return "" if part["interval"] is None else "  [{:+.2f}, {:+.2f}]".format(*part["interval"])


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _say(text: Sequence[str]) -> None:
    sys.stdout.write("\n".join(text) + "\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bot backtest",
        description="Run tapes through the rules of trading, and hold the result against chance.",
    )
    parser.add_argument("tape", type=Path, nargs="+", help="Parquet files of order books")
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="a setting of this run"
    )
    parser.add_argument(
        "--every",
        type=arguments.seconds,
        default=1.0,
        help="seconds of recorded time per cycle (1)",
    )
    parser.add_argument(
        "--by-day",
        action="store_true",
        help="each UTC day apart, an account for each, in the memory of one: for large tapes",
    )
    _add_outputs(parser)
    parser.add_argument("--nulls", type=arguments.count, default=20, help="runs of each null (20)")
    parser.add_argument(
        "--trials",
        type=arguments.positive,
        default=1,
        help="settings tried before this one was chosen (1)",
    )
    parser.add_argument(
        "--arms",
        action="store_true",
        help="compare orders that take with exits that rest (BOT_EXIT_PATIENCE), and entries too",
    )
    parser.add_argument(
        "--trained-on",
        action="store_true",
        help="keep the markets the model was trained on: flattering, and said so",
    )
    return parser


def _add_outputs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--report", type=Path, metavar="DIR", help="folder for HTML and PNG")
    parser.add_argument("--json", type=Path, metavar="FILE", help="all figures as JSON")
    parser.add_argument(
        "--markdown",
        type=Path,
        metavar="FILE",
        help="one page about all tapes, with --arms; a tape of trained markets alone is kept",
    )
