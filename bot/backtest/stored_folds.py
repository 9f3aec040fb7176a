"""The folds of a sweep on the disk: tapes are read and scored once, and trials read the pieces.

A fold of one piece stays in the memory of a process that ran through it; of others one piece at a
time is there. The folder is a sweep's own and goes with it.
"""

import pickle
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, NamedTuple

from bot.backtest.pieces import Recording, ScoredWindow, Scoring
from bot.backtest.run import ScoredTape
from bot.backtest.sweep import FOLDS, part, parts
from bot.core.signals.strategy import Thresholds

_HELD: Final = "held"
#: Its name appears once all others are there.
_READY: Final = "ready"


@dataclass(frozen=True, slots=True)
class StoredPieces:
    """The pieces of a fold, in time."""

    files: tuple[Path, ...]

    def __iter__(self) -> Iterator[ScoredTape]:
        read = _remembered if len(self.files) == 1 else _read
        return map(read, self.files)

    def under(self, thresholds: Thresholds) -> Iterator[ScoredTape]:
        """Each, its scores read with other thresholds."""
        return (piece.under(thresholds) for piece in self)


class StoredFolds(NamedTuple):
    """Those that choose, and what is held out."""

    folds: Sequence[StoredPieces]
    held: StoredPieces


def stored(folder: Path) -> StoredFolds | None:
    """What was kept there, if all of it was."""
    return _folds(folder) if (folder / _READY).exists() else None


def store(tapes: Recording, scoring: Scoring, folder: Path) -> StoredFolds:
    """Read and score tapes, and keep their folds there.

    Raises TapeError, for a tape with too few events before anything is scored.
    """
    seen = tapes.seen
    chosen = parts(seen)
    windows = folder / "windows"
    scored = _written(tapes.scored_windows(scoring), windows)
    for name, markets in (*enumerate(chosen.folds), (_HELD, chosen.held)):
        _written(part(_windows(scored), seen, markets, tapes.every), folder / str(name))
    for file in scored:
        file.unlink()
    (folder / _READY).touch()
    return _folds(folder)


def _written(values: Iterable[Any], folder: Path) -> list[Path]:
    folder.mkdir()
    files = []
    for number, value in enumerate(values):
        files.append(folder / f"{number:06d}")
        with files[-1].open("wb") as file:
            pickle.dump(value, file, protocol=pickle.HIGHEST_PROTOCOL)
    return files


def _folds(folder: Path) -> StoredFolds:
    folds = [_pieces(folder / str(number)) for number in range(FOLDS)]
    return StoredFolds(folds, _pieces(folder / _HELD))


def _pieces(folder: Path) -> StoredPieces:
    return StoredPieces(tuple(sorted(folder.iterdir())))


def _windows(files: Sequence[Path]) -> Iterator[ScoredWindow]:
    return map(_read, files)


def _read(file: Path) -> Any:  # noqa: ANN401  # a piece or a window, as it was written
    with file.open("rb") as opened:
        return pickle.load(opened)


#: Those of one sweep: each trial goes through them again.
_remembered = lru_cache(maxsize=FOLDS + 1)(_read)
