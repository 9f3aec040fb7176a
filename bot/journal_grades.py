"""Grades of before a restart, read back from their log."""

import csv
import logging
from collections.abc import Iterator
from datetime import datetime
from math import isfinite
from pathlib import Path
from typing import Final

from bot.core.events import PredictionGraded
from bot.journal_rows import LOGS

log = logging.getLogger("main")

#: Bytes of the log that are read, from its end: some 50,000 grades.
_TAIL: Final = 8_000_000


def earlier(folder: Path, exchange: str, version: str) -> list[PredictionGraded]:
    """The grades of this version of the model on this exchange, oldest first.

    Rows that cannot be read are left out with a warning; no log is no grades.
    """
    path = folder / LOGS["grades"].file
    grades, broken = [], 0
    for row in _rows(path):
        try:
            grade = _grade(row)
        except (ValueError, KeyError, TypeError):
            broken += 1
            continue
        if (grade.exchange, grade.model_version) == (exchange, version):
            grades.append(grade)
    if broken:
        log.warning("%d rows of %s cannot be read and are left out", broken, path.name)
    return grades


def _rows(path: Path) -> Iterator[dict[str, str]]:
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(size - _TAIL, 0))
            lines = file.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return iter(())
    # The header, or the half row that the tail begins with.
    return csv.DictReader(lines[1:], LOGS["grades"].columns)


def _grade(row: dict[str, str]) -> PredictionGraded:
    return PredictionGraded(
        at=datetime.fromisoformat(row["timestamp"]),
        exchange=row["exchange"],
        ticker=row["market_ticker"],
        group=row["market_group"],
        model_version=row["model_version"],
        made_at=datetime.fromisoformat(row["predicted_at"]),
        score=_finite(row["prediction"]),
        horizon=_finite(row["horizon_seconds"]),
        change=_finite(row["change_cents"]),
        taker=_finite(row["taker_cents"]) if row["taker_cents"] else None,
    )


def _finite(text: str) -> float:
    value = float(text)
    if not isfinite(value):
        raise ValueError(f"{text} is no measurement")
    return value
