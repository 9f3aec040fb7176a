"""A script of faults: which, when, until when, in seconds since the start.

A file of JSON lines (blank lines and lines that start with # are left out), or TOML with a table
`[[fault]]` for each. An entry has `at`, perhaps `until`, and the fields of a fault:
`{"at": 60, "until": 90, "kind": "error", "route": "GET /markets*", "probability": 0.5}`.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from bot.sim.faults.kinds import BadFaultError, FaultSpec, Number, fault_spec

_SECONDS = Number(0.0, 0.0, 31_536_000.0)


class ScheduleError(Exception):
    """A schedule that cannot be followed; the message names the file and the entry."""


@dataclass(frozen=True, slots=True)
class Timed:
    """One fault with its times, in seconds since the start. Without `until` it has no end."""

    at: float
    until: float | None
    spec: FaultSpec


@dataclass(frozen=True, slots=True)
class FaultSchedule:
    """All faults of a script."""

    entries: tuple[Timed, ...] = ()


def load_schedule(path: Path) -> FaultSchedule:
    """Read a schedule. Raises ScheduleError for a file that is missing or wrong."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ScheduleError(f"{path}: {error}") from error
    entries = _toml(path, text) if path.suffix == ".toml" else _lines(path, text)
    return FaultSchedule(tuple(_timed(f"{path}, {name}", entry) for name, entry in entries))


def _lines(path: Path, text: str) -> list[tuple[str, Any]]:
    entries = []
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip() and not line.lstrip().startswith("#"):
            try:
                entries.append((f"line {number}", orjson.loads(line)))
            except orjson.JSONDecodeError as error:
                raise ScheduleError(f"{path}, line {number}: {error}") from error
    return entries


def _toml(path: Path, text: str) -> list[tuple[str, Any]]:
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ScheduleError(f"{path}: {error}") from error
    faults = document.get("fault", [])
    if not isinstance(faults, list) or document.keys() - {"fault"}:
        raise ScheduleError(f"{path}: a schedule has tables [[fault]] and nothing else")
    return [(f"fault {number}", entry) for number, entry in enumerate(faults, start=1)]


def _timed(name: str, entry: object) -> Timed:
    try:
        return _read(entry)
    except BadFaultError as error:
        raise ScheduleError(f"{name}: {error}") from error


def _read(entry: object) -> Timed:
    if not isinstance(entry, dict):
        raise BadFaultError(f"an entry is an object, not {entry!r}")
    fault = {key: value for key, value in entry.items() if key not in {"at", "until"}}
    at = _SECONDS.checked("at", entry.get("at"))
    until = entry.get("until")
    if until is not None:
        _refuse_end(until, at, fault)
    return Timed(at, until, fault_spec(fault))


def _refuse_end(until: Any, at: float, fault: Mapping[str, object]) -> None:  # noqa: ANN401  # JSON
    if _SECONDS.checked("until", until) <= at:
        raise BadFaultError(f"until {until} is not after at {at}")
    if "duration" in fault:
        raise BadFaultError("until excludes duration")
