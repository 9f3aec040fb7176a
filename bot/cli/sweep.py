"""`python -m bot sweep TAPE… --space FILE`: which settings, chosen on one part, hold on another."""

import argparse
import atexit
import json
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

from tqdm import tqdm

from bot import config
from bot.app.trading_rules import trade_rules
from bot.backtest.examination import FEWEST_TRIPS, Plan, examined
from bot.backtest.pieces import Scoring
from bot.backtest.run import run_over
from bot.backtest.stored_folds import StoredFolds, store, stored
from bot.backtest.sweep import FOLDS, Dimension, Evaluate, Sweep, Task, Tried
from bot.cli import arguments
from bot.cli.backtest import (
    recording,
    settings_for,
    settings_of,
    sound_model,
    trained_markets,
)
from bot.config import SettingsError
from bot.core.market.money import measured
from bot.core.signals.strategy import Gates
from bot.tape.reader import TapeError
from logging_utils import configure

if TYPE_CHECKING:
    from optuna import Study
    from optuna.storages import RDBStorage
    from optuna.trial import FrozenTrial

_SHOWN: Final = 5
_SEED: Final = 7
#: Seconds for a Dask scheduler to answer.
_PATIENCE: Final = 10


@dataclass(frozen=True, slots=True)
class SweepSource:
    """What is swept over: tapes, seconds a cycle, whether to keep what a model was trained on.

    `folder` is where one process keeps the tapes, read and scored, for the others.
    """

    paths: tuple[Path, ...]
    every: float
    trained_on: bool
    folder: Path | None = None


def main(argv: list[str]) -> int:
    """Try settings on the selection part, judge the best on what was held out."""
    options = _parser().parse_args(argv)
    configure("WARNING")
    arguments.prepare_folders([options.json and options.json.parent])
    dimensions = space(options.space)
    with TemporaryDirectory(prefix="sweep-") as folder:
        paths = tuple([path.resolve() for path in options.tape])
        source = SweepSource(paths, options.every, options.trained_on, Path(folder))
        # Whatever is wrong with tapes or events shows before the first trial.
        prepared(source, Path(folder))
        found = _swept(source, dimensions, options)
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")
    sys.stdout.write("\n".join(lines(found)) + "\n")
    return 0


def _swept(
    source: SweepSource, dimensions: Sequence[Dimension], options: argparse.Namespace
) -> dict[str, Any]:
    with (
        _study(options.storage, source, dimensions) as study,
        evaluator(source, options.workers, options.dask) as evaluate,
    ):
        sweep = Sweep(study, dimensions, evaluate, FEWEST_TRIPS)
        with tqdm(total=options.trials, unit=" trials", disable=None) as bar:
            bar.update(min(len(study.trials), options.trials))
            sweep.run(options.trials, bar.update)
        return evaluated(study, source, options.nulls)


def space(path: Path) -> list[Dimension]:
    """The dimensions of a TOML file: a table for each setting. Raises TapeError."""
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise TapeError(f"{path}: {why}; write a table [SETTING] with low and high") from None
    if not tables or not all(isinstance(body, dict) for body in tables.values()):
        raise TapeError(f"{path}: no setting in it; write a table [SETTING] with low and high")
    found = [Dimension.of(name, body) for name, body in tables.items()]
    names = [name for one in found for name in (one.name, one.mirror) if name]
    settings_of([f"{name}=" for name in names])
    for dimension in found:
        _try_out(path, dimension)
    return found


def _try_out(path: Path, dimension: Dimension) -> None:
    """Whatever a setting may not be shows before the first trial."""
    for value in dimension.extremes():
        try:
            config.load(env_file=None, **dimension.changes(value))
        except SettingsError as error:
            raise TapeError(f"{path}: [{dimension.name}]: {error}") from None


#: Each trial needs its thresholds: read once a process, not once a trial.
_model = lru_cache(maxsize=4)(sound_model)


@lru_cache(maxsize=4)
def loaded(source: SweepSource) -> StoredFolds:
    """The folds that choose and what is held out; tapes are read and scored for that once.

    Once for all processes that see the folder of the sweep; on another machine once in each.
    """
    if source.folder is not None and (found := stored(source.folder)):
        return found
    own = TemporaryDirectory(prefix="sweep-")
    atexit.register(own.cleanup)
    return prepared(source, Path(own.name))


def prepared(source: SweepSource, folder: Path) -> StoredFolds:
    """Read and score the tapes of a sweep into this folder. Raises TapeError."""
    settings = config.load(env_file=None)
    model = _model(settings.model_path, source.every)
    trained = trained_markets(model)
    tapes = recording(source.paths, source.every, trained, reported=source.trained_on)
    thresholds = trade_rules(settings, model).thresholds
    return store(tapes, Scoring(model, thresholds, Gates()), folder)


def tried(source: SweepSource, task: Task) -> Tried:
    """What a task comes to, fold by fold, until a fold ends below its floor."""
    settings = settings_for(source.every, task.changes, env_file=None)
    rules = trade_rules(settings, _model(settings.model_path, source.every)).on_tape()
    nets: list[float] = []
    trips = 0
    for number, fold in enumerate(loaded(source).folds):
        outcome = run_over(fold.under(rules.thresholds), rules, settings.paper_cash)
        trips += len(outcome.trips)
        earned = measured(outcome.end_equity - settings.paper_cash)
        nets.append(earned + (nets[-1] if nets else 0.0))
        if task.floors and nets[-1] < task.floors[number] and number + 1 < FOLDS:
            break
    return Tried(tuple(nets), trips)


@contextmanager
def evaluator(source: SweepSource, workers: int, dask: str | None) -> Iterator[Evaluate]:
    """Runs tasks in this process, in so many, or on the cluster at an address; in order."""
    one = partial(tried, source)
    if dask is not None:
        from distributed import Client  # noqa: PLC0415  # a tool of research

        try:
            cluster = Client(dask, timeout=_PATIENCE)  # type: ignore[no-untyped-call]
        except (OSError, ValueError) as error:
            raise TapeError(
                f"--dask {dask}: no scheduler answers there ({error}); start one with 'dask "
                "scheduler' and give the address that it prints"
            ) from None
        with cluster as client:
            yield lambda tasks: client.gather(client.map(one, list(tasks), pure=False))
    elif workers > 1:
        import joblib  # noqa: PLC0415  # see above

        with joblib.Parallel(n_jobs=workers) as pool:
            yield lambda tasks: pool(joblib.delayed(one)(task) for task in tasks)
    else:
        yield lambda tasks: [one(task) for task in tasks]


def evaluated(study: "Study", source: SweepSource, nulls: int) -> dict[str, Any]:
    """The best trials, and what the best one comes to on what was held out."""
    done = sorted(_whole(study), key=lambda trial: (-(trial.value or 0.0), trial.number))
    described = {
        "trials": len(study.trials),
        "cut_short": len(study.trials) - len(done),
        "best": [
            {"net": trial.value, "trips": trial.user_attrs["trips"], **trial.user_attrs["changes"]}
            for trial in done[:_SHOWN]
        ],
    }
    if not done:
        return {**described, "held_out": None}
    settings = settings_for(source.every, done[0].user_attrs["changes"], env_file=None)
    rules = trade_rules(settings, _model(settings.model_path, source.every)).on_tape()
    held = loaded(source).held.under(rules.thresholds)
    plan = Plan(nulls, len(study.trials))
    return {**described, "held_out": examined(held, rules, settings.paper_cash, plan)[1]}


def lines(found: Mapping[str, Any]) -> Iterator[str]:
    """The study for people."""
    yield f"trials      {found['trials']:,}, {found['cut_short']:,} of them cut short"
    for one in found["best"]:
        changes = ", ".join(
            f"{name.upper()}={value}" for name, value in one.items() if name not in {"net", "trips"}
        )
        yield f"chosen by   ${one['net']:+,.2f} in {one['trips']:,} round trips: {changes}"
    held = found["held_out"]
    if held is None:
        yield f"held out    no trial made {FEWEST_TRIPS} round trips: widen the space"
        return
    count = held["trades"]["count"]
    yield f"held out    the first of these: {count:,} round trips, {held['verdict']}"


def _whole(study: "Study") -> "list[FrozenTrial]":
    return [trial for trial in study.trials if trial.state.name == "COMPLETE"]


@contextmanager
def _study(
    address: str | None, source: SweepSource, dimensions: Sequence[Dimension]
) -> Iterator["Study"]:
    """A new study, or the one kept at that address under the name of the tapes.

    Raises TapeError if that one is of another space: its trials would be no trials of this one.
    """
    import optuna  # noqa: PLC0415  # see above

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    storage = None if address is None else _storage(address)
    try:
        study = optuna.create_study(
            study_name=" ".join(path.name for path in source.paths),
            storage=storage,
            sampler=optuna.samplers.TPESampler(seed=_SEED, constant_liar=True),
            pruner=optuna.pruners.NopPruner(),
            direction="maximize",
            load_if_exists=True,
        )
        asked = repr((source.every, source.trained_on, *dimensions))
        if study.trials and study.user_attrs.get("asked") != asked:
            raise TapeError(
                "--storage: the study there is of another space, --every or --trained-on; name "
                "another database, or repeat the command that began it"
            )
        study.set_user_attr("asked", asked)
        yield study
    finally:
        if storage is not None:
            storage.remove_session()
            storage.engine.dispose()


def _storage(address: str) -> "RDBStorage":
    """The database of a study. Raises TapeError, without the address: it may hold a password."""
    import optuna  # noqa: PLC0415  # see above
    from sqlalchemy.exc import ArgumentError, SQLAlchemyError  # noqa: PLC0415  # see above

    # The driver that is installed; SQLAlchemy would look for another one.
    address = re.sub(r"^postgres(ql)?://", "postgresql+psycopg://", address)
    try:
        return optuna.storages.RDBStorage(address)
    except ArgumentError:
        raise TapeError(
            "--storage is no address of a database; write it like sqlite:///study.db"
        ) from None
    except (SQLAlchemyError, ImportError) as error:
        why = " ".join(str(getattr(error, "orig", None) or error).split())
        raise TapeError(
            f"--storage: the database cannot be opened ({why}); name a file in a folder that is "
            "there, or a server that runs"
        ) from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bot sweep",
        description="Search settings on one part of tapes, judge the best on the rest.",
    )
    parser.add_argument("tape", type=Path, nargs="+", help="Parquet files of order books")
    parser.add_argument(
        "--space", type=Path, required=True, help="a TOML file: [SETTING] with low, high or values"
    )
    parser.add_argument(
        "--trials", type=arguments.positive, default=100, help="settings to try (100)"
    )
    parser.add_argument(
        "--workers", type=arguments.positive, default=1, help="processes of this machine (1)"
    )
    parser.add_argument("--dask", metavar="ADDRESS", help="a Dask scheduler instead of processes")
    parser.add_argument(
        "--storage", metavar="URL", help="a database to keep the study in, and to go on from"
    )
    parser.add_argument("--every", type=arguments.seconds, default=1.0, help="seconds a cycle (1)")
    parser.add_argument("--nulls", type=arguments.count, default=20, help="runs of each null (20)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="all figures as JSON")
    parser.add_argument(
        "--trained-on", action="store_true", help="keep the markets the model was trained on"
    )
    return parser
